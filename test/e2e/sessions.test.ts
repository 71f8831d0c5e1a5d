/**
 * Sessions through the whole proxy: a Redis that goes away under load, and a session that rotates under load. The stores
 * by themselves: test/contract.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { type CliRun, startCli } from '../support/cli.ts';
import { SID, startProxy, type TestProxy } from '../support/proxy.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { type ScriptedUpstream, startUpstream } from '../support/scripted-upstream.ts';

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly retryAfter: string | undefined;
  readonly setsCookie: boolean;
  readonly ms: number;
}

const REFUSED_WITHIN_MS = 150;
const RECOVERED_WITHIN_MS = 2000;

/** An application with a cookie for everyone, a sign-in, and a page that shows who the cookies say one is. */
function startApplication(): Promise<ScriptedUpstream> {
  let serial = 0;
  return startUpstream(async ({ method, target, fields }, reply) => {
    const cookies = fields.cookie ?? '';
    if (target.startsWith('/slow')) await delay(Math.random() * 30);
    if (!cookies.includes('who=')) reply.appendHeader('Set-Cookie', `who=w${++serial}; Path=/`);
    if (method === 'POST') reply.appendHeader('Set-Cookie', 'auth=granted; Path=/; HttpOnly');
    if (target.startsWith('/set')) reply.appendHeader('Set-Cookie', `v=${target.slice(5, 8)}; Path=/`);
    reply.setHeader('Content-Type', 'text/html; charset=utf-8');
    reply.end(`<p>[${cookies}]</p><a href="/page">on</a>`);
  });
}

function ask(port: number, target: string, fields: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
  const startedMs = performance.now();
  return new Promise((resolve, reject) => {
    const headers = { Host: 'shop.test', 'User-Agent': 'Test/1.0', Accept: 'text/html', ...fields };
    const sent = request({ port, host: '127.0.0.1', path: target, method, headers, agent: false }, (answer) => {
      let text = '';
      answer.setEncoding('latin1').on('data', (part: string) => {
        text += part;
      });
      answer.on('end', () => {
        const { statusCode: status = 0, headers: came } = answer;
        const setsCookie = came['set-cookie'] !== undefined;
        resolve({ status, text, retryAfter: came['retry-after'], setsCookie, ms: performance.now() - startedMs });
      });
    });
    sent.on('error', reject);
    sent.end();
  });
}

/** The real program with a configuration file of its own, for tests that end it or that let it choose its store. */
interface Program {
  readonly port: number;
  /** SIGKILL. */
  kill(): Promise<void>;
}

async function startProgram(folder: string, upstream: ScriptedUpstream, more: string): Promise<Program> {
  const file = join(folder, 'transid.yaml');
  writeFileSync(
    file,
    `listen: 127.0.0.1:0\nupstream: ${upstream.origin}\nroutes: [{ path: /**, use_trans_sid: true }]\n${more}\n`,
  );
  const run: CliRun = startCli(['serve', '-c', file], { cwd: folder });
  const [, port] = await run.until(/http:\/\/127\.0\.0\.1:(\d+)/);
  return { port: Number(port), kill: () => run.stop() };
}

/** The SID of the first link of a page. */
function sidOf({ text }: Answer): string {
  const sid = SID.exec(text)?.[1];
  expect(sid, text).to.be.a('string');
  return sid!;
}

describe('Redis goes away and comes back, through the proxy [needs redis]', function () {
  this.timeout(20_000);
  let redis: RedisServer;
  let upstream: ScriptedUpstream;
  let proxy: Program;
  const folder = mkdtempSync(join(tmpdir(), 'transid-e2e-'));

  before(async () => {
    redis = await startRedis('--appendonly', 'yes');
    upstream = await startApplication();
    proxy = await startProgram(folder, upstream, `store: { kind: redis, url: "redis://127.0.0.1:${redis.port}" }`);
  });
  after(async () => {
    await proxy?.kill();
    await upstream?.close();
    await redis?.close();
    rmSync(folder, { recursive: true });
  });

  it('serves all cookie clients, refuses SID clients in time, and finds their sessions again', async () => {
    const sid = sidOf(await ask(proxy.port, '/'));
    const target = `/page?_sid=${sid}`;
    expect((await ask(proxy.port, target)).text).to.include('[who=w1]');

    const withCookie: Answer[] = [];
    const withSid: Answer[] = [];
    let isOver = false;
    const load = async () => {
      while (!isOver) {
        const [one, other] = await Promise.all([
          ask(proxy.port, '/page', { Cookie: 'who=me' }),
          ask(proxy.port, target),
        ]);
        withCookie.push(one);
        withSid.push(other);
        await delay(5);
      }
    };
    const loads = [load(), load()];
    await delay(100);
    await redis.kill();
    await delay(600);
    const newcomers = [await ask(proxy.port, '/'), await ask(proxy.port, '/')];
    await delay(600);
    const refused = withSid.filter(({ status }) => status !== 200);
    await redis.start();
    const backMs = performance.now();
    let recoveredMs = Number.POSITIVE_INFINITY;
    while (performance.now() - backMs < RECOVERED_WITHIN_MS) {
      if ((await ask(proxy.port, target)).status === 200) {
        recoveredMs = performance.now() - backMs;
        break;
      }
      await delay(20);
    }
    isOver = true;
    await Promise.all(loads);

    // What a request takes on this machine at this moment, whatever the store does.
    const slowestMs = Math.max(...withCookie.map(({ ms }) => ms));
    expect(withCookie.length).to.be.greaterThan(20);
    for (const { status, text } of withCookie) {
      expect(status).to.equal(200);
      expect(text).to.include('[who=me]');
    }
    for (const { status, text, setsCookie } of newcomers) {
      expect(status).to.equal(200);
      expect(setsCookie).to.equal(true);
      expect(text).to.not.match(SID);
    }
    expect(refused.length).to.be.greaterThan(10);
    for (const { status, ms, retryAfter } of refused) {
      expect(status).to.equal(503);
      expect(retryAfter).to.match(/^\d+$/);
      expect(ms).to.be.below(REFUSED_WITHIN_MS + slowestMs);
    }
    expect(recoveredMs).to.be.below(RECOVERED_WITHIN_MS);
    expect((await ask(proxy.port, target)).text, 'the session is the same').to.include('[who=w1]');
  });
});

describe('a session rotates under 100 parallel requests', () => {
  let upstream: ScriptedUpstream;
  let proxy: TestProxy;

  before(async () => {
    upstream = await startApplication();
    proxy = await startProxy(upstream.origin);
  });
  after(async () => {
    await proxy?.close();
    await upstream?.close();
  });

  it('none sees another session; none with the old SID sees the new cookie', async () => {
    const sids = [sidOf(await ask(proxy.port, '/')), sidOf(await ask(proxy.port, '/'))] as const;
    const owners = await Promise.all(
      sids.map(async (sid) => /\[who=(w\d+)\]/.exec((await ask(proxy.port, `/page?_sid=${sid}`)).text)![1]!),
    );
    expect(owners[0]).to.not.equal(owners[1]);

    let signIn: Promise<Answer> | null = null;
    const answers = await Promise.all(
      Array.from({ length: 100 }, async (_, i) => {
        const owner = i % 2;
        await delay(Math.random() * 60);
        if (i === 50) signIn = ask(proxy.port, `/page?_sid=${sids[0]}`, {}, 'POST');
        const path = i % 5 === 0 ? `/set?${100 + i}` : '/slow';
        return { owner, ...(await ask(proxy.port, `${path}${path.includes('?') ? '&' : '?'}_sid=${sids[owner]}`)) };
      }),
    );
    const signedIn = await signIn!;
    for (const { owner, status, text } of answers) {
      expect(status).to.equal(200);
      expect(text).to.not.include('auth=granted');
      expect(text).to.not.include(`who=${owners[1 - owner]}`);
    }
    const fresh = sidOf(signedIn);
    expect(fresh).to.not.equal(sids[0]);
    expect((await ask(proxy.port, `/page?_sid=${fresh}`)).text)
      .to.include(`who=${owners[0]}`)
      .and.include('auth=granted');
    const old = (await ask(proxy.port, `/page?_sid=${sids[0]}`)).text;
    expect(old).to.not.include('auth=').and.not.include(`who=${owners[0]}`);
    expect((await ask(proxy.port, `/page?_sid=${sids[1]}`)).text).to.include(`who=${owners[1]}`);
  });
});

describe('sessions in lmdb outlive the program', function () {
  this.timeout(60_000);
  const folder = mkdtempSync(join(tmpdir(), 'transid-e2e-'));
  let upstream: ScriptedUpstream;
  let proxy: Program | null = null;

  before(async () => {
    upstream = await startApplication();
  });
  after(async () => {
    await proxy?.kill();
    await upstream?.close();
    rmSync(folder, { recursive: true });
  });

  for (const [how, more] of [
    ['one process', 'store: { kind: lmdb, path: ./one }'],
    ['two workers', 'store: { kind: lmdb, path: ./two }\nworkers: 2'],
  ] as const) {
    it(`killed and started again: ${how}`, async () => {
      proxy = await startProgram(folder, upstream, more);
      const sid = sidOf(await ask(proxy.port, '/'));
      const who = /\[(who=w\d+)\]/;
      // Each request is a connection of its own: with two workers, both serve the session.
      const seen = new Set<string | undefined>();
      for (let i = 0; i < 8; i++) seen.add(who.exec((await ask(proxy.port, `/page?_sid=${sid}`)).text)?.[1]);
      expect(seen.size).to.equal(1);
      await proxy.kill();
      proxy = await startProgram(folder, upstream, more);
      expect(who.exec((await ask(proxy.port, `/page?_sid=${sid}`)).text)?.[1]).to.equal([...seen][0]);
      await proxy.kill();
    });
  }
});
