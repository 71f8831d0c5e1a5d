import { constants } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { DiskRoom, MIN_FREE_BYTES } from '../../../src/session/disk-room.ts';
import { LmdbGuard } from '../../../src/session/lmdb-guard.ts';

const NEVER = new Promise<never>(() => {});
const TIMES = { write: 20, silence: 100, close: 20 };

describe('the guard of lmdb', () => {
  let deaths: number;
  let guard: LmdbGuard;

  beforeEach(() => {
    deaths = 0;
    guard = new LmdbGuard(new DiskRoom(async () => MIN_FREE_BYTES), () => deaths++, { times: TIMES });
  });

  const codeOf = (write: Promise<unknown>): Promise<unknown> => write.catch(({ code }) => code);

  it('gives a write up in time; writes that stay without an answer for long are a death', async () => {
    const startedAtMs = performance.now();
    while (deaths === 0) {
      expect(await codeOf(guard.write(() => NEVER))).to.equal('STORE_UNAVAILABLE');
      expect(performance.now() - startedAtMs).to.be.lessThan(5000);
    }
    expect(performance.now() - startedAtMs).to.be.at.least(TIMES.silence);
    expect(guard.isAvailable).to.equal(false);
    let hasRun = false;
    await codeOf(guard.write(async () => (hasRun = true)));
    expect(hasRun, 'a write after death').to.equal(false);
    expect(deaths).to.equal(1);
  });

  it('one that is only slow is no death: an answer between them, even a late one or a rejection, counts', async () => {
    for (let round = 0; round < 6; round++) {
      const late = delay(TIMES.write * 1.5).then(() => {
        if (round % 2 === 0) throw new Error('the commit failed');
        return true;
      });
      expect(await codeOf(guard.write(() => late))).to.equal('STORE_UNAVAILABLE');
      await late.catch(() => {});
    }
    expect(deaths).to.equal(0);
    expect(await guard.write(async () => true)).to.equal(true);
  });

  it('does not wait for a close that does not come', async () => {
    await guard.close(() => NEVER);
    expect(deaths).to.equal(1);
    await guard.close(async () => {
      throw new Error('closed twice');
    });
  });

  it('closes in order when it can', async () => {
    await guard.close(async () => {});
    expect(deaths).to.equal(0);
  });

  it('hears the reason of a failed commit', async () => {
    const reason = Promise.reject(Object.assign(new Error('No space left on device'), { code: 28 }));
    const failed = Promise.reject(Object.assign(new Error('Commit failed'), { commitError: reason }));
    const fault = await guard.write(() => failed).catch((error: unknown) => error);
    expect(fault).to.include({ code: 'STORE_UNAVAILABLE', detail: 'lmdb: ENOSPC' });
    expect(deaths).to.equal(0);
  });

  it('tries one write in a while when the disk refuses them for what no look tells, and says so once', async () => {
    let now = 0;
    const said: Array<string | null> = [];
    const room = new DiskRoom(async () => MIN_FREE_BYTES);
    const onChange = () => said.push(asking.refusal);
    const asking: LmdbGuard = new LmdbGuard(room, () => deaths++, { onChange, clock: () => now });
    const quota = () =>
      Promise.reject(Object.assign(new Error('Disk quota exceeded'), { code: constants.errno.EDQUOT }));
    let tried = 0;
    const write = (work: () => Promise<boolean>) =>
      asking
        .write(() => {
          tried++;
          return work();
        })
        .catch(({ detail }) => detail);

    expect(await write(quota)).to.equal('lmdb: EDQUOT');
    expect(await write(quota), 'the next one may tell of a panic').to.equal('lmdb: EDQUOT');
    expect(asking.isAvailable).to.equal(false);
    expect(await write(async () => true), 'not tried').to.equal('the disk of the lmdb store refuses writes (EDQUOT)');
    expect(await asking.hasRoom(), 'the sweep waits, too').to.equal(false);
    expect(tried).to.equal(2);

    now += 5000;
    expect(await Promise.all([write(quota), write(quota), write(quota)])).to.deep.equal([
      'lmdb: EDQUOT',
      'the disk of the lmdb store refuses writes (EDQUOT)',
      'the disk of the lmdb store refuses writes (EDQUOT)',
    ]);
    expect(tried).to.equal(3);

    now += 5000;
    expect(await write(async () => false)).to.equal(false);
    expect(asking.isAvailable, 'what did not hold was no question to the disk').to.equal(false);
    now += 5000;
    expect(await write(async () => true)).to.equal(true);
    expect(asking.isAvailable).to.equal(true);
    expect(await asking.hasRoom()).to.equal(true);
    expect(said).to.deep.equal(['the disk of the lmdb store refuses writes (EDQUOT)', null]);
    expect(deaths).to.equal(0);
  });

  it('is not back by a write that was under way when the file was given up', async () => {
    const said: Array<string | null> = [];
    const room = new DiskRoom(async () => MIN_FREE_BYTES);
    const onChange = () => said.push(left.refusal);
    const left: LmdbGuard = new LmdbGuard(room, () => deaths++, { onChange, times: TIMES });
    const written = left.write(() => delay(5, true));
    await delay(1);
    left.abandon('it is another file now');
    await written;
    left.abandon('it is yet another one');
    expect(said).to.deep.equal(['it is another file now']);
    expect(left.isAvailable).to.equal(false);
    expect(deaths).to.equal(1);
  });

  for (const code of [-30795, 22]) {
    it(`takes ${code} from a read for a death`, () => {
      const read = () => {
        throw Object.assign(new Error('MDB_PANIC: it is over'), { code });
      };
      expect(() => guard.read(read))
        .to.throw()
        .that.includes({ code: 'STORE_UNAVAILABLE' });
      expect(() => guard.read(() => 1)).to.throw();
      expect(deaths).to.equal(1);
    });
  }

  it('takes no other fault for one', () => {
    const read = () => {
      throw Object.assign(new Error('MDB_READERS_FULL: none left'), { code: -30790 });
    };
    expect(() => guard.read(read))
      .to.throw()
      .that.includes({ detail: 'lmdb: MDB_READERS_FULL' });
    expect(guard.read(() => 1)).to.equal(1);
  });
});

describe('room on the disk', () => {
  it('is looked for four times a second at most, by one look for all who ask', async () => {
    let looks = 0;
    const room = new DiskRoom(async () => {
      looks++;
      return MIN_FREE_BYTES - 1;
    });
    expect(room.isThere, 'before the first look').to.equal(true);
    expect(await Promise.all([room.check(), room.check()])).to.deep.equal([false, false]);
    expect(await room.check()).to.equal(false);
    expect(looks).to.equal(1);
    await delay(260);
    await room.check();
    expect(looks).to.equal(2);
  });

  it('counts as there when the file system does not tell, and when it does not answer; nobody asks it twice', async () => {
    expect(await new DiskRoom(() => Promise.reject(new Error('no such file system'))).check()).to.equal(true);
    let looks = 0;
    const room = new DiskRoom(() => {
      looks++;
      return NEVER;
    });
    const startedAtMs = performance.now();
    expect(await Promise.all([room.check(), room.check()])).to.deep.equal([true, true]);
    expect(performance.now() - startedAtMs).to.be.within(900, 3000);
    expect(await room.check(), 'at once').to.equal(true);
    expect(performance.now() - startedAtMs).to.be.lessThan(3000);
    expect(looks).to.equal(1);
  });
});
