/** The simulator on connections that the server has closed meanwhile, that are few or slow, and heads as long as browsers take them. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { expect } from 'chai';
import { Browser, SimulatorError } from '../../../src/simulator/index.ts';
import { eventually } from '../../support/raw-http.ts';

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
  /** What comes about before one breaks. */
  let beforeBreak: () => Promise<unknown>;

  beforeEach(async () => {
    seen = [];
    head = {};
    answersEach = 1;
    beforeBreak = async () => {};
    delayMs = 0;
    const answered = new WeakMap<Socket, number>();
    server = createServer((request, response) => {
      seen.push(`${request.method} ${request.url}`);
      const count = answered.get(request.socket) ?? 0;
      answered.set(request.socket, count + 1);
      if (count >= answersEach) void beforeBreak().then(() => request.socket.resetAndDestroy());
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

  it('a request goes out again as often as there may be kept ones, and no more: somebody always keeps another', async () => {
    await browser.open(`${origin}/`);
    beforeBreak = async () => {
      if (seen.length < 40) await browser.open(`${origin}/other`);
    };
    const error: unknown = await browser.open(`${origin}/again`).catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(SimulatorError).and.to.include({ code: 'NETWORK' });
    expect(seen.filter((line) => line === 'GET /again')).to.have.length(7);
  });

  it('a request that went out again has one clock: the program need not wait for that of the first', async () => {
    const clocks = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
    await browser.open(`${origin}/`);
    const before = clocks();
    await browser.open(`${origin}/again`);
    expect(seen).to.deep.equal(['GET /', 'GET /again', 'GET /again']);
    expect(clocks()).to.be.at.most(before);
  });

  it('an answer that breaks off is no answer', async () => {
    head = { 'content-length': '1000' };
    const opening = browser.open(`${origin}/`).catch((thrown: unknown) => thrown);
    await eventually('it is under way', () => seen.length === 1);
    setTimeout(() => server.closeAllConnections(), 50);
    expect(await opening)
      .to.be.instanceOf(SimulatorError)
      .and.to.include({ code: 'NETWORK' });
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
