/** Faults of keys that are valid each by itself: what they say together. Pure. */
import { collide } from './addresses.ts';
import { certificateFaults } from './certificates.ts';
import { type Fault, type KeyPath, spellPath } from './problems.ts';
import type { ParsedConfig, ParsedParts, ParsedStore, RouteConfig, RouteDefaults } from './schema.ts';

/** With the store that holds where the file names none. */
export type CompleteConfig = ParsedConfig & { readonly store: ParsedStore };

/** What did not parse is not there: nothing is said of it. */
export type Parts = ParsedParts & { readonly store?: ParsedStore };

/** Faults of keys that are valid each by itself. */
export function contradictions(config: Parts, texts: ReadonlyMap<string, string>): Fault[] {
  return [
    ...addressFaults(config),
    ...certificateFaults(texts),
    ...sessionFaults(config, texts),
    ...nameFaults(config),
    ...variableFaults(config),
    ...storeFaults(config),
  ];
}

function addressFaults({ listen, admin }: Parts): Fault[] {
  if (listen === undefined || admin === undefined || !collide(listen.address, admin)) return [];
  return [atValue(['admin'], 'this address is that of `listen`: give one of them another port')];
}

/** HMAC-SHA-256 wants a key of its own length (RFC 2104 §3). */
const MIN_SIGN_KEY_CHARS = 32;

function sessionFaults(config: Parts, texts: ReadonlyMap<string, string>): Fault[] {
  const faults = signKeyFaults(texts);
  let isSigningTold = false;
  for (const { path, session } of sessionsOf(config)) {
    if (session.mode === 'mirror' && session.cookie === undefined) {
      faults.push(
        atValue([...path, 'mode'], 'mirror mode needs `cookie`: the cookie of the application that is the SID'),
      );
    }
    if (session.sign && session.mode !== 'mirror' && !isSigningTold) {
      isSigningTold = true;
      faults.push(atValue([...path, 'sign'], 'only `mode: mirror` signs: in jar mode every SID is our own'));
    }
    // A key that is named and could not be read is told of already.
    if (session.sign && config.session?.signKeyFile === undefined && config.session?.signKeyEnv === undefined) {
      faults.push(atValue([...path, 'sign'], 'needs `session.sign_key_file` or `session.sign_key_env`'));
    }
    if (session.unprovenTimeoutMs > session.absoluteTimeoutMs || session.idleTimeoutMs > session.absoluteTimeoutMs) {
      faults.push(atValue([...path, 'absolute_timeout'], 'must not be shorter than idle_timeout and unproven_timeout'));
    }
  }
  return faults;
}

function signKeyFaults(texts: ReadonlyMap<string, string>): Fault[] {
  const faults: Fault[] = [];
  const file = texts.get('session.sign_key_file');
  const variable = texts.get('session.sign_key_env');
  if (file !== undefined && variable !== undefined) {
    faults.push(atKey(['session', 'sign_key_env'], 'the key is given twice: keep sign_key_file or sign_key_env'));
  }
  const key = file?.trim() ?? variable;
  if (key !== undefined && key.length < MIN_SIGN_KEY_CHARS) {
    const name = file === undefined ? 'sign_key_env' : 'sign_key_file';
    faults.push(atValue(['session', name], `the key is too short: at least ${MIN_SIGN_KEY_CHARS} characters`));
  }
  return faults;
}

interface SessionAt {
  readonly path: KeyPath;
  readonly session: Pick<
    ParsedConfig['session'],
    'mode' | 'cookie' | 'sign' | 'idleTimeoutMs' | 'unprovenTimeoutMs' | 'absoluteTimeoutMs'
  >;
}

/** What holds where a file speaks of sessions, as far as it is known: a route has what `defaults` and `session` say, too. */
function sessionsOf({ session, defaults, routes = [] }: Parts): SessionAt[] {
  if (session === undefined) return [];
  const top: SessionAt = { path: ['session'], session };
  if (defaults === undefined) return [top];
  const below = { ...session, ...given(defaults.session) };
  const places = [
    { path: ['defaults', 'session'], own: defaults.session },
    ...routes.map((route, index) => ({ path: ['routes', index, 'session'], own: route?.session })),
  ];
  return [
    top,
    ...places.flatMap(({ path, own }) => (own === undefined ? [] : [{ path, session: { ...below, ...given(own) } }])),
  ];
}

/**
 * One name for two kinds of SIDs would hand those of our own to an application as its session cookie, or one application's to
 * another. Told once for each place, host by host: a route that a host cannot reach has no say there.
 */
function nameFaults({ session, defaults, routes }: Parts): Fault[] {
  if (session === undefined || defaults === undefined || routes === undefined || !areAll(routes)) return [];
  const faults = new Map<string, Fault>();
  const hosts = new Set(routes.flatMap(({ host }) => host ?? []));
  for (const host of [...hosts, null]) {
    const meanings = new Map<string, string>();
    for (const { path, route } of routesOf(host, routes)) {
      if (!takesSids(route, defaults)) continue;
      const { mode, name, cookie } = { ...session, ...given(defaults.session), ...given(route.session) };
      if (mode === 'mirror' && cookie === undefined) continue; // A fault by itself.
      const meaning = mode === 'mirror' ? `the application's cookie ${cookie}` : 'IDs of our own';
      const other = meanings.get(name);
      meanings.set(name, other ?? meaning);
      if (other === undefined || other === meaning) continue;
      const message = `"${name}" stands for ${meaning} here and for ${other} above: give one of them another \`name\``;
      faults.set(spellPath(path), atValue([...path, 'session'], message));
    }
  }
  return [...faults.values()];
}

/** A variable of the SID's name gives every link two of them, so that each request that it leads to is refused. */
function variableFaults({ session, defaults, routes }: Parts): Fault[] {
  if (session === undefined || defaults === undefined) return [];
  const places: { path: KeyPath; route: RouteKeys }[] = [{ path: ['defaults'], route: defaults }];
  for (const [index, route] of (routes ?? []).entries())
    if (route !== null) places.push({ path: ['routes', index], route });
  const faults = new Map<string, Fault>();
  for (const { path, route } of places) {
    const { name } = { ...session, ...given(defaults.session), ...given(route.session) };
    const variables = route.rewriteVars ?? defaults.rewriteVars;
    if (!takesSids(route, defaults) || !variables.some(([one]) => one === name)) continue;
    // Told once of all routes that have neither key of their own.
    let key: KeyPath = ['defaults', 'rewrite_vars'];
    if (route.rewriteVars !== undefined) key = [...path, 'rewrite_vars'];
    else if (route.session?.name !== undefined) key = [...path, 'session', 'name'];
    const message = `"${name}" is the name of the SID, too: give the variable or \`session\` another one`;
    faults.set(spellPath(key), atValue(key, message));
  }
  return [...faults.values()];
}

function areAll(routes: ReadonlyArray<RouteConfig | null>): routes is readonly RouteConfig[] {
  return !routes.includes(null);
}

/** What requests of a host can fall on, `host` as a route spells it; null: a host that none names. `defaults` are the last. */
function routesOf(host: string | null, routes: readonly RouteConfig[]): { path: KeyPath; route: RouteKeys }[] {
  const found: { path: KeyPath; route: RouteKeys }[] = [];
  for (const [index, route] of routes.entries()) {
    if (route.host !== undefined && !route.host.some((pattern) => host !== null && takesHost(pattern, host))) continue;
    found.push({ path: ['routes', index], route });
    if (route.path.includes('/**')) return found;
  }
  return [...found, { path: ['defaults'], route: {} }];
}

/** Does a pattern take a host, or all that another pattern takes? Both stand in the file. */
function takesHost(pattern: string, host: string): boolean {
  if (!pattern.includes('*')) return pattern.toLowerCase() === host.toLowerCase();
  const expression = pattern.replace(/[.[\]]/g, '\\$&').replaceAll('*', '.*');
  return new RegExp(`^${expression}$`, 'i').test(host);
}

type RouteKeys = Partial<Pick<RouteConfig, 'useOnlyCookies' | 'useTransSid' | 'session' | 'rewriteVars'>>;

/** Are SIDs of URLs honoured on a route of these keys? */
function takesSids(route: RouteKeys, defaults: RouteDefaults): boolean {
  if (route.useOnlyCookies !== undefined) return !route.useOnlyCookies;
  if (route.useTransSid !== undefined) return route.useTransSid;
  return !(defaults.useOnlyCookies ?? !defaults.useTransSid);
}

/** The keys that are really there. */
function given<T extends object>(part: T | undefined): { [K in keyof T]?: Exclude<T[K], undefined> } {
  // Object.fromEntries loses the key types; the filter removes exactly the undefined values.
  return Object.fromEntries(Object.entries(part ?? {}).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

function storeFaults({ store, workers = 1 }: Parts): Fault[] {
  if (store?.kind === 'memory' && workers > 1) {
    return [atValue(['workers'], 'more than one worker needs a store that they share: `kind: lmdb` or `kind: redis`')];
  }
  if (store?.kind !== 'redis') return [];
  const ways = [store.url !== undefined, store.sentinels.length > 0, store.cluster.length > 0].filter(Boolean).length;
  const faults: Fault[] = [];
  if (ways !== 1) faults.push(atValue(['store', 'kind'], 'redis needs one of `url`, `sentinels` and `cluster`'));
  for (const [key, file, env] of [
    ['password', store.passwordFile, store.passwordEnv],
    ['sentinel_password', store.sentinelPasswordFile, store.sentinelPasswordEnv],
  ] as const) {
    if (file === undefined || env === undefined) continue;
    faults.push(atKey(['store', `${key}_env`], `the password is given twice: keep ${key}_file or ${key}_env`));
  }
  return faults;
}

const atValue = (path: KeyPath, message: string): Fault => ({ path, at: 'value', message, suggestion: null });
const atKey = (path: KeyPath, message: string): Fault => ({ path, at: 'key', message, suggestion: null });
