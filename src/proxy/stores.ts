/**
 * The session store that the configuration asks for. Each kind is loaded only when it is used: a proxy without sessions
 * on disk or on the network needs neither of their packages.
 */
import type { Config } from '../config/config.ts';
import { createMemoryStore } from '../session/memory.ts';
import type { SessionStore, StoreListener } from '../session/store.ts';

/** Milliseconds. */
export interface StoreClocks {
  /** Since the epoch: for records that outlive the process. */
  readonly wall: () => number;
  /** Never set back or forward: a wall clock that jumps must not end the sessions of a store that lives in one process. */
  readonly monotonic: () => number;
}

export interface StoreOptions {
  readonly clocks: StoreClocks;
  /** Of all processes that share a store on disk one sweeps: it clears away what is past its end. */
  readonly sweep: boolean;
  /** Called once when a store on disk is lost to this process for good; a new process is the remedy. */
  readonly onDeath: () => void;
  readonly onChange: StoreListener;
}

/**
 * End a process that has lost its store, when all else is done: LMDB holds a lock for ever after a panic, and every gentler end
 * waits for it.
 */
export function endWithLostStore(): void {
  process.kill(process.pid, 'SIGKILL');
}

/** Rejects with STORE_UNAVAILABLE when a store on disk cannot be opened; a remote one may be away at the start. */
export async function openStore(
  config: Config,
  { clocks, sweep, onDeath, onChange }: StoreOptions,
): Promise<SessionStore> {
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
      return openLmdbStore({ path: store.path, clock: clocks.wall, sweep, onDeath, onChange });
    }
    case 'redis': {
      const { openRedisStore } = await import('../session/redis.ts');
      return openRedisStore({
        url: store.url,
        sentinels: store.sentinels,
        sentinelName: store.sentinelName,
        sentinelUsername: store.sentinelUsername,
        sentinelPassword: store.sentinelPassword?.reveal() ?? null,
        cluster: store.cluster,
        username: store.username,
        password: store.password?.reveal() ?? null,
        tls: store.tls,
        ca: store.ca,
        keyPrefix: store.keyPrefix,
        commandTimeoutMs: store.commandTimeoutMs,
        onChange,
      });
    }
  }
}
