/** For `transid explain`: how the client is judged and what follows, in every outcome that a session store could bring about. */
import { type Evidence, judge, type Verdict } from '../client/detect.ts';
import { SIMULATE_FIELD } from '../client/simulate.ts';
import { type ProxyError, reasonOf } from '../errors.ts';
import { firstValue } from '../field-list.ts';
import { LIMITS } from '../limits.ts';
import type { RoutePolicy } from '../policy/route-policy.ts';
import { type Arrival, ownOrigin } from '../proxy/arrival.ts';
import { mayInsertScript } from '../proxy/delivery.ts';
import { type OwnRedirect, ownRedirect, REDIRECT_REASONS } from '../proxy/redirects.ts';
import { type Rehearsed, SAMPLE_SID } from '../proxy/rehearsal.ts';
import { createPageStage } from '../response/page-stage.ts';
import { pageKind } from '../response/plan.ts';
import { markWithin } from '../sid/mark.ts';
import { show } from './explain-route.ts';

/** `fields`: as they were given, before a simulated browser changes them. */
export function verdictLines(outcomes: readonly Rehearsed[], fields: readonly string[]): string[] {
  const [first] = outcomes;
  if (first === undefined) return [];
  return [
    ...playedLines(first.arrival, fields),
    ...(first.assumed === null ? sidLines(first.arrival) : []),
    ...outcomes.flatMap((outcome) => [
      `${titleOf(outcome)} ${outcome.arrival.verdict}: ${whyJudged(outcome.arrival.policy, outcome.evidence)}.`,
      ...consequences(outcome),
    ]),
  ];
}

function playedLines({ simulated }: Arrival, fields: readonly string[]): string[] {
  if (simulated === null) return [];
  const { simulation } = simulated;
  const kind = simulation.kind === 'drop' ? `drop:${[...simulation.names].join(',')}` : simulation.kind;
  const by = firstValue(fields, SIMULATE_FIELD) === null ? 'the route' : 'Transid-Simulate';
  return [
    `The proxy plays a browser of the kind ${kind} (by ${by}): cookies that such a one does not send or keep are taken off.`,
  ];
}

function sidLines(arrival: Arrival): string[] {
  if (arrival.carriedIn === null) return [];
  if (arrival.session !== null) return ['In mirror mode only the application knows whether the SID is alive.'];
  return [`The SID is not honoured: ${whyNotHonoured(arrival)}.`];
}

/** Of a SID that the store is not asked for. */
function whyNotHonoured({ policy, client, ownIn, isFromAbroad }: Arrival): string {
  if (policy.useOnlyCookies) return `the route is use_only_cookies (on_url_sid: ${policy.onUrlSid})`;
  if (client.isRobot) return 'robots have no sessions';
  if (ownIn === null) return 'it is called as those of another route';
  if (isFromAbroad) return 'it comes from a foreign page that accept_from does not name';
  return 'it does not have the form of one of ours';
}

function titleOf({ assumed, needsYoung, arrival }: Rehearsed): string {
  const young = needsYoung
    ? `, begun within the last ${LIMITS.redirectChainMs / 1000} s by the same User-Agent and network, from an address that is the client's own`
    : '';
  const sid = arrival.carriedSids.length > 0 ? 'the SID' : 'the SID of the Referer';
  switch (assumed) {
    case null:
      return 'Verdict';
    case 'session':
      return `If ${sid} leads to a living session of this client${young}: verdict`;
    case 'own-cookie':
      return 'If a cookie of its jar came along too: verdict';
    case 'no-session':
      return 'If it does not: verdict';
  }
}

/** Why `judge` says what it says: the first row that holds, in its order. */
export const GROUNDS: ReadonlyArray<{
  readonly holds: (policy: RoutePolicy, evidence: Evidence) => boolean;
  readonly verdict: Verdict;
  readonly text: string;
}> = [
  { holds: (policy) => policy.useOnlyCookies, verdict: 'accepts', text: 'the route is use_only_cookies' },
  { holds: (_policy, seen) => seen.isRobot, verdict: 'robot', text: 'a known crawler' },
  { holds: (policy) => !policy.useCookies, verdict: 'refuses', text: 'the route says use_cookies: false' },
  {
    holds: (_policy, seen) => seen.hasNamedCookie,
    verdict: 'accepts',
    text: 'a cookie that `session.cookies` lists came',
  },
  { holds: (_policy, seen) => seen.hasValidSid && seen.hasJarCookie, verdict: 'accepts', text: 'the cookie wins' },
  {
    holds: (_policy, seen) => seen.isStorageBlocked,
    verdict: 'refuses',
    text: 'the browser withholds cookies in this frame',
  },
  { holds: (_policy, seen) => seen.isProbeAnswered, verdict: 'accepts', text: 'the probe cookie came back' },
  {
    holds: (_policy, seen) => seen.hasValidSid && seen.isJarCookieDue,
    verdict: 'refuses',
    text: 'no cookie of the session came along',
  },
  { holds: (_policy, seen) => seen.hasRelevantCookie, verdict: 'accepts', text: 'a cookie came that proves it' },
  {
    holds: (_policy, seen) => seen.isProbeUnanswered,
    verdict: 'refuses',
    text: 'it comes from the probe without its cookie',
  },
  { holds: (_policy, seen) => seen.hasValidSid, verdict: 'unknown', text: 'no cookie of the session is due here' },
  { holds: () => true, verdict: 'unknown', text: 'neither SID nor cookie came' },
];

function whyJudged(policy: RoutePolicy, evidence: Evidence): string {
  const verdict = judge(policy, evidence);
  return GROUNDS.find((ground) => ground.verdict === verdict && ground.holds(policy, evidence))?.text ?? verdict;
}

function consequences({ arrival, redirect, refusal }: Rehearsed): string[] {
  if (refusal !== null) return [`  the proxy answers ${spellRefusal(refusal)}`];
  const { policy, treatment, isJarsOwner } = arrival;
  const dropped = treatment.dropsSession && isJarsOwner && policy.session.mode === 'jar';
  return [
    ...(dropped ? ['  the session of the SID is dropped'] : []),
    ...(redirect === null ? forwardLines(arrival) : [`  the proxy answers by itself: ${spellRedirect(redirect)}`]),
  ];
}

export function spellRefusal(error: ProxyError): string {
  return `${error.status}, ${reasonOf(error)} (${error.code})`;
}

function spellRedirect({ status, location, reason }: OwnRedirect): string {
  return `${status} to ${show(location)}\n    (${REDIRECT_REASONS[reason]})`;
}

const COOKIES_GO = { client: "the client's own cookies", jar: 'the cookies of its jar', none: 'no cookies' } as const;
const SET_COOKIE_GOES = {
  pass: 'to the client',
  absorb: 'into the jar',
  both: 'to the client and into the jar',
  drop: 'nowhere',
} as const;

function forwardLines(arrival: Arrival): string[] {
  const { treatment, simulated } = arrival;
  const { cookies, setCookie } = treatment;
  const isPlayed = simulated !== null && (setCookie === 'pass' || setCookie === 'both');
  return [
    ...pageLoadLines(arrival),
    `  upstream go ${COOKIES_GO[cookies]}; Set-Cookie goes ${SET_COOKIE_GOES[setCookie]}${isPlayed ? ', as far as the played browser keeps it' : ''}`,
    ...markLines(arrival),
    ...(mayInsertScript(arrival) ? ['  a script that plays the browser goes into HTML pages'] : []),
  ];
}

/** What a browser would get that loads this as a page, where no field tells what is loaded. */
function pageLoadLines(arrival: Arrival): string[] {
  const { client, facts } = arrival;
  if (client.isNavigation || facts.upgrade !== null) return [];
  if (firstValue(facts.fields, 'accept') !== null || firstValue(facts.fields, 'sec-fetch-mode') !== null) return [];
  const redirect = ownRedirect({ ...arrival, client: { ...client, isNavigation: true } });
  if (redirect === null) return [];
  return [
    `  a page load of a browser (--header 'Accept: text/html') is answered by the proxy itself: ${spellRedirect(redirect)}`,
    '  for anything else:',
  ];
}

function markLines(arrival: Arrival): string[] {
  const { policy, treatment, session } = arrival;
  const { mayMark, mayCreate } = treatment;
  const reason =
    policy.useTransSid && !policy.useOnlyCookies ? 'the client does not need it' : 'the route does not mark';
  const when = mayCreate && session === null ? ', from the first Set-Cookie of the application on' : '';
  const hasVars = policy.rewriteVars.length > 0;
  const said = [
    mayMark ? `  a SID goes into the page${when}` : `  no SID goes into the page: ${reason}`,
    ...(hasVars ? ['  the variables of rewrite_vars go into the page'] : []),
  ].join('\n');
  if (!mayMark && !hasVars) return [said];
  return [`${said}:`, ...sampleLines(arrival).map((line) => `    ${line}`)];
}

const SAMPLES = [
  '<a href="?a=1">',
  '<form method="get" action="?a=1"></form>',
  '<form method="post" action="?a=1"></form>',
];

/** What a link, a redirect and the two kinds of form to this very page become; `SID` stands for the ID. */
function sampleLines(arrival: Arrival): string[] {
  const { policy, site, target, treatment, facts } = arrival;
  const origin = ownOrigin(facts);
  const scope = site.scopes.ofSid(policy, origin);
  const documentUrl = `${origin}${target}`;
  const mark = { kind: policy.carrier, name: policy.session.name, sid: SAMPLE_SID };
  const page = pageKind({ status: 200, fields: ['content-type', 'text/html'] });
  if (page === null) return [];
  const stage = createPageStage(page, {
    session: treatment.mayMark ? { sid: SAMPLE_SID, scope } : null,
    vars: policy.rewriteVars,
    varsScope: () => site.scopes.ofVars(policy, origin),
    documentUrl,
    policy,
  });
  const marked = Buffer.concat([stage.write(Buffer.from(SAMPLES.join('\n'))), stage.end()]);
  const [link = '', ...forms] = marked.toString('latin1').split('\n');
  const location = treatment.mayMark ? markWithin('?a=1', mark, scope, documentUrl) : null;
  const tell = (line: string, before: string) => show(line) + (line === before ? '   (as it is)' : '');
  return [
    tell(link, SAMPLES[0] ?? ''),
    tell(`Location: ${location ?? '?a=1'}`, 'Location: ?a=1'),
    ...forms.map((form, index) => tell(form, SAMPLES[index + 1] ?? '')),
  ];
}
