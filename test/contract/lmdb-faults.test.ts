/** LMDB on a disk that fails or fills up: clear refusals in time, nothing lost that was acknowledged, no process ended by it. */
import { copyFileSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { openLmdbStore, SWEEP_GRACE_MS } from '../../src/session/lmdb.ts';
import type { SessionStore } from '../../src/session/store.ts';
import { startProgram } from '../support/cli.ts';

const TTL_MS = 60_000;
const SEALED = Buffer.from('sealed');
const MEBIBYTE = 1024 * 1024;

describe('lmdb and faults of the disk', function () {
  this.timeout(30_000);
  let path: string;

  beforeEach(() => {
    path = mkdtempSync(join(tmpdir(), 'transid-lmdb-'));
  });
  afterEach(() => rmSync(path, { recursive: true }));

  for (const first of ['create', 'sweep'])
    it(`a meta page that cannot be written (${first}): the store is dead for this process and says so at once`, async () => {
      const run = startProgram(process.execPath, ['--import', 'tsx', 'test/support/broken-lmdb.ts', path, first]);
      // By its own hand, at its end: nothing unheard has ended it before.
      expect(await run.exit, run.stderr()).to.equal('SIGKILL');
      const { said, later, laterMs, deaths, isAvailable } = JSON.parse(run.stdout());
      if (first === 'create') expect(said).to.equal('STORE_UNAVAILABLE: lmdb: EBADF');
      const { create, ...others } = later;
      expect(create).to.match(/^STORE_UNAVAILABLE: lmdb: (MDB_PANIC|EINVAL)$/);
      expect([...new Set(Object.values(others))]).to.deep.equal(['STORE_UNAVAILABLE: lmdb is dead in this process']);
      expect(laterMs, 'nobody waits for a dead store').to.be.lessThan(1000);
      expect(deaths).to.equal(1);
      expect(isAvailable).to.equal(false);

      const store = openLmdbStore({ path, clock: Date.now, sweep: false });
      expect((await store.read('key'))?.sealed, 'for the next process the file is whole').to.deep.equal(SEALED);
      expect(await store.compareAndSet('key', 1, SEALED, TTL_MS)).to.equal(true);
      await store.close();
    });

  it('the sweep leaves a full disk alone, and goes on when there is room', async () => {
    let freeBytes = 0;
    const store = openLmdbStore({ path, clock: Date.now, sweep: false });
    await store.compareAndSet('old', 0, SEALED, 1);
    await store.close();
    const clock = () => Date.now() + SWEEP_GRACE_MS;
    const sweeping = openLmdbStore({ path, clock, sweep: true, freeBytes: async () => freeBytes });
    await delay(400);
    expect(await sweeping.count()).to.equal(1);
    freeBytes = 17 * MEBIBYTE;
    const startedAtMs = performance.now();
    while ((await sweeping.count()) > 0 && performance.now() - startedAtMs < 5000) await delay(20);
    expect(await sweeping.count()).to.equal(0);
    await sweeping.close();
  });

  for (const name of ['sessions.mdb', 'sessions.mdb-lock'])
    it(`another ${name} in the place of the open one: the store is dead for this process, which others do not share it with`, async () => {
      const said: Array<string | null> = [];
      let deaths = 0;
      const onDeath = () => deaths++;
      const onChange = (reason: string | null) => said.push(reason);
      const store = openLmdbStore({ path, clock: Date.now, sweep: false, onDeath, onChange });
      expect(await store.compareAndSet('key', 0, SEALED, TTL_MS)).to.equal(true);
      const file = join(path, name);
      renameSync(file, `${file}.old`);
      await delay(1500);
      expect(await store.compareAndSet('key', 1, SEALED, TTL_MS), 'gone, and nobody made another').to.equal(true);
      expect(deaths).to.equal(0);
      copyFileSync(`${file}.old`, file);
      const startedAtMs = performance.now();
      while (deaths === 0 && performance.now() - startedAtMs < 5000) await delay(20);
      expect(deaths).to.equal(1);
      expect(said).to.deep.equal([`${file} is another file now`]);
      expect(store.isAvailable).to.equal(false);
      expect(await store.read('key').catch(({ code }) => code)).to.equal('STORE_UNAVAILABLE');
      await store.close();
    });

  describe('that fills up', () => {
    let freeBytes: number;
    let store: SessionStore;
    const said: Array<string | null> = [];

    beforeEach(async () => {
      freeBytes = 17 * MEBIBYTE;
      said.splice(0);
      const onChange = (reason: string | null) => said.push(reason);
      store = openLmdbStore({ path, clock: Date.now, sweep: false, onChange, freeBytes: async () => freeBytes });
      expect(await store.compareAndSet('key', 0, SEALED, TTL_MS)).to.equal(true);
    });
    afterEach(() => store.close());

    it('nothing is written into its last 16 MiB; what is there is read', async () => {
      freeBytes = 16 * MEBIBYTE - 1;
      await delay(300);
      const writes = [
        () => store.compareAndSet('other', 0, SEALED, TTL_MS),
        () => store.compareAndSet('key', 1, SEALED, TTL_MS),
        () => store.touch('key', TTL_MS),
        () => store.remove('key', TTL_MS),
      ];
      for (const write of writes) {
        const fault = await write().catch((error: unknown) => error);
        expect(fault).to.include({
          code: 'STORE_UNAVAILABLE',
          detail: 'the disk of the lmdb store is full but for 16 MiB',
        });
      }
      expect(store.isAvailable).to.equal(false);
      expect((await store.read('key'))?.version).to.equal(1);
      expect(await store.count()).to.equal(1);
    });

    it('writes go on when there is room again', async () => {
      freeBytes = 0;
      await delay(300);
      expect(await store.remove('key', TTL_MS).catch(({ code }) => code)).to.equal('STORE_UNAVAILABLE');
      freeBytes = 16 * MEBIBYTE;
      await delay(300);
      await store.remove('key', TTL_MS);
      expect(await store.read('key')).to.equal(null);
      expect(store.isAvailable).to.equal(true);
      expect(said).to.deep.equal(['the disk of the lmdb store is full but for 16 MiB', null]);
    });
  });
});
