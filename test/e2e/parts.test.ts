/** Ranges: a client never gets a part of the application's bytes beside a page that was rewritten. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { SID, startProxy, type TestProxy } from '../support/proxy.ts';

const PAGE = '<!doctype html><a href="/next">next</a><i>the end</i>';
const ROUTES = `routes:
  - { path: /vars/**, use_only_cookies: true, rewrite_vars: { lang: en }, url_rewriter_tags: "a=href" }
  - { path: /plain/**, use_only_cookies: true }
  - { path: /**, use_trans_sid: true }`;

interface Answer {
  readonly status: number;
  readonly fields: IncomingHttpHeaders;
  readonly text: string;
}

describe('ranges', () => {
  let application: Server;
  let proxy: TestProxy;
  /** The Range field of each request that the application got. */
  let ranges: (string | undefined)[];

  const ask = async (path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> => {
    const [answer] = await once(
      request({ host: '127.0.0.1', port: proxy.port, method, path, headers, agent: false }).end(),
      'response',
    );
    let text = '';
    for await (const chunk of answer) text += chunk;
    return { status: answer.statusCode, fields: answer.headers, text };
  };
  const sidOf = async (): Promise<string> => SID.exec((await ask('/login')).text)?.[1] ?? '';

  before(async () => {
    application = createServer((req, res) => {
      ranges.push(req.headers.range);
      const { pathname } = new URL(req.url ?? '/', 'http://app.test');
      res.setHeader(
        'Content-Type',
        pathname.endsWith('.bin') ? 'application/octet-stream' : 'text/html; charset=utf-8',
      );
      res.setHeader('Accept-Ranges', 'bytes');
      if (pathname.endsWith('.zip')) res.setHeader('Content-Disposition', 'attachment');
      if (pathname.endsWith('/off')) res.setHeader('Transid-Rewrite', 'off');
      if (pathname === '/login' || pathname.endsWith('/cookie')) res.setHeader('Set-Cookie', 'app=1; Path=/');
      const asked = pathname.endsWith('/unasked') ? 'bytes=20-' : req.headers.range;
      const from = /^bytes=(\d+)-$/.exec(asked ?? '')?.[1];
      if (from !== undefined) {
        res.writeHead(206, { 'Content-Range': `bytes ${from}-${PAGE.length - 1}/${PAGE.length}` });
        res.end(PAGE.slice(Number(from)));
      } else res.end(PAGE);
    }).listen(0, '127.0.0.1');
    await once(application, 'listening');
    ranges = [];
    proxy = await startProxy(`http://127.0.0.1:${(application.address() as AddressInfo).port}`, ROUTES);
  });
  beforeEach(() => {
    ranges = [];
  });
  after(async () => {
    await proxy?.close();
    application?.close();
  });

  const RANGE = { Range: 'bytes=20-' };

  it('of a marked page: the whole page', async () => {
    const sid = await sidOf();
    ranges = [];
    const answer = await ask(`/page?_sid=${sid}`, RANGE);
    expect(answer.status).to.equal(200);
    expect(answer.fields).to.not.have.any.keys('content-range', 'accept-ranges');
    expect(answer.text).to.equal(PAGE.replace('/next', `/next?_sid=${sid}`));
    expect(ranges).to.deep.equal(['bytes=20-', undefined]);
  });

  it('of the answer to another method: that answer, for the request is made once', async () => {
    const sid = await sidOf();
    ranges = [];
    const answer = await ask(`/page?_sid=${sid}`, { ...RANGE, 'Content-Length': '0' }, 'POST');
    expect(answer.status).to.equal(206);
    expect(ranges).to.deep.equal(['bytes=20-']);
  });

  it('of a page with rewrite variables: the whole page', async () => {
    const answer = await ask('/vars/page', RANGE);
    expect(answer.status).to.equal(200);
    expect(answer.text).to.equal(PAGE.replace('/next', '/next?lang=en'));
  });

  for (const path of ['/film.bin', '/page.zip', '/off', '/cookie', '/plain/page']) {
    it(`of ${path}: the part`, async () => {
      const sid = await sidOf();
      ranges = [];
      const answer = await ask(path.startsWith('/plain') ? path : `${path}?_sid=${sid}`, RANGE);
      expect(answer.status).to.equal(206);
      expect(answer.fields['content-range']).to.equal(`bytes 20-${PAGE.length - 1}/${PAGE.length}`);
      expect(answer.text).to.equal(PAGE.slice(20));
      expect(ranges).to.deep.equal(['bytes=20-']);
    });
  }

  it('that nobody asked for: the part, for another request would bring no other answer', async () => {
    const sid = await sidOf();
    ranges = [];
    expect((await ask(`/unasked?_sid=${sid}`)).status).to.equal(206);
    expect(ranges).to.deep.equal([undefined]);
  });

  it('of a client with cookies: the part', async () => {
    const answer = await ask('/page', { ...RANGE, Cookie: 'app=1' });
    expect(answer.status).to.equal(206);
    expect(answer.text).to.equal(PAGE.slice(20));
  });
});
