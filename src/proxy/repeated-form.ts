/**
 * A redirect by 307 or 308 has the browser send the form again, body and all (RFC 9110 §15.4.8). Where the SID stands in a hidden field
 * (`forms: field`), another host gets it so, and nothing that we answer takes it out.
 *
 * So the SID that went there must be worth nothing: the session gets a new one. The client is not told it, and finds its session by
 * the old one, as behind a script: by User-Agent and network, which that host does not share.
 */
import { firstValue } from '../field-list.ts';
import type { ResponseHead } from '../response/plan.ts';
import { type Arrival, ownOrigin } from './arrival.ts';

export function repeatsFormAbroad(arrival: Arrival, { status, fields }: ResponseHead): boolean {
  if (!arrival.isInForm || (status !== 307 && status !== 308)) return false;
  const location = firstValue(fields, 'location');
  if (location === null) return false;
  const origin = ownOrigin(arrival.facts);
  const scope = arrival.site.scopes.ofSid(arrival.policy, origin);
  const judgement = scope.judge(location, scope.base(`${origin}${arrival.target}`));
  return judgement !== 'mark' && judgement !== 'outside-path' && judgement !== 'fragment-only';
}
