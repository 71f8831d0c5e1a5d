/**
 * The upstream's cookies, kept for a client that cannot keep them: RFC 6265 §5.1.2-5.1.4, §5.3 and §5.4, with the name
 * prefixes and the protection of Secure cookies of RFC 6265bis §5.7.
 *
 * Times are milliseconds of the caller's clock. The host is the one that the client asked, as a browser would see it, not
 * the upstream's name. Secure is judged by the client's scheme as well: the hop to the upstream is inside, often plain
 * http, and the application that sends Secure was told by X-Forwarded-Proto what the client speaks. A Secure cookie set
 * for a client on plain http is refused (RFC 6265bis §5.7 step 8), since that client could never send it back.
 *
 * Not here: SameSite (the SID, not a browser's context, says whose request it is) and writing by `cookie`, whose
 * serializer takes an object: no two cookies of one name, and it refuses names and values that applications do send.
 */
import { getPublicSuffix } from 'tldts';
import { defaultPath, domainMatch, pathMatch } from 'tough-cookie';
import { LIMITS } from '../limits.ts';
import { parseSetCookie, type SetCookie } from './set-cookie.ts';

/** What a request or response belongs to, as the client sees it. */
export interface CookieTarget {
  /** The client's scheme is https. */
  readonly isSecure: boolean;
  /** The Host field's value; a port is ignored (§8.5: cookies are not isolated by port), any case. */
  readonly host: string;
  /** The path of the request target as it goes upstream; a query is ignored. */
  readonly path: string;
}

/** What one Set-Cookie did. `repeated`: the very same again. `refreshed`: the same value with another end, Secure or HttpOnly. */
export interface CookieChange {
  readonly name: string;
  readonly kind: 'created' | 'replaced' | 'refreshed' | 'repeated' | 'deleted' | 'refused';
  readonly isHttpOnly: boolean;
  /** It has an end of its own (Expires or Max-Age). */
  readonly isPersistent: boolean;
  /** Its value is as long as identifiers are: 64 bits are 16 hexadecimal digits. */
  readonly isLong: boolean;
  /** And looks like one: letters and digits, and nothing that stands in words, lists and JSON. */
  readonly isToken: boolean;
}

const LONG_CHARS = 16;
const TOKEN = /^(?=.*[0-9])(?=.*[A-Za-z])[A-Za-z0-9+/=_.-]+$/;

interface StoredCookie {
  readonly name: string;
  readonly value: string;
  readonly domain: string;
  readonly isHostOnly: boolean;
  readonly path: string;
  readonly isSecure: boolean;
  readonly isHttpOnly: boolean;
  readonly expiresAtMs: number | null;
  /** Grows with each Set-Cookie of this jar: the smallest is evicted first. */
  readonly setOrder: number;
}

/** One cookie as it is stored: name, value, domain ('' as the one before), path, flags, end, set order. */
type CookieRow = readonly [string, string, string, string, number, number | null, number];
/** A jar as it is stored; JSON-safe. */
export type JarData = readonly CookieRow[];

const HOST_ONLY = 1;
const SECURE = 2;
const HTTP_ONLY = 4;

export class Jar {
  /** In the order of §5.4 step 2: longer paths first, then earlier creation. */
  #cookies: StoredCookie[];

  private constructor(cookies: StoredCookie[]) {
    this.#cookies = cookies;
  }

  static empty(): Jar {
    return new Jar([]);
  }

  /** A jar of one host-only cookie for every path and scheme, which scripts do not see. */
  static ofOne(name: string, value: string, host: string): Jar {
    const domain = canonicalHost(host);
    const rest = { isHostOnly: true, path: '/', isSecure: false, isHttpOnly: true, expiresAtMs: null, setOrder: 1 };
    return new Jar([{ name, value, domain, ...rest }]);
  }

  /** The jar that `toData` wrote. The data is our own (it was sealed): its form is not checked again. */
  static fromData(data: JarData): Jar {
    let domain = '';
    return new Jar(
      data.map(([name, value, ownDomain, path, flags, expiresAtMs, setOrder]) => {
        if (ownDomain !== '') domain = ownDomain;
        return {
          name,
          value,
          domain,
          isHostOnly: (flags & HOST_ONLY) !== 0,
          path,
          isSecure: (flags & SECURE) !== 0,
          isHttpOnly: (flags & HTTP_ONLY) !== 0,
          expiresAtMs,
          setOrder,
        };
      }),
    );
  }

  /** What is alive at `nowMs`, for the store. */
  toData(nowMs: number): JarData {
    let domain = '';
    return this.#alive(nowMs).map((cookie) => {
      const flags =
        (cookie.isHostOnly ? HOST_ONLY : 0) | (cookie.isSecure ? SECURE : 0) | (cookie.isHttpOnly ? HTTP_ONLY : 0);
      const ownDomain = cookie.domain === domain ? '' : cookie.domain;
      domain = cookie.domain;
      return [cookie.name, cookie.value, ownDomain, cookie.path, flags, cookie.expiresAtMs, cookie.setOrder];
    });
  }

  clone(): Jar {
    return new Jar([...this.#cookies]);
  }

  /**
   * The value of the Cookie field for `target` (§5.4), '' when there is none. At most `LIMITS.maxCookieHeaderBytes`: the
   * cookies that come last in the order are left out.
   */
  cookieHeader(target: CookieTarget, nowMs: number): string {
    if (this.#cookies.length === 0) return '';
    const host = canonicalHost(target.host);
    const path = pathOf(target.path);
    let text = '';
    for (const cookie of this.#cookies) {
      const isSent =
        isAlive(cookie, nowMs) &&
        (target.isSecure || !cookie.isSecure) &&
        (cookie.isHostOnly ? cookie.domain === host : isDomainMatch(host, cookie.domain)) &&
        isPathMatch(path, cookie.path);
      if (!isSent) continue;
      const length = text.length + cookie.name.length + cookie.value.length + 3;
      if (length > LIMITS.maxCookieHeaderBytes) break;
      text += text === '' ? `${cookie.name}=${cookie.value}` : `; ${cookie.name}=${cookie.value}`;
    }
    return text;
  }

  /** True when a cookie of this name is kept, for whatever path. */
  has(name: string): boolean {
    return this.#cookies.some((cookie) => cookie.name === name);
  }

  /** True when nothing is left that could ever be sent. */
  isEmpty(nowMs: number): boolean {
    return !this.#cookies.some((cookie) => isAlive(cookie, nowMs));
  }

  /** Take the Set-Cookie fields of one response in their order (§5.3); one change for each of them. */
  setFromResponse(setCookies: readonly string[], target: CookieTarget, nowMs: number): CookieChange[] {
    const origin = { isSecure: target.isSecure, host: canonicalHost(target.host), path: pathOf(target.path) };
    this.#cookies = this.#alive(nowMs);
    return setCookies.map((text) => {
      const parsed = parseSetCookie(text, nowMs);
      const cookie = parsed === null ? null : admit(parsed, origin, this.#nextOrder());
      if (cookie === null) {
        const name = parsed?.name ?? '';
        return { name, kind: 'refused', isHttpOnly: false, isPersistent: false, isLong: false, isToken: false };
      }
      const { name, isHttpOnly, value } = cookie;
      const kind = this.#put(cookie, origin, nowMs);
      const isLong = value.length >= LONG_CHARS;
      const isPersistent = cookie.expiresAtMs !== null;
      return { name, kind, isHttpOnly, isPersistent, isLong, isToken: isLong && TOKEN.test(value) };
    });
  }

  /** §5.3 steps 11 and 12. */
  #put(cookie: StoredCookie, origin: CookieTarget, nowMs: number): CookieChange['kind'] {
    if (!origin.isSecure && this.#hidesSecure(cookie)) return 'refused';
    const at = this.#cookies.findIndex((other) => isSameCookie(other, cookie));
    const old = this.#cookies[at];
    if (!isAlive(cookie, nowMs)) {
      if (old === undefined) return 'refused';
      this.#cookies.splice(at, 1);
      return 'deleted';
    }
    if (old !== undefined) {
      // Same path, so the same place: the creation time is kept (step 11.3).
      this.#cookies[at] = cookie;
      if (old.value !== cookie.value) return 'replaced';
      return hasSameMarks(old, cookie) ? 'repeated' : 'refreshed';
    }
    const after = this.#cookies.findIndex((other) => other.path.length < cookie.path.length);
    this.#cookies.splice(after < 0 ? this.#cookies.length : after, 0, cookie);
    if (this.#cookies.length > LIMITS.maxCookiesPerJar) this.#evict();
    return 'created';
  }

  /** RFC 6265bis §5.7: a plain-http response must not shadow a Secure cookie of the same name. */
  #hidesSecure(cookie: StoredCookie): boolean {
    return this.#cookies.some(
      (other) =>
        other.isSecure &&
        other.name === cookie.name &&
        (isDomainMatch(other.domain, cookie.domain) || isDomainMatch(cookie.domain, other.domain)) &&
        pathMatch(cookie.path, other.path),
    );
  }

  /** One too many: a cookie without Secure goes first, then the one that was set longest ago (RFC 6265bis §5.7). */
  #evict(): void {
    const open = this.#cookies.filter((cookie) => !cookie.isSecure);
    const [first, ...rest] = open.length > 0 ? open : this.#cookies;
    const oldest = rest.reduce((a, b) => (b.setOrder < a!.setOrder ? b : a), first);
    this.#cookies = this.#cookies.filter((cookie) => cookie !== oldest);
  }

  #alive(nowMs: number): StoredCookie[] {
    return this.#cookies.filter((cookie) => isAlive(cookie, nowMs));
  }

  #nextOrder(): number {
    return this.#cookies.reduce((most, cookie) => Math.max(most, cookie.setOrder), 0) + 1;
  }
}

/** §5.3 steps 4-9 and the prefixes of RFC 6265bis §5.7: the cookie to keep (or to remove by), null when it is refused. */
function admit(parsed: SetCookie, origin: CookieTarget, setOrder: number): StoredCookie | null {
  const { name, value, isSecure, isHttpOnly, expiresAtMs } = parsed;
  if (isSecure && !origin.isSecure) return null;
  let domain = parsed.domain;
  if (domain !== null && domain !== origin.host && isPublicSuffix(domain)) return null;
  // Step 5: a host that is a public suffix itself (localhost) may name itself, and then stands alone.
  if (domain !== null && isPublicSuffix(domain)) domain = null;
  if (domain !== null && !isDomainMatch(origin.host, domain)) return null;

  const isHostOnly = domain === null;
  const path = parsed.path ?? defaultPath(origin.path);
  const lowerName = name.toLowerCase();
  if (lowerName.startsWith('__secure-') && !isSecure) return null;
  if (lowerName.startsWith('__host-') && !(isSecure && isHostOnly && parsed.path === '/')) return null;
  return { name, value, domain: domain ?? origin.host, isHostOnly, path, isSecure, isHttpOnly, expiresAtMs, setOrder };
}

function isSameCookie(a: StoredCookie, b: StoredCookie): boolean {
  // RFC 6265bis §5.7 adds host-only to the identity, so that two hosts cannot overwrite each other's cookie.
  return a.name === b.name && a.path === b.path && a.domain === b.domain && a.isHostOnly === b.isHostOnly;
}

function hasSameMarks(a: StoredCookie, b: StoredCookie): boolean {
  return a.expiresAtMs === b.expiresAtMs && a.isSecure === b.isSecure && a.isHttpOnly === b.isHttpOnly;
}

function isAlive(cookie: StoredCookie, nowMs: number): boolean {
  return cookie.expiresAtMs === null || cookie.expiresAtMs > nowMs;
}

/** §5.1.3; both are canonical. Nearly all cookies name the very host: the general rule is slower. */
function isDomainMatch(host: string, domain: string): boolean {
  return host === domain || domainMatch(host, domain, false) === true;
}

/** §5.1.4; nearly all cookies are for '/'. */
function isPathMatch(path: string, cookiePath: string): boolean {
  return cookiePath === '/' || pathMatch(path, cookiePath);
}

/** True for a name under which strangers register theirs ('co.uk', 'github.io') and for names of one label. */
function isPublicSuffix(domain: string): boolean {
  return getPublicSuffix(domain, { allowPrivateDomains: true }) === domain;
}

const PORT = /:[0-9]*$/;

/** The host in lower case without its port; an IPv6 address keeps its brackets. */
function canonicalHost(host: string): string {
  return host.replace(PORT, '').toLowerCase();
}

function pathOf(target: string): string {
  const query = target.indexOf('?');
  const path = query < 0 ? target : target.slice(0, query);
  return path.startsWith('/') ? path : '/';
}
