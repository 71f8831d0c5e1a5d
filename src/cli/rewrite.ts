/**
 * `transid rewrite`: one page from standard input, marked as the proxy would mark it, to standard output; or, with
 * `--jsonl`, one case a line and one answer a line, for many pages in one process.
 */
import { isUtf8 } from 'node:buffer';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { ConfigError } from '../config/problems.ts';
import type { PhpText, PhpVariable } from '../sid/php-encode.ts';
import { type CommandIo, inputOf, parseOptions, UsageError } from './command.ts';
import { type Finding, openPage, type RewriteOptions } from './rewrite-page.ts';

const USAGE = `Usage: transid rewrite --url URL --sid ID [OPTIONS] < page.html > out.html

Marks one page as the proxy does. --sid or --var is needed, or both.

  --url URL                where the page stands, as the client sees it
  --name NAME              name of the parameter (_sid; PHPSESSID with --rewriter php)
  --sid ID                 the session ID
  --rewriter html|php      what a browser sees (html), or what PHP did
  --content-type TYPE      of the page (text/html); XHTML, WML and SVG are read as XML
  --tags LIST              trans_sid_tags, such as a=href,area=href,form=
  --hosts LIST             trans_sid_hosts: further hosts whose URLs may carry the ID
  --var NAME=VALUE         one more variable, as output_add_rewrite_var() adds it (repeat)
  --url-rewriter-tags LIST     where variables go (form=)
  --url-rewriter-hosts LIST    further hosts whose URLs get them
  --arg-separator TEXT     between parameters (&amp; or, with --rewriter php, &)
  --carrier query|path-parameter|path-segment     where the ID travels (query)
  --forms auto|field       POST forms by their action (auto) or all by hidden field
  --explain                on standard error one line for each URL, separated by tabs:
                           line:column, element, attribute, URL, mark or leave, reason

With --rewriter php
  --php-version 8.2|8.4    which lists of hosts count for links and for forms (8.2)
  --http-host HOST         the Host field of the request (that of --url)
  --exact                  PHP's bytes without a veto, leaks and damage included: to compare with PHP only

Many pages
  --jsonl                  each line of standard input is {"id", "html": base64, OPTIONS}, with the names above
                           ("var": [["NAME", "VALUE"]], true for --exact; {"b64": base64} for text that is no UTF-8;
                           "flushes": offsets behind which PHP's ob_flush() was called, with --exact); the options of
                           the command line are the defaults. Each answer is {"id", "html": base64, "edits", "explain"}
                           or {"id", "error"}.

Exit codes: 0 fine, 1 a page could not be marked whole, 2 wrong usage. From where browsers read the tags in different ways a page
stays as it is: that is fine, and --explain tells of it.
`;

/** Exit code as above. */
export async function rewriteCommand(argv: string[], io: CommandIo): Promise<number> {
  try {
    const values = readArgs(argv);
    if (values === null) {
      io.stdout.write(USAGE);
      return 0;
    }
    if (values.jsonl === true) return await rewriteLines(values, io);
    const options = optionsOf(values);
    if (options.sid === undefined && options.variables.length === 0) throw new UsageError('--sid or --var is needed');
    return await rewriteOne(options, values.explain === true, io);
  } catch (error) {
    const message = usageMessage(error);
    if (message === null) throw error;
    io.stderr.write(`transid rewrite: ${message}\nSee transid rewrite --help.\n`);
    return 2;
  }
}

/** What is wrong with the options, null if the error is of another kind. */
function usageMessage(error: unknown): string | null {
  if (error instanceof UsageError) return error.message;
  if (error instanceof ConfigError)
    return error.problems.map(({ path, message }) => `${optionOf(path)}: ${message}`).join('; ');
  return null;
}

/** The option that became this key of the configuration in `policyOf`, such as `routes[0].trans_sid_hosts[1]`. */
function optionOf(path: string): string {
  const key = path.replace(/^(?:routes\[0\]|session)\./, '').replace(/\[\d+\]$/, '');
  return `--${key.replace(/^trans_sid_/, '').replaceAll('_', '-')}`;
}

const FLAGS = {
  url: { type: 'string' },
  name: { type: 'string' },
  sid: { type: 'string' },
  rewriter: { type: 'string' },
  'content-type': { type: 'string' },
  tags: { type: 'string' },
  hosts: { type: 'string' },
  var: { type: 'string', multiple: true },
  'url-rewriter-tags': { type: 'string' },
  'url-rewriter-hosts': { type: 'string' },
  'arg-separator': { type: 'string' },
  carrier: { type: 'string' },
  forms: { type: 'string' },
  'php-version': { type: 'string' },
  'http-host': { type: 'string' },
  exact: { type: 'boolean' },
  explain: { type: 'boolean' },
  jsonl: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** Options by their names on the command line, from there or from a line of JSON. */
type Values = Partial<Record<keyof typeof FLAGS | 'flushes', unknown>>;

/** Null when help is asked for. */
function readArgs(argv: string[]): Values | null {
  const { values } = parseOptions({ args: argv, options: FLAGS, allowPositionals: false });
  return values.help === true ? null : values;
}

function optionsOf(values: Values): RewriteOptions {
  const httpHost = values['http-host'];
  return {
    url: textOption(values, 'url'),
    name: bytesOption(values, 'name'),
    sid: bytesOption(values, 'sid'),
    rewriter: textOption(values, 'rewriter'),
    contentType: textOption(values, 'content-type'),
    tags: bytesOption(values, 'tags'),
    hosts: bytesOption(values, 'hosts'),
    urlRewriterTags: bytesOption(values, 'url-rewriter-tags'),
    urlRewriterHosts: bytesOption(values, 'url-rewriter-hosts'),
    variables: variablesOf(values.var),
    argSeparator: bytesOption(values, 'arg-separator'),
    httpHost: httpHost === null ? null : bytesOption(values, 'http-host'),
    phpVersion: textOption(values, 'php-version'),
    carrier: textOption(values, 'carrier'),
    forms: textOption(values, 'forms'),
    isExact: values.exact === true,
  };
}

function bytesOption(values: Values, name: keyof Values): PhpText | undefined {
  const value = values[name];
  return value === undefined || value === null ? undefined : bytesOf(value, name);
}

function textOption(values: Values, name: keyof Values): string | undefined {
  const value = values[name];
  if (value === undefined || value === null || typeof value === 'string') return value ?? undefined;
  throw new UsageError(`${name} is a string`);
}

/** A string, or bytes as `{"b64": …}`. */
function bytesOf(value: unknown, name: string): PhpText {
  if (typeof value === 'string') return value;
  if (typeof value === 'object' && value !== null && 'b64' in value && typeof value.b64 === 'string') {
    return fromBase64(value.b64, name);
  }
  throw new UsageError(`${name} is a string or {"b64": base64}`);
}

/** Either alphabet, padded or not (RFC 4648 §4, §5): Buffer leaves out what is neither. */
function fromBase64(text: string, name: string): Buffer {
  const digits = /^([A-Za-z0-9+/_-]*)={0,2}$/.exec(text)?.[1];
  if (digits === undefined || digits.length % 4 === 1) throw new UsageError(`${name} is not in base64`);
  return Buffer.from(digits, 'base64');
}

/** `name=value` texts, pairs of texts, or an object. */
function variablesOf(value: unknown): PhpVariable[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) {
    if (typeof value !== 'object') throw new UsageError('var is a list of pairs');
    return Object.entries(value).map(([name, text]) => [name, bytesOf(text, 'var')] as const);
  }
  return value.map((item: unknown): PhpVariable => {
    if (Array.isArray(item) && item.length === 2) return [bytesOf(item[0], 'var'), bytesOf(item[1], 'var')];
    if (typeof item !== 'string') throw new UsageError('var is a list of pairs');
    const equals = item.indexOf('=');
    if (equals < 0) throw new UsageError(`--var is NAME=VALUE, not ${item}`);
    return [item.slice(0, equals), item.slice(equals + 1)];
  });
}

// -------------------------------------------------------------------------------------------------------- one page

async function rewriteOne(options: RewriteOptions, isExplained: boolean, io: CommandIo): Promise<number> {
  const findings: Finding[] = [];
  const input: Buffer[] = [];
  const page = openPage(options, isExplained ? (finding) => findings.push(finding) : null);
  for await (const chunk of inputOf(io)) {
    const bytes = Buffer.from(chunk);
    // Lines are counted when all is seen.
    if (isExplained) input.push(bytes);
    await write(io, page.write(bytes));
  }
  await write(io, page.end());
  if (isExplained) io.stderr.write(explanation(findings, Buffer.concat(input)));
  const { trouble, remark } = page;
  if (isExplained && remark !== null) io.stderr.write(`transid rewrite: ${remark}\n`);
  if (trouble === null) return 0;
  io.stderr.write(`transid rewrite: ${trouble}\n`);
  return 1;
}

async function write({ stdout }: CommandIo, bytes: Buffer | string): Promise<void> {
  if (bytes.length > 0 && !stdout.write(bytes)) await once(stdout, 'drain');
}

/** One line for each finding, in the order of the page. */
function explanation(findings: readonly Finding[], page: Buffer): string {
  const sorted = [...findings].sort((a, b) => a.position - b.position);
  let line = 1;
  let lineStart = 0;
  return sorted
    .map(({ position, element, attribute, url, decision, reason }) => {
      for (let end = page.indexOf(0x0a, lineStart); end >= 0 && end < position; end = page.indexOf(0x0a, lineStart)) {
        line++;
        lineStart = end + 1;
      }
      const where = `${line}:${position - lineStart + 1}`;
      return `${[where, element, attribute || '-', printable(url), decision, reason].join('\t')}\n`;
    })
    .join('');
}

/**
 * A URL of a page can hold anything; a line of ours holds no control characters. Bytes above ASCII are shown as UTF-8 where they
 * are that, else one by one.
 */
function printable(url: string): string {
  return url.replace(/[\x00-\x1f\x7f]|[\x80-\xff]+/g, (bytes) => {
    const text = Buffer.from(bytes, 'latin1');
    if (bytes >= '\x80' && isUtf8(text) && !/[\x80-\x9f]/.test(text.toString())) return text.toString();
    return [...text].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');
  });
}

// ------------------------------------------------------------------------------------------------------ many pages

async function rewriteLines(defaults: Values, io: CommandIo): Promise<number> {
  let code = 0;
  for await (const line of createInterface({ input: inputOf(io), crlfDelay: Number.POSITIVE_INFINITY })) {
    if (line.trim() === '') continue;
    const answer = answerLine(line, defaults);
    if ('error' in answer) code = 1;
    await write(io, `${JSON.stringify(answer)}\n`);
  }
  return code;
}

interface Answer {
  readonly id: unknown;
  readonly html: string;
  readonly edits: number;
  readonly trouble?: string;
  readonly explain?: readonly Finding[];
}

interface Refusal {
  readonly id: unknown;
  readonly error: string;
}

function answerLine(line: string, defaults: Values): Answer | Refusal {
  let id: unknown = null;
  try {
    const given = parseLine(line);
    id = given.get('id') ?? null;
    const values: Values = { ...defaults };
    for (const [name, value] of given) {
      if (name === 'id' || name === 'html') continue;
      if (!isOption(name)) throw new UsageError(`unknown option ${name}`);
      values[name] = value;
    }
    return { id, ...answer(values, given.get('html')) };
  } catch (error) {
    const message = error instanceof SyntaxError ? 'the line is no JSON object' : usageMessage(error);
    if (message === null) throw error;
    return { id, error: message };
  }
}

/** Names as on the command line; `httpHost` and `http_host` are `http-host`. */
function parseLine(line: string): Map<string, unknown> {
  const parsed: unknown = JSON.parse(line);
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new UsageError('the line is no JSON object');
  }
  const kebab = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`).replaceAll('_', '-');
  const names: Record<string, string> = { vars: 'var', variables: 'var', splits: 'flushes' };
  return new Map(Object.entries(parsed).map(([name, value]) => [names[kebab(name)] ?? kebab(name), value]));
}

function isOption(name: string): name is keyof Values {
  return name === 'flushes' || (Object.hasOwn(FLAGS, name) && name !== 'jsonl' && name !== 'help');
}

function answer(values: Values, html: unknown): Omit<Answer, 'id'> {
  if (typeof html !== 'string') throw new UsageError('html is the page in base64');
  const input = fromBase64(html, 'html');
  const findings: Finding[] = [];
  const isExplained = values.explain === true;
  const page = openPage(optionsOf(values), isExplained ? (finding) => findings.push(finding) : null);
  const out: Buffer[] = [];
  let from = 0;
  for (const offset of flushesOf(values.flushes)) {
    out.push(page.write(input.subarray(from, offset)), page.flush());
    from = offset;
  }
  out.push(page.write(input.subarray(from)), page.end());
  const { trouble } = page;
  return {
    html: Buffer.concat(out).toString('base64'),
    edits: page.editCount,
    ...(trouble !== null && { trouble }),
    ...(isExplained && { explain: findings }),
  };
}

function flushesOf(value: unknown): readonly number[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value) && value.every((offset) => Number.isSafeInteger(offset) && offset >= 0)) return value;
  throw new UsageError('flushes is a list of offsets');
}
