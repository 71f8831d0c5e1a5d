/** Pages that break off, trailers behind rewritten ones, and clients that break off themselves: what is said, and to whom. */
import { type AddressInfo, createServer, type Server } from 'node:net';
import { expect } from 'chai';
import type { ReverseProxy } from '../../src/index.ts';
import { SID, startConfigured, type TestProxy } from '../support/proxy.ts';
import { eventually, type ScriptedUpstream, sleep, startScriptedUpstream, talk } from '../support/raw-http.ts';

const get = (path: string, fields = '') =>
  `GET ${path} HTTP/1.1\r\nHost: app.test\r\nAccept: text/html\r\nConnection: close\r\n${fields}\r\n`;
const PAGE = '<p>Working <a href=/x>x</a>';
const HEAD = 'HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nSet-Cookie: a=1; Path=/\r\n';

describe('pages that are marked', () => {
  let upstream: ScriptedUpstream;
  let proxy: TestProxy;

  before(async () => {
    upstream = await startScriptedUpstream(() => {});
    proxy = await startConfigured(`listen: 127.0.0.1:0
upstream: { url: "http://127.0.0.1:${upstream.port}", idle_timeout: 300ms }
log: { level: silent }
routes: [{ path: /**, use_trans_sid: true }]
`);
  });
  after(async () => {
    await proxy.close();
    await upstream.close();
  });

  for (const [what, status, fields, body, end] of [
    ['closes', 502, 'Content-Length: 500\r\n', PAGE, 'close'],
    ['stalls', 504, 'Content-Length: 500\r\n', PAGE, 'stall'],
    ['sends no gzip', 502, 'Content-Encoding: gzip\r\nContent-Length: 27\r\n', PAGE, 'close'],
  ] as const) {
    it(`are refused aloud while nothing of them has left: the application ${what}`, async () => {
      upstream.script = async ({ socket }) => {
        socket.write(`${HEAD}${fields}\r\n${body}`);
        await sleep(20);
        if (end === 'close') socket.end();
      };
      const { text } = await talk(proxy.port, [get('/page')]);
      expect(text).to.match(new RegExp(`^HTTP/1\\.1 ${status} `));
      expect(text).to.not.match(SID);
    });
  }

  it('are cut, not ended, once something of them has left', async () => {
    upstream.script = async ({ socket }) => {
      socket.write(`${HEAD.replace('html', 'html; charset=utf-8')}Content-Length: 500\r\n\r\n${PAGE}`);
      await sleep(20);
      socket.end();
    };
    const { text } = await talk(proxy.port, [get('/page')]);
    expect(text).to.match(/^HTTP\/1\.1 200 [\s\S]*_sid=/);
    expect(text).to.not.match(/0\r\n\r\n$/);
  });

  it('have the trailers that are still true, doubled ones as well', async () => {
    upstream.script = ({ socket }) =>
      void socket.write(
        `${HEAD}Transfer-Encoding: chunked\r\nTrailer: X-T, ETag\r\n\r\n1b\r\n${PAGE}\r\n0\r\n` +
          'X-T: 1\r\nX-T: 2\r\nETag: "v"\r\nRepr-Digest: x\r\nContent-Digest: y\r\nDigest: z\r\nContent-MD5: w\r\n\r\n',
      );
    const { text } = await talk(proxy.port, [get('/page', 'TE: trailers\r\n')]);
    expect(text).to.match(/_sid=[0-9a-v]{26}>x<\/a>\r\n0\r\nX-T: 1\r\nX-T: 2\r\n\r\n$/);
  });
});

describe('clients that break off', () => {
  let upstream: ScriptedUpstream;
  let proxy: TestProxy;
  let log = '';

  before(async () => {
    upstream = await startScriptedUpstream(() => {});
    const { createProxy, parseConfig } = await import('../../src/index.ts');
    const yaml = `listen: 127.0.0.1:0\nupstream: http://127.0.0.1:${upstream.port}\n`;
    const running = await createProxy(parseConfig(yaml, 'test.yaml'), {
      logSink: {
        write: (line: string) => {
          log += line;
          return true;
        },
      } as never,
    });
    proxy = { port: (await running.listen()).port, close: () => running.close() };
  });
  after(async () => {
    await proxy.close();
    await upstream.close();
  });

  it('within a body have left, and sent nothing wrong', async () => {
    const half = 'POST /x HTTP/1.1\r\nHost: app.test\r\nContent-Length: 100\r\n\r\nabc';
    await talk(proxy.port, [half, 30, { end: 'fin' }], { timeoutMs: 500 });
    for (let i = 0; i < 50 && !log.includes('CLIENT_GONE'); i++) await sleep(10);
    expect(log).to.include('CLIENT_GONE');
    expect(log).to.not.include('BAD_REQUEST');
  });

  it('within a head get no answer', async () => {
    const { text } = await talk(proxy.port, ['GET /x HTTP/1.1\r\nHost: a', 30, { end: 'fin' }], { timeoutMs: 500 });
    expect(text).to.equal('');
  });

  it('and one that ends its lines without CR is told of its syntax, not of its version', async () => {
    const { text } = await talk(proxy.port, ['GET /x HTTP/1.1\nHost: a\n\n'], { timeoutMs: 500 });
    expect(text).to.match(/^HTTP\/1\.1 400 /);
    expect((await talk(proxy.port, ['GET /x HTTP/3.7\r\nHost: a\r\n\r\n'])).text).to.match(/^HTTP\/1\.1 505 /);
  });
});

describe('the log of exchanges that are cut', () => {
  const HANDSHAKE =
    'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';
  let upstream: Server;
  let proxy: ReverseProxy;
  let port: number;
  const lines: {
    event: string;
    path: string;
    plan: string;
    reason: string | null;
    status: number | null;
    bytes: number;
  }[] = [];
  const lineOf = (path: string) => lines.find((line) => line.event === 'exchange' && line.path === path);

  beforeEach(async () => {
    lines.length = 0;
    // It ends nothing by itself.
    upstream = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('error', () => {});
      socket.once('data', (head) => {
        if (/^GET \/tunnel /.test(head.toString()))
          socket.write(
            `HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n`,
          );
        else if (!/^GET \/silent /.test(head.toString()))
          socket.write(`HTTP/1.1 403 No\r\nContent-Length: 1000\r\n\r\n${'x'.repeat(400)}`);
      });
    });
    await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
    const { createProxy, parseConfig } = await import('../../src/index.ts');
    const yaml = `listen: 127.0.0.1:0
upstream: { url: "http://127.0.0.1:${(upstream.address() as AddressInfo).port}", idle_timeout: 500ms }
timeouts: { drain: 200ms }
`;
    proxy = await createProxy(parseConfig(yaml, 'test.yaml'), {
      logSink: { write: (line) => lines.push(JSON.parse(line)) },
    });
    ({ port } = await proxy.listen());
  });
  afterEach(async () => {
    await proxy.close();
    upstream.close();
  });

  it('tells of tunnels that are cut when the time for draining is over', async () => {
    const client = talk(port, [get('/tunnel').replace('Connection: close\r\n', HANDSHAKE)]);
    await sleep(100);
    await proxy.close();
    await eventually('the line is there', () => lineOf('/tunnel') !== undefined, 300);
    expect(lineOf('/tunnel')).to.include({ plan: 'tunnel', status: 101 });
    await client;
  });

  it('says that it was us, when the time for draining is over, and what had left', async () => {
    const clients = ['/cut', '/silent'].map((path) => talk(port, [get(path)]));
    await sleep(100);
    await proxy.close();
    await eventually('the lines are there', () => lineOf('/silent') !== undefined && lineOf('/cut') !== undefined, 300);
    expect(lineOf('/cut')).to.include({ reason: 'DRAIN_TIMEOUT', status: null, bytes: 400 });
    expect(lineOf('/silent')).to.include({ reason: 'DRAIN_TIMEOUT', status: null, bytes: 0 });
    await Promise.all(clients);
  });

  it('says how much of an answer had left that breaks off', async () => {
    await talk(port, [get('/cut')]);
    await eventually('the line is there', () => lineOf('/cut') !== undefined);
    expect(lineOf('/cut')).to.include({ reason: 'UPSTREAM_STALLED', status: null, bytes: 400 });
  });

  it('gives no status to a refused upgrade that breaks after its head', async () => {
    await talk(port, [get('/refused').replace('Connection: close\r\n', HANDSHAKE)]);
    await eventually('the line is there', () => lineOf('/refused') !== undefined);
    expect(lineOf('/refused')).to.include({ reason: 'UPSTREAM_STALLED', status: null });
  });
});
