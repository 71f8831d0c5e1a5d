/** What browsers take a response for by its Content-Type; the rows of several fields are those of Fetch. */
import { expect } from 'chai';
import { parseMimeType } from '../../../src/response/mime-type.ts';

describe('parseMimeType', () => {
  for (const [value, want] of [
    [null, null],
    ['', null],
    ['html', null],
    ['*/*', null],
    ['text/', null],
    ['text/html', 'text/html'],
    [' Text/HTML ;x', 'text/html'],
    ['text/html, text/html', 'text/html'],
    ['text/plain, text/html', 'text/html'],
    ['text/html, */*', 'text/html'],
    ['text/html, nonsense', 'text/html'],
    ['text/html;charset=gbk, text/html', 'text/html gbk'],
    ['text/html;charset=gbk, text/plain, text/html', 'text/html'],
    ['text/html;charset=gbk;a="b,text/plain', 'text/html gbk'],
    ['text/html;a="b,text/plain";charset=utf-8', 'text/html utf-8'],
    ['text/html;charset=utf-8,text/html;charset=iso-2022-jp', 'text/html iso-2022-jp'],
    ['text/html; Charset="GBK"', 'text/html GBK'],
    ['text/html; charset=" a\\"b" c; x=y', 'text/html  a"b'],
    ['text/html; charset="a\\', 'text/html a\\'],
    ['text/html; charset= utf-8 ', 'text/html utf-8'],
    ["text/html;charset='x'", "text/html 'x'"],
    ['text/html; charset=; charset=gbk', 'text/html gbk'],
    ['text/html; charset=utf-8; charset=gbk', 'text/html utf-8'],
    ['text/html; charset', 'text/html'],
    ['text/html; xcharset=utf-8', 'text/html'],
    ['text/html; charset = utf-8', 'text/html'],
    ['text/html; a="charset=utf-8"', 'text/html'],
    ['text/html; a="; charset=utf-8"', 'text/html'],
    ['text/html charset=utf-8', 'text/html'],
    ['text/html(x); charset=utf-8', 'text/html utf-8'],
  ] as const) {
    it(`${value}`, () => {
      const type = parseMimeType(value);
      expect(type === null ? null : [type.essence, type.charset ?? []].flat().join(' ')).to.equal(want);
    });
  }

  it('is linear on hostile fields', () => {
    for (const piece of ['"', ';', ',', 'a/', ';a="', '\\"', ';charset', '=', ' ']) {
      const started = performance.now();
      parseMimeType(`a/b;${piece.repeat(100_000)}`);
      // A quoted string of which not even the last escape is whole.
      parseMimeType(`a/b;"${piece.repeat(100_000)}\\`);
      expect(performance.now() - started, piece).to.be.below(2000);
    }
  });
});
