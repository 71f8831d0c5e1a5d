/**
 * A process whose LMDB panics under it, by the first write that fails: a new record (`create`), or what the sweep clears away
 * (`sweep`). Prints, as one line of JSON, what its store said to that and to what came after.
 */
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { ProxyError } from '../../src/errors.ts';
import { openLmdbStore, SWEEP_GRACE_MS } from '../../src/session/lmdb.ts';
import { breakLmdb } from './break-lmdb.ts';

const TTL_MS = 60_000;
const SEALED = Buffer.from('sealed');

let deaths = 0;
const [, , path, first] = process.argv;
let aheadMs = 0;
const clock = () => Date.now() + aheadMs;
// By a store of its own: a write may last longer than the sweep waits, whose one pass would be over before anything is broken.
const before = openLmdbStore({ path: path!, clock, sweep: false });
await before.compareAndSet('key', 0, SEALED, TTL_MS);
if (first === 'sweep') await before.compareAndSet('old', 0, SEALED, 1);
await before.close();
const store = openLmdbStore({ path: path!, clock, sweep: first === 'sweep', onDeath: () => deaths++ });
const attempts: Record<string, () => Promise<unknown>> = {
  create: () => store.compareAndSet('other', 0, SEALED, TTL_MS),
  update: () => store.compareAndSet('key', 1, SEALED, TTL_MS),
  read: () => store.read('key'),
  touch: () => store.touch('key', TTL_MS),
  remove: () => store.remove('key', TTL_MS),
  count: () => store.count(),
};

breakLmdb();
if (first === 'sweep') aheadMs = SWEEP_GRACE_MS;
const said = first === 'sweep' ? await delay(500) : await told(() => store.compareAndSet('new', 0, SEALED, TTL_MS));
const later: Record<string, string> = {};
const startedAtMs = performance.now();
for (const [name, attempt] of Object.entries(attempts)) later[name] = await told(attempt);
const laterMs = performance.now() - startedAtMs;
const { isAvailable } = store;
await store.close();
process.stdout.write(`${JSON.stringify({ said, later, laterMs, deaths, isAvailable })}\n`);
process.kill(process.pid, 'SIGKILL'); // As the product does: no gentler end is sure.

async function told(attempt: () => Promise<unknown>): Promise<string> {
  try {
    return String(await attempt());
  } catch (error) {
    return error instanceof ProxyError ? `${error.code}: ${error.detail}` : String(error);
  }
}
