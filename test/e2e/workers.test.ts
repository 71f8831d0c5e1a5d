/**
 * Several processes behind one address: they share sessions, one that dies is replaced, their metrics are added up, all drain.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text as textFrom } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import type { ToPrimary, ToWorker } from '../../src/proxy/worker-messages.ts';
import { type CliRun, startCli } from '../support/cli.ts';
import { SID } from '../support/proxy.ts';
import { type ScriptedUpstream, startUpstream } from '../support/scripted-upstream.ts';

describe('workers', function () {
  this.timeout(180_000);
  let folder: string;
  let upstream: ScriptedUpstream;
  let program: CliRun | null = null;
  let bare: ChildProcess | null = null;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'transid-workers-'));
    let visitors = 0;
    upstream = await startUpstream(async ({ target, fields }, response) => {
      if (target === '/slow') await sleep(600);
      if (target === '/slower') await sleep(3000);
      if (fields.cookie === undefined) response.setHeader('Set-Cookie', `app=${++visitors}; Path=/`);
      response.setHeader('Content-Type', 'text/html');
      response.end(`<a href="/next">next</a> ${fields.cookie ?? 'none'}`);
    });
  });
  /** So many of the slow requests are under way. */
  async function arrived(count: number): Promise<void> {
    while (upstream.requests.filter(({ target }) => target.startsWith('/slow')).length < count) await sleep(5);
  }
  afterEach(async () => {
    await program?.stop();
    program = null;
    bare?.kill('SIGKILL');
    bare = null;
    await upstream.close();
    rmSync(folder, { recursive: true });
  });

  interface Serving {
    readonly run: CliRun;
    readonly origin: string;
    readonly admin: string;
  }
  const serve = async ({ workers = 2, ...options }: { workers?: number; preload?: string } = {}): Promise<Serving> => {
    const adminPort = await freePort();
    const file = join(folder, 'transid.yaml');
    writeFileSync(
      file,
      `listen: 127.0.0.1:0
admin: 127.0.0.1:${adminPort}
upstream: ${upstream.origin}
workers: ${workers}
store: { kind: lmdb, path: data }
log: { level: warn }
limits: { mint_per_minute: 1000000 }
routes: [{ path: /**, use_trans_sid: true }]
`,
    );
    program = startCli(['serve', '-c', file], options);
    const found = await program.until(/listens on (http:\/\/127\.0\.0\.1:\d+)/);
    return { run: program, origin: found[1]!, admin: `http://127.0.0.1:${adminPort}` };
  };

  /** A connection of its own each time, so that the workers take turns. */
  const get = (url: string, init: RequestInit = {}) =>
    fetch(url, {
      ...init,
      headers: { Connection: 'close', Accept: 'text/html', 'User-Agent': 'workers test' },
    });
  const textOf = async (url: string): Promise<string> => (await get(url)).text();
  const exchangesOf = async (admin: string): Promise<number> =>
    [...(await textOf(`${admin}/metrics`)).matchAll(/^transid_exchanges_total\{.*\} (\d+)$/gm)].reduce(
      (sum, match) => sum + Number(match[1]),
      0,
    );
  const workersOf = (run: CliRun): number[] =>
    readFileSync(`/proc/${run.child.pid}/task/${run.child.pid}/children`, 'utf8')
      .trim()
      .split(' ')
      .map(Number)
      .filter((pid) => isWorker(pid));

  it('share sessions: each of them knows the SID that the other made', async () => {
    const { run, origin } = await serve();
    const sid = SID.exec(await textOf(origin))![1]!;
    for (let n = 0; n < 12; n++) expect(await textOf(`${origin}/next?_sid=${sid}`)).to.include('app=1');
    expect(workersOf(run)).to.have.length(2);
  });

  it('are counted together', async () => {
    const { origin, admin } = await serve();
    for (let n = 0; n < 10; n++) await textOf(`${origin}/`);
    const metrics = await textOf(`${admin}/metrics`);
    expect(await exchangesOf(admin)).to.equal(10);
    expect(metrics).to.match(/^transid_sessions \d+$/m);
    expect(metrics).to.match(/^transid_store_available\{kind="lmdb"\} 1$/m);
    expect(await (await get(`${admin}/readyz`)).json()).to.deep.equal({ status: 'ready', store: 'available' });
    expect(await textOf(`${admin}/`)).to.include('2 workers');
  });

  it('are counted on when they are silent or dead', async () => {
    const { run, origin, admin } = await serve();
    for (let n = 0; n < 10; n++) await textOf(`${origin}/`);
    expect(await exchangesOf(admin)).to.equal(10);
    for (const victim of workersOf(run)) {
      process.kill(victim, 'SIGSTOP');
      const whileSilent = await exchangesOf(admin);
      process.kill(victim, 'SIGKILL');
      expect(whileSilent, 'silent').to.equal(10);
      await waitFor(run, () => !workersOf(run).includes(victim));
      expect(await exchangesOf(admin), 'dead').to.equal(10);
      // The address is lost with the last one that has it.
      await waitFor(run, async () => (await textOf(`${admin}/`)).includes('2 workers'));
    }
    for (let n = 0; n < 10; n++) await textOf(`${origin}/`);
    expect(await exchangesOf(admin)).to.equal(20);
    expect(await textOf(`${admin}/metrics`), 'gauges are of those that live').to.match(/^transid_processes 3$/m);
  });

  it('are counted once, though the last word of one comes after the news of its end', async () => {
    const { run, origin, admin } = await serve({ preload: 'late-readings.ts' });
    for (let n = 0; n < 10; n++) await textOf(`${origin}/`);
    expect(await exchangesOf(admin)).to.equal(10);
    process.kill(workersOf(run)[0]!, 'SIGKILL');
    await waitFor(run, async () => deaths(run).length === 1 && (await textOf(`${admin}/`)).includes('2 workers'));
    expect(await exchangesOf(admin)).to.equal(10);
    expect(await textOf(`${admin}/metrics`)).to.match(/^transid_processes 3$/m);
  });

  it('one that dies is replaced and its death is logged; the other goes on serving', async () => {
    const { run, origin, admin } = await serve();
    const sid = SID.exec(await textOf(origin))![1]!;
    for (let round = 1; round <= 3; round++) {
      const [victim] = workersOf(run);
      process.kill(victim!, 'SIGKILL');
      // What the dead one held is lost with it; from its death on there is always somebody who serves.
      await waitFor(run, () => deaths(run).length === round);
      const answers = Array.from({ length: 20 }, async (_, n) => {
        await sleep(n * 20);
        return (await get(`${origin}/next?_sid=${sid}`)).status;
      });
      expect(new Set(await Promise.all(answers))).to.deep.equal(new Set([200]));
      // There, and listening: with the next death it is the only one.
      await waitFor(run, async () => (await textOf(`${admin}/`)).includes('2 workers'));
      expect(workersOf(run)).to.not.include(victim);
    }
    expect(deaths(run).map(({ end }) => end)).to.deep.equal(['SIGKILL', 'SIGKILL', 'SIGKILL']);
    expect(await textOf(`${origin}/next?_sid=${sid}`), 'the session outlives its workers').to.include('app=1');
  });

  it('when all have died the proxy starts, and does not stop', async () => {
    const { run, admin } = await serve();
    const ready = async () => {
      const answer = await get(`${admin}/readyz`);
      return `${answer.status} ${((await answer.json()) as { status: string }).status}`;
    };
    for (const victim of workersOf(run)) process.kill(victim, 'SIGKILL');
    await waitFor(run, () => deaths(run).length === 2);
    expect(await ready()).to.equal('503 starting');
    await waitFor(run, async () => (await ready()) === '200 ready');
  });

  it('one that dies while the others start is replaced, too', async () => {
    const { run, admin } = await serve({ preload: 'early-death.ts' });
    await waitFor(run, async () => (await textOf(`${admin}/`)).includes('2 workers'));
    expect(deaths(run).map(({ end }) => end)).to.deep.equal(['SIGKILL']);
  });

  it('killed while sessions are made and changed: the others go on making and changing them, nothing acknowledged is lost', async () => {
    const { run, origin, admin } = await serve();
    const sids: string[] = [];
    const ends = new Set<string>();
    let isOver = false;
    const visit = async (): Promise<void> => {
      while (!isOver) {
        try {
          const answer = await get(`${origin}/`, { signal: AbortSignal.timeout(10_000) });
          ends.add(String(answer.status));
          sids.push(SID.exec(await answer.text())![1]!);
        } catch (error) {
          // Of one that is killed the connections break. None may hang, and none be refused.
          const { name, cause } = error as Error & { cause?: { code?: string } };
          ends.add(cause?.code ?? name);
        }
      }
    };
    const visitors = Array.from({ length: 8 }, visit);
    for (let round = 1; round <= 8; round++) {
      const made = sids.length;
      await waitFor(run, async () => sids.length > made + 50 && (await textOf(`${admin}/`)).includes('2 workers'));
      process.kill(workersOf(run)[round % 2]!, 'SIGKILL');
      await waitFor(run, () => deaths(run).length === round);
    }
    const made = sids.length;
    await waitFor(run, () => sids.length > made + 50);
    isOver = true;
    await Promise.all(visitors);
    expect([...ends].filter((end) => !['200', 'ECONNRESET', 'UND_ERR_SOCKET'].includes(end))).to.deep.equal([]);
    for (const sid of sids.slice(-400)) expect(await textOf(`${origin}/next?_sid=${sid}`)).to.match(/app=\d/);
  });

  it('one that loses its store says so, ends what it serves and is replaced', async () => {
    const { run, origin } = await serve({ preload: 'break-lmdb.ts' });
    const sid = SID.exec(await textOf(origin))![1]!;
    const [victim] = workersOf(run);
    process.kill(victim!, 'SIGUSR2');
    await sleep(100);
    const statuses = new Set<number>();
    await waitFor(run, async () => {
      // A new session each time. A request that is on its way to the victim when it closes may break.
      const answer = await get(`${origin}/`).catch(() => null);
      if (answer !== null) statuses.add(answer.status);
      return deaths(run).length === 1;
    });
    expect([...statuses].filter((status) => status !== 200 && status !== 503)).to.deep.equal([]);
    expect(run.stdout()).to.include('the session store is lost to this process');
    expect(deaths(run).map(({ end }) => end)).to.deep.equal(['SIGKILL']);
    await waitFor(run, () => workersOf(run).length === 2);
    expect(workersOf(run)).to.not.include(victim);
    for (let n = 0; n < 12; n++) {
      expect(await textOf(`${origin}/next?_sid=${sid}`)).to.include('app=1');
      expect((await get(origin)).status, 'a new session').to.equal(200);
    }
  });

  it('a process without workers that loses its store ends, so that it is started again', async () => {
    const { run, origin } = await serve({ workers: 1, preload: 'break-lmdb.ts' });
    expect((await get(origin)).status).to.equal(200);
    run.child.kill('SIGUSR2');
    await sleep(100);
    while ((await get(origin).catch(() => null)) !== null) await sleep(20);
    expect(await run.exit).to.equal('SIGKILL');
    expect(run.stdout()).to.include('the session store is lost to this process');
  });

  it('take a new configuration together', async () => {
    const { run, origin } = await serve();
    const file = join(folder, 'transid.yaml');
    writeFileSync(file, readFileSync(file, 'utf8').replace('limits: {', 'limits: { target: 256B,'));
    run.child.kill('SIGHUP');
    const deadlineMs = Date.now() + 10_000;
    const statuses = async () =>
      Promise.all(Array.from({ length: 8 }, async () => (await get(`${origin}/${'x'.repeat(300)}`)).status));
    while ((await statuses()).some((status) => status !== 414)) {
      if (Date.now() > deadlineMs) throw new Error('a worker has the old configuration');
      await sleep(50);
    }
  });

  it('one that is told to reload while it starts does so', async () => {
    const worker = fork(join(import.meta.dirname, '../support/bare-worker.ts'));
    bare = worker;
    const said = (kind: string) =>
      new Promise<ToPrimary>((resolve) => {
        worker.on('message', (message: ToPrimary) => {
          if (message.kind === kind) resolve(message);
        });
      });
    const tell = (message: ToWorker) => worker.send(message);
    const text = (target: string) =>
      `listen: 127.0.0.1:0\nupstream: ${upstream.origin}\nlog: { level: silent }\nlimits: { target: ${target} }\n`;
    await said('waiting');
    const listening = said('listening');
    const file = join(folder, 'transid.yaml');
    tell({ kind: 'start', text: text('1KiB'), file, logKey: '00'.repeat(32), sweeps: true });
    tell({ kind: 'reload', text: text('256B') });
    const place = await listening;
    if (place.kind !== 'listening') throw new Error(place.kind);
    const url = `http://127.0.0.1:${place.port}/${'x'.repeat(300)}`;
    const deadlineMs = Date.now() + 5000;
    while ((await get(url)).status !== 414) {
      if (Date.now() > deadlineMs) throw new Error('it has the old configuration');
      await sleep(20);
    }
    tell({ kind: 'stop' });
    expect(await new Promise((resolve) => worker.once('exit', resolve))).to.equal(0);
  });

  it('go on by the old configuration when a file that it names is there for the primary and gone for them', async () => {
    const { run, origin } = await serve();
    const pids = workersOf(run);
    const file = join(folder, 'transid.yaml');
    const { pid } = run.child;
    const session = `session: { mode: mirror, cookie: a, sign: true, sign_key_file: /proc/self/task/${pid}/cmdline }`;
    writeFileSync(file, `${readFileSync(file, 'utf8')}${session}\n`);
    run.child.kill('SIGHUP');
    const refusals = () => run.stdout().match(/the configuration was not taken/g)?.length ?? 0;
    await waitFor(run, () => refusals() === 2);
    expect(run.stdout()).to.match(
      /"problems":\[.*"\S+:\d+:\d+: session\.sign_key_file: cannot be read: there is no such file"\]/,
    );
    for (let n = 0; n < 4; n++) expect((await get(origin)).status).to.equal(200);
    expect(workersOf(run)).to.have.members(pids);
    expect(deaths(run)).to.deep.equal([]);
  });

  it('drain at SIGTERM: what is under way ends whole, exit 0, nobody is left', async () => {
    const { run, origin } = await serve();
    const pids = workersOf(run);
    const slow = Promise.all(Array.from({ length: 6 }, () => textOf(`${origin}/slow`)));
    await arrived(6);
    run.child.kill('SIGTERM');
    expect((await slow).every((text) => text.includes('next</a>'))).to.equal(true);
    expect(await run.exit).to.equal(0);
    expect(pids.filter((pid) => isAlive(pid))).to.deep.equal([]);
    expect(run.stdout()).to.not.include('died');
  });

  it('drain at signals to the whole group, as systemd and a terminal send them: nothing is cut', async () => {
    const { run, origin } = await serve();
    const pids = workersOf(run);
    const slow = Promise.all(Array.from({ length: 6 }, () => textOf(`${origin}/slow`)));
    await arrived(6);
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGTERM'] as const) for (const pid of pids) process.kill(pid, signal);
    run.child.kill('SIGTERM');
    expect((await slow).every((text) => text.includes('next</a>'))).to.equal(true);
    expect(await run.exit).to.equal(0);
    expect(pids.filter((pid) => isAlive(pid))).to.deep.equal([]);
  });

  it('end at once with the primary at its second signal', async () => {
    const { run, origin } = await serve();
    const pids = workersOf(run);
    const slow = Promise.allSettled(Array.from({ length: 6 }, () => textOf(`${origin}/slower`)));
    await arrived(6);
    run.child.kill('SIGTERM');
    // It is heard when nothing new is taken.
    while ((await get(origin).catch(() => null)) !== null) await sleep(20);
    run.child.kill('SIGINT');
    expect(new Set((await slow).map(({ status }) => status))).to.deep.equal(new Set(['rejected']));
    expect(await run.exit).to.equal('SIGINT');
    expect(pids.filter((pid) => isAlive(pid))).to.deep.equal([]);
  });

  it('are not left behind when the primary is killed: what is under way ends whole', async () => {
    const { run, origin } = await serve();
    const pids = workersOf(run);
    const slow = Promise.all(Array.from({ length: 6 }, () => textOf(`${origin}/slow`)));
    await arrived(6);
    run.child.kill('SIGKILL');
    expect((await slow).every((text) => text.includes('next</a>'))).to.equal(true);
    const deadlineMs = Date.now() + 10_000;
    while (pids.some((pid) => isAlive(pid))) {
      if (Date.now() > deadlineMs) throw new Error('a worker is left');
      await sleep(50);
    }
  });

  it('that hang before they listen are killed, with the reason', async () => {
    const primary = fork(join(import.meta.dirname, '../support/hanging-workers.ts'), { stdio: 'pipe' });
    bare = primary;
    const output = await textFrom(primary.stdout as Readable);
    expect(output).to.equal('Error: it did not listen within 0.3 s\n');
  });

  for (const [whose, places] of [
    ['an address', (taken: number) => `listen: 127.0.0.1:${taken}`],
    ['an admin address', (taken: number) => `listen: 127.0.0.1:0\nadmin: 127.0.0.1:${taken}`],
  ] as const) {
    it(`${whose} that is taken: exit 1, with the reason`, async () => {
      const server = createServer().listen(0, '127.0.0.1');
      await new Promise((resolve) => server.once('listening', resolve));
      const file = join(folder, 'transid.yaml');
      const { port } = server.address() as AddressInfo;
      const more = 'workers: 2\nstore: { kind: lmdb, path: data }\n';
      writeFileSync(file, `${places(port)}\nupstream: ${upstream.origin}\n${more}`);
      program = startCli(['serve', '-c', file]);
      expect(await program.exit).to.equal(1);
      expect(program.stderr()).to.match(/^transid: .*EADDRINUSE/m);
      server.close();
    });
  }

  const deaths = (run: CliRun): Array<{ end: string }> =>
    run
      .stdout()
      .split('\n')
      .filter((line) => line.includes('a worker died'))
      .map((line) => JSON.parse(line) as { end: string });
});

async function waitFor(run: CliRun, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadlineMs = Date.now() + 60_000;
  while (!(await condition())) {
    if (Date.now() > deadlineMs) throw new Error(`it did not come: ${run.stdout()} ${run.stderr()}`);
    await sleep(20);
  }
}

function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false; // no such process any more
  }
}

/** The source loader of the tests has a helper process of its own. */
function isWorker(pid: number): boolean {
  try {
    return isAlive(pid) && readFileSync(`/proc/${pid}/environ`, 'utf8').includes('NODE_UNIQUE_ID=');
  } catch {
    return false; // It has died between the two looks.
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
