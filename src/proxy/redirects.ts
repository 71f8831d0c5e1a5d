/**
 * The proxy's own redirects, decided before anything goes upstream: of GET and HEAD, and of another method only so that it
 * comes again as it is. Always to our own origin by an absolute URL: a target such as `//host/x` would lead elsewhere as a
 * relative reference.
 */
import { FORGET_NETWORK_ERRORS } from '../response/reports.ts';
import { markWithin } from '../sid/mark.ts';
import { type Arrival, ownOrigin, triesPartitioned } from './arrival.ts';
import { probeName, probeStamp } from './locate.ts';

/** Why the proxy redirects by itself, in the words of log and metrics, and what that means. */
export const REDIRECT_REASONS = {
  robot: 'a crawler came with an ID: to the address without it, for good',
  'takes-cookies': 'a client that takes cookies came with an ID: to the address without it',
  'from-abroad': 'a page of another site brought an ID along that is not honoured: to the address without it',
  'cookie-only-route':
    'an ID came to a `use_only_cookies` route with `on_url_sid: redirect`: to the address without it',
  recovered: 'a page was asked for without an ID, and its session found by the Referer: to the address with it',
  'other-carrier':
    'an ID came in another carrier than the route has: to the address with it in the right place, or without it where no session was found',
  probe: '`detect: probe` tries whether a cookie comes back',
} as const satisfies Record<string, string>;

export interface OwnRedirect {
  readonly status: 301 | 303 | 307;
  readonly location: string;
  readonly reason: keyof typeof REDIRECT_REASONS;
  /** A cookie that the redirect sets; null for none. */
  readonly setCookie: string | null;
}

export function ownRedirect(arrival: Arrival): OwnRedirect | null {
  const { policy, client, verdict, facts } = arrival;
  // HTTP/1.0 without Host: nobody knows the address that the client has of us.
  if (facts.client.host === null) return null;
  const isMarked = arrival.carriedIn !== null;
  if (facts.method !== 'GET' && facts.method !== 'HEAD') {
    return isRefusedPage(arrival) ? toClean(arrival, 307, 'from-abroad') : null;
  }
  if (verdict === 'robot') return isMarked ? toClean(arrival, 301, 'robot') : null;
  // Old browsers do not say what they load; a page that came from abroad must not stay where it is.
  if (!client.isNavigation) return isRefusedPage(arrival) ? toClean(arrival, 303, 'from-abroad') : null;
  if (isMarked && policy.useOnlyCookies && policy.onUrlSid === 'redirect') {
    return toClean(arrival, 303, 'cookie-only-route');
  }
  if (isMarked && verdict === 'accepts' && !policy.useOnlyCookies) return toClean(arrival, 303, 'takes-cookies');
  if (isRefusedPage(arrival)) return toClean(arrival, 303, 'from-abroad');
  return mayProbe(arrival) ? probe(arrival) : toMarked(arrival);
}

/** Not a client that has a session: its SID came back, and the way to it must not be lost. */
function mayProbe(arrival: Arrival): boolean {
  const { policy, client, verdict, session, probed, facts } = arrival;
  const isAsked = policy.detect === 'probe' && verdict === 'unknown' && session === null;
  // What a frame of a foreign site keeps hangs on the SameSite of each cookie, and the application's is not known yet.
  const canTell = !client.isForeignFrame || triesPartitioned(arrival);
  return isAsked && canTell && probed === null && facts.method === 'GET';
}

/**
 * A page that came from abroad with a SID must not keep it in its address: what the page asks for next would be our own, and
 * be found by that address (a planted session). A part of a foreign page has no address.
 */
function isRefusedPage({ carriedIn, isFromAbroad, client, verdict }: Arrival): boolean {
  return carriedIn !== null && isFromAbroad && !client.isPart && verdict !== 'robot';
}

function toClean(arrival: Arrival, status: OwnRedirect['status'], reason: OwnRedirect['reason']): OwnRedirect {
  return { status, location: cleanUrl(arrival), reason, setCookie: null };
}

/** The chain would end at the next page of a client whose address lacks the SID, or has it where the route has none. */
function toMarked(arrival: Arrival): OwnRedirect | null {
  const { session, policy, site } = arrival;
  if (!arrival.treatment.mayMark) return null;
  const isElsewhere = arrival.ownIn !== null && arrival.ownIn !== policy.carrier;
  // Relative links keep what stands in the path, and the SID of a session that begins here would be a second one.
  if (session === null) return isElsewhere ? toClean(arrival, 303, 'other-carrier') : null;
  if (arrival.foundBy !== 'referer' && !isElsewhere) return null;
  const mark = { kind: policy.carrier, name: policy.session.name, sid: session.sid };
  const clean = cleanUrl(arrival);
  const location = markWithin(clean, mark, site.scopes.ofSid(policy, ownOrigin(arrival.facts)), clean);
  // Outside of `scope_path` no address bears a SID.
  if (location === null) return null;
  return { status: 303, location, reason: isElsewhere ? 'other-carrier' : 'recovered', setCookie: null };
}

/** One redirect with a cookie. What comes back is known by the parameter and never redirected again, cookie or not. */
function probe(arrival: Arrival): OwnRedirect {
  const name = probeName(arrival.policy);
  const clean = cleanUrl(arrival);
  return {
    status: 303,
    location: `${clean}${clean.includes('?') ? '&' : '?'}${name}=${probeStamp(arrival.site.clock())}`,
    reason: 'probe',
    setCookie: `${name}=1; Path=/; HttpOnly; ${probeAttributes(arrival)}`,
  };
}

/** Of the kind that the application's cookies are: else it would be withheld where they are not. */
function probeAttributes(arrival: Arrival): string {
  if (triesPartitioned(arrival)) return 'SameSite=None; Secure; Partitioned';
  return arrival.facts.client.scheme === 'https' ? 'SameSite=Lax; Secure' : 'SameSite=Lax';
}

function cleanUrl(arrival: Arrival): string {
  return `${ownOrigin(arrival.facts)}${arrival.target}`;
}

/** The fields of such a redirect: never cached but the robots' permanent one, which only concerns robots. */
export function redirectFields(redirect: OwnRedirect, { client, binding, site }: Arrival): string[] {
  const fields = ['Location', redirect.location, 'Content-Length', '0', 'Referrer-Policy', 'same-origin'];
  // The SID stands in the address that was asked for, or in that of the page before.
  if (redirect.reason !== 'probe') fields.push('NEL', FORGET_NETWORK_ERRORS);
  if (client.isDocument) fields.push(...site.openerPolicies.fieldsOf(binding.host));
  if (redirect.setCookie !== null) fields.push('Set-Cookie', redirect.setCookie);
  if (redirect.status === 301) fields.push('Vary', 'User-Agent');
  else fields.push('Cache-Control', 'private, no-store');
  return fields;
}
