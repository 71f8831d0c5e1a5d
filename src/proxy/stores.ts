/**
 * The session store that the configuration asks for. Each kind is loaded only when it is used: a proxy without sessions
 * on disk or on the network needs neither of their packages.
 */
import type { Config } from '../config/schema.ts';
import { createMemoryStore } from '../session/memory.ts';
import type { SessionStore } from '../session/store.ts';

/** Milliseconds. */
export interface StoreClocks {
  /** Since the epoch: for records that outlive the process. */
  readonly wall: () => number;
  /** Never set back or forward: a wall clock that jumps must not end the sessions of a store that lives in one process. */
  readonly monotonic: () => number;
}

/**
 * Rejects with STORE_UNAVAILABLE when a store on disk cannot be opened; a remote one may be away at the start. Of all processes
 * that share a store on disk one sweeps: it clears away what is past its end.
 */
export async function openStore(config: Config, clocks: StoreClocks, sweep: boolean): Promise<SessionStore> {
  const { store, limits } = config;
  switch (store.kind) {
    case 'memory':
      return createMemoryStore({
        maxSessions: limits.maxSessions,
        maxBytes: limits.storeBytes,
        clock: clocks.monotonic,
      });
    case 'lmdb': {
      const { openLmdbStore } = await import('../session/lmdb.ts');
      return openLmdbStore({ path: store.path, clock: clocks.wall, sweep });
    }
    case 'redis': {
      const { openRedisStore } = await import('../session/redis.ts');
      return openRedisStore({
        url: store.url,
        sentinels: store.sentinels,
        sentinelName: store.sentinelName,
        cluster: store.cluster,
        username: store.username,
        password: store.password?.reveal() ?? null,
        tls: store.tls,
        ca: store.ca,
        keyPrefix: store.keyPrefix,
        commandTimeoutMs: store.commandTimeoutMs,
      });
    }
  }
}
