/** Clients that leave, crawl, flood or half-listen, and a server that stops: what it costs us and the others. */
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { expect } from 'chai';
import { startServer } from '../../src/proxy/start-server.ts';
import { type PlainProxy, type PlainProxyOptions, startPlainProxy } from '../support/plain-proxy.ts';
import {
  answer,
  eventually,
  isWhole,
  type Script,
  type ScriptedUpstream,
  sleep,
  startScriptedUpstream,
  talk,
} from '../support/raw-http.ts';
import { CERTIFICATE } from '../support/tls-pair.ts';

const GET = 'GET /x HTTP/1.1\r\nHost: app.test\r\n\r\n';
const OK = 'HTTP/1.1 200 OK\r\n';
const whole = (text: string) => isWhole(text, null);

describe('engine: clients', () => {
  let upstream: ScriptedUpstream;
  let proxy: PlainProxy;
  async function open(options: Partial<PlainProxyOptions> = {}): Promise<void> {
    upstream = await startScriptedUpstream(({ socket }) => {
      socket.write(answer(200, 'mine'));
    });
    proxy = await startPlainProxy({ upstreamPort: upstream.port, ...options });
  }
  afterEach(async () => {
    await proxy.close();
    await upstream.close();
  });

  const allClosed = () =>
    upstream.connections.length > 0 && upstream.connections.every((connection) => connection.closed);

  describe('a client that leaves', () => {
    beforeEach(() => open({ upstream: { firstByteTimeoutMs: 10_000, idleTimeoutMs: 10_000 } }));

    for (const end of ['reset', 'fin'] as const) {
      it(`while the upstream thinks (${end}): its request is ended`, async () => {
        upstream.script = () => {};
        await talk(proxy.port, [GET, 60, { end }], { timeoutMs: 300 });
        await eventually('the upstream connection is closed', allClosed);
        expect(proxy.refusals.map((refusal) => refusal.code)).to.deep.equal(['CLIENT_GONE']);
      });

      it(`during the answer (${end}): it is ended`, async () => {
        upstream.script = ({ socket }) => void socket.write(`${OK}Content-Length: 1000000\r\n\r\nsome`);
        await talk(proxy.port, [GET, 60, { end }], { timeoutMs: 300 });
        await eventually('the upstream connection is closed', allClosed);
      });

      for (const [what, framing, body] of [
        ['length', 'Content-Length: 1000', 'a'.repeat(100)],
        ['chunked', 'Transfer-Encoding: chunked', `64\r\n${'a'.repeat(100)}\r\n`],
      ] as const) {
        it(`during its upload (${end}, ${what}): the upstream never sees it whole`, async () => {
          upstream.script = () => {};
          await talk(proxy.port, [`POST /x HTTP/1.1\r\nHost: app.test\r\n${framing}\r\n\r\n${body}`, 60, { end }], {
            timeoutMs: 300,
          });
          await eventually('the upstream connection is closed', allClosed);
          expect(upstream.received).to.not.match(/0\r\n\r\n$/);
          expect(upstream.received.length).to.be.lessThan(600);
        });
      }
    }

    it('with pipelined requests waiting: none of them goes upstream any more', async () => {
      upstream.script = () => {};
      await talk(proxy.port, [GET.repeat(5), 60, { end: 'reset' }], { timeoutMs: 300 });
      await eventually('the upstream connection is closed', allClosed);
      expect(upstream.requestCount).to.equal(1);
      await eventually('no connection is left', () => proxy.server.connectionCount === 0);
    });

    it('a hundred times leaves nothing behind', async () => {
      upstream.script = ({ socket }) => void socket.write(`${OK}Content-Length: 1000000\r\n\r\nsome`);
      await Promise.all(
        Array.from({ length: 100 }, () => talk(proxy.port, [GET, 100, { end: 'reset' }], { timeoutMs: 400 })),
      );
      await eventually('all closed', () => allClosed() && proxy.server.connectionCount === 0);
      expect(proxy.upstream.connectionCounts).to.deep.equal({ open: 0, idle: 0 });
    });
  });

  describe('a slow client', () => {
    const timeouts = { headerMs: 400, bodyIdleMs: 300, sendIdleMs: 300, keepAliveMs: 300 };

    it('that drips its head is cut with 408', async () => {
      await open({ timeouts });
      const drip = Array.from({ length: 20 }, (_, i) => [200, `X-${i}: a\r\n`]).flat();
      const { text, closed, ms } = await talk(proxy.port, ['GET / HTTP/1.1\r\nHost: app.test\r\n', ...drip], {
        timeoutMs: 4000,
      });
      expect(text).to.match(/^HTTP\/1\.1 408 /);
      expect(closed).to.not.equal(null);
      expect(ms).to.be.lessThan(1500);
      expect(upstream.received).to.equal('');
    });

    for (const [what, before] of [
      ['its first head', []],
      ['a later head', [GET, 100]],
    ] as const) {
      it(`that stops in ${what} gets 408, however short the time between requests is`, async () => {
        await open({ timeouts: { ...timeouts, headerMs: 1000 } });
        const { text } = await talk(proxy.port, [...before, 'GET / HTTP/1.1\r\nHost: a'], { timeoutMs: 4000 });
        expect(text).to.match(/(?:^|mine)HTTP\/1\.1 408 /);
        expect(proxy.refusals.map(({ code }) => code)).to.deep.equal(['REQUEST_TIMEOUT']);
      });
    }

    it('that says nothing but an empty line behind its request is cut without a word', async () => {
      await open({ timeouts });
      const { text, closed } = await talk(proxy.port, [GET, 100, '\r\n'], { timeoutMs: 5000 });
      expect(text).to.match(/mine$/);
      expect(closed).to.not.equal(null);
    });

    it('that goes on saying empty lines behind its request is cut, too', async () => {
      await open({ timeouts });
      const lines = Array.from({ length: 40 }, () => [150, '\r\n']).flat();
      const { text, closed, ms } = await talk(proxy.port, [GET, ...lines], { timeoutMs: 6000 });
      expect(text).to.match(/mine$/);
      expect(closed).to.not.equal(null);
      expect(ms).to.be.lessThan(5000);
    });

    it('that says nothing is cut without a word', async () => {
      await open({ timeouts });
      const { text, closed } = await talk(proxy.port, [], { timeoutMs: 4000 });
      expect(text).to.equal('');
      expect(closed).to.not.equal(null);
    });

    for (const [what, parts] of [
      ['stops in its body', ['aaaa']],
      ['drips its body', Array.from({ length: 30 }, () => [100, 'a']).flat()],
    ] as const) {
      it(`that ${what} gets 408 (REQUEST_TIMEOUT), and the upstream never sees the request whole`, async () => {
        await open({ timeouts, upstream: { firstByteTimeoutMs: 5000 } });
        upstream.script = () => {};
        const { text, closed } = await talk(
          proxy.port,
          ['POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: 1000\r\n\r\n', ...parts],
          { timeoutMs: 4000 },
        );
        expect(text).to.match(/^HTTP\/1\.1 408 /);
        expect(closed).to.not.equal(null);
        await eventually('the upstream connection is closed', allClosed);
      });
    }

    for (const [what, status, script, bodyLimitBytes] of [
      ['an early answer', 200, ({ socket }) => void socket.write(answer(200, 'early')), 1 << 30],
      ['a refusal', 413, () => {}, 1000],
    ] as readonly (readonly [string, number, Script, number])[]) {
      it(`that sends on for seconds before it reads gets ${what}`, async () => {
        await open({ bodyLimitBytes });
        upstream.script = script;
        const socket = connect(proxy.port, '127.0.0.1').pause();
        let error: Error | null = null;
        socket.on('error', (thrown) => {
          error = thrown;
        });
        socket.write('POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: 100000000\r\n\r\n');
        for (let n = 0; n < 35; n += 1) {
          await sleep(100);
          socket.write('y'.repeat(10_000));
        }
        let text = '';
        socket.on('data', (chunk) => {
          text += chunk;
        });
        socket.resume();
        await eventually('its end is told', () => socket.readableEnded);
        expect(text).to.match(new RegExp(`^HTTP/1\\.1 ${status} `));
        expect(error).to.equal(null);
        socket.destroy();
      });
    }

    it('whose answer is out and that neither sends nor leaves loses its connection', async () => {
      await open({ bodyLimitBytes: 1000 });
      const request = 'POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: 100000000\r\n\r\n';
      const socket = connect({ port: proxy.port, host: '127.0.0.1', allowHalfOpen: true }).resume();
      socket.write(request);
      await eventually('it was refused', () => proxy.refusals.length === 1);
      await eventually('the connection is closed', () => proxy.server.connectionCount === 0, 7000);
      socket.destroy();
    });

    it('whose body the upstream keeps waiting is not blamed', async () => {
      await open({ timeouts, upstream: { firstByteTimeoutMs: 15_000 } });
      // More than every buffer on the way holds, and an upstream that does not read for three idle times.
      const body = 'a'.repeat(6_000_000);
      upstream.script = async (connection) => {
        connection.socket.pause();
        await sleep(1000);
        connection.socket.resume();
        await eventually('all of it', () => connection.received.length > body.length, 12_000);
        connection.socket.write(answer(200, 'got it'));
      };
      const { text } = await talk(
        proxy.port,
        [`POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: ${body.length}\r\n\r\n`, body],
        {
          timeoutMs: 15_000,
          until: whole,
        },
      );
      expect(text).to.match(/^HTTP\/1\.1 200 /);
    });

    /** The upstream sends 64 MiB; how much of it has left so far. */
    function sendWithoutEnd(): { bytes: number } {
      const sent = { bytes: 0 };
      upstream.script = async ({ socket }) => {
        socket.write(`${OK}Content-Length: ${64 << 20}\r\n\r\n`);
        const block = Buffer.alloc(1 << 18, 120);
        for (let i = 0; i < 256 && !socket.destroyed; i += 1) {
          if (!socket.write(block))
            await new Promise((resolve) => {
              socket.once('drain', resolve).once('close', resolve);
            });
          sent.bytes = socket.bytesWritten - socket.writableLength;
        }
      };
      return sent;
    }

    it('that does not read holds back the upstream, and is cut', async () => {
      await open({ timeouts });
      const sent = sendWithoutEnd();
      await talk(proxy.port, [GET], { isDeaf: true, timeoutMs: 1500 });
      expect(sent.bytes).to.be.greaterThan(0);
      expect(sent.bytes).to.be.lessThan(16 << 20);
      await eventually('the upstream connection is closed', allClosed);
      expect(proxy.refusals.map((refusal) => refusal.code)).to.include('SLOW_CLIENT');
    });

    for (const tls of [null, { ...CERTIFICATE, minVersion: 'TLSv1.2', http2: false }] as const) {
      it(`that does not read is cut though it goes on to send, ${tls === null ? 'in the clear' : 'over TLS'}`, async () => {
        await open({ timeouts, server: { listener: { host: '127.0.0.1', port: 0, tls } } });
        sendWithoutEnd();
        const tcp = connect(proxy.port, '127.0.0.1');
        const socket = tls === null ? tcp : connectTls({ socket: tcp, ca: CERTIFICATE.cert });
        for (const end of [tcp, socket]) end.on('error', () => {});
        let drip: NodeJS.Timeout | undefined;
        socket.write(GET);
        socket.once('data', () => {
          // Whatever layer reads.
          for (const end of [tcp, socket]) end.pause();
          drip = setInterval(() => socket.write('G'), 50);
        });
        try {
          await eventually('it is cut', () => proxy.server.connectionCount === 0 && allClosed(), 3000);
        } finally {
          clearInterval(drip);
          tcp.destroy();
        }
        expect(proxy.refusals.map((refusal) => refusal.code)).to.include('SLOW_CLIENT');
      });
    }

    it('that reads slowly but reads is served whole', async () => {
      await open({ timeouts, upstream: { idleTimeoutMs: 200 } });
      const body = 'x'.repeat(3_000_000);
      upstream.script = ({ socket }) => void socket.write(`${OK}Content-Length: ${body.length}\r\n\r\n${body}`);
      const socket = connect(proxy.port, '127.0.0.1');
      socket.write(GET);
      let received = 0;
      socket.on('data', (chunk) => {
        received += chunk.length;
        socket.pause();
        setTimeout(() => socket.resume(), 20);
      });
      await eventually('all of it', () => received > body.length, 8000);
      socket.destroy();
      expect(proxy.refusals).to.deep.equal([]);
    });
  });

  describe('connections of clients', () => {
    it('are kept for the next request, and closed when idle for too long', async () => {
      await open({ timeouts: { keepAliveMs: 300 } });
      const { text, closed } = await talk(proxy.port, [GET, 100, GET], { timeoutMs: 4000 });
      expect(text.match(/HTTP\/1\.1 200/g)).to.have.length(2);
      expect(closed).to.equal('fin');
    });

    it('end after so many requests', async () => {
      await open({ limits: { requestsPerConnection: 3 } });
      const { text, closed } = await talk(proxy.port, [GET, 50, GET, 50, GET, 50, GET]);
      expect(text.match(/HTTP\/1\.1 200/g)).to.have.length(3);
      expect(text.match(/Connection: close/gi)).to.have.length(1);
      expect(closed).to.not.equal(null);
    });

    it('are refused above the caps, per address and in all', async () => {
      for (const limits of [{ connectionsPerAddress: 2 }, { connections: 2 }]) {
        await open({ limits });
        const first = talk(proxy.port, [GET], { timeoutMs: 400 });
        const second = talk(proxy.port, [GET], { timeoutMs: 400 });
        await sleep(100);
        const third = await talk(proxy.port, [GET], { timeoutMs: 400 });
        expect(third.text).to.equal('');
        expect(third.closed).to.not.equal(null);
        for (const { text } of await Promise.all([first, second])) expect(text).to.match(/^HTTP\/1\.1 200 /);
        expect(proxy.refusals.map((refusal) => refusal.code)).to.deep.equal(['TOO_MANY_CONNECTIONS']);
        await eventually('their places are free again', () => proxy.server.connectionCount === 0);
        expect((await talk(proxy.port, [GET], { until: whole })).text).to.match(/^HTTP\/1\.1 200 /);
        if (limits.connections === undefined) {
          await proxy.close();
          await upstream.close();
        }
      }
    });

    it('a trusted proxy may have more of them', async () => {
      await open({
        limits: { connectionsPerAddress: 2 },
        server: { isTrustedProxy: (address) => address === '127.0.0.1' },
      });
      const talks = await Promise.all(
        Array.from({ length: 5 }, () => talk(proxy.port, [GET, 100], { timeoutMs: 300 })),
      );
      for (const { text } of talks) expect(text).to.match(/^HTTP\/1\.1 200 /);
    });
  });

  describe('drain', () => {
    it('an answer whose head is not out says that its connection closes', async () => {
      await open();
      upstream.script = async ({ socket }) => {
        await sleep(150);
        socket.write(answer(200, 'whole'));
      };
      const talking = talk(proxy.port, [GET.repeat(2)]);
      await eventually('it is under way', () => upstream.requestCount === 1);
      await proxy.server.drain();
      const { text, closed } = await talking;
      expect(text).to.match(/^HTTP\/1\.1 200 [\s\S]*\r\nConnection: close\r\n[\s\S]*whole$/);
      expect(text.match(/HTTP\/1\.1/g)).to.have.length(1);
      expect(closed).to.equal('fin');
    });

    it('what is under way ends whole, idle connections close, new ones are refused', async () => {
      // Nothing here ends by a time of its own: what is under way goes on when it is told to.
      await open({
        timeouts: { headerMs: 60_000, sendIdleMs: 60_000, keepAliveMs: 60_000, drainMs: 6000 },
        upstream: { firstByteTimeoutMs: 60_000, idleTimeoutMs: 60_000 },
      });
      let goOn: () => void = () => {};
      const told = new Promise<void>((resolve) => {
        goOn = resolve;
      });
      upstream.script = async ({ socket }, head) => {
        if (head.startsWith('GET /slow')) {
          socket.write(`${OK}Transfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n`);
          await told;
          socket.write('4\r\nlast\r\n0\r\n\r\n');
        } else if (head.startsWith('GET /late')) {
          await told;
          socket.write(answer(200, 'late'));
        } else socket.write(answer(200, 'mine'));
      };
      const timeoutMs = 5000;
      const heard = { slow: '', idle: '' };
      const hear = (who: keyof typeof heard) => (text: string) => {
        heard[who] = text;
        return false;
      };
      const slow = talk(proxy.port, [GET.replace('/x', '/slow')], { timeoutMs, until: hear('slow') });
      const late = talk(proxy.port, [GET.replace('/x', '/late')], { timeoutMs });
      const idle = talk(proxy.port, [GET], { timeoutMs, until: hear('idle') });
      const silent = talk(proxy.port, [], { timeoutMs });
      await eventually(
        'two are under way, two are idle',
        () =>
          proxy.server.connectionCount === 4 &&
          upstream.requestCount === 3 &&
          heard.slow.includes('first') &&
          whole(heard.idle),
        3000,
      );
      let isDrained = false;
      const drained = proxy.server.drain().then(() => {
        isDrained = true;
      });
      for (const { closed } of await Promise.all([idle, silent])) expect(closed).to.equal('fin');
      const refused = await talk(proxy.port, [GET], { timeoutMs: 200 });
      expect(refused.text).to.equal('');
      expect(isDrained, 'while two are under way').to.equal(false);
      goOn();
      const slowly = await slow;
      expect(slowly.text).to.match(/5\r\nfirst\r\n4\r\nlast\r\n0\r\n\r\n$/);
      expect(slowly.closed).to.equal('fin');
      const lately = await late;
      expect(lately.text).to.match(/\r\n\r\nlate$/);
      expect(lately.closed).to.equal('fin');
      await drained;
    });

    it('an answer that was given out, and that a slow client has not read yet, is whole', async () => {
      await open();
      const body = Buffer.alloc(12 << 20, 'x');
      let isGivenOut = false;
      const server = await startServer(
        proxy.options,
        async (_req, res) => {
          res.writeHead(200, { 'Content-Length': body.length });
          res.end(body);
          isGivenOut = true;
        },
        async () => {},
      );
      const socket = connect(server.address.port, '127.0.0.1');
      socket.on('error', () => {});
      socket.pause();
      socket.write(GET);
      await eventually('it is given out', () => isGivenOut);
      await sleep(50);
      const drained = server.drain();
      await sleep(50);
      let received = 0;
      socket.on('data', (chunk) => {
        received += chunk.length;
      });
      socket.resume();
      await drained;
      await eventually('all of it', () => received > body.length);
    });

    it('is over when its time is over', async () => {
      await open({ timeouts: { drainMs: 200 }, upstream: { firstByteTimeoutMs: 5000 } });
      upstream.script = () => {};
      const stuck = talk(proxy.port, [GET]);
      await sleep(50);
      const startedAt = Date.now();
      await proxy.server.drain();
      expect(Date.now() - startedAt).to.be.within(150, 800);
      expect((await stuck).closed).to.not.equal(null);
    });
  });
});
