/**
 * Answers that change a session: whom they may be told to, whatever kind of answer it is, and that neither a login nor a
 * cookie gets lost on the way.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { WebSocket, WebSocketServer } from 'ws';
import { createProxy, parseConfig } from '../../src/index.ts';
import { Browser } from '../../src/simulator/index.ts';
import { ask } from '../support/ask.ts';
import { SID, startConfigured, startProxy, type TestProxy } from '../support/proxy.ts';
import { sleep } from '../support/raw-http.ts';
import { type ScriptedUpstream, startUpstream } from '../support/scripted-upstream.ts';

const ROUTES = `routes:
  - { path: /admin/**, use_only_cookies: true }
  - { path: /field/**, use_trans_sid: true, forms: field }
  - { path: /**, use_trans_sid: true }
`;

describe('answers that change a session', () => {
  let upstream: ScriptedUpstream;
  let proxy: TestProxy;
  /** By path: status and fields of its answer. */
  const answers = new Map<string, [status: number, fields: Record<string, string | string[]>]>();

  before(async () => {
    upstream = await startUpstream((seen, response) => {
      const path = new URL(seen.target, 'http://a').pathname;
      const [status, fields] = answers.get(path) ?? [200, {}];
      response.writeHead(status, { 'Content-Type': 'text/html', ...fields });
      response.end('<a href="/next">next</a><form method="post" action="/post"></form>');
    });
    proxy = await startProxy(upstream.origin, ROUTES);
    answers.set('/start', [200, { 'Set-Cookie': 'lang=de; Path=/' }]);
    answers.set('/shop/start', [200, { 'Set-Cookie': 'A=1; Path=/shop' }]);
  });
  after(async () => {
    await proxy?.close();
    await upstream?.close();
  });

  async function send(path: string, fields: Record<string, string> = {}, method = 'GET', body = '') {
    const answer = await ask(proxy.port, path, { host: 'own.test', fields, method, body });
    return { ...answer, location: answer.location ?? '' };
  }
  const begin = async (path = '/start') => SID.exec((await send(path)).body)?.[1] ?? expect.fail('no SID');
  const cookieAt = async (path: string, sid: string) => {
    await send(`${path}?_sid=${sid}`);
    return upstream.requests.at(-1)?.fields.cookie;
  };

  it('a session begins only where the answer can tell its SID', async () => {
    const limits = 'limits: { max_sessions: 1 }\nroutes: [{ use_trans_sid: true }]';
    const small = await startConfigured(
      `listen: 127.0.0.1:0\nupstream: ${upstream.origin}\n${limits}\nlog: { level: error }`,
    );
    answers.set('/alone', [200, { 'Set-Cookie': 'a=1', 'Transid-Rewrite': 'off' }]);
    try {
      for (const [path, method] of [
        ['/start', 'HEAD'],
        ['/alone', 'GET'],
      ] as const) {
        const answer = await ask(small.port, path, { host: 'own.test', method });
        expect(answer.setCookies, 'for a client that takes it').to.have.length(1);
      }
      const page = await ask(small.port, '/start', { host: 'own.test' });
      expect(page.body, 'the one place is free').to.match(SID);
    } finally {
      await small.close();
    }
  });

  it('after a reload that allows more sessions none is pushed out of the memory that was made for fewer', async () => {
    const allowing = (sessions: number) =>
      parseConfig(
        `listen: 127.0.0.1:0\nupstream: ${upstream.origin}\nlimits: { max_sessions: ${sessions} }\nroutes: [{ use_trans_sid: true }]\nlog: { level: error }`,
        'test.yaml',
      );
    const small = await createProxy(allowing(1));
    try {
      const { port } = await small.listen();
      const page = (target: string) => ask(port, target, { host: 'own.test' });
      const sid = SID.exec((await page('/start')).body)?.[1] ?? expect.fail('no SID');
      await small.reload(allowing(2));
      expect((await page('/start')).body, 'of another client').to.not.match(SID);
      await page(`/x?_sid=${sid}`);
      expect(upstream.requests.at(-1)?.fields).to.include({ cookie: 'lang=de' });
    } finally {
      await small.close();
    }
  });

  it('a login whose cookie is as plain as PHP makes it brings a new SID', async () => {
    const sid = await begin();
    answers.set('/login', [303, { Location: '/next', 'Set-Cookie': 'PHPSESSID=0123456789abcdef; path=/' }]);
    const { location } = await send(`/login?_sid=${sid}`, {}, 'POST');
    expect(SID.exec(location)?.[1]).to.be.a('string').that.does.not.equal(sid);
    expect(await cookieAt('/x', sid), 'who knew the old one').to.equal(undefined);
  });

  for (const [what, method, status, fields, sent] of [
    ['a redirect abroad', 'POST', 303, { Location: 'https://pay.test/' }],
    ['a redirect to a cookie-only route', 'POST', 303, { Location: '/admin' }],
    ['a page that is left alone', 'POST', 200, { 'Transid-Rewrite': 'off' }],
    ['a page in UTF-16', 'POST', 200, { 'Content-Type': 'text/html; charset=utf-16' }],
    ['a redirect abroad by htmx', 'POST', 200, { 'Content-Type': 'text/plain', 'HX-Redirect': 'https://pay.test/' }],
    ['HEAD', 'HEAD', 200, { 'Transid-Rotate': '1' }],
    ['a page for a script', 'POST', 200, {}, { 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'cors' }],
    ['a page for an old script', 'POST', 200, {}, { 'x-requested-with': 'XMLHttpRequest' }],
  ] satisfies [string, string, number, Record<string, string>, Record<string, string>?][]) {
    it(`the old SID leads its client on where the new one was not told: ${what}`, async () => {
      const sid = await begin();
      answers.set('/change', [status, { 'Set-Cookie': 'auth=ada; Path=/; HttpOnly', ...fields }]);
      const answer = await send(`/change?_sid=${sid}`, sent, method);
      expect(answer.location).to.not.match(SID);
      expect(await cookieAt('/x', sid)).to.include('auth=ada');
      await send(`/x?_sid=${sid}`, { 'user-agent': 'another' });
      expect(upstream.requests.at(-1)?.fields.cookie, 'nobody else').to.equal(undefined);
    });
  }

  it('a client with cookies keeps a login that was made where its first cookie does not go', async () => {
    const sid = await begin('/shop/start');
    const page = await send(`/login-page?_sid=${sid}`);
    expect(SID.exec(page.body)?.[1], 'not known yet').to.equal(sid);
    answers.set('/login', [303, { Location: '/shop/x', 'Set-Cookie': 'AUTH=ada; Path=/; HttpOnly' }]);
    const login = await send(`/login?_sid=${sid}`, {}, 'POST');
    expect(login.setCookies, 'it may take cookies').to.deep.equal(['AUTH=ada; Path=/; HttpOnly']);
    const home = await send(login.location.replace('http://own.test', ''), { cookie: 'A=1; AUTH=ada' });
    expect(home).to.include({ status: 303, location: 'http://own.test/shop/x' });
    // And one without finds all its cookies in its jar.
    const other = await begin('/shop/start');
    const next = SID.exec((await send(`/login?_sid=${other}`, {}, 'POST')).location)?.[1] ?? 'none';
    expect(await cookieAt('/shop/x', next)).to.equal('A=1; AUTH=ada');
  });

  it('`Clear-Site-Data: "cookies"` empties the jar, as it would a browser', async () => {
    const sid = await begin();
    expect(await cookieAt('/x', sid)).to.equal('lang=de');
    answers.set('/logout', [200, { 'Clear-Site-Data': '"cache", "cookies"' }]);
    expect((await send(`/logout?_sid=${sid}`)).body).to.not.match(SID);
    expect(await cookieAt('/x', sid)).to.equal(undefined);
  });

  it('a hidden field reaches no application, whichever route it is sent to', async () => {
    answers.set('/field/start', [200, { 'Set-Cookie': 'app=1; Path=/' }]);
    const page = await send('/field/start');
    expect(page.body).to.match(/<form method="post" action="\/post"><input type="hidden" name="_sid"/);
    const sid = /value="([0-9a-v]{26})"/.exec(page.body)?.[1];
    const form = `a=1&_sid=${sid}&b=2`;
    await send(
      '/post',
      { 'content-type': 'application/x-www-form-urlencoded', 'content-length': String(form.length) },
      'POST',
      form,
    );
    expect(upstream.requests.at(-1)).to.include({ target: '/post', body: 'a=1&b=2' });
    expect(upstream.requests.at(-1)?.fields.cookie).to.equal('app=1');
  });

  it('a hidden field of another name than that of its route reaches no application, and leads to no session', async () => {
    const fields = 'use_trans_sid: true, forms: field';
    const two = await startProxy(
      upstream.origin,
      `routes:
  - { path: /two/**, ${fields}, session: { name: two } }
  - { path: /**, ${fields}, session: { name: one } }
`,
    );
    try {
      const page = await ask(two.port, '/start', { host: 'own.test' });
      const sid = /name="one" value="([0-9a-v]{26})"/.exec(page.body)?.[1] ?? expect.fail('no SID');
      for (const [path, cookie] of [
        ['/two/post', undefined],
        ['/post', 'lang=de'],
      ] as const) {
        const body = `a=1&one=${sid}`;
        const type = { 'content-type': 'application/x-www-form-urlencoded', 'content-length': String(body.length) };
        await ask(two.port, path, { host: 'own.test', fields: type, method: 'POST', body });
        expect(upstream.requests.at(-1)).to.include({ target: path, body: 'a=1' });
        expect(upstream.requests.at(-1)?.fields.cookie, path).to.equal(cookie);
      }
    } finally {
      await two.close();
    }
  });

  it('a form that is coded goes on byte by byte, though the field can be read in it: less of it could not be decoded', async () => {
    const sid = await begin();
    const body = gzipSync(`a=1&_sid=${sid}&b=2`, { level: 0 });
    expect(body.includes(`&_sid=${sid}&`)).to.equal(true);
    const type = { 'content-type': 'application/x-www-form-urlencoded', 'content-encoding': 'gzip' };
    const fields = { ...type, 'content-length': String(body.length) };
    await ask(proxy.port, '/post', { host: 'own.test', fields, method: 'POST', body });
    expect(upstream.requests.at(-1)).to.include({ target: '/post', body: body.toString('latin1') });
    expect(upstream.requests.at(-1)?.fields.cookie, 'its SID is not read').to.equal(undefined);
  });

  it('a form that a 307 has repeated after a login is understood, with its SID from before', async () => {
    answers.set('/field/start', [200, { 'Set-Cookie': 'app=1; Path=/' }]);
    const sid = /value="([0-9a-v]{26})"/.exec((await send('/field/start')).body)?.[1];
    const form = `_sid=${sid}&u=me`;
    const post = { 'content-type': 'application/x-www-form-urlencoded', 'content-length': String(form.length) };
    answers.set('/field/login', [307, { Location: '/field/next', 'Set-Cookie': 'auth=ada; Path=/; HttpOnly' }]);
    const { location } = await send('/field/login', post, 'POST', form);
    expect(SID.exec(location)?.[1]).to.be.a('string').that.does.not.equal(sid);
    expect(await send(location, post, 'POST', form)).to.include({ status: 200 });
    expect(upstream.requests.at(-1)).to.include({ target: '/field/next', body: 'u=me' });
    expect(upstream.requests.at(-1)?.fields.cookie).to.equal('app=1; auth=ada');

    const other = await begin();
    expect(await send(`/field/next?_sid=${other}`, post, 'POST', form), 'one dead, one alive').to.include({
      status: 200,
    });
    const living = `_sid=${SID.exec(location)?.[1]}&u=me`;
    const two = await send(
      `/field/next?_sid=${other}`,
      { ...post, 'content-length': String(living.length) },
      'POST',
      living,
    );
    expect(two.status, 'both alive').to.equal(400);
  });

  it('a form with two SIDs is one too many, wherever a third stands, and a field that stands 150,000 times is one', async () => {
    const post = async (target: string, form: string) => {
      const type = { 'content-type': 'application/x-www-form-urlencoded', 'content-length': String(form.length) };
      return (await send(target, type, 'POST', form)).status;
    };
    const [a, b, c] = ['a', 'b', 'c'].map((letter) => letter.repeat(26));
    expect(await post('/field/x', `_sid=${a}&u=me`)).to.equal(200);
    expect(await post(`/field/x?_sid=${a}`, `_sid=${b}&u=me`)).to.equal(200);
    expect(await post('/field/x', `_sid=${a}&_sid=${b}`)).to.equal(400);
    expect(await post(`/field/x?_sid=${a}`, `_sid=${b}&_sid=${c}`)).to.equal(400);
    expect(await post('/field/x', '_sid=1&'.repeat(150_000))).to.equal(200);
  });

  it('a form without action is understood where the address is older than the page', async () => {
    answers.set('/field/start', [200, { 'Set-Cookie': 'app=1; Path=/' }]);
    const old = /value="([0-9a-v]{26})"/.exec((await send('/field/start')).body)?.[1];
    const post = async (target: string, sid: string | undefined) => {
      const form = `_sid=${sid}&u=me`;
      const type = { 'content-type': 'application/x-www-form-urlencoded', 'content-length': String(form.length) };
      return send(target, type, 'POST', form);
    };
    answers.set('/field/self', [200, { 'Set-Cookie': 'auth=ada; Path=/; HttpOnly' }]);
    const page = await post(`/field/self?_sid=${old}`, old);
    const next = /value="([0-9a-v]{26})"/.exec(page.body)?.[1];
    expect(next).to.not.equal(old);
    answers.set('/field/self', [200, {}]);
    expect(await post(`/field/self?_sid=${old}`, next)).to.include({ status: 200 });
    expect(upstream.requests.at(-1)?.fields.cookie).to.equal('app=1; auth=ada');
    expect(upstream.requests.at(-1)).to.include({ target: '/field/self', body: 'u=me' });
  });

  for (const [what, status, location, isChanged] of [
    ['to another host', 307, 'https://pay.test/', true],
    ['to another host for good', 308, '//pay.test/', true],
    ['to another host, without its body', 303, 'https://pay.test/', false],
    ['to a page of our own', 307, '/field/next', false],
    ['to a cookie-only route of our own', 307, '/admin', false],
  ] as const) {
    it(`a form whose field has the SID is sent on ${what}: the SID ${isChanged ? 'is replaced' : 'stays'}`, async () => {
      const sidOf = (body: string) => /value="([0-9a-v]{26})"/.exec(body)?.[1] ?? expect.fail('no SID');
      answers.set('/field/start', [200, { 'Set-Cookie': 'app=1; Path=/' }]);
      const sid = sidOf((await send('/field/start')).body);
      answers.set('/field/pay', [status, { Location: location }]);
      const post = { 'content-type': 'application/x-www-form-urlencoded', 'content-length': '31' };
      expect(await send('/field/pay', post, 'POST', `_sid=${sid}`)).to.include({ status });
      const next = await send(`/field/next?_sid=${sid}`);
      expect(upstream.requests.at(-1)?.fields.cookie, 'for the client itself').to.equal('app=1');
      expect(sidOf(next.body) !== sid).to.equal(isChanged);
    });
  }

  it('… in mirror mode, too, where only the application knows which SID is alive', async () => {
    const mirror = await startProxy(
      upstream.origin,
      'session: { mode: mirror, cookie: PHPSESSID, name: PHPSESSID }\nroutes: [{ use_trans_sid: true, forms: field }]\n',
    );
    try {
      const body = 'PHPSESSID=newer&u=me';
      const fields = { 'content-type': 'application/x-www-form-urlencoded', 'content-length': String(body.length) };
      const asked = { host: 'own.test', fields, method: 'POST', body };
      expect(await ask(mirror.port, '/field/self?PHPSESSID=older', asked)).to.include({ status: 200 });
      expect(upstream.requests.at(-1)?.fields.cookie).to.equal('PHPSESSID=newer');
    } finally {
      await mirror.close();
    }
  });

  it('in mirror mode what a logout leads to is without the SID, too', async () => {
    const mirror = await startProxy(
      upstream.origin,
      'session: { mode: mirror, cookie: PHPSESSID, name: PHPSESSID }\nroutes: [{ use_trans_sid: true }]\n',
    );
    const browser = new Browser({ cookies: 'off' });
    answers.set('/in', [200, { 'Set-Cookie': 'PHPSESSID=abc; Path=/; HttpOnly' }]);
    answers.set('/out', [200, { 'Set-Cookie': 'PHPSESSID=; Path=/; Max-Age=0' }]);
    answers.set('/leave', [302, { 'Set-Cookie': 'PHPSESSID=; Path=/; Max-Age=0', Location: '/bye' }]);
    try {
      const home = `http://127.0.0.1:${mirror.port}/in`;
      for (const path of ['/out', '/leave']) {
        answers.set('/next', [302, { Location: path }]);
        const page = await (await browser.open(home)).follow('next');
        answers.delete('/next');
        const after = path === '/leave' ? page : await page.follow('next');
        expect(after.url, path).to.equal(`http://127.0.0.1:${mirror.port}${path === '/leave' ? '/bye' : '/next'}`);
        expect(upstream.requests.at(-1)?.fields, path).to.include({ referer: `http://127.0.0.1:${mirror.port}/` });
        expect(upstream.requests.at(-1)?.fields, path).to.not.have.property('cookie');
      }
    } finally {
      await browser.close();
      await mirror.close();
    }
  });

  it('in mirror mode a stricter policy of a logout stays where no session is found by its Referer', async () => {
    const mirror = await startProxy(
      upstream.origin,
      'session: { mode: mirror, cookie: PHPSESSID, name: PHPSESSID }\nroutes: [{ use_trans_sid: true, recover: off }]\n',
    );
    const fields = { 'Set-Cookie': 'PHPSESSID=; Path=/; Max-Age=0', 'Referrer-Policy': 'no-referrer' };
    answers.set('/strict-out', [200, fields]);
    try {
      const page = await ask(mirror.port, '/strict-out?PHPSESSID=abc', { host: 'own.test' });
      expect(page.fields).to.include({ 'referrer-policy': 'no-referrer' });
    } finally {
      await mirror.close();
    }
  });

  it('scripts and pings that tell the URL of their page tell it without the SID', async () => {
    const sid = await begin();
    await send(`/x?_sid=${sid}`, {
      'hx-current-url': `http://own.test/page?a=1&_sid=${sid}#f`,
      'turbolinks-referrer': `http://own.test/page?_sid=${sid}`,
      'x-xhr-referer': `http://own.test/page?_sid=${sid}`,
      'x-pjax-url': `/page?_sid=${sid}`,
    });
    expect(upstream.requests.at(-1)?.fields).to.include({
      'hx-current-url': 'http://own.test/page?a=1#f',
      'turbolinks-referrer': 'http://own.test/page',
      'x-xhr-referer': 'http://own.test/page',
      'x-pjax-url': '/page',
    });
    await send('/track', {
      'ping-from': `http://own.test/page?_sid=${sid}`,
      'ping-to': `http://own.test/next?_sid=${sid}&b=2`,
    });
    expect(upstream.requests.at(-1)?.fields).to.include({
      'ping-from': 'http://own.test/page',
      'ping-to': 'http://own.test/next?b=2',
    });
  });

  it('so do a WebDAV client that says where to, and a proxy that says what was asked', async () => {
    const sid = await begin();
    const own = `http://own.test/(_sid-${sid})`;
    await send(`/a?_sid=${sid}`, {
      destination: `${own}/b?c=1`,
      if: `<${own}/a> (<opaquelocktoken:1> ["etag"]) </(_sid-${sid})/b> (Not <DAV:no-lock>)`,
      'x-original-uri': `/a?_sid=${sid}`,
    });
    expect(upstream.requests.at(-1)?.fields).to.include({
      destination: 'http://own.test/b?c=1',
      if: '<http://own.test/a> (<opaquelocktoken:1> ["etag"]) </b> (Not <DAV:no-lock>)',
      'x-original-uri': '/a',
    });
    await send('/a', { if: `<${own}/a> (<opaquelocktoken:1>)` });
    expect(upstream.requests.at(-1)?.fields).to.include({ if: '<http://own.test/a> (<opaquelocktoken:1>)' });
  });

  it('a cookie that comes with a WebSocket is kept, and goes to a client that may take it', async () => {
    let seen: string | undefined;
    const application = createServer((req, res) => {
      seen = req.headers.cookie;
      res.writeHead(200, {
        'Content-Type': 'text/html',
        ...(req.url === '/start' && { 'Set-Cookie': 'app=1; Path=/' }),
      });
      res.end('<a href="/next">next</a>');
    }).listen(0, '127.0.0.1');
    const sockets = new WebSocketServer({ server: application });
    sockets.on('headers', (fields) => fields.push('Set-Cookie: WS=kept; Path=/'));
    await once(application, 'listening');
    const other = await startProxy(`http://127.0.0.1:${(application.address() as AddressInfo).port}`, ROUTES);
    const headers = { accept: 'text/html', 'user-agent': 'Mozilla/5.0 (test)' };
    const page = async (path: string) => (await fetch(`http://127.0.0.1:${other.port}${path}`, { headers })).text();
    try {
      const cookiesWith = async (target: string) => {
        const socket = new WebSocket(`ws://127.0.0.1:${other.port}${target}`, { headers });
        const [response] = (await once(socket, 'upgrade')) as [IncomingMessage];
        socket.terminate();
        return response.headers['set-cookie'];
      };
      expect(await cookiesWith('/ws'), 'nothing is known of this one').to.deep.equal(['WS=kept; Path=/']);
      const sid = SID.exec(await page('/start'))?.[1];
      expect(await cookiesWith(`/ws?_sid=${sid}`)).to.equal(undefined);
      for (let i = 0; i < 50 && seen !== 'app=1; WS=kept'; i++) {
        await sleep(10);
        await page(`/x?_sid=${sid}`);
      }
      expect(seen).to.equal('app=1; WS=kept');
    } finally {
      await other.close();
      sockets.close();
      application.closeAllConnections();
      application.close();
    }
  });
});
