/**
 * A journey through a real application, DokuWiki: log in, edit a page, log out. With cookies off it fails directly and
 * passes through the proxy; with cookies on it passes both ways.
 */
import { expect } from 'chai';
import { compare, crawl, readJourney, runJourney } from '../../src/simulator/index.ts';
import { startDokuWiki } from '../support/dokuwiki.ts';
import type { PhpApplication } from '../support/php-application.ts';
import { startProxy, type TestProxy } from '../support/proxy.ts';

const LOGGED_IN = 'a[href*="do=logout"]';

const EDIT = readJourney(
  [
    { open: '/doku.php?id=start' },
    { follow: { selector: 'a[href*="do=login"]' } },
    { submit: { form: '#dw__login', fields: { u: 'alice', p: 'secret-pw' } } },
    { expect: { selector: LOGGED_IN, text: 'Welcome' } },
    { follow: 'second' },
    { expect: { title: 'second', selector: LOGGED_IN } },
    { follow: { selector: 'a[href*="do=edit"]' } },
    { submit: { button: 'Save', fields: { wikitext: '====== Second ======\nBack to [[start]]. Edited.\n' } } },
    { expect: { text: 'Edited.', selector: LOGGED_IN } },
    { submit: { form: '#dw__search', fields: { q: 'Edited' } } },
    { expect: { selector: LOGGED_IN, status: 200 } },
    { follow: { selector: LOGGED_IN } },
    { expect: { no_selector: LOGGED_IN } },
  ],
  'Edit a page',
);

describe('DokuWiki [needs php, dokuwiki]', function () {
  this.timeout(60_000);
  let wiki: PhpApplication;
  let proxy: TestProxy;
  const start = (how: 'directly' | 'through the proxy') =>
    how === 'directly' ? wiki.origin : `http://127.0.0.1:${proxy.port}`;

  before(async () => {
    wiki = await startDokuWiki();
    proxy = await startProxy(wiki.origin);
  });
  after(async () => {
    await proxy?.close();
    await wiki?.stop();
  });

  it('with cookies off fails directly, at the login', async () => {
    const report = await runJourney(EDIT, { start: start('directly'), browser: { cookies: 'off' } });
    expect(report.steps.findIndex((step) => step.outcome === 'failed')).to.equal(3);
  });

  for (const [cookies, how] of [
    ['off', 'through the proxy'],
    ['on', 'directly'],
    ['on', 'through the proxy'],
  ] as const) {
    it(`with cookies ${cookies} passes ${how}`, async () => {
      const report = await runJourney(EDIT, { start: start(how), browser: { cookies } });
      expect(report.steps.map((step) => step.error).filter((error) => error !== null)).to.deep.equal([]);
    });
  }

  it('shows the same pages without cookies through the proxy as with cookies', async () => {
    const browse = (cookies: 'off' | 'on') =>
      runJourney(EDIT, { start: start('through the proxy'), browser: { cookies } });
    const { difference } = compare(await browse('off'), await browse('on'));
    expect(difference).to.equal(null);
  });

  it('stays logged in on every page that a crawl finds after the login', async () => {
    const logIn = { ...EDIT, steps: EDIT.steps.slice(0, 4) };
    const options = { journey: logIn, marker: LOGGED_IN, maxPages: 40, depth: 3 };
    const report = await crawl({ ...options, url: start('through the proxy') });
    expect(report.hasSession).to.equal(true);
    expect(report.counts.kept).to.be.above(50);
    // Pages without the wiki's menu, which is the marker: the changes for feed readers and the window to choose pictures.
    const lost = report.lost.filter((edge) => !/\/(?:feed|mediamanager)\.php/.test(edge.target));
    expect(lost.map((edge) => `${edge.page} ${edge.element} ${edge.reason}`)).to.deep.equal([]);
  });

  it('keeps the session on every page that a crawl finds', async () => {
    const report = await crawl({ url: `${start('through the proxy')}/doku.php?id=start`, maxPages: 40, depth: 3 });
    expect(report.counts.kept).to.be.above(50);
    expect(report.lost).to.deep.equal([]);
  });
});
