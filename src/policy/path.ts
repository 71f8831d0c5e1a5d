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

/** Readings of one path. An honest odd path has some ten; the product of all single oddities some hundreds. */
const MAX_READINGS = 400;
/** Characters that all steps together may go through: about half a millisecond. */
const MAX_WORK_CHARS = 160 * 1024;

/**
 * What some step might change: a character beyond the harmless ones, an empty segment, a dot segment, a name that ends in a
 * dot. A path without any of it has one reading.
 */
const ODD = /[^\w\-~!$&'*+,=@./]|\/\/|\/\.{1,2}(?:\/|$)|\.(?:\/|$)/;

/** The path of a request target, as it came. */
export function pathOf(target: string): string {
  const query = target.indexOf('?');
  return query < 0 ? target : target.slice(0, query);
}

/** All readings of `rawPath`, the request target up to its `?`, as received. Never throws. */
export function readPath(rawPath: string): PathReadings {
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
      if (workChars > MAX_WORK_CHARS || all.size >= MAX_READINGS) {
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
const includes = (text: string, apply: (reading: string) => string): Step => ({
  applies: (reading) => reading.includes(text),
  apply,
});

const BEYOND_ASCII = /[\x80-\xff]/;

/** No expression here can look at a character more than a fixed number of times: no nested repetition, no overlap. */
const STEPS: readonly Step[] = [
  includes('%', decodeOnce),
  // IIS and old JScript: %u0061.
  step(/%u[0-9a-f]{4}/i, (reading) =>
    reading.replace(/%u([0-9a-f]{4})/gi, (_, hex: string) => bytesOf(Number.parseInt(hex, 16))),
  ),
  // Decoders that check nothing take overlong UTF-8 (C1 A1) for ASCII.
  step(/[\xc0\xc1][\x80-\xbf]|\xe0[\x80-\x9f][\x80-\xbf]|\xf0[\x80-\x8f][\x80-\xbf]{2}/, decodeOverlong),
  { applies: (reading) => BEYOND_ASCII.test(reading) && !isUtf8(Buffer.from(reading, 'latin1')), apply: utf8OfLatin1 },
  step(BEYOND_ASCII, foldUnicode),
  includes('\\', (reading) => reading.replaceAll('\\', '/')),
  includes(';', (reading) => reading.replace(/;[^/]*/g, '')),
  step(/\/\.{1,2}(?:\/|$)/, removeDots),
  includes('//', (reading) => reading.replace(/\/{2,}/g, '/')),
  // `new URL(target, base)` takes //host/path for an authority.
  step(/^\/\/[^/]/, (reading) => reading.replace(/^\/\/[^/]*/, '') || '/'),
  // Strings of C end at NUL; a second parse ends the path at ? or #, and a line at CR or LF.
  ...['\0', '?', '#', '\r', '\n'].map((end) => includes(end, (reading) => reading.slice(0, reading.indexOf(end)))),
  // URL parsers drop TAB, CR and LF wherever they stand (WHATWG URL §4.4 step 3).
  step(/[\t\r\n]/, (reading) => reading.replace(/[\t\r\n]/g, '')),
  // Windows drops dots and spaces that end a name, and takes what follows a colon for a stream of the file.
  step(/[^./ ][. ]+(?:\/|$)/, dropTrailingDots),
  includes(':', (reading) => reading.replace(/:[^/]*/g, '')),
  // ASP.NET takes /(S(…))/ out wherever it stands, with its slash (CVE-2023-36899) or without; so may others after us.
  step(/\([A-Za-z]\([^()]*\)\)/, (reading) => reading.replace(/\([A-Za-z]\([^()]*\)\)/g, '')),
  step(/\/\([A-Za-z]\([^()]*\)\)/, (reading) => reading.replace(/\/\([A-Za-z]\([^()]*\)\)/g, '')),
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

function decodeOverlong(reading: string): string {
  return reading.replace(
    /[\xc0\xc1][\x80-\xbf]|\xe0[\x80-\x9f][\x80-\xbf]|\xf0[\x80-\x8f][\x80-\xbf]{2}/g,
    (sequence) => {
      // 6 bits of each continuation byte; what an overlong form leaves of the first one is below them.
      let codePoint = 0;
      for (let i = 1; i < sequence.length; i++) codePoint = (codePoint << 6) | (sequence.charCodeAt(i) & 0x3f);
      if (sequence.length === 2) codePoint |= (sequence.charCodeAt(0) & 0x1f) << 6;
      return codePoint < 0x80 ? String.fromCharCode(codePoint) : bytesOf(codePoint);
    },
  );
}

/** Names of old applications: E4 is their ä, which a route says as C3 A4. */
function utf8OfLatin1(reading: string): string {
  return Buffer.from(reading, 'utf8').toString('latin1');
}

/**
 * What is left when a server compares texts loosely: compatibility forms (fullwidth letters and slashes), accents (best-fit
 * conversions of Windows), ignorable characters, letters whose other case is ASCII (dotless i, long s, Kelvin sign).
 */
export function foldUnicode(reading: string): string {
  const text = Buffer.from(reading, 'latin1').toString('utf8');
  const folded = text
    .normalize('NFKD')
    .replace(/[\p{M}\p{Default_Ignorable_Code_Point}]/gu, '')
    .replace(/[\u2044\u2215\u29f8]/g, '/')
    .replace(/[\u2216\u29f5\u29f9]/g, '\\')
    // Upper case first: it is what makes ASCII of U+0131 and U+017F.
    .toUpperCase()
    .toLowerCase();
  return Buffer.from(folded, 'utf8').toString('latin1');
}

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

/** `/admin. ./x` → `/admin/x`; the segments `.` and `..` stay for `removeDots`. */
function dropTrailingDots(path: string): string {
  return path
    .split('/')
    .map((segment) => {
      if (segment === '.' || segment === '..') return segment;
      let end = segment.length;
      while (end > 0 && (segment[end - 1] === '.' || segment[end - 1] === ' ')) end--;
      // A segment of nothing but dots and spaces is a dot segment to Windows; the other readings have it.
      return end === 0 ? segment : segment.slice(0, end);
    })
    .join('/');
}

/** Without case and without final slashes: the form in which `use_only_cookies` routes are compared. */
export function foldPath(reading: string): string {
  const lower = reading.toLowerCase();
  let end = lower.length;
  while (end > 1 && lower[end - 1] === '/') end--;
  return lower.slice(0, end);
}
