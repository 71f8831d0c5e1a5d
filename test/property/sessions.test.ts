/**
 * Sessions under any interleaving: several responses of one session at once, in two processes, with fast-check deciding
 * which step of whom the store takes next.
 */
import { expect } from 'chai';
import fc, { type Scheduler } from 'fast-check';
import { createMemoryStore } from '../../src/session/memory.ts';
import { type Absorbed, type Session, Sessions } from '../../src/session/session.ts';
import type { SessionStore } from '../../src/session/store.ts';
import { CLIENT, fakeClock, response, sessionPolicy } from '../support/session-fixtures.ts';

type Step = {
  readonly does: 'set' | 'rotate' | 'rotate untold' | 'sign in' | 'log out' | 'destroy';
  readonly process: 0 | 1;
};

const TARGET = { isSecure: false, host: CLIENT.host, path: '/page' };
const step: fc.Arbitrary<Step> = fc.record({
  does: fc.oneof(
    { weight: 6, arbitrary: fc.constant('set' as const) },
    { weight: 2, arbitrary: fc.constantFrom('rotate' as const, 'rotate untold' as const, 'sign in' as const) },
    { weight: 1, arbitrary: fc.constantFrom('log out' as const, 'destroy' as const) },
  ),
  process: fc.constantFrom(0, 1),
});

/** The store of another machine: each call arrives when the scheduler says so, and so does its answer. */
function distant(store: SessionStore, scheduler: Scheduler): SessionStore {
  const far = async <T>(work: () => Promise<T>): Promise<T> => {
    await scheduler.schedule(Promise.resolve());
    const answer = await work();
    await scheduler.schedule(Promise.resolve());
    return answer;
  };
  return {
    kind: store.kind,
    isAvailable: true,
    read: (key) => far(() => store.read(key)),
    compareAndSet: (...call) => far(() => store.compareAndSet(...call)),
    touch: (...call) => far(() => store.touch(...call)),
    remove: (...call) => far(() => store.remove(...call)),
    count: () => store.count(),
    close: () => store.close(),
  };
}

/** Do `steps` all at once, each from the session as it was at the start. */
async function run(steps: readonly Step[], oldSid: 'dead' | 'follow', scheduler: Scheduler) {
  const policy = sessionPolicy({ oldSid });
  const clock = fakeClock();
  const store = createMemoryStore({ maxSessions: 1000, maxBytes: 1e9, clock });
  const options = { clock, maxSessions: 1000, mintPerMinute: 1000 };
  const near = new Sessions({ store, ...options });
  const created = (await near.absorb(null, response(['keep=1']), CLIENT, policy)).session!;
  await near.find(created.sid, CLIENT, policy);

  const processes = [0, 1].map(() => new Sessions({ store: distant(store, scheduler), ...options }));
  const first = (await near.find(created.sid, CLIENT, policy))!;
  const absorb = ({ does, process }: Step, i: number): Promise<Absorbed> => {
    const facts = {
      set: response([`c${i}=1`]),
      rotate: response([], { rotate: true }),
      'rotate untold': response([], { rotate: true, tellsSid: false }),
      'sign in': response([`c${i}=1; HttpOnly`], { method: 'POST' }),
      'log out': response(['keep=; Max-Age=0']),
      destroy: response([], { destroy: true }),
    }[does];
    return processes[process]!.absorb(first, facts, CLIENT, policy);
  };
  const results = await scheduler.waitFor(Promise.all(steps.map(absorb)));

  const sids = [created.sid, ...results.flatMap(({ session }) => (session === null ? [] : [session.sid]))];
  const alive = new Map<string, Session>();
  for (const sid of sids) {
    const found = await near.find(sid, CLIENT, policy);
    if (found !== null) alive.set(found.sid.reveal(), found);
  }
  return { results, alive: [...alive.values()], clock };
}

describe('sessions under any interleaving', function () {
  this.timeout(60_000);

  for (const oldSid of ['dead', 'follow'] as const) {
    it(`one session lives on at most, with every acknowledged cookie; a late sign-in has its own (old_sid: ${oldSid})`, async () => {
      await fc.assert(
        fc.asyncProperty(fc.scheduler(), fc.array(step, { minLength: 2, maxLength: 7 }), async (scheduler, steps) => {
          const { results, alive: all, clock } = await run(steps, oldSid, scheduler);
          const cookiesOf = ({ jar }: Session) => jar.cookieHeader(TARGET, clock());
          for (const [i, { event, session }] of results.entries()) {
            if (event !== 'created') continue;
            expect(steps[i]!.does).to.equal('sign in');
            expect(cookiesOf(session!), 'nothing from before').to.equal(`c${i}=1`);
          }
          const late = results.flatMap(({ event, session }) => (event === 'created' ? [session!.sid.reveal()] : []));
          const alive = all.filter(({ sid }) => !late.includes(sid.reveal()));
          expect(all.length - alive.length, 'each of them lives').to.equal(late.length);
          expect(alive.length).to.be.at.most(1);
          const isEnded = steps.some(({ does }) => does === 'destroy');
          if (isEnded && oldSid === 'follow') expect(alive).to.have.lengthOf(0);
          if (!steps.some(({ does }) => does === 'destroy' || does === 'log out')) expect(alive).to.have.lengthOf(1);
          const [survivor] = alive;
          if (survivor === undefined) return;
          const cookies = cookiesOf(survivor).split('; ');
          for (const [i, { event }] of results.entries()) {
            const does = steps[i]!.does;
            const isKept = event === 'updated' || event === 'rotated';
            if (isKept && (does === 'set' || does === 'sign in')) expect(cookies).to.include(`c${i}=1`);
            if (event === 'updated' && does === 'log out') expect(cookies).to.not.include('keep=1');
          }
        }),
        { numRuns: 300 },
      );
    });
  }
});
