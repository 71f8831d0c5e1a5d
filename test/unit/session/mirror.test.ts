import { expect } from 'chai';
import { MirrorSessions } from '../../../src/session/mirror.ts';
import { CLIENT, fakeClock, response, sessionPolicy } from '../../support/session-fixtures.ts';

const TARGET = { isSecure: false, host: CLIENT.host, path: '/any' };
const PLAIN = sessionPolicy({ mode: 'mirror', name: 'sid', cookie: 'PHPSESSID' });
const SIGNED = sessionPolicy({ mode: 'mirror', cookie: 'PHPSESSID', sign: true });

describe('MirrorSessions', () => {
  const clock = fakeClock();
  const mirror = new MirrorSessions({ clock, signKey: Buffer.alloc(32, 1) });

  async function absorbed(setCookies: string[], edits = {}, policy = PLAIN) {
    const { session, event } = await mirror.absorb(null, response(setCookies, edits), CLIENT, policy);
    return { event, sid: session?.sid.reveal() ?? null, session };
  }

  describe('without a session', () => {
    const rows: ReadonlyArray<[string[], string, string | null]> = [
      [[], 'none', null],
      [['other=1; HttpOnly'], 'none', null],
      [['phpsessid=abc'], 'none', null],
      [['PHPSESSID=abc; path=/; HttpOnly'], 'created', 'abc'],
      [['PHPSESSID=abc; path=/app; domain=elsewhere.example; secure'], 'created', 'abc'],
      [['PHPSESSID=a%2Cb-c'], 'created', 'a,b-c'],
      [['PHPSESSID=first', 'x=1', 'PHPSESSID=second'], 'created', 'second'],
      [['PHPSESSID=first', 'PHPSESSID=; Max-Age=0'], 'none', null],
      [['PHPSESSID=deleted; expires=Thu, 01-Jan-1970 00:00:01 GMT'], 'none', null],
      [['PHPSESSID='], 'none', null],
      [[`PHPSESSID=${'x'.repeat(256)}`], 'created', 'x'.repeat(256)],
      [[`PHPSESSID=${'x'.repeat(257)}`], 'not-created', null],
      ...['a_b', 'a.b', 'a"b', '<b>', 'a b', 'a%00b', 'a/b', 'ä'].map((value): [string[], string, null] => [
        [`PHPSESSID=${value}`],
        'not-created',
        null,
      ]),
    ];
    for (const [setCookies, event, sid] of rows) {
      it(`${JSON.stringify(setCookies).slice(0, 60)}: ${event}`, async () => {
        expect(await absorbed(setCookies)).to.include({ event, sid });
      });
    }

    it('makes none where none may be made', async () => {
      expect(await absorbed(['PHPSESSID=abc'], { mayCreate: false })).to.include({ event: 'not-created', sid: null });
    });
  });

  it('sends the id back as the cookie that the application set', async () => {
    const sid = mirror.parseSid('a,b-C9')!;
    const session = (await mirror.find(sid, CLIENT, PLAIN))!;
    expect(session.jar.cookieHeader(TARGET, clock())).to.equal('PHPSESSID=a%2Cb-C9');
    expect(session.jar.has('PHPSESSID')).to.equal(true);
    expect(session).to.include({ isProven: true });
  });

  it('finds none that a foreign page brought: nothing is known of when it began', async () => {
    const sid = mirror.parseSid('abc')!;
    expect(await mirror.find(sid, CLIENT, PLAIN, false)).to.not.equal(null);
    expect(await mirror.find(sid, CLIENT, PLAIN, true)).to.equal(null);
  });

  it('takes only the form of an id [PHP 11.3]', () => {
    for (const text of ['', 'a b', 'a_b', 'a%2C', '<x>', 'a\n', 'x'.repeat(257)]) {
      expect(mirror.parseSid(text), text).to.equal(null);
    }
  });

  describe('with a session', () => {
    const rows: ReadonlyArray<[string[], object, string, string | null]> = [
      [[], {}, 'none', 'abc'],
      [['PHPSESSID=abc; path=/'], {}, 'none', 'abc'],
      [['PHPSESSID=new'], {}, 'rotated', 'new'],
      [['PHPSESSID=new'], { mayCreate: false }, 'rotated', 'new'],
      [['PHPSESSID=a_b'], {}, 'not-created', null],
      [['PHPSESSID=gone; Max-Age=0'], {}, 'destroyed', null],
      [[], { destroy: true }, 'destroyed', null],
      [[], { rotate: true }, 'none', 'abc'],
    ];
    for (const [setCookies, edits, event, sid] of rows) {
      it(`${JSON.stringify(setCookies)} ${JSON.stringify(edits)}: ${event}`, async () => {
        const session = await mirror.find(mirror.parseSid('abc')!, CLIENT, PLAIN);
        const got = await mirror.absorb(session, response(setCookies, edits), CLIENT, PLAIN);
        expect({ event: got.event, sid: got.session?.sid.reveal() ?? null }).to.deep.equal({ event, sid });
      });
    }
  });

  describe('signed', () => {
    it('leads the id back to the same client only', async () => {
      const { sid } = await absorbed(['PHPSESSID=a-b,c'], {}, SIGNED);
      expect(sid).to.match(/^a-b,c-[0-9a-f]{24}$/);
      const text = mirror.parseSid(sid!)!;
      const session = await mirror.find(text, CLIENT, SIGNED);
      expect(session?.jar.cookieHeader(TARGET, clock())).to.equal('PHPSESSID=a-b%2Cc');
      for (const edits of [{ host: 'other.example.org' }, { userAgent: 'Other/1.0' }]) {
        expect(await mirror.find(text, { ...CLIENT, ...edits }, SIGNED)).to.equal(null);
      }
      // One application's id is none of another's on the same host.
      expect(await mirror.find(text, CLIENT, { ...SIGNED, cookie: 'JSESSIONID' })).to.equal(null);
      const other = new MirrorSessions({ clock, signKey: Buffer.alloc(32, 2) });
      expect(await other.find(text, CLIENT, SIGNED)).to.equal(null);
    });

    it('binds to the network when asked', async () => {
      const policy = { ...SIGNED, bind: { userAgent: false, network: true } };
      const { session } = await absorbed(['PHPSESSID=abc'], {}, policy);
      expect(
        await mirror.find(session!.sid, { ...CLIENT, address: '192.0.2.99', userAgent: 'x' }, policy),
      ).to.not.equal(null);
      expect(await mirror.find(session!.sid, { ...CLIENT, address: '198.51.100.1' }, policy)).to.equal(null);
    });

    it('takes no id that was not signed here', async () => {
      const { sid } = await absorbed(['PHPSESSID=abc'], {}, SIGNED);
      const mac = sid!.slice(4);
      for (const text of [
        'abc',
        'abc-',
        `abd-${mac}`,
        `abc-${mac.slice(1)}`,
        `-${mac}`,
        mac,
        `abc-${'0'.repeat(24)}`,
      ]) {
        const forged = mirror.parseSid(text);
        expect(forged === null ? null : await mirror.find(forged, CLIENT, SIGNED), text).to.equal(null);
      }
    });

    it('makes none of an id that leaves no room for the signature', async () => {
      expect((await absorbed([`PHPSESSID=${'x'.repeat(231)}`], {}, SIGNED)).event).to.equal('created');
      expect((await absorbed([`PHPSESSID=${'x'.repeat(232)}`], {}, SIGNED)).event).to.equal('not-created');
    });
  });
});
