/** Faults of keys that are valid each by itself: what they say together. Pure. */
import { certificateFaults } from './certificates.ts';
import { type Fault, type KeyPath, spellPath } from './problems.ts';
import type { ParsedConfig, ParsedStore, RouteConfig, RouteDefaults } from './schema.ts';

/** With the store that holds where the file names none. */
export type CompleteConfig = ParsedConfig & { readonly store: ParsedStore };

/** Faults of keys that are valid each by itself. */
export function contradictions(config: CompleteConfig, texts: ReadonlyMap<string, string>): Fault[] {
  return [...certificateFaults(texts), ...sessionFaults(config, texts), ...nameFaults(config), ...storeFaults(config)];
}

/** HMAC-SHA-256 wants a key of its own length (RFC 2104 §3). */
const MIN_SIGN_KEY_CHARS = 32;

function sessionFaults(config: ParsedConfig, texts: ReadonlyMap<string, string>): Fault[] {
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
  const sessions = [
    { path: ['session'], session: config.session },
    { path: ['defaults', 'session'], session: { ...config.session, ...given(config.defaults.session) } },
    ...config.routes.map((route, index) => ({
      path: ['routes', index, 'session'],
      session: { ...config.session, ...given(config.defaults.session), ...given(route.session) },
    })),
  ];
  const told = new Set<string>();
  for (const { path, session } of sessions) {
    const own = path.length === 1 ? config.session : null;
    const overrides =
      own ?? (path[0] === 'routes' ? config.routes[path[1] as number]?.session : config.defaults.session);
    if (overrides === undefined) continue;
    if (session.mode === 'mirror' && session.cookie === undefined) {
      faults.push(
        atValue([...path, 'mode'], 'mirror mode needs `cookie`: the cookie of the application that is the SID'),
      );
    }
    if (session.sign && session.mode !== 'mirror' && !told.has('sign')) {
      told.add('sign');
      faults.push(atValue([...path, 'sign'], 'only `mode: mirror` signs: in jar mode every SID is our own'));
    }
    if (session.sign && key === undefined) {
      faults.push(atValue([...path, 'sign'], 'needs `session.sign_key_file` or `session.sign_key_env`'));
    }
    if (session.unprovenTimeoutMs > session.absoluteTimeoutMs || session.idleTimeoutMs > session.absoluteTimeoutMs) {
      faults.push(atValue([...path, 'absolute_timeout'], 'must not be shorter than idle_timeout and unproven_timeout'));
    }
  }
  return faults;
}

/**
 * One name for two kinds of SIDs would hand those of our own to an application as its session cookie, or one application's to
 * another. Told once for each place, host by host: a route that a host cannot reach has no say there.
 */
function nameFaults(config: CompleteConfig): Fault[] {
  const faults = new Map<string, Fault>();
  const hosts = new Set(config.routes.flatMap(({ host }) => host ?? []));
  for (const host of [...hosts, null]) {
    const meanings = new Map<string, string>();
    for (const { path, route } of routesOf(host, config)) {
      if (!takesSids(route, config.defaults)) continue;
      const { mode, name, cookie } = {
        ...config.session,
        ...given(config.defaults.session),
        ...given(route.session),
      };
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

/** What requests of a host can fall on, `host` as a route spells it; null: a host that none names. `defaults` are the last. */
function routesOf(host: string | null, { routes }: CompleteConfig): { path: KeyPath; route: RouteKeys }[] {
  const found: { path: KeyPath; route: RouteKeys }[] = [];
  for (const [index, route] of routes.entries()) {
    if (route.host !== undefined && (host === null || !route.host.includes(host))) continue;
    found.push({ path: ['routes', index], route });
    if (route.path.includes('/**')) return found;
  }
  return [...found, { path: ['defaults'], route: {} }];
}

type RouteKeys = Partial<Pick<RouteConfig, 'useOnlyCookies' | 'useTransSid' | 'session'>>;

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

function storeFaults(config: CompleteConfig): Fault[] {
  const { store } = config;
  if (store.kind === 'memory' && config.workers > 1) {
    return [atValue(['workers'], 'more than one worker needs a store that they share: `kind: lmdb` or `kind: redis`')];
  }
  if (store.kind !== 'redis') return [];
  const ways = [store.url !== undefined, store.sentinels.length > 0, store.cluster.length > 0].filter(Boolean).length;
  const faults: Fault[] = [];
  if (ways !== 1) faults.push(atValue(['store', 'kind'], 'redis needs one of `url`, `sentinels` and `cluster`'));
  if (store.passwordFile !== undefined && store.passwordEnv !== undefined) {
    faults.push(atKey(['store', 'password_env'], 'the password is given twice: keep password_file or password_env'));
  }
  return faults;
}

const atValue = (path: KeyPath, message: string): Fault => ({ path, at: 'value', message, suggestion: null });
const atKey = (path: KeyPath, message: string): Fault => ({ path, at: 'key', message, suggestion: null });
