/**
 * The request side of one exchange, up to the verdict: match the route, take the SID off, look at the client, find its
 * session, judge. Everything here happens before a byte goes upstream.
 */
import { type Evidence, judge, type Treatment, treat, type Verdict } from '../client/detect.ts';
import {
  type ClientFacts,
  cookieNamesOf,
  hasRelevantCookie,
  isRelevantCookie,
  mayArrive,
  mayRecover,
  observeClient,
} from '../client/facts.ts';
import { chooseSimulation, type SimulatedClient, simulateRequest } from '../client/simulate.ts';
import { isStoreAway, ProxyError } from '../errors.ts';
import { Memo } from '../memo.ts';
import type { RoutePolicy } from '../policy/route-policy.ts';
import type { ClientBinding, Session } from '../session/session.ts';
import { unmarkTarget } from '../sid/carrier.ts';
import { parseUrl } from '../sid/parse-url.ts';
import { isAddressKnown } from './forwarded.ts';
import type { RequestFacts } from './framing.ts';
import { type Located, probeName, withoutSids } from './locate.ts';
import { type Site, sessionsOf } from './site.ts';

export interface Arrival {
  readonly site: Site;
  readonly facts: RequestFacts;
  readonly policy: RoutePolicy;
  /** The request target as the application sees it: byte for byte as it came, without a SID. */
  readonly target: string;
  /** The SIDs that were taken off the target and the form, as they were spelt; most requests have none. */
  readonly carriedSids: readonly string[];
  /** A hidden field of the form carried one. */
  readonly isInForm: boolean;
  readonly ownIn: Located['ownIn'];
  readonly carriedIn: Located['carriedIn'];
  readonly client: ClientFacts;
  /** The Referer as it goes upstream and into the log: without any SID, be it of another of our hosts; null for none. */
  readonly cleanReferer: string | null;
  readonly binding: ClientBinding;
  /** The client's session, null for none; how it was found. */
  readonly session: Session | null;
  readonly foundBy: 'target' | 'referer' | null;
  readonly probed: Located['probed'];
  /** SIDs came with it that are not honoured, because a foreign page began it. */
  readonly isFromAbroad: boolean;
  /** The session's cookies for this target, as a Cookie field; '' for none. */
  readonly jarCookies: string;
  /** A cookie of the jar came along with its very value: this client, not a stranger with its link, holds the session. */
  readonly isJarsOwner: boolean;
  /** The browser that is played for this request, to whose fields `facts` were reduced; null: the client as it is. */
  readonly simulated: SimulatedClient | null;
  readonly verdict: Verdict;
  readonly treatment: Treatment;
}

/**
 * Judge the client. `formSids`: what hidden fields of the body carried, where the route has them (`forms: field`). A promise
 * only where a store has to be asked.
 */
export function receive(
  site: Site,
  received: RequestFacts,
  located: Located,
  formSids: readonly string[],
): Arrival | Promise<Arrival> {
  const seen = observe(site, received, located, formSids);
  const found = findSession(seen);
  return found === null ? conclude(seen, null) : found.then((session) => conclude(seen, session));
}

/** What is known before any session is looked for. */
type Observed = Omit<Arrival, 'session' | 'foundBy' | 'jarCookies' | 'isJarsOwner' | 'verdict' | 'treatment'> & {
  readonly targetSids: readonly string[];
};

function observe(site: Site, received: RequestFacts, located: Located, formSids: readonly string[]): Observed {
  const { policy, target, ownIn, carriedIn, probed } = located;
  const simulated = chooseSimulation(policy, received.fields);
  const facts = simulated === null ? received : { ...received, fields: simulateRequest(simulated, received.fields) };
  const carriedSids = formSids.length === 0 ? located.sids : [...located.sids, ...formSids];
  const client = observeClient(facts.method, facts.fields);
  const binding: ClientBinding = {
    host: facts.client.host === null ? '' : ownOrigin(facts).slice(`${facts.client.scheme}://`.length),
    userAgent: client.userAgent,
    address: facts.client.address,
  };
  const isCarried = carriedSids.length > 0 || carriedIn !== null;
  const isFromAbroad = isCarried && !mayArrive(client, ownOrigin(facts), policy);
  return {
    site,
    facts,
    policy,
    target,
    carriedSids,
    isInForm: formSids.length > 0,
    targetSids: located.sids,
    ownIn,
    carriedIn,
    client,
    cleanReferer: cleanRefererOf(site, facts, policy, client.referer),
    binding,
    probed,
    isFromAbroad,
    simulated,
  };
}

function conclude(seen: Observed, found: Found | null): Arrival {
  const { policy, client } = seen;
  const session = found?.session ?? null;
  const jarCookies = session === null ? '' : cookiesOf(session, seen);
  const isJarsOwner = jarCookies !== '' && sharesCookie(client, jarCookies);
  const evidence = gatherEvidence(seen, session, jarCookies, isJarsOwner);
  const verdict = judge(policy, evidence);
  return {
    site: seen.site,
    facts: seen.facts,
    policy,
    target: seen.target,
    carriedSids: seen.carriedSids,
    isInForm: seen.isInForm,
    ownIn: seen.ownIn,
    carriedIn: seen.carriedIn,
    client,
    cleanReferer: seen.cleanReferer,
    binding: seen.binding,
    session,
    foundBy: found?.by ?? null,
    probed: seen.probed,
    isFromAbroad: seen.isFromAbroad && session === null,
    jarCookies,
    isJarsOwner,
    simulated: seen.simulated,
    verdict,
    treatment: treat(policy, verdict, evidence),
  };
}

/**
 * `on_url_sid: reject`: on a cookie-only route a SID in the URL is refused aloud. @throws ProxyError SID_REJECTED; LOADED_AHEAD for a
 * page with a SID that a foreign page may have loaded ahead: when the click comes, browsers ask again and say who asks.
 */
export function rejectUrlSid({ policy, carriedIn, isFromAbroad, client }: Arrival): void {
  if (policy.useOnlyCookies && policy.onUrlSid === 'reject' && carriedIn !== null) throw new ProxyError('SID_REJECTED');
  if (isFromAbroad && client.isSpeculative && client.isNavigation) throw new ProxyError('LOADED_AHEAD');
}

/** By scheme and Host field, whose grammar was checked on arrival; the URL parser drops a default port and lowers the case. */
const origins = {
  http: new Memo((host) => new URL(`http://${host}`).origin),
  https: new Memo((host) => new URL(`https://${host}`).origin),
};

/** The origin under which the client knows us: `https://shop.example:8443`. */
export function ownOrigin({ client }: RequestFacts): string {
  return origins[client.scheme].of(client.host ?? 'localhost');
}

/** Has the client a place for Secure cookies here? By https, and as browsers have it on their own machine (Secure Contexts §3.1). */
export function keepsSecureCookies({ client }: RequestFacts, { host }: Pick<ClientBinding, 'host'>): boolean {
  return client.scheme === 'https' || OWN_MACHINE.test(host);
}

const OWN_MACHINE = /^(?:(?:[^:/]*\.)?localhost|127(?:\.\d+){3}|\[::1\])(?::\d+)?$/;

/** Are partitioned cookies to be tried (`cookies.partitioned`)? They are Secure ones. */
export function triesPartitioned({ policy, client, facts }: Pick<Arrival, 'policy' | 'client' | 'facts'>): boolean {
  return policy.partitionedCookies && client.isForeignFrame && facts.client.scheme === 'https';
}

interface Found {
  readonly session: Session;
  readonly by: 'target' | 'referer';
}

/**
 * Strict: only a living session of this very client counts, found by an ID that we issued. Null where there is nothing to
 * look for.
 */
function findSession(seen: Observed): Promise<Found | null> | null {
  const { facts, policy, client } = seen;
  if (policy.useOnlyCookies || client.isRobot) return null;
  const first = seen.carriedSids[0];
  if (first !== undefined) {
    const others = seen.carriedSids.filter((sid) => sid !== first);
    if (others.length > 0) return chooseSession(seen, first, others);
    return look(seen, first, 'target');
  }
  if (policy.recover !== 'referer' || client.referer === null) return null;
  const inReferer = unmarkTarget(withoutFragment(client.referer), policy.session.name).sids[0];
  if (inReferer === undefined || !mayRecover(client, ownOrigin(facts))) return null;
  if (policy.useCookies && hasRelevantCookie(client.cookieNames, policy)) return null;
  return look(seen, inReferer, 'referer');
}

/**
 * Two SIDs are one too many, except for one in the target and one in hidden fields, of which one leads nowhere: behind a 307 of a
 * login the browser repeats the form, whose field has the SID from before; and a form without an action is sent to an address that
 * is older than the page (a login that was answered with a page, a session that ended).
 */
async function chooseSession(seen: Observed, first: string, others: readonly string[]): Promise<Found | null> {
  const inTarget = seen.targetSids;
  const [inField = first] = others;
  if (inTarget.length === 0 || inTarget.some((sid) => sid !== first) || others.some((sid) => sid !== inField)) {
    throw new ProxyError('AMBIGUOUS_SID');
  }
  if (seen.isFromAbroad) return null;
  const byField = await look(seen, inField, 'target');
  // Which of the application's own SIDs are alive only it knows: the field is as new as the page.
  if (byField !== null && seen.policy.session.mode === 'mirror') return byField;
  const byTarget = await look(seen, first, 'target');
  if (byTarget !== null && byField !== null && !byTarget.session.sid.equals(byField.session.sid)) {
    throw new ProxyError('AMBIGUOUS_SID');
  }
  return byTarget ?? byField;
}

/** A client with cookies never feels that the store is away; one that needs it is refused, unless the route says else. */
async function look(seen: Observed, text: string, by: Found['by']): Promise<Found | null> {
  const { policy, client } = seen;
  const source = sessionsOf(seen.site, policy);
  const sid = source.parseSid(text);
  if (sid === null) return null;
  // A session from abroad counts for the client that began it: where clients cannot be told apart, for none.
  if (seen.isFromAbroad && !isAddressKnown(seen.facts.client, seen.facts.fields)) return null;
  try {
    const session = await source.find(sid, seen.binding, policy.session, seen.isFromAbroad);
    return session === null ? null : { session, by };
  } catch (error) {
    const takesCookies = policy.useCookies && hasRelevantCookie(client.cookieNames, policy);
    if (isStoreAway(error) && (takesCookies || policy.onStoreFailure === 'anonymous')) return null;
    throw error;
  }
}

function withoutFragment(url: string): string {
  const hash = url.indexOf('#');
  return hash < 0 ? url : url.slice(0, hash);
}

/** What the verdict of a request was made of. */
export function evidenceOf(arrival: Arrival): Evidence {
  return gatherEvidence(arrival, arrival.session, arrival.jarCookies, arrival.isJarsOwner);
}

function gatherEvidence(
  { policy, client, probed }: Pick<Arrival, 'policy' | 'client' | 'probed'>,
  session: Session | null,
  jarCookies: string,
  isJarsOwner: boolean,
): Evidence {
  return {
    isRobot: client.isRobot,
    hasValidSid: session !== null,
    // A frame of a foreign site may keep one cookie and not the next: there only the relevant ones tell. Elsewhere any does, by
    // its very value.
    hasJarCookie:
      (isJarsOwner && !client.isForeignFrame) ||
      (session !== null && client.cookieNames.some((name) => session.jar.has(name) && isRelevantCookie(name, policy))),
    isJarCookieDue: client.isForeignFrame ? hasRelevantIn(jarCookies, policy) : jarCookies !== '',
    hasNamedCookie: client.cookieNames.some((name) => policy.session.cookies.has(name)),
    hasRelevantCookie: hasRelevantCookie(client.cookieNames, policy),
    // A route that tries partitioned cookies first waits for their return, as with any unknown client.
    isStorageBlocked: client.isStorageBlocked && !policy.partitionedCookies,
    isProbeUnanswered: probed === 'now',
    isProbeAnswered: policy.detect === 'probe' && client.cookieNames.includes(probeName(policy)),
  };
}

/** `jarCookies`: as a Cookie field. What the route ignores is in no jar. */
function hasRelevantIn(jarCookies: string, policy: RoutePolicy): boolean {
  if (jarCookies === '' || policy.session.cookies.size === 0) return jarCookies !== '';
  return hasRelevantCookie(cookieNamesOf(jarCookies), policy);
}

function cleanRefererOf(site: Site, facts: RequestFacts, policy: RoutePolicy, referer: string | null): string | null {
  if (referer === null) return null;
  // A Referer may be a reference without a host (RFC 9110 §10.1.3).
  const isOwn = referer.startsWith(`${ownOrigin(facts)}/`);
  const clean = withoutAnySid({ site, facts, policy }, referer, isOwn ? undefined : parseUrl(referer)?.host);
  return clean === '' && referer !== '' ? null : clean;
}

/** A URL of one of our hosts, by default the one that was asked, without any SID. */
export function withoutAnySid(
  { site, facts, policy }: Pick<Arrival, 'site' | 'facts' | 'policy'>,
  url: string,
  host = facts.client.host ?? '',
): string {
  return withoutSids(site, policy, host, url);
}

function cookiesOf(session: Session, { site, facts, binding, target }: Observed): string {
  const at = { isSecure: keepsSecureCookies(facts, binding), host: binding.host, path: target };
  return session.jar.cookieHeader(at, site.clock());
}

function sharesCookie({ cookieField }: ClientFacts, jarCookies: string): boolean {
  if (cookieField === '') return false;
  const kept = jarCookies.split('; ');
  return cookieField.split(';').some((pair) => kept.includes(pair.trim()));
}
