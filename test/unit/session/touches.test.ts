import { expect } from 'chai';
import { createMemoryStore } from '../../../src/session/memory.ts';
import type { SessionStore } from '../../../src/session/store.ts';
import { Touches } from '../../../src/session/touches.ts';
import { fakeClock } from '../../support/session-fixtures.ts';

describe('Touches', () => {
  let touched: string[];
  let isStoreAway: boolean;
  let touches: Touches;

  beforeEach(() => {
    touched = [];
    isStoreAway = false;
    const store: SessionStore = createMemoryStore({ maxSessions: 1, maxBytes: 1e6, clock: fakeClock() });
    store.touch = async (key) => {
      touched.push(key);
      if (isStoreAway) throw new Error('away');
    };
    touches = new Touches(store);
  });

  it('asks the store once for all uses within a second, a write among them', () => {
    touches.touch('a', 1, 0);
    touches.touch('a', 1, 999);
    touches.remember('b', 0);
    touches.touch('b', 1, 999);
    expect(touched).to.deep.equal(['a']);
    touches.touch('b', 1, 1000);
    expect(touched).to.deep.equal(['a', 'b']);
  });

  it('asks again at the next use when it has failed: nothing has put the end of the session off', async () => {
    isStoreAway = true;
    touches.touch('a', 1, 0);
    await new Promise(setImmediate);
    isStoreAway = false;
    touches.touch('a', 1, 1);
    touches.touch('a', 1, 2);
    expect(touched).to.deep.equal(['a', 'a']);
  });

  it('remembers 10,000 keys and no more: above that each costs one touch more, and no memory', () => {
    touches.touch('a', 1, 0);
    for (let i = 1; i < 10_000; i++) touches.remember(`k${i}`, 0);
    touches.touch('a', 1, 0);
    expect(touched, 'all of them fit').to.deep.equal(['a']);
    touches.remember('one more', 0);
    touches.touch('a', 1, 0);
    expect(touched).to.deep.equal(['a', 'a']);
  });
});
