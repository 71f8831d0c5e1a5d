/** What a program of somebody else may do wrong with a proxy. */
import { expect } from 'chai';
import { createProxy, parseConfig } from '../../../src/index.ts';

describe('proxy: in a program of its own', () => {
  const config = parseConfig('{ upstream: "http://127.0.0.1:9", listen: "127.0.0.1:0" }', 'test.yaml');
  const open = () => createProxy(config, { logSink: { write: () => {} } });
  const faultOf = (promise: Promise<unknown>) =>
    promise.then(
      () => null,
      (error: unknown) => (error instanceof Error && 'code' in error ? error.code : error),
    );

  it('listens once; a second time is refused, and the first listener stays', async () => {
    const proxy = await open();
    const { port } = await proxy.listen();
    expect(await faultOf(proxy.listen())).to.equal('ERR_ASSERTION');
    expect((await fetch(`http://127.0.0.1:${port}/`)).status).to.equal(502);
    await proxy.close();
    expect(await faultOf(fetch(`http://127.0.0.1:${port}/`))).to.not.equal(null);
  });

  it('does not listen when it is closed', async () => {
    const proxy = await open();
    await proxy.close();
    expect(await faultOf(proxy.listen())).to.equal('ERR_ASSERTION');
  });
});
