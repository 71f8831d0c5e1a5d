/** The folder of the LMDB store: made where it can be, and a clear fault where it cannot. */
import { mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { startProgram } from '../support/cli.ts';

describe('lmdb and its folder', function () {
  this.timeout(20_000);
  let above: string;

  beforeEach(() => {
    above = mkdtempSync(join(tmpdir(), 'transid-lmdb-'));
  });
  afterEach(() => rmSync(above, { recursive: true }));

  /** In a process of its own: what never returns cannot be timed from within. */
  async function open(path: string): Promise<string> {
    const program = `
      import { openLmdbStore } from './src/session/lmdb.ts';
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
});
