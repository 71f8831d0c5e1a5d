/** The simulator on connections that the server has closed meanwhile, that are few or slow, and heads as long as browsers take them. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { expect } from 'chai';
import { Browser, SimulatorError } from '../../../src/simulator/index.ts';

const PAGE = '<a href="/next">next</a><form method="post" action="/sent"><button>Send</button></form>';

describe('simulator: connections', () => {
  let server: Server;
  let origin: string;
  let browser: Browser;
  let seen: string[];
  let head: Record<string, string>;
  let delayMs: number;
  /** Requests that a connection answers before it breaks at the next. */
  let answersEach: number;

  beforeEach(async () => {
    seen = [];
    head = {};
    answersEach = 1;
    delayMs = 0;
    const answered = new WeakMap<Socket, number>();
    server = createServer((request, response) => {
      seen.push(`${request.method} ${request.url}`);
      const count = answered.get(request.socket) ?? 0;
      answered.set(request.socket, count + 1);
      if (count >= answersEach) request.socket.resetAndDestroy();
      else setTimeout(() => response.writeHead(200, { 'content-type': 'text/html', ...head }).end(PAGE), delayMs);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    browser = new Browser();
  });

  afterEach(async () => {
    browser.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  it('one that was closed while it was kept costs nothing, whatever the method', async () => {
    const page = await browser.open(`${origin}/`);
    await page.follow('next');
    await page.submit({}, { button: 'Send' });
    expect(page.url).to.equal(`${origin}/sent`);
    expect(seen).to.deep.equal(['GET /', 'GET /next', 'GET /next', 'POST /sent', 'POST /sent']);
  });

  it('a new one that breaks is a fault of the site', async () => {
    answersEach = 0;
    const error: unknown = await browser.open(`${origin}/`).catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(SimulatorError).and.to.include({ code: 'NETWORK' });
    expect(seen).to.deep.equal(['GET /']);
  });

  it('a request that waits for a socket is not late for that', async () => {
    answersEach = Number.POSITIVE_INFINITY;
    delayMs = 300;
    browser = new Browser({ timeoutMs: 850 });
    const visits = Array.from({ length: 18 }, (_, at) => browser.open(`${origin}/${at}`));
    expect((await Promise.all(visits)).map(({ status }) => status)).to.deep.equal(visits.map(() => 200));
  });

  it('a timeout beyond what timers can count is a long one', async () => {
    delayMs = 20;
    browser = new Browser({ timeoutMs: 3e9 });
    expect((await browser.open(`${origin}/`)).status).to.equal(200);
  });

  it('a long head', async () => {
    head = { 'x-long': 'x'.repeat(60_000) };
    expect((await browser.open(`${origin}/`)).status).to.equal(200);
  });
});
