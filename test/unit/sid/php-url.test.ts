/**
 * PHP's URL rules, row by row; test/differential holds them against PHP itself.
 */
import { expect } from 'chai';
import { encodePhpFields, encodePhpPairs, escapePhpHtml } from '../../../src/sid/php-encode.ts';
import { parsePhpHostList, parsePhpTagList } from '../../../src/sid/php-lists.ts';
import {
  appendPhpPairs,
  lowerAscii,
  mayPhpFormHoldFields,
  type PlainPhpValue,
  scanPlainPhpValue,
} from '../../../src/sid/php-url.ts';
import { Dice, randomUrl } from '../../support/php-pages.ts';

const SETTINGS = { pairs: 'S=1', separator: '&', linkHosts: new Set(['own.example', '[::1]']) };

describe('appendPhpPairs', () => {
  for (const [value, want] of [
    // [PHP 3.2, 3.3, 3.5, 3.6]
    ['next.php', 'next.php?S=1'],
    ['', '?S=1'],
    ['?', '?&S=1'],
    ['x?a=1', 'x?a=1&S=1'],
    ['x?a#t?u', 'x?a&S=1#t?u'],
    ['x#', 'x?S=1#'],
    ['#t', null],
    [' #t', ' ?S=1#t'],
    // [PHP 3.9, 3.10]
    ['mailto:x', null],
    ['/x:y', '/x:y?S=1'],
    ['?a:80', '?a:80&S=1'],
    ['#a:80', null],
    ['own.example:80', 'own.example:80/?S=1'],
    ['/a:80', null],
    // [PHP 3.11 to 3.14]
    ['http://own.example', 'http://own.example/?S=1'],
    ['HTTP://OWN.example/A', 'HTTP://OWN.example/A?S=1'],
    ['//own.example', '//own.example/?S=1'],
    ['http://other.example/', null],
    ['http://[::1]:080/a', 'http://[::1]:80/a?S=1'],
    ['http://own.example:/', 'http://own.example/?S=1'],
    ['http://own.example:65536/', null],
    ['http://own.example:123456/', null],
    ['http://u:p@own.example/', 'http://up:@own.example/?S=1'],
    ['http://own.example@other.example/', null],
    ['//', null],
    ['http:///x', null],
    // [PHP 3.15, 3.17]
    ['http:x', 'http://x?S=1'],
    ['a\nb', 'a_b?S=1'],
    ['\xe9\xff', '\xe9\xff?S=1'],
  ] as const) {
    it(JSON.stringify(value), () => expect(appendPhpPairs(value, SETTINGS)).to.equal(want));
  }

  it('the short way and the long way agree', () => {
    const dice = new Dice(11);
    const found: PlainPhpValue = { insertAt: 0, hasQuery: false, isLiteral: false };
    let plain = 0;
    for (let count = 0; count < 20_000; count++) {
      const value = Buffer.from(randomUrl(dice), 'latin1').toString('latin1');
      const bytes = Buffer.from(`<<${value}#?`, 'latin1');
      if (!scanPlainPhpValue(bytes, 2, bytes.length - 2, found)) continue;
      plain++;
      const at = found.insertAt - 2;
      const short = `${value.slice(0, at)}${found.hasQuery ? '&' : '?'}S=1${value.slice(at)}`;
      expect(appendPhpPairs(value, SETTINGS), value).to.equal(short);
    }
    expect(plain).to.be.above(1000);
  });
});

describe('mayPhpFormHoldFields', () => {
  const none = { formHosts: new Set<string>(), httpHost: 'own.example:8080' };
  const some = { formHosts: new Set(['other.example']), httpHost: 'own.example' };
  for (const [action, settings, want] of [
    [null, none, true],
    ['', none, true],
    ['#x', none, true],
    ['http:x', none, true],
    ['ftp://own.example/', none, false],
    ['//', none, false],
    ['http://OWN.example:1/', none, true],
    ['http://other.example/', none, false],
    ['http://other.example/', some, true],
    ['http://OTHER.example/', some, false],
    ['http://own.example/', some, false],
    ['http://own.example/', { formHosts: new Set<string>(), httpHost: null }, false],
  ] as const) {
    it(`${action} with ${settings.formHosts.size} hosts, Host ${settings.httpHost}`, () =>
      expect(mayPhpFormHoldFields(action, settings)).to.equal(want));
  }
});

describe('encoding of names and values', () => {
  it('in URLs', () => {
    expect(
      encodePhpPairs(
        [
          ['a b', 'é+,%41'],
          ['', '~_.-'],
        ],
        '&amp;',
      ),
    ).to.equal('a%20b=%C3%A9%2B%2C%2541&amp;=~_.-');
  });
  it('in fields', () => {
    expect(
      encodePhpFields([
        ['a"', "<'>"],
        ['b', ''],
      ]),
    ).to.equal(
      '<input type="hidden" name="a&quot;" value="&lt;&#039;&gt;" /><input type="hidden" name="b" value="" />',
    );
  });
  for (const [value, want] of [
    ['&amp;&lt;&eacute;&#39;&#x41;&#x10FFFF;', '&amp;&lt;&eacute;&#39;&#x41;&#x10FFFF;'],
    ['&nosuch;&apos;&copy &;&#;&#x;&#x110000;', '&amp;nosuch;&amp;apos;&amp;copy &amp;;&amp;#;&amp;#x;&amp;#x110000;'],
    [Buffer.from([0x61, 0xff, 0x62]), 'a\xef\xbf\xbdb'],
    [Buffer.from([0xe2, 0x82, 0x41]), '\xef\xbf\xbdA'],
    [Buffer.from([0xed, 0xa0, 0x80]), '\xef\xbf\xbd'],
    [Buffer.from([0xc3, 0xa9, 0xc3]), '\xc3\xa9\xef\xbf\xbd'],
    [Buffer.from([0xf0, 0x9f, 0x98, 0x80]), '\xf0\x9f\x98\x80'],
  ] as const) {
    it(`escapes ${JSON.stringify(value.toString())}`, () => expect(escapePhpHtml(value)).to.equal(want));
  }
});

describe('lists', () => {
  it('tags: the first item of a tag, nothing trimmed', () => {
    const list = parsePhpTagList('A=HREF,a=ping, area=href,form=,nothing,,x=y=z');
    expect([...list]).to.deep.equal([
      ['a', ['HREF']],
      [' area', ['href']],
      ['form', ['']],
      ['x', ['y=z']],
    ]);
  });
  it('hosts: lower case, nothing trimmed', () => {
    expect([...parsePhpHostList('A.example,, b,h:80')]).to.deep.equal(['a.example', ' b', 'h:80']);
  });
  it('lower case is ASCII only: bytes of other characters stay', () => {
    expect(lowerAscii('AZ\xc0\xd0')).to.equal('az\xc0\xd0');
  });
});
