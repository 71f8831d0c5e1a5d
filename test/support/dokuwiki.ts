/**
 * Debian's DokuWiki on PHP's built-in server, with configuration and pages of its own in a temporary folder: two pages,
 * and the user alice with the password `secret-pw`, who may edit.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface DokuWiki {
  /** `http://127.0.0.1:port` */
  readonly origin: string;
  stop(): Promise<void>;
}

/** Where Debian's package puts the program and its configuration. */
const PROGRAM = '/usr/share/dokuwiki';
const CONFIGURATION = '/etc/dokuwiki';
const DATA = ['attic', 'cache', 'index', 'locks', 'log', 'media', 'media_attic', 'media_meta', 'meta', 'pages', 'tmp'];
const START_TIMEOUT_MS = 15_000;

/** Rejects with what PHP said when it does not listen in time. */
export async function startDokuWiki(): Promise<DokuWiki> {
  const folder = mkdtempSync(join(tmpdir(), 'transid-dokuwiki-'));
  const prepend = writeSite(folder);
  const settings = [
    `auto_prepend_file=${prepend}`,
    `session.save_path=${folder}/sessions`,
    'opcache.enable_cli=1',
    'display_errors=0',
  ];
  const child = spawn('php', [...settings.flatMap((each) => ['-d', each]), '-S', '127.0.0.1:0', '-t', PROGRAM], {
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

/** Everything that DokuWiki writes or reads besides its program; returns the file that tells it where that is. */
function writeSite(folder: string): string {
  for (const each of DATA) mkdirSync(join(folder, 'data', each), { recursive: true });
  mkdirSync(join(folder, 'sessions'));
  cpSync(CONFIGURATION, join(folder, 'conf'), { recursive: true, dereference: true });
  const hash = execFileSync('php', ['-r', "echo password_hash('secret-pw', PASSWORD_BCRYPT, ['cost' => 4]);"], {
    encoding: 'utf8',
  });
  const files: Readonly<Record<string, string>> = {
    'conf/local.php': `<?php
$conf['title'] = 'Test Wiki';
$conf['useacl'] = 1;
$conf['superuser'] = '@admin';
$conf['savedir'] = '${folder}/data';
`,
    'conf/users.auth.php': `alice:${hash}:Alice Tester:alice@example.test:admin,user\n`,
    'conf/acl.auth.php': '*\t@ALL\t1\n*\t@user\t8\n',
    'prepend.php': `<?php define('DOKU_MAIN_CONF', '${folder}/conf/'); define('DOKU_CONF', '${folder}/conf/');\n`,
    'data/pages/start.txt': '====== Start ======\nWelcome. See the [[second]] page.\n',
    'data/pages/second.txt': '====== Second ======\nBack to [[start]].\n',
  };
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  return join(folder, 'prepend.php');
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
