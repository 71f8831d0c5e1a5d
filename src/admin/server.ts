/**
 * The admin listener: liveness, readiness, metrics and the dashboard, on an address of its own that belongs to the operator's
 * network. Read only: GET and HEAD, no state is changed, nothing of any request or session is shown.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type MetricsReading, mergeReadings, renderReadings } from '../observe/metrics.ts';
import { type RouteFacts, renderDashboard, type ServiceStatus, statusWord } from './dashboard.ts';
import { History, SAMPLE_INTERVAL_MS } from './history.ts';

/** What the admin pages are made from; asked anew for each page. */
export interface AdminSource {
  readonly version: string;
  /** Milliseconds since the epoch. */
  readonly startedAtMs: number;
  /** One reading for each process that serves, and of those that did what is still to be counted. */
  readings(): Promise<readonly MetricsReading[]>;
  status(): ServiceStatus | Promise<ServiceStatus>;
  /** The policies of the configuration that serves now. */
  policies(): readonly RouteFacts[];
}

export interface RunningAdmin {
  readonly port: number;
  /** Stop at once: there is nothing here worth waiting for. */
  close(): Promise<void>;
}

/** A person, a scraper and a few probes; more is a mistake. */
const MAX_CONNECTIONS = 64;
const REQUEST_TIMEOUT_MS = 5_000;

export interface AdminOptions {
  readonly clock?: () => number;
  /** Between samples for the charts. */
  readonly sampleIntervalMs?: number;
}

/** Listen on `address`. Rejects when it cannot be had. */
export async function startAdmin(
  address: { readonly host: string; readonly port: number },
  source: AdminSource,
  options: AdminOptions = {},
): Promise<RunningAdmin> {
  const clock = options.clock ?? Date.now;
  const history = new History();
  const sample = async (): Promise<void> => history.add(await mergeReadings(await source.readings()), clock());
  await sample();
  const server = createServer(
    { headersTimeout: REQUEST_TIMEOUT_MS, requestTimeout: REQUEST_TIMEOUT_MS, maxHeaderSize: 8 * 1024 },
    (request, response) => {
      answer(request, source, history, clock).then(
        (page) => send(request, response, page),
        () => send(request, response, { status: 500, type: 'text/plain', body: 'the figures cannot be read\n' }),
      );
    },
  );
  server.maxConnections = MAX_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    // Once it listens, one that it cannot accept (EMFILE) is for its client to see; unheard it would end the process.
    server.on('error', reject);
    server.listen(address.port, address.host, () => resolve());
  });
  // A reading that fails leaves a gap in the charts; the next one is ten seconds away.
  const timer = setInterval(() => void sample().catch(() => {}), options.sampleIntervalMs ?? SAMPLE_INTERVAL_MS);
  timer.unref();
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise<void>((resolve) => {
        clearInterval(timer);
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface Page {
  readonly status: number;
  readonly type: 'text/plain' | 'text/html' | 'application/json' | 'text/plain; version=0.0.4';
  readonly body: string;
}

async function answer(
  request: IncomingMessage,
  source: AdminSource,
  history: History,
  clock: () => number,
): Promise<Page> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return { status: 405, type: 'text/plain', body: 'only GET and HEAD\n' };
  }
  switch (request.url?.split('?')[0]) {
    case '/healthz':
      return { status: 200, type: 'text/plain', body: 'ok\n' };
    case '/readyz':
      return readiness(await source.status());
    case '/metrics':
      return { status: 200, type: 'text/plain; version=0.0.4', body: await renderReadings(await source.readings()) };
    case '/':
      return { status: 200, type: 'text/html', body: await dashboard(source, history, clock) };
    default:
      return { status: 404, type: 'text/plain', body: 'there are /, /healthz, /readyz and /metrics\n' };
  }
}

/**
 * 503 only while starting or stopping. A store that is away is told but stays 200: clients with cookies are served as ever,
 * and taking every instance out at once would turn their service off too.
 */
function readiness(status: ServiceStatus): Page {
  const body = { status: statusWord(status), store: status.isStoreAvailable ? 'available' : 'away' };
  return {
    status: status.phase === 'serving' ? 200 : 503,
    type: 'application/json',
    body: `${JSON.stringify(body)}\n`,
  };
}

async function dashboard(source: AdminSource, history: History, clock: () => number): Promise<string> {
  return renderDashboard({
    version: source.version,
    startedAtMs: source.startedAtMs,
    nowMs: clock(),
    status: await source.status(),
    reading: await mergeReadings(await source.readings()),
    intervals: history.intervals(),
    routes: source.policies(),
  });
}

function send(request: IncomingMessage, response: ServerResponse, page: Page): void {
  const body = Buffer.from(page.body, 'utf8');
  response.writeHead(page.status, {
    'Content-Type': `${page.type}; charset=utf-8`,
    'Content-Length': body.length,
    'Cache-Control': 'no-store',
    'Content-Security-Policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    ...(page.status === 405 ? { Allow: 'GET, HEAD' } : {}),
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}
