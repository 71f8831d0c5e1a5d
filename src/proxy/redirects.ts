/**
 * The proxy's own redirects, decided before anything goes upstream. Only GET and HEAD are ever redirected, always to our
 * own origin by an absolute URL: a target such as `//host/x` would lead elsewhere as a relative reference.
 */
import { markReference } from '../sid/mark.ts';
import { type Arrival, ownOrigin } from './arrival.ts';

export interface OwnRedirect {
  readonly status: 301 | 303;
  readonly location: string;
  /** For logs and metrics. */
  readonly reason: 'robot' | 'takes-cookies' | 'cookie-only-route' | 'recovered' | 'other-carrier';
}

export function ownRedirect(arrival: Arrival): OwnRedirect | null {
  const { policy, client, session, verdict, facts } = arrival;
  if (facts.method !== 'GET' && facts.method !== 'HEAD') return null;
  const isMarked = arrival.carriedIn !== null;
  const clean = () => `${ownOrigin(facts)}${arrival.target}`;
  if (verdict === 'robot') return isMarked ? { status: 301, location: clean(), reason: 'robot' } : null;
  if (!client.isNavigation) return null;
  if (policy.useOnlyCookies) {
    return isMarked && policy.onUrlSid === 'redirect'
      ? { status: 303, location: clean(), reason: 'cookie-only-route' }
      : null;
  }
  if (isMarked && arrival.treatment.dropsSession) return { status: 303, location: clean(), reason: 'takes-cookies' };
  if (isMarked && verdict === 'accepts') return { status: 303, location: clean(), reason: 'takes-cookies' };
  if (session === null || !arrival.treatment.mayMark) return null;
  const isElsewhere = isMarked && arrival.carriedIn !== policy.carrier;
  if (arrival.foundBy !== 'referer' && !isElsewhere) return null;
  const mark = { kind: policy.carrier, name: policy.session.name, sid: session.sid };
  return {
    status: 303,
    location: markReference(clean(), mark, clean()),
    reason: isElsewhere ? 'other-carrier' : 'recovered',
  };
}

/** The fields of such a redirect: never cached but the robots' permanent one, which carries nothing. */
export function redirectFields(redirect: OwnRedirect): string[] {
  const fields = ['Location', redirect.location, 'Content-Length', '0', 'Referrer-Policy', 'same-origin'];
  if (redirect.status === 303) fields.push('Cache-Control', 'private, no-store');
  return fields;
}
