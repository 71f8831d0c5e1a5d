/** What the page that begins a session asks for on its own: a captcha beside a login form, whose answer the session keeps. */
import { expect } from 'chai';
import { type CookieSetting, launchChromium } from '../support/chromium.ts';
import { startProxy } from '../support/proxy.ts';
import { startUpstream } from '../support/scripted-upstream.ts';

const TAGS = 'a=href,area=href,frame=src,iframe=src,form=';
const LOGIN = `<!doctype html><title>login</title><link rel=icon href="data:,"><img src=/captcha.gif>
<form action=/login method=post><input name=word><input type=submit></form>`;
const GIF = Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7', 'base64');

/** A session begins wherever none is; the picture writes a word into it, which the form must name. */
async function startCaptcha() {
  const words = new Map<string, string>();
  let count = 0;
  const upstream = await startUpstream((request, response) => {
    const found = /\bid=(s\d+)/.exec(request.fields.cookie ?? '')?.[1];
    const id = found !== undefined && words.has(found) ? found : `s${++count}`;
    if (id !== found) {
      words.set(id, '');
      response.setHeader('Set-Cookie', `id=${id}; Path=/; HttpOnly`);
    }
    if (request.target === '/captcha.gif') {
      words.set(id, 'tea');
      response.writeHead(200, { 'Content-Type': 'image/gif', 'Cache-Control': 'no-store' }).end(GIF);
      return;
    }
    response.setHeader('Content-Type', 'text/html; charset=utf-8');
    if (request.method === 'GET') response.end(LOGIN);
    else
      response.end(`<!doctype html><link rel=icon href="data:,"><b>${words.get(id) === 'tea' ? 'right' : 'wrong'}</b>`);
  });
  return { upstream, sessions: () => count };
}

describe('the first page’s own pictures [needs chromium]', function () {
  this.timeout(60_000);

  async function logIn(cookies: CookieSetting, route: string): Promise<{ answer: string; sessions: number }> {
    const { upstream, sessions } = await startCaptcha();
    const proxy = await startProxy(upstream.origin, `routes: [{ path: /**, use_trans_sid: true${route} }]`);
    const { browser, close } = await launchChromium(cookies);
    try {
      const page = await browser.newPage();
      page.setDefaultTimeout(15_000);
      await page.goto(`http://127.0.0.1:${proxy.port}/`, { waitUntil: 'networkidle0' });
      await Promise.all([page.waitForNavigation(), page.locator('input[type=submit]').click()]);
      return { answer: await page.$eval('b', (b) => b.textContent ?? ''), sessions: sessions() };
    } finally {
      await close();
      await proxy.close();
      await upstream.close();
    }
  }

  for (const carrier of ['query', 'path-segment'] as const) {
    for (const cookies of ['block-all', 'allow'] as const) {
      it(`by ${carrier}, cookies ${cookies}: find the session where \`img=src\` marks them`, async () => {
        const route = `, carrier: ${carrier}, trans_sid_tags: "${TAGS},img=src"`;
        expect(await logIn(cookies, route)).to.deep.equal({ answer: 'right', sessions: 1 });
      });
    }
  }
  it('find none by the tags of the default', async () => {
    expect(await logIn('block-all', '')).to.deep.equal({ answer: 'wrong', sessions: 2 });
  });
});

describe('a page that was loaded ahead, before its session began [needs chromium]', function () {
  this.timeout(60_000);

  it('is not taken for that of a marked link, whatever No-Vary-Search says', async () => {
    let ahead: (() => void) | null = null;
    const isAhead = new Promise<void>((resolve) => {
      ahead = resolve;
    });
    const upstream = await startUpstream((request, response) => {
      const known = request.fields.cookie;
      if (known === undefined) response.setHeader('Set-Cookie', `id=${request.target.slice(1)}; Path=/; HttpOnly`);
      response.writeHead(200, { 'Content-Type': 'text/html', 'No-Vary-Search': 'params' });
      response.end(`<!doctype html><link rel=icon href="data:,"><b>${known ?? 'none'}</b><a href=/next>next</a>
        <script type=speculationrules>{"prefetch":[{"urls":["/next"],"eagerness":"immediate"}]}</script>`);
      if (request.fields['sec-purpose'] !== undefined) ahead?.();
    });
    const proxy = await startProxy(upstream.origin);
    const { browser, close } = await launchChromium('block-all');
    try {
      const page = await browser.newPage();
      page.setDefaultTimeout(15_000);
      await page.goto(`http://127.0.0.1:${proxy.port}/first`);
      await isAhead;
      await new Promise((resolve) => setTimeout(resolve, 500));
      await page.locator('a').click();
      await page.waitForFunction('location.pathname === "/next" && document.querySelector("b") !== null');
      expect(await page.$eval('b', (b) => b.textContent)).to.equal('id=first');
    } finally {
      await close();
      await proxy.close();
      await upstream.close();
    }
  });
});
