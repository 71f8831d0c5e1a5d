/**
 * Keys of a configuration that do nothing where they stand, because of what other keys say: warnings of `transid check`. Pure.
 *
 * A key counts as set when its value is not the default one. What stands in `defaults` may be meant for any route: it is idle
 * only if no route makes use of it.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Config } from '../config/config.ts';
import { parseConfig } from '../config/load.ts';
import type { KeyPath } from '../config/problems.ts';
import type { RouteConfig, RouteDefaults } from '../config/schema.ts';
import type { RoutePolicy } from '../policy/route-policy.ts';
import type { Warning } from './warning.ts';

export const marksUrls = (policy: RoutePolicy): boolean => policy.useTransSid && !policy.useOnlyCookies;

export function idleSettings(config: Config, policies: readonly RoutePolicy[]): Warning[] {
  return [
    ...idleTransportKeys(config),
    ...idleStoreKeys(config),
    ...idleSessionKeys(config, policies),
    ...idleRouteKeys(config, policies),
  ];
}

const idle = (path: KeyPath, why: string, advice: string): Warning => ({
  path,
  message: `this has no effect: ${why}`,
  advice,
});

function idleTransportKeys({ upstream }: Config): Warning[] {
  const { verify, ca, serverName } = upstream.tls;
  if (upstream.url.startsWith('https:') || (verify && ca === null && serverName === null)) return [];
  return [
    idle(['upstream', 'tls'], 'the upstream speaks plain http', 'write its `url` with https://, or take `tls` out'),
  ];
}

const SENTINEL_NAME = 'mymaster';

function idleStoreKeys({ store }: Config): Warning[] {
  if (store.kind !== 'redis') return [];
  const warnings: Warning[] = [];
  for (const [key, isSet] of [
    ['sentinel_name', store.sentinelName !== SENTINEL_NAME],
    ['sentinel_username', store.sentinelUsername !== undefined],
    ['sentinel_password', store.sentinelPassword !== null],
  ] as const) {
    if (store.sentinels.length > 0 || !isSet) continue;
    warnings.push(idle(['store', key], 'no sentinel is asked', 'name `sentinels`, or take the key out'));
  }
  if (store.ca !== null && !store.tls && store.url?.startsWith('rediss:') !== true) {
    warnings.push(idle(['store', 'ca_file'], 'Redis is spoken to without TLS', 'set `tls: true`, or take the key out'));
  }
  return warnings;
}

type SessionKeys = Config['session'] | NonNullable<RouteConfig['session']>;

/** A key of `session`, here or on a route. */
interface IdleSessionKey {
  readonly path: KeyPath;
  readonly valueIn: (session: SessionKeys) => unknown;
  readonly isIdle: (policy: RoutePolicy) => boolean;
  readonly why: string;
  readonly advice: string;
}

const OF_APPLICATION = {
  isIdle: ({ session }: RoutePolicy) => session.mode === 'mirror',
  why: 'with `mode: mirror` it is the application that ends sessions and changes their IDs',
  advice: 'set it there, or take the key out',
};

const SESSION_KEYS: readonly IdleSessionKey[] = [
  {
    path: ['cookie'],
    valueIn: (session) => session.cookie,
    isIdle: ({ session }) => session.mode === 'jar',
    why: 'with `mode: jar` the SID is our own',
    advice: 'set `mode: mirror`, or name cookies that prove a client with cookies in `cookies`',
  },
  { path: ['idle_timeout'], valueIn: (session) => session.idleTimeoutMs, ...OF_APPLICATION },
  { path: ['absolute_timeout'], valueIn: (session) => session.absoluteTimeoutMs, ...OF_APPLICATION },
  { path: ['unproven_timeout'], valueIn: (session) => session.unprovenTimeoutMs, ...OF_APPLICATION },
  { path: ['rotation', 'on'], valueIn: (session) => session.rotation?.on, ...OF_APPLICATION },
  { path: ['rotation', 'old_sid'], valueIn: (session) => session.rotation?.oldSid, ...OF_APPLICATION },
  {
    path: ['bind'],
    valueIn: (session) => session.bind,
    isIdle: ({ session }) => session.mode === 'mirror' && !session.sign,
    why: 'with `mode: mirror` a SID is bound by its signature alone',
    advice: 'set `sign: true`, or take the key out',
  },
];

function idleSessionKeys({ session }: Config, policies: readonly RoutePolicy[]): Warning[] {
  return SESSION_KEYS.filter(
    ({ valueIn, isIdle }) =>
      !isDeepStrictEqual(valueIn(session), valueIn(BARE.session)) && policies.every((policy) => isIdle(policy)),
  ).map(({ path, why, advice }) => idle(['session', ...path], why, advice));
}

// ------------------------------------------------------------------------------------------------------------ routes

type RouteKeys = RouteConfig | RouteDefaults;

interface IdleKey {
  /** Below the route. */
  readonly path: KeyPath;
  readonly valueIn: (route: RouteKeys) => unknown;
  readonly isIdle: (policy: RoutePolicy, config: Config) => boolean;
  readonly why: string;
  readonly advice: string;
}

const UNHONOURED = {
  isIdle: (policy: RoutePolicy) => policy.useOnlyCookies,
  why: 'no session ID in a URL is honoured here',
  advice: 'set `use_trans_sid: true`, or take the key out',
};
const UNMARKED = {
  isIdle: (policy: RoutePolicy) => !marksUrls(policy),
  why: 'no URL is marked here',
  advice: 'set `use_trans_sid: true`, or take the key out',
};

const IDLE_KEYS: readonly IdleKey[] = [
  { path: ['detect'], valueIn: (route) => route.detect, ...UNHONOURED },
  { path: ['recover'], valueIn: (route) => route.recover, ...UNHONOURED },
  { path: ['on_store_failure'], valueIn: (route) => route.onStoreFailure, ...UNHONOURED },
  { path: ['carrier'], valueIn: (route) => route.carrier, ...UNMARKED },
  {
    path: ['carrier'],
    valueIn: (route) => route.carrier,
    isIdle: (policy) => marksUrls(policy) && policy.rewriter === 'php',
    why: 'the `php` rewriter writes into the query, as PHP',
    advice: 'set `rewriter: html`, or take the key out',
  },
  { path: ['scope_path'], valueIn: (route) => route.scopePath, ...UNMARKED },
  { path: ['trans_sid_tags'], valueIn: (route) => route.transSidTags, ...UNMARKED },
  { path: ['trans_sid_hosts'], valueIn: (route) => route.transSidHosts, ...UNHONOURED },
  {
    path: ['on_url_sid'],
    valueIn: (route) => route.onUrlSid,
    isIdle: (policy) => !policy.useOnlyCookies,
    why: 'session IDs in URLs are honoured here',
    advice: 'set `use_only_cookies: true`, or take the key out',
  },
  {
    path: ['php_version'],
    valueIn: (route) => route.phpVersion,
    isIdle: (policy) => policy.rewriter !== 'php',
    why: 'it is for the `php` rewriter',
    advice: 'set `rewriter: php`, or take the key out',
  },
  {
    path: ['cookies', 'partitioned'],
    valueIn: (route) => route.cookies?.partitioned,
    isIdle: (_, { listen, trustedProxies }) => listen.tls === null && trustedProxies.length === 0,
    why: 'browsers take such cookies by https only, and no request comes by it',
    advice: 'serve https with `tls`, or name the TLS proxy in front in `trusted_proxies`',
  },
  ...SESSION_KEYS.map((key) => ({
    ...key,
    path: ['session', ...key.path],
    valueIn: ({ session }: RouteKeys) => (session === undefined ? undefined : key.valueIn(session)),
  })),
  {
    path: ['simulate', 'script'],
    valueIn: (route) => route.simulate?.script,
    isIdle: (policy) => policy.simulateScript && policy.simulate === null && !policy.simulateByField,
    why: 'no client is simulated',
    advice: 'say which one with `as`, or let requests choose with `by_field: true`',
  },
];

/** What a configuration has that says nothing of routes. */
const BARE = parseConfig('upstream: http://127.0.0.1:8000', 'bare');

function idleRouteKeys(config: Config, policies: readonly RoutePolicy[]): Warning[] {
  return policies.flatMap((policy) => {
    const route = config.routes[policy.index] ?? config.defaults;
    const place: KeyPath = policy.index < 0 ? ['defaults'] : ['routes', policy.index];
    const users = policy.index < 0 ? policies : [policy];
    return IDLE_KEYS.filter((key) => {
      const isOverridden = (user: RoutePolicy) => {
        const own = config.routes[user.index];
        return user !== policy && own !== undefined && key.valueIn(own) !== undefined;
      };
      return isSet(key, route) && users.every((user) => isOverridden(user) || key.isIdle(user, config));
    }).map(({ path, why, advice }) => idle([...place, ...path], why, advice));
  });
}

function isSet({ valueIn }: IdleKey, route: RouteKeys): boolean {
  const value = valueIn(route);
  return value !== undefined && !isDeepStrictEqual(value, valueIn(BARE.defaults));
}
