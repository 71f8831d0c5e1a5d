/**
 * A process that changes sessions as fast as it can, for tests that pause and kill it. Run by `hammer-process.ts` with one
 * argument: a `HammerOrder` as JSON.
 *
 * It says on stdout, one line each and written before the next step, what it tries and what was acknowledged:
 * `try REGISTER VALUE`, `ack REGISTER VALUE`, `new SID`, `gone` (the session is no longer there), `fault CODE`, `end`.
 * A register is one cookie of the shared session that only one client of one process sets; the value `-` stands for deleted.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { openLmdbStore } from '../../src/session/lmdb.ts';
import { openRedisStore } from '../../src/session/redis.ts';
import { type Session, Sessions } from '../../src/session/session.ts';
import type { SessionStore } from '../../src/session/store.ts';
import { Sid } from '../../src/sid/sid.ts';
import { redisOptions } from './redis-options.ts';
import { CLIENT, response, sessionPolicy } from './session-fixtures.ts';

export interface HammerOrder {
  readonly store: { readonly kind: 'lmdb'; readonly path: string } | { readonly kind: 'redis'; readonly port: number };
  readonly sid: string;
  /** Names of this process's clients; each works at the same time as the others. */
  readonly clients: readonly string[];
  readonly stepsPerClient: number;
  /** The first value to set: above all that an earlier process of these clients has set. */
  readonly firstValue: number;
  /**
   * Find the session once and go on with that state, as a slow response would, whatever became of it: until it is gone,
   * and a little longer.
   */
  readonly isStubborn: boolean;
}

/** How often a stubborn client sees that its session is gone before it gives up. */
const STUBBORN_STEPS = 20;

const REGISTERS_PER_CLIENT = 3;
const POLICY = sessionPolicy();

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function openStore(order: HammerOrder): Promise<SessionStore> | SessionStore {
  const { store } = order;
  if (store.kind === 'lmdb') return openLmdbStore({ path: store.path, clock: Date.now, sweep: true });
  return openRedisStore(redisOptions(store.port));
}

async function runClient(name: string, order: HammerOrder, sessions: Sessions): Promise<void> {
  const sid = Sid.parse(order.sid)!;
  let held: Session | null = null;
  let gone = 0;
  for (let step = 0; order.isStubborn ? gone < STUBBORN_STEPS : step < order.stepsPerClient; step++) {
    if (Math.random() < 0.1) await delay(Math.random() * 4);
    try {
      if (held === null || !order.isStubborn) held = await sessions.find(sid, CLIENT, POLICY);
      if (held === null) {
        say('gone');
        gone++; // It came when the session had ended already.
      } else if (Math.random() < 0.1) await begin(sessions);
      else if (!(await set(`${name}${step % REGISTERS_PER_CLIENT}`, order.firstValue + step, held, sessions))) gone++;
    } catch (error) {
      say(`fault ${(error as { code?: string }).code}`);
      await delay(5);
    }
  }
}

/** False when the session was gone. */
async function set(register: string, value: number, held: Session, sessions: Sessions): Promise<boolean> {
  const isDelete = Math.random() < 0.1;
  const shown = isDelete ? '-' : String(value);
  say(`try ${register} ${shown}`);
  const cookie = isDelete ? `${register}=; Max-Age=0` : `${register}=${value}`;
  const { event } = await sessions.absorb(held, response([cookie]), CLIENT, POLICY);
  say(event === 'destroyed' ? 'gone' : `ack ${register} ${shown}`);
  return event !== 'destroyed';
}

async function begin(sessions: Sessions): Promise<void> {
  const { session } = await sessions.absorb(null, response(['begun=1']), CLIENT, POLICY);
  if (session !== null) say(`new ${session.sid.reveal()}`);
}

const order = JSON.parse(process.argv[2] ?? '') as HammerOrder;
const store = await openStore(order);
const sessions = new Sessions({ store, clock: Date.now, maxSessions: 1e9, mintPerMinute: 1e9 });
await Promise.all(order.clients.map((name) => runClient(name, order, sessions)));
await store.close();
say('end');
