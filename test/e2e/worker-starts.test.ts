/** Workers on their way: told to stop before they listen, or not to be had, since descriptors or memory are used up. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type CliRun, startCli } from '../support/cli.ts';
import { eventually } from '../support/raw-http.ts';

const WORKERS = 2;

describe('a worker that is started', function () {
  this.timeout(60_000);
  let folder: string;
  let program: CliRun;

  const start = (processes = 1000, failures = 2): void => {
    folder = mkdtempSync(join(tmpdir(), 'transid-shortage-'));
    const file = join(folder, 'transid.yaml');
    const store = 'store: { kind: lmdb, path: data }';
    writeFileSync(file, `listen: 127.0.0.1:0\nupstream: http://127.0.0.1:9\nworkers: ${WORKERS}\n${store}\n`);
    const env = { FEW_PROCESSES: String(processes), FEW_PROCESSES_FAILURES: String(failures) };
    program = startCli(['serve', '-c', file], { preload: 'few-processes.ts', env });
  };
  afterEach(async () => {
    await program.stop();
    rmSync(folder, { recursive: true });
  });
  const workers = (): number[] => {
    const { pid } = program.child;
    return (readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').match(/\d+/g) ?? []).map(Number);
  };

  it('while the end comes: is told, and ends with the others', async () => {
    start();
    await program.until(/listens on http/);
    const [victim] = workers();
    process.kill(victim!, 'SIGKILL');
    await eventually(
      'the next one is there',
      () => workers().length === WORKERS && !workers().includes(victim!),
      10_000,
    );
    const startedMs = Date.now();
    program.child.kill('SIGTERM');
    expect(await program.exit).to.equal(0);
    expect(Date.now() - startedMs, 'the drain may take 30 s').to.be.lessThan(15_000);
  });

  it('while the end comes to the whole group, as a terminal sends it: exit 0', async () => {
    start();
    await eventually('all begin', () => workers().length === WORKERS, 10_000);
    for (const pid of [program.child.pid!, ...workers()]) process.kill(pid, 'SIGTERM');
    expect(await program.exit).to.equal(0);
    expect(program.stderr()).to.equal('');
  });

  it('and cannot be: that is told, and tried again', async () => {
    start(WORKERS);
    await program.until(/listens on http/);
    process.kill(workers()[0]!, 'SIGKILL');
    await program.until(/"end":"EMFILE","reason":"a worker cannot be started \(EMFILE\)"/);
    await program.until(/"end":"ENOMEM","reason":"a worker cannot be started \(ENOMEM\)"/);
    await eventually('it is there', () => workers().length === WORKERS, 10_000);
  });

  it('and cannot be, again and again: it is tried at once, then after ever longer times', async () => {
    start(WORKERS, 3);
    await program.until(/listens on http/);
    process.kill(workers()[0]!, 'SIGKILL');
    await program.until(/"delay_ms":1000.*\n/);
    const deaths = program
      .stdout()
      .split('\n')
      .filter((line) => line.includes('a worker died'))
      .map((line) => JSON.parse(line) as { time: number; end: string; delay_ms: number });
    expect(deaths.map(({ end, delay_ms }) => [end, delay_ms])).to.deep.equal([
      ['SIGKILL', 0],
      ['EMFILE', 250],
      ['ENOMEM', 500],
      ['EMFILE', 1000],
    ]);
    // It waits as long as it says.
    for (const [at, { time, delay_ms }] of deaths.slice(0, -1).entries())
      expect(deaths[at + 1]!.time - time).to.be.at.least(delay_ms - 5);
  });

  it('and cannot be when the end comes: nobody is waited for', async () => {
    start(WORKERS);
    await program.until(/listens on http/);
    process.kill(workers()[0]!, 'SIGKILL');
    await program.until(/EMFILE/);
    program.child.kill('SIGTERM');
    expect(await program.exit).to.equal(0);
  });

  for (const [what, processes] of [
    ['the first', 0],
    ['the last', WORKERS - 1],
  ] as const) {
    it(`and cannot be, ${what} of them: exit 1, with the reason`, async () => {
      start(processes);
      expect(await program.exit).to.equal(1);
      expect(program.stderr()).to.match(/^transid: a worker cannot be started \(E[A-Z]+\)$/m);
    });
  }
});
