/** Redis away, slow, restarted, read-only: what clients with a SID wait for, and how soon sessions are back. */
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { openRedisStore } from '../../src/session/redis.ts';
import { sealKeys } from '../../src/session/seal.ts';
import { type Session, Sessions } from '../../src/session/session.ts';
import type { SessionStore } from '../../src/session/store.ts';
import { watchLateness } from '../support/lateness.ts';
import { redisOptions } from '../support/redis-options.ts';
import { freePort, type RedisServer, startRedis, startRedisOn } from '../support/redis-server.ts';
import { CLIENT, response, sessionPolicy } from '../support/session-fixtures.ts';

const POLICY = sessionPolicy();
const LONG_MS = 60_000;
/** What a client may wait for its 503. */
const REFUSED_WITHIN_MS = 150;
const RECOVERED_WITHIN_MS = 2000;

/** How late this machine was at worst under a load of `load`. */
let latenessMs = 0;

interface Outcome {
  /** 'found', 'none', or the code of the fault. */
  readonly what: string;
  readonly ms: number;
}

describe('redis away [needs redis]', () => {
  let server: RedisServer;
  let store: SessionStore;
  let sessions: Sessions;
  let session: Session;

  async function start(...args: string[]): Promise<void> {
    server = await startRedis(...args);
    store = await openRedisStore(redisOptions(server.port));
    sessions = new Sessions({ store, clock: Date.now, maxSessions: 1000, mintPerMinute: 1000 });
    session = (await sessions.absorb(null, response(['id=1']), CLIENT, POLICY)).session!;
    expect((await find()).what).to.equal('found');
  }

  afterEach(async () => {
    await store?.close();
    await server?.close();
  });

  async function find(): Promise<Outcome> {
    const startedMs = performance.now();
    const what = await sessions.find(session.sid, CLIENT, POLICY).then(
      (found) => (found === null ? 'none' : 'found'),
      (error: unknown) => String((error as { code?: unknown }).code),
    );
    return { what, ms: performance.now() - startedMs };
  }

  async function told(said: readonly unknown[]): Promise<void> {
    const startedMs = performance.now();
    while (said.length === 0 && performance.now() - startedMs < RECOVERED_WITHIN_MS) await delay(20);
  }

  /** Ask every few milliseconds, several at a time, until `done` or `maxMs`. */
  async function load(maxMs: number, done: (outcome: Outcome) => boolean): Promise<Outcome[]> {
    const seen: Outcome[] = [];
    const endMs = performance.now() + maxMs;
    let isDone = false;
    const lateness = watchLateness();
    while (!isDone && performance.now() < endMs) {
      const batch = await Promise.all([find(), find(), find()]);
      seen.push(...batch);
      isDone = batch.some(done);
      await delay(5);
    }
    latenessMs = Math.max(latenessMs, lateness.stop());
    return seen;
  }

  it('killed under load: refused in time, then at once; back within 2 s of its return', async () => {
    await start('--appendonly', 'yes', '--appendfsync', 'always');
    const killed = server.kill();
    const during = await load(600, () => false);
    await killed;
    const refused = during.filter(({ what }) => what !== 'found');
    expect(refused.length).to.be.greaterThan(20);
    for (const { what, ms } of refused) {
      expect(what).to.equal('STORE_UNAVAILABLE');
      expect(ms).to.be.below(REFUSED_WITHIN_MS + latenessMs);
    }
    expect(store.isAvailable).to.equal(false);
    await server.start();
    const after = await load(RECOVERED_WITHIN_MS, ({ what }) => what === 'found');
    expect(after.some(({ what }) => what === 'found')).to.equal(true);
    expect(store.isAvailable).to.equal(true);
  });

  it('paused: each wait ends at the timeout, later ones at once; back when it answers', async () => {
    await start();
    server.pause();
    const during = await load(500, () => false);
    expect(during.every(({ what }) => what === 'STORE_UNAVAILABLE')).to.equal(true);
    for (const { ms } of during) expect(ms).to.be.below(REFUSED_WITHIN_MS + latenessMs);
    expect(during.filter(({ ms }) => ms > 50 + latenessMs).length).to.be.below(10);
    server.resume();
    const after = await load(RECOVERED_WITHIN_MS, ({ what }) => what === 'found');
    expect(after.some(({ what }) => what === 'found')).to.equal(true);
  });

  it('away at the start: opens all the same, and connects later', async () => {
    const port = await freePort();
    const startedMs = performance.now();
    store = await openRedisStore(redisOptions(port));
    expect(performance.now() - startedMs).to.be.below(1500);
    for (let i = 0; i < 5; i++) {
      const fault = await store.read('key').catch((error: unknown) => error);
      expect(fault).to.include({ code: 'STORE_UNAVAILABLE' });
    }
    expect(store.isAvailable).to.equal(false);
    server = await startRedisOn(port);
    const backMs = performance.now();
    while (!store.isAvailable && performance.now() - backMs < RECOVERED_WITHIN_MS) await delay(20);
    expect(await store.compareAndSet('key', 0, Buffer.from('x'), LONG_MS)).to.equal(true);
  });

  it('says so, and why, before anybody needs it; and when it is back: once each', async () => {
    const port = await freePort();
    const said: Array<string | null> = [];
    store = await openRedisStore({ ...redisOptions(port), onChange: (reason) => said.push(reason) });
    await delay(500);
    expect(store.isAvailable).to.equal(false);
    for (let i = 0; i < 5; i++) await store.read('key').catch(() => null);
    server = await startRedisOn(port);
    const backMs = performance.now();
    while (!store.isAvailable && performance.now() - backMs < RECOVERED_WITHIN_MS) await delay(20);
    expect(said).to.deep.equal(['ECONNREFUSED', null]);
    await server.kill();
    while (store.isAvailable && performance.now() - backMs < 2 * RECOVERED_WITHIN_MS) await delay(20);
    expect(said).to.have.length(3);
  });

  it('hanging at the start: away at once, though it takes the connection; back when it answers', async () => {
    server = await startRedis();
    server.pause();
    const said: Array<string | null> = [];
    store = await openRedisStore(redisOptions(server.port, { onChange: (reason) => said.push(reason) }));
    expect(store.isAvailable).to.equal(false);
    expect(said).to.deep.equal(['no answer yet']);
    server.resume();
    const backMs = performance.now();
    while (!store.isAvailable && performance.now() - backMs < RECOVERED_WITHIN_MS) await delay(20);
    expect(said).to.deep.equal(['no answer yet', null]);
  });

  it('hanging when it is back: away, though nobody asks', async () => {
    server = await startRedis();
    const said: Array<string | null> = [];
    store = await openRedisStore(redisOptions(server.port, { onChange: (reason) => said.push(reason) }));
    await server.kill();
    const mute = createServer((socket) => socket.on('error', () => {})).listen(server.port, '127.0.0.1');
    const startMs = performance.now();
    while (store.isAvailable && performance.now() - startMs < RECOVERED_WITHIN_MS) await delay(20);
    expect(said).to.deep.equal(['no answer yet']);
    await store.close();
    mute.close();
  });

  it('ending the connection while it is asked: told in our words, not by an option of the package', async () => {
    let isLeaving = false;
    const leaver = createServer((socket) => {
      socket.on('error', () => {});
      socket.on('data', (bytes) => {
        if (isLeaving) socket.end();
        // To each command of what came.
        else for (const _ of String(bytes).matchAll(/^\*\d+\r$/gm)) socket.write('+OK\r\n');
      });
    }).listen(0, '127.0.0.1');
    await once(leaver, 'listening');
    const said: Array<string | null> = [];
    const { port } = leaver.address() as AddressInfo;
    store = await openRedisStore(redisOptions(port, { onChange: (reason) => said.push(reason) }));
    await delay(50);
    isLeaving = true;
    await Promise.all(Array.from({ length: 6 }, () => store.read('key').catch(() => {})));
    expect(said).to.deep.equal(['the connection was lost']);
    leaver.close();
  });

  const LOST_CONNECTIONS: ReadonlyArray<readonly [string, string, Array<string | null>]> = [
    ['comes back at once: not away', 'PING', []],
    ['is refused from then on: the reason is that of the server', 'CONFIG SET requirepass secret', ['NOAUTH']],
  ];
  for (const [what, change, want] of LOST_CONNECTIONS) {
    it(`a connection that is lost under load, between two commands, and ${what}`, async () => {
      await start();
      const said: Array<string | null> = [];
      await store.close();
      store = await openRedisStore(redisOptions(server.port, { onChange: (reason) => said.push(reason) }));
      sessions = new Sessions({ store, clock: Date.now, maxSessions: 1000, mintPerMinute: 1000 });
      await server.ask(`${change}\r\nCLIENT KILL TYPE normal SKIPME yes`);
      await load(1500, () => false);
      expect(said).to.deep.equal(want);
      expect(store.isAvailable).to.equal(want.length === 0);
    });
  }

  it('restarted empty: sessions are gone, new ones begin, nothing is written to the old', async () => {
    await start();
    await server.kill();
    await server.start();
    const outcomes = await load(RECOVERED_WITHIN_MS, ({ what }) => what === 'none');
    expect(outcomes.some(({ what }) => what === 'none')).to.equal(true);
    expect((await sessions.absorb(session, response(['late=1']), CLIENT, POLICY)).event).to.equal('destroyed');
    expect((await sessions.absorb(null, response(['id=2']), CLIENT, POLICY)).event).to.equal('created');
  });

  it('evicted: an update of what is no longer there is dropped', async () => {
    await start();
    await server.ask('FLUSHALL');
    expect((await sessions.absorb(session, response(['late=1']), CLIENT, POLICY)).event).to.equal('destroyed');
    expect((await find()).what).to.equal('none');
  });

  it('read-only after a failover: writes are refused, and taken when it is a master again', async () => {
    await start();
    const port = await freePort();
    await server.ask(`REPLICAOF 127.0.0.1 ${port}`);
    const faults: unknown[] = [];
    for (let i = 0; i < 8; i++) {
      faults.push(await store.compareAndSet('k', 0, Buffer.from('x'), LONG_MS).catch((error: unknown) => error));
      await delay(10);
    }
    for (const fault of faults) expect(fault).to.include({ code: 'STORE_UNAVAILABLE' });
    expect(store.isAvailable).to.equal(false);
    await server.ask('REPLICAOF NO ONE');
    const backMs = performance.now();
    while (!store.isAvailable && performance.now() - backMs < RECOVERED_WITHIN_MS) await delay(20);
    expect(await store.compareAndSet('k', 0, Buffer.from('x'), LONG_MS)).to.equal(true);
  });

  it('read-only for long: asked again once a second, not in a storm of connections', async () => {
    await start();
    await server.ask(`REPLICAOF 127.0.0.1 ${await freePort()}`);
    const connections = async () =>
      Number(/total_connections_received:(\d+)/.exec(await server.ask('INFO stats'))?.[1]);
    for (let i = 0; i < 8; i++) await store.compareAndSet('k', 0, Buffer.from('x'), LONG_MS).catch(() => {});
    const before = await connections();
    await delay(3000);
    // One of them asks for this number.
    expect((await connections()) - before).to.be.within(2, 6);
  });

  it('read-only at the start: away at once, and that is told', async () => {
    await start();
    await server.ask(`REPLICAOF 127.0.0.1 ${await freePort()}`);
    const said: Array<string | null> = [];
    const asked = await openRedisStore(redisOptions(server.port, { onChange: (reason) => said.push(reason) }));
    await told(said);
    expect(said).to.deep.equal(['READONLY']);
    expect(asked.isAvailable).to.equal(false);
    await server.ask('REPLICAOF NO ONE');
    const backMs = performance.now();
    while (!asked.isAvailable && performance.now() - backMs < RECOVERED_WITHIN_MS) await delay(20);
    expect(said).to.deep.equal(['READONLY', null]);
    await asked.close();
  });

  it('full: writes are refused, at once in the end, and that is told; what is there is read', async () => {
    await start();
    const said: Array<string | null> = [];
    const asked = await openRedisStore(redisOptions(server.port, { onChange: (reason) => said.push(reason) }));
    expect(await asked.compareAndSet('k', 0, Buffer.from('x'), LONG_MS)).to.equal(true);
    await server.ask('CONFIG SET maxmemory 1');
    for (let i = 0; i < 7; i++) {
      const fault = await asked.compareAndSet('k', 1, Buffer.from('y'), LONG_MS).catch((error: unknown) => error);
      expect(fault).to.include({ code: 'STORE_UNAVAILABLE' });
      // A write comes of a request, and each of those reads first.
      expect((await asked.read('k'))?.sealed.toString()).to.equal('x');
      await asked.touch('k', LONG_MS);
    }
    expect(asked.isAvailable).to.equal(false);
    expect(said).to.deep.equal(['OOM']);
    await server.ask('CONFIG SET maxmemory 0');
    const backMs = performance.now();
    while (!asked.isAvailable && performance.now() - backMs < RECOVERED_WITHIN_MS) await delay(20);
    expect(said).to.deep.equal(['OOM', null]);
    expect(await asked.compareAndSet('k', 1, Buffer.from('y'), LONG_MS)).to.equal(true);
    await asked.close();
  });

  it('full now and then, for one write each time: not away, for the writes between are taken', async () => {
    await start();
    for (let version = 0; version < 6; version++) {
      await server.ask('CONFIG SET maxmemory 1');
      const fault = await store.compareAndSet('k', version, Buffer.from('x'), LONG_MS).catch((error: unknown) => error);
      expect(fault).to.include({ code: 'STORE_UNAVAILABLE' });
      expect(store.isAvailable, `after ${version + 1}`).to.equal(true);
      await server.ask('CONFIG SET maxmemory 0');
      expect(await store.compareAndSet('k', version, Buffer.from('x'), LONG_MS)).to.equal(true);
    }
  });

  it('full, while only new sessions ask for it: what is there is read', async () => {
    await start();
    await server.ask('CONFIG SET maxmemory 1');
    for (let i = 0; i < 7; i++) {
      const fault = await store.compareAndSet(`k${i}`, 0, Buffer.from('y'), LONG_MS).catch((error: unknown) => error);
      expect(fault).to.include({ code: 'STORE_UNAVAILABLE' });
    }
    expect(store.isAvailable).to.equal(false);
    expect((await find()).what).to.equal('found');
  });

  it('full when it is back: what is there is read, and that no write is taken is still told', async () => {
    await start();
    const said: Array<string | null> = [];
    const asked = await openRedisStore(redisOptions(server.port, { onChange: (reason) => said.push(reason) }));
    expect(await asked.compareAndSet('k', 0, Buffer.from('x'), LONG_MS)).to.equal(true);
    await server.ask('CONFIG SET maxmemory 1');
    server.pause();
    for (let i = 0; i < 5; i++) await asked.read('k').catch(() => null);
    server.resume();
    const backMs = performance.now();
    let found: string | null = null;
    while (found === null && performance.now() - backMs < RECOVERED_WITHIN_MS) {
      found = await asked.read('k').then(
        (record) => String(record?.sealed),
        () => null,
      );
      await delay(20);
    }
    expect(found).to.equal('x');
    expect(asked.isAvailable).to.equal(false);
    expect(said).to.have.length(1);
    await server.ask('CONFIG SET maxmemory 0');
    while (!asked.isAvailable && performance.now() - backMs < 2 * RECOVERED_WITHIN_MS) await delay(20);
    expect(said).to.have.length(2);
    expect(said[1]).to.equal(null);
    await asked.close();
  });

  it('with a user who lacks a right from the beginning: away at once', async () => {
    await start();
    await server.ask('ACL SETUSER default -get');
    const said: Array<string | null> = [];
    // It looks once: a machine that is busy must not be taken for a server that says nothing.
    const patient = redisOptions(server.port, { commandTimeoutMs: 2000, onChange: (reason) => said.push(reason) });
    const asked = await openRedisStore(patient);
    await told(said);
    expect(said).to.deep.equal(['NOPERM']);
    expect(asked.isAvailable).to.equal(false);
    await asked.close();
  });

  for (const [what, denied, reason] of [
    ['run no script', '-evalsha -eval', /^NOPERM$/],
    ['read nothing', '-get', /^NOPERM$/],
    ['count no keys', '-dbsize', /^NOPERM$/],
    // Only its scripts try that, and those have no code of their own for it.
    ['look at no part of a value', '-getrange', /NOPERM|permissions|can't run/],
  ] as const) {
    it(`with a user who may ${what}: away until that is mended, told once`, async () => {
      await start();
      const said: Array<string | null> = [];
      const asked = await openRedisStore(redisOptions(server.port, { onChange: (reason) => said.push(reason) }));
      await server.ask(`ACL SETUSER default ${denied}`);
      for (let i = 0; i < 7; i++) {
        // As for a session that begins.
        await asked
          .count()
          .then(() => asked.compareAndSet('k', 0, Buffer.from('x'), LONG_MS))
          .catch(() => {});
        await asked.read('k').catch(() => {});
      }
      await delay(1500); // a probe later
      expect(said).to.have.length(1);
      expect(said[0]).to.match(reason);
      expect(asked.isAvailable).to.equal(false);
      await server.ask('ACL SETUSER default +@all');
      const backMs = performance.now();
      while (!asked.isAvailable && performance.now() - backMs < RECOVERED_WITHIN_MS) await delay(20);
      expect(said.slice(1)).to.deep.equal([null]);
      await asked.close();
    });
  }

  it('holding foreign values under our keys: treated as no session', async () => {
    await start();
    const key = `transid:${sealKeys(CLIENT.host, session.sid).storeKey}`;
    for (const value of ['x', 'Rxx', 'Rxxxx', `Rxxxx${'y'.repeat(80)}`]) {
      await server.ask(`SET ${key} ${value}`);
      expect((await find()).what, value).to.equal('none');
    }
  });
});
