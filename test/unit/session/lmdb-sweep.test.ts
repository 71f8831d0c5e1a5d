/** The sweep of the lmdb store: gives space back, keeps what lives, and never holds the event loop for long. */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { type Key, open, type RootDatabase } from 'lmdb';
import { openLmdbStore, SWEEP_GRACE_MS, sweepStep } from '../../../src/session/lmdb.ts';
import { type FakeClock, fakeClock } from '../../support/session-fixtures.ts';

const ENTRIES = 20_000;
const SHORT_MS = 1000;
const LONG_MS = 1_000_000;

describe('lmdb sweep', function () {
  this.timeout(60_000);
  let path: string;
  let clock: FakeClock;

  beforeEach(() => {
    path = mkdtempSync(join(tmpdir(), 'transid-lmdb-'));
    clock = fakeClock();
  });
  afterEach(() => rmSync(path, { recursive: true }));

  it('removes what is past its end and nothing else, in steps below 5 ms', async () => {
    const store = openLmdbStore({ path, clock, sweep: false });
    for (let first = 0; first < ENTRIES; first += ENTRIES / 10) {
      await Promise.all(
        Array.from({ length: ENTRIES / 10 }, (_, i) =>
          store.compareAndSet(
            `key${first + i}`.padEnd(43, '-'),
            0,
            Buffer.alloc(300),
            i % 4 === 0 ? LONG_MS : SHORT_MS,
          ),
        ),
      );
    }
    await store.remove('tombstone', SHORT_MS);
    expect(await store.count()).to.equal(ENTRIES + 1);
    clock.advance(SHORT_MS + SWEEP_GRACE_MS);
    await store.close();

    const database: RootDatabase<Buffer, string> = open<Buffer, string & Key>({
      path: join(path, 'sessions.mdb'),
      encoding: 'binary',
      useVersions: true,
    });
    const stepsMs: number[] = [];
    let from: string | null = null;
    do {
      const startedMs = performance.now();
      from = sweepStep(database, from, clock());
      stepsMs.push(performance.now() - startedMs);
      await delay(0);
    } while (from !== null);
    await database.flushed;
    expect(database.getKeysCount()).to.equal(ENTRIES / 4);
    await database.close();
    // The median is the sweep's own time; the slowest steps are those in which a busy machine did something else
    // (bench/stores.ts prints them).
    stepsMs.sort((a, b) => a - b);
    expect(stepsMs.length).to.be.greaterThan(ENTRIES / 300);
    expect(stepsMs[stepsMs.length >> 1]).to.be.below(5);
  });

  it('leaves an entry that was written again meanwhile', async () => {
    const removed: Array<[string, number | undefined]> = [];
    const expired = Buffer.alloc(20);
    expired.writeUInt8(1, 0);
    expired.writeDoubleBE(clock() - SWEEP_GRACE_MS - 1, 1);
    const database = {
      getRange: () => [{ key: 'key', value: expired, version: 77 }],
      remove: async (key: string, version?: number) => removed.push([key, version]) > 0,
    };
    // The removal is conditional on the stamp that was seen; a write in between has another.
    expect(sweepStep(database as unknown as RootDatabase<Buffer, string>, null, clock())).to.equal(null);
    expect(removed).to.deep.equal([['key', 77]]);
  });

  it('spares a session that was used just before its end, though that is not on the disk yet', async () => {
    const store = openLmdbStore({ path, clock, sweep: false });
    await store.compareAndSet('key', 0, Buffer.alloc(10), SHORT_MS);
    const database: RootDatabase<Buffer, string> = open<Buffer, string & Key>({
      path: join(path, 'sessions.mdb'),
      encoding: 'binary',
      useVersions: true,
    });
    clock.advance(SHORT_MS - 1);
    const touched = store.touch('key', LONG_MS);
    clock.advance(1);
    sweepStep(database, null, clock());
    await touched;
    await delay(100);
    expect(await store.read('key')).to.not.equal(null);
    await database.close();
    await store.close();
  });

  it('runs by itself while the store is open', async () => {
    const before = openLmdbStore({ path, clock, sweep: false });
    for (let i = 0; i < 20; i++) await before.compareAndSet(`key${i}`, 0, Buffer.alloc(10), i < 5 ? LONG_MS : SHORT_MS);
    await before.close();
    clock.advance(SHORT_MS + SWEEP_GRACE_MS);
    const store = openLmdbStore({ path, clock, sweep: true });
    const startedMs = performance.now();
    while ((await store.count()) > 5 && performance.now() - startedMs < 5000) await delay(20);
    expect(await store.count()).to.equal(5);
    await store.close();
  });

  it('keeps its files from other users', async () => {
    const store = openLmdbStore({ path: join(path, 'deep', 'data'), clock, sweep: false });
    expect(statSync(join(path, 'deep', 'data')).mode & 0o777).to.equal(0o700);
    await store.close();
  });

  it('refuses a path that it cannot use', () => {
    expect(() => openLmdbStore({ path: '/dev/null/data', clock, sweep: false }))
      .to.throw()
      .that.includes({ code: 'STORE_UNAVAILABLE' });
  });
});
