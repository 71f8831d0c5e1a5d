/** For `transid explain`: the whole policy of a route after its defaults, each key with where its value comes from. */
import type { Config } from '../config/config.ts';
import type { RouteConfig, RouteSessionConfig } from '../config/schema.ts';
import type { NameSet, RoutePolicy, SessionPolicy, TagList } from '../policy/route-policy.ts';

/** One line: the key as the configuration spells it, its value, and what says so. */
interface Row<Policy> {
  readonly key: string;
  readonly value: (policy: Policy) => string;
  readonly from: (source: Source) => string;
}

/** What a policy was made of; `route` is undefined for `defaults`. */
interface Source {
  readonly config: Config;
  readonly route: RouteConfig | undefined;
}

/** By their keys, so that none can be forgotten. The others are the route's place and name, and `session`. */
const ROWS: { readonly [Key in Exclude<keyof RoutePolicy, 'index' | 'label' | 'session'>]: Row<RoutePolicy> } = {
  useCookies: row('use_cookies', 'useCookies', (policy) => String(policy.useCookies)),
  useTransSid: row('use_trans_sid', 'useTransSid', (policy) => String(policy.useTransSid)),
  useOnlyCookies: {
    key: 'use_only_cookies',
    value: (policy) => String(policy.useOnlyCookies),
    from: ({ config, route }) => {
      if (route?.useOnlyCookies !== undefined) return 'the route';
      const isSaid = route?.useTransSid === undefined && config.defaults.useOnlyCookies !== undefined;
      return isSaid ? 'defaults' : 'follows from use_trans_sid';
    },
  },
  onUrlSid: row('on_url_sid', 'onUrlSid', (policy) => policy.onUrlSid),
  carrier: {
    key: 'carrier',
    value: (policy) => policy.carrier,
    from: ({ config, route }) => {
      if ((route?.rewriter ?? config.defaults.rewriter) === 'php') return 'follows from rewriter';
      return route?.carrier === undefined ? 'defaults' : 'the route';
    },
  },
  forms: row('forms', 'forms', (policy) => policy.forms),
  detect: row('detect', 'detect', (policy) => policy.detect),
  recover: row('recover', 'recover', (policy) => policy.recover),
  acceptFrom: row('accept_from', 'acceptFrom', (policy) => spell(policy.acceptFrom)),
  ignoreCookies: row('ignore_cookies', 'ignoreCookies', (policy) => spell(policy.ignoreCookies)),
  rewriter: row('rewriter', 'rewriter', (policy) => policy.rewriter),
  phpVersion: row('php_version', 'phpVersion', (policy) => policy.phpVersion),
  argSeparator: {
    key: 'arg_separator',
    value: (policy) => policy.argSeparator,
    from: ({ config, route }) => {
      if (route?.argSeparator !== undefined) return 'the route';
      return config.defaults.argSeparator === undefined ? 'follows from rewriter' : 'defaults';
    },
  },
  transSidTags: row('trans_sid_tags', 'transSidTags', (policy) => spellTags(policy.transSidTags)),
  transSidHosts: row('trans_sid_hosts', 'transSidHosts', (policy) => spell(policy.transSidHosts, OWN_HOST)),
  scopePath: row('scope_path', 'scopePath', (policy) => policy.scopePath),
  rewriteVars: row('rewrite_vars', 'rewriteVars', ({ rewriteVars }) => spell(rewriteVars.map(spellVar))),
  urlRewriterTags: row('url_rewriter_tags', 'urlRewriterTags', (policy) => spellTags(policy.urlRewriterTags)),
  urlRewriterHosts: row('url_rewriter_hosts', 'urlRewriterHosts', (policy) => spell(policy.urlRewriterHosts, OWN_HOST)),
  bodyLimitBytes: {
    key: 'body_limit',
    value: (policy) => `${policy.bodyLimitBytes} bytes`,
    from: ({ config, route }) => {
      if (route?.bodyLimitBytes !== undefined) return 'the route';
      return config.defaults.bodyLimitBytes === undefined ? 'limits.body' : 'defaults';
    },
  },
  expose: row('expose', 'expose', (policy) => String(policy.expose)),
  onStoreFailure: row('on_store_failure', 'onStoreFailure', (policy) => policy.onStoreFailure),
  partitionedCookies: row('cookies.partitioned', 'cookies', (policy) => String(policy.partitionedCookies)),
  simulate: row('simulate.as', 'simulate', (policy) => policy.simulate ?? '(nothing)'),
  simulateScript: row('simulate.script', 'simulate', (policy) => String(policy.simulateScript)),
  simulateByField: row('simulate.by_field', 'simulate', (policy) => String(policy.simulateByField)),
};

const SESSION_ROWS: { readonly [Key in keyof SessionPolicy]: Row<SessionPolicy> } = {
  mode: sessionRow('mode', (session) => session.mode),
  name: sessionRow('name', (session) => session.name),
  cookie: sessionRow('cookie', (session) => session.cookie ?? '(none)'),
  cookies: sessionRow('cookies', (session) => spell(session.cookies, '(any that is not ignored)')),
  idleTimeoutMs: sessionRow('idleTimeoutMs', (session) => spellMs(session.idleTimeoutMs), 'idle_timeout'),
  absoluteTimeoutMs: sessionRow(
    'absoluteTimeoutMs',
    (session) => spellMs(session.absoluteTimeoutMs),
    'absolute_timeout',
  ),
  unprovenTimeoutMs: sessionRow(
    'unprovenTimeoutMs',
    (session) => spellMs(session.unprovenTimeoutMs),
    'unproven_timeout',
  ),
  bind: sessionRow('bind', ({ bind }) =>
    spell([...(bind.userAgent ? ['user-agent'] : []), ...(bind.network ? ['network'] : [])]),
  ),
  sign: sessionRow('sign', (session) => String(session.sign)),
  rotateOn: rotationRow('on', ({ rotateOn }) => (typeof rotateOn === 'string' ? rotateOn : spell(rotateOn))),
  oldSid: rotationRow('oldSid', (session) => session.oldSid, 'old_sid'),
};

export function policyLines(config: Config, policy: RoutePolicy): string[] {
  const source: Source = { config, route: policy.index < 0 ? undefined : config.routes[policy.index] };
  const cells = [
    ...Object.values(ROWS).map(({ key, value, from }) => [key, value(policy), from(source)] as const),
    ...Object.values(SESSION_ROWS).map(({ key, value, from }) => [key, value(policy.session), from(source)] as const),
  ];
  const width = Math.max(...cells.map(([key]) => key.length));
  return ['Policy:', ...cells.map(([key, value, from]) => `  ${key.padEnd(width)}  ${value}   (${from})`)];
}

function row(key: string, own: keyof RouteConfig, value: (policy: RoutePolicy) => string): Row<RoutePolicy> {
  return { key, value, from: ({ route }) => (route?.[own] === undefined ? 'defaults' : 'the route') };
}

function sessionRow(
  own: Exclude<keyof RouteSessionConfig, 'rotation'>,
  value: (session: SessionPolicy) => string,
  key: string = own,
): Row<SessionPolicy> {
  return { key: `session.${key}`, value, from: sessionSource((session) => session?.[own]) };
}

function rotationRow(
  own: keyof NonNullable<RouteSessionConfig['rotation']>,
  value: (session: SessionPolicy) => string,
  key: string = own,
): Row<SessionPolicy> {
  return { key: `session.rotation.${key}`, value, from: sessionSource((session) => session?.rotation?.[own]) };
}

function sessionSource(own: (session: RouteSessionConfig | undefined) => unknown): Row<SessionPolicy>['from'] {
  return ({ config, route }) => {
    if (own(route?.session) !== undefined) return 'the route';
    return own(config.defaults.session) === undefined ? 'session' : 'defaults';
  };
}

const OWN_HOST = '(the own host only)';

function spell(items: Iterable<string> | NameSet, none = '(none)'): string {
  return [...items].join(', ') || none;
}

function spellTags(tags: TagList): string {
  return (
    [...tags].flatMap(([tag, attributes]) => attributes.map((attribute) => `${tag}=${attribute}`)).join(',') || '(none)'
  );
}

function spellVar([name, value]: readonly [string, string]): string {
  return `${name}=${value}`;
}

/** As `duration()` of the configuration reads them. */
function spellMs(ms: number): string {
  return ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`;
}
