import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, stat } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
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

describe('lmdb, two processes', function () {
  this.timeout(20_000);

  it('shows with each read what others had written before it, within a turn of the event loop, too', async () => {
    const path = mkdtempSync(join(tmpdir(), 'transid-lmdb-'));
    const store = openLmdbStore({ path, clock: Date.now, sweep: false });
    const program = `
      import { openLmdbStore } from ${JSON.stringify(new URL('../../src/session/lmdb.ts', import.meta.url).href)};
      const store = openLmdbStore({ path: ${JSON.stringify(path)}, clock: Date.now, sweep: false });
      await store.compareAndSet('key', 0, Buffer.from('theirs'), 60_000);
      await store.close();
    `;
    try {
      // Behind an answer of the system's, no timer comes by before the next turn.
      await new Promise((resolve) => stat(path, resolve));
      expect(await store.read('key')).to.equal(null);
      await store.touch('key', 1000);
      const args = ['--import', 'tsx', '--input-type=module', '-e', program];
      const other = spawnSync(process.execPath, args, { encoding: 'utf8' });
      expect(other.stderr).to.equal('');
      expect((await store.read('key'))?.sealed.toString()).to.equal('theirs');
    } finally {
      await store.close();
      rmSync(path, { recursive: true });
    }
  });
});
