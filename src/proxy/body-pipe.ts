/**
 * The body of an answer on its way to the client, the same for HTTP/1 and HTTP/2.
 *
 * A body that breaks off is never ended well: the client's connection (HTTP/2: its stream) is cut, so that the client
 * sees a truncated message (RFC 9112 §8).
 */
import { Http2ServerResponse } from 'node:http2';
import type { Readable, Writable } from 'node:stream';
import { asProxyError, type ErrorCode, ProxyError } from '../errors.ts';
import { type ClientResponse, cutResponse, isDelivered, isGone, sendTrailers } from './client-response.ts';

/** A synchronous stage between the upstream's body and the client's: bytes in, bytes out, `end` gives the rest. */
export interface BodyStage {
  write(chunk: Buffer): Buffer;
  end(): Buffer;
}

export interface PipeOptions {
  readonly stage?: BodyStage | null;
  /** Told of each buffer of the stage's when its bytes have left. */
  readonly release?: ((buffer: Buffer) => void) | null;
  /** The length of `from`, where it is known beforehand: the last bytes then leave without waiting for its end. */
  readonly lengthBytes?: number | null;
  /**
   * Gives the head to `sendHead`, just before the first bytes leave. It is told the length of the body when the whole of it
   * is in hand by then, else null. Absent: the head was given before.
   */
  readonly sendHead?: (bodyBytes: number | null) => void;
  /** Flat list of trailer fields, asked when `from` has ended; they only leave in chunked messages. */
  readonly trailers?: () => readonly string[];
}

/** A body that was cut, and how many of its bytes had been given out by then. */
export class CutBody extends ProxyError {
  readonly bytes: number;

  constructor(code: ErrorCode, bytes: number, options: { detail?: string; cause?: unknown } = {}) {
    super(code, options);
    this.bytes = bytes;
  }
}

/** Head and body of a small answer leave in one write if the body is a string: up to here that is the cheaper way. */
const MAX_JOINED_BYTES = 16 * 1024;

/**
 * Send `from` as the body, with backpressure. Resolves when the client's side has everything. When `from` breaks or the
 * client leaves, the promise rejects with a CutBody and the other side is cut; a client that has not seen the head yet
 * is left to the caller, who may still answer.
 */
export function pipeBody(from: Readable, to: ClientResponse, options: PipeOptions = {}): Promise<{ bytes: number }> {
  return new Promise((resolve, reject) => {
    new BodyPipe(from, to, options, resolve, reject).start();
  });
}

class BodyPipe {
  readonly #from: Readable;
  readonly #to: ClientResponse;
  /** The same: both kinds are; the compiler cannot call a union of their overloads. */
  readonly #sink: Writable;
  readonly #options: PipeOptions;
  readonly #stage: BodyStage | null;
  readonly #release: ((buffer: Buffer) => void) | null;
  readonly #lengthBytes: number;
  readonly #resolve: (sent: { bytes: number }) => void;
  readonly #reject: (error: ProxyError) => void;
  #received = 0;
  #sent = 0;
  /** The last byte was given out, or never will be. */
  #isEnded = false;
  #isHeadDue: boolean;
  /** The last byte was given out, and `end` is still to be called. */
  #isEndDue = false;
  #waitsForDrain = false;

  constructor(
    from: Readable,
    to: ClientResponse,
    options: PipeOptions,
    resolve: (sent: { bytes: number }) => void,
    reject: (error: ProxyError) => void,
  ) {
    this.#from = from;
    this.#to = to;
    this.#sink = to;
    this.#options = options;
    this.#stage = options.stage ?? null;
    this.#release = options.release ?? null;
    this.#lengthBytes = options.lengthBytes ?? -1;
    this.#isHeadDue = options.sendHead !== undefined;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  start(): void {
    const from = this.#from;
    from.on('data', (chunk: Buffer) => this.#onData(chunk));
    from.on('end', () => this.#onEnd());
    from.on('error', (error) => this.#fail(error));
    from.on('close', () => this.#onUpstreamClose());
    this.#sink.on('close', () => this.#onClientClose());
    if (from.errored) this.#fail(from.errored);
    else if (isGone(this.#to)) this.#fail(new ProxyError('CLIENT_GONE'));
  }

  #onData(chunk: Buffer): void {
    if (this.#isEnded) return;
    this.#received += chunk.length;
    try {
      let out = this.#stage === null ? chunk : this.#stage.write(chunk);
      if (this.#received === this.#lengthBytes) {
        if (this.#stage !== null) out = both(out, this.#stage.end());
        this.#finish(out);
        return;
      }
      if (out.length === 0) return;
      this.#announce(null);
      this.#sent += out.length;
      if (!this.#write(out)) this.#pause();
    } catch (error) {
      this.#abandon(error);
    }
  }

  /** False when the client is to catch up first. */
  #write(out: Buffer): boolean {
    const release = this.#release;
    return release === null ? this.#sink.write(out) : this.#sink.write(out, () => release(out));
  }

  #pause(): void {
    this.#from.pause();
    if (this.#waitsForDrain) return;
    this.#waitsForDrain = true;
    this.#sink.once('drain', () => {
      this.#waitsForDrain = false;
      this.#from.resume();
    });
  }

  #onEnd(): void {
    if (this.#isEnded) {
      this.#endIfDue();
      return;
    }
    try {
      this.#finish(this.#stage === null ? null : this.#stage.end());
    } catch (error) {
      this.#abandon(error);
    }
  }

  #finish(last: Buffer | null): void {
    const trailers = this.#options.trailers?.() ?? NO_FIELDS;
    // Trailers need a chunked message, that is, one without a length.
    this.#announce(trailers.length > 0 ? null : (last?.length ?? 0));
    if (trailers.length > 0) sendTrailers(this.#to, trailers);
    this.#isEnded = true;
    if (last === null || last.length === 0) {
      this.#sink.end();
      return;
    }
    this.#sent += last.length;
    const to = this.#to;
    if (last.length > MAX_JOINED_BYTES || to instanceof Http2ServerResponse) {
      this.#write(last);
      this.#sink.end();
      return;
    }
    const text = last.toString('latin1');
    this.#release?.(last);
    if (to.chunkedEncoding || this.#from.readableEnded) this.#sink.end(text, 'latin1');
    else {
      // `end` with a body makes node:http write twice, the second time nothing; after the write has left, it does not.
      this.#isEndDue = true;
      this.#sink.write(text, 'latin1');
    }
  }

  #announce(bodyBytes: number | null): void {
    if (!this.#isHeadDue) return;
    this.#isHeadDue = false;
    this.#options.sendHead?.(bodyBytes);
  }

  #endIfDue(): void {
    // A tick later: node:http holds the write back for the rest of this one.
    if (this.#isEndDue) process.nextTick(endOf, this.#sink);
    this.#isEndDue = false;
  }

  /** A bug of ours, in the midst of the last bytes maybe: nothing is whole that may have lost some. */
  #abandon(error: unknown): void {
    this.#isEnded = false;
    this.#fail(asProxyError(error));
  }

  #fail(error: unknown): void {
    // Once the last byte was given out, what becomes of `from` is of no importance.
    if (this.#isEnded) {
      this.#endIfDue();
      return;
    }
    this.#isEnded = true;
    this.#from.destroy();
    if (!this.#isHeadDue) cutResponse(this.#to);
    if (!(error instanceof ProxyError)) this.#cut('UPSTREAM_TRUNCATED', error);
    else this.#cut(error.code, error.cause, error.detail);
  }

  #cut(code: ErrorCode, cause?: unknown, detail: string | null = null): void {
    this.#reject(new CutBody(code, this.#sent, { cause, ...(detail === null ? {} : { detail }) }));
  }

  #onUpstreamClose(): void {
    if (this.#isEnded) this.#endIfDue();
    else if (!this.#from.readableEnded) this.#fail(new ProxyError('UPSTREAM_TRUNCATED'));
  }

  #onClientClose(): void {
    if (this.#isEnded && isDelivered(this.#to)) {
      this.#resolve({ bytes: this.#sent });
      return;
    }
    this.#isEnded = true;
    this.#from.destroy();
    this.#cut('CLIENT_GONE');
  }
}

const NO_FIELDS: readonly string[] = [];

function endOf(sink: Writable): void {
  sink.end();
}

function both(first: Buffer, second: Buffer): Buffer {
  if (second.length === 0) return first;
  return first.length === 0 ? second : Buffer.concat([first, second]);
}
