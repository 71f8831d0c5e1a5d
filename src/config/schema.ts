/**
 * The configuration contract: every key with its type, default, unit and meaning. `config/schema.json` (editors) and
 * `config/reference.md` (people) are generated from it; nothing else defines a key.
 *
 * `php` in the metadata is the name that PHP has for the same thing, `example` a value as it stands in YAML.
 * This file is pure: files and environment variables that a value names are read by `load.ts`.
 */
import { z } from 'zod';
import { matchShape, routeShape } from './route-schema.ts';
import type { Secret } from './secret.ts';
import { type Address, address, count, duration, httpUrl, network, overriding, section, size, token } from './units.ts';

const fileName = () => z.string({ error: 'a file name is needed' }).min(1, { error: 'a file name is needed' });
const environmentName = () =>
  z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, { error: 'not the name of an environment variable' });

// ---------------------------------------------------------------------------------------------------------- listener

const tlsShape = {
  cert: fileName().meta({
    description: 'PEM file with the certificate chain. Read again at each reload.',
    example: '/etc/transid/tls.crt',
  }),
  key_file: fileName().meta({
    description: 'PEM file with the private key. Read again at each reload.',
    example: '/etc/transid/tls.key',
  }),
  min_version: z
    .enum(['TLSv1.2', 'TLSv1.3'])
    .default('TLSv1.2')
    .meta({ description: 'Oldest version of TLS that is spoken.' }),
  http2: z.boolean().default(true).meta({ description: 'Offer HTTP/2 by ALPN beside HTTP/1.1.' }),
};

const listenShape = {
  address: address().meta({ description: 'Where clients connect.', example: '0.0.0.0:8443' }),
  tls: section(tlsShape)
    .optional()
    .meta({ description: 'Serve https with this certificate; without it the listener speaks plain http.' }),
};

const listen = z
  .union([address().transform((where) => ({ address: where, tls: undefined })), section(listenShape)])
  .prefault('127.0.0.1:8080')
  .meta({ description: 'Where clients connect: `host:port`, or an object with `address` and `tls`.' });

// ---------------------------------------------------------------------------------------------------------- upstream

const upstreamTlsShape = {
  verify: z
    .boolean()
    .default(true)
    .meta({ description: 'Check the certificate of an https upstream. Switch off for tests only.' }),
  ca_file: fileName()
    .optional()
    .meta({ description: 'PEM file with the authorities to trust instead of the public ones.' }),
  server_name: z
    .string()
    .min(1)
    .optional()
    .meta({ description: 'Name expected in the certificate and sent as SNI, where it is not the host of `url`.' }),
};

const upstreamShape = {
  url: httpUrl().meta({ description: 'The application: scheme, host and port.', example: 'http://127.0.0.1:8000' }),
  timeout: duration().prefault('30s').meta({ description: 'Wait for the first byte of an answer; then 504.' }),
  connect_timeout: duration().prefault('3s').meta({ description: 'Wait for a connection; then 502.' }),
  idle_timeout: duration()
    .prefault('30s')
    .meta({ description: 'Longest pause within an answer; then the answer is cut and the client sees that it is.' }),
  keep_alive: duration()
    .prefault('5s')
    .meta({ description: 'How long an idle connection is kept. Keep it below what the application allows.' }),
  idle_connections: count(1, 65535).default(256).meta({
    description:
      'Connections kept open between requests, per worker. No request waits for one: at need more are opened.',
  }),
  preserve_host: z
    .boolean()
    .default(true)
    .meta({ description: "Send the client's Host field on; otherwise the host of `url`." }),
  tls: section(upstreamTlsShape).prefault({}).meta({ description: 'For an https upstream.' }),
};

const upstream = z
  .union([httpUrl().transform((url) => section(upstreamShape).parse({ url })), section(upstreamShape)])
  .meta({ description: 'The application behind the proxy: its URL, or an object with `url` and more.' });

// ----------------------------------------------------------------------------------------------- timeouts and limits

const timeoutsShape = {
  client_header: duration()
    .prefault('15s')
    .meta({ description: 'A client has this long for a whole request head; then 408.' }),
  client_body: duration()
    .prefault('30s')
    .meta({ description: 'Longest pause within a request body; then 408 or close.' }),
  client_send: duration()
    .prefault('30s')
    .meta({ description: 'A client may leave its answer unread this long; then close.' }),
  keep_alive: duration().prefault('60s').meta({ description: 'How long an idle client connection is kept.' }),
  tunnel: duration()
    .prefault('1h')
    .meta({ description: 'A WebSocket may be silent, both ways, this long; then both sides are closed.' }),
  drain: duration()
    .prefault('30s')
    .meta({ description: 'After SIGTERM requests in flight have this long to end; then they are cut.' }),
};

const limitsShape = {
  target: size(256).prefault('8KiB').meta({ description: 'Longest request target (path and query); above it 414.' }),
  header: size(1024).prefault('16KiB').meta({ description: 'Largest request head; above it 431.' }),
  fields: count(16, 1000).default(200).meta({ description: 'Most request fields; above it 431.' }),
  body: size()
    .prefault('8MiB')
    .meta({ description: 'Largest request body; above it 413. A route may say otherwise with `body_limit`.' }),
  body_rate: size()
    .prefault('512B')
    .meta({ description: 'Least bytes a second of a request body, on the mean; a slower client gets 408.' }),
  connections: count(1, 1_000_000).default(10_000).meta({ description: 'Client connections at one time, per worker.' }),
  connections_per_address: count(1, 1_000_000)
    .default(200)
    .meta({ description: 'Client connections from one address at one time, per worker.' }),
  requests_per_connection: count(1, 1_000_000)
    .default(1000)
    .meta({ description: 'Requests until a client connection is closed.' }),
  http2_streams: count(1, 10_000)
    .default(100)
    .meta({ description: 'Streams that one HTTP/2 connection may have open.' }),
  form_peek: size(1024)
    .prefault('1MiB')
    .meta({ description: 'How far into a request body the hidden field is looked for (`forms: field`).' }),
  response_header: size(1024)
    .prefault('64KiB')
    .meta({ description: 'Largest head of an answer from the upstream; above it 502.' }),
  max_sessions: count(1, 1_000_000_000).default(100_000).meta({
    description:
      'Sessions at one time, in any store; above it none begins, and new clients without cookies get pages without SID.',
  }),
  store: size(64 * 1024)
    .prefault('128MiB')
    .meta({ description: 'Bytes kept by the memory store; above it the session unused for longest goes.' }),
  mint_per_minute: count(1, 1_000_000).default(60).meta({
    description:
      'New sessions a minute for one client address (of IPv6: /64), per worker; above it pages carry no SID.',
  }),
};

// ----------------------------------------------------------------------------------------------------------- session

const rotationShape = {
  on: z
    .union([z.enum(['auto', 'never']), z.array(token('cookie name')).min(1)])
    .default('auto')
    .meta({
      description:
        'When a session gets a new SID. `auto`: the answer to an unsafe method (POST, PUT, …) creates or replaces a cookie that is HttpOnly or in `session.cookies`; where that list is empty also when it replaces a cookie without an end, or creates such a one that looks like an identifier. A list: an answer, to any method, creates or replaces one of these cookies. `never`: only when the application says `Transid-Rotate`.',
      example: '[PHPSESSID]',
    }),
  old_sid: z.enum(['dead', 'follow']).default('dead').meta({
    description:
      'What the old SID is good for. `dead`: nothing. `follow`: leads the same client (User-Agent and network) to the new session, for framesets.',
  }),
};

const sessionName = () =>
  z.string().regex(/^[A-Za-z_][A-Za-z0-9_-]{0,63}$/, {
    error: 'not a session name: a letter or _, then letters, digits, _ and -, at most 64',
  });

const sessionShape = {
  mode: z.enum(['jar', 'mirror']).default('jar').meta({
    description:
      "`jar`: the SID is our own and leads to the client's cookies in the store. `mirror`: the SID is the value of one cookie of the application, as in PHP; nothing is stored.",
  }),
  name: sessionName().default('_sid').meta({
    description: 'Name of the parameter, hidden field or path mark that carries the SID.',
    php: 'session.name',
  }),
  cookie: token('cookie name').optional().meta({
    description: "Mirror mode: the application's cookie whose value is the SID.",
    example: 'PHPSESSID',
    php: 'session.name',
  }),
  cookies: z.array(token('cookie name')).default([]).meta({
    description:
      'Cookies of the application that prove a client with cookies, and no others; a final `*` stands for any ending. Empty: any cookie that is not in `ignore_cookies`.',
    example: '[PHPSESSID]',
  }),
  idle_timeout: duration('lifetime')
    .prefault('1440s')
    .meta({ description: 'A session unused for so long is over.', php: 'session.gc_maxlifetime' }),
  absolute_timeout: duration('lifetime')
    .prefault('8h')
    .meta({ description: 'A session is over so long after it began.' }),
  unproven_timeout: duration('lifetime')
    .prefault('5m')
    .meta({ description: 'A session whose SID never came back is over after so long.' }),
  bind: z
    .array(z.enum(['user-agent', 'network']))
    .default(['user-agent'])
    .meta({
      description:
        'What else must be the same for a SID to be honoured, beside the host: `user-agent`; `network` (/24 of IPv4, /56 of IPv6).',
    }),
  sign: z.boolean().default(false).meta({
    description:
      'Mirror mode: put an HMAC on the SID, so that only SIDs of ours come back. Needs `sign_key_file` or `sign_key_env`.',
  }),
  rotation: section(rotationShape)
    .prefault({})
    .meta({ description: 'When the SID changes.', php: 'session_regenerate_id()' }),
};

const signKeyShape = {
  sign_key_file: fileName()
    .optional()
    .meta({ description: 'File with the key for `sign`: at least 32 bytes of text.' }),
  sign_key_env: environmentName()
    .optional()
    .meta({ description: 'Environment variable with the key for `sign`.', example: 'TRANSID_SIGN_KEY' }),
};

/** A route overrides what it names; the rest comes from `session`. */
const routeSession = section({
  ...overriding(sessionShape),
  rotation: section(overriding(rotationShape)).optional().meta({ description: 'When the SID changes.' }),
});

// ------------------------------------------------------------------------------------------------------------- store

const memoryShape = {
  kind: z.literal('memory').meta({ description: 'Bounds: `limits.max_sessions` and `limits.store`.' }),
};

const lmdbShape = {
  kind: z.literal('lmdb').meta({ description: 'Survives restarts and crashes.' }),
  path: fileName().default('./data').meta({ description: 'Folder of the database.' }),
};

const redisNode = () =>
  z.string().regex(/^(?:[A-Za-z0-9._-]+|\[[0-9a-fA-F:.]+\]):[0-9]{1,5}$/, { error: 'not an address: write host:port' });

const redisShape = {
  kind: z.literal('redis').meta({ description: 'Redis or Valkey: one of `url`, `sentinels` and `cluster`.' }),
  url: z
    .string()
    .regex(/^rediss?:\/\/[^@\s]+$/, {
      error: 'not a Redis URL: write redis://host:port or rediss://host:port, the password by file',
    })
    .optional()
    .meta({ description: 'One server; rediss:// for TLS.', example: 'redis://127.0.0.1:6379' }),
  sentinels: z
    .array(redisNode())
    .default([])
    .meta({ description: 'Sentinels to ask for the server.', example: '[10.0.0.1:26379]' }),
  sentinel_name: z
    .string()
    .min(1)
    .default('mymaster')
    .meta({ description: 'Name of the server that the sentinels watch.' }),
  cluster: z
    .array(redisNode())
    .default([])
    .meta({ description: 'Some nodes of a Cluster.', example: '[10.0.0.1:7000]' }),
  username: z.string().min(1).optional().meta({ description: 'User of an ACL.' }),
  password_file: fileName().optional().meta({ description: 'File with the password.' }),
  password_env: environmentName()
    .optional()
    .meta({ description: 'Environment variable with the password.', example: 'REDIS_PASSWORD' }),
  tls: z.boolean().default(false).meta({ description: 'Speak TLS to sentinels and Cluster nodes.' }),
  ca_file: fileName()
    .optional()
    .meta({ description: 'PEM file with the authorities to trust instead of the public ones.' }),
  key_prefix: z
    .string()
    .max(64)
    .default('transid:')
    .meta({ description: 'Before every key; two proxies that share sessions need the same.' }),
  command_timeout: duration()
    .prefault('100ms')
    .meta({ description: 'Wait for one command; then the store counts as away.' }),
};

const store = z
  .discriminatedUnion('kind', [section(memoryShape), section(lmdbShape), section(redisShape)], {
    error: 'the store needs `kind: memory`, `kind: lmdb` or `kind: redis`',
  })
  .optional()
  .meta({
    description:
      'Where sessions live. `memory`: one process, lost at its end. `lmdb`: files, all workers of one machine. `redis`: many machines. Default: `lmdb` with `transid serve`, in $STATE_DIRECTORY (as systemd sets it) or in the folder `data` beside this file; `memory` with `transid URL` and as a library.',
  });

// ------------------------------------------------------------------------------------------------------------ routes

const sessionOverride = {
  session: routeSession.optional().meta({
    description: 'What of the top-level `session` is different here: the same keys but those of the signing key.',
  }),
};

const routes = z
  .array(section({ ...matchShape, ...overriding(routeShape), ...sessionOverride }))
  .default([])
  .meta({
    description:
      'First match wins; but a path that any reading puts into a `use_only_cookies` route gets that route. What no route matches gets `defaults`.',
  });

// --------------------------------------------------------------------------------------------------------------- all

const configShape = {
  listen,
  admin: address().optional().meta({
    description:
      'Where health, readiness, metrics and the dashboard are. Keep it off the public network. Without it there is none.',
    example: '127.0.0.1:9090',
  }),
  upstream,
  trusted_proxies: z.array(network()).default([]).meta({
    description:
      'Proxies in front of this one that are believed when they say who asked, for which host, by http or https.',
    example: '[10.0.0.0/8]',
  }),
  forwarded_fields: z.enum(['x-forwarded', 'forwarded']).default('x-forwarded').meta({
    description:
      'Where the trusted proxies say so: in `X-Forwarded-For`, `-Proto` and `-Host`, or in `Forwarded`. The other kind is ignored: most proxies pass on what their client wrote there.',
  }),
  via: token('name').default('transid').meta({
    description:
      'Our name in the `Via` field. A request that bears it already came round in a loop and gets 508: of two transids in a chain one needs another name.',
    example: 'transid-shop',
  }),
  timeouts: section(timeoutsShape)
    .prefault({})
    .meta({ description: 'Waits on the side of the client; those for the application are in `upstream`.' }),
  limits: section(limitsShape)
    .prefault({})
    .meta({ description: 'Bounds on what clients may send and on what is kept for them.' }),
  session: section({ ...sessionShape, ...signKeyShape })
    .prefault({})
    .meta({ description: 'Sessions of clients without cookies. A route may override it.' }),
  store,
  log: section({
    level: z
      .enum(['debug', 'info', 'warn', 'error', 'silent'])
      .default('info')
      .meta({ description: 'What is logged; exchanges are `info`.' }),
    format: z
      .enum(['json', 'pretty', 'combined'])
      .default('json')
      .meta({ description: "`json`: one object a line. `pretty`: for people. `combined`: Apache's combined format." }),
    sid: z
      .enum(['hash', 'none'])
      .default('hash')
      .meta({ description: 'How a session is named in the log: a keyed hash, or not at all. Never the SID.' }),
  })
    .prefault({})
    .meta({ description: 'The log on standard output.' }),
  workers: count(1, 256)
    .default(1)
    .meta({ description: 'Processes that serve. More than one needs a store that they share.' }),
  watch: z.boolean().default(false).meta({ description: 'Reload when this file changes, as at SIGHUP.' }),
  routes,
  defaults: section({ ...routeShape, ...sessionOverride })
    .prefault({})
    .meta({ description: 'What a route does not say.' }),
};

export const ConfigSchema = section(configShape);

// -------------------------------------------------------------------------------------------------------- as types

/** What the schema makes of the YAML; `load.ts` replaces names of files by their contents. */
export type ParsedConfig = z.output<typeof ConfigSchema>;
export type RouteConfig = ParsedConfig['routes'][number];
export type RouteDefaults = ParsedConfig['defaults'];
export type RouteSessionConfig = z.output<typeof routeSession>;

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

type ParsedStore = NonNullable<ParsedConfig['store']>;
export type MemoryStoreConfig = Extract<ParsedStore, { kind: 'memory' }>;
export type LmdbStoreConfig = Extract<ParsedStore, { kind: 'lmdb' }>;
type ParsedRedis = Extract<ParsedStore, { kind: 'redis' }>;

export interface RedisStoreConfig extends Omit<ParsedRedis, 'passwordFile' | 'passwordEnv' | 'caFile' | 'url'> {
  /** Null when sentinels or Cluster nodes are given instead. */
  readonly url: string | null;
  readonly password: Secret | null;
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
