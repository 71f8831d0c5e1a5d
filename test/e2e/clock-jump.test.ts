/** A wall clock that is set while the proxy serves (NTP, a resumed machine) ends no session in memory: only lapses of time count. */
import { expect } from 'chai';
import { PageClient } from '../support/page-client.ts';
import { SID, startProxy, type TestProxy } from '../support/proxy.ts';
import { type ScriptedUpstream, startUpstream } from '../support/scripted-upstream.ts';

const HOUR_MS = 60 * 60 * 1000;

describe('a wall clock that jumps', () => {
  const realNow = Date.now;
  let jumpMs = 0;
  let upstream: ScriptedUpstream;
  let proxy: TestProxy;
  let client: PageClient;

  before(async () => {
    Date.now = () => realNow() + jumpMs;
    upstream = await startUpstream((request, response) => {
      const cookie = request.target === '/start' ? { 'set-cookie': 'app=secret; Path=/' } : {};
      response.writeHead(200, { 'content-type': 'text/html', ...cookie }).end('<a href=/x>x</a>');
    });
    proxy = await startProxy(upstream.origin);
    client = new PageClient({ origin: 'http://app.test', port: proxy.port, cookies: false });
  });
  after(async () => {
    Date.now = realNow;
    client.close();
    await proxy?.close();
    await upstream.close();
  });

  it('by an hour in either direction: the session goes on', async () => {
    const sid = SID.exec((await client.get('/start')).text)?.[1] ?? 'none';
    for (const jump of [0, HOUR_MS, -HOUR_MS, 0]) {
      jumpMs = jump;
      await client.get(`/x?_sid=${sid}`);
      expect(upstream.requests.at(-1)?.fields.cookie, `after ${jump} ms`).to.equal('app=secret');
    }
  });
});
