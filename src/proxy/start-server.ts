/** The listening side, up and running. */
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Front } from './front.ts';
import { Http1Front } from './http1.ts';
import type { Handler, ListenerOptions, RunningServer, ServerOptions, UpgradeHandler } from './server.ts';

/** Resolves when it listens; rejects when it cannot. */
export async function startServer(
  options: ServerOptions,
  handler: Handler,
  upgradeHandler: UpgradeHandler,
): Promise<RunningServer> {
  const listener = new Http1Front(new Front(options, handler), upgradeHandler);
  const server = listener.server;
  await listen(server, options.listener);
  const { address: host, port } = server.address() as AddressInfo; // TCP: never a path, and never null while listening
  return {
    address: { host, port },
    get connectionCount() {
      return listener.connections.size;
    },
    get isCutting() {
      return listener.isCutting;
    },
    reconfigure: (next) => listener.reconfigure(next),
    drain: () => listener.drain(),
  };
}

function listen(server: Server, { host, port }: ListenerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, ...(host === null ? {} : { host }) }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
