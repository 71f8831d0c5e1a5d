/**
 * YAML text → validated, frozen Config. All problems are reported at once, each with file, line and column; nothing is
 * half valid.
 */
import { isUtf8 } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { type Document, isMap, isPair, isScalar, LineCounter, parseDocument, visit, type YAMLError } from 'yaml';
import type { Config } from './config.ts';
import { contradictions, type Parts } from './contradictions.ts';
import { maskUserinfo } from './excerpt.ts';
import { blamedAlias, placeOf, toPlace } from './key-places.ts';
import {
  ConfigError,
  type ConfigProblem,
  type Fault,
  faultsOf,
  type KeyPath,
  type Place,
  spellPath,
} from './problems.ts';
import { assemble, readReferences, reasonOf } from './references.ts';
import { ConfigSchema, type ParsedStore, parseApart } from './schema.ts';

export type { Config } from './config.ts';

/** What became of a text: a configuration, or its problems. `locate` finds the place of a key for further remarks. */
export interface Reading {
  readonly config: Config | null;
  readonly problems: readonly ConfigProblem[];
  locate(path: KeyPath): Place;
}

/** Load a configuration file. Throws ConfigError with all its problems, also when the file cannot be read. */
export function loadConfigFile(path: string): Config {
  return parseConfig(readConfigText(path), path);
}

/**
 * The text of a configuration file; ConfigError when it cannot be read, or is in another charset than UTF-8: a path with a wrong
 * character would protect nothing.
 */
export function readConfigText(path: string): string {
  const bytes = readBytes(path);
  const text = bytes.toString('utf8');
  if (isUtf8(bytes)) return text;
  const before = text.slice(0, text.indexOf('\u{FFFD}')).split(/\r\n|\n|\r/);
  const place = { line: before.length, column: (before.at(-1) ?? '').length + 1 };
  const message = 'not UTF-8 from here on: save the file in that charset';
  throw new ConfigError([{ file: path, ...place, path: '', message, suggestion: null }]);
}

/** What a file holds; ConfigError when it cannot be read. */
export function readBytes(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    const message = `cannot be read: ${reasonOf(error)}`;
    throw new ConfigError([{ file: path, line: 1, column: 1, path: '', message, suggestion: null }]);
  }
}

/** The configuration that `text` spells. `fileName` is for messages and for file names relative to its folder. */
export function parseConfig(text: string, fileName: string): Config {
  const { config, problems } = readConfig(text, fileName);
  if (config === null) throw new ConfigError(problems);
  return config;
}

/**
 * The configuration of `transid http://app:8000`: SIDs on every path, memory store, `listen` as in a file (127.0.0.1:8080 by
 * default).
 */
export function configFromUpstream(url: string, listen?: string): Config {
  const given = { ...(listen === undefined ? {} : { listen }), upstream: url };
  return parseConfig(JSON.stringify({ ...given, routes: [{ path: '/**', use_trans_sid: true }] }), '(command line)');
}

/** As `parseConfig` for what `transid serve` serves: without `store` sessions live in files and survive a restart. */
export function parseServedConfig(text: string, fileName: string): Config {
  const { config, problems } = readConfig(text, fileName, servedStore());
  if (config === null) throw new ConfigError(problems);
  return config;
}

/** The store of `transid serve` where none is configured: in systemd's StateDirectory, else beside the file. */
export function servedStore(): ParsedStore {
  const [folder] = (process.env['STATE_DIRECTORY'] ?? '').split(':');
  return { kind: 'lmdb', path: folder === undefined || folder === '' ? './data' : folder };
}

/** As `parseConfig`, but problems are a result. `store` is for a file that names none. */
export function readConfig(text: string, fileName: string, store: ParsedStore = { kind: 'memory' }): Reading {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, stringKeys: true });
  const locate = (path: KeyPath, at: 'key' | 'value' = 'value'): Place => placeOf(document, lines, path, at);
  const problemOf = (fault: Fault): ConfigProblem => ({
    file: fileName,
    ...locate(fault.path, fault.at),
    // A key may be a URL that stands where none should.
    path: maskUserinfo(spellPath(fault.path)),
    message: maskUserinfo(fault.message),
    suggestion: fault.suggestion,
  });
  // What YAML only warns of is ignored by it, a tag that it does not know for one: here nothing is.
  const complaints = [...document.errors, ...document.warnings];
  if (complaints.length > 0) {
    const problems = complaints.map((complaint) => ({
      file: fileName,
      ...toPlace(lines, complaint.pos[0]),
      path: '',
      message: maskUserinfo(wordsOf(complaint)),
      suggestion: null,
    }));
    return { config: null, problems: problems.sort(byPlace), locate };
  }

  keepSpellings(document);
  let raw: unknown;
  try {
    raw = document.toJS() ?? {};
  } catch (error) {
    // An alias without its anchor, or aliases that grow without end: the package says it only now, and not where.
    const message = error instanceof Error ? error.message : String(error);
    // Patterns begin so: `host: *.example.org`.
    const lost = /^Unresolved alias .*: (\S+)$/.exec(message)?.[1];
    const suggestion = lost === undefined ? null : `a text that begins with * needs quotes: "*${lost}"`;
    return {
      config: null,
      problems: [{ file: fileName, ...blamedAlias(document, lines), path: '', message, suggestion }],
      locate,
    };
  }
  const valueAt = (path: KeyPath): unknown => path.reduce<unknown>(memberOf, raw);
  const files = readReferences(valueAt, dirname(resolve(fileName)));
  const parsed = ConfigSchema.safeParse(raw);
  const complete = parsed.success ? { ...parsed.data, store: parsed.data.store ?? store } : null;
  const faults = [...files.faults, ...(parsed.success ? [] : faultsOf(parsed.error.issues, valueAt))];
  faults.push(...contradictions(complete ?? whatParses(raw, store), files.texts));
  if (complete === null || faults.length > 0) {
    const problems = faults.map(problemOf).sort(byPlace);
    return { config: null, problems, locate };
  }
  return { config: freeze(assemble(complete, files.texts, dirname(resolve(fileName)))), problems: [], locate };
}

/** Variables are texts, whatever YAML makes of them: a version 1.10 is not 1.1, and 007 not 7. */
function keepSpellings(document: Document.Parsed): void {
  visit(document, {
    Pair: (_, { key, value }) => {
      if (!isScalar(key) || key.value !== 'rewrite_vars' || !isMap(value)) return;
      for (const pair of value.items) {
        const scalar: unknown = isPair(pair) ? pair.value : null;
        if (!isScalar(scalar) || scalar.source === undefined) continue;
        const isSpeltElse =
          ['number', 'boolean'].includes(typeof scalar.value) && String(scalar.value) !== scalar.source;
        if (isSpeltElse) scalar.value = scalar.source;
      }
    },
  });
}

/** For what keys say against each other: so that it is told at once, whatever is wrong with other keys. */
function whatParses(raw: unknown, store: ParsedStore): Parts {
  const { store: own, ...parts } = parseApart(raw);
  const isStoreWrong = own === undefined && memberOf(raw, 'store') !== undefined;
  return isStoreWrong ? parts : { ...parts, store: own ?? store };
}

function byPlace(a: Place, b: Place): number {
  return a.line - b.line || a.column - b.column;
}

/** The package speaks to programmers where it knows better. */
function wordsOf({ code, message }: YAMLError): string {
  switch (code) {
    case 'MULTIPLE_DOCS':
      return 'one document only: a second one begins here';
    case 'TAG_RESOLVE_FAILED':
      return message.replace(/^Unresolved tag: /, 'unknown tag ');
    default:
      return message;
  }
}

function memberOf(value: unknown, key: string | number): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
  return (value as Record<string | number, unknown>)[key];
}

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) freeze(inner);
  }
  return value;
}
