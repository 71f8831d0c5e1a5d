import { expect } from 'chai';
import { routeTable } from '../../support/route-table.ts';

describe('routes: a suffix or a front, which some frameworks do not look at', () => {
  const framework = routeTable(`routes:
  - { name: named, path: [/account.php, /admin.css], use_trans_sid: true }
  - { name: admin, path: [/admin/**, /account, /v1.2], use_only_cookies: true }
  - { name: app, path: /app/**, use_trans_sid: true }
  - { name: page, path: /index.php, use_trans_sid: true }
  - { name: rest, path: /**, use_only_cookies: true, host: shut.test }
  - { name: open, path: /**, use_trans_sid: true }
`);
  for (const [host, path, label] of [
    ['a.test', '/admin.json', 'admin'],
    ['a.test', '/Admin.tar.gz', 'admin'],
    ['a.test', '/admin.json/', 'admin'],
    ['a.test', '/admin%2ehtml', 'admin'],
    ['a.test', '/account.html', 'admin'],
    ['a.test', '/v1.2.json', 'admin'],
    ['a.test', '/index.php/admin', 'admin'],
    ['a.test', '/index.php/Admin/users', 'admin'],
    ['a.test', '/index.php/admin.json', 'admin'],
    ['a.test', '/index.php//admin', 'admin'],
    ['a.test', '/index.php%2fadmin', 'admin'],
    ['a.test', '/cgi-bin/app.cgi/account', 'admin'],
    ['a.test', '/admin/x.php/y', 'admin'],
    ['a.test', '/x.php/y/admin', 'open'],
    ['a.test', '/app.fcgi/account', 'admin'],
    ['a.test', '/index.php/administrator', 'open'],
    ['a.test', '/_next/data/b1/admin/users.json', 'admin'],
    ['a.test', '/docs/_next/data/b1/account.json', 'admin'],
    ['a.test', '/_next/data/admin', 'open'],
    ['a.test', '/default.aspx/admin', 'admin'],
    ['a.test', '/app/Default.ASP/account', 'admin'],
    ['a.test', '/account.php', 'named'],
    ['a.test', '/admin.css', 'named'],
    ['a.test', '/administrator.html', 'open'],
    ['a.test', '/.admin', 'open'],
    ['a.test', '/x.y/admin.json', 'open'],
    ['a.test', '/x.y/account', 'open'],
    ['shut.test', '/index.php', 'page'],
    ['shut.test', '/app/index.php/x', 'app'],
    ['shut.test', '/app/_next/data/b1/x.json', 'app'],
    ['shut.test', '/app/index.php/../admin', 'app'],
    ['shut.test', '/app/x.html', 'app'],
    ['shut.test', '/app.html', 'rest'],
  ] as const) {
    it(`${host}${path} → ${label}`, () => expect(framework.match(host, path).policy.label).to.equal(label));
  }

  it('is explained', () => {
    const { readings, policy, isAmbiguous } = framework.explain('a.test', '/admin.json');
    expect(readings.map(({ reading, exact }) => [reading, exact.label])).to.deep.equal([
      ['/admin.json', 'open'],
      ['/admin', 'admin'],
    ]);
    expect({ label: policy.label, isAmbiguous }).to.deep.equal({ label: 'admin', isAmbiguous: true });
  });
});
