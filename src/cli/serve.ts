/**
 * `transid serve [-c FILE]` and `transid http://app:8000`: run the proxy until SIGTERM or SIGINT, then drain.
 */
import { parseArgs } from 'node:util';
import { configFromUpstream, loadConfigFile } from '../config/load.ts';
import { ConfigError } from '../config/problems.ts';
import type { Config } from '../config/schema.ts';
import { createProxy, type ReverseProxy } from '../index.ts';
import type { CommandIo } from './main.ts';

const SERVE_USAGE = `Usage: transid serve [-c FILE]

Runs the proxy with the configuration in FILE (default: transid.yaml). SIGHUP reads it again, SIGTERM drains and stops.
`;

const UPSTREAM_USAGE = `Usage: transid URL [--listen HOST:PORT]

Runs the proxy in front of the application at URL, with session IDs in URLs for clients without cookies on every path.
`;

/** Exit code 0 after a signal, 1 when the address cannot be had, 2 for wrong usage or a configuration with problems. */
export async function serveCommand(argv: string[], io: CommandIo): Promise<number> {
  const args = readArgs(argv, { config: { type: 'string', short: 'c' }, help: { type: 'boolean', short: 'h' } });
  if (args === null || args.positionals.length > 0) {
    io.stderr.write(SERVE_USAGE);
    return 2;
  }
  if (args.values['help'] === true) {
    io.stdout.write(SERVE_USAGE);
    return 0;
  }
  const file = String(args.values['config'] ?? 'transid.yaml');
  return run(() => loadConfigFile(file), io, '');
}

/** The form without a file: argv begins with the URL. */
export async function serveUpstreamCommand(argv: string[], io: CommandIo): Promise<number> {
  const args = readArgs(argv, { listen: { type: 'string' }, help: { type: 'boolean', short: 'h' } });
  const url = args?.positionals[0];
  if (args === null || url === undefined || args.positionals.length > 1) {
    io.stderr.write(UPSTREAM_USAGE);
    return 2;
  }
  if (args.values['help'] === true) {
    io.stdout.write(UPSTREAM_USAGE);
    return 0;
  }
  const listen = args.values['listen'];
  const note =
    'Session IDs in URLs are on for every path (use_trans_sid: true). Set use_only_cookies for sensitive paths in a configuration file.\n';
  return run(() => configFromUpstream(url, listen === undefined ? undefined : String(listen)), io, note);
}

function readArgs(argv: string[], options: NonNullable<Parameters<typeof parseArgs>[0]>['options'] & object) {
  try {
    return parseArgs({ args: argv, options, allowPositionals: true });
  } catch {
    return null; // Of all that parseArgs throws the remedy is the same: to read the usage.
  }
}

async function run(load: () => Config, io: CommandIo, note: string): Promise<number> {
  const config = loadOrReport(load, io);
  if (config === null) return 2;
  const stopped = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
  let proxy: ReverseProxy;
  try {
    proxy = await createProxy(config);
    const { host, port } = await proxy.listen();
    const scheme = config.listen.tls === null ? 'http' : 'https';
    io.stderr.write(
      `${note}transid listens on ${scheme}://${host.includes(':') ? `[${host}]` : host}:${port} for ${config.upstream.url}\n`,
    );
  } catch (error) {
    io.stderr.write(`transid: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
  await stopped;
  await proxy.close();
  return 0;
}

/** All problems at once, each with file:line:column; null when there are any. */
function loadOrReport(load: () => Config, io: CommandIo): Config | null {
  try {
    return load();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    io.stderr.write(`${error.report()}\n`);
    return null;
  }
}
