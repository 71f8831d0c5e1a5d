import { expect } from 'chai';
import { ScopeCache } from '../../../src/proxy/site.ts';
import { PageUrls } from '../../../src/response/page-urls.ts';
import { MemoBudget } from '../../../src/sid/memo-budget.ts';
import { routeTable } from '../../support/route-table.ts';

/** What becomes of links on http://www.test/. */
function judgeOn(routes: string) {
  const table = routeTable(`routes:\n${routes}`);
  const scope = new ScopeCache(table, ['http://127.0.0.1:1']).ofSid(
    table.match('www.test', '/').policy,
    'http://www.test',
  );
  return { scope, judge: (reference: string) => scope.judge(reference, scope.base('http://www.test/')) };
}

const HOSTS = 'trans_sid_hosts: [shop.test, other.test, named.test, shut.test]';

describe('the scope of SIDs, with routes of several hosts', () => {
  const { scope, judge } = judgeOn(`
  - { host: shop.test, path: /admin/**, use_only_cookies: true }
  - { host: www.test, path: /intern/**, use_only_cookies: true }
  - { host: [www.test, shop.test], path: /**, use_trans_sid: true, ${HOSTS} }
  - { host: named.test, path: /**, use_trans_sid: true, session: { name: other_sid } }
  - { host: shut.test, path: /shut/**, use_only_cookies: true }
`);
  for (const [reference, want, why] of [
    ['/x', 'mark', 'the own host'],
    ['/intern/x', 'outside-path', 'a cookie-only route of the own host'],
    ['/admin/x', 'mark', 'a cookie-only route of another host'],
    ['http://shop.test/x', 'mark', 'another host'],
    ['http://shop.test/admin/x', 'outside-path', 'its cookie-only route'],
    ['//shop.test/a/../%61dmin', 'outside-path', 'the same, spelt oddly'],
    ['http://shop.test/intern/x', 'mark', 'a path that is cookie-only here alone'],
    ['http://127.0.0.1:1/intern/x', 'outside-path', 'the own host by the name of the upstream'],
    ['http://other.test/admin/x', 'mark', 'a host of which no route speaks'],
    ['http://named.test/x', 'outside-path', 'a host whose SIDs have another name'],
    ['http://shut.test/shut/x', 'outside-path', 'the cookie-only route of a host without SIDs'],
  ] as const) {
    it(`${why}: ${reference} → ${want}`, () => expect(judge(reference)).to.equal(want));
  }

  it('what `defaults` shut on a host with SIDs is shut for links from elsewhere, too', () => {
    const { judge: judged } = judgeOn(`
  - { path: /app/**, use_trans_sid: true, trans_sid_hosts: [shop.test] }
  - { host: www.test, path: /**, use_trans_sid: true, trans_sid_hosts: [shop.test] }
`);
    expect(judged('http://shop.test/app/x')).to.equal('mark');
    expect(judged('http://shop.test/x')).to.equal('outside-path');
  });

  it('a SID of ours goes to no host where its name stands for the cookie of an application, nor the other way round', () => {
    const hosts = 'use_trans_sid: true, trans_sid_hosts: [mirror.test, jar.test, same.test, www.test]';
    const mirror = (cookie: string) => `session: { mode: mirror, cookie: ${cookie} }`;
    for (const [own, want] of [
      ['{}', { 'jar.test': 'mark', 'mirror.test': 'outside-path', 'same.test': 'outside-path' }],
      [
        '{ mode: mirror, cookie: A }',
        { 'jar.test': 'outside-path', 'mirror.test': 'outside-path', 'same.test': 'mark' },
      ],
    ] as const) {
      const { judge: judged } = judgeOn(`
  - { host: www.test, path: /**, ${hosts}, session: ${own} }
  - { host: jar.test, path: /**, ${hosts} }
  - { host: same.test, path: /**, ${hosts}, ${mirror('A')} }
  - { host: mirror.test, path: /**, ${hosts}, ${mirror('B')} }
`);
      for (const [host, judgement] of Object.entries(want))
        expect(judged(`http://${host}/x`), host).to.equal(judgement);
      expect(judged('/x')).to.equal('mark');
    }
  });

  it('a path with more readings than an honest one has bears no SID: a page may have thousands', () => {
    expect(judge('/a%20b/c+d;x=1/e:f.')).to.equal('mark');
    expect(judge('/%e4+b;c/d:e%2f.')).to.equal('outside-path');
  });

  it('remembers judgements of all hosts within one bound: clients choose the hosts', () => {
    const table = routeTable('defaults: { use_trans_sid: true }');
    const scopes = new ScopeCache(table, []);
    const { policy } = table.match('a.test', '/');
    const budgets = new Set<unknown>();
    const { put } = MemoBudget.prototype;
    MemoBudget.prototype.put = function (...entry) {
      budgets.add(this);
      put.apply(this, entry);
    };
    try {
      for (const host of ['a', 'b', 'c']) {
        scopes.ofSid(policy, `http://${host}.test`).isForeignAuthority('http://d.test');
        scopes.ofVars(policy, `http://${host}.test`).isForeignAuthority('http://d.test');
      }
    } finally {
      MemoBudget.prototype.put = put;
    }
    expect(budgets).to.have.lengthOf(1);
  });

  it('leaves no link to the quick way where `<base>` is of another host', () => {
    const urls = new PageUrls({
      mark: null,
      scope,
      extraScope: null,
      documentUrl: 'http://www.test/',
      extra: [],
      argSeparator: '&amp;',
      syntax: 'html',
    });
    expect(urls.plainCarries).to.not.equal(0);
    urls.setBase('http://shop.test/');
    expect(urls.plainCarries).to.equal(0);
  });
});
