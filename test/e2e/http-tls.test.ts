/** TLS and HTTP/2 on the listener, https upstream: what is special about them, through the engine alone. */
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect as connectHttp2,
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { createServer as createTlsUpstream } from 'node:https';
import { type AddressInfo, connect as connectTcp, createServer as createTcp } from 'node:net';
import { connect as connectTls, rootCertificates } from 'node:tls';
import { expect } from 'chai';
import { frame, literalField } from '../support/http2-frames.ts';
import { type PlainProxy, type PlainProxyOptions, startPlainProxy } from '../support/plain-proxy.ts';
import {
  answer,
  eventually,
  fieldsOf,
  type ScriptedUpstream,
  sleep,
  startScriptedUpstream,
  talk,
} from '../support/raw-http.ts';
import { CERTIFICATE, OTHER_CERTIFICATE } from '../support/tls-pair.ts';

const TLS = { ...CERTIFICATE, minVersion: 'TLSv1.2', http2: true } as const;
const OK = 'HTTP/1.1 200 OK\r\n';

interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly trailers: IncomingHttpHeaders;
  readonly body: string;
  /** The code with which the stream was closed; 0 for a good end. */
  readonly code: number;
}

describe('engine: TLS and HTTP/2', () => {
  let upstream: ScriptedUpstream;
  let proxy: PlainProxy;
  let session: ClientHttp2Session;

  async function open(options: Partial<PlainProxyOptions> = {}): Promise<void> {
    upstream = await startScriptedUpstream(({ socket }) => {
      socket.write(answer(200, 'mine', 'X-Odd: a\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\nKeep-Alive: timeout=9\r\n'));
    });
    proxy = await startPlainProxy({
      upstreamPort: upstream.port,
      ...options,
      server: { listener: { host: '127.0.0.1', port: 0, tls: TLS }, ...options.server },
    });
    session = connectSession();
  }
  function connectSession(): ClientHttp2Session {
    const made = connectHttp2(`https://127.0.0.1:${proxy.port}`, { ca: [CERTIFICATE.cert, OTHER_CERTIFICATE.cert] });
    made.on('error', () => {});

    return made;
  }
  function start(headers: OutgoingHttpHeaders, options: { endStream?: boolean } = {}): ClientHttp2Stream {
    const stream = session.request({ ':authority': 'app.test', ...headers }, options);
    stream.setMaxListeners(0);
    stream.on('error', () => {});
    return stream;
  }
  function finish(stream: ClientHttp2Stream): Promise<Answer> {
    return new Promise((resolve) => {
      let headers: IncomingHttpHeaders & { ':status'?: number | undefined } = {};
      let trailers: IncomingHttpHeaders = {};
      let body = '';
      stream.on('response', (got) => {
        headers = got;
      });
      stream.on('trailers', (got) => {
        trailers = got;
      });
      stream.setEncoding('latin1');
      stream.on('data', (chunk) => {
        body += chunk;
      });
      stream.on('close', () =>
        resolve({ status: headers[':status'], headers, trailers, body, code: stream.rstCode ?? 0 }),
      );
    });
  }
  const ask = (headers: OutgoingHttpHeaders = {}, body?: string) => {
    const stream = start(headers, { endStream: body === undefined });
    if (body !== undefined) stream.end(body, 'latin1');
    return finish(stream);
  };

  afterEach(async () => {
    session.destroy();
    await proxy.close();
    await upstream.close();
  });

  describe('downgrade to HTTP/1.1', () => {
    beforeEach(() => open());

    it('the request arrives as an HTTP/1.1 message of ours', async () => {
      const { status, body } = await ask({ ':path': '/a//b?c=%2F', accept: '*/*', cookie: ['a=1', 'b=2'] });
      expect(status).to.equal(200);
      expect(body).to.equal('mine');
      const fields = fieldsOf(upstream.received);
      expect(fields.get('')).to.deep.equal(['GET /a//b?c=%2F HTTP/1.1']);
      expect(fields.get('host')).to.deep.equal(['app.test']);
      expect(fields.get('cookie')).to.deep.equal(['a=1; b=2']);
      expect(fields.get('via')).to.deep.equal(['2.0 test-proxy']);
      expect(fields.get('x-forwarded-proto')).to.deep.equal(['https']);
      expect([...fields.keys()].filter((name) => name.startsWith(':'))).to.deep.equal([]);
    });

    it('raw UTF-8 in the target passes as it came', async () => {
      const socket = connectTls({ port: proxy.port, host: '127.0.0.1', ca: CERTIFICATE.cert, ALPNProtocols: ['h2'] });
      socket.on('error', () => {});
      const fields = { ':method': 'GET', ':path': '/caf\xc3\xa9', ':scheme': 'https', ':authority': 'app.test' };
      const head = Buffer.concat(Object.entries(fields).map(([name, value]) => literalField(name, value)));
      socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
      socket.write(Buffer.concat([frame(4, 0, 0, Buffer.alloc(0)), frame(1, 5, 1, head)]));
      await eventually('it has arrived', () => upstream.received.endsWith('\r\n\r\n'));
      expect(upstream.received.split('\r\n', 1)).to.deep.equal(['GET /caf\xc3\xa9 HTTP/1.1']);
      socket.destroy();
    });

    it('the answer loses the fields of an HTTP/1 connection and keeps repeated ones', async () => {
      const { headers } = await ask();
      expect(headers['x-odd']).to.equal('a');
      expect(headers['set-cookie']).to.deep.equal(['a=1', 'b=2']);
      for (const name of ['connection', 'keep-alive', 'transfer-encoding']) expect(headers).to.not.have.property(name);
    });

    for (const [what, headers, framing] of [
      ['without a length goes chunked', {}, '5\r\nhello\r\n0\r\n\r\n'],
      ['with a length keeps it', { 'content-length': '5' }, 'hello'],
    ] as const) {
      it(`a body ${what}`, async () => {
        upstream.script = async ({ socket }) => {
          await sleep(50);
          socket.write(answer(200, 'got it'));
        };
        const { body } = await ask({ ':method': 'POST', ...headers }, 'hello');
        expect(body).to.equal('got it');
        expect(upstream.received.split('\r\n\r\n').slice(1).join('\r\n\r\n')).to.equal(framing);
      });
    }

    for (const method of ['connect', 'Connect', 'trace', 'get']) {
      it(`a method is what it is: "${method}" is refused`, async () => {
        const refused = await ask({ ':method': method }).then(
          ({ status }) => status,
          () => 'reset',
        );
        expect(refused).to.be.oneOf([400, 405, 'reset']);
        expect(upstream.received).to.equal('');
      });
    }

    it('trailers and 103 go on', async () => {
      upstream.script = ({ socket }) =>
        void socket.write(
          `HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel="preload"; as=style, </b.js>; rel=preload\r\n\r\n${OK}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n`,
        );
      const stream = start({});
      let hint: unknown = null;
      stream.on('headers', (headers) => {
        hint = headers['link'];
      });
      const { body, trailers } = await finish(stream);
      expect(body).to.equal('hello');
      expect(trailers['x-sum']).to.equal('1');
      expect(hint).to.equal('</a.css>; rel="preload"; as=style, </b.js>; rel=preload');
    });

    for (const [what, fields, want] of [
      ['Content-Type', 'Content-Type: text/plain\r\nContent-Type: text/html\r\n', { 'content-type': 'text/plain' }],
      ['ETag', 'ETag: "a"\r\nETag: "b"\r\n', { etag: '"a"' }],
      ['Age', 'Age: 1\r\nAge: 1\r\n', { age: '1' }],
      [
        'X-Content-Type-Options',
        'X-Content-Type-Options: nosniff\r\n'.repeat(2),
        { 'x-content-type-options': 'nosniff' },
      ],
      ['Content-Language', 'Content-Language: de\r\nContent-Language: en\r\n', { 'content-language': 'de, en' }],
    ] as const) {
      it(`a doubled ${what} of the application's costs no answer`, async () => {
        upstream.script = ({ socket }) => void socket.write(answer(200, 'mine', fields));
        const { headers, body } = await ask();
        expect(headers).to.include(want);
        expect(body).to.equal('mine');
      });
    }

    it('a trailer that HTTP/2 does not have ends nothing', async () => {
      upstream.script = ({ socket }) =>
        void socket.write(
          `${OK}Transfer-Encoding: chunked\r\n\r\n4\r\nmine\r\n0\r\nHTTP2-Settings: a\r\nConnection: b\r\nX-Sum: 1\r\n\r\n`,
        );
      const { body, trailers } = await ask();
      expect(body).to.equal('mine');
      expect(trailers['x-sum']).to.equal('1');
      expect(trailers).to.not.have.property('http2-settings');
    });

    it('HEAD, 204 and 304 have no body', async () => {
      upstream.script = ({ socket }, head) =>
        void socket.write(
          head.startsWith('HEAD') ? `${OK}Content-Length: 9\r\n\r\n` : 'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\n\r\n',
        );
      expect(await ask({ ':method': 'HEAD' })).to.include({ status: 200, body: '', code: 0 });
      expect(await ask()).to.include({ status: 304, body: '', code: 0 });
    });
  });

  describe('refused', () => {
    beforeEach(() => open());
    for (const [what, status, headers] of [
      ['CONNECT', 405, { ':method': 'CONNECT', ':authority': 'evil.test:443' }],
      ['TRACE', 405, { ':method': 'TRACE' }],
      ['another host', 421, { host: 'evil.test' }],
      ['a malformed authority', 400, { ':authority': 'app.test:99999' }],
      ['a fragment', 400, { ':path': '/a#b' }],
      ['a target over 8 KiB', 414, { ':path': `/${'a'.repeat(9000)}` }],
      ['201 fields', 431, Object.fromEntries(Array.from({ length: 201 }, (_, i) => [`x-${i}`, 'a']))],
      ['1,500 fields', 431, Object.fromEntries(Array.from({ length: 1500 }, (_, i) => [`x-${i}`, 'a']))],
      [
        'a head over 16 KiB, which comes before the client knows the limit',
        431,
        Object.fromEntries(Array.from({ length: 5 }, (_, i) => [`x-${i}`, 'a'.repeat(4000)])),
      ],
      ['an unknown expectation', 417, { expect: 'magic' }],
      ['a loop', 508, { via: '1.1 test-proxy' }],
    ] as const) {
      it(`${what}: ${status}, nothing goes upstream`, async () => {
        const result = await ask(headers);
        expect(result.status).to.equal(status);
        expect(result.body).to.match(/Request \S+\n$/);
        expect(upstream.received).to.equal('');
        // The connection is well: the next stream is served.
        expect((await ask()).status).to.equal(200);
      });
    }

    it('an absolute path ends its stream, and nothing goes upstream', async () => {
      const result = await ask({ ':path': 'http://app.test/' });
      expect(result.status === 400 || result.code !== 0).to.equal(true);
      expect(upstream.received).to.equal('');
    });

    it('a head that is far too large ends its stream or connection, and nothing goes upstream', async () => {
      const { status } = await ask(
        Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`x-${i}`, 'a'.repeat(4000)])),
      );
      expect(status === undefined || status === 431).to.equal(true);
      expect(upstream.received).to.equal('');
    });
  });

  describe('faults', () => {
    beforeEach(() => open({ upstream: { firstByteTimeoutMs: 400, idleTimeoutMs: 300 } }));

    for (const [what, script] of [
      ['within a length', `${OK}Content-Length: 1000\r\n\r\nsome`],
      ['within chunks', `${OK}Transfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n`],
    ] as const) {
      it(`an answer that breaks off ${what} is no whole stream`, async () => {
        upstream.script = ({ socket }) => void socket.end(script);
        const result = await ask();
        expect(result.code).to.not.equal(0);
        expect((await ask({ ':path': '/2' })).code).to.not.equal(0);
        expect(proxy.refusals.map((refusal) => refusal.code)).to.deep.equal([
          'UPSTREAM_TRUNCATED',
          'UPSTREAM_TRUNCATED',
        ]);
      });
    }

    it('silence: 504', async () => {
      upstream.script = () => {};
      expect((await ask()).status).to.equal(504);
    });

    it('a stream that the client cancels ends the upstream request', async () => {
      upstream.script = ({ socket }) => void socket.write(`${OK}Content-Length: 100000\r\n\r\nsome`);
      const stream = start({});
      await sleep(60);
      stream.close(constants.NGHTTP2_CANCEL);
      await eventually(
        'closed',
        () => upstream.connections.length > 0 && upstream.connections.every(({ closed }) => closed),
      );
    });

    // Frame by frame: Node's own client ends a stream well before it resets it.
    for (const [what, last] of [
      ['is reset (CANCEL)', frame(3, 0, 1, Buffer.from([0, 0, 0, 8]))],
      ['is reset (NO_ERROR)', frame(3, 0, 1, Buffer.from([0, 0, 0, 0]))],
      ['loses its connection', null],
    ] as const) {
      it(`an upload that ${what} never completes upstream`, async () => {
        upstream.script = () => {};
        const socket = connectTls({ port: proxy.port, host: '127.0.0.1', ca: CERTIFICATE.cert, ALPNProtocols: ['h2'] });
        socket.on('error', () => {});
        const fields = { ':method': 'POST', ':path': '/', ':scheme': 'https', ':authority': 'app.test' };
        const head = Buffer.concat(Object.entries(fields).map(([name, value]) => literalField(name, value)));
        socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
        socket.write(
          Buffer.concat([frame(4, 0, 0, Buffer.alloc(0)), frame(1, 4, 1, head), frame(0, 0, 1, Buffer.from('hello'))]),
        );
        await eventually('it has arrived', () => upstream.received.endsWith('hello\r\n'));
        if (last === null) socket.destroy();
        else socket.write(last);
        await eventually('closed', () => upstream.connections.every(({ closed }) => closed));
        expect(upstream.received).to.match(/hello\r\n$/);
        socket.destroy();
      });
    }

    it('a body shorter than its length never completes upstream', async () => {
      upstream.script = () => {};
      await ask({ ':method': 'POST', 'content-length': '100' }, 'short');
      await eventually('closed', () => upstream.connections.every(({ closed }) => closed));
      expect(upstream.received).to.not.match(/short$/);
    });
  });

  describe('bounds', () => {
    it('so many streams at one time and no more', async () => {
      await open({ limits: { http2Streams: 5 } });
      let open5 = 0;
      let most = 0;
      upstream.script = async ({ socket }) => {
        open5 += 1;
        most = Math.max(most, open5);
        await sleep(30);
        open5 -= 1;
        socket.write(answer(200, 'mine'));
      };
      await ask();
      const results = await Promise.all(Array.from({ length: 20 }, () => ask()));
      for (const { status } of results) expect(status).to.equal(200);
      expect(most).to.be.at.most(5);
    });

    for (const [what, headers] of [
      ['by its length', { 'content-length': '300000' }],
      ['when it gets there', {}],
    ] as const) {
      it(`a body over the limit: 413 ${what}`, async () => {
        await open({ bodyLimitBytes: 200_000 });
        upstream.script = () => {};
        const stream = start({ ':method': 'POST', ...headers }, { endStream: false });
        const status = new Promise((resolve) => {
          stream.once('response', (got) => resolve(got[':status']));
        });
        stream.resume();
        stream.write('a'.repeat(250_000));
        expect(await status).to.equal(413);
        await eventually('the stream is ended', () => stream.aborted || stream.destroyed);
        expect(upstream.received).to.not.match(/0\r\n\r\n$/);
      });
    }

    it('rapid resets end the connection', async () => {
      await open({ limits: { http2Streams: 20 } });
      upstream.script = () => {};
      await ask({ ':method': 'OPTIONS', 'max-forwards': '0' });
      let goneAfter = 0;
      let goaway: number | null = null;
      session.on('goaway', (code) => {
        goaway = code;
      });
      for (; goneAfter < 500 && !session.destroyed; goneAfter += 1) {
        start({}).close(constants.NGHTTP2_CANCEL);
        if (goneAfter % 10 === 9) await sleep(5);
      }
      await eventually('the session ends', () => session.destroyed);
      expect(goneAfter).to.be.lessThan(400);
      expect(goaway).to.equal(constants.NGHTTP2_ENHANCE_YOUR_CALM);
      expect(proxy.refusals.map((refusal) => refusal.code)).to.include('TOO_MANY_RESETS');
      session = connectSession();
      upstream.script = ({ socket }) => void socket.write(answer(200, 'mine'));
      expect((await ask()).status, 'others are served').to.equal(200);
    });

    it('frames that break the rules end the connection, and that is reported', async () => {
      await open();
      const socket = connectTls({ port: proxy.port, host: '127.0.0.1', ca: CERTIFICATE.cert, ALPNProtocols: ['h2'] });
      socket.on('error', () => {});
      socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
      // SETTINGS belong to stream 0 (RFC 9113 §6.5).
      socket.write(Buffer.concat([frame(4, 0, 0, Buffer.alloc(0)), frame(4, 0, 1, Buffer.alloc(0))]));
      socket.resume();
      await eventually('it ends', () => socket.destroyed);
      expect(proxy.refusals.map(({ code, detail }) => `${code} ${detail}`)).to.deep.equal([
        'BAD_REQUEST ERR_HTTP2_ERROR',
      ]);
    });

    it('a client that does not read its stream is cut', async () => {
      await open({ timeouts: { sendIdleMs: 300 } });
      upstream.script = ({ socket }) =>
        void socket.write(`${OK}Content-Length: ${8 << 20}\r\n\r\n${'x'.repeat(8 << 20)}`);
      const stream = start({});
      stream.pause();
      await eventually(
        'the upstream connection is closed',
        () => upstream.connections.length > 0 && upstream.connections.every(({ closed }) => closed),
        4000,
      );
      expect(proxy.refusals.map((refusal) => refusal.code)).to.include('SLOW_CLIENT');
      stream.destroy();
    });

    it('an idle connection is closed', async () => {
      await open({ timeouts: { keepAliveMs: 200 } });
      expect((await ask()).status).to.equal(200);
      await eventually('closed', () => session.closed || session.destroyed);
    });

    it('after so many requests a connection is closed, busy or not, and those under way end whole', async () => {
      await open({ timeouts: { keepAliveMs: 20_000 }, limits: { requestsPerConnection: 3 } });
      expect((await ask()).status).to.equal(200);
      upstream.script = async ({ socket }) => {
        await sleep(200);
        socket.write(answer(200, 'mine'));
      };
      let goaway: number | null = null;
      session.on('goaway', (code) => {
        goaway = code;
      });
      for (const { status, body } of await Promise.all([ask(), ask()]))
        expect(`${status} ${body}`).to.equal('200 mine');
      await eventually('closed', () => session.destroyed);
      expect(goaway).to.equal(constants.NGHTTP2_NO_ERROR);
      session = connectSession();
      expect((await ask()).status, 'a new one is served').to.equal(200);
    });
  });

  describe('an upload that nobody reads to its end', () => {
    const BODY = 'a'.repeat(3 << 20);
    const deny: ScriptedUpstream['script'] = ({ socket }) => {
      socket.pause();
      socket.write(answer(403, 'denied'));
    };
    const nothingUpstream = () =>
      eventually('the upstream connection is closed', () => proxy.upstream.connectionCounts.open === 0);
    beforeEach(() => open({ upstream: { firstByteTimeoutMs: 20_000 }, timeouts: { bodyIdleMs: 20_000 } }));

    for (const [what, end] of [
      ['that its client has sent', true],
      ['that its client still sends', false],
    ] as const) {
      it(`${what}: an early answer ends it, and the connection goes on`, async () => {
        upstream.script = deny;
        const stream = start({ ':method': 'POST' }, { endStream: false });
        stream.write(BODY);
        if (end) stream.end();
        // Its 'close' waits for what node's own client has not sent yet, reset or not.
        const ended = new Promise((resolve) => {
          stream.once('end', resolve);
        });
        let status: number | undefined;
        stream.once('response', (headers) => {
          status = headers[':status'];
        });
        let text = '';
        stream.setEncoding('latin1').on('data', (chunk) => {
          text += chunk;
        });
        await ended;
        expect(`${status} ${text} ${stream.rstCode}`).to.equal('403 denied 0');
        await nothingUpstream();
        expect(upstream.received).to.not.match(/0\r\n\r\n$/);
        upstream.script = ({ socket }) => void socket.write(answer(200, 'mine'));
        expect(await ask()).to.include({ status: 200, body: 'mine' });
        expect(proxy.refusals).to.deep.equal([]);
        const drained = proxy.server.drain();
        await eventually('nothing is left', () => proxy.server.connectionCount === 0);
        await drained;
      });
    }

    it('an early answer is whole, with its trailers', async () => {
      upstream.script = ({ socket }) =>
        void socket.write(
          `${OK}Trailer: x-sum\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nmine\r\n0\r\nx-sum: 7\r\n\r\n`,
        );
      const stream = start({ ':method': 'POST', te: 'trailers' }, { endStream: false });
      stream.write('a');
      stream.resume();
      const trailers = await new Promise<Record<string, unknown>>((resolve) => {
        stream.once('trailers', resolve);
        stream.once('close', () => resolve({}));
      });
      expect(trailers['x-sum']).to.equal('7');
      await nothingUpstream();
    });

    it('an answer without a body ends nothing when the upload came whole: nobody has left', async () => {
      upstream.script = async ({ socket }) => {
        await sleep(50);
        socket.write('HTTP/1.1 204 No Content\r\n\r\n');
      };
      for (let i = 0; i < 2; i += 1) expect((await ask({ ':method': 'POST' }, 'a')).status).to.equal(204);
      expect(proxy.refusals).to.deep.equal([]);
      expect(upstream.connections, 'the upstream connection is kept').to.have.length(1);
    });

    it('an early answer without a body ends its stream', async () => {
      upstream.script = ({ socket }) => void socket.write('HTTP/1.1 204 No Content\r\n\r\n');
      const stream = start({ ':method': 'POST' }, { endStream: false });
      stream.write('a');
      stream.resume();
      await new Promise((resolve) => {
        stream.once('close', resolve);
      });
      expect(stream.rstCode).to.equal(0);
      await nothingUpstream();
    });

    for (const [where, body] of [
      ['within its upload', BODY],
      ['when its upload is sent', 'a'],
    ] as const) {
      for (const [how, leave] of [
        ['resets its stream', (stream: ClientHttp2Stream) => stream.close(constants.NGHTTP2_CANCEL)],
        ['resets its stream without an error', (stream: ClientHttp2Stream) => stream.close(constants.NGHTTP2_NO_ERROR)],
        ['leaves', () => session.destroy()],
      ] as const) {
        it(`a client that ${how} ${where} is noticed`, async () => {
          upstream.script = ({ socket }) => void socket.pause();
          const stream = start({ ':method': 'POST' }, { endStream: false });
          stream.write(body);
          if (body !== BODY) stream.end();
          await eventually('it is under way', () => upstream.requestCount === 1);
          await sleep(100);
          leave(stream);
          await nothingUpstream();
          expect(proxy.refusals.map((refusal) => refusal.code)).to.deep.equal(['CLIENT_GONE']);
          session.close();
          // Node's client holds on when its upload was under way: then the proxy waits for 5 s of silence.
          await eventually('nothing is left', () => proxy.server.connectionCount === 0, 8000);
        }).timeout(15_000);
      }
    }

    it('connections that are reset are noticed', async () => {
      upstream.script = deny;
      for (let n = 0; n < 10; n += 1) {
        const tcp = connectTcp(proxy.port, '127.0.0.1').on('error', () => {});
        const resetting = connectHttp2(`https://127.0.0.1:${proxy.port}`, {
          createConnection: () => connectTls({ socket: tcp, ca: CERTIFICATE.cert, ALPNProtocols: ['h2'] }),
        });
        resetting.on('error', () => {});
        const stream = resetting.request({ ':authority': 'app.test', ':method': 'POST' }, { endStream: false });
        stream.on('error', () => {});
        await new Promise((resolve) => {
          stream.once('response', resolve);
          stream.write(BODY);
        });
        tcp.resetAndDestroy();
        resetting.destroy();
      }
      session.destroy();
      await eventually('nothing is left', () => proxy.server.connectionCount === 0, 3000);
      await nothingUpstream();
    });
  });

  describe('drain and reload', () => {
    beforeEach(() => open());

    it('streams under way end whole, the connection closes, new ones are refused', async () => {
      upstream.script = async ({ socket }) => {
        socket.write(`${OK}Transfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n`);
        await sleep(300);
        socket.write('4\r\nlast\r\n0\r\n\r\n');
      };
      const slow = ask();
      await sleep(100);
      const drained = proxy.server.drain();
      expect(await slow).to.include({ status: 200, body: 'firstlast', code: 0 });
      await drained;
      await eventually('closed', () => session.closed || session.destroyed);
    });

    it('a handshake that ends only then is not waited for', async () => {
      expect((await ask()).status).to.equal(200);
      const tcp = connectTcp(proxy.port, '127.0.0.1').on('error', () => {});
      await eventually('it is there', () => proxy.server.connectionCount === 2);
      const drained = proxy.server.drain();
      const late = connectTls({ socket: tcp, ca: CERTIFICATE.cert, ALPNProtocols: ['h2'] }).on('error', () => {});
      late.resume();
      const startedMs = Date.now();
      await drained;
      expect(Date.now() - startedMs, 'the drain may take 30 s').to.be.lessThan(5000);
    });

    it('one that never ends is not waited for', async () => {
      const tcp = connectTcp(proxy.port, '127.0.0.1').on('error', () => {});
      await eventually('it is there', () => proxy.server.connectionCount === 2);
      session.destroy();
      const startedMs = Date.now();
      await proxy.server.drain();
      expect(Date.now() - startedMs, 'a handshake may take 1 s').to.be.lessThan(500);
      tcp.destroy();
    });

    it('a new certificate is shown to new connections; the old ones go on', async () => {
      const subject = () =>
        new Promise<string>((resolve, reject) => {
          const socket = connectTls(
            { port: proxy.port, host: '127.0.0.1', ca: [CERTIFICATE.cert, OTHER_CERTIFICATE.cert] },
            () => {
              resolve(String(socket.getPeerCertificate().subject.CN));
              socket.destroy();
            },
          );
          socket.on('error', reject);
        });
      expect((await ask()).status).to.equal(200);
      expect(await subject()).to.equal('app.test');
      const next = { ...proxy.options, listener: { ...proxy.options.listener, tls: { ...TLS, ...OTHER_CERTIFICATE } } };
      proxy.server.reconfigure(next);
      expect(await subject()).to.equal('second.test');
      expect((await ask()).status).to.equal(200);
      expect(() =>
        proxy.server.reconfigure({ ...next, listener: { ...next.listener, tls: { ...TLS, key: 'nonsense' } } }),
      ).to.throw();
      expect(await subject()).to.equal('second.test');
    });
  });

  describe('HTTP/1.1 over TLS', () => {
    beforeEach(() => open());

    it('is served like the plain one', async () => {
      const socket = connectTls({
        port: proxy.port,
        host: '127.0.0.1',
        ca: CERTIFICATE.cert,
        ALPNProtocols: ['http/1.1'],
      });
      let text = '';
      socket.on('data', (chunk) => {
        text += chunk;
      });
      socket.write(
        'GET / HTTP/1.1\r\nHost: app.test\r\n\r\nGET /2 HTTP/1.1\r\nHost: app.test\r\nConnection: close\r\n\r\n',
      );
      await new Promise((resolve) => {
        socket.once('close', resolve);
      });
      expect(text.match(/HTTP\/1\.1 200 OK|HTTP\/1\.1 200 Reason/g)).to.have.length(2);
      expect(fieldsOf(upstream.received).get('x-forwarded-proto')).to.deep.equal(['https']);
      expect(fieldsOf(upstream.received).get('via')).to.deep.equal(['1.1 test-proxy']);
    });

    it('bytes that are no TLS do no harm', async () => {
      const { closed } = await talk(proxy.port, ['GET / HTTP/1.1\r\nHost: app.test\r\n\r\n']);
      expect(closed).to.not.equal(null);
      expect((await ask()).status).to.equal(200);
      await eventually('it is forgotten', () => proxy.server.connectionCount === 1);
    });

    it('a handshake that never ends is cut', async () => {
      await proxy.close();
      await upstream.close();
      await open({ timeouts: { headerMs: 300 } });
      const { closed, ms } = await talk(proxy.port, ['\x16\x03\x01'], { timeoutMs: 3000 });
      expect(closed).to.not.equal(null);
      expect(ms).to.be.lessThan(2000);
    });
  });
});

describe('engine: https upstream', () => {
  const GET = 'GET / HTTP/1.1\r\nHost: app.test\r\n\r\n';

  for (const [what, ca, serverName, status] of [
    ['a certificate that is trusted and fits', CERTIFICATE.cert, 'app.test', 200],
    ['checked against the address when no name is given', CERTIFICATE.cert, null, 200],
    ['a certificate that nobody signed', null, 'app.test', 502],
    ['a certificate for another name', CERTIFICATE.cert, 'other.test', 502],
    ['a name that is an address', CERTIFICATE.cert, '127.0.0.1', 200],
    ['a certificate for another address', CERTIFICATE.cert, '127.0.0.9', 502],
  ] as const) {
    it(`${what}: ${status}`, async () => {
      const server = createTlsUpstream(CERTIFICATE, (req, res) =>
        res.end(`over ${'encrypted' in req.socket ? 'tls' : 'tcp'}`),
      );
      await new Promise<void>((resolve) => {
        server.listen(0, '127.0.0.1', resolve);
      });
      const proxy = await startPlainProxy({
        upstreamPort: (server.address() as AddressInfo).port,
        upstream: { tls: { ca, serverName, verify: true } },
      });
      const { text } = await talk(proxy.port, [GET], { until: (seen) => /tls|Request/.test(seen) });
      expect(text).to.match(new RegExp(`^HTTP/1\\.1 ${status} `));
      if (status === 502) expect(proxy.refusals[0]).to.have.property('code', 'UPSTREAM_TLS_FAILED');
      await proxy.close();
      server.close();
    });
  }

  it('verification can be switched off', async () => {
    const server = createTlsUpstream(CERTIFICATE, (_req, res) => res.end('over tls'));
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const tls = { ca: null, serverName: 'other.test', verify: false };
    const proxy = await startPlainProxy({ upstreamPort: (server.address() as AddressInfo).port, upstream: { tls } });
    expect((await talk(proxy.port, [GET], { until: (seen) => seen.includes('tls') })).text).to.match(
      /^HTTP\/1\.1 200 /,
    );
    await proxy.close();
    server.close();
  });

  it('authorities are read once, not for each connection', async () => {
    const server = createTlsUpstream(CERTIFICATE, (_req, res) => res.end('over tls'));
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const upstreamPort = (server.address() as AddressInfo).port;
    async function cpuMsOf(ca: string): Promise<number> {
      const tls = { ca, serverName: 'app.test', verify: true };
      const proxy = await startPlainProxy({ upstreamPort, upstream: { tls, poolSize: 0 } });
      const before = process.cpuUsage();
      for (let i = 0; i < 30; i++) await talk(proxy.port, [GET], { until: (seen) => seen.includes('tls') });
      const { user, system } = process.cpuUsage(before);
      await proxy.close();
      return (user + system) / 1000;
    }
    await cpuMsOf(CERTIFICATE.cert);
    const oneMs = await cpuMsOf(CERTIFICATE.cert);
    const allMs = await cpuMsOf([CERTIFICATE.cert, ...rootCertificates].join('\n'));
    server.close();
    expect(allMs / oneMs, `${allMs} ms for all, ${oneMs} ms for one`).to.be.lessThan(2.5);
  });

  it('a handshake that never ends: UPSTREAM_CONNECT_TIMEOUT', async () => {
    const silent = createTcp((socket) => socket.on('error', () => {}));
    await new Promise<void>((resolve) => {
      silent.listen(0, '127.0.0.1', resolve);
    });
    const proxy = await startPlainProxy({
      upstreamPort: (silent.address() as AddressInfo).port,
      upstream: { tls: { ca: null, serverName: null, verify: true }, connectTimeoutMs: 200 },
    });
    const { text } = await talk(proxy.port, [GET], { until: (seen) => seen.includes('Request') });
    expect(text).to.match(/^HTTP\/1\.1 502 /);
    expect(proxy.refusals.map((refusal) => refusal.code)).to.deep.equal(['UPSTREAM_CONNECT_TIMEOUT']);
    await proxy.close();
    silent.close();
  });
});
