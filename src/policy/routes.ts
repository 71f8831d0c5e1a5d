/**
 * Compile the routes of the configuration once; for each request tell the policy that holds.
 *
 * First match wins. But a path can have several readings (`path.ts`), and each is matched by itself, with case and without:
 * where any of them falls on a route that is `use_only_cookies`, that route's policy holds. Otherwise the primary reading
 * decides. What no route matches gets the `defaults` as a route of its own.
 */
import type { Config } from '../config/config.ts';
import type { RouteConfig, RouteDefaults, RouteSessionConfig } from '../config/schema.ts';
import { Memo } from '../memo.ts';
import { parseUrl } from '../sid/parse-url.ts';
import { frameworkReadings } from './frameworks.ts';
import { compilePathPattern, matchesWildcard, type PathPattern } from './glob.ts';
import { decodeNeeded, foldPath, foldUnicode, type PathReadings, type ReadingBounds, readPath } from './path.ts';
import type { NameSet, RoutePolicy, SessionPolicy } from './route-policy.ts';
import { parseTagList } from './tag-list.ts';

export interface RouteMatch {
  readonly policy: RoutePolicy;
  /** Two readings of the path choose different routes. */
  readonly isAmbiguous: boolean;
}

/** Why a path got its route: for `transid explain`. */
export interface RouteFinding extends RouteMatch {
  readonly isExhausted: boolean;
  readonly readings: readonly FoundReading[];
}

interface FoundReading {
  readonly reading: string;
  /** The first route that matches with case, and the first that matches without. */
  readonly exact: RoutePolicy;
  readonly folded: RoutePolicy;
}

interface StrictReading extends FoundReading {
  readonly strict: RoutePolicy;
}

export interface RouteTable {
  /** In the order of the configuration; the last one is that of `defaults`. */
  readonly policies: readonly RoutePolicy[];
  /** Some request can fall on a route that is `use_only_cookies`. */
  readonly hasCookieOnlyRoutes: boolean;
  /**
   * The policy for a request. `host` is the Host field (port, case, a final dot and the spelling of an address do not matter), `rawPath` the request
   * target up to `?` as received. `bounds`: of the readings that are gone through. Never throws.
   */
  match(host: string, rawPath: string, bounds?: ReadingBounds): RouteMatch;
  /** The policies that requests for this host can fall on, in their order. */
  policiesOf(host: string): readonly RoutePolicy[];
  /** As `match`, with every reading and its routes. */
  explain(host: string, rawPath: string): RouteFinding;
}

interface CompiledRoute {
  readonly policy: RoutePolicy;
  readonly exact: readonly PathPattern[];
  /** The same patterns for readings without case. */
  readonly folded: readonly PathPattern[];
  /** Lower-case host patterns; null for any host. */
  readonly hosts: readonly string[] | null;
}

/** The routes that a path of one host can reach, in their order: the last one takes every path. */
interface HostRoutes {
  readonly all: readonly CompiledRoute[];
  readonly namedStrict: readonly CompiledRoute[];
}

/** Each reading is held against each route of its host: so many times for one path. With them a match takes a few milliseconds. */
const MAX_MATCHES = 8000;

/** Compile the routes. Throws nothing for a configuration that was loaded. */
export function compileRoutes(config: Config): RouteTable {
  const routes = [...config.routes.map((route, index) => compileRoute(route, index, config)), defaultRoute(config)];
  const policies = routes.map((route) => route.policy);
  const reachable = policies.slice(0, 1 + routes.findIndex(isCatchAll));
  const hasCookieOnlyRoutes = reachable.some((policy) => policy.useOnlyCookies);
  const isMixed = hasCookieOnlyRoutes && reachable.some((policy) => !policy.useOnlyCookies);

  const onHosts = new Memo((host): HostRoutes => {
    const onHost = routes.filter((route) => isOnHost(route, host));
    const all = onHost.slice(0, 1 + onHost.findIndex(takesEveryPath));
    return { all, namedStrict: all.filter(isNamedStrict) };
  });
  const routesOn = (hostField: string) => onHosts.of(normalised.of(hostField));

  const first = (there: HostRoutes, matches: (route: CompiledRoute) => boolean): CompiledRoute => {
    for (const route of there.all) if (matches(route)) return route;
    // The default route matches every host and path.
    throw new Error('no route');
  };
  const exactRoute = (there: HostRoutes, path: string) =>
    first(there, (route) => route.exact.some((one) => one.matches(path)));
  const foldedRoute = (there: HostRoutes, path: string) => {
    const folded = foldPath(path);
    return first(there, (route) => route.folded.some((one) => one.matches(folded)));
  };

  /** With case, and without. */
  function routesOf(
    there: HostRoutes,
    reading: string,
    chosen: CompiledRoute,
  ): [exact: RoutePolicy, folded: RoutePolicy] {
    const exact = exactRoute(there, reading);
    const folded = foldedRoute(there, reading);
    if (!takesEveryPath(exact) && !takesEveryPath(folded)) return [exact.policy, folded.policy];
    const isSame = !takesEveryPath(chosen) && meansPathOf(chosen, reading);
    const orChosen = (route: CompiledRoute) => (isSame && takesEveryPath(route) ? chosen : route).policy;
    return [orChosen(exact), orChosen(folded)];
  }

  /**
   * What a framework may make of the readings. It counts where it leads to a route that is `use_only_cookies` by a path of
   * its own, unless a route names this very path.
   */
  function looseReadings(
    there: HostRoutes,
    all: readonly string[],
    primary: string,
    chosen: CompiledRoute,
  ): StrictReading[] {
    const found: StrictReading[] = [];
    for (const whole of all) {
      for (const reading of frameworkReadings(whole)) {
        // Hardly any leads there.
        if (!leadsToStrict(there, foldPath(reading))) continue;
        const exact = exactRoute(there, reading);
        const folded = foldedRoute(there, reading);
        const strict = isNamedStrict(exact) ? exact : isNamedStrict(folded) ? folded : null;
        if (strict === null || chosen.exact.some((one) => one.isLiteral && one.matches(primary))) continue;
        found.push({ reading, exact: exact.policy, folded: folded.policy, strict: strict.policy });
      }
    }
    return found;
  }

  function leadsToStrict({ namedStrict }: HostRoutes, folded: string): boolean {
    return namedStrict.some((route) => route.folded.some((pattern) => pattern.matches(folded)));
  }

  /** With many routes fewer readings are gone through, so that a client does not choose how long a match takes. */
  function readingsOf(there: HostRoutes, rawPath: string, bounds?: ReadingBounds): PathReadings {
    const read = readPath(rawPath, bounds);
    return read.all.length * there.all.length <= MAX_MATCHES ? read : { ...read, isExhausted: true };
  }

  function match(hostField: string, rawPath: string, bounds?: ReadingBounds): RouteMatch {
    const there = routesOn(hostField);
    return decide(there, readingsOf(there, rawPath, bounds));
  }

  function decide(there: HostRoutes, { primary, all, isExhausted }: PathReadings): RouteMatch {
    const chosen = exactRoute(there, primary);
    const byPrimary = chosen.policy;
    // Where all routes agree on the one thing that safety asks for, the other readings cannot matter.
    if (!isMixed) return { policy: byPrimary, isAmbiguous: false };
    let strict: RoutePolicy | null = byPrimary.useOnlyCookies ? byPrimary : null;
    // What the readings say would cost most here, and could change nothing.
    if (isExhausted) return { policy: strict ?? strictestOf(there) ?? byPrimary, isAmbiguous: true };
    let isAmbiguous = false;
    for (const reading of all) {
      const [exact, folded] = routesOf(there, reading, chosen);
      if (exact !== byPrimary || folded !== byPrimary) isAmbiguous = true;
      if (strict === null) strict = exact.useOnlyCookies ? exact : folded.useOnlyCookies ? folded : null;
    }
    if (strict === null) {
      strict = looseReadings(there, all, primary, chosen)[0]?.strict ?? null;
      isAmbiguous ||= strict !== null;
    }
    return { policy: strict ?? byPrimary, isAmbiguous };
  }

  function explain(hostField: string, rawPath: string): RouteFinding {
    const there = routesOn(hostField);
    const read = readingsOf(there, rawPath);
    const { primary, all, isExhausted } = read;
    const chosen = exactRoute(there, primary);
    const readings = all.map((reading) => {
      const [exact, folded] = routesOf(there, reading, chosen);
      return { reading, exact, folded };
    });
    readings.push(...looseReadings(there, all, primary, chosen).map(({ strict: _strict, ...found }) => found));
    return { ...decide(there, read), isExhausted, readings };
  }

  function policiesOf(hostField: string): readonly RoutePolicy[] {
    return routesOn(hostField).all.map((route) => route.policy);
  }

  return Object.freeze({ policies, hasCookieOnlyRoutes, match, policiesOf, explain });
}

/** Each request has a Host field, and mostly the same one. */
const normalised = new Memo(normaliseHost);

/**
 * `Shop.Example.org.:8080` → `shop.example.org`. An address is spelt as sessions are bound to it, `[0:0::1]` as `[::1]` and `127.1` as
 * `127.0.0.1` (WHATWG URL §3.5).
 */
function normaliseHost(field: string): string {
  const withoutPort = field.startsWith('[') ? field.replace(/\](?::[0-9]*)?$/, ']') : field.replace(/:[0-9]*$/, '');
  const name = withoutPort.replace(/\.$/, '').toLowerCase();
  return MAY_BE_ADDRESS.test(name) ? (parseUrl(`http://${name}`)?.hostname ?? name) : name;
}

/** In brackets, or with a number at the end. */
const MAY_BE_ADDRESS = /^\[|(?:^|\.)(?:[0-9]+|0x[0-9a-f]*)$/;

function isOnHost(route: CompiledRoute, host: string): boolean {
  return route.hosts === null || route.hosts.some((pattern) => matchesWildcard(pattern, host));
}

/**
 * Does a reading that only a catch-all takes still mean a path of this route? `/caf%C3%A9` and `/cafe` are readings of `/café`, and
 * there is no way to write that one without an escape: they lead nowhere else than the route itself.
 */
function meansPathOf(route: CompiledRoute, reading: string): boolean {
  const loose = foldPath(foldUnicode(decodeNeeded(reading)));
  return route.folded.some((pattern) => pattern.matches(loose));
}

/** No request passes such a route; the default route is one. */
function isCatchAll(route: CompiledRoute): boolean {
  return route.hosts === null && takesEveryPath(route);
}

function isNamedStrict(route: CompiledRoute): boolean {
  return route.policy.useOnlyCookies && !takesEveryPath(route);
}

function takesEveryPath(route: CompiledRoute): boolean {
  return route.exact.some((pattern) => pattern.isEverything);
}

/** The first `use_only_cookies` route that a path of this host can reach; null when a catch-all stands before them all. */
function strictestOf({ all }: HostRoutes): RoutePolicy | null {
  return all.find((route) => route.policy.useOnlyCookies)?.policy ?? null;
}

// -------------------------------------------------------------------------------------------------------- compilation

function compileRoute(route: RouteConfig, index: number, config: Config): CompiledRoute {
  const hosts = route.host?.map(normaliseHost) ?? null;
  const label = route.name ?? `${hosts === null ? '' : hosts.join(',')}${route.path.join(',')}`;
  return {
    policy: compilePolicy(route, index, label, config),
    exact: route.path.map(compilePathPattern),
    folded: route.path.map((pattern) => compilePathPattern(foldPattern(pattern))),
    hosts,
  };
}

/** What `defaults` say, for everything that no route matches. */
function defaultRoute(config: Config): CompiledRoute {
  const everything = [compilePathPattern('/**')];
  return { policy: compilePolicy({}, -1, 'default', config), exact: everything, folded: everything, hosts: null };
}

/** A pattern in the form that folded readings have. */
function foldPattern(pattern: string): string {
  const bytes = Buffer.from(pattern, 'utf8').toString('latin1');
  return Buffer.from(foldPath(foldUnicode(bytes)), 'latin1').toString('utf8');
}

type RouteOptions = Partial<RouteConfig>;

function compilePolicy(route: RouteOptions, index: number, label: string, config: Config): RoutePolicy {
  const defaults = config.defaults;
  const pick = <K extends keyof RouteOptions & keyof RouteDefaults>(key: K) =>
    // `defaults` has every key but those that mean something by being absent.
    (route[key] ?? defaults[key]) as Exclude<RouteDefaults[K], undefined>;
  const useTransSid = pick('useTransSid');
  const rewriter = pick('rewriter');
  const simulate = route.simulate ?? defaults.simulate;
  const policy: RoutePolicy = {
    index,
    label,
    useCookies: pick('useCookies'),
    useOnlyCookies: useOnlyCookies(route, defaults),
    useTransSid,
    onUrlSid: pick('onUrlSid'),
    ignoreCookies: nameSet(pick('ignoreCookies')),
    detect: pick('detect'),
    recover: pick('recover'),
    acceptFrom: new Set(pick('acceptFrom')),
    // The links that PHP writes have it in their query alone: with another carrier a page's own address and its links would differ.
    carrier: rewriter === 'php' ? 'query' : pick('carrier'),
    forms: pick('forms'),
    argSeparator: route.argSeparator ?? defaults.argSeparator ?? (rewriter === 'php' ? '&' : '&amp;'),
    rewriter,
    phpVersion: pick('phpVersion'),
    transSidTags: parseTagList(pick('transSidTags')),
    transSidHosts: new Set(pick('transSidHosts').map((host) => host.toLowerCase())),
    scopePath: pick('scopePath'),
    rewriteVars: pick('rewriteVars'),
    urlRewriterTags: parseTagList(pick('urlRewriterTags')),
    urlRewriterHosts: new Set(pick('urlRewriterHosts').map((host) => host.toLowerCase())),
    session: compileSession(config, defaults.session, route.session),
    bodyLimitBytes: route.bodyLimitBytes ?? defaults.bodyLimitBytes ?? config.limits.bodyBytes,
    expose: pick('expose'),
    onStoreFailure: pick('onStoreFailure'),
    partitionedCookies: pick('cookies').partitioned,
    simulate: simulate?.as ?? null,
    simulateScript: simulate?.script ?? false,
    simulateByField: simulate?.byField ?? false,
  };
  return Object.freeze(policy);
}

/**
 * What the route says itself counts first, then `defaults`; where neither names `use_only_cookies`, a SID in a URL is
 * honoured only where `use_trans_sid` is on.
 */
function useOnlyCookies(route: RouteOptions, defaults: RouteDefaults): boolean {
  if (route.useOnlyCookies !== undefined) return route.useOnlyCookies;
  if (route.useTransSid !== undefined) return !route.useTransSid;
  return defaults.useOnlyCookies ?? !defaults.useTransSid;
}

function compileSession(
  config: Config,
  defaults: RouteSessionConfig | undefined,
  own: RouteSessionConfig | undefined,
): SessionPolicy {
  const base = config.session;
  const pick = <K extends keyof RouteSessionConfig & keyof typeof base>(key: K) =>
    (own?.[key] ?? defaults?.[key] ?? base[key]) as (typeof base)[K];
  const bind = pick('bind');
  const on = own?.rotation?.on ?? defaults?.rotation?.on ?? base.rotation.on;
  return Object.freeze({
    mode: pick('mode'),
    name: pick('name'),
    cookie: pick('mode') === 'mirror' ? (pick('cookie') ?? null) : null,
    cookies: nameSet(pick('cookies')),
    idleTimeoutMs: pick('idleTimeoutMs'),
    absoluteTimeoutMs: pick('absoluteTimeoutMs'),
    unprovenTimeoutMs: pick('unprovenTimeoutMs'),
    bind: Object.freeze({ userAgent: bind.includes('user-agent'), network: bind.includes('network') }),
    sign: pick('sign'),
    oldSid: own?.rotation?.oldSid ?? defaults?.rotation?.oldSid ?? base.rotation.oldSid,
    rotateOn: typeof on === 'string' ? on : nameSet(on),
  });
}

/** A set of names in which a final `*` stands for any ending. */
function nameSet(names: readonly string[]): NameSet {
  const exact = new Set(names.filter((name) => !name.endsWith('*')));
  const prefixes = names.filter((name) => name.endsWith('*')).map((name) => name.slice(0, -1));
  return Object.freeze({
    size: names.length,
    has: (name: string) => exact.has(name) || prefixes.some((prefix) => name.startsWith(prefix)),
    [Symbol.iterator]: () => names.values() as SetIterator<string>,
  });
}
