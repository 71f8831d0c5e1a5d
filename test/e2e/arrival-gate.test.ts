/**
 * What a foreign page can do with a SID of its own: nothing, and not by the pages that follow it either. (The fields are
 * those that Chromium sends.)
 */
import { expect } from 'chai';
import { type Answer, ask } from '../support/ask.ts';
import { SID, startProxy, type TestProxy } from '../support/proxy.ts';
import { type ScriptedUpstream, startUpstream } from '../support/scripted-upstream.ts';

const ROUTES = `trusted_proxies: [127.0.0.1]
routes:
  - { path: /other/**, use_trans_sid: true, session: { name: osid } }
  - { path: /seg/**, use_trans_sid: true, carrier: path-segment }
  - { path: /mirror/**, use_trans_sid: true, session: { mode: mirror, name: PHPSESSID, cookie: PHPSESSID } }
  - { path: /admin/**, use_only_cookies: true, rewrite_vars: { lang: en }, url_rewriter_tags: "a=href,form=" }
  - { path: /vars/**, use_trans_sid: true, rewrite_vars: { lang: en }, url_rewriter_tags: "a=href,form=" }
  - { path: /named/**, use_trans_sid: true, session: { cookies: [PHPSESSID] } }
  - { path: /field/**, use_trans_sid: true, forms: field }
  - { path: /**, use_trans_sid: true }
`;
const EVIL = 'http://evil.test/';
/** The victim, as the trusted proxy names it, and the attacker, who is somewhere else. */
const HERE = { 'x-forwarded-for': '203.0.113.5' };
const ELSEWHERE = { 'x-forwarded-for': '198.51.100.9' };
const NAVIGATE = { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };

describe('the arrival gate', () => {
  let upstream: ScriptedUpstream;
  let proxy: TestProxy;
  let planted: string;

  before(async () => {
    upstream = await startUpstream((seen, response) => {
      if (/^\/(?:other\/|seg\/)?start$/.test(seen.target)) {
        response.setHeader('Set-Cookie', 'app=attacker; Path=/; HttpOnly');
      }
      if (seen.target.endsWith('/launch') && seen.fields.cookie === undefined) {
        response
          .setHeader('Set-Cookie', 'PHPSESSID=launched; Path=/; HttpOnly')
          .writeHead(302, { Location: 'hop' })
          .end();
        return;
      }
      if (seen.target.endsWith('/hop')) {
        response.writeHead(302, { Location: 'tool' }).end();
        return;
      }
      response.writeHead(200, { 'Content-Type': 'text/html', 'Cache-Control': 'public, max-age=600' });
      response.end('<a href="">self</a><a href="/next">next</a>');
    });
    proxy = await startProxy(upstream.origin, ROUTES);
    planted = SID.exec((await send('/start', ELSEWHERE)).body)?.[1] ?? expect.fail('no SID');
  });
  after(async () => {
    await proxy?.close();
    await upstream?.close();
  });

  const askOf = (port: number, path: string, fields: Record<string, string>) =>
    ask(port, path, { host: 'own.test', fields });
  const send = (path: string, fields: Record<string, string> = {}, method = 'GET', body = ''): Promise<Answer> =>
    ask(proxy.port, path, { host: 'own.test', fields: { ...HERE, ...fields }, method, body });
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

  for (const [whose, fields] of [
    ['a foreign page', { referer: EVIL }],
    ['a page that does not say who it is', {}],
    ['a foreign page that bounced an own one back', { referer: 'http://own.test/' }],
  ] as const) {
    it(`no page with a SID is loaded ahead for ${whose} (LOADED_AHEAD): the browser says who asks when the click comes`, async () => {
      const count = upstream.requests.length;
      const ahead = { 'sec-fetch-site': 'none', 'sec-purpose': 'prefetch', ...fields, ...NAVIGATE };
      expect(await send(`/page?_sid=${planted}`, ahead)).to.include({ status: 503 });
      expect(upstream.requests.length).to.equal(count);
      expect(await send('/page', ahead), 'without a SID').to.include({ status: 200 });
    });
  }

  it('an own page has others loaded ahead', async () => {
    const ahead = { 'sec-fetch-site': 'none', 'sec-purpose': 'prefetch', referer: 'http://own.test/x', ...NAVIGATE };
    expect(await send(`/page?_sid=${planted}`, ahead)).to.include({ status: 200 });
    expect(lastCookie()).to.equal('app=attacker');
  });

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

  const FROM_EVIL = { 'sec-fetch-site': 'cross-site', referer: EVIL, ...NAVIGATE };

  for (const method of ['GET', 'POST']) {
    it(`a session that begins on the way from abroad goes on through the application's redirects: ${method}`, async () => {
      const form = method === 'POST' ? { 'content-length': '3' } : {};
      const launch = await send('/launch', { ...FROM_EVIL, ...form }, method, method === 'POST' ? 'a=1' : '');
      expect(launch.location).to.match(SID);
      const hop = await send(`/${launch.location}`, FROM_EVIL);
      expect(hop.location).to.match(SID);
      expect(await send(`/${hop.location}`, FROM_EVIL)).to.include({ status: 200 });
      expect(lastCookie()).to.equal('PHPSESSID=launched');
      const elsewhere = await send(`/${hop.location}`, { ...FROM_EVIL, ...ELSEWHERE });
      expect(elsewhere, 'a stranger').to.include({ status: 303, location: 'http://own.test/tool' });
    });
  }

  it("… but not one of an application's own IDs, of which nobody knows since when they are", async () => {
    const launch = await send('/mirror/launch', FROM_EVIL);
    expect(launch.location).to.equal('hop?PHPSESSID=launched');
    expect(await send(`/mirror/${launch.location}`, FROM_EVIL)).to.include({
      status: 303,
      location: 'http://own.test/mirror/hop',
    });
  });

  for (const target of ['/admin/login', '/other/x']) {
    it(`a page that honours no such SID leaves none in the address of who comes from abroad: ${target}`, async () => {
      const answer = await send(`${target}?_sid=${planted}`, FROM_EVIL);
      expect(answer).to.include({ status: 303, location: `http://own.test${target}` });
      const post = await send(`${target}?_sid=${planted}`, { ...FROM_EVIL, 'content-length': '0' }, 'POST');
      expect(post).to.include({ status: 307, location: `http://own.test${target}` });
      const segment = await send(`/(_sid-${planted})${target}`, FROM_EVIL);
      expect(segment).to.include({ status: 303, location: `http://own.test${target}` });
    });
  }

  it('the way goes on behind an own page that honours no SID', async () => {
    for (const page of [`/page?_sid=${planted}`, `/(_sid-${planted})/admin/help`]) {
      const fields = { 'sec-fetch-site': 'same-origin', referer: `http://own.test${page}`, ...NAVIGATE };
      const answer = await send('/home', fields);
      expect(answer).to.include({ status: 303, location: `http://own.test/home?_sid=${planted}` });
    }
  });

  for (const [why, own, theirs] of [
    ['a proxy that says nothing of itself', {}, {}],
    ['a proxy that nobody trusts', { 'x-forwarded-for': '203.0.113.5' }, { 'x-forwarded-for': '198.51.100.9' }],
    ['a proxy that leaves out who asks', { forwarded: 'for=unknown;proto=http' }, { forwarded: 'for=unknown' }],
  ] as const) {
    it(`where clients cannot be told apart, no session counts from abroad: behind ${why}`, async () => {
      const trust = why.includes('leaves out') ? 'trusted_proxies: [127.0.0.1]\nforwarded_fields: forwarded\n' : '';
      const blind = await startProxy(upstream.origin, `${trust}routes: [{ path: /**, use_trans_sid: true }]`);
      const askBlind = (path: string, fields: Record<string, string>) => askOf(blind.port, path, fields);
      try {
        const { body } = await askBlind('/start', theirs);
        const fresh = SID.exec(body)?.[1] ?? expect.fail('no SID');
        const answer = await askBlind(`/x?_sid=${fresh}`, { ...own, ...FROM_EVIL });
        expect(answer).to.include({ status: 303, location: 'http://own.test/x' });
      } finally {
        await blind.close();
      }
    });
  }

  it('a parameter of the application that is called as another route calls its SIDs is no SID', async () => {
    expect(await send('/page?osid=short', FROM_EVIL)).to.include({ status: 200 });
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
