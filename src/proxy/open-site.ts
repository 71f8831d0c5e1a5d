/** A configuration put to work (`site.ts`): routes compiled, sessions and the upstream's connections made for it. */
import type { Config } from '../config/config.ts';
import { compileRoutes } from '../policy/routes.ts';
import { MirrorSessions } from '../session/mirror.ts';
import { type SessionStats, Sessions } from '../session/session.ts';
import type { SessionStore } from '../session/store.ts';
import { createUpstream } from '../upstream/forward.ts';
import { createTunnel } from '../upstream/tunnel.ts';
import { OpenerPolicies } from './opener-policies.ts';
import { upstreamOptions } from './options.ts';
import { namesOf, ScopeCache, type Site, sidNamesByHost } from './site.ts';

/** `store` and `stats` outlive it: they are handed from one site to the next. No connection is made yet. */
export function openSite(config: Config, store: SessionStore, stats: SessionStats, clock: () => number): Site {
  const routes = compileRoutes(config);
  const url = new URL(config.upstream.url);
  const options = upstreamOptions(config);
  return {
    config,
    routes,
    sidNames: namesOf(routes.policies),
    namesOfHosts: sidNamesByHost(routes),
    hasFormFields: routes.policies.some((policy) => policy.forms === 'field'),
    jarSessions: new Sessions({
      store,
      clock,
      maxSessions: config.limits.maxSessions,
      mintPerMinute: config.limits.mintPerMinute,
      stats,
    }),
    mirrorSessions: new MirrorSessions({
      clock,
      signKey: config.signKey === null ? null : Buffer.from(config.signKey.reveal()),
    }),
    upstream: createUpstream(options),
    tunnel: createTunnel(options),
    upstreamSettings: { authority: url.host, preserveHost: config.upstream.preserveHost, viaName: config.via },
    upstreamOrigin: url.origin,
    scopes: new ScopeCache(routes, [url.origin]),
    openerPolicies: new OpenerPolicies(),
    clock,
  };
}
