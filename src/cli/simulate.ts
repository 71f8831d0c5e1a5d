/**
 * `transid simulate URL`: crawl a site, or walk a journey through it, as a browser that refuses cookies; report where
 * the session is lost.
 */
import { open, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { parseDocument, visit } from 'yaml';
import { reasonOf } from '../errors.ts';
import type { BrowserOptions } from '../simulator/browser.ts';
import type { CrawlOptions } from '../simulator/crawl.ts';
import {
  type CookieMode,
  compare,
  crawl,
  formatHtml,
  formatJson,
  formatJunit,
  formatText,
  isClean,
  type Journey,
  type JourneyOptions,
  type Report,
  readJourney,
  runJourney,
  SimulatorError,
} from '../simulator/index.ts';
import { type CommandIo, parseOptions, refuseUsage, UsageError } from './command.ts';

const USAGE = `Usage: transid simulate [OPTIONS] URL
       transid simulate [OPTIONS] --script journey.yaml [URL]

Visits a site as a browser that refuses cookies, and tells which links and forms lose the session.
Exit code 0: no session was lost; 1: one was, a step failed or the site could not be reached; 2: wrong usage.

Browser
  --cookies off|on|session-only|first-party   what the browser does with cookies (off)
  --user-agent TEXT     --header 'Name: value' (repeat)     --timeout SECONDS (30)
  --insecure            accept any certificate
  --no-fetch-metadata   send no Sec-Fetch fields, as older browsers

Crawl
  --depth N (5)         --max-pages N (200)                 --concurrency N (4)
  --no-same-origin      also visit other hosts of the same site
  --robots obey|ignore|FILE   the site's robots.txt, none, or rules of your own (obey)
  --exclude REGEXP      do not visit such URLs (repeat); by default those that log out
  --no-forms            do not submit GET forms
  --marker TEXT|SELECTOR      what only pages of the living session show; by default the SID in URLs tells
  --sid-name NAME       a further name of the parameter that carries the SID (repeat)
  --lint                list what is not marked, with the reason (with --depth 0: of this page only,
                        and of the one that it moves on to by itself)

Journey
  --script FILE         steps in YAML: open, follow, fill, submit, upload, expect, back, reload, frame…
  --compare             run it with --cookies and with cookies on, side by side
  --crawl               then crawl from its last page, for pages behind a login (URL is needed)

Report
  --format text|json|junit|html (text)     --output FILE     --no-progress     --no-color
`;

const COOKIES: readonly CookieMode[] = ['off', 'on', 'session-only', 'first-party'];
const FORMATS = ['text', 'json', 'junit', 'html'] as const;

/** The report is there and could not be written: exit code 1. */
class OutputError extends Error {}

export async function simulateCommand(argv: string[], io: CommandIo): Promise<number> {
  let args: Arguments;
  try {
    args = readArguments(argv);
  } catch (error) {
    return refuseUsage(io, 'transid simulate', error, USAGE);
  }
  if (args.isHelp) {
    io.stdout.write(USAGE);
    return 0;
  }
  try {
    const journey = args.script === null ? null : await loadJourney(args.script);
    if (args.output !== null) await expectWritable(args.output);
    const report =
      journey === null || args.crawlsAfter ? await runCrawl(args, journey, io) : await runScript(args, journey);
    const text = format(report, args, io);
    if (args.output === null) io.stdout.write(text);
    else await writeReport(args.output, text);
    return isClean(report) ? 0 : 1;
  } catch (error) {
    if (error instanceof UsageError || (error instanceof SimulatorError && WRONG_USAGE.has(error.code))) {
      io.stderr.write(`transid simulate: ${error.message}\n`);
      return 2;
    }
    if (!(error instanceof SimulatorError || error instanceof OutputError)) throw error;
    io.stderr.write(`transid simulate: ${error.message}\n`);
    return 1;
  }
}

/** What the operator wrote, not what the site did. */
const WRONG_USAGE = new Set(['BAD_JOURNEY', 'BAD_SELECTOR']);

// ---------------------------------------------------------------------------------------------------------------------

interface Arguments {
  readonly isHelp: boolean;
  readonly url: string | null;
  readonly script: string | null;
  readonly browser: BrowserOptions;
  readonly crawl: Omit<CrawlOptions, 'url' | 'robots'>;
  readonly robots: string;
  readonly lint: boolean;
  readonly compare: boolean;
  readonly crawlsAfter: boolean;
  readonly format: (typeof FORMATS)[number];
  readonly output: string | null;
  readonly progress: boolean;
  readonly color: boolean;
}

const OPTIONS = {
  cookies: { type: 'string' },
  'user-agent': { type: 'string' },
  header: { type: 'string', multiple: true },
  timeout: { type: 'string' },
  insecure: { type: 'boolean' },
  'fetch-metadata': { type: 'boolean' },
  depth: { type: 'string' },
  'max-pages': { type: 'string' },
  concurrency: { type: 'string' },
  'same-origin': { type: 'boolean' },
  robots: { type: 'string' },
  exclude: { type: 'string', multiple: true },
  forms: { type: 'boolean' },
  marker: { type: 'string' },
  'sid-name': { type: 'string', multiple: true },
  lint: { type: 'boolean' },
  script: { type: 'string' },
  compare: { type: 'boolean' },
  crawl: { type: 'boolean' },
  format: { type: 'string' },
  output: { type: 'string', short: 'o' },
  progress: { type: 'boolean' },
  color: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

function readArguments(argv: string[]): Arguments {
  const { values, positionals } = parseOptions({
    args: argv,
    options: OPTIONS,
    allowPositionals: true,
    allowNegative: true,
  });
  const isHelp = values.help === true;
  const [url = null] = positionals;
  if (!isHelp) {
    if (positionals.length > 1) throw new UsageError(`one URL, not ${positionals.length}`);
    if (url === null && values.script === undefined) throw new UsageError('a URL or --script is needed');
    if (values.compare === true && values.script === undefined) throw new UsageError('--compare needs --script');
    if (values.crawl === true && (values.script === undefined || url === null))
      throw new UsageError('--crawl needs --script and a URL');
    if (values.crawl === true && values.compare === true)
      throw new UsageError('--crawl and --compare exclude each other');
    if (values.lint === true && values.script !== undefined && values.crawl !== true)
      throw new UsageError('--lint with --script needs --crawl');
    if (values.marker === '') throw new UsageError('--marker is empty: every page would have it');
    if (values.compare === true && values.cookies === 'on')
      throw new UsageError('--compare already runs with cookies on');
  }
  const address = url === null ? null : readAddress(url);
  const cookies = oneOf('--cookies', values.cookies ?? 'off', COOKIES);
  return {
    isHelp,
    url: address?.url ?? null,
    script: values.script ?? null,
    browser: {
      cookies,
      timeoutMs: 1000 * positive('--timeout', values.timeout ?? '30'),
      insecure: values.insecure === true,
      fetchMetadata: values['fetch-metadata'] !== false,
      headers: allHeaders(address?.headers ?? {}, (values.header ?? []).map(readHeader)),
      ...(values['user-agent'] === undefined ? {} : { userAgent: fieldValue('--user-agent', values['user-agent']) }),
    },
    crawl: {
      depth: natural('--depth', values.depth ?? '5'),
      maxPages: positive('--max-pages', values['max-pages'] ?? '200'),
      sameOrigin: values['same-origin'] !== false,
      forms: values.forms !== false,
      lint: values.lint === true,
      sidNames: values['sid-name'] ?? [],
      ...(values.concurrency === undefined ? {} : { concurrency: positive('--concurrency', values.concurrency) }),
      ...(values.exclude === undefined ? {} : { exclude: values.exclude.map(readPattern) }),
      ...(values.marker === undefined ? {} : { marker: values.marker }),
    },
    robots: values.robots ?? 'obey',
    lint: values.lint === true,
    compare: values.compare === true,
    crawlsAfter: values.crawl === true,
    format: oneOf('--format', values.format ?? 'text', FORMATS),
    output: values.output ?? null,
    progress: values.progress !== false,
    color: values.color !== false,
  };
}

function oneOf<T extends string>(option: string, value: string, all: readonly T[]): T {
  const found = all.find((each) => each === value);
  if (found === undefined) throw new UsageError(`${option} is one of ${all.join(', ')}, not '${value}'`);
  return found;
}

function natural(option: string, value: string): number {
  if (!/^\d{1,9}$/.test(value)) throw new UsageError(`${option} is a whole number, not '${value}'`);
  return Number(value);
}

function positive(option: string, value: string): number {
  const number = natural(option, value);
  if (number === 0) throw new UsageError(`${option} is at least 1`);
  return number;
}

function absolute(url: string): string {
  const whole = /^[a-z][a-z0-9+.-]*:\/\//i.test(url) ? url : `http://${url}`;
  if (!URL.canParse(whole) || !/^https?:$/.test(new URL(whole).protocol))
    throw new UsageError(`'${url}' is no http(s) URL`);
  return whole;
}

/** User and password of a URL are sent as browsers send them, and stand in no report. */
function readAddress(text: string): { url: string; headers: Record<string, string> } {
  const whole = absolute(text);
  const url = new URL(whole);
  if (url.username === '' && url.password === '') return { url: whole, headers: {} };
  const pair = Buffer.from(`${percentDecoded(url.username)}:${percentDecoded(url.password)}`);
  url.username = '';
  url.password = '';
  return { url: url.href, headers: { Authorization: `Basic ${pair.toString('base64')}` } };
}

/** Those of --header come instead of those of the same name. */
function allHeaders(ofUrl: Readonly<Record<string, string>>, given: ReadonlyArray<[string, string]>) {
  const names = new Set(given.map(([name]) => name.toLowerCase()));
  const others = Object.entries(ofUrl).filter(([name]) => !names.has(name.toLowerCase()));
  return Object.fromEntries([...others, ...given]);
}

function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // A lone percent sign is one.
  }
}

function readHeader(line: string): [string, string] {
  const match = /^([!#$%&'*+.^_`|~\w-]+):\s*(.*)$/.exec(line);
  if (match === null) throw new UsageError(`--header '${line}' is not 'Name: value'`);
  return [match[1] ?? '', fieldValue('--header', match[2] ?? '')];
}

/** On the wire a value is bytes, which Node takes as latin1. */
function fieldValue(option: string, text: string): string {
  if (/[^\t\x20-\x7e\x80-\u{10ffff}]/u.test(text)) throw new UsageError(`${option}: no control characters`);
  return Buffer.from(text, 'utf8').toString('latin1');
}

function readPattern(source: string): RegExp {
  if (source === '') throw new UsageError('--exclude is empty: it would leave out every page');
  try {
    return new RegExp(source);
  } catch {
    throw new UsageError(`--exclude '${source}' is no regular expression`);
  }
}

async function runCrawl(args: Arguments, journey: Journey | null, io: CommandIo): Promise<Report> {
  const url = args.url ?? '';
  const progress = progressLine(args, io);
  const report = await crawl({
    ...args.crawl,
    ...(journey === null ? {} : { journey }),
    url,
    browser: args.browser,
    robots: await readRobots(args.robots),
    onProgress: progress.show,
  });
  progress.clear();
  if (!args.lint) return report;
  // A worklist alone where only a page was asked for; otherwise it stands at the end of the crawl's report.
  if (args.crawl.depth !== 0) return report;
  const urls = report.pages.filter(({ status }) => status > 0).map((page) => page.url);
  return { kind: 'lint', start: url, pages: urls.length, urls, items: report.lint };
}

async function readRobots(robots: string): Promise<'obey' | 'ignore' | { rules: string }> {
  return robots === 'obey' || robots === 'ignore' ? robots : { rules: await readText(robots) };
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new UsageError(`${file} cannot be read: ${reasonOf(error)}`);
  }
}

/** Before the visit, which takes long: a report that has no place is wrong usage. A file that is there keeps its text. */
async function expectWritable(file: string): Promise<void> {
  try {
    await (await open(file, 'a')).close();
  } catch (error) {
    throw new UsageError(`${file} cannot be written: ${reasonOf(error)}`);
  }
}

async function writeReport(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text);
  } catch (error) {
    throw new OutputError(`${file} cannot be written: ${reasonOf(error)}`);
  }
}

async function loadJourney(file: string): Promise<Journey> {
  const source = await readText(file);
  let value: unknown;
  try {
    value = readYaml(source);
  } catch (error) {
    throw new UsageError(`${file}: ${reasonOf(error)}`);
  }
  return readJourney(value, basename(file).replace(/\.\w+$/, ''));
}

/** Numbers that are spelt in a way of their own are texts: what is typed as `0042` or `1.50` into a field is no 42 and no 1.5. */
function readYaml(source: string): unknown {
  const document = parseDocument(source);
  const [fault] = document.errors;
  // The library's own words are for programmers.
  if (fault?.code === 'MULTIPLE_DOCS')
    throw new UsageError('one document only, and a second one begins behind the journey');
  if (fault !== undefined) throw fault;
  visit(document, {
    Scalar(_key, node) {
      if (typeof node.value === 'number' && node.source !== String(node.value)) node.value = node.source ?? node.value;
    },
  });
  return document.toJS();
}

async function runScript(args: Arguments, journey: Journey): Promise<Report> {
  const options: JourneyOptions = {
    folder: args.script === null ? '.' : dirname(args.script),
    browser: args.browser,
    sidNames: args.crawl.sidNames ?? [],
    ...(args.url === null ? {} : { start: args.url }),
    ...(args.crawl.marker === undefined ? {} : { marker: args.crawl.marker }),
  };
  const report = await runJourney(journey, options);
  if (!args.compare) return report;
  return compare(report, await runJourney(journey, { ...options, browser: { ...args.browser, cookies: 'on' } }));
}

function format(report: Report, args: Arguments, io: CommandIo): string {
  switch (args.format) {
    case 'json':
      return formatJson(report);
    case 'junit':
      return formatJunit(report);
    case 'html':
      return formatHtml(report);
    case 'text':
      return formatText(report, { color: args.color && args.output === null && takesEscapes(io.stdout) });
  }
}

/** One line on a terminal, rewritten at most ten times a second; nothing anywhere else. */
function progressLine(args: Arguments, io: CommandIo) {
  const isShown = args.progress && takesEscapes(io.stderr);
  let shownAtMs = 0;
  return {
    show({ visited, waiting, lost }: { visited: number; waiting: number; lost: number }): void {
      if (!isShown || performance.now() - shownAtMs < 100) return;
      shownAtMs = performance.now();
      io.stderr.write(`\r\u001b[K${visited} pages, ${waiting} waiting, ${lost} lost`);
    },
    clear(): void {
      if (isShown) io.stderr.write('\r\u001b[K');
    },
  };
}

/** A terminal that obeys escapes, and whose user wants them (no-color.org: an empty NO_COLOR says nothing). */
function takesEscapes(stream: object): boolean {
  const { NO_COLOR = '', TERM } = process.env;
  return 'isTTY' in stream && stream.isTTY === true && NO_COLOR === '' && TERM !== 'dumb';
}
