/**
 * Where the log goes may fail: a reader that leaves or stalls, a full disk. Lines are lost then, requests are not, and the end of
 * the process waits for nobody.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type CliRun, startCli, startProgram } from '../support/cli.ts';
import { type ScriptedUpstream, startUpstream } from '../support/scripted-upstream.ts';

/** Each is a line of some 8 KB. */
const LONG_PATH = `/${'x'.repeat(8000)}`;
const LINES = 400;

describe('the log on standard output', function () {
  this.timeout(60_000);
  let folder: string;
  let upstream: ScriptedUpstream;
  let program: CliRun | null = null;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'transid-log-'));
    upstream = await startUpstream((_request, response) => {
      response.end('whole');
    });
  });
  afterEach(async () => {
    await program?.stop();
    program = null;
    await upstream.close();
    rmSync(folder, { recursive: true });
  });

  const configure = (workers: number): string => {
    const file = join(folder, 'transid.yaml');
    const store = workers === 1 ? 'kind: memory' : 'kind: lmdb, path: data';
    writeFileSync(
      file,
      `listen: 127.0.0.1:0\nupstream: ${upstream.origin}\nworkers: ${workers}\nstore: { ${store} }\nlimits: { target: 16KiB }\n`,
    );
    return file;
  };
  const originOf = async (run: CliRun): Promise<string> => {
    program = run;
    return (await run.until(/listens on (http:\/\/127\.0\.0\.1:\d+)/))[1]!;
  };
  /** A connection each, so that workers take turns. */
  const ask = async (url: string): Promise<string> => (await fetch(url, { headers: { Connection: 'close' } })).text();

  for (const workers of [1, 2]) {
    it(`${workers} at work: a reader that leaves costs lines only`, async () => {
      const run = startCli(['serve', '-c', configure(workers)]);
      const origin = await originOf(run);
      run.child.stdout!.destroy();
      for (let n = 0; n < 12; n++) expect(await ask(origin)).to.equal('whole');
      expect(await run.until(/the log cannot be written \((\w+)\)/)).to.have.property('1', 'EPIPE');
      run.child.stderr!.destroy();
      run.child.kill('SIGHUP');
      for (let n = 0; n < 12; n++) expect(await ask(origin)).to.equal('whole');
      run.child.kill('SIGTERM');
      expect(await run.exit).to.equal(0);
      expect(run.stderr().match(/cannot be written/g)!.length).to.be.at.most(workers);
    });

    it(`${workers} at work: a reader that stalls holds up no end`, async () => {
      const run = startCli(['serve', '-c', configure(workers)]);
      const origin = await originOf(run);
      run.child.stdout!.pause();
      for (let n = 0; n < LINES; n++) expect(await ask(origin + LONG_PATH)).to.equal('whole');
      const askedAtMs = performance.now();
      const ended = new Promise((resolve) => run.child.once('exit', resolve));
      run.child.kill('SIGTERM');
      expect(await ended).to.equal(0);
      expect(performance.now() - askedAtMs).to.be.lessThan(8000);
      run.child.stdout!.resume();
    });
  }

  it('a full disk costs lines only', async () => {
    const command = `exec ${process.execPath} --import tsx src/cli/main.ts serve -c ${configure(1)} > /dev/full`;
    const run = startProgram('sh', ['-c', command]);
    const origin = await originOf(run);
    for (let n = 0; n < 3; n++) expect(await ask(origin)).to.equal('whole');
    await run.until(/the log cannot be written \(ENOSPC\)/);
    run.child.kill('SIGTERM');
    expect(await run.exit).to.equal(0);
  });

  it('a rotation that asks for a new file, as nginx is asked, opens no debugger', async () => {
    const run = startCli(['serve', '-c', configure(1)]);
    const origin = await originOf(run);
    run.child.kill('SIGUSR1');
    for (let n = 0; n < 3; n++) expect(await ask(origin)).to.equal('whole');
    run.child.kill('SIGTERM');
    expect(await run.exit).to.equal(0);
    expect(run.stderr()).to.not.match(/debugger/i);
  });

  it('a reader that comes back is told what it missed', async () => {
    const run = startCli(['serve', '-c', configure(1)]);
    const origin = await originOf(run);
    run.child.stdout!.pause();
    for (let n = 0; n < LINES; n++) await ask(origin + LONG_PATH);
    run.child.stdout!.resume();
    const lost = Number((await run.until(/"lines":(\d+),"msg":"some lines of the log were lost"/))[1]);
    expect(lost).to.be.greaterThan(0);
    await ask(`${origin}/last`);
    await run.until(/"path":"\/last"/);
    expect(run.stdout().match(/"event":"exchange"/g)).to.have.length(LINES + 1 - lost);
    run.child.kill('SIGTERM');
    expect(await run.exit).to.equal(0);
  });
});
