/**
 * `transid serve [-c FILE]` and `transid http://app:8000`: run the proxy until SIGTERM or SIGINT, then drain.
 */
import cluster from 'node:cluster';
import type { Config } from '../config/config.ts';
import { configFromUpstream, parseServedConfig, readConfigText } from '../config/load.ts';
import { ConfigError } from '../config/problems.ts';
import { reasonOf } from '../errors.ts';
import { createProxy, type ListeningAt } from '../index.ts';
import { endSoon } from '../observe/line-stream.ts';
import { endWithLostStore } from '../proxy/stores.ts';
import { Supervisor } from '../proxy/supervisor.ts';
import { runWorker } from '../proxy/worker.ts';
import { type CommandIo, parseOptions, refuseUsage, UsageError } from './command.ts';
import { watchConfig } from './reload.ts';
import { dieOf, onFirstStopSignal, onStopSignal } from './stop-signals.ts';

const SERVE_USAGE = `Usage: transid serve [-c FILE]

Runs the proxy with the configuration in FILE (default: transid.yaml). SIGHUP reads it again, SIGTERM drains and stops.
`;

const UPSTREAM_USAGE = `Usage: transid URL [--listen HOST:PORT]

Runs the proxy in front of the application at URL, with session IDs in URLs for clients without cookies on every path.
`;

/**
 * Exit code 0 after a signal, 1 when the address cannot be had, 2 for wrong usage or a configuration with problems. A process that
 * loses its session store drains and ends by SIGKILL, or with 1 where that cannot be.
 */
export async function serveCommand(argv: string[], io: CommandIo): Promise<number> {
  // The primary starts its workers with its own arguments and tells them the rest.
  if (cluster.isWorker) return runWorker();
  let asked: { config?: string; help?: boolean };
  try {
    asked = readServeOptions(argv);
  } catch (error) {
    return refuseUsage(io, 'transid serve', error, SERVE_USAGE);
  }
  if (asked.help) {
    io.stdout.write(SERVE_USAGE);
    return 0;
  }
  const file = asked.config ?? 'transid.yaml';
  let wasAskedToReload = false;
  process.once('SIGHUP', () => {
    wasAskedToReload = true;
  });
  const loaded = loadOrReport(() => loadFile(file), io);
  if (loaded === null) return 2;
  const { text, config } = loaded;
  return run(config, io, '', async () => {
    const service = config.workers > 1 ? new Supervisor({ file, text, config }) : await serveAlone(config);
    const place = await service.start();
    const stopWatching = watchConfig({ file, text, isWatched: config.watch, service });
    if (wasAskedToReload) process.emit('SIGHUP');
    return {
      place,
      failed: service.failed,
      stop: () => {
        stopWatching();
        return service.stop();
      },
      abandon: () => service.abandon(),
    };
  });
}

/** The form without a file: argv begins with the URL. */
export async function serveUpstreamCommand(argv: string[], io: CommandIo): Promise<number> {
  let asked: { url: string; listen?: string; help?: boolean };
  try {
    asked = readUpstreamOptions(argv);
  } catch (error) {
    return refuseUsage(io, 'transid', error, UPSTREAM_USAGE);
  }
  if (asked.help) {
    io.stdout.write(UPSTREAM_USAGE);
    return 0;
  }
  const note =
    'Session IDs in URLs are on for every path (use_trans_sid: true). Set use_only_cookies for sensitive paths in a configuration file.\n';
  const config = loadOrReport(() => configFromUpstream(asked.url, asked.listen), io);
  if (config === null) return 2;
  return run(config, io, note, async () => {
    const service = await serveAlone(config);
    return { place: await service.start(), failed: service.failed, stop: service.stop, abandon: service.abandon };
  });
}

function readServeOptions(argv: string[]): { config?: string; help?: boolean } {
  const { values, positionals } = parseOptions({
    args: argv,
    options: { config: { type: 'string', short: 'c' }, help: { type: 'boolean', short: 'h' } },
    allowPositionals: true,
  });
  const [stray] = positionals;
  if (stray !== undefined) throw new UsageError(`'${stray}' is too much: a configuration is given by -c FILE`);
  return values;
}

/** argv begins with the URL. */
function readUpstreamOptions(argv: string[]): { url: string; listen?: string; help?: boolean } {
  const { values, positionals } = parseOptions({
    args: argv,
    options: { listen: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
    allowPositionals: true,
  });
  const [url = '', ...more] = positionals;
  if (more.length > 0) throw new UsageError(`one URL, not ${positionals.length}`);
  return { ...values, url };
}

interface Loaded {
  readonly text: string;
  readonly config: Config;
}

function loadFile(file: string): Loaded {
  const text = readConfigText(file);
  return { text, config: parseServedConfig(text, file) };
}

/** One process that serves by itself, in the shape of a supervisor. */
async function serveAlone(config: Config) {
  const proxy = await createProxy(config);
  return {
    start: async () => {
      const place = await proxy.listen();
      proxy.surviveUncaught();
      return place;
    },
    stop: () => proxy.close(),
    abandon: () => {},
    reload: (_text: string, next: Config) => proxy.reload(next),
    refuseReload: (problems: readonly string[]) => proxy.refuseReload(problems),
    failed: proxy.storeDied,
  };
}

interface Running {
  readonly place: ListeningAt;
  /** Resolves when it cannot go on. */
  readonly failed: Promise<void>;
  stop(): Promise<void>;
  /** End other processes at once; this one is about to die. */
  abandon(): void;
}

/** Start, say where, wait for a signal or the end of what it needs, drain. A second signal ends everything at once. */
async function run(config: Config, io: CommandIo, note: string, start: () => Promise<Running>): Promise<number> {
  let wasStopped = false;
  const stopped = new Promise<void>((resolve) => {
    onFirstStopSignal(() => {
      wasStopped = true;
      resolve();
    });
  });
  let running: Running;
  try {
    running = await start();
  } catch (error) {
    // A signal to the whole group ends the workers before they listen: that is no fault.
    if (wasStopped) return 0;
    io.stderr.write(`transid: ${reasonOf(error)}\n`);
    return 1;
  }
  const { host, port } = running.place;
  const scheme = config.listen.tls === null ? 'http' : 'https';
  const address = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  io.stderr.write(`${note}transid listens on ${scheme}://${address} for ${config.upstream.url}\n`);
  let hasFailed = false;
  const failed = running.failed.then(() => {
    hasFailed = true;
  });
  await Promise.race([stopped, failed]);
  onStopSignal((signal) => {
    running.abandon();
    dieOf(signal);
  });
  await running.stop();
  if (hasFailed) endWithLostStore();
  endSoon();
  // The first process of a container is still here: no signal of its own ends it that it does not listen to.
  return hasFailed ? 1 : 0;
}

/** All problems at once, each with file:line:column; null when there are any. */
function loadOrReport<T>(load: () => T, io: CommandIo): T | null {
  try {
    return load();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    io.stderr.write(`${error.report()}\n`);
    return null;
  }
}
