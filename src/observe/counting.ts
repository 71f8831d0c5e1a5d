/**
 * The object that counts what METRICS declares. An exchange must cost next to nothing here (`tallies.ts`); what only a reader
 * wants to know is looked up when someone reads.
 */
import { collectDefaultMetrics, Gauge, type Metric, Registry } from 'prom-client';
import { asProxyError, ERRORS, type ErrorEntry } from '../errors.ts';
import type { Outcome } from '../proxy/outcome.ts';
import type { PlaceCounts } from '../response/mark-tally.ts';
import type { SessionStore } from '../session/store.ts';
import { METRICS, type MetricEntry, type MetricsReading } from './metrics.ts';
import { Distribution, labelsOf, Tally } from './tallies.ts';

type MetricKey = keyof typeof METRICS;
type CounterKey = { [K in MetricKey]: (typeof METRICS)[K]['kind'] extends 'counter' ? K : never }[MetricKey];
type Counters = Record<CounterKey, Tally>;

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
  for (const metric of processMetrics()) registry.registerMetric(metric);
  const counters = declareCounters(registry);
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
      countOutcome(record, counters);
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

let ofProcess: Registry | null = null;

/** The figures of the process, for all registries in it: prom-client never takes its watchers of the event loop down. */
function processMetrics(): Metric[] {
  if (ofProcess === null) {
    ofProcess = new Registry();
    collectDefaultMetrics({ register: ofProcess });
  }
  // The type tells less than is there: they are what was registered.
  return ofProcess.getMetricsAsArray() as unknown as Metric[];
}

function declareCounters(registry: Registry): Counters {
  // Filled with exactly the keys of the type.
  const counters = Object.fromEntries(
    (Object.keys(METRICS) as MetricKey[])
      .filter((key) => METRICS[key].kind === 'counter')
      .map((key) => [key, new Tally(METRICS[key], registry)]),
  ) as Counters;
  // What alerts watch is there before its first fault: a series that begins at 1 has not grown.
  for (const result of ['ok', 'invalid']) counters.reloads.add(0, result);
  for (const [code, { origin }] of Object.entries(ERRORS))
    if (origin === 'proxy') countRefusal(counters.refusals, code, 0);
  return counters;
}

function countOutcome(record: Outcome, counters: Counters): void {
  counters.exchanges.add(1, record.route ?? 'none', record.verdict ?? 'none', record.plan);
  counters.responses.add(1, record.status === null ? 'none' : (CLASSES[Math.floor(record.status / 100)] ?? 'none'));
  if (record.event !== 'none') counters.sessionEvents.add(1, record.event);
  if (record.foundBy !== null) counters.sidsHonoured.add(1, record.foundBy);
  if (record.bytes > 0) counters.sentBytes.add(record.bytes, record.plan);
  if (record.fault !== null) {
    countRefusal(counters.refusals, asProxyError(record.fault).code);
  } else if (record.plan === 'redirect') counters.redirects.add(1, record.reason ?? 'none');
  else if (record.reason !== null) counters.bailouts.add(1, record.reason);
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
