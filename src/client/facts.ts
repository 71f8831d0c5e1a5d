/**
 * Request → what we saw of the client: cookies, fetch metadata, crawler or not. Facts only; `client/detect.ts` judges.
 *
 * Fetch metadata is the W3C's (Sec-Fetch-Site, -Mode, -Dest, -Storage-Access). Browsers send it to https and to
 * loopback origins only, so every use has a fallback for requests without it.
 */
import { parse as parseCookies } from 'cookie';
import type { RoutePolicy } from '../policy/route-policy.ts';
import { isCrawler } from './crawlers.ts';

/** Field name in lower case → field value, as Node's http gives it. */
export type FieldLookup = Readonly<Record<string, string | string[] | undefined>>;

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
  /** A frame on a page of another site whose cookies the browser withholds. */
  readonly isStorageBlocked: boolean;
  readonly fetchSite: string | null;
  readonly referer: string | null;
}

export function single(value: string | string[] | undefined): string | null {
  if (value === undefined) return null;
  return typeof value === 'string' ? value : (value[0] ?? null);
}

/** Names of the cookies of one Cookie field. A pair without `=` is a cookie with an empty name and so has none here. */
export function cookieNamesOf(field: string): string[] {
  if (field === '') return [];
  // Values are never decoded: only the names matter here, and an undecodable value must not hide its name.
  return Object.keys(parseCookies(field, { decode: (value) => value }));
}

export function observeClient(method: string, fields: FieldLookup): ClientFacts {
  const cookie = fields['cookie'];
  const cookieField = typeof cookie === 'string' ? cookie : (cookie?.join('; ') ?? '');
  const userAgent = single(fields['user-agent']) ?? '';
  const fetchSite = single(fields['sec-fetch-site']);
  const fetchDest = single(fields['sec-fetch-dest']);
  return {
    method,
    cookieField,
    cookieNames: cookieNamesOf(cookieField),
    userAgent,
    isRobot: isCrawler(userAgent),
    isNavigation: isNavigation(method, single(fields['sec-fetch-mode']), fetchDest, single(fields['accept'])),
    isStorageBlocked:
      single(fields['sec-fetch-storage-access']) === 'none' &&
      fetchSite === 'cross-site' &&
      (fetchDest === 'iframe' || fetchDest === 'frame'),
    fetchSite,
    referer: single(fields['referer']),
  };
}

const NESTED_NAVIGATIONS = new Set(['document', 'iframe', 'frame', 'object', 'embed']);

function isNavigation(method: string, mode: string | null, dest: string | null, accept: string | null): boolean {
  if (method !== 'GET' && method !== 'HEAD') return false;
  if (mode !== null) return mode === 'navigate' && (dest === null || NESTED_NAVIGATIONS.has(dest));
  return accept?.includes('text/html') ?? false;
}

/** Does one of these cookies prove a cookie client? `session.cookies` if listed, else any that is not ignored. */
export function hasRelevantCookie(
  names: readonly string[],
  policy: Pick<RoutePolicy, 'ignoreCookies'> & { session: Pick<RoutePolicy['session'], 'cookies'> },
): boolean {
  const listed = policy.session.cookies;
  if (listed.size > 0) return names.some((name) => listed.has(name));
  return names.some((name) => !policy.ignoreCookies.has(name));
}

/**
 * The arrival gate: may a SID that came with this request be honoured? Not when the request was made by a foreign page,
 * unless the route accepts that page's origin. `ownOrigin` and `acceptFrom` are serialised origins.
 */
export function mayArrive(facts: ClientFacts, ownOrigin: string, acceptFrom: ReadonlySet<string>): boolean {
  if (facts.fetchSite === 'same-origin' || facts.fetchSite === 'none') return true;
  const origin = facts.referer === null ? null : originOf(facts.referer);
  if (origin !== null && (origin === ownOrigin || acceptFrom.has(origin))) return true;
  // Without a Referer an old client, a typed or a bookmarked address cannot be told from a foreign page: accepted
  // unless the browser itself says cross-site.
  if (facts.fetchSite === 'cross-site') return false;
  return facts.referer === null;
}

/** The serialised origin of an http(s) URL; null for anything else. A `blob:` URL has its creator's origin and is no page of it. */
export function originOf(url: string): string | null {
  if (!URL.canParse(url)) return null;
  const parsed = new URL(url);
  return parsed.protocol === 'http:' || parsed.protocol === 'https:' ? parsed.origin : null;
}

/**
 * May a request without a SID be counted to the session in its Referer's URL? Only for one made by a page of our own
 * origin: by Sec-Fetch-Site where it is sent, by the Referer's origin always.
 */
export function mayRecover(facts: ClientFacts, ownOrigin: string): boolean {
  if (facts.referer === null) return false;
  if (facts.fetchSite !== null && facts.fetchSite !== 'same-origin') return false;
  return originOf(facts.referer) === ownOrigin;
}
