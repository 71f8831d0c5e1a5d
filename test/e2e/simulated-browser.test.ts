/**
 * An ordinary Chromium in front of the simulating proxy: it behaves as one whose user restricts cookies, for the server
 * and for the scripts of the page.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import puppeteer, { type Browser } from 'puppeteer-core';
import { startProxy, type TestProxy } from '../support/proxy.ts';
import { type ScriptedUpstream, startUpstream } from '../support/scripted-upstream.ts';

const FLAGS =
  '--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync';

/** What the page's script saw, before any proxy's help. */
const PROBE = `<script>
  document.cookie = 'js=1; max-age=1000; path=/';
  document.title = [navigator.cookieEnabled, document.cookie || 'no cookie', typeof cookieStore].join(' | ');
</script>`;

describe('Chromium before the simulating proxy [needs chromium]', function () {
  this.timeout(60_000);
  let profile: string;
  let browser: Browser;
  let upstream: ScriptedUpstream;
  const proxies: TestProxy[] = [];

  /** What the upstream was sent by way of Cookie for `/again`, and what the script saw. */
  async function visit(simulate: string, path = '/'): Promise<{ cookie: string; title: string }> {
    const proxy = await startProxy(upstream.origin, `routes: [{ path: /**, simulate: ${simulate} }]`);
    proxies.push(proxy);
    const context = await browser.createBrowserContext();
    const page = await context.newPage();
    page.setDefaultTimeout(15_000);
    await page.goto(`http://127.0.0.1:${proxy.port}${path}`);
    const frame = page.frames()[1] ?? page.mainFrame();
    const title = await frame.title();
    await frame.goto(`${new URL(frame.url()).origin}/again`);
    const cookie = String(await frame.evaluate('document.body.textContent'));
    await context.close();
    return { cookie: cookie.trim(), title };
  }

  before(async () => {
    upstream = await startUpstream((request, response) => {
      const type = { 'content-type': 'text/html' };
      if (request.target === '/again')
        response.writeHead(200, type).end(`<!doctype html><body>${request.fields.cookie ?? 'none'}</body>`);
      else if (request.target === '/framed') {
        // The same port under another name is another site.
        const port = /:(\d+)$/.exec(request.fields.host ?? '')?.[1];
        response.writeHead(200, type).end(`<!doctype html><iframe src="http://localhost:${port}/"></iframe>`);
      } else {
        response.writeHead(200, {
          ...type,
          'set-cookie': ['app=1; Path=/; Max-Age=1000', 'theme=2; Path=/'],
          'content-security-policy': "script-src 'unsafe-inline'",
        });
        response.end(
          `<!doctype html><html><head><link rel=icon href="data:,"><title>t</title></head><body>${PROBE}</body></html>`,
        );
      }
    });
    profile = mkdtempSync(join(tmpdir(), 'simulated-chromium-'));
    browser = await puppeteer.launch({
      executablePath: '/usr/bin/chromium',
      userDataDir: profile,
      args: FLAGS.split(' '),
    });
  });
  after(async () => {
    await browser?.close();
    for (const proxy of proxies) await proxy.close();
    await upstream?.close();
    rmSync(profile, { recursive: true, force: true });
  });

  for (const [simulate, path, want] of [
    ['{ by_field: true }', '/', { cookie: 'app=1; theme=2; js=1', title: 'true | theme=2; app=1; js=1 | object' }],
    ['{ as: no-cookies, script: true }', '/', { cookie: 'none', title: 'false | no cookie | undefined' }],
    ['{ as: no-cookies }', '/', { cookie: 'none', title: 'true | js=1 | object' }],
    [
      '{ as: block-third-party, script: true }',
      '/',
      { cookie: 'app=1; theme=2; js=1', title: 'true | app=1; theme=2; js=1 | object' },
    ],
    ['{ as: block-third-party, script: true }', '/framed', { cookie: 'none', title: 'false | no cookie | undefined' }],
  ] as const) {
    it(`simulate: ${simulate} at ${path}`, async () => {
      const seen = await visit(simulate, path);
      const sorted = (pairs: string) => pairs.split('; ').sort().join('; ');
      expect(sorted(seen.cookie)).to.equal(sorted(want.cookie));
      const [enabled, cookies, store] = seen.title.split(' | ');
      expect([enabled, sorted(cookies ?? ''), store]).to.deep.equal(
        want.title.split(' | ').map((part, index) => (index === 1 ? sorted(part) : part)),
      );
    });
  }
});
