import { expect } from 'chai';
import { LIMITS } from '../../../src/limits.ts';
import { parseSetCookie } from '../../../src/session/set-cookie.ts';

const NOW_MS = Date.UTC(2026, 0, 1);
const DAY_MS = 86_400_000;

describe('parseSetCookie', () => {
  it('reads every attribute that a jar needs', () => {
    const text =
      'id=a=b; Path=/x; Domain=.Example.ORG; Secure; HttpOnly; SameSite=Lax; Expires=Fri, 02 Jan 2026 00:00:00 GMT';
    expect(parseSetCookie(text, NOW_MS)).to.deep.equal({
      name: 'id',
      value: 'a=b',
      domain: 'example.org',
      path: '/x',
      isSecure: true,
      isHttpOnly: true,
      expiresAtMs: NOW_MS + DAY_MS,
    });
  });

  it('has nothing where nothing is said', () => {
    expect(parseSetCookie('id=', NOW_MS)).to.deep.equal({
      name: 'id',
      value: '',
      domain: null,
      path: null,
      isSecure: false,
      isHttpOnly: false,
      expiresAtMs: null,
    });
  });

  for (const [text, want] of [
    ['a=b; Max-Age=60', NOW_MS + 60_000],
    ['a=b; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT', NOW_MS + 60_000],
    ['a=b; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=60', NOW_MS + 60_000],
    ['a=b; Max-Age=0', Number.NEGATIVE_INFINITY],
    ['a=b; Max-Age=-5', Number.NEGATIVE_INFINITY],
    ['a=b; Max-Age=99999999999999999999', Number.MAX_SAFE_INTEGER],
    ['a=b; Max-Age=+5', null],
    ['a=b; Max-Age=5s', null],
    ['a=b; Max-Age=', null],
    ['a=b; Expires=0', null],
    ['a=b; Expires=Thu, 01 Jan 1970 00:00:00 GMT', 0],
    ['a=b; expires=Friday, 02-Jan-26 00:00:00 GMT', NOW_MS + DAY_MS],
  ] as const) {
    it(`${text} ends at ${want}`, () => expect(parseSetCookie(text, NOW_MS)?.expiresAtMs).to.equal(want));
  }

  for (const text of [
    '',
    ';',
    'a',
    '=b',
    ' =b; Path=/',
    'a=\0b',
    'a=b\x7f',
    'a=b\r\nc: d',
    'a=b; path=/\n',
    'a=\u0100',
  ]) {
    it(`${JSON.stringify(text)} is ignored`, () => expect(parseSetCookie(text, NOW_MS)).to.equal(null));
  }

  it('keeps bytes above 0x7F at the end of a value: they may be half a character of UTF-8', () => {
    const raw = Buffer.from('voilà').toString('latin1');
    expect(parseSetCookie(`a=${raw} ; path=/${raw}`, NOW_MS)).to.include({ value: raw, path: `/${raw}` });
  });

  it('ignores a cookie above the limit and takes one at it', () => {
    const value = 'x'.repeat(LIMITS.maxCookieBytes - 1);
    expect(parseSetCookie(`a=${value}`, NOW_MS)?.value).to.equal(value);
    expect(parseSetCookie(`aa=${value}`, NOW_MS)).to.equal(null);
  });

  it('takes no more than linear time', () => {
    for (const piece of [' ', '\t', ' ;', '; a', '=', ' =', 'a ']) {
      const started = performance.now();
      parseSetCookie(`a=b${piece.repeat(50_000)}c`, NOW_MS);
      expect(performance.now() - started, piece).to.be.below(2000);
    }
  });

  it('ignores an attribute value above the limit', () => {
    const path = `/${'x'.repeat(LIMITS.maxCookieAttributeBytes)}`;
    expect(parseSetCookie(`a=b; path=/kept; path=${path}`, NOW_MS)?.path).to.equal('/kept');
  });
});
