import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { checkCommand } from '../../../src/cli/check.ts';
import { warningsOf } from '../../../src/cli/warnings.ts';
import { parseConfig } from '../../../src/config/load.ts';
import { spellPath } from '../../../src/config/problems.ts';
import { captureIo } from '../../support/capture-io.ts';

describe('transid check', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'transid-check-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const check = async (yaml: string, ...flags: string[]) => {
    const file = join(folder, 'c.yaml');
    writeFileSync(file, yaml);
    const { io, out, err } = captureIo();
    const code = await checkCommand([...flags, file], io);
    return { code, out: out().replaceAll(`${folder}/`, ''), err: err() };
  };

  it('shows every problem with its line, a caret and what was meant', async () => {
    const { code, out } = await check(`upstream: http://127.0.0.1:8000
routes:
  - path: /**
    use_trans_sidd: true
    carrier: "cookie"
session: { idle_timeout: 30 }
`);
    expect(out).to.equal(`c.yaml:4:5: error: routes[0].use_trans_sidd: unknown key "use_trans_sidd"
4 |     use_trans_sidd: true
  |     ^^^^^^^^^^^^^^ did you mean "use_trans_sid"?

c.yaml:5:14: error: routes[0].carrier: must be query, path-parameter or path-segment
5 |     carrier: "cookie"
  |              ^^^^^^^^

c.yaml:6:26: error: session.idle_timeout: a time with its unit is needed, such as 500ms, 30s, 24m, 8h or 2d
6 | session: { idle_timeout: 30 }
  |                          ^^

c.yaml: 3 problems
`);
    expect(code).to.equal(1);
  });

  it('a file without fault', async () => {
    expect(await check('upstream: http://127.0.0.1:8000\n')).to.deep.equal({
      code: 0,
      out: 'c.yaml: no problems\n',
      err: '',
    });
  });

  it('the example has no problems and no warnings', async () => {
    const { io, out } = captureIo();
    expect(await checkCommand(['--strict', 'config/example.yaml'], io)).to.equal(0);
    expect(out()).to.equal('config/example.yaml: no problems\n');
  });

  it('warnings leave the file usable, unless --strict', async () => {
    const yaml = 'listen: 0.0.0.0:8080\nupstream: http://127.0.0.1:8000\nroutes: [{ path: /x, use_trans_sid: true }]\n';
    const loose = await check(yaml);
    expect(loose.code).to.equal(0);
    expect(loose.out).to.match(
      /^c\.yaml:1:9: warning: listen: session IDs travel in URLs over plain http\n1 \| listen: 0\.0\.0\.0:8080\n {2}\| {9}\^+ serve https/,
    );
    expect(loose.out).to.match(/c\.yaml: 1 warning\n$/);
    expect((await check(yaml, '--strict')).code).to.equal(1);
  });

  it('keeps the caret under its character behind tabs', async () => {
    const { out } = await check('upstream:\t3\n');
    expect(out).to.include('1 | upstream:\t3\n  |          \t^');
  });

  for (const [what, yaml, shown] of [
    [
      'in a URL',
      'upstream: http://a\nstore: { kind: redis, url: "redis://user:HUNTER2@h:6379" }\n',
      '2 | store: { kind: redis, url: "redis://***@h:6379" }\n  |                            ^^^^^^^^^^^^^^^^^^^^\n',
    ],
    [
      'under a key that does not exist',
      'upstream: http://a\nstore:\n  kind: redis\n  url: redis://h:1\n  password: HUNTER2\n',
      '5 |   password: ***\n  |   ^^^^^^^^ ',
    ],
    ['in YAML that does not parse', 'upstream: http://a\nstore:\n  kind: redis\n  password HUNTER2\n', 'password ***'],
    ['as a key', 'upstream: {http://u:HUNTER2@h}\n', 'unknown key "http://***@h"'],
    ['on a line of its own', 'upstream: http://a\ndefaults:\n  rewrite_vars:\n    token:\n      - HUNTER2\n', '***'],
  ] as const) {
    it(`shows no secret ${what}`, async () => {
      const { code, out } = await check(yaml);
      expect(code).to.equal(1);
      expect(out).to.not.include('HUNTER2');
      expect(out).to.include(shown);
    });
  }

  it('a file that cannot be read', async () => {
    const { io, out } = captureIo();
    expect(await checkCommand([join(folder, 'nothing.yaml')], io)).to.equal(1);
    expect(out()).to.include('nothing.yaml:1:1: cannot be read: there is no such file');
  });

  for (const [what, bytes, place] of [
    ['latin1', Buffer.from('upstream: http://127.0.0.1:9\r\nroutes: [{ path: /caf\xe9/** }]\n', 'latin1'), '2:22'],
    ['UTF-16', Buffer.from('\u{FEFF}upstream: http://127.0.0.1:9\n', 'utf16le'), '1:1'],
    ['UTF-8 that is cut', Buffer.from('# caf\xc3', 'latin1'), '1:6'],
  ] as const) {
    it(`a file in ${what}, whose paths would be others`, async () => {
      writeFileSync(join(folder, 'odd.yaml'), bytes);
      const { io, out } = captureIo();
      expect(await checkCommand([join(folder, 'odd.yaml')], io)).to.equal(1);
      expect(out()).to.include(`odd.yaml:${place}: not UTF-8 from here on`);
    });
  }

  for (const [argv, fault] of [
    [[], 'one FILE is needed, not 0'],
    [['a', 'b'], 'one FILE is needed, not 2'],
    [['--what', 'a'], "Unknown option '--what'"],
    [['--strict=1', 'a'], "Option '--strict' does not take an argument"],
  ] as const) {
    it(`wrong usage: ${JSON.stringify(argv)}`, async () => {
      const { io, out, err } = captureIo();
      expect(await checkCommand([...argv], io)).to.equal(2);
      expect(out()).to.equal('');
      expect(err()).to.include(`transid check: ${fault}\n\nUsage: transid check`);
    });
  }

  it('--help', async () => {
    const { io, out } = captureIo();
    expect(await checkCommand(['--help'], io)).to.equal(0);
    expect(out()).to.match(/^Usage: transid check/);
  });

  for (const path of ['/proc/transid/data', '/proc']) {
    it(`a database below /proc is warned of, by root, too: ${path}`, async () => {
      expect((await check(`upstream: http://a:1\nstore: { kind: lmdb, path: ${path} }\n`)).out).to.include(
        `store.path: ${path} cannot be written`,
      );
    });
  }

  it('a database folder that cannot be written is warned of', async () => {
    if (process.getuid?.() === 0) {
      // Root may write anywhere but below a file.
      writeFileSync(join(folder, 'file'), '');
      expect((await check('upstream: http://a:1\nstore: { kind: lmdb, path: file/data }\n')).out).to.include(
        'cannot be written',
      );
      return;
    }
    mkdirSync(join(folder, 'closed'));
    chmodSync(join(folder, 'closed'), 0o500);
    expect((await check('upstream: http://a:1\nstore: { kind: lmdb, path: closed/data }\n')).out).to.include(
      'cannot be written',
    );
  });
});

describe('transid check: warnings', () => {
  const warn = (yaml: string): string[] =>
    warningsOf(parseConfig(`upstream: http://127.0.0.1:8000\n${yaml}`, '/tmp/c.yaml')).map(
      ({ path, message }) => `${spellPath(path)}: ${message}`,
    );
  const OPEN = '{ path: /**, use_trans_sid: true }';
  const SAFE = '{ path: /admin/**, use_only_cookies: true }';
  /** Any text will do. */
  const KEY_FILE = fileURLToPath(import.meta.url);

  for (const [what, yaml, want] of [
    ['nothing to say', `routes: [${SAFE}, ${OPEN}]`, []],
    [
      'plain http with a proxy named',
      `listen: 0.0.0.0:80\ntrusted_proxies: [10.0.0.0/8]\nroutes: [${SAFE}, ${OPEN}]`,
      [],
    ],
    ['plain http, but no SIDs', 'listen: 0.0.0.0:80', []],
    [
      'plain http',
      `listen: 0.0.0.0:80\nroutes: [${SAFE}, ${OPEN}]`,
      ['listen: session IDs travel in URLs over plain http'],
    ],
    ['admin for all', 'admin: 0.0.0.0:9090', ['admin: metrics and dashboard can be reached from other machines']],
    ['every path open', `routes: [${OPEN}]`, ['routes[0]: session IDs in URLs are honoured on every path']],
    [
      'every path open by the defaults',
      'defaults: { use_trans_sid: true }',
      ['defaults.use_trans_sid: session IDs in URLs are honoured on every path'],
    ],
    [
      '… also where none are put into URLs',
      'defaults: { use_only_cookies: false }',
      ['defaults.use_only_cookies: session IDs in URLs are honoured on every path'],
    ],
    ['… but for a cookie-only route', `routes: [${SAFE}]\ndefaults: { use_trans_sid: true }`, []],
    ['… which no request falls on', 'routes: [{ use_trans_sid: false }]\ndefaults: { use_trans_sid: true }', []],
    [
      'a sensitive path',
      `routes: [{ path: [/x, /shop/admin/**], use_trans_sid: true }]`,
      ['routes[0].path: /shop/admin/** looks sensitive, and a session ID in a URL is honoured there'],
    ],
    ['a path that only sounds so', 'routes: [{ path: /administrators-guide/**, use_trans_sid: true }]', []],
    [
      'dead by a catch-all',
      `routes: [${SAFE}, ${OPEN}, { path: /late/** }]`,
      ['routes[2]: this route can never match: route 2 above takes all that it would'],
    ],
    [
      'dead by a wider path',
      `routes: [{ name: files, path: /files/** }, { path: [/files/a, /files/*/b, /files/x/**] }]`,
      ['routes[1]: this route can never match: route "files" above takes all that it would'],
    ],
    ['alive by another path', `routes: [{ path: /files/** }, { path: [/files/a, /other] }]`, []],
    ['alive by a deeper wildcard', `routes: [{ path: /a/*/c }, { path: /a/**/c }]`, []],
    ['alive by another host', `routes: [{ host: a.test }, { host: b.test }, { path: /x }]`, []],
    [
      'dead by a wider host',
      `routes: [{ host: "*.test" }, { host: a.test }]`,
      ['routes[1]: this route can never match: route 1 above takes all that it would'],
    ],
    [
      'both triples',
      `routes: [{ path: /x, use_trans_sid: true, use_only_cookies: true }]`,
      ['routes[0].use_trans_sid: `use_trans_sid` has no effect beside `use_only_cookies: true`'],
    ],
    [
      'no way for a session',
      `routes: [{ path: /x, use_cookies: false }]`,
      ['routes[0].use_cookies: no client can keep a session here: neither cookies nor URLs may carry it'],
    ],
    [
      'hosts without marks',
      `routes: [{ path: /x, trans_sid_hosts: [a.test] }]`,
      ['routes[0].trans_sid_hosts: this has no effect: no session ID in a URL is honoured here'],
    ],
    [
      'a host without domain',
      `session: { mode: mirror, cookie: A }\nroutes: [{ path: /x, use_trans_sid: true, trans_sid_hosts: [shop, a.test, "localhost:81"], accept_from: ["http://a.test"] }]`,
      ['routes[0].trans_sid_hosts: URLs of shop are never marked: it has no domain'],
    ],
    [
      'a host that is none',
      `session: { mode: mirror, cookie: A }\nroutes: [{ path: /x, use_trans_sid: true, trans_sid_hosts: ["a.test:99999"], accept_from: ["http://a.test"] }]`,
      ['routes[0].trans_sid_hosts: URLs of a.test:99999 are never marked: this is no host that a URL can have'],
    ],
    [
      'hosts that a jar is not for',
      `routes: [{ path: /x, use_trans_sid: true, trans_sid_hosts: [a.test] }]`,
      [
        'routes[0].trans_sid_hosts: the SID is shown to these hosts and opens nothing there: with `mode: jar` a session belongs to one host',
      ],
    ],
    [
      'hosts whose pages may not send a SID back',
      `session: { mode: mirror, cookie: A }\nroutes: [{ path: /x, use_trans_sid: true, trans_sid_hosts: [a.test] }]`,
      ['routes[0].trans_sid_hosts: a SID that comes from pages of these hosts is not honoured here'],
    ],
    [
      '… but for the host itself',
      `session: { mode: mirror, cookie: A }\nroutes: [{ path: /x, host: a.test, use_trans_sid: true, trans_sid_hosts: [a.test] }]`,
      [],
    ],
    [
      '… by the defaults',
      `routes: [${SAFE}, ${OPEN}]\ndefaults: { trans_sid_hosts: [a.test] }`,
      [
        'defaults.trans_sid_hosts: the SID is shown to these hosts and opens nothing there: with `mode: jar` a session belongs to one host',
      ],
    ],
    [
      '… that no route has from there',
      `routes: [${SAFE}, { use_trans_sid: true, trans_sid_hosts: [] }]\ndefaults: { trans_sid_hosts: [a.test] }`,
      ['defaults.trans_sid_hosts: this has no effect: no session ID in a URL is honoured here'],
    ],
    [
      'hosts that a signature is not for',
      `session: { mode: mirror, cookie: A, sign: true, sign_key_file: ${KEY_FILE} }\nroutes: [{ path: /x, use_trans_sid: true, trans_sid_hosts: [a.test] }]`,
      [
        'routes[0].trans_sid_hosts: the SID is shown to these hosts and opens nothing there: with `sign: true` a session belongs to one host',
      ],
    ],
    [
      'a cookie-only path that does not cover what is below',
      `routes: [{ path: [/admin.php, /pay/, /old, /old/**, "/**/*.cgi"], use_only_cookies: true }, ${OPEN}]`,
      [
        'routes[0].path: /admin.php is that path alone: below it (/admin.php/x) a session ID in a URL is honoured',
        'routes[0].path: /pay/ is that path alone: below it (/pay/x) a session ID in a URL is honoured',
        'routes[0].path: /**/*.cgi is that path alone: below it (/**/*.cgi/x) a session ID in a URL is honoured',
      ],
    ],
    ['… where nothing honours a SID', `routes: [{ path: /admin.php, use_only_cookies: true }]`, []],
    [
      'a path that may be read as one of a cookie-only route',
      `routes: [{ path: [/c++/**, "/a;b", "/*;x/*", /b/**, /Товары/*, "/~x/a,b.html"], use_trans_sid: true }]`,
      [
        'routes[0].path: no session ID in a URL is honoured at /c++/**: servers may read it as /c  /q, which is of a cookie-only route',
        'routes[0].path: no session ID in a URL is honoured at /a;b: servers may read it as /a, which is of a cookie-only route',
        'routes[0].path: no session ID in a URL is honoured at /*;x/*: servers may read it as /q/q, which is of a cookie-only route',
      ],
    ],
    ['… whose every reading stays in the route', `routes: [{ path: /c*/**, use_trans_sid: true }]`, []],
    [
      '… by a framework, unless it is named',
      `routes: [{ path: [/pay.*, /pay.php], use_trans_sid: true }, { path: /pay/**, use_only_cookies: true }, ${OPEN}]`,
      [
        'routes[0].path: no session ID in a URL is honoured at /pay.*: servers may read it as /pay, which is of a cookie-only route',
      ],
    ],
    [
      'simulation',
      `routes: [{ path: /x, simulate: no-cookies }]`,
      ['routes[0].simulate: clients are treated as if they had restricted cookies'],
    ],
  ] as const) {
    it(what, () => expect(warn(yaml)).to.deep.equal(want));
  }

  it('an upstream that is the own listener', () => {
    for (const upstream of ['http://localhost:8080', '{ url: "http://127.0.0.1:8080" }']) {
      const config = parseConfig(`listen: "*:8080"\nupstream: ${upstream}`, 'c.yaml');
      expect(warningsOf(config).map(({ path }) => spellPath(path))).to.deep.equal(['upstream.url']);
    }
  });

  it('an upstream that is not verified', () => {
    const config = parseConfig('upstream: { url: https://a.test, tls: { verify: false } }', 'c.yaml');
    expect(warningsOf(config).map(({ path }) => spellPath(path))).to.deep.equal(['upstream.tls.verify']);
  });
});
