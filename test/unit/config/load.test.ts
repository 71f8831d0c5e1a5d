import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { expect } from 'chai';
import type { RedisStoreConfig } from '../../../src/config/config.ts';
import {
  configFromUpstream,
  loadConfigFile,
  parseConfig,
  parseServedConfig,
  readConfig,
} from '../../../src/config/load.ts';
import { ConfigError, problemLine } from '../../../src/config/problems.ts';

const BASE = 'upstream: http://127.0.0.1:8000\n';
const problemsOf = (text: string, file = 'c.yaml'): string[] => readConfig(text, file).problems.map(problemLine);

describe('config: what loads', () => {
  it('three lines', () => {
    const config = parseConfig(
      `listen: 0.0.0.0:8080
upstream: http://127.0.0.1:8000
routes: [{ path: /admin/**, use_only_cookies: true }, { path: /**, use_trans_sid: true }]`,
      'c.yaml',
    );
    expect(config.listen).to.deep.equal({ host: '0.0.0.0', port: 8080, tls: null });
    expect(config.upstream.url).to.equal('http://127.0.0.1:8000');
    expect(config.routes.map((route) => [route.path, route.useOnlyCookies, route.useTransSid])).to.deep.equal([
      [['/admin/**'], true, undefined],
      [['/**'], undefined, true],
    ]);
  });

  it('the bounds and waits of the security page are the defaults', () => {
    const config = parseConfig(BASE, 'c.yaml');
    expect(config.timeouts).to.deep.equal({
      clientHeaderMs: 15_000,
      clientBodyMs: 30_000,
      clientSendMs: 30_000,
      keepAliveMs: 60_000,
      tunnelMs: 3_600_000,
      drainMs: 30_000,
    });
    expect(config.upstream).to.deep.equal({
      url: 'http://127.0.0.1:8000',
      timeoutMs: 30_000,
      connectTimeoutMs: 3_000,
      idleTimeoutMs: 30_000,
      keepAliveMs: 5_000,
      idleConnections: 256,
      preserveHost: true,
      tls: { verify: true, ca: null, serverName: null },
    });
    expect(config.limits).to.deep.equal({
      targetBytes: 8192,
      headerBytes: 16_384,
      fields: 200,
      bodyBytes: 8_388_608,
      bodyRateBytes: 512,
      connections: 10_000,
      connectionsPerAddress: 200,
      requestsPerConnection: 1000,
      http2Streams: 100,
      formPeekBytes: 1_048_576,
      responseHeaderBytes: 65_536,
      maxSessions: 100_000,
      storeBytes: 134_217_728,
      mintPerMinute: 60,
    });
  });

  for (const [text, ms] of [
    ['500ms', 500],
    ['30s', 30_000],
    ['24m', 1_440_000],
    ['8h', 28_800_000],
    ['2d', 172_800_000],
  ] as const) {
    it(`${text} is ${ms} ms`, () => {
      expect(parseConfig(`${BASE}timeouts: { drain: ${text} }`, 'c.yaml').timeouts.drainMs).to.equal(ms);
    });
  }

  for (const [text, bytes] of [
    ['512B', 512],
    ['64KiB', 65_536],
    ['8MiB', 8_388_608],
    ['2GiB', 2_147_483_648],
  ] as const) {
    it(`${text} is ${bytes} bytes`, () => {
      expect(parseConfig(`${BASE}limits: { body: ${text} }`, 'c.yaml').limits.bodyBytes).to.equal(bytes);
    });
  }

  it('a variable is the text that stands there, whatever YAML makes of it', () => {
    const yaml = '{ v: 1.10, agent: 007, id: 12345678901234567890, x: 0x1F, on: TRUE, n: &n 2, m: *n, q: "1.0" }';
    const config = parseConfig(
      `${BASE}routes: [{ rewrite_vars: ${yaml} }]\ndefaults: { rewrite_vars: { e: 1e3 } }`,
      'c',
    );
    const want = {
      v: '1.10',
      agent: '007',
      id: '12345678901234567890',
      x: '0x1F',
      on: 'TRUE',
      n: '2',
      m: '2',
      q: '1.0',
    };
    expect(config.routes[0]?.rewriteVars).to.deep.equal(Object.entries(want));
    expect(config.defaults.rewriteVars).to.deep.equal([['e', '1e3']]);
  });

  for (const [text, host, port] of [
    ['127.0.0.1:80', '127.0.0.1', 80],
    ['"[::1]:0"', '::1', 0],
    ['localhost:8080', 'localhost', 8080],
    ['"*:8080"', '::', 8080],
  ] as const) {
    it(`listens on ${text}`, () => {
      expect(parseConfig(`${BASE}listen: ${text}`, 'c.yaml').listen).to.deep.equal({ host, port, tls: null });
    });
  }

  it('from a URL alone', () => {
    const config = configFromUpstream('http://app:8000');
    expect(config.listen).to.deep.equal({ host: '127.0.0.1', port: 8080, tls: null });
    expect(config.routes.map((route) => [route.path, route.useTransSid])).to.deep.equal([[['/**'], true]]);
    expect(config.store.kind).to.equal('memory');
    expect(configFromUpstream('http://app:8000', '[::1]:0').listen).to.deep.equal({ host: '::1', port: 0, tls: null });
    expect(() => configFromUpstream('app:8000')).to.throw(ConfigError);
  });

  it('without a store: memory for a library, files for `transid serve`', () => {
    expect(parseConfig(BASE, '/etc/transid/c.yaml').store).to.deep.equal({ kind: 'memory' });
    expect(parseServedConfig(BASE, '/etc/transid/c.yaml').store).to.deep.equal({
      kind: 'lmdb',
      path: '/etc/transid/data',
    });
    expect(parseServedConfig(`${BASE}store: { kind: memory }`, 'c.yaml').store).to.deep.equal({ kind: 'memory' });
    expect(parseServedConfig(`${BASE}workers: 2`, 'c.yaml').workers).to.equal(2);
    process.env['STATE_DIRECTORY'] = '/var/lib/transid:/var/lib/other';
    try {
      expect(parseServedConfig(BASE, '/etc/transid/c.yaml').store).to.deep.equal({
        kind: 'lmdb',
        path: '/var/lib/transid',
      });
    } finally {
      delete process.env['STATE_DIRECTORY'];
    }
  });

  it('is frozen through and through', () => {
    const config = parseConfig(`${BASE}routes: [{ path: /a, session: { bind: [] } }]`, 'c.yaml');
    expect(Object.isFrozen(config)).to.equal(true);
    expect(Object.isFrozen(config.routes[0]?.session?.bind)).to.equal(true);
    expect(Object.isFrozen(config.defaults.ignoreCookies)).to.equal(true);
  });
});

describe('config: what is told', () => {
  it('all problems at once, each with its place and what was meant', () => {
    const text = `listen: 127.0.0.1:99999
upstream: { url: http://x:1/foo, timeuot: 60s, tls: { ca_file: /nowhere/ca.pem } }
sesion: {}
use_trans_sid: true
session: { mode: mirorr, idle_timeout: 30, cookies: foo, bind: [ua] }
store: { kind: lmbd }
routes:
  - path: admin
    use_trans_sidd: true
  - session.use_trans_sid: true
    host: 3
    trans_sid_tags: "a,b"
    trans_sid_hosts: "ok.example, a b"
    rewrite_vars: { a: [1] }
    useCookies: false
  - accept_from: [https://*.lms.example]
`;
    expect(problemsOf(text)).to.deep.equal([
      'c.yaml:1:9: listen: not an address: write host:port, such as 127.0.0.1:8080, [::1]:8080 or *:8080',
      'c.yaml:2:18: upstream.url: not the URL of a server: write http:// or https://, a host and maybe a port, without path, query, user or wildcard',
      'c.yaml:2:34: upstream.timeuot: unknown key "timeuot" (did you mean "timeout"?)',
      'c.yaml:2:64: upstream.tls.ca_file: cannot be read: there is no such file',
      'c.yaml:3:1: sesion: unknown key "sesion" (did you mean "session"?)',
      'c.yaml:4:1: use_trans_sid: unknown key "use_trans_sid" (this key belongs under "routes" or "defaults")',
      'c.yaml:5:18: session.mode: must be jar or mirror (did you mean "mirror"?)',
      'c.yaml:5:40: session.idle_timeout: a time with its unit is needed, such as 500ms, 30s, 24m, 8h or 2d',
      'c.yaml:5:53: session.cookies: a list is needed',
      'c.yaml:5:65: session.bind[0]: must be user-agent or network',
      'c.yaml:6:16: store.kind: the store needs `kind: memory`, `kind: lmdb` or `kind: redis` (did you mean "lmdb"?)',
      'c.yaml:8:11: routes[0].path: not a path pattern: it starts with / and may hold * and **, such as /admin/**; a blank is %20, several are a list',
      'c.yaml:9:5: routes[0].use_trans_sidd: unknown key "use_trans_sidd" (did you mean "use_trans_sid"?)',
      'c.yaml:10:5: routes[1].session.use_trans_sid: unknown key "session.use_trans_sid" (did you mean "use_trans_sid"?)',
      'c.yaml:11:11: routes[1].host: a text is needed',
      'c.yaml:12:21: routes[1].trans_sid_tags: not a list of tags: write tag=attribute pairs with commas, such as "a=href,area=href,form="',
      'c.yaml:13:22: routes[1].trans_sid_hosts: not a host: a b',
      'c.yaml:14:24: routes[1].rewrite_vars.a: a text is needed',
      'c.yaml:15:5: routes[1].useCookies: unknown key "useCookies" (did you mean "use_cookies"?)',
      'c.yaml:16:19: routes[2].accept_from[0]: not the URL of a server: write http:// or https://, a host and maybe a port, without path, query, user or wildcard',
    ]);
  });

  for (const [what, text, want] of [
    ['nothing at all', '', ['c.yaml:1:1: upstream: is missing']],
    ['a list', '- a', ['c.yaml:1:1: a map of keys and values is needed']],
    ['broken YAML', 'upstream: [', [/^c\.yaml:1:12: Flow sequence/]],
    [
      'an alias that leads nowhere',
      `${BASE}routes: &r []\ndefaults: { rewrite_vars: *x }`,
      [/^c\.yaml:3:27: Unresolved alias/],
    ],
    [
      'a pattern that YAML takes for one',
      `${BASE}routes:\n  - host: *.example.org`,
      [/^c\.yaml:3:11: Unresolved alias .* \(a text that begins with \* needs quotes: "\*\.example\.org"\)$/],
    ],
    ['an unknown tag', 'upstream: !secret http://a:1\nworkers: 0', ['c.yaml:1:11: unknown tag !secret']],
    ['several documents', `${BASE}---\nworkers: 1`, ['c.yaml:2:1: one document only: a second one begins here']],
    [
      'a number that no integer holds',
      `${BASE}limits: { fields: 1e99 }`,
      ['c.yaml:2:19: limits.fields: a whole number from 16 to 1000 is needed'],
    ],
    ['a key twice', `${BASE}workers: 1\nworkers: 2`, [/^c\.yaml:3:1: .*unique/]],
    [
      'nothing where something is needed',
      `${BASE}routes: [{ path: [], rewrite_vars: { "": a } }]\nsession: { rotation: { on: [] } }\nstore: { kind: redis, url: "redis://h", username: "", key_prefix: ${'x'.repeat(65)} }`,
      [
        'c.yaml:2:18: routes[0].path: a list of at least one is needed',
        'c.yaml:2:38: routes[0].rewrite_vars.: must not be empty',
        'c.yaml:3:28: session.rotation.on: a list of at least one is needed',
        'c.yaml:4:51: store.username: must not be empty',
        'c.yaml:4:67: store.key_prefix: at most 64 characters are possible',
      ],
    ],
    [
      'a list where a text is needed',
      'upstream: { url: "http://a", tls: { server_name: [] } }',
      ['c.yaml:1:50: upstream.tls.server_name: a text is needed'],
    ],
    [
      'a map or a list in whose place a text may stand',
      `${BASE}session: { rotation: { on: [a b] } }\nroutes:\n  - simulate: { as: no-cookeis, script: ja }`,
      [
        /^c\.yaml:2:29: session\.rotation\.on\[0\]: not a cookie name/,
        'c.yaml:4:21: routes[0].simulate.as: must be no-cookies, session-only or block-third-party (did you mean "no-cookies"?)',
        'c.yaml:4:41: routes[0].simulate.script: true or false is needed',
      ],
    ],
    [
      'a text in whose place a list or a map may stand',
      `${BASE}session: { rotation: { on: PHPSESSID } }\nroutes: [{ simulate: yes }]`,
      [
        'c.yaml:2:28: session.rotation.on: must be auto, never or a list',
        'c.yaml:3:22: routes[0].simulate: must be no-cookies, session-only, block-third-party or a map of keys and values',
      ],
    ],
    ...['https://app.test', 'app.test:443', '"a b"', 'straße.test', '"[::1]"'].map(
      (name) =>
        [
          `a name that no certificate has: ${name}`,
          `upstream: { url: "https://a", tls: { server_name: ${name} } }`,
          [/^c\.yaml:1:51: upstream\.tls\.server_name: not a host name: such as app\.example\.org, without/],
        ] as const,
    ),
    ...['app.test', 'app.test.', 'my_app', '127.0.0.1', '"::1"'].map(
      (name) => [`the name ${name}`, `upstream: { url: "https://a", tls: { server_name: ${name} } }`, []] as const,
    ),
    ['no name', 'upstream: { url: "https://a", tls: { server_name: "" } }', [/server_name: must not be empty$/]],
    ['an empty value', `${BASE}routes:`, ['c.yaml:2:8: routes: a list is needed']],
    ['no unit', `${BASE}limits: { body: 8MB }`, [/^c\.yaml:2:17: limits\.body: not a size/]],
    ['too small', `${BASE}limits: { target: 1B }`, [/at least 256 bytes/]],
    ['no time', `${BASE}timeouts: { drain: 0s }`, [/above 0/]],
    ['more than a timer holds', `${BASE}timeouts: { drain: 30d }`, [/at most 24d/]],
    ['a number out of range', `${BASE}workers: 1.5`, [/whole number from 1 to 256/]],
    [
      'a network',
      `${BASE}trusted_proxies: [10.0.0.0/33, x]`,
      [/trusted_proxies\[0\]: not a network/, /trusted_proxies\[1\]: not a network/],
    ],
    [
      'origins that no URL has',
      `${BASE}routes: [{ trans_sid_hosts: ["https://a.test:99999"], url_rewriter_hosts: "b.test, http://1.2.3.999" }]`,
      [/trans_sid_hosts\[0\]: not a host/, /url_rewriter_hosts: not a host: http:\/\/1\.2\.3\.999/],
    ],
    [
      'hosts that no request has',
      `${BASE}routes: [{ host: [a.test, "*.1.2.3.999", "1.2.3.999", "[1:2]"] }]`,
      [/routes\[0\]\.host\[2\]: not a host pattern/, /routes\[0\]\.host\[3\]: not a host pattern/],
    ],
    ['an address like a number', `${BASE}listen: 1.2.3:80`, [/not an address/]],
    ['a user in the upstream', 'upstream: http://u:p@h:1', [/not the URL of a server/]],
    ...['redis://h:99999', 'redis://h:port', 'redis://:1', 'redis:///1', 'redis://h/db'].map(
      (url) => [`no Redis at ${url}`, `${BASE}store: { kind: redis, url: "${url}" }`, [/not a Redis URL/]] as const,
    ),
    ['a password in the URL', `${BASE}store: { kind: redis, url: "redis://u:p@h:1" }`, [/the password by file/]],
    [
      'mirror without cookie',
      `${BASE}session: { mode: mirror }`,
      [/^c\.yaml:2:18: session\.mode: mirror mode needs `cookie`/],
    ],
    [
      'mirror in a route without cookie',
      `${BASE}routes: [{ path: /, session: { mode: mirror } }]`,
      [/routes\[0\]\.session\.mode: mirror mode needs/],
    ],
    [
      'a signature without key',
      `${BASE}session: { mode: mirror, cookie: A, sign: true }`,
      [/sign: needs `session\.sign_key_file`/],
    ],
    [
      'one name for SIDs of two kinds',
      `${BASE}routes: [{ path: /f/**, use_trans_sid: true, session: { mode: mirror, cookie: A } }, { use_trans_sid: true }]`,
      [/routes\[1\]\.session: "_sid" stands for IDs of our own here and for the application's cookie A above/],
    ],
    [
      'one name for two cookies',
      `${BASE}session: { mode: mirror, cookie: A }\nroutes: [{ path: /f/**, use_trans_sid: true, session: { cookie: B } }, { use_trans_sid: true }]`,
      [/"_sid" stands for the application's cookie A here and for the application's cookie B above/],
    ],
    [
      'one name on a host that a pattern takes, too',
      `${BASE}routes:\n  - { host: "*.A.test", path: /php/**, use_trans_sid: true, session: { mode: mirror, cookie: A } }\n  - { host: b.a.test, use_trans_sid: true }`,
      [/^c\.yaml:4:5: routes\[1\]\.session: "_sid" stands for IDs of our own here/],
    ],
    [
      'one name on different hosts',
      `${BASE}routes: [{ host: a.test, path: /f/**, use_trans_sid: true, session: { mode: mirror, cookie: A } }, { host: b.test, use_trans_sid: true }]`,
      [],
    ],
    [
      'one name behind what takes everything: no request comes there',
      `${BASE}routes: [{ use_trans_sid: true, session: { mode: mirror, cookie: A } }, { path: /f/**, use_trans_sid: true }]\ndefaults: { use_trans_sid: true }`,
      [],
    ],
    [
      'one name behind what takes everything of one host, on that host',
      `${BASE}routes: [{ host: a.test, use_trans_sid: true, session: { mode: mirror, cookie: A } }, { use_trans_sid: true }]`,
      [],
    ],
    ['patterns in one text', `${BASE}routes: [{ path: "/a/**, /b/**" }]`, [/several are a list/]],
    ['patterns in one text, close', `${BASE}routes: [{ path: "/a/**,/b/**" }]`, [/write several as a list/]],
    ['alternatives in braces', `${BASE}routes: [{ path: "/{a,b}/**" }]`, [/\{ means nothing in one.*a list/]],
    ['a set of characters', `${BASE}routes: [{ path: "/[ab]/**" }]`, [/\[ means nothing in one/]],
    ['alternatives', `${BASE}routes: [{ path: "/a|/b" }]`, [/\| means nothing in one/]],
    ['two stars in a name', `${BASE}routes: [{ path: /admin** }]`, [/\*\* stands by itself/]],
    ['a coded slash', `${BASE}routes: [{ path: /a%2fb }]`, [/%2F and %5C have no place/]],
    ['a signature in jar mode', `${BASE}session: { sign: true }`, [/only `mode: mirror` signs/, /needs/]],
    ['an order of times', `${BASE}session: { idle_timeout: 9h }`, [/must not be shorter/]],
    ['workers without a common store', `${BASE}workers: 2`, [/more than one worker needs a store/]],
    ['redis nowhere', `${BASE}store: { kind: redis }`, [/one of `url`, `sentinels` and `cluster`/]],
    [
      'a node of a Cluster with no port that there is',
      `${BASE}store: { kind: redis, cluster: ["a:65536"] }`,
      [/store\.cluster.*write host:port/],
    ],
    ['redis twice', `${BASE}store: { kind: redis, url: "redis://a:1", cluster: ["a:1"] }`, [/one of/]],
    [
      'a variable that is not set',
      `${BASE}store: { kind: redis, url: "redis://a:1", password_env: NO_SUCH_NAME }`,
      [/NO_SUCH_NAME is not set/],
    ],
    [
      'tls without a key',
      `${BASE}listen: { address: "0.0.0.0:1", tls: { cert: /nowhere } }`,
      [/tls\.key_file: is missing/, /tls\.cert: cannot be read/],
    ],
    [
      'a name of a prototype',
      `${BASE}__proto__: 1\nconstructor: 2`,
      [/unknown key "__proto__"/, /unknown key "constructor"/],
    ],
  ] as const) {
    it(what, () => {
      const told = problemsOf(text);
      expect(told, told.join('\n')).to.have.length(want.length);
      for (const [index, one] of want.entries()) {
        if (typeof one === 'string') expect(told[index]).to.equal(one);
        else
          expect(
            told.some((line) => one.test(line)),
            `${one} in ${told.join('\n')}`,
          ).to.equal(true);
      }
    });
  }

  it('as an error of ours with the code CONFIG_INVALID', () => {
    const error = caught(() => parseConfig('workers: 0', 'c.yaml'));
    expect(error.code).to.equal('CONFIG_INVALID');
    expect(error.problems).to.have.length(2);
    expect(error.report()).to.equal(error.problems.map(problemLine).join('\n'));
  });

  it('a file that is not there', () => {
    expect(caught(() => loadConfigFile('/nowhere/transid.yaml')).report()).to.equal(
      '/nowhere/transid.yaml:1:1: cannot be read: there is no such file',
    );
  });
});

describe('config: secrets and files', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'transid-config-'));
  });
  afterEach(() => {
    delete process.env['TRANSID_TEST_SECRET'];
    rmSync(folder, { recursive: true });
  });

  const redisOf = (yaml: string): RedisStoreConfig =>
    parseConfig(`${BASE}store: { kind: redis, url: "redis://a:1", ${yaml} }`, join(folder, 'c.yaml'))
      .store as RedisStoreConfig;

  it('come by file, relative to the configuration', () => {
    writeFileSync(join(folder, 'password'), 'hunter2 \n');
    const store = redisOf('password_file: password');
    expect(store.password?.reveal()).to.equal('hunter2 ');
    expect(store).to.not.have.any.keys('passwordFile', 'passwordEnv', 'caFile');
  });

  it('come by environment', () => {
    process.env['TRANSID_TEST_SECRET'] = 'hunter2';
    expect(redisOf('password_env: TRANSID_TEST_SECRET').password?.reveal()).to.equal('hunter2');
  });

  it('are told apart: one for the server, one for its sentinels', () => {
    process.env['TRANSID_TEST_SECRET'] = 'hunter2';
    writeFileSync(join(folder, 'password'), 'sentry\n');
    const store = redisOf('password_env: TRANSID_TEST_SECRET, sentinel_password_file: password');
    expect(store.password?.reveal()).to.equal('hunter2');
    expect(store.sentinelPassword?.reveal()).to.equal('sentry');
    expect(store).to.not.have.any.keys('sentinelPasswordFile', 'sentinelPasswordEnv');
    expect(redisOf('sentinel_password_env: TRANSID_TEST_SECRET').password).to.equal(null);
  });

  it('are not given twice', () => {
    writeFileSync(join(folder, 'password'), 'a');
    process.env['TRANSID_TEST_SECRET'] = 'b';
    for (const keys of [
      'password_file: password, password_env: TRANSID_TEST_SECRET',
      'sentinel_password_file: password, sentinel_password_env: TRANSID_TEST_SECRET',
    ]) {
      expect(() => redisOf(keys))
        .to.throw(ConfigError)
        .with.property('detail')
        .that.includes('given twice');
    }
  });

  it('are not printed', () => {
    process.env['TRANSID_TEST_SECRET'] = 'x'.repeat(40);
    const config = parseConfig(
      `${BASE}session: { mode: mirror, cookie: A, sign: true, sign_key_env: TRANSID_TEST_SECRET }`,
      'c.yaml',
    );
    expect(config.signKey?.reveal()).to.equal('x'.repeat(40));
    for (const print of [
      String(config.signKey),
      JSON.stringify(config),
      inspect(config, { depth: 9, showHidden: true }),
    ]) {
      expect(print).to.not.include('xxxx');
    }
  });

  it('a short key is refused', () => {
    writeFileSync(join(folder, 'key'), 'short\n');
    const told = problemsOf(
      `${BASE}session: { mode: mirror, cookie: A, sign: true, sign_key_file: key }`,
      join(folder, 'c.yaml'),
    );
    expect(told.join()).to.include('at least 32 characters');
  });

  it('the database is relative to the configuration', () => {
    const { store } = parseConfig(`${BASE}store: { kind: lmdb, path: ./data }`, join(folder, 'c.yaml'));
    expect(store).to.deep.include({ kind: 'lmdb', path: join(folder, 'data') });
  });
});

function caught(run: () => unknown): ConfigError {
  try {
    run();
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
