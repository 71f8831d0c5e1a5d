/**
 * One navigation: the request as a browser writes it, its redirects, and the document at the end.
 *
 * Follows Fetch §4.4 (HTTP-redirect fetch: methods, Origin), Fetch Metadata §2 (Sec-Fetch-*), Referrer Policy §8 and
 * RFC 6265bis for cookies; the order and values of fields are Chromium's for HTTP/1.1 (Connection apart, which Node writes last).
 */
import { decodePage } from './charset.ts';
import { SimulatorError } from './fault.ts';
import type { Wire, WireResponse } from './http.ts';
import { type CookieContext, type CookieJar, cookieName, deletesCookie } from './jar.ts';
import { type ParsedPage, parsePage } from './page.ts';
import { percentByte } from './reference.ts';
import { DEFAULT_POLICY, policyOfField, type ReferrerPolicy, referrerFor } from './referrer.ts';
import { obeyed, parseRefresh } from './refresh.ts';
import { isSameDocument } from './same-document.ts';
import { isTrustworthy, originOf, relation, siteOf } from './site.ts';

export type Cause = 'open' | 'link' | 'form' | 'script' | 'refresh' | 'frame' | 'history' | 'part' | 'redirect';

export interface Exchange {
  readonly cause: Cause;
  readonly method: string;
  readonly url: string;
  /** As sent; names in lower case. */
  readonly requestFields: Readonly<Record<string, string>>;
  readonly requestBody: Buffer | null;
  readonly status: number;
  readonly fields: Headers;
  readonly wireBytes: number;
}

export interface Hop {
  readonly url: string;
  readonly status: number;
  /** The Location field as it stands. */
  readonly location: string;
}

/** Who navigates: the document whose link, form or refresh it is. Null for the address bar. */
export interface Initiator {
  readonly url: string;
  readonly policy: ReferrerPolicy;
}

/** What the answer is for: a page, or a part of one (Fetch §2.2.5); `empty` is what a script fetches. */
export type Destination = 'document' | 'iframe' | 'frame' | PartDestination;
export type PartDestination = 'image' | 'script' | 'style' | 'empty';

export interface Navigation {
  readonly cause: Exclude<Cause, 'redirect'>;
  readonly method: string;
  readonly url: string;
  readonly body: Buffer | null;
  readonly contentType: string | null;
  readonly initiator: Initiator | null;
  readonly dest: Destination;
  /** URLs of the documents around the frame that navigates, nearest first; empty for the tab itself. */
  readonly ancestors: readonly string[];
  /** A reload asks caches on the way to look again. */
  readonly isReload: boolean;
}

/** A navigation as it is known from outside: used to walk a site without keeping its pages open. */
export interface Visit {
  readonly url: string;
  readonly cause: 'open' | 'link' | 'form' | 'script' | 'frame' | 'refresh';
  /** Null: from the address bar. */
  readonly initiator: Initiator | null;
  /** `document` by default; a frame has its initiator around it. */
  readonly dest?: 'document' | 'iframe' | 'frame';
  /** Show the page itself, wherever a refresh of it leads; false by default. */
  readonly stays?: boolean;
}

export interface Identity {
  readonly userAgent: string;
  readonly acceptLanguage: string;
  /** Fields that are added to every request, or replace what a browser would send; an empty value takes one away. */
  readonly headers: Readonly<Record<string, string>>;
  readonly fetchMetadata: boolean;
  readonly scripting: boolean;
  readonly maxRedirects: number;
}

/** A document and how it came. */
export interface Snapshot {
  readonly url: string;
  readonly method: string;
  readonly requestBody: Buffer | null;
  readonly contentType: string | null;
  readonly initiator: Initiator | null;
  readonly status: number;
  readonly fields: Headers;
  readonly requestFields: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly html: string;
  readonly charset: string;
  readonly redirects: readonly Hop[];
  readonly page: ParsedPage;
  readonly referrerPolicy: ReferrerPolicy;
  /** Names of the cookies that any response of this navigation tried to set, and that this browser did not take. */
  readonly setCookies: readonly string[];
}

export interface Line {
  readonly wire: Wire;
  readonly jar: CookieJar;
  readonly identity: Identity;
  readonly record: (exchange: Exchange) => void;
  /** Whether the site of the URL was asked for by an address, and not only a link or a redirect led there. */
  readonly isOpened: (url: string) => boolean;
}

const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/** @throws SimulatorError for network faults, too many redirects and a Location that is no URL. */
export async function navigate(start: Navigation, line: Line): Promise<Snapshot> {
  const hops: Hop[] = [];
  const setCookies: string[] = [];
  let { method, url, body, contentType } = start;
  let policy = start.initiator?.policy ?? DEFAULT_POLICY;
  let isTainted = false;
  const chain: string[] = [];
  for (;;) {
    chain.push(url);
    const context = cookieContext(start, url, method);
    const fields = requestFields({ start, method, url, contentType, policy, isTainted, chain, context }, line);
    const response = await line.wire.send({ method, url: withoutFragment(url), fields, body });
    const sent = Object.fromEntries(fields.map(([name, value]) => [name.toLowerCase(), value]));
    record(line, start, hops, { method, url, sent, body, response });
    const lines = response.fields.getSetCookie();
    const taken = new Set(line.jar.store(lines, context).map(({ name }) => name));
    setCookies.push(...cookieNames(lines).filter((name) => !taken.has(name)));

    // Deviation: by Fetch §2.2.6 an empty one is the page itself, for ever; browsers show the answer.
    const location = response.fields.get('location') || null;
    if (!REDIRECTS.has(response.status) || location === null) {
      return toSnapshot(start, { method, url, body, contentType, sent, response, hops, setCookies }, line.identity);
    }
    hops.push({ url, status: response.status, location });
    if (hops.length > line.identity.maxRedirects) {
      throw new SimulatorError(
        'TOO_MANY_REDIRECTS',
        `${start.url}: more than ${line.identity.maxRedirects} redirects, last to ${location}`,
      );
    }
    const next = redirectTarget(url, location);
    policy = policyOfField(response.fields.get('referrer-policy')) ?? policy;
    // Deviation: Fetch §4.4 step 17 spares the first step away from the origin of the request; Chromium does not.
    isTainted ||= originOf(next) !== originOf(url);
    const becomesGet =
      ((response.status === 301 || response.status === 302) && method === 'POST') ||
      (response.status === 303 && method !== 'GET' && method !== 'HEAD');
    if (becomesGet) {
      method = 'GET';
      body = null;
      contentType = null;
    }
    url = next;
  }
}

// ---------------------------------------------------------------------------------------------------------------------

/** Of the cookies that are set; one that is deleted is none. */
function cookieNames(lines: readonly string[]): string[] {
  const nowMs = Date.now();
  return lines.filter((line) => !deletesCookie(line, nowMs)).map(cookieName);
}

function withoutFragment(url: string): string {
  const hash = url.indexOf('#');
  return hash < 0 ? url : url.slice(0, hash);
}

/**
 * Fetch §4.4, "location URL": the fragment is handed on. Deviation: browsers follow bytes above ASCII as they are, whatever
 * charset they are of.
 */
function redirectTarget(url: string, location: string): string {
  const text = location.replace(/[\x80-\xff]/g, (char) => percentByte(char.charCodeAt(0)));
  if (!URL.canParse(text, url))
    throw new SimulatorError('BAD_URL', `${url}: redirect to '${location}', which is no URL`);
  const next = new URL(text, url);
  if (!/^https?:$/.test(next.protocol))
    throw new SimulatorError('BAD_URL', `${url}: redirect to '${next.protocol}', which is not loaded`);
  if (next.hash === '') next.hash = new URL(url).hash;
  return next.href;
}

function cookieContext(start: Navigation, url: string, method: string): CookieContext {
  const parties = start.initiator === null ? start.ancestors : [...start.ancestors, start.initiator.url];
  return {
    url,
    isThirdParty: start.ancestors.some((each) => siteOf(each) !== siteOf(url)),
    isSameSite: parties.every((each) => siteOf(each) === siteOf(url)),
    isTopLevel: start.ancestors.length === 0 && !isPartDestination(start.dest),
    isSafe: method === 'GET' || method === 'HEAD',
  };
}

interface Writing {
  readonly start: Navigation;
  readonly method: string;
  readonly url: string;
  readonly contentType: string | null;
  readonly policy: ReferrerPolicy;
  readonly isTainted: boolean;
  readonly chain: readonly string[];
  readonly context: CookieContext;
}

function requestFields(writing: Writing, line: Line): Array<[string, string]> {
  const { start, method, url, contentType, context } = writing;
  const { identity, jar } = line;
  const fields: Array<[string, string]> = [];
  const isPart = isPartDestination(start.dest);
  const isForeign = isForeignFetch(start, url);
  if (!isPart && (start.isReload || start.method === 'POST')) fields.push(['Cache-Control', 'max-age=0']);
  if ((method !== 'GET' && method !== 'HEAD') || isForeign) fields.push(['Origin', originField(writing)]);
  if (contentType !== null) fields.push(['Content-Type', contentType]);
  if (!isPart) fields.push(['Upgrade-Insecure-Requests', '1']);
  fields.push(['User-Agent', identity.userAgent], ['Accept', isPart ? PART_ACCEPTS[start.dest] : ACCEPT]);
  if (identity.fetchMetadata && isTrustworthy(url)) fields.push(...fetchMetadata(writing, jar));
  const referrer = start.initiator === null ? null : referrerFor(start.initiator.url, url, writing.policy);
  if (referrer !== null) fields.push(['Referer', referrer]);
  fields.push(['Accept-Encoding', 'gzip, deflate, br'], ['Accept-Language', identity.acceptLanguage]);
  const cookie = isForeign ? null : jar.header(context);
  if (cookie !== null) fields.push(['Cookie', cookie]);
  return withOverrides(fields, identity.headers, line.isOpened(url));
}

const PART_ACCEPTS: Readonly<Record<PartDestination, string>> = {
  image: 'image/jxl,image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8',
  script: '*/*',
  style: 'text/css,*/*;q=0.1',
  empty: '*/*',
};

function isPartDestination(dest: Destination): dest is PartDestination {
  return Object.hasOwn(PART_ACCEPTS, dest);
}

const ACCEPT =
  'text/html,application/xhtml+xml,application/xml;q=0.9,image/jxl,image/avif,image/webp,image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7';

/** Fields that let somebody in, or name the site: they are for those alone that were asked for. */
const OWN_FIELDS = new Set(['authorization', 'cookie', 'host', 'proxy-authorization']);

function withOverrides(
  fields: Array<[string, string]>,
  headers: Readonly<Record<string, string>>,
  isOpened: boolean,
): Array<[string, string]> {
  const given = Object.entries(headers).filter(([name]) => isOpened || !OWN_FIELDS.has(name.toLowerCase()));
  const mine = new Set(given.map(([name]) => name.toLowerCase()));
  return [...fields.filter(([name]) => !mine.has(name.toLowerCase())), ...given.filter(([, value]) => value !== '')];
}

/** Fetch §3.2, "append a request Origin header". */
function originField(writing: Writing): string {
  const source = writing.start.initiator?.url ?? null;
  if (source === null || writing.isTainted) return 'null';
  if (writing.policy === 'no-referrer') return 'null';
  if (writing.policy === 'same-origin' && originOf(source) !== originOf(writing.url)) return 'null';
  return originOf(source);
}

function fetchMetadata(writing: Writing, jar: CookieJar): Array<[string, string]> {
  const { start, chain } = writing;
  const fields: Array<[string, string]> = [
    ['Sec-Fetch-Site', fetchSite(start, chain)],
    ['Sec-Fetch-Mode', !isPartDestination(start.dest) ? 'navigate' : start.dest === 'empty' ? 'cors' : 'no-cors'],
  ];
  if (isByPerson(start)) fields.push(['Sec-Fetch-User', '?1']);
  fields.push(['Sec-Fetch-Dest', start.dest]);
  const storage = storageAccess(writing, jar);
  if (storage !== null) fields.push(['Sec-Fetch-Storage-Access', storage]);
  // Storage Access Headers §3.2: "inactive" comes with an Origin.
  if (storage === 'inactive') fields.push(['Origin', originField(writing)]);
  return fields;
}

/** A click, the address bar, or the button that reloads; not frames that load with their page, nor refreshes. */
function isByPerson({ cause, isReload, initiator }: Navigation): boolean {
  if (cause === 'open' || cause === 'link' || cause === 'form') return true;
  // Back and forward ask as the page was asked for first; but browsers forget the click.
  return cause === 'history' && (isReload || initiator === null);
}

/** Storage Access Headers §3.1, for requests that would have cookies: only where a page of another site is around. */
function storageAccess({ start, url, context }: Writing, jar: CookieJar): 'active' | 'inactive' | 'none' | null {
  if (!context.isThirdParty || isForeignFetch(start, url)) return null;
  if (jar.mode === 'on' || jar.mode === 'session-only') return 'active';
  // A frame of ours in a foreign frame in a page of ours could ask for its cookies back.
  const top = start.ancestors.at(-1) ?? url;
  return jar.mode === 'first-party' && siteOf(top) === siteOf(url) ? 'inactive' : 'none';
}

/** fetch() has credentials for its own origin only (Fetch §5.4, credentials mode `same-origin`). */
function isForeignFetch(start: Navigation, url: string): boolean {
  return start.dest === 'empty' && originOf(start.initiator?.url ?? '') !== originOf(url);
}

/** Fetch Metadata §2.3: the worst relation between the initiator and any URL of the redirect chain. */
function fetchSite(start: Navigation, chain: readonly string[]): string {
  const source = start.initiator?.url;
  if (source === undefined) return 'none';
  const relations = new Set(chain.map((url) => relation(source, url)));
  if (relations.has('cross-site')) return 'cross-site';
  return relations.has('same-site') ? 'same-site' : 'same-origin';
}

interface Answer {
  readonly method: string;
  readonly url: string;
  readonly sent: Readonly<Record<string, string>>;
  readonly body: Buffer | null;
  readonly response: WireResponse;
}

function record(line: Line, start: Navigation, hops: readonly Hop[], answer: Answer): void {
  line.record({
    cause: hops.length > 0 ? 'redirect' : start.cause,
    method: answer.method,
    url: answer.url,
    requestFields: answer.sent,
    requestBody: answer.body,
    status: answer.response.status,
    fields: answer.response.fields,
    wireBytes: answer.response.wireBytes,
  });
}

interface Arrival extends Answer {
  readonly contentType: string | null;
  readonly hops: readonly Hop[];
  readonly setCookies: readonly string[];
}

function toSnapshot(start: Navigation, arrival: Arrival, identity: Identity): Snapshot {
  const { response, url } = arrival;
  const type = response.fields.get('content-type');
  const { text, charset } = decodePage(response.body, type);
  const page = parsePage(isMarkup(type) ? text : '', { url, charset, scripting: identity.scripting });
  return {
    url,
    method: arrival.method,
    requestBody: arrival.body,
    contentType: arrival.contentType,
    initiator: start.initiator,
    status: response.status,
    fields: response.fields,
    requestFields: arrival.sent,
    body: response.body,
    html: text,
    charset,
    redirects: arrival.hops,
    page,
    referrerPolicy: page.referrerPolicy ?? policyOfField(response.fields.get('referrer-policy')) ?? DEFAULT_POLICY,
    setCookies: arrival.setCookies,
  };
}

/** What is read as a document with links; everything else is only a body. A missing type is read as HTML. */
function isMarkup(contentType: string | null): boolean {
  return contentType === null || /^\s*(?:text\/html|application\/xhtml\+xml|text\/vnd\.wap\.wml)\b/i.test(contentType);
}

/** Does a browser show it as a page, and neither saves it nor shows it as something else? */
export function isDocument(fields: Headers): boolean {
  return isMarkup(fields.get('content-type')) && !isDownload(fields);
}

function isDownload(fields: Headers): boolean {
  return /^\s*attachment\b/i.test(fields.get('content-disposition') ?? '');
}

/** Where a refresh leads that comes within `maxSeconds`; null also for a page that only reloads itself. */
export function refreshOf({ url, charset, fields, page }: Snapshot, maxSeconds: number): string | null {
  // It is saved, and the page before it stays.
  if (isDownload(fields)) return null;
  const field = fields.get('refresh');
  const ofField = field === null ? null : parseRefresh(field, url, charset);
  const refresh = obeyed([...(ofField === null ? [] : [ofField]), ...page.refreshes.map((each) => each.refresh)]);
  if (refresh === null || refresh.delaySeconds > maxSeconds) return null;
  return /^https?:/.test(refresh.url) && !isSameDocument(url, refresh.url) ? refresh.url : null;
}
