/**
 * Routes with `use_only_cookies`: whatever the spelling of the path and wherever the SID stands, it is not honoured.
 *
 * What reaches the application is judged, not what the client is told: a request that is refused is as good as one that
 * arrives without the session.
 */
import { expect } from 'chai';
import { PageClient } from '../support/page-client.ts';
import { SID, startProxy, type TestProxy } from '../support/proxy.ts';
import { type ScriptedUpstream, startUpstream } from '../support/scripted-upstream.ts';

const ROUTES = 'routes: [{ path: /admin/**, use_only_cookies: true }, { path: /**, use_trans_sid: true }]';

/** Spellings under which some server or other finds `/admin/x`. */
const SPELLINGS = [
  '/admin/x',
  '/%61dmin/x',
  '/%61%64%6d%69%6e/x',
  '/%61%64%6D%69%6E/x',
  '//admin/x',
  '///admin//x',
  '/./admin/x',
  '/x/../admin/x',
  '/x/%2e%2e/admin/x',
  '/x/%2E./admin/x',
  '/x/..;/admin/x',
  '/../admin/x',
  '/admin;x=1/x',
  '/admin;/x',
  '/;a/admin/x',
  '/admin\\x',
  '\\admin\\x',
  '/x\\..\\admin\\x',
  '/admin%2fx',
  '/admin%2Fx',
  '/%2fadmin/x',
  '/x%2f..%2fadmin/x',
  '/x/..%2fadmin/x',
  '/admin%5cx',
  '/%2561dmin/x',
  '/x/%252e%252e/admin/x',
  '/ADMIN/x',
  '/Admin/x',
  '/admin/./x',
  '/admin',
  '/admin/',
  '/admin/%00x',
  '/%00/../admin/x',
  '/admin%00/x',
  '/admin%20/x',
  '/%c0%ae%c0%ae/admin/x',
  '/public/../admin/x?y=/../../public',
];

describe('use_only_cookies', () => {
  let upstream: ScriptedUpstream;
  let proxy: TestProxy;
  let one: PageClient;
  let sid: string;

  before(async () => {
    upstream = await startUpstream((request, response) => {
      const cookie = request.target === '/start' ? { 'set-cookie': 'app=secret; Path=/' } : {};
      response
        .writeHead(200, { 'content-type': 'text/html', ...cookie })
        .end('<a href=/x>x</a><form method=post action=/y></form>');
    });
    proxy = await startProxy(upstream.origin, ROUTES);
    one = new PageClient({ origin: 'http://app.test', port: proxy.port, cookies: false });
  });
  beforeEach(async () => {
    sid = SID.exec((await one.get('/start')).text)?.[1] ?? 'none';
    upstream.requests.length = 0;
  });
  after(async () => {
    one.close();
    await proxy?.close();
    await upstream.close();
  });

  /** Send `target` as it stands: a URL parser would tidy it. */
  const send = (target: string, fields: Record<string, string> = {}, body?: string) => one.raw(target, fields, body);
  /** Nothing that came to the application has the session or names the SID. */
  const expectStranger = (): void => {
    for (const { target, fields, body } of upstream.requests) {
      expect(fields.cookie ?? '', target).to.equal('');
      expect(`${target} ${fields.referer ?? ''} ${body}`).to.not.include(sid);
    }
  };

  it('elsewhere the SID is honoured: the table below proves something', async () => {
    await send(`/public/x?_sid=${sid}`);
    expect(upstream.requests.map(({ fields }) => fields.cookie)).to.deep.equal(['app=secret']);
  });

  for (const spelling of SPELLINGS) {
    it(`a SID in the URL: ${spelling}`, async () => {
      const answer = await send(`${spelling}${spelling.includes('?') ? '&' : '?'}_sid=${sid}`);
      expectStranger();
      expect(answer.status, 'answered, not hung up on').to.be.oneOf([200, 301, 302, 303, 307, 308, 400, 404]);
      expect(answer.body.toString(), 'nothing is marked').to.not.match(SID);
    });
  }

  for (const spelling of ['/admin/x', '/%61dmin/x', '//admin/x', '/x/../admin/x', '/admin;x=1/x', '/admin\\x']) {
    it(`a SID in the Referer: ${spelling}`, async () => {
      await send(spelling, { referer: `http://app.test/public?_sid=${sid}`, 'sec-fetch-site': 'same-origin' });
      expectStranger();
    });

    it(`a SID in a form body: ${spelling}`, async () => {
      await send(spelling, { 'content-type': 'application/x-www-form-urlencoded' }, `a=1&_sid=${sid}`);
      for (const { fields, target } of upstream.requests) expect(fields.cookie ?? '', target).to.equal('');
    });
  }

  it('pages there are not marked though the application sets a cookie', async () => {
    const page = await one.get('/admin/page');
    expect(page.text).to.equal('<a href=/x>x</a><form method=post action=/y></form>');
  });

  /** What a client without cookies does at a proxy with other routes. */
  async function onRoutes(routes: string, visit: (client: PageClient) => Promise<void>): Promise<void> {
    const other = await startProxy(upstream.origin, `routes: [${routes}]`);
    const two = new PageClient({ origin: 'http://app.test', port: other.port, cookies: false });
    try {
      await visit(two);
    } finally {
      two.close();
      await other.close();
    }
  }

  it('on_url_sid: reject answers 400 (SID_REJECTED) and asks the application nothing', () =>
    onRoutes(
      '{ path: /admin/**, use_only_cookies: true, on_url_sid: reject }, { path: /**, use_trans_sid: true }',
      async (two) => {
        const answer = await two.exchange('GET', `/admin/x?_sid=${sid}`);
        expect(answer.status).to.equal(400);
        expect(answer.body.toString()).to.not.include(sid);
        expect(upstream.requests).to.deep.equal([]);
        expect((await two.exchange('GET', '/admin/x')).status, 'without one it is served').to.equal(200);
      },
    ));

  it('on_url_sid: redirect sends a navigation to the clean address', () =>
    onRoutes(
      '{ path: /admin/**, use_only_cookies: true, on_url_sid: redirect }, { path: /**, use_trans_sid: true }',
      async (two) => {
        const page = await two.get(`/admin/x?a=1&_sid=${sid}`);
        expect(page.url).to.equal('http://app.test/admin/x?a=1');
        expectStranger();
      },
    ));

  it('use_cookies: false besides: no cookie passes in either direction', () =>
    onRoutes('{ path: /**, use_cookies: false, use_only_cookies: true }', async (two) => {
      const answer = await two.exchange('GET', '/start', null, { cookie: 'app=mine' });
      expect(answer.status).to.equal(200);
      expect(upstream.requests.map(({ fields }) => fields.cookie)).to.deep.equal([undefined]);
      expect(answer.fields).to.not.have.property('set-cookie');
      expect(answer.body.toString()).to.not.match(SID);
    }));
});
