/**
 * Two real, unmodified applications, one of PHP and one in C, in a real Chromium with all cookies blocked: login to logout
 * through the proxy as the example configuration has it, and no further than the login form without the proxy.
 */
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import type { Browser, Page } from 'puppeteer-core';
import { parseDocument } from 'yaml';
import { type LaunchedChromium, launchChromium } from '../support/chromium.ts';
import { type Fossil, startFossil } from '../support/fossil.ts';
import type { PhpApplication } from '../support/php-application.ts';
import { startPhpLiteAdmin } from '../support/phpliteadmin.ts';
import { startConfigured, startProxy, type TestProxy } from '../support/proxy.ts';

/** An example configuration with nothing but its two addresses replaced. */
function example(name: string, upstream: string): string {
  const document = parseDocument(readFileSync(new URL(`../../config/examples/${name}`, import.meta.url), 'utf8'));
  document.set('listen', '127.0.0.1:0');
  document.set('upstream', upstream);
  document.setIn(['log', 'level'], 'silent');
  return document.toString();
}

async function click(page: Page, selector: string): Promise<void> {
  await page.waitForSelector(selector);
  await Promise.all([
    page.waitForNavigation(),
    page.$eval(selector, (element) => (element as unknown as { click(): void }).click()),
  ]);
}

/** What a browser without cookies must not have done. */
async function expectNoCookies(browser: Browser, page: Page): Promise<void> {
  const session = await page.createCDPSession();
  const { cookies } = await session.send('Storage.getCookies', {});
  expect(cookies, 'cookies in the browser').to.deep.equal([]);
  expect(browser.connected).to.equal(true);
}

describe('applications in Chromium without cookies [needs chromium, php, phpliteadmin, fossil]', function () {
  this.timeout(90_000);
  let chromium: LaunchedChromium;
  let admin: PhpApplication;
  let fossil: Fossil;
  const proxies: TestProxy[] = [];

  before(async () => {
    [chromium, admin, fossil] = await Promise.all([launchChromium('block-all'), startPhpLiteAdmin(), startFossil()]);
  });
  after(async () => {
    for (const proxy of proxies) await proxy.close();
    await chromium?.close();
    await admin?.stop();
    await fossil?.stop();
  });

  async function inFront(start: Promise<TestProxy>): Promise<string> {
    const proxy = await start;
    proxies.push(proxy);
    return `http://127.0.0.1:${proxy.port}`;
  }
  async function open(url: string): Promise<Page> {
    const page = await chromium.browser.newPage();
    await page.goto(url);
    return page;
  }

  describe('phpLiteAdmin', () => {
    const isIn = async (page: Page) => (await page.$('input[name=logout]')) !== null;
    const logIn = async (page: Page) => {
      await page.type('input[name=password]', 'secret-pw');
      await click(page, 'input[name=login], input[type=submit]');
    };

    it('directly stays out', async () => {
      const page = await open(`${admin.origin}/phpliteadmin.php`);
      await logIn(page);
      expect(await isIn(page)).to.equal(false);
    });

    it('with config/examples/php.yaml logs in, walks and logs out', async () => {
      const origin = await inFront(startConfigured(example('php.yaml', admin.origin)));
      const page = await open(`${origin}/phpliteadmin.php`);
      await logIn(page);
      expect(await isIn(page)).to.equal(true);
      await click(page, 'a[href*="action=row_view"]');
      expect(await page.content()).to.contain('apple');
      await page.reload();
      expect(await isIn(page)).to.equal(true);
      await expectNoCookies(chromium.browser, page);
      const stranger = await open(`${origin}/phpliteadmin.php`);
      expect(await isIn(stranger), 'a second page without the ID').to.equal(false);
      const inside = page.url();
      await click(page, 'input[name=logout]');
      expect(await isIn(await open(inside)), 'the last address after logout').to.equal(false);
    });
  });

  describe('Fossil', () => {
    const isIn = async (page: Page) => (await page.$('a[href*="/logout"], input[name=out]')) !== null;
    const logIn = async (page: Page) => {
      await page.type('#u', 'alice');
      await page.type('#p', 'secret-pw');
      await click(page, 'input[name=in]');
    };

    it('directly stays out', async () => {
      const page = await open(`${fossil.origin}/login`);
      await logIn(page);
      expect(await isIn(page)).to.equal(false);
    });

    it('through the proxy logs in, changes its settings and logs out', async () => {
      const origin = await inFront(startProxy(fossil.origin));
      const page = await open(`${origin}/login`);
      await logIn(page);
      await click(page, 'a[href*="/setup"]');
      await click(page, 'a[href*="setup_config"]');
      await page.$eval('#pn', (element) => {
        (element as unknown as { value: string }).value = 'Renamed';
      });
      await click(page, 'input[name=submit]');
      expect(await page.$eval('#pn', (element) => (element as unknown as { value: string }).value)).to.equal('Renamed');
      await expectNoCookies(chromium.browser, page);
      expect(await isIn(await open(`${origin}/login`)), 'a second page without the ID').to.equal(false);
      const inside = page.url();
      await click(page, 'a[href*="/logout"]');
      if ((await page.$('input[name=out]')) !== null) await click(page, 'input[name=out]');
      expect(await isIn(await open(inside)), 'the last address after logout').to.equal(false);
    });
  });
});
