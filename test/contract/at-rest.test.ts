/** What a thief of the store finds: every byte that a store keeps after a login, searched for the SID and the cookies. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { openLmdbStore } from '../../src/session/lmdb.ts';
import { createMemoryStore } from '../../src/session/memory.ts';
import { openRedisStore } from '../../src/session/redis.ts';
import { Sessions } from '../../src/session/session.ts';
import type { SessionStore } from '../../src/session/store.ts';
import { redisOptions } from '../support/redis-options.ts';
import { startRedis } from '../support/redis-server.ts';
import { CLIENT, response, sessionPolicy } from '../support/session-fixtures.ts';

const POLICY = sessionPolicy({ oldSid: 'follow' });
const SECRETS = ['hunter2-secret-value', 'granted-secret-value', 'PHPSESSID', CLIENT.host, CLIENT.userAgent];

/** A visit, a login that rotates, a page: the SIDs that it used. */
async function visit(store: SessionStore): Promise<string[]> {
  const sessions = new Sessions({ store, clock: Date.now, maxSessions: 100, mintPerMinute: 100 });
  const first = await sessions.absorb(null, response(['PHPSESSID=hunter2-secret-value']), CLIENT, POLICY);
  const found = await sessions.find(first.session!.sid, CLIENT, POLICY);
  const login = response(['auth=granted-secret-value; HttpOnly'], { method: 'POST' });
  const second = await sessions.absorb(found, login, CLIENT, POLICY);
  expect(second.event).to.equal('rotated');
  expect(await sessions.find(second.session!.sid, CLIENT, POLICY)).to.not.equal(null);
  return [first.session!.sid.reveal(), second.session!.sid.reveal()];
}

/** The bytes of all files of a folder, as latin1. */
function filesOf(folder: string): string {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'))
    .join('\n');
}

function expectNothingReadable(dump: string, sids: readonly string[]): void {
  expect(dump.length).to.be.greaterThan(500);
  for (const secret of [...SECRETS, ...sids]) expect(dump.includes(secret), secret).to.equal(false);
}

describe('at rest', () => {
  it('memory keeps nothing readable', async () => {
    const kept = new Map<string, Buffer>();
    const inner = createMemoryStore({ maxSessions: 100, maxBytes: 1e6, clock: Date.now });
    const store: SessionStore = {
      kind: inner.kind,
      isAvailable: true,
      read: (key) => inner.read(key),
      compareAndSet(key, version, sealed, ttlMs) {
        kept.set(`${key}@${version}`, Buffer.from(sealed));
        return inner.compareAndSet(key, version, sealed, ttlMs);
      },
      touch: (key, ttlMs) => inner.touch(key, ttlMs),
      remove: (key, tombstoneMs) => inner.remove(key, tombstoneMs),
      count: () => inner.count(),
      close: () => inner.close(),
    };
    const sids = await visit(store);
    // Every value that was ever handed to the store, under every key.
    expect(kept.size).to.equal(4);
    expectNothingReadable([...kept].map(([key, sealed]) => key + sealed.toString('latin1')).join('\n'), sids);
  });

  it('lmdb keeps nothing readable in its files', async () => {
    const path = mkdtempSync(join(tmpdir(), 'transid-lmdb-'));
    const store = openLmdbStore({ path, clock: Date.now, sweep: false });
    const sids = await visit(store);
    await store.close();
    expectNothingReadable(filesOf(path), sids);
    rmSync(path, { recursive: true });
  });

  it('redis keeps nothing readable, in memory or in its files [needs redis]', async () => {
    const server = await startRedis('--appendonly', 'yes', '--appendfsync', 'always');
    const store = await openRedisStore(redisOptions(server.port));
    const sids = await visit(store);
    const keys = [...(await server.ask('KEYS *')).matchAll(/transid:\S+/g)].map(([key]) => key);
    expect(keys).to.have.lengthOf(2);
    const values = await Promise.all(keys.map((key) => server.ask(`GET ${key}`)));
    await store.close();
    expectNothingReadable([...keys, ...values, filesOf(server.folder)].join('\n'), sids);
    await server.close();
  });
});
