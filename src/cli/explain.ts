/**
 * `transid explain -c FILE URL`: what the proxy would make of one request, and why. The same code decides as in the proxy;
 * only the session store is not asked, so that where a SID comes along both outcomes are told.
 */
import { type Evidence, judge, treat, type Verdict } from '../client/detect.ts';
import { type ClientFacts, hasRelevantCookie, mayArrive, observeClient } from '../client/facts.ts';
import type { Config } from '../config/config.ts';
import { loadConfigFile } from '../config/load.ts';
import { ConfigError } from '../config/problems.ts';
import type { RouteConfig } from '../config/schema.ts';
import type { RoutePolicy, TagList } from '../policy/route-policy.ts';
import { compileRoutes, type RouteFinding, type RouteTable } from '../policy/routes.ts';
import { type Unmarked, unmarkTargetOfAll } from '../sid/carrier.ts';
import { markReference } from '../sid/mark.ts';
import { Sid } from '../sid/sid.ts';
import { type CommandIo, parseOptions, refuseUsage, UsageError } from './command.ts';

const USAGE = `Usage: transid explain -c FILE [--method METHOD] [--header 'Name: value']... URL

Tells which route and policy a request gets and why, what is held of the client, and where a session ID would go.
URL is absolute, or a path (then the host is localhost). Nothing is sent.
`;

interface Asked {
  readonly config: string;
  readonly method: string;
  /** Flat list of names and values. */
  readonly fields: readonly string[];
  readonly origin: string;
  readonly host: string;
  /** The request target as a client would send it: nothing is normalised. */
  readonly target: string;
}

/** Exit code 0; 1 when the configuration has problems; 2 for wrong usage. */
export async function explainCommand(argv: string[], io: CommandIo): Promise<number> {
  if (argv.length === 1 && (argv[0] === '--help' || argv[0] === '-h')) {
    io.stdout.write(USAGE);
    return 0;
  }
  let asked: Asked;
  try {
    asked = readArgs(argv);
  } catch (error) {
    return refuseUsage(io, 'transid explain', error, USAGE);
  }
  let config: Config;
  try {
    config = loadConfigFile(asked.config);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    io.stderr.write(`${error.report()}\n`);
    return 1;
  }
  io.stdout.write(`${explain(config, asked).join('\n')}\n`);
  return 0;
}

function readArgs(argv: string[]): Asked {
  const args = parseOptions({
    args: argv,
    options: {
      config: { type: 'string', short: 'c' },
      method: { type: 'string', short: 'X' },
      header: { type: 'string', short: 'H', multiple: true },
    },
    allowPositionals: true,
  });
  const [url, ...more] = args.positionals;
  if (url === undefined || more.length > 0) throw new UsageError('one URL is needed');
  const match = /^(?:(https?:)\/\/([^/?#\s]+))?(\/[^#\s]*|\?[^#\s]*)?(?:#.*)?$/i.exec(url);
  if (match === null || (match[2] === undefined && match[3] === undefined))
    throw new UsageError(`not a URL or path: ${url}`);
  const fields: string[] = [];
  for (const line of args.values.header ?? []) {
    const field = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*(.*?)[ \t]*$/.exec(line);
    if (field === null) throw new UsageError(`not a field: ${line}`);
    fields.push(field[1] as string, field[2] as string);
  }
  const hostAt = fields.findIndex((name, index) => index % 2 === 0 && name.toLowerCase() === 'host');
  const host = match[2] ?? (hostAt < 0 ? 'localhost' : (fields[hostAt + 1] as string));
  const scheme = (match[1] ?? 'http:').toLowerCase();
  if (!URL.canParse(`${scheme}//${host}`)) throw new UsageError(`not a host: ${host}`);
  const target = match[3] === undefined ? '/' : match[3].startsWith('?') ? `/${match[3]}` : match[3];
  return {
    config: args.values.config ?? 'transid.yaml',
    method: (args.values.method ?? 'GET').toUpperCase(),
    fields,
    origin: new URL(`${scheme}//${host}`).origin,
    host,
    // On the wire a target is bytes; Node shows them as latin1.
    target: Buffer.from(target, 'utf8').toString('latin1'),
  };
}

function explain(config: Config, asked: Asked): string[] {
  const table = compileRoutes(config);
  const { finding, unmarked } = locate(table, asked);
  const { policy, isAmbiguous } = finding;
  const client = observeClient(asked.method, asked.fields);
  const lines = [
    `${asked.method} ${asked.origin}${show(unmarked.target)}`,
    ...(unmarked.sids.length === 0
      ? []
      : [`  with a SID in the ${unmarked.places.join(' and the ')}; the application will not see it`]),
    '',
    ...readingLines(finding),
    '',
    ...routeLines(table, finding, policy, isAmbiguous),
    '',
    ...policyLines(config, policy),
    '',
    ...verdictLines(policy, client, unmarked.sids, asked),
  ];
  return lines;
}

function pathOf(target: string): string {
  const end = target.indexOf('?');
  return end < 0 ? target : target.slice(0, end);
}

/** As the proxy does on arrival: every name that some route uses comes off; only those of the route that is left are SIDs of it. */
function locate(table: RouteTable, asked: Asked): { finding: RouteFinding; unmarked: Unmarked } {
  const names = [...new Set(table.policies.map((policy) => policy.session.name))];
  const clean = unmarkTargetOfAll(asked.target, names);
  if (clean === null) throw new UsageError('the address has SIDs upon SIDs: the proxy answers 400 AMBIGUOUS_SID');
  const finding = table.explain(asked.host, pathOf(clean.target));
  const own = clean.found.get(finding.policy.session.name);
  return { finding, unmarked: { target: clean.target, sids: own?.sids ?? [], places: own?.places ?? [] } };
}

// ---------------------------------------------------------------------------------------------------- path and route

/** Readings of hostile paths are many; these are enough to see the point. */
const MAX_SHOWN_READINGS = 20;

function readingLines({ readings, isExhausted }: RouteFinding): string[] {
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
function show(bytes: string): string {
  const text = Buffer.from(bytes, 'latin1').toString('utf8');
  const readable = text.includes('\u{FFFD}') ? bytes : text;
  return readable.replace(/[\0-\x1f\x7f-\x9f]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

function routeLines(
  table: RouteTable,
  { readings, isExhausted }: RouteFinding,
  winner: RoutePolicy,
  isAmbiguous: boolean,
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

// ------------------------------------------------------------------------------------------------------------ policy

function policyLines(config: Config, policy: RoutePolicy): string[] {
  const route = policy.index < 0 ? undefined : config.routes[policy.index];
  const { session } = policy;
  const rows: Array<[key: string, value: string, own: keyof RouteConfig]> = [
    ['use_cookies', String(policy.useCookies), 'useCookies'],
    ['use_trans_sid', String(policy.useTransSid), 'useTransSid'],
    ['use_only_cookies', String(policy.useOnlyCookies), 'useOnlyCookies'],
    ['on_url_sid', policy.onUrlSid, 'onUrlSid'],
    ['carrier', policy.carrier, 'carrier'],
    ['forms', policy.forms, 'forms'],
    ['detect', policy.detect, 'detect'],
    ['recover', policy.recover, 'recover'],
    ['rewriter', policy.rewriter, 'rewriter'],
    ['trans_sid_tags', spellTags(policy.transSidTags), 'transSidTags'],
    ['trans_sid_hosts', [...policy.transSidHosts].join(', ') || '(the own host only)', 'transSidHosts'],
    [
      'session',
      `${session.mode}, name ${session.name}${session.cookie === null ? '' : `, cookie ${session.cookie}`}`,
      'session',
    ],
  ];
  const width = Math.max(...rows.map(([key]) => key.length));
  return [
    'Policy:',
    ...rows.map(([key, value, own]) => {
      const isOwn = route?.[own] !== undefined;
      const isImplied =
        key === 'use_only_cookies' && !isOwn && (route?.useTransSid ?? config.defaults.useOnlyCookies) !== undefined;
      const origin = isOwn ? 'the route' : isImplied ? 'follows from use_trans_sid' : 'defaults';
      return `  ${key.padEnd(width)}  ${value}   (${origin})`;
    }),
  ];
}

function spellTags(tags: TagList): string {
  return [...tags].flatMap(([tag, attributes]) => attributes.map((attribute) => `${tag}=${attribute}`)).join(',');
}

// ----------------------------------------------------------------------------------------------------------- verdict

function verdictLines(policy: RoutePolicy, client: ClientFacts, sids: readonly string[], asked: Asked): string[] {
  const evidence: Evidence = {
    isRobot: client.isRobot,
    hasValidSid: false,
    hasJarCookie: false,
    isJarCookieDue: true,
    hasNamedCookie: client.cookieNames.some((name) => policy.session.cookies.has(name)),
    hasRelevantCookie: hasRelevantCookie(client.cookieNames, policy),
    isStorageBlocked: client.isStorageBlocked && !policy.partitionedCookies,
    isProbeUnanswered: false,
    isProbeAnswered: false,
  };
  const obstacle = sids.length === 0 ? 'none came' : whyNotHonoured(policy, client, sids, asked);
  if (sids.length > 0 && new Set(sids).size > 1 && !policy.useOnlyCookies) {
    return ['Verdict: none. Two different SIDs in one request: 400.'];
  }
  if (obstacle !== null) {
    const note = sids.length === 0 ? [] : [`The SID is not honoured: ${obstacle}.`];
    return [...note, ...outcomeLines('Verdict', policy, evidence, asked)];
  }
  const living = { ...evidence, hasValidSid: true };
  return [
    ...outcomeLines('If the SID leads to a living session of this client: verdict', policy, living, asked),
    ...(client.cookieNames.length === 0
      ? []
      : outcomeLines(
          'If a cookie of its jar came along too: verdict',
          policy,
          { ...living, hasJarCookie: true },
          asked,
        )),
    ...outcomeLines('If it does not: verdict', policy, evidence, asked),
  ];
}

/** Null when only the store can tell. */
function whyNotHonoured(
  policy: RoutePolicy,
  client: ClientFacts,
  sids: readonly string[],
  asked: Asked,
): string | null {
  if (policy.useOnlyCookies) return `the route is use_only_cookies (on_url_sid: ${policy.onUrlSid})`;
  if (client.isRobot) return 'robots have no sessions';
  const parse = policy.session.mode === 'jar' ? Sid.parse : Sid.parseMirrored;
  // In mirror mode a signature may follow the value; its form is the session layer's business.
  if (!policy.session.sign && parse(sids[0] ?? '') === null) return 'it does not have the form of one of ours';
  if (!mayArrive(client, asked.origin, policy)) return 'it comes from a foreign page that accept_from does not name';
  return null;
}

function outcomeLines(title: string, policy: RoutePolicy, evidence: Evidence, asked: Asked): string[] {
  const verdict = judge(policy, evidence);
  return [
    `${title} ${verdict}: ${whyVerdict(policy, evidence, verdict)}.`,
    ...treatmentLines(policy, verdict, evidence, asked),
  ];
}

function whyVerdict(policy: RoutePolicy, evidence: Evidence, verdict: Verdict): string {
  if (policy.useOnlyCookies) return 'the route is use_only_cookies';
  if (verdict === 'robot') return 'a known crawler';
  if (!policy.useCookies) return 'the route says use_cookies: false';
  if (evidence.hasNamedCookie) return 'a cookie that `session.cookies` lists came';
  if (evidence.hasValidSid && evidence.hasJarCookie) return 'the cookie wins';
  if (evidence.hasValidSid && !evidence.isStorageBlocked) return 'no cookie of the session came along';
  if (evidence.isStorageBlocked) return 'the browser withholds cookies in this frame';
  if (evidence.hasRelevantCookie) return 'a cookie came that proves it';
  return 'neither SID nor cookie came';
}

const COOKIES_GO = { client: "the client's own cookies", jar: 'the cookies of its jar', none: 'no cookies' } as const;
const SET_COOKIE_GOES = {
  pass: 'to the client',
  absorb: 'into the jar',
  both: 'to the client and into the jar',
  drop: 'nowhere',
} as const;

function treatmentLines(policy: RoutePolicy, verdict: Verdict, evidence: Evidence, asked: Asked): string[] {
  const treatment = treat(policy, verdict, evidence);
  const lines = [
    `  upstream go ${COOKIES_GO[treatment.cookies]}; Set-Cookie goes ${SET_COOKIE_GOES[treatment.setCookie]}`,
    ...(treatment.dropsSession
      ? ['  the session of the SID is dropped; a GET navigation is sent to the clean URL']
      : []),
  ];
  if (!treatment.mayMark)
    return [
      ...lines,
      `  no SID goes into the page: ${policy.useTransSid && !policy.useOnlyCookies ? 'the client does not need it' : 'the route does not mark'}`,
    ];
  const when = treatment.mayCreate && !evidence.hasValidSid ? ', from the first Set-Cookie of the application on' : '';
  return [
    ...lines,
    `  a SID goes into the page${when}:`,
    ...sampleMarks(policy, asked.origin).map((line) => `    ${line}`),
  ];
}

/** What a link, a redirect and the two kinds of form would look like; `SID` stands for the ID. */
function sampleMarks(policy: RoutePolicy, origin: string): string[] {
  // "SID" is a value that mirror mode could have.
  const sid = Sid.parseMirrored('SID') as Sid;
  const mark = { kind: policy.carrier, name: policy.session.name, sid };
  const base = `${origin}${policy.scopePath}`;
  const link = `${policy.scopePath.replace(/\/$/, '')}/next?a=1`;
  const marked = markReference(link, mark, base);
  const field = `<input type="hidden" name="${policy.session.name}" value="SID">`;
  const hasLinks = policy.transSidTags.get('a')?.includes('href') === true;
  const hasForms = policy.transSidTags.has('form');
  return [
    hasLinks ? `<a href="${marked.replace(/&/g, policy.argSeparator)}">` : 'links: not in trans_sid_tags',
    `Location: ${marked}`,
    ...(hasForms
      ? [
          `<form method="get" …>${field}`,
          policy.forms === 'field'
            ? `<form method="post" …>${field}`
            : `<form method="post" action="${marked.replace(/&/g, '&amp;')}">`,
        ]
      : ['forms: not in trans_sid_tags']),
  ];
}
