/**
 * The configuration contract: every key with its type, default, unit and meaning; those of routes, sessions and stores are in
 * files beside it (`…-schema.ts`). `config/schema.json` (editors) and `config/reference.md` (people) are generated from it;
 * nothing else defines a key.
 *
 * `php` in the metadata is the name that PHP has for the same thing, `example` a value as it stands in YAML.
 * This file is pure: files and environment variables that a value names are read by `references.ts`.
 */
import { z } from 'zod';
import { matchShape, routeShape } from './route-schema.ts';
import { routeSession, sessionShape, signKeyShape } from './session-schema.ts';
import { store } from './store-schema.ts';
import {
  address,
  count,
  duration,
  fileName,
  httpUrl,
  network,
  overriding,
  section,
  serverName,
  size,
  token,
} from './units.ts';

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
  server_name: serverName()
    .optional()
    .meta({ description: 'Name expected in the certificate and sent as SNI, where it is not the host of `url`.' }),
};

const upstreamShape = {
  url: httpUrl().meta({ description: 'The application: scheme, host and port.', example: 'http://127.0.0.1:8000' }),
  timeout: duration()
    .prefault('30s')
    .meta({ description: 'Wait for the first byte of an answer, and from there for the end of its head; then 504.' }),
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
  preserve_host: z.boolean().default(true).meta({
    description:
      "Send the client's Host field on; otherwise the host of `url`. Either way an answer's `Location`, `Refresh` and `Content-Location` that name `url` are led back to the host that the client asked for.",
  }),
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
  client_send: duration().prefault('30s').meta({
    description:
      'A client may leave its answer unread this long; then close. One HTTP/2 stream among others has four times as long.',
  }),
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
  body_rate: size().prefault('512B').meta({
    description:
      'Least bytes a second of a request body, on the mean over each `timeouts.client_body`; a slower client gets 408.',
  }),
  connections: count(1, 1_000_000).default(10_000).meta({
    description: 'Client connections at one time, per worker; above it they are closed without an answer.',
  }),
  connections_per_address: count(1, 1_000_000).default(200).meta({
    description:
      'Client connections from one address at one time, per worker, but for `trusted_proxies`; above it they are closed without an answer.',
  }),
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
      'Sessions at one time, in any store; above it none begins, and new clients without cookies get pages without SID. In Redis every key of the database counts.',
  }),
  store: size(64 * 1024)
    .prefault('128MiB')
    .meta({ description: 'Bytes kept by the memory store; above it the session unused for longest goes.' }),
  mint_per_minute: count(1, 1_000_000).default(60).meta({
    description:
      'New sessions a minute for one client address (of IPv6: /64), per worker; above it pages carry no SID.',
  }),
};

// ------------------------------------------------------------------------------------------------------------ routes

const sessionOverride = {
  session: routeSession.optional().meta({
    description: 'What of the top-level `session` is different here: the same keys but those of the signing key.',
  }),
};

const route = section({ ...matchShape, ...overriding(routeShape), ...sessionOverride });

const routes = z.array(route).default([]).meta({
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
      'Where the trusted proxies say so: in `X-Forwarded-For`, `-Proto` and `-Host`, or in `Forwarded`. The other kind is ignored: most proxies pass on what their client wrote there. With `forwarded` no `X-Forwarded-*` field passes at all.',
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
    level: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info').meta({
      description:
        'What is logged; exchanges are `info`, those that failed `warn` or `error`. With `format: combined` exchanges are written whatever this says.',
    }),
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

const KEYS = Object.entries(configShape).map(([key, field]) => [key, section({ [key]: field })] as const);

/** What parses of a configuration that does not parse whole. */
export type ParsedParts = Partial<Omit<ParsedConfig, 'routes'>> & {
  /** Null for a route that does not. */
  readonly routes?: ReadonlyArray<RouteConfig | null>;
};

/** The top-level keys that parse, and the single routes; a key that the file does not have has its default. */
export function parseApart(raw: unknown): ParsedParts {
  if (typeof raw !== 'object' || raw === null) return {};
  const given = raw as Record<string, unknown>;
  const parts = KEYS.map(([key, schema]) => schema.safeParse(Object.hasOwn(given, key) ? { [key]: given[key] } : {}));
  // Each part has one key of the whole, named by the same rule.
  const parsed = Object.assign({}, ...parts.map((part) => part.data)) as Partial<ParsedConfig>;
  if (parsed.routes !== undefined || !Array.isArray(given['routes'])) return parsed;
  return { ...parsed, routes: given['routes'].map((one) => route.safeParse(one).data ?? null) };
}

/** What the schema makes of the YAML; `config.ts` is what the program gets. */
export type ParsedConfig = z.output<typeof ConfigSchema>;
export type RouteConfig = ParsedConfig['routes'][number];
export type RouteDefaults = ParsedConfig['defaults'];
/** What the file names, where it names a store at all. */
export type ParsedStore = NonNullable<ParsedConfig['store']>;
export type RouteSessionConfig = z.output<typeof routeSession>;
