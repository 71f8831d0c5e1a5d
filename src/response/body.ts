/**
 * The body of a rewritten response: decode → charset → scan and mark → encode, joined with backpressure.
 *
 * A fault in front (truncation, damaged coding, a bomb) breaks the outgoing stream with its reason: the caller then cuts
 * the client's connection, so that a page which broke off never looks whole.
 */
import type { Readable } from 'node:stream';
import { asProxyError } from '../errors.ts';
import { hasUtf8Bom, judgeCharset, UTF8_BOM_BYTES } from './charset.ts';
import { BombGuard, type ContentCoding, createDecoder, createEncoder, flushEncoder } from './coding.ts';
import type { PageKind } from './plan.ts';

/** Chunk in, chunk out; what `html/rewriter.ts` and the php rewriter are. An empty buffer means "nothing yet". */
export interface PageStage {
  write(chunk: Buffer): Buffer;
  end(): Buffer;
  /** While this is 0 all output so far is the input, byte for byte. */
  readonly editCount: number;
}

const NOTHING: Buffer = Buffer.alloc(0);

/**
 * Lets a page through its stage, or past it when its markup turns out not to be ASCII-compatible.
 *
 * Until that is known (at most `LIMITS.maxCharsetPrescanBytes`, and only where no field declares the charset) output is
 * held back from the first edit on: what lies before it is the same either way. So a page that begins slowly is seen at
 * once, and the result does not depend on how its bytes were cut.
 */
export class CharsetGate implements PageStage {
  readonly #declared: string | null;
  readonly #create: (charset: string | null) => PageStage;
  #stage: PageStage | null = null;
  #isDecided = false;
  #isIncompatible = false;
  /** While undecided: all input so far, how much of it is out, and the output that waits. */
  #seen: Buffer = NOTHING;
  #released = 0;
  #waiting: Buffer = NOTHING;

  /** `create` is told the charset that the page has whatever its meta elements say: by its BOM, else by `declared`. */
  constructor(declared: string | null, create: (charset: string | null) => PageStage) {
    this.#declared = declared;
    this.#create = create;
  }

  get editCount(): number {
    return this.#isIncompatible ? 0 : (this.#stage?.editCount ?? 0);
  }

  /** The page turned out to be in a charset whose markup a byte scanner cannot read. */
  get isIncompatible(): boolean {
    return this.#isIncompatible;
  }

  write(chunk: Buffer): Buffer {
    if (this.#isIncompatible) return chunk;
    if (this.#isDecided && this.#stage !== null) return this.#stage.write(chunk);
    this.#seen = this.#seen.length === 0 ? chunk : Buffer.concat([this.#seen, chunk]);
    const verdict = judgeCharset(this.#declared, this.#seen, false);
    if (verdict === 'incompatible') return this.#passOn();
    // They may begin a BOM, which the stage has to know of.
    if (this.#seen.length < UTF8_BOM_BYTES) return NOTHING;
    if (this.#stage === null) this.#begin();
    else this.#wait(this.#stage.write(chunk));
    if (verdict === 'compatible') return this.#open();
    return this.editCount === 0 ? this.#release() : NOTHING;
  }

  end(): Buffer {
    if (this.#isIncompatible) return NOTHING;
    if (!this.#isDecided && judgeCharset(this.#declared, this.#seen, true) === 'incompatible') return this.#passOn();
    const stage = this.#stage ?? this.#begin();
    this.#wait(stage.end());
    return this.#open();
  }

  #begin(): PageStage {
    const stage = this.#create(hasUtf8Bom(this.#seen) ? 'utf-8' : this.#declared);
    this.#stage = stage;
    this.#wait(stage.write(this.#seen));
    return stage;
  }

  #wait(output: Buffer): void {
    this.#waiting = this.#waiting.length === 0 ? output : Buffer.concat([this.#waiting, output]);
  }

  #release(): Buffer {
    const output = this.#waiting;
    this.#waiting = NOTHING;
    this.#released += output.length;
    return output;
  }

  #open(): Buffer {
    this.#isDecided = true;
    this.#seen = NOTHING;
    return this.#release();
  }

  #passOn(): Buffer {
    this.#isDecided = true;
    this.#isIncompatible = true;
    const rest = this.#seen.subarray(this.#released);
    this.#seen = NOTHING;
    this.#waiting = NOTHING;
    return rest;
  }
}

/** What to send: a stream, and the stage that its chunks still have to pass on their way out (null: none). */
export interface OutgoingBody {
  readonly body: Readable;
  readonly stage: PageStage | null;
}

/**
 * Put a page's body through `stage`, undoing and redoing its content coding where it has one. `release` is told of each of
 * the stage's buffers that is used up here.
 */
export function openPageBody(
  body: Readable,
  page: PageKind,
  stage: PageStage,
  release: (buffer: Buffer) => void = () => {},
): OutgoingBody {
  if (page.coding === 'identity') return { body, stage };
  return { body: recode(body, page.coding, stage, release), stage: null };
}

function recode(
  body: Readable,
  coding: Exclude<ContentCoding, 'identity'>,
  stage: PageStage,
  release: (buffer: Buffer) => void,
): Readable {
  const decoder = createDecoder(coding);
  const encoder = createEncoder(coding);
  const guard = new BombGuard();
  let pending = 0;
  let isEmpty = true;
  let isDecoded = false;

  const fail = (error: Error): void => {
    body.destroy();
    decoder.destroy();
    encoder.destroy(error);
  };
  const finish = (): void => {
    try {
      encoder.end(stage.end());
    } catch (error) {
      fail(asProxyError(error));
    }
  };

  /** The upstream pauses here: what it has said so far must reach the client now. */
  const flushIfQuiet = (): void => {
    if (pending === 0 && decoder.readableLength === 0 && encoder.writable) flushEncoder(encoder, coding);
  };

  body.on('data', (chunk: Buffer) => {
    // The page is whole: what follows in its body is none of it, and nobody would take it.
    if (isDecoded) return;
    guard.took(chunk.length);
    isEmpty = false;
    pending += 1;
    try {
      const goesOn = decoder.write(chunk, () => {
        pending -= 1;
        flushIfQuiet();
      });
      if (goesOn) return;
      body.pause();
      decoder.once('drain', () => body.resume());
    } catch (error) {
      fail(asProxyError(error));
    }
  });
  // An empty body is not coded at all, whatever the field says: as many servers send it behind a redirect.
  body.on('end', () => (isEmpty ? finish() : decoder.end()));
  body.on('error', fail);

  decoder.on('data', (chunk: Buffer) => {
    try {
      guard.gave(chunk.length);
      const out = stage.write(chunk);
      if (out.length > 0 && !encoder.write(out, () => release(out))) {
        decoder.pause();
        encoder.once('drain', () => decoder.resume());
      }
      // What the encoder had no room for comes when its input has been read already.
      flushIfQuiet();
    } catch (error) {
      fail(asProxyError(error));
    }
  });
  decoder.on('end', () => {
    isDecoded = true;
    body.resume();
    finish();
  });
  decoder.on('error', (error) => fail(asProxyError(error, 'CODING_BROKEN')));
  encoder.on('close', () => {
    if (!decoder.readableEnded) decoder.destroy();
  });
  return encoder;
}
