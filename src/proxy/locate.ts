/**
 * The place of a request: what the application is asked for, without any SID, and the policy of that. A pure function of target
 * and host; nothing is known of the client here.
 */
import { ProxyError } from '../errors.ts';
import { pathOf } from '../policy/path.ts';
import type { RoutePolicy } from '../policy/route-policy.ts';
import {
  type CarrierKind,
  mayCarry,
  type Unmarked,
  unmarkQuery,
  unmarkReferenceOfAll,
  unmarkTargetOfAll,
} from '../sid/carrier.ts';
import { withoutNestedSids } from '../sid/nested.ts';
import { Sid } from '../sid/sid.ts';
import type { RequestFacts } from './framing.ts';
import type { SidNames, Site } from './site.ts';

export interface Located {
  readonly policy: RoutePolicy;
  /** As the application sees it. */
  readonly target: string;
  /** Of the route's own name, as they were spelt. */
  readonly sids: readonly string[];
  /** Where the first of them stood; null for none. */
  readonly ownIn: CarrierKind | null;
  /** Where the first SID of any route's name stood, honoured or not; null for none. */
  readonly carriedIn: CarrierKind | null;
  /** The request came back from our probe redirect (`detect: probe`), or has its URL from somebody who did. */
  readonly probed: 'now' | 'earlier' | null;
}

/**
 * Take every SID off the target. What is left is what the application sees, and decides the route; of the SIDs count those
 * that are called as that route calls them. Throws `AMBIGUOUS_SID` for SIDs upon SIDs.
 */
export function locate(site: Site, facts: RequestFacts): Located {
  const names = site.namesOfHosts.of(facts.client.host ?? '');
  const unmarked = unmarkTargetOfAll(facts.target, names.all);
  if (unmarked === null) throw new ProxyError('AMBIGUOUS_SID');
  const { policy } = site.routes.match(facts.client.host ?? '', pathOf(unmarked.target));
  const { name } = policy.session;
  const own = unmarked.found.get(name);
  const clean = withoutNested(unmarked.target, names, policy);
  if (clean === null) throw new ProxyError('AMBIGUOUS_SID');
  let target = clean;
  let probed: Located['probed'] = null;
  if (policy.detect === 'probe') {
    // In the query alone: what is taken off a path could make it one of another route.
    const probe = unmarkQuery(target, probeName(policy));
    if (probe.target !== target) probed = probedWhen(probe.sids, site.clock());
    target = probe.target;
  }
  return {
    policy,
    target,
    sids: own?.sids ?? NO_SIDS,
    ownIn: own?.places[0] ?? null,
    carriedIn: own?.places[0] ?? placeOfOthers(unmarked.found, names),
    probed,
  };
}

const NO_SIDS: readonly string[] = [];

/** A parameter of an application may be called as our SIDs are on another route: it is a SID if it has the form of one. */
function placeOfOthers(found: ReadonlyMap<string, Unmarked>, names: SidNames): CarrierKind | null {
  for (const [name, { sids, places }] of found) {
    const parse = names.jar.includes(name) ? Sid.parse : Sid.parseMirrored;
    if (sids.some((text) => parse(text) !== null)) return places[0] ?? null;
  }
  return null;
}

/** A URL of one of our hosts without any SID, and without the probe's parameter; '' for one with SIDs upon SIDs. */
export function withoutSids(site: Site, policy: RoutePolicy, host: string, url: string): string {
  const names = site.namesOfHosts.of(host);
  const clean = withoutNested(unmarkReferenceOfAll(url, names.all) ?? '', names, policy) ?? '';
  return policy.detect === 'probe' ? unmarkQuery(clean, probeName(policy)).target : clean;
}

/**
 * In mirror mode the SID is the application's own, and so is the place where it stands. Null where what stood around a SID makes
 * another one of it: `?_sid%26_sid%3D…=…`. Such an address nobody has from us, either.
 */
function withoutNested(text: string, names: SidNames, { session }: RoutePolicy): string | null {
  const theirs = session.mode === 'mirror' ? session.name : null;
  const takeOff = (from: string) => {
    let clean = from;
    for (const name of names.jar) if (name !== theirs && mayCarry(clean, name)) clean = withoutNestedSids(clean, name);
    return clean;
  };
  const clean = takeOff(text);
  const isStable = clean === text || (unmarkReferenceOfAll(clean, names.all) === clean && takeOff(clean) === clean);
  return isStable ? clean : null;
}

/** Name of the probe cookie, and of the parameter that tells a probed request from a first one. */
export function probeName(policy: RoutePolicy): string {
  return `${policy.session.name}_probe`;
}

/** How long a probed URL tells anything of the client: later, somebody else may have got it. */
const PROBE_MS = 60_000;

/** The value of the probe's parameter: when it was sent, milliseconds. */
export function probeStamp(nowMs: number): string {
  return nowMs.toString(36);
}

function probedWhen(stamps: readonly string[], nowMs: number): 'now' | 'earlier' {
  const sentMs = /^[0-9a-z]{1,10}$/.test(stamps[0] ?? '') ? Number.parseInt(stamps[0] as string, 36) : 0;
  // The distance: the clock of another machine may be ahead.
  return Math.abs(nowMs - sentMs) <= PROBE_MS ? 'now' : 'earlier';
}
