import { expect } from 'chai';
import { convertPhpSettings } from '../../../src/cli/php-conversion.ts';
import { readPhpSettings } from '../../../src/cli/php-settings.ts';
import { parseConfig } from '../../../src/config/load.ts';
import { compileRoutes } from '../../../src/policy/routes.ts';

const convert = (text: string): string => convertPhpSettings(readPhpSettings(text, 'a.conf'), 'http://127.0.0.1:8000');
const policyOf = (text: string, host: string, path: string) =>
  compileRoutes(parseConfig(convert(text), 'c.yaml')).match(host, path).policy;

const OPEN = 'php_value session.use_trans_sid 1\nphp_value session.use_only_cookies 0\n';

describe('php settings: what holds where', () => {
  it('a <Location> within another has the settings of both', () => {
    const text = `${OPEN}<Location /shop>
php_flag session.use_only_cookies on
</Location>
<Location /shop/cart/>
php_value session.name CART
</Location>
`;
    expect(policyOf(text, 'h', '/shop/cart/1')).to.deep.include({ useOnlyCookies: true });
    expect(policyOf(text, 'h', '/shop/cart/1').session.name).to.equal('CART');
    expect(policyOf(text, 'h', '/shopping').useOnlyCookies).to.equal(false);
  });

  it('the last <Location> counts, however long it is', () => {
    const text = `<Location /shop/cart>
php_value session.name CART
</Location>
<Location /shop>
php_value session.name SHOP
</Location>
`;
    expect(policyOf(text, 'h', '/shop/cart').session.name).to.equal('SHOP');
  });

  it('a <Location> of all hosts leaves a host its own settings', () => {
    const text = `${OPEN}<VirtualHost *>
ServerName admin.example
php_flag session.use_only_cookies on
</VirtualHost>
<Location /shop>
php_value session.name SHOP
</Location>
`;
    expect(policyOf(text, 'admin.example', '/shop/x')).to.deep.include({ useOnlyCookies: true });
    expect(policyOf(text, 'admin.example', '/shop/x').session.name).to.equal('SHOP');
    expect(policyOf(text, 'h', '/shop/x')).to.deep.include({ useOnlyCookies: false });
  });

  for (const [path, below] of [
    ['/a b', '/a%20b/c'],
    ['/a  b#', '/a%20%20b%23/c'],
    ['/a%2f%2Fb', '/axb/c'],
    ['/a,/b', '/a,/b/c'],
  ] as const) {
    it(`<Location "${path}"> is a pattern`, () => {
      const text = `<Location "${path}">\nphp_value session.name A\n</Location>\n`;
      expect(policyOf(text, 'h', below).session.name).to.equal('A');
    });
  }

  it('all names of a host', () => {
    const text = `${OPEN}<VirtualHost *>
php_flag session.use_only_cookies on
ServerName a.example
ServerAlias WWW.a.example "*.b.example"
ServerAlias c?.example
</VirtualHost>
<VirtualHost *>
ServerAlias d.example
php_flag session.use_only_cookies on
</VirtualHost>
`;
    for (const host of ['a.example', 'www.a.example', 'x.b.example', 'c1.example', 'd.example'])
      expect(policyOf(text, host, '/').useOnlyCookies, host).to.equal(true);
    expect(policyOf(text, 'e.example', '/').useOnlyCookies).to.equal(false);
  });

  it('php_admin_… counts before all others, wherever it stands', () => {
    const text = `php_admin_value session.use_only_cookies 1
<VirtualHost *>
ServerName a.example
php_value session.use_only_cookies 0
php_value session.use_trans_sid 1
php_admin_value session.name FIXED
<Location /x>
php_value session.name OTHER
php_admin_value session.use_only_cookies 0
</Location>
</VirtualHost>
php_value session.use_only_cookies 0
`;
    expect(policyOf(text, 'b.example', '/').useOnlyCookies).to.equal(true);
    expect(policyOf(text, 'a.example', '/')).to.deep.include({ useOnlyCookies: true, useTransSid: true });
    expect(policyOf(text, 'a.example', '/x').useOnlyCookies).to.equal(false);
    expect(policyOf(text, 'a.example', '/x').session.name).to.equal('FIXED');
  });

  for (const section of ['[HOST=a.example]', '[HOST = a.example]', '[host a.example/]', '[HOST=  A.example ]']) {
    it(`${section} is for that host alone`, () => {
      const text = `${section}\nsession.use_trans_sid = 1\nsession.use_only_cookies = 0\n`;
      expect(policyOf(text, 'a.example', '/').useOnlyCookies).to.equal(false);
      expect(policyOf(text, 'b.example', '/').useOnlyCookies).to.equal(true);
    });
  }

  for (const section of ['[PATH=/x]', '[PATH = /x]', '[path /x]']) {
    it(`${section} is for a folder`, () => {
      const yaml = convert(`${section}\nsession.name = X\n`);
      expect(yaml).to.include('a.conf:2: session.name = X (holds for a folder of the server only)');
    });
  }

  for (const [what, text, refused] of [
    ['an address that is none', '[HOST=10.0.0.256]\nsession.name = X\n', '(holds for 10.0.0.256: no host'],
    ['a section', '[HOST=a b]\nsession.name = X\n', 'a.conf:2: session.name = X (holds for a b: no host'],
    [
      'a ServerName',
      '<VirtualHost *>\nServerName a@b\nphp_value session.name X\n</VirtualHost>\n',
      'a.conf:3: php_value session.name X (holds for a@b: no host',
    ],
    [
      'a ServerAlias',
      '<VirtualHost *>\nServerName a\nServerAlias b @c\nphp_value session.name Y\n</VirtualHost>\n',
      'a.conf:3: ServerAlias b @c (holds for @c: no host',
    ],
  ] as const) {
    it(`${what} that no route can name is told`, () => {
      expect(convert(text)).to.include(refused);
      expect(policyOf(text, 'b', '/').session.name).to.equal(what === 'a ServerAlias' ? 'Y' : 'PHPSESSID');
    });
  }

  it('what PHP-FPM includes is another file', () => {
    const yaml = convert('[global]\ninclude=/etc/php/8.2/fpm/pool.d/*.conf\n');
    expect(yaml).to.include('a.conf:2: include=/etc/php/8.2/fpm/pool.d/*.conf (another file: import it too)');
  });

  it('of the pools of one file the first', () => {
    const yaml = convert(`[global]
pid = /run/fpm.pid
[www]
php_value[session.name] = WWW
[legacy]
php_admin_value[session.use_trans_sid] = 1
`);
    expect(yaml).to.include('name: WWW ').and.to.include('use_trans_sid: false ');
    expect(yaml).to.include('(of another pool: import each pool by itself)');
  });
});

describe('php settings: values that are not taken over', () => {
  for (const [line, reason] of [
    // biome-ignore lint/suspicious/noTemplateCurlyInString: PHP's own.
    ['session.use_only_cookies = ${ONLY}', 'PHP takes ${ONLY} from its environment: write its value'],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: PHP's own.
    ['session.name = "A${B}"', 'PHP takes ${B} from its environment: write its value'],
    ['session.use_only_cookies = !0', 'no plain text for PHP: write it in one pair of quotes'],
    ['session.trans_sid_tags = a=href,area=href', 'no plain text for PHP: write it in one pair of quotes'],
    ['session.use_only_cookies', 'without = and a value, PHP does nothing with it'],
    ['session.name = A$', 'no plain text for PHP: write it in one pair of quotes'],
    ['session.name = "A" "B"', 'no plain text for PHP: write it in one pair of quotes'],
    ['session.name = "A', 'its quote is never closed'],
    ['php_value[session.name] = SESS_$pool', 'PHP-FPM puts the name of the pool in: write it'],
    ['php_flag session.use_only_cookies yes', 'mod_php takes yes for Off: write On or Off'],
    ['[Session] session.name = A', 'what stands behind the ] needs a line of its own'],
  ] as const) {
    it(line, () => {
      const yaml = convert(`${line}\n`);
      expect(yaml).to.include(`a.conf:1: ${line} (${reason})`);
      expect(yaml).to.include('name: PHPSESSID ').and.to.include('use_only_cookies: true ');
    });
  }

  it('are not told of settings that stay in PHP', () => {
    expect(convert('error_reporting = E_ALL & ~E_STRICT\n')).to.include('a.conf:1: error_reporting\n');
  });
});
