/**
 * What scripts do to the session of the page that they run in: an answer that no link stands in cannot bring a new SID,
 * so the open page's links must stay alive; the next answer that can brings it.
 */
import { expect } from 'chai';
import { ask } from '../support/ask.ts';
import { PageClient } from '../support/page-client.ts';
import { SID, startProxy, type TestProxy } from '../support/proxy.ts';
import { type ScriptedUpstream, startUpstream } from '../support/scripted-upstream.ts';

const PAGE = '<a href=/next>next</a><a href=/shop/next>shop</a>';
const ROUTES = 'routes: [{ host: part.test, use_trans_sid: true, scope_path: /shop }, { use_trans_sid: true }]';

describe('sessions of pages with scripts', () => {
  let upstream: ScriptedUpstream;
  let proxy: TestProxy;
  let one: PageClient;

  before(async () => {
    upstream = await startUpstream((request, response) => {
      if (request.target === '/') response.setHeader('set-cookie', 'app=guest; Path=/; HttpOnly');
      if (request.target === '/login') response.setHeader('set-cookie', 'app=ada; Path=/; HttpOnly');
      const type = request.target === '/login' ? 'application/json' : 'text/html';
      response.writeHead(200, { 'content-type': type }).end(type === 'text/html' ? PAGE : '{"ok":true}');
    });
    proxy = await startProxy(upstream.origin, ROUTES);
    one = new PageClient({ origin: 'http://app.test', port: proxy.port, cookies: false });
  });
  after(async () => {
    one.close();
    await proxy?.close();
    await upstream.close();
  });

  for (const how of ['by the Referer', 'by a SID in its URL'] as const) {
    it(`a login by fetch, known ${how}, leaves the links of the page alive; the next page brings a new SID`, async () => {
      const open = await one.follow(await one.get('/'), 'next');
      const sid = SID.exec(open.url)?.[1] ?? 'none';
      const answer = await one.exchange(
        'POST',
        how === 'by the Referer' ? '/login' : `/login?_sid=${sid}`,
        { type: 'application/json', bytes: Buffer.from('{}') },
        {
          referer: open.url,
          accept: '*/*',
          'sec-fetch-site': 'same-origin',
          'sec-fetch-mode': 'cors',
          'sec-fetch-dest': 'empty',
        },
      );
      expect(answer.body.toString()).to.equal('{"ok":true}');
      expect(answer.fields).to.not.have.property('set-cookie');

      const next = await one.follow(open, 'next');
      expect(upstream.requests.at(-1)?.fields.cookie, 'the link of the open page').to.equal('app=ada');
      const renewed = SID.exec(next.text)?.[1];
      expect(renewed, 'who knew the SID from before the login shall not hold the session').to.not.equal(sid);

      await one.follow(next, 'next');
      expect(upstream.requests.at(-1)?.fields.cookie).to.equal('app=ada');
      await one.exchange('GET', `/next?_sid=${sid}`, null, { 'user-agent': 'another' });
      expect(upstream.requests.at(-1)?.fields.cookie, 'to others the old SID is dead').to.equal(undefined);
    });
  }

  it('a page outside of `scope_path` that a script goes to is served where it is, and by the session', async () => {
    const begun = await ask(proxy.port, '/', { host: 'part.test' });
    const sid = SID.exec(begun.body)?.[1];
    const fields = { referer: `http://part.test/shop/next?_sid=${sid}` };
    for (const [target, status] of [
      ['/shop/x', 303],
      ['/other', 200],
    ] as const) {
      expect((await ask(proxy.port, target, { host: 'part.test', fields })).status).to.equal(status);
    }
    expect(upstream.requests.at(-1)?.fields.cookie).to.equal('app=guest');
  });
});
