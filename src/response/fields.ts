/**
 * Header fields of responses: what the upstream says to us, redirects that carry the SID, and what keeps a marked
 * answer out of caches, search engines and foreign Referers. Pure functions over flat lists (name, value, name, …).
 */
import { firstValue, joinedValue, mapFields } from '../field-list.ts';
import { parseRefresh } from '../html/refresh.ts';
import { pathOf } from '../policy/path.ts';
import { asciiJson } from './ascii-json.ts';
import { FIELD_POLICIES, withoutTellingPolicies } from './referrer-policies.ts';
import { withoutReports } from './reports.ts';

/** What the upstream asks of us by `Transid-*` response fields. They never reach the client. */
export interface UpstreamSignals {
  readonly rotate: boolean;
  readonly destroy: boolean;
  /** `Transid-Rewrite: off`: leave this answer alone. */
  readonly isRewriteOff: boolean;
  readonly resetsVars: boolean;
  readonly addedVars: ReadonlyArray<readonly [name: string, value: string]>;
}

const NO_SIGNALS: UpstreamSignals = {
  rotate: false,
  destroy: false,
  isRewriteOff: false,
  resetsVars: false,
  addedVars: [],
};

function isOn(value: string): boolean {
  return /^\s*(?:1|on|true|yes|\?1)\s*$/i.test(value);
}

function holdsSignals(fields: readonly string[]): boolean {
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    // `T` or `t`, and a dash: hardly any other name is looked at more closely.
    if ((name.charCodeAt(0) | 0x20) === 0x74 && name[7] === '-' && name.slice(0, 8).toLowerCase() === 'transid-') {
      return true;
    }
  }
  return false;
}

/** Read the signals and take their fields out. Returns the very list when there is none, the common case. */
export function takeSignals(fields: string[]): { signals: UpstreamSignals; fields: string[] } {
  if (!holdsSignals(fields)) return { signals: NO_SIGNALS, fields };
  let { rotate, destroy, isRewriteOff, resetsVars } = NO_SIGNALS;
  const addedVars: [string, string][] = [];
  const rest = mapFields(fields, (name, value) => {
    if (!name.startsWith('transid-')) return value;
    if (name === 'transid-rotate') rotate ||= isOn(value);
    else if (name === 'transid-destroy') destroy ||= isOn(value);
    else if (name === 'transid-rewrite') isRewriteOff ||= /^\s*(?:off|0|false|no|\?0)\s*$/i.test(value);
    else if (name === 'transid-reset-rewrite-vars') resetsVars ||= isOn(value);
    else if (name === 'transid-add-rewrite-var') {
      const equals = value.indexOf('=');
      if (equals > 0) addedVars.push([value.slice(0, equals).trim(), value.slice(equals + 1).trim()]);
    }
    return null;
  });
  return { signals: { rotate, destroy, isRewriteOff, resetsVars, addedVars }, fields: rest };
}

/** Split Set-Cookie off: values that go into the jar, and the list without them. Ignored cookies stay in the list. */
export function takeSetCookies(
  fields: readonly string[],
  ignoreCookies: Pick<ReadonlySet<string>, 'has'>,
): { setCookies: string[]; fields: readonly string[] } {
  if (firstValue(fields, 'set-cookie') === null) return { setCookies: [], fields };
  const setCookies: string[] = [];
  const rest = mapFields(fields, (name, value) => {
    if (name !== 'set-cookie' || ignoreCookies.has(cookieName(value))) return value;
    setCookies.push(value);
    return null;
  });
  return { setCookies, fields: rest };
}

/** Does `Clear-Site-Data` (§3.1) tell the client to forget the cookies of the site? */
export function clearsCookies(fields: readonly string[]): boolean {
  const parts = joinedValue(fields, 'clear-site-data')?.split(',') ?? [];
  return parts.some((part) => CLEARED.has(part.trim()));
}

const CLEARED: ReadonlySet<string> = new Set(['"cookies"', '"*"']);

/**
 * With another SID in its query an address leads to another answer. `No-Vary-Search`, a dictionary of RFC 9651, may say that caches
 * and what is loaded ahead need not heed that parameter, or hardly any: then it is left out, else this is the very list.
 */
export function sidVaries(fields: readonly string[], parameter: string): readonly string[] {
  const value = joinedValue(fields, 'no-vary-search');
  if (value === null) return fields;
  const isNamed = value.includes(`"${parameter}"`);
  const isAny = /(?:^|,)[ \t]*params(?=[ \t]*(?:[,;]|$)|=\?1)/.test(value.replace(/"(?:[^"\\]|\\.)*"/g, ''));
  return isNamed || isAny ? mapFields(fields, (name, each) => (name === 'no-vary-search' ? null : each)) : fields;
}

/** The name in a Set-Cookie value; '' for a value without one (RFC 6265 §5.2). */
export function cookieName(setCookie: string): string {
  const end = setCookie.search(/[=;]/);
  return end < 0 || setCookie[end] === ';' ? '' : setCookie.slice(0, end).trim();
}

/** Fields whose value is one URL reference that the browser follows, or a script of a well-known library does. */
const REFERENCE_FIELDS = new Set([
  'hx-redirect',
  'hx-push-url',
  'hx-replace-url',
  'x-inertia-location',
  'turbolinks-location',
  // Turbolinks' first versions, PJAX and Unpoly.
  'x-xhr-redirected-to',
  'x-pjax-url',
  'x-up-location',
]);
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/**
 * An application that names itself by its own address in redirects means the address that clients know (as nginx's
 * `proxy_redirect default` has it). `from` is a serialised origin, `to` is asked for one when it is needed. The very
 * list when there is nothing to map.
 */
export function mapOrigin(fields: readonly string[], from: string, to: () => string): readonly string[] {
  let mapped: string[] | null = null;
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const value = fields[i + 1] as string;
    // Hardly any field has an absolute URL.
    if (!value.includes('://') || !value.toLowerCase().includes(from)) continue;
    const name = (fields[i] as string).toLowerCase();
    const own = (reference: string) => (startsWithOrigin(reference, from) ? to() + reference.slice(from.length) : null);
    const changed = name === 'content-location' ? own(value) : mapReferences(name, value, own);
    if (changed === null) continue;
    mapped ??= [...fields];
    mapped[i + 1] = changed;
  }
  return mapped ?? fields;
}

function startsWithOrigin(reference: string, origin: string): boolean {
  if (!reference.toLowerCase().startsWith(origin)) return false;
  return reference.length === origin.length || /[/?#]/.test(reference.charAt(origin.length));
}

/** Ask for a partitioned cookie (CHIPS): the only kind that a browser may keep in a frame on a foreign site. */
export function partitionCookies(fields: readonly string[]): string[] {
  return mapFields(fields, (name, value) => {
    if (name !== 'set-cookie' || /;\s*partitioned\s*(?:;|$)/i.test(value)) return value;
    const kept = value.split(';').filter((part, i) => i === 0 || !/^\s*(?:samesite|secure)\s*(?:=|$)/i.test(part));
    return `${kept.join(';')}; SameSite=None; Secure; Partitioned`;
  });
}

/**
 * A cookie without a Path is kept for the directory of the address that was asked for (RFC 6265 §5.1.4). A SID in that path makes
 * it another directory than the application's: then the application's is written out.
 */
export function settleCookiePaths(fields: readonly string[], asked: string, clean: string): readonly string[] {
  const path = directoryOf(clean);
  // A Path cannot hold a semicolon.
  if (path === directoryOf(asked) || path.includes(';')) return fields;
  return mapFields(fields, (name, value) =>
    name === 'set-cookie' && !hasCookiePath(value) ? `${value}; Path=${path}` : value,
  );
}

function directoryOf(target: string): string {
  const path = pathOf(target);
  return path.slice(0, path.lastIndexOf('/')) || '/';
}

/** The last attribute of a name counts; one that is no path is as none (RFC 6265 §5.2.4). */
function hasCookiePath(setCookie: string): boolean {
  const attributes = setCookie.split(';').slice(1);
  const path = attributes.findLast((attribute) => /^\s*path\s*(?:=|$)/i.test(attribute)) ?? '';
  return /=\s*\//.test(path);
}

/** Returns the marked reference, or null to leave it as it stands. */
export type MarkReference = (reference: string) => string | null;

/**
 * Mark the URLs in Location (of redirects), Refresh, and the fields of htmx, Inertia, Turbolinks, PJAX and Unpoly.
 * `count` is how many were marked; the list is new only then.
 */
export function markUrls(
  fields: readonly string[],
  status: number,
  mark: MarkReference,
): { fields: string[]; count: number } {
  let count = 0;
  const marked = mapFields(fields, (name, value) => {
    const changed = markField(name, value, status, mark);
    if (changed === null) return value;
    count += 1;
    return changed;
  });
  return { fields: marked, count };
}

function markField(name: string, value: string, status: number, mark: MarkReference): string | null {
  return name === 'location' && !isRedirect(status, value) ? null : mapReferences(name, value, mark);
}

/** An empty Location leads nowhere: browsers show the answer's page. With a SID it would lead to the page itself. */
function isRedirect(status: number, location: string): boolean {
  return REDIRECTS.has(status) && location.trim() !== '';
}

/** The value of a field of the given lower-case name with the reference in it changed; null where there is none, or no change. */
function mapReferences(lowerName: string, value: string, change: MarkReference): string | null {
  switch (lowerName) {
    case 'location':
      return change(value);
    case 'refresh':
      return markRefresh(value, change);
    case 'hx-location':
      return markHxLocation(value, change);
    default:
      return REFERENCE_FIELDS.has(lowerName) && value !== 'false' ? change(value) : null;
  }
}

/** Does any field hold a URL that could carry the SID? Decided before a session exists. */
export function holdsUrls(fields: readonly string[], status: number): boolean {
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const name = (fields[i] as string).toLowerCase();
    if (name === 'location') {
      if (isRedirect(status, fields[i + 1] as string)) return true;
    } else if (name === 'refresh' || name === 'hx-location' || REFERENCE_FIELDS.has(name)) return true;
  }
  return false;
}

/** A value without a URL reloads the document, whose own address may lack the SID: then the marked one is added. */
function markRefresh(value: string, mark: MarkReference): string | null {
  const url = parseRefresh(value);
  if (url === null) return null;
  const marked = mark(value.slice(url.start, url.end));
  return marked === null ? null : value.slice(0, url.start) + url.prefix + marked + value.slice(url.end);
}

/** htmx takes a path or a JSON object with a `path`. */
function markHxLocation(value: string, mark: MarkReference): string | null {
  if (!value.trimStart().startsWith('{')) return mark(value);
  try {
    const parsed: unknown = JSON.parse(value);
    if (typeof parsed !== 'object' || parsed === null || !('path' in parsed) || typeof parsed.path !== 'string')
      return null;
    const marked = mark(parsed.path);
    return marked === null ? null : asciiJson({ ...parsed, path: marked });
  } catch {
    return null; // not JSON: htmx itself would fail on it
  }
}

/** RFC 9530, what it obsoletes, and the one of the bytes before their coding. */
const DIGESTS = ['content-md5', 'digest', 'repr-digest', 'content-digest', 'unencoded-digest'];

/** Validators, digests and freshness of the bytes that the upstream sent, not of those that leave. */
const OF_OTHER_BYTES = new Set([
  'content-length',
  'etag',
  'last-modified',
  ...DIGESTS,
  'accept-ranges',
  'age',
  'expires',
  'cache-control',
]);

/**
 * What Referer fields must tell for a session to be found. `none`: nothing. `own`: our own pages their whole URL, and other
 * sites nothing. `origins`: and pages of other hosts that share SIDs (`trans_sid_hosts`) where a SID comes from (`accept_from`).
 * `ended`: nobody may find the session any more, but our own application may look where a request comes from.
 */
export type RefererUse = 'none' | 'own' | 'origins' | 'ended';

/** The fields of an answer that carries a SID: uncacheable, not indexed, and no Referer with the SID to other sites. */
export function guardMarked(fields: readonly string[], use: RefererUse): string[] {
  let vary: string | null = null;
  let robots = false;
  const rest = mapFields(fields, (name, value) => {
    if (OF_OTHER_BYTES.has(name) || isOfSharedCaches(name) || name === 'referrer-policy') return null;
    if (name === 'vary') {
      vary = vary === null ? value : `${vary}, ${value}`;
      return null;
    }
    if (name === 'x-robots-tag' && isForNoRobot(value)) robots = true;
    return untelling(name, value);
  });
  rest.push('Cache-Control', 'private, no-store', 'Vary', varyByCookie(vary), 'Referrer-Policy');
  rest.push(strictReferrerPolicy(fields, use));
  if (!robots) rest.push('X-Robots-Tag', 'noindex');
  return rest;
}

/** A rule for every crawler: with a colon it may be one crawler's, or be about something else. */
function isForNoRobot(robotsTag: string): boolean {
  return !robotsTag.includes(':') && /\b(?:noindex|none)\b/i.test(robotsTag);
}

/**
 * The fields of an answer that leaves as it came, though its address has a SID: no Referer and no reports to other sites. Not pages
 * alone have fetches of their own in the name of their address: so do style sheets, workers and modules. Its bytes, and what is said
 * of them, are the upstream's.
 */
export function guardAddress(fields: readonly string[], use: RefererUse): string[] {
  const rest = mapFields(fields, (name, value) => (name === 'referrer-policy' ? null : untelling(name, value)));
  rest.push('Referrer-Policy', strictReferrerPolicy(fields, use));
  return rest;
}

/**
 * The fields of an answer to a request from a page with a SID in its address: what they have the browser report is kept for the
 * whole origin, and what they have it fetch is asked for in the page's name.
 */
export function guardPart(fields: readonly string[]): string[] {
  return mapFields(fields, untelling);
}

/** The value of a field of the given lower-case name that shows the page's URL to nobody; null if the field is for that alone. */
function untelling(lowerName: string, value: string): string | null {
  return lowerName === 'link' ? withoutTellingPolicies(value) : withoutReports(lowerName, value);
}

function varyByCookie(vary: string | null): string {
  if (vary === null) return 'Cookie';
  const names = vary.split(',').map((name) => name.trim().toLowerCase());
  return names.includes('*') || names.includes('cookie') ? vary : `${vary}, Cookie`;
}

/** The last policy that a browser knows counts (Referrer Policy §8.1); only `no-referrer` is stricter than ours. */
function strictReferrerPolicy(fields: readonly string[], use: RefererUse): string {
  if (use === 'origins') return 'strict-origin-when-cross-origin';
  if (use === 'ended') return 'strict-origin';
  if (use === 'own') return 'same-origin';
  const words = (joinedValue(fields, 'referrer-policy') ?? '').split(',').map((word) => word.trim().toLowerCase());
  const last = words.findLast((word) => FIELD_POLICIES.has(word));
  return last === 'no-referrer' ? last : 'same-origin';
}

/** Those that say nothing of other bytes, for whomever they are. */
const OF_THE_SAME_BYTES = new Set(['content-length', ...DIGESTS, 'accept-ranges']);

/** The fields of an answer with rewrite variables but no SID: still for everybody, but other bytes than the upstream's. */
export function adaptToOtherBytes(fields: readonly string[]): string[] {
  return mapFields(fields, (name, value) => {
    if (OF_THE_SAME_BYTES.has(name)) return null;
    return name === 'etag' && !value.startsWith('W/') ? `W/${value}` : value;
  });
}

/** What caches in front obey before Cache-Control, besides the targeted fields. */
const OF_SHARED_CACHES: ReadonlySet<string> = new Set([
  'surrogate-control',
  'surrogate-key',
  'edge-control',
  'x-accel-expires',
]);

/** RFC 9213 §2: each cache may have a targeted field of its own, and they are all called `<target>-Cache-Control`. */
function isOfSharedCaches(name: string): boolean {
  return name.endsWith('-cache-control') || OF_SHARED_CACHES.has(name);
}

/** The trailers of an answer whose body leaves as other bytes: without what was made of those that came. */
export function trailersOfOtherBytes(fields: readonly string[]): string[] {
  return mapFields(fields, (name, value) => (OF_OTHER_BYTES.has(name) ? null : value));
}

/** Keep an answer that was made for one client, but shows it neither by a SID nor by a cookie, out of shared caches. */
export function makePrivate(fields: readonly string[]): string[] {
  const isPrivate = isForOneClient(joinedValue(fields, 'cache-control') ?? '');
  const rest = mapFields(fields, (name, value) => {
    if (isOfSharedCaches(name)) return null;
    if (name !== 'cache-control' || isPrivate) return value;
    return value.replace(FOR_ALL, '').replace(/,\s*$/, '') || null;
  });
  if (!isPrivate) rest.push('Cache-Control', 'private');
  return rest;
}

/** Directives for shared caches, and `private` for some fields only. */
const FOR_ALL = /\b(?:public|s-maxage\s*=\s*"?\d+"?|private\s*=\s*(?:"[^"]*"|[^\s,]*))\s*,?\s*/gi;

/** RFC 9111 §5.2.2: `private` with a list of fields lets the rest be stored, `must-understand` overrules `no-store`. */
function isForOneClient(cacheControl: string): boolean {
  const names = cacheControl
    .replace(/"[^"]*"/g, '""')
    .split(',')
    .map((directive) => directive.trim().toLowerCase());
  return names.includes('private') || (names.includes('no-store') && !names.includes('must-understand'));
}
