/**
 * Every metric of the program, declared once in METRICS, and their readings: plain data that a worker sends to the primary,
 * which merges them. `counting.ts` counts.
 *
 * Labels hold only values of closed sets (verdicts, reasons, places) and the names of routes: never a path, a host, an
 * address or anything else that a client chooses.
 */
import { AggregatorRegistry } from 'prom-client';
import type { Merge } from './tallies.ts';

export interface MetricEntry {
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
    help: 'Requests that became exchanges, by route, by what we hold of the client (accepts, refuses, unknown, robot; none: not judged) and by what was done with the answer (pass, rewrite, redirect, answer, tunnel, refused).',
    labels: ['route', 'verdict', 'plan'],
  },
  responses: {
    name: 'transid_responses_total',
    kind: 'counter',
    help: 'Responses of exchanges by class of status (2xx …; none: the connection was cut). What was refused before it became one is in transid_refusals_total alone.',
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

/** The readings of all workers as one, each as METRICS says. */
export async function mergeReadings(readings: readonly MetricsReading[]): Promise<MetricsReading> {
  const merged = AggregatorRegistry.aggregate(readings.map((reading) => [...reading]) as never);
  return (await merged.getMetricsAsJSON()) as unknown as MetricsReading;
}

/** The text format of Prometheus. */
export async function renderReadings(readings: readonly MetricsReading[]): Promise<string> {
  return AggregatorRegistry.aggregate(readings.map((reading) => [...reading]) as never).metrics();
}
