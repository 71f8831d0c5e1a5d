/** What only the memory store promises: its bounds and their order. The rest is the store contract. */
import { expect } from 'chai';
import { createMemoryStore } from '../../../src/session/memory.ts';
import { Population } from '../../../src/session/population.ts';
import { fakeClock } from '../../support/session-fixtures.ts';

const LONG_MS = 60_000;
const value = (length: number): Buffer => Buffer.alloc(length, 1);

async function alive(store: ReturnType<typeof createMemoryStore>, keys: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const key of keys) if ((await store.read(key)) !== null) found.push(key);
  return found;
}

describe('memory store', () => {
  it('drops the least recently used record above the count', async () => {
    const store = createMemoryStore({ maxSessions: 3, maxBytes: 1e9, clock: fakeClock() });
    for (const key of ['a', 'b', 'c']) await store.compareAndSet(key, 0, value(10), LONG_MS);
    await store.read('a');
    await store.compareAndSet('d', 0, value(10), LONG_MS);
    expect(await alive(store, ['a', 'b', 'c', 'd'])).to.deep.equal(['a', 'c', 'd']);
  });

  it('drops records until the bytes fit', async () => {
    const store = createMemoryStore({ maxSessions: 100, maxBytes: 10_000, clock: fakeClock() });
    for (const key of ['a', 'b', 'c']) await store.compareAndSet(key, 0, value(3000), LONG_MS);
    await store.compareAndSet('d', 0, value(6000), LONG_MS);
    expect(await alive(store, ['a', 'b', 'c', 'd'])).to.deep.equal(['c', 'd']);
  });

  it('counts the bytes of a record once, however often it is written, dropped and written again', async () => {
    const store = createMemoryStore({ maxSessions: 100, maxBytes: 10_000, clock: fakeClock() });
    await store.compareAndSet('keep', 0, value(3000), LONG_MS);
    for (let version = 0; version < 50; version++) await store.compareAndSet('grow', version, value(3000), LONG_MS);
    for (let i = 0; i < 50; i++) {
      await store.compareAndSet(`gone${i}`, 0, value(2000), LONG_MS);
      await store.remove(`gone${i}`, 1);
    }
    expect(await alive(store, ['keep', 'grow'])).to.deep.equal(['keep', 'grow']);
  });

  it('frees what nobody asks for again', async () => {
    const clock = fakeClock();
    const store = createMemoryStore({ maxSessions: 10_000, maxBytes: 1e9, clock });
    for (let i = 0; i < 1000; i++) await store.compareAndSet(`old${i}`, 0, value(10), 1000);
    clock.advance(2000);
    for (let i = 0; i < 1000; i++) await store.compareAndSet(`new${i}`, 0, value(10), LONG_MS);
    expect(await store.count()).to.equal(1000);
  });

  it('has room again for who begins a session when those that filled it have ended, though nobody writes', async () => {
    const clock = fakeClock();
    const store = createMemoryStore({ maxSessions: 5000, maxBytes: 1e9, clock });
    for (let i = 0; i < 5000; i++) await store.compareAndSet(`old${i}`, 0, value(10), i < 2500 ? LONG_MS : 1000);
    const population = new Population(store, { maxSessions: 5000, mintPerMinute: 1e6 });
    expect(await population.hasRoomFor('block', clock())).to.equal(false);
    // Each second it looks at some more: also those that live.
    let isRoom = false;
    for (let second = 0; second < 10 && !isRoom; second++) {
      clock.advance(1000);
      isRoom = await population.hasRoomFor('block', clock());
    }
    expect(isRoom).to.equal(true);
  });

  it('bounds its tombstones, too', async () => {
    const store = createMemoryStore({ maxSessions: 2, maxBytes: 1e9, clock: fakeClock() });
    for (const key of ['a', 'b', 'c']) await store.remove(key, LONG_MS);
    expect(await store.compareAndSet('a', 0, value(1), LONG_MS)).to.equal(true);
    expect(await store.compareAndSet('c', 0, value(1), LONG_MS)).to.equal(false);
  });

  it('keeps the tombstone of what was removed again as if it were new: the older one goes first', async () => {
    const store = createMemoryStore({ maxSessions: 2, maxBytes: 1e9, clock: fakeClock() });
    for (const key of ['a', 'b', 'a', 'c']) await store.remove(key, LONG_MS);
    expect(await store.compareAndSet('a', 0, value(1), LONG_MS)).to.equal(false);
    expect(await store.compareAndSet('b', 0, value(1), LONG_MS)).to.equal(true);
  });
});
