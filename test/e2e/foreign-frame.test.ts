/**
 * An application in a frame on a page of another site, https on both, in a real Chromium that blocks third-party cookies:
 * the login inside the frame holds, by partitioned cookies where the browser keeps them and by the URL where it does not.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Frame } from 'puppeteer-core';
import { parseDocument, type YAMLSeq } from 'yaml';
import { type CookieSetting, launchChromium } from '../support/chromium.ts';
import { startConfigured, type TestProxy } from '../support/proxy.ts';
import { type ScriptedUpstream, startUpstream } from '../support/scripted-upstream.ts';
import { CERTIFICATE } from '../support/tls-pair.ts';

const FLAGS = ['--ignore-certificate-errors', '--host-resolver-rules=MAP * 127.0.0.1'];
const SID = /_sid=[0-9a-v]{26}/;

/**
 * config/examples/foreign-frame.yaml, with the listener and the upstream of this test, and more routes: /auto/**, that asks
 * for nothing special, and /probed/**.
 */
function exampleFor(upstream: string, folder: string): string {
  const document = parseDocument(
    readFileSync(new URL('../../config/examples/foreign-frame.yaml', import.meta.url), 'utf8'),
  );
  const tls = { cert: `${folder}/tls.crt`, key_file: `${folder}/tls.key` };
  document.set('listen', { address: '127.0.0.1:0', tls });
  document.set('upstream', upstream);
  document.set('log', { level: 'silent' });
  const routes = document.get('routes') as YAMLSeq; // The example has a list of routes; a test of the examples says so.
  const probed = { path: '/probed/**', use_trans_sid: true, detect: 'probe', cookies: { partitioned: true } };
  routes.items.unshift(document.createNode({ path: '/auto/**', use_trans_sid: true }), document.createNode(probed));
  return document.toString();
}

describe('a frame on a foreign site [needs chromium]', function () {
  this.timeout(90_000);
  let tool: ScriptedUpstream;
  let proxy: TestProxy;
  let platform: Server;
  let folder: string;

  before(async () => {
    const users = new Map<string, string>();
    let count = 0;
    tool = await startUpstream(({ target, method, fields, body }, response) => {
      const id = /(?:^|; )id=(\w+)/.exec(fields.cookie ?? '')?.[1];
      if (method === 'POST') {
        count += 1;
        users.set(`s${count}`, new URLSearchParams(body).get('user') ?? '');
        response.setHeader('Set-Cookie', `id=s${count}; Path=/; HttpOnly; Secure; SameSite=Lax`);
        response.writeHead(303, { Location: target.replace('login', 'home') }).end();
        return;
      }
      if (id === undefined) response.setHeader('Set-Cookie', `id=guest; Path=/; HttpOnly; Secure`);
      const user = users.get(id ?? '') ?? 'guest';
      const prefix = target.split('/')[1];
      response.setHeader('Content-Type', 'text/html; charset=utf-8');
      response.end(`<!doctype html><title>tool</title><p id="user">${user}</p><a id="next" href="/${prefix}/next">next</a>
<form method="post" action="/${prefix}/login"><input name="user" value="ada"><button id="login">log in</button></form>`);
    });
    folder = mkdtempSync(join(tmpdir(), 'transid-frame-'));
    writeFileSync(join(folder, 'tls.crt'), CERTIFICATE.cert);
    writeFileSync(join(folder, 'tls.key'), CERTIFICATE.key, { mode: 0o600 });
    proxy = await startConfigured(exampleFor(tool.origin, folder));
    platform = createServer(CERTIFICATE, (req, res) => {
      res.setHeader('Content-Type', 'text/html');
      const path = new URL(req.url ?? '/', 'https://lms.example').pathname;
      res.end(
        `<!doctype html><title>platform</title><iframe name="tool" src="https://tool.test:${proxy.port}${path}"></iframe>`,
      );
    });
    await new Promise<void>((resolve) => platform.listen(0, '127.0.0.1', resolve));
  });
  after(async () => {
    platform.closeAllConnections();
    await new Promise((resolve) => platform.close(resolve));
    await proxy.close();
    await tool.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Log in inside the frame and click on; resolves with the frame's user and address after each page. */
  async function visit(setting: CookieSetting, path: string): Promise<{ user: string; url: string }[]> {
    const { browser, close } = await launchChromium(setting, FLAGS);
    try {
      const page = await browser.newPage();
      await page.goto(`https://lms.test:${(platform.address() as AddressInfo).port}${path}`);
      const seen: { user: string; url: string }[] = [];
      const toolFrame = async (): Promise<Frame> => {
        const frame = await page.waitForFrame(
          (candidate) => candidate.name() === 'tool' && candidate.url().startsWith('https://tool.test'),
        );
        await frame.waitForSelector('#user');
        return frame;
      };
      const look = async (): Promise<Frame> => {
        const frame = await toolFrame();
        seen.push({ user: await frame.$eval('#user', (element) => element.textContent ?? ''), url: frame.url() });
        return frame;
      };
      const go = async (selector: string): Promise<void> => {
        let frame = await look();
        // A click into a frame that Chromium is just exchanging is lost, as a user's would be, who clicks again.
        for (let clicks = 1; ; clicks++) {
          try {
            await Promise.all([frame.waitForNavigation({ timeout: 8000 }), frame.click(selector)]);
            return;
          } catch (error) {
            if (clicks === 3) throw error;
            frame = await toolFrame();
          }
        }
      };
      await go('#login');
      await go('#next');
      await go('#next');
      await look();
      return seen;
    } finally {
      await close();
    }
  }

  const users = (pages: readonly { user: string }[]) => pages.map(({ user }) => user);

  it('third-party cookies blocked: the session lives in the URL', async () => {
    const pages = await visit('block-third-party', '/auto/start');
    expect(users(pages)).to.deep.equal(['guest', 'ada', 'ada', 'ada']);
    for (const { url } of pages.slice(1)) expect(url).to.match(SID);
  });

  it('use_cookies: false: the same', async () => {
    const pages = await visit('block-third-party', '/widget/start');
    expect(users(pages)).to.deep.equal(['guest', 'ada', 'ada', 'ada']);
    for (const { url } of pages.slice(1)) expect(url).to.match(SID);
  });

  it('cookies.partitioned: the browser keeps them for this frame, and the URL is clean', async () => {
    const pages = await visit('block-third-party', '/lesson/start');
    expect(users(pages)).to.deep.equal(['guest', 'ada', 'ada', 'ada']);
    expect(pages.at(-1)?.url).not.to.match(SID);
  });

  it('cookies.partitioned and detect: probe: the probe is such a cookie, too, and no page has a SID', async () => {
    const pages = await visit('block-third-party', '/probed/start');
    expect(users(pages)).to.deep.equal(['guest', 'ada', 'ada', 'ada']);
    for (const { url } of pages) expect(url).not.to.match(SID);
  });

  it('cookies.partitioned, all cookies blocked: falls back to the URL by itself', async () => {
    const pages = await visit('block-all', '/lesson/start');
    expect(users(pages)).to.deep.equal(['guest', 'ada', 'ada', 'ada']);
    for (const { url } of pages.slice(1)) expect(url).to.match(SID);
  });
});
