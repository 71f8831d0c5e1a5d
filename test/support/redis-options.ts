/** Options of the Redis store for tests. */
import type { RedisStoreOptions } from '../../src/session/redis-client.ts';

/** Options for a server on loopback, as the configuration's defaults have them. */
export function redisOptions(port: number, edits: Partial<RedisStoreOptions> = {}): RedisStoreOptions {
  return {
    url: `redis://127.0.0.1:${port}`,
    sentinels: [],
    sentinelName: 'mymaster',
    sentinelPassword: null,
    cluster: [],
    password: null,
    tls: false,
    ca: null,
    keyPrefix: 'transid:',
    commandTimeoutMs: 100,
    ...edits,
  };
}
