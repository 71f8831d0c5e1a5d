/**
 * Silence on sockets, noticed by one clock for many of them.
 *
 * `socket.setTimeout` sets, moves and clears a timer for every request and every byte, thousands of times a second, and
 * hardly ever fires. Here a clock comes by a few times in each timeout and compares byte counts, so that traffic pays
 * nothing; silence is noticed late by at most two of its ticks, never early.
 */
import type { Socket } from 'node:net';

/** Of one socket. */
export class Silence {
  readonly #socket: Socket;
  readonly #traffic: Standstill;
  readonly #taken: Standstill;

  constructor(socket: Socket, nowMs: number) {
    this.#socket = socket;
    this.#traffic = new Standstill(nowMs);
    this.#taken = new Standstill(nowMs);
  }

  /** The time counts from now. */
  restart(nowMs: number): void {
    this.#traffic.restart(this.#bytesBothWays, nowMs);
  }

  /** For the clock: did no byte go either way for `limitMs`? Then the time counts from now again. */
  isOver(nowMs: number, limitMs: number): boolean {
    return this.#traffic.isOver(this.#bytesBothWays, nowMs, limitMs);
  }

  /**
   * For the clock, at each of its ticks: did bytes wait for the peer all of `limitMs`, and it took none, whatever it sent
   * meanwhile? Then the time counts from now again.
   */
  isUnread(nowMs: number, limitMs: number): boolean {
    const taken = bytesTaken(this.#socket);
    if (this.#socket.writableLength > 0) return this.#taken.isOver(taken, nowMs, limitMs);
    this.#taken.restart(taken, nowMs);
    return false;
  }

  /** Has `limitMs` passed since `restart`, though the clock may not have come by yet? For sockets that rest. */
  isPast(nowMs: number, limitMs: number): boolean {
    return this.#traffic.isPast(nowMs, limitMs);
  }

  get #bytesBothWays(): number {
    return this.#socket.bytesRead + bytesTaken(this.#socket);
  }
}

/** How long a count of bytes has stood still, as far as it was looked at. */
class Standstill {
  #seen = 0;
  /** By `performance.now`. */
  #sinceMs: number;

  constructor(nowMs: number) {
    this.#sinceMs = nowMs;
  }

  restart(bytes: number, nowMs: number): void {
    this.#seen = bytes;
    this.#sinceMs = nowMs;
  }

  /** When it is, the time counts from now again. */
  isOver(bytes: number, nowMs: number, limitMs: number): boolean {
    const isOver = bytes === this.#seen && this.isPast(nowMs, limitMs);
    if (isOver || bytes !== this.#seen) this.restart(bytes, nowMs);
    return isOver;
  }

  isPast(nowMs: number, limitMs: number): boolean {
    return nowMs - this.#sinceMs >= limitMs;
  }
}

/**
 * Bytes that the kernel has taken for the peer, those of TLS where it is spoken. `bytesWritten` of a socket counts what waits in
 * Node as well, and Node tells only of whole writes; the kernel takes a large one bit by bit.
 */
export function bytesTaken(socket: Socket): number {
  const { _handle: handle } = socket as SocketWithHandle;
  const connection = handle?._parent ?? handle;
  return connection ? connection.bytesWritten - connection.writeQueueSize : 0;
}

/** What Node and its TLS hold back because the kernel takes no more. */
export function bytesUntaken(socket: Socket): number {
  const { _handle: handle } = socket as SocketWithHandle;
  return (handle?.writeQueueSize ?? 0) + (handle?._parent?.writeQueueSize ?? 0);
}

/** libuv's account of a stream. That of TLS has the connection's as its parent. */
interface StreamHandle {
  /** Given to it. */
  readonly bytesWritten: number;
  /** Of those, what waits. */
  readonly writeQueueSize: number;
  readonly _parent?: StreamHandle;
}

/** The type definitions leave the handle out; it is null when the socket is closed. */
interface SocketWithHandle extends Socket {
  readonly _handle?: StreamHandle | null;
}

/** Ticks in the shortest timeout; at least one each half second. */
const TICKS = 8;
const MIN_TICK_MS = 5;
const MAX_TICK_MS = 500;

/** Calls `check` with the time (`performance.now`) while it runs. It keeps no process alive. */
export class SilenceClock {
  readonly #check: (nowMs: number) => void;
  #timer: NodeJS.Timeout | null = null;

  constructor(check: (nowMs: number) => void) {
    this.#check = check;
  }

  /** Run, often enough for a timeout of `shortestMs`. No effect while it runs. */
  start(shortestMs: number): void {
    if (this.#timer !== null) return;
    const tickMs = Math.min(MAX_TICK_MS, Math.max(MIN_TICK_MS, Math.floor(shortestMs / TICKS)));
    this.#timer = setInterval(() => this.#check(performance.now()), tickMs).unref();
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }
}
