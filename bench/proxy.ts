/**
 * CPU time per request of the whole proxy, against others doing the same job: `npm run bench:proxy [-- ROUNDS]`.
 *
 * All proxies stay up; each is loaded in turn for one second, in random order, round after round, and ratios are taken
 * within a round: on a shared machine absolute numbers drift, paired slices far less. CPU time is user + system of all
 * threads, from the scheduler's account in /proc. Needs Linux, nginx (backend), wrk (load), apache2 (peer), and dist/.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { benchPages } from './pages.ts';

const ROUNDS = Number(process.argv[2] ?? 12);
const CONNECTIONS = 64;
const WARM_REQUESTS = 20_000;
/** With two processors the proxies have one of them, backend and load the other. */
const PROXY_CPU = '1';
const LOAD_CPU = '0';
const folder = mkdtempSync(join(tmpdir(), 'transid-bench-'));
const children: ChildProcess[] = [];

interface Subject {
  readonly name: string;
  readonly pid: number;
  readonly url: string;
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

async function main(): Promise<number> {
  const program = join(import.meta.dirname, '../dist/cli/main.js');
  if (!existsSync(program)) throw new Error('run `npm run build` first');
  const [backendPort, transidPort, peerPort, apachePort] = await freePorts(4);
  await startBackend(backendPort);
  const transid = await startTransid(program, transidPort, backendPort);
  const peer = start('node', [
    '--import',
    'tsx',
    join(import.meta.dirname, 'peers/http-proxy.ts'),
    String(peerPort),
    String(backendPort),
  ]);
  await answers(peerPort);
  const apache = await startApache(apachePort, backendPort);
  const sid = await mintSid(transidPort);
  const subjects = [
    subject('transid 1K', transid, transidPort, '/1k.json'),
    subject('http-proxy 1K', peer, peerPort, '/1k.json'),
    subject('transid 8K marked', transid, transidPort, `/8k.html?_sid=${sid}`),
    subject('http-proxy 8K', peer, peerPort, '/8k.html'),
    subject('transid 60K', transid, transidPort, '/60k.html'),
    subject('transid 60K marked', transid, transidPort, `/60k.html?_sid=${sid}`),
    subject('apache 60K', apache, apachePort, '/60k.html'),
  ];
  for (const each of subjects) {
    each.bytes = (await fetchBody(each.url)).length;
    // Until its code is compiled: on a busy machine a fixed time would not do.
    for (let sent = 0, slices = 0; sent < WARM_REQUESTS && slices < 30; slices += 1) sent += await load(each.url, 1);
  }
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const each of shuffled(subjects)) {
      const before = cpuNanoseconds(each.pid);
      const requests = await load(each.url, 1);
      each.costs[round] = (cpuNanoseconds(each.pid) - before) / 1000 / requests;
    }
  }
  return report(subjects);
}

function report(subjects: readonly Subject[]): number {
  const line = (cells: readonly (string | number)[]) => process.stdout.write(`| ${cells.join(' | ')} |\n`);
  process.stdout.write(`\nNode ${process.version}, ${CONNECTIONS} connections, ${ROUNDS} one-second slices each\n\n`);
  line(['subject', 'CPU µs/request (median)', 'p25-p75', 'bytes']);
  line(['---', '---:', '---:', '---:']);
  for (const { name, costs, bytes } of subjects) {
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
    const mine = subjects.find(({ name }) => name === goal.subject)?.costs ?? [];
    const theirs = subjects.find(({ name }) => name === goal.against)?.costs ?? [];
    const ratio = median(mine.map((cost, round) => cost / (theirs[round] ?? Number.NaN)));
    const isMet = ratio <= goal.atMost;
    if (!isMet) failed += 1;
    line([goal.what, ratio.toFixed(3), goal.atMost, isMet ? 'met' : 'MISSED']);
  }
  return failed === 0 ? 0 : 1;
}

function subject(name: string, pid: number, port: number, target: string): Subject {
  return { name, pid, url: `http://127.0.0.1:${port}${target}`, costs: [], bytes: 0 };
}

async function startBackend(port: number): Promise<void> {
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
  await answers(port);
}

async function startTransid(program: string, port: number, backendPort: number): Promise<number> {
  const config = join(folder, 'transid.yaml');
  // The peers write no access log.
  writeFileSync(
    config,
    `listen: 127.0.0.1:${port}\nupstream: http://127.0.0.1:${backendPort}\nlog: { level: warn }\nstore: { kind: memory }\nroutes: [{ path: /**, use_trans_sid: true }]\n`,
  );
  const pid = start('node', [program, 'serve', '-c', config]);
  await answers(port);
  return pid;
}

async function startApache(port: number, backendPort: number): Promise<number> {
  const modules = ['mpm_event', 'authz_core', 'proxy', 'proxy_http', 'filter', 'headers', 'xml2enc', 'proxy_html'];
  const links = ['a href', 'area href', 'frame src', 'iframe src', 'form action'];
  const config = join(folder, 'apache.conf');
  writeFileSync(
    config,
    `ServerRoot /etc/apache2\nServerName localhost\nPidFile ${folder}/apache.pid\nErrorLog ${folder}/apache.err\nDefaultRuntimeDir ${folder}\n
Listen 127.0.0.1:${port}\n${modules.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`).join('\n')}
StartServers 1\nServerLimit 1\nThreadLimit 128\nThreadsPerChild 128\nMaxRequestWorkers 128\nKeepAlive On\nMaxKeepAliveRequests 0\nKeepAliveTimeout 60
ProxyPass / http://127.0.0.1:${backendPort}/ keepalive=On max=128 ttl=60
<Location />\nProxyHTMLEnable On\nProxyHTMLExtended Off\n${links.map((link) => `ProxyHTMLLinks ${link}`).join('\n')}
ProxyHTMLURLMap ^([^#?:]*)\\?([^#]*) "$1?$2&_sid=0123456789abcdefghijklmnop" Rx
ProxyHTMLURLMap ^([^#?:]*)([^#]*) "$1?_sid=0123456789abcdefghijklmnop$2" Rx
RequestHeader unset Accept-Encoding\n</Location>\n`,
  );
  const pid = start('apache2', ['-D', 'FOREGROUND', '-f', config]);
  await answers(port);
  return pid;
}

/** A session of a client without cookies and without a User-Agent, as wrk is. */
async function mintSid(port: number): Promise<string> {
  const sid = /_sid=([0-9a-v]{26})/.exec(await fetchBody(`http://127.0.0.1:${port}/mint`))?.[1];
  if (sid === undefined) throw new Error('the proxy put no session ID into the page');
  return sid;
}

function start(command: string, args: readonly string[], cpu = PROXY_CPU): number {
  const child = spawn('taskset', ['-c', cpu, command, ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
  children.push(child);
  if (child.pid === undefined) throw new Error(`${command} does not start`);
  return child.pid;
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
function load(url: string, seconds: number): Promise<number> {
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
      if (/Non-2xx|Socket errors/.test(text)) reject(new Error(`${url}: ${text}`));
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

async function freePorts(count: number): Promise<[number, number, number, number]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve) => {
          server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
        }),
    ),
  );
  for (const server of servers) server.close();
  return ports as [number, number, number, number]; // as many as were asked for
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
  return (quantile(values, 0.5) + quantile(values, 0.500001)) / 2;
}

function stop(): void {
  for (const child of children) child.kill('SIGTERM');
  spawnSync('sleep', ['0.3']);
  rmSync(folder, { recursive: true, force: true });
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));
process.on('exit', stop);
process.exit(await main());
