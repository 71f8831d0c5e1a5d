/** One transid behind another: by its name in Via each knows a request that has come round. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { SID, startProxy, type TestProxy } from '../support/proxy.ts';

const ROUTES = 'routes: [{ path: /**, use_trans_sid: true }]';

describe('two transids in a chain', () => {
  let application: Server;
  let inner: TestProxy;
  const outer: TestProxy[] = [];

  const inFront = async (more: string): Promise<string> => {
    const proxy = await startProxy(`http://127.0.0.1:${inner.port}`, `${more}\n${ROUTES}`);
    outer.push(proxy);
    return `http://127.0.0.1:${proxy.port}/`;
  };

  before(async () => {
    application = createServer((req, res) => {
      res.setHeader('Content-Type', 'text/html');
      const cookie = req.headers.cookie ?? 'none';
      res.setHeader('Set-Cookie', 'app=1; Path=/');
      res.end(`<p>${cookie} ${req.headers.via}</p><a href="/next">next</a>`);
    }).listen(0, '127.0.0.1');
    await once(application, 'listening');
    inner = await startProxy(`http://127.0.0.1:${(application.address() as AddressInfo).port}`, 'routes: []');
  });
  after(async () => {
    for (const proxy of outer) await proxy.close();
    await inner?.close();
    application?.close();
  });

  it('works with a name for each', async () => {
    const url = await inFront('via: edge');
    const first = await (await fetch(url)).text();
    expect(first).to.include('none 1.1 edge, 1.1 transid');
    const sid = SID.exec(first)?.[1];
    expect(await (await fetch(`${url}?_sid=${sid}`)).text()).to.include('app=1 1.1 edge, 1.1 transid');
  });

  it('is refused with one name for both, as a loop', async () => {
    const answer = await fetch(await inFront(''));
    expect(answer.status).to.equal(508);
    expect(await answer.text()).to.include('came round in a loop');
  });
});
