/** For `transid explain`: what a path may be read as, and why one route won. */
import type { RoutePolicy } from '../policy/route-policy.ts';
import type { RouteFinding, RouteTable } from '../policy/routes.ts';

/** Readings of hostile paths are many; these are enough to see the point. */
const MAX_SHOWN_READINGS = 20;

export function readingLines({ readings, isExhausted }: RouteFinding): string[] {
  const lines = readings.slice(0, MAX_SHOWN_READINGS).map(({ reading, exact, folded }, index) => {
    const route = exact === folded ? exact.label : `${exact.label}, without case ${folded.label}`;
    return `  ${show(reading)}${index === 0 ? '   (as it came)' : ''}   → route ${route}`;
  });
  const more = readings.length - lines.length;
  return [
    `What servers may read the path as (${readings.length}${isExhausted ? ' and more' : ''}):`,
    ...lines,
    ...(more > 0 ? [`  and ${more} more`] : []),
  ];
}

/** A byte string as text; what is no printable UTF-8 as `\xhh`. */
export function show(bytes: string): string {
  const text = Buffer.from(bytes, 'latin1').toString('utf8');
  const readable = text.includes('\u{FFFD}') ? bytes : text;
  return readable.replace(/[\0-\x1f\x7f-\x9f]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

export function routeLines(
  table: RouteTable,
  { readings, isExhausted, policy: winner, isAmbiguous }: RouteFinding,
): string[] {
  const reached = new Set(readings.flatMap(({ exact, folded }) => [exact, folded]));
  const lines = table.policies.map((policy) => {
    if (policy === winner) return `  * ${nameOf(policy)}   ${whyWon(policy, reached, isAmbiguous, isExhausted)}`;
    return `    ${nameOf(policy)}   ${whyNot(policy, winner, reached)}`;
  });
  return ['Routes:', ...lines];
}

function nameOf(policy: RoutePolicy): string {
  return policy.index < 0 ? 'defaults' : `${policy.index + 1}. ${policy.label}`;
}

function whyWon(
  policy: RoutePolicy,
  reached: ReadonlySet<RoutePolicy>,
  isAmbiguous: boolean,
  isExhausted: boolean,
): string {
  if (policy.index < 0) return 'no route matches';
  if (!reached.has(policy) && isExhausted)
    return 'there are more readings than can be tried: the strictest route holds';
  if (!isAmbiguous) return 'the first that matches';
  return policy.useOnlyCookies
    ? 'readings differ: the one that is `use_only_cookies` holds'
    : 'readings differ, none is `use_only_cookies`: the decoded path decides';
}

function whyNot(policy: RoutePolicy, winner: RoutePolicy, reached: ReadonlySet<RoutePolicy>): string {
  if (reached.has(policy)) return 'matches a reading, but gives way to the stricter one';
  if (policy.index < 0) return 'a route matches';
  return winner.index >= 0 && policy.index > winner.index
    ? 'not asked: an earlier one matches'
    : 'host or path does not match';
}
