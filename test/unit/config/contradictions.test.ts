import { expect } from 'chai';
import { collide, leadsTo } from '../../../src/config/addresses.ts';
import { readConfig } from '../../../src/config/load.ts';
import { problemLine } from '../../../src/config/problems.ts';

const BASE = 'upstream: http://127.0.0.1:8000\n';
const problemsOf = (text: string): string[] => readConfig(text, 'c.yaml').problems.map(problemLine);

describe('config: contradictions beside keys that do not parse', () => {
  it('are told with them, of all keys that parse', () => {
    expect(
      problemsOf(`listen: 8080
upstream: http://127.0.0.1:8000
workers: 2
store: { kind: memory }
session: { mode: mirror }
routes: [{ path: admin }]
`),
    ).to.deep.equal([
      'c.yaml:1:9: listen: not an address: write host:port, such as 127.0.0.1:8080, [::1]:8080 or *:8080',
      'c.yaml:3:10: workers: more than one worker needs a store that they share: `kind: lmdb` or `kind: redis`',
      'c.yaml:5:18: session.mode: mirror mode needs `cookie`: the cookie of the application that is the SID',
      'c.yaml:6:18: routes[0].path: not a path pattern: it starts with / and may hold * and **, such as /admin/**; a blank is %20, several are a list',
    ]);
  });

  for (const [what, text, want] of [
    ['a store that does not parse is none', 'workers: 2\nstore: { kind: memry }', ['store.kind']],
    ['no store is the default one', 'workers: 2\nlimits: 3', ['limits', 'workers']],
    ['a session that does not parse', 'session: { mode: mirror, cookie: "a b" }', ['session.cookie']],
    [
      'a cookie that a route has not',
      'session: { cookie: 3 }\nroutes: [{ session: { mode: mirror } }]',
      ['session.cookie'],
    ],
    [
      'a route beside one that does not parse',
      'routes: [{ path: x }, { session: { mode: mirror } }]',
      ['routes[0].path', 'routes[1].session.mode'],
    ],
    [
      'names of SIDs, of which a route that does not parse may have another',
      'routes: [{ path: x }, { path: /f, use_trans_sid: true, session: { mode: mirror, cookie: A } }, { use_trans_sid: true }]',
      ['routes[0].path'],
    ],
    [
      'mirror mode without cookie is no other meaning of a name',
      'session: { mode: mirror }\nroutes: [{ path: /x, use_trans_sid: true, session: { mode: jar } }, { use_trans_sid: true }]',
      ['session.mode'],
    ],
    ['an unknown key', 'workers: 2\nwokers: 2', ['workers', 'wokers']],
  ] as const) {
    it(what, () => {
      const { problems } = readConfig(`${BASE}${text}`, 'c.yaml');
      expect(problems.map(({ path }) => path)).to.have.members(want);
    });
  }

  it('a key file that cannot be read is told once', () => {
    const told = problemsOf(`${BASE}session: { mode: mirror, cookie: A, sign: true, sign_key_file: /nowhere/key }\n`);
    expect(told).to.deep.equal(['c.yaml:2:64: session.sign_key_file: cannot be read: there is no such file']);
  });
});

describe('config: variables that are called as the SID is', () => {
  const told = (at: string) => [
    `c.yaml:${at}: "_sid" is the name of the SID, too: give the variable or \`session\` another one`,
  ];

  it('where links carry both', () => {
    const routes = 'routes: [{ path: /**, use_trans_sid: true, rewrite_vars: { _sid: a } }]\n';
    expect(problemsOf(BASE + routes)).to.deep.equal(told('2:58: routes[0].rewrite_vars'));
    const defaults = 'defaults: { use_trans_sid: true, rewrite_vars: { _sid: a } }\nroutes: [{ path: /a/** }]\n';
    expect(problemsOf(BASE + defaults)).to.deep.equal(told('2:48: defaults.rewrite_vars'));
    const inherited =
      'defaults: { rewrite_vars: { _sid: a } }\nroutes: [{ path: /a/**, use_trans_sid: true }, { path: /b/**, use_trans_sid: true }]\n';
    expect(problemsOf(BASE + inherited)).to.deep.equal(told('2:27: defaults.rewrite_vars'));
    const renamed = 'session: { name: id }\ndefaults: { use_trans_sid: true, rewrite_vars: { _sid: a } }\n';
    const route = 'routes: [{ path: /a/**, session: { name: _sid } }]\n';
    expect(problemsOf(BASE + renamed + route)).to.deep.equal(told('4:42: routes[0].session.name'));
  });

  it('not where no SID is taken, or none is called so', () => {
    expect(problemsOf(`${BASE}routes: [{ path: /**, rewrite_vars: { _sid: a } }]\n`)).to.deep.equal([]);
    const renamed = 'session: { name: id }\nroutes: [{ path: /**, use_trans_sid: true, rewrite_vars: { _sid: a } }]\n';
    expect(problemsOf(BASE + renamed)).to.deep.equal([]);
  });
});

describe('config: addresses that collide', () => {
  it('admin on that of listen', () => {
    expect(problemsOf(`listen: "*:8080"\nadmin: 127.0.0.1:8080\n${BASE}`)).to.deep.equal([
      'c.yaml:2:8: admin: this address is that of `listen`: give one of them another port',
    ]);
  });

  for (const [a, b, want] of [
    ['127.0.0.1', '127.0.0.1', true],
    ['127.0.0.1', '127.0.0.2', false],
    ['0.0.0.0', '127.0.0.1', true],
    ['0.0.0.0', '::1', false],
    ['::', '127.0.0.1', true],
    ['::', '0.0.0.0', true],
    ['::1', '0:0:0:0:0:0:0:1', true],
    ['localhost', '127.0.0.1', true],
    ['localhost', '::1', true],
    ['LocalHost', '0.0.0.0', true],
    ['localhost', '10.0.0.1', false],
    ['App.test', 'app.test', true],
    ['app.test', '::', true],
    ['app.test', '0.0.0.0', false],
  ] as const) {
    it(`${a} and ${b}: ${want}`, () => {
      const one = { host: a, port: 8080 };
      expect(collide(one, { host: b, port: 8080 })).to.equal(want);
      expect(collide({ host: b, port: 8080 }, one)).to.equal(want);
      expect(collide(one, { host: b, port: 8081 }), 'another port').to.equal(false);
      expect(collide({ host: a, port: 0 }, { host: b, port: 0 }), 'a free port').to.equal(false);
    });
  }

  for (const [url, host, port, want] of [
    ['http://127.0.0.1:8080', '127.0.0.1', 8080, true],
    ['http://127.0.0.1:8081', '127.0.0.1', 8080, false],
    ['http://127.0.0.1:8080', '0.0.0.0', 8080, true],
    ['http://127.0.0.1:8080', '::', 8080, true],
    ['http://[::1]:8080', '0.0.0.0', 8080, false],
    ['http://[::1]:8080', '::', 8080, true],
    ['http://localhost:8080', '127.0.0.1', 8080, true],
    ['http://0.0.0.0:8080', '127.0.0.1', 8080, true],
    ['http://127.0.0.1', '0.0.0.0', 80, true],
    ['https://127.0.0.1', '0.0.0.0', 443, true],
    ['http://app:8080', '0.0.0.0', 8080, false],
    ['http://10.0.0.1:8080', '::', 8080, false],
    ['http://10.0.0.1:8080', '10.0.0.1', 8080, true],
    ['http://127.0.0.1:8080', '127.0.0.1', 0, false],
  ] as const) {
    it(`${url} leads to ${host}, port ${port}: ${want}`, () => {
      expect(leadsTo(url, { host, port })).to.equal(want);
    });
  }
});
