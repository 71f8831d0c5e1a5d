/** What a reload changes at a listener that stays, through the engine alone; certificates are in `http-tls.test.ts`. */
import { connect as connectHttp2 } from 'node:http2';
import { connect as connectTls } from 'node:tls';
import { expect } from 'chai';
import type { ListenerTls, ServerOptions } from '../../src/proxy/server.ts';
import { type PlainProxy, startPlainProxy } from '../support/plain-proxy.ts';
import { answer, type ScriptedUpstream, startScriptedUpstream, talk } from '../support/raw-http.ts';
import { CERTIFICATE } from '../support/tls-pair.ts';

const TLS: ListenerTls = { ...CERTIFICATE, minVersion: 'TLSv1.2', http2: true };

describe('engine: a listener that is configured anew', () => {
  let upstream: ScriptedUpstream;
  let proxy: PlainProxy;

  async function open(tls: ListenerTls | null): Promise<void> {
    upstream = await startScriptedUpstream(({ socket }) => void socket.write(answer(200, 'mine')));
    proxy = await startPlainProxy({
      upstreamPort: upstream.port,
      server: { listener: { host: '127.0.0.1', port: 0, tls } },
    });
  }
  function reconfigure(tls: ListenerTls | null, limits: Partial<ServerOptions['limits']> = {}): void {
    const { options } = proxy;
    const listener = { ...options.listener, tls };
    proxy.server.reconfigure({ ...options, listener, limits: { ...options.limits, ...limits } });
  }
  afterEach(async () => {
    await proxy.close();
    await upstream.close();
  });

  async function statusOf(fieldBytes: number): Promise<string | undefined> {
    const head = `GET / HTTP/1.1\r\nHost: app.test\r\nX-Long: ${'x'.repeat(fieldBytes)}\r\n\r\n`;
    const { text } = await talk(proxy.port, [head], { until: (seen) => seen.includes('\r\n\r\n') });
    return /^HTTP\/1\.1 (\d+)/.exec(text)?.[1];
  }
  const handshake = () => ({ port: proxy.port, host: '127.0.0.1', ca: CERTIFICATE.cert });
  function chosenProtocol(): Promise<string | false | null> {
    return new Promise((resolve, reject) => {
      const socket = connectTls({ ...handshake(), ALPNProtocols: ['http/1.1', 'h2'] }, () => {
        resolve(socket.alpnProtocol);
        socket.destroy();
      });
      socket.on('error', reject);
    });
  }
  function http2Settings(): Promise<unknown[]> {
    return new Promise((resolve, reject) => {
      const session = connectHttp2(`https://127.0.0.1:${proxy.port}`, handshake()).on('error', reject);
      session.once('remoteSettings', ({ maxConcurrentStreams, maxHeaderListSize }) => {
        resolve([maxConcurrentStreams, maxHeaderListSize]);
        session.destroy();
      });
    });
  }

  it('that is plain stays so, and serves on', async () => {
    await open(null);
    reconfigure(TLS);
    expect(await statusOf(0)).to.equal('200');
  });

  it('that has TLS keeps it, and what it offers', async () => {
    await open(TLS);
    reconfigure(null);
    expect(await chosenProtocol()).to.equal('h2');
  });

  it('takes heads by the new limit', async () => {
    await open(null);
    expect(await statusOf(10_000)).to.equal('200');
    reconfigure(null, { headerBytes: 4096 });
    expect(await statusOf(10_000)).to.equal('431');
    reconfigure(null, { headerBytes: 32 * 1024 });
    expect(await statusOf(20_000)).to.equal('200');
  });

  it('opens HTTP/2 connections by the new limits', async () => {
    await open(TLS);
    expect(await http2Settings()).to.deep.equal([100, 16 * 1024]);
    reconfigure(TLS, { http2Streams: 7, headerBytes: 4096 });
    expect(await http2Settings()).to.deep.equal([7, 4096]);
  });

  it('begins and ceases to offer HTTP/2', async () => {
    await open({ ...TLS, http2: false });
    expect(await chosenProtocol()).to.equal('http/1.1');
    reconfigure(TLS);
    expect(await chosenProtocol()).to.equal('h2');
    reconfigure({ ...TLS, http2: false });
    expect(await chosenProtocol()).to.equal('http/1.1');
  });
});
