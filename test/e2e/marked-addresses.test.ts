/** Requests whose address has a SID, and what becomes of it where no page is marked: it is told nobody, and nobody else's parameter is taken for one. */
import { request } from 'node:http';
import { expect } from 'chai';
import { ask } from '../support/ask.ts';
import { SID, startProxy, type TestProxy } from '../support/proxy.ts';
import { type ScriptedUpstream, startUpstream } from '../support/scripted-upstream.ts';

const ROUTES = `routes:
  - { path: /admin/**, use_only_cookies: true, session: { name: adm }, on_url_sid: reject }
  - { path: /moved/**, use_only_cookies: true, session: { name: adm }, on_url_sid: redirect }
  - { host: forum.test, use_trans_sid: true, session: { name: sid } }
  - { host: news.test, use_trans_sid: true, session: { name: story } }
  - { path: /vars/**, use_trans_sid: true, rewrite_vars: { lang: en }, url_rewriter_tags: 'a=href' }
  - { use_trans_sid: true }
`;
const hintOf = (policy: string) => `<//other.test/a.js>; rel=preload; as=script; referrerpolicy=${policy}`;
const TALKATIVE = {
  'Referrer-Policy': 'unsafe-url',
  'Cache-Control': 'public, max-age=60',
  'Content-Security-Policy': "default-src 'self'; report-uri https://reports.test/",
  NEL: '{"report_to":"a","max_age":60}',
  'Report-To': '{"group":"a"}',
  ETag: '"1"',
};
/** What becomes of them: they may hold already, by a page without a SID. */
const REVOKED = { nel: '{"max_age":0}', 'report-to': '{"group":"a","max_age":0,"endpoints":[]}' };

describe('addresses with a SID', () => {
  let upstream: ScriptedUpstream;
  let proxy: TestProxy;
  let sid: string;

  before(async () => {
    upstream = await startUpstream(({ target }, response) => {
      if (target === '/start') response.setHeader('Set-Cookie', 'app=1; Path=/');
      if (/^\/(?:admin\/)?away/.test(target)) {
        response.writeHead(302, { ...TALKATIVE, Location: 'https://other.test/' }).end();
        return;
      }
      if (target === '*') response.setHeader('Set-Cookie', 'app=1; Path=/');
      if (target === '/hinted') response.writeEarlyHints({ link: hintOf('unsafe-url') });
      const type = /^\/(?:admin|passed|js)\/(.*?)(?:\?|$)/.exec(target)?.[1] ?? 'text/html';
      const more = target.includes('no-transform') ? { 'Cache-Control': 'public, no-transform' } : {};
      response.writeHead(200, { ...TALKATIVE, ...more, 'Content-Type': type });
      response.end('<a href="/x">x</a>');
    });
    proxy = await startProxy(upstream.origin, ROUTES);
    sid = SID.exec((await send('/start')).body)?.[1] ?? expect.fail('no SID');
  });
  after(async () => {
    await proxy?.close();
    await upstream?.close();
  });

  const send = (target: string, fields: Record<string, string> = {}, host = 'own.test') =>
    ask(proxy.port, target, { host, fields });

  for (const [what, target] of [
    ['a page that is not to be transformed', '/passed/text/html?no-transform'],
    ['a page in UTF-16', '/passed/text/html;charset=utf-16?x'],
    ['a page for everybody whose SID is not alive', '/passed/text/html?y'],
  ] as const) {
    it(`${what} tells it nobody`, async () => {
      const text = what.includes('alive') ? '0123456789abcdefghijklmnop' : sid;
      const { fields, body } = await send(`${target}&_sid=${text}`);
      expect(body).to.equal('<a href="/x">x</a>');
      expect(fields).to.include({ 'referrer-policy': 'same-origin', etag: '"1"' });
      expect(fields['cache-control'])
        .to.match(/private/)
        .and.to.not.match(/public/);
      expect(fields['content-security-policy']).to.equal("default-src 'self';");
      expect(fields).to.include(REVOKED);
    });
  }

  it('what is no page keeps its fields, but for reports and the policy of its own fetches; a page whose address has none keeps all', async () => {
    for (const target of [`/js/text/javascript?_sid=${sid}`, `/js/text/css?_sid=${sid}`, '/passed/text/html']) {
      const { fields } = await send(target, { cookie: 'other=1', accept: '*/*' });
      const policy = target.includes('_sid') ? 'same-origin' : 'unsafe-url';
      expect(fields, target).to.include({ 'referrer-policy': policy, 'cache-control': 'public, max-age=60' });
      if (target.includes('_sid')) expect(fields, target).to.include(REVOKED);
      else expect(fields, target).to.include({ nel: TALKATIVE.NEL, 'report-to': TALKATIVE['Report-To'] });
    }
  });

  it('what is found by its Referer brings no reports either', async () => {
    const { fields } = await send('/js/image/png', {
      ...{ referer: `http://own.test/x?_sid=${sid}`, accept: 'image/*' },
      ...{ 'sec-fetch-dest': 'image', 'sec-fetch-mode': 'no-cors', 'sec-fetch-site': 'same-origin' },
    });
    expect(fields).to.include({ 'referrer-policy': 'unsafe-url', 'cache-control': 'max-age=60, private' });
    expect(fields).to.include(REVOKED);
  });

  it('nor what honours no Referer, whose reports would tell it all the same', async () => {
    for (const [referer, isTold] of [
      [`http://own.test/x?_sid=${sid}`, false],
      ['http://own.test/x?a=1', true],
    ] as const) {
      const { fields } = await send('/admin/text/html', { referer, cookie: 'other=1' });
      const csp = TALKATIVE['Content-Security-Policy'];
      expect(fields).to.include({ 'referrer-policy': 'unsafe-url', 'cache-control': 'public, max-age=60' });
      expect(fields['content-security-policy']).to.equal(isTold ? csp : "default-src 'self';");
      expect(fields['nel']).to.equal(isTold ? TALKATIVE.NEL : REVOKED.nel);
    }
  });

  it('nor does a page with rewrite variables alone', async () => {
    const { fields, body } = await send('/vars/x?_sid=0123456789abcdefghijklmnop');
    expect(body).to.equal('<a href="/x?lang=en">x</a>');
    expect(fields).to.include({ 'referrer-policy': 'same-origin' });
    expect(fields).to.include(REVOKED);
  });

  it('a redirect abroad takes the Referer of the page on, but under no policy that tells it', async () => {
    const image = {
      accept: 'image/*',
      'sec-fetch-dest': 'image',
      'sec-fetch-mode': 'no-cors',
      'sec-fetch-site': 'same-origin',
    };
    for (const [target, referer, want] of [
      ['/away', `http://own.test/x?_sid=${sid}`, 'same-origin'],
      ['/admin/away', `http://own.test/x?_sid=${sid}`, 'same-origin'],
      ['/away', 'http://own.test/x', 'unsafe-url'],
    ] as const) {
      const { status, fields } = await send(target, { ...image, referer });
      expect({ status, policy: fields['referrer-policy'] }, target + referer).to.deep.equal({
        status: 302,
        policy: want,
      });
    }
  });

  it('links that go ahead of the page tell others no address with a SID', async () => {
    for (const [target, want] of [
      [`/hinted?_sid=${sid}`, hintOf('same-origin')],
      ['/hinted', hintOf('unsafe-url')],
    ] as const) {
      const early = await new Promise((resolve, reject) => {
        const call = request({ port: proxy.port, path: target, headers: { host: 'own.test', cookie: 'other=1' } });
        call.on('information', ({ headers }) => resolve(headers['link']));
        call
          .on('error', reject)
          .on('response', (response) => response.resume())
          .end();
      });
      expect(early).to.equal(want);
    }
  });

  it('`on_url_sid` minds SIDs under the name of another route', async () => {
    expect(await send(`/admin/x?_sid=${sid}`)).to.include({ status: 400 });
    const moved = await send(`/moved/x?_sid=${sid}`);
    expect(moved).to.include({ status: 303, location: 'http://own.test/moved/x' });
    expect(moved.fields, 'no report of the address that it leaves').to.include({ nel: REVOKED.nel });
    expect((await send('/admin/x?_sid=42')).status, 'no SID by its form').to.equal(200);
    expect((await send('/admin/x')).status).to.equal(200);
  });

  it('a name of one host is a parameter like any other on the next', async () => {
    await send('/article?sid=42&mode=1', { referer: 'http://news.test/article?sid=42' }, 'news.test');
    expect(upstream.requests.at(-1)?.target).to.equal('/article?sid=42&mode=1');
    expect(upstream.requests.at(-1)?.fields.referer).to.equal('http://news.test/article?sid=42');
    await send('/article?story=42&sid=1', {}, 'forum.test');
    expect(upstream.requests.at(-1)?.target).to.equal('/article?story=42');
    await send('/x', { referer: `http://forum.test/x?sid=${sid}&a=1` }, 'news.test');
    expect(upstream.requests.at(-1)?.fields.referer, 'a SID of the other host').to.equal('http://forum.test/x?a=1');
  });

  for (const [what, type] of [
    ['without a type, which browsers sniff', ''],
    ['of XML, which has style sheets', 'text/xml'],
    ['in parts', 'multipart/mixed;boundary=x'],
  ] as const) {
    it(`an answer ${what} tells it nobody`, async () => {
      const { fields } = await send(`/passed/${type}?_sid=${sid}`);
      expect(fields['referrer-policy']).to.equal('same-origin');
    });
  }

  for (const target of ['*', 'http://own.test']) {
    it(`OPTIONS ${target}, about the server as a whole, has no address, and an answer all the same`, async () => {
      const { status, body } = await ask(proxy.port, target, { host: 'own.test', method: 'OPTIONS' });
      expect(upstream.requests.at(-1)).to.include({ method: 'OPTIONS', target: '*' });
      expect(status).to.equal(200);
      expect(body).to.match(/^<a href="\/x\?_sid=[0-9a-v]{26}">x<\/a>$/);
    });
  }

  it('a host is the same with the port that its scheme has anyway, and with no other', async () => {
    for (const [host, want] of [
      ['OWN.test:80', true],
      ['own.test:443', false],
      ['own.test:8080', false],
    ] as const) {
      const { body } = await send(`/page?_sid=${sid}`, { 'sec-fetch-mode': 'navigate' }, host);
      expect(body.includes(sid), host).to.equal(want);
    }
  });

  it('a Referer without a host is of our own', async () => {
    for (const referer of [`/y?_sid=${sid}`, `own.test/y?_sid=${sid}`]) {
      await send('/x', { referer });
      expect(upstream.requests.at(-1)?.fields.referer).to.equal(referer.slice(0, referer.indexOf('?')));
    }
    await send('/x', { referer: `http://own.test${`/(adm-${sid})/(_sid-${sid})`.repeat(9)}/y` });
    expect(upstream.requests.at(-1)?.fields.referer, 'SIDs upon SIDs').to.equal(undefined);
    await send('/x', { referer: `/y?sid=${sid}` }, 'forum.test');
    expect(upstream.requests.at(-1)?.fields.referer, 'by the names of its host').to.equal('/y');
  });

  it('nor does a redirect abroad', async () => {
    const { fields } = await send(`/away?_sid=${sid}`);
    expect(fields).to.include({ location: 'https://other.test/', 'referrer-policy': 'same-origin' });
  });
});
