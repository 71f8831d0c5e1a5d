/**
 * What a foreign page can do with a SID of its own: nothing, and not by the pages that follow it either. (The fields are
 * those that Chromium sends.)
 */
import { expect } from 'chai';
import { type Answer, ask } from '../support/ask.ts';
import { SID, startProxy, type TestProxy } from '../support/proxy.ts';
import { type ScriptedUpstream, startUpstream } from '../support/scripted-upstream.ts';

const ROUTES = `routes:
  - { path: /admin/**, use_only_cookies: true, rewrite_vars: { lang: en }, url_rewriter_tags: "a=href,form=" }
  - { path: /vars/**, use_trans_sid: true, rewrite_vars: { lang: en }, url_rewriter_tags: "a=href,form=" }
  - { path: /named/**, use_trans_sid: true, session: { cookies: [PHPSESSID] } }
  - { path: /field/**, use_trans_sid: true, forms: field }
  - { path: /**, use_trans_sid: true }
`;
const EVIL = 'http://evil.test/';
const NAVIGATE = { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };

describe('the arrival gate', () => {
  let upstream: ScriptedUpstream;
  let proxy: TestProxy;
  let planted: string;

  before(async () => {
    upstream = await startUpstream((seen, response) => {
      if (seen.target === '/start') response.setHeader('Set-Cookie', 'app=attacker; Path=/; HttpOnly');
      response.writeHead(200, { 'Content-Type': 'text/html', 'Cache-Control': 'public, max-age=600' });
      response.end('<a href="">self</a><a href="/next">next</a>');
    });
    proxy = await startProxy(upstream.origin, ROUTES);
    planted = SID.exec((await send('/start')).body)?.[1] ?? expect.fail('no SID');
  });
  after(async () => {
    await proxy?.close();
    await upstream?.close();
  });

  const send = (path: string, fields: Record<string, string> = {}, method = 'GET', body = ''): Promise<Answer> =>
    ask(proxy.port, path, { host: 'own.test', fields, method, body });
  const lastCookie = () => upstream.requests.at(-1)?.fields.cookie;

  it('the planted session lives', async () => {
    await send(`/x?_sid=${planted}`, { 'sec-fetch-site': 'same-origin', ...NAVIGATE });
    expect(lastCookie()).to.equal('app=attacker');
  });

  for (const [why, fields] of [
    ["by the browser's word", { 'sec-fetch-site': 'cross-site', referer: EVIL, ...NAVIGATE }],
    ['by the Referer alone', { referer: EVIL }],
    ['in an app’s view of pages', { referer: EVIL, 'x-requested-with': 'com.example.reader' }],
    ['by a browser that does not say what it loads', { referer: EVIL, accept: '*/*' }],
    [
      'bounced back by a foreign redirect',
      { 'sec-fetch-site': 'cross-site', referer: 'http://own.test/', ...NAVIGATE },
    ],
  ] as const) {
    it(`a page from abroad loses the SID from its address: ${why}`, async () => {
      const count = upstream.requests.length;
      const page = await send(`/page?a=1&_sid=${planted}`, fields);
      expect(page).to.include({ status: 303, location: 'http://own.test/page?a=1' });
      const form = await send(`/page?a=1&_sid=${planted}`, { ...fields, 'content-length': '3' }, 'POST', 'b=2');
      expect(form).to.include({ status: 307, location: 'http://own.test/page?a=1' });
      expect(form.fields).to.include({ 'cache-control': 'private, no-store' });
      expect(upstream.requests.length, 'nothing of it reached the application').to.equal(count);
      expect(await send('/page?a=1', fields)).to.include({ status: 200 });
      expect(lastCookie()).to.equal(undefined);
    });
  }

  it('a part of a foreign page is served without the session, where it asked', async () => {
    const fields = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors', referer: EVIL, accept: 'image/*' };
    expect(await send(`/x?_sid=${planted}`, fields)).to.include({ status: 200 });
    expect(lastCookie()).to.equal(undefined);
    const post = await send(`/x?_sid=${planted}`, { ...fields, 'content-length': '3' }, 'POST', 'b=2');
    expect(post, 'no address to lose the SID from').to.include({ status: 200 });
    expect(lastCookie()).to.equal(undefined);
  });

  it('… nor with another SID in its form', async () => {
    const fields = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors', referer: EVIL };
    const form = '_sid=0123456789abcdefghijklmnop&b=2';
    const type = { 'content-type': 'application/x-www-form-urlencoded', 'content-length': String(form.length) };
    expect(await send(`/field/x?_sid=${planted}`, { ...type, ...fields }, 'POST', form)).to.include({ status: 200 });
    expect(upstream.requests.at(-1)).to.include({ target: '/field/x', body: 'b=2' });
    expect(lastCookie()).to.equal(undefined);
    await send(`/field/x?_sid=${planted}`, type, 'POST', form);
    expect(lastCookie(), 'of our own page').to.equal('app=attacker');
  });

  it('no page hands on a SID that is not honoured', async () => {
    const unknown = '0123456789abcdefghijklmnop';
    for (const target of [`/vars/x?_sid=${unknown}`, `/admin/x?_sid=${planted}`, `/vars/x?_sid=${unknown}&b=1`]) {
      const { body } = await send(target);
      expect(body, target).to.include('lang=en');
      expect(body, target).to.not.match(/_sid=|[0-9a-v]{26}/);
    }
  });

  it('a cookie that `session.cookies` lists beats a SID', async () => {
    const fields = { cookie: 'PHPSESSID=victim', 'sec-fetch-site': 'none', ...NAVIGATE };
    expect(await send(`/named/x?_sid=${planted}`, fields)).to.include({
      status: 303,
      location: 'http://own.test/named/x',
    });
    await send(`/named/x?_sid=${planted}`, { ...fields, 'sec-fetch-mode': 'cors' });
    expect(lastCookie()).to.equal('PHPSESSID=victim');
  });
});
