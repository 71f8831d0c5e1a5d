/**
 * Long mixed traffic through two workers: `npm run soak [-- REQUESTS]` (default 1,000,000; a short form for CI is 20,000).
 *
 * Every answer proves whose it is: the upstream writes the user of the session's cookie into each page, and a client
 * knows who it logged in as. Counted are wrong and failed answers, and over the run memory and descriptors of the
 * workers, each time after a collection of garbage. Fails on any wrong or failed answer, on memory that grows by more
 * than 1 MiB per 100,000 requests (judged in the long form, behind a warm-up), and on descriptors that grow. The pages of the
 * store's file count apart, once for each worker that has them: the key of an ended session is kept for ten minutes, so a file that
 * is younger only grows. Needs Linux and dist/.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, createServer, type IncomingMessage, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const COUNTED = Number(process.argv[2] ?? 1_000_000);
/** Before them: a young process grows, and a store does until sessions end as fast as they begin. */
const WARM_UP = Math.round(COUNTED * 0.6);
const TOTAL = WARM_UP + COUNTED;
const CLIENTS = 32;
const SAMPLES = 20;
const MAX_MIB_PER_100K = 1;
const PROBE = join(import.meta.dirname, 'collect-garbage.mjs');
/** For a collection to be over. */
const COLLECTION_MS = 500;
const JUDGED_FROM = 1_000_000;

interface Reply {
  readonly status: number;
  readonly body: string;
  readonly setCookie: readonly string[];
  /** Path and query of a redirect, else null. */
  readonly location: string | null;
}

interface Sample {
  readonly requests: number;
  readonly rssMib: number;
  /** Of it: pages of the store's file, which both workers map. */
  readonly storeMib: number;
  /** Of it: what is no file's, programs included. */
  readonly anonymousMib: number;
  readonly descriptors: number;
}

interface Tally {
  done: number;
  wrong: number;
  failed: number;
  firstFault: string | null;
}

async function main(): Promise<number> {
  const program = join(import.meta.dirname, '../dist/cli/main.js');
  if (!existsSync(program)) throw new Error('run `npm run build` first');
  const folder = mkdtempSync(join(tmpdir(), 'transid-soak-'));
  const upstream = await listen(createServer(application));
  const port = await freePort();
  const config = join(folder, 'transid.yaml');
  writeFileSync(
    config,
    `listen: 127.0.0.1:${port}\nupstream: http://127.0.0.1:${upstream.port}\nworkers: 2\nstore: { kind: lmdb, path: ${folder}/data }
log: { level: warn }\nlimits: { mint_per_minute: 1000000 }\nsession: { idle_timeout: 10s }\nroutes: [{ path: /**, use_trans_sid: true }]\n`,
  );
  const proxy = spawn('node', [program, 'serve', '-c', config], {
    stdio: ['ignore', 'ignore', 'inherit'],
    // For the workers too.
    env: { ...process.env, NODE_OPTIONS: `--import ${PROBE}` },
  });
  const exited = new Promise<number | null>((resolve) => proxy.once('exit', resolve));
  try {
    return await soak(port, proxy.pid ?? 0, exited, () => proxy.kill('SIGTERM'));
  } finally {
    if (proxy.exitCode === null) proxy.kill('SIGKILL');
    upstream.server.closeAllConnections();
    upstream.server.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function soak(port: number, pid: number, exited: Promise<number | null>, stop: () => void): Promise<number> {
  await answers(port);
  const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS });
  const tally: Tally = { done: 0, wrong: 0, failed: 0, firstFault: null };
  const samples: Sample[] = [];
  const startedAt = Date.now();
  const clients = Array.from({ length: CLIENTS }, (_, i) => client(i, port, agent, tally));
  let nextSample = 0;
  let collecting: Promise<void> | null = null;
  const timer = setInterval(() => {
    if (tally.done < nextSample || collecting !== null) return;
    nextSample += TOTAL / SAMPLES;
    collecting = takeSample().finally(() => {
      collecting = null;
    });
  }, 50);
  const takeSample = async () => {
    for (const each of familyOf(pid)) process.kill(each, 'SIGUSR2');
    await pause(COLLECTION_MS);
    samples.push(sample(pid, tally.done));
  };
  await Promise.all(clients);
  clearInterval(timer);
  await collecting;
  agent.destroy();
  // The sockets close meanwhile.
  await takeSample();
  stop();
  return report(tally, samples, (Date.now() - startedAt) / 1000, await exited);
}

function report(tally: Tally, samples: readonly Sample[], seconds: number, exitCode: number | null): number {
  process.stdout.write('requests | RSS of all processes, MiB | of it the store | of it anonymous | descriptors\n');
  for (const { requests, rssMib, storeMib, anonymousMib, descriptors } of samples) {
    const memory = [rssMib, storeMib, anonymousMib].map((each) => each.toFixed(1)).join(' | ');
    process.stdout.write(`${requests} | ${memory} | ${descriptors}\n`);
  }
  const settled = samples.slice(0, -1).filter(({ requests }) => requests >= WARM_UP);
  const growthOf = (mibOf: (each: Sample) => number) =>
    slopeOf(settled.map((each) => [each.requests / 100_000, mibOf(each)]));
  const slope = growthOf(({ rssMib, storeMib }) => rssMib - storeMib);
  const storeSlope = growthOf(({ storeMib }) => storeMib);
  const descriptors = samples.slice(2, -1).map((each) => each.descriptors);
  const growth = Math.max(...descriptors.slice(-3)) - Math.max(...descriptors.slice(0, 3));
  process.stdout.write(
    `${tally.done} requests in ${seconds.toFixed(0)} s, ${tally.wrong} wrong, ${tally.failed} failed; ` +
      `RSS ${slope.toFixed(2)} MiB per 100,000, and the store's pages ${storeSlope.toFixed(2)}; descriptors ${growth >= 0 ? '+' : ''}${growth}; exit code ${exitCode}\n`,
  );
  if (tally.firstFault !== null) process.stdout.write(`first fault: ${tally.firstFault}\n`);
  const grows = COUNTED >= JUDGED_FROM && slope > MAX_MIB_PER_100K;
  return tally.wrong + tally.failed > 0 || grows || growth > CLIENTS || exitCode !== 0 ? 1 : 0;
}

/** One visitor after the other: half of them keep cookies, half do not and follow marked links. */
async function client(index: number, port: number, agent: Agent, tally: Tally): Promise<void> {
  const mine = Math.ceil(TOTAL / CLIENTS);
  let sent = 0;
  for (let visit = 0; sent < mine; visit += 1) {
    const user = `u${index}x${visit}e`;
    const keepsCookies = visit % 2 === 0;
    let cookie = '';
    let target = `/login?user=${user}`;
    for (let step = 0; step < 40 && sent < mine; step += 1) {
      const kind = step === 0 ? 'page' : KINDS[(index + step) % KINDS.length];
      const headers = {
        'User-Agent': `soak ${index}`,
        Accept: 'text/html',
        ...(cookie === '' ? {} : { Cookie: cookie }),
      };
      sent += 1;
      tally.done += 1;
      try {
        const method = kind === 'post' ? 'POST' : 'GET';
        let reply = await ask(port, agent, method, kind === 'gone' ? `/gone${queryOf(target)}` : target, headers);
        // A client with cookies that follows a marked link is sent to the clean URL, once.
        if (keepsCookies && reply.location !== null) reply = await ask(port, agent, 'GET', reply.location, headers);
        if (keepsCookies) for (const set of reply.setCookie) cookie = cookieAfter(cookie, set);
        const wanted = kind === 'gone' ? 404 : 200;
        if (reply.status !== wanted) fault(tally, 'failed', `status ${reply.status} for ${kind}`);
        else if (!reply.body.includes(`user=${user};`)) fault(tally, 'wrong', `${user} got ${reply.body.slice(0, 80)}`);
        const link = /href="([^"]+)"/.exec(reply.body)?.[1]?.replaceAll('&amp;', '&');
        if (link !== undefined) target = link;
      } catch (error) {
        fault(tally, 'failed', String(error));
      }
    }
  }
}

const KINDS = ['page', 'page', 'post', 'page', 'gone', 'page', 'big', 'page'] as const;

function fault(tally: Tally, kind: 'wrong' | 'failed', text: string): void {
  tally[kind] += 1;
  tally.firstFault ??= text;
}

function queryOf(target: string): string {
  const at = target.indexOf('?');
  return at < 0 ? '' : target.slice(at);
}

function cookieAfter(cookie: string, setCookie: string): string {
  const pair = setCookie.split(';', 1)[0] as string;
  const name = pair.split('=', 1)[0] as string;
  return [...cookie.split('; ').filter((each) => each !== '' && !each.startsWith(`${name}=`)), pair].join('; ');
}

/** The application: its session is one cookie, and each page says whose it is. */
function application(req: IncomingMessage, res: import('node:http').ServerResponse): void {
  req.resume();
  req.on('end', () => {
    const url = new URL(req.url ?? '/', 'http://app.test');
    const fresh = url.searchParams.get('user');
    const user = fresh ?? /(?:^|; )user=([^;]+)/.exec(req.headers.cookie ?? '')?.[1] ?? 'nobody';
    const status = url.pathname === '/gone' ? 404 : 200;
    const filler = Math.random() < 0.1 ? '<p>text</p>'.repeat(2000) : '';
    const cookies = fresh === null ? {} : { 'Set-Cookie': `user=${fresh}; Path=/; HttpOnly` };
    res.writeHead(status, { 'Content-Type': 'text/html', ...cookies });
    res.end(`<!doctype html><title>t</title><p>user=${user};</p><a href="/page">next</a>${filler}`);
  });
}

function ask(
  port: number,
  agent: Agent,
  method: string,
  path: string,
  headers: Record<string, string>,
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, agent, method, path, headers }, (response) => {
      let body = '';
      response.setEncoding('latin1');
      response.on('data', (chunk: string) => {
        body += chunk;
      });
      response.on('error', reject);
      response.on('end', () => {
        const { location, 'set-cookie': setCookie = [] } = response.headers;
        const path = location === undefined ? null : new URL(location, 'http://app.test');
        resolve({
          status: response.statusCode ?? 0,
          body,
          setCookie,
          location: path === null ? null : path.pathname + path.search,
        });
      });
    });
    sent.on('error', reject);
    sent.end(method === 'POST' ? 'a=1' : undefined);
  });
}

/** The process and its children. */
function sample(pid: number, requests: number): Sample {
  let rssMib = 0;
  let storeMib = 0;
  let anonymousMib = 0;
  let descriptors = 0;
  for (const each of familyOf(pid)) {
    const status = readFileSync(`/proc/${each}/status`, 'utf8');
    rssMib += mib(status, 'VmRSS');
    anonymousMib += mib(status, 'RssAnon');
    storeMib += storePagesOf(each);
    descriptors += readdirSync(`/proc/${each}/fd`).length;
  }
  return { requests, rssMib, storeMib, anonymousMib, descriptors };
}

/** Resident pages of the store's file, in MiB. */
function storePagesOf(pid: number): number {
  // A mapping is a line with its file, and lines with its figures.
  const mappings = readFileSync(`/proc/${pid}/smaps`, 'utf8').split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m);
  return mappings.filter((each) => each.includes('sessions.mdb\n')).reduce((sum, each) => sum + mib(each, 'Rss'), 0);
}

function mib(status: string, name: string): number {
  return Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) / 1024;
}

function familyOf(pid: number): number[] {
  const below = readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8')
      .trim()
      .split(' ')
      .filter((text) => text !== ''),
  );
  return [pid, ...below.flatMap((child) => familyOf(Number(child)))];
}

/** Least squares. */
function slopeOf(points: readonly (readonly [x: number, y: number])[]): number {
  const mean = (index: 0 | 1) => points.reduce((sum, point) => sum + point[index], 0) / points.length;
  const [x, y] = [mean(0), mean(1)];
  const over = points.reduce((sum, point) => sum + (point[0] - x) * (point[1] - y), 0);
  return over / points.reduce((sum, point) => sum + (point[0] - x) ** 2, 0);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

async function answers(port: number): Promise<void> {
  const agent = new Agent();
  for (let i = 0; i < 200; i += 1) {
    const isUp = await ask(port, agent, 'GET', '/page', {}).then(
      ({ status }) => status === 200,
      () => false,
    );
    if (isUp) return;
    await pause(100);
  }
  throw new Error('the proxy does not answer');
}

async function freePort(): Promise<number> {
  const { server, port } = await listen(createServer());
  server.close();
  return port;
}

function listen(server: Server): Promise<{ server: Server; port: number }> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve({ server, port: (server.address() as AddressInfo).port }));
  });
}

process.exit(await main());
