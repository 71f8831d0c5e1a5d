/**
 * A small cookie jar of RFC 6265bis §5, with the habits of four kinds of browser.
 *
 * `off` neither keeps nor sends any; `session-only` forgets expiry dates, so that all are gone after a restart;
 * `first-party` has none in a frame of another site than the page around it; `on` does what Chromium does by default.
 */
import { getPublicSuffix } from 'tldts';
import { strip } from './blanks.ts';
import { isTrustworthy } from './site.ts';

export type CookieMode = 'off' | 'on' | 'session-only' | 'first-party';

export interface Cookie {
  readonly name: string;
  readonly value: string;
  readonly domain: string;
  readonly hostOnly: boolean;
  readonly path: string;
  readonly secure: boolean;
  readonly httpOnly: boolean;
  /** `Default`: the server said nothing, which is Lax but for the first two minutes. */
  readonly sameSite: 'Strict' | 'Lax' | 'None' | 'Default';
  /** Null: until the browser is closed. */
  readonly expiresAtMs: number | null;
  readonly createdAtMs: number;
}

/** What the jar has to know of the request that a cookie comes from or goes to. */
export interface CookieContext {
  readonly url: string;
  /** A page of another site stands around it, at whatever depth. */
  readonly isThirdParty: boolean;
  /**
   * The document that asks and those around it are of the same site. (Redirects do not count, as in Chromium, though
   * RFC 6265bis §5.2 would have them.)
   */
  readonly isSameSite: boolean;
  /** A navigation of the whole tab: by a safe method SameSite=Lax lets it through. */
  readonly isTopLevel: boolean;
  readonly isSafe: boolean;
}

/** RFC 6265bis §5.6 steps 5 and 6. */
const MAX_PAIR_BYTES = 4096;
const MAX_COOKIES = 1000;
/** RFC 6265bis §5.6.7.2. */
const LAX_ALLOW_UNSAFE_MS = 120_000;
/** RFC 6265bis §5.5: no cookie lives longer than 400 days. */
const MAX_AGE_MS = 400 * 86_400_000;

export class CookieJar {
  readonly mode: CookieMode;
  readonly #cookies = new Map<string, Cookie>();
  readonly #nowMs: () => number;

  constructor(mode: CookieMode, nowMs: () => number = Date.now) {
    this.mode = mode;
    this.#nowMs = nowMs;
  }

  /** All live cookies, oldest first. */
  list(): Cookie[] {
    this.#expire();
    return [...this.#cookies.values()];
  }

  clear(): void {
    this.#cookies.clear();
  }

  /** The browser is closed and opened again: session cookies are gone. */
  restart(): void {
    for (const [key, cookie] of this.#cookies) if (cookie.expiresAtMs === null) this.#cookies.delete(key);
  }

  /** Keep what the Set-Cookie field values of one response say; returns the cookies that were taken. */
  store(setCookies: readonly string[], context: CookieContext): Cookie[] {
    if (!this.#isAllowed(context)) return [];
    const taken: Cookie[] = [];
    for (const line of setCookies) {
      const cookie = readSetCookie(line, context.url, this.#nowMs());
      if (cookie === null) continue;
      if (cookie.sameSite !== 'None' && !context.isSameSite && !context.isTopLevel) continue;
      const key = `${cookie.name}\n${cookie.domain}\n${cookie.hostOnly}\n${cookie.path}`;
      const old = this.#cookies.get(key);
      const isDead = cookie.expiresAtMs !== null && cookie.expiresAtMs <= this.#nowMs();
      if (isDead) this.#cookies.delete(key);
      else this.#cookies.set(key, this.#keep(cookie, old));
      taken.push(cookie);
    }
    for (const key of this.#cookies.keys()) {
      if (this.#cookies.size <= MAX_COOKIES) break;
      this.#cookies.delete(key);
    }
    return taken;
  }

  /** The Cookie field value for a request, null for none (RFC 6265bis §5.8.3). */
  header(context: CookieContext): string | null {
    if (!this.#isAllowed(context)) return null;
    const { hostname, pathname } = new URL(context.url);
    const fitting = this.list().filter((cookie) => {
      const isHost = cookie.hostOnly ? cookie.domain === hostname : domainMatches(hostname, cookie.domain);
      if (!isHost || !pathMatches(pathname, cookie.path)) return false;
      if (cookie.secure && !isTrustworthy(context.url)) return false;
      if (context.isSameSite || cookie.sameSite === 'None') return true;
      if (!context.isTopLevel || cookie.sameSite === 'Strict') return false;
      // RFC 6265bis §5.6.7.2: logins that come back by a cross-site POST.
      const isFresh = cookie.sameSite === 'Default' && this.#nowMs() - cookie.createdAtMs < LAX_ALLOW_UNSAFE_MS;
      return context.isSafe || isFresh;
    });
    // Longer paths first, then older ones.
    fitting.sort((a, b) => b.path.length - a.path.length || a.createdAtMs - b.createdAtMs);
    return fitting.length === 0
      ? null
      : fitting.map(({ name, value }) => (name === '' ? value : `${name}=${value}`)).join('; ');
  }

  /** Whether a browser of this kind has any storage in such a place. */
  #isAllowed(context: CookieContext): boolean {
    if (this.mode === 'off') return false;
    return this.mode !== 'first-party' || !context.isThirdParty;
  }

  #keep(cookie: Cookie, old: Cookie | undefined): Cookie {
    const expiresAtMs = this.mode === 'session-only' ? null : cookie.expiresAtMs;
    return { ...cookie, expiresAtMs, createdAtMs: old?.createdAtMs ?? cookie.createdAtMs };
  }

  #expire(): void {
    const nowMs = this.#nowMs();
    for (const [key, { expiresAtMs }] of this.#cookies) {
      if (expiresAtMs !== null && expiresAtMs <= nowMs) this.#cookies.delete(key);
    }
  }
}

/** RFC 6265bis §5.6 and §5.7; null when the cookie is refused. */
function readSetCookie(line: string, url: string, nowMs: number): Cookie | null {
  if (/[\x00-\x08\x0a-\x1f\x7f]/.test(line)) return null;
  const [pair = '', ...attributes] = line.split(';');
  const { name, value } = readPair(pair);
  if ((name === '' && value === '') || name.length + value.length > MAX_PAIR_BYTES) return null;

  const { hostname, pathname } = new URL(url);
  let domain: string | null = null;
  let path = defaultPath(pathname);
  let isPathGiven = false;
  let secure = false;
  let httpOnly = false;
  let isPartitioned = false;
  let sameSite: Cookie['sameSite'] = 'Default';
  for (const [key, given] of attributes.map(readAttribute)) {
    if (key === 'domain') domain = given.replace(/^\./, '').toLowerCase();
    else if (key === 'path') {
      path = given.startsWith('/') ? given : defaultPath(pathname);
      isPathGiven = given === '/';
    } else if (key === 'secure') secure = true;
    else if (key === 'httponly') httpOnly = true;
    else if (key === 'partitioned') isPartitioned = true;
    else if (key === 'samesite') sameSite = sameSiteOf(given);
  }

  if (domain === '') domain = null;
  if (domain !== null && domain !== hostname && isPublicSuffix(domain)) return null;
  if (domain !== null && !domainMatches(hostname, domain)) return null;
  if (secure && !isTrustworthy(url)) return null;
  if ((sameSite === 'None' || isPartitioned) && !secure) return null;
  // It would be sent as a cookie of that name.
  if (name === '' && /^__(?:secure|host)-/i.test(value)) return null;
  if (/^__secure-/i.test(name) && !secure) return null;
  if (/^__host-/i.test(name) && !(secure && domain === null && isPathGiven)) return null;
  const hostOnly = domain === null;
  return {
    name,
    value,
    domain: domain ?? hostname,
    hostOnly,
    path,
    secure,
    httpOnly,
    sameSite,
    expiresAtMs: expiryOf(attributes, nowMs),
    createdAtMs: nowMs,
  };
}

/** A pair without a sign of equality is a value (RFC 6265bis §5.6 step 3). */
function readPair(pair: string): { name: string; value: string } {
  const equals = pair.indexOf('=');
  return { name: equals < 0 ? '' : strip(pair.slice(0, equals)), value: strip(pair.slice(equals + 1)) };
}

/** The name that a Set-Cookie field value gives, empty for none. */
export function cookieName(line: string): string {
  return readPair(line.split(';')[0] ?? '').name;
}

/** Whether a Set-Cookie field value takes a cookie away: its time is over. */
export function deletesCookie(line: string, nowMs: number): boolean {
  const expiresAtMs = expiryOf(line.split(';').slice(1), nowMs);
  return expiresAtMs !== null && expiresAtMs <= nowMs;
}

/** RFC 6265bis §5.7 steps 3 and 4; null for a cookie that lasts until the browser is closed. */
function expiryOf(attributes: readonly string[], nowMs: number): number | null {
  let maxAgeMs: number | null = null;
  let expiresAtMs: number | null = null;
  for (const [key, given] of attributes.map(readAttribute)) {
    if (key === 'max-age' && /^-?\d+$/.test(given)) maxAgeMs = Math.min(Number(given) * 1000, MAX_AGE_MS);
    else if (key === 'expires') expiresAtMs = readCookieDate(given) ?? expiresAtMs;
  }
  if (maxAgeMs !== null) expiresAtMs = maxAgeMs <= 0 ? 0 : nowMs + maxAgeMs;
  return expiresAtMs === null ? null : Math.min(expiresAtMs, nowMs + MAX_AGE_MS);
}

function readAttribute(attribute: string): [key: string, given: string] {
  const at = attribute.indexOf('=');
  const key = strip(at < 0 ? attribute : attribute.slice(0, at)).toLowerCase();
  return [key, at < 0 ? '' : strip(attribute.slice(at + 1))];
}

function sameSiteOf(value: string): Cookie['sameSite'] {
  const lower = value.toLowerCase();
  if (lower === 'none') return 'None';
  if (lower === 'strict') return 'Strict';
  return lower === 'lax' ? 'Lax' : 'Default';
}

function isPublicSuffix(domain: string): boolean {
  return getPublicSuffix(domain, { allowPrivateDomains: true }) === domain;
}

function domainMatches(host: string, domain: string): boolean {
  return host === domain || (host.endsWith(`.${domain}`) && !/^[\d.]+$|^\[/.test(host));
}

function pathMatches(requestPath: string, cookiePath: string): boolean {
  if (requestPath === cookiePath) return true;
  return requestPath.startsWith(cookiePath) && (cookiePath.endsWith('/') || requestPath[cookiePath.length] === '/');
}

/** RFC 6265bis §5.1.4. */
function defaultPath(pathname: string): string {
  const end = pathname.lastIndexOf('/');
  return end <= 0 ? '/' : pathname.slice(0, end);
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];

/** RFC 6265bis §5.1.1: milliseconds since 1970, or null for what is no date. */
export function readCookieDate(text: string): number | null {
  let time: [number, number, number] | null = null;
  let day: number | null = null;
  let month: number | null = null;
  let year: number | null = null;
  for (const token of text.split(/[\x09\x20-\x2f\x3b-\x40\x5b-\x60\x7b-\x7e]+/)) {
    const clock = /^(\d{1,2}):(\d{1,2}):(\d{1,2})(?:\D|$)/.exec(token);
    const monthIndex = MONTHS.indexOf(token.slice(0, 3).toLowerCase());
    if (time === null && clock !== null) time = [Number(clock[1]), Number(clock[2]), Number(clock[3])];
    else if (day === null && /^\d{1,2}(?:\D|$)/.test(token)) day = Number.parseInt(token, 10);
    else if (month === null && monthIndex >= 0) month = monthIndex;
    else if (year === null && /^\d{2,4}(?:\D|$)/.test(token)) year = Number.parseInt(token, 10);
  }
  if (time === null || day === null || month === null || year === null) return null;
  if (year >= 70 && year <= 99) year += 1900;
  else if (year <= 69) year += 2000;
  const [hour, minute, second] = time;
  if (day < 1 || day > 31 || year < 1601 || hour > 23 || minute > 59 || second > 59) return null;
  const date = new Date(Date.UTC(year, month, day, hour, minute, second));
  return date.getUTCDate() === day ? date.getTime() : null;
}
