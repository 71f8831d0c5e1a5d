/** Which pages a byte scanner can read: BOM, Content-Type, meta prescan, XML declaration. */
import { expect } from 'chai';
import fc from 'fast-check';
import { judgeCharset } from '../../../src/response/charset.ts';

type Row = [why: string, declared: string | null, page: string | Buffer, verdict: string];
const rows: Row[] = [
  ['declared utf-8', 'utf-8', '<p>', 'compatible'],
  ['declared Shift_JIS', 'Shift_JIS', '<p>', 'compatible'],
  ['declared GBK', 'gbk', '<p>', 'compatible'],
  ['declared windows-1252', ' Windows-1252 ', '<p>', 'compatible'],
  ['declared UTF-16', 'UTF-16', '<p>', 'incompatible'],
  ['declared utf-16le', 'utf-16le', '<p>', 'incompatible'],
  ['declared ISO-2022-JP', 'ISO-2022-JP', '<p>', 'incompatible'],
  ['declared csISO2022KR', 'csISO2022KR', '<p>', 'incompatible'],
  ['declared HZ', 'hz-gb-2312', '<p>', 'incompatible'],
  ['declared UTF-7', 'utf-7', '<p>', 'incompatible'],
  ['a BOM beats the field', 'iso-2022-jp', Buffer.from('\ufeff<p>'), 'compatible'],
  ['UTF-16LE by BOM', 'utf-8', Buffer.from('\ufeff<p>', 'utf16le'), 'incompatible'],
  ['UTF-16LE without BOM', null, Buffer.from('<p>', 'utf16le'), 'incompatible'],
  ['no charset at all', null, '<p>hello', 'compatible'],
  ['an unknown label is no label', 'x-klingon', '<p>', 'compatible'],
  ['an unknown label, then a meta', 'x-klingon', '<meta charset=iso-2022-jp>', 'incompatible'],
  ['meta charset', null, '<html><head><meta charset="iso-2022-jp">', 'incompatible'],
  [
    'meta http-equiv',
    null,
    `<META content="text/html; charset='ISO-2022-JP'" http-equiv=Content-Type>`,
    'incompatible',
  ],
  ['meta content without http-equiv', null, '<meta content="text/html; charset=iso-2022-jp">', 'compatible'],
  ['a meta in a comment', null, '<!-- <meta charset=iso-2022-jp> --><meta charset=utf-8>', 'compatible'],
  ['a meta in an attribute', null, '<a title="<meta charset=iso-2022-jp>"><meta charset=utf-8>', 'compatible'],
  ['the first meta counts', null, '<meta charset=utf-8><meta charset=iso-2022-jp>', 'compatible'],
  ['a meta that says UTF-16 means UTF-8', null, '<meta charset=utf-16>', 'compatible'],
  ['a meta behind 1,024 bytes', null, `${' '.repeat(1024)}<meta charset=iso-2022-jp>`, 'compatible'],
  ['a label that nobody knows, then a meta', null, '<meta charset=nosuch><meta charset=iso-2022-jp>', 'incompatible'],
  // They begin like labels that browsers know.
  ['a field that says utf8mb4, then a meta', 'utf8mb4', '<meta charset=iso-2022-jp>', 'incompatible'],
  ['a meta that says cp1200, then another', null, '<meta charset=cp1200><meta charset=iso-2022-jp>', 'incompatible'],
  ['a meta that says UTF16, then another', null, '<meta charset=UTF16><meta charset=iso-2022-jp>', 'incompatible'],
  ['a meta that says UTF16', null, '<meta charset=UTF16>', 'compatible'],
  ['a label with a reference', null, '<meta charset=iso&#45;2022-jp><meta charset=utf-8>', 'incompatible'],
  [
    'a second charset, which Chromium takes for an empty one',
    null,
    '<meta charset charset=iso-2022-kr>',
    'incompatible',
  ],
  [
    'two charsets of one meta',
    null,
    '<meta http-equiv=content-type charset=utf-8 content="text/html; charset=iso-2022-jp">',
    'incompatible',
  ],
  [
    'a control character, which Chromium takes for white space',
    null,
    '<meta http-equiv=content-type content="charset\x0b=iso-2022-jp">',
    'incompatible',
  ],
  [
    '… settles nothing for the others',
    null,
    '<meta http-equiv=content-type content="charset=\x01utf-8"><meta charset=iso-2022-jp>',
    'incompatible',
  ],
  // The label that nobody knows is the one that counts of such a meta: it says nothing.
  [
    'a label that nobody knows beside one in the content, then a meta',
    null,
    '<meta charset=nosuch http-equiv=content-type content="charset=utf-8"><meta charset=iso-2022-jp>',
    'incompatible',
  ],
  [
    'the same label twice, first unknown',
    null,
    '<meta charset=nosuch charset=utf-8><meta charset=iso-2022-jp>',
    'incompatible',
  ],
  ['a value whose quote never ends', null, '<p title="<meta charset=iso-2022-jp>', 'compatible'],
  // Chromium sees no meta there.
  ['a meta in a script', null, '<script>"<meta charset=utf-8>"</script><meta charset=iso-2022-jp>', 'incompatible'],
  ['a meta in a title', null, '<title><meta charset=utf-8></TITLE ><meta charset=iso-2022-jp>', 'incompatible'],
  ['a meta behind a script', null, '<script></script><meta charset=utf-8><meta charset=iso-2022-jp>', 'compatible'],
  ['a comment that ends in --!>', null, '<!-- --!><meta charset=iso-2022-jp>-->', 'incompatible'],
  ['… or not', null, '<!-- --!><meta charset=utf-8> --><meta charset=iso-2022-jp>', 'incompatible'],
  ['… with nothing behind it', null, '<!-- --!><meta charset=utf-8><meta charset=iso-2022-jp>', 'incompatible'],
  [
    'an XML declaration, and a meta',
    null,
    '<?xml version="1.0" encoding="utf-8"?><meta charset=iso-2022-jp>',
    'incompatible',
  ],
  ['an XML declaration', null, '<?xml version="1.0" encoding="ISO-2022-JP"?><html/>', 'incompatible'],
  ['… that ends in > alone', null, '<?xml version="1.0" encoding="ISO-2022-JP"><html>', 'incompatible'],
  ['… in less white space', null, `<?xml version='1.0'encoding\n=\n'iso-2022-jp'?>`, 'incompatible'],
  ['… of another tag', null, '<?xml version="1.0"?><p title=\' encoding="iso-2022-jp"?>\'>', 'compatible'],
];

describe('judgeCharset', () => {
  for (const [why, declared, page, verdict] of rows) {
    it(`${why} → ${verdict}`, () => {
      expect(judgeCharset(declared, Buffer.from(page as string), true)).to.equal(verdict);
    });
  }
  it('asks for no bytes of a page where the field has a label that browsers know', () => {
    const labels =
      'utf-8 utf8 ascii us-ascii iso-8859-1 iso8859-15 ISO_8859-1 iso-8859-16 iso-8859-8-i windows-1252 windows-874 windows-31j cp1251 cp866 ' +
      'shift_jis shift-jis sjis euc-jp euc-kr gbk gb2312 gb18030 big5 big5-hkscs koi8-r koi8-u macintosh tis-620';
    for (const label of labels.split(' '))
      expect(judgeCharset(label, Buffer.from('<p>'), false)).to.equal('compatible');
  });

  it('waits for a meta that may still come', () => {
    expect(judgeCharset(null, Buffer.from('<html><head>'), false)).to.equal('undecided');
    expect(judgeCharset(null, Buffer.from('<'), false)).to.equal('undecided');
    expect(judgeCharset('utf-8', Buffer.from('<html><head>'), false)).to.equal('compatible');
  });
  it('settles nothing that more bytes would change', () => {
    const meta = fc.constantFrom('utf-8', 'iso-2022-jp', 'nosuch').map((label) => `<meta charset=${label}>`);
    const other = fc.constantFrom(
      ...[
        '<p title="',
        "<p title='",
        '"',
        "'",
        '>',
        '<',
        '</',
        '<!',
        '<!--',
        '-->',
        '--!>',
        '-',
        ' x = ',
        '<title>',
        '</title>',
      ],
      ...[
        '<?xml encoding="',
        '?>',
        '<meta ',
        '<meta',
        'charset=',
        'http-equiv=content-type content="charset=utf-8"',
        '<x ',
        '/',
      ],
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(meta, other), { maxLength: 9 }), (pieces) => {
        const page = Buffer.from(pieces.join(''));
        const verdict = judgeCharset(null, page, true);
        const isOtherwise = (end: number): boolean =>
          !['undecided', verdict].includes(judgeCharset(null, page.subarray(0, end), false));
        const early = Array.from(page.keys()).find(isOtherwise);
        expect(page.toString('latin1', 0, early ?? 0)).to.equal('');
      }),
      { numRuns: 1000, seed: 61 },
    );
  });
  it('is linear on hostile heads', () => {
    for (const piece of ['<', '<!--', '<a ', '<meta =', '"', '<meta charset', "<a x='"]) {
      const started = performance.now();
      judgeCharset(null, Buffer.from(piece.repeat(100_000)), false);
      expect(performance.now() - started).to.be.below(1000);
    }
  });
});
