import { expect } from 'chai';
import { ProxyError } from '../../../src/errors.ts';
import { LIMITS } from '../../../src/limits.ts';
import type { SessionPolicy } from '../../../src/policy/route-policy.ts';
import { createMemoryStore } from '../../../src/session/memory.ts';
import { sealKeys } from '../../../src/session/seal.ts';
import { type Absorbed, type ClientBinding, type Session, Sessions } from '../../../src/session/session.ts';
import type { SessionStore } from '../../../src/session/store.ts';
import { Sid } from '../../../src/sid/sid.ts';
import { CLIENT, type FakeClock, fakeClock, response, sessionPolicy } from '../../support/session-fixtures.ts';

const POLICY = sessionPolicy();
const LOOSE = sessionPolicy({ bind: { userAgent: false, network: false } });
const FOLLOW = sessionPolicy({ oldSid: 'follow' });
const TARGET = { isSecure: false, host: CLIENT.host, path: '/page' };
const SIGN_IN = { method: 'POST' } as const;

describe('Sessions', () => {
  let clock: FakeClock;
  let store: SessionStore;
  let sessions: Sessions;

  beforeEach(() => {
    clock = fakeClock();
    store = createMemoryStore({ maxSessions: 1000, maxBytes: 64e6, clock });
    sessions = new Sessions({ store, clock, maxSessions: 1000, mintPerMinute: 60 });
  });

  async function create(setCookies: string[] = ['id=1'], client = CLIENT, policy = POLICY): Promise<Session> {
    const { session, event } = await sessions.absorb(null, response(setCookies), client, policy);
    expect(event).to.equal('created');
    return session!;
  }

  /** Created, and its SID came back. */
  async function proven(setCookies?: string[], client = CLIENT, policy = POLICY): Promise<Session> {
    return (await sessions.find((await create(setCookies, client, policy)).sid, client, policy))!;
  }

  async function cookiesOf(sid: Sid, client = CLIENT, policy = POLICY): Promise<string | null> {
    const session = await sessions.find(sid, client, policy);
    return session === null ? null : session.jar.cookieHeader({ ...TARGET, host: client.host }, clock());
  }

  function absorb(
    session: Session,
    setCookies: string[],
    edits = {},
    client = CLIENT,
    policy = POLICY,
  ): Promise<Absorbed> {
    return sessions.absorb(session, response(setCookies, edits), client, policy);
  }

  describe('for a request that a foreign page began', () => {
    const isFromAbroad = true;

    it('is there while the redirects of its beginning may be under way', async () => {
      const { sid } = await create();
      expect(await sessions.find(sid, CLIENT, POLICY, isFromAbroad)).not.to.equal(null);
      clock.advance(29_000);
      expect(await sessions.find(sid, CLIENT, POLICY, isFromAbroad), 'though it came back').not.to.equal(null);
      clock.advance(2_000);
      expect(await sessions.find(sid, CLIENT, POLICY, isFromAbroad)).to.equal(null);
      expect(await sessions.find(sid, CLIENT, POLICY), 'for one of our own pages').not.to.equal(null);
    });

    it('is not for another client, whatever `bind` says', async () => {
      const { sid } = await create();
      for (const edits of [{ address: '203.0.113.77' }, { userAgent: 'another' }]) {
        expect(await sessions.find(sid, { ...CLIENT, ...edits }, LOOSE, isFromAbroad)).to.equal(null);
        expect(await sessions.find(sid, { ...CLIENT, ...edits }, LOOSE)).not.to.equal(null);
      }
    });
  });

  it('is found where no write is taken, though its SID comes back for the first time', async () => {
    const { sid } = await create();
    const fault = new ProxyError('STORE_UNAVAILABLE');
    const { compareAndSet } = store;
    store.compareAndSet = () => Promise.reject(fault);
    clock.advance(POLICY.unprovenTimeoutMs - 1000);
    expect(await cookiesOf(sid)).to.equal('id=1');
    clock.advance(POLICY.unprovenTimeoutMs);
    expect(await cookiesOf(sid), 'its end was put off').to.equal('id=1');
    store.compareAndSet = compareAndSet;
    expect((await sessions.find(sid, CLIENT, POLICY))?.isProven).to.equal(true);
  });

  describe('beginning', () => {
    it('is at the first cookie, and the SID leads back to it', async () => {
      const session = await create(['a=1', 'b=2; path=/']);
      expect(session).to.include({ isProven: false, createdAtMs: clock() });
      expect(await cookiesOf(session.sid)).to.equal('a=1; b=2');
    });

    it('is not without a cookie that is kept', async () => {
      for (const setCookies of [[], ['a=; Max-Age=0'], ['a=1; domain=org'], ['a=1; secure']]) {
        const got = await sessions.absorb(null, response(setCookies), CLIENT, POLICY);
        expect(got).to.deep.equal({ session: null, event: 'none' });
      }
      expect(await store.count()).to.equal(0);
    });

    it('is not where none may be made', async () => {
      const got = await sessions.absorb(null, response(['a=1'], { mayCreate: false }), CLIENT, POLICY);
      expect(got).to.deep.equal({ session: null, event: 'not-created' });
    });

    it('is not where the upstream ends the session', async () => {
      const got = await sessions.absorb(null, response(['a=1'], { destroy: true }), CLIENT, POLICY);
      expect(got).to.deep.equal({ session: null, event: 'none' });
      expect(await store.count()).to.equal(0);
    });

    it('gives every session a SID of its own', async () => {
      const sids = await Promise.all(Array.from({ length: 50 }, () => create()));
      expect(new Set(sids.map(({ sid }) => sid.reveal())).size).to.equal(50);
    });

    it('is bounded per address and minute; others are not touched by it', async () => {
      const events: string[] = [];
      for (let i = 0; i < 100; i++) {
        events.push((await sessions.absorb(null, response(['a=1']), CLIENT, POLICY)).event);
      }
      expect(events.filter((event) => event === 'created')).to.have.lengthOf(60);
      expect(events.slice(60).every((event) => event === 'not-created')).to.equal(true);
      await create(['a=1'], { ...CLIENT, address: '192.0.2.8' });
      clock.advance(1000);
      await create();
      expect(sessions.stats).to.include({ refused: 40 });
    });

    it('is bounded by max_sessions; those that are there go on', async () => {
      sessions = new Sessions({ store, clock, maxSessions: 3, mintPerMinute: 60 });
      const first = await proven();
      await create();
      await create();
      expect((await sessions.absorb(null, response(['a=1']), CLIENT, POLICY)).event).to.equal('not-created');
      expect(await cookiesOf(first.sid)).to.equal('id=1');
      await sessions.drop(first, CLIENT);
      clock.advance(1000);
      await create();
    });

    it('is bounded by what there is when the wall clock is set back, too', async () => {
      sessions = new Sessions({ store, clock, maxSessions: 1, mintPerMinute: 60 });
      const first = await create();
      expect((await sessions.absorb(null, response(['a=1']), CLIENT, POLICY)).event).to.equal('not-created');
      await sessions.drop(first, CLIENT);
      clock.advance(-3_600_000);
      await create();
    });
  });

  describe('finding', () => {
    it('adopts no SID that was not issued here', async () => {
      const sid = Sid.generate();
      expect(await sessions.find(sid, CLIENT, POLICY)).to.equal(null);
      const { session } = await sessions.absorb(null, response(['a=1']), CLIENT, POLICY);
      expect(session!.sid.equals(sid)).to.equal(false);
      expect(await store.count()).to.equal(1);
    });

    it('takes only the form of an issued SID', () => {
      expect(sessions.parseSid('0123456789abcdefghijklmnop')?.reveal()).to.equal('0123456789abcdefghijklmnop');
      for (const text of [
        '',
        'a',
        '0123456789abcdefghijklmnoP',
        '0123456789abcdefghijklmnopq',
        '0123456789abcdefghijklmno\n',
      ])
        expect(sessions.parseSid(text), text).to.equal(null);
    });

    const bindings: ReadonlyArray<[string, Partial<ClientBinding>, SessionPolicy['bind'], boolean]> = [
      ['the same client', {}, { userAgent: true, network: true }, true],
      ['another host', { host: 'other.example.org' }, { userAgent: false, network: false }, false],
      ['another port', { host: `${CLIENT.host}:8080` }, { userAgent: false, network: false }, false],
      ['another User-Agent, bound', { userAgent: 'Other/1.0' }, { userAgent: true, network: false }, false],
      ['another User-Agent, not bound', { userAgent: 'Other/1.0' }, { userAgent: false, network: true }, true],
      ['no User-Agent, bound', { userAgent: '' }, { userAgent: true, network: false }, false],
      ['another address of the network, bound', { address: '192.0.2.200' }, { userAgent: true, network: true }, true],
      ['another network, bound', { address: '192.0.3.7' }, { userAgent: true, network: true }, false],
      ['another network, not bound', { address: '192.0.3.7' }, { userAgent: true, network: false }, true],
    ];
    for (const [who, edits, bind, isFound] of bindings) {
      it(`${isFound ? 'leads' : 'does not lead'} ${who} to the session`, async () => {
        const policy = sessionPolicy({ bind });
        const { sid } = await create(['id=1'], CLIENT, policy);
        const stranger = await sessions.find(sid, { ...CLIENT, ...edits }, policy);
        expect(stranger !== null).to.equal(isFound);
        expect(await cookiesOf(sid, CLIENT, policy)).to.equal('id=1');
      });
    }

    it('by a stranger does not prove a session', async () => {
      const { sid } = await create();
      await sessions.find(sid, { ...CLIENT, userAgent: 'Other/1.0' }, POLICY);
      clock.advance(POLICY.unprovenTimeoutMs);
      expect(await sessions.find(sid, CLIENT, POLICY)).to.equal(null);
    });

    it('treats a torn value as no session and counts it on', async () => {
      const { sid } = await create();
      const torn: SessionStore = { ...store, read: async () => ({ version: 1, sealed: Buffer.alloc(64, 1) }) };
      const { stats } = sessions;
      const reader = new Sessions({ store: torn, clock, maxSessions: 10, mintPerMinute: 60, stats });
      expect(await reader.find(sid, CLIENT, POLICY)).to.equal(null);
      expect(stats).to.include({ torn: 1 });
    });
  });

  describe('time', () => {
    it('ends an unproven session early', async () => {
      const { sid } = await create();
      clock.advance(POLICY.unprovenTimeoutMs - 1);
      expect(await cookiesOf(sid)).to.equal('id=1');
      const { sid: other } = await create();
      clock.advance(POLICY.unprovenTimeoutMs);
      expect(await cookiesOf(other)).to.equal(null);
    });

    it('ends a proven session that idles, to the second', async () => {
      const { sid } = await proven();
      for (let i = 0; i < 5; i++) {
        clock.advance(POLICY.idleTimeoutMs - 1000);
        expect(await cookiesOf(sid), `use ${i}`).to.equal('id=1');
      }
      clock.advance(POLICY.idleTimeoutMs);
      expect(await cookiesOf(sid)).to.equal(null);
    });

    it('ends a session that is used all the time at the absolute timeout', async () => {
      const { sid } = await proven();
      const startMs = clock();
      while (clock() - startMs < POLICY.absoluteTimeoutMs - 60_000) {
        clock.advance(60_000);
        expect(await cookiesOf(sid)).to.equal('id=1');
      }
      clock.advance(60_000);
      expect(await store.read(sealKeys(CLIENT.host, sid).storeKey), 'the store is rid of it').to.equal(null);
      expect(await cookiesOf(sid)).to.equal(null);
    });

    it('judges the absolute timeout of the route that asks', async () => {
      const { sid } = await proven();
      clock.advance(60_000);
      expect(await cookiesOf(sid, CLIENT, sessionPolicy({ absoluteTimeoutMs: 60_000 }))).to.equal(null);
      expect(await cookiesOf(sid)).to.equal('id=1');
    });

    it('is not stretched by rotation beyond the absolute timeout', async () => {
      let session = await proven();
      const startMs = clock();
      while (clock() - startMs < POLICY.absoluteTimeoutMs - 60_000) {
        clock.advance(60_000);
        session = (await absorb(session, [], { rotate: true })).session!;
      }
      clock.advance(60_000);
      expect(await sessions.find(session.sid, CLIENT, POLICY)).to.equal(null);
    });

    it('goes on when the wall clock is set back or a little forward', async () => {
      // The store's clock, for sessions in memory, does not follow the wall.
      const wall = fakeClock();
      sessions = new Sessions({ store, clock: wall, maxSessions: 10, mintPerMinute: 60 });
      const { sid } = await proven();
      for (const jumpMs of [-3_600_000, 600_000, -600_000, 3_600_000]) {
        wall.advance(jumpMs);
        for (let i = 0; i < 3; i++) {
          clock.advance(POLICY.idleTimeoutMs - 1000);
          wall.advance(POLICY.idleTimeoutMs - 1000);
          expect(await cookiesOf(sid), `after ${jumpMs} ms`).to.equal('id=1');
        }
      }
    });

    it('ends what began while the wall clock was ahead by more than the absolute timeout', async () => {
      const wall = fakeClock();
      sessions = new Sessions({ store, clock: wall, maxSessions: 10, mintPerMinute: 60 });
      const { sid } = await proven();
      wall.advance(-POLICY.absoluteTimeoutMs + 1);
      expect(await cookiesOf(sid)).to.equal('id=1');
      wall.advance(-1);
      expect(await cookiesOf(sid)).to.equal(null);
    });

    it('ends a session with its last cookie', async () => {
      const { sid } = await proven(['a=1; Max-Age=10']);
      clock.advance(10_000);
      expect(await sessions.find(sid, CLIENT, POLICY)).to.equal(null);
    });

    it('writes little: one proof, and one touch a second at most', async () => {
      const calls: string[] = [];
      const counted: SessionStore = {
        kind: 'memory',
        isAvailable: true,
        read: (key) => store.read(key),
        compareAndSet: (...args) => {
          calls.push('write');
          return store.compareAndSet(...args);
        },
        touch: (...args) => {
          calls.push('touch');
          return store.touch(...args);
        },
        remove: (...args) => store.remove(...args),
        count: () => store.count(),
        close: () => store.close(),
      };
      sessions = new Sessions({ store: counted, clock, maxSessions: 10, mintPerMinute: 60 });
      const { sid } = await create();
      for (let i = 0; i < 100; i++) {
        await cookiesOf(sid);
        clock.advance(100);
      }
      expect(calls.filter((call) => call === 'write')).to.have.lengthOf(2);
      expect(calls.filter((call) => call === 'touch')).to.have.lengthOf(9);
    });
  });

  describe('changing', () => {
    it('keeps, replaces and deletes cookie by cookie', async () => {
      const session = await proven(['a=1', 'b=2']);
      const got = await absorb(session, ['a=; Max-Age=0', 'b=3', 'c=4']);
      expect(got.event).to.equal('updated');
      expect(got.session!.jar.cookieHeader(TARGET, clock())).to.equal('b=3; c=4');
      expect(await cookiesOf(session.sid)).to.equal('b=3; c=4');
    });

    it('asks no store when nothing is set', async () => {
      const session = await proven();
      await store.remove(sealKeys(CLIENT.host, session.sid).storeKey, 1000);
      expect(await absorb(session, [])).to.deep.equal({ session, event: 'none' });
    });

    it('writes nothing when nothing changes', async () => {
      const session = await proven(['a=1']);
      expect((await absorb(session, ['a=1', 'b=1; domain=org', 'c=; Max-Age=0'])).event).to.equal('none');
      expect((await absorb(session, ['a=1; Max-Age=100'])).event).to.equal('updated');
    });

    it('keeps a cookie longer that is sent again without its end', async () => {
      const session = await proven(['a=1; Max-Age=60']);
      expect((await absorb(session, ['a=1'])).event).to.equal('updated');
      clock.advance(61_000);
      expect(await cookiesOf(session.sid)).to.equal('a=1');
    });

    it('removes what another response set after this one was asked for', async () => {
      const session = await proven(['a=1']);
      await absorb(session, ['flash=hello', 'a=2']);
      const late = await absorb(session, ['flash=; Max-Age=0', 'a=1']);
      expect(late.event).to.equal('updated');
      expect(await cookiesOf(session.sid)).to.equal('a=1');
    });

    it('loses no update of parallel responses that all began with the same jar', async () => {
      const session = await proven(['start=1']);
      await Promise.all(Array.from({ length: 40 }, (_, i) => absorb(session, [`c${i}=${i}`])));
      const cookies = (await cookiesOf(session.sid))!.split('; ');
      expect(cookies).to.have.members(['start=1', ...Array.from({ length: 40 }, (_, i) => `c${i}=${i}`)]);
    });

    it('loses none between processes either: two managers on one store', async () => {
      const session = await proven(['start=1']);
      const other = new Sessions({ store, clock, maxSessions: 1000, mintPerMinute: 60 });
      const seen = (await other.find(session.sid, CLIENT, POLICY))!;
      await Promise.all(
        Array.from({ length: 40 }, (_, i) =>
          i % 2 === 0 ? absorb(session, [`c${i}=${i}`]) : other.absorb(seen, response([`c${i}=${i}`]), CLIENT, POLICY),
        ),
      );
      expect((await cookiesOf(session.sid))!.split('; ')).to.have.lengthOf(41);
    });

    it('gives up with STORE_CONFLICT when it never gets through', async () => {
      const session = await proven();
      const busy: SessionStore = {
        kind: 'memory',
        isAvailable: true,
        read: (key) => store.read(key),
        compareAndSet: async () => false,
        touch: async () => {},
        remove: async () => {},
        count: async () => 0,
        close: async () => {},
      };
      const stuck = new Sessions({ store: busy, clock, maxSessions: 10, mintPerMinute: 60 });
      const seen = (await stuck.find(session.sid, CLIENT, POLICY))!;
      const fault = await stuck.absorb(seen, response(['a=1']), CLIENT, POLICY).catch((error: unknown) => error);
      expect(fault).to.include({ code: 'STORE_CONFLICT' });
    });
  });

  describe('ending', () => {
    for (const [how, end] of [
      ['by logout: the jar becomes empty', (s: Session) => absorb(s, ['id=; Max-Age=0'])],
      ['by Transid-Destroy', (s: Session) => absorb(s, ['more=1'], { destroy: true })],
    ] as const) {
      it(`${how}; a slow response does not bring it back`, async () => {
        const session = await proven();
        expect(await end(session)).to.deep.equal({ session: null, event: 'destroyed' });
        expect(await sessions.find(session.sid, CLIENT, POLICY)).to.equal(null);
        expect(await absorb(session, ['late=1'])).to.deep.equal({ session: null, event: 'destroyed' });
        expect(await absorb(session, ['late=1'], SIGN_IN)).to.deep.equal({ session: null, event: 'destroyed' });
        expect(await sessions.find(session.sid, CLIENT, POLICY)).to.equal(null);
      });
    }

    it('by Clear-Site-Data, unless the same response sets cookies', async () => {
      const session = await proven();
      const kept = await absorb(session, ['new=1'], { clearsCookies: true });
      expect(kept.event).to.equal('updated');
      expect(await cookiesOf(session.sid)).to.equal('new=1');
      const ended = await absorb(kept.session!, [], { clearsCookies: true });
      expect(ended).to.deep.equal({ session: null, event: 'destroyed' });
      expect(await sessions.find(session.sid, CLIENT, POLICY)).to.equal(null);
    });

    it('or a rotation, does not lose the second answer of a double sign-in', async () => {
      const session = await proven(['id=1', 'basket=of-the-first']);
      const first = (await absorb(session, ['id=first; HttpOnly', 'basket=; Max-Age=0'], SIGN_IN)).session!;
      const again = ['id=second; HttpOnly', 'lang=de', 'basket=of-the-first'];
      const second = await absorb(session, again, SIGN_IN);
      expect(second.event).to.equal('created');
      expect(await cookiesOf(second.session!.sid)).to.equal('id=second; lang=de');
      expect(await cookiesOf(first.sid)).to.equal('id=first');
      expect(await sessions.find(session.sid, CLIENT, POLICY), 'who knew the old SID').to.equal(null);
    });

    it('nor does it let anybody else, or an old cookie, in behind a rotation', async () => {
      const planted = await proven(['id=kept; HttpOnly']);
      await absorb(planted, ['auth=victim; HttpOnly'], SIGN_IN, { ...CLIENT, address: '198.51.100.7' });
      for (const setCookies of [['id=kept; HttpOnly'], ['id=rolled; HttpOnly']]) {
        const late = await absorb(planted, setCookies, SIGN_IN);
        expect(late, 'a request of the planter that was on its way').to.deep.equal({
          session: null,
          event: 'destroyed',
        });
      }
      const own = await proven(['id=kept; HttpOnly']);
      await absorb(own, ['auth=me; HttpOnly'], SIGN_IN);
      expect((await absorb(own, ['id=kept; HttpOnly'], SIGN_IN)).event, 'nothing new in it').to.equal('destroyed');
    });

    it('by drop', async () => {
      const session = await proven();
      await sessions.drop(session, CLIENT);
      expect(await sessions.find(session.sid, CLIENT, POLICY)).to.equal(null);
      expect((await absorb(session, ['late=1'])).event).to.equal('destroyed');
    });

    it('not, when another response set a cookie meanwhile', async () => {
      const session = await proven();
      await absorb(session, ['other=1']);
      const got = await absorb(session, ['id=; Max-Age=0']);
      expect(got.event).to.equal('updated');
      expect(await cookiesOf(session.sid)).to.equal('other=1');
    });

    it('stays ended after the tombstone, too', async () => {
      const session = await proven();
      await absorb(session, ['id=; Max-Age=0']);
      clock.advance(3_600_000);
      expect((await absorb(session, ['late=1'])).event).to.equal('destroyed');
      expect(await sessions.find(session.sid, CLIENT, POLICY)).to.equal(null);
    });
  });

  describe('rotation', () => {
    it('at a sign-in gives a new SID; the old one is dead at once', async () => {
      const session = await proven(['id=1; HttpOnly']);
      const got = await absorb(session, ['id=2; HttpOnly'], SIGN_IN);
      expect(got.event).to.equal('rotated');
      expect(got.session!.sid.equals(session.sid)).to.equal(false);
      expect(got.session).to.include({ isProven: true, createdAtMs: session.createdAtMs });
      expect(await cookiesOf(got.session!.sid)).to.equal('id=2');
      expect(await sessions.find(session.sid, CLIENT, POLICY)).to.equal(null);
    });

    it('when the upstream asks, without any cookie', async () => {
      const session = await proven();
      const got = await absorb(session, [], { rotate: true });
      expect(got.event).to.equal('rotated');
      expect(await cookiesOf(got.session!.sid)).to.equal('id=1');
      expect(await sessions.find(session.sid, CLIENT, POLICY)).to.equal(null);
    });

    it('does not happen for a session that begins with the POST', async () => {
      const got = await sessions.absorb(null, response(['id=1; HttpOnly'], SIGN_IN), CLIENT, POLICY);
      expect(got.event).to.equal('created');
    });

    it('drops what a slow response of the old SID sets', async () => {
      const session = await proven(['id=1']);
      const rotated = (await absorb(session, ['id=2; HttpOnly'], SIGN_IN)).session!;
      expect(await absorb(session, ['id=evil'])).to.deep.equal({ session: null, event: 'destroyed' });
      expect(await absorb(session, [], { rotate: true })).to.deep.equal({ session: null, event: 'destroyed' });
      expect(await cookiesOf(rotated.sid)).to.equal('id=2');
    });

    it('loses no cookie that was set while it happened', async () => {
      const session = await proven(['id=1']);
      await absorb(session, ['early=1']);
      const got = await absorb(session, ['id=2; HttpOnly'], SIGN_IN);
      expect(await cookiesOf(got.session!.sid)).to.equal('id=2; early=1');
    });

    it('of two at once yields a session for each answer, for nobody knows which of them is shown', async () => {
      const session = await proven(['id=1']);
      const other = new Sessions({ store, clock, maxSessions: 1000, mintPerMinute: 60 });
      const seen = (await other.find(session.sid, CLIENT, POLICY))!;
      const results = await Promise.all([
        absorb(session, ['id=2; HttpOnly'], SIGN_IN),
        other.absorb(seen, response(['id=3; HttpOnly'], SIGN_IN), CLIENT, POLICY),
      ]);
      expect(results.map(({ event }) => event).sort()).to.deep.equal(['created', 'rotated']);
      const jars = await Promise.all(results.map(({ session: one }) => cookiesOf(one!.sid)));
      expect(jars).to.deep.equal(['id=2', 'id=3']);
      expect(await store.count(), 'the marker and the sessions; the loser left nothing else').to.equal(3);
    });

    it('is remembered as long as a slow answer may come, however long a session may idle', async () => {
      for (const idleTimeoutMs of [60_000, 24 * 60_000]) {
        const policy = sessionPolicy({ idleTimeoutMs });
        for (const [waitMs, event] of [
          [LIMITS.sessionTombstoneMs - 1, 'created'],
          [LIMITS.sessionTombstoneMs, 'destroyed'],
        ] as const) {
          const session = await proven(['id=1'], CLIENT, policy);
          await absorb(session, ['id=2; HttpOnly'], SIGN_IN, CLIENT, policy);
          clock.advance(waitMs);
          const late = await absorb(session, ['id=3; HttpOnly'], SIGN_IN, CLIENT, policy);
          expect(late.event, `${waitMs} ms later, ${idleTimeoutMs} ms idle`).to.equal(event);
        }
      }
    });

    it('is not taken for one when the cookie rolls on the network that made the session', async () => {
      let session = await proven(['r=0; HttpOnly']);
      for (const value of [1, 2]) session = (await absorb(session, [`r=${value}; HttpOnly`])).session!;
      const same = await absorb(session, ['r=3; HttpOnly'], SIGN_IN);
      expect(same.event).to.equal('updated');
      const victim = { ...CLIENT, address: '198.51.100.1' };
      const moved = await absorb(same.session!, ['r=4; HttpOnly'], SIGN_IN, victim);
      expect(moved.event).to.equal('rotated');
      expect((await absorb(moved.session!, ['r=5; HttpOnly'], SIGN_IN, victim)).event).to.equal('updated');
    });

    it('is taken for one when the cookie that rolled was gone meanwhile', async () => {
      let session = await proven(['r=0; HttpOnly', 'lang=de']);
      for (const value of [1, 2]) session = (await absorb(session, [`r=${value}; HttpOnly`])).session!;
      await absorb(session, ['r=; Max-Age=0']);
      const signedOut = (await sessions.find(session.sid, CLIENT, POLICY))!;
      expect((await absorb(signedOut, ['r=3; HttpOnly'], SIGN_IN)).event).to.equal('rotated');
    });

    it('by an answer that cannot tell the new SID, leads the same client on, and nobody else', async () => {
      const first = await proven(['id=1; HttpOnly']);
      const moved = (await absorb(first, ['id=2; HttpOnly'], { ...SIGN_IN, tellsSid: false })).session!;
      const found = (await sessions.find(first.sid, CLIENT, POLICY))!;
      expect(found.sid.equals(moved.sid)).to.equal(true);
      const lax = sessionPolicy({ bind: { userAgent: false, network: false } });
      for (const edits of [{ userAgent: 'Other/1.0' }, { address: '198.51.100.1' }]) {
        expect(await sessions.find(first.sid, { ...CLIENT, ...edits }, lax)).to.equal(null);
      }
    });

    describe('with old_sid: follow', () => {
      it('leads the same client on, through several rotations, and nobody else', async () => {
        const first = await proven(['id=1; HttpOnly'], CLIENT, FOLLOW);
        let now = first;
        for (const value of [2, 3, 4]) {
          now = (await absorb(now, [`id=${value}; HttpOnly`], SIGN_IN, CLIENT, FOLLOW)).session!;
        }
        const found = (await sessions.find(first.sid, CLIENT, FOLLOW))!;
        expect(found.sid.equals(now.sid)).to.equal(true);
        expect(found.jar.cookieHeader(TARGET, clock())).to.equal('id=4');
        const lax = sessionPolicy({ oldSid: 'follow', bind: { userAgent: false, network: false } });
        for (const edits of [{ userAgent: 'Other/1.0' }, { address: '198.51.100.1' }]) {
          expect(await sessions.find(first.sid, { ...CLIENT, ...edits }, lax)).to.equal(null);
        }
        expect(await sessions.find(first.sid, CLIENT, POLICY), 'a route with dead').to.equal(null);
      });

      it('merges what a slow response of the old SID sets', async () => {
        const session = await proven(['id=1'], CLIENT, FOLLOW);
        const now = (await absorb(session, ['id=2; HttpOnly'], SIGN_IN, CLIENT, FOLLOW)).session!;
        const late = await absorb(session, ['late=1'], {}, CLIENT, FOLLOW);
        expect(late.event).to.equal('updated');
        expect(late.session!.sid.equals(now.sid)).to.equal(true);
        expect(await cookiesOf(now.sid, CLIENT, FOLLOW)).to.equal('id=2; late=1');
      });

      it('leads a page on that keeps its SID through any number of rotations, as long as it is used', async () => {
        const page = await proven(['id=0; HttpOnly'], CLIENT, FOLLOW);
        for (let i = 1; i <= 30; i++) {
          const found = (await sessions.find(page.sid, CLIENT, FOLLOW))!;
          const { event } = await absorb(found, [`id=${i}; HttpOnly`], SIGN_IN, CLIENT, FOLLOW);
          expect(event).to.equal('rotated');
          clock.advance(FOLLOW.idleTimeoutMs / 2);
        }
        expect(await cookiesOf(page.sid, CLIENT, FOLLOW)).to.equal('id=30');
        for (let i = 0; i < 3; i++) {
          clock.advance(FOLLOW.idleTimeoutMs - 1000);
          expect(await cookiesOf(page.sid, CLIENT, FOLLOW)).to.equal('id=30');
        }
        clock.advance(FOLLOW.idleTimeoutMs);
        expect(await cookiesOf(page.sid, CLIENT, FOLLOW)).to.equal(null);
      });

      it('leads on through 8 rotations that a page slept through, not through 9: each costs a look into the store', async () => {
        for (const [rotations, cookies] of [
          [8, 'id=8'],
          [9, null],
        ] as const) {
          const page = await proven(['id=0; HttpOnly'], CLIENT, FOLLOW);
          let now = page;
          for (let i = 1; i <= rotations; i++) {
            now = (await absorb(now, [`id=${i}; HttpOnly`], SIGN_IN, CLIENT, FOLLOW)).session!;
          }
          expect(await cookiesOf(page.sid, CLIENT, FOLLOW), `${rotations}`).to.equal(cookies);
          expect(await cookiesOf(now.sid, CLIENT, FOLLOW), 'the newest').to.equal(`id=${rotations}`);
        }
      });

      it('leads on where no write is taken, through several rotations', async () => {
        const page = await proven(['id=0; HttpOnly'], CLIENT, FOLLOW);
        const first = (await absorb(page, ['id=1; HttpOnly'], SIGN_IN, CLIENT, FOLLOW)).session!;
        clock.advance(10_000);
        await absorb(first, ['id=2; HttpOnly'], SIGN_IN, CLIENT, FOLLOW);
        store.compareAndSet = () => Promise.reject(new ProxyError('STORE_UNAVAILABLE'));
        clock.advance(FOLLOW.idleTimeoutMs - 15_000);
        expect(await cookiesOf(page.sid, CLIENT, FOLLOW)).to.equal('id=2');
        clock.advance(10_000);
        expect(await cookiesOf(page.sid, CLIENT, FOLLOW), 'its end was put off').to.equal('id=2');
      });

      it('ends with the idle timeout and with the session', async () => {
        const session = await proven(['id=1'], CLIENT, FOLLOW);
        const now = (await absorb(session, ['id=2; HttpOnly'], SIGN_IN, CLIENT, FOLLOW)).session!;
        clock.advance(FOLLOW.idleTimeoutMs - 1000);
        expect(await cookiesOf(now.sid, CLIENT, FOLLOW)).to.equal('id=2');
        clock.advance(1000);
        expect(await sessions.find(session.sid, CLIENT, FOLLOW)).to.equal(null);
        expect(await cookiesOf(now.sid, CLIENT, FOLLOW)).to.equal('id=2');
      });
    });

    it('under 100 parallel requests: no old SID sees the new cookies, nobody another session', async () => {
      const session = await proven(['who=one', 'id=anonymous']);
      const stranger = await proven(['who=two', 'id=anonymous']);
      const seen = await Promise.all(
        Array.from({ length: 100 }, async (_, i) => {
          if (i === 50) await absorb(session, ['id=secret; HttpOnly'], SIGN_IN);
          if (i % 3 === 0) await absorb(session, [`c${i % 20}=${i}`]);
          return i % 2 === 0 ? cookiesOf(session.sid) : cookiesOf(stranger.sid);
        }),
      );
      for (const [i, cookies] of seen.entries()) {
        expect(cookies ?? '', `request ${i}`).to.not.include('secret');
        if (cookies !== null) expect(cookies).to.include(i % 2 === 0 ? 'who=one' : 'who=two');
      }
      expect(await cookiesOf(session.sid)).to.equal(null);
      expect(await cookiesOf(stranger.sid)).to.equal('who=two; id=anonymous');
    });
  });
});
