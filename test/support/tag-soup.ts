/**
 * Random pages that are hard on a tokenizer and a tree builder: misnested tags, raw text, foreign content, comments, tables,
 * selects, framesets, odd quotes and NULs, cut anywhere.
 */
import fc from 'fast-check';

const FORMATTING = ['a', 'b', 'i', 'font', 'nobr', 'code', 'A'];
const BLOCKS = [
  'p',
  'div',
  'ul',
  'li',
  'dd',
  'dt',
  'h1',
  'h2',
  'pre',
  'form',
  'button',
  'address',
  'object',
  'br',
  'hr',
];
const RAW = ['script', 'style', 'title', 'textarea', 'xmp', 'iframe', 'noembed', 'noframes', 'noscript', 'plaintext'];
const TABLE = ['table', 'caption', 'colgroup', 'col', 'tbody', 'thead', 'tr', 'td', 'th', 'TABLE'];
const SELECT = ['select', 'option', 'optgroup', 'input', 'keygen'];
const FOREIGN = [
  'svg',
  'math',
  'g',
  'desc',
  'foreignObject',
  'mi',
  'mtext',
  'annotation-xml',
  'mglyph',
  'SVG',
  'title',
];
const STRUCTURE = [
  'html',
  'head',
  'body',
  'frameset',
  'frame',
  'template',
  'base',
  'meta',
  'link',
  'image',
  'ruby',
  'rt',
];
const UNKNOWN = ['x', 'custom-tag', 'spam', 'a:b', 'a\0b', 'é'];

const name = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...FORMATTING) },
  { weight: 4, arbitrary: fc.constantFrom(...BLOCKS) },
  { weight: 3, arbitrary: fc.constantFrom(...RAW) },
  { weight: 4, arbitrary: fc.constantFrom(...TABLE) },
  { weight: 3, arbitrary: fc.constantFrom(...SELECT) },
  { weight: 5, arbitrary: fc.constantFrom(...FOREIGN) },
  { weight: 2, arbitrary: fc.constantFrom(...STRUCTURE) },
  { weight: 1, arbitrary: fc.constantFrom(...UNKNOWN) },
);

const attributes = fc.oneof(
  { weight: 12, arbitrary: fc.constant('') },
  {
    weight: 6,
    arbitrary: fc.constantFrom(
      ...[
        ' href=/x',
        ' href="/a>b"',
        " href='/a\"b'",
        ' href',
        ' href=',
        ' =x',
        ' href==x',
        ' x = "y" href=/z',
        '/',
        ' /',
      ],
      ...[
        ' href=/x/',
        ' a/b=c',
        ' href=/1 href=/2',
        ' HREF=/x',
        '\thref\n=\r\n/x\f',
        ' a=b=c"d',
        ' "',
        " x'y",
        ' \0=\0',
      ],
      ...[' type=hidden', ' TYPE="HIDDEN"', ' color=red', ' size', ' encoding="text/html"', ' encoding=TEXT/HTML'],
      ...[' encoding=application/xhtml+xml', ' x="1"y=\'2\'', ' x=&amp;&lt', ' ="a>b"', ' x ="', ' / =x', ' class=c'],
    ),
  },
);

const text = fc.constantFrom(
  ...['x', ' ', '\n', '\r', '\r\n', ' y ', '\0', '&amp;', '&#32;', '&#x0A', '&Tab;', '&', '\u00a0', '>', '"', "'", '='],
  ...[
    '<',
    '< ',
    '</',
    '</>',
    '</ x>',
    '<!',
    '<!x>',
    '<?x>',
    '<!-',
    '<!->',
    '<!--',
    '<!-->',
    '<!--->',
    '-->',
    '--!>',
    '--',
  ],
  ...[
    '<!--x-->',
    '<!-- <a href=/c> -->',
    '<![CDATA[',
    '<![CDATA[<a href=/d>]]>',
    ']]>',
    ']]',
    '<![cdata[x]]>',
    '<a',
    '<a ',
  ],
  ...[
    '<script><!--<script>',
    '<!--<script',
    '</script',
    '</scrip',
    '<!--</script>',
    '<script>x</script>',
    '</textarea x="',
  ],
  ...[
    '<!doctype html>',
    '<!DOCTYPE html PUBLIC "-//W3C//DTD HTML 3.2//EN">',
    '<!doctype>',
    '<!doc',
    '<a href="',
    "<b x='",
  ],
);

/** Raw text that ends well, so that the rest of the page is not lost in it. */
const wholeRaw = fc
  .tuple(fc.constantFrom(...RAW.slice(0, 9)), text, attributes)
  .map(([raw, inside, a]) => `<${raw}${a}>${inside}<a href=/r></${raw}>`);
/** Text that opens nothing. */
const plainText = fc.constantFrom(
  'x',
  ' ',
  '\n',
  '\0',
  '&#32;',
  '<!--x-->',
  '<![CDATA[<a href=/d>]]>',
  ' x',
  '<a href=/q>',
);

function tags(names: readonly string[]): fc.Arbitrary<string> {
  const one = fc.constantFrom(...names);
  return fc.oneof(
    { weight: 5, arbitrary: fc.tuple(one, attributes).map(([n, a]) => `<${n}${a}>`) },
    { weight: 4, arbitrary: one.map((n) => `</${n}>`) },
  );
}

const anything = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(name, attributes).map(([n, a]) => `<${n}${a}>`) },
  { weight: 4, arbitrary: name.map((n) => `</${n}>`) },
  { weight: 1, arbitrary: fc.tuple(name, attributes).map(([n, a]) => `</${n}${a}>`) },
  { weight: 4, arbitrary: text },
  { weight: 2, arbitrary: wholeRaw },
);

/** Pages that keep to some kinds of elements, so that they get deep into one part of tree construction. */
function focused(...kinds: (readonly string[])[]): fc.Arbitrary<string> {
  return fc.oneof(
    { weight: 8, arbitrary: tags(kinds.flat()) },
    { weight: 2, arbitrary: tags(FOREIGN) },
    { weight: 3, arbitrary: plainText },
    { weight: 2, arbitrary: wholeRaw },
  );
}

const PROFILES = [
  anything,
  focused(FOREIGN, FORMATTING, BLOCKS),
  focused(TABLE, FORMATTING, SELECT),
  focused(SELECT, STRUCTURE, ['template', 'template', 'col', 'td']),
  focused(FORMATTING, ['p', 'div', 'td', 'table', 'b', 'font']),
  focused(STRUCTURE, ['frameset', 'noframes', 'input', 'head', 'body']),
];

/** A page as latin1 text. */
export function tagSoup(maxPieces = 24): fc.Arbitrary<string> {
  const length = { maxLength: maxPieces, size: 'max' as const };
  return fc.oneof(
    ...PROFILES.map((piece) => fc.array(piece, length).map((pieces) => pieces.join(''))),
    ...PROFILES.map((piece) => fc.array(piece, { ...length, minLength: maxPieces >> 1 }).map((all) => all.join(''))),
  );
}

/** A page with up to three places to cut it at. */
export function cutTagSoup(maxPieces = 24): fc.Arbitrary<{ page: string; cuts: number[] }> {
  const fractions = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 0, maxLength: 3 });
  return fc.tuple(tagSoup(maxPieces), fractions).map(([page, places]) => ({
    page,
    cuts: places.map((place) => Math.floor(place * page.length)).sort((a, b) => a - b),
  }));
}
