/**
 * The engine alone: a reverse proxy that forwards everything, without sessions. Tests of framing, faults and connections
 * use it, so that what they see is the engine's doing.
 */

import { pipeBody } from '../../src/proxy/body-pipe.ts';
import { openBody } from '../../src/proxy/client-body.ts';
import { type ClientResponse, sendHead, sendInformation } from '../../src/proxy/client-response.ts';
import type { Handler, Refusal, RunningServer, ServerOptions } from '../../src/proxy/server.ts';
import { startServer } from '../../src/proxy/start-server.ts';
import {
  createUpstream,
  type Upstream,
  type UpstreamOptions,
  type UpstreamResponse,
} from '../../src/upstream/forward.ts';
import { buildUpstreamRequest } from '../../src/upstream/request.ts';
import { createTunnel } from '../../src/upstream/tunnel.ts';

export interface PlainProxy {
  readonly port: number;
  readonly server: RunningServer;
  /** As the server got them. */
  readonly options: ServerOptions;
  readonly upstream: Upstream;
  /** What the server refused or failed at, in order. */
  readonly refusals: Refusal[];
  close(): Promise<void>;
}

export interface PlainProxyOptions {
  readonly upstreamPort: number;
  readonly timeouts?: Partial<ServerOptions['timeouts']>;
  readonly limits?: Partial<ServerOptions['limits']>;
  readonly upstream?: Partial<UpstreamOptions>;
  readonly server?: Partial<ServerOptions>;
  readonly bodyLimitBytes?: number;
  readonly preserveHost?: boolean;
}

async function deliver(response: UpstreamResponse, res: ClientResponse): Promise<void> {
  sendHead(res, response.status, response.statusText, response.fields);
  const lengthBytes = typeof response.framing === 'number' ? response.framing : null;
  await pipeBody(response.body, res, { lengthBytes, trailers: () => response.trailers() });
}

export async function startPlainProxy(options: PlainProxyOptions): Promise<PlainProxy> {
  const refusals: Refusal[] = [];
  const upstreamOptions: UpstreamOptions = {
    host: '127.0.0.1',
    port: options.upstreamPort,
    tls: null,
    connectTimeoutMs: 1000,
    firstByteTimeoutMs: 1000,
    idleTimeoutMs: 1000,
    poolSize: 256,
    poolIdleMs: 5000,
    maxHeadBytes: 64 * 1024,
    ...options.upstream,
  };
  const upstream = createUpstream(upstreamOptions);
  const tunnel = createTunnel(upstreamOptions);
  const settings = {
    authority: `127.0.0.1:${options.upstreamPort}`,
    preserveHost: options.preserveHost ?? true,
    viaName: 'test-proxy',
  };
  const handler: Handler = async (req, res, facts) => {
    const body = openBody(req, res, facts, options.bodyLimitBytes ?? 8 * 1024 * 1024);
    const request = buildUpstreamRequest(facts, { target: facts.target }, settings);
    const response = await upstream.forward(request, {
      body,
      client: res,
      onInformation: (status, fields) => sendInformation(res, status, fields),
    });
    await deliver(response, res);
  };
  const serverOptions: ServerOptions = {
    listener: { host: '127.0.0.1', port: 0, tls: null },
    timeouts: {
      headerMs: 1000,
      bodyIdleMs: 1000,
      sendIdleMs: 1000,
      keepAliveMs: 2000,
      tunnelMs: 5000,
      drainMs: 3000,
      ...options.timeouts,
    },
    limits: {
      connections: 10_000,
      connectionsPerAddress: 200,
      headerBytes: 16 * 1024,
      targetBytes: 8 * 1024,
      fields: 200,
      requestsPerConnection: 1000,
      http2Streams: 100,
      bodyBytesPerSecond: 512,
      ...options.limits,
    },
    viaName: settings.viaName,
    isTrustedProxy: () => false,
    forwardedFields: 'x-forwarded',
    events: { refused: (refusal) => refusals.push(refusal), answered: () => {} },
    ...options.server,
  };
  const server = await startServer(serverOptions, handler, async (_req, socket, head, facts, respond) => {
    const request = buildUpstreamRequest(facts, { target: facts.target }, settings);
    const outcome = await tunnel.open(request, socket, head);
    if (outcome.kind === 'refused') await deliver(outcome.response, respond());
  });
  return {
    port: server.address.port,
    server,
    options: serverOptions,
    upstream,
    refusals,
    close: async () => {
      await server.drain();
      upstream.close();
    },
  };
}
