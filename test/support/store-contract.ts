/**
 * The contract of src/session/store.ts as one suite, run for every store.
 *
 * `advance` moves the store's time: a fake clock for the embedded stores, real waiting for one that has a clock of its
 * own. Times in the rows are therefore small, and far enough apart for a busy machine.
 */
import { expect } from 'chai';
import type { SessionStore } from '../../src/session/store.ts';

export interface StoreUnderTest {
  readonly store: SessionStore;
  advance(ms: number): Promise<void>;
  close(): Promise<void>;
}

const SHORT_MS = 60;
const LONG_MS = 60_000;

let serial = 0;
/** As long as a real store key, and new for every use: suites may share one server. */
function freshKey(): string {
  serial++;
  return `${process.pid}-${serial}-${Math.random().toString(36).slice(2)}`.padEnd(43, 'k');
}

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

/** Declare the suite; `open` gives a store of its own to each run of it. */
export function describeStoreContract(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`store contract: ${name}`, () => {
    let subject: StoreUnderTest | undefined;
    let store: SessionStore;
    let key: string;

    before(async () => {
      subject = await open();
      store = subject.store;
    });
    after(() => subject?.close());
    beforeEach(() => {
      key = freshKey();
    });

    async function readText(): Promise<string | null> {
      const record = await store.read(key);
      return record === null ? null : `${record.version}:${record.sealed.toString('latin1')}`;
    }

    it('has a kind and is available', () => {
      expect(store.kind).to.match(/^(memory|lmdb|redis)$/);
      expect(store.isAvailable).to.equal(true);
    });

    it('has nothing under a key that was never written', async () => {
      expect(await store.read(key)).to.equal(null);
    });

    it('gives back every byte that was written, as version 1', async () => {
      const sealed = Buffer.from(Array.from({ length: 1024 }, (_, i) => i & 255));
      expect(await store.compareAndSet(key, 0, sealed, LONG_MS)).to.equal(true);
      const record = await store.read(key);
      expect(record?.version).to.equal(1);
      expect(record?.sealed.equals(sealed)).to.equal(true);
    });

    it('keeps a large value whole', async () => {
      const sealed = Buffer.alloc(300_000, 7);
      await store.compareAndSet(key, 0, sealed, LONG_MS);
      expect((await store.read(key))?.sealed.equals(sealed)).to.equal(true);
    });

    it('does not change with the buffer that the caller goes on using', async () => {
      const sealed = bytes('before');
      await store.compareAndSet(key, 0, sealed, LONG_MS);
      sealed.fill(0);
      expect(await readText()).to.equal('1:before');
    });

    it('writes on the expected version only', async () => {
      await store.compareAndSet(key, 0, bytes('a'), LONG_MS);
      expect(await store.compareAndSet(key, 0, bytes('b'), LONG_MS)).to.equal(false);
      expect(await store.compareAndSet(key, 2, bytes('b'), LONG_MS)).to.equal(false);
      expect(await readText()).to.equal('1:a');
      expect(await store.compareAndSet(key, 1, bytes('b'), LONG_MS)).to.equal(true);
      expect(await readText()).to.equal('2:b');
    });

    it('refuses to update what is not there', async () => {
      expect(await store.compareAndSet(key, 1, bytes('a'), LONG_MS)).to.equal(false);
      expect(await store.read(key)).to.equal(null);
    });

    it('lets one of many equal writers through', async () => {
      await store.compareAndSet(key, 0, bytes('start'), LONG_MS);
      const wins = await Promise.all(
        Array.from({ length: 50 }, (_, i) => store.compareAndSet(key, 1, bytes(`w${i}`), LONG_MS)),
      );
      const winner = wins.indexOf(true);
      expect(wins.filter(Boolean)).to.have.lengthOf(1);
      expect(await readText()).to.equal(`2:w${winner}`);
    });

    it('keeps keys apart', async () => {
      const other = freshKey();
      await store.compareAndSet(key, 0, bytes('a'), LONG_MS);
      await store.compareAndSet(other, 0, bytes('b'), LONG_MS);
      await store.remove(other, LONG_MS);
      expect(await readText()).to.equal('1:a');
    });

    it('forgets a record at its end, and takes a new first one', async () => {
      await store.compareAndSet(key, 0, bytes('a'), SHORT_MS);
      expect(await readText()).to.equal('1:a');
      await subject?.advance(SHORT_MS + 5);
      expect(await store.read(key)).to.equal(null);
      expect(await store.compareAndSet(key, 1, bytes('b'), LONG_MS)).to.equal(false);
      expect(await store.compareAndSet(key, 0, bytes('c'), LONG_MS)).to.equal(true);
      expect(await readText()).to.equal('1:c');
    });

    it('moves the end with each write', async () => {
      await store.compareAndSet(key, 0, bytes('a'), SHORT_MS);
      await store.compareAndSet(key, 1, bytes('b'), LONG_MS);
      await subject?.advance(SHORT_MS + 5);
      expect(await readText()).to.equal('2:b');
    });

    it('moves the end later by touch, without a new version', async () => {
      await store.compareAndSet(key, 0, bytes('a'), SHORT_MS);
      await store.touch(key, LONG_MS);
      await subject?.advance(SHORT_MS + 5);
      expect(await readText()).to.equal('1:a');
    });

    it('moves the end earlier by touch', async () => {
      await store.compareAndSet(key, 0, bytes('a'), LONG_MS);
      await store.touch(key, SHORT_MS);
      await subject?.advance(SHORT_MS + 5);
      expect(await store.read(key)).to.equal(null);
    });

    it('makes nothing by touch', async () => {
      await store.touch(key, LONG_MS);
      expect(await store.read(key)).to.equal(null);
      expect(await store.compareAndSet(key, 0, bytes('a'), LONG_MS)).to.equal(true);
    });

    it('refuses every write under a removed key', async () => {
      await store.compareAndSet(key, 0, bytes('a'), LONG_MS);
      await store.remove(key, LONG_MS);
      expect(await store.read(key)).to.equal(null);
      for (const version of [0, 1, 2]) {
        expect(await store.compareAndSet(key, version, bytes('b'), LONG_MS), `version ${version}`).to.equal(false);
      }
      expect(await store.read(key)).to.equal(null);
    });

    it('is not woken by touching a removed key, nor is its tombstone shortened', async () => {
      await store.compareAndSet(key, 0, bytes('a'), LONG_MS);
      await store.remove(key, LONG_MS);
      await store.touch(key, SHORT_MS);
      await subject?.advance(SHORT_MS + 5);
      expect(await store.read(key)).to.equal(null);
      expect(await store.compareAndSet(key, 0, bytes('b'), LONG_MS)).to.equal(false);
    });

    it('forgets a tombstone in time', async () => {
      await store.compareAndSet(key, 0, bytes('a'), LONG_MS);
      await store.remove(key, SHORT_MS);
      await subject?.advance(SHORT_MS + 5);
      expect(await store.compareAndSet(key, 0, bytes('b'), LONG_MS)).to.equal(true);
      expect(await readText()).to.equal('1:b');
    });

    it('refuses writes under a key that was removed before it was ever written', async () => {
      await store.remove(key, LONG_MS);
      expect(await store.compareAndSet(key, 0, bytes('a'), LONG_MS)).to.equal(false);
    });

    it('counts what lives', async () => {
      const before = await store.count();
      await store.compareAndSet(key, 0, bytes('a'), LONG_MS);
      await store.compareAndSet(freshKey(), 0, bytes('a'), LONG_MS);
      expect(await store.count()).to.equal(before + 2);
    });
  });
}
