/** The application's fields in our client's terms: the addresses that clients know, and cookies that they can keep. Pure. */
import { firstValue } from '../field-list.ts';
import { mapOrigin, partitionCookies, settleCookiePaths } from '../response/fields.ts';
import { type Arrival, ownOrigin, triesPartitioned } from './arrival.ts';

/** The fields as our client must see them: our origin instead of the application's, cookies that a foreign frame can keep. */
export function adoptFields(arrival: Arrival, fields: readonly string[]): readonly string[] {
  const { site, facts } = arrival;
  const isStubborn = insistsOnItsAddress(arrival, firstValue(fields, 'location') ?? '');
  const own = isStubborn ? fields : mapOrigin(fields, site.upstreamOrigin, () => ownOrigin(facts));
  const settled = facts.target === arrival.target ? own : settleCookiePaths(own, facts.target, arrival.target);
  return triesPartitioned(arrival) ? partitionCookies(settled) : settled;
}

/**
 * Does a redirect lead to the very URL that was asked for, but at the application's own address? Such an application wants
 * that name in the address (it is told the client's Host): translated, it would redirect for ever.
 */
export function insistsOnItsAddress(arrival: Arrival, reference: string): boolean {
  const { site, facts, target } = arrival;
  if (facts.method !== 'GET' && facts.method !== 'HEAD') return false;
  return site.upstreamSettings.preserveHost && reference === `${site.upstreamOrigin}${target}`;
}
