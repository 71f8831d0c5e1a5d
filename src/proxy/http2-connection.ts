/**
 * One HTTP/2 connection under the eyes of a clock. Node lets go of a connection when the client has taken what is queued for
 * it, reads on, and closes its own side; a client that does not would keep connection, streams and upstream for ever.
 */
import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import { bytesTaken, bytesUntaken } from '../upstream/silence.ts';
import { LINGER_MS, LINGER_SILENCE_MS } from './connections.ts';

/** For a client to take the reset of the last of its streams. */
const RESET_WAIT_MS = 1500;
/** For what was read or written of a stream when it closed, and for Node to let go of it by itself. */
const CLOSED_WAIT_MS = 1500;
/**
 * A client that takes nothing of a stream has so many times the patience with one that takes nothing at all: Node tells only of whole
 * writes, of 64 KiB and more, and for one of them a slow client may need all that time.
 */
const STREAM_PATIENCE = 4;
/** RFC 9113 §6.7: the frame that answers a PING, with its head. */
const PONG_BYTES = 17;

/** It was reset; its session has ended, or a stream that was told to; the client takes nothing; it broke the rules. */
export type Loss = 'reset' | 'ended' | 'slow' | 'broken';

/**
 * PINGs that may be unanswered. One stands behind at most 64 KiB of a body on its way, which takes two minutes at the slowest rate
 * that is let pass, and they are some two seconds apart.
 */
export const MAX_PINGS = 100;

export class Http2Connection {
  readonly session: ServerHttp2Session;
  readonly socket: TLSSocket;
  readonly streams = new Set<ServerHttp2Stream>();
  /** Streams that have closed and stay: since when, as the clock saw it. */
  readonly #closedAtMs = new WeakMap<ServerHttp2Stream, number>();
  /** Streams of which something waits for the client: how much, and since when no write was taken, as the clock saw it. */
  readonly #waiting = new WeakMap<ServerHttp2Stream, { readonly bytes: number; readonly sinceMs: number }>();
  #bytesTaken = 0;
  #bytesRead = 0;
  #movedAtMs: number;
  /** When the clock first found the session at its end; 0 before. */
  #endedAtMs = 0;
  #bytesReadBefore = -1;
  /** Up to this byte the session is known to understand its client. */
  #wellUntil = -1;
  /** Bytes that had left when a PING, or a GOAWAY in its place, was queued; -1 when none waits to be looked for. */
  #writtenBeforePing = -1;

  constructor(session: ServerHttp2Session, socket: TLSSocket, nowMs: number) {
    this.session = session;
    this.socket = socket;
    this.#movedAtMs = nowMs;
  }

  /** A stream is open, and is `streams`' until its 'close'. */
  add(stream: ServerHttp2Stream): void {
    this.streams.add(stream);
    // While a body flows as much may wait at each look.
    stream.on('drain', () => this.#waiting.delete(stream));
    stream.once('close', () => this.streams.delete(stream));
  }

  /**
   * For the clock: streams of which the client takes nothing, though the connection has room. Their own timers do not tell while
   * other frames come or go, be it a PING and its answer.
   */
  stalled(nowMs: number, sendIdleMs: number): ServerHttp2Stream[] {
    // On a slow link a stream may have to wait for all that stands before it.
    const isHeldUp = bytesUntaken(this.socket) > 0;
    return [...this.streams].filter((stream) => {
      const bytes = stream.closed ? 0 : stream.bufferSize;
      const known = this.#waiting.get(stream);
      if (!isHeldUp && bytes > 0 && bytes === known?.bytes) {
        return nowMs - known.sinceMs >= sendIdleMs * STREAM_PATIENCE;
      }
      this.#waiting.set(stream, { bytes, sinceMs: nowMs });
      return false;
    });
  }

  /** For the clock: why the connection must go now, null if it may stay. */
  check(nowMs: number, sendIdleMs: number): Loss | null {
    const isHeldUp = bytesUntaken(this.socket) > 0;
    if (this.#hasMoved(isHeldUp)) this.#movedAtMs = nowMs;
    else if (isReset(this.socket)) return 'reset';
    const stillMs = nowMs - this.#movedAtMs;
    if (stillMs > 0 && this.#hasOnlyResetStreams()) return stillMs < RESET_WAIT_MS ? null : 'ended';
    if (isHeldUp) return stillMs < sendIdleMs ? null : 'slow';
    this.#letGoOfClosed(nowMs);
    if (this.session.destroyed) return this.#isPastItsEnd(nowMs, stillMs) ? 'ended' : null;
    return this.#isBroken() ? 'broken' : null;
  }

  /** Since the last look. What a client goes on to send while it takes nothing is no progress: up to Node 24 nobody even reads it. */
  #hasMoved(isHeldUp: boolean): boolean {
    const taken = bytesTaken(this.socket);
    const { bytesRead } = this.socket;
    const hasMoved = taken !== this.#bytesTaken || (!isHeldUp && bytesRead !== this.#bytesRead);
    this.#bytesTaken = taken;
    this.#bytesRead = bytesRead;
    return hasMoved;
  }

  destroy(): void {
    this.session.destroy();
    this.socket.destroy();
  }

  /**
   * Node keeps a stream that its client resets with NO_ERROR behind the end of the answer, until everything of it is read and written.
   * What waits for a window of that stream, or for a reader that has gone, never is: exchange, stream and connection would stay for ever.
   */
  #letGoOfClosed(nowMs: number): void {
    for (const stream of this.streams) {
      if (!stream.closed || stream.destroyed) continue;
      const closedAtMs = this.#closedAtMs.get(stream);
      if (closedAtMs === undefined) this.#closedAtMs.set(stream, nowMs);
      else if (nowMs - closedAtMs >= CLOSED_WAIT_MS) {
        stream.destroy();
        // Its idle time may be over by now, and would not be told again.
        this.session.close();
      }
    }
  }

  /** Their RST_STREAM stands behind what the client does not take, and there is nothing else that it could wait for. */
  #hasOnlyResetStreams(): boolean {
    for (const { closed, destroyed, rstCode } of this.streams) if (!closed || destroyed || rstCode === 0) return false;
    return this.streams.size > 0;
  }

  /** Much of the last answer may still be in the kernel, which tells nobody: the same patience as with HTTP/1. */
  #isPastItsEnd(nowMs: number, stillMs: number): boolean {
    if (this.#endedAtMs === 0) this.#endedAtMs = nowMs;
    const endedMs = nowMs - this.#endedAtMs;
    return endedMs >= LINGER_MS || Math.min(endedMs, stillMs) >= LINGER_SILENCE_MS;
  }

  /**
   * After most frames that break the rules nghttp2 sends its GOAWAY and is done: it reads and writes nothing more, streams stay
   * open, and Node tells nobody. So a session whose client has fallen silent gets a PING, once: one that is done does not send
   * it. When the client answers is of no importance, for it may be far away. Once a GOAWAY came or went, Node sends no PING
   * any more: another GOAWAY, which says nothing new, does as well (RFC 9113 §6.8).
   */
  #isBroken(): boolean {
    const { bytesRead, bytesWritten } = this.socket;
    if (this.#writtenBeforePing === bytesWritten) return true;
    this.#writtenBeforePing = -1;
    const isSilent = bytesRead === this.#bytesReadBefore;
    this.#bytesReadBefore = bytesRead;
    if (!isSilent || bytesRead === this.#wellUntil || this.streams.size === 0) return false;
    this.#wellUntil = bytesRead;
    this.#writtenBeforePing = bytesWritten;
    if (this.session.closed) {
      this.session.goaway();
      return false;
    }
    const isQueued = this.session.ping((error) => {
      if (error === null) this.#wellUntil += PONG_BYTES;
    });
    // Too many (`MAX_PINGS`) are unanswered for one whose answers stand behind a slow upload of its own.
    return !isQueued;
  }
}

/**
 * Asks the system: a connection that was reset has no peer any more. When a write fails, such as a WINDOW_UPDATE to a client
 * that left within its upload, Node's TLS layer takes no other one (it believes that it is still writing), and node:http2 stops
 * to read until the next is done: it never hears of the end.
 */
function isReset(socket: TLSSocket): boolean {
  const { _handle: handle } = socket as SocketWithHandle;
  return handle?.getpeername !== undefined && handle.getpeername({}) !== 0;
}

/** `remoteAddress` keeps what it once was; the type definitions leave the handle out. */
interface SocketWithHandle extends TLSSocket {
  readonly _handle?: { getpeername?(address: object): number } | null;
}
