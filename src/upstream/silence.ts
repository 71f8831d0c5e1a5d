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
  #bytesSeen = 0;
  /** By `performance.now`. */
  #sinceMs: number;
  #hasTimer = false;

  constructor(socket: Socket, nowMs: number) {
    this.#socket = socket;
    this.#sinceMs = nowMs;
  }

  /** The time counts from now. */
  restart(nowMs: number): void {
    this.#sinceMs = nowMs;
    this.#bytesSeen = this.#socket.bytesRead + this.#socket.bytesWritten;
  }

  /** For the clock: did no byte go either way for `limitMs`? Then the time counts from now again. */
  isOver(nowMs: number, limitMs: number): boolean {
    const socket = this.#socket;
    if (socket.writableLength > 0) {
      // Only Node sees the kernel take a part of a chunk: its own timer, and the event 'timeout', are for this case.
      if (!this.#hasTimer || socket.timeout !== limitMs) socket.setTimeout(limitMs);
      this.#hasTimer = true;
      return false;
    }
    if (this.#hasTimer) {
      socket.setTimeout(0);
      this.#hasTimer = false;
      this.#sinceMs = nowMs;
    }
    const bytes = socket.bytesRead + socket.bytesWritten;
    if (bytes !== this.#bytesSeen) {
      this.#bytesSeen = bytes;
      this.#sinceMs = nowMs;
      return false;
    }
    if (nowMs - this.#sinceMs < limitMs) return false;
    this.#sinceMs = nowMs;
    return true;
  }

  /** Has `limitMs` passed since `restart`, though the clock may not have come by yet? For sockets that rest. */
  isPast(nowMs: number, limitMs: number): boolean {
    return nowMs - this.#sinceMs >= limitMs;
  }
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
