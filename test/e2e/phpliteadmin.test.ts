/**
 * A journey through phpLiteAdmin: log in, run a statement, log out. Its links are queries alone, its forms post to `?…`
 * and carry a token of the session; without the session nothing works.
 */
import { expect } from 'chai';
import { readJourney, runJourney } from '../../src/simulator/index.ts';
import type { PhpApplication } from '../support/php-application.ts';
import { startPhpLiteAdmin } from '../support/phpliteadmin.ts';
import { startProxy, type TestProxy } from '../support/proxy.ts';

const INSERT = readJourney(
  [
    { open: '/phpliteadmin.php' },
    { submit: { fields: { password: 'secret-pw' } } },
    { expect: { text: 'Database name: shop.sqlite', selector: 'input[name=logout]' } },
    { follow: 'goods' },
    { expect: { text: ['apple', 'pear'] } },
    { follow: { selector: 'a[href*="action=table_sql"]' } },
    { submit: { button: 'Go', fields: { queryval: "INSERT INTO goods(name) VALUES ('plum')" } } },
    { expect: { text: 'Recent Queries' } },
    { follow: { selector: 'a[href*="action=row_view"]' } },
    { expect: { text: 'plum' } },
    { submit: 'Logout' },
    { expect: { selector: 'input[name=password]' } },
  ],
  'Insert a row',
);

describe('phpLiteAdmin [needs php, phpliteadmin]', function () {
  this.timeout(60_000);
  let admin: PhpApplication;
  let proxy: TestProxy;

  before(async () => {
    admin = await startPhpLiteAdmin();
    proxy = await startProxy(admin.origin);
  });
  after(async () => {
    await proxy?.close();
    await admin?.stop();
  });

  for (const [cookies, how, failsAt] of [
    ['off', 'directly', 3],
    ['off', 'through the proxy', null],
    ['on', 'directly', null],
    ['on', 'through the proxy', null],
  ] as const) {
    it(`with cookies ${cookies} ${failsAt === null ? 'passes' : 'fails'} ${how}`, async () => {
      const start = how === 'directly' ? admin.origin : `http://127.0.0.1:${proxy.port}`;
      const report = await runJourney(INSERT, { start, browser: { cookies } });
      const failed = report.steps.find((step) => step.outcome === 'failed');
      expect(failed?.number ?? null, failed?.error ?? '').to.equal(failsAt);
    });
  }
});
