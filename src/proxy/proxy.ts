/**
 * The proxy as a whole: a configuration put to work behind a listener, replaced by another one while it runs, and closed
 * without losing a request.
 */
import { type AdminSource, type RunningAdmin, startAdmin } from '../admin/server.ts';
import type { Config } from '../config/schema.ts';
import { createLog, type LineSink, type Log } from '../observe/log.ts';
import { createMetrics } from '../observe/metrics.ts';
import { compileRoutes } from '../policy/routes.ts';
import { MirrorSessions } from '../session/mirror.ts';
import { Sessions } from '../session/session.ts';
import type { SessionStore } from '../session/store.ts';
import { createUpstream } from '../upstream/forward.ts';
import { createTunnel } from '../upstream/tunnel.ts';
import { VERSION } from '../version.ts';
import { createExchange } from './exchange.ts';
import { Observers } from './observers.ts';
import { serverOptions, upstreamOptions } from './options.ts';
import { type RunningServer, startServer } from './server.ts';
import { ScopeCache, type Site } from './site.ts';
import { openStore } from './stores.ts';

export interface ProxyOptions {
  /** Where log lines go; standard output by default. */
  readonly logSink?: LineSink;
  /** Milliseconds since the epoch; for tests. */
  readonly clock?: () => number;
}

export interface ListeningAt {
  readonly host: string;
  readonly port: number;
  /** Of the admin listener; null without one. */
  readonly adminPort: number | null;
}

export interface ReverseProxy {
  /** Start to serve. Rejects when the address cannot be had. */
  listen(): Promise<ListeningAt>;
  /** Put another configuration to work; exchanges under way end by the old one. The listener itself stays. */
  reload(config: Config): Promise<void>;
  /** Stop accepting, let requests in flight end whole (at most `timeouts.drain`), close everything. */
  close(): Promise<void>;
  readonly log: Log;
}

export async function createProxy(config: Config, options: ProxyOptions = {}): Promise<ReverseProxy> {
  const clock = options.clock ?? Date.now;
  const log = createLog(config.log, options.logSink ?? process.stdout);
  const metrics = createMetrics({ version: VERSION, clock });
  const observers = new Observers(log, metrics);
  const store = metrics.watchStore(await openStore(config, clock));
  let site = openSite(config, store, clock);
  let server: RunningServer | null = null;
  let admin: RunningAdmin | null = null;
  let isServing = false;
  const startedAtMs = clock();
  const exchange = createExchange(() => site, observers);
  const adminSource: AdminSource = {
    version: VERSION,
    startedAtMs,
    readings: async () => [await metrics.read()],
    status: () => ({
      isServing,
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
      server = await startServer(serverOptions(config, observers), exchange.handle, exchange.upgrade);
      metrics.watchServer(server);
      if (config.admin !== null) admin = await startAdmin(config.admin, adminSource, { clock });
      isServing = true;
      return { ...server.address, adminPort: admin?.port ?? null };
    },
    reload: async (next) => {
      const previous = site;
      site = openSite(next, store, clock);
      metrics.reloaded(true);
      previous.upstream.close();
    },
    close: async () => {
      isServing = false; // not ready any more: whoever balances load looks at this first
      await server?.drain();
      await admin?.close();
      site.upstream.close();
      await store.close();
    },
  };
}

function openSite(config: Config, store: SessionStore, clock: () => number): Site {
  const routes = compileRoutes(config);
  const url = new URL(config.upstream.url);
  const options = upstreamOptions(config);
  return {
    config,
    routes,
    sidNames: [...new Set(routes.policies.map((policy) => policy.session.name))],
    hasFormFields: routes.policies.some((policy) => policy.forms === 'field'),
    jarSessions: new Sessions({
      store,
      clock,
      maxSessions: config.limits.maxSessions,
      mintPerMinute: config.limits.mintPerMinute,
    }),
    mirrorSessions: new MirrorSessions({
      clock,
      signKey: config.signKey === null ? null : Buffer.from(config.signKey.reveal()),
    }),
    upstream: createUpstream(options),
    tunnel: createTunnel(options),
    upstreamSettings: { authority: url.host, preserveHost: config.upstream.preserveHost, viaName: 'transid' },
    upstreamOrigin: url.origin,
    scopes: new ScopeCache(routes, [url.origin]),
    clock,
  };
}
