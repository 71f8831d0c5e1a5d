/**
 * The store of one process: a Map in the order of last use, bounded by count and bytes. What is used least recently goes
 * first. Nothing survives a restart.
 */
import type { SessionStore, StoredRecord } from './store.ts';

export interface MemoryStoreOptions {
  readonly maxSessions: number;
  /** Of keys and sealed values with what the engine keeps around them (`ENTRY_BYTES`). */
  readonly maxBytes: number;
  /** Milliseconds; only differences matter. */
  readonly clock: () => number;
}

interface Entry {
  readonly version: number;
  /** As a one-byte string: a small Buffer would pin its 8 KiB pool slab, or cost 200 bytes for a slab of its own. */
  readonly sealed: string;
  expiresAtMs: number;
}

/** Map slot, entry object and two string heads; measured on Node 20 (bench/stores.ts). */
const ENTRY_BYTES = 160;
/** Entries looked at for their end by each write, so that what nobody asks for again goes too. */
const SWEEP_STEP = 4;
/** And by each count of a full store: where no session may begin, nothing is written. */
const FULL_SWEEP_STEP = 1000;

export function createMemoryStore(options: MemoryStoreOptions): SessionStore {
  return new MemoryStore(options);
}

class MemoryStore implements SessionStore {
  readonly kind = 'memory';
  readonly isAvailable = true;
  readonly #options: MemoryStoreOptions;
  /** Least recently used first. */
  readonly #entries = new Map<string, Entry>();
  /** Removed keys → when they are forgotten; oldest first. */
  readonly #tombstones = new Map<string, number>();
  #bytes = 0;
  #hand: MapIterator<[string, Entry]>;

  constructor(options: MemoryStoreOptions) {
    this.#options = options;
    this.#hand = this.#entries.entries();
  }

  read(key: string): Promise<StoredRecord | null> {
    const entry = this.#alive(key);
    if (entry === null) return Promise.resolve(null);
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return Promise.resolve({ version: entry.version, sealed: Buffer.from(entry.sealed, 'latin1') });
  }

  compareAndSet(key: string, expectedVersion: number, sealed: Buffer, ttlMs: number): Promise<boolean> {
    const nowMs = this.#options.clock();
    if (this.#isRemoved(key, nowMs)) return Promise.resolve(false);
    const old = this.#alive(key);
    if ((old?.version ?? 0) !== expectedVersion) return Promise.resolve(false);
    if (old !== null) this.#forget(key, old);
    const entry = { version: expectedVersion + 1, sealed: sealed.toString('latin1'), expiresAtMs: nowMs + ttlMs };
    this.#entries.set(key, entry);
    this.#bytes += cost(key, entry);
    this.#sweepSome(nowMs, SWEEP_STEP);
    this.#evict();
    return Promise.resolve(true);
  }

  touch(key: string, ttlMs: number): Promise<void> {
    const entry = this.#alive(key);
    if (entry !== null) entry.expiresAtMs = this.#options.clock() + ttlMs;
    return Promise.resolve();
  }

  remove(key: string, tombstoneMs: number): Promise<void> {
    const entry = this.#entries.get(key);
    if (entry !== undefined) this.#forget(key, entry);
    this.#tombstones.delete(key);
    this.#tombstones.set(key, this.#options.clock() + tombstoneMs);
    if (this.#tombstones.size > this.#options.maxSessions) {
      const [oldest] = this.#tombstones.keys();
      if (oldest !== undefined) this.#tombstones.delete(oldest);
    }
    return Promise.resolve();
  }

  count(): Promise<number> {
    if (this.#entries.size >= this.#options.maxSessions) this.#sweepSome(this.#options.clock(), FULL_SWEEP_STEP);
    return Promise.resolve(this.#entries.size);
  }

  close(): Promise<void> {
    this.#entries.clear();
    this.#tombstones.clear();
    this.#bytes = 0;
    return Promise.resolve();
  }

  #alive(key: string): Entry | null {
    const entry = this.#entries.get(key);
    if (entry === undefined) return null;
    if (entry.expiresAtMs > this.#options.clock()) return entry;
    this.#forget(key, entry);
    return null;
  }

  #isRemoved(key: string, nowMs: number): boolean {
    const untilMs = this.#tombstones.get(key);
    if (untilMs === undefined) return false;
    if (untilMs > nowMs) return true;
    this.#tombstones.delete(key);
    return false;
  }

  #forget(key: string, entry: Entry): void {
    this.#entries.delete(key);
    this.#bytes -= cost(key, entry);
  }

  #evict(): void {
    for (const [key, entry] of this.#entries) {
      if (this.#entries.size <= this.#options.maxSessions && this.#bytes <= this.#options.maxBytes) return;
      this.#forget(key, entry);
    }
  }

  /** A clock hand over all entries, moved on by some at a time. */
  #sweepSome(nowMs: number, steps: number): void {
    for (let step = 0; step < steps; step++) {
      const { value, done } = this.#hand.next();
      if (done) {
        this.#hand = this.#entries.entries();
        return;
      }
      const [key, entry] = value;
      if (entry.expiresAtMs <= nowMs) this.#forget(key, entry);
    }
  }
}

function cost(key: string, entry: Entry): number {
  return key.length + entry.sealed.length + ENTRY_BYTES;
}
