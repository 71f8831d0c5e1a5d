/**
 * Tag names as small numbers: every name that tree construction (HTML §13.2.6) treats specially, plus the names that a
 * marker is interested in.
 *
 * The scanner hashes a name while it looks for its end, so finding the number costs one probe of a table. Two names
 * with one hash are told apart by `NameTable.is` wherever it matters to the output.
 */
import assert from 'node:assert';
import type { LinkInterest, TagInterest } from './scanner.ts';

/** Names that tree construction knows, in groups that are treated alike. Their number is their place here plus one. */
const KNOWN = [
  // Formatting elements.
  ...['a', 'b', 'big', 'code', 'em', 'font', 'i', 'nobr', 's', 'small', 'strike', 'strong', 'tt', 'u'],
  // Raw text, RCDATA, script data, plain text.
  ...['title', 'textarea', 'style', 'xmp', 'iframe', 'noembed', 'noframes', 'noscript', 'script', 'plaintext'],
  // Roots and structure.
  ...['html', 'head', 'body', 'frameset', 'frame', 'template', 'svg', 'math'],
  ...['table', 'caption', 'colgroup', 'col', 'tbody', 'tfoot', 'thead', 'tr', 'td', 'th'],
  ...['select', 'optgroup', 'option', 'form', 'button', 'input', 'keygen'],
  // Blocks that close a paragraph.
  ...['address', 'article', 'aside', 'blockquote', 'center', 'details', 'dialog', 'dir', 'div', 'dl', 'fieldset'],
  ...['figcaption', 'figure', 'footer', 'header', 'hgroup', 'main', 'menu', 'nav', 'ol', 'p', 'search', 'section'],
  ...['summary', 'ul', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'pre', 'listing', 'li', 'dd', 'dt', 'hr'],
  ...['applet', 'marquee', 'object', 'rb', 'rt', 'rtc', 'rp', 'ruby'],
  // Void elements.
  ...['area', 'br', 'embed', 'img', 'image', 'wbr', 'param', 'source', 'track'],
  ...['base', 'basefont', 'bgsound', 'link', 'meta'],
  // Foreign content: integration points, and HTML names that end it.
  ...['desc', 'foreignobject', 'mi', 'mo', 'mn', 'ms', 'mtext', 'annotation-xml', 'mglyph', 'malignmark'],
  ...['span', 'sub', 'sup', 'var'],
  // No rule of their own: frequent, so that the scanner need not stop at them.
  ...['label', 'abbr', 'cite', 'time', 'q', 'ins', 'del', 'mark', 'kbd', 'samp', 'legend', 'canvas', 'picture'],
  ...[
    'video',
    'audio',
    'map',
    'acronym',
    'dfn',
    'data',
    'output',
    'progress',
    'meter',
    'datalist',
    'bdi',
    'bdo',
    'slot',
  ],
  ...['path', 'g', 'use', 'circle', 'rect', 'line', 'polyline', 'polygon', 'ellipse', 'defs', 'symbol', 'stop', 'text'],
] as const;

export type KnownName = (typeof KNOWN)[number];

/** The number of each known name. */
// The object is filled with exactly the names of the type.
export const TAG = Object.freeze(Object.fromEntries(KNOWN.map((name, i) => [name, i + 1]))) as Record<
  KnownName,
  number
>;

/** No known name. */
export const UNKNOWN = 0;
/** Numbers stay below this: they are stored in a byte, and the tag log needs the last few. */
export const MAX_TAG_NUMBER = 240;

const SLOTS = 1024;
const SLOT_SHIFT = 22;
const SPREAD = 0x9e3779b1 | 0;

/** One step of the hash of a name; `byte` may be of either case. */
export function hashStep(hash: number, byte: number): number {
  return ((hash << 5) | (hash >>> 27)) ^ (byte | 0x20);
}

export function slotOf(hash: number): number {
  return Math.imul(hash, SPREAD) >>> SLOT_SHIFT;
}

/** The names of one interest with their numbers. Made once for an interest and kept with it. */
export class NameTable {
  /** Hashes by slot, 0 for a free one; a name sits in the first free slot from its own on. */
  readonly hashes = new Int32Array(SLOTS);
  readonly numbers = new Uint8Array(SLOTS);
  /** The name of each number. */
  readonly names: string[] = [''];
  readonly interestingStarts = new Uint8Array(256);
  readonly interestingEnds = new Uint8Array(256);
  readonly links: ReadonlyMap<string, LinkInterest>;

  constructor(interest: TagInterest) {
    this.links = interest.links ?? new Map();
    for (const name of KNOWN) this.add(name);
    for (const name of interest.startTags) this.interestingStarts[this.add(name)] = 1;
    for (const name of interest.endTags) this.interestingEnds[this.add(name)] = 1;
  }

  private add(name: string): number {
    const known = this.names.indexOf(name);
    if (known > 0) return known;
    const number = this.names.length;
    assert(number < MAX_TAG_NUMBER, 'too many tag names of interest');
    assert(name !== '' && name === name.toLowerCase(), 'names of interest are lower case');
    this.names.push(name);
    let hash = 0;
    for (const byte of Buffer.from(name, 'latin1')) hash = hashStep(hash, byte);
    let slot = slotOf(hash);
    while (this.hashes[slot] !== 0) slot = (slot + 1) % SLOTS;
    this.hashes[slot] = hash;
    this.numbers[slot] = number;
    return number;
  }

  /** The number of the name with this hash, or `UNKNOWN`. */
  find(hash: number): number {
    const { hashes } = this;
    let slot = slotOf(hash);
    for (;;) {
      const found = hashes[slot];
      // Slots are in range, so a number stands in each.
      if (found === hash) return this.numbers[slot]!;
      if (found === 0) return UNKNOWN;
      slot = (slot + 1) & (SLOTS - 1);
    }
  }

  /** Whether `bytes[start, end)` really is the name `number`: a hash can be shared. */
  is(number: number, bytes: Buffer, start: number, end: number): boolean {
    const name = this.names[number];
    if (name === undefined || name.length !== end - start) return false;
    for (let i = 0; i < name.length; i++) {
      // In range: `end` is within the buffer.
      const byte = bytes[start + i]!;
      const lower = byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
      if (lower !== name.charCodeAt(i)) return false;
    }
    return true;
  }
}

const tables = new WeakMap<TagInterest, NameTable>();

/** The table of an interest; the same one for the same object. */
export function nameTableOf(interest: TagInterest): NameTable {
  let table = tables.get(interest);
  if (table === undefined) {
    table = new NameTable(interest);
    tables.set(interest, table);
  }
  return table;
}
