/**
 * WebSockets through the proxy: echo both ways, the session's cookies attached, the SID left behind, refusals framed.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import WebSocket, { WebSocketServer } from 'ws';
import { startCli } from '../support/cli.ts';
import { PageClient } from '../support/page-client.ts';
import { SID, startProxy, type TestProxy } from '../support/proxy.ts';
import { freePort, startRedis } from '../support/redis-server.ts';

describe('WebSockets', () => {
  let server: Server;
  let sockets: WebSocketServer;
  let proxy: TestProxy;
  let sid: string;
  let lastCookie = '';
  const upgrades: IncomingMessage[] = [];
  const opened: WebSocket[] = [];

  before(async () => {
    server = createServer((request, response) => {
      lastCookie = request.headers.cookie ?? '';
      response.writeHead(200, { 'content-type': 'text/html', 'set-cookie': 'app=1; Path=/' }).end('<a href=/x>x</a>');
    });
    sockets = new WebSocketServer({ noServer: true });
    sockets.on('headers', (fields, request) => {
      if (request.url?.startsWith('/room/') === true) fields.push('Set-Cookie: seat=7');
    });
    server.on('upgrade', (request: IncomingMessage, socket, head) => {
      upgrades.push(request);
      if (request.url?.startsWith('/refused')) {
        socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 6\r\nConnection: close\r\n\r\nno way');
        return;
      }
      sockets.handleUpgrade(request, socket, head, (accepted) => {
        accepted.on('message', (data, isBinary) => accepted.send(data, { binary: isBinary }));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    proxy = await startProxy(
      `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      'routes: [{ host: played.test, use_trans_sid: true, simulate: no-cookies }, { path: /**, use_trans_sid: true }]',
    );
    const one = new PageClient({ origin: 'http://app.test', port: proxy.port, cookies: false });
    sid = SID.exec((await one.get('/')).text)?.[1] ?? 'none';
    one.close();
  });
  after(async () => {
    for (const socket of opened) socket.terminate();
    await proxy?.close();
    for (const socket of sockets.clients) socket.terminate();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  const handshakes = new WeakMap<WebSocket, IncomingMessage>();
  const setCookiesOf = (socket: WebSocket): readonly string[] => handshakes.get(socket)?.headers['set-cookie'] ?? [];
  const open = async (target: string, headers: Record<string, string> = {}): Promise<WebSocket> => {
    const fields = { host: 'app.test', 'user-agent': 'page-client', ...headers };
    const socket = new WebSocket(`ws://127.0.0.1:${proxy.port}${target}`, { headers: fields, handshakeTimeout: 5000 });
    opened.push(socket);
    socket.once('upgrade', (answer) => handshakes.set(socket, answer));
    await new Promise<void>((resolve, reject) => socket.once('open', resolve).once('error', reject));
    return socket;
  };
  const echo = (socket: WebSocket, data: string | Buffer): Promise<Buffer> =>
    new Promise((resolve, reject) => {
      socket.once('message', (answer: Buffer) => resolve(answer)).once('error', reject);
      socket.send(data);
    });

  it('echo text and binary messages of all sizes', async () => {
    const socket = await open('/echo');
    for (const size of [0, 1, 125, 126, 65_535, 65_536, 1_000_000]) {
      const message = Buffer.alloc(size, 'transid ');
      expect((await echo(socket, message)).equals(message), `${size} bytes`).to.equal(true);
    }
    expect((await echo(socket, 'grüße')).toString()).to.equal('grüße');
  });

  it('by SID: the application gets the cookies of the session and no SID', async () => {
    const socket = await open(`/echo?a=1&_sid=${sid}&b=2`);
    const request = upgrades.at(-1);
    expect(request?.url).to.equal('/echo?a=1&b=2');
    expect(request?.headers.cookie).to.equal('app=1');
    expect((await echo(socket, 'x')).toString()).to.equal('x');
  });

  for (const host of ['app.test', 'played.test']) {
    it(`what the handshake sets is kept in the session, and the client does not see it: ${host}`, async () => {
      const client = new PageClient({ origin: `http://${host}`, port: proxy.port, cookies: false });
      const own = SID.exec((await client.get('/')).text)?.[1] ?? 'none';
      const socket = await open(`/room/1?_sid=${own}`, { host });
      expect(setCookiesOf(socket)).to.deep.equal([]);
      for (let n = 0; n < 50 && !lastCookie.includes('seat'); n++) await client.get(`/room/2?_sid=${own}`);
      expect(lastCookie).to.equal('seat=7; app=1');
      client.close();
    });
  }

  it('a cookie without a path is kept for the directory that the application knows', async () => {
    const socket = await open('/(_sid-0123456789abcdefghijklmnop)/room/1', { cookie: 'app=1' });
    expect(upgrades.at(-1)?.url).to.equal('/room/1');
    expect(setCookiesOf(socket)).to.deep.equal(['seat=7; Path=/room']);
  });

  it('a close of the application reaches the client with its code', async () => {
    const socket = await open('/echo');
    const closed = new Promise<[number, string]>((resolve) =>
      socket.once('close', (code, why) => resolve([code, why.toString()])),
    );
    for (const one of sockets.clients) one.close(4001, 'enough');
    expect(await closed).to.deep.equal([4001, 'enough']);
  });

  it('a refusal is passed on as an answer', async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${proxy.port}/refused`, { headers: { host: 'app.test' } });
    opened.push(socket);
    const [status, body] = await new Promise<[number | undefined, string]>((resolve, reject) => {
      socket.once('unexpected-response', (_request, response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () => resolve([response.statusCode, text]));
      });
      socket.once('error', reject);
    });
    expect([status, body]).to.deep.equal([403, 'no way']);
  });
});

describe('WebSockets whose cookies the store does not take [needs redis]', () => {
  it('are there all the same; the log and the metrics say what was lost', async () => {
    const redis = await startRedis();
    const server = createServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/html', 'set-cookie': 'app=1; Path=/' }).end('<a href=/x>x</a>');
    });
    const sockets = new WebSocketServer({ noServer: true });
    sockets.on('headers', (fields) => fields.push('Set-Cookie: seat=7; Path=/'));
    server.on('upgrade', async (request: IncomingMessage, socket, head) => {
      // The session was found by then.
      if (request.url === '/lost') await redis.kill();
      sockets.handleUpgrade(request, socket, head, (accepted) => accepted.close(1000));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const folder = mkdtempSync(join(tmpdir(), 'transid-websocket-'));
    const admin = `127.0.0.1:${await freePort()}`;
    const file = join(folder, 'transid.yaml');
    writeFileSync(
      file,
      `listen: 127.0.0.1:0
admin: ${admin}
upstream: http://127.0.0.1:${(server.address() as AddressInfo).port}
store: { kind: redis, url: "redis://127.0.0.1:${redis.port}" }
routes: [{ path: /**, use_trans_sid: true }]
`,
    );
    const program = startCli(['serve', '-c', file]);
    try {
      const port = Number((await program.until(/listens on http:\/\/127\.0\.0\.1:(\d+)/))[1]);
      const client = new PageClient({ origin: 'http://app.test', port, cookies: false });
      const sid = SID.exec((await client.get('/')).text)?.[1] ?? 'none';
      client.close();
      const tunnelled = async (target: string): Promise<object> => {
        const headers = { host: 'app.test', 'user-agent': 'page-client' };
        const socket = new WebSocket(`ws://127.0.0.1:${port}${target}?_sid=${sid}`, { headers });
        await new Promise((resolve, reject) => socket.once('close', resolve).once('error', reject));
        return JSON.parse((await program.until(new RegExp(`^.*"path":"${target}".*"plan":"tunnel".*$`, 'm')))[0]);
      };
      expect(await tunnelled('/kept')).to.include({ level: 30, status: 101, session: 'updated' });
      const lost = await tunnelled('/lost');
      expect(lost).to.include({ level: 40, status: 101, reason: 'STORE_UNAVAILABLE' });
      expect(lost).not.to.have.property('session');
      const metrics = await (await fetch(`http://${admin}/metrics`)).text();
      expect(metrics).to.match(/^transid_session_events_total\{event="updated"\} 1$/m);
      expect(metrics).to.match(/^transid_refusals_total\{reason="STORE_UNAVAILABLE",origin="store"\} 1$/m);
    } finally {
      await program.stop();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await redis.close();
      rmSync(folder, { recursive: true });
    }
  }).timeout(30_000);
});
