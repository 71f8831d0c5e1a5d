import { expect } from 'chai';
import { decodeOnce, foldPath, readPath } from '../../../src/policy/path.ts';

describe('path: readings', () => {
  for (const path of ['/', '/a', '/a/b.css', '/.well-known/x', '/a/', "/~u/!$&'*,=@-_", '/a..b/c...d']) {
    it(`one reading: ${path}`, () =>
      expect(readPath(path)).to.deep.equal({ primary: path, all: [path], isExhausted: false }));
  }

  for (const [path, reading, why] of [
    ['/%61', '/a', 'an escape'],
    ['/%2561', '/a', 'an escape of an escape'],
    ['/%25252561', '/a', 'four levels'],
    ['/a%2fb', '/a/b', 'an encoded slash'],
    ['/a\\b', '/a/b', 'a backslash'],
    ['/a%5cb', '/a/b', 'an encoded backslash'],
    ['/a;x=1/b', '/a/b', 'parameters of a segment'],
    ['/a%3bx/b', '/a/b', 'encoded parameters'],
    ['/a;x=1/b', '/a', 'cut at the first parameter'],
    ['/a+b', '/a b', 'a blank of forms'],
    ['/a+/b', '/a/b', 'the same, trimmed'],
    ['/a/../b', '/b', 'dots'],
    ['/../../b', '/b', 'dots above the root'],
    ['/a/%2e%2e/b', '/b', 'encoded dots'],
    ['/a/..;/b', '/b', 'dots with parameters'],
    ['/a/..%3b/b', '/b', 'dots with encoded parameters'],
    ['/a/b/..', '/a/', 'dots at the end'],
    ['//a', '/a', 'merged slashes'],
    ['/x//../a', '/a', 'merged slashes before dots'],
    ['/x//../a', '/x/a', 'dots before merged slashes'],
    ['//host/a', '/a', 'an authority'],
    ['/\\host/a', '/a', 'an authority by backslash'],
    ['///host/a', '/a', 'an authority behind more slashes'],
    ['/%2f/\\host/a', '/a', 'an authority behind all kinds of slashes'],
    ['/a%00.css', '/a', 'cut at NUL'],
    ['/a%3fx', '/a', 'cut at a decoded ?'],
    ['/a#/b', '/a', 'cut at #'],
    ['/a%23x', '/a', 'cut at a decoded #'],
    ['/a%0d%0ab', '/a', 'cut at a line end'],
    ['/a%09b', '/ab', 'TAB dropped by URL parsers'],
    ['/a%01', '/a', 'a control at the end, which URL parsers drop'],
    ['/a%1fb%7f', '/ab', 'controls, which cleaners drop'],
    ['/a\x85', '/a', 'a raw NEL, where Python ends a word'],
    ['/a%C2%85', '/a', 'NEL in UTF-8'],
    ['/%20a/b', '/a/b', 'a blank that begins a name'],
    ['/a./b', '/a/b', 'a final dot of Windows'],
    ['/a%20/b', '/a/b', 'a final space of Windows'],
    ['/x/..%20/b', '/b', 'dots before a blank, trimmed'],
    ['/x/%20../b', '/b', 'dots behind a blank, trimmed'],
    ['/x/.+/b', '/x/b', 'a dot before a blank of forms, trimmed'],
    ['/x%20/%20%20/b', '/x/b', 'a name of blanks, trimmed'],
    ['/a::$DATA', '/a', 'a stream of NTFS'],
    ['/a:$i30:$INDEX_ALLOCATION/b', '/a/b', 'a stream of a folder'],
    ['/%c1%a1', '/a', 'overlong, 2 bytes'],
    ['/%e0%81%a1', '/a', 'overlong, 3 bytes'],
    ['/%f0%80%81%a1', '/a', 'overlong, 4 bytes'],
    ['/%f8%80%80%81%a1', '/a', 'overlong, 5 bytes'],
    ['/%fc%80%80%80%81%a1', '/a', 'overlong, 6 bytes'],
    ['/x%c1%1ca', '/x\\a', 'overlong, with a second byte that is none'],
    ['/x/%c0%ae%c0%ae/a', '/a', 'overlong dots'],
    ['/a%ffb', '/ab', 'a byte that is no UTF-8, ignored'],
    ['/%u0061', '/a', 'the escape of IIS'],
    ['/%EF%BD%81', '/a', 'a fullwidth letter'],
    ['/x%EF%BC%8Fa', '/x/a', 'a fullwidth slash'],
    ['/%C3%A0', '/a', 'an accent, best fit'],
    ['/p%E4y', '/p\xc3\xa4y', 'a letter of Latin-1'],
    ['/p%25E4y', '/p\xc3\xa4y', 'the same, escaped twice'],
    ['/%EDn', '/in', 'an accent of Latin-1, best fit'],
    ['/%C5%82', '/l', 'a letter with a stroke'],
    ['/%C3%86', '/ae', 'a ligature'],
    ['/%CE%B1', '/a', 'a Greek letter, best fit'],
    ['/x/..%C2%A5a', '/a', 'the yen sign, a backslash to Japanese Windows'],
    ['/x/..%E2%82%A9a', '/a', 'the won sign, a backslash to Korean Windows'],
    ['/%C4%B1', '/i', 'dotless i'],
    ['/%C5%BF', '/s', 'long s'],
    ['/a%C2%AD', '/a', 'a soft hyphen'],
    ['/a%C2%ADb', '/a-b', 'the same, best fit'],
    ['/(S(abc))/a', '/a', 'the cookieless mark of ASP.NET'],
    ['/b/(S(x))in/c', '/bin/c', 'the same within a name (CVE-2023-36899)'],
    ['/ad(S(x))min', '/admin', 'the same without a slash of its own'],
    ['/(A(x)F(y)S(z))/a', '/a', 'several marks of ASP.NET in one'],
  ] as const) {
    it(`${why}: ${path} → ${reading}`, () => expect(readPath(path).all).to.include(reading));
  }

  for (const [path, primary] of [
    ['/a%20b', '/a b'],
    ['/a/%2e%2e/b', '/b'],
    ['/a//b', '/a//b'],
    ['/a;x/b', '/a;x/b'],
    ['/%zz%4', '/%zz%4'],
    ['/%2561', '/%61'],
  ] as const) {
    it(`primary reading: ${path} → ${primary}`, () => expect(readPath(path).primary).to.equal(primary));
  }

  it('does not decode what is no escape', () => {
    expect(decodeOnce('%')).to.equal('%');
    expect(decodeOnce('%4')).to.equal('%4');
    expect(decodeOnce('%4g%G4%%41')).to.equal('%4g%G4%A');
  });

  it('folds case and final slashes', () => {
    expect(foldPath('/Admin//')).to.equal('/admin');
    expect(foldPath('/')).to.equal('/');
    expect(foldPath('//')).to.equal('/');
  });
});

describe('path: bounds', () => {
  const fill = (text: string): string => `/${text.repeat(Math.ceil(8192 / text.length))}`.slice(0, 8192);

  for (const text of [
    '%25',
    '%2525252525',
    '%2e%2e/',
    '../',
    './',
    'a;b/',
    '//',
    '\\',
    '%c1%a1',
    '%u0061',
    '. ./',
    '.. /',
    'a. .',
    '(S(x))/',
    '(a(',
    '(a()a()',
    'a()',
    '(',
    '%00',
    'a:b/',
    '%ef%bd%81',
    '/%2e./;x=%5c..%2f%c1%a1 .:a%00',
    '/.',
    '%',
    '%u',
    '\xe9',
    '\xef\xac\x83',
    '\t',
    '?',
    'a. /',
    'a;/.%2f',
    '/..;%252e/\\',
    '+',
    ' /',
    '%01',
    '\xc1!',
    '\xc2\xa5',
    '///x',
  ]) {
    // The bound is ten times what an idle machine needs, so that a busy one does not fail; quadratic work takes 100 times.
    it(`8 KiB of ${JSON.stringify(text)} within 10 ms`, () => {
      const path = fill(text);
      readPath(path);
      const times = Array.from({ length: 5 }, () => {
        const start = process.hrtime.bigint();
        readPath(path);
        return Number(process.hrtime.bigint() - start) / 1e6;
      });
      expect(Math.min(...times)).to.be.lessThan(10);
    });
  }

  it('says when there may be more readings', () => {
    const nested = `/${'%25'.padEnd(8000, '25')}61dmin`;
    expect(readPath(nested).isExhausted).to.equal(true);
    expect(readPath('/%252525252561').isExhausted).to.equal(false);
  });

  it('keeps to the number of readings, however short they are', () => {
    const bounds = { readings: 8, workChars: Number.POSITIVE_INFINITY };
    const { all, isExhausted } = readPath('/a;b/../%2e%2e/c.', bounds);
    expect(all.length).to.be.at.most(bounds.readings);
    expect(isExhausted).to.equal(true);
  });
});
