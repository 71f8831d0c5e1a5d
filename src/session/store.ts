/**
 * SessionStore: the small contract that all stores meet. `test/support/store-contract.ts` is its test.
 *
 * A store keeps opaque sealed records under opaque keys. It knows neither SIDs nor cookies (`session/seal.ts`), never
 * merges (`session/session.ts` does, by compare-and-set), and keeps time only to forget.
 */

export interface StoredRecord {
  /** Grows with each write; 1 is the first. */
  readonly version: number;
  readonly sealed: Buffer;
}

/** Told when a store goes away, with a reason that holds no secret, and when it is back (null): once a change. */
export type StoreListener = (reason: string | null) => void;

export interface SessionStore {
  /** For logs and metrics: 'memory', 'lmdb', 'redis'. */
  readonly kind: string;
  /** The live record under `key`, null when there is none or it is past its time. */
  read(key: string): Promise<StoredRecord | null>;
  /**
   * Write `sealed` if the record's version still is `expectedVersion` (0: there is none). True when written; the version
   * is then `expectedVersion + 1`. `ttlMs` counts from now. A key that was removed refuses every write until its
   * tombstone is forgotten, so that a slow request cannot bring a dead session back.
   */
  compareAndSet(key: string, expectedVersion: number, sealed: Buffer, ttlMs: number): Promise<boolean>;
  /** Put the record's end at `ttlMs` from now without a new version. No effect when there is none. */
  touch(key: string, ttlMs: number): Promise<void>;
  /** Remove the record and refuse writes under its key for `tombstoneMs`. */
  remove(key: string, tombstoneMs: number): Promise<void>;
  /** Live records, about; for metrics. */
  count(): Promise<number>;
  /** False while the store is known to be away; a request that needs it is refused at once (STORE_UNAVAILABLE). */
  readonly isAvailable: boolean;
  close(): Promise<void>;
}
/** Faults of a store are thrown as ProxyError STORE_UNAVAILABLE with the cause kept. */
