/** WebSocket tunnels through the engine, with raw sockets where the handshake matters and `ws` where the frames do. */
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { expect } from 'chai';
import { WebSocket, WebSocketServer } from 'ws';
import { type PlainProxy, startPlainProxy } from '../support/plain-proxy.ts';
import {
  answer,
  eventually,
  fieldsOf,
  isWhole,
  type ScriptedUpstream,
  sleep,
  startScriptedUpstream,
  talk,
} from '../support/raw-http.ts';

const handshake = (fields = '', target = '/chat') =>
  `GET ${target} HTTP/1.1\r\nHost: app.test\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${fields}\r\n`;
const SWITCH =
  'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\nX-Kept: 1\r\nKeep-Alive: timeout=9\r\n\r\n';
const whole = (text: string) => isWhole(text, null);

describe('engine: upgrades', () => {
  let upstream: ScriptedUpstream;
  let proxy: PlainProxy;
  beforeEach(async () => {
    upstream = await startScriptedUpstream(({ socket }) => {
      socket.write(SWITCH);
      socket.on('data', (chunk) => socket.write(`echo:${chunk}`));
    });
    proxy = await startPlainProxy({ upstreamPort: upstream.port, upstream: { firstByteTimeoutMs: 400 } });
  });
  afterEach(async () => {
    await proxy.close();
    await upstream.close();
  });

  const allClosed = () =>
    upstream.connections.length > 0 && upstream.connections.every((connection) => connection.closed);

  describe('behind a request that is under way', () => {
    const POST = 'POST /slow HTTP/1.1\r\nHost: app.test\r\nContent-Length: 1\r\n\r\nx';
    beforeEach(() => {
      const { script } = upstream;
      upstream.script = async (connection, head) => {
        if (!head.startsWith('POST')) return script(connection, head);
        await sleep(80);
        connection.socket.write(answer(200, 'done'));
      };
    });

    it('a tunnel opens when the answer is out, and loses no byte', async () => {
      const { text } = await talk(proxy.port, [`${POST}${handshake()}early`, 200, 'late'], {
        until: (seen) => seen.endsWith('late'),
      });
      expect(text).to.match(
        /^HTTP\/1\.1 200 [\s\S]*\r\n\r\ndoneHTTP\/1\.1 101 [\s\S]*\r\n\r\necho:early(?:echo:)?late$/,
      );
    });

    for (const [what, request, status] of [
      ['CONNECT', 'CONNECT a.test:1 HTTP/1.1\r\nHost: a.test:1\r\n\r\n', 405],
      ['a handshake with a body', handshake('Content-Length: 2\r\n'), 400],
      ['an unknown upgrade', 'GET /h2 HTTP/1.1\r\nHost: app.test\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n', 101],
    ] as const) {
      it(`${what} gets its own answer`, async () => {
        const { text, closed } = await talk(proxy.port, [`${POST}${request}`, 400]);
        const [first = '', second = ''] = text.split(/(?<=done)/);
        expect(first).to.match(/^HTTP\/1\.1 200 /);
        if (status === 101) expect(second).to.match(/^HTTP\/1\.1 (?!1)/);
        else expect(second.slice(0, 12)).to.equal(`HTTP/1.1 ${status}`);
        expect(closed).to.not.equal(null);
      });
    }
  });

  it('a client that resets within the body of a handshake harms nobody', async () => {
    for (const pause of [0, 30]) {
      const socket = connect(proxy.port, '127.0.0.1');
      socket.on('error', () => {});
      socket.write(handshake('Content-Length: 9\r\n'));
      await sleep(pause);
      socket.resetAndDestroy();
    }
    const { text } = await talk(proxy.port, [`${handshake()}early`], { until: (seen) => seen.endsWith('early') });
    expect(text).to.match(/^HTTP\/1\.1 101 /);
  });

  describe('that we do not know are ignored', () => {
    // As Java's client sends it, with every request.
    const h2c = (method: string, fields: string) =>
      `${method} /form HTTP/1.1\r\nHost: app.test\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAAB\r\n${fields}\r\n`;
    const LENGTH = 'Content-Length: 4\r\n';
    const CHUNKED = 'Transfer-Encoding: chunked\r\n';
    const EXPECT = 'Expect: 100-continue\r\n';
    beforeEach(() => {
      upstream.script = ({ socket }) => void setTimeout(() => socket.write(answer(200, 'mine')), 80);
    });

    for (const [what, parts] of [
      ['GET', [h2c('GET', '')]],
      ['POST', [`${h2c('POST', LENGTH)}abcd`]],
      ['PUT, its body later', [h2c('PUT', LENGTH), 20, 'ab', 20, 'cd']],
      ['POST in chunks', [`${h2c('POST', CHUNKED)}4\r\nabcd\r\n0\r\n\r\n`]],
      ['POST in chunks, in pieces', [`${h2c('POST', CHUNKED)}4\r\nab`, 20, 'cd\r\n0\r\n', 20, '\r\n']],
      ['POST that waits for 100', [h2c('POST', LENGTH + EXPECT), 20, 'abcd']],
    ] as const) {
      it(`${what}: an ordinary answer, and the body arrives`, async () => {
        const { text, closed } = await talk(proxy.port, parts);
        expect(text.replace('HTTP/1.1 100 Continue\r\n\r\n', '')).to.match(/^HTTP\/1\.1 200 [\s\S]*mine$/);
        expect(closed).to.equal('fin');
        expect(upstream.received).to.not.match(/^(?:upgrade|http2-settings):/im);
        if (what !== 'GET') expect(upstream.received.replaceAll(/\r\n\d\r\n/g, '')).to.include('abcd');
        expect(proxy.refusals).to.deep.equal([]);
      });
    }

    it('a body over the limit, and chunks that are none, have their errors', async () => {
      const { text } = await talk(proxy.port, [h2c('POST', 'Content-Length: 99999999\r\n')]);
      expect(text).to.match(/^HTTP\/1\.1 413 /);
      upstream.script = () => {};
      const bad = await talk(proxy.port, [`${h2c('POST', CHUNKED)}4\r\nabcd\r\nzz\r\n`]);
      // The parser keeps this fault to itself, and the body does not go on.
      expect(bad.text).to.match(/^HTTP\/1\.1 40[08] /);
      expect(bad.text.match(/HTTP\/1\.1/g)).to.have.length(1);
    });

    for (const end of ['fin', 'reset'] as const) {
      it(`a client that leaves within the body (${end}) is noticed`, async () => {
        upstream.script = () => {};
        await talk(proxy.port, [`${h2c('POST', LENGTH)}ab`, 60, { end }], { timeoutMs: 200 });
        await eventually('the upstream connection is closed', allClosed);
        expect(proxy.refusals.map((refusal) => refusal.code)).to.deep.equal(['CLIENT_GONE']);
      });
    }

    // The parser loses what came in one piece with the end of such a message, here the head that EVIL is the body of.
    const EVIL = 'GET /evil HTTP/1.1\r\nHost: app.test\r\n\r\n';
    const HIDDEN = handshake('', '/evil');
    for (const [what, first] of [
      ['GET', h2c('GET', '')],
      ['POST', `${h2c('POST', LENGTH)}abcd`],
      ['POST in chunks', `${h2c('POST', CHUNKED)}4\r\nabcd\r\n0\r\n\r\n`],
    ] as const) {
      for (const [kind, evil] of [
        ['request', EVIL],
        ['handshake', HIDDEN],
      ] as const) {
        for (const pauseMs of [15, 150]) {
          it(`no ${kind} is read behind ${what}, ${pauseMs} ms later`, async () => {
            const second = `POST /x HTTP/1.1\r\nHost: app.test\r\nContent-Length: ${evil.length}\r\n\r\n`;
            const { text, closed } = await talk(proxy.port, [first + second, pauseMs, evil + evil], {
              timeoutMs: 1000,
            });
            expect(text).to.match(/^HTTP\/1\.1 200 [\s\S]*\r\nConnection: close\r\n[\s\S]*mine$/);
            expect(closed).to.equal('fin');
            await sleep(100);
            expect(upstream.received).to.not.include('/evil');
            expect(upstream.requestCount).to.equal(1);
          });
        }
      }
    }

    it('a long answer is whole for a client that reads slowly', async () => {
      const body = 'x'.repeat(8 << 20);
      upstream.script = ({ socket }) => void socket.write(answer(200, body));
      const socket = connect(proxy.port, '127.0.0.1');
      socket.pause();
      socket.write(h2c('GET', ''));
      await sleep(300);
      let received = 0;
      socket.on('data', (chunk) => {
        received += chunk.length;
      });
      socket.resume();
      await eventually('all of it', () => received > body.length);
      socket.destroy();
    });
  });

  describe('a silent tunnel', () => {
    const open = async () => {
      await proxy.close();
      proxy = await startPlainProxy({ upstreamPort: upstream.port, timeouts: { tunnelMs: 400, keepAliveMs: 100 } });
    };

    it('is closed on both sides after its time', async () => {
      await open();
      const { text, closed, ms } = await talk(proxy.port, [handshake()], { timeoutMs: 3000 });
      expect(text).to.match(/^HTTP\/1\.1 101 /);
      expect(closed).to.not.equal(null);
      expect(ms).to.be.within(350, 1500);
      await eventually('the upstream connection is closed', allClosed);
    });

    it('stays while either side speaks', async () => {
      await open();
      const words = Array.from({ length: 8 }, () => [150, 'word']).flat();
      const { text } = await talk(proxy.port, [handshake(), ...words], { timeoutMs: 1500, until: () => false });
      expect(text.match(/echo:word/g)).to.have.length(8);
    });
  });

  describe('upgrade: the handshake', () => {
    it('arrives with its own fields once, and the target byte for byte', async () => {
      const target = '/a//b\\c/./%2e?x=//y?z';
      const sent = handshake(
        'Cookie: a=1\r\nSec-WebSocket-Protocol: chat\r\nX-Forwarded-For: 6.6.6.6\r\nOrigin: http://app.test\r\n',
        target,
      );
      await talk(proxy.port, [sent], { until: (text) => text.includes('\r\n\r\n') });
      const fields = fieldsOf(upstream.received);
      expect(fields.get('')).to.deep.equal([`GET ${target} HTTP/1.1`]);
      for (const [name, value] of [
        ['host', 'app.test'],
        ['connection', 'Upgrade'],
        ['upgrade', 'websocket'],
        ['sec-websocket-key', 'dGhlIHNhbXBsZSBub25jZQ=='],
        ['sec-websocket-protocol', 'chat'],
        ['cookie', 'a=1'],
        ['origin', 'http://app.test'],
        ['x-forwarded-for', '127.0.0.1'],
        ['via', '1.1 test-proxy'],
      ] as const) {
        expect(fields.get(name), name).to.deep.equal([value]);
      }
      expect(fields.has('content-length')).to.equal(false);
      expect(fields.has('transfer-encoding')).to.equal(false);
    });

    it('arrives with both of two fields that differ in case alone', async () => {
      await talk(proxy.port, [handshake('X-Seen: 1\r\nx-seen: 2\r\n')], {
        until: (text) => text.includes('\r\n\r\n'),
      });
      expect(fieldsOf(upstream.received).get('x-seen')).to.deep.equal(['1', '2']);
    });

    it('the 101 leaves without the fields of the upstream hop', async () => {
      const { text } = await talk(proxy.port, [handshake()], { until: (seen) => seen.includes('\r\n\r\n') });
      expect(text).to.match(/^HTTP\/1\.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n/);
      expect(text).to.include('X-Kept: 1').and.not.include('Keep-Alive');
    });

    it('bytes that either side sends early are not lost', async () => {
      upstream.script = ({ socket }) => {
        socket.write(`${SWITCH}hello`);
        socket.on('data', (chunk) => socket.write(`echo:${chunk}`));
      };
      const { text } = await talk(proxy.port, [`${handshake()}early`, 100, 'later'], {
        until: (seen) => seen.includes('echo:later'),
      });
      expect(text).to.match(/\r\n\r\nhello/);
      expect(upstream.received).to.match(/\r\n\r\nearlylater$/);
    });
  });

  it('a 101 may have a head as long as any other answer', async () => {
    upstream.script = ({ socket }) =>
      void socket.write(`${SWITCH.replace('X-Kept: 1', `X: ${'a'.repeat(30_000)}`)}hello`);
    const { text } = await talk(proxy.port, [handshake()], { until: (seen) => seen.endsWith('hello') });
    expect(text).to.match(/^HTTP\/1\.1 101 /);
  });

  describe('upgrade: refused, broken, late', () => {
    for (const [what, response, body] of [
      ['with a length', answer(403, 'no'), 'no'],
      ['chunked', 'HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n', 'no'],
      ['200', answer(200, 'plain'), 'plain'],
      ['by a long head', answer(403, 'no', `X-Long: ${'a'.repeat(30_000)}\r\n`), 'no'],
    ] as const) {
      it(`refused ${what}: an ordinary, whole answer, and no tunnel`, async () => {
        upstream.script = ({ socket }) => void socket.write(response);
        const { text, closed } = await talk(proxy.port, [
          handshake(),
          150,
          'GET /hidden HTTP/1.1\r\nHost: app.test\r\n\r\n',
        ]);
        expect(text).to.match(/^HTTP\/1\.1 (?:403|200) /);
        expect(text).to.match(/\r\nConnection: close\r\n/);
        expect(isWhole(text, closed)).to.equal(true);
        expect(text).to.include(body);
        expect(closed).to.not.equal(null);
        expect(upstream.received).to.not.include('/hidden');
        await eventually('the upstream connection is closed', allClosed);
      });
    }

    for (const [what, status, code, script] of [
      ['reset', 502, 'UPSTREAM_RESET', (socket: import('node:net').Socket) => void socket.resetAndDestroy()],
      [
        'a 101 to something else',
        502,
        'UPSTREAM_BAD_RESPONSE',
        (socket: import('node:net').Socket) => void socket.write(SWITCH.replace('websocket', 'h2c')),
      ],
      [
        'a 101 without a key',
        502,
        'UPSTREAM_BAD_RESPONSE',
        (socket: import('node:net').Socket) => void socket.write(SWITCH.replace('Sec-WebSocket-Accept', 'X')),
      ],
      [
        'two lengths',
        502,
        'UPSTREAM_BAD_RESPONSE',
        (socket: import('node:net').Socket) =>
          void socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'),
      ],
      [
        'chunks in HTTP/1.0',
        502,
        'UPSTREAM_BAD_RESPONSE',
        (socket: import('node:net').Socket) =>
          void socket.write('HTTP/1.0 403 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n'),
      ],
      [
        'a 101 with a head over 64 KiB',
        502,
        'UPSTREAM_BAD_RESPONSE',
        (socket: import('node:net').Socket) =>
          void socket.write(SWITCH.replace('X-Kept: 1', `X: ${'a'.repeat(70_000)}`)),
      ],
      [
        'a 101 with 600 fields',
        502,
        'UPSTREAM_BAD_RESPONSE',
        (socket: import('node:net').Socket) =>
          void socket.write(SWITCH.replace('X-Kept: 1', 'X: 1\r\n'.repeat(600).trim())),
      ],
      ['silence', 504, 'UPSTREAM_TIMEOUT', () => {}],
    ] as const) {
      it(`${what}: ${status}, whole`, async () => {
        upstream.script = ({ socket }) => script(socket);
        const { text, closed } = await talk(proxy.port, [handshake()]);
        expect(text).to.match(new RegExp(`^HTTP/1\\.1 ${status} `));
        expect(text.match(/HTTP\/1\.1/g)).to.have.length(1);
        expect(isWhole(text, closed)).to.equal(true);
        expect(closed).to.not.equal(null);
        expect(proxy.refusals.map((refusal) => refusal.code)).to.deep.equal([code]);
        await eventually('the upstream connection is closed', allClosed);
      });
    }

    describe('refused at length', () => {
      const BYTES = 8 << 20;
      beforeEach(() => {
        upstream.script = ({ socket }) => void socket.write(answer(403, 'z'.repeat(BYTES)));
      });

      it('whole for a client that reads slowly', async () => {
        const socket = connect(proxy.port, '127.0.0.1');
        let bytes = 0;
        socket.on('data', (chunk) => {
          bytes += chunk.length;
          socket.pause();
          setTimeout(() => socket.resume(), 5);
        });
        socket.write(handshake());
        await eventually('all of it came', () => bytes > BYTES, 8000);
        await eventually('the connections are closed', () => socket.destroyed && proxy.server.connectionCount === 0);
        expect(proxy.refusals).to.deep.equal([]);
      });

      it('cut for a client that stops reading', async () => {
        const socket = connect(proxy.port, '127.0.0.1').pause();
        socket.write(handshake());
        await eventually('the upstream is free', allClosed, 6000);
        await eventually('the connection is closed', () => proxy.server.connectionCount === 0);
        expect(proxy.refusals.map(({ code }) => code)).to.deep.equal(['SLOW_CLIENT', 'CLIENT_GONE']);
        socket.destroy();
      });
    });

    it('refused, and the body of the answer stalls: it is cut', async () => {
      await proxy.close();
      proxy = await startPlainProxy({ upstreamPort: upstream.port, upstream: { idleTimeoutMs: 200 } });
      upstream.script = ({ socket }) => void socket.write('HTTP/1.1 403 No\r\nContent-Length: 9\r\n\r\npart');
      const { text, closed, ms } = await talk(proxy.port, [handshake()]);
      expect(text).to.match(/^HTTP\/1\.1 403 /);
      expect(isWhole(text, closed)).to.equal(false);
      expect(closed).to.not.equal(null);
      expect(ms).to.be.within(150, 1500);
      expect(proxy.refusals.map((refusal) => refusal.code)).to.deep.equal(['UPSTREAM_STALLED']);
      await eventually('the upstream connection is closed', allClosed);
    });

    for (const pauseMs of [0, 40]) {
      it(`refused, and reset ${pauseMs} ms behind a part of a close-delimited body: it never looks whole`, async () => {
        upstream.script = async ({ socket }) => {
          socket.write(`HTTP/1.1 403 No\r\n\r\n${'x'.repeat(5000)}`);
          if (pauseMs > 0) await sleep(pauseMs);
          socket.resetAndDestroy();
        };
        let seen = 0;
        for (let n = 0; n < 20; n++) {
          const { text, closed } = await talk(proxy.port, [handshake()]);
          if (!text.startsWith('HTTP/1.1 403 ')) continue;
          seen++;
          expect(isWhole(text, closed), `try ${n}`).to.equal(false);
        }
        expect(seen, 'answers that came before the reset').to.be.greaterThan(0);
      });
    }

    it('refused, and a close-delimited body ends well: it is whole', async () => {
      upstream.script = ({ socket }) => void socket.end('HTTP/1.1 403 No\r\n\r\nhello');
      const { text, closed } = await talk(proxy.port, [handshake()]);
      expect(text).to.match(/Transfer-Encoding: chunked[\s\S]*\r\n5\r\nhello\r\n0\r\n\r\n$/);
      expect(isWhole(text, closed)).to.equal(true);
    });

    for (const end of ['fin', 'reset'] as const) {
      it(`refused, and the client leaves by ${end} before the answer is whole: so does the request`, async () => {
        upstream.script = ({ socket }) =>
          void socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\ndata:\r\n');
        await talk(proxy.port, [handshake(), 100, { end }], { timeoutMs: 300 });
        await eventually('the upstream connection is closed', allClosed, 600);
      });
    }

    it('the upstream is down: 502', async () => {
      await upstream.close();
      const { text } = await talk(proxy.port, [handshake()], { until: whole });
      expect(text).to.match(/^HTTP\/1\.1 502 /);
      expect(proxy.refusals.map((refusal) => refusal.code)).to.deep.equal(['UPSTREAM_REFUSED']);
    });

    it('the client leaves by a reset during the handshake: so does the request', async () => {
      upstream.script = () => {};
      await talk(proxy.port, [handshake(), 60, { end: 'reset' }], { timeoutMs: 200 });
      await eventually('the upstream connection is closed', allClosed);
    });

    it('the client ends its side during the handshake: the request goes, and so does the connection', async () => {
      upstream.script = () => {};
      const socket = connect({ port: proxy.port, host: '127.0.0.1', allowHalfOpen: true });
      socket.write(handshake());
      await eventually('it is under way', () => upstream.requestCount === 1);
      socket.resume().end();
      try {
        await eventually('the upstream connection is closed', allClosed, 1000);
        await eventually('that of the client is closed', () => proxy.server.connectionCount === 0, 1000);
        expect(proxy.refusals.map((refusal) => refusal.code)).to.deep.equal(['CLIENT_GONE']);
      } finally {
        socket.destroy();
      }
    });
  });

  describe('upgrade: the end of a tunnel', () => {
    for (const delayMs of [0, 1, 60]) {
      it(`reset by the upstream ${delayMs} ms after its first frame: nothing is said in the tunnel but its bytes`, async () => {
        upstream.script = async ({ socket }) => {
          socket.write(`${SWITCH}\x81\x02hi`, 'latin1');
          if (delayMs > 0) await sleep(delayMs);
          socket.resetAndDestroy();
        };
        const { text, closed } = await talk(proxy.port, [handshake()]);
        // A reset may overtake the 101 in the kernel: then there is one error page, and no tunnel.
        if (text.startsWith('HTTP/1.1 101 ')) expect(text.split('\r\n\r\n')[1] ?? '').to.be.oneOf(['', '\x81\x02hi']);
        else expect(text).to.match(/^HTTP\/1\.1 502 /);
        expect(text.match(/HTTP\/1\.1/g)).to.have.length(1);
        expect(closed).to.not.equal(null);
      });
    }

    for (const end of ['reset', 'fin'] as const) {
      it(`the client ends (${end}): both are closed within a second or so`, async () => {
        await talk(proxy.port, [handshake(), 60, { end }], { timeoutMs: 200 });
        await eventually('both are closed', () => allClosed() && proxy.server.connectionCount === 0, 1500);
      });

      it(`the upstream ends (${end}): both are closed within a second or so`, async () => {
        upstream.script = async ({ socket }) => {
          socket.write(SWITCH);
          await sleep(60);
          if (end === 'fin') socket.end();
          else socket.resetAndDestroy();
        };
        const { closed, ms } = await talk(proxy.port, [handshake()]);
        expect(closed).to.not.equal(null);
        expect(ms).to.be.lessThan(1500);
        await eventually('both are closed', () => allClosed() && proxy.server.connectionCount === 0, 1500);
      });
    }
  });

  describe('upgrade: real WebSockets', () => {
    it('echo text and a megabyte of bytes, both ways, with a clean close', async () => {
      const http = createServer();
      const sockets = new WebSocketServer({ server: http });
      sockets.on('connection', (socket) =>
        socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary })),
      );
      await new Promise<void>((resolve) => {
        http.listen(0, '127.0.0.1', resolve);
      });
      const real = await startPlainProxy({ upstreamPort: (http.address() as AddressInfo).port });
      const client = new WebSocket(`ws://127.0.0.1:${real.server.address.port}/chat`);
      const received: Buffer[] = [];
      client.on('message', (data) => received.push(data as Buffer));
      await new Promise((resolve) => {
        client.once('open', resolve);
      });
      const big = Buffer.alloc(1 << 20, 7);
      client.send('hello');
      client.send(big);
      await eventually('two echoes', () => received.length === 2);
      expect(received[0]?.toString()).to.equal('hello');
      expect(received[1]?.equals(big)).to.equal(true);
      const code = await new Promise((resolve) => {
        client.once('close', resolve);
        client.close(1000);
      });
      expect(code).to.equal(1000);
      await eventually('nothing is left', () => real.server.connectionCount === 0);
      await real.close();
      sockets.close();
      http.close();
    });
  });
});
