/**
 * The other carriers, the probe and the recovery through the whole proxy: what the application sees, where clients are
 * sent, and that no spelling leads around a cookie-only route.
 */
import { expect } from 'chai';
import { type Answer, ask } from '../support/ask.ts';
import { startConfigured, type TestProxy } from '../support/proxy.ts';
import { talk } from '../support/raw-http.ts';
import { type ScriptedUpstream, startUpstream } from '../support/scripted-upstream.ts';

const PAGE = `<!doctype html><title>p</title><a href="next?a=1#f">relative</a><a href="/root/x;v=2">rooted</a>
<a href="http://other.test/x">foreign</a><form method="post" action="post"></form><form action="/find"></form>`;

describe('carriers, probe and recovery', () => {
  let upstream: ScriptedUpstream;
  let proxy: TestProxy;

  before(async () => {
    upstream = await startUpstream((seen, response) => {
      const isStatic = seen.target.startsWith('/static');
      // A first visit gets a cookie; who brings it is known by it.
      if (!isStatic && seen.fields.cookie === undefined)
        response.setHeader('Set-Cookie', `id=u${upstream.requests.length}; Path=${pathOfCookie(seen.target)}`);
      if (seen.target.startsWith('/go')) {
        response.writeHead(302, { Location: '/landed?z=1' }).end();
        return;
      }
      if (isStatic) response.setHeader('Cache-Control', 'public, max-age=600');
      response.setHeader('Content-Type', isStatic ? 'image/png' : 'text/html; charset=utf-8');
      response.end(isStatic ? 'png' : PAGE);
    });
    proxy = await startConfigured(`listen: 127.0.0.1:0
upstream: ${upstream.origin}
log: { level: silent }
limits: { mint_per_minute: 10000 }
routes:
  - { host: param.test, path: /admin/**, use_only_cookies: true, session: { name: sid } }
  - { host: param.test, path: /**, use_trans_sid: true, carrier: path-parameter, session: { name: sid } }
  - { host: segment.test, path: /admin/**, use_only_cookies: true, session: { name: sid } }
  - { host: segment.test, path: /**, use_trans_sid: true, carrier: path-segment, session: { name: sid } }
  - { host: probe.test, path: /shut/**, use_only_cookies: true, session: { name: sid } }
  - { host: probe.test, path: /named/**, use_trans_sid: true, detect: probe, session: { name: sid, cookies: [other] } }
  - { host: probe.test, path: /**, use_trans_sid: true, detect: probe, session: { name: sid } }
  - { host: narrow.test, path: /shop/**, use_trans_sid: true, carrier: path-segment, session: { name: wid } }
  - { host: narrow.test, path: /exact, use_trans_sid: true, carrier: path-parameter, session: { name: wid } }
  - { host: named.test, path: /shop/**, use_trans_sid: true, session: { name: shop_sid } }
  - { host: off.test, path: /**, use_trans_sid: true, recover: off, session: { name: sid } }
  - { path: /probed/**, use_trans_sid: true, detect: probe, session: { name: sid } }
  - { path: /admin/**, use_only_cookies: true, session: { name: sid } }
  - { path: /**, use_trans_sid: true, session: { name: sid } }
`);
  });
  after(async () => {
    await proxy.close();
    await upstream.close();
  });

  const pathOfCookie = (target: string) => (target.startsWith('/shop/start') ? '/shop' : '/');
  const send = (host: string, target: string, fields: Record<string, string> = {}, method = 'GET'): Promise<Answer> =>
    ask(proxy.port, target, { host, fields, method });
  const lastSeen = () => upstream.requests.at(-1)!; // Each use comes after a request that reached the application.
  const SID = /[0-9a-v]{26}/;

  /** The SID of a new session on a host. */
  async function begin(host: string): Promise<string> {
    const page = await send(host, '/');
    return SID.exec(page.body)?.[0] ?? expect.fail(`no SID on ${page.body}`);
  }
  const hrefs = (body: string) => [...body.matchAll(/(?:href|action)="([^"]*)"/g)].map(([, value]) => value);

  describe('an address with the SID of no session', () => {
    const dead = 'a'.repeat(26);
    for (const [host, target, want] of [
      ['query.test', `/(sid-${dead})/dir/page?q=1`, '/dir/page?q=1'],
      ['query.test', `/dir/page;sid=${dead}?q=1`, '/dir/page?q=1'],
      ['param.test', `/(sid-${dead})/dir/page`, '/dir/page'],
      ['segment.test', `/dir/page?sid=${dead}`, '/dir/page'],
    ] as const) {
      it(`in another carrier than the route's is left: ${host}${target}`, async () => {
        const before = upstream.requests.length;
        expect(await send(host, target)).to.include({ status: 303, location: `http://${host}${want}` });
        expect(upstream.requests.length).to.equal(before);
      });
    }
    it('in the carrier of the route, or asked for by a script, is served', async () => {
      expect(await send('query.test', `/dir/page?sid=${dead}`)).to.include({ status: 200 });
      expect(await send('segment.test', `/(sid-${dead})/dir/page`)).to.include({ status: 200 });
      expect(await send('query.test', `/(sid-${dead})/dir/data`, { accept: '*/*' })).to.include({ status: 200 });
    });
  });

  describe('path-parameter', () => {
    it('is put on the last segment, beside the application’s own parameters', async () => {
      const { body } = await send('param.test', '/dir/page?q=1');
      const sid = SID.exec(body)?.[0];
      expect(hrefs(body)).to.deep.equal([
        `next;sid=${sid}?a=1#f`,
        `/root/x;v=2;sid=${sid}`,
        'http://other.test/x',
        `post;sid=${sid}`,
        `/find;sid=${sid}`,
      ]);
    });
    it('comes off the target byte for byte', async () => {
      const sid = await begin('param.test');
      const rows: [sent: string, want: string][] = [
        [`/a/b;sid=${sid}?x=%20&y`, '/a/b?x=%20&y'],
        [`/a/b;v=1;sid=${sid}`, '/a/b;v=1'],
        [`/a/b;sid=${sid};v=1`, '/a/b;v=1'],
        [`/a;sid=${sid}/b`, '/a/b'],
      ];
      for (const [target, want] of rows) {
        await send('param.test', target);
        expect(lastSeen().target, target).to.equal(want);
        expect(lastSeen().fields.cookie, target).to.match(/^id=u/);
      }
    });
    it('leads a navigation with the SID in the query to the right form', async () => {
      const sid = await begin('param.test');
      const answer = await send('param.test', `/a/b?x=1&sid=${sid}`);
      expect(answer).to.include({ status: 303, location: `http://param.test/a/b;sid=${sid}?x=1` });
      const post = await send('param.test', `/a/b?x=1&sid=${sid}`, {}, 'POST');
      expect(post.status).to.equal(200);
      expect(lastSeen()).to.deep.include({ method: 'POST', target: '/a/b?x=1' });
    });
    it('marks redirects', async () => {
      const sid = await begin('param.test');
      expect((await send('param.test', `/go;sid=${sid}`)).location).to.equal(`/landed;sid=${sid}?z=1`);
    });
    it('opens no way around a cookie-only route', async () => {
      const sid = await begin('param.test');
      for (const target of [
        `/admin;sid=${sid}/x`,
        `/admin/x;sid=${sid}`,
        `/x;sid=${sid}/../admin/x`,
        `/%61dmin/x;sid=${sid}`,
        `//admin/x;sid=${sid}`,
        `/ADMIN/x;sid=${sid}`,
      ]) {
        const before = upstream.requests.length;
        const answer = await send('param.test', target);
        expect(answer.body, target).not.to.contain(sid);
        for (const seen of upstream.requests.slice(before)) {
          expect(seen.fields.cookie, target).to.equal(undefined);
          expect(seen.target, target).not.to.contain(sid);
        }
      }
    });
  });

  describe('path-segment', () => {
    it('is the first segment; relative references inherit it by themselves', async () => {
      const sid = await begin('segment.test');
      const { body } = await send('segment.test', `/(sid-${sid})/dir/page?q=1`);
      expect(lastSeen().target).to.equal('/dir/page?q=1');
      expect(lastSeen().fields.cookie).to.match(/^id=u/);
      const base = `http://segment.test/(sid-${sid})/dir/page?q=1`;
      const resolved = hrefs(body).map((href) => new URL(href ?? '', base).href);
      expect(resolved).to.deep.equal([
        `http://segment.test/(sid-${sid})/dir/next?a=1#f`,
        `http://segment.test/(sid-${sid})/root/x;v=2`,
        'http://other.test/x',
        `http://segment.test/(sid-${sid})/dir/post`,
        `http://segment.test/(sid-${sid})/find`,
      ]);
    });
    it('leads a navigation with the SID in the query to the right form', async () => {
      const sid = await begin('segment.test');
      expect(await send('segment.test', `/a/b?sid=${sid}&x=1`)).to.include({
        status: 303,
        location: `http://segment.test/(sid-${sid})/a/b?x=1`,
      });
    });
    it('opens no way around a cookie-only route', async () => {
      const sid = await begin('segment.test');
      for (const target of [
        `/(sid-${sid})/admin/x`,
        `/(sid-${sid})/./admin/x`,
        `/admin/(sid-${sid})/x`,
        `/x/..;/(sid-${sid})/admin/x`,
        `/(sid-${sid})//admin/x`,
      ]) {
        const before = upstream.requests.length;
        await send('segment.test', target);
        for (const seen of upstream.requests.slice(before)) expect(seen.fields.cookie, target).to.equal(undefined);
      }
    });
  });

  describe('a carrier in the path of a route with few paths', () => {
    it('counts where the path without it belongs to that route', async () => {
      const page = await send('narrow.test', '/shop/a');
      const sid = SID.exec(page.body)?.[0];
      expect(hrefs(page.body)[0]).to.equal(`/(wid-${sid})/shop/next?a=1#f`);
      expect(hrefs(page.body)[1], 'another route, which knows another name').to.equal('/root/x;v=2');
      await send('narrow.test', `/(wid-${sid})/shop/next`);
      expect(lastSeen()).to.include({ target: '/shop/next' });
      expect(lastSeen().fields.cookie).to.match(/^id=u/);
      const exact = await send('narrow.test', '/exact');
      await send('narrow.test', `/exact;wid=${SID.exec(exact.body)?.[0] ?? 'none'}`);
      expect(lastSeen().target).to.equal('/exact');
    });
    it('opens no way around a cookie-only route', async () => {
      const sid = await begin('segment.test');
      for (const target of [`/(sid-${sid})/admin`, `/(sid-${sid})/x/../admin`, `/(sid-${sid})/%61dmin;sid=${sid}`]) {
        await send('segment.test', target);
        expect(lastSeen().fields.cookie, target).to.equal(undefined);
      }
    });
  });

  describe('detect: probe', () => {
    it('what is still to come of a body is not read away without an end behind it', async () => {
      const head = 'GET /a HTTP/1.1\r\nHost: probe.test\r\nAccept: text/html\r\nTransfer-Encoding: chunked\r\n\r\n';
      const { text } = await talk(proxy.port, [`${head}5\r\nhello\r\n`], {
        until: (seen) => seen.includes('\r\n\r\n'),
      });
      expect(text).to.match(/^HTTP\/1\.1 303 /);
      expect(text).to.match(/\r\nConnection: close\r\n/i);
    });

    it('sends a first navigation round once, with a cookie', async () => {
      const before = upstream.requests.length;
      const answer = await send('probe.test', '/a?x=1');
      expect(answer.status).to.equal(303);
      expect(answer.location).to.match(/^http:\/\/probe\.test\/a\?x=1&sid_probe=[0-9a-z]{8,10}$/);
      expect(answer.setCookies).to.have.length(1);
      expect(answer.setCookies[0]).to.match(/^sid_probe=1; Path=\/; HttpOnly/);
      expect(upstream.requests.length).to.equal(before);
    });
    it('a client that sends the cookie never sees a SID, and the application neither cookie nor parameter', async () => {
      const answer = await send('probe.test', '/a?x=1&sid_probe=1', { cookie: 'sid_probe=1' });
      expect(answer.status).to.equal(200);
      expect(answer.body).to.equal(PAGE);
      expect(answer.setCookies[0]).to.match(/^id=u/);
      expect(lastSeen().target).to.equal('/a?x=1');
      expect(lastSeen().fields.cookie).to.equal(undefined);
      const later = await send('probe.test', '/b', { cookie: 'sid_probe=1; id=u1' });
      expect(later.body).to.equal(PAGE);
      expect(lastSeen().fields.cookie).to.equal('id=u1');
    });
    it('nor does the application see the parameter in the address of the page before', async () => {
      const page = 'http://probe.test/a?x=1&sid_probe=1';
      const fields = { cookie: 'sid_probe=1; id=u1', referer: page, 'hx-current-url': page };
      await send('probe.test', '/b', fields);
      expect(lastSeen().fields.referer).to.equal('http://probe.test/a?x=1');
      expect(lastSeen().fields['hx-current-url']).to.equal('http://probe.test/a?x=1');
    });
    it('a client that does not is served by URL at once, and never sent round again', async () => {
      const answer = await send('probe.test', `/a?sid_probe=${Date.now().toString(36)}`);
      expect(answer.status).to.equal(200);
      expect(answer.setCookies).to.deep.equal([]);
      expect(answer.body).to.match(/next\?a=1&amp;sid=[0-9a-v]{26}#f/);
    });
    it('the cookie proves where other cookies are named, too', async () => {
      const answer = await send('probe.test', `/named/a?sid_probe=${Date.now().toString(36)}`, {
        cookie: 'sid_probe=1',
      });
      expect(answer.body).to.equal(PAGE);
      expect(answer.setCookies[0]).to.match(/^id=u/);
    });
    it('asks nothing in a frame of a foreign site: what it would keep of the application’s cookies the probe cannot tell', async () => {
      const fields = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' };
      const answer = await send('probe.test', '/a', { ...fields, 'sec-fetch-storage-access': 'active' });
      expect(answer.status).to.equal(200);
      expect(answer.setCookies[0], 'as to any client of which nothing is known').to.match(/^id=u/);
      expect(answer.body).to.match(/next\?a=1&amp;sid=[0-9a-v]{26}#f/);
    });
    it('leaves a client alone that has a session, where no cookie of it is due', async () => {
      const page = await send('probe.test', `/shop/start?sid_probe=${Date.now().toString(36)}`);
      const sid = SID.exec(page.body)?.[0] ?? expect.fail('no SID');
      const referer = `http://probe.test/shop/start?sid=${sid}`;
      for (const fields of [{ referer }, {}]) {
        const answer = await send('probe.test', `/login?sid=${sid}`, fields);
        expect(answer.status).to.equal(200);
        expect(answer.body).to.contain(sid);
      }
    });
    it('takes nothing off a path', async () => {
      const answer = await send('probe.test', '/(sid_probe-x)/admin?sid_probe=1', { cookie: 'sid_probe=1' });
      expect(answer.status).to.equal(200);
      expect(lastSeen().target).to.equal('/(sid_probe-x)/admin');
      const only = await send('probe.test', '/shut/x;sid_probe=1?sid_probe=1');
      expect(only.status).to.equal(200);
      expect(lastSeen().target).to.equal('/shut/x;sid_probe=1?sid_probe=1');
    });
    it('a probed URL that was shared tells nothing of the next client, and does not send it round', async () => {
      const stampAt = (ms: number) => (Date.now() + ms).toString(36);
      for (const stamp of ['1', stampAt(-120_000), stampAt(120_000), '', 'zzzzzzzzzzzz']) {
        const answer = await send('probe.test', `/a?sid_probe=${stamp}`);
        expect(answer.status).to.equal(200);
        expect(answer.setCookies[0], 'the client may take cookies').to.match(/^id=u/);
        expect(lastSeen().target).to.equal('/a');
      }
    });
    it('not for HTTP/1.0 without Host: where the client would have to come back to nobody knows', async () => {
      for (const fields of ['', 'User-Agent: Googlebot/2.1\r\n']) {
        const bytes = `GET /probed/page?sid=${'a'.repeat(26)} HTTP/1.0\r\nAccept: text/html\r\n${fields}\r\n`;
        const { text } = await talk(proxy.port, [bytes], { until: (seen) => seen.includes('\r\n\r\n') });
        expect(text).to.match(/^HTTP\/1\.1 200 /);
        expect(text).to.not.match(/^Location:/im);
        expect(lastSeen().target).to.equal('/probed/page');
      }
    });
    it('is for navigations alone, and not for robots', async () => {
      const agents = { 'user-agent': 'Mozilla/5.0 (compatible; Googlebot/2.1)' };
      expect((await send('probe.test', '/a', agents)).status).to.equal(200);
      expect((await send('probe.test', '/a', {}, 'POST')).status).to.equal(200);
      expect((await send('probe.test', '/a', { accept: 'image/*' })).status).to.equal(200);
      expect((await send('probe.test', '/a', { 'sec-fetch-mode': 'cors' })).status).to.equal(200);
      expect((await send('probe.test', '/a', {}, 'HEAD')).status).to.equal(200);
    });
  });

  describe('recovery from the Referer', () => {
    it('finds the session of what a page asks for, and keeps its answer out of shared caches', async () => {
      const sid = await begin('shop.test');
      const captcha = await send('shop.test', '/static/captcha.png', {
        referer: `http://shop.test/page?sid=${sid}`,
        accept: 'image/*',
      });
      expect(lastSeen().fields.cookie).to.match(/^id=u/);
      expect(lastSeen().fields.referer).to.equal('http://shop.test/page');
      expect(captcha.fields['cache-control'])
        .to.match(/\bprivate\b/)
        .and.not.include('public');
      const logo = await send('shop.test', '/static/logo.png', { accept: 'image/*' });
      expect(logo.fields['cache-control'], 'of no session').to.equal('public, max-age=600');
    });
    it('leads a navigation to the marked URL, so that the chain goes on', async () => {
      const sid = await begin('shop.test');
      const answer = await send('shop.test', '/made/by/script?x=1', { referer: `http://shop.test/page?sid=${sid}` });
      expect(answer).to.include({ status: 303, location: `http://shop.test/made/by/script?x=1&sid=${sid}` });
    });
    const refused: [why: string, target: string, fields: (sid: string) => Record<string, string>][] = [
      ['another origin', '/x', (sid) => ({ referer: `http://evil.test/?sid=${sid}` })],
      ['another port', '/x', (sid) => ({ referer: `http://shop.test:81/?sid=${sid}` })],
      ['another scheme', '/x', (sid) => ({ referer: `https://shop.test/?sid=${sid}` })],
      [
        'cross-site by the browser',
        '/x',
        (sid) => ({ referer: `http://shop.test/?sid=${sid}`, 'sec-fetch-site': 'cross-site' }),
      ],
      ['typed in by the user', '/x', (sid) => ({ referer: `http://shop.test/?sid=${sid}`, 'sec-fetch-site': 'none' })],
      [
        'a cookie that speaks for itself',
        '/x',
        (sid) => ({ referer: `http://shop.test/?sid=${sid}`, cookie: 'other=1' }),
      ],
      ['another User-Agent', '/x', (sid) => ({ referer: `http://shop.test/?sid=${sid}`, 'user-agent': 'Other/1.0' })],
      ['a cookie-only route', '/admin/x', (sid) => ({ referer: `http://shop.test/?sid=${sid}` })],
    ];
    for (const [why, target, fields] of refused) {
      it(`not: ${why}`, async () => {
        const sid = await begin('shop.test');
        const answer = await send('shop.test', target, fields(sid));
        expect(answer.status).to.equal(200);
        expect(lastSeen().fields.cookie ?? '').not.to.match(/id=u/);
        expect(answer.body).not.to.contain(sid);
        expect(lastSeen().fields.referer ?? '').not.to.contain(sid);
      });
    }
    it('not: switched off', async () => {
      const sid = await begin('off.test');
      await send('off.test', '/x', { referer: `http://off.test/?sid=${sid}` });
      expect(lastSeen().fields.cookie).to.equal(undefined);
    });
  });

  it('preserve_host: false: own URLs bear the name of the application, and no others', async () => {
    const inner = await startConfigured(`listen: 127.0.0.1:0
upstream: { url: "${upstream.origin}", preserve_host: false }
log: { level: silent }
routes: [{ path: /**, use_trans_sid: true }]
`);
    try {
      for (const [origin, path, want] of [
        ['http://own.test', '/page', upstream.origin],
        ['http://own.test.evil', '/page', 'http://own.test.evil'],
        ['http://own.test:81', '/page', 'http://own.test:81'],
        ['http://evil.test', '/http://own.test/', 'http://evil.test'],
      ] as const) {
        await ask(inner.port, '/x', { host: 'own.test', method: 'POST', fields: { origin, referer: origin + path } });
        expect(lastSeen().fields).to.include({ host: upstream.origin.slice(7), origin: want, referer: want + path });
      }
    } finally {
      await inner.close();
    }
  });

  it('takes SIDs out of return addresses that scripts have put into a query', async () => {
    const sid = await begin('shop.test');
    await send('shop.test', `/login?next=%2Fcart%3Fsid%3D${sid}%26step%3D2&sid=${sid}`, {
      referer: `http://shop.test/cart?back=%2Fa%3Fsid%3D${sid}`,
    });
    expect(lastSeen().target).to.equal('/login?next=%2Fcart%3Fstep%3D2');
    expect(lastSeen().fields.referer).to.equal('http://shop.test/cart?back=%2Fa');
    expect(lastSeen().fields.cookie).to.match(/id=u/);
  });

  it('whatever route they are of', async () => {
    const sid = '4q0c1d2e3f4g5h6i7j8k9l0m1n';
    await send('named.test', `/login?next=%2Fshop%3Fshop_sid%3D${sid}`, {
      referer: `http://named.test/login?next=%2Fshop%3Fshop_sid%3D${sid}`,
    });
    expect(lastSeen().target).to.equal('/login?next=%2Fshop');
    expect(lastSeen().fields.referer).to.equal('http://named.test/login?next=%2Fshop');
  });

  it('what stands around a SID makes no other one', async () => {
    const sid = await begin('shop.test');
    const before = upstream.requests.length;
    for (const [host, target] of [
      ['shop.test', `/cart?sid%26sid%3D${sid}=${sid}`],
      ['shop.test', `/admin/x?a&s%26sid%3D${sid}%69d=${sid}`],
      ['named.test', `/login?sid%26shop_sid%3D${sid}=fixed`],
    ] as const) {
      const answer = await send(host, target);
      expect(answer.status, target).to.equal(400);
    }
    expect(upstream.requests.length).to.equal(before);
    await send('shop.test', '/cart', { referer: `http://shop.test/cart?sid%26sid%3D${sid}=${sid}` });
    expect(lastSeen().fields.referer).to.equal(undefined);
  });
});
