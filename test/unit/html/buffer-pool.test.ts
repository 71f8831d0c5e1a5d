import { expect } from 'chai';
import { BufferPool } from '../../../src/html/buffer-pool.ts';

describe('BufferPool', () => {
  let pool: BufferPool;
  beforeEach(() => {
    pool = new BufferPool();
  });

  for (const size of [0, 1, 16 * 1024, 16 * 1024 + 1, 128 * 1024, 128 * 1024 + 1, 1024 * 1024]) {
    it(`gives at least ${size} bytes`, () => {
      expect(pool.take(size).length).to.be.at.least(size);
    });
  }

  it('gives what came back, whole or in part, and nothing that is out', () => {
    const first = pool.take(100);
    const second = pool.take(100);
    expect(second.buffer).to.not.equal(first.buffer);
    pool.giveBack(first.subarray(3, 9));
    expect(pool.take(50).buffer).to.equal(first.buffer);
    expect(pool.take(50).buffer).to.not.equal(first.buffer);
  });

  it('lends nothing twice, however often it comes back', () => {
    const one = pool.take(100);
    pool.giveBack(one);
    pool.giveBack(one);
    expect(pool.take(100).buffer).to.equal(one.buffer);
    expect(pool.take(100).buffer).to.not.equal(one.buffer);
  });

  it('takes nothing that is not its own', () => {
    const foreign = Buffer.alloc(16 * 1024);
    pool.giveBack(foreign);
    pool.giveBack(pool.take(1024 * 1024));
    expect(pool.take(100).buffer).to.not.equal(foreign.buffer);
  });

  it('keeps a bounded number', () => {
    const all = Array.from({ length: 200 }, () => pool.take(100));
    for (const one of all) pool.giveBack(one);
    const kept = new Set(Array.from({ length: 200 }, () => pool.take(100).buffer));
    expect(all.filter(({ buffer }) => kept.has(buffer))).to.have.length.within(1, 100);
  });
});
