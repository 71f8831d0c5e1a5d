/**
 * CPU time per request of the whole proxy, against others doing the same job: `npm run bench:proxy [-- ROUNDS]`.
 *
 * In each round every proxy, in random order, gets a process of its own, alone on its processor: it is warmed up, then
 * loaded with each of its pages in turn, in slices of one second. Ratios are taken within a round: on a shared machine
 * absolute numbers drift, neighbours far less. New processes every round, because two of the same program differ: of
 * several that are up together, the one started first was seen to be a fifth cheaper all its life. CPU time is user +
 * system of all threads, from the scheduler's account in /proc. Needs Linux, nginx (backend), wrk (load), apache2 (peer),
 * and dist/.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { benchPages } from './pages.ts';

const ROUNDS = Number(process.argv[2] ?? 7);
const SLICES = 3;
const CONNECTIONS = 64;
const WARM_REQUESTS = 20_000;
/** With two processors the proxies have one of them, backend and load the other. */
const PROXY_CPU = '1';
const LOAD_CPU = '0';
const PROGRAM = join(import.meta.dirname, '../dist/cli/main.js');
const PEER = join(import.meta.dirname, '../node_modules/.cache/transid-bench/bench/peers/http-proxy.js');
const folder = mkdtempSync(join(tmpdir(), 'transid-bench-'));
const children: ChildProcess[] = [];

interface Page {
  readonly subject: string;
  readonly path: string;
  /** Asked for by a client without cookies that has a session. */
  readonly isMarked?: boolean;
}

interface Proxy {
  readonly pages: readonly Page[];
  start(port: number, backendPort: number): ChildProcess;
}

interface Result {
  /** CPU microseconds per request, one value a round. */
  readonly costs: number[];
  bytes: number;
}

/** What is asked: cost of the first divided by that of the second, at most so much. */
interface Goal {
  readonly what: string;
  readonly subject: string;
  readonly against: string;
  readonly atMost: number;
}

const GOALS: readonly Goal[] = [
  { what: 'passthrough of 1 KB', subject: 'transid 1K', against: 'http-proxy 1K', atMost: 0.8 },
  {
    what: 'an 8 KB page marked, against passing it',
    subject: 'transid 8K marked',
    against: 'http-proxy 8K',
    atMost: 1,
  },
  {
    what: 'a 60 KB page marked, against passing it',
    subject: 'transid 60K marked',
    against: 'transid 60K',
    atMost: 2.2,
  },
  {
    what: 'a 60 KB page marked, against mod_proxy_html',
    subject: 'transid 60K marked',
    against: 'apache 60K',
    atMost: 0.22,
  },
];

const PROXIES: readonly Proxy[] = [
  {
    start: startTransid,
    pages: [
      { subject: 'transid 1K', path: '/1k.json' },
      { subject: 'transid 8K marked', path: '/8k.html', isMarked: true },
      { subject: 'transid 60K', path: '/60k.html' },
      { subject: 'transid 60K marked', path: '/60k.html', isMarked: true },
    ],
  },
  {
    start: startPeer,
    pages: [
      { subject: 'http-proxy 1K', path: '/1k.json' },
      { subject: 'http-proxy 8K', path: '/8k.html' },
    ],
  },
  { start: startApache, pages: [{ subject: 'apache 60K', path: '/60k.html' }] },
];

async function main(): Promise<number> {
  if (!existsSync(PROGRAM)) throw new Error('run `npm run build` first');
  compilePeer();
  const backendPort = await freePort();
  startBackend(backendPort);
  await answers(backendPort);
  const results = new Map(
    PROXIES.flatMap(({ pages }) => pages).map(({ subject }): [string, Result] => [subject, { costs: [], bytes: 0 }]),
  );
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const proxy of shuffled(PROXIES)) await measure(proxy, backendPort, results);
  }
  return report(results);
}

/** One life of one proxy. */
async function measure(proxy: Proxy, backendPort: number, results: Map<string, Result>): Promise<void> {
  const port = await freePort();
  const child = proxy.start(port, backendPort);
  await answers(port);
  const pid = pidOf(child);
  const runs = [];
  for (const { subject, path, isMarked } of proxy.pages) {
    const url = `http://127.0.0.1:${port}${path}${isMarked === true ? `?_sid=${await mintSid(port)}` : ''}`;
    const result = results.get(subject);
    if (result === undefined) throw new Error(`no such subject: ${subject}`);
    result.bytes = (await fetchBody(url)).length;
    runs.push({ subject, url, result, slices: [] as number[] });
  }
  for (const { subject, url } of runs) {
    // Until its code is compiled: on a busy machine a fixed time would not do.
    for (let sent = 0, slices = 0; sent < WARM_REQUESTS && slices < 12; slices += 1)
      sent += await load(subject, url, 1);
  }
  for (let slice = 0; slice < SLICES; slice += 1) {
    for (const { subject, url, slices } of shuffled(runs)) {
      const before = cpuNanoseconds(pid);
      const requests = await load(subject, url, 1);
      slices.push((cpuNanoseconds(pid) - before) / 1000 / requests);
    }
  }
  for (const { result, slices } of runs) result.costs.push(median(slices));
  await end(child);
}

function report(results: ReadonlyMap<string, Result>): number {
  const line = (cells: readonly (string | number)[]) => process.stdout.write(`| ${cells.join(' | ')} |\n`);
  process.stdout.write(
    `\nNode ${process.version}, ${CONNECTIONS} connections, ${ROUNDS} rounds of ${SLICES} one-second slices\n\n`,
  );
  line(['subject', 'CPU µs/request (median)', 'p25-p75', 'bytes']);
  line(['---', '---:', '---:', '---:']);
  for (const [name, { costs, bytes }] of results) {
    line([
      name,
      median(costs).toFixed(1),
      `${quantile(costs, 0.25).toFixed(0)}-${quantile(costs, 0.75).toFixed(0)}`,
      bytes,
    ]);
  }
  process.stdout.write('\n');
  line(['goal', 'ratio (paired median)', 'at most', '']);
  line(['---', '---:', '---:', '---']);
  let failed = 0;
  for (const goal of GOALS) {
    const mine = results.get(goal.subject)?.costs ?? [];
    const theirs = results.get(goal.against)?.costs ?? [];
    const ratio = median(mine.map((cost, round) => cost / (theirs[round] ?? Number.NaN)));
    const isMet = ratio <= goal.atMost;
    if (!isMet) failed += 1;
    line([goal.what, ratio.toFixed(3), goal.atMost, isMet ? 'met' : 'MISSED']);
  }
  return failed === 0 ? 0 : 1;
}

function startBackend(port: number): void {
  const www = join(folder, 'www');
  mkdirSync(www);
  const pages = benchPages();
  const page = (name: string) => pages.find((each) => each.name === name)?.html ?? Buffer.alloc(0);
  writeFileSync(join(www, '8k.html'), page('login 8K'));
  writeFileSync(join(www, '60k.html'), page('forum 60K'));
  writeFileSync(join(www, '1k.json'), JSON.stringify({ items: Array.from({ length: 143 }, (_, i) => 100_000 + i) }));
  const config = join(folder, 'nginx.conf');
  const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path ${folder}/${kind};`,
  );
  writeFileSync(
    config,
    `${process.getuid?.() === 0 ? 'user root; ' : ''}daemon off; pid ${folder}/nginx.pid; error_log ${folder}/nginx.err; worker_processes 1;
events { worker_connections 4096; }
http { access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000; keepalive_timeout 300s; ${temp.join(' ')}
  open_file_cache max=100 inactive=300s; types { text/html html; application/json json; }
  server { listen 127.0.0.1:${port} backlog=4096; root ${www};
    location = /mint { default_type text/html; add_header Set-Cookie "app=1; Path=/"; return 200 '<a href="/x">x</a>'; } } }\n`,
  );
  start('nginx', ['-e', `${folder}/nginx.err`, '-c', config], LOAD_CPU);
}

function startTransid(port: number, backendPort: number): ChildProcess {
  const config = join(folder, 'transid.yaml');
  // The peers write no access log.
  writeFileSync(
    config,
    `listen: 127.0.0.1:${port}\nupstream: http://127.0.0.1:${backendPort}\nlog: { level: warn }\nstore: { kind: memory }\nroutes: [{ path: /**, use_trans_sid: true }]\n`,
  );
  return start('node', [PROGRAM, 'serve', '-c', config]);
}

/** Compiled, as the product is: a loader would have its hands in every call. */
function compilePeer(): void {
  const tsc = join(import.meta.dirname, '../node_modules/.bin/tsc');
  const { status } = spawnSync(tsc, ['-p', join(import.meta.dirname, 'tsconfig.json')], { stdio: 'inherit' });
  if (status !== 0) throw new Error('the peer does not compile');
}

function startPeer(port: number, backendPort: number): ChildProcess {
  return start('node', [PEER, String(port), String(backendPort)]);
}

function startApache(port: number, backendPort: number): ChildProcess {
  const modules = ['mpm_event', 'authz_core', 'proxy', 'proxy_http', 'filter', 'headers', 'xml2enc', 'proxy_html'];
  const links = ['a href', 'area href', 'frame src', 'iframe src', 'form action'];
  const config = join(folder, 'apache.conf');
  // Threads for several slices of connections: what a slice leaves behind is still being worked on when the next begins.
  writeFileSync(
    config,
    `ServerRoot /etc/apache2\nServerName localhost\nPidFile ${folder}/apache.pid\nErrorLog ${folder}/apache.err\nDefaultRuntimeDir ${folder}\n
Listen 127.0.0.1:${port}\n${modules.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`).join('\n')}
StartServers 1\nServerLimit 1\nThreadLimit 512\nThreadsPerChild 512\nMaxRequestWorkers 512\nKeepAlive On\nMaxKeepAliveRequests 0\nKeepAliveTimeout 60
ProxyPass / http://127.0.0.1:${backendPort}/ keepalive=On max=512 ttl=60
<Location />\nProxyHTMLEnable On\nProxyHTMLExtended Off\n${links.map((link) => `ProxyHTMLLinks ${link}`).join('\n')}
ProxyHTMLURLMap ^([^#?:]*)\\?([^#]*) "$1?$2&_sid=0123456789abcdefghijklmnop" Rx
ProxyHTMLURLMap ^([^#?:]*)([^#]*) "$1?_sid=0123456789abcdefghijklmnop$2" Rx
RequestHeader unset Accept-Encoding\n</Location>\n`,
  );
  return start('apache2', ['-D', 'FOREGROUND', '-f', config]);
}

/** A session of a client without cookies and without a User-Agent, as wrk is. */
async function mintSid(port: number): Promise<string> {
  const sid = /_sid=([0-9a-v]{26})/.exec(await fetchBody(`http://127.0.0.1:${port}/mint`))?.[1];
  if (sid === undefined) throw new Error('the proxy put no session ID into the page');
  return sid;
}

function start(command: string, args: readonly string[], cpu = PROXY_CPU): ChildProcess {
  const child = spawn('taskset', ['-c', cpu, command, ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
  children.push(child);
  return child;
}

function pidOf({ pid }: ChildProcess): number {
  if (pid === undefined) throw new Error('a proxy does not start');
  return pid;
}

function end(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
    child.kill('SIGTERM');
  });
}

async function answers(port: number): Promise<void> {
  for (let i = 0; i < 100; i += 1) {
    const isUp = await fetchBody(`http://127.0.0.1:${port}/1k.json`).then(
      (body) => body.length > 0,
      () => false,
    );
    if (isUp) return;
    await new Promise((resolve) => {
      setTimeout(resolve, 100);
    });
  }
  throw new Error(`nothing answers on port ${port}`);
}

function fetchBody(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    get(url, { agent: false }, (response) => {
      let body = '';
      response.setEncoding('latin1');
      response.on('data', (chunk: string) => {
        body += chunk;
      });
      response.on('end', () =>
        response.statusCode === 200 ? resolve(body) : reject(new Error(`status ${response.statusCode}`)),
      );
    }).on('error', reject);
  });
}

/** Requests answered in so many seconds; throws when any failed. */
function load(subject: string, url: string, seconds: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const wrk = spawn(
      'taskset',
      ['-c', LOAD_CPU, 'wrk', '-t1', '--timeout', '30s', `-c${CONNECTIONS}`, `-d${seconds}s`, url],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    let text = '';
    wrk.stdout.on('data', (chunk) => {
      text += chunk;
    });
    wrk.on('error', reject);
    wrk.on('close', () => {
      const requests = Number(/(\d+) requests in/.exec(text)?.[1] ?? 0);
      if (/Non-2xx|Socket errors/.test(text)) reject(new Error(`${subject}: ${text}`));
      else resolve(requests);
    });
  });
}

/** CPU time of a process, its threads and its children so far. */
function cpuNanoseconds(pid: number): number {
  let sum = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    sum += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]);
    const below = readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').trim();
    for (const child of below === '' ? [] : below.split(' ')) sum += cpuNanoseconds(Number(child));
  }
  return sum;
}

function freePort(): Promise<number> {
  const server = createServer();
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => [Math.random(), item] as const)
    .sort(([a], [b]) => a - b)
    .map(([, item]) => item);
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN;
}

function median(values: readonly number[]): number {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  const at = (index: number) => sorted[index] ?? Number.NaN;
  return (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2;
}

function stop(): void {
  for (const child of children) child.kill('SIGTERM');
  spawnSync('sleep', ['0.3']);
  rmSync(folder, { recursive: true, force: true });
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));
process.on('exit', stop);
process.exit(await main());
