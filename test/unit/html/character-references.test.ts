import { expect } from 'chai';
import { characterEntities } from 'character-entities';
import { characterEntitiesLegacy } from 'character-entities-legacy';
import { decodeHTMLAttribute } from 'entities';
import fc from 'fast-check';
import {
  decodeAttributeValue,
  endsInOpenReference,
  escapeAttributeText,
  UNREADABLE,
} from '../../../src/html/character-references.ts';

/** What both sides must agree on: ASCII as it is, everything else alike. */
function asciiOf(text: string): string {
  return text.replace(/[^\0-\x7F]+/g, '\u{FFFD}');
}

describe('character references: the table against the whole list of HTML', () => {
  const names = Object.entries(characterEntities);
  it('the list is whole', () => {
    expect(names).to.have.length(2125);
    expect(characterEntitiesLegacy).to.have.length(106);
  });

  it('each named reference is decoded as far as its text is ASCII', () => {
    for (const [name, text] of names) {
      const source = `a&${name};b`;
      expect(decodeAttributeValue(source).text, name).to.equal(`a${asciiOf(text)}b`);
    }
  });

  it('without ";" only the ones of old, and not before "=", letters and digits', () => {
    const legacy = new Set(characterEntitiesLegacy);
    for (const [name, text] of names) {
      const isTaken = legacy.has(name);
      for (const behind of ['', '!', '_', '#', '&', '?']) {
        const want = isTaken ? `${asciiOf(text)}${behind}` : `&${name}${behind}`;
        expect(decodeAttributeValue(`&${name}${behind}`).text, name + behind).to.equal(want);
      }
      for (const behind of ['=', 'q', '0']) {
        // A longer name may be meant: those were tried above.
        if (`${name}${behind}` in characterEntities) continue;
        const source = `&${name}${behind}!`;
        expect(decodeAttributeValue(source).text, source).to.equal(source);
      }
    }
  });
});

describe('character references: decoding', () => {
  const rows: ReadonlyArray<readonly [string, string]> = [
    ['', ''],
    ['a', 'a'],
    ['&', '&'],
    ['&&amp;&', '&&&'],
    ['&amp;amp;', '&amp;'],
    ['&#58;&#x3a;&#X3A;&#58&#x3a!', '::::' + ':!'],
    ['&#', '&#'],
    ['&#;', '&#;'],
    ['&#x', '&#x'],
    ['&#xg;', '&#xg;'],
    ['&#0;', '\u{FFFD}'],
    ['&#128;', '\u{FFFD}'],
    ['&#228;', '\u{FFFD}'],
    ['&#xD800;', '\u{FFFD}'],
    ['&#99999999999999999999;', '\u{FFFD}'],
    ['&#9;&#10;&#13;', '\t\n\r'],
    ['\0', '\u{FFFD}'],
    ['&Tab;&NewLine;', '\t\n'],
    ['http&colon;&sol;&sol;x', 'http://x'],
    ['?a=1&copy=2', '?a=1&copy=2'],
    ['?a=1&lt=2&lt;', '?a=1&lt=2<'],
    ['&fjlig;', 'fj'],
    ['&eacute;&nosuch;&nosuch', '\u{FFFD}\u{FFFD}&nosuch'],
    ['&bne;', '=\u{FFFD}'],
    ['\xE4&amp;\xFF', '\xE4&\xFF'],
  ];
  for (const [source, text] of rows) {
    it(JSON.stringify(source), () => expect(decodeAttributeValue(source).text).to.equal(text));
  }

  it('XML wants the ";"', () => {
    expect(decodeAttributeValue('&lt&lt;&#60&#60;', 'xml').text).to.equal('&lt<&#60<');
  });

  it('XML knows five names, and reads nothing where another stands', () => {
    expect(decodeAttributeValue('&lt;&amp;&quot;&apos;&gt;&#x2f;&#47;&a&b=', 'xml').text).to.equal('<&"\'>//&a&b=');
    for (const name of ['e', 'eacute', 'sol', 'a-b', 'x:y', '\xE9', 'AMP', '#x'])
      expect(decodeAttributeValue(`a&amp;&${name};//b`, 'xml').text, name).to.equal(UNREADABLE);
  });

  it('a TAB or newline of XML is a space, unless it is a reference', () => {
    expect(decodeAttributeValue('/\t/\n/\r\n/&#9;/&#xA;', 'xml').text).to.equal('/ / /  /\t/\n');
    expect(decodeAttributeValue('/\t/\n', 'xml')).to.deep.equal({ text: '/ / ', offsets: null });
    expect(decodeAttributeValue('/\t/\n').text).to.equal('/\t/\n');
  });

  it('says where each character stands', () => {
    const { text, offsets } = decodeAttributeValue('a&amp;b&#x2f;c&d');
    expect(text).to.equal('a&b/c&d');
    expect(offsets).to.deep.equal([0, 1, 6, 7, 13, 14, 15, 16]);
    expect(decodeAttributeValue('plain').offsets).to.equal(null);
  });

  const soup = fc
    .array(
      fc.constantFrom(
        ...[
          '&',
          '#',
          'x',
          ';',
          '=',
          'amp',
          'lt',
          'quot',
          'copy',
          'not',
          'in',
          'colon',
          '58',
          '3a',
          ' ',
          'z',
          '&#',
          '&#x',
        ],
        ...['&amp', '&AMP', '_', '0'],
      ),
      { maxLength: 12 },
    )
    .map((parts) => parts.join(''));

  it('agrees with the entities package on soup, where that text is ASCII', () => {
    fc.assert(
      fc.property(soup, (source) => {
        const ours = decodeAttributeValue(source).text;
        // What only looks like a reference is taken for one.
        fc.pre([...source.matchAll(/&(\w+);/g)].every(([, name]) => name !== undefined && name in characterEntities));
        expect(ours).to.equal(asciiOf(decodeHTMLAttribute(source)));
      }),
      { numRuns: 3000, seed: 1 },
    );
  });

  it('its offsets ascend, stay in the source and end at its end', () => {
    fc.assert(
      fc.property(soup, (source) => {
        const { text, offsets } = decodeAttributeValue(source);
        if (offsets === null) {
          expect(text).to.equal(source);
          return;
        }
        expect(offsets).to.have.length(text.length + 1);
        expect(offsets.at(-1)).to.equal(source.length);
        for (let i = 1; i < offsets.length; i++) expect(offsets[i]).to.be.at.least(offsets[i - 1] ?? 0);
      }),
      { numRuns: 2000, seed: 2 },
    );
  });

  it('takes no more than linear time', () => {
    const started = performance.now();
    for (const piece of ['&', '&a', '&#', '&#9', '&amp', '&amp;']) decodeAttributeValue(piece.repeat(200_000));
    expect(performance.now() - started).to.be.below(3000);
  });
});

describe('character references: writing', () => {
  it('escapes what quotes need, and what the lack of quotes needs', () => {
    expect(escapeAttributeText('a"b\'c<d>e&f=g h`')).to.equal('a&#34;b&#39;c&#60;d&#62;e&#38;f=g h`');
    expect(escapeAttributeText('a=b c`\t', true)).to.equal('a&#61;b&#32;c&#96;&#9;');
    // The second byte of U+00E0 in UTF-8.
    expect(escapeAttributeText('voil\xc3\xa0', true)).to.equal('voil\xc3\xa0');
  });

  it('what is escaped decodes to itself', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary-ascii' }), fc.boolean(), (text, isUnquoted) => {
        fc.pre(!text.includes('\0'));
        expect(decodeAttributeValue(escapeAttributeText(text, isUnquoted)).text).to.equal(text);
      }),
      { seed: 3 },
    );
  });

  for (const [source, want] of [
    ['', false],
    ['x', false],
    ['&', false],
    ['&copy', true],
    ['&copy;', false],
    ['a&#35', true],
    ['a&#x2f', true],
    ['a&b=', false],
    ['a&b&', false],
  ] as const) {
    it(`${JSON.stringify(source)} ${want ? 'ends' : 'does not end'} in an open reference`, () =>
      expect(endsInOpenReference(source)).to.equal(want));
  }
});
