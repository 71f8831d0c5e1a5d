/**
 * `transid explain [-c FILE] URL`: what the proxy would make of one request, and why. The same code decides as in the proxy;
 * only the session store is not asked, so that where a SID comes along every outcome is told.
 */
import type { Config } from '../config/config.ts';
import { loadConfigFile } from '../config/load.ts';
import { ConfigError } from '../config/problems.ts';
import { ProxyError } from '../errors.ts';
import { TOKEN } from '../field-list.ts';
import { pathOf } from '../policy/path.ts';
import type { RequestFacts } from '../proxy/framing.ts';
import { type Located, locate } from '../proxy/locate.ts';
import { openStage, type RehearsedHead, readRequest, rehearse } from '../proxy/rehearsal.ts';
import type { Site } from '../proxy/site.ts';
import { type CommandIo, parseOptions, refuseUsage, UsageError } from './command.ts';
import { policyLines } from './explain-policy.ts';
import { readingLines, routeLines, show } from './explain-route.ts';
import { spellRefusal, verdictLines } from './explain-verdict.ts';

const USAGE = `Usage: transid explain [-c FILE] [--method METHOD] [--header 'Name: value']... URL

Tells which route and policy a request gets and why, what is held of the client, and where a session ID would go.
URL is absolute, or a path (then the host is localhost). FILE is transid.yaml by default. Nothing is sent.
`;

/** `target` is as a client would send it: nothing is normalised. */
interface Asked extends RehearsedHead {
  readonly config: string;
  readonly origin: string;
  readonly host: string;
}

/** Exit code 0; 1 when the configuration has problems; 2 for wrong usage. */
export async function explainCommand(argv: string[], io: CommandIo): Promise<number> {
  let asked: Asked | 'help';
  try {
    asked = readArgs(argv);
  } catch (error) {
    return refuseUsage(io, 'transid explain', error, USAGE);
  }
  if (asked === 'help') {
    io.stdout.write(USAGE);
    return 0;
  }
  let config: Config;
  try {
    config = loadConfigFile(asked.config);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    io.stderr.write(`${error.report()}\n`);
    return 1;
  }
  io.stdout.write(`${(await explain(config, asked)).join('\n')}\n`);
  return 0;
}

function readArgs(argv: string[]): Asked | 'help' {
  const args = parseOptions({
    args: argv,
    options: {
      config: { type: 'string', short: 'c' },
      method: { type: 'string', short: 'X' },
      header: { type: 'string', short: 'H', multiple: true },
      help: { type: 'boolean', short: 'h' },
    },
    allowPositionals: true,
  });
  if (args.values.help) return 'help';
  const [url, ...more] = args.positionals;
  if (url === undefined || more.length > 0) throw new UsageError('one URL is needed');
  const match = /^(?:(https?:)\/\/([^/?#\s]+))?(\/[^#\s]*|\?[^#\s]*)?(?:#.*)?$/i.exec(url);
  if (match === null || (match[2] === undefined && match[3] === undefined))
    throw new UsageError(`not a URL or path: ${url}`);
  const { method = 'GET' } = args.values;
  if (!TOKEN.test(method)) throw new UsageError(`not a method: ${method}`);
  const given = (args.values.header ?? []).map(readField);
  const isHost = ([name]: readonly [string, string]) => name.toLowerCase() === 'host';
  const scheme = (match[1] ?? 'http:').toLowerCase();
  const authority = match[2] ?? given.find(isHost)?.[1] ?? 'localhost';
  if (!URL.canParse(`${scheme}//${authority}`)) throw new UsageError(`not a host: ${authority}`);
  const host = match[2] === undefined ? authority : asHostField(match[2], scheme);
  const target = match[3] === undefined ? '/' : match[3].startsWith('?') ? `/${match[3]}` : match[3];
  return {
    config: args.values.config ?? 'transid.yaml',
    method,
    fields: [['Host', host], ...given.filter((field) => !isHost(field))].flat(),
    isEncrypted: scheme === 'https:',
    origin: new URL(`${scheme}//${host}`).origin,
    host,
    // On the wire a target is bytes; Node shows them as latin1.
    target: Buffer.from(target, 'utf8').toString('latin1'),
  };
}

/** What clients send of an authority: a user goes into another field, and names have letters of ASCII alone. */
function asHostField(authority: string, scheme: string): string {
  const host = authority.slice(authority.lastIndexOf('@') + 1);
  return /[^\x00-\x7f]/.test(host) ? new URL(`${scheme}//${host}`).host : host;
}

function readField(line: string): [name: string, value: string] {
  const [, name = '', value = ''] = /^([^:]*):[ \t]*(.*?)[ \t]*$/.exec(line) ?? [];
  if (!TOKEN.test(name)) throw new UsageError(`not a field: ${line}`);
  // On the wire a value is bytes, as is the target.
  return [name, Buffer.from(value, 'utf8').toString('latin1')];
}

async function explain(config: Config, asked: Asked): Promise<string[]> {
  const site = openStage(config);
  const facts = readRequest(site, asked);
  if ('fault' in facts) return [`${asked.method} ${asked.origin}`, '', refusal(new ProxyError(facts.fault, facts))];
  let located: Located;
  try {
    located = locate(site, facts);
  } catch (error) {
    return [`${asked.method} ${asked.origin}`, '', refusal(error)];
  }
  const { policy, target, carriedIn } = located;
  const finding = site.routes.explain(asked.host, pathOf(target));
  return [
    `${asked.method} ${asked.origin}${show(target)}`,
    ...(carriedIn === null ? [] : [`  with a SID in the ${carriedIn}; the application will not see it`]),
    '',
    ...readingLines(finding),
    '',
    ...routeLines(site.routes, finding),
    '',
    ...policyLines(config, policy),
    '',
    ...(await outcomeLines(site, facts, located)),
  ];
}

async function outcomeLines(site: Site, facts: RequestFacts, located: Located): Promise<string[]> {
  try {
    return verdictLines(await rehearse(site, facts, located), facts.fields);
  } catch (error) {
    return [refusal(error)];
  }
}

function refusal(error: unknown): string {
  if (!(error instanceof ProxyError)) throw error;
  return `No verdict: the proxy answers ${spellRefusal(error)}.`;
}
