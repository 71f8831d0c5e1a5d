/**
 * The XML scanner: tags with exact byte offsets, namespaces, and independence of chunks.
 */
import { expect } from 'chai';
import { createXmlScanner } from '../../../src/html/scan-xml.ts';
import { LIMITS } from '../../../src/limits.ts';
import { Dice } from '../../support/php-pages.ts';

const INTEREST = {
  startTags: new Set(['a', 'form', 'go', 'card', 'base', 'feimage', 'img']),
  endTags: new Set(['form', 'a']),
};

/** What was reported, as text: tags with namespace and attributes, each cut out of the source by its offsets. */
function scan(source: Buffer, cuts: readonly number[]): { seen: string[]; bailedOut: string | null; mostHeld: number } {
  const seen: string[] = [];
  let base = 0;
  const scanner = createXmlScanner(INTEREST, {
    startTag({ name, namespace, bytes, start, end, isSelfClosing, attributeCount, attributes }) {
      const cut = (from: number, to: number) => bytes.toString('latin1', from, to);
      const values = attributes
        .slice(0, attributeCount)
        .map(
          (one) =>
            `${cut(one.nameStart, one.nameEnd)}${one.hasValue ? `=${cut(one.valueStart, one.valueEnd)}` : ''}|${one.quote}`,
        );
      expect(cut(start, start + 1)).to.equal('<');
      expect(cut(end - 1, end)).to.equal('>');
      seen.push(
        `${base + start}-${base + end} ${namespace}:${name}${isSelfClosing ? '/' : ''} ${values.join(' ')}`.trim(),
      );
    },
    endTag(name, namespace, _bytes, start, end) {
      seen.push(`${base + start}-${base + end} /${namespace === 'html' ? '' : `${namespace}:`}${name}`);
    },
  });
  // As the rewriter does: what is not settled comes again, with more behind it, at another offset.
  let held: Buffer = Buffer.alloc(0);
  let settledBytes = 0;
  let mostHeld = 0;
  const ends = [...cuts, source.length];
  for (const [index, end] of ends.entries()) {
    const padding = index % 3;
    const bytes = Buffer.concat([Buffer.alloc(padding, 0x3c), held, source.subarray(ends[index - 1] ?? 0, end)]);
    base = settledBytes - padding;
    const settled = scanner.scan(bytes, padding, bytes.length, index === ends.length - 1);
    settledBytes += settled - padding;
    held = bytes.subarray(settled);
    mostHeld = Math.max(mostHeld, held.length);
  }
  expect(held).to.have.length(0);
  return { seen, bailedOut: scanner.bailedOut, mostHeld };
}

function whole(source: string): string[] {
  return scan(Buffer.from(source, 'latin1'), []).seen;
}

const XHTML = 'xmlns="http://www.w3.org/1999/xhtml"';
const SVG = 'http://www.w3.org/2000/svg';
const XLINK = 'http://www.w3.org/1999/xlink';

describe('createXmlScanner: what is reported', () => {
  for (const [what, source, want] of [
    ['a tag without namespace', '<a href="x">', ['0-12 html:a href=x|34']],
    ['quotes, spaces, newlines', '<a\n href = \'x y\' b="">', ['0-22 html:a href=x y|39 b=|34']],
    ['self-closing', '<go href="x"/>', ['0-14 html:go/ href=x|34']],
    ['self-closing ends what it opens', '<form/>', ['0-7 html:form/', '7-7 /form']],
    ['end tags', '<form></form ><b></b>', ['0-6 html:form', '6-14 /form']],
    ['nothing in comments', '<!-- <a href="x"> -> -- > --><a>', ['29-32 html:a']],
    ['nothing in CDATA', '<![CDATA[<a href="x">]] >]]><a>', ['28-31 html:a']],
    ['nothing in processing instructions', '<?xml <a href="x"> ?><a>', ['21-24 html:a']],
    ['nothing in a doctype', '<!DOCTYPE wml PUBLIC "-//WAPFORUM//DTD WML 1.1//EN" "http://x/"><a>', ['64-67 html:a']],
    ['no scripts: XML knows none', '<script>"<a href=\'x\'>"</script>', ['9-21 html:a href=x|39']],
    ['references stay', '<a href="x?a&amp;b&#x41;">', ['0-26 html:a href=x?a&amp;b&#x41;|34']],
    ['> in values', '<a title="x>y" href="z">', ['0-24 html:a title=x>y|34 href=z|34']],
    ['bytes that are no UTF-8', '<a href="\xff\xfe">', ['0-13 html:a href=\xff\xfe|34']],
    ['XHTML, the default namespace', `<html ${XHTML}><a>`, ['43-46 html:a']],
    ['XHTML by a prefix', `<h:html xmlns:h="http://www.w3.org/1999/xhtml"><h:a>`, ['47-52 html:a']],
    ['capital letters are other names', `<html ${XHTML}><A><FORM>`, []],
    ['attributes with capital letters are others', '<a HREF="x" Name=\'y\' href="z">', ['0-30 html:a href=z|34']],
    [
      'prefixes with capital letters',
      `<b xmlns:S="${SVG}"><S:a ID="x" id="y"/></b>`,
      ['40-60 svg:a/ id=y|34', '60-60 /svg:a'],
    ],
    ['SVG with its capital letters', `<svg xmlns="${SVG}"><feImage/>`, ['40-50 svg:feimage/']],
    [
      'SVG in XHTML and back',
      `<html ${XHTML}><svg xmlns="${SVG}"><a></a></svg><a>`,
      ['83-86 svg:a', '86-90 /svg:a', '96-99 html:a'],
    ],
    ['an unknown namespace', '<feed xmlns="http://www.w3.org/2005/Atom"><a/></feed>', []],
    ['an unbound prefix', '<x:a href="y"/>', []],
    ['a prefix in its element only', `<b xmlns:s="${SVG}"/><s:a/>`, []],
    [
      'a prefix bound anew within',
      `<b xmlns:s="${SVG}"><c xmlns:s="urn:x"><s:a/></c><s:a/></b>`,
      ['69-75 svg:a/', '75-75 /svg:a'],
    ],
    ['an unfinished tag at the end', '<a><a href="x"', ['0-3 html:a']],
    [
      'nothing of no namespace within a document that has them',
      `<html ${XHTML}><a xmlns=""/><h:a xmlns:h="${SVG}"><a xmlns=""/></h:a></html>`,
      ['56-98 svg:a xmlns:h=http://www.w3.org/2000/svg|34', '111-117 /svg:a'],
    ],
    ['nothing where the DTD could define entities', '<!DOCTYPE a [<!ENTITY e "//o/">]><a href="&e;x">', []],
    [
      'nothing where they stand behind a > in a literal',
      '<!DOCTYPE a SYSTEM "x>" [<!ENTITY e "//o/">]><a href="&e;x">',
      [],
    ],
    ['the same, with the other quotes', `<!DOCTYPE a PUBLIC "it's" 'x>' [<!ENTITY e "//o/">]><a href="&e;x">`, []],
    ['a quote of the other kind in a literal', `<!DOCTYPE a PUBLIC "it's" 'x"'><a>`, ['31-34 html:a']],
    [
      'a namespace with references',
      '<b xmlns="http:&#x2F;/www.w3.org/2000&#47;svg"><a/>',
      ['47-51 svg:a/', '51-51 /svg:a'],
    ],
    ['nothing behind a namespace that cannot be read', `<b xmlns="${SVG}"><a xmlns="&e;"/><a/></b>`, []],
    [
      'XLink by another prefix',
      `<b xmlns="${SVG}" xmlns:l="${XLINK}"><a l:href="x"/></b>`,
      ['77-92 svg:a/ href=x|34', '92-92 /svg:a'],
    ],
    [
      'XLink beside a link of SVG',
      `<b xmlns="${SVG}" xmlns:l="${XLINK}"><a l:href="x" href="y"/></b>`,
      ['77-101 svg:a/ l:href=x|34 href=y|34', '101-101 /svg:a'],
    ],
    [
      'a href of another namespace',
      `<b xmlns="${SVG}" xmlns:l="urn:x"><a l:href="x"/></b>`,
      ['54-69 svg:a/ l:href=x|34', '69-69 /svg:a'],
    ],
  ] as const) {
    it(what, () => expect(whole(source)).to.deep.equal([...want]));
  }

  it('gives up on a tag beyond the limit, but not on a long comment', () => {
    const long = 'x'.repeat(LIMITS.maxTagBytes);
    for (const cuts of [[], [100, 40_000], [LIMITS.maxTagBytes + 5, LIMITS.maxTagBytes + 8]]) {
      const tag = scan(Buffer.from(`<a><a title="${long}"><a>`), cuts);
      expect(tag.seen).to.deep.equal(['0-3 html:a']);
      expect(tag.bailedOut).to.equal('TAG_TOO_LONG');
    }
    const name = scan(Buffer.from(`<a><${long}y><a>`), [100, LIMITS.maxTagBytes + 5]);
    expect(name.bailedOut).to.equal('TAG_TOO_LONG');
    for (const prefix of ['<!-- ', '<!-- <a ', '<![CDATA[ <a ', '<?pi <a ']) {
      const close = prefix.startsWith('<!-') ? '-->' : prefix.startsWith('<?') ? '?>' : ']]>';
      const source = Buffer.from(`<a>${prefix}${long}${close}<a>`);
      const { seen, bailedOut, mostHeld } = scan(source, [3, 5, 10, 30_000, 60_000, LIMITS.maxTagBytes + 15]);
      expect(bailedOut, prefix).to.equal(null);
      expect(seen, prefix).to.have.length(2);
      expect(mostHeld, prefix).to.be.at.most(LIMITS.maxTagBytes);
    }
  });

  it('is linear in deep documents and holds no more than its bound of namespaces', () => {
    const deep = Buffer.from(`${'<b xmlns="urn:x">'.repeat(2000)}<a ${XHTML}>`);
    expect(scan(deep, []).seen).to.deep.equal([]);
    const flat = Buffer.from(`${'<b xmlns="urn:x"/>'.repeat(20_000)}<a ${XHTML}>`);
    expect(scan(flat, []).seen).to.have.length(1);
    const declared = Array.from({ length: 2000 }, (_, index) => ` xmlns:n${index}="urn:x"`).join('');
    expect(scan(Buffer.from(`<b${declared}><a ${XHTML}>`), []).seen).to.deep.equal([]);
    expect(scan(Buffer.from(`<b><c${declared}/><a ${XHTML}>`), []).seen).to.deep.equal([]);
  });
});

const PIECES = [
  ...[
    '<a href="x">',
    '</a>',
    "<form action='y'>",
    '</form>',
    '<go href="z"/>',
    '<a\n',
    ' b="c"',
    '>',
    '/>',
    '<',
    'text',
  ],
  ...[
    '<!-- ',
    '-->',
    '<![CDATA[',
    ']]>',
    '<?pi ',
    '?>',
    '"',
    "'",
    '=',
    ' ',
    '&amp;',
    '\xff',
    '<x:a ',
    `xmlns:x="${SVG}"`,
  ],
  ...[`<svg xmlns="${SVG}">`, '</svg>', '<b xmlns="">', '</b>', '<!DOCTYPE a>', '<!', '<?', '</', ']', '-', '!'],
];

describe('createXmlScanner: chunks never matter', () => {
  it('2,000 random documents, byte by byte and cut at random', () => {
    const dice = new Dice(7);
    let tags = 0;
    for (let count = 0; count < 2000; count++) {
      let text = '';
      for (let pieces = dice.roll(12); pieces > 0; pieces--) text += dice.pick(PIECES);
      const source = Buffer.from(text, 'latin1');
      const want = scan(source, []);
      const everywhere = [...source.keys()];
      for (const cuts of [everywhere, everywhere.filter(() => dice.chance(20))]) {
        expect(scan(source, cuts).seen, JSON.stringify(text)).to.deep.equal(want.seen);
      }
      tags += want.seen.length;
    }
    expect(tags).to.be.above(500);
  });
});
