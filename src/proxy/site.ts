/**
 * A site: one configuration put to work. Compiled once and frozen; a reload makes a new one beside it, and each exchange
 * keeps the site that it began with.
 */
import type { Config } from '../config/config.ts';
import { OF_LINKS } from '../policy/path.ts';
import type { RoutePolicy } from '../policy/route-policy.ts';
import type { RouteTable } from '../policy/routes.ts';
import type { SessionSource } from '../session/source.ts';
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
  readonly namesOfHosts: NameCache;
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

/** Hosts come from clients: a cache is dropped when it has grown to this many. */
const MAX_SCOPES = 256;

/** The names of the SIDs of one host's routes. */
export interface SidNames {
  /** All of them come off before the upstream sees a request. */
  readonly all: readonly string[];
  /** Those whose SIDs are ours alone: they come off addresses within addresses, too. */
  readonly jar: readonly string[];
}

/** On another host the same name is the application's own. */
export class NameCache {
  readonly #routes: RouteTable;
  readonly #ofHosts = new Map<string, SidNames>();

  constructor(routes: RouteTable) {
    this.#routes = routes;
  }

  /** `host`: the Host field as it came. */
  of(host: string): SidNames {
    const known = this.#ofHosts.get(host);
    if (known !== undefined) return known;
    // Hosts that share SIDs (`trans_sid_hosts`) may each have a name of their own for them.
    const sharing = this.#routes.policies.filter(({ transSidHosts }) => transSidHosts.size > 0);
    const policies = [...this.#routes.policiesOf(host), ...sharing];
    const names = {
      all: namesOf(policies),
      jar: namesOf(policies.filter(({ session }) => session.mode === 'jar')),
    };
    if (this.#ofHosts.size >= MAX_SCOPES) this.#ofHosts.clear();
    this.#ofHosts.set(host, names);
    return names;
  }
}

export function namesOf(policies: readonly RoutePolicy[]): string[] {
  return [...new Set(policies.map(({ session }) => session.name))];
}

/** Scopes by route and origin, so that an exchange does not compile one. */
export class ScopeCache {
  readonly #routes: RouteTable;
  readonly #aliases: readonly string[];
  /** Routes treat a SID differently: not all of them honour it, or not under the same name. */
  readonly #isMixed: boolean;
  readonly #ofSid = new Map<RoutePolicy, Map<string, Scope>>();
  readonly #ofVars = new Map<RoutePolicy, Map<string, Scope>>();

  constructor(routes: RouteTable, aliases: readonly string[]) {
    this.#routes = routes;
    this.#aliases = aliases;
    this.#isMixed = routes.hasCookieOnlyRoutes || namesOf(routes.policies).length > 1;
  }

  /**
   * The scope of the SID's marks on a route. A link into a route that honours no SID, or none of this name, never carries it:
   * it would be shown about for nothing.
   */
  ofSid(policy: RoutePolicy, origin: string): Scope {
    return kept(this.#ofSid, policy, origin, () => {
      const host = new URL(origin).host;
      return new Scope({
        origin,
        aliases: this.#aliases,
        hosts: policy.transSidHosts,
        path: policy.scopePath,
        ...(this.#isMixed && {
          isExcluded: (path: string, there: string) => {
            const found = this.#routes.match(there, path, OF_LINKS).policy;
            if (!found.useOnlyCookies && found.session.name === policy.session.name) return false;
            return there === host || found.index >= 0 || this.#hasSids(there);
          },
        }),
      });
    });
  }

  /** Does any route of this host honour SIDs? One of `trans_sid_hosts` of which none speaks may be another server's. */
  #hasSids(host: string): boolean {
    return this.#routes.policiesOf(host).some((policy) => !policy.useOnlyCookies);
  }

  /** The scope of the route's rewrite variables: the application's own, not secret. */
  ofVars(policy: RoutePolicy, origin: string): Scope {
    return kept(
      this.#ofVars,
      policy,
      origin,
      () => new Scope({ origin, aliases: this.#aliases, hosts: policy.urlRewriterHosts }),
    );
  }
}

function kept(
  scopes: Map<RoutePolicy, Map<string, Scope>>,
  policy: RoutePolicy,
  origin: string,
  make: () => Scope,
): Scope {
  const ofPolicy = scopes.get(policy) ?? new Map<string, Scope>();
  const known = ofPolicy.get(origin);
  if (known !== undefined) return known;
  const scope = make();
  if (ofPolicy.size >= MAX_SCOPES) ofPolicy.clear();
  ofPolicy.set(origin, scope);
  scopes.set(policy, ofPolicy);
  return scope;
}
