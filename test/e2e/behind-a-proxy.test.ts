/** A trusted proxy in front: what the application is told of the client, and what it is not. */
import { once } from 'node:events';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { startProxy, type TestProxy } from '../support/proxy.ts';

describe('behind a trusted proxy', () => {
  let application: Server;
  const proxies: TestProxy[] = [];

  const start = async (more: string): Promise<TestProxy> => {
    const upstream = `http://127.0.0.1:${(application.address() as AddressInfo).port}`;
    const proxy = await startProxy(upstream, `${more}\nroutes: [{ path: /**, use_trans_sid: true }]`);
    proxies.push(proxy);
    return proxy;
  };
  /** The fields of the given names as the application got them. */
  const told = async (proxy: TestProxy, names: readonly string[], headers: Record<string, string>) => {
    const sent = request({ host: '127.0.0.1', port: proxy.port, path: '/', headers, agent: false }).end();
    const [answer] = await once(sent, 'response');
    let text = '';
    for await (const chunk of answer) text += chunk;
    const fields = JSON.parse(text);
    return names.map((name) => fields[name] ?? null);
  };

  before(async () => {
    application = createServer((req, res) => res.end(JSON.stringify(req.headers))).listen(0, '127.0.0.1');
    await once(application, 'listening');
  });
  after(async () => {
    for (const proxy of proxies) await proxy.close();
    application?.close();
  });

  const NAMES = ['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'forwarded'];
  const FIELDS = {
    'X-Forwarded-For': '203.0.113.9',
    'X-Forwarded-Proto': 'http',
    'X-Forwarded-Host': 'shop.test',
    Forwarded: 'for=203.0.113.66;host=other.test;proto=https',
  };

  it('X-Forwarded-* are believed, and Forwarded is not', async () => {
    const proxy = await start('trusted_proxies: [127.0.0.1]');
    expect(await told(proxy, NAMES, FIELDS)).to.deep.equal(['203.0.113.9, 127.0.0.1', 'http', 'shop.test', null]);
  });

  const USER = { 'X-Forwarded-User': 'ada', 'X-Forwarded-Uri': '/?a=1&_sid=abcdefghijklmnopqrstuv0123' };
  const USER_NAMES = ['x-forwarded-user', 'x-forwarded-uri'];

  it('so are the other X-Forwarded-*, without a SID', async () => {
    const proxy = await start('trusted_proxies: [127.0.0.1]');
    expect(await told(proxy, USER_NAMES, USER)).to.deep.equal(['ada', '/?a=1']);
  });

  it('but not where the proxies write Forwarded, or from strangers', async () => {
    for (const more of ['trusted_proxies: [127.0.0.1]\nforwarded_fields: forwarded', 'trusted_proxies: []']) {
      expect(await told(await start(more), USER_NAMES, USER), more).to.deep.equal([null, null]);
    }
  });

  it('forwarded_fields: forwarded, and the other way round', async () => {
    const proxy = await start('trusted_proxies: [127.0.0.1]\nforwarded_fields: forwarded');
    expect(await told(proxy, NAMES, FIELDS)).to.deep.equal([
      ...['203.0.113.66, 127.0.0.1', 'https', 'other.test'],
      'for=203.0.113.66, for=127.0.0.1',
    ]);
  });
});
