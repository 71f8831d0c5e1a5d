import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { Breaker, type BreakerOptions } from '../../../src/session/breaker.ts';

const FAILURE = new Error('away');

describe('breaker', () => {
  let told: string[];
  let probes: number;
  let isBack: boolean;

  function breaker(edits: Partial<BreakerOptions> = {}): Breaker {
    return new Breaker({
      maxFailures: 3,
      probeEveryMs: 5,
      probe: async () => {
        probes++;
        if (!isBack) throw FAILURE;
      },
      onOpen: () => told.push('open'),
      onClose: () => told.push('close'),
      ...edits,
    });
  }

  beforeEach(() => {
    told = [];
    probes = 0;
    isBack = false;
  });

  it('opens after so many failures in a row, and closes when a probe succeeds', async () => {
    const one = breaker();
    for (let i = 0; i < 10; i++) {
      one.failed(FAILURE);
      one.failed(FAILURE);
      one.succeeded();
    }
    expect(one.isOpen, 'never three in a row').to.equal(false);
    for (let i = 0; i < 3; i++) one.failed(FAILURE);
    expect(one.isOpen).to.equal(true);
    await delay(30);
    expect(probes).to.be.greaterThan(0);
    expect(told).to.deep.equal(['open']);
    isBack = true;
    while (one.isOpen) await delay(1);
    expect(told).to.deep.equal(['open', 'close']);
  });

  it('stays closed where the failures are refuted', async () => {
    const one = breaker({ refute: () => Promise.resolve() });
    for (let i = 0; i < 10; i++) one.failed(FAILURE);
    await delay(1);
    expect(one.isOpen).to.equal(false);
  });

  it('says nothing and asks nothing any more once it is stopped, whatever still fails', async () => {
    const [open, fresh] = [breaker(), breaker({ refute: () => Promise.reject(FAILURE) })];
    for (let i = 0; i < 3; i++) open.failed(FAILURE);
    // Their refutation is under way.
    for (let i = 0; i < 3; i++) fresh.failed(FAILURE);
    open.stop();
    fresh.stop();
    for (let i = 0; i < 9; i++) for (const one of [open, fresh]) one.failed(FAILURE);
    fresh.open(FAILURE);
    const before = probes;
    await delay(30);
    expect([open.isOpen, fresh.isOpen]).to.deep.equal([false, false]);
    expect(probes).to.equal(before);
    expect(told, 'the one from before').to.deep.equal(['open']);
  });
});
