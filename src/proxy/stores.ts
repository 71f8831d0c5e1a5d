/**
 * The session store that the configuration asks for. Each kind is loaded only when it is used: a proxy without sessions
 * on disk or on the network needs neither of their packages.
 */
import type { Config } from '../config/schema.ts';
import { createMemoryStore } from '../session/memory.ts';
import type { SessionStore } from '../session/store.ts';

export async function openStore(config: Config, clock: () => number): Promise<SessionStore> {
  const { store, limits } = config;
  switch (store.kind) {
    case 'memory':
      return createMemoryStore({ maxSessions: limits.maxSessions, maxBytes: limits.storeBytes, clock });
    case 'lmdb':
    case 'redis':
      throw new Error('not yet');
  }
}
