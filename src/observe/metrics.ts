/**
 * Every metric of the program, declared once in METRICS, and the object that counts.
 *
 * An exchange must cost next to nothing here (`tallies.ts`). Readings are plain data: a worker sends its own to the primary, which merges them.
 *
 * Labels hold only values of closed sets (verdicts, reasons, places) and the names of routes: never a path, a host, an
 * address or anything else that a client chooses.
 */
import { AggregatorRegistry, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { ERRORS, type ErrorEntry, ProxyError } from '../errors.ts';
import type { Outcome } from '../proxy/outcome.ts';
import type { PlaceCounts } from '../response/mark-tally.ts';
import type { SessionStore } from '../session/store.ts';
import { Distribution, labelsOf, type Merge, Tally } from './tallies.ts';

interface MetricEntry {
  readonly name: string;
  readonly kind: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
  /** Default: summed. Histograms are always summed. */
  readonly merge?: Merge;
  /** Histograms: upper bounds in the unit of the name. */
  readonly buckets?: readonly number[];
}

const EXCHANGE_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const STORE_SECONDS = [0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1];

/** Names follow Prometheus' conventions: base units, `_total` for counters. */
export const METRICS = {
  exchanges: {
    name: 'transid_exchanges_total',
    kind: 'counter',
    help: 'Requests answered, by route, by what we hold of the client (accepts, refuses, unknown, robot; none: not judged) and by what was done with the answer (pass, rewrite, redirect, tunnel, refused).',
    labels: ['route', 'verdict', 'plan'],
  },
  responses: {
    name: 'transid_responses_total',
    kind: 'counter',
    help: 'Responses by class of status (2xx …; none: the connection was cut).',
    labels: ['class'],
  },
  refusals: {
    name: 'transid_refusals_total',
    kind: 'counter',
    help: 'Requests refused or cut, by error code and by who caused it.',
    labels: ['reason', 'origin'],
  },
  redirects: {
    name: 'transid_redirects_total',
    kind: 'counter',
    help: 'Redirects made by the proxy itself, by reason.',
    labels: ['reason'],
  },
  bailouts: {
    name: 'transid_rewriter_bailouts_total',
    kind: 'counter',
    help: 'Pages that went on unmarked from some point, by reason.',
    labels: ['reason'],
  },
  sessionEvents: {
    name: 'transid_session_events_total',
    kind: 'counter',
    help: 'What happened to sessions of clients without cookies: created, updated, rotated, destroyed, not-created.',
    labels: ['event'],
  },
  sessionsRefused: {
    name: 'transid_sessions_refused_total',
    kind: 'counter',
    help: 'Sessions that did not begin: too many from one address, or too many in all.',
    labels: [],
  },
  sessionConflicts: {
    name: 'transid_session_conflicts_total',
    kind: 'counter',
    help: 'Writes of a session that lost against another writer and were tried again.',
    labels: [],
  },
  sessionsUnreadable: {
    name: 'transid_session_records_unreadable_total',
    kind: 'counter',
    help: 'Stored sessions that could not be opened (torn, foreign, of another version) and count as none.',
    labels: [],
  },
  sidsHonoured: {
    name: 'transid_sids_honoured_total',
    kind: 'counter',
    help: 'Requests whose session was found by a SID, by where it was found (target or referer).',
    labels: ['by'],
  },
  sidsDropped: {
    name: 'transid_sids_dropped_total',
    kind: 'counter',
    help: 'Requests with a SID in their URL or form that led to no session (unknown, ended, of another client, from a foreign page, on a route that honours none), by route.',
    labels: ['route'],
  },
  marks: {
    name: 'transid_marks_total',
    kind: 'counter',
    help: 'URLs and forms of pages that got the SID or rewrite variables, by kind of place. Pages of `rewriter: php` and header fields are not counted.',
    labels: ['place'],
  },
  skips: {
    name: 'transid_skips_total',
    kind: 'counter',
    help: 'URLs of pages that were left as they are, by reason. Pages of `rewriter: php` are not counted.',
    labels: ['reason'],
  },
  sentBytes: {
    name: 'transid_sent_bytes_total',
    kind: 'counter',
    help: 'Bytes of response bodies sent to clients, by what was done with them.',
    labels: ['plan'],
  },
  storeFailures: {
    name: 'transid_store_failures_total',
    kind: 'counter',
    help: 'Operations of the session store that failed.',
    labels: ['operation'],
  },
  reloads: {
    name: 'transid_config_reloads_total',
    kind: 'counter',
    help: 'Reloads of the configuration, by result (ok, invalid).',
    labels: ['result'],
    // One reload reaches every process; the primary has seen them all.
    merge: 'max',
  },
  exchangeSeconds: {
    name: 'transid_exchange_duration_seconds',
    kind: 'histogram',
    help: 'From the request head to the end of the response.',
    labels: [],
    buckets: EXCHANGE_SECONDS,
  },
  upstreamSeconds: {
    name: 'transid_upstream_duration_seconds',
    kind: 'histogram',
    help: 'From the request head to the head of the answer of the application.',
    labels: [],
    buckets: EXCHANGE_SECONDS,
  },
  storeSeconds: {
    name: 'transid_store_duration_seconds',
    kind: 'histogram',
    help: 'Operations of the session store.',
    labels: ['operation'],
    buckets: STORE_SECONDS,
  },
  sessions: {
    name: 'transid_sessions',
    kind: 'gauge',
    help: 'Sessions in the store, about.',
    labels: [],
    merge: 'max',
  },
  storeAvailable: {
    name: 'transid_store_available',
    kind: 'gauge',
    help: '1 while the session store can be used, else 0.',
    labels: ['kind'],
    merge: 'min',
  },
  connections: {
    name: 'transid_client_connections',
    kind: 'gauge',
    help: 'Connections of clients that are open.',
    labels: [],
    merge: 'sum',
  },
  upstreamSuccess: {
    name: 'transid_upstream_last_success_timestamp_seconds',
    kind: 'gauge',
    help: 'When the application last answered; 0: never.',
    labels: [],
    merge: 'max',
  },
  reloadTime: {
    name: 'transid_config_last_reload_timestamp_seconds',
    kind: 'gauge',
    help: 'When the configuration that serves was put to work.',
    labels: [],
    merge: 'min',
  },
  processes: {
    name: 'transid_processes',
    kind: 'gauge',
    help: 'Processes whose figures these are: the workers and their primary, or one.',
    labels: [],
    merge: 'sum',
  },
  build: {
    name: 'transid_build_info',
    kind: 'gauge',
    help: 'Always 1; the version of the program and of Node.',
    labels: ['version', 'node'],
    merge: 'first',
  },
} as const satisfies Record<string, MetricEntry>;

type MetricKey = keyof typeof METRICS;
type CounterKey = { [K in MetricKey]: (typeof METRICS)[K]['kind'] extends 'counter' ? K : never }[MetricKey];

/** All metrics of one process at one time, as prom-client writes them in JSON; can be sent between processes. */
export type MetricsReading = ReadonlyArray<{
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly values: ReadonlyArray<{
    readonly value: number;
    readonly labels: Readonly<Record<string, string | number>>;
    readonly metricName?: string;
  }>;
}>;

/** As in `session/session.ts`. */
export interface SessionCounters {
  readonly refused: number;
  readonly conflicts: number;
  readonly torn: number;
}

export interface Metrics {
  /** An exchange is over. */
  exchange(record: Outcome): void;
  /** The marker of a page is done. */
  marked(counts: PlaceCounts): void;
  /** A request was refused before it became an exchange, or a connection was cut; `code` is an ErrorCode. */
  refused(refusal: { readonly code: string }): void;
  /** A request came with a SID that led to no session. */
  sidDropped(route: string): void;
  /** A reload was tried. */
  reloaded(isValid: boolean): void;
  /** The same store with its operations timed and counted; the gauges of the store read from it. */
  watchStore(store: SessionStore): SessionStore;
  watchServer(server: { readonly connectionCount: number }): void;
  /** Counters that the session layer keeps for itself. */
  watchSessions(stats: SessionCounters): void;
  read(): Promise<MetricsReading>;
}

/** Count into a registry of its own: two proxies in one process do not mix. */
export function createMetrics(info: { readonly version: string; readonly clock?: () => number }): Metrics {
  const clock = info.clock ?? Date.now;
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  // Filled with exactly the keys of the type.
  const counters = Object.fromEntries(
    (Object.keys(METRICS) as MetricKey[])
      .filter((key) => METRICS[key].kind === 'counter')
      .map((key) => [key, new Tally(METRICS[key], registry)]),
  ) as Record<CounterKey, Tally>;

  // What alerts watch is there before its first fault: a series that begins at 1 has not grown.
  for (const result of ['ok', 'invalid']) counters.reloads.add(0, result);
  for (const [code, { origin }] of Object.entries(ERRORS))
    if (origin === 'proxy') countRefusal(counters.refusals, code, 0);

  const exchangeSeconds = new Distribution(METRICS.exchangeSeconds, registry);
  const upstreamSeconds = new Distribution(METRICS.upstreamSeconds, registry);
  const storeSeconds = new Distribution(METRICS.storeSeconds, registry);
  let store: SessionStore | null = null;
  let server: { readonly connectionCount: number } | null = null;
  let sessions: SessionCounters | null = null;
  let lastSuccessMs = 0;
  let reloadedMs = clock();
  gauge('sessions', registry, async (set) => {
    const count = store?.isAvailable ? await store.count().catch(() => null) : null;
    if (count !== null) set([], count);
  });
  gauge('storeAvailable', registry, (set) => store !== null && set([store.kind], store.isAvailable ? 1 : 0));
  gauge('connections', registry, (set) => set([], server?.connectionCount ?? 0));
  gauge('upstreamSuccess', registry, (set) => set([], lastSuccessMs / 1000));
  gauge('reloadTime', registry, (set) => set([], reloadedMs / 1000));
  gauge('processes', registry, (set) => set([], 1));
  gauge('build', registry, (set) => set([info.version, process.versions.node], 1));

  return {
    exchange(record) {
      counters.exchanges.add(1, record.route ?? 'none', record.verdict ?? 'none', record.plan);
      counters.responses.add(1, record.status === null ? 'none' : (CLASSES[Math.floor(record.status / 100)] ?? 'none'));
      if (record.event !== 'none') counters.sessionEvents.add(1, record.event);
      if (record.foundBy !== null) counters.sidsHonoured.add(1, record.foundBy);
      if (record.bytes > 0) counters.sentBytes.add(record.bytes, record.plan);
      if (record.fault !== null) {
        countRefusal(counters.refusals, record.fault instanceof ProxyError ? record.fault.code : 'INTERNAL');
      } else if (record.plan === 'redirect') counters.redirects.add(1, record.reason ?? 'none');
      else if (record.reason !== null) counters.bailouts.add(1, record.reason);
      exchangeSeconds.observe(record.durationMs / 1000);
      if (record.upstreamMs !== null) {
        upstreamSeconds.observe(record.upstreamMs / 1000);
        lastSuccessMs = clock();
      }
    },
    marked({ marks, skips }) {
      for (const place in marks) if (marks[place]! > 0) counters.marks.add(marks[place]!, place);
      for (const reason in skips) if (skips[reason]! > 0) counters.skips.add(skips[reason]!, reason);
    },
    refused: ({ code }) => countRefusal(counters.refusals, code),
    sidDropped: (route) => counters.sidsDropped.add(1, route),
    reloaded(isValid) {
      counters.reloads.add(1, isValid ? 'ok' : 'invalid');
      if (isValid) reloadedMs = clock();
    },
    watchStore(inner) {
      store = inner;
      return timedStore(inner, storeSeconds, counters.storeFailures);
    },
    watchServer(running) {
      server = running;
    },
    watchSessions(stats) {
      sessions = stats;
    },
    // prom-client's own type says that labels may be missing; its registry always sets them.
    read: async () => {
      if (sessions !== null) {
        counters.sessionsRefused.set(sessions.refused);
        counters.sessionConflicts.set(sessions.conflicts);
        counters.sessionsUnreadable.set(sessions.torn);
      }
      return (await registry.getMetricsAsJSON()) as unknown as MetricsReading;
    },
  };
}

/** Classes of status by their first digit. */
const CLASSES: readonly string[] = ['none', '1xx', '2xx', '3xx', '4xx', '5xx', '6xx', '7xx', '8xx', '9xx'];

function countRefusal(refusals: Tally, code: string, by = 1): void {
  const entry: ErrorEntry | undefined = (ERRORS as Readonly<Record<string, ErrorEntry>>)[code];
  refusals.add(by, code, entry?.origin ?? 'proxy');
}

/** A gauge whose value is looked up when someone reads. */
function gauge(
  key: MetricKey,
  registry: Registry,
  read: (set: (labels: readonly string[], value: number) => void) => unknown,
): void {
  const entry: MetricEntry = METRICS[key];
  new Gauge({
    name: entry.name,
    help: entry.help,
    labelNames: [...entry.labels],
    registers: [registry],
    aggregator: entry.merge ?? 'sum',
    async collect() {
      this.reset();
      // A reset gauge without labels would say 0; what is not known should say nothing.
      if (entry.labels.length === 0) this.remove();
      await read((labels, value) => this.set(labelsOf(entry.labels, labels), value));
    },
  });
}

/** Times each operation; a failed one is counted and passed on. */
function timedStore(inner: SessionStore, seconds: Distribution, failures: Tally): SessionStore {
  async function timed<T>(operation: string, startMs: number, result: Promise<T>): Promise<T> {
    try {
      return await result;
    } catch (error) {
      failures.add(1, operation);
      throw error;
    } finally {
      seconds.observe((performance.now() - startMs) / 1000, operation);
    }
  }
  return {
    kind: inner.kind,
    get isAvailable() {
      return inner.isAvailable;
    },
    read: (key) => timed('read', performance.now(), inner.read(key)),
    compareAndSet: (key, version, sealed, ttlMs) =>
      timed('write', performance.now(), inner.compareAndSet(key, version, sealed, ttlMs)),
    touch: (key, ttlMs) => timed('touch', performance.now(), inner.touch(key, ttlMs)),
    remove: (key, tombstoneMs) => timed('remove', performance.now(), inner.remove(key, tombstoneMs)),
    count: () => inner.count(),
    close: () => inner.close(),
  };
}

/** The readings of all workers as one, each as METRICS says. */
export async function mergeReadings(readings: readonly MetricsReading[]): Promise<MetricsReading> {
  const merged = AggregatorRegistry.aggregate(readings.map((reading) => [...reading]) as never);
  return (await merged.getMetricsAsJSON()) as unknown as MetricsReading;
}

/** The text format of Prometheus. */
export async function renderReadings(readings: readonly MetricsReading[]): Promise<string> {
  return AggregatorRegistry.aggregate(readings.map((reading) => [...reading]) as never).metrics();
}
