/** Debian's phpLiteAdmin, one PHP file, with a database `shop` of one table `goods`; the password is `secret-pw`. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type PhpApplication, startPhpApplication } from './php-application.ts';

const PROGRAM = '/usr/share/phpliteadmin';

export function startPhpLiteAdmin(): Promise<PhpApplication> {
  return startPhpApplication('phpliteadmin', (folder) => {
    const [root, databases] = [join(folder, 'www'), join(folder, 'databases')];
    mkdirSync(root);
    mkdirSync(databases);
    cpSync(join(PROGRAM, 'phpliteadmin.php'), join(root, 'phpliteadmin.php'), { dereference: true });
    symlinkSync(join(PROGRAM, 'languages'), join(root, 'languages'));
    writeFileSync(
      join(root, 'phpliteadmin.config.php'),
      `<?php $password = 'secret-pw'; $directory = '${databases}';\n`,
    );
    const make = `$d = new PDO('sqlite:${databases}/shop.sqlite'); $d->exec("CREATE TABLE goods(id INTEGER PRIMARY KEY, name TEXT); INSERT INTO goods(name) VALUES ('apple'), ('pear')");`;
    execFileSync('php', ['-r', make]);
    return { root };
  });
}
