/**
 * When a session needs a new SID: a response that looks like a sign-in. Pure.
 *
 * Whoever knew the SID before a sign-in (the author of a planted link) must not hold the signed-in session after it. The
 * proxy cannot see a sign-in, but it sees what applications do at one: the answer to an unsafe request sets a new
 * HttpOnly cookie or one that looks like an identifier, or replaces the session cookie.
 *
 * Frameworks that encrypt the session into its cookie (Laravel, Rails) replace it with every answer, and each form would
 * rotate. Such a *rolling* cookie shows itself by changing on answers to GETs, too, and is then no sign. An attacker could
 * teach a session to roll before planting it; so this exemption holds only on the network where the session was made or
 * rotated last. Anyone else's first POST rotates.
 */
import type { NameSet, SessionPolicy } from '../policy/route-policy.ts';
import type { CookieChange } from './jar.ts';

/** Cookie name → how often its value changed on answers to safe requests, counted up to `ROLLING`. */
export type RollCounts = ReadonlyMap<string, number>;

/** Once is what a sign-out by link or an expired session does. */
const ROLLING = 2;

/** RFC 9110 §9.2.1, and RFC 10008. */
const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'QUERY']);

/** What the answer to `method` teaches; `counts` itself when that is nothing. */
export function countRolls(counts: RollCounts, method: string, changes: readonly CookieChange[]): RollCounts {
  if (!SAFE_METHODS.has(method)) return counts;
  let next: Map<string, number> | null = null;
  for (const { name, kind } of changes) {
    const count = counts.get(name) ?? 0;
    if (kind !== 'replaced' || count >= ROLLING) continue;
    next ??= new Map(counts);
    next.set(name, count + 1);
  }
  return next ?? counts;
}

/** Did the change bring a value that was not there? */
export function isFresh({ kind }: CookieChange): boolean {
  return kind === 'created' || kind === 'replaced';
}

/** True when these changes, made by an answer to `method`, ask for a new SID. */
export function isSignIn(
  method: string,
  changes: readonly CookieChange[],
  policy: Pick<SessionPolicy, 'rotateOn' | 'cookies'>,
  counts: RollCounts,
  isSameNetwork: boolean,
): boolean {
  const { rotateOn } = policy;
  if (rotateOn === 'never') return false;
  const fresh = changes.filter(isFresh);
  // Named cookies count on any method: a sign-in at an identity provider ends with a GET.
  if (rotateOn !== 'auto') return fresh.some(({ name }) => rotateOn.has(name));
  if (SAFE_METHODS.has(method)) return false;
  return fresh.some((change) => {
    const isRolling = isSameNetwork && (counts.get(change.name) ?? 0) >= ROLLING;
    return !isRolling && isSessionCookie(change, policy.cookies);
  });
}

/**
 * `cookies`: the names that the operator calls session cookies. Without them a cookie that has no end is one (PHP's has no
 * HttpOnly by default) if it is replaced, or if it is new and looks like one: preferences are set by POST, too. One with an end
 * (PHP's with `session.cookie_lifetime`) has to look more like one: most of them are preferences.
 */
function isSessionCookie(change: CookieChange, cookies: NameSet): boolean {
  if (change.isHttpOnly || cookies.has(change.name)) return true;
  if (cookies.size > 0) return false;
  if (change.isPersistent && OTHER_NAMES.test(change.name)) return false;
  if (SESSION_NAMES.test(change.name)) return true;
  if (change.isPersistent) return change.isToken;
  return change.kind === 'replaced' || change.isLong;
}

/** Words of names, with what frameworks put in front: PHPSESSID, JSESSIONID, ASP.NET_SessionId, auth_token; not `author`, `sidebar`. */
const SESSION_NAMES = /(?:^|[^a-z])(?:php|j|asp)?(?:sess(?:ion)?(?:id)?|sid|auth|token|login)(?:[^a-z]|$)/i;
/** Of balancers, which change when they like, and of guards against forged requests (Laravel's XSRF-TOKEN). */
const OTHER_NAMES = /^(?:AWSALB|AWSELB|ARRAffinity|BIGip|__cf|cf_clearance|incap_ses|visid_incap)|csrf|xsrf/i;
