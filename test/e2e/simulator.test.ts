/**
 * The simulator against the demo shop, directly and through the proxy; and the proxy itself as the simulator of browsers
 * that restrict cookies, in front of the shop.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import { createShop } from '../../src/demo/shop.ts';
import {
  Browser,
  type BrowserOptions,
  type CookieMode,
  crawl,
  type JourneyReport,
  type LossReason,
  readJourney,
  runJourney,
} from '../../src/simulator/index.ts';
import { SID, startProxy, type TestProxy } from '../support/proxy.ts';

const PURCHASE = readJourney(
  {
    name: 'A purchase',
    steps: [
      { open: '/' },
      { follow: 'Log in' },
      { fill: { user: 'ada', password: 'tea' } },
      { submit: 'Log in' },
      { expect: { text: 'Good day, ada', url: '/account.cgi' } },
      { follow: 'Home' },
      { follow: 'Offer of the day' },
      { submit: { button: 'Add', fields: { n: 3 } } },
      { expect: { text: 'Sum', url: '/cart.cgi', no_text: 'Your cart is empty' } },
      { follow: 'Pay' },
      { submit: { button: 'Continue', fields: { address: '1 Loop\nBack' } } },
      { expect: { text: 'To be delivered to', status: 200 } },
      { submit: 'Buy now' },
      { expect: { selector: '#order', title: 'Thank you' } },
    ],
  },
  'purchase',
);

/** What is held, without garbage. */
function liveMebibytes(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed / 1024 / 1024;
}

describe('the simulator and the demo shop', function () {
  this.timeout(60_000);
  let shop: Server;
  let direct: string;
  const proxies: TestProxy[] = [];

  const through = async (routes: string): Promise<string> => {
    const proxy = await startProxy(direct, routes);
    proxies.push(proxy);
    return `http://127.0.0.1:${proxy.port}/`;
  };
  const buy = (start: string, cookies: CookieMode, more: BrowserOptions = {}): Promise<JourneyReport> =>
    runJourney(PURCHASE, { start, browser: { ...more, cookies } });
  const failedStep = (report: JourneyReport) => report.steps.find((step) => step.outcome === 'failed')?.number ?? null;

  before(async () => {
    shop = createShop();
    await new Promise<void>((resolve) => shop.listen(0, '127.0.0.1', resolve));
    direct = `http://127.0.0.1:${(shop.address() as AddressInfo).port}/`;
  });
  after(async () => {
    for (const proxy of proxies) await proxy.close();
    shop.closeAllConnections();
    await new Promise((resolve) => shop.close(resolve));
  });

  describe('a journey', () => {
    let proxied: string;
    before(async () => {
      proxied = await through('routes: [{ path: /**, use_trans_sid: true }]');
    });

    it('with cookies off fails directly, at the login', async () => {
      const report = await buy(direct, 'off');
      expect(failedStep(report)).to.equal(5);
      expect(report.steps[4]?.error).to.match(/^expected URL \/account\.cgi/);
      expect(report.steps[5]?.outcome).to.equal('not run');
    });
    for (const [how, start, cookies] of [
      ['off passes through the proxy', () => proxied, 'off'],
      ['on passes directly', () => direct, 'on'],
      ['on passes through the proxy', () => proxied, 'on'],
      ['for the session only passes through the proxy', () => proxied, 'session-only'],
      ['of first parties passes through the proxy', () => proxied, 'first-party'],
    ] as const) {
      it(`with cookies ${how}`, async () => {
        const report = await buy(start(), cookies);
        expect(report.steps.map((step) => step.error).filter((error) => error !== null)).to.deep.equal([]);
        expect(report.passed).to.equal(true);
      });
    }
  });

  it('the example of the documentation is true', async () => {
    const browser = new Browser({ cookies: 'off' });
    const page = await browser.open(await through('routes: [{ path: /**, use_trans_sid: true }]'));
    await page.follow('Offer of the day');
    await page.submit({ n: 2 }, { button: 'Add' });
    expect(page.text).to.include('Sum');
    browser.close();
  });

  describe('a crawl', () => {
    const reasons = (lost: readonly { reason: LossReason }[]) => [...new Set(lost.map((edge) => edge.reason))];

    it('finds that the shop alone loses every session', async () => {
      const report = await crawl({ url: direct, maxPages: 30 });
      expect(report.counts.lost).to.be.above(20);
      expect(report.counts.kept).to.equal(0);
      expect(reasons(report.lost)).to.deep.equal(['cookie']);
    });

    it('finds that a browser with cookies loses none behind the proxy', async () => {
      const url = await through('routes: [{ path: /**, use_trans_sid: true }]');
      const report = await crawl({ url, maxPages: 60, browser: { cookies: 'on' } });
      expect(report.lost).to.deep.equal([]);
      expect(report.pages).to.have.length.above(30);
    });

    it('finds that the proxy keeps them all, and knows which page a cookie-only route loses', async () => {
      const kept = await crawl({ url: await through('routes: [{ path: /**, use_trans_sid: true }]'), maxPages: 60 });
      expect(kept.lost).to.deep.equal([]);
      expect(kept.counts.kept).to.be.above(100);
      const policy = await through(
        'routes: [{ path: /search.cgi, use_only_cookies: true }, { path: /**, use_trans_sid: true }]',
      );
      const lost = await crawl({ url: policy, maxPages: 60 });
      const isThere = (url: string) => url.includes('/search.cgi');
      const into = lost.lost.filter((edge) => !isThere(edge.page));
      expect(reasons(into)).to.deep.equal(['policy']);
      expect(into.every((edge) => isThere(edge.target))).to.equal(true);
      // There, the session that this browser lost again with each page was only in a cookie.
      expect(reasons(lost.lost.filter((edge) => isThere(edge.page)))).to.deep.equal(['cookie']);
    });

    it('judges by a marker', async () => {
      const url = await through('routes: [{ path: /**, use_trans_sid: true }]');
      const report = await crawl({ url, maxPages: 30, marker: 'text:of your visit' });
      expect(report.counts.kept).to.be.above(100);
      // The one static page has no visit to tell of.
      expect([...new Set(report.lost.map((edge) => edge.target))]).to.deep.equal([`${url}contact.html`]);
      const gone = await crawl({ url: direct, maxPages: 10, marker: '#user' });
      expect(gone.hasSession).to.equal(false);
    });

    it('of 1,000 pages takes less than 10 s on an ordinary machine, and the memory stays flat', async function () {
      this.timeout(180_000);
      const samples: number[] = [];
      const before = process.cpuUsage();
      const beganAtMs = performance.now();
      const report = await crawl({
        url: await through('routes: [{ path: /**, use_trans_sid: true }]'),
        depth: 70,
        maxPages: 1100,
        onProgress: ({ visited }) => {
          if (visited % 250 === 0) samples.push(liveMebibytes());
        },
      });
      expect(report.pages.filter((page) => page.status === 200).length).to.be.at.least(1000);
      expect(report.counts.lost).to.equal(0);
      // Of simulator, proxy and shop together. Whichever is less: the wall clock counts what else a busy machine does, and
      // processor time what the threads of compiler and collector do beside us.
      const { user, system } = process.cpuUsage(before);
      const seconds = Math.min((user + system) / 1e6, (performance.now() - beganAtMs) / 1000);
      // Twice that for the slowest machines that were seen.
      expect(seconds).to.be.below(20);
      // The shop and the proxy live in this process, too.
      expect((samples.at(-1) ?? 0) - (samples[0] ?? 0)).to.be.below(20);
    });
  });

  describe('the proxy as a simulator', () => {
    for (const [how, routes, passes] of [
      ['no-cookies before an application without trans-sid', 'routes: [{ path: /**, simulate: no-cookies }]', false],
      ['no-cookies before trans-sid', 'routes: [{ path: /**, simulate: no-cookies, use_trans_sid: true }]', true],
      ['session-only', 'routes: [{ path: /**, simulate: session-only }]', true],
      ['block-third-party', 'routes: [{ path: /**, simulate: block-third-party }]', true],
    ] as const) {
      it(`${how}: an ordinary browser's journey ${passes ? 'passes' : 'fails'}`, async () => {
        const report = await buy(await through(routes), 'on');
        expect(failedStep(report)).to.equal(passes ? null : 5);
      });
    }

    it('lets neither a cookie in nor one out', async () => {
      const browser = new Browser({ cookies: 'on', headers: { Cookie: 'VISIT=stolen' } });
      const page = await browser.open(
        await through('routes: [{ path: /**, simulate: no-cookies, use_trans_sid: true }]'),
      );
      expect(page.fields.getSetCookie()).to.deep.equal([]);
      expect(browser.cookies.list()).to.deep.equal([]);
      expect(page.html).to.match(SID);
      browser.close();
    });

    it('shortens the life of cookies in session-only mode', async () => {
      const browser = new Browser({ cookies: 'on' });
      await browser.open(`${await through('routes: [{ path: /**, simulate: session-only }]')}?theme=green`);
      expect(browser.cookies.list().find((cookie) => cookie.name === 'THEME')?.expiresAtMs).to.equal(null);
      browser.close();
    });

    it('is chosen by the request where the route allows it', async () => {
      const start = await through('routes: [{ path: /**, simulate: { by_field: true } }]');
      expect((await buy(start, 'on')).passed).to.equal(true);
      expect(failedStep(await buy(start, 'on', { headers: { 'Transid-Simulate': 'no-cookies' } }))).to.equal(5);
      expect((await buy(start, 'on', { headers: { 'Transid-Simulate': 'drop:THEME' } })).passed).to.equal(true);
      const browser = new Browser({ headers: { 'Transid-Simulate': 'nonsense' } });
      expect((await browser.open(start)).status).to.equal(400);
      browser.close();
    });

    it('does not obey the field where the route does not allow it', async () => {
      const start = await through('routes: [{ path: /**, use_trans_sid: true }]');
      const browser = new Browser({ cookies: 'on', headers: { 'Transid-Simulate': 'no-cookies' } });
      expect((await browser.open(start)).fields.getSetCookie().length).to.equal(1);
      browser.close();
    });

    it('neutralises document.cookie by a script, where the page forbids scripts too', async () => {
      const app = createServer((_request, response) => {
        response.setHeader('Content-Type', 'text/html');
        response.setHeader('Content-Security-Policy', "script-src 'none'");
        response.end('<!doctype html><html><head><title>t</title></head><body>x</body></html>');
      });
      await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve));
      const upstream = `http://127.0.0.1:${(app.address() as AddressInfo).port}`;
      const proxy = await startProxy(upstream, 'routes: [{ path: /**, simulate: { as: no-cookies, script: true } }]');
      const browser = new Browser();
      try {
        const page = await browser.open(`http://127.0.0.1:${proxy.port}/`);
        expect(page.html).to.match(
          /^<!doctype html><html><head><script>\(function\(\)\{try\{Object\.defineProperty\(Document\.prototype,'cookie'/,
        );
        expect(page.html).to.match(/<\/script><title>t<\/title><\/head><body>x<\/body><\/html>$/);
        expect(page.fields.get('content-security-policy')).to.match(/^script-src 'sha256-[\w+/]{43}='$/);
      } finally {
        browser.close();
        await proxy.close();
        app.close();
      }
    });
  });
});
