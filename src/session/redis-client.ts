/**
 * Connections to Redis or Valkey (one server, Sentinel or Cluster): how long they are waited for, when they are given up and
 * tried again, and what their faults mean. The package's own patience is switched off.
 */
import { Cluster, type ClusterOptions, Redis, type RedisOptions, ReplyError } from 'ioredis';
import { ProxyError } from '../errors.ts';
import type { StoreListener } from './store.ts';

/** Exactly one of `url`, `sentinels` and `cluster` says where the server is; the others are null or empty. */
export interface RedisStoreOptions {
  /** `redis://host:port/db`, or `rediss://` for TLS. */
  readonly url: string | null;
  /** `host:port` each. */
  readonly sentinels: readonly string[];
  readonly sentinelName: string;
  /** Of the sentinels themselves. */
  readonly sentinelUsername?: string | undefined;
  readonly sentinelPassword: string | null;
  readonly cluster: readonly string[];
  readonly username?: string | undefined;
  readonly password: string | null;
  /** TLS to all of them; `rediss://` says it by itself. */
  readonly tls: boolean;
  /** PEM text of the authorities to trust; null for the public ones. */
  readonly ca: string | null;
  readonly keyPrefix: string;
  readonly commandTimeoutMs: number;
  readonly onChange?: StoreListener;
}

export type RedisClient = Redis | Cluster;

/** How often a server that is away is asked whether it is back. */
export const PROBE_EVERY_MS = 1000;
/** The first reconnections follow quickly, each later than the one before: a restarted server is to be found within 2 s. */
export const RECONNECT_DELAY_MS = 50;
const MAX_RECONNECT_DELAY_MS = 500;
const CONNECT_TIMEOUT_MS = 1000;
/** So long without a byte while an answer is due, and a connection is given up: a machine that lost its power ends none. */
const SILENCE_MS = 1000;
/** So long without a connection that has its handshake behind it, at the start or later, and the server counts as away. */
export const READY_TIMEOUT_MS = 1000;
/** TCP may stand: a server that hangs takes connections by its kernel. */
export const NO_ANSWER = 'no answer yet';
/** What the package says in words of its options, and what it means. */
const OWN_WORDS: ReadonlyArray<readonly [beginning: string, meaning: string]> = [
  ['Reached the max retries', 'the connection was lost'],
  ["Stream isn't writeable", 'the connection was lost'],
  ['Socket timeout', NO_ANSWER],
  ["Cluster isn't ready", NO_ANSWER],
];

/** Connecting; `isReady` tells when. */
export function connect(options: RedisStoreOptions): RedisClient {
  const common = commonOptions(options);
  if (options.cluster.length > 0) return new Cluster(options.cluster.map(hostPort), clusterOptions(common));
  if (options.sentinels.length > 0) return new Redis({ ...common, ...sentinelOptions(options) });
  if (options.url === null) throw new ProxyError('CONFIG_INVALID', { detail: 'redis: no server is named' });
  return new Redis(options.url, common);
}

/** Without `replyMapping`: it would choose between two types of client. */
type ConnectionOptions = Omit<RedisOptions, 'replyMapping'>;
type ConnectionClusterOptions = Omit<ClusterOptions, 'redisOptions'> & { readonly redisOptions: ConnectionOptions };

function commonOptions(options: RedisStoreOptions): ConnectionOptions {
  const isTls = options.tls || options.url?.startsWith('rediss:') === true;
  return {
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    connectTimeout: CONNECT_TIMEOUT_MS,
    // From the handshake on, which has no other end than this.
    socketTimeout: Math.max(SILENCE_MS, options.commandTimeoutMs),
    // What is given up may have nobody at its other end who would take part in an end by turns.
    disconnectTimeout: options.commandTimeoutMs,
    retryStrategy: reconnectDelay,
    reconnectOnError: reconnectToMaster(),
    // RESP2 is what every Redis and Valkey speaks.
    protocol: 2,
    disableClientInfo: true,
    ...(options.username === undefined ? {} : { username: options.username }),
    ...(options.password === null ? {} : { password: options.password }),
    ...(isTls ? { tls: options.ca === null ? {} : { ca: options.ca } } : {}),
  };
}

/** After a failover the old master refuses writes: connect again, to whoever is master now. Once for each probe. */
function reconnectToMaster(): (error: Error) => boolean {
  let lastMs = Number.NEGATIVE_INFINITY;
  return (error) => {
    const nowMs = performance.now();
    if (!error.message.startsWith('READONLY') || nowMs - lastMs < PROBE_EVERY_MS / 2) return false;
    lastMs = nowMs;
    return true;
  };
}

function clusterOptions(common: ConnectionOptions): ConnectionClusterOptions {
  // In a Cluster, the nodes' connections are the package's to retry: it asks the other nodes who serves a slot now.
  const { retryStrategy: _, maxRetriesPerRequest: __, enableOfflineQueue: ___, ...redisOptions } = common;
  return {
    redisOptions,
    enableOfflineQueue: false,
    clusterRetryStrategy: reconnectDelay,
    retryDelayOnFailover: 20,
    retryDelayOnClusterDown: 20,
    slotsRefreshTimeout: CONNECT_TIMEOUT_MS,
  };
}

function sentinelOptions(options: RedisStoreOptions): ConnectionOptions {
  return {
    sentinels: options.sentinels.map(hostPort),
    name: options.sentinelName,
    ...(options.sentinelUsername === undefined ? {} : { sentinelUsername: options.sentinelUsername }),
    ...(options.sentinelPassword === null ? {} : { sentinelPassword: options.sentinelPassword }),
    sentinelRetryStrategy: reconnectDelay,
    // One that hangs is passed over for the next.
    sentinelCommandTimeout: CONNECT_TIMEOUT_MS,
    failoverDetector: true,
    // What hears of failovers until its sentinel ends it. Come again, the package would subscribe without a catch, and a sentinel
    // that did not answer would end the process; a master that is none any more says so itself (READONLY), or is silent.
    sentinelReconnectStrategy: () => null,
    enableTLSForSentinelMode: options.tls,
    ...(options.tls ? { sentinelTLS: options.ca === null ? {} : { ca: options.ca } } : {}),
  };
}

function reconnectDelay(times: number): number {
  return Math.min(RECONNECT_DELAY_MS * times, MAX_RECONNECT_DELAY_MS);
}

/** `host:port`, an IPv6 host in brackets. */
function hostPort(text: string): { host: string; port: number } {
  const colon = text.lastIndexOf(':');
  return { host: text.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(text.slice(colon + 1)) };
}

/** Resolves when it is connected, or after READY_TIMEOUT_MS. */
export function isReady(client: RedisClient): Promise<void> {
  if (client.status === 'ready') return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, READY_TIMEOUT_MS);
    client.once('ready', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** An answer that says no, other than that of a replica, whose copy may be old. */
export function isRefusal(error: unknown): boolean {
  return error instanceof ReplyError && !(error as Error).message.startsWith('READONLY');
}

/** The code of the system (ECONNREFUSED) or of Redis (WRONGPASS); else the message, without what it quotes of a command. */
export function spell(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  if ('code' in error && typeof error.code === 'string') return error.code;
  const { message } = error;
  const meaning = OWN_WORDS.find(([beginning]) => message.startsWith(beginning))?.[1];
  if (meaning !== undefined) return meaning;
  // ERR says nothing by itself.
  const code = /^(?:Ready check failed: )?(?!ERR\b)([A-Z]{2,})\b/.exec(message)?.[1];
  return code ?? message.replace(/,? with args beginning with.*/s, '');
}
