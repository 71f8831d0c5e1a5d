/** A proxy whose session store is away from the start: it serves, and says what is wrong before a request needs the store. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { createProxy, parseConfig, type ReverseProxy } from '../../src/index.ts';
import { startCli } from '../support/cli.ts';
import { freePort } from '../support/redis-server.ts';
import { type ScriptedUpstream, startUpstream } from '../support/scripted-upstream.ts';

describe('a session store that is away', () => {
  let upstream: ScriptedUpstream;
  let proxy: ReverseProxy | null = null;

  before(async () => {
    upstream = await startUpstream((request, response) => {
      if (request.target.startsWith('/cookie'))
        response.setHeader('Set-Cookie', 'a=1').setHeader('Content-Type', 'text/html');
      response.end('<a href="/x">whole</a>');
    });
  });
  after(async () => {
    await proxy?.close();
    await upstream.close();
  });

  it('is told by the log, by /readyz and by the metrics', async () => {
    const yaml = `listen: 127.0.0.1:0
admin: 127.0.0.1:0
upstream: ${upstream.origin}
store: { kind: redis, url: "redis://127.0.0.1:${await freePort()}" }
`;
    const lines: string[] = [];
    proxy = await createProxy(parseConfig(yaml, 'test.yaml'), { logSink: { write: (line) => lines.push(line) } });
    const { adminPort } = await proxy.listen();
    await sleep(1000);
    const ask = async (path: string): Promise<string> => (await fetch(`http://127.0.0.1:${adminPort}${path}`)).text();
    expect(JSON.parse(await ask('/readyz'))).to.deep.equal({ status: 'degraded', store: 'away' });
    expect(await ask('/metrics')).to.match(/^transid_store_available\{kind="redis"\} 0$/m);
    expect(lines).to.have.length(1);
    expect(JSON.parse(lines[0]!)).to.include({
      level: 40,
      msg: 'the session store is away',
      store: 'redis',
      detail: 'ECONNREFUSED',
    });
  });

  it('stops what needs a session, or not: on_store_failure', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'transid-away-'));
    const file = join(folder, 'transid.yaml');
    writeFileSync(
      file,
      `listen: 127.0.0.1:0
upstream: ${upstream.origin}
log: { level: silent }
store: { kind: redis, url: "redis://127.0.0.1:${await freePort()}" }
routes:
  - { path: /cookie/anonymous, use_cookies: false, use_trans_sid: true, on_store_failure: anonymous }
  - { path: /cookie/refuse, use_cookies: false, use_trans_sid: true }
  - { path: /page/anonymous, use_trans_sid: true, on_store_failure: anonymous }
  - { path: /page/refuse, use_trans_sid: true }
`,
    );
    const run = startCli(['serve', '-c', file]);
    try {
      const origin = (await run.until(/listens on (http:\/\/127\.0\.0\.1:\d+)/))[1] ?? '';
      const anonymous = await fetch(`${origin}/cookie/anonymous`);
      expect([anonymous.status, await anonymous.text()]).to.deep.equal([200, '<a href="/x">whole</a>']);
      expect(anonymous.headers.get('set-cookie')).to.equal(null);
      expect(anonymous.headers.get('cache-control')).to.equal('private');
      const refused = await fetch(`${origin}/cookie/refuse`);
      expect([refused.status, refused.headers.get('retry-after') !== null]).to.deep.equal([503, true]);
      const sid = `_sid=${'0'.repeat(26)}`;
      const statusOf = async (target: string, Cookie = '_ga=1') =>
        (await fetch(`${origin}${target}?${sid}`, { headers: { Cookie } })).status;
      expect(await statusOf('/page/refuse'), 'a SID comes').to.equal(503);
      expect(await statusOf('/page/refuse', 'app=1'), 'a client with cookies does not feel it').to.equal(200);
      expect(await statusOf('/page/anonymous')).to.equal(200);
      expect(await statusOf('/cookie/refuse', 'app=1'), 'cookies do not count here').to.equal(503);
    } finally {
      await run.stop();
      rmSync(folder, { recursive: true });
    }
  });
});
