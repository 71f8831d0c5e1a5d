/**
 * What can go wrong around LMDB, so that a caller meets one fault only: STORE_UNAVAILABLE, in time.
 *
 * Two faults of the package shape this file (lmdb 3.5). A failed commit hands its reason on in a second promise, whose
 * rejection ends the process when nobody listens to it. And when a transaction cannot begin (the environment has panicked
 * because its meta page could not be written, or its lock is broken), the package keeps a lock for ever: no write settles again in
 * this process, and it cannot even end by itself. Nothing but a new process mends that.
 */
import { constants } from 'node:os';
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
/** Writes in a row that the disk has refused, for what no look tells: a quota, a limit of the file's size, a fault. After a first one the next may tell of a panic. */
const MAX_REFUSED = 2;
/** From then on, so often one write asks whether that still holds. */
const REFUSED_MS = 5000;
/** The package tells why a commit failed within the turn that tells that it failed, or a few later. */
const REASON_MS = 500;

export interface GuardOptions {
  /** `refusal` is another one than before, but for what the room on the disk has to do with it. */
  readonly onChange?: () => void;
  readonly times?: GuardTimes;
  /** Milliseconds, never set back or forward. */
  readonly clock?: () => number;
}

export class LmdbGuard {
  readonly #room: DiskRoom;
  readonly #onDeath: () => void;
  readonly #onChange: () => void;
  readonly #times: GuardTimes;
  readonly #clock: () => number;
  #isDead = false;
  #refusedInRow = 0;
  /** Why the disk refuses writes; until when it is not asked again. */
  #refused: { readonly reason: string; untilMs: number } | null = null;
  /** When the oldest write began that has had no answer, if none has had one since. */
  #silentSinceMs: number | null = null;

  /** `onDeath`: called once, when this process cannot use the file any more. */
  constructor(room: DiskRoom, onDeath: () => void, options: GuardOptions = {}) {
    this.#room = room;
    this.#onDeath = onDeath;
    this.#onChange = options.onChange ?? (() => {});
    this.#times = options.times ?? TIMES;
    this.#clock = options.clock ?? (() => performance.now());
  }

  /** False when writes are refused, as of the last one. */
  get isAvailable(): boolean {
    return !this.#isDead && this.refusal === null;
  }

  /** Why writes are refused, as of the last one; null while they are taken. */
  get refusal(): string | null {
    return this.#room.isThere ? (this.#refused?.reason ?? null) : NO_ROOM;
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
    this.#mustBeTaken();
    const startedAtMs = performance.now();
    let isSettled = false;
    try {
      const written = committed(work()).finally(() => {
        isSettled = true;
        this.#silentSinceMs = null;
      });
      const isWritten = await within(this.#times.write, written);
      // What did not hold is answered without the disk.
      if (isWritten) this.#taken();
      return isWritten;
    } catch (error) {
      if (!isSettled) this.#unanswered(startedAtMs);
      else if (isOfDisk(error)) this.#refusedBy(error);
      throw this.#fault(error);
    }
  }

  /** May the store be written to, and is there room? For writes that can wait for another day. */
  async hasRoom(): Promise<boolean> {
    return !this.#isDead && (await this.#room.check()) && this.#refused === null;
  }

  /** Wait for `closing`, but not for ever: what does not end in time is dead. */
  async close(closing: () => Promise<void>): Promise<void> {
    if (this.#isDead) return; // It would wait for its writes.
    await within(this.#times.close, closing()).catch(() => this.#die());
  }

  /** The file is of no more use to this process, for a reason that no read or write of it tells. */
  abandon(reason: string): void {
    if (this.#isDead) return;
    this.#refused = { reason, untilMs: Number.POSITIVE_INFINITY };
    this.#onChange();
    this.#die();
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

  /** While the disk refuses, one write in a while asks it again: each that fails may cost the process (docs/decisions/041). */
  #mustBeTaken(): void {
    if (this.#refused === null) return;
    const nowMs = this.#clock();
    if (nowMs < this.#refused.untilMs) throw new ProxyError('STORE_UNAVAILABLE', { detail: this.#refused.reason });
    this.#refused.untilMs = nowMs + REFUSED_MS;
  }

  #refusedBy(error: unknown): void {
    this.#refusedInRow++;
    if (this.#refused !== null || this.#refusedInRow < MAX_REFUSED) return;
    const reason = `the disk of the lmdb store refuses writes (${spell(error)})`;
    this.#refused = { reason, untilMs: this.#clock() + REFUSED_MS };
    this.#onChange();
  }

  #taken(): void {
    this.#refusedInRow = 0;
    // A write that was under way when the file was given up brings it back for nobody.
    if (this.#refused === null || this.#isDead) return;
    this.#refused = null;
    this.#onChange();
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

/** An error of the system, not of LMDB, which numbers its own below 0. */
function isOfDisk(error: unknown): boolean {
  const code = codeOf(error) ?? 0;
  return code > 0 && !DEADLY_CODES.includes(code);
}

function codeOf(error: unknown): number | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'number' ? error.code : null;
}

/** The name of the system's error (ENOSPC) or of LMDB's (MDB_MAP_FULL); any other message as it is. */
export function spell(error: unknown): string {
  const code = codeOf(error);
  // Not by `getSystemErrorName`, which does not know EDQUOT.
  const [name] = Object.entries(constants.errno).find(([, number]) => number === code) ?? [];
  if (name !== undefined) return name;
  const message = error instanceof Error ? error.message : String(error);
  return /^MDB_[A-Z_]+/.exec(message)?.[0] ?? message;
}
