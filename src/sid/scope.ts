/**
 * May this URL carry our SID? The one place that decides it, for links, forms and header fields alike.
 *
 * A reference is resolved as browsers do (WHATWG URL) and must lead to http(s) on an origin of ours, without userinfo,
 * never from an https page to an http URL, and inside the path scope. Everything else keeps the SID away: a wrong "no"
 * costs one client its session, a wrong "yes" gives it to a stranger. No I/O, no state but a memo.
 */
import { MemoBudget } from './memo-budget.ts';
import { parseUrl } from './parse-url.ts';

/** Why a URL is left as it stands. */
export type SkipReason =
  /** `#top`: the document itself, no request. */
  | 'fragment-only'
  /** `javascript:`, `mailto:`, `data:`, `blob:`… */
  | 'not-http'
  | 'foreign-origin'
  /** `http://user@own/`: a SID has no business beside a password. */
  | 'userinfo'
  /** From an https page to an http URL: the SID would cross the network in clear. */
  | 'downgrade'
  /** Not below the path scope, or a place where a SID in a URL is not honoured. */
  | 'outside-path'
  /** A browser cannot follow it either. */
  | 'unparsable';

export type Judgement = 'mark' | SkipReason;

export interface ScopeOptions {
  /** The origin of the request as the client sees it, e.g. `https://shop.example:8443`. Throws TypeError if it is none. */
  readonly origin: string;
  /** Further origins that are ours under another name, e.g. the upstream's. */
  readonly aliases?: Iterable<string>;
  /** `trans_sid_hosts`: `host` (at the default port), `host:port`, or an origin with its scheme. Throws TypeError if that is none. */
  readonly hosts?: Iterable<string>;
  /** Only paths from here on, however escaped; `/shop` covers `/shop` and `/shop/x`, not `/shopping`. Default `/`: all. */
  readonly path?: string;
  /**
   * True for a path of a host, with its port, where a SID in a URL is never honoured. Must always say the same: the answers are
   * remembered. Aliases are asked for as the own host.
   */
  readonly isExcluded?: (path: string, host: string) => boolean;
  /** Shared by scopes that are remembered together. Default: one of its own. */
  readonly budget?: MemoBudget;
}

/** What relative references are resolved against: the document's URL, or what its `<base>` makes of it. */
export interface Base {
  /** Absolute, without fragment. */
  readonly href: string;
  readonly url: URL;
  /** The path, perhaps with dot segments and bytes as they came. */
  readonly path: string;
  /** On our own origin, not on one of the others that may carry the SID. */
  readonly isOwn: boolean;
  /** The judgement of references that keep the base's origin, as far as it does not depend on their path. */
  readonly judgement: Judgement;
}

/** A base on our own origin, which is looked into only when somebody asks: most pages have plain links alone. */
class OwnBase implements Base {
  readonly isOwn = true;
  readonly judgement = 'mark';
  readonly #spelt: string;
  readonly #originChars: number;
  readonly #unmark: ((url: string) => string) | null;
  #href: string | null = null;
  #path: string | null = null;
  #url: URL | null = null;

  constructor(spelt: string, originChars: number, unmark: ((url: string) => string) | null) {
    this.#spelt = spelt;
    this.#originChars = originChars;
    this.#unmark = unmark;
  }

  get href(): string {
    this.#href ??= before(this.#unmark === null ? this.#spelt : this.#unmark(this.#spelt), '#');
    return this.#href;
  }

  get path(): string {
    this.#path ??= before(this.href.slice(this.#originChars), '?') || '/';
    return this.#path;
  }

  get url(): URL {
    this.#url ??= new URL(this.href);
    return this.#url;
  }
}

function before(text: string, end: string): string {
  const at = text.indexOf(end);
  return at < 0 ? text : text.slice(0, at);
}

/** Paths whose judgement is remembered, and how long they may be; the list starts anew when it is full. */
const MAX_MEMO = 1024;
const MAX_MEMO_CHARS = 200;
/** Hosts that are remembered as foreign or not. */
const MAX_AUTHORITIES = 64;
/** Directories whose plain paths are remembered, and how many of each. */
const MAX_DIRECTORIES = 64;
const MAX_BYTE_MEMO = 256;

/** What follows the origin in a URL on it. */
const BEHIND_ORIGIN: ReadonlySet<string | undefined> = new Set(['/', '?', '#', undefined]);

const TAB_OR_NEWLINE = /[\t\n\r]/g;
/**
 * An authority that a backslash ends, as browsers read it, with an `@` behind. Clients that go by RFC 3986 read on: of
 * `http://own\@evil/` they make a user and a host. It is never empty: else each of many backslashes could end one.
 */
const SEEMS_USERINFO = /^(?:[a-z][a-z0-9+.-]*:)?[/\\]{2,}[^/\\?#]+\\[^/?#]*@/i;
const NON_ASCII = /[^\0-\x7F]/;
const HEAD = /^([a-z][a-z0-9+.-]*:)?([/\\]*)([^/\\?#]*)/i;

export class Scope {
  readonly #isSecure: boolean;
  readonly #origins = new Set<string>();
  readonly #aliases = new Set<string>();
  readonly #path: string;
  readonly #pathPrefix: string;
  readonly #isExcluded: ((path: string, host: string) => boolean) | null;
  readonly #host: string;
  /** By path, of other hosts than our own with the host in front. */
  readonly #memo = new Map<string, boolean>();
  readonly #plainPaths = new Map<string, ByteMemo>();
  readonly #authorities = new Map<string, boolean>();
  readonly #budget: MemoBudget;
  /** True if each path of our origins may be marked: then a reference's path need not be looked at. */
  readonly coversAllPaths: boolean;
  /** The own origin as links spell it, lower case, no slash at the end. */
  readonly origin: string;

  constructor(options: ScopeOptions) {
    const own = new URL(options.origin);
    this.origin = own.origin;
    this.#host = own.host;
    this.#isSecure = own.protocol === 'https:';
    this.#origins.add(own.origin);
    for (const alias of options.aliases ?? []) this.#aliases.add(new URL(alias).origin);
    this.#aliases.delete(own.origin);
    for (const alias of this.#aliases) this.#origins.add(alias);
    for (const host of options.hosts ?? []) {
      if (host.includes('://')) this.#origins.add(new URL(host).origin);
      else for (const scheme of ['http', 'https']) this.#addHost(`${scheme}://${host}`);
    }
    const path = equivalent(new URL(`http://host${options.path ?? '/'}`).pathname);
    this.#path = path.endsWith('/') ? path.slice(0, -1) : path;
    this.#pathPrefix = `${this.#path}/`;
    this.#isExcluded = options.isExcluded ?? null;
    this.#budget = options.budget ?? new MemoBudget();
    this.coversAllPaths = this.#path === '' && this.#isExcluded === null;
  }

  /** What is no host, and perhaps a port, is none of ours. */
  #addHost(url: string): void {
    const parsed = parseUrl(url);
    if (parsed !== null && parsed.href === `${parsed.origin}/`) this.#origins.add(parsed.origin);
  }

  get hasAliases(): boolean {
    return this.#aliases.size > 0;
  }

  /**
   * A base of references. `url` is absolute; `unmark`, which leaves origins alone, takes the SID off it. Throws TypeError if
   * it is no URL.
   */
  base(url: string, unmark: ((url: string) => string) | null = null): Base {
    if (url.startsWith(this.origin) && BEHIND_ORIGIN.has(url[this.origin.length])) {
      return new OwnBase(url, this.origin.length, unmark);
    }
    const parsed = new URL(unmark === null ? url : unmark(url));
    parsed.hash = '';
    const isOwn = parsed.origin === this.origin;
    return { href: parsed.href, url: parsed, path: parsed.pathname, isOwn, judgement: this.#judgeOrigin(parsed) };
  }

  /**
   * Is a scheme and an authority, spelt plainly as `https://cdn.example`, of somebody else? Links abroad mostly go to a few
   * hosts, and no more than this need be read of them.
   */
  isForeignAuthority(text: string): boolean {
    const known = this.#authorities.get(text);
    if (known !== undefined) return known;
    const url = parseUrl(text);
    const isForeign = url !== null && this.#judgeOrigin(url) === 'foreign-origin';
    if (text.length > MAX_MEMO_CHARS) return isForeign;
    this.#budget.put(this.#authorities, MAX_AUTHORITIES, text, isForeign);
    return isForeign;
  }

  /**
   * Judge a reference as it stands in a document or a header field, character references decoded.
   *
   * Characters above U+007F stand for bytes of any charset: an authority that has one is not ours. The empty reference
   * is the base itself and is judged like one with a path.
   */
  judge(reference: string, base: Base): Judgement {
    const clean = cleanReference(reference);
    if (clean.startsWith('#')) return 'fragment-only';
    if (SEEMS_USERINFO.test(clean)) return 'userinfo';
    const url = resolveReference(clean, base.url);
    if (url === null) return 'unparsable';
    return url === 'unreadable' ? 'foreign-origin' : this.judgeUrl(url);
  }

  /**
   * A clean reference to an alias, as it is on our own origin: `authority` ends where the reference's own path begins.
   * Null for all others, so for all of a scope without aliases.
   */
  onOwnOrigin(clean: string, authority: number, base: Base): string | null {
    if (authority === 0 || hasUnreadableHost(clean, base.url)) return null;
    const url = parseUrl(clean, base.href);
    if (url === null || !this.#aliases.has(url.origin) || url.username !== '' || url.password !== '') return null;
    return this.origin + clean.slice(authority);
  }

  /** Is a path of an origin of ours inside the scope? `path` starts with `/` and may have dot segments, but no query. */
  coversPath(path: string, host = this.#host): boolean {
    if (this.coversAllPaths) return true;
    const known = host === this.#host ? path : host + path;
    let covers = this.#memo.get(known);
    if (covers !== undefined) return covers;
    const { pathname } = new URL(`http://host${encodeBytes(path)}`);
    const spelt = equivalent(pathname);
    covers = spelt === this.#path || spelt.startsWith(this.#pathPrefix);
    if (covers && this.#isExcluded !== null) covers = !this.#isExcluded(pathname, host);
    if (path.length > MAX_MEMO_CHARS) return covers;
    this.#budget.put(this.#memo, MAX_MEMO, known, covers);
    return covers;
  }

  /** Whether paths of our own origin are covered that hang on a directory, which ends in a slash; '' for those that begin with one themselves. */
  plainPaths(directory: string): PlainPaths {
    const known = this.#plainPaths.get(directory);
    if (known !== undefined) return known;
    const made = new ByteMemo((path) => this.coversPath(directory + path), this.#budget);
    if (directory.length > MAX_MEMO_CHARS) return made;
    this.#budget.put(this.#plainPaths, MAX_DIRECTORIES, directory, made);
    return made;
  }

  /** Judge a URL that is resolved already. */
  judgeUrl(url: URL): Judgement {
    const judgement = this.#judgeOrigin(url);
    if (judgement !== 'mark') return judgement;
    const host = this.#aliases.has(url.origin) ? this.#host : url.host;
    return this.coversPath(url.pathname, host) ? 'mark' : 'outside-path';
  }

  #judgeOrigin(url: URL): Judgement {
    // The scheme comes first: the origin of blob:http://own/ is http://own.
    if (!isHttp(url)) return 'not-http';
    if (!this.#origins.has(url.origin)) return 'foreign-origin';
    if (url.username !== '' || url.password !== '') return 'userinfo';
    return this.#isSecure && url.protocol === 'http:' ? 'downgrade' : 'mark';
  }
}

/** Judgements of texts as they stand in a page: bytes, so that a link costs no string. */
class ByteMemo {
  readonly #judge: (text: string) => boolean;
  readonly #budget: MemoBudget;
  readonly #byHash = new Map<number, { readonly text: Uint8Array; readonly judgement: boolean }>();

  constructor(judge: (text: string) => boolean, budget: MemoBudget) {
    this.#judge = judge;
    this.#budget = budget;
  }

  /** The judgement of `bytes[start, end)`; `hash` is the same for the same bytes. */
  of(bytes: Buffer, start: number, end: number, hash: number): boolean {
    const known = this.#byHash.get(hash);
    if (known !== undefined && isEqual(known.text, bytes, start, end)) return known.judgement;
    const judgement = this.#judge(bytes.toString('latin1', start, end));
    if (end - start > MAX_MEMO_CHARS) return judgement;
    const text = Uint8Array.prototype.slice.call(bytes, start, end);
    this.#budget.put(this.#byHash, MAX_BYTE_MEMO, hash, { text, judgement });
    return judgement;
  }
}

/** What `Scope.plainPaths` gives. */
export type PlainPaths = Pick<ByteMemo, 'of'>;

function isEqual(text: Uint8Array, bytes: Buffer, start: number, end: number): boolean {
  if (text.length !== end - start) return false;
  // Neighbours mostly differ at their ends.
  for (let i = text.length - 1; i >= 0; i--) if (bytes[start + i] !== text[i]) return false;
  return true;
}

/** The reference without what a URL parser removes first: C0 and space at its ends, TAB, LF, CR (WHATWG URL §4.4). */
export function cleanReference(reference: string): string {
  let start = 0;
  let end = reference.length;
  while (start < end && reference.charCodeAt(start) <= 0x20) start++;
  while (end > start && reference.charCodeAt(end - 1) <= 0x20) end--;
  return reference.slice(start, end).replace(TAB_OR_NEWLINE, '');
}

/**
 * Where a clean reference of a page leads: 'unreadable' if that is an http(s) host with characters above U+007F, whose bytes
 * nobody has decoded, or with escapes of such: parsers map them by tables of their own (U+1E9E is `ss` to some, `ß` to Chromium).
 * Null if a browser cannot follow it.
 */
function resolveReference(clean: string, base: URL): URL | 'unreadable' | null {
  return hasUnreadableHost(clean, base) ? 'unreadable' : parseUrl(encodeBytes(clean), base);
}

/** Stands for a base that leads to an unreadable host: nothing on it is ours (RFC 6761 §6.4). */
const UNREADABLE_BASE = 'http://unreadable.invalid/';

/** The absolute URL that a clean `<base href>` makes the base of a page; null if it makes none (HTML §4.2.3). */
export function resolveBase(clean: string, document: URL): string | null {
  const url = resolveReference(clean, document);
  if (url === 'unreadable') return UNREADABLE_BASE;
  return url === null || url.protocol === 'data:' || url.protocol === 'javascript:' ? null : url.href;
}

function hasUnreadableHost(reference: string, base: URL): boolean {
  if (!isNotAscii(reference)) return false;
  const [, scheme = base.protocol, slashes = '', rest = ''] = HEAD.exec(reference) ?? [];
  if (!HTTP.test(scheme)) return false;
  // `http:x` and `http:/x` hang on a base of the same scheme; behind another scheme the host follows at once.
  const hasAuthority = slashes.length >= 2 || scheme.toLowerCase() !== base.protocol;
  return hasAuthority && isNotAscii(rest);
}

const HTTP = /^https?:$/i;
const ESCAPED_BYTE = /%[89a-f]/i;

/** Are there characters above U+007F, as they are or escaped? */
function isNotAscii(text: string): boolean {
  return hasBytes(text) || ESCAPED_BYTE.test(text);
}

/** Are there characters above U+007F, which stand for bytes of the page's charset? */
export function hasBytes(text: string): boolean {
  return NON_ASCII.test(text);
}

/** Bytes above ASCII as a browser asks for them, if the page is UTF-8. Elsewhere nobody knows the path that is meant. */
function encodeBytes(text: string): string {
  if (!hasBytes(text)) return text;
  return text.replace(/[\x80-\xFF]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** A path whose escapes are spelt in the one way that means the same (RFC 3986 §6.2.2): `%7e%c3%a4` → `~%C3%A4`. */
function equivalent(path: string): string {
  if (!path.includes('%')) return path;
  return path.replace(/%([0-9a-f]{2})/gi, (spelt, digits: string) => {
    const char = String.fromCharCode(Number.parseInt(digits, 16));
    return /[A-Za-z0-9._~-]/.test(char) ? char : spelt.toUpperCase();
  });
}

function isHttp(url: URL): boolean {
  return url.protocol === 'http:' || url.protocol === 'https:';
}
