/**
 * zstd (RFC 8878) as browsers read it: frames one behind the other are one page, skippable ones are skipped, and what follows
 * the last is ignored.
 *
 * node:zlib drops what stands behind a frame in the same chunk, be it another frame, and says nothing. So the ends of frames are
 * found here, and node:zlib is never given bytes of two frames at once.
 */
import type { TransformCallback } from 'node:stream';
import { type Inflater, Inflating, Inflation } from './inflate.ts';

const NOTHING: Buffer = Buffer.alloc(0);
const MAGIC = 0xfd2fb528;
/** The last four of its bits are free. */
const SKIPPABLE_MAGIC = 0x184d2a50;
/** Each is a turn of its own for node:zlib, which takes much more time than its bytes say. */
const MAX_FRAMES = 4096;

/** Fails on everything that is damaged or not whole. */
export class ZstdDecoder extends Inflating {
  #phase: 'between' | 'skipped' | 'header' | 'block' | 'content' | 'over' = 'between';
  /** The beginning of a header that is not whole. */
  #held: Buffer = NOTHING;
  #frames = 0;
  /** Bytes that are still to come of what is skipped or of a block; with the last block counts the checksum. */
  #left = 0;
  #isLastBlock = false;
  #hasChecksum = false;

  constructor(inner: Inflater) {
    super();
    this.inflation = new Inflation(inner, this, () => {});
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    this.#held = NOTHING;
    this.#take(bytes, done);
  }

  override _flush(done: TransformCallback): void {
    const isWhole = this.#frames > 0 && (this.#phase === 'between' || this.#phase === 'over');
    done(isWhole ? null : new Error('unexpected end of file'));
  }

  #take(bytes: Buffer, done: TransformCallback): void {
    const start = this.#skip(bytes);
    if (this.#frames > MAX_FRAMES) {
      done(new Error('too many frames'));
      return;
    }
    if (this.#phase === 'over' && this.#frames === 0) {
      done(new Error('incorrect header'));
      return;
    }
    const end = this.#endOfPiece(bytes, start);
    // What is not whole waits for the next chunk.
    const rest = bytes.subarray(end);
    const goesOn = end > start && this.#phase === 'between' && rest.length > 0;
    if (!goesOn && this.#phase !== 'over') this.#held = rest;
    if (end === start) done();
    else this.inflation?.write(bytes.subarray(start, end), () => (goesOn ? this.#take(rest, done) : done()));
  }

  /** Between frames: where the next one begins, or where more bytes are needed to tell. */
  #skip(bytes: Buffer): number {
    let at = 0;
    for (;;) {
      if (this.#phase === 'skipped') {
        const length = Math.min(this.#left, bytes.length - at);
        at += length;
        this.#left -= length;
        if (this.#left > 0) return at;
        this.#phase = 'between';
      }
      if (this.#phase !== 'between' || bytes.length - at < 4) return at;
      const magic = bytes.readUInt32LE(at);
      if (magic === MAGIC) this.#phase = 'header';
      else if ((magic & ~0xf) !== SKIPPABLE_MAGIC) this.#phase = 'over';
      else if (bytes.length - at < 8) return at;
      else {
        this.#phase = 'skipped';
        this.#left = bytes.readUInt32LE(at + 4);
        at += 8;
      }
      if (this.#phase !== 'over') this.#frames += 1;
    }
  }

  /** Within a frame: where it ends, or what can be read of it. */
  #endOfPiece(bytes: Buffer, start: number): number {
    let at = start;
    for (;;) {
      const rest = bytes.length - at;
      if (this.#phase === 'header') {
        const length = rest < 5 ? 5 : headerLength(bytes[at + 4] as number);
        if (rest < length) return at;
        this.#hasChecksum = ((bytes[at + 4] as number) & 0x04) !== 0;
        this.#phase = 'block';
        at += length;
      } else if (this.#phase === 'block') {
        if (rest < 3) return at;
        const header = bytes.readUIntLE(at, 3);
        this.#isLastBlock = (header & 1) !== 0;
        // A block of type 1 is one byte, repeated.
        this.#left = ((header >> 1) & 3) === 1 ? 1 : header >> 3;
        if (this.#isLastBlock && this.#hasChecksum) this.#left += 4;
        this.#phase = 'content';
        at += 3;
      } else if (this.#phase === 'content') {
        const length = Math.min(this.#left, rest);
        at += length;
        this.#left -= length;
        if (this.#left > 0) return at;
        this.#phase = this.#isLastBlock ? 'between' : 'block';
      } else return at;
    }
  }
}

/** With the magic number, by the descriptor behind that (RFC 8878 §3.1.1.1). */
function headerLength(descriptor: number): number {
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const window = isSingleSegment ? 0 : 1;
  const dictionary = [0, 1, 2, 4][descriptor & 3] as number;
  const size = [isSingleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6] as number;
  return 5 + window + dictionary + size;
}
