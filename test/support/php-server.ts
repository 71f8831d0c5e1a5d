/**
 * PHP's built-in server on a free port, with sessions by cookie only (as PHP 9 will have them) unless told otherwise.
 */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPhp } from './php-process.ts';

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

/** Start PHP and wait until it listens. Rejects with what PHP said when it does not. */
export async function startPhpServer({ root, ini, workers }: PhpServerOptions): Promise<PhpServer> {
  const sessions = mkdtempSync(join(tmpdir(), 'transid-php-'));
  const settings = {
    'session.use_cookies': '1',
    'session.use_only_cookies': '1',
    'session.use_trans_sid': '0',
    'session.save_path': sessions,
    'session.gc_probability': '0',
    ...ini,
  };
  const { port, stop } = await startPhp({ root, ini: settings, isConfigured: false, folder: sessions, workers });
  return { origin: `http://127.0.0.1:${port}`, port, stop };
}
