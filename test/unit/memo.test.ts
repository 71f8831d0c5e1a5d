import { expect } from 'chai';
import { Memo } from '../../src/memo.ts';

describe('memo', () => {
  it('works out once what it is asked for again, and forgets all when it is full', () => {
    const made: string[] = [];
    const memo = new Memo((key) => {
      made.push(key);
      return key.toUpperCase();
    }, 2);
    expect([memo.of('a'), memo.of('b'), memo.of('a'), memo.of('b')]).to.deep.equal(['A', 'B', 'A', 'B']);
    expect(made).to.deep.equal(['a', 'b']);
    expect(memo.of('c')).to.equal('C');
    expect([memo.of('c'), memo.of('a')]).to.deep.equal(['C', 'A']);
    expect(made).to.deep.equal(['a', 'b', 'c', 'a']);
  });

  it('keeps nothing where working it out fails', () => {
    let tries = 0;
    const memo = new Memo(() => {
      if (++tries === 1) throw new Error('not now');
      return tries;
    });
    expect(() => memo.of('a')).to.throw('not now');
    expect(memo.of('a')).to.equal(2);
  });
});
