/**
 * What can go wrong around LMDB, so that a caller meets one fault only: STORE_UNAVAILABLE, in time.
 *
 * Two faults of the package shape this file (lmdb 3.5). A failed commit hands its reason on in a second promise, whose
 * rejection ends the process when nobody listens to it. And when a transaction cannot begin (the environment has panicked
 * because its meta page could not be written, or its lock is broken), the package keeps a lock for ever: no write settles again in
 * this process, and it cannot even end by itself. Nothing but a new process mends that.
 */
import { getSystemErrorName } from 'node:util';
import { ProxyError } from '../errors.ts';
import type { DiskRoom } from './disk-room.ts';
import { within } from './within.ts';

/**
 * MDB_PANIC, and EINVAL: what LMDB says to a read that goes on after it. Neither has another reason here, where keys and values
 * are well formed.
 */
const DEADLY_CODES: readonly number[] = [-30795, 22];
/** Milliseconds. */
export interface GuardTimes {
  /** For a write, with all that waits in front of it and the flush to the disk. */
  readonly write: number;
  /** So long without any write that settles is death: another process may be slow in its flush, but not for so long. */
  readonly silence: number;
  /** For the writes under way at the end, and the last flush. */
  readonly close: number;
}

const TIMES: GuardTimes = { write: 5000, silence: 30_000, close: 6000 };
export const NO_ROOM = 'the disk of the lmdb store is full but for 16 MiB';
/** The package tells why a commit failed within the turn that tells that it failed, or a few later. */
const REASON_MS = 500;

export class LmdbGuard {
  readonly #room: DiskRoom;
  readonly #onDeath: () => void;
  readonly #times: GuardTimes;
  #isDead = false;
  /** When the oldest write began that has had no answer, if none has had one since. */
  #silentSinceMs: number | null = null;

  /** `onDeath`: called once, when this process cannot use the file any more. */
  constructor(room: DiskRoom, onDeath: () => void, times = TIMES) {
    this.#room = room;
    this.#onDeath = onDeath;
    this.#times = times;
  }

  /** False when writes are refused, as of the last one. */
  get isAvailable(): boolean {
    return !this.#isDead && this.#room.isThere;
  }

  /** The result of `work`. Throws STORE_UNAVAILABLE for every fault. */
  read<T>(work: () => T): T {
    this.#mustLive();
    try {
      return work();
    } catch (error) {
      throw this.#fault(error);
    }
  }

  /** The same for a write, which waits for room on the disk and for its commit. Rejects after `times.write` without an answer. */
  async write(work: () => Promise<boolean>): Promise<boolean> {
    this.#mustLive();
    if (!(await this.#room.check())) {
      throw new ProxyError('STORE_UNAVAILABLE', { detail: NO_ROOM });
    }
    const startedAtMs = performance.now();
    let isSettled = false;
    try {
      const written = committed(work()).finally(() => {
        isSettled = true;
        this.#silentSinceMs = null;
      });
      return await within(this.#times.write, written);
    } catch (error) {
      if (!isSettled) this.#unanswered(startedAtMs);
      throw this.#fault(error);
    }
  }

  /** May the store be written to, and is there room? For writes that can wait for another day. */
  async hasRoom(): Promise<boolean> {
    return !this.#isDead && (await this.#room.check());
  }

  /** Wait for `closing`, but not for ever: what does not end in time is dead. */
  async close(closing: () => Promise<void>): Promise<void> {
    if (this.#isDead) return; // It would wait for its writes.
    await within(this.#times.close, closing()).catch(() => this.#die());
  }

  /** A write that began at `startedAtMs` has had no answer in time. */
  #unanswered(startedAtMs: number): void {
    this.#silentSinceMs ??= startedAtMs;
    if (performance.now() - this.#silentSinceMs >= this.#times.silence) this.#die();
  }

  #die(): void {
    if (this.#isDead) return;
    this.#isDead = true;
    this.#onDeath();
  }

  #mustLive(): void {
    if (this.#isDead) throw new ProxyError('STORE_UNAVAILABLE', { detail: 'lmdb is dead in this process' });
  }

  #fault(error: unknown): ProxyError {
    if (error instanceof ProxyError) return error;
    if (DEADLY_CODES.includes(codeOf(error) ?? 0)) this.#die();
    return new ProxyError('STORE_UNAVAILABLE', { detail: `lmdb: ${spell(error)}`, cause: error });
  }
}

/** The same result as `write`; a rejection has the reason of the failed commit, and nothing is left unheard. */
export function committed(write: Promise<boolean>): Promise<boolean> {
  return write.catch(async (error: { commitError?: Promise<never> }) => {
    // Rejects always: with the reason, or because there came none.
    if (error.commitError !== undefined) await within(REASON_MS, error.commitError);
    throw error;
  });
}

function codeOf(error: unknown): number | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'number' ? error.code : null;
}

/** The name of the system's error (ENOSPC) or of LMDB's (MDB_MAP_FULL); any other message as it is. */
export function spell(error: unknown): string {
  const code = codeOf(error);
  if (code !== null && code > 0) return getSystemErrorName(-code);
  const message = error instanceof Error ? error.message : String(error);
  return /^MDB_[A-Z_]+/.exec(message)?.[0] ?? message;
}
