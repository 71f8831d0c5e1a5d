/**
 * PHP's rules for one URL: how it is taken apart, whether it may change, and how it is put together again [PHP 3, 6].
 *
 * All strings are byte strings (one character a byte, as `latin1` gives them): PHP knows no charset here. What PHP does
 * wrong is done wrong as well, for this is its behaviour to the byte; whether the result may leave is decided elsewhere
 * (`response/php-marker.ts` asks the scope).
 */

/** The parts of a URL as PHP's `parse_url` gives them since 8.0; null for a part that is absent, 0 for no port. */
export interface PhpUrl {
  scheme: string | null;
  user: string | null;
  password: string | null;
  host: string | null;
  port: number;
  path: string | null;
  query: string | null;
  fragment: string | null;
}

const MAX_PORT = 65535;
const MAX_PORT_DIGITS = 5;
const SCHEME = /^[A-Za-z0-9+.-]*$/;
const CONTROL = /[\x00-\x1f\x7f]/;
const CONTROLS = /[\x00-\x1f\x7f]/g;
/** What C's `strtol` takes for a number at the beginning of a string. */
const STRTOL = /^[ \t\n\v\f\r]*([+-]?[0-9]+)/;

/** Take `value` apart [PHP 3.24]. Null where PHP finds it unparsable [PHP 3.14]. */
function parsePhpUrl(value: string): PhpUrl | null {
  const url: PhpUrl = {
    scheme: null,
    user: null,
    password: null,
    host: null,
    port: 0,
    path: null,
    query: null,
    fragment: null,
  };
  const colon = value.indexOf(':');
  const isNetworkPath = value.startsWith('//');
  if (colon === 0) return parseFromPort(url, value, colon);
  if (colon < 0) return isNetworkPath ? parseFromHost(url, value, 2) : parseFromPath(url, value, 0);

  if (!SCHEME.test(value.slice(0, colon))) {
    const isBehindMark = indexOfAny(value, 0, '?#') < colon;
    if (colon + 1 < value.length && !isBehindMark) return parseFromPort(url, value, colon);
    return isNetworkPath ? parseFromHost(url, value, 2) : parseFromPath(url, value, 0);
  }

  if (colon + 1 < value.length && value[colon + 1] !== '/' && portEnd(value, colon + 1) >= 0) {
    return parseFromPort(url, value, colon);
  }
  url.scheme = withoutControls(value.slice(0, colon));
  if (colon + 1 === value.length) return url;
  if (!value.startsWith('//', colon + 1)) return parseFromPath(url, value, colon + 1);
  if (url.scheme.toLowerCase() === 'file' && value[colon + 3] === '/') return parseFromPath(url, value, colon + 3);
  return parseFromHost(url, value, colon + 3);
}

/** Where one to five digits from `start` on end, if `/` or the end of the value follows them; else -1. */
function portEnd(value: string, start: number): number {
  let end = start;
  while (end - start <= MAX_PORT_DIGITS && isDigit(value, end)) end++;
  const digits = end - start;
  if (digits === 0 || digits > MAX_PORT_DIGITS) return -1;
  return end === value.length || value[end] === '/' ? end : -1;
}

function isDigit(value: string, at: number): boolean {
  const code = value.charCodeAt(at);
  return code >= 0x30 && code <= 0x39;
}

/** The step PORT: the colon does not end a scheme, so it may stand before a port. */
function parseFromPort(url: PhpUrl, value: string, colon: number): PhpUrl | null {
  const isNetworkPath = value.startsWith('//');
  const end = portEnd(value, colon + 1);
  if (end >= 0) {
    const port = Number(value.slice(colon + 1, end));
    if (port > MAX_PORT) return null;
    url.port = port;
    return parseFromHost(url, value, isNetworkPath ? 2 : 0);
  }
  if (colon + 1 === value.length) return null;
  return isNetworkPath ? parseFromHost(url, value, 2) : parseFromPath(url, value, 0);
}

/** The step HOST: userinfo, host and port stand from `start` to the next `/`, `?` or `#`. */
function parseFromHost(url: PhpUrl, value: string, start: number): PhpUrl | null {
  const end = indexOfAny(value, start, '/?#');
  let rest = value.slice(start, end);
  const at = rest.lastIndexOf('@');
  if (at >= 0) {
    const userinfo = rest.slice(0, at);
    const parting = userinfo.indexOf(':');
    url.user = withoutControls(parting < 0 ? userinfo : userinfo.slice(0, parting));
    if (parting >= 0) url.password = withoutControls(userinfo.slice(parting + 1));
    rest = rest.slice(at + 1);
  }
  const isBracketed = rest.startsWith('[') && rest.endsWith(']');
  const colon = isBracketed ? -1 : rest.lastIndexOf(':');
  if (colon >= 0) {
    // A port that the step PORT found counts; what stands here is then cut off without a look.
    if (url.port === 0) {
      const port = readPort(rest.slice(colon + 1));
      if (port === null) return null;
      url.port = port;
    }
    rest = rest.slice(0, colon);
  }
  if (rest === '') return null;
  url.host = withoutControls(rest);
  return end === value.length ? url : parseFromPath(url, value, end);
}

/** The number behind the host's colon; 0 for none, null where PHP refuses the URL. */
function readPort(text: string): number | null {
  if (text === '') return 0;
  if (text.length > MAX_PORT_DIGITS) return null;
  const number = STRTOL.exec(text)?.[1];
  if (number === undefined) return null;
  const port = Number(number);
  // `-0` is 0 to strtol.
  return port >= 0 && port <= MAX_PORT ? Math.abs(port) : null;
}

/** The step PATH: path, query and fragment stand from `start` to the end. */
function parseFromPath(url: PhpUrl, value: string, start: number): PhpUrl {
  let end = value.length;
  const hash = value.indexOf('#', start);
  if (hash >= 0) {
    url.fragment = withoutControls(value.slice(hash + 1));
    end = hash;
  }
  const mark = value.indexOf('?', start);
  if (mark >= 0 && mark < end) {
    url.query = withoutControls(value.slice(mark + 1, end));
    end = mark;
  }
  if (start < end || start === value.length) url.path = withoutControls(value.slice(start, end));
  return url;
}

/** Offset of the first of `wanted` at `start` or behind it, else the length of the value. */
function indexOfAny(value: string, start: number, wanted: string): number {
  for (let at = start; at < value.length; at++) {
    if (wanted.includes(value.charAt(at))) return at;
  }
  return value.length;
}

/** PHP writes `_` for each control byte of every part [PHP 3.17]. */
function withoutControls(part: string): string {
  return CONTROL.test(part) ? part.replace(CONTROLS, '_') : part;
}

/** What is put on URLs, and on which. */
export interface PhpUrlSettings {
  /** `name=value`, percent-encoded; several joined with the separator. */
  readonly pairs: string;
  /** `arg_separator.output`, raw [PHP 4.6]. */
  readonly separator: string;
  /** Lower-case hosts whose absolute URLs are changed; no ports, no wildcards [PHP 6.1]. */
  readonly linkHosts: ReadonlySet<string>;
}

/** What a scan of a value found; one object is used again and again, so that a link costs no allocation. */
export interface PlainPhpValue {
  /** Where the pairs go: before the first `#`, or at the end. */
  insertAt: number;
  hasQuery: boolean;
  /** Browsers read it as it is written: nothing in it is decoded, stripped or turned round. */
  isLiteral: boolean;
}

// Classes of bytes, in the order of what they spoil.
const ORDINARY = 0;
const QUESTION = 1;
const HASH = 2;
const AMPERSAND = 3;
const NOT_LITERAL = 4;
const NOT_PLAIN = 5;
const CLASS = new Uint8Array(256);
CLASS.fill(NOT_PLAIN, 0, 0x20);
for (const [byte, kind] of [
  [0x7f, NOT_PLAIN],
  [0x3a, NOT_PLAIN],
  [0x3f, QUESTION],
  [0x23, HASH],
  [0x26, AMPERSAND],
  [0x5c, NOT_LITERAL],
  [0x20, NOT_LITERAL],
] as const) {
  CLASS[byte] = kind;
}

/**
 * True if `bytes[start, end)` is a value that PHP leaves as it is but for the pairs, as most links of most pages are: no
 * colon, no authority, no control byte, not `#…`. Then `found` is filled in; offsets are into the bytes.
 */
export function scanPlainPhpValue(bytes: Uint8Array, start: number, end: number, found: PlainPhpValue): boolean {
  if (bytes[start] === 0x2f && end - start > 1 && bytes[start + 1] === 0x2f) return false;
  if (start < end && bytes[start] === 0x23) return false;
  found.insertAt = end;
  found.hasQuery = false;
  found.isLiteral = true;
  for (let at = start; at < end; at++) {
    switch (CLASS[bytes[at] ?? 0]) {
      case ORDINARY:
        break;
      case QUESTION:
        if (found.insertAt === end) found.hasQuery = true;
        break;
      case HASH:
        if (found.insertAt === end) found.insertAt = at;
        break;
      case AMPERSAND:
        // `&amp;` is an ampersand, which parts nothing but parameters.
        if (!isAmp(bytes, at, end)) found.isLiteral = false;
        break;
      case NOT_LITERAL:
        found.isLiteral = false;
        break;
      default:
        return false;
    }
  }
  return true;
}

function isAmp(bytes: Uint8Array, at: number, end: number): boolean {
  return (
    at + 4 < end && bytes[at + 1] === 0x61 && bytes[at + 2] === 0x6d && bytes[at + 3] === 0x70 && bytes[at + 4] === 0x3b
  );
}

/** The value as PHP writes it with the pairs put on, or null where PHP leaves it alone [PHP 3.1]. */
export function appendPhpPairs(value: string, settings: PhpUrlSettings): string | null {
  const url = parsePhpUrl(value);
  if (url === null) return null;
  if (url.fragment !== null && value.charCodeAt(0) === 0x23) return null;
  if (url.scheme !== null && !isHttpScheme(url.scheme)) return null;
  if (url.host !== null && !settings.linkHosts.has(lowerAscii(url.host))) return null;
  if (url.path === null && url.query === null && url.fragment === null) return `${value}/?${settings.pairs}`;
  return rebuild(url, value, settings);
}

function rebuild(url: PhpUrl, value: string, settings: PhpUrlSettings): string {
  let out = '';
  if (url.scheme !== null) out += `${url.scheme}://`;
  else if (value.startsWith('//')) out += '//';
  if (url.user !== null) {
    out += url.user;
    // The password moves before its colon [PHP 3.13]: PHP's bytes, not a slip of ours.
    if (url.password !== null) out += `${url.password}:`;
    out += '@';
  }
  if (url.host !== null) out += url.host;
  if (url.port !== 0) out += `:${url.port}`;
  if (url.path !== null) out += url.path;
  out += '?';
  if (url.query !== null) out += url.query + settings.separator;
  out += settings.pairs;
  if (url.fragment !== null) out += `#${url.fragment}`;
  return out;
}

/** Which actions let a form have hidden fields [PHP 6.4, 7.4]. */
export interface PhpFormSettings {
  /** Lower-case hosts; where it is empty, the host of `httpHost` is the one allowed. */
  readonly formHosts: ReadonlySet<string>;
  /** The Host field of the request as the client sent it, null for none. */
  readonly httpHost: string | null;
}

/** Does PHP put hidden fields into a form whose last `action` is `action` (null: none was seen)? */
export function mayPhpFormHoldFields(action: string | null, settings: PhpFormSettings): boolean {
  if (action === null || action === '') return true;
  const url = parsePhpUrl(action);
  if (url === null) return false;
  if (url.scheme !== null && !isHttpScheme(url.scheme)) return false;
  if (url.host === null) return true;
  // The list is compared with the host's own case [PHP 6.4].
  if (settings.formHosts.size > 0) return settings.formHosts.has(url.host);
  return settings.httpHost !== null && lowerAscii(url.host) === hostOf(settings.httpHost);
}

function hostOf(httpHost: string): string {
  const colon = httpHost.indexOf(':');
  return lowerAscii(colon < 0 ? httpHost : httpHost.slice(0, colon));
}

function isHttpScheme(scheme: string): boolean {
  const lower = lowerAscii(scheme);
  return lower === 'http' || lower === 'https';
}

/** ASCII only: `toLowerCase` would also change the bytes 0xC0-0xDE of a byte string. */
export function lowerAscii(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}
