/**
 * A PHP application of Debian's on PHP's built-in server, with PHP's own configuration and extensions (unlike
 * php-server.ts, which has neither), and with a temporary folder for what the application writes.
 */
import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPhp } from './php-process.ts';

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

/** `install` fills the folder and says what to serve. Rejects with what PHP said when it does not listen in time. */
export async function startPhpApplication(
  name: string,
  install: (folder: string) => Installation,
): Promise<PhpApplication> {
  const folder = mkdtempSync(join(tmpdir(), `transid-${name}-`));
  mkdirSync(join(folder, 'sessions'));
  const { root, ini } = install(folder);
  const { port, stop } = await startPhp({
    root,
    ini: { 'session.save_path': join(folder, 'sessions'), display_errors: '0', ...ini },
    isConfigured: true,
    folder,
    workers: 2,
  });
  return { origin: `http://127.0.0.1:${port}`, stop };
}
