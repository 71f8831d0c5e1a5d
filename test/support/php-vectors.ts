/**
 * PHP's recorded answers (`test/vectors/php`) as options for our PHP rewriter, and ways to run a page through it.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { createPhpRewriter, type PhpRewriterOptions, type PhpVeto } from '../../src/response/php-rewriter.ts';
import {
  PHP_TRANS_SID_TAGS,
  PHP_URL_REWRITER_TAGS,
  parsePhpHostList,
  parsePhpTagList,
} from '../../src/sid/php-lists.ts';

const FOLDER = new URL('../vectors/php/', import.meta.url);

/** Bytes in the vectors: text where they are UTF-8. */
export type VectorBytes = string | { readonly b64: string };

export interface ScannerCase {
  readonly id: string;
  readonly scanner: 'session' | 'output';
  readonly vars: ReadonlyArray<readonly [VectorBytes, VectorBytes]>;
  readonly ini: Readonly<Record<string, VectorBytes>>;
  readonly httpHost: VectorBytes | null;
  readonly input: VectorBytes;
  readonly output: VectorBytes;
  /** Offsets of `input` behind which the page called `ob_flush()`. */
  readonly splits?: readonly number[];
}

export type Step = readonly [name: string, ...values: VectorBytes[]];

export interface StepsCase {
  readonly id: string;
  readonly note: string;
  readonly ini: Readonly<Record<string, VectorBytes>>;
  readonly httpHost: VectorBytes | null;
  readonly steps: readonly Step[];
  readonly output: VectorBytes;
}

export interface VersionsCase extends Omit<ScannerCase, 'output'> {
  readonly outputs: ReadonlyArray<{ readonly php: readonly string[]; readonly output: VectorBytes }>;
}

export function bytesOf(value: VectorBytes): Buffer {
  return typeof value === 'string' ? Buffer.from(value, 'utf8') : Buffer.from(value.b64, 'base64');
}

/** One character a byte. */
export function byteString(value: VectorBytes): string {
  return bytesOf(value).toString('latin1');
}

export function readVectors<Case>(file: string): readonly Case[] {
  // The files were written by one generator; their form is described in their README.
  const { cases } = JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8')) as { cases: readonly Case[] };
  return cases;
}

/** Names of the files that hold whole pages through one rewriter. */
export function scannerFiles(): readonly string[] {
  return readdirSync(FOLDER).filter((name) => /^scanner-.*\.json$/.test(name) && name !== 'scanner-steps.json');
}

/** The recorded pages, one case for each run. */
export function pageCases(): readonly ScannerCase[] {
  interface Page {
    readonly id: string;
    readonly input: VectorBytes;
    readonly runs: ReadonlyArray<Omit<ScannerCase, 'id' | 'input'>>;
  }
  return readVectors<Page>('pages.json').flatMap(({ id, input, runs }) =>
    runs.map((run, index) => ({ ...run, id: `${id}/${index}`, input })),
  );
}

/** PHP's settings, as the vectors have them, as ours. */
export function settingsOf(
  ini: Readonly<Record<string, VectorBytes>>,
  httpHost: VectorBytes | null,
  phpVersion: '8.2' | '8.4' = '8.2',
): Omit<PhpRewriterOptions, 'session' | 'variables' | 'veto'> {
  const setting = (name: string, standard: string) => {
    const value = ini[name];
    return value === undefined ? standard : byteString(value);
  };
  const separator = ini['arg_separator.output'];
  return {
    transSidTags: parsePhpTagList(setting('session.trans_sid_tags', PHP_TRANS_SID_TAGS)),
    urlRewriterTags: parsePhpTagList(setting('url_rewriter.tags', PHP_URL_REWRITER_TAGS)),
    transSidHosts: parsePhpHostList(setting('session.trans_sid_hosts', '')),
    urlRewriterHosts: parsePhpHostList(setting('url_rewriter.hosts', '')),
    phpVersion,
    argSeparator: separator === undefined ? '&' : bytesOf(separator).toString('utf8'),
    httpHost: httpHost === null ? null : byteString(httpHost),
  };
}

export function optionsOf(
  test: Pick<ScannerCase, 'scanner' | 'vars' | 'ini' | 'httpHost'>,
  veto: PhpVeto | null,
  phpVersion: '8.2' | '8.4' = '8.2',
): PhpRewriterOptions {
  const vars = test.vars.map(([name, value]) => [bytesOf(name), bytesOf(value)] as const);
  const first = vars[0];
  return {
    ...settingsOf(test.ini, test.httpHost, phpVersion),
    session: test.scanner === 'session' && first !== undefined ? { name: first[0], value: first[1] } : null,
    variables: test.scanner === 'output' ? vars : [],
    veto,
  };
}

/** Rewrite a page that arrives cut at `cuts`, and is flushed as by `ob_flush()` at `flushes`; offsets, ascending. */
export function rewritePage(
  options: PhpRewriterOptions,
  input: Buffer,
  cuts: readonly number[] = [],
  flushes: readonly number[] = [],
): Buffer {
  const rewriter = createPhpRewriter(options);
  const out: Buffer[] = [];
  let from = 0;
  for (const flush of [...flushes, -1]) {
    const to = flush < 0 ? input.length : flush;
    for (const cut of [...cuts.filter((offset) => offset > from && offset < to), to]) {
      // A copy: what is written is the caller's again at once.
      const chunk = Buffer.from(input.subarray(from, cut));
      out.push(Buffer.from(rewriter.write(chunk)));
      chunk.fill(0x3c);
      from = cut;
    }
    out.push(flush < 0 ? rewriter.end() : rewriter.flush());
  }
  return Buffer.concat(out);
}
