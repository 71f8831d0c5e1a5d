/**
 * A real browser whose user switched cookies off, as in its settings: it logs in through the proxy and stays logged in,
 * by links, forms, frames, scripts and images. Without the proxy the same browser stays a guest.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { expect } from 'chai';
import puppeteer, { type Browser, type Page } from 'puppeteer-core';
import { createShop } from '../../src/demo/shop.ts';
import { SID, startProxy, type TestProxy } from '../support/proxy.ts';
import { type ScriptedUpstream, startUpstream } from '../support/scripted-upstream.ts';

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** A page whose parts ask for more by themselves, all by relative addresses. */
const PARTS: Readonly<Record<string, string>> = {
  '/parts/': `<!doctype html><title>parts</title><link rel=icon href="data:,"><link rel=stylesheet href=sheet.css>
    <script type=module src=module.js></script><script>new Worker('worker.js')</script>`,
  '/parts/sheet.css': '@import "imported.css";',
  '/parts/imported.css': '',
  '/parts/module.js': 'import "./imported.js";',
  '/parts/imported.js': '',
  '/parts/worker.js': 'fetch("asked").then((r) => r.text()).then((t) => fetch("done"))',
};
const PARTS_TYPES: Readonly<Record<string, string>> = { '.css': 'text/css', '.js': 'text/javascript' };

/** Chromium that blocks all cookies and site data (the profile preference behind the switch in its settings). */
async function launchWithoutCookies(profile: string): Promise<Browser> {
  mkdirSync(join(profile, 'Default'), { recursive: true });
  const preferences = { profile: { default_content_setting_values: { cookies: 2 } } };
  writeFileSync(join(profile, 'Default', 'Preferences'), JSON.stringify(preferences));
  return puppeteer.launch({ executablePath: '/usr/bin/chromium', userDataDir: profile, args: FLAGS });
}

describe('Chromium with cookies off [needs chromium]', function () {
  this.timeout(60_000);
  let profile: string;
  let browser: Browser;
  let shop: Server;
  let shopProxy: TestProxy;
  let scripted: ScriptedUpstream;
  let scriptedProxy: TestProxy;
  let segmentProxy: TestProxy;
  let taggedProxy: TestProxy;
  let page: Page;

  before(async () => {
    shop = createShop();
    await new Promise<void>((resolve) => shop.listen(0, '127.0.0.1', resolve));
    shopProxy = await startProxy(`http://127.0.0.1:${(shop.address() as AddressInfo).port}`);
    scripted = await startUpstream((request, response) => {
      const isKnown = request.fields.cookie === 'app=1';
      if (request.target === '/') {
        response.writeHead(200, { 'content-type': 'text/html', 'set-cookie': 'app=1; Path=/; HttpOnly' });
        response.end(
          `<!doctype html><title>scripts</title><link rel=icon href="data:,"><a id=go href=/page>page</a><a id=rewritten href=/rewritten/>page</a><a id=parts href=/parts/>page</a>`,
        );
      } else if (request.target === '/page') {
        response.writeHead(200, { 'content-type': 'text/html' });
        response.end(`<!doctype html><title>page</title><link rel=icon href="data:,"><img src=/pixel><p id=fetched></p>
          <script>fetch('/data').then((r) => r.text()).then((t) => { fetched.textContent = t; })</script>
          <button onclick="location.href = '/moved'">move</button>`);
      } else if (request.target === '/patched') {
        response.writeHead(200, { 'content-type': 'text/html', 'set-cookie': 'app=1; Path=/; HttpOnly' });
        response.end(`<!doctype html><title>patched</title><link rel=icon href="data:,"><form action=/moved><?marker name="m"></form>
          <template for=m><button formaction=//foreign.test/>abroad</button><a href=/page>page</a></template>`);
      } else if (request.target === '/rewritten/') {
        response.writeHead(200, { 'content-type': 'text/html' });
        response.end(`<!doctype html><title>rewritten</title><link rel=icon href="data:,"><p id=fetched></p>
          <script>history.pushState(null, '', 'step/'); fetch('/data').then((r) => r.text()).then((t) => { fetched.textContent = t; })</script>
          <button onclick="location.href = '/moved'">move</button>`);
      } else if (request.target in PARTS) {
        response.writeHead(200, { 'content-type': PARTS_TYPES[extname(request.target)] ?? 'text/html' });
        response.end(PARTS[request.target]);
      } else {
        response
          .writeHead(200, { 'content-type': 'text/html' })
          .end(`<!doctype html><link rel=icon href="data:,"><b>${isKnown ? 'known' : 'stranger'}</b>`);
      }
    });
    scriptedProxy = await startProxy(scripted.origin);
    segmentProxy = await startProxy(
      scripted.origin,
      'routes: [{ path: /**, use_trans_sid: true, carrier: path-segment }]',
    );
    taggedProxy = await startProxy(
      scripted.origin,
      'routes: [{ path: /**, use_trans_sid: true, trans_sid_tags: "a=href,form=,script=src,link=href" }]',
    );
    profile = mkdtempSync(join(tmpdir(), 'transid-chromium-'));
    browser = await launchWithoutCookies(profile);
  });
  beforeEach(async () => {
    page = await browser.newPage();
    page.setDefaultTimeout(15_000);
  });
  afterEach(() => page.close());
  after(async () => {
    await browser?.close();
    await shopProxy?.close();
    await scriptedProxy?.close();
    await segmentProxy?.close();
    await taggedProxy?.close();
    await scripted?.close();
    shop.closeAllConnections();
    await new Promise((resolve) => shop.close(resolve));
    rmSync(profile, { recursive: true, force: true });
  });

  const click = async (selector: string, on: Page = page): Promise<void> => {
    await Promise.all([on.waitForNavigation({ waitUntil: 'load' }), on.locator(selector).click()]);
  };
  const logIn = async (port: number): Promise<void> => {
    await page.goto(`http://127.0.0.1:${port}/`);
    await click('a[href*="login.cgi"]');
    await page.locator('input[name=user]').fill('ada');
    await page.locator('input[name=password]').fill('tea');
    await click('input[value="Log in"]');
  };
  const text = (on: Page = page) => on.evaluate('document.body.textContent') as Promise<string>;

  it('directly it stays a guest', async () => {
    await logIn((shop.address() as AddressInfo).port);
    expect(await text()).to.include('You are a guest');
  });

  it('through the proxy it logs in, searches, buys and logs out; no cookie is kept', async () => {
    await logIn(shopProxy.port);
    expect(await text()).to.include('Good day, ada');
    await page.locator('form[action*="search.cgi"] input[name=q]').fill('kettle');
    await click('form[action*="search.cgi"] input[type=submit]');
    expect(page.url()).to.match(SID);
    await click('table table a[href*="product.cgi"], table table a[href*="goods"]');
    await click('input[value="Add and pay"]');
    await page.locator('textarea[name=address]').fill('1 Main St');
    await click('input[value=Continue]');
    await click('input[value="Buy now"]');
    expect(await text()).to.match(/Your order has the number \d+\//);
    await click('a[href*="account.cgi"]');
    expect(await text()).to.include('Good day, ada');
    expect(await browser.defaultBrowserContext().cookies()).to.deep.equal([]);
    await click('a[href*="logout.cgi"]');
    expect(await text()).to.include('You are logged out');
  });

  it('in a frameset each frame knows its user', async () => {
    await logIn(shopProxy.port);
    await click('a[href*="frames.cgi"]');
    const frames = page.frames().filter((frame) => frame !== page.mainFrame());
    expect(frames).to.have.length(3);
    for (const frame of frames)
      expect(await frame.evaluate('document.body.textContent'), frame.url()).to.include('ada');
  });

  it('fetch, images and script-made navigation belong to the session of their page', async () => {
    await page.goto(`http://127.0.0.1:${scriptedProxy.port}/`);
    await click('#go');
    await page.waitForFunction('fetched.textContent !== ""');
    expect(await page.evaluate('fetched.textContent')).to.include('known');
    await click('button');
    expect(await text()).to.equal('known');
    expect(page.url(), 'the chain of marked pages goes on').to.match(SID);
    const seen = new Map(scripted.requests.map(({ target, fields }) => [target, fields.cookie]));
    expect(seen.get('/pixel')).to.equal('app=1');
    expect(seen.get('/data')).to.equal('app=1');
  });

  it('what a template brings into a form that is decided is marked, but its foreign button does not send that form', async () => {
    await page.goto(`http://127.0.0.1:${scriptedProxy.port}/patched`);
    const [patched] = await page.$$('form > button');
    // A Chromium older than 2026 leaves it in the template.
    if (patched === undefined) return;
    expect(await page.evaluate('document.forms[0].elements[0].name')).to.equal('_sid');
    expect(await page.evaluate('document.querySelector("form > button").form')).to.equal(null);
    await click('form > a');
    expect(await text()).to.include('move');
    expect(page.url()).to.match(SID);
  });

  it('a SID in the path stays in relative addresses that scripts push', async () => {
    await page.goto(`http://127.0.0.1:${segmentProxy.port}/`);
    await click('#rewritten');
    await page.waitForFunction('fetched.textContent !== ""');
    expect(page.url()).to.match(/\/\(_sid-[^)]+\)\/rewritten\/step\/$/);
    expect(await page.evaluate('fetched.textContent')).to.include('known');
    await click('button');
    expect(await text()).to.equal('known');
  });

  /** Which of what the parts of a page ask for has the session. */
  async function askedBehind(proxy: TestProxy): Promise<Record<string, boolean>> {
    scripted.requests.length = 0;
    await page.goto(`http://127.0.0.1:${proxy.port}/`);
    await click('#parts');
    const names = ['imported.css', 'imported.js', 'asked'];
    for (let i = 0; i < 100; i++) {
      const seen = new Map(scripted.requests.map(({ target, fields }) => [target, fields.cookie === 'app=1']));
      if (names.every((name) => seen.has(`/parts/${name}`))) {
        return Object.fromEntries(names.map((name) => [name, seen.get(`/parts/${name}`) === true]));
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error('the page did not ask for all its parts');
  }

  it('what style sheets, modules and workers ask for has the session where their own address has it', async () => {
    const byReferer = { 'imported.css': false, 'imported.js': false, asked: false };
    expect(await askedBehind(scriptedProxy), 'an address without the SID').to.deep.equal(byReferer);
    const all = { 'imported.css': true, 'imported.js': true, asked: true };
    expect(await askedBehind(segmentProxy), 'the SID in the path').to.deep.equal(all);
    expect(await askedBehind(taggedProxy), 'named in trans_sid_tags').to.deep.equal({ ...all, asked: false });
  });
});
