/** The configuration in the words of the listener and of the upstream's connections. Pure. */
import { BlockList, isIP } from 'node:net';
import type { Config } from '../config/config.ts';
import type { UpstreamOptions } from '../upstream/forward.ts';
import type { ServerEvents, ServerOptions } from './server.ts';

export function serverOptions(config: Config, events: ServerEvents): ServerOptions {
  const { listen, timeouts, limits } = config;
  return {
    listener: {
      host: listen.host,
      port: listen.port,
      tls: listen.tls === null ? null : { ...listen.tls, key: listen.tls.key.reveal() },
    },
    timeouts: {
      headerMs: timeouts.clientHeaderMs,
      bodyIdleMs: timeouts.clientBodyMs,
      sendIdleMs: timeouts.clientSendMs,
      keepAliveMs: timeouts.keepAliveMs,
      tunnelMs: timeouts.tunnelMs,
      drainMs: timeouts.drainMs,
    },
    limits: {
      headerBytes: limits.headerBytes,
      targetBytes: limits.targetBytes,
      fields: limits.fields,
      requestsPerConnection: limits.requestsPerConnection,
      http2Streams: limits.http2Streams,
      bodyBytesPerSecond: limits.bodyRateBytes,
      connections: limits.connections,
      connectionsPerAddress: limits.connectionsPerAddress,
    },
    viaName: config.via,
    isTrustedProxy: trustOf(config.trustedProxies),
    forwardedFields: config.forwardedFields,
    events,
  };
}

export function upstreamOptions(config: Config): UpstreamOptions {
  const { upstream, limits } = config;
  const url = new URL(upstream.url);
  const isTls = url.protocol === 'https:';
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? (isTls ? 443 : 80) : Number(url.port),
    tls: isTls ? upstream.tls : null,
    connectTimeoutMs: upstream.connectTimeoutMs,
    firstByteTimeoutMs: upstream.timeoutMs,
    idleTimeoutMs: upstream.idleTimeoutMs,
    poolSize: upstream.idleConnections,
    poolIdleMs: upstream.keepAliveMs,
    maxHeadBytes: limits.responseHeaderBytes,
  };
}

/** `trusted_proxies`: addresses and CIDR ranges, checked when the configuration was loaded. */
function trustOf(entries: readonly string[]): (address: string) => boolean {
  if (entries.length === 0) return () => false;
  const list = new BlockList();
  for (const entry of entries) {
    const [address = '', prefix] = entry.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    if (prefix === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(prefix), family);
  }
  return (address) => list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}
