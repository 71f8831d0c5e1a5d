/**
 * Tests that need a program besides Node say so in their title: `describe('…  [needs php]')`, `[needs php, redis]`.
 *
 * Where a program is missing, its tests are left out before anything of them starts, and a line at the end says which and
 * how many. With CI or TRANSID_REQUIRE_ALL in the environment a missing program is a failure instead. Mocha loads this
 * file before all tests (`require` in .mocharc.json).
 */
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Context, Suite } from 'mocha';

/** What a title may ask for → programs, or files, of which one will do. */
const PROGRAMS: Readonly<Record<string, readonly string[]>> = {
  php: ['php'],
  redis: ['redis-server'],
  chromium: ['chromium', 'chromium-browser', 'google-chrome'],
  nginx: ['nginx'],
  apache: ['apache2', 'httpd'],
  npm: ['npm'],
  dokuwiki: ['/usr/share/dokuwiki/doku.php'],
  fossil: ['fossil'],
  phpliteadmin: ['/usr/share/phpliteadmin/phpliteadmin.php'],
};

const leftOut = new Map<string, number>();

/** Root hooks: mocha runs `beforeAll` before the first hook of any suite. */
export const mochaHooks = {
  beforeAll(this: Context): void {
    const root = this.test?.parent;
    if (root === undefined) throw new Error('mocha gives root hooks no root suite any more');
    prune(root);
    if (leftOut.size > 0 && (process.env['CI'] || process.env['TRANSID_REQUIRE_ALL'])) {
      throw new Error(`missing programs: ${[...leftOut.keys()].join(', ')}`);
    }
  },
};

/** Says at the end what did not run. */
export function mochaGlobalTeardown(): void {
  for (const [need, count] of leftOut) {
    process.stdout.write(`${count} tests were left out: they need ${need}, which is not installed\n`);
  }
}

function prune(suite: Suite): void {
  suite.suites = suite.suites.filter((inner) => {
    const missing = missingFor(inner.title);
    if (missing !== null) leftOut.set(missing, (leftOut.get(missing) ?? 0) + inner.total());
    else prune(inner);
    return missing === null;
  });
  suite.tests = suite.tests.filter((test) => {
    const missing = missingFor(test.title);
    if (missing !== null) leftOut.set(missing, (leftOut.get(missing) ?? 0) + 1);
    return missing === null;
  });
}

/** The first program that a title asks for and that is not there; null when nothing is missing. */
function missingFor(title: string): string | null {
  const needs = /\[needs ([^\]]+)\]/.exec(title)?.[1]?.split(/,\s*/) ?? [];
  for (const need of needs) {
    const programs = PROGRAMS[need];
    if (programs === undefined) throw new Error(`no test can need ${need}: it is not in the table`);
    if (!programs.some(isInstalled)) return need;
  }
  return null;
}

function isInstalled(program: string): boolean {
  if (program.startsWith('/')) return existsSync(program);
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin'];
  return folders.some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
