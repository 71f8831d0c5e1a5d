/** Errors in listeners, where nobody catches them: each costs its exchange, and no other (SECURITY R20). */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { type Answer, ask } from '../support/ask.ts';
import { type CliRun, startCli } from '../support/cli.ts';
import { SID } from '../support/proxy.ts';

const PAGE = `<p><a href="/cart">cart</a>${'<a href="/x">x</a>'.repeat(400)}</p>`;
const HOST = 'shop.test';

/** A request of some kind to an address with this query. */
type Kind = (port: number, query: string) => Promise<Answer>;

function startShop(): Promise<Server> {
  const server = createServer((req, res) => {
    const [, visits] = /n=(\d+)/.exec(req.headers.cookie ?? '') ?? [];
    const count = Number(visits ?? 0) + 1;
    res.setHeader('Set-Cookie', `n=${count}; Path=/`);
    if (req.url === '/plain') {
      res.setHeader('Content-Type', 'text/plain').end('plain');
      return;
    }
    res.setHeader('Content-Type', 'text/html; charset=utf-8');
    const page = `<h1>visit ${count}</h1>${PAGE}`;
    const answer = () => {
      if (req.url !== '/gzip') res.end(page);
      else res.setHeader('Content-Encoding', 'gzip').end(gzipSync(page));
    };
    if (req.method === 'POST') req.resume().on('end', answer);
    else answer();
  });
  server.on('upgrade', (_req, socket) => {
    socket.on('error', () => {});
    socket.end('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nhello');
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

describe('an error that nobody catches', () => {
  let shop: Server;
  let folder: string;
  before(async () => {
    shop = await startShop();
    folder = mkdtempSync(join(tmpdir(), 'transid-uncaught-'));
  });
  after(() => {
    rmSync(folder, { recursive: true });
    shop.closeAllConnections();
    shop.close();
  });

  const yaml = () => `listen: 127.0.0.1:0
upstream: { url: "http://127.0.0.1:${(shop.address() as AddressInfo).port}", timeout: 1s, idle_timeout: 1s }
timeouts: { client_header: 1s, client_body: 1s, client_send: 1s, keep_alive: 1s, tunnel: 1s, drain: 2s }
limits: { mint_per_minute: 100000 }
store: { kind: memory }
routes: [{ path: /**, use_trans_sid: true, forms: field }]
`;

  async function start(): Promise<{ run: CliRun; port: number }> {
    const file = join(folder, 'transid.yaml');
    writeFileSync(file, yaml());
    const run = startCli(['serve', '-c', file], { preload: './faulty-builtins.ts' });
    const [, port] = await run.until(/listens on http:\/\/127\.0\.0\.1:(\d+)/);
    return { run, port: Number(port) };
  }

  const kinds: readonly Kind[] = [
    (port, query) => ask(port, `/${query}`, { host: HOST }),
    (port, query) => ask(port, `/gzip${query}`, { host: HOST }),
    (port) => ask(port, '/plain', { host: HOST, fields: { cookie: 'n=4' } }),
    (port, query) =>
      ask(port, `/${query}`, {
        host: HOST,
        method: 'POST',
        fields: { 'content-type': 'application/x-www-form-urlencoded' },
        body: `a=${'b'.repeat(20_000)}`,
      }),
    (port, query) =>
      ask(port, `/ws${query}`, {
        host: HOST,
        fields: {
          connection: 'upgrade',
          upgrade: 'websocket',
          'sec-websocket-version': '13',
          'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
        },
      }),
  ];

  it('ends neither the process nor what others do, and leaves nobody waiting', async function () {
    this.timeout(120_000);
    const { run, port } = await start();
    try {
      const [, sid = ''] = SID.exec((await ask(port, '/', { host: HOST })).body) ?? [];
      run.child.kill('SIGUSR2');
      await run.until(/builtins are faulty/);
      let answered = 0;
      const visitor = async (first: number) => {
        for (let i = first; i < 400; i += 8) {
          const request = (kinds[i % kinds.length] as Kind)(port, `?_sid=${sid}`);
          const end = await Promise.race([
            request.catch(() => 'cut' as const),
            // It keeps nobody here once all have been answered.
            delay(15_000, 'late' as const, { ref: false }),
          ]);
          expect(end, `request ${i}`).to.not.equal('late');
          if (end !== 'cut') answered += 1;
        }
      };
      await Promise.all(Array.from({ length: 8 }, (_, first) => visitor(first)));
      run.child.kill('SIGUSR2');
      await run.until(/builtins are sound/);
      expect(run.child.exitCode, run.stderr()).to.equal(null);
      // All but the handshakes, and some of the others.
      expect(answered).to.be.greaterThan(200);
      const told = run.stdout().match(/"reason":"INTERNAL"[^\n]*faulty-builtins/g) ?? [];
      expect(told.length).to.be.greaterThan(20);
      expect(run.stdout()).to.not.include(sid);
      for (const path of ['/', '/gzip', '/', '/gzip']) {
        const page = await ask(port, path, { host: HOST });
        expect(page.status).to.equal(200);
        if (path === '/') expect(page.body).to.match(SID);
      }
      run.child.kill('SIGTERM');
      expect(await run.exit).to.equal(0);
    } finally {
      await run.stop();
    }
  });
});
