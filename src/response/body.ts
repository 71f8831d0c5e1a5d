/**
 * The body of a rewritten response: decode → charset → scan and mark → encode, joined with backpressure.
 *
 * A fault in front (truncation, damaged coding, a bomb) breaks the outgoing stream with its reason: the caller then cuts
 * the client's connection, so that a page which broke off never looks whole.
 */
import type { Readable } from 'node:stream';
import { ProxyError } from '../errors.ts';
import { judgeCharset } from './charset.ts';
import { BombGuard, type ContentCoding, createDecoder, createEncoder, flushEncoder } from './coding.ts';
import type { PageKind } from './plan.ts';

/** Chunk in, chunk out; what `html/rewriter.ts` and the php rewriter are. An empty buffer means "nothing yet". */
export interface PageStage {
  write(chunk: Buffer): Buffer;
  end(): Buffer;
}

const NOTHING: Buffer = Buffer.alloc(0);

/**
 * Holds the first bytes of a page (at most `LIMITS.maxCharsetPrescanBytes`) until its charset is judged, then lets them
 * through the stage, or past it when the markup is not ASCII-compatible. The stage is only made when it is needed.
 */
export class CharsetGate implements PageStage {
  readonly #declared: string | null;
  readonly #create: () => PageStage;
  #held: Buffer = NOTHING;
  #stage: PageStage | 'pass' | null = null;

  constructor(declared: string | null, create: () => PageStage) {
    this.#declared = declared;
    this.#create = create;
  }

  /** The page turned out to be in a charset whose markup a byte scanner cannot read. */
  get isIncompatible(): boolean {
    return this.#stage === 'pass';
  }

  write(chunk: Buffer): Buffer {
    if (this.#stage !== null) return this.#stage === 'pass' ? chunk : this.#stage.write(chunk);
    this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    return this.#open(false);
  }

  end(): Buffer {
    if (this.#stage !== null) return this.#stage === 'pass' ? NOTHING : this.#stage.end();
    const first = this.#open(true);
    const last = this.end();
    return last.length === 0 ? first : Buffer.concat([first, last]);
  }

  #open(isLast: boolean): Buffer {
    const verdict = judgeCharset(this.#declared, this.#held, isLast);
    if (verdict === 'undecided' && !isLast) return NOTHING;
    const held = this.#held;
    this.#held = NOTHING;
    if (verdict === 'incompatible') {
      this.#stage = 'pass';
      return held;
    }
    const stage = this.#create();
    this.#stage = stage;
    return held.length === 0 ? held : stage.write(held);
  }
}

/** What to send: a stream, and the stage that its chunks still have to pass on their way out (null: none). */
export interface OutgoingBody {
  readonly body: Readable;
  readonly stage: PageStage | null;
}

/** Put a page's body through `stage`, undoing and redoing its content coding where it has one. */
export function openPageBody(body: Readable, page: PageKind, stage: PageStage): OutgoingBody {
  if (page.coding === 'identity') return { body, stage };
  return { body: recode(body, page.coding, stage), stage: null };
}

function recode(body: Readable, coding: Exclude<ContentCoding, 'identity'>, stage: PageStage): Readable {
  const decoder = createDecoder(coding);
  const encoder = createEncoder(coding);
  const guard = new BombGuard();
  let pending = 0;

  const fail = (error: Error): void => {
    body.destroy();
    decoder.destroy();
    encoder.destroy(error);
  };

  body.on('data', (chunk: Buffer) => {
    guard.took(chunk.length);
    pending += 1;
    const goesOn = decoder.write(chunk, () => {
      pending -= 1;
      // The upstream pauses here: what it has said so far must reach the client now.
      if (pending === 0 && encoder.writable) flushEncoder(encoder, coding);
    });
    if (!goesOn) {
      body.pause();
      decoder.once('drain', () => body.resume());
    }
  });
  body.on('end', () => decoder.end());
  body.on('error', fail);

  decoder.on('data', (chunk: Buffer) => {
    try {
      guard.gave(chunk.length);
      const out = stage.write(chunk);
      if (out.length > 0 && !encoder.write(out)) {
        decoder.pause();
        encoder.once('drain', () => decoder.resume());
      }
    } catch (error) {
      fail(error as Error); // only Errors are thrown here: the guard's and the stage's
    }
  });
  decoder.on('end', () => encoder.end(stage.end()));
  decoder.on('error', (cause) => fail(new ProxyError('CODING_BROKEN', { cause })));
  encoder.on('close', () => {
    if (!decoder.readableEnded) decoder.destroy();
  });
  return encoder;
}
