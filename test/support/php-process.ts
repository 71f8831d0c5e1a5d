/**
 * The process of PHP's built-in server, on a free port of its own choice. A missing `php` is a failure, never a skipped test.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { rmSync } from 'node:fs';

export interface PhpProcess {
  readonly port: number;
  /** End the process and its workers, and remove its folder. */
  stop(): Promise<void>;
}

export interface PhpProcessOptions {
  /** The document root. */
  readonly root: string;
  readonly ini: Readonly<Record<string, string>>;
  /** With PHP's own configuration and extensions; false: with neither. */
  readonly isConfigured: boolean;
  /** What the process writes; removed with it. */
  readonly folder: string;
  /** Processes that answer at once (PHP_CLI_SERVER_WORKERS), at least 2; one when undefined. */
  readonly workers: number | undefined;
}

const START_TIMEOUT_MS = 15_000;

/** Start PHP and wait until it listens. Rejects with what PHP said when it does not within 15 s. */
export async function startPhp({ root, ini, isConfigured, folder, workers }: PhpProcessOptions): Promise<PhpProcess> {
  const settings = Object.entries(ini).flatMap(([key, value]) => ['-d', `${key}=${value}`]);
  const child = spawn('php', [...(isConfigured ? [] : ['-n']), ...settings, '-S', '127.0.0.1:0', '-t', root], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: {
      ...process.env,
      NO_COLOR: '1',
      ...(workers === undefined ? {} : { PHP_CLI_SERVER_WORKERS: String(workers) }),
    },
    // A group of its own, so that the workers end with it.
    detached: true,
  });
  try {
    const port = await listeningPort(child);
    child.stderr?.resume(); // Its access log must not fill the pipe.
    return { port, stop: () => stop(child, folder) };
  } catch (cause) {
    await stop(child, folder);
    throw cause;
  }
}

function listeningPort(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    let said = '';
    const fail = (why: string) => reject(new Error(`php did not start: ${why}\n${said}`));
    const timer = setTimeout(() => fail('no answer in time'), START_TIMEOUT_MS);
    child.once('error', (error) => fail(error.message));
    child.once('exit', (code) => fail(`exit ${code}`));
    child.stderr?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      const port = /\(http:\/\/127\.0\.0\.1:(\d+)\) started/.exec(said)?.[1];
      if (port === undefined) return;
      clearTimeout(timer);
      resolve(Number(port));
    });
  });
}

async function stop(child: ChildProcess, folder: string): Promise<void> {
  if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    process.kill(-child.pid, 'SIGTERM');
    await ended;
  }
  rmSync(folder, { recursive: true, force: true });
}
