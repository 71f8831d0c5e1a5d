import { expect } from 'chai';
import fc from 'fast-check';
import { LIMITS } from '../../../src/limits.ts';
import { type CookieChange, type CookieTarget, Jar } from '../../../src/session/jar.ts';

const NOW_MS = Date.UTC(2026, 0, 1);
const HTTP: CookieTarget = { isSecure: false, host: 'www.example.org', path: '/dir/page' };
const HTTPS: CookieTarget = { ...HTTP, isSecure: true };

function jarWith(setCookies: readonly string[], target: CookieTarget = HTTP): Jar {
  const jar = Jar.empty();
  jar.setFromResponse(setCookies, target, NOW_MS);
  return jar;
}

function kinds(changes: readonly CookieChange[]): string[] {
  return changes.map(({ kind }) => kind);
}

describe('jar: what is kept and sent', () => {
  // Set-Cookie, who sets it, who asks, Cookie.
  const at = (host: string, path = '/', isSecure = false): CookieTarget => ({ isSecure, host, path });
  const rows: ReadonlyArray<[string, CookieTarget, CookieTarget, string]> = [
    ['a=1', at('h.example.org'), at('h.example.org'), 'a=1'],
    ['a=1', at('h.example.org:8080'), at('H.Example.org'), 'a=1'],
    ['a=1', at('h.example.org'), at('sub.h.example.org'), ''],
    ['a=1; domain=example.org', at('h.example.org'), at('other.example.org'), 'a=1'],
    ['a=1; domain=h.example.org', at('example.org'), at('h.example.org'), ''],
    ['a=1; domain=other.example.org', at('h.example.org'), at('other.example.org'), ''],
    ['a=1; domain=xample.org', at('example.org'), at('example.org'), ''],
    ['a=1; domain=org', at('example.org'), at('example.org'), ''],
    ['a=1; domain=co.uk', at('shop.co.uk'), at('shop.co.uk'), ''],
    ['a=1; domain=github.io', at('shop.github.io'), at('shop.github.io'), ''],
    ['a=1; domain=localhost', at('localhost'), at('localhost'), 'a=1'],
    ['a=1; domain=localhost', at('localhost'), at('x.localhost'), ''],
    ['a=1; domain=intranet', at('intranet:81'), at('intranet:81'), 'a=1'],
    ['a=1; domain=192.0.2.1', at('192.0.2.1'), at('192.0.2.1'), 'a=1'],
    ['a=1; domain=2.1', at('192.0.2.1'), at('192.0.2.1'), ''],
    ['a=1', at('[2001:db8::1]:8080'), at('[2001:DB8::1]'), 'a=1'],
    ['a=1', at('h.example.org', '/dir/page?x=/y/z'), at('h.example.org', '/dir?q'), 'a=1'],
    ['a=1', at('h.example.org', '/dir/page'), at('h.example.org', '/directory'), ''],
    ['a=1; path=/dir/', at('h.example.org'), at('h.example.org', '/dir'), ''],
    ['a=1; path=/dir', at('h.example.org'), at('h.example.org', '/dir/sub'), 'a=1'],
    ['a=1; path=relative', at('h.example.org', '/dir/page'), at('h.example.org', '/'), ''],
    ['a=1; path=/', at('h.example.org', '*'), at('h.example.org', '*'), 'a=1'],
    ['a=1; secure', at('h.example.org'), at('h.example.org', '/', true), ''],
    ['a=1; secure', at('h.example.org', '/', true), at('h.example.org'), ''],
    ['a=1; secure', at('h.example.org', '/', true), at('h.example.org', '/', true), 'a=1'],
    ['__Secure-a=1; secure', at('h.example.org', '/', true), at('h.example.org', '/', true), '__Secure-a=1'],
    ['__Secure-a=1', at('h.example.org', '/', true), at('h.example.org', '/', true), ''],
    ['__SECURE-a=1', at('h.example.org', '/', true), at('h.example.org', '/', true), ''],
    ['__Host-a=1; secure; path=/', at('h.example.org', '/x/y', true), at('h.example.org', '/', true), '__Host-a=1'],
    ['__Host-a=1; secure', at('h.example.org', '/', true), at('h.example.org', '/', true), ''],
    ['__Host-a=1; secure; path=/x', at('h.example.org', '/', true), at('h.example.org', '/x', true), ''],
    ['__Host-a=1; path=/', at('h.example.org', '/', true), at('h.example.org', '/', true), ''],
    [
      '__host-a=1; secure; path=/; domain=h.example.org',
      at('h.example.org', '/', true),
      at('h.example.org', '/', true),
      '',
    ],
  ];
  for (const [setCookie, setter, asker, want] of rows) {
    it(`${setCookie} of ${setter.host}${setter.path} for ${asker.host}${asker.path}`, () => {
      expect(jarWith([setCookie], setter).cookieHeader(asker, NOW_MS)).to.equal(want);
    });
  }
});

describe('jar: replacement, deletion, order', () => {
  it('replaces by name, domain and path', () => {
    const jar = jarWith(['a=1; path=/', 'a=2; path=/dir', 'a=3; path=/']);
    expect(jar.cookieHeader(HTTP, NOW_MS)).to.equal('a=2; a=3');
  });

  it('keeps a host-only cookie apart from the domain cookie of the same name', () => {
    const jar = jarWith(['a=1; path=/', 'a=2; path=/; domain=www.example.org']);
    expect(jar.cookieHeader(HTTP, NOW_MS)).to.equal('a=1; a=2');
  });

  it('sends longer paths first, then older cookies, and a replaced one in its old place', () => {
    const jar = jarWith(['a=1; path=/', 'b=2; path=/', 'c=3; path=/dir', 'a=4; path=/']);
    expect(jar.cookieHeader(HTTP, NOW_MS)).to.equal('c=3; a=4; b=2');
  });

  for (const gone of [
    'a=; Max-Age=0',
    'a=x; Expires=Thu, 01 Jan 1970 00:00:00 GMT',
    'a; a=',
    'a=x; max-age=-1; path=/dir',
  ]) {
    it(`removes by ${gone}`, () => {
      const jar = jarWith(['a=1']);
      const changes = jar.setFromResponse([gone], HTTP, NOW_MS);
      expect(kinds(changes)).to.deep.equal([gone.startsWith('a;') ? 'refused' : 'deleted']);
      expect(jar.isEmpty(NOW_MS)).to.equal(!gone.startsWith('a;'));
    });
  }

  it('does not remove a cookie of another path', () => {
    const jar = jarWith(['a=1; path=/dir']);
    expect(kinds(jar.setFromResponse(['a=; max-age=0; path=/'], HTTP, NOW_MS))).to.deep.equal(['refused']);
    expect(jar.cookieHeader(HTTP, NOW_MS)).to.equal('a=1');
  });

  it('tells the very same cookie from one with another end or other marks', () => {
    const jar = jarWith(['a=1']);
    for (const [field, kind] of [
      ['a=1', 'repeated'],
      ['a=1; HttpOnly', 'refreshed'],
      ['a=1; Max-Age=9; HttpOnly', 'refreshed'],
      ['a=1; Max-Age=9; HttpOnly', 'repeated'],
      ['a=1; HttpOnly', 'refreshed'],
    ] as const) {
      expect(kinds(jar.setFromResponse([field], HTTP, NOW_MS)), field).to.deep.equal([kind]);
    }
    expect(kinds(jar.setFromResponse(['a=1; HttpOnly; Secure'], HTTPS, NOW_MS))).to.deep.equal(['refreshed']);
    expect(jar.cookieHeader(HTTP, NOW_MS), 'Secure by now').to.equal('');
  });

  it('says what each field did', () => {
    const jar = jarWith(['kept=1', 'gone=1']);
    const changes = jar.setFromResponse(
      ['new=1; HttpOnly', 'kept=1; Max-Age=9', 'kept=2', 'gone=; Max-Age=0', 'bad=1; domain=org'],
      HTTP,
      NOW_MS,
    );
    expect(changes).to.deep.equal([
      { name: 'new', kind: 'created', isHttpOnly: true, isPersistent: false, isLong: false, isToken: false },
      { name: 'kept', kind: 'refreshed', isHttpOnly: false, isPersistent: true, isLong: false, isToken: false },
      { name: 'kept', kind: 'replaced', isHttpOnly: false, isPersistent: false, isLong: false, isToken: false },
      { name: 'gone', kind: 'deleted', isHttpOnly: false, isPersistent: true, isLong: false, isToken: false },
      { name: 'bad', kind: 'refused', isHttpOnly: false, isPersistent: false, isLong: false, isToken: false },
    ]);
  });

  it('forgets a cookie at its end, to the millisecond', () => {
    const jar = jarWith(['a=1; Max-Age=10', 'b=2; Max-Age=20']);
    expect(jar.cookieHeader(HTTP, NOW_MS + 9_999)).to.equal('a=1; b=2');
    expect(jar.cookieHeader(HTTP, NOW_MS + 10_000)).to.equal('b=2');
    expect(jar.isEmpty(NOW_MS + 19_999)).to.equal(false);
    expect(jar.isEmpty(NOW_MS + 20_000)).to.equal(true);
  });

  it('sends HttpOnly cookies like all others', () => {
    expect(jarWith(['a=1; HttpOnly', 'b=2']).cookieHeader(HTTP, NOW_MS)).to.equal('a=1; b=2');
  });

  it('does not let plain http shadow or replace a Secure cookie', () => {
    const jar = jarWith(['a=good; secure; path=/dir'], HTTPS);
    for (const attack of ['a=evil; path=/dir', 'a=evil; path=/dir/page', 'a=evil; path=/dir; domain=example.org']) {
      expect(kinds(jar.setFromResponse([attack], HTTP, NOW_MS)), attack).to.deep.equal(['refused']);
    }
    expect(kinds(jar.setFromResponse(['a=; max-age=0; path=/dir'], HTTP, NOW_MS))).to.deep.equal(['refused']);
    expect(jar.cookieHeader(HTTPS, NOW_MS)).to.equal('a=good');
    expect(kinds(jar.setFromResponse(['a=other; path=/'], HTTP, NOW_MS))).to.deep.equal(['created']);
    const ofParent = jarWith(['a=good; secure; domain=example.org'], HTTPS);
    expect(kinds(ofParent.setFromResponse(['a=evil'], HTTP, NOW_MS))).to.deep.equal(['refused']);
  });
});

describe('jar: limits', () => {
  it(`keeps ${LIMITS.maxCookiesPerJar} cookies; the one set longest ago goes first`, () => {
    const names = Array.from({ length: LIMITS.maxCookiesPerJar }, (_, i) => `c${i}`);
    const jar = jarWith(names.map((name) => `${name}=1`));
    jar.setFromResponse(['c0=2', 'extra=1'], HTTP, NOW_MS);
    expect(jar.has('c0')).to.equal(true);
    expect(jar.has('c1')).to.equal(false);
    expect(jar.has('extra')).to.equal(true);
    expect(jar.toData(NOW_MS)).to.have.lengthOf(LIMITS.maxCookiesPerJar);
  });

  it('evicts a cookie without Secure before one with it', () => {
    const jar = jarWith(['old=1; secure'], HTTPS);
    jar.setFromResponse(
      Array.from({ length: LIMITS.maxCookiesPerJar }, (_, i) => `c${i}=1`),
      HTTPS,
      NOW_MS,
    );
    expect(jar.has('old')).to.equal(true);
    expect(jar.has('c0')).to.equal(false);
  });

  it('never writes a longer field than the limit', () => {
    const value = 'x'.repeat(4000);
    const jar = jarWith(Array.from({ length: 10 }, (_, i) => `c${i}=${value}`));
    const field = jar.cookieHeader(HTTP, NOW_MS);
    expect(field.length).to.be.within(LIMITS.maxCookieHeaderBytes - 4100, LIMITS.maxCookieHeaderBytes);
    expect(field.split('; ').map((pair) => pair.split('=')[0])).to.deep.equal(['c0', 'c1', 'c2', 'c3']);
  });
});

describe('jar: stored form', () => {
  const token = fc.stringMatching(/^[A-Za-z0-9_-]{1,8}$/);
  const setCookie = fc
    .tuple(
      token,
      fc.stringMatching(/^[ -:<-~]{0,12}$/),
      fc.subarray(['HttpOnly', 'Secure', 'Domain=example.org', 'Path=/', 'Path=/dir', 'Max-Age=100', 'Max-Age=0']),
    )
    .map(([name, value, attributes]) => [`${name}=${value}`, ...attributes].join('; '));

  it('is the same jar when read back', () => {
    fc.assert(
      fc.property(fc.array(setCookie, { maxLength: 60 }), fc.boolean(), (setCookies, isSecure) => {
        const target = { ...HTTP, isSecure };
        const jar = jarWith(setCookies, target);
        const copy = Jar.fromData(JSON.parse(JSON.stringify(jar.toData(NOW_MS))));
        expect(copy.cookieHeader(target, NOW_MS)).to.equal(jar.cookieHeader(target, NOW_MS));
        expect(copy.toData(NOW_MS)).to.deep.equal(jar.toData(NOW_MS));
      }),
    );
  });

  it('is put together from any split of the same fields', () => {
    fc.assert(
      fc.property(fc.array(setCookie, { maxLength: 20 }), fc.nat(20), (setCookies, cut) => {
        const jar = jarWith(setCookies.slice(0, cut));
        const stored = Jar.fromData(jar.toData(NOW_MS));
        stored.setFromResponse(setCookies.slice(cut), HTTP, NOW_MS);
        expect(stored.cookieHeader(HTTP, NOW_MS)).to.equal(jarWith(setCookies).cookieHeader(HTTP, NOW_MS));
      }),
    );
  });

  it('does not change with its clone', () => {
    const jar = jarWith(['a=1']);
    jar.clone().setFromResponse(['a=2', 'b=1'], HTTP, NOW_MS);
    expect(jar.cookieHeader(HTTP, NOW_MS)).to.equal('a=1');
  });
});
