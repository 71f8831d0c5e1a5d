/**
 * The configuration as the program uses it: what `schema.ts` makes of the YAML, but with the contents of files and variables
 * in the place of their names, secrets as `Secret`, and null for what is not there.
 */
import type { ParsedConfig, ParsedStore } from './schema.ts';
import type { Secret } from './secret.ts';
import type { Address } from './units.ts';

export interface ListenerTls {
  /** PEM text. */
  readonly cert: string;
  readonly key: Secret;
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
  readonly http2: boolean;
}

export interface ListenConfig extends Address {
  readonly tls: ListenerTls | null;
}

type ParsedUpstream = ParsedConfig['upstream'];

export interface UpstreamConfig extends Omit<ParsedUpstream, 'tls'> {
  readonly tls: { readonly verify: boolean; readonly ca: string | null; readonly serverName: string | null };
}

export type MemoryStoreConfig = Extract<ParsedStore, { kind: 'memory' }>;
export type LmdbStoreConfig = Extract<ParsedStore, { kind: 'lmdb' }>;
type ParsedRedis = Extract<ParsedStore, { kind: 'redis' }>;

type NameOfReference = 'passwordFile' | 'passwordEnv' | 'sentinelPasswordFile' | 'sentinelPasswordEnv' | 'caFile';

export interface RedisStoreConfig extends Omit<ParsedRedis, NameOfReference | 'url'> {
  /** Null when sentinels or Cluster nodes are given instead. */
  readonly url: string | null;
  readonly password: Secret | null;
  readonly sentinelPassword: Secret | null;
  /** PEM text of the authorities to trust; null for the public ones. */
  readonly ca: string | null;
}

export type StoreConfig = MemoryStoreConfig | LmdbStoreConfig | RedisStoreConfig;

/** The whole configuration as the program uses it; frozen through and through. */
export interface Config extends Readonly<Omit<ParsedConfig, 'listen' | 'upstream' | 'store' | 'session' | 'admin'>> {
  readonly listen: ListenConfig;
  readonly admin: Address | null;
  readonly upstream: UpstreamConfig;
  readonly store: StoreConfig;
  readonly session: Omit<ParsedConfig['session'], 'signKeyFile' | 'signKeyEnv'>;
  /** Key of the HMAC of mirror mode; null when no route signs. */
  readonly signKey: Secret | null;
}
