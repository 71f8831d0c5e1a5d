/**
 * Request → what we saw of the client: cookies, fetch metadata, crawler or not. Facts only; `client/detect.ts` judges.
 *
 * Fetch metadata is the W3C's (Sec-Fetch-Site, -Mode, -Dest, -Storage-Access, Sec-Purpose). Browsers send it to https and to
 * loopback origins only, so every use has a fallback for requests without it.
 */
import { parse as parseCookies } from 'cookie';
import type { RoutePolicy } from '../policy/route-policy.ts';
import { parseUrl } from '../sid/parse-url.ts';
import { isCrawler } from './crawlers.ts';

export interface ClientFacts {
  readonly method: string;
  /** The Cookie field as it came, '' for none. */
  readonly cookieField: string;
  /** Distinct cookie names, in order. */
  readonly cookieNames: readonly string[];
  readonly userAgent: string;
  readonly isRobot: boolean;
  /** A GET or HEAD that shows its answer as a page: it may be redirected. */
  readonly isNavigation: boolean;
  /** The page goes into a window of its own, as far as the browser tells. */
  readonly isDocument: boolean;
  /** The browser says that it withholds cookies here; it says so only in frames and for parts of foreign pages. */
  readonly isStorageBlocked: boolean;
  /** In a frame on a page of another site, as far as the browser tells. */
  readonly isForeignFrame: boolean;
  /** Asked for by a script or as part of a page: the answer is no page of its own. */
  readonly isPart: boolean;
  /** Loaded ahead of a click that may never come (speculation rules). */
  readonly isSpeculative: boolean;
  readonly fetchSite: string | null;
  readonly referer: string | null;
}

/** Names of the cookies of one Cookie field. A pair without `=` is a cookie with an empty name and so has none here. */
export function cookieNamesOf(field: string): string[] {
  if (field === '') return [];
  // Values are never decoded: only the names matter here, and an undecodable value must not hide its name.
  return Object.keys(parseCookies(field, { decode: (value) => value }));
}

/** Fields of interest, one slot each; null where the request has none. */
interface SeenFields {
  cookie: string | null;
  accept: string | null;
  referer: string | null;
  userAgent: string | null;
  fetchSite: string | null;
  fetchMode: string | null;
  fetchDest: string | null;
  purpose: string | null;
  storageAccess: string | null;
  requestedWith: string | null;
}

/** Observe one request. `fields` is its flat list of names and values as received; of a repeated field the first counts. */
export function observeClient(method: string, fields: readonly string[]): ClientFacts {
  const seen = seeFields(fields);
  const cookieField = seen.cookie ?? '';
  const userAgent = seen.userAgent ?? '';
  return {
    method,
    cookieField,
    cookieNames: cookieNamesOf(cookieField),
    userAgent,
    isRobot: isCrawler(userAgent),
    isNavigation: isNavigation(method, seen.fetchMode, seen.fetchDest, seen.accept),
    isDocument: seen.fetchDest === 'document',
    isStorageBlocked: seen.storageAccess === 'none',
    // Sec-Fetch-Storage-Access is only sent where the top-level site is another one.
    isForeignFrame: seen.storageAccess !== null || (seen.fetchSite === 'cross-site' && isFrame(seen.fetchDest)),
    // Without fetch metadata (plain http) the field of old script libraries is all there is. Android's WebView has it, too, with
    // the name of the app, and on pages.
    isPart: seen.fetchMode === null ? seen.requestedWith === 'XMLHttpRequest' : seen.fetchMode !== 'navigate',
    isSpeculative: seen.purpose !== null && /^prefetch *(?:;|$)/.test(seen.purpose),
    fetchSite: seen.fetchSite,
    referer: seen.referer,
  };
}

function isFrame(dest: string | null): boolean {
  return dest === 'iframe' || dest === 'frame';
}

/** One pass over the list; the length of a name sorts out most fields before anything is lower-cased. */
function seeFields(fields: readonly string[]): SeenFields {
  const seen: SeenFields = {
    cookie: null,
    accept: null,
    referer: null,
    userAgent: null,
    fetchSite: null,
    fetchMode: null,
    fetchDest: null,
    purpose: null,
    storageAccess: null,
    requestedWith: null,
  };
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const name = fields[i] ?? '';
    const value = fields[i + 1] ?? '';
    switch (name.length) {
      case 6: {
        const lower = name.toLowerCase();
        if (lower === 'cookie') seen.cookie = seen.cookie === null ? value : `${seen.cookie}; ${value}`;
        else if (lower === 'accept') seen.accept ??= value;
        break;
      }
      case 7:
        if (name.toLowerCase() === 'referer') seen.referer ??= value;
        break;
      case 10:
        if (name.toLowerCase() === 'user-agent') seen.userAgent ??= value;
        break;
      case 11:
        if (name.toLowerCase() === 'sec-purpose') seen.purpose ??= value;
        break;
      case 14: {
        const lower = name.toLowerCase();
        if (lower === 'sec-fetch-site') seen.fetchSite ??= value;
        else if (lower === 'sec-fetch-mode') seen.fetchMode ??= value;
        else if (lower === 'sec-fetch-dest') seen.fetchDest ??= value;
        break;
      }
      case 16:
        if (name.toLowerCase() === 'x-requested-with') seen.requestedWith ??= value;
        break;
      case 24:
        if (name.toLowerCase() === 'sec-fetch-storage-access') seen.storageAccess ??= value;
        break;
    }
  }
  return seen;
}

/** `empty`: a service worker passes the navigation on (Chromium), by `fetch(event.request)`. */
const NAVIGATIONS = new Set(['document', 'iframe', 'frame', 'object', 'embed', 'empty']);

function isNavigation(method: string, mode: string | null, dest: string | null, accept: string | null): boolean {
  if (method !== 'GET' && method !== 'HEAD') return false;
  if (mode !== null) return mode === 'navigate' && (dest === null || NAVIGATIONS.has(dest));
  return accept?.includes('text/html') ?? false;
}

type CookiePolicy = Pick<RoutePolicy, 'ignoreCookies'> & {
  readonly session: Pick<RoutePolicy['session'], 'cookies' | 'mode' | 'cookie'>;
};

/** Does one of these cookies prove a cookie client? */
export function hasRelevantCookie(names: readonly string[], policy: CookiePolicy): boolean {
  return names.some((name) => isRelevantCookie(name, policy));
}

/**
 * Does a cookie of this name prove a cookie client? One of `session.cookies` does if any are listed, else in mirror mode none but
 * the mirrored one, else every one that is not ignored.
 */
export function isRelevantCookie(name: string, { ignoreCookies, session }: CookiePolicy): boolean {
  // In mirror mode the SID and this cookie are one thing [PHP 1.3].
  if (session.mode === 'mirror' && name === session.cookie) return true;
  if (session.cookies.size > 0) return session.cookies.has(name);
  return session.mode !== 'mirror' && !ignoreCookies.has(name);
}

/**
 * The arrival gate: may a SID that came with this request be honoured? Not when the request was made by a foreign page,
 * unless the route accepts that page's origin. `ownOrigin` and `acceptFrom` are serialised origins.
 */
export function mayArrive(
  facts: ClientFacts,
  ownOrigin: string,
  { acceptFrom, transSidHosts }: Pick<RoutePolicy, 'acceptFrom' | 'transSidHosts'>,
): boolean {
  // Chromium calls a page that it loads ahead nobody's, whoever's speculation rules asked for it.
  const isTyped = facts.fetchSite === 'none' && !facts.isSpeculative;
  if (facts.fetchSite === 'same-origin' || isTyped) return true;
  const origin = facts.referer === null ? null : originOf(facts.referer);
  if (origin !== null && acceptFrom.has(origin)) return true;
  // The browser's word counts first: behind a redirect by a foreign page the Referer is still the page before it.
  if (facts.fetchSite === 'cross-site') return false;
  // Another host of the site had a part in it, and hides which: itself, or behind our own Referer as one that redirects. Only where
  // SIDs are to come from others at all.
  const isHidden = origin === null || origin === ownOrigin;
  if (facts.fetchSite === 'same-site' && isHidden) return transSidHosts.size > 0 || acceptFrom.size > 0;
  // Behind a redirect by a foreign page the Referer may still be our origin, alone: what a page at `/` has loaded ahead waits, too.
  if (facts.fetchSite === 'none') return origin === ownOrigin && facts.referer !== `${ownOrigin}/`;
  // Without a Referer an old client, a typed or a bookmarked address cannot be told from a foreign page: accepted.
  return facts.referer === null || origin === ownOrigin;
}

/** The serialised origin of an http(s) URL; null for anything else. A `blob:` URL has its creator's origin and is no page of it. */
export function originOf(url: string): string | null {
  const parsed = parseUrl(url);
  if (parsed === null) return null;
  return parsed.protocol === 'http:' || parsed.protocol === 'https:' ? parsed.origin : null;
}

/**
 * May a request without a SID be counted to the session in its Referer's URL? Only for one made by a page of our own
 * origin: by Sec-Fetch-Site where it is sent, by the Referer's origin always.
 */
export function mayRecover(facts: ClientFacts, ownOrigin: string): boolean {
  if (facts.referer === null) return false;
  // As above; but the Referer says whose rules asked for it.
  const isNobodys = facts.isSpeculative && facts.fetchSite === 'none';
  if (facts.fetchSite !== null && facts.fetchSite !== 'same-origin' && !isNobodys) return false;
  return originOf(facts.referer) === ownOrigin;
}
