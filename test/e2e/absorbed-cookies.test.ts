/** Answers whose cookie is kept here: a cache in front must see that they are nobody else's. */
import { expect } from 'chai';
import { ask } from '../support/ask.ts';
import { startProxy, type TestProxy } from '../support/proxy.ts';
import { type ScriptedUpstream, startUpstream } from '../support/scripted-upstream.ts';

const ROUTES = `routes:
  - { path: /framed/**, use_cookies: false, use_trans_sid: true }
  - { path: /vars/**, use_cookies: false, use_trans_sid: true, rewrite_vars: { lang: en } }
  - { path: /**, use_trans_sid: true }`;
const ROBOT = 'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)';

describe('Cache-Control of an answer that sets a cookie', () => {
  let upstream: ScriptedUpstream;
  let proxy: TestProxy;

  before(async () => {
    upstream = await startUpstream(({ target }, response) => {
      response.setHeader('Content-Type', target.endsWith('.png') ? 'image/png' : 'text/html');
      response.setHeader('Cache-Control', 'public, max-age=60');
      response.setHeader('CDN-Cache-Control', 'max-age=60');
      if (!target.includes('/static')) response.setHeader('Set-Cookie', 'captcha=1; Path=/');
      response.end('<a href="/next">next</a>');
    });
    proxy = await startProxy(upstream.origin, ROUTES);
  });
  after(async () => {
    await proxy?.close();
    await upstream?.close();
  });

  for (const [what, target, fields, wantsCookie, wantsPrivate] of [
    ['kept here: private', '/framed/captcha.png', { accept: 'image/*' }, false, true],
    ['kept from a robot: private', '/framed/captcha.png', { 'user-agent': ROBOT }, false, true],
    ['kept from a robot, a page with variables: private', '/vars/page', { 'user-agent': ROBOT }, false, true],
    ['none: as it came', '/framed/static.png', { accept: 'image/*' }, false, false],
    ['of a client with cookies: as it came', '/captcha.png', { cookie: 'captcha=1' }, true, false],
  ] as const) {
    it(what, async () => {
      const answer = await ask(proxy.port, target, { host: 'own.test', fields });
      expect(answer.setCookies).to.have.length(wantsCookie ? 1 : 0);
      expect(answer.fields['cache-control']).to.equal(wantsPrivate ? 'max-age=60, private' : 'public, max-age=60');
      expect(answer.fields['cdn-cache-control']).to.equal(wantsPrivate ? undefined : 'max-age=60');
    });
  }
});

describe('a Secure cookie by http', () => {
  let upstream: ScriptedUpstream;
  let proxy: TestProxy;

  before(async () => {
    upstream = await startUpstream((_request, response) => {
      response.setHeader('Content-Type', 'text/html');
      response.setHeader('Set-Cookie', 'id=1; Secure; Path=/');
      response.end('<a href="/next">next</a>');
    });
    proxy = await startProxy(upstream.origin, 'routes: [{ path: /**, use_trans_sid: true }]');
  });
  after(async () => {
    await proxy?.close();
    await upstream?.close();
  });

  for (const [host, isKept] of [
    ['own.test', false],
    ['localhost.own.test', false],
    ['127.own.test', false],
    ['localhost', true],
    ['shop.LOCALHOST:8080', true],
    ['127.0.0.1:8080', true],
    ['127.1', true],
    ['[::1]:8080', true],
  ] as const) {
    it(`${isKept ? 'is' : 'is not'} kept at ${host}, as browsers have it`, async () => {
      const { body } = await ask(proxy.port, '/', { host });
      const sid = /_sid=([0-9a-v]{26})/.exec(body)?.[1];
      expect(sid !== undefined).to.equal(isKept);
      if (sid === undefined) return;
      await ask(proxy.port, `/next?_sid=${sid}`, { host });
      expect(upstream.requests.at(-1)?.fields.cookie).to.equal('id=1');
    });
  }
});
