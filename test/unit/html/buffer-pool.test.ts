import { expect } from 'chai';
import { BufferPool } from '../../../src/html/buffer-pool.ts';

describe('BufferPool', () => {
  let pool: BufferPool;
  beforeEach(() => {
    pool = new BufferPool();
  });

  for (const size of [0, 1, 4096, 16 * 1024, 16 * 1024 + 1, 128 * 1024, 128 * 1024 + 1, 1024 * 1024]) {
    it(`gives at least ${size} bytes`, () => {
      expect(pool.take(size).length).to.be.at.least(size);
    });
  }

  it('gives what came back, whole or in part, and nothing that is out', () => {
    const first = pool.take(5000);
    const second = pool.take(5000);
    expect(second.buffer).to.not.equal(first.buffer);
    pool.giveBack(first.subarray(3, 9));
    expect(pool.take(6000).buffer).to.equal(first.buffer);
    expect(pool.take(6000).buffer).to.not.equal(first.buffer);
  });

  it('lends nothing twice, however often it comes back', () => {
    const one = pool.take(5000);
    pool.giveBack(one);
    pool.giveBack(one);
    expect(pool.take(5000).buffer).to.equal(one.buffer);
    expect(pool.take(5000).buffer).to.not.equal(one.buffer);
  });

  it('takes nothing that is not its own', () => {
    const foreign = Buffer.alloc(16 * 1024);
    pool.giveBack(foreign);
    pool.giveBack(pool.take(1024 * 1024));
    expect(pool.take(5000).buffer).to.not.equal(foreign.buffer);
  });

  it('keeps a bounded number', () => {
    const all = Array.from({ length: 200 }, () => pool.take(5000));
    for (const one of all) pool.giveBack(one);
    const kept = new Set(Array.from({ length: 200 }, () => pool.take(5000).buffer));
    expect(all.filter(({ buffer }) => kept.has(buffer))).to.have.length.within(1, 100);
  });

  it('lends no more than four times of what is asked for', () => {
    for (let size = 1; size < 200_000; size = Math.ceil(size * 1.3)) {
      const { buffer, length } = pool.take(size);
      // What the runtime itself cuts from its slab is shared.
      const lent = length === size && size < 4096 ? size : buffer.byteLength;
      expect(lent).to.be.at.most(4 * size);
    }
  });
});
