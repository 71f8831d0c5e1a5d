import { setTimeout as delay } from 'node:timers/promises';
import { openRedisStore } from '../../src/session/redis.ts';
import { redisOptions } from '../support/redis-options.ts';
import { startRedis } from '../support/redis-server.ts';
import { describeStoreContract } from '../support/store-contract.ts';

describeStoreContract('redis [needs redis]', async () => {
  const server = await startRedis();
  const store = await openRedisStore(redisOptions(server.port));
  return {
    store,
    advance: async (ms) => {
      await delay(ms);
    },
    async close() {
      await store.close();
      await server.close();
    },
  };
});
