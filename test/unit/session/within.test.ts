import { expect } from 'chai';
import { within } from '../../../src/session/within.ts';

describe('within: a store without an answer', () => {
  it('is given up after its time', async () => {
    const fault = await within(20, new Promise(() => {})).then(
      () => null,
      (error) => error,
    );
    expect(fault).to.be.an('error').with.property('message', 'no answer for 20 ms');
  });

  it('keeps its answer when that comes in time, good or bad', async () => {
    expect(await within(1000, Promise.resolve(7))).to.equal(7);
    const bad = new Error('disk full');
    const fault = await within(1000, Promise.reject(bad)).catch((error) => error);
    expect(fault).to.equal(bad);
  });
});
