import perfHooks from 'node:perf_hooks';
import { expect } from 'chai';
import { ProxyError } from '../../../src/errors.ts';
import { createMetrics } from '../../../src/observe/counting.ts';
import { METRICS, mergeReadings, renderReadings } from '../../../src/observe/metrics.ts';
import type { Outcome } from '../../../src/proxy/outcome.ts';
import type { SessionStore } from '../../../src/session/store.ts';

/** Only what metrics look at. */
function record(changes: Partial<Outcome>): Outcome {
  const plain = {
    route: '/**',
    verdict: 'accepts',
    plan: 'pass',
    status: 200,
    event: 'none',
    foundBy: null,
    bytes: 0,
    fault: null,
    reason: null,
    durationMs: 4,
    upstreamMs: 3,
  };
  return { ...plain, ...changes } as Outcome;
}

const fakeStore = (changes: Partial<SessionStore> = {}): SessionStore => ({
  kind: 'memory',
  isAvailable: true,
  read: async () => null,
  compareAndSet: async () => true,
  touch: async () => {},
  remove: async () => {},
  count: async () => 7,
  close: async () => {},
  ...changes,
});

async function textOf(metrics: ReturnType<typeof createMetrics>): Promise<string[]> {
  return (await renderReadings([await metrics.read()])).split('\n');
}

describe('metrics: of the process', () => {
  it('are there for each proxy in it, and watched once', async () => {
    const { monitorEventLoopDelay } = perfHooks;
    let watchers = 0;
    perfHooks.monitorEventLoopDelay = (options) => {
      watchers++;
      return monitorEventLoopDelay(options);
    };
    try {
      const several = [1, 2, 3].map(() => createMetrics({ version: '1' }));
      for (const metrics of several) {
        const lines = await textOf(metrics);
        for (const name of ['process_cpu_seconds_total', 'nodejs_eventloop_lag_p99_seconds'])
          expect(
            lines.some((line) => line.startsWith(`${name} `)),
            name,
          ).to.equal(true);
      }
    } finally {
      perfHooks.monitorEventLoopDelay = monitorEventLoopDelay;
    }
    expect(watchers).to.be.at.most(1);
  });
});

describe('metrics: declarations', () => {
  for (const [key, entry] of Object.entries(METRICS)) {
    it(`${key}: ${entry.name}`, () => {
      expect(entry.name).to.match(/^transid_[a-z0-9_]+$/);
      expect(entry.name.endsWith('_total'), 'counters and only counters end in _total').to.equal(
        entry.kind === 'counter',
      );
      if (entry.kind === 'histogram') expect(entry.name).to.match(/_seconds$/);
      expect(entry.help).to.match(/^[A-Z01].*\.$/);
      for (const label of entry.labels) expect(label).to.match(/^[a-z]+$/);
    });
  }

  it('no name twice', () => {
    const names = Object.values(METRICS).map(({ name }) => name);
    expect(new Set(names).size).to.equal(names.length);
  });
});

describe('metrics: what is counted', () => {
  it('an exchange', async () => {
    const metrics = createMetrics({ version: '1.2.3', clock: () => 1_000_000 });
    metrics.exchange(record({ verdict: 'refuses', plan: 'rewrite', event: 'created', foundBy: 'target', bytes: 500 }));
    metrics.exchange(record({ status: 304 }));
    const text = await textOf(metrics);
    expect(text).to.include.members([
      'transid_exchanges_total{route="/**",verdict="refuses",plan="rewrite"} 1',
      'transid_exchanges_total{route="/**",verdict="accepts",plan="pass"} 1',
      'transid_responses_total{class="2xx"} 1',
      'transid_responses_total{class="3xx"} 1',
      'transid_session_events_total{event="created"} 1',
      'transid_sids_honoured_total{by="target"} 1',
      'transid_sent_bytes_total{plan="rewrite"} 500',
      'transid_exchange_duration_seconds_count 2',
      'transid_exchange_duration_seconds_sum 0.008',
      'transid_exchange_duration_seconds_bucket{le="0.0025"} 0',
      'transid_exchange_duration_seconds_bucket{le="0.005"} 2',
      'transid_upstream_last_success_timestamp_seconds 1000',
      `transid_build_info{version="1.2.3",node="${process.versions.node}"} 1`,
    ]);
  });

  it('why something was not served, and who caused it', async () => {
    const metrics = createMetrics({ version: '1' });
    const fault = new ProxyError('UPSTREAM_TIMEOUT');
    metrics.exchange(record({ plan: 'refused', status: 504, fault, reason: 'UPSTREAM_TIMEOUT', upstreamMs: null }));
    metrics.exchange(
      record({ plan: 'refused', status: 500, fault: new TypeError('x'), reason: 'INTERNAL', upstreamMs: null }),
    );
    metrics.exchange(record({ plan: 'redirect', status: 303, reason: 'clean-url', upstreamMs: null }));
    metrics.exchange(record({ plan: 'rewrite', reason: 'TAG_TOO_LONG' }));
    metrics.refused({ code: 'BAD_HOST' });
    metrics.sidDropped('/admin/**');
    metrics.reloaded(true);
    metrics.reloaded(false);
    const text = await textOf(metrics);
    expect(text).to.include.members([
      'transid_refusals_total{reason="UPSTREAM_TIMEOUT",origin="upstream"} 1',
      'transid_refusals_total{reason="INTERNAL",origin="proxy"} 1',
      'transid_refusals_total{reason="BAD_HOST",origin="client"} 1',
      'transid_redirects_total{reason="clean-url"} 1',
      'transid_rewriter_bailouts_total{reason="TAG_TOO_LONG"} 1',
      'transid_sids_dropped_total{route="/admin/**"} 1',
      'transid_config_reloads_total{result="ok"} 1',
      'transid_config_reloads_total{result="invalid"} 1',
    ]);
    expect(text.filter((line) => line.startsWith('transid_upstream_duration_seconds_count'))).to.deep.equal([
      'transid_upstream_duration_seconds_count 1',
    ]);
  });

  it('a page', async () => {
    const metrics = createMetrics({ version: '1' });
    metrics.marked({ marks: { navigation: 3, form: 1, frame: 0 }, skips: { 'foreign-origin': 2 } });
    metrics.marked({ marks: { navigation: 2 }, skips: {} });
    const text = await textOf(metrics);
    expect(text.filter((line) => /^transid_(marks|skips)/.test(line))).to.deep.equal([
      'transid_marks_total{place="navigation"} 5',
      'transid_marks_total{place="form"} 1',
      'transid_skips_total{reason="foreign-origin"} 2',
    ]);
  });

  it('the store: its operations, failures and size, without changing what it does', async () => {
    const metrics = createMetrics({ version: '1' });
    const broken = new ProxyError('STORE_UNAVAILABLE');
    const store = metrics.watchStore(
      fakeStore({
        read: async () => ({ version: 3, sealed: Buffer.from('x') }),
        compareAndSet: () => Promise.reject(broken),
      }),
    );
    expect(await store.read('k')).to.deep.equal({ version: 3, sealed: Buffer.from('x') });
    expect(await store.compareAndSet('k', 1, Buffer.from('y'), 1).catch((error: unknown) => error)).to.equal(broken);
    const text = await textOf(metrics);
    expect(text).to.include.members([
      'transid_sessions 7',
      'transid_store_available{kind="memory"} 1',
      'transid_store_failures_total{operation="write"} 1',
      'transid_store_duration_seconds_count{operation="read"} 1',
      'transid_store_duration_seconds_count{operation="write"} 1',
    ]);
  });

  it('what the session layer counts for itself', async () => {
    const metrics = createMetrics({ version: '1' });
    const stats = { refused: 1, conflicts: 2, torn: 3 };
    metrics.watchSessions(stats);
    stats.conflicts++;
    expect(await textOf(metrics)).to.include.members([
      'transid_sessions_refused_total 1',
      'transid_session_conflicts_total 3',
      'transid_session_records_unreadable_total 3',
    ]);
  });

  it('a store that is away is told as away, and not counted', async () => {
    const metrics = createMetrics({ version: '1' });
    let asked = 0;
    const count = async () => ++asked;
    metrics.watchStore(fakeStore({ isAvailable: false, count }));
    const text = await textOf(metrics);
    expect(text).to.include('transid_store_available{kind="memory"} 0');
    expect(text.filter((line) => line.startsWith('transid_sessions '))).to.deep.equal([]);
    expect(asked).to.equal(0);
  });

  it('two proxies in one process do not mix', async () => {
    const [one, other] = [createMetrics({ version: '1' }), createMetrics({ version: '1' })];
    one.exchange(record({}));
    expect((await textOf(other)).filter((line) => line.startsWith('transid_exchanges_total{'))).to.deep.equal([]);
  });
});

describe('metrics: workers', () => {
  it('counters and histograms are summed, gauges as declared; plain data survives the way between processes', async () => {
    const workers = [
      createMetrics({ version: '1', clock: () => 5_000 }),
      createMetrics({ version: '1', clock: () => 9_000 }),
    ];
    for (const [index, metrics] of workers.entries()) {
      metrics.exchange(record({ durationMs: 1000 * (index + 1) }));
      metrics.watchStore(fakeStore({ kind: 'lmdb', isAvailable: index === 0, count: async () => 7 }));
      metrics.watchServer({ connectionCount: 10 + index });
      // The second was started after the first reload.
      for (let i = index; i < 2; i++) metrics.reloaded(true);
    }
    const readings = await Promise.all(workers.map(async (metrics) => structuredClone(await metrics.read())));
    const merged = await mergeReadings(readings);
    const text = (await renderReadings([merged])).split('\n');
    expect(text).to.include.members([
      'transid_exchanges_total{route="/**",verdict="accepts",plan="pass"} 2',
      'transid_exchange_duration_seconds_sum 3',
      'transid_exchange_duration_seconds_bucket{le="1"} 1',
      'transid_exchange_duration_seconds_bucket{le="+Inf"} 2',
      'transid_sessions 7',
      'transid_store_available{kind="lmdb"} 0',
      'transid_client_connections 21',
      'transid_config_reloads_total{result="ok"} 2',
      'transid_upstream_last_success_timestamp_seconds 9',
      'transid_config_last_reload_timestamp_seconds 5',
      `transid_build_info{version="1",node="${process.versions.node}"} 1`,
    ]);
  });
});
