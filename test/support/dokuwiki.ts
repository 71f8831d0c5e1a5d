/**
 * Debian's DokuWiki with configuration and pages of its own: two pages, and the user alice with the password `secret-pw`,
 * who may edit.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type PhpApplication, startPhpApplication } from './php-application.ts';

/** Where Debian's package puts the program and its configuration. */
const PROGRAM = '/usr/share/dokuwiki';
const CONFIGURATION = '/etc/dokuwiki';
const DATA = ['attic', 'cache', 'index', 'locks', 'log', 'media', 'media_attic', 'media_meta', 'meta', 'pages', 'tmp'];

export function startDokuWiki(): Promise<PhpApplication> {
  return startPhpApplication('dokuwiki', (folder) => ({
    root: PROGRAM,
    ini: { auto_prepend_file: writeSite(folder) },
  }));
}

/** Everything that DokuWiki writes or reads besides its program; returns the file that tells it where that is. */
function writeSite(folder: string): string {
  for (const each of DATA) mkdirSync(join(folder, 'data', each), { recursive: true });
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
