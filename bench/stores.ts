/**
 * What the session stores cost, one beside the other in one run (`node --expose-gc --import tsx bench/stores.ts`):
 *
 * - requests per CPU second of the whole proxy with a SID, each store against memory, in alternating slices;
 * - bytes per session of a jar of 3 cookies;
 * - look-ups among `SESSIONS` (a million by default) sessions in lmdb, and the steps of its sweep;
 * - the seal, which every request with a SID opens.
 *
 * Needs redis-server. Absolute times are this machine's at this moment; the ratios are what counts.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { Agent, createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Key, open } from 'lmdb';
import { openLmdbStore, sweepStep } from '../src/session/lmdb.ts';
import { createMemoryStore } from '../src/session/memory.ts';
import { openRedisStore } from '../src/session/redis.ts';
import { open as openSeal, seal, sealKeys } from '../src/session/seal.ts';
import { Sessions } from '../src/session/session.ts';
import type { SessionStore } from '../src/session/store.ts';
import { Sid } from '../src/sid/sid.ts';
import { redisOptions } from '../test/support/redis-options.ts';
import { type RedisServer, startRedis } from '../test/support/redis-server.ts';
import { CLIENT, response, sessionPolicy } from '../test/support/session-fixtures.ts';

const SESSIONS = Number(process.env['SESSIONS'] ?? 1_000_000);
const SIZED_SESSIONS = 20_000;
const ROUNDS = Number(process.env['ROUNDS'] ?? 8);
const REQUESTS_PER_SLICE = 1500;
const PARALLEL = 8;
const BATCH = 200;
const CLOCK_TICKS_PER_SECOND = 100;

const folder = mkdtempSync(join(tmpdir(), 'transid-bench-'));
const policy = sessionPolicy();
const COOKIES = [
  'PHPSESSID=0123456789abcdefghijklmnop; path=/; HttpOnly',
  'remember=4f2c8a1be07d4c6f9a3e5b7c8d9e0f1a2b3c4d5e; path=/; Max-Age=1209600; HttpOnly',
  'lang=en; path=/',
];

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

function percentile(sorted: Float64Array, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

// ------------------------------------------------------------------------------------- requests per CPU second

interface Proxy {
  readonly name: string;
  readonly child: ChildProcess;
  readonly port: number;
  readonly target: string;
}

/** A page of 8 KB with 40 links, and a cookie for who has none. */
async function startUpstream(): Promise<number> {
  const links = Array.from({ length: 40 }, (_, i) => `<li><a href="/item/${i}?view=full">Item ${i}</a></li>`).join(
    '\n',
  );
  const page = `<!doctype html><title>Shop</title>${'<p>Some text about this shop.</p>\n'.repeat(180)}<ul>${links}</ul>`;
  const server = createServer((incoming, reply) => {
    if (incoming.headers.cookie === undefined) for (const cookie of COOKIES) reply.appendHeader('Set-Cookie', cookie);
    reply.setHeader('Content-Type', 'text/html; charset=utf-8');
    reply.end(page);
  });
  server.keepAliveTimeout = 60_000;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  server.unref();
  return (server.address() as AddressInfo).port;
}

const agent = new Agent({ keepAlive: true, maxSockets: PARALLEL });

function ask(port: number, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { Host: CLIENT.host, 'User-Agent': CLIENT.userAgent, Accept: 'text/html' };
    const sent = request({ agent, port, host: '127.0.0.1', path, headers }, (answer) => {
      const parts: Buffer[] = [];
      answer.on('data', (part: Buffer) => parts.push(part));
      answer.on('end', () => resolve(Buffer.concat(parts).toString('latin1')));
    });
    sent.on('error', reject);
    sent.end();
  });
}

async function startProxy(name: string, store: string, upstreamPort: number): Promise<Proxy> {
  const file = join(folder, `${name}.yaml`);
  const lines = ['listen: 127.0.0.1:0', `upstream: http://127.0.0.1:${upstreamPort}`, 'log: { level: error }'];
  writeFileSync(file, [...lines, `store: ${store}`, 'routes: [{ path: /**, use_trans_sid: true }]', ''].join('\n'));
  const main = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', main, 'serve', '-c', file], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const port = await new Promise<number>((resolve, reject) => {
    let said = '';
    const listen = (part: Buffer) => {
      said += part.toString();
      const [, found] = /http:\/\/127\.0\.0\.1:(\d+)/.exec(said) ?? [];
      if (found !== undefined) resolve(Number(found));
    };
    child.stdout.on('data', listen);
    child.stderr.on('data', listen);
    child.once('exit', () => reject(new Error(`the proxy ended: ${said}`)));
  });
  const [, sid] = /_sid=([0-9a-v]{26})/.exec(await ask(port, '/')) ?? [];
  return { name, child, port, target: `/page?_sid=${sid}` };
}

/** User and system time of a process with all its threads, in seconds. */
function cpuSeconds(child: ChildProcess): number {
  const fields = readFileSync(`/proc/${child.pid}/stat`, 'latin1').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS_PER_SECOND;
}

async function slice(proxy: Proxy): Promise<number> {
  const beforeS = cpuSeconds(proxy.child);
  let left = REQUESTS_PER_SLICE;
  const one = async () => {
    while (left-- > 0) {
      const page = await ask(proxy.port, proxy.target);
      if (!page.includes('_sid=')) throw new Error(`${proxy.name}: the session is gone`);
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, one));
  return REQUESTS_PER_SLICE / (cpuSeconds(proxy.child) - beforeS);
}

async function compareRequests(redis: RedisServer): Promise<void> {
  const upstreamPort = await startUpstream();
  const proxies = [
    await startProxy('memory', '{ kind: memory }', upstreamPort),
    await startProxy('lmdb', `{ kind: lmdb, path: ${join(folder, 'proxy')} }`, upstreamPort),
    await startProxy(
      'redis',
      `{ kind: redis, url: "redis://127.0.0.1:${redis.port}", command_timeout: 5s }`,
      upstreamPort,
    ),
  ];
  for (const proxy of proxies) for (let i = 0; i < 3; i++) await slice(proxy);
  const rates = new Map(proxies.map(({ name }) => [name, [] as number[]]));
  for (let round = 0; round < ROUNDS; round++) {
    // The order turns, so that no store always follows the same other one.
    for (let i = 0; i < proxies.length; i++) {
      const proxy = proxies[(round + i) % proxies.length]!;
      rates.get(proxy.name)!.push(await slice(proxy));
    }
  }
  for (const { child } of proxies) child.kill('SIGKILL');
  agent.destroy();
  const memory = rates.get('memory')!;
  say(`\nRequests with a SID per CPU second (8 KB page, 40 links marked), ${ROUNDS} alternating slices`);
  for (const [name, own] of rates) {
    const ratio = median(own.map((rate, i) => rate / memory[i]!));
    const goal = name === 'lmdb' ? '(goal 0.9)' : name === 'redis' ? '(goal 0.7)' : '';
    say(`  ${name.padEnd(8)} ${median(own).toFixed(0).padStart(6)}  ${ratio.toFixed(2)} of memory ${goal}`);
  }
}

// -------------------------------------------------------------------------------------------- bytes per session

async function fill(store: SessionStore, count: number): Promise<void> {
  const sessions = new Sessions({ store, clock: Date.now, maxSessions: 1e9, mintPerMinute: 1e9 });
  for (let done = 0; done < count; done += BATCH) {
    await Promise.all(
      Array.from({ length: Math.min(BATCH, count - done) }, () =>
        sessions.absorb(null, response(COOKIES), CLIENT, policy),
      ),
    );
  }
}

function usedBytes(): number {
  globalThis.gc?.();
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

async function redisBytes(redis: RedisServer): Promise<number> {
  return Number(/used_memory:(\d+)/.exec(await redis.ask('INFO memory'))?.[1]);
}

async function compareBytes(redis: RedisServer): Promise<void> {
  if (globalThis.gc === undefined) say('(memory without --expose-gc is not exact)');
  const memoryBefore = usedBytes();
  const memory = createMemoryStore({ maxSessions: 1e9, maxBytes: 1e12, clock: Date.now });
  await fill(memory, SIZED_SESSIONS);
  const inMemory = (usedBytes() - memoryBefore) / SIZED_SESSIONS;
  await memory.close();

  const path = join(folder, 'sized');
  const lmdb = openLmdbStore({ path, clock: Date.now, sweep: false });
  await fill(lmdb, SIZED_SESSIONS);
  await lmdb.close();
  const inLmdb = statSync(join(path, 'sessions.mdb')).size / SIZED_SESSIONS;

  const redisBefore = await redisBytes(redis);
  const remote = await openRedisStore(redisOptions(redis.port, { commandTimeoutMs: 10_000 }));
  await fill(remote, SIZED_SESSIONS);
  await remote.close();
  const inRedis = ((await redisBytes(redis)) - redisBefore) / SIZED_SESSIONS;

  say(`\nBytes per session of 3 cookies, ${SIZED_SESSIONS} sessions`);
  for (const [name, bytes] of Object.entries({ memory: inMemory, lmdb: inLmdb, redis: inRedis })) {
    say(`  ${name.padEnd(8)} ${bytes.toFixed(0).padStart(6)}`);
  }
}

// ------------------------------------------------------------------------------------------- a million in lmdb

/** Keys as `sealKeys` makes them, values as long as a sealed jar of 3 cookies. */
async function lookUpAmongMany(): Promise<void> {
  const path = join(folder, 'many');
  const store = openLmdbStore({ path, clock: Date.now, sweep: false });
  const value = Buffer.alloc(400, 7);
  const keyOf = (i: number) => `${Buffer.from(`k${i}`).toString('hex')}`.padStart(43, String(i % 10));
  for (let done = 0; done < SESSIONS; done += 5000) {
    const batch = Math.min(5000, SESSIONS - done);
    await Promise.all(
      Array.from({ length: batch }, (_, i) => store.compareAndSet(keyOf(done + i), 0, value, 3_600_000)),
    );
  }
  const times = new Float64Array(200_000);
  for (let i = 0; i < times.length; i++) {
    const key = keyOf(Math.floor(Math.random() * SESSIONS));
    const startedMs = performance.now();
    if ((await store.read(key)) === null) throw new Error('a session is gone');
    times[i] = (performance.now() - startedMs) * 1000;
  }
  times.sort();
  say(`\nLook-ups among ${SESSIONS} sessions in lmdb, µs`);
  say(
    `  median ${percentile(times, 0.5).toFixed(1)}, p99 ${percentile(times, 0.99).toFixed(1)} (goal 50), p99.9 ${percentile(times, 0.999).toFixed(1)}`,
  );
  await store.close();

  const database = open<Buffer, string & Key>({
    path: join(path, 'sessions.mdb'),
    encoding: 'binary',
    useVersions: true,
  });
  // CPU time: what the machine does for others in between is not the sweep's.
  const stepsMs: number[] = [];
  let from: string | null = null;
  do {
    const before = process.cpuUsage();
    from = sweepStep(database, from, Date.now());
    const { user, system } = process.cpuUsage(before);
    stepsMs.push((user + system) / 1000);
  } while (from !== null);
  const sorted = Float64Array.from(stepsMs).sort();
  const figures = [0.5, 0.99, 1].map((share) => percentile(sorted, share).toFixed(2));
  say(`  sweep: ${sorted.length} steps, CPU ms: median ${figures[0]}, p99 ${figures[1]}, most ${figures[2]} (goal 5)`);
  await database.close();
}

// ------------------------------------------------------------------------------------------------------ the seal

function timeSeal(): void {
  const sid = Sid.generate();
  const keys = sealKeys(CLIENT.host, sid);
  const sealed = seal(keys, JSON.stringify({ cookies: COOKIES, more: 'x'.repeat(80) }));
  say('\nThe seal, µs');
  for (const [name, work] of [
    ['keys', () => sealKeys(CLIENT.host, sid)],
    ['seal', () => seal(keys, COOKIES.join())],
    ['open', () => openSeal(keys, sealed)],
  ] as const) {
    for (let i = 0; i < 5000; i++) work();
    const startedMs = performance.now();
    for (let i = 0; i < 50_000; i++) work();
    say(`  ${name.padEnd(8)} ${(((performance.now() - startedMs) * 1000) / 50_000).toFixed(1).padStart(6)}`);
  }
}

const redis = await startRedis();
try {
  timeSeal();
  await compareBytes(redis);
  await compareRequests(redis);
  await lookUpAmongMany();
} finally {
  await redis.close();
  rmSync(folder, { recursive: true });
}
