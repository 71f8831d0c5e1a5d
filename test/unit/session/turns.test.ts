import { expect } from 'chai';
import { inTurn, type Turns } from '../../../src/session/turns.ts';

describe('inTurn', () => {
  let turns: Turns;
  beforeEach(() => {
    turns = new Map();
  });

  it('runs the work of one key in the order it came, though one of it fails', async () => {
    const done: string[] = [];
    const work = (name: string) => async () => {
      done.push(`${name} begins`);
      await new Promise(setImmediate);
      done.push(`${name} ends`);
      if (name === 'a') throw new Error(name);
      return name;
    };
    const results = await Promise.allSettled(['a', 'b'].map((name) => inTurn(turns, 'key', work(name))));
    expect(results.map(({ status }) => status)).to.deep.equal(['rejected', 'fulfilled']);
    expect(done).to.deep.equal(['a begins', 'a ends', 'b begins', 'b ends']);
  });

  it('lets who comes when the first has ended wait for the second, which still runs', async () => {
    let end = () => {};
    const first = inTurn(turns, 'key', async () => {});
    const second = inTurn(turns, 'key', () => new Promise<void>((resolve) => (end = resolve)));
    await first;
    let isRun = false;
    const third = inTurn(turns, 'key', async () => {
      isRun = true;
    });
    await new Promise(setImmediate);
    expect(isRun).to.equal(false);
    end();
    await Promise.all([second, third]);
    expect(isRun).to.equal(true);
  });

  it('holds nothing of a key whose work is done, well or badly: there is one for every session', async () => {
    await Promise.all([inTurn(turns, 'key', async () => {}), inTurn(turns, 'key', async () => {})]);
    await inTurn(turns, 'other', () => Promise.reject(new Error('failed'))).catch(() => {});
    expect([...turns.keys()]).to.deep.equal([]);
  });
});
