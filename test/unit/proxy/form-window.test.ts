/** How much of forms is held while they are looked into. */
import { Readable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { expect } from 'chai';
import { FormWindows, type ReadAhead } from '../../../src/proxy/form-window.ts';

const KIB = 1024;
const CHUNK_BYTES = 16 * KIB;
const PEEK_BYTES = 1024 * KIB;

describe('windows of forms', () => {
  /** A body that comes in chunks, and ends or stalls behind the last. */
  function bodyOf(kib: number, ends: boolean): Readable {
    let left = (kib * KIB) / CHUNK_BYTES;
    return new Readable({
      highWaterMark: CHUNK_BYTES,
      read() {
        if (left > 0) this.push(Buffer.alloc(CHUNK_BYTES, 'a'));
        else if (ends) this.push(null);
        left -= 1;
      },
    });
  }

  /** Null: it waits for more. */
  async function settled(reading: Promise<ReadAhead>): Promise<ReadAhead | null> {
    let outcome: ReadAhead | null = null;
    const settling = reading.then((read) => {
      outcome = read;
    });
    settling.catch(() => {});
    for (let n = 0; n < 500 && outcome === null; n++) await turn();
    return outcome;
  }

  it('are as long as asked for, and the body goes on behind them', async () => {
    const read = await new FormWindows().read(bodyOf(1040, true), PEEK_BYTES);
    expect(read.isWhole).to.equal(false);
    expect(read.window.length).to.be.within(PEEK_BYTES, PEEK_BYTES + CHUNK_BYTES);
    let size = read.window.length;
    for (let next = await read.rest.next(); next.done !== true; next = await read.rest.next())
      size += next.value.length;
    expect(size).to.equal(1040 * KIB);
  });

  it('are shorter where many wait for the rest of theirs, long enough for our own field', async () => {
    const windows = new FormWindows(500 * KIB);
    expect(await settled(windows.read(bodyOf(496, false), PEEK_BYTES)), 'the first one').to.equal(null);
    const short = await settled(windows.read(bodyOf(512, true), PEEK_BYTES));
    expect(short?.isWhole).to.equal(false);
    expect(short?.window.length).to.be.within(64 * KIB, 64 * KIB + CHUNK_BYTES);
    expect((await settled(windows.read(bodyOf(48, true), PEEK_BYTES)))?.isWhole, 'a small form').to.equal(true);
  });

  it('give back what they held, when they are done and when the body breaks', async () => {
    const windows = new FormWindows(500 * KIB);
    const broken = bodyOf(496, false);
    const waiting = windows.read(broken, PEEK_BYTES).catch((error: Error) => error.message);
    for (let n = 0; n < 100; n++) await turn();
    broken.destroy(new Error('gone'));
    expect(await waiting).to.equal('gone');
    for (let n = 0; n < 3; n++) {
      expect((await settled(windows.read(bodyOf(400, true), PEEK_BYTES)))?.isWhole, `form ${n}`).to.equal(true);
    }
  });
});
