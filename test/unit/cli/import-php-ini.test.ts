import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { importPhpIniCommand } from '../../../src/cli/import-php-ini.ts';
import { convertPhpSettings } from '../../../src/cli/php-conversion.ts';
import { isOn, readPhpSettings } from '../../../src/cli/php-settings.ts';
import { parseConfig } from '../../../src/config/load.ts';
import { compileRoutes } from '../../../src/policy/routes.ts';
import { captureIo } from '../../support/capture-io.ts';

const convert = (text: string): string => convertPhpSettings(readPhpSettings(text, 'php.ini'), 'http://127.0.0.1:8000');
const policyOf = (text: string, host = 'h', path = '/') =>
  compileRoutes(parseConfig(convert(text), 'c.yaml')).match(host, path).policy;

describe('php settings: reading', () => {
  it('an INI file: values, quotes, comments, sections', () => {
    const { settings, unread } = readPhpSettings(
      `\u{FEFF}[PHP]
; a comment
session.name = "MY;ID" ; behind
session.use_trans_sid=1;no blank
session.save_path = 'a b'
session.cookie_domain =
arg_separator.output = "&amp;"
url_rewriter.tags = "a=\\"x\\\\y\\""
this is nothing
[HOST=Shop.Example]
session.use_trans_sid = 0
[PATH=/var/www]
session.name = OTHER
`,
      'php.ini',
    );
    expect(settings.map(({ name, value, line, scope }) => [name, value, line, scope.host])).to.deep.equal([
      ['session.name', 'MY;ID', 3, null],
      ['session.use_trans_sid', '1', 4, null],
      ['session.save_path', 'a b', 5, null],
      ['session.cookie_domain', '', 6, null],
      ['arg_separator.output', '&amp;', 7, null],
      ['url_rewriter.tags', 'a="x\\y"', 8, null],
      ['session.use_trans_sid', '0', 11, 'shop.example'],
    ]);
    expect(unread.map(({ line, text, reason }) => [line, text, reason])).to.deep.equal([
      [9, 'this is nothing', 'not a setting'],
      [12, '[PATH=/var/www]', 'a folder of the server is no path of a URL'],
      [13, 'session.name = OTHER', 'holds for a folder of the server only'],
    ]);
  });

  it('an Apache configuration: hosts, locations, continued lines, conditions', () => {
    const { settings, unread } = readPhpSettings(
      `Listen 80
php_value session.name "FOO"
<VirtualHost *:80>
  php_admin_flag session.use_trans_sid \\
    on
  ServerName https://WWW.Example.org:8443
  <IfModule mod_php.c>
    <Location "/shop/">
      php_value session.trans_sid_hosts "a.example, b.example"
      php_flag
    </Location>
  </IfModule>
  <Directory /var/www>
    php_value session.name BAR
  </Directory>
</VirtualHost>
PHP_Value session.gc_maxlifetime 600
`,
      'a.conf',
    );
    expect(settings.map(({ name, value, line, scope }) => [name, value, line, scope.host, scope.path])).to.deep.equal([
      ['session.name', 'FOO', 2, null, null],
      ['session.use_trans_sid', 'on', 4, 'www.example.org', null],
      ['session.trans_sid_hosts', 'a.example, b.example', 9, 'www.example.org', '/shop/'],
      ['session.gc_maxlifetime', '600', 17, null, null],
    ]);
    expect(unread.map(({ line, text }) => [line, text])).to.deep.equal([
      [10, 'php_flag'],
      [14, 'php_value session.name BAR'],
    ]);
  });

  it('an Apache configuration: a condition is called by what no route can be for', () => {
    const text = `<Directory /var/www>
  <IfModule mod_php.c>
    php_value session.name FOO
  </IfModule>
</Directory>
`;
    const { unread } = readPhpSettings(text, 'a.conf');
    expect(unread.map(({ line, reason }) => [line, reason])).to.deep.equal([[3, 'holds within <directory> only']]);
  });

  it('an Apache configuration: what names other files, and what was meant for PHP', () => {
    const { settings, unread } = readPhpSettings(
      `php_value session.name FOO
Include x.conf
<IfModule mod_php.c>
  includeoptional conf.d/*.conf
  PHPIniDir /etc/php
</IfModule>
php_valu session.name typo
IncludeNothing here
RewriteEngine on
`,
      'a.conf',
    );
    expect(settings).to.have.length(1);
    expect(unread.map(({ line, text, reason }) => [line, text, reason])).to.deep.equal([
      [2, 'Include x.conf', 'another file: import it too'],
      [4, 'includeoptional conf.d/*.conf', 'another file: import it too'],
      [5, 'PHPIniDir /etc/php', 'where php.ini is: import that file too'],
      [7, 'php_valu session.name typo', 'not a setting'],
    ]);
  });

  it('a pool of PHP-FPM', () => {
    const { settings, unread } = readPhpSettings(
      `[www]
listen = /run/php.sock
php_admin_value[session.use_trans_sid] = 1
php_value[session.name] = "POOL"
php_flag[session.use_only_cookies] = off
php_admin_flag[session.use_cookies]=on ; behind
env[PATH] = /bin
`,
      'www.conf',
    );
    expect(settings.map(({ name, value, line }) => [name, value, line])).to.deep.equal([
      ['listen', '/run/php.sock', 2],
      ['session.use_trans_sid', '1', 3],
      ['session.name', 'POOL', 4],
      ['session.use_only_cookies', 'off', 5],
      ['session.use_cookies', 'on', 6],
      ['env[PATH]', '/bin', 7],
    ]);
    expect(unread).to.deep.equal([]);
  });

  it('lines of both kinds in one file', () => {
    const { settings, unread } = readPhpSettings(
      `session.use_trans_sid = 1
php_value session.name MIXED
session.save_path = C:\\tmp\\
nonsense nonsense
[HOST=a.example]
php_flag session.use_cookies off
[PATH=/x]
session.name = OTHER
`,
      'php.ini',
    );
    expect(settings.map(({ name, value, line, scope }) => [name, value, line, scope.host])).to.deep.equal([
      ['session.use_trans_sid', '1', 1, null],
      ['session.name', 'MIXED', 2, null],
      ['session.save_path', 'C:\\tmp\\', 3, null],
      ['session.use_cookies', 'off', 6, 'a.example'],
    ]);
    expect(unread.map(({ line, reason }) => [line, reason])).to.deep.equal([
      [4, 'not a setting'],
      [7, 'a folder of the server is no path of a URL'],
      [8, 'holds for a folder of the server only'],
    ]);
  });

  for (const [value, want] of [
    ['1', true],
    ['On', true],
    ['yes', true],
    ['TRUE', true],
    ['2', true],
    ['0', false],
    ['Off', false],
    ['', false],
    ['none', false],
    ['x', false],
  ] as const) {
    it(`${JSON.stringify(value)} is ${want}`, () => expect(isOn(value)).to.equal(want));
  }
});

describe('transid import-php-ini: what PHP did, the proxy does', () => {
  it('trans-sid as in PHP 8', () => {
    const policy = policyOf(`session.name = MYID
session.use_trans_sid = 1
session.use_only_cookies = Off
session.trans_sid_tags = "a=href,frame=src, area=href,fieldset=,broken"
session.trans_sid_hosts = "Shop.example,b.example:80"
url_rewriter.tags = "form=,a=href"
arg_separator.output = "&amp;"
session.cookie_path = /shop
`);
    expect(policy).to.deep.include({
      useCookies: true,
      useOnlyCookies: false,
      useTransSid: true,
      rewriter: 'php',
      forms: 'field',
      argSeparator: '&amp;',
      scopePath: '/shop',
    });
    expect(policy.session).to.deep.include({ mode: 'mirror', name: 'MYID', cookie: 'MYID' });
    expect([...policy.transSidTags.keys()]).to.deep.equal(['a', 'frame']);
    expect([...policy.transSidHosts]).to.deep.equal(['shop.example']);
    expect([...policy.urlRewriterTags.keys()]).to.deep.equal(['form', 'a']);
  });

  it('no setting at all: the defaults of PHP', () => {
    const policy = policyOf('');
    expect(policy).to.deep.include({ useCookies: true, useOnlyCookies: true, useTransSid: false, argSeparator: '&' });
    expect(policy.session).to.deep.include({ mode: 'mirror', name: 'PHPSESSID', cookie: 'PHPSESSID' });
    expect([...policy.transSidTags.keys()]).to.deep.equal(['a', 'area', 'frame', 'form']);
  });

  it('says what to set where PHP put no SID into URLs', () => {
    const told = 'These put no SID into URLs. To have them set use_trans_sid to true and use_only_cookies to false.';
    expect(convert('session.use_only_cookies = 0\n')).to.include(told);
    expect(convert('session.use_trans_sid = 1\nsession.use_only_cookies = 0\n')).to.not.include('no SID into URLs');
  });

  it('use_trans_sid alone did nothing, and does nothing', () => {
    const text = 'session.use_trans_sid = 1\n';
    expect(policyOf(text)).to.deep.include({ useOnlyCookies: true, useTransSid: true });
    expect(convert(text)).to.include('PHP put no SID into URLs: use_only_cookies kept it from it');
  });

  it('hosts and locations become routes, the more special one first', () => {
    const text = `php_flag session.use_only_cookies on
<VirtualHost *>
ServerName a.example
php_flag session.use_trans_sid on
<Location /shop>
php_flag session.use_only_cookies off
php_value session.name SHOP
</Location>
</VirtualHost>
`;
    expect(policyOf(text, 'a.example', '/shop/x')).to.deep.include({ useTransSid: true, useOnlyCookies: false });
    expect(policyOf(text, 'a.example', '/shop/x').session).to.deep.include({ name: 'SHOP', cookie: 'SHOP' });
    expect(policyOf(text, 'a.example', '/shopping')).to.deep.include({ useTransSid: true, useOnlyCookies: true });
    expect(policyOf(text, 'b.example', '/shop')).to.deep.include({ useTransSid: false, useOnlyCookies: true });
  });

  it('a name that no parameter can have stays the name of the cookie', () => {
    expect(policyOf('session.name = "1.x"').session).to.deep.include({ name: '_1-2ex', cookie: '1.x' });
    // Another host's sessions are not called so, too.
    const text = 'session.use_only_cookies = 0\n[HOST=a.example]\nsession.name = 1.y\n';
    expect(policyOf(text, 'a.example', '/').session).to.deep.include({ name: '_1-2ey', cookie: '1.y' });
    expect(policyOf(text, 'b.example', '/').session).to.deep.include({ name: 'PHPSESSID', cookie: 'PHPSESSID' });
  });

  it('a name that PHP does not take leaves the one from before', () => {
    for (const name of ['1', '"1.5"', '1e5', 'on', 'none']) {
      const session = policyOf(`session.name = ${name}\n`).session;
      expect(session, name).to.deep.include({ name: 'PHPSESSID', cookie: 'PHPSESSID' });
    }
    const text = 'session.name = A\n[HOST=a.example]\nsession.name = 12\nsession.use_cookies = 0\n';
    expect(policyOf(text, 'a.example', '/').session).to.deep.include({ name: 'A', cookie: 'A' });
    expect(convert(text)).to.include('# PHP: session.name (php.ini:3): PHP does not take 12');
  });

  it('a tag with a blank before it is none, as for PHP, and is told', () => {
    const yaml = convert('session.trans_sid_tags = "a=href, area=href"\n');
    expect(yaml).to.match(/trans_sid_tags: "a=href".*area=href/);
  });

  it('a path that ends in a comma is a pattern', () => {
    const text = '<Location "/list,">\nphp_value session.use_cookies 0\n</Location>\n';
    expect(policyOf(text, 'a.example', '/list,/x')).to.deep.include({ useCookies: false });
  });

  it('a path with what a pattern cannot have stands for any there', () => {
    const text = '<Location "/{id}">\nphp_value session.use_cookies 0\n</Location>\n';
    expect(policyOf(text, 'a.example', '/{id}/x')).to.deep.include({ useCookies: false });
  });

  it('says of a key where it comes from', () => {
    const yaml = convert('[PHP]\nsession.name = A\n');
    expect(yaml).to.include('name: A # PHP: session.name (php.ini:2)\n');
    expect(yaml).to.include('# PHP: session.trans_sid_tags (its default)\n');
    expect(convert('')).to.include('name: PHPSESSID # PHP: session.name (its default)\n');
  });

  it('says of the rest where it is now', () => {
    const yaml = convert(`session.save_handler = redis
session.use_strict_mode = 0
session.referer_check = example.org
session.gc_maxlifetime = 600
session.no_such_thing = 1
session.trans_sid_hosts = "a.example, b:80"
memory_limit = 1G
nonsense nonsense
`);
    for (const want of [
      'session.save_handler = redis (php.ini:1): stays in PHP: mirror mode stores nothing',
      "session.use_strict_mode = 0 (php.ini:2): set it to 1 in PHP, or anybody can choose the ID of a victim's session",
      'session.referer_check = example.org (php.ini:3): a SID from a foreign page is never honoured here',
      'session.gc_maxlifetime = 600 (php.ini:4): stays in PHP. In jar mode: session.idle_timeout: 600s',
      'session.no_such_thing = 1 (php.ini:5): not known',
      'left out, PHP did nothing with it: b:80',
      '# accept_from: [https://…] # the origins of these hosts: without it no SID from their pages is honoured\n',
      'php.ini:7: memory_limit',
      'php.ini:8: nonsense nonsense (not a setting)',
    ]) {
      expect(yaml).to.include(want);
    }
  });
});

describe('transid import-php-ini: what it does not say', () => {
  for (const [what, text, shown] of [
    [
      'the query of a path',
      'session.save_path = "tcp://h:6379?auth=HUNTER2&x=1"',
      'session.save_path = tcp://h:6379?***',
    ],
    [
      'a list',
      'session.save_path = "tcp://u:HUNTER2@a:1, b:2?auth[]=HUNTER2"',
      'session.save_path = tcp://***@a:1, b:2?***',
    ],
    ['a user without scheme', 'session.save_path = "u:HUNTER2@h:11211"', 'session.save_path = ***@h:11211'],
    ['a name that sounds so', 'session.my_secret = HUNTER2', 'session.my_secret = ***'],
    [
      'a line that was not taken over',
      '[PATH=/x]\nsession.save_path = tcp://h?auth=HUNTER2',
      'session.save_path = tcp://h?auth=***',
    ],
    ['a host that is none', 'session.trans_sid_hosts = "http://u:HUNTER2@h"', 'nothing with it: http://***@h'],
  ] as const) {
    it(`a secret in ${what}`, () => {
      expect(convert(text)).to.include(shown).and.to.not.include('HUNTER2');
    });
  }
});

describe('transid import-php-ini: properties', () => {
  const names = fc.constantFrom(
    'session.name',
    'session.use_cookies',
    'session.use_only_cookies',
    'session.use_trans_sid',
    'session.trans_sid_tags',
    'session.trans_sid_hosts',
    'session.cookie_path',
    'session.gc_maxlifetime',
    'session.referer_check',
    'session.use_strict_mode',
    'session.save_path',
    'session.x',
    'url_rewriter.tags',
    'url_rewriter.hosts',
    'arg_separator.output',
    'arg_separator.input',
    'memory_limit',
    'extension',
  );
  const value = fc.oneof(
    fc.constantFrom(
      '1',
      '0',
      'On',
      'Off',
      '',
      '"a=href"',
      '"a.example, b"',
      '/shop',
      '/',
      "'x'",
      '"#: {}[]"',
      '"\\"',
      'a # b',
      'null',
      '*',
      '&x',
      '-',
      '? y',
      '"a\u2028b"',
    ),
    fc.string({ unit: 'binary', maxLength: 30 }).map((text) => text.replace(/[\r\n]/g, '')),
  );
  const line = fc.oneof(
    { weight: 8, arbitrary: fc.tuple(names, value).map(([name, text]) => `${name} = ${text}`) },
    { weight: 1, arbitrary: fc.string({ maxLength: 40 }).map((text) => text.replace(/[\r\n]/g, '')) },
    { weight: 1, arbitrary: fc.constantFrom('[HOST=a.example]', '[PATH=/x]', '[PHP]', '; comment') },
  );

  it('whatever the settings say, the result loads, and no setting is lost', function () {
    this.timeout(60_000);
    fc.assert(
      fc.property(fc.array(line, { maxLength: 12 }), (lines) => {
        const yaml = convert(lines.join('\n'));
        expect(() => parseConfig(yaml, 'c.yaml'), yaml).to.not.throw();
        const { settings, unread } = readPhpSettings(lines.join('\n'), 'php.ini');
        // Of repeated settings the last one counts in PHP too: the earlier ones are not lost but overridden.
        const last = new Map(
          settings.map((setting) => [`${setting.scope.host} ${setting.scope.path} ${setting.name}`, setting]),
        );
        for (const { name, line: at } of last.values()) {
          const isPlainPath = name === 'session.cookie_path';
          if (!isPlainPath) expect(yaml, `${name} of line ${at}`).to.match(new RegExp(`php\\.ini:${at}\\b`));
        }
        for (const { line: at } of unread) expect(yaml).to.include(`php.ini:${at}: `);
      }),
      { numRuns: 400 },
    );
  });
});

describe('transid import-php-ini: the command', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'transid-import-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('takes several files, the last one counts', async () => {
    writeFileSync(join(folder, 'php.ini'), 'session.name = A\nsession.use_trans_sid = 1\n');
    writeFileSync(join(folder, '.user.ini'), 'session.name = B\n');
    const { io, out } = captureIo();
    expect(
      await importPhpIniCommand(
        ['--upstream', 'http://php:9000', join(folder, 'php.ini'), join(folder, '.user.ini')],
        io,
      ),
    ).to.equal(0);
    const config = parseConfig(out(), 'c.yaml');
    expect(config.upstream.url).to.equal('http://php:9000');
    expect(config.session.name).to.equal('B');
    expect(config.defaults.useTransSid).to.equal(true);
  });

  it('takes a file in any charset', async () => {
    writeFileSync(join(folder, 'php.ini'), Buffer.from('; f\xfcr uns\nsession.name = A\n', 'latin1'));
    const { io, out } = captureIo();
    expect(await importPhpIniCommand([join(folder, 'php.ini')], io)).to.equal(0);
    expect(parseConfig(out(), 'c.yaml').session.name).to.equal('A');
  });

  it('takes a file of any length', async () => {
    const { io, out } = captureIo(`${'x\n'.repeat(200_000)}session.name = LAST\n`);
    expect(await importPhpIniCommand(['-'], io)).to.equal(0);
    expect(out()).to.include('name: LAST ');
  }).timeout(60_000);

  it('reads standard input', async () => {
    const { io, out } = captureIo('session.name = FROMSTDIN\n');
    expect(await importPhpIniCommand(['-'], io)).to.equal(0);
    expect(parseConfig(out(), 'c.yaml').session.name).to.equal('FROMSTDIN');
  });

  for (const url of ['foo', 'http://php/path', 'ftp://php']) {
    it(`refuses --upstream ${url}, which no configuration may have`, async () => {
      const { io, out, err } = captureIo('session.name = A\n');
      expect(await importPhpIniCommand(['--upstream', url, '-'], io)).to.equal(2);
      expect(out()).to.equal('');
      expect(err()).to.match(/^transid import-php-ini: --upstream: not the URL of a server: [^\n]*\n\nUsage/);
    });
  }

  it('a file that is not there', async () => {
    const { io, err } = captureIo();
    expect(await importPhpIniCommand([join(folder, 'none')], io)).to.equal(1);
    expect(err()).to.include('there is no such file');
  });

  for (const [argv, fault] of [
    [[], 'a FILE is needed'],
    [['--nothing', 'x'], "Unknown option '--nothing'"],
  ] as const) {
    it(`wrong usage: ${JSON.stringify(argv)}`, async () => {
      const { io, err } = captureIo();
      expect(await importPhpIniCommand([...argv], io)).to.equal(2);
      expect(err()).to.include(`transid import-php-ini: ${fault}\n\nUsage`);
    });
  }
});
