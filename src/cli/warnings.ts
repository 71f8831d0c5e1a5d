/**
 * What is valid in a configuration but can hardly be meant: the warnings of `transid check`. Pure but for looking whether
 * the folder of the database can be written.
 */
import { accessSync, constants, statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { isLoopback, leadsTo } from '../config/addresses.ts';
import type { Config } from '../config/config.ts';
import type { KeyPath } from '../config/problems.ts';
import { compilePathPattern, matchesWildcard } from '../policy/glob.ts';
import type { RoutePolicy } from '../policy/route-policy.ts';
import { compileRoutes, type RouteTable } from '../policy/routes.ts';
import { show } from './explain-route.ts';
import { idleSettings, marksUrls } from './idle-settings.ts';
import type { Warning } from './warning.ts';

/** All warnings, in the order of the keys as far as that is known. */
export function warningsOf(config: Config): Warning[] {
  const routes = compileRoutes(config);
  const { policies } = routes;
  return [
    ...transportWarnings(config, policies),
    ...storeWarnings(config),
    ...routeWarnings(config, routes),
    ...idleSettings(config, policies),
    ...unreachableRoutes(config),
    ...sensitiveRoutes(config, policies),
  ];
}

function transportWarnings(config: Config, policies: readonly RoutePolicy[]): Warning[] {
  const warnings: Warning[] = [];
  if (config.listen.tls === null && config.trustedProxies.length === 0 && policies.some(marksUrls)) {
    if (!isLoopback(config.listen.host)) {
      warnings.push({
        path: ['listen'],
        message: 'session IDs travel in URLs over plain http',
        advice:
          'serve https with `tls`, or name the TLS proxy in front in `trusted_proxies`: without it its https links count as foreign',
      });
    }
  }
  if (config.admin !== null && !isLoopback(config.admin.host)) {
    warnings.push({
      path: ['admin'],
      message: 'metrics and dashboard can be reached from other machines',
      advice: 'keep this address off the public network',
    });
  }
  if (leadsTo(config.upstream.url, config.listen)) {
    warnings.push({
      path: ['upstream', 'url'],
      message: 'this is the address of `listen`: each request would come round in a loop',
      advice: 'write the address of the application',
    });
  }
  if (!config.upstream.tls.verify && config.upstream.url.startsWith('https:')) {
    warnings.push({
      path: ['upstream', 'tls', 'verify'],
      message: "the application's certificate is not checked",
      advice: 'trust its authority with `ca_file` instead',
    });
  }
  return warnings;
}

function storeWarnings({ store }: Config): Warning[] {
  if (store.kind !== 'lmdb' || canTakeFiles(store.path)) return [];
  return [
    {
      path: ['store', 'path'],
      message: `${store.path} cannot be written`,
      advice: 'make the folder on a local disk and give it to the user that runs the proxy',
    },
  ];
}

/** The folder, or the nearest one above it that is there, can be written. */
function canTakeFiles(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
    // Root may write anywhere; but what has no blocks (/proc, /sys) holds no files but the kernel's own.
    return statSync(folder).isDirectory() && statfsSync(folder).blocks > 0;
  } catch (error) {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    return isMissing && dirname(folder) !== folder && canTakeFiles(dirname(folder));
  }
}

function routeWarnings(config: Config, routes: RouteTable): Warning[] {
  return routes.policies.flatMap((policy) => {
    const route = policy.index < 0 ? config.defaults : config.routes[policy.index];
    const place: KeyPath = policy.index < 0 ? ['defaults'] : ['routes', policy.index];
    const warnings: Warning[] = [];
    const warn = (key: string, message: string, advice: string) =>
      warnings.push({ path: [...place, key], message, advice });
    if (route?.useTransSid === true && policy.useOnlyCookies) {
      warn('use_trans_sid', '`use_trans_sid` has no effect beside `use_only_cookies: true`', 'keep one of them');
    }
    if (route?.useCookies === false && policy.useOnlyCookies) {
      warn(
        'use_cookies',
        'no client can keep a session here: neither cookies nor URLs may carry it',
        'set `use_trans_sid: true`, or allow cookies',
      );
    }
    const shared = hostsInVain(config, routes, policy);
    if (shared !== null) warn('trans_sid_hosts', ...shared);
    for (const host of route?.transSidHosts ?? []) {
      const reason = unusableHost(host, config);
      if (reason !== null)
        warn('trans_sid_hosts', `URLs of ${host} are never marked: ${reason}`, 'write the host as it stands in links');
    }
    for (const path of narrowPaths(config, routes, policy)) {
      const folder = path.replace(/\/$/, '');
      warn(
        'path',
        `${path} is that path alone: below it (${folder}/x) a session ID in a URL is honoured`,
        `applications often give the same page there: write ${folder}/**`,
      );
    }
    for (const [path, reading] of shutPaths(config, routes, policy)) {
      warn(
        'path',
        `no session ID in a URL is honoured at ${path}: servers may read it as ${show(reading)}, which is of a cookie-only route`,
        'write `*` in place of what they read so, as in `/c*/**`, or give the other path a route of its own',
      );
    }
    if (policy.simulate !== null || policy.simulateByField) {
      warn(
        'simulate',
        'clients are treated as if they had restricted cookies',
        'for tests only: take it out in production',
      );
    }
    return warnings;
  });
}

/**
 * Why a SID is shown to `trans_sid_hosts` for nothing, and what to do; null where it is not, or to nobody. What stands in `defaults`
 * is judged by the routes that have it from there. What a route for named hosts lists may be itself, as in PHP.
 */
function hostsInVain(config: Config, { policies }: RouteTable, policy: RoutePolicy): [string, string] | null {
  const routeOf = ({ index }: RoutePolicy) => config.routes[index];
  const listed = (routeOf(policy) ?? config.defaults).transSidHosts ?? [];
  const users = (policy.index < 0 ? policies : [policy]).filter(
    (user) => marksUrls(user) && (user === policy || routeOf(user)?.transSidHosts === undefined),
  );
  if (listed.length === 0 || users.length === 0) return null;
  const bound = users.map(boundToHost).find((setting) => setting !== null);
  if (bound !== undefined) {
    return [
      `the SID is shown to these hosts and opens nothing there: with ${bound} a session belongs to one host`,
      'take the key out, or use `mode: mirror` without `sign` on all of them',
    ];
  }
  const isShut = users.some(
    (user) => user.acceptFrom.size === 0 && listed.some((host) => routeOf(user)?.host?.includes(host) !== true),
  );
  if (!isShut) return null;
  return [
    'a SID that comes from pages of these hosts is not honoured here',
    'name their origins in `accept_from`, such as https://shop.example.org; on the other hosts those of this one',
  ];
}

/** The setting by which a SID of one host is none on another; null where it is the application's. */
function boundToHost({ session }: RoutePolicy): string | null {
  if (session.mode === 'jar') return '`mode: jar`';
  return session.sign ? '`sign: true`' : null;
}

/** Path patterns of a cookie-only route below which other routes honour SIDs. */
function narrowPaths(config: Config, routes: RouteTable, policy: RoutePolicy): string[] {
  const route = config.routes[policy.index];
  if (route === undefined || !policy.useOnlyCookies) return [];
  const host = sampleHost(route);
  return route.path.filter((path) => {
    const below = `${path.replaceAll('**', 'q').replaceAll('*', 'q').replace(/\/$/, '')}/q`;
    return !path.endsWith('/**') && !routes.match(host, below).policy.useOnlyCookies;
  });
}

/** Path patterns of a route that honours SIDs of which some reading leads to a cookie-only route, and that reading. */
function shutPaths(config: Config, routes: RouteTable, policy: RoutePolicy): [path: string, reading: string][] {
  const route = config.routes[policy.index];
  if (route === undefined || policy.useOnlyCookies) return [];
  return route.path.flatMap((path): [string, string][] => {
    const { readings, policy: winner } = routes.explain(sampleHost(route), samplePath(path));
    if (!winner.useOnlyCookies || !readings.some(({ exact }) => exact === policy)) return [];
    const found = readings.find(({ exact, folded }) => exact === winner || folded === winner);
    return found === undefined ? [] : [[path, found.reading]];
  });
}

function sampleHost(route: Config['routes'][number]): string {
  return route.host?.[0]?.replaceAll('*', 'q') ?? 'q.test';
}

/** A path that the pattern takes, as a browser sends it. */
function samplePath(pattern: string): string {
  const path = pattern.replaceAll('**', 'q').replaceAll('*', 'q');
  const bytes = Buffer.from(path, 'utf8').toString('latin1');
  return bytes.replace(/[\x80-\xff]/g, (byte) => `%${byte.charCodeAt(0).toString(16)}`);
}

/** Why no link to this host can ever be marked; null when it can. */
function unusableHost(host: string, config: Config): string | null {
  const hasScheme = /^https?:\/\//i.test(host);
  if (!URL.canParse(hasScheme ? host : `http://${host}`)) return 'this is no host that a URL can have';
  if (/^http:\/\//i.test(host) && config.listen.tls !== null) return 'a SID never goes from https to http';
  const name = host.replace(/^https?:\/\//i, '').replace(/:[0-9]+$/, '');
  if (!name.includes('.') && !name.startsWith('[') && name !== 'localhost') return 'it has no domain';
  return null;
}

// ------------------------------------------------------------------------------------------------------- dead routes

function unreachableRoutes(config: Config): Warning[] {
  return config.routes.flatMap((route, index) => {
    const earlier = config.routes.findIndex(
      (other, at) =>
        at < index &&
        coversHosts(other.host, route.host) &&
        route.path.every((path) => other.path.some((pattern) => coversPath(pattern, path))),
    );
    if (earlier < 0) return [];
    const name = config.routes[earlier]?.name;
    return [
      {
        path: ['routes', index],
        message: `this route can never match: route ${name === undefined ? earlier + 1 : `"${name}"`} above takes all that it would`,
        advice: 'put the more special route first',
      },
    ];
  });
}

function coversHosts(pattern: readonly string[] | undefined, hosts: readonly string[] | undefined): boolean {
  if (pattern === undefined) return true;
  if (hosts === undefined) return false;
  return hosts.every((host) =>
    pattern.some((one) =>
      ['', 'q~', 'q~.r~'].every((part) => matchesWildcard(one.toLowerCase(), host.toLowerCase().replaceAll('*', part))),
    ),
  );
}

/** True when `pattern` takes all that `path` takes, as far as trying some odd names for its wildcards can tell. */
function coversPath(pattern: string, path: string): boolean {
  const compiled = compilePathPattern(pattern);
  if (compiled.isEverything) return true;
  const segments = ['', '/q~', '/q~/r~/s~'];
  return segments.every((part) =>
    compiled.matches(path.replaceAll('/**', part).replaceAll('*', part === '' ? '' : 'q~') || '/'),
  );
}

// ---------------------------------------------------------------------------------------------------- sensitive paths

const SENSITIVE =
  /(^|[/_.-])(admin|administrator|wp-admin|phpmyadmin|manager?|management|console|backoffice|internal?|actuator|server-status|settings)([/_.-]|$)/i;

function sensitiveRoutes(config: Config, policies: readonly RoutePolicy[]): Warning[] {
  const warnings: Warning[] = [];
  for (const policy of policies) {
    const route = config.routes[policy.index];
    if (route === undefined || policy.useOnlyCookies) continue;
    const paths = route.path.filter((path) => SENSITIVE.test(path));
    if (paths.length === 0) continue;
    warnings.push({
      path: ['routes', policy.index, 'path'],
      message: `${paths.join(', ')} looks sensitive, and a session ID in a URL is honoured there`,
      advice: 'set `use_only_cookies: true`, unless clients without cookies need it',
    });
  }
  const everything = policies.find((policy) => !policy.useOnlyCookies && isForEveryPath(policy, config));
  if (everything !== undefined && !policies.some((policy) => policy.index >= 0 && policy.useOnlyCookies)) {
    warnings.push({
      path: everything.index < 0 ? ['defaults', openingKey(config)] : ['routes', everything.index],
      message: 'session IDs in URLs are honoured on every path',
      advice: 'put a route with `use_only_cookies: true` first for what must be safe, such as `path: /admin/**`',
    });
  }
  return warnings;
}

/** Which key of `defaults` lets IDs in URLs be honoured. */
function openingKey({ defaults }: Config): string {
  return defaults.useOnlyCookies === undefined ? 'use_trans_sid' : 'use_only_cookies';
}

/** `defaults` are, unless a route takes every request. */
function isForEveryPath({ index }: RoutePolicy, { routes }: Config): boolean {
  if (index >= 0) return routes[index]?.path.includes('/**') === true;
  return !routes.some(({ host, path }) => host === undefined && path.includes('/**'));
}
