/**
 * gzip and deflate as browsers read them (RFC 1952, RFC 1950 and 1951): what follows the end of the coded page is ignored.
 * Servers leave line ends of a script, padding and their own notices there.
 *
 * node:zlib fails on such bytes with the same error as on a damaged page, and takes the end of the page along. So gzip's
 * frame is read here, and node:zlib only inflates.
 */
import { Transform, type TransformCallback } from 'node:stream';
import * as zlib from 'node:zlib';
import { asProxyError } from '../errors.ts';

const NOTHING: Buffer = Buffer.alloc(0);
const ID1 = 0x1f;
const ID2 = 0x8b;

/** What streams of node:zlib have in common. */
export type Inflater = Transform & { readonly bytesWritten: number };

/** A stage whose output comes from a stream of node:zlib. */
export class Inflating extends Transform {
  protected inflation: Inflation | null = null;

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.inflation?.destroy();
    done(error);
  }

  override _read(size: number): void {
    this.inflation?.resume();
    super._read(size);
  }
}

/**
 * gzip, of one member or several (RFC 1952 §2.2). Behind a whole member only what begins like another one is read.
 * Fails on everything that is damaged or not whole.
 */
export class GzipDecoder extends Inflating {
  #phase: 'header' | 'data' | 'trailer' | 'between' | 'over' = 'header';
  /** The beginning of a header, a trailer, or of what may be a member. */
  #held: Buffer = NOTHING;
  #members = 0;
  #crc = 0;
  #size = 0;

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    this.#held = NOTHING;
    this.#take(bytes, done);
  }

  override _flush(done: TransformCallback): void {
    const isWhole = this.#phase === 'between' || this.#phase === 'over';
    done(isWhole ? null : new Error('unexpected end of file'));
  }

  #take(bytes: Buffer, done: TransformCallback): void {
    switch (this.#phase) {
      case 'header':
        this.#takeHeader(bytes, done);
        return;
      case 'data':
        this.inflation?.write(bytes, (rest) => {
          if (rest === null) {
            done();
            return;
          }
          this.#phase = 'trailer';
          this.inflation?.destroy();
          this.#take(rest, done);
        });
        return;
      case 'trailer':
        this.#takeTrailer(bytes, done);
        return;
      case 'between':
        if (bytes.length === 0 || (bytes.length === 1 && bytes[0] === ID1)) {
          this.#held = bytes;
          done();
          return;
        }
        this.#phase = bytes[0] === ID1 && bytes[1] === ID2 ? 'header' : 'over';
        this.#take(bytes, done);
        return;
      case 'over':
        done();
        return;
    }
  }

  #takeHeader(bytes: Buffer, done: TransformCallback): void {
    const length = gzipHeaderLength(bytes);
    if (length === 'none' || (length === 'more' && bytes.length > MAX_HEADER_BYTES)) {
      done(new Error('incorrect header'));
      return;
    }
    if (length === 'more') {
      this.#held = bytes;
      done();
      return;
    }
    // Each costs some kilobytes and much more time than its bytes say; block-wise gzip has one for 64 KiB of page.
    this.#members += 1;
    if (this.#members > MAX_MEMBERS) {
      done(new Error('too many members'));
      return;
    }
    this.#phase = 'data';
    this.#crc = 0;
    this.#size = 0;
    this.inflation = new Inflation(zlib.createInflateRaw(), this, (decoded) => {
      this.#crc = zlib.crc32(decoded, this.#crc);
      this.#size += decoded.length;
    });
    if (bytes.length === length) done();
    else this.#take(bytes.subarray(length), done);
  }

  /** CRC32 and ISIZE, the size modulo 2³² (RFC 1952 §2.3.1). */
  #takeTrailer(bytes: Buffer, done: TransformCallback): void {
    if (bytes.length < 8) {
      this.#held = bytes;
      done();
      return;
    }
    if (bytes.readUInt32LE(0) !== this.#crc || bytes.readUInt32LE(4) !== this.#size % 2 ** 32) {
      done(new Error('incorrect data check'));
      return;
    }
    this.#phase = 'between';
    this.#take(bytes.subarray(8), done);
  }
}

const MAX_MEMBERS = 4096;
/** Room for an extra field of full length and two names; honest headers have 10 bytes, or a file's name besides. */
const MAX_HEADER_BYTES = 128 * 1024;

/** Length of a member's header; 'more' when it is not whole, 'none' when it is none (RFC 1952 §2.3). Its CRC16 is not checked. */
function gzipHeaderLength(bytes: Buffer): number | 'more' | 'none' {
  const [id1 = ID1, id2 = ID2, method = 8, flags = 0] = bytes;
  if (id1 !== ID1 || id2 !== ID2 || method !== 8 || (flags & 0xe0) !== 0) return 'none';
  let length = 10;
  if ((flags & 0x04) !== 0) {
    if (bytes.length < length + 2) return 'more';
    length += 2 + bytes.readUInt16LE(length);
  }
  // FNAME and FCOMMENT: each up to and with a zero byte.
  for (const flag of [0x08, 0x10]) {
    if ((flags & flag) === 0) continue;
    const zero = bytes.length < length ? -1 : bytes.indexOf(0, length);
    if (zero < 0) return 'more';
    length = zero + 1;
  }
  if ((flags & 0x02) !== 0) length += 2;
  return bytes.length < length ? 'more' : length;
}

/** RFC 9110 §8.4.1.2 means the zlib format; some servers send raw deflate, and every browser reads both. */
export class DeflateDecoder extends Inflating {
  #isOver = false;

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    if (this.#isOver) {
      done();
      return;
    }
    this.inflation ??= this.#open(chunk);
    this.inflation.write(chunk, (rest) => {
      this.#isOver = rest !== null;
      done();
    });
  }

  override _flush(done: TransformCallback): void {
    if (this.inflation === null || this.#isOver) done();
    else this.inflation.end(() => done());
  }

  #open(chunk: Buffer): Inflation {
    // RFC 1950 §2.2: CM is 8 in the low four bits of the first byte.
    const isZlib = ((chunk[0] ?? 0) & 0x0f) === 8;
    return new Inflation(isZlib ? zlib.createInflate() : zlib.createInflateRaw(), this, () => {});
  }
}

/** One stream of node:zlib, whose output goes to `outer` and whose errors are that one's. One `write` at a time. */
export class Inflation {
  readonly #inner: Inflater;
  readonly #outer: Transform;
  #onEnd: () => void = () => {};
  /** Waits until the output of what was taken is out. */
  #onOut: (() => void) | null = null;

  constructor(inner: Inflater, outer: Transform, see: (decoded: Buffer) => void) {
    this.#inner = inner;
    this.#outer = outer;
    inner.on('data', (decoded: Buffer) => {
      this.#guard(() => see(decoded));
      if (!outer.push(decoded)) inner.pause();
      if (inner.readableLength === 0) this.#sayOut();
    });
    inner.on('error', (error) => outer.destroy(error));
    inner.on('end', () => this.#guard(() => this.#onEnd()));
  }

  /** What a listener throws nobody else would catch. */
  #guard(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.#outer.destroy(asProxyError(error));
    }
  }

  /**
   * `done` gets what follows the end of the coded data, at least one byte; null while there is no such byte. It is called only
   * when the output is out: whoever wrote the chunk may flush what comes behind us.
   */
  write(chunk: Buffer, done: (rest: Buffer | null) => void): void {
    const before = this.#inner.bytesWritten;
    // node:zlib ends by itself when it is given more than it wants.
    this.#onEnd = () => done(chunk.subarray(this.#inner.bytesWritten - before));
    this.#inner.write(chunk, () => {
      // The callback comes in that case, too, and may come first.
      if (this.#inner.bytesWritten - before !== chunk.length) return;
      // Output that came while nobody read it lies there still.
      this.#onOut = () => done(null);
      if (this.#inner.readableLength === 0) this.#sayOut();
    });
  }

  #sayOut(): void {
    const onOut = this.#onOut;
    if (onOut === null) return;
    this.#onOut = null;
    this.#guard(onOut);
  }

  /** No more comes: an error if the data is not whole. */
  end(done: () => void): void {
    this.#onEnd = done;
    this.#inner.end();
  }

  resume(): void {
    this.#inner.resume();
  }

  destroy(): void {
    this.#inner.destroy();
  }
}
