/**
 * A site: one configuration put to work. Compiled once and frozen; a reload makes a new one beside it, and each exchange
 * keeps the site that it began with.
 */
import assert from 'node:assert/strict';
import type { Config } from '../config/config.ts';
import { Memo } from '../memo.ts';
import { OF_LINKS } from '../policy/path.ts';
import type { RoutePolicy } from '../policy/route-policy.ts';
import type { RouteTable } from '../policy/routes.ts';
import type { SessionSource } from '../session/source.ts';
import { MemoBudget } from '../sid/memo-budget.ts';
import { Scope } from '../sid/scope.ts';
import type { Upstream } from '../upstream/forward.ts';
import type { UpstreamSettings } from '../upstream/request.ts';
import type { Tunnel } from '../upstream/tunnel.ts';
import type { OpenerPolicies } from './opener-policies.ts';

export interface Site {
  readonly config: Config;
  readonly routes: RouteTable;
  /** Every name under which some route's SID may travel, on any host. */
  readonly sidNames: readonly string[];
  readonly namesOfHosts: Memo<SidNames>;
  /** Some route carries the SID in hidden fields of POST forms (`forms: field`). */
  readonly hasFormFields: boolean;
  readonly jarSessions: SessionSource;
  readonly mirrorSessions: SessionSource;
  readonly upstream: Upstream;
  readonly tunnel: Tunnel;
  readonly upstreamSettings: UpstreamSettings;
  /** The upstream's own origin: where it names itself by it, in redirects and links, it means the address that clients know. */
  readonly upstreamOrigin: string;
  readonly scopes: ScopeCache;
  readonly openerPolicies: OpenerPolicies;
  /** Milliseconds since the epoch; the sessions' own clock. */
  readonly clock: () => number;
}

export function sessionsOf(site: Site, policy: RoutePolicy): SessionSource {
  return policy.session.mode === 'mirror' ? site.mirrorSessions : site.jarSessions;
}

/** The names of the SIDs of one host's routes. */
export interface SidNames {
  /** All of them come off before the upstream sees a request. */
  readonly all: readonly string[];
  /** Those whose SIDs are ours alone: they come off addresses within addresses, too. */
  readonly jar: readonly string[];
}

/** By the Host field as it came: on another host the same name is the application's own. */
export function sidNamesByHost(routes: RouteTable): Memo<SidNames> {
  // Hosts that share SIDs (`trans_sid_hosts`) may each have a name of their own for them.
  const sharing = routes.policies.filter(({ transSidHosts }) => transSidHosts.size > 0);
  return new Memo((host) => {
    const policies = [...routes.policiesOf(host), ...sharing];
    return {
      all: namesOf(policies),
      jar: namesOf(policies.filter(({ session }) => session.mode === 'jar')),
    };
  });
}

export function namesOf(policies: readonly RoutePolicy[]): string[] {
  return [...new Set(policies.map(({ session }) => session.name))];
}

/** What the one route calls a SID is one to the other, too: by its name, and by what it stands for. */
function isOneSid({ session: a }: RoutePolicy, { session: b }: RoutePolicy): boolean {
  return a.name === b.name && a.mode === b.mode && a.cookie === b.cookie;
}

/** Scopes by route and origin, so that an exchange does not compile one. */
export class ScopeCache {
  readonly #routes: RouteTable;
  readonly #aliases: readonly string[];
  /** Routes treat a SID differently: not all of them honour it, or it is not the same one to them. */
  readonly #isMixed: boolean;
  readonly #budget = new MemoBudget();
  readonly #ofSid: ReadonlyMap<RoutePolicy, Memo<Scope>>;
  readonly #ofVars: ReadonlyMap<RoutePolicy, Memo<Scope>>;

  constructor(routes: RouteTable, aliases: readonly string[]) {
    this.#routes = routes;
    this.#aliases = aliases;
    const [first, ...others] = routes.policies.filter((policy) => !policy.useOnlyCookies);
    const isOne = first === undefined || others.every((other) => isOneSid(first, other));
    this.#isMixed = routes.hasCookieOnlyRoutes || !isOne;
    const ofEach = (make: (policy: RoutePolicy, origin: string) => Scope) =>
      new Map(routes.policies.map((policy) => [policy, new Memo((origin) => make(policy, origin))]));
    this.#ofSid = ofEach((policy, origin) => this.#makeOfSid(policy, origin));
    this.#ofVars = ofEach((policy, origin) => this.#makeOfVars(policy, origin));
  }

  /**
   * The scope of the SID's marks on a route, which is one of the table's. A link into a route that honours no SID, or another
   * one, never carries it: it would be shown about for nothing.
   */
  ofSid(policy: RoutePolicy, origin: string): Scope {
    return of(this.#ofSid, policy, origin);
  }

  /** The scope of the route's rewrite variables: the application's own, not secret. */
  ofVars(policy: RoutePolicy, origin: string): Scope {
    return of(this.#ofVars, policy, origin);
  }

  #makeOfSid(policy: RoutePolicy, origin: string): Scope {
    const host = new URL(origin).host;
    return new Scope({
      origin,
      aliases: this.#aliases,
      hosts: policy.transSidHosts,
      path: policy.scopePath,
      budget: this.#budget,
      ...(this.#isMixed && {
        isExcluded: (path: string, there: string) => {
          const found = this.#routes.match(there, path, OF_LINKS).policy;
          if (!found.useOnlyCookies && isOneSid(found, policy)) return false;
          return there === host || found.index >= 0 || this.#hasSids(there);
        },
      }),
    });
  }

  #makeOfVars(policy: RoutePolicy, origin: string): Scope {
    return new Scope({ origin, aliases: this.#aliases, hosts: policy.urlRewriterHosts, budget: this.#budget });
  }

  /** Does any route of this host honour SIDs? One of `trans_sid_hosts` of which none speaks may be another server's. */
  #hasSids(host: string): boolean {
    return this.#routes.policiesOf(host).some((policy) => !policy.useOnlyCookies);
  }
}

function of(scopes: ReadonlyMap<RoutePolicy, Memo<Scope>>, policy: RoutePolicy, origin: string): Scope {
  const ofPolicy = scopes.get(policy);
  assert(ofPolicy !== undefined, 'a policy of another table');
  return ofPolicy.of(origin);
}
