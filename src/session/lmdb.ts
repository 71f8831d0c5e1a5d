/**
 * The embedded store: one LMDB file that all workers of a machine share. It survives restarts and `kill -9` at any
 * moment: LMDB never overwrites a page that a reader can still see, and a commit is one page write.
 *
 * A write is acknowledged when it is committed: visible to every process and flushed to the disk. So neither a killed
 * process nor a machine that loses power loses anything that was acknowledged. Writes of one moment share a flush.
 *
 * Reads run in this thread on the memory map (2 µs); a file larger than the memory would make them wait for the disk.
 */
import { accessSync, chmodSync, constants, mkdirSync, type Stats, statfsSync, statSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { open, type RootDatabase } from 'lmdb';
import { ProxyError } from '../errors.ts';
import { DiskRoom, freeBytesAt, freeBytesOf, MIN_FREE_BYTES } from './disk-room.ts';
import { findDamage } from './lmdb-file.ts';
import { committed, LmdbGuard, NO_ROOM, spell } from './lmdb-guard.ts';
import type { SessionStore, StoredRecord, StoreListener } from './store.ts';

export interface LmdbStoreOptions {
  /** A directory, made when it is not there, for the program's user alone. */
  readonly path: string;
  /** Wall clock in milliseconds: ends are kept across restarts and between workers. */
  readonly clock: () => number;
  /** One worker of a machine is enough to clear away what is past its end. */
  readonly sweep: boolean;
  /** Called once, when this process cannot use the file any more; others can. A new process is the remedy. */
  readonly onDeath?: () => void;
  /** Whether the disk takes writes, as far as any ask for it. */
  readonly onChange?: StoreListener;
  /** What may still be written to the disk; for tests. */
  readonly freeBytes?: () => Promise<number>;
}

type Database = RootDatabase<Buffer, string>;

/**
 * A value is a head and the sealed bytes. The head holds its end and the version of the contract. LMDB's own version of an
 * entry is a random stamp, new with every write: a condition on it cannot take a later state for an earlier one.
 */
interface Entry {
  readonly stamp: number;
  readonly isTombstone: boolean;
  readonly expiresAtMs: number;
  readonly version: number;
  readonly sealed: Buffer;
}

const RECORD = 1;
const TOMBSTONE = 2;
const END_AT = 1;
const VERSION_AT = END_AT + 8;
const HEAD_BYTES = VERSION_AT + 4;

/** Else the sixth write that waits would begin a commit of its own. In the package's documents, not in its types. */
const ONE_COMMIT_A_TURN = { txnStartThreshold: 100_000 };

/** One step looks at this many entries: half a millisecond at most, far below the 5 ms that a request may be kept waiting. */
const SWEEP_ENTRIES = 64;
const SWEEP_STEP_MS = 50;
/** How long past its end an entry stays: a touch from before it may still be on its way to the disk, and keeps the stamp. */
export const SWEEP_GRACE_MS = 10_000;
/** After the last entry. Each read checks the end anyway: the sweep only gives the space back. */
const SWEEP_REST_MS = 30_000;
/** How often it is looked whether the files are still those that are open. */
const PLACE_EVERY_MS = 1000;
/** Until the sweep looks again for room on the disk. */
const NO_ROOM_MS = 1000;

/** Open or make the store. Throws ProxyError STORE_UNAVAILABLE when the directory cannot be used. */
export function openLmdbStore(options: LmdbStoreOptions): SessionStore {
  try {
    makeFolder(options.path);
    chmodSync(options.path, 0o700);
    const file = join(options.path, 'sessions.mdb');
    refuseDamaged(file);
    refuseUnusable(file);
    const database = open<Buffer, string>({
      path: file,
      encoding: 'binary',
      useVersions: true,
      // With overlapping flushes, one process that dies in a flush makes LMDB panic in another that is writing.
      overlappingSync: false,
      // The package's promise for the writes of one turn is nobody's: a failed commit would end the process by it.
      eventTurnBatching: false,
      ...ONE_COMMIT_A_TURN,
      // A worker takes a reader slot; a killed one leaves it until the next start clears it.
      maxReaders: 512,
    });
    return new LmdbStore(database, options);
  } catch (cause) {
    if (cause instanceof ProxyError) throw cause;
    throw new ProxyError('STORE_UNAVAILABLE', { detail: `lmdb cannot use ${options.path} (${spell(cause)})`, cause });
  }
}

/** As `mkdir -p`. Node 20's own way never returns where a folder that is there takes no other (ENOENT, below /proc). */
function makeFolder(path: string): void {
  if (isFolder(path)) return;
  const above = dirname(path);
  if (above !== path) makeFolder(above);
  try {
    mkdirSync(path);
  } catch (error) {
    // Another worker may have made it meanwhile.
    if (!isFolder(path)) throw error;
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function refuseDamaged(file: string): void {
  const damage = findDamage(file);
  if (damage === null) return;
  const remedy = 'move it away, and all sessions begin anew';
  throw new ProxyError('STORE_UNAVAILABLE', { detail: `${file} is damaged (${damage}): ${remedy}` });
}

/** The package ends the process without a word where it may not have its lock, or where there is no room to make both files. */
function refuseUnusable(file: string): void {
  const lock = `${file}-lock`;
  const [data, locked] = [file, lock].map((name) => statSync(name, { throwIfNoEntry: false }));
  if (locked?.isFile() === false) throw new Error(`${lock} is not a file`);
  // Not opened: to close it would take the lock away from a store that this process has open.
  if (locked !== undefined) accessSync(lock, constants.R_OK | constants.W_OK);
  const isMade = data !== undefined && data.size > 0 && locked !== undefined;
  if (!isMade && freeBytesOf(statfsSync(dirname(file))) < MIN_FREE_BYTES) {
    throw new ProxyError('STORE_UNAVAILABLE', { detail: NO_ROOM });
  }
}

class LmdbStore implements SessionStore {
  readonly kind = 'lmdb';
  readonly #database: Database;
  readonly #clock: () => number;
  readonly #guard: LmdbGuard;
  readonly #stopSweep: () => void;
  readonly #stopWatch: () => void;

  constructor(database: Database, { path, clock, sweep, onDeath, onChange, freeBytes }: LmdbStoreOptions) {
    this.#database = database;
    this.#clock = clock;
    let told: string | null = null;
    const tell = () => {
      const reason = this.#guard.refusal;
      if (reason === told) return;
      told = reason;
      onChange?.(reason);
    };
    const room = new DiskRoom(freeBytes ?? (() => freeBytesAt(path)), tell);
    this.#guard = new LmdbGuard(room, onDeath ?? (() => {}), { onChange: tell });
    this.#stopSweep = sweep ? startSweep(database, clock, this.#guard) : () => {};
    this.#stopWatch = watchPlace(join(path, 'sessions.mdb'), (name) =>
      this.#guard.abandon(`${name} is another file now`),
    );
  }

  get isAvailable(): boolean {
    return this.#guard.isAvailable;
  }

  async read(key: string): Promise<StoredRecord | null> {
    const entry = this.#guard.read(() => readFresh(this.#database, key));
    return entry === null || entry.isTombstone || entry.expiresAtMs <= this.#clock() ? null : entry;
  }

  async compareAndSet(key: string, expectedVersion: number, sealed: Buffer, ttlMs: number): Promise<boolean> {
    const nowMs = this.#clock();
    const value = encode(RECORD, nowMs + ttlMs, expectedVersion + 1, sealed);
    return this.#guard.write(async () => {
      const entry = readFresh(this.#database, key);
      if (entry === null) return expectedVersion === 0 && this.#putNew(key, value);
      const isOver = entry.expiresAtMs <= nowMs;
      if (!isOver && entry.isTombstone) return false;
      if ((isOver ? 0 : entry.version) !== expectedVersion) return false;
      return this.#database.put(key, value, newStamp(), entry.stamp);
    });
  }

  /** Keeps the stamp: a write that was prepared meanwhile still holds. A write that came between makes it void. */
  async touch(key: string, ttlMs: number): Promise<void> {
    const nowMs = this.#clock();
    await this.#guard.write(async () => {
      const entry = readEntry(this.#database, key);
      if (entry === null || entry.isTombstone || entry.expiresAtMs <= nowMs) return false;
      const value = encode(RECORD, nowMs + ttlMs, entry.version, entry.sealed);
      return this.#database.put(key, value, entry.stamp, entry.stamp);
    });
  }

  async remove(key: string, tombstoneMs: number): Promise<void> {
    const value = encode(TOMBSTONE, this.#clock() + tombstoneMs, 0, Buffer.alloc(0));
    await this.#guard.write(() => this.#database.put(key, value, newStamp()));
  }

  /** With tombstones and what the sweep has not reached yet. */
  async count(): Promise<number> {
    // The package's types leave the statistics open.
    const stats = this.#guard.read(() => this.#database.getStats() as { entryCount: number });
    return stats.entryCount;
  }

  async close(): Promise<void> {
    this.#stopSweep();
    this.#stopWatch();
    await this.#guard.close(() => this.#database.close());
  }

  #putNew(key: string, value: Buffer): Promise<boolean> {
    return this.#database.ifNoExists(key, () => {
      // The condition's result, and its fault, are those that count.
      committed(this.#database.put(key, value, newStamp())).catch(() => false);
    });
  }
}

/** What is there, or was a little before. */
function readEntry(database: Database, key: string): Entry | null {
  const found = database.getEntry(key);
  return found === undefined ? null : decode(found.value, found.version ?? 0);
}

/**
 * What is there now. The package keeps a snapshot for a millisecond or a turn of the event loop: in that time another worker may have
 * begun the session, or ended it and told the client so. And after a lost race an older snapshot would lose the next one, too.
 */
function readFresh(database: Database, key: string): Entry | null {
  database.resetReadTxn();
  return readEntry(database, key);
}

function encode(kind: number, expiresAtMs: number, version: number, sealed: Buffer): Buffer {
  const value = Buffer.allocUnsafe(HEAD_BYTES + sealed.length);
  value.writeUInt8(kind, 0);
  value.writeDoubleBE(expiresAtMs, END_AT);
  value.writeUInt32BE(version, VERSION_AT);
  value.set(sealed, HEAD_BYTES);
  return value;
}

function decode(value: Buffer, stamp: number): Entry {
  return {
    stamp,
    isTombstone: value.readUInt8(0) === TOMBSTONE,
    expiresAtMs: value.readDoubleBE(END_AT),
    version: value.readUInt32BE(VERSION_AT),
    sealed: value.subarray(HEAD_BYTES),
  };
}

/** 52 random bits: the versions of one entry do not meet. */
function newStamp(): number {
  return Math.floor(Math.random() * 2 ** 52) + 1;
}

/** Walk over all entries in steps, for ever; returns what stops it. The timer keeps no process alive. */
function startSweep(database: Database, clock: () => number, guard: LmdbGuard): () => void {
  let from: string | null = null;
  let isStopped = false;
  const step = async () => {
    const hasRoom = await guard.hasRoom(); // Removing writes, too.
    if (isStopped) return;
    if (!hasRoom) {
      timer = setTimeout(step, NO_ROOM_MS).unref();
      return;
    }
    try {
      from = guard.read(() => sweepStep(database, from, clock()));
    } catch {
      from = null; // The file cannot be read now: requests report that, the sweep tries again.
    }
    timer = setTimeout(step, from === null ? SWEEP_REST_MS : SWEEP_STEP_MS).unref();
  };
  let timer = setTimeout(step, SWEEP_STEP_MS).unref();
  return () => {
    isStopped = true;
    clearTimeout(timer);
  };
}

/**
 * Look at the entries after `from` (null: from the first) and remove those well past their end, unless they change meanwhile.
 * Returns where to go on, null at the end.
 */
export function sweepStep(
  database: Pick<Database, 'getRange' | 'remove'>,
  from: string | null,
  nowMs: number,
): string | null {
  const range = from === null ? {} : { start: from, exclusiveStart: true };
  let seen = 0;
  let last: string | null = null;
  for (const { key, value, version } of database.getRange({ ...range, limit: SWEEP_ENTRIES, versions: true })) {
    seen++;
    last = key;
    const entry = decode(value, version ?? 0);
    // A rejection means that the disk is in trouble, which the next request reports.
    if (entry.expiresAtMs <= nowMs - SWEEP_GRACE_MS) committed(database.remove(key, entry.stamp)).catch(() => false);
  }
  return seen < SWEEP_ENTRIES ? null : last;
}

/**
 * Who opens the store by its path finds other files than this process has, where the folder was removed and made again by another
 * worker, or a copy was put back: each would have sessions of its own, or write without the other's lock. `onOther` is told the name once.
 * Files that are only gone are nobody else's: this process goes on with them. The timer keeps no process alive.
 */
function watchPlace(file: string, onOther: (name: string) => void): () => void {
  const open = [file, `${file}-lock`].map((name) => ({ name, own: statSync(name) }));
  let isStopped = false;
  const look = async () => {
    const found = await Promise.all(open.map(({ name }) => stat(name).catch(() => null)));
    if (isStopped) return;
    const other = open.find(({ own }, index) => !isSameFile(found[index] ?? own, own));
    if (other === undefined) timer = setTimeout(look, PLACE_EVERY_MS).unref();
    else onOther(other.name);
  };
  let timer = setTimeout(look, PLACE_EVERY_MS).unref();
  return () => {
    isStopped = true;
    clearTimeout(timer);
  };
}

function isSameFile(a: Stats, b: Stats): boolean {
  return a.ino === b.ino && a.dev === b.dev;
}
