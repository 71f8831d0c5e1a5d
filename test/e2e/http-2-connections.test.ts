/** HTTP/2 connections that Node would keep for ever: what the engine's clock makes of them. */
import { expect } from 'chai';
import { connectFrames, type FrameClient, frame, getRequest, postRequest } from '../support/http2-frames.ts';
import { type PlainProxy, type PlainProxyOptions, startPlainProxy } from '../support/plain-proxy.ts';
import { answer, eventually, type ScriptedUpstream, sleep, startScriptedUpstream } from '../support/raw-http.ts';
import { CERTIFICATE } from '../support/tls-pair.ts';

const TLS = { ...CERTIFICATE, minVersion: 'TLSv1.2', http2: true } as const;
const DATA = 0;
const HEADERS = 1;
const RST_STREAM = 3;
const PING = 6;
const GOAWAY = 7;

describe('engine: the end of HTTP/2 connections', () => {
  let upstream: ScriptedUpstream;
  let proxy: PlainProxy;
  let clients: FrameClient[] = [];

  async function open(options: Partial<PlainProxyOptions> = {}): Promise<void> {
    upstream = await startScriptedUpstream(() => {});
    proxy = await startPlainProxy({
      upstreamPort: upstream.port,
      upstream: { firstByteTimeoutMs: 30_000, idleTimeoutMs: 30_000 },
      ...options,
      server: { listener: { host: '127.0.0.1', port: 0, tls: TLS } },
    });
  }
  function connect(settings?: Buffer): FrameClient {
    const client = connectFrames(proxy.port, settings);
    clients.push(client);
    return client;
  }
  const codes = () => proxy.refusals.map(({ code }) => code);
  const nothingIsLeft = async (withinMs: number) => {
    await eventually('the upstream is free', () => upstream.connections.every(({ closed }) => closed), withinMs);
    await eventually('the connections are closed', () => proxy.server.connectionCount === 0, withinMs);
  };
  afterEach(async () => {
    for (const { socket } of clients) socket.destroy();
    clients = [];
    await proxy.close();
    await upstream.close();
  });

  it('frames that end only the session, while a stream is open, free everything', async () => {
    await open();
    const faults = [
      frame(DATA, 0, 0, Buffer.from('x')),
      frame(PING, 0, 0, Buffer.alloc(3)),
      frame(HEADERS, 5, 3, Buffer.alloc(7, 0xff)),
    ];
    for (const fault of faults) {
      const { socket } = connect();
      socket.write(getRequest(1));
      socket.once('data', () => setTimeout(() => socket.write(fault), 200));
    }
    await eventually('they are under way', () => upstream.requestCount === faults.length);
    await nothingIsLeft(5000);
    expect(codes().filter((code) => code === 'BAD_REQUEST')).to.have.length(faults.length);
  });

  it('an exchange that takes its time goes on, whether or not the client answers the one PING', async () => {
    await open({ timeouts: { keepAliveMs: 300, sendIdleMs: 300 } });
    upstream.script = async ({ socket }) => {
      await sleep(4500);
      socket.write(answer(200, 'mine'));
    };
    const silent = connect();
    const polite = connect();
    for (const { socket } of [silent, polite]) socket.write(getRequest(1));
    await eventually('it is asked', () => polite.types.includes(PING), 4000);
    polite.socket.write(frame(PING, 1, 0, Buffer.alloc(8)));
    for (const { types } of [silent, polite]) {
      await eventually('it is answered', () => types.includes(DATA), 5000);
      expect(types.filter((type) => type === PING)).to.have.length(1);
    }
    expect(codes()).to.deep.equal([]);
  });

  for (const [what, end] of [
    ['we drain', () => void proxy.server.drain()],
    ['the client has sent its GOAWAY', ({ socket }: FrameClient) => socket.write(frame(GOAWAY, 0, 0, Buffer.alloc(8)))],
  ] as const) {
    it(`an exchange that takes its time goes on when ${what}`, async () => {
      await open({ timeouts: { drainMs: 20_000 } });
      upstream.script = async ({ socket }) => {
        await sleep(4500);
        socket.write(answer(200, 'mine'));
      };
      const client = connect();
      client.socket.write(getRequest(1));
      await eventually('it is under way', () => upstream.requestCount === 1);
      end(client);
      await eventually('it is answered', () => client.types.includes(DATA), 6000);
      expect(client.types).to.not.include(RST_STREAM);
      expect(codes()).to.deep.equal([]);
      client.socket.destroy();
    });
  }

  for (const [how, leave] of [
    ['says that it goes', ({ socket }: FrameClient) => socket.end(frame(GOAWAY, 0, 0, Buffer.alloc(8)))],
    ['falls silent', () => {}],
  ] as const) {
    it(`a client that ends by NO_ERROR an answer for which it has no window, and ${how}, leaves nothing behind`, async () => {
      await open({ timeouts: { keepAliveMs: 500 } });
      upstream.script = ({ socket }) => void socket.write(answer(200, 'mine'));
      const client = connect(Buffer.from([0, 4, 0, 0, 0, 0]));
      client.socket.write(getRequest(1));
      await eventually('its head is there', () => client.types.includes(HEADERS));
      client.socket.write(frame(RST_STREAM, 0, 1, Buffer.alloc(4)));
      await sleep(100);
      leave(client);
      await nothingIsLeft(6000);
    });
  }

  for (const [what, sendOn] of [
    ['', () => {}],
    [', though it goes on to send', ({ socket }: FrameClient) => void socket.write(frame(PING, 0, 0, Buffer.alloc(8)))],
  ] as const) {
    it(`a client that takes nothing more loses its connection${what}`, async () => {
      await open({ timeouts: { sendIdleMs: 500 } });
      const body = Buffer.alloc(1 << 20, 'x');
      upstream.script = ({ socket }) => {
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${64 * body.length}\r\n\r\n`);
        for (let i = 0; i < 64; i += 1) socket.write(body);
      };
      // Windows that nothing fills: it is TCP that holds the answer up.
      const client = connect(Buffer.from([0, 4, 0x7f, 0xff, 0xff, 0xff]));
      client.socket.write(Buffer.concat([frame(8, 0, 0, Buffer.from([0x7f, 0, 0, 0])), getRequest(1)]));
      await eventually('it is on its way', () => client.types.includes(DATA));
      client.stopReading();
      const sending = setInterval(() => sendOn(client), 100);
      try {
        await nothingIsLeft(5000);
      } finally {
        clearInterval(sending);
      }
      expect(codes().filter((code) => code === 'SLOW_CLIENT')).to.have.length(1);
    });
  }

  for (const [what, sendOn] of [
    ['sends PINGs', ({ socket }: FrameClient) => void socket.write(frame(PING, 0, 0, Buffer.alloc(8)))],
    ['goes on with its body', ({ socket }: FrameClient) => void socket.write(frame(DATA, 0, 1, Buffer.from('x')))],
  ] as const) {
    it(`a client that takes nothing of one stream loses that, though it ${what}`, async () => {
      await open({ timeouts: { sendIdleMs: 500, bodyIdleMs: 20_000 } });
      upstream.script = ({ socket }, head) =>
        void socket.write(head.startsWith('GET') ? answer(200, 'mine') : answer(200, 'x'.repeat(1 << 20)));
      const client = connect();
      client.socket.write(Buffer.concat([frame(8, 0, 0, Buffer.from([0x7f, 0, 0, 0])), postRequest(1)]));
      await eventually('it is on its way', () => client.types.includes(DATA));
      const sending = setInterval(() => sendOn(client), 100);
      try {
        await eventually('the stream is cut', () => client.types.includes(RST_STREAM), 6000);
        expect(upstream.connections.every(({ closed }) => closed)).to.equal(true);
      } finally {
        clearInterval(sending);
      }
      expect(codes().filter((code) => code === 'SLOW_CLIENT')).to.have.length(1);
      const count = client.types.length;
      client.socket.write(getRequest(3));
      await eventually('the next one is answered', () => client.types.lastIndexOf(DATA) > count);
    });
  }

  it('a client that stalls loses the stream that we cut, and no other', async () => {
    await open({ timeouts: { sendIdleMs: 20_000 } });
    const body = Buffer.alloc(1 << 20, 'x');
    upstream.script = ({ socket }, head) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${32 * body.length}\r\n\r\n`);
      for (let i = 0; i < 32; i += 1) socket.write(body);
      if (head.startsWith('GET /cut')) setTimeout(() => socket.destroy(), 500);
    };
    // Windows that nothing fills: it is TCP that holds both answers up.
    const client = connect(Buffer.from([0, 4, 0x7f, 0xff, 0xff, 0xff]));
    const window = frame(8, 0, 0, Buffer.from([0x7f, 0, 0, 0]));
    client.socket.write(Buffer.concat([window, getRequest(1), getRequest(3, '/cut')]));
    await eventually('they are on their way', () => client.types.includes(DATA));
    client.stopReading();
    await sleep(5000);
    expect(proxy.server.connectionCount).to.equal(1);
    client.readOn();
    await eventually('the one is cut', () => client.types.includes(RST_STREAM), 8000);
    const count = client.types.length;
    await eventually('the other goes on', () => client.types.lastIndexOf(DATA) > count);
    expect(codes()).to.deep.equal(['UPSTREAM_TRUNCATED']);
  });

  it('a client that heeds neither GOAWAY nor the end of the connection loses it', async () => {
    await open({ timeouts: { keepAliveMs: 200 } });
    upstream.script = ({ socket }) => void socket.write(answer(200, 'mine'));
    const client = connect();
    client.socket.write(getRequest(1));
    await eventually('it is answered', () => client.types.includes(DATA));
    await eventually('the connection is closed', () => proxy.server.connectionCount === 0, 9000);
  });
});
