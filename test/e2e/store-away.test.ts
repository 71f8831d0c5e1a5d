/** A proxy whose session store is away from the start: it serves, and says what is wrong before a request needs the store. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { createProxy, parseConfig, type ReverseProxy } from '../../src/index.ts';
import { freePort } from '../support/redis-server.ts';
import { type ScriptedUpstream, startUpstream } from '../support/scripted-upstream.ts';

describe('a session store that is away', () => {
  let upstream: ScriptedUpstream;
  let proxy: ReverseProxy | null = null;

  before(async () => {
    upstream = await startUpstream((_request, response) => {
      response.end('whole');
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
});
