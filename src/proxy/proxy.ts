/**
 * The proxy as a whole: a configuration put to work behind a listener, replaced by another one while it runs, and closed
 * without losing a request.
 */
import type { Config } from '../config/schema.ts';
import { createLog, type LineSink, type Log } from '../observe/log.ts';
import { compileRoutes } from '../policy/routes.ts';
import { MirrorSessions } from '../session/mirror.ts';
import { Sessions } from '../session/session.ts';
import type { SessionStore } from '../session/store.ts';
import { createUpstream } from '../upstream/forward.ts';
import { createTunnel } from '../upstream/tunnel.ts';
import { createExchange } from './exchange.ts';
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
  const store = await openStore(config, clock);
  let site = openSite(config, store, clock);
  let server: RunningServer | null = null;
  const exchange = createExchange(() => site, log);
  return {
    log,
    listen: async () => {
      server = await startServer(serverOptions(config, log), exchange.handle, exchange.upgrade);
      return server.address;
    },
    reload: async (next) => {
      const previous = site;
      site = openSite(next, store, clock);
      previous.upstream.close();
    },
    close: async () => {
      await server?.drain();
      site.upstream.close();
      await store.close();
    },
  };
}

function openSite(config: Config, store: SessionStore, clock: () => number): Site {
  const routes = compileRoutes(config);
  const url = new URL(config.upstream.url);
  const options = upstreamOptions(config);
  const upstreamOrigin = config.upstream.preserveHost ? null : url.origin;
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
    upstreamOrigin,
    scopes: new ScopeCache(routes, upstreamOrigin === null ? [] : [upstreamOrigin]),
    clock,
  };
}
