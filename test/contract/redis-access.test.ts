/**
 * Ways to a Redis: passwords, TLS, Sentinel with a failover, and a network that cuts and delays. TRANSID_LONG=1 waits for what the
 * package does after a minute.
 */
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { openRedisStore } from '../../src/session/redis.ts';
import type { RedisStoreOptions } from '../../src/session/redis-client.ts';
import type { SessionStore } from '../../src/session/store.ts';
import { CERTIFICATE, CERTIFICATE_KEY } from '../support/certificate.ts';
import { eventually } from '../support/raw-http.ts';
import { redisOptions } from '../support/redis-options.ts';
import { freePort, type RedisServer, startRedis, startSentinel } from '../support/redis-server.ts';

const IS_LONG = process.env['TRANSID_LONG'] === '1';
const LONG_MS = 60_000;
const RECOVERED_WITHIN_MS = 2000;

/** True when a first record can be written; else the code of the fault. */
async function tryWrite(store: SessionStore, key: string): Promise<boolean | string> {
  return store.compareAndSet(key, 0, Buffer.from('x'), LONG_MS).catch((error: { code: string }) => error.code);
}

async function canWrite(options: RedisStoreOptions): Promise<boolean | string> {
  const store = await openRedisStore(options);
  const outcome = await tryWrite(store, `key-${Math.random()}`);
  await store.close();
  return outcome;
}

/** The first answer that is not STORE_UNAVAILABLE, within `maxMs`. */
async function whenBack<T>(work: () => Promise<T>, maxMs: number): Promise<T> {
  const endMs = performance.now() + maxMs;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (performance.now() > endMs) throw error;
      await delay(20);
    }
  }
}

describe('redis access by password [needs redis]', () => {
  let server: RedisServer;
  before(async () => {
    server = await startRedis('--requirepass', 'a secret');
  });
  after(() => server?.close());

  for (const [why, password, want] of [
    ['the right password', 'a secret', true],
    ['a wrong password', 'guess', 'STORE_UNAVAILABLE'],
    ['no password', null, 'STORE_UNAVAILABLE'],
  ] as const) {
    it(`${want === true ? 'is had' : 'is not had'} with ${why}`, async () => {
      expect(await canWrite(redisOptions(server.port, { password }))).to.equal(want);
    });
  }
});

describe('redis access refused [needs redis]', () => {
  let server: RedisServer;
  before(async () => {
    server = await startRedis('--requirepass', 'a secret');
  });
  after(() => server?.close());

  for (const [reason, password] of [
    ['WRONGPASS', 'guess'],
    ['NOAUTH', null],
  ] as const) {
    it(`${reason} is told once, without the password`, async () => {
      const said: Array<string | null> = [];
      const store = await openRedisStore(redisOptions(server.port, { password, onChange: (why) => said.push(why) }));
      await delay(1000);
      await store.close();
      expect(said).to.deep.equal([reason]);
    });
  }
});

describe('redis access by TLS [needs redis]', () => {
  const folder = mkdtempSync(join(tmpdir(), 'transid-tls-'));
  let server: RedisServer;
  let tlsPort: number;

  before(async () => {
    const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
    writeFileSync(cert, CERTIFICATE);
    writeFileSync(key, CERTIFICATE_KEY);
    tlsPort = await freePort();
    server = await startRedis(
      ...['--tls-port', String(tlsPort), '--tls-cert-file', cert, '--tls-key-file', key],
      ...['--tls-ca-cert-file', cert, '--tls-auth-clients', 'no'],
    );
  });
  after(async () => {
    await server?.close();
    rmSync(folder, { recursive: true });
  });

  it('is had with the authority that signed', async () => {
    const url = `rediss://127.0.0.1:${tlsPort}`;
    expect(await canWrite(redisOptions(0, { url, ca: CERTIFICATE }))).to.equal(true);
  });

  it('is had where `tls` says so of a redis:// URL', async () => {
    const url = `redis://127.0.0.1:${tlsPort}`;
    expect(await canWrite(redisOptions(0, { url, tls: true, ca: CERTIFICATE }))).to.equal(true);
  });

  it('is not had when nobody known signed', async () => {
    expect(await canWrite(redisOptions(0, { url: `rediss://127.0.0.1:${tlsPort}` }))).to.equal('STORE_UNAVAILABLE');
  });
});

describe('redis by Sentinel [needs redis]', function () {
  this.timeout(60_000);

  it('finds the master, and the new one after a failover', async () => {
    const master = await startRedis('--repl-diskless-sync-delay', '0');
    const replica = await startRedis('--replicaof', '127.0.0.1', String(master.port));
    const folder = mkdtempSync(join(tmpdir(), 'transid-sentinel-'));
    const file = join(folder, 'sentinel.conf');
    const lines = [
      `monitor mymaster 127.0.0.1 ${master.port} 1`,
      'down-after-milliseconds mymaster 300',
      'failover-timeout mymaster 2000',
    ];
    writeFileSync(file, lines.map((line) => `sentinel ${line}\n`).join(''));
    const sentinel = await startSentinel(file);
    let store: SessionStore | null = null;
    try {
      await whenBack(async () => {
        const info = await sentinel.ask('SENTINEL REPLICAS mymaster');
        if (!info.includes(String(replica.port))) throw new Error('the sentinel does not know the replica yet');
      }, 20_000);
      store = await openRedisStore(redisOptions(0, { url: null, sentinels: [`127.0.0.1:${sentinel.port}`] }));
      expect(await tryWrite(store, 'before')).to.equal(true);
      await whenBack(async () => {
        if (!(await replica.ask('EXISTS transid:before')).startsWith(':1')) throw new Error('not replicated yet');
      }, 5000);
      await master.kill();
      const found = await whenBack(() => store!.read('before'), 30_000);
      expect(found?.version).to.equal(1);
      expect(await whenBack(() => store!.compareAndSet('after', 0, Buffer.from('x'), LONG_MS), 10_000)).to.equal(true);
    } finally {
      await store?.close();
      await sentinel.close();
      await replica.close();
      await master.close();
      rmSync(folder, { recursive: true });
    }
  });

  for (const [why, edits, want] of [
    ['its password', { sentinelPassword: 'of it' }, true],
    ['a user and password', { sentinelUsername: 'watcher', sentinelPassword: 'of the user' }, true],
    ['the password of the server', { sentinelPassword: 'of the server' }, 'STORE_UNAVAILABLE'],
    ['none', {}, 'STORE_UNAVAILABLE'],
  ] as const) {
    it(`a sentinel with a password of its own is told ${why}: ${want}`, async () => {
      const master = await startRedis('--requirepass', 'of the server');
      const file = join(master.folder, 'sentinel.conf');
      writeFileSync(
        file,
        `requirepass "of it"\nuser watcher on ">of the user" +sentinel +subscribe &+switch-master\nsentinel monitor mymaster 127.0.0.1 ${master.port} 1\nsentinel auth-pass mymaster "of the server"\n`,
      );
      const sentinel = await startSentinel(file);
      try {
        const sentinels = [`127.0.0.1:${sentinel.port}`];
        const options = redisOptions(0, { url: null, sentinels, password: 'of the server', ...edits });
        expect(await canWrite(options)).to.equal(want);
      } finally {
        await sentinel.close();
        await master.close();
      }
    });
  }

  it('passes over a sentinel that takes connections and says nothing', async () => {
    const master = await startRedis();
    const mute = createServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1');
    await once(mute, 'listening');
    const file = join(master.folder, 'sentinel.conf');
    writeFileSync(file, `sentinel monitor mymaster 127.0.0.1 ${master.port} 1\n`);
    const sentinel = await startSentinel(file);
    const ports = [(mute.address() as AddressInfo).port, sentinel.port];
    const store = await openRedisStore(
      redisOptions(0, { url: null, sentinels: ports.map((port) => `127.0.0.1:${port}`) }),
    );
    try {
      expect(await whenBack(() => store.read('key'), RECOVERED_WITHIN_MS)).to.equal(null);
    } finally {
      await store.close();
      await sentinel.close();
      await master.close();
      mute.close();
    }
  });
});

describe('redis by Sentinel, behind a balancer that takes connections for a sentinel that hangs [needs redis]', function () {
  this.timeout(90_000);

  it('goes on, and lets no error go uncaught, which would end the process', async () => {
    const master = await startRedis();
    const file = join(master.folder, 'sentinel.conf');
    writeFileSync(file, `sentinel monitor mymaster 127.0.0.1 ${master.port} 1\n`);
    const sentinel = await startSentinel(file);
    const sockets = new Set<Socket>();
    let hangs = false;
    let comings = 0;
    const balancer = createServer((near) => {
      comings++;
      sockets.add(near.on('error', () => {}));
      if (hangs) return;
      const far = connect(sentinel.port, '127.0.0.1').on('error', () => {});
      near.pipe(far).pipe(near);
      near.once('close', () => far.destroy());
    }).listen(0, '127.0.0.1');
    await once(balancer, 'listening');
    const { port } = balancer.address() as AddressInfo;
    const uncaught: unknown[] = [];
    const onUncaught = (error: unknown) => uncaught.push(error);
    process.prependListener('unhandledRejection', onUncaught);
    const store = await openRedisStore(redisOptions(0, { url: null, sentinels: [`127.0.0.1:${port}`] }));
    try {
      expect(await tryWrite(store, 'key')).to.equal(true);
      await eventually('one connection is left, which hears of failovers', () => comings >= 2);
      await delay(100);
      hangs = true;
      for (const socket of sockets) socket.destroy();
      // ioredis by itself would come again after a minute.
      await delay(IS_LONG ? 65_000 : 500);
      expect(uncaught).to.deep.equal([]);
      expect(await tryWrite(store, 'later')).to.equal(true);
    } finally {
      process.off('unhandledRejection', onUncaught);
      await store.close();
      balancer.close();
      for (const socket of sockets) socket.destroy();
      await sentinel.close();
      await master.close();
    }
  });
});

describe('redis by Sentinel, which tells of a failover while it is asked for the master [needs redis]', () => {
  it('is connected all the same', async () => {
    const master = await startRedis();
    const file = join(master.folder, 'sentinel.conf');
    writeFileSync(file, `sentinel monitor mymaster 127.0.0.1 ${master.port} 1\n`);
    const sentinel = await startSentinel(file);
    const sockets = new Set<Socket>();
    const held: Array<() => void> = [];
    let isHolding = false;
    const between = createServer((near) => {
      sockets.add(near.on('error', () => {}).once('close', () => sockets.delete(near)));
      const join = () => {
        const far = connect(sentinel.port, '127.0.0.1').on('error', () => {});
        near.pipe(far).pipe(near);
        near.once('close', () => far.destroy());
      };
      if (isHolding) held.push(join);
      else join();
    }).listen(0, '127.0.0.1');
    await once(between, 'listening');
    const { port } = between.address() as AddressInfo;
    const store = await openRedisStore(redisOptions(0, { url: null, sentinels: [`127.0.0.1:${port}`] }));
    try {
      expect(await tryWrite(store, 'key')).to.equal(true);
      await eventually('one connection is left, which hears of failovers', () => sockets.size === 1);
      await delay(100);
      const [hearing] = sockets;
      isHolding = true;
      await master.ask('CLIENT KILL TYPE normal SKIPME yes');
      await eventually('it asks for the master', () => held.length > 0);
      hearing?.write('*3\r\n$7\r\nmessage\r\n$14\r\n+switch-master\r\n$8\r\nmymaster\r\n');
      await delay(100);
      isHolding = false;
      for (const join of held) join();
      expect((await whenBack(() => store.read('key'), RECOVERED_WITHIN_MS))?.version).to.equal(1);
    } finally {
      await store.close();
      between.close();
      for (const socket of sockets) socket.destroy();
      await sentinel.close();
      await master.close();
    }
  });
});

describe('redis behind a bad network [needs redis]', () => {
  let redis: RedisServer;
  let network: BadNetwork;
  let store: SessionStore;

  beforeEach(async () => {
    redis = await startRedis();
    network = await startNetwork(redis.port);
    store = await openRedisStore(redisOptions(network.port));
    expect(await tryWrite(store, 'key')).to.equal(true);
  });
  afterEach(async () => {
    await store?.close();
    await network?.close();
    await redis?.close();
  });

  for (const bytes of [0, 1, 4, 9, 30]) {
    it(`answers are cut after ${bytes} bytes: a fault, never half a value; then it recovers`, async () => {
      await store.compareAndSet('long', 0, Buffer.alloc(1000, 7), LONG_MS);
      network.cutAfter(bytes);
      for (let i = 0; i < 3; i++) {
        const outcome = await store.read('long').catch((error: { code: string }) => error.code);
        expect(outcome).to.equal('STORE_UNAVAILABLE');
        await delay(30);
      }
      network.heal();
      const record = await whenBack(() => store.read('long'), RECOVERED_WITHIN_MS);
      expect(record?.sealed.equals(Buffer.alloc(1000, 7))).to.equal(true);
    });
  }

  it('answers come late: a fault, and the late write does no harm', async () => {
    network.delayBy(200);
    const outcome = await store
      .compareAndSet('key', 1, Buffer.from('late'), LONG_MS)
      .catch((e: { code: string }) => e.code);
    expect(outcome).to.equal('STORE_UNAVAILABLE');
    network.heal();
    const record = await whenBack(() => store.read('key'), RECOVERED_WITHIN_MS);
    // It happened although nobody was told: whoever writes next reads it first.
    expect(record?.version).to.equal(2);
    expect(await store.compareAndSet('key', 1, Buffer.from('stale'), LONG_MS)).to.equal(false);
    expect(await store.compareAndSet('key', 2, Buffer.from('next'), LONG_MS)).to.equal(true);
  });

  for (const [when, lostForMs] of [
    ['in use', 0],
    ['that has just begun', 1500],
  ] as const) {
    it(`a connection ${when} dies without a word, as of a machine without power: the next one is tried`, async () => {
      network.lose();
      expect(await tryWrite(store, 'lost')).to.equal('STORE_UNAVAILABLE');
      await delay(lostForMs);
      network.heal();
      const record = await whenBack(() => store.read('key'), RECOVERED_WITHIN_MS);
      expect(record?.version).to.equal(1);
    });
  }
});

interface BadNetwork {
  readonly port: number;
  /** Connections that there are, and those that begin before `heal`, say nothing any more, not even that they end. */
  lose(): void;
  /** Reset each connection once so many bytes of answers have passed. */
  cutAfter(bytes: number): void;
  delayBy(ms: number): void;
  heal(): void;
  close(): Promise<void>;
}

/** A loopback port that leads to another one, not always well. */
async function startNetwork(to: number): Promise<BadNetwork> {
  let bytesLeft = Number.POSITIVE_INFINITY;
  let lateMs = 0;
  let isLosing = false;
  const sockets = new Set<Socket>();
  const server: Server = createServer((near) => {
    if (isLosing) {
      sockets.add(near.pause().on('error', () => {}));
      return;
    }
    const far = connect(to, '127.0.0.1');
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
    near.pipe(far);
    /** No answer overtakes one that is late: a network keeps the order of a connection's bytes. */
    let lastDueMs = 0;
    far.on('data', (answer: Buffer) => {
      if (answer.length > bytesLeft) {
        near.write(answer.subarray(0, bytesLeft), () => near.resetAndDestroy());
        return;
      }
      const waitMs = Math.max(lastDueMs - performance.now(), lateMs);
      if (waitMs <= 0) near.write(answer);
      else {
        lastDueMs = performance.now() + waitMs + 1;
        setTimeout(() => near.write(answer), waitMs);
      }
    });
  });
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    port,
    cutAfter: (bytes) => {
      bytesLeft = bytes;
    },
    delayBy: (ms) => {
      lateMs = ms;
    },
    lose: () => {
      isLosing = true;
      for (const socket of sockets) socket.unpipe().pause();
    },
    heal: () => {
      isLosing = false;
      bytesLeft = Number.POSITIVE_INFINITY;
      lateMs = 0;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
