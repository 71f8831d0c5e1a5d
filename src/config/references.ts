/**
 * Files and environment variables that hold certificates and secrets: the keys that name them, how they are read, and how
 * their texts take the place of the names. Read once a load, so that a reload takes new ones.
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Config, ListenerTls, StoreConfig } from './config.ts';
import type { CompleteConfig } from './contradictions.ts';
import { type Fault, type KeyPath, spellPath } from './problems.ts';
import type { ParsedConfig, ParsedStore } from './schema.ts';
import { Secret } from './secret.ts';

const FILE_KEYS: readonly KeyPath[] = [
  ['listen', 'tls', 'cert'],
  ['listen', 'tls', 'key_file'],
  ['upstream', 'tls', 'ca_file'],
  ['session', 'sign_key_file'],
  ['store', 'password_file'],
  ['store', 'sentinel_password_file'],
  ['store', 'ca_file'],
];
const ENVIRONMENT_KEYS: readonly KeyPath[] = [
  ['session', 'sign_key_env'],
  ['store', 'password_env'],
  ['store', 'sentinel_password_env'],
];
/** A chain of certificates or a bundle of authorities; the public one of Debian has some 220 KiB. */
const MAX_REFERENCED_CHARS = 1024 * 1024;

/** What the files and variables hold, and those that could not be read. */
export interface References {
  /** By spelt path of the key. */
  readonly texts: ReadonlyMap<string, string>;
  readonly faults: readonly Fault[];
}

/** Read all that the raw configuration names, whether the rest of it is valid or not. */
export function readReferences(valueAt: (path: KeyPath) => unknown, folder: string): References {
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
export function reasonOf(error: unknown): string {
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
export function assemble(parsed: CompleteConfig, texts: ReadonlyMap<string, string>, folder: string): Config {
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

/** Of the keys `${key}_file` and `${key}_env`; null if there is neither. */
function passwordOf(key: string, texts: ReadonlyMap<string, string>): Secret | null {
  // A file made by an editor ends in a line end that no password has.
  const password = texts.get(`${key}_file`)?.replace(/\r?\n$/, '') ?? texts.get(`${key}_env`);
  return password === undefined ? null : new Secret(password);
}

function assembleStore(store: ParsedStore, texts: ReadonlyMap<string, string>, folder: string): StoreConfig {
  switch (store.kind) {
    case 'memory':
      return store;
    case 'lmdb':
      return { ...store, path: resolve(folder, store.path) };
    case 'redis': {
      const {
        passwordFile: _file,
        passwordEnv: _env,
        sentinelPasswordFile: _sentinelFile,
        sentinelPasswordEnv: _sentinelEnv,
        caFile: _ca,
        ...rest
      } = store;
      return {
        ...rest,
        url: rest.url ?? null,
        password: passwordOf('store.password', texts),
        sentinelPassword: passwordOf('store.sentinel_password', texts),
        ca: texts.get('store.ca_file') ?? null,
      };
    }
  }
}
