/** What `import-php-ini` reads out of php.ini, against what PHP itself reads. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { isOn, readPhpSettings } from '../../src/cli/php-settings.ts';

const TEXTS = ['session.name', 'session.trans_sid_tags', 'session.cookie_path', 'arg_separator.output'];
const BOOLEANS = ['session.use_trans_sid', 'session.use_only_cookies', 'session.use_cookies'];

const FILES: readonly string[] = [
  'session.trans_sid_tags = "a=href,\n  area=href,\n  form="\nsession.name = BEHIND',
  "session.trans_sid_tags = 'a=href,\n\narea=href' ; behind\nsession.name = BEHIND",
  'user_agent = "x\nsession.name = NO\n"\nsession.name = BEHIND',
  'session.cookie_path = "C:\\x\\"\nsession.name = BEHIND',
  'session.cookie_path = C:\\x\\\nsession.name = BEHIND',
  'session.name = "a\\"b;c" ; d',
  'session.name = "a\\\\b\\tc\\\'d\\$e"',
  "session.name = 'a;b'",
  'session.name = A B ; C',
  'session.name=A;B',
  'session.name = A"',
  'arg_separator.output = "&amp;"',
  'arg_separator.output = ";"',
  'arg_separator.output = ;',
  'session.use_trans_sid = -1\nsession.use_only_cookies = 00\nsession.use_cookies = 2',
  'session.use_trans_sid = TRUE\nsession.use_only_cookies = None\nsession.use_cookies = "on"',
  'session.use_trans_sid = 1M\nsession.use_only_cookies = " on "\nsession.use_cookies = y',
  'session.name = A\nsession.name\nsession.use_only_cookies ; x\nsession.cookie_path',
  '[HOST = a.example]\nsession.name = A\n[HOST=b.example]\nsession.name = B\n[PATH = /x]\nsession.name = C',
  '[host x]\nsession.name = A\n[Session]\nsession.use_trans_sid = 1',
  '[PATH=/x]\nsession.name = A\n[]\nsession.name = B\n[HOST=]\nsession.name = C',
  '[PHP]\n# session.name = A\n;session.name = B\nSESSION.NAME = C',
];

/** The settings of all hosts that PHP takes from the file; null for one that it does not name. */
function byPhp(file: string): Record<string, string | null> {
  const code = 'echo "\\n@", json_encode(array_map(fn($n) => ($v = get_cfg_var($n)) === false ? null : $v, $argv));';
  const args = ['-c', file, '-r', code, '--', ...TEXTS, ...BOOLEANS];
  const env = { ...process.env, PHP_INI_SCAN_DIR: '' };
  const said = execFileSync('php', args, { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  const [, ...values] = JSON.parse(said.slice(said.lastIndexOf('\n@') + 2)) as Array<string | null>;
  return Object.fromEntries([...TEXTS, ...BOOLEANS].map((name, index) => [name, values[index] ?? null]));
}

/** PHP's own `zend_ini_parse_bool`. */
const isTrue = (value: string): boolean => /^(true|yes|on)$/i.test(value) || (Number.parseInt(value, 10) || 0) !== 0;

describe('import-php-ini against PHP  [needs php]', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'transid-ini-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  for (const text of FILES) {
    it(JSON.stringify(text), () => {
      const file = join(folder, 'php.ini');
      writeFileSync(file, `${text}\n`);
      const read = byPhp(file);
      const { settings } = readPhpSettings(`${text}\n`, 'php.ini');
      const ours = new Map(settings.filter(({ scope }) => scope.host === null).map(({ name, value }) => [name, value]));
      for (const name of TEXTS) expect(ours.get(name) ?? null, name).to.equal(read[name]);
      for (const name of BOOLEANS) {
        const value = read[name] ?? null;
        const own = ours.get(name);
        expect(own === undefined ? null : isOn(own), name).to.equal(value === null ? null : isTrue(value));
      }
    });
  }
});
