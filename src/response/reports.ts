/**
 * Reports that browsers send of a page, and that bear its URL whatever the referrer policy says: what asks for them in the fields of
 * an answer.
 *
 * Network Error Logging (§4) and the groups of `Report-To` hold for the whole origin, until their time is over: a page without a SID
 * in its address may have set them, and the next address is reported all the same. So they are not left out but revoked.
 */
import { asciiJson } from './ascii-json.ts';

/** Revokes what the origin said before; browsers heed it before they report the request that it answers. */
export const FORGET_NETWORK_ERRORS = '{"max_age":0}';

/** The value of a field of the given lower-case name that has nothing reported; null if the field is for that alone. */
export function withoutReports(lowerName: string, value: string): string | null {
  if (lowerName === 'nel') return FORGET_NETWORK_ERRORS;
  if (lowerName === 'report-to') return forgetGroups(value);
  // Of this page alone.
  if (lowerName === 'reporting-endpoints') return null;
  return POLICIES.test(lowerName) ? withoutEndpoints(value) : value;
}

/** With the first names of CSP, and that of the XSS filters of old browsers. */
const POLICIES = /^(?:(?:x-)?content-security-policy|x-webkit-csp|x-xss-protection)/;

/** A policy without its `report-uri` and `report-to` or `report=`. */
function withoutEndpoints(policy: string): string {
  return policy.replace(/(^|[;,])\s*(?:report(?:-uri\b|-to\b|\s*=)[^;,]*(?:[;\s]+|$|(?=,)))+/gi, '$1');
}

/** A group without endpoints is removed. The value is a JSON array without its brackets (Reporting API of 2018, §3.1). */
function forgetGroups(value: string): string | null {
  let groups: unknown;
  try {
    groups = JSON.parse(`[${Buffer.from(value, 'latin1').toString('utf8')}]`);
  } catch {
    return null;
  }
  const names = (groups as readonly unknown[]).map(groupName);
  return names.map((group) => asciiJson({ group, max_age: 0, endpoints: [] })).join(', ') || null;
}

function groupName(group: unknown): string {
  const isNamed = typeof group === 'object' && group !== null && 'group' in group && typeof group.group === 'string';
  return isNamed ? (group.group as string) : 'default';
}
