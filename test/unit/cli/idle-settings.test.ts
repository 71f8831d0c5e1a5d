import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { warningsOf } from '../../../src/cli/warnings.ts';
import { parseConfig } from '../../../src/config/load.ts';
import { spellPath } from '../../../src/config/problems.ts';
import { CERTIFICATE } from '../../support/tls-pair.ts';

const SAFE = '{ path: /admin/**, use_only_cookies: true }';
const OPEN = '{ path: /**, use_trans_sid: true }';
const BOTH = `routes: [${SAFE}, ${OPEN}]`;
const safe = (keys: string) => `routes: [{ path: /admin/**, use_only_cookies: true, ${keys} }, ${OPEN}]`;
const open = (keys: string) => `routes: [${SAFE}, { path: /**, use_trans_sid: true, ${keys} }]`;

const UNHONOURED = 'this has no effect: no session ID in a URL is honoured here';
const UNMARKED = 'this has no effect: no URL is marked here';
const FOR_MIRROR = 'this has no effect: with `mode: jar` the SID is our own';
const MIRROR = 'mode: mirror, cookie: A';
const OF_APPLICATION =
  'this has no effect: with `mode: mirror` it is the application that ends sessions and changes their IDs';
const NO_HTTPS = 'this has no effect: browsers take such cookies by https only, and no request comes by it';

describe('transid check: keys that do nothing', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'transid-check-'));
    writeFileSync(join(folder, 'ca.pem'), CERTIFICATE.cert);
  });
  after(() => rmSync(folder, { recursive: true }));

  const warn = (yaml: string, upstream = 'http://127.0.0.1:8000'): string[] =>
    warningsOf(parseConfig(`upstream: ${upstream}\n${yaml}`, join(folder, 'c.yaml'))).map(
      ({ path, message }) => `${spellPath(path)}: ${message}`,
    );

  for (const keys of [
    'detect: probe',
    'recover: off',
    'on_store_failure: anonymous',
    'carrier: path-segment',
    'scope_path: /x/',
    'trans_sid_tags: "a=href"',
    'trans_sid_hosts: [a.test]',
  ]) {
    const key = keys.slice(0, keys.indexOf(':'));
    const isOfMarks = /^(carrier|scope_path|trans_sid_tags)/.test(key);
    it(`${key} on a cookie-only route`, () => {
      expect(warn(safe(keys))).to.deep.equal([`routes[0].${key}: ${isOfMarks ? UNMARKED : UNHONOURED}`]);
    });
    it(`… but not in the defaults, which are meant for another route`, () => {
      const told = warn(
        `session: { mode: mirror, cookie: A }\n${BOTH}\ndefaults: { ${keys}, accept_from: ["http://a.test"] }`,
      );
      expect(told).to.deep.equal([]);
    });
    it(`… and not where it is used`, () => {
      const used = open(`${keys}, accept_from: ["http://a.test"]`);
      expect(warn(`session: { mode: mirror, cookie: A }\n${used}`)).to.deep.equal([]);
    });
  }

  it('not accept_from: a page that it names keeps its address', () => {
    expect(warn(safe('accept_from: [https://a.test]'))).to.deep.equal([]);
  });

  for (const [what, yaml, want] of [
    ['the defaults for no route', 'defaults: { carrier: path-segment }', [`defaults.carrier: ${UNMARKED}`]],
    [
      'the defaults, where the one route that could use them has its own',
      `routes: [${SAFE}, { path: /**, use_trans_sid: true, carrier: query }]\ndefaults: { carrier: path-segment }`,
      [`defaults.carrier: ${UNMARKED}`],
    ],
    ['a default that is spelt out', safe('carrier: query, detect: passive, recover: referer'), []],
    [
      'on_url_sid where IDs are honoured',
      open('on_url_sid: reject'),
      ['routes[1].on_url_sid: this has no effect: session IDs in URLs are honoured here'],
    ],
    ['on_url_sid on a cookie-only route', safe('on_url_sid: reject'), []],
    [
      'php_version for the html rewriter',
      open('php_version: "8.4"'),
      ['routes[1].php_version: this has no effect: it is for the `php` rewriter'],
    ],
    ['php_version for the php rewriter', open('php_version: "8.4", rewriter: php'), []],
    [
      'a carrier for the php rewriter',
      open('carrier: path-segment, rewriter: php'),
      ['routes[1].carrier: this has no effect: the `php` rewriter writes into the query, as PHP'],
    ],
    ['a carrier for the html rewriter', open('carrier: path-segment'), []],
    [
      'a script for nobody',
      open('simulate: { script: true }'),
      ['routes[1].simulate.script: this has no effect: no client is simulated'],
    ],
    [
      'a script for somebody',
      open('simulate: { script: true, by_field: true }'),
      ['routes[1].simulate: clients are treated as if they had restricted cookies'],
    ],
    [
      'partitioned cookies without https',
      open('cookies: { partitioned: true }'),
      [`routes[1].cookies.partitioned: ${NO_HTTPS}`],
    ],
    [
      '… by the defaults',
      `${BOTH}\ndefaults: { cookies: { partitioned: true } }`,
      [`defaults.cookies.partitioned: ${NO_HTTPS}`],
    ],
    ['… behind a TLS proxy', `trusted_proxies: [10.0.0.0/8]\n${open('cookies: { partitioned: true }')}`, []],
    ['a cookie in jar mode', `session: { cookie: A }\n${BOTH}`, [`session.cookie: ${FOR_MIRROR}`]],
    ['… for a route that mirrors', `session: { cookie: A }\n${open('session: { mode: mirror }')}`, []],
    ['… on a route', open('session: { cookie: A }'), [`routes[1].session.cookie: ${FOR_MIRROR}`]],
    ['… in the defaults', `${BOTH}\ndefaults: { session: { cookie: A } }`, [`defaults.session.cookie: ${FOR_MIRROR}`]],
    [
      '… in the defaults, for a route that mirrors',
      `${open('session: { mode: mirror }')}\ndefaults: { session: { cookie: A } }`,
      [],
    ],
    [
      'lifetimes, rotation and binding in mirror mode',
      `session: { ${MIRROR}, idle_timeout: 1h, absolute_timeout: 2h, unproven_timeout: 1m, bind: [network], rotation: { on: never, old_sid: follow } }\n${BOTH}`,
      [
        ...['idle_timeout', 'absolute_timeout', 'unproven_timeout', 'rotation.on', 'rotation.old_sid'].map(
          (key) => `session.${key}: ${OF_APPLICATION}`,
        ),
        'session.bind: this has no effect: with `mode: mirror` a SID is bound by its signature alone',
      ],
    ],
    ['… with a signature', `session: { ${MIRROR}, sign: true, sign_key_file: ca.pem, bind: [network] }\n${BOTH}`, []],
    ['… that are the usual ones', `session: { ${MIRROR}, idle_timeout: 24m, bind: [user-agent] }\n${BOTH}`, []],
    [
      '… on a route',
      `session: { ${MIRROR} }\n${open('session: { idle_timeout: 1h }')}`,
      [`routes[1].session.idle_timeout: ${OF_APPLICATION}`],
    ],
    [
      '… for a route with a jar',
      `session: { ${MIRROR}, idle_timeout: 1h }\n${open('session: { mode: jar, name: j }')}`,
      [],
    ],
    ['redis by URL', 'store: { kind: redis, url: "redis://a:1" }', []],
    [
      'the name of a server that no sentinel is asked for',
      'store: { kind: redis, url: "redis://a:1", sentinel_name: shop }',
      ['store.sentinel_name: this has no effect: no sentinel is asked'],
    ],
    [
      'the user of sentinels that nobody asks',
      'store: { kind: redis, url: "redis://a:1", sentinel_username: u }',
      ['store.sentinel_username: this has no effect: no sentinel is asked'],
    ],
    ['… that a sentinel is asked for', 'store: { kind: redis, sentinels: ["a:1"], sentinel_name: shop }', []],
    [
      'authorities for redis without TLS',
      'store: { kind: redis, url: "redis://a:1", ca_file: ca.pem }',
      ['store.ca_file: this has no effect: Redis is spoken to without TLS'],
    ],
    ['… with TLS', 'store: { kind: redis, url: "rediss://a:1", ca_file: ca.pem }', []],
    ['… with TLS by `tls`', 'store: { kind: redis, url: "redis://a:1", tls: true, ca_file: ca.pem }', []],
  ] as const) {
    it(what, () => expect(warn(yaml)).to.deep.equal(want));
  }

  for (const tls of ['verify: false', 'ca_file: ca.pem', 'server_name: a']) {
    it(`upstream.tls { ${tls} } with plain http`, () => {
      expect(warn('', `{ url: "http://a:1", tls: { ${tls} } }`)).to.deep.equal([
        'upstream.tls: this has no effect: the upstream speaks plain http',
      ]);
    });
  }
});
