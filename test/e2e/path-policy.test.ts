/**
 * Path policy through the running proxy: a SID that works everywhere else gives no cookie to whatever a backend could take for
 * /admin, and the bytes of every path arrive as they were sent, without the SID.
 *
 * The spellings are generated; the model backends judge what arrived upstream, not what the proxy thought of it.
 */
import { Agent, request } from 'node:http';
import { expect } from 'chai';
import fc from 'fast-check';
import { BACKENDS, isAdmin, ordinaryPath, protectedSpelling } from '../support/path-spellings.ts';
import { SID, startProxy, type TestProxy } from '../support/proxy.ts';
import { type ScriptedUpstream, startUpstream } from '../support/scripted-upstream.ts';

const ROUTES = `routes:
  - { path: /admin/**, use_only_cookies: true }
  - { path: /**, use_trans_sid: true }
`;
const SPELLINGS = 400;

describe('path policy through the proxy', function () {
  this.timeout(60_000);
  let upstream: ScriptedUpstream;
  let proxy: TestProxy;
  let agent: Agent;
  let sid: string;

  before(async () => {
    upstream = await startUpstream((_seen, response) => {
      response.setHeader('Set-Cookie', 'app=secret; Path=/');
      response.setHeader('Content-Type', 'text/html');
      response.end('<a href="/public/next">next</a>');
    });
    proxy = await startProxy(upstream.origin, ROUTES);
    agent = new Agent({ keepAlive: true, maxSockets: 4 });
    sid = SID.exec((await get('/public')).body)![1]!;
    expect((await get(`/public/next?_sid=${sid}`)).cookie, 'the SID works on an ordinary route').to.equal('app=secret');
  });
  after(async () => {
    agent.destroy();
    await proxy.close();
    await upstream.close();
  });

  /** The status and body, and what arrived upstream for it: null for nothing. */
  function get(
    path: string,
  ): Promise<{ status: number; body: string; target: string | null; cookie: string | undefined }> {
    const before = upstream.requests.length;
    return new Promise((resolve, reject) => {
      const headers = { Accept: 'text/html', 'User-Agent': 'spelling test' };
      request({ host: '127.0.0.1', port: proxy.port, path, headers, agent }, (response) => {
        let body = '';
        response.setEncoding('latin1').on('data', (chunk: string) => {
          body += chunk;
        });
        response.on('end', () => {
          const seen = upstream.requests[before];
          resolve({
            status: response.statusCode ?? 0,
            body,
            target: seen?.target ?? null,
            cookie: seen?.fields.cookie,
          });
        });
        response.on('error', reject);
      })
        .on('error', reject)
        .end();
    });
  }

  it(`${SPELLINGS} spellings of /admin with a good SID: no backend gets the cookie`, async () => {
    let reached = 0;
    for (const path of fc.sample(protectedSpelling, { numRuns: SPELLINGS, seed: 20260102 })) {
      const { status, target, cookie } = await get(`${path}?_sid=${sid}`);
      if (target === null) {
        expect(status, path).to.be.oneOf([400]);
        continue;
      }
      expect(target.includes(sid), `the SID goes to nobody: ${target}`).to.equal(false);
      const taken = Object.entries(BACKENDS).filter(([, backend]) => isAdmin(backend(target)));
      if (taken.length === 0) continue;
      reached++;
      expect(cookie, `${taken.map(([name]) => name).join('; ')}: ${target}`).to.equal(undefined);
    }
    // The test is worth nothing if the proxy refused them all.
    expect(reached).to.be.greaterThan(SPELLINGS / 4);
  });

  it('ordinary paths arrive byte for byte, with the cookie', async () => {
    for (const path of fc.sample(ordinaryPath, { numRuns: SPELLINGS / 4, seed: 20260102 })) {
      const { target, cookie } = await get(`${path}?a=%20b&_sid=${sid}&c=%2F`);
      expect(target).to.equal(`${path}?a=%20b&c=%2F`);
      expect(cookie, path).to.equal('app=secret');
    }
  });

  it('a SID in the path does not lead around the policy', async () => {
    for (const path of [
      `/admin;_sid=${sid}`,
      `/(_sid-${sid})/admin`,
      `/x/..;_sid=${sid}/admin`,
      `/ad(_sid-${sid})min`,
      `/(_sid-${sid})/%61dmin/x`,
    ]) {
      const { target, cookie } = await get(path);
      if (target === null) continue;
      const taken = Object.values(BACKENDS).some((backend) => isAdmin(backend(target)));
      if (taken) expect(cookie, path).to.equal(undefined);
    }
    expect((await get(`/admin;_sid=${sid}`)).cookie).to.equal(undefined);
    expect((await get(`/(_sid-${sid})/admin`)).cookie).to.equal(undefined);
  });
});
