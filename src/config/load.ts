/**
 * YAML text → validated, frozen Config. All problems are reported at once, each with file, line and column; nothing is
 * half valid. Files and environment variables that hold certificates and secrets are read here, once a load, so that a
 * reload takes new ones.
 */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import {
  type Document,
  isCollection,
  isMap,
  isNode,
  isPair,
  isScalar,
  LineCounter,
  parseDocument,
  visit,
  type YAMLError,
} from 'yaml';
import type { Config, ListenerTls, StoreConfig } from './config.ts';
import { type CompleteConfig, contradictions } from './contradictions.ts';
import { maskUserinfo } from './excerpt.ts';
import {
  ConfigError,
  type ConfigProblem,
  type Fault,
  faultsOf,
  type KeyPath,
  type Place,
  spellPath,
} from './problems.ts';
import { ConfigSchema, type ParsedConfig, type ParsedStore } from './schema.ts';
import { Secret } from './secret.ts';

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

/** The text of a configuration file; ConfigError when it cannot be read. */
export function readConfigText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
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

  let raw: unknown;
  try {
    raw = document.toJS() ?? {};
  } catch (error) {
    // An alias without its anchor, or aliases that grow without end: the package says it only now, and not where.
    const message = error instanceof Error ? error.message : String(error);
    return {
      config: null,
      problems: [{ file: fileName, ...blamedAlias(document, lines), path: '', message, suggestion: null }],
      locate,
    };
  }
  const valueAt = (path: KeyPath): unknown => path.reduce<unknown>(memberOf, raw);
  const files = readReferences(valueAt, dirname(resolve(fileName)));
  const parsed = ConfigSchema.safeParse(raw);
  const complete = parsed.success ? { ...parsed.data, store: parsed.data.store ?? store } : null;
  const faults = [...files.faults, ...(parsed.success ? [] : faultsOf(parsed.error.issues, valueAt))];
  if (complete !== null) faults.push(...contradictions(complete, files.texts));
  if (complete === null || faults.length > 0) {
    const problems = faults.map(problemOf).sort(byPlace);
    return { config: null, problems, locate };
  }
  return { config: freeze(assemble(complete, files.texts, dirname(resolve(fileName)))), problems: [], locate };
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

// ------------------------------------------------------------------------------------------------------------ places

/** Where a key or its value stands; for a missing key, the nearest one above it that is there. */
function placeOf(document: Document.Parsed, lines: LineCounter, path: KeyPath, at: 'key' | 'value'): Place {
  for (let depth = path.length; depth > 0; depth--) {
    const parent: unknown = depth === 1 ? document.contents : document.getIn(path.slice(0, depth - 1), true);
    const key = path[depth - 1];
    if (isMap(parent)) {
      const pair = parent.items.find((item) => isPair(item) && isScalar(item.key) && item.key.value === key);
      // The value of a key that was written without one has no place of its own.
      const wanted = at === 'key' && depth === path.length ? pair?.key : isNode(pair?.value) ? pair?.value : pair?.key;
      if (isNode(wanted) && wanted.range) return toPlace(lines, wanted.range[0]);
    } else if (isCollection(parent)) {
      const item: unknown = parent.get(key, true);
      if (isNode(item) && item.range) return toPlace(lines, item.range[0]);
    }
  }
  return { line: 1, column: 1 };
}

/** Where the first alias stands that leads nowhere; where all of them lead somewhere, the first. */
function blamedAlias(document: Document.Parsed, lines: LineCounter): Place {
  let offset: number | null = null;
  visit(document, {
    Alias: (_, alias) => {
      const isLost = alias.resolve(document) === undefined;
      if (isLost || offset === null) offset = alias.range?.[0] ?? 0;
      return isLost ? visit.BREAK : undefined;
    },
  });
  return toPlace(lines, offset ?? 0);
}

function toPlace(lines: LineCounter, offset: number): Place {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(line, 1), column: Math.max(col, 1) };
}

// ------------------------------------------------------------------------------------- files and environment variables

const FILE_KEYS: readonly KeyPath[] = [
  ['listen', 'tls', 'cert'],
  ['listen', 'tls', 'key_file'],
  ['upstream', 'tls', 'ca_file'],
  ['session', 'sign_key_file'],
  ['store', 'password_file'],
  ['store', 'ca_file'],
];
const ENVIRONMENT_KEYS: readonly KeyPath[] = [
  ['session', 'sign_key_env'],
  ['store', 'password_env'],
];
/** A chain of certificates or a bundle of authorities; the public one of Debian has some 220 KiB. */
const MAX_REFERENCED_CHARS = 1024 * 1024;

interface References {
  /** By spelt path of the key. */
  readonly texts: ReadonlyMap<string, string>;
  readonly faults: readonly Fault[];
}

/** Read all that the raw configuration names, whether the rest of it is valid or not. */
function readReferences(valueAt: (path: KeyPath) => unknown, folder: string): References {
  const texts = new Map<string, string>();
  const faults: Fault[] = [];
  const fault = (path: KeyPath, message: string) => faults.push({ path, at: 'value', message, suggestion: null });
  for (const path of FILE_KEYS) {
    const name = valueAt(path);
    if (typeof name !== 'string' || name === '') continue;
    try {
      const text = readFileSync(resolve(folder, name), 'utf8');
      if (text.length > MAX_REFERENCED_CHARS) fault(path, 'the file is larger than 1 MiB');
      else if (text.trim() === '') fault(path, 'the file is empty');
      else texts.set(spellPath(path), text);
    } catch (error) {
      fault(path, `cannot be read: ${reasonOf(error)}`);
    }
  }
  for (const path of ENVIRONMENT_KEYS) {
    const name = valueAt(path);
    if (typeof name !== 'string') continue;
    const text = process.env[name];
    if (text === undefined || text === '') fault(path, `the environment variable ${name} is not set`);
    else texts.set(spellPath(path), text);
  }
  return { texts, faults };
}

/** Why a file could not be read, without its path: the message names the key and the file beside it. */
function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const words: Record<string, string> = {
    ENOENT: 'there is no such file',
    EACCES: 'permission denied',
    EISDIR: 'it is a folder',
    ENOTDIR: 'a part of its path is no folder',
  };
  return words[code] ?? (code === '' ? String(error) : code);
}

// ---------------------------------------------------------------------------------------------------------- assembling

/** Put texts in the place of file names. Every file that the parsed configuration names is in `texts`. */
function assemble(parsed: CompleteConfig, texts: ReadonlyMap<string, string>, folder: string): Config {
  const { signKeyFile: _file, signKeyEnv: _env, ...session } = parsed.session;
  const signKey = texts.get('session.sign_key_file')?.trim() ?? texts.get('session.sign_key_env');
  return {
    ...parsed,
    listen: { ...parsed.listen.address, tls: assembleTls(parsed.listen.tls, texts) },
    admin: parsed.admin ?? null,
    upstream: {
      ...parsed.upstream,
      tls: {
        verify: parsed.upstream.tls.verify,
        ca: texts.get('upstream.tls.ca_file') ?? null,
        serverName: parsed.upstream.tls.serverName ?? null,
      },
    },
    store: assembleStore(parsed.store, texts, folder),
    session,
    signKey: signKey === undefined ? null : new Secret(signKey),
  };
}

function assembleTls(tls: ParsedConfig['listen']['tls'], texts: ReadonlyMap<string, string>): ListenerTls | null {
  if (tls === undefined) return null;
  return {
    cert: texts.get('listen.tls.cert') ?? '',
    key: new Secret(texts.get('listen.tls.key_file') ?? ''),
    minVersion: tls.minVersion,
    http2: tls.http2,
  };
}

function assembleStore(store: ParsedStore, texts: ReadonlyMap<string, string>, folder: string): StoreConfig {
  switch (store.kind) {
    case 'memory':
      return store;
    case 'lmdb':
      return { ...store, path: resolve(folder, store.path) };
    case 'redis': {
      const { passwordFile: _file, passwordEnv: _env, caFile: _ca, url, ...rest } = store;
      // A file made by an editor ends in a line end that no password has.
      const password = texts.get('store.password_file')?.replace(/\r?\n$/, '') ?? texts.get('store.password_env');
      return {
        ...rest,
        url: url ?? null,
        password: password === undefined ? null : new Secret(password),
        ca: texts.get('store.ca_file') ?? null,
      };
    }
  }
}

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) freeze(inner);
  }
  return value;
}
