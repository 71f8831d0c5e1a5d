/** The folder of the LMDB store: made where it can be, and a clear fault where it cannot. */
import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { openLmdbStore } from '../../src/session/lmdb.ts';
import { startProgram } from '../support/cli.ts';

describe('lmdb and its folder', function () {
  this.timeout(20_000);
  let above: string;

  beforeEach(() => {
    above = mkdtempSync(join(tmpdir(), 'transid-lmdb-'));
  });
  afterEach(() => rmSync(above, { recursive: true }));

  /** In a process of its own: what never returns cannot be timed from within. */
  async function open(path: string, disk = ''): Promise<string> {
    const program = `
      import fs from 'node:fs';
      import { syncBuiltinESMExports } from 'node:module';
      import { openLmdbStore } from './src/session/lmdb.ts';
      ${disk}
      syncBuiltinESMExports();
      try {
        await openLmdbStore({ path: ${JSON.stringify(path)}, clock: Date.now, sweep: false }).close();
        process.stdout.write('opened');
      } catch (error) {
        process.stdout.write(error.code + ': ' + error.detail);
      }`;
    const run = startProgram(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', program]);
    const timer = setTimeout(() => run.child.kill('SIGKILL'), 10_000);
    expect(await run.exit, run.stderr()).to.equal(0);
    clearTimeout(timer);
    return run.stdout();
  }

  it('is made with all above it, for the own user alone', async () => {
    const path = join(above, 'a/b/data');
    expect(await open(path)).to.equal('opened');
    expect(statSync(path).mode & 0o777).to.equal(0o700);
    expect(await open(path), 'again').to.equal('opened');
  });

  it('below /proc: a fault, and no loop', async () => {
    const path = '/proc/transid/data';
    expect(await open(path)).to.match(/^STORE_UNAVAILABLE: lmdb cannot use \/proc\/transid\/data \(E\w+: .*mkdir/);
  });

  it('below a file, in the place of a file, behind a link that leads nowhere', async () => {
    writeFileSync(join(above, 'file'), '', { mode: 0o644 });
    symlinkSync('nowhere', join(above, 'link'));
    for (const path of ['file', 'file/data', 'link', 'link/data']) {
      expect(await open(join(above, path)), path).to.match(
        /^STORE_UNAVAILABLE: lmdb cannot use .* \((?:EEXIST|ENOTDIR): /,
      );
    }
    expect(statSync(join(above, 'file')).mode & 0o777).to.equal(0o644);
  });

  /** In this process. */
  async function make(): Promise<void> {
    await openLmdbStore({ path: above, clock: Date.now, sweep: false }).close();
  }

  it('with a lock that is none, or that another user has: a fault, where the package would end the process', async () => {
    mkdirSync(join(above, 'sessions.mdb-lock'));
    expect(await open(above)).to.match(/^STORE_UNAVAILABLE: lmdb cannot use .*sessions\.mdb-lock is not a file\)$/);
    rmSync(join(above, 'sessions.mdb-lock'), { recursive: true });
    await make();
    const isForeign = `fs.accessSync = (path) => { throw new Error('EACCES ' + path); };`;
    expect(await open(above, isForeign)).to.match(
      /^STORE_UNAVAILABLE: lmdb cannot use .*EACCES .*sessions\.mdb-lock\)$/,
    );
  });

  it('on a disk without room: a fault until both files are made', async () => {
    const isFull = 'fs.statfsSync = () => ({ bsize: 4096, blocks: 100_000, bavail: 4095 });';
    const refused = 'STORE_UNAVAILABLE: the disk of the lmdb store is full but for 16 MiB';
    expect(await open(above, isFull)).to.equal(refused);
    await make();
    expect(await open(above, isFull)).to.equal('opened');
    rmSync(join(above, 'sessions.mdb-lock'));
    expect(await open(above, isFull), 'a copy without its lock').to.equal(refused);
  });
});
