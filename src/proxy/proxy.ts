/**
 * The proxy as a whole: a configuration put to work behind a listener, replaced by another one while it runs, and closed
 * without losing a request.
 */
import assert from 'node:assert';
import type { ServiceStatus } from '../admin/dashboard.ts';
import { type AdminSource, type RunningAdmin, startAdmin } from '../admin/server.ts';
import type { Config } from '../config/config.ts';
import { createMetrics, type Metrics } from '../observe/counting.ts';
import type { LineSink } from '../observe/line-stream.ts';
import { createLog, createProcessLog, type Log } from '../observe/log.ts';
import type { MetricsReading } from '../observe/metrics.ts';
import { newSessionStats } from '../session/session.ts';
import type { StoreListener } from '../session/store.ts';
import { VERSION } from '../version.ts';
import { createExchange } from './exchange.ts';
import { fixedKeys, withinRoom } from './fixed-keys.ts';
import { Observers } from './observers.ts';
import { openSite } from './open-site.ts';
import { serverOptions } from './options.ts';
import type { RunningServer } from './server.ts';
import { startServer } from './start-server.ts';
import { openStore } from './stores.ts';
import { surviveUncaught } from './uncaught.ts';

export interface ProxyOptions {
  /** Where log lines go, each with its line end; standard output by default. */
  readonly logSink?: LineSink;
}

/** What only our own tests and workers ask for. */
export interface InternalOptions extends ProxyOptions {
  /** Milliseconds since the epoch; for tests. */
  readonly clock?: () => number;
  /** One of several processes that serve the same configuration: the primary has the admin listener. */
  readonly worker?: {
    /** This one clears away what is past its end in a store that all share. */
    readonly sweeps: boolean;
  };
}

export interface ListeningAt {
  readonly host: string;
  readonly port: number;
  /** Of the admin listener; null without one. */
  readonly adminPort: number | null;
}

export interface ReverseProxy {
  /** Start to serve, once. Rejects when the address cannot be had. */
  listen(): Promise<ListeningAt>;
  /**
   * Put another configuration to work; exchanges under way end by the old one. The listener stays, and so do its address, the
   * store, the admin address, the log and the workers: where these differ, that is logged. Rejects, and changes nothing, when
   * the certificate cannot be used.
   */
  reload(config: Config): Promise<void>;
  /** A configuration was not taken: told in the log with its problems, and counted. */
  refuseReload(problems: readonly string[]): void;
  /** Stop accepting, let requests in flight end whole (at most `timeouts.drain`), close everything. */
  close(): Promise<void>;
  readonly log: Log;
  /** For a process that does nothing else: an error that nobody caught is told in the log and counted, and does not end it. */
  surviveUncaught(): void;
  /** All metrics of this process. */
  read(): Promise<MetricsReading>;
  readonly isStoreAvailable: boolean;
  /**
   * Resolves when this process has lost its session store for good, as after a fault of the disk under LMDB: close the proxy,
   * end the process by SIGKILL (no other end of it is sure) and start a new one. Requests without a session are served until then.
   */
  readonly storeDied: Promise<void>;
}

export async function createProxy(config: Config, options: InternalOptions = {}): Promise<ReverseProxy> {
  const clock = options.clock ?? Date.now;
  const log = options.logSink === undefined ? createProcessLog(config.log) : createLog(config.log, options.logSink);
  const metrics = createMetrics({ version: VERSION, clock });
  const observers = new Observers(log, metrics);
  const { store, storeDied } = await openWatchedStore(config, options, log, metrics);
  const sessionStats = newSessionStats();
  metrics.watchSessions(sessionStats);
  let site = openSite(config, store, sessionStats, clock);
  let server: RunningServer | null = null;
  let admin: RunningAdmin | null = null;
  let phase: ServiceStatus['phase'] = 'starting';
  let mayListen = true;
  const startedAtMs = clock();
  const exchange = createExchange(
    () => site,
    observers,
    () => server?.isCutting === true,
  );
  const adminSource: AdminSource = {
    version: VERSION,
    startedAtMs,
    readings: async () => [await metrics.read()],
    status: () => ({
      phase,
      isStoreAvailable: store.isAvailable,
      storeKind: store.kind,
      upstream: site.config.upstream.url,
      workers: config.workers,
    }),
    policies: () => site.routes.policies,
  };
  return {
    log,
    listen: async () => {
      assert(mayListen, 'a proxy listens once');
      mayListen = false;
      try {
        server = await startServer(serverOptions(config, observers), exchange.handle, exchange.upgrade);
        metrics.watchServer(server);
        if (config.admin !== null && options.worker === undefined) {
          admin = await startAdmin(config.admin, adminSource, { clock });
        }
      } catch (error) {
        // Nothing may keep a process alive that cannot serve.
        await server?.drain();
        site.upstream.close();
        await store.close();
        throw error;
      }
      phase = 'serving';
      return { ...server.address, adminPort: admin?.port ?? null };
    },
    reload: async (next) => {
      const previous = site;
      const following = openSite(withinRoom(config, next), store, sessionStats, clock);
      server?.reconfigure(serverOptions(next, observers));
      site = following;
      metrics.reloaded(true);
      previous.upstream.close();
      const fixed = fixedKeys(config, next);
      if (fixed.length > 0) log.warn('some changes take a restart', { keys: fixed });
      log.info('the configuration was reloaded');
    },
    refuseReload: (problems) => {
      metrics.reloaded(false);
      log.error('the configuration was not taken, the old one serves on', { problems });
    },
    storeDied,
    surviveUncaught: () => surviveUncaught(log, metrics),
    read: () => metrics.read(),
    get isStoreAvailable() {
      return store.isAvailable;
    },
    close: async () => {
      mayListen = false;
      phase = 'stopping'; // not ready any more: whoever balances load looks at this first
      await server?.drain();
      await admin?.close();
      site.upstream.close();
      await store.close();
    },
  };
}

/** The session store, timed and counted, with a log line when it goes, comes back or is lost; `storeDied` is of ReverseProxy. */
async function openWatchedStore(config: Config, options: InternalOptions, log: Log, metrics: Metrics) {
  const clocks = { wall: options.clock ?? Date.now, monotonic: options.clock ?? (() => performance.now()) };
  let onDeath = () => {};
  const storeDied = new Promise<void>((resolve) => {
    onDeath = resolve;
  });
  const onChange: StoreListener = (reason) => {
    if (reason === null) log.info('the session store is back', { store: config.store.kind });
    else log.warn('the session store is away', { store: config.store.kind, detail: reason });
  };
  const sweep = options.worker?.sweeps ?? true;
  const store = metrics.watchStore(await openStore(config, { clocks, sweep, onDeath, onChange }));
  void storeDied.then(() => log.error('the session store is lost to this process', { code: 'STORE_UNAVAILABLE' }));
  return { store, storeDied };
}
