import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLmdbStore } from '../../src/session/lmdb.ts';
import { fakeClock } from '../support/session-fixtures.ts';
import { describeStoreContract } from '../support/store-contract.ts';

describeStoreContract('lmdb', async () => {
  const clock = fakeClock();
  const path = mkdtempSync(join(tmpdir(), 'transid-lmdb-'));
  const store = openLmdbStore({ path, clock, sweep: false });
  return {
    store,
    advance: async (ms) => clock.advance(ms),
    async close() {
      await store.close();
      rmSync(path, { recursive: true });
    },
  };
});
