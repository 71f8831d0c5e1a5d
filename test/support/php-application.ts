/**
 * A PHP application of Debian's on PHP's built-in server, with PHP's own configuration and extensions (unlike
 * php-server.ts, which has neither), and with a temporary folder for what the application writes.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface PhpApplication {
  /** `http://127.0.0.1:port` */
  readonly origin: string;
  /** End the process and remove the folder. */
  stop(): Promise<void>;
}

export interface Installation {
  /** The document root. */
  readonly root: string;
  readonly ini?: Readonly<Record<string, string>>;
}

const START_TIMEOUT_MS = 15_000;

/** `install` fills the folder and says what to serve. Rejects with what PHP said when it does not listen in time. */
export async function startPhpApplication(
  name: string,
  install: (folder: string) => Installation,
): Promise<PhpApplication> {
  const folder = mkdtempSync(join(tmpdir(), `transid-${name}-`));
  mkdirSync(join(folder, 'sessions'));
  const { root, ini } = install(folder);
  const settings = { 'session.save_path': join(folder, 'sessions'), display_errors: '0', ...ini };
  const options = Object.entries(settings).flatMap(([key, value]) => ['-d', `${key}=${value}`]);
  const child = spawn('php', [...options, '-S', '127.0.0.1:0', '-t', root], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, NO_COLOR: '1', PHP_CLI_SERVER_WORKERS: '2' },
    // A group of its own, so that the workers end with it.
    detached: true,
  });
  const stop = async (): Promise<void> => {
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      process.kill(-child.pid, 'SIGTERM');
      await ended;
    }
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const port = await listeningPort(child);
    child.stderr?.resume();
    return { origin: `http://127.0.0.1:${port}`, stop };
  } catch (cause) {
    await stop();
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
