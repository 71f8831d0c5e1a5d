import { expect } from 'chai';
import type { NameSet } from '../../../src/policy/route-policy.ts';
import type { RouteTable } from '../../../src/policy/routes.ts';
import { parseTagList } from '../../../src/policy/tag-list.ts';
import { routeTable } from '../../support/route-table.ts';

const labelOf = (table: RouteTable, host: string, path: string): string => table.match(host, path).policy.label;

describe('routes: which route', () => {
  const table = routeTable(`routes:
  - { name: admin, path: [/admin/**, /Intern/*/edit, /Büro/**, /Йод/**], use_only_cookies: true }
  - { name: files, path: /files/**, use_trans_sid: true, body_limit: 64MiB }
  - { name: tenant, host: "*.shop.test", use_trans_sid: true }
  - { name: safe, host: safe.test, path: /**, use_only_cookies: true }
  - { name: rest, path: /**, use_trans_sid: true }
  - { name: never, path: /late/**, use_only_cookies: true }
`);
  for (const [host, path, label] of [
    ['a.test', '/', 'rest'],
    ['a.test', '/files', 'files'],
    ['a.test', '/files/x', 'files'],
    ['a.test', '/Files/x', 'rest'],
    ['a.test', '/filesystem', 'rest'],
    ['a.test', '/admin', 'admin'],
    ['a.test', '/ADMIN/', 'admin'],
    ['a.test', '/administrator', 'rest'],
    ['a.test', '/intern/7/EDIT/', 'admin'],
    ['a.test', '/late/x', 'rest'],
    ['a.test', '/B%C3%BCro', 'admin'],
    ['a.test', '/b%C3%9CRO/x', 'admin'],
    ['a.test', '/b%DCro/x', 'admin'],
    ['a.test', '/%D0%B9%D0%BE%D0%B4', 'admin'],
    ['a.test', '/%D0%99%D0%9E%D0%94/x', 'admin'],
    ['a.test', '/adm%EDn', 'admin'],
    ['a.test', '/m%FCll', 'rest'],
    ['b.shop.test', '/x', 'tenant'],
    ['b.shop.test', '/files/x', 'files'],
    ['b.shop.test', '/admin', 'admin'],
    ['SAFE.test.:8080', '/x', 'safe'],
    ['safe.test', '/files/x', 'files'],
    ['[::1]:8080', '/x', 'rest'],
    ['', '*', 'rest'],
  ] as const) {
    it(`${host}${path} → ${label}`, () => expect(labelOf(table, host, path)).to.equal(label));
  }

  it('any of several hosts and paths, hosts in whatever letters', () => {
    const several = routeTable(`routes:
  - { name: two, host: ["Old.test", "*.New.test."], path: [/a, /b/**], use_trans_sid: true }
  - { name: all, path: [/x, /**] }
  - { name: never, path: /late, use_only_cookies: false }
`);
    for (const [host, path, label] of [
      ['old.test', '/a', 'two'],
      ['OLD.test', '/b/x', 'two'],
      ['www.new.test', '/a', 'two'],
      ['new.test', '/a', 'all'],
      ['old.test', '/c', 'all'],
      ['www.new.test', '/late', 'all'],
    ] as const) {
      expect(labelOf(several, host, path), `${host}${path}`).to.equal(label);
    }
    expect(several.policiesOf('old.test').map((policy) => policy.label)).to.deep.equal(['two', 'all']);
    expect(several.policiesOf('a.test').map((policy) => policy.label)).to.deep.equal(['all']);
  });

  it('an address, however it is spelt', () => {
    const addresses = routeTable(`routes:
  - { name: strict, host: [127.0.0.1, "[2001:0DB8::1]", 10.1.*, 0x7f.2], path: /admin/**, use_only_cookies: true }
  - { name: rest, path: /**, use_trans_sid: true }
`);
    const strict = [
      '127.0.0.1',
      '127.1:80',
      '0x7F.0.0.1',
      '2130706433',
      '0177.0.0.1.',
      '127.0.0.2',
      '10.1.2.3',
      '10.65795',
    ];
    for (const host of [...strict, '[2001:db8::1]', '[2001:db8:0::0:1]:8080', '[2001:DB8::0.0.0.1]']) {
      expect(labelOf(addresses, host, '/admin'), host).to.equal('strict');
    }
    for (const host of ['127.0.0.3', '[2001:db8::2]', '1.2.3.999', 'a.127.0.0.1', '0x7f.1.test', '[:::]']) {
      expect(labelOf(addresses, host, '/admin'), host).to.equal('rest');
    }
  });

  describe('a path that has to be escaped', () => {
    const escaped = routeTable(`routes:
  - { name: shut, path: /Bücher/geheim/**, use_only_cookies: true }
  - { name: buch, path: /Bucher/**, use_only_cookies: true, host: two.test }
  - { name: blank, path: "/a%20b/**", use_trans_sid: true }
  - { name: books, path: /Bücher/**, use_trans_sid: true }
  - { name: bob, path: /~bob/*.html, use_trans_sid: true }
  - { name: goods, path: [/Товары/**, /Ελλάδα/**, /سوق/**], use_trans_sid: true }
`);
    for (const [host, path, label] of [
      ['a.test', '/a%20b/x', 'blank'],
      ['a.test', '/a%20b', 'blank'],
      ['a.test', '/B%C3%BCcher/x%20y', 'books'],
      ['a.test', '/B%c3%bccher/', 'books'],
      ['a.test', '/%7Ebob/x.html', 'bob'],
      ['a.test', '/~bob/x.html', 'bob'],
      ['a.test', '/B%C3%BCcher/geheim/x', 'shut'],
      ['a.test', '/B%C3%BCcher/gehe%C3%ADm/x', 'shut'],
      // Not the way that browsers write it, or more than that route.
      ['a.test', '/%61%20b/x', 'default'],
      ['a.test', '/a%2520b/x', 'default'],
      ['a.test', '/a%20b/%2e%2e/x', 'default'],
      ['a.test', '/a%20b/..%2fx', 'default'],
      ['a.test', '/a%20b%2f../x', 'default'],
      ['a.test', '/B%FCcher/x', 'default'],
      ['a.test', '/Bucher/x', 'default'],
      ['two.test', '/B%C3%BCcher/x', 'buch'],
      // Bytes that are capitals in Latin-1, and none here.
      ['a.test', '/%D0%A2%D0%BE%D0%B2%D0%B0%D1%80%D1%8B/x', 'goods'],
      ['a.test', '/%CE%95%CE%BB%CE%BB%CE%AC%CE%B4%CE%B1', 'goods'],
      ['a.test', '/%D8%B3%D9%88%D9%82/x', 'goods'],
      ['a.test', '/%D1%82%D0%BE%D0%B2%D0%B0%D1%80%D1%8B/x', 'default'],
    ] as const) {
      it(`${host}${path} → ${label}`, () => expect(labelOf(escaped, host, path)).to.equal(label));
    }
  });

  it('a protected route whose letters another one has in another case', () => {
    const [open, shut] = ['{ path: /a, use_trans_sid: true }', '{ path: /A, use_only_cookies: true }'];
    const cased = routeTable(`defaults: { use_trans_sid: true }\nroutes: [${open}, ${shut}]`);
    for (const path of ['/a', '/A']) expect(labelOf(cased, 'a.test', path)).to.equal(path);
    expect(labelOf(cased, 'a.test', '/x/..%252fA')).to.equal('/A');
  });

  it('leaves the protected route only where every reading leaves it', () => {
    expect(labelOf(table, 'a.test', '/admin/../files/x')).to.equal('admin');
    expect(labelOf(table, 'a.test', '/files/../admin')).to.equal('admin');
    expect(labelOf(table, 'a.test', '/files/../rest')).to.equal('rest');
  });

  it('says when readings disagree', () => {
    expect(table.match('a.test', '/files/..%2fx').isAmbiguous).to.equal(true);
    expect(table.match('a.test', '/x/%61dmin').isAmbiguous).to.equal(false);
    expect(table.match('a.test', '/%61dmin').isAmbiguous).to.equal(true);
  });

  it('takes the strictest route that can be reached when there are too many readings', () => {
    const nested = `/${'%25'.padEnd(8000, '25')}61`;
    expect(labelOf(table, 'a.test', nested)).to.equal('admin');
    const open = routeTable('routes: [{ name: open, path: /**, use_trans_sid: true }]');
    expect(labelOf(open, 'a.test', nested)).to.equal('open');
    const elsewhere = routeTable(`routes:
  - { name: strict, host: strict.test, path: /admin/**, use_only_cookies: true }
  - { name: open, path: /**, use_trans_sid: true }
`);
    expect(labelOf(elsewhere, 'strict.test', nested)).to.equal('strict');
    expect(labelOf(elsewhere, 'a.test', nested), 'the route of another host').to.equal('open');
  });

  it('takes it, too, where readings and routes are too many together', () => {
    const odd = '/%e4+b;c/d:e%2f.';
    const withRoutes = (count: number) =>
      routeTable(`routes:
${Array.from({ length: count }, (_, i) => `  - { path: /r${i}/**, use_only_cookies: true }`).join('\n')}
  - { name: open, path: /**, use_trans_sid: true }
`);
    expect(labelOf(withRoutes(20), 'a.test', odd)).to.equal('open');
    expect(labelOf(withRoutes(200), 'a.test', odd)).to.equal('/r0/**');
    expect(withRoutes(200).explain('a.test', odd).isExhausted).to.equal(true);
    expect(labelOf(withRoutes(200), 'a.test', '/caf%C3%A9/x+y'), 'an honest path').to.equal('open');
  });

  it('counts the routes of one host only: one proxy may serve hundreds', () => {
    const tenants = routeTable(`routes:
${Array.from({ length: 1400 }, (_, i) => `  - { host: t${i}.test, path: /admin/**, use_only_cookies: true }`).join('\n')}
  - { name: open, path: /**, use_trans_sid: true }
`);
    for (const path of ['/wiki/%D0%9A%D0%BE%D0%B4:%D0%93', '/proxy/https://a.b/c%20d', '/caf%C3%A9;v=1/%20x']) {
      expect(labelOf(tenants, 't7.test', path), path).to.equal('open');
    }
    expect(labelOf(tenants, 't7.test', '/%61dmin/x')).to.equal('t7.test/admin/**');
  });

  it('explains every reading', () => {
    const finding = table.explain('a.test', '/files/..%2fadmin');
    expect(finding.readings.map(({ reading, exact }) => [reading, exact.label])).to.deep.include(['/admin', 'admin']);
    expect(finding.policy.label).to.equal('admin');
  });
});

describe('routes: which policy', () => {
  const only = (yaml: string, path = '/x'): boolean => routeTable(yaml).match('h', path).policy.useOnlyCookies;

  it('no SID in URLs until a route asks', () => {
    expect(only('')).to.equal(true);
    expect(only('routes: [{ path: /x }]')).to.equal(true);
    expect(only('routes: [{ path: /x, use_trans_sid: true }]')).to.equal(false);
    expect(only('routes: [{ path: /x, use_trans_sid: true, use_only_cookies: true }]')).to.equal(true);
    expect(only('routes: [{ path: /x, use_only_cookies: false }]')).to.equal(false);
    expect(only('defaults: { use_trans_sid: true }')).to.equal(false);
    expect(only('defaults: { use_trans_sid: true }\nroutes: [{ path: /x, use_trans_sid: false }]')).to.equal(true);
    expect(only('defaults: { use_only_cookies: true }\nroutes: [{ path: /x, use_trans_sid: true }]')).to.equal(false);
    expect(only('defaults: { use_only_cookies: true, use_trans_sid: true }\nroutes: [{ path: /x }]')).to.equal(true);
    expect(only('defaults: { use_only_cookies: false }\nroutes: [{ path: /x }]')).to.equal(false);
  });

  it('a path outside the routes is as strict as the defaults', () => {
    const table = routeTable('routes: [{ path: /app/**, use_trans_sid: true }]');
    expect(table.match('h', '/app/x').policy.useOnlyCookies).to.equal(false);
    expect(table.match('h', '/App/x').policy.useOnlyCookies).to.equal(true);
    expect(table.match('h', '/app/..%2fx').policy.useOnlyCookies).to.equal(true);
    expect(table.match('h', '/other').policy.label).to.equal('default');
  });

  it('the route wins over defaults, defaults over the built-in', () => {
    const table = routeTable(`session: { name: s1, idle_timeout: 10m, bind: [] }
defaults: { carrier: path-segment, forms: field, session: { name: s2, rotation: { old_sid: follow } } }
routes:
  - { path: /a/**, carrier: query, session: { name: s3, mode: mirror, cookie: PHPSESSID, rotation: { on: [PHPSESSID] } } }
`);
    const own = table.match('h', '/a').policy;
    expect(own.carrier).to.equal('query');
    expect(own.forms).to.equal('field');
    expect(own.session).to.deep.include({
      name: 's3',
      mode: 'mirror',
      cookie: 'PHPSESSID',
      idleTimeoutMs: 600_000,
      oldSid: 'follow',
    });
    expect((own.session.rotateOn as NameSet).has('PHPSESSID')).to.equal(true);
    expect(own.session.bind).to.deep.equal({ userAgent: false, network: false });
    const rest = table.match('h', '/b').policy;
    expect(rest.carrier).to.equal('path-segment');
    expect(routeTable('session: { cookie: PHPSESSID }').match('h', '/').policy.session.cookie).to.equal(null);
    expect(rest.session).to.deep.include({ name: 's2', mode: 'jar', cookie: null, rotateOn: 'auto', oldSid: 'follow' });
  });

  it('the defaults of a route that says nothing', () => {
    const { policy } = routeTable('').match('h', '/');
    expect(policy).to.deep.include({
      useCookies: true,
      useTransSid: false,
      onUrlSid: 'strip',
      detect: 'passive',
      recover: 'referer',
      carrier: 'query',
      forms: 'auto',
      argSeparator: '&amp;',
      rewriter: 'html',
      phpVersion: '8.2',
      scopePath: '/',
      bodyLimitBytes: 8 * 1024 * 1024,
      expose: false,
      onStoreFailure: 'refuse',
      partitionedCookies: false,
      simulate: null,
      simulateScript: false,
      simulateByField: false,
      index: -1,
    });
    expect([...policy.transSidTags]).to.deep.equal([
      ['a', ['href']],
      ['area', ['href']],
      ['frame', ['src']],
      ['iframe', ['src']],
      ['form', ['']],
    ]);
    expect([...policy.urlRewriterTags]).to.deep.equal([['form', ['']]]);
    expect(policy.session).to.deep.include({
      mode: 'jar',
      name: '_sid',
      idleTimeoutMs: 1_440_000,
      absoluteTimeoutMs: 28_800_000,
      unprovenTimeoutMs: 300_000,
      sign: false,
    });
    expect(policy.session.bind).to.deep.equal({ userAgent: true, network: false });
  });

  it('lists and names', () => {
    const { policy } = routeTable(`routes:
  - path: /**
    ignore_cookies: [theme, "_pk_*"]
    trans_sid_hosts: "Shop.example.org, pay.example.org:8443"
    rewrite_vars: { lang: en, v: 2, ok: true }
    accept_from: ["https://Partner.example:443"]
    simulate: no-cookies
    cookies: { partitioned: true }
`).match('h', '/');
    expect(['theme', '_pk_1', '_pk_', 'themes', 'sid'].map((name) => policy.ignoreCookies.has(name))).to.deep.equal([
      true,
      true,
      true,
      false,
      false,
    ]);
    expect([...policy.transSidHosts]).to.deep.equal(['shop.example.org', 'pay.example.org:8443']);
    expect(policy.rewriteVars).to.deep.equal([
      ['lang', 'en'],
      ['v', '2'],
      ['ok', 'true'],
    ]);
    expect([...policy.acceptFrom]).to.deep.equal(['https://partner.example']);
    expect(policy.simulate).to.equal('no-cookies');
    expect(policy.partitionedCookies).to.equal(true);
  });

  it('the php rewriter has the separator of PHP', () => {
    const table = routeTable(`routes:
  - { path: /php, rewriter: php }
  - { path: /own, rewriter: php, arg_separator: "&amp;" }
`);
    expect(table.match('h', '/php').policy.argSeparator).to.equal('&');
    expect(table.match('h', '/own').policy.argSeparator).to.equal('&amp;');
  });

  it('the php rewriter has the carrier of PHP', () => {
    const table = routeTable('defaults: { carrier: path-segment }\nroutes: [{ path: /php, rewriter: php }]');
    expect(table.match('h', '/php').policy.carrier).to.equal('query');
    expect(table.match('h', '/html').policy.carrier).to.equal('path-segment');
  });

  it('is frozen', () => {
    const { policy } = routeTable('').match('h', '/');
    expect(Object.isFrozen(policy)).to.equal(true);
    expect(Object.isFrozen(policy.session)).to.equal(true);
  });
});

describe('routes: tag lists', () => {
  for (const [text, want] of [
    ['', []],
    ['a=href', [['a', ['href']]]],
    [
      ' A = HREF , form= ',
      [
        ['a', ['href']],
        ['form', ['']],
      ],
    ],
    ['img=src,img=srcset,img=src', [['img', ['src', 'srcset']]]],
    ['a=href,,', [['a', ['href']]]],
    ['fieldset=', [['fieldset', ['']]]],
  ] as const) {
    it(JSON.stringify(text), () => expect([...parseTagList(text)]).to.deep.equal(want));
  }
});
