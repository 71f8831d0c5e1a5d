/** The html scanner: cases that the differential tests do not hold, and what it may hold back. */
import { expect } from 'chai';
import { createHtmlScanner } from '../../../src/html/scan-html.ts';
import type { StartTag } from '../../../src/html/scanner.ts';
import { LIMITS } from '../../../src/limits.ts';
import { scanTags } from '../../support/scan-tags.ts';
import { everyByte, ROUTE_INTEREST, WIDE_INTEREST } from '../../support/tag-comparison.ts';

function namesIn(page: string, scripting = false): string {
  const bytes = Buffer.from(page, 'latin1');
  const found = [[], everyByte(bytes)].map((cuts) =>
    scanTags(bytes, cuts, (sink) => createHtmlScanner(WIDE_INTEREST, sink, { scripting }))
      .tags.map(({ kind, name, namespace }) => {
        const prefix = namespace === 'html' || namespace === null ? '' : `${namespace}:`;
        return kind === 'start' ? prefix + name : `/${name}`;
      })
      .join(' '),
  );
  expect(found[1], 'byte by byte').to.equal(found[0]);
  return found[0] ?? '';
}

describe('html scanner', () => {
  const rows: readonly (readonly [why: string, page: string, tags: string])[] = [
    [
      'the mark that begins a UTF-8 file is no text',
      '\xef\xbb\xbf<frameset><title><a></frameset>',
      'frameset title a /frameset',
    ],
    ['part of that mark is', '\xef\xbb<frameset><title><a></title>', 'frameset title /title'],
    ['bytes of other charsets are plain text', '<p>\x83\x5c\x8a<a href="\x83\x5c">', 'p a'],
    ['noscript is markup', '<noscript><a></noscript>', 'noscript a /noscript'],
    ['style in svg is markup', '<svg><style><a></style></svg>', 'svg:svg svg:style svg:a /style /svg'],
    ['title in svg holds HTML', '<svg><title><a></title></svg><a>', 'svg:svg svg:title a /title /svg a'],
    ['a list in svg leaves it', '<svg><g><li><style><a></style>', 'svg:svg svg:g li style /style'],
    ['font leaves it by its attributes', '<svg><font><font size=1><a>', 'svg:svg svg:font font a'],
    ['an end tag from outside leaves it', '<p><svg><g></p><title><a></title>', 'p svg:svg svg:g /p title /title'],
    ['one that nothing is open for does not', '<svg></b><title><p>', 'svg:svg /b svg:title p'],
    ['CDATA only there', '<svg><![CDATA[<a>]]><g></svg><![CDATA[<a>]]><b>', 'svg:svg svg:g /svg b'],
    ['CDATA in an annotation of XML', '<math><annotation-xml><![CDATA[>x<a>]]><b>', 'math:math math:annotation-xml b'],
    [
      'CDATA in one of HTML',
      '<math><annotation-xml encoding=text/html><![CDATA[>x<a>]]><a>',
      'math:math math:annotation-xml a',
    ],
    ['CDATA in an integration point', '<svg><desc><![CDATA[ > <a> ]]></desc><g>', 'svg:svg svg:desc /desc svg:g'],
    ['no CDATA in what stands in one', '<svg><desc><p><![CDATA[ > <a> ]]>', 'svg:svg svg:desc p a'],
    ['select keeps raw text out', '<select><title><a></select>', 'select title a /select'],
    ['but not script', '<select><script><a></script></select>', 'select script /script /select'],
    ['a form does not end in a select', '<form><select></form></select></form>', 'form select /select /form'],
    ['textarea ends a select', '<select><textarea><a></textarea>', 'select textarea /textarea'],
    [
      'a select in a template',
      '<template><select></template><title><a></title>',
      'template select /template title /title',
    ],
    ['what a frameset drops is still found', '<frameset><iframe><a></frameset>', 'frameset iframe a /frameset'],
    ['noframes in it is raw', '<frameset><noframes><a></noframes>', 'frameset noframes /noframes'],
    [
      'text in a template does not keep a frameset away',
      '<template>x<script></script></template><script></script><frameset><title><a>',
      'template script /script /template script /script frameset title a',
    ],
    ['a page with text has no frameset', '<p>x<frameset><iframe><a></iframe>', 'p frameset iframe /iframe'],
    [
      'in quirks mode a table stands within p',
      '<p><table></table><spam><div></div><svg></spam><title><a>',
      'p table /table spam svg:svg /spam svg:title a',
    ],
    [
      'in standards mode it ends the p',
      '<!doctype html><p><table></table><spam><div></div><svg></spam><title><a>',
      'p table /table spam svg:svg /spam title',
    ],
    ['a name with a NUL is another name', '<a\0><\0a><script\0><b>', 'b'],
    ['double escape', '<script><!--<script></script><a></script>--></script><b>', 'script /script /script b'],
    ['plaintext never ends', '<plaintext></plaintext><a>', 'plaintext'],
  ];
  for (const [why, page, tags] of rows) {
    it(why, () => {
      expect(namesIn(page)).to.equal(tags);
    });
  }

  it('takes noscript for raw text if scripts run', () => {
    expect(namesIn('<noscript><a></noscript><b>', true)).to.equal('noscript /noscript b');
  });

  it('tells which forms the tree builder drops', () => {
    const seen: string[] = [];
    const sink = {
      startTag: (tag: StartTag) => void seen.push(`${tag.name}${tag.isDropped === true ? ' dropped' : ''}`),
      endTag() {},
    };
    const page = Buffer.from(
      '<form><select><a><form></select><form><template><select><form></template><select></select><form><input>',
    );
    createHtmlScanner(ROUTE_INTEREST, sink).scan(page, 0, page.length, true);
    expect(seen).to.deep.equal(['form', 'a', 'form dropped', 'form', 'form dropped', 'form', 'input']);
    seen.length = 0;
    const frames = Buffer.from('<frameset><frame><form></frameset>');
    createHtmlScanner(ROUTE_INTEREST, sink).scan(frames, 0, frames.length, true);
    expect(seen).to.deep.equal(['frame', 'form dropped']);
  });

  it('reports names that are equal by identity to those asked for', () => {
    const tags: string[] = [];
    const startTags = new Set(['a', 'custom-tag']);
    const sink = { startTag: (tag: { name: string }) => void tags.push(tag.name), endTag() {} };
    const page = Buffer.from('<A><Custom-Tag>');
    createHtmlScanner({ startTags, endTags: new Set() }, sink).scan(page, 0, page.length, true);
    expect(tags).to.deep.equal(['a', 'custom-tag']);
  });

  it('looks at no byte outside the range it is given', () => {
    const page = Buffer.from('<a href="x"><a href=y>');
    const seen: number[] = [];
    const sink = { startTag: (tag: { start: number }) => void seen.push(tag.start), endTag() {} };
    const scanner = createHtmlScanner(ROUTE_INTEREST, sink);
    expect(scanner.scan(page, 0, 12, false)).to.equal(12);
    expect(scanner.scan(page, 12, 20, false)).to.equal(12);
    expect(scanner.scan(page, 12, page.length, true)).to.equal(page.length);
    expect(seen).to.deep.equal([0, 12]);
  });

  describe('holds back only a few bytes of what is no tag of interest', () => {
    const filler = 'x'.repeat(5000);
    const rowsOfContent: readonly (readonly [string, string])[] = [
      ['text', filler],
      ['a comment', `<!--${filler}-- ${filler}`],
      ['a script', `<script>${filler}</scrip ${filler}<!--${filler}<script>${filler}`],
      ['a style', `<style>${filler}</sty${filler}`],
      ['plain text', `<plaintext>${filler}</plaintext>${filler}`],
      ['CDATA', `<svg><![CDATA[${filler}]]${filler}`],
      ['a tag of no interest', `<img alt='${filler}' title="${filler}" x=${filler} ${filler}=>`],
      ['an end tag of no interest', `</b ${filler} x='${filler}'>`],
      ['a tag with a long name', `<${filler}>${filler}</${filler}>`],
      ['a wrong comment', `<?${filler}`],
      ['a long document type', `<!doctype ${filler}>`],
    ];
    for (const [what, content] of rowsOfContent) {
      it(what, () => {
        const page = Buffer.from(`<p>${content}`);
        const { maxHeldBytes } = scanTags(page, everyByte(page), (sink) => createHtmlScanner(ROUTE_INTEREST, sink));
        expect(maxHeldBytes).to.be.at.most(what.includes('document type') ? 1025 : 70);
      });
    }

    it('and a tag of interest up to the limit', () => {
      const page = Buffer.from(`<a href="${'x'.repeat(2 * LIMITS.maxTagBytes)}`);
      const cuts = Array.from({ length: 200 }, (_, i) => Math.min((i + 1) * 1000, page.length));
      const { maxHeldBytes } = scanTags(page, cuts, (sink) => createHtmlScanner(ROUTE_INTEREST, sink));
      expect(maxHeldBytes).to.be.within(LIMITS.maxTagBytes - 1000, LIMITS.maxTagBytes);
    });
  });
});
