/**
 * PHP's built-in server on a free port, with sessions by cookie only (as PHP 9 will have them) unless told otherwise.
 *
 * A missing `php` is a failure, never a skipped test.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface PhpServer {
  /** `http://127.0.0.1:port` */
  readonly origin: string;
  readonly port: number;
  /** End the process and remove its sessions. */
  stop(): Promise<void>;
}

export interface PhpServerOptions {
  /** The document root. */
  readonly root: string;
  /** Further ini settings, which win over the defaults here. */
  readonly ini?: Readonly<Record<string, string>>;
  /** Processes that answer at once (PHP_CLI_SERVER_WORKERS), at least 2; one when not given. */
  readonly workers?: number;
}

const START_TIMEOUT_MS = 10_000;

/** Start PHP and wait until it listens. Rejects with what PHP said when it does not within 10 s. */
export async function startPhpServer(options: PhpServerOptions): Promise<PhpServer> {
  const sessions = mkdtempSync(join(tmpdir(), 'transid-php-'));
  const ini: Record<string, string> = {
    'session.use_cookies': '1',
    'session.use_only_cookies': '1',
    'session.use_trans_sid': '0',
    'session.save_path': sessions,
    'session.gc_probability': '0',
    ...options.ini,
  };
  const settings = Object.entries(ini).flatMap(([key, value]) => ['-d', `${key}=${value}`]);
  const child = spawn('php', ['-n', ...settings, '-S', '127.0.0.1:0', '-t', options.root], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: {
      ...process.env,
      NO_COLOR: '1',
      ...(options.workers ? { PHP_CLI_SERVER_WORKERS: `${options.workers}` } : {}),
    },
    // A group of its own, so that the workers end with it.
    detached: true,
  });
  try {
    const port = await listeningPort(child);
    child.stderr?.on('data', () => {}); // Its access log must not fill the pipe.
    return { origin: `http://127.0.0.1:${port}`, port, stop: () => stop(child, sessions) };
  } catch (cause) {
    await stop(child, sessions);
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

async function stop(child: ChildProcess, sessions: string): Promise<void> {
  if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    process.kill(-child.pid, 'SIGTERM');
    await ended;
  }
  rmSync(sessions, { recursive: true, force: true });
}
