/** The store on a Cluster: the contract on three nodes, and one node lost. */
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { openRedisStore } from '../../src/session/redis.ts';
import type { SessionStore } from '../../src/session/store.ts';
import { watchLateness } from '../support/lateness.ts';
import { isWhole, type RedisCluster, startRedisCluster } from '../support/redis-cluster.ts';
import { redisOptions } from '../support/redis-options.ts';
import { describeStoreContract } from '../support/store-contract.ts';

const LONG_MS = 60_000;
/** What a client may wait for its 503. */
const REFUSED_WITHIN_MS = 150;

async function openOn(cluster: RedisCluster): Promise<SessionStore> {
  const nodes = cluster.nodes.map(({ port }) => `127.0.0.1:${port}`);
  return openRedisStore(redisOptions(0, { url: null, cluster: nodes }));
}

describeStoreContract('redis cluster [needs redis]', async () => {
  const cluster = await startRedisCluster();
  const store = await openOn(cluster);
  return {
    store,
    advance: async (ms) => {
      await delay(ms);
    },
    async close() {
      await store.close();
      await cluster.close();
    },
  };
});

describe('redis cluster with a node lost [needs redis]', () => {
  let cluster: RedisCluster;
  let store: SessionStore;

  before(async () => {
    cluster = await startRedisCluster();
    store = await openOn(cluster);
  });
  after(async () => {
    await store?.close();
    await cluster?.close();
  });

  it('serves the sessions of the others, fails for its own in time, and takes it back', async () => {
    const keys = Array.from({ length: 30 }, (_, i) => `key-${i}`);
    for (const key of keys) await store.compareAndSet(key, 0, Buffer.from(key), LONG_MS);
    const reads = () =>
      Promise.all(
        keys.map(async (key) => {
          const startedMs = performance.now();
          const outcome = await store.read(key).then(
            (record) => (record === null ? 'gone' : 'found'),
            (error: unknown) => (error as { code?: string }).code,
          );
          return { outcome, ms: performance.now() - startedMs };
        }),
      );
    expect((await reads()).every(({ outcome }) => outcome === 'found')).to.equal(true);

    await cluster.nodes[1]!.kill();
    const lateness = watchLateness();
    const during = await reads();
    const latenessMs = lateness.stop();
    expect(during.filter(({ outcome }) => outcome === 'found').length).to.be.greaterThan(8);
    const failed = during.filter(({ outcome }) => outcome === 'STORE_UNAVAILABLE');
    expect(failed.length).to.be.greaterThan(3);
    for (const { ms } of failed) expect(ms).to.be.below(REFUSED_WITHIN_MS + latenessMs);

    await cluster.nodes[1]!.start();
    const backMs = performance.now();
    let outcomes: Array<string | undefined> = [];
    while (performance.now() - backMs < 4000) {
      outcomes = (await reads()).map(({ outcome }) => outcome);
      if (outcomes.every((outcome) => outcome !== 'STORE_UNAVAILABLE')) break;
      await delay(50);
    }
    // The node came back empty: its sessions are gone, the others are there.
    expect(new Set(outcomes)).to.deep.equal(new Set(['found', 'gone']));
  });

  it('serves the sessions of the others, whichever node it is and whatever most clients ask for', async () => {
    for (const lost of cluster.nodes) {
      const said: Array<string | null> = [];
      const nodes = cluster.nodes.map(({ port }) => `127.0.0.1:${port}`);
      // A machine that is busy must not be taken for a node that is lost.
      const patient = { commandTimeoutMs: 1000, onChange: (reason: string | null) => said.push(reason) };
      const asked = await openRedisStore(redisOptions(0, { url: null, cluster: nodes, ...patient }));
      const reads = (keys: readonly string[]) => Promise.all(keys.map((key) => asked.read(key).catch(() => null)));
      const writes = (keys: readonly string[], version: number) =>
        Promise.all(keys.map((key) => asked.compareAndSet(key, version, Buffer.from('x'), LONG_MS).catch(() => false)));
      const keys = Array.from({ length: 30 }, (_, i) => `${lost.port}-${i}`);
      expect(await writes(keys, 0)).to.not.include(false);
      await lost.kill();
      const found = await reads(keys);
      const its = keys.filter((_key, index) => found[index] === null);
      const theirs = keys.filter((_key, index) => found[index] !== null);
      expect([its.length, theirs.length], 'of one node of three').to.satisfy(([n, m]: number[]) => n! > 4 && m! > 9);
      // More in a row than the store takes for an outage.
      await reads(its);
      await writes(its, 1);
      expect(await reads(theirs)).to.not.include(null);
      expect(await writes(theirs, 1)).to.not.include(false);
      expect([asked.isAvailable, said]).to.deep.equal([true, []]);
      await asked.close();
      await lost.start();
      await isWhole(cluster);
    }
  }).timeout(120_000);

  it('counts what the others hold: without a count no session begins', async () => {
    for (const lost of cluster.nodes) {
      const nodes = cluster.nodes.map(({ port }) => `127.0.0.1:${port}`);
      const asked = await openRedisStore(redisOptions(0, { url: null, cluster: nodes, commandTimeoutMs: 1000 }));
      const keys = Array.from({ length: 30 }, (_, i) => `${lost.port}-${i}`);
      for (const key of keys) await asked.compareAndSet(key, 0, Buffer.from(key), LONG_MS);
      const all = await asked.count();
      lost.pause();
      try {
        expect(await asked.count()).to.be.within(10, all - 5);
      } finally {
        lost.resume();
        await asked.close();
        await isWhole(cluster);
      }
    }
  }).timeout(120_000);
});

describe('redis cluster that is silent [needs redis]', () => {
  it('keeps no process when its store is closed', async () => {
    const waits = () => process.getActiveResourcesInfo().filter((what) => what === 'Timeout').length;
    const cluster = await startRedisCluster();
    try {
      const before = waits();
      const store = await openOn(cluster);
      for (const node of cluster.nodes) node.pause();
      // By then a node is being asked who serves what.
      await delay(1500);
      await store.close();
      await delay(2500);
      expect(waits()).to.be.at.most(before);
    } finally {
      for (const node of cluster.nodes) node.resume();
      await cluster.close();
    }
  }).timeout(60_000);
});
