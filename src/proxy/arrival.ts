/**
 * The request side of one exchange, up to the verdict: match the route, take the SID off, look at the client, find its
 * session, judge. Everything here happens before a byte goes upstream.
 */
import { type Evidence, judge, type Treatment, treat, type Verdict } from '../client/detect.ts';
import { type ClientFacts, hasRelevantCookie, mayArrive, mayRecover, observeClient } from '../client/facts.ts';
import { chooseSimulation, type SimulatedClient, simulateRequest } from '../client/simulate.ts';
import { ProxyError } from '../errors.ts';
import type { CarrierKind, RoutePolicy } from '../policy/route-policy.ts';
import { type RouteMatch, stricterOf } from '../policy/routes.ts';
import type { ClientBinding, Session } from '../session/session.ts';
import { unmarkReference, unmarkTarget } from '../sid/carrier.ts';
import type { RequestFacts } from './framing.ts';
import { type Site, sessionsOf } from './site.ts';

export interface Arrival {
  readonly site: Site;
  readonly facts: RequestFacts;
  readonly policy: RoutePolicy;
  /** The request target as the application sees it: byte for byte as it came, without a SID. */
  readonly target: string;
  /** The SIDs that were taken off the target and the form, as they were spelt; most requests have none. */
  readonly carriedSids: readonly string[];
  /** Where the first of them stood in the target; null when none did. */
  readonly carriedIn: CarrierKind | null;
  readonly client: ClientFacts;
  readonly binding: ClientBinding;
  /** The client's session, null for none; how it was found. */
  readonly session: Session | null;
  readonly foundBy: 'target' | 'referer' | null;
  readonly isProbed: boolean;
  /** A cookie of the jar came along with its very value: this client, not a stranger with its link, holds the session. */
  readonly isJarsOwner: boolean;
  /** The browser that is played for this request, to whose fields `facts` were reduced; null: the client as it is. */
  readonly simulated: SimulatedClient | null;
  readonly verdict: Verdict;
  readonly treatment: Treatment;
}

/** `formSids`: what hidden fields of the body carried, where the route has them (`forms: field`). */
export async function receive(
  site: Site,
  received: RequestFacts,
  located: Located,
  formSids: readonly string[],
): Promise<Arrival> {
  const { policy, target, carriedIn } = located;
  const simulated = chooseSimulation(policy, received.fields);
  const facts = simulated === null ? received : { ...received, fields: simulateRequest(simulated, received.fields) };
  const sids = formSids.length === 0 ? located.sids : [...located.sids, ...formSids];
  const client = observeClient(facts.method, facts.fields);
  const binding: ClientBinding = {
    host: (facts.client.host ?? '').toLowerCase(),
    userAgent: client.userAgent,
    address: facts.client.address,
  };
  const found = await findSession(site, facts, policy, client, binding, sids);
  const evidence = gatherEvidence(policy, client, found?.session ?? null, located.isProbed);
  const verdict = judge(policy, evidence);
  return {
    site,
    facts,
    policy,
    target,
    carriedSids: sids,
    carriedIn,
    client,
    binding,
    session: found?.session ?? null,
    foundBy: found?.by ?? null,
    isProbed: located.isProbed,
    isJarsOwner: found !== null && sharesCookie(site, found.session, facts, client, target),
    simulated,
    verdict,
    treatment: treat(policy, verdict, evidence),
  };
}

/** The origin under which the client knows us: `https://shop.example:8443`. */
export function ownOrigin(facts: RequestFacts): string {
  // The Host grammar was checked on arrival, so that this parses; the URL parser drops a default port and lowers the case.
  return new URL(`${facts.client.scheme}://${facts.client.host ?? 'localhost'}`).origin;
}

/** The request's place: its policy, and its target without a SID. */
export interface Located {
  readonly policy: RoutePolicy;
  readonly target: string;
  readonly sids: readonly string[];
  readonly carriedIn: CarrierKind | null;
  /** The request came back from our probe redirect (`detect: probe`). */
  readonly isProbed: boolean;
}

/**
 * Take every SID off the target and decide the policy on both the path as it came and the path that the application
 * sees: a mark in the path must not lead around a stricter route.
 */
export function locate(site: Site, facts: RequestFacts): Located {
  const host = facts.client.host ?? '';
  let match = site.routes.match(host, pathOf(facts.target));
  let target = facts.target;
  let sids: readonly string[] = [];
  let carriedIn: CarrierKind | null = null;
  const ownName = match.policy.session.name;
  for (const name of site.sidNames) {
    const unmarked = unmarkTarget(target, name);
    if (unmarked.sids.length === 0 && unmarked.target === target) continue;
    target = unmarked.target;
    if (name !== ownName) continue;
    sids = unmarked.sids;
    carriedIn = unmarked.places[0] ?? null;
  }
  if (pathOf(target) !== pathOf(facts.target)) match = stricterMatch(site, match, host, pathOf(target));
  const probe = match.policy.detect === 'probe' ? unmarkTarget(target, probeName(match.policy)) : null;
  const isProbed = probe !== null && probe.target !== target;
  return { policy: match.policy, target: isProbed ? probe.target : target, sids, carriedIn, isProbed };
}

function stricterMatch(site: Site, asCame: RouteMatch, host: string, path: string): RouteMatch {
  return stricterOf(asCame, site.routes.match(host, path));
}

/** Name of the probe cookie, and of the parameter that tells a probed request from a first one. */
export function probeName(policy: RoutePolicy): string {
  return `${policy.session.name}_probe`;
}

function pathOf(target: string): string {
  const end = target.indexOf('?');
  return end < 0 ? target : target.slice(0, end);
}

/** Strict: only a living session of this very client counts, found by an ID that we issued. */
async function findSession(
  site: Site,
  facts: RequestFacts,
  policy: RoutePolicy,
  client: ClientFacts,
  binding: ClientBinding,
  sids: readonly string[],
): Promise<{ session: Session; by: 'target' | 'referer' } | null> {
  if (policy.useOnlyCookies || client.isRobot) return null;
  const first = sids[0];
  if (first !== undefined) {
    if (sids.some((sid) => sid !== first)) throw new ProxyError('AMBIGUOUS_SID');
    if (!mayArrive(client, ownOrigin(facts), policy.acceptFrom)) return null;
    const session = await look(site, policy, client, binding, first);
    return session === null ? null : { session, by: 'target' };
  }
  if (policy.recover !== 'referer' || client.referer === null) return null;
  const inReferer = unmarkTarget(withoutFragment(client.referer), policy.session.name).sids[0];
  if (inReferer === undefined || !mayRecover(client, ownOrigin(facts))) return null;
  if (policy.useCookies && hasRelevantCookie(client.cookieNames, policy)) return null;
  const session = await look(site, policy, client, binding, inReferer);
  return session === null ? null : { session, by: 'referer' };
}

/** A client with cookies never feels that the store is away; one that needs it is refused, unless the route says else. */
async function look(
  site: Site,
  policy: RoutePolicy,
  client: ClientFacts,
  binding: ClientBinding,
  text: string,
): Promise<Session | null> {
  const source = sessionsOf(site, policy);
  const sid = source.parseSid(text);
  if (sid === null) return null;
  try {
    return await source.find(sid, binding, policy.session);
  } catch (error) {
    const isAway = error instanceof ProxyError && error.code === 'STORE_UNAVAILABLE';
    const takesCookies = policy.useCookies && hasRelevantCookie(client.cookieNames, policy);
    if (isAway && (takesCookies || policy.onStoreFailure === 'anonymous')) return null;
    throw error;
  }
}

function withoutFragment(url: string): string {
  const hash = url.indexOf('#');
  return hash < 0 ? url : url.slice(0, hash);
}

function gatherEvidence(
  policy: RoutePolicy,
  client: ClientFacts,
  session: Session | null,
  isProbed: boolean,
): Evidence {
  return {
    isRobot: client.isRobot,
    hasValidSid: session !== null,
    hasJarCookie: session !== null && client.cookieNames.some((name) => session.jar.has(name)),
    hasRelevantCookie: hasRelevantCookie(client.cookieNames, policy),
    // A route that tries partitioned cookies first waits for their return, as with any unknown client.
    isStorageBlocked: client.isStorageBlocked && !policy.partitionedCookies,
    isProbeUnanswered: isProbed,
  };
}

/** The Referer as it goes upstream and into the log: without any SID; null for none. */
export function cleanReferer(site: Site, referer: string | null): string | null {
  if (referer === null) return null;
  return site.sidNames.reduce((url, name) => unmarkReference(url, name), referer);
}

function sharesCookie(site: Site, session: Session, facts: RequestFacts, client: ClientFacts, target: string): boolean {
  if (client.cookieField === '') return false;
  const at = { isSecure: facts.client.scheme === 'https', host: (facts.client.host ?? '').toLowerCase(), path: target };
  const kept = session.jar.cookieHeader(at, site.clock()).split('; ');
  return client.cookieField.split(';').some((pair) => kept.includes(pair.trim()));
}
