/**
 * Every reading of a request path: what some server behind us may take it for.
 *
 * Servers decode once, twice or not at all, take a backslash for a slash, drop `;parameters`, resolve dots before or after
 * any of that, merge slashes, cut at NUL, fold case, normalise Unicode. No single normal form is right for all of them, so
 * the policy is decided on the closure: start with the path as it came and apply each of these steps, in any order, until
 * nothing new comes. A path of plain characters has one reading and costs one regular expression.
 *
 * Paths are byte strings: one character a byte (latin1), as Node gives a request target. Work is bounded: where the closure
 * grows past the bounds it is called exhausted, and the caller takes the strictest policy there is.
 *
 * Not covered, because the path alone cannot tell: 8.3 names of Windows, symbolic links, rewrites by the application.
 */
import { isUtf8 } from 'node:buffer';

export interface PathReadings {
  /** Decoded once, dot segments resolved: what most servers see; routes that are not about safety go by it. */
  readonly primary: string;
  /** All readings, the path as it came first. Case is left as it is: compare without case where that matters. */
  readonly all: readonly string[];
  /** The bounds were reached: there may be more readings than `all` holds. */
  readonly isExhausted: boolean;
}

export interface ReadingBounds {
  readonly readings: number;
  /** Characters that all steps together may go through. */
  readonly workChars: number;
}

/**
 * Of a request's path. An honest odd path has some ten readings; the product of all single oddities some hundreds. About half a
 * millisecond.
 */
const OF_REQUESTS: ReadingBounds = { readings: 400, workChars: 160 * 1024 };
/** Of a link's path: a page can have thousands of them, written by anybody. What is odder still bears no SID. */
export const OF_LINKS: ReadingBounds = { readings: 48, workChars: 24 * 1024 };

/**
 * What some step might change: a character beyond the harmless ones, an empty segment, a dot segment, a name that ends in a
 * dot. A path without any of it has one reading.
 */
const ODD = /[^\w\-~!$&'*,=@./]|\/\/|\/\.{1,2}(?:\/|$)|\.(?:\/|$)/;

/** The path of a request target, as it came. */
export function pathOf(target: string): string {
  const query = target.indexOf('?');
  return query < 0 ? target : target.slice(0, query);
}

/** All readings of `rawPath`, the request target up to its `?`, as received. Never throws. */
export function readPath(rawPath: string, bounds = OF_REQUESTS): PathReadings {
  if (!ODD.test(rawPath)) return { primary: rawPath, all: [rawPath], isExhausted: false };
  const all = new Set([rawPath]);
  let workChars = 0;
  // A Set is iterated in order of insertion, and what is added while iterating is visited too: this is the worklist.
  for (const reading of all) {
    // Looking whether the steps apply costs about as much as applying one.
    workChars += reading.length;
    for (const step of STEPS) {
      if (!step.applies(reading)) continue;
      workChars += reading.length;
      if (workChars > bounds.workChars || all.size >= bounds.readings) {
        return { primary: primaryOf(rawPath), all: [...all], isExhausted: true };
      }
      all.add(step.apply(reading));
    }
  }
  return { primary: primaryOf(rawPath), all: [...all], isExhausted: false };
}

/** Decoded once, then dots resolved. An escape that is none stays as it is. */
function primaryOf(rawPath: string): string {
  return removeDots(decodeOnce(rawPath));
}

// ------------------------------------------------------------------------------------------------------------- steps

interface Step {
  /** Cheap: may this step change the reading at all? */
  applies(reading: string): boolean;
  apply(reading: string): string;
}

const step = (when: RegExp, apply: (reading: string) => string): Step => ({
  applies: (reading) => when.test(reading),
  apply,
});
/** Every match of `pattern` is replaced. */
const replacing = (pattern: RegExp, by: string | ((match: string) => string)): Step => {
  const every = new RegExp(pattern, `${pattern.flags}g`);
  // The compiler cannot call a union of its overloads.
  return step(pattern, (reading) => reading.replace(every, by as string));
};
const includes = (text: string, apply: (reading: string) => string): Step => ({
  applies: (reading) => reading.includes(text),
  apply,
});

const BEYOND_ASCII = /[\x80-\xff]/;

/**
 * Decoders that check nothing take overlong UTF-8 (C1 A1) for ASCII, also in the forms of five and six bytes of RFC 2279, and some
 * any byte for the second of two (C1 1C of IIS 4, a backslash).
 */
const OVERLONG = [
  ...['[\\xc0\\xc1][^]', '\\xe0[\\x80-\\x9f][\\x80-\\xbf]', '\\xf0[\\x80-\\x8f][\\x80-\\xbf]{2}'],
  ...['\\xf8\\x80{2}[\\x80-\\x9f][\\x80-\\xbf]', '\\xfc\\x80{3}[\\x80-\\x9f][\\x80-\\xbf]'],
].join('|');

/** No expression here can look at a character more than a fixed number of times: no overlap. */
const STEPS: readonly Step[] = [
  includes('%', decodeOnce),
  // IIS and old JScript: %u0061.
  replacing(/%u[0-9a-f]{4}/i, (spelt) => bytesOf(Number.parseInt(spelt.slice('%u'.length), 16))),
  // A blank to decoders of forms, which many an application takes for paths as well (urldecode of PHP, URLDecoder of Java).
  includes('+', (reading) => reading.replaceAll('+', ' ')),
  replacing(new RegExp(OVERLONG), decodeOverlong),
  { applies: (reading) => BEYOND_ASCII.test(reading) && !isUtf8(Buffer.from(reading, 'latin1')), apply: utf8OfLatin1 },
  step(BEYOND_ASCII, foldUnicode),
  // Nothing to most; to Windows in Japan and China a hyphen (CVE-2024-4577).
  includes('\xc2\xad', (reading) => reading.replaceAll('\xc2\xad', '-')),
  includes('\\', (reading) => reading.replaceAll('\\', '/')),
  includes(';', (reading) => reading.replace(/;[^/]*/g, '')),
  // mod_jk and old containers cut all from there on.
  includes(';', (reading) => reading.slice(0, reading.indexOf(';'))),
  step(/\/\.{1,2}(?:\/|$)/, removeDots),
  includes('//', (reading) => reading.replace(/\/{2,}/g, '/')),
  // `new URL(target, base)` takes //host/path for an authority, however many slashes stand there (WHATWG URL §4.4).
  step(/^\/{2,}[^/]/, (reading) => reading.replace(/^\/{2,}[^/]*/, '') || '/'),
  // Strings of C end at NUL; a second parse ends the path at ? or #, and a line at CR or LF.
  ...['\0', '?', '#', '\r', '\n'].map((end) => includes(end, (reading) => reading.slice(0, reading.indexOf(end)))),
  // URL parsers drop TAB, CR and LF wherever they stand (WHATWG URL §4.4 step 3).
  replacing(/[\t\r\n]/, ''),
  // And all controls at the end. Cleaners of input drop them everywhere (CodeIgniter).
  replacing(/[\x00-\x1f\x7f]/, ''),
  // Windows drops dots and spaces that end a name; applications trim.
  step(/[^./ ][. ]*\.(?:\/|$)| (?:\/|$)|\/ /, trimNames),
  // What follows a colon is a stream of the file.
  includes(':', (reading) => reading.replace(/:[^/]*/g, '')),
  // ASP.NET takes /(S(…))/ and /(A(…)F(…)S(…))/ out wherever they stand, with the slash (CVE-2023-36899) or without; so may others.
  replacing(/\((?:[A-Za-z]\([^()]*\))+\)/, ''),
  replacing(/\/\((?:[A-Za-z]\([^()]*\))+\)/, ''),
];

/** Percent-decode every valid escape, one level. Works on bytes: ten times as fast as a replacement with a callback. */
export function decodeOnce(text: string): string {
  if (!text.includes('%')) return text;
  const bytes = Buffer.from(text, 'latin1');
  let end = 0;
  for (let i = 0; i < bytes.length; i++, end++) {
    // Beyond the end of a Buffer is undefined, which no digit is.
    const high = bytes[i] === 0x25 ? hexDigit(bytes[i + 1]) : -1;
    const low = high < 0 ? -1 : hexDigit(bytes[i + 2]);
    if (low < 0) bytes[end] = bytes[i]!;
    else {
      bytes[end] = high * 16 + low;
      i += 2;
    }
  }
  return bytes.toString('latin1', 0, end);
}

/**
 * Decode what cannot stand in a path but by an escape (WHATWG URL §1.3, the path percent-encode set): a blank, quotes, brackets, all
 * beyond ASCII; and `~`, which old encoders escape (RFC 3986 §2.4). Not the signs that divide a path or an escape.
 */
export function decodeNeeded(text: string): string {
  return text.includes('%') ? text.replace(NEEDED_ESCAPE, decodeOnce) : text;
}

const NEEDED_ESCAPE = /%(?:2[02]|3[ce]|5e|60|7[b-e]|[89a-f][0-9a-f])/gi;

/** The value of one hexadecimal digit, -1 for anything else. */
function hexDigit(byte: number | undefined): number {
  if (byte === undefined) return -1;
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

/** UTF-8 of one code point as a byte string. Half a surrogate pair becomes U+FFFD, as in all decoders. */
function bytesOf(codePoint: number): string {
  return Buffer.from(String.fromCodePoint(codePoint), 'utf8').toString('latin1');
}

function decodeOverlong(sequence: string): string {
  // 6 bits of each continuation byte; what an overlong form leaves of the first one is below them.
  let codePoint = 0;
  for (let i = 1; i < sequence.length; i++) codePoint = (codePoint << 6) | (sequence.charCodeAt(i) & 0x3f);
  if (sequence.length === 2) codePoint |= (sequence.charCodeAt(0) & 0x1f) << 6;
  return codePoint < 0x80 ? String.fromCharCode(codePoint) : bytesOf(codePoint);
}

/** Names of old applications: E4 is their ä, which a route says as C3 A4. */
function utf8OfLatin1(reading: string): string {
  return Buffer.from(reading, 'utf8').toString('latin1');
}

/**
 * What is left when a server compares texts loosely: compatibility forms (fullwidth letters and slashes), accents, ignorable and
 * broken characters, letters whose other case is ASCII (dotless i, long s, Kelvin sign), and what Windows takes for ASCII.
 */
export function foldUnicode(reading: string): string {
  const text = Buffer.from(reading, 'latin1').toString('utf8');
  const folded = text
    .normalize('NFKD')
    // U+FFFD stands for bytes that are no UTF-8: decoders are often told to ignore them. Controls and separators are trimmed.
    .replace(/[\p{M}\p{Default_Ignorable_Code_Point}\x80-\x9f\u1680\u2028\u2029\ufffd]/gu, '')
    // Upper case first: it is what makes ASCII of U+0131 and U+017F.
    .toUpperCase()
    .toLowerCase()
    .replace(LIKE_ASCII, (character) => ASCII_FOR.get(character) as string);
  return Buffer.from(folded, 'utf8').toString('latin1');
}

/**
 * What has no decomposition and is ASCII all the same: in the best-fit conversions of Windows (its code pages 1252, 932 and 949), and
 * letters with a stroke in collations (Unicode TR 10), by which databases compare.
 */
const ASCII_FOR: ReadonlyMap<string, string> = new Map([
  ...['/\u2044\u2215\u29f8', '\\\u2216\u29f5\u29f9¥₩', ':\u0589\u2236', '%\u066a', '-\u2010\u2212', '8∞'].flatMap(
    alike,
  ),
  ...'aα bƀ dđðδ eε℮ fφƒ gγǥɡ hħһ iɨ lłƚ oøɵω pπ sσς tŧƫʈτθ zƶ'.split(' ').flatMap(alike),
  ...[['æ', 'ae'] as const, ['œ', 'oe'] as const],
]);

/** `aα` → α is a. */
function alike([ascii, ...others]: string): (readonly [string, string])[] {
  return others.map((other) => [other, ascii as string] as const);
}

const LIKE_ASCII = new RegExp(`[${[...ASCII_FOR.keys()].join('')}]`, 'g');

/** RFC 3986 §5.2.4: `.` and `..` segments resolved, never above the root. */
function removeDots(path: string): string {
  if (!/\/\.{1,2}(?:\/|$)/.test(path)) return path;
  const kept: string[] = [];
  const segments = path.split('/');
  for (let i = 1; i < segments.length; i++) {
    const segment = segments[i];
    const isLast = i === segments.length - 1;
    if (segment === '..') kept.pop();
    if (segment !== '.' && segment !== '..') kept.push(segment as string);
    else if (isLast) kept.push('');
  }
  return `${segments[0]}/${kept.join('/')}`;
}

/** `/ admin. ./x` → `/admin/x`. */
function trimNames(path: string): string {
  return path.split('/').map(trimName).join('/');
}

/** Of dots and blanks alone only the blanks around them go: `.. ` is the segment `..` to whoever trims, and that is for `removeDots`. */
function trimName(segment: string): string {
  let start = 0;
  let end = segment.length;
  while (segment[start] === ' ') start++;
  while (end > start && (segment[end - 1] === '.' || segment[end - 1] === ' ')) end--;
  return end > start ? segment.slice(start, end) : segment.trim();
}

/**
 * Without case and without final slashes: the form in which `use_only_cookies` routes are compared. Only of ASCII: a byte above it is
 * a part of a character, whose case `foldUnicode` knows.
 */
export function foldPath(reading: string): string {
  const lower = BEYOND_ASCII.test(reading) ? reading.replace(/[A-Z]+/g, lowerCase) : reading.toLowerCase();
  let end = lower.length;
  while (end > 1 && lower[end - 1] === '/') end--;
  return lower.slice(0, end);
}

function lowerCase(text: string): string {
  return text.toLowerCase();
}
