/**
 * Several processes on one session, paused and killed: no acknowledged update is lost, no ended session comes back.
 * TRANSID_LONG=1 runs the long forms (10,000 updates, 100 kills).
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { openLmdbStore } from '../../src/session/lmdb.ts';
import { openRedisStore } from '../../src/session/redis.ts';
import { type Session, Sessions } from '../../src/session/session.ts';
import type { SessionStore } from '../../src/session/store.ts';
import { Sid } from '../../src/sid/sid.ts';
import { HammerLog, HammerProcess } from '../support/hammer-process.ts';
import { redisOptions } from '../support/redis-options.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { CLIENT, response, sessionPolicy } from '../support/session-fixtures.ts';
import type { HammerOrder } from '../support/session-hammer.ts';

const IS_LONG = process.env['TRANSID_LONG'] === '1';
const PROCESSES = 2;
const CLIENTS_PER_PROCESS = 4;
const UPDATES = IS_LONG ? 10_000 : 800;
const DISTURBANCES = IS_LONG ? 40 : 4;
const KILLS = IS_LONG ? 100 : 3;
const TIMEOUT_MS = IS_LONG ? 600_000 : 60_000;
const POLICY = sessionPolicy();
const TARGET = { isSecure: false, host: CLIENT.host, path: '/page' };
/** Values of a later process are above those of the one that it replaces. */
const VALUES_PER_LIFE = 1_000_000;

interface Setting {
  readonly order: HammerOrder['store'];
  readonly store: SessionStore;
  /** Stop the server for a moment; nothing for a store without one. */
  disturb(): Promise<void>;
  close(): Promise<void>;
}

async function lmdbSetting(): Promise<Setting> {
  const path = mkdtempSync(join(tmpdir(), 'transid-lmdb-'));
  const store = openLmdbStore({ path, clock: Date.now, sweep: false });
  return {
    order: { kind: 'lmdb', path },
    store,
    disturb: async () => {},
    async close() {
      await store.close();
      rmSync(path, { recursive: true });
    },
  };
}

async function redisSetting(): Promise<Setting> {
  const server: RedisServer = await startRedis('--appendonly', 'yes');
  const store = await openRedisStore(redisOptions(server.port));
  return {
    order: { kind: 'redis', port: server.port },
    store,
    async disturb() {
      server.pause();
      await delay(200);
      server.resume();
    },
    async close() {
      await store.close();
      await server.close();
    },
  };
}

for (const [name, open] of [
  ['lmdb', lmdbSetting],
  ['redis [needs redis]', redisSetting],
] as const) {
  describe(`many processes on one session: ${name}`, function () {
    this.timeout(TIMEOUT_MS);
    let setting: Setting;
    let sessions: Sessions;
    let session: Session;
    let log: HammerLog;
    let processes: HammerProcess[];

    beforeEach(async () => {
      setting = await open();
      sessions = new Sessions({ store: setting.store, clock: Date.now, maxSessions: 1e9, mintPerMinute: 1e9 });
      const created = (await sessions.absorb(null, response(['keep=1']), CLIENT, POLICY)).session!;
      session = (await sessions.find(created.sid, CLIENT, POLICY))!;
      log = new HammerLog();
      processes = [];
    });

    afterEach(async () => {
      await Promise.all(processes.map((hammer) => hammer.kill()));
      await setting.close();
    });

    function start(index: number, life = 0, isStubborn = false): HammerProcess {
      const hammer = new HammerProcess(
        {
          store: setting.order,
          sid: session.sid.reveal(),
          clients: Array.from({ length: CLIENTS_PER_PROCESS }, (_, i) => `p${index}c${i}r`),
          stepsPerClient: UPDATES / PROCESSES / CLIENTS_PER_PROCESS,
          firstValue: life * VALUES_PER_LIFE,
          isStubborn,
        },
        log,
      );
      processes[index] = hammer;
      return hammer;
    }

    /** The Cookie field of a session; asks again while a store that was just disturbed is away. */
    async function cookiesOf(sid: Sid): Promise<string | null> {
      for (;;) {
        try {
          return (await sessions.find(sid, CLIENT, POLICY))?.jar.cookieHeader(TARGET, Date.now()) ?? null;
        } catch {
          await delay(50);
        }
      }
    }

    it(`${UPDATES} updates with pauses and kills: every cookie holds its last acknowledged value`, async () => {
      for (let i = 0; i < PROCESSES; i++) start(i);
      for (let life = 1; life <= DISTURBANCES; life++) {
        const index = life % PROCESSES;
        const hammer = processes[index]!;
        while (!hammer.isWorking) await delay(20);
        await delay(20 + Math.random() * 60);
        if (life % 3 === 0) await setting.disturb();
        if (life % 2 === 0) {
          hammer.pause();
          await delay(50);
          hammer.resume();
        } else {
          await hammer.kill();
          start(index, life);
        }
      }
      await Promise.all(processes.map((hammer) => hammer.ended()));
      expect(processes.every((hammer) => hammer.isEnded)).to.equal(true);
      const cookies = (await cookiesOf(session.sid))!;
      expect(log.problems(cookies)).to.deep.equal([]);
      expect(cookies).to.include('keep=1');
      expect(log.gone, 'found gone').to.equal(0);
      expect(log.acks).to.be.greaterThan(UPDATES / 2);
    });

    for (const [how, end] of [
      ['destroyed', { destroy: true }],
      ['rotated', { rotate: true }],
    ] as const) {
      it(`a session that is ${how} never comes back under slow responses of other processes`, async () => {
        for (let i = 0; i < PROCESSES; i++) start(i, 0, true);
        while (!processes.every((hammer) => hammer.isWorking)) await delay(20);
        const ended = await sessions.absorb(session, response([], end), CLIENT, POLICY);
        expect(ended.event).to.equal(how);
        while (!processes.every((hammer) => hammer.isEnded)) {
          expect(await cookiesOf(session.sid)).to.equal(null);
          await delay(5);
        }
        expect(await cookiesOf(session.sid)).to.equal(null);
        expect(log.gone, 'slow responses that were dropped').to.be.greaterThan(0);
        if (ended.session !== null) expect(log.problems((await cookiesOf(ended.session.sid))!)).to.deep.equal([]);
      });
    }
  });
}

describe(`lmdb and kill -9, ${KILLS} times under load`, function () {
  this.timeout(TIMEOUT_MS);

  it('loses no acknowledged session or update, and the file stays whole', async () => {
    const setting = await lmdbSetting();
    const sessions = new Sessions({ store: setting.store, clock: Date.now, maxSessions: 1e9, mintPerMinute: 1e9 });
    const created = (await sessions.absorb(null, response(['keep=1']), CLIENT, POLICY)).session!;
    const session = (await sessions.find(created.sid, CLIENT, POLICY))!;
    const log = new HammerLog();
    try {
      for (let life = 0; life < KILLS; life++) {
        const hammer = new HammerProcess(
          {
            store: setting.order,
            sid: session.sid.reveal(),
            clients: ['a', 'b', 'c', 'd'],
            stepsPerClient: VALUES_PER_LIFE,
            firstValue: life * VALUES_PER_LIFE,
            isStubborn: false,
          },
          log,
        );
        const acks = log.acks + 10 + Math.random() * 100;
        while (log.acks < acks) await delay(1);
        await hammer.kill();
        const now = (await sessions.find(session.sid, CLIENT, POLICY))!;
        expect(log.problems(now.jar.cookieHeader(TARGET, Date.now())), `after kill ${life}`).to.deep.equal([]);
      }
      expect(log.sids.length).to.be.greaterThan(KILLS);
      for (const sid of log.sids) {
        expect(await sessions.find(Sid.parse(sid)!, CLIENT, POLICY), 'a session that was acknowledged').to.not.equal(
          null,
        );
      }
      expect(sessions.stats.torn).to.equal(0);
    } finally {
      await setting.close();
    }
  });
});
