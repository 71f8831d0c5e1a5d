/**
 * Random pages and settings that visit the corners of PHP's rewriting: tags that are lost midway, URLs that are taken
 * apart oddly, hosts of all lists, names and values that need escaping.
 */

/** A small seeded generator (mulberry32): the same seed gives the same pages everywhere. */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** An integer from 0 to `below` - 1. */
  roll(below: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  }

  pick<Item>(items: readonly Item[]): Item {
    // The lists of this file are never empty.
    return items[this.roll(items.length)] as Item;
  }

  chance(percent: number): boolean {
    return this.roll(100) < percent;
  }
}

export interface RandomPage {
  readonly kind: 'session' | 'output';
  readonly ini: Readonly<Record<string, string>>;
  readonly httpHost: string | null;
  readonly vars: ReadonlyArray<readonly [Buffer, Buffer]>;
  readonly page: Buffer;
  /** Offsets, ascending. */
  readonly flushes: readonly number[];
}

const HOSTS = ['shop.example', 'SHOP.example', 'other.example', 'x', '[::1]', 'h', 'shop.example.', ''];
const URL_PARTS = [
  ...HOSTS,
  ...[
    '/',
    '/',
    '//',
    '///',
    '?',
    '#',
    '&',
    '&amp;',
    '=',
    ';',
    ':',
    '@',
    '.',
    '..',
    '%20',
    '\\',
    '`',
    '<',
    '{',
    '+',
    '-',
  ],
  ...['http:', 'HTTP://', 'https://', 'http:/', 'ftp://', 'javascript:', 'mailto:', 'file:///c:/', 'a.b:', 'data:'],
  ...[
    ':80',
    ':0',
    ':65535',
    ':65536',
    ':99999',
    ':123456',
    ': 80',
    ':+80',
    ':-1',
    ':8a',
    ':080',
    'u:p@',
    'u@',
    ':@',
    '@',
  ],
  ...[
    'next.php',
    'a=1',
    'x',
    'é',
    '\xff',
    '\0',
    '\t',
    '\n',
    '\r',
    '\v',
    '\f',
    '\x7f',
    ' ',
    '&#58;',
    '&colon;',
    '&#x2f;',
  ],
];
const TAGS = [
  'a',
  'A',
  'area',
  'frame',
  'form',
  'FORM',
  'Form',
  'img',
  'input',
  'iframe',
  'svg:a',
  'a1',
  'a-b',
  'b',
  'h1',
];
const ATTRIBUTES = [
  ...['href', 'HREF', 'href', 'src', 'action', 'ACTION', 'a', 'act', 'actions', 'title', 'data-x', 'data-1', 'method'],
  ...['hre', 'hrefs', 'xlink:href', '@x', 'h', '_', 'x.y', 'formaction', '/'],
];
const EQUALS = ['=', '=', '=', '=', ' = ', '= ', ' =', '\n=', '=\t', '', ' ', '=='];
const QUOTES = ['"', '"', '"', "'", "'", '', '', '\\"', '`'];
const SPACES = [' ', ' ', ' ', '\n', '\t', '  ', '\r\n', '\v', '\f', '', '/'];
const ENDS = ['>', '>', '>', '>', '/>', ' />', '', '<', '"', ' >'];
const TEXTS = [
  't',
  ' x ',
  '</a>',
  '</form>',
  '<!-- ',
  ' -->',
  '<script>',
  '</script>',
  '<',
  '<<',
  '>',
  '"',
  "'",
  'é\xe9',
  '\n',
];
const TAG_LISTS = [
  'a=href,area=href,frame=src,form=',
  'a=href,area=href,frame=src,form=,iframe=src,img=src,input=src',
  'form=action,a=href',
  'form=fakeentry',
  'A=HREF,form=,svg:a=href,b=title,h=src',
  'a=title,a=href,form',
  'a=href, area=href,form=,',
  '',
];
const ORDERLY_TAGS = 'a=href,area=href,frame=src,form=,button=formaction,img=src';
const HOST_LISTS = ['', '', 'shop.example', 'shop.example,x,[::1],', 'SHOP.EXAMPLE', 'a, other.example', 'h,u'];
const SEPARATORS = ['&', '&', '&', '&amp;', ';', '&&', '%26', '?', '#', '"', ' '];
const NAMES = [
  'v',
  'a b',
  'a[]',
  '&amp;',
  '&nosuch;',
  '&#39;',
  '&#x110000;',
  '<"\'>',
  '',
  '0',
  '~_.-',
  '&apos;',
  '&eacute;',
];

const DISGUISES = ['', '', ' ', '\t', '\n', '&#32;', '&Tab;', '\x01'];
const SLASHES = [
  ...['//', '/\\', '\\\\', '\\/', '/\t/', '/\n/', '&#47;/', '&sol;&sol;', '///', '/\\/'],
  ...['http://', 'HTTPS://', 'http:', 'https:/', 'http&#58;//', 'http&colon;//', 'ht\ntp://', 'http:\\\\', 'ftp://'],
];

/** A URL that leads to a host, in many disguises. */
function disguisedUrl(dice: Dice): string {
  const host = dice.pick(['other.example', 'shop.example', 'shop.example@other.example', 'other.example:80', 'h']);
  return dice.pick(DISGUISES) + dice.pick(SLASHES) + host + dice.pick(['', '/', '/x', '?q', '#f', '/x?a=1&amp;b']);
}

/** One URL, most of them short. */
export function randomUrl(dice: Dice): string {
  if (dice.chance(30)) return disguisedUrl(dice);
  let url = '';
  for (let parts = dice.roll(7); parts > 0; parts--) url += dice.pick(URL_PARTS);
  return url;
}

function randomAttribute(dice: Dice): string {
  const quote = dice.pick(QUOTES);
  const close = dice.chance(92) ? quote : '';
  const name = dice.pick(ATTRIBUTES);
  if (dice.chance(8)) return name;
  return name + dice.pick(EQUALS) + quote + randomUrl(dice) + close;
}

function randomTag(dice: Dice): string {
  let tag = `<${dice.pick(TAGS)}`;
  for (let attributes = dice.roll(4); attributes > 0; attributes--) tag += dice.pick(SPACES) + randomAttribute(dice);
  return tag + dice.pick(ENDS);
}

const PLACES = ['a href', 'area href', 'frame src', 'form action', 'form action', 'button formaction', 'img src'];
const BETWEEN = ['t', '</a>', '</form>', '</form>', '<form>', '<form id=i>', '<!-- ', ' -->', '<select>', '</select>'];
const RARELY = [
  '<template>',
  '</template>',
  '<script>',
  '</script>',
  '<form><button form=i formaction=//other.example>',
];

/** What an honest page holds, and what an attack would make of it. */
function orderlyTag(dice: Dice): string {
  if (dice.chance(40)) return dice.chance(80) ? dice.pick(BETWEEN) : dice.pick(RARELY);
  const [tag = '', attribute = ''] = dice.pick(PLACES).split(' ');
  const quote = dice.pick(['"', '"', "'", '']);
  const url = dice.chance(60) ? disguisedUrl(dice) : dice.pick(['x', '?a=1', '/y#z', '', '#t', 'http:z', ' #u']);
  const more = dice.chance(15) ? ` ${dice.pick(ATTRIBUTES)}=${quote}${randomUrl(dice)}${quote}` : '';
  return `<${tag} ${attribute}=${quote}${url}${quote}${more}>`;
}

function randomText(dice: Dice): string {
  return dice.pick(TEXTS);
}

function randomBytes(dice: Dice): Buffer {
  const bytes = Buffer.alloc(dice.roll(6));
  for (let at = 0; at < bytes.length; at++) bytes[at] = dice.roll(256);
  return Buffer.concat([Buffer.from(dice.pick(NAMES)), bytes]);
}

export function randomPage(dice: Dice): RandomPage {
  const kind = dice.chance(50) ? 'session' : 'output';
  const isOrderly = dice.chance(40);
  // What stands before a base is judged without it, as browsers do not, so it comes first.
  let page = isOrderly && dice.chance(5) ? `<base href="${randomUrl(dice)}">` : '';
  for (let parts = 1 + dice.roll(8); parts > 0; parts--) {
    page += isOrderly ? orderlyTag(dice) : dice.chance(70) ? randomTag(dice) : randomText(dice);
  }
  if (dice.chance(70)) page += '.';
  const vars: [Buffer, Buffer][] = [];
  for (let count = 1 + dice.roll(3); count > 0; count--) vars.push([randomBytes(dice), randomBytes(dice)]);
  const flushes: number[] = [];
  if (dice.chance(25)) {
    for (let count = dice.roll(4); count > 0; count--) flushes.push(dice.roll(page.length + 1));
  }
  return {
    kind,
    ini: {
      'session.trans_sid_tags': isOrderly ? ORDERLY_TAGS : dice.pick(TAG_LISTS),
      'url_rewriter.tags': isOrderly ? ORDERLY_TAGS : dice.pick(TAG_LISTS),
      'session.trans_sid_hosts': dice.pick(HOST_LISTS),
      'url_rewriter.hosts': dice.pick(HOST_LISTS),
      'arg_separator.output': dice.pick(SEPARATORS),
    },
    httpHost: dice.pick(['shop.example', 'SHOP.example:8080', 'other.example', '[::1]:80', '', null]),
    vars,
    page: Buffer.from(page, 'latin1'),
    flushes: flushes.sort((a, b) => a - b),
  };
}
