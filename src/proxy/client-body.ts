/**
 * The body of a request, counted and timed. Nothing is read before somebody wants it: then the client is told to go on
 * (RFC 9110 §10.1.1), and the bytes are held against the limit, the clock and the slowest rate that we put up with.
 */
import { Http2ServerRequest } from 'node:http2';
import { Readable } from 'node:stream';
import { type ErrorCode, ProxyError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { ClientRequest, ClientResponse } from './client-response.ts';
import type { RequestFacts } from './framing.ts';

/** Open bodies, for `failBody`; a code stands for a body that broke before anybody opened it. */
const bodies = new WeakMap<ClientRequest, ClientBody | ErrorCode>();

/** How slowly a body may come: at least so many bytes a second, taken over each idle time. */
export interface BodyPace {
  /** 0: as slowly as it likes. */
  readonly idleMs: number;
  readonly bytesPerSecond: number;
}

const UNHURRIED: BodyPace = { idleMs: 0, bytesPerSecond: 0 };
const paces = new WeakMap<ClientRequest, BodyPace>();

/** For the server: the pace that `openBody` will hold this request to. */
export function setBodyPace(req: ClientRequest, pace: BodyPace): void {
  paces.set(req, pace);
}

/**
 * The body of the request, null when it has none. Throws BODY_TOO_LARGE when the announced length is over the limit; a
 * body without one fails with it when it gets there. Call it once, when the policy has spoken.
 */
export function openBody(
  req: ClientRequest,
  res: ClientResponse,
  facts: RequestFacts,
  limitBytes: number,
): ClientBody | null {
  if (facts.body === 'none') return null;
  if (facts.body !== 'chunked' && facts.body > limitBytes) {
    throw new ProxyError('BODY_TOO_LARGE', { detail: `${facts.body} bytes announced` });
  }
  const broken = bodies.get(req);
  if (typeof broken === 'string') throw new ProxyError(broken);
  const body = new ClientBody(req, facts.expectsContinue ? res : null, limitBytes, paces.get(req) ?? UNHURRIED);
  bodies.set(req, body);
  return body;
}

/** The parser found a fault in the body, or its time is over: whoever reads it learns the code. */
export function failBody(req: ClientRequest, code: ErrorCode): void {
  const body = bodies.get(req);
  if (body instanceof ClientBody) body.destroy(new ProxyError(code));
  else bodies.set(req, code);
}

/**
 * Nobody will read on: whoever did learns CLIENT_GONE, and the rest is read away. Else it would hold up the connection, or
 * an HTTP/2 stream, which closes only when all that came on it was read.
 */
export function abandonBody(req: ClientRequest): void {
  failBody(req, 'CLIENT_GONE');
  req.resume();
}

export class ClientBody extends Readable {
  readonly #req: ClientRequest;
  readonly #limitBytes: number;
  readonly #pace: BodyPace;
  /** Waits for 100 Continue; null when it does not, or no longer does. */
  #waiting: ClientResponse | null;
  #isStarted = false;
  #isPaused = false;
  #received = 0;
  #receivedBefore = 0;
  /** How long the client was let send since it was judged last, without the time that still runs; and since when that does. */
  #openMs = 0;
  #openedAtMs = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(req: ClientRequest, waiting: ClientResponse | null, limitBytes: number, pace: BodyPace) {
    super();
    this.#req = req;
    this.#waiting = waiting;
    this.#limitBytes = limitBytes;
    this.#pace = pace;
    req.once('error', (error) => this.destroy(new ProxyError('CLIENT_GONE', { cause: error })));
    req.once('close', () => {
      if (!req.readableEnded) this.destroy(new ProxyError('CLIENT_GONE'));
    });
    // The reader may be gone when the client goes: that is no fault of the process.
    this.on('error', ignore);
  }

  /** Flat list of the trailer fields, unfiltered; complete at 'end'. */
  trailers(): string[] {
    return this.#req.rawTrailers;
  }

  override _read(): void {
    if (!this.#isStarted) this.#start();
    else if (this.#isPaused) {
      this.#isPaused = false;
      this.#openedAtMs = performance.now();
      this.#req.resume();
    }
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#req.pause();
    done(error);
  }

  #start(): void {
    this.#isStarted = true;
    this.#openedAtMs = performance.now();
    this.#waiting?.writeContinue();
    this.#waiting = null;
    this.#req.on('data', (chunk: Buffer) => this.#take(chunk));
    this.#req.once('end', () => {
      if (this.#timer !== null) clearInterval(this.#timer);
      if (hasLongTrailers(this.#req.rawTrailers)) {
        this.destroy(new ProxyError('BODY_TOO_LARGE', { detail: 'trailers' }));
      } else if (isWhole(this.#req)) this.push(null);
      else this.destroy(new ProxyError('CLIENT_GONE'));
    });
    if (this.#pace.idleMs > 0) this.#timer = setInterval(() => this.#checkPace(), this.#pace.idleMs).unref();
  }

  #take(chunk: Buffer): void {
    if (this.destroyed) return;
    this.#received += chunk.length;
    if (this.#received > this.#limitBytes) {
      this.destroy(new ProxyError('BODY_TOO_LARGE', { detail: `more than ${this.#limitBytes} bytes` }));
      return;
    }
    if (!this.push(chunk) && !this.#isPaused) {
      this.#isPaused = true;
      this.#openMs += performance.now() - this.#openedAtMs;
      this.#req.pause();
    }
  }

  /** Once in each idle time: did enough come, as far as it was us who let it come? */
  #checkPace(): void {
    const { idleMs, bytesPerSecond } = this.#pace;
    const nowMs = performance.now();
    const openMs = this.#isPaused ? this.#openMs : this.#openMs + nowMs - this.#openedAtMs;
    // Too short to judge by: it counts with what follows.
    if (openMs < idleMs / 2) return;
    const came = this.#received - this.#receivedBefore;
    this.#receivedBefore = this.#received;
    this.#openMs = 0;
    this.#openedAtMs = nowMs;
    // Nothing at all is too slow at any pace.
    if (came > 0 && came >= (bytesPerSecond * openMs) / 1000) return;
    this.destroy(new ProxyError('REQUEST_TIMEOUT', { detail: `${came} bytes in ${Math.round(openMs)} ms` }));
  }
}

/** An HTTP/2 request emits 'end' when its stream is reset, too. */
function isWhole(req: ClientRequest): boolean {
  return req instanceof Http2ServerRequest ? !req.aborted && !req.stream.closed : req.complete;
}

function hasLongTrailers(trailers: readonly string[]): boolean {
  if (trailers.length === 0) return false;
  const bytes = trailers.reduce((sum, text) => sum + text.length, 0);
  return bytes > LIMITS.maxTrailerBytes || trailers.length > LIMITS.maxTrailerFields * 2;
}

function ignore(): void {}
