/**
 * The proxy's own redirects, decided before anything goes upstream. Only GET and HEAD are ever redirected, always to our
 * own origin by an absolute URL: a target such as `//host/x` would lead elsewhere as a relative reference.
 */
import { markReference } from '../sid/mark.ts';
import { type Arrival, ownOrigin, probeName } from './arrival.ts';

export interface OwnRedirect {
  readonly status: 301 | 303;
  readonly location: string;
  /** For logs and metrics. */
  readonly reason: 'robot' | 'takes-cookies' | 'cookie-only-route' | 'recovered' | 'other-carrier' | 'probe';
  /** A cookie that the redirect sets; null for none. */
  readonly setCookie: string | null;
}

export function ownRedirect(arrival: Arrival): OwnRedirect | null {
  const { policy, client, verdict, facts } = arrival;
  if (facts.method !== 'GET' && facts.method !== 'HEAD') return null;
  const isMarked = arrival.carriedIn !== null;
  if (verdict === 'robot') return isMarked ? toClean(arrival, 301, 'robot') : null;
  if (!client.isNavigation) return null;
  if (policy.useOnlyCookies) {
    return isMarked && policy.onUrlSid === 'redirect' ? toClean(arrival, 303, 'cookie-only-route') : null;
  }
  if (isMarked && verdict === 'accepts') return toClean(arrival, 303, 'takes-cookies');
  if (policy.detect === 'probe' && verdict === 'unknown' && !arrival.isProbed && facts.method === 'GET')
    return probe(arrival);
  return toMarked(arrival);
}

function toClean(arrival: Arrival, status: 301 | 303, reason: OwnRedirect['reason']): OwnRedirect {
  return { status, location: cleanUrl(arrival), reason, setCookie: null };
}

/** The chain would end at the next page of a client whose address lacks the SID, or has it where the route has none. */
function toMarked(arrival: Arrival): OwnRedirect | null {
  const { session, policy } = arrival;
  if (session === null || !arrival.treatment.mayMark) return null;
  const isElsewhere = arrival.carriedIn !== null && arrival.carriedIn !== policy.carrier;
  if (arrival.foundBy !== 'referer' && !isElsewhere) return null;
  const mark = { kind: policy.carrier, name: policy.session.name, sid: session.sid };
  const clean = cleanUrl(arrival);
  const reason = isElsewhere ? 'other-carrier' : 'recovered';
  return { status: 303, location: markReference(clean, mark, clean), reason, setCookie: null };
}

/** One redirect with a cookie. What comes back is known by the parameter and never redirected again, cookie or not. */
function probe(arrival: Arrival): OwnRedirect {
  const name = probeName(arrival.policy);
  const clean = cleanUrl(arrival);
  const isSecure = arrival.facts.client.scheme === 'https';
  return {
    status: 303,
    location: `${clean}${clean.includes('?') ? '&' : '?'}${name}=1`,
    reason: 'probe',
    setCookie: `${name}=1; Path=/; HttpOnly; SameSite=Lax${isSecure ? '; Secure' : ''}`,
  };
}

function cleanUrl(arrival: Arrival): string {
  return `${ownOrigin(arrival.facts)}${arrival.target}`;
}

/** The fields of such a redirect: never cached but the robots' permanent one, which only concerns robots. */
export function redirectFields(redirect: OwnRedirect): string[] {
  const fields = ['Location', redirect.location, 'Content-Length', '0', 'Referrer-Policy', 'same-origin'];
  if (redirect.setCookie !== null) fields.push('Set-Cookie', redirect.setCookie);
  if (redirect.status === 303) fields.push('Cache-Control', 'private, no-store');
  else fields.push('Vary', 'User-Agent');
  return fields;
}
