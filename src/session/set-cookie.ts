/**
 * One Set-Cookie field value, read as a user agent reads it: RFC 6265 §5.2, with the bounds and the refusal of control
 * characters of RFC 6265bis §5.6. Whether the cookie may be kept is the jar's question (`jar.ts`).
 *
 * The date grammar of §5.1.1 is tough-cookie's. Its `Cookie.parse` is not used: it trims characters above 0x7F, which
 * damages a value of raw UTF-8 that ends in the byte 0xA0, and `cookie`'s reader has no lenient dates.
 */
import { parseDate } from 'tough-cookie';
import { NOT_FIELD_TEXT } from '../field-list.ts';
import { LIMITS } from '../limits.ts';

export interface SetCookie {
  readonly name: string;
  readonly value: string;
  /** Without a leading dot, in lower case; null when there is none or it is empty. */
  readonly domain: string | null;
  /** Begins with '/'; null stands for the default path. */
  readonly path: string | null;
  readonly isSecure: boolean;
  readonly isHttpOnly: boolean;
  /** Milliseconds of the clock; `-Infinity`: remove it; null: until the session ends. */
  readonly expiresAtMs: number | null;
}

interface Attributes {
  domain: string | null;
  path: string | null;
  isSecure: boolean;
  isHttpOnly: boolean;
  expires: number | null;
  /** Seconds as an absolute time; wins over `expires` (§5.3 step 3). */
  maxAge: number | null;
}

/** The cookie that `text` spells, or null when a user agent ignores it. Characters are bytes (latin1), as Node gives them. */
export function parseSetCookie(text: string, nowMs: number): SetCookie | null {
  // It would stop the request upstream.
  if (NOT_FIELD_TEXT.test(text)) return null;
  const pairEnd = text.indexOf(';');
  const pair = pairEnd < 0 ? text : text.slice(0, pairEnd);
  const equals = pair.indexOf('=');
  // §5.2 steps 2 and 5: no '=' or an empty name. RFC 6265bis keeps nameless cookies; an upstream could not tell them apart.
  if (equals < 0) return null;
  const name = trim(pair.slice(0, equals));
  const value = trim(pair.slice(equals + 1));
  if (name === '' || name.length + value.length > LIMITS.maxCookieBytes) return null;

  const attributes: Attributes = {
    domain: null,
    path: null,
    isSecure: false,
    isHttpOnly: false,
    expires: null,
    maxAge: null,
  };
  if (pairEnd >= 0) for (const part of text.slice(pairEnd + 1).split(';')) readAttribute(part, attributes, nowMs);
  const { domain, path, isSecure, isHttpOnly, expires, maxAge } = attributes;
  return { name, value, domain, path, isSecure, isHttpOnly, expiresAtMs: maxAge ?? expires };
}

/** §5.2.1-5.2.6; the last attribute of a name wins. */
function readAttribute(part: string, into: Attributes, nowMs: number): void {
  const equals = part.indexOf('=');
  const name = trim(equals < 0 ? part : part.slice(0, equals)).toLowerCase();
  const value = equals < 0 ? '' : trim(part.slice(equals + 1));
  if (value.length > LIMITS.maxCookieAttributeBytes) return;
  switch (name) {
    case 'expires': {
      const date = parseDate(value);
      if (date !== undefined) into.expires = date.getTime();
      return;
    }
    case 'max-age':
      if (/^-?[0-9]+$/.test(value)) into.maxAge = maxAgeEnd(Number(value), nowMs);
      return;
    case 'domain':
      // §5.2.3: an empty value is ignored (as if the attribute were not there).
      if (value !== '') into.domain = (value.startsWith('.') ? value.slice(1) : value).toLowerCase();
      return;
    case 'path':
      into.path = value.startsWith('/') ? value : null;
      return;
    case 'secure':
      into.isSecure = true;
      return;
    case 'httponly':
      into.isHttpOnly = true;
      return;
    default: // SameSite, Partitioned, Priority…: they rule when a browser attaches a cookie; here the SID decides.
  }
}

function maxAgeEnd(seconds: number, nowMs: number): number {
  if (seconds <= 0) return Number.NEGATIVE_INFINITY;
  return Math.min(nowMs + seconds * 1000, Number.MAX_SAFE_INTEGER);
}

/** Without blanks and TABs at its ends. Not by an expression: `[ \t]+$` looks at a run of blanks once from each of them. */
function trim(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}
