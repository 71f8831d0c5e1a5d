/** The simulator as a browser: what it asks for, in which order, with which fields; against real servers. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { Browser, type BrowserOptions, SimulatorError } from '../../../src/simulator/index.ts';

type Handler = (request: IncomingMessage, response: ServerResponse, body: string) => void;

let server: Server;
let origin: string;
let port: number;
let handlers: Record<string, Handler>;
let browsers: Browser[];

beforeEach(async () => {
  handlers = {};
  browsers = [];
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const handler = handlers[`${request.headers.host} ${request.url}`] ?? handlers[request.url ?? ''];
      if (handler === undefined) response.writeHead(404).end('nothing here');
      else handler(request, response, Buffer.concat(chunks).toString('latin1'));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  port = (server.address() as AddressInfo).port;
  origin = `http://127.0.0.1:${port}`;
});

afterEach(async () => {
  for (const browser of browsers) browser.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

function browse(options: BrowserOptions = {}): Browser {
  const elsewhere = { host: '127.0.0.1', port };
  const browser = new Browser({
    connectTo: { 'shop.example': elsewhere, 'www.shop.example': elsewhere, 'other.example': elsewhere },
    ...options,
  });
  browsers.push(browser);
  return browser;
}

function html(body: string, fields: Record<string, string | string[]> = {}): Handler {
  return (_request, response) =>
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', ...fields }).end(body);
}

function redirect(status: number, location: string, fields: Record<string, string> = {}): Handler {
  return (_request, response) => response.writeHead(status, { location, ...fields }).end();
}

function echo(): Handler {
  return (request, response, body) =>
    response.writeHead(200, { 'content-type': 'text/plain' }).end(
      JSON.stringify({
        method: request.method,
        url: request.url,
        fields: request.headers,
        raw: request.rawHeaders,
        body,
      }),
    );
}

interface Echo {
  method: string;
  url: string;
  fields: Record<string, string>;
  raw: string[];
  body: string;
}

function echoed(page: { text: string }): Echo {
  return JSON.parse(page.text) as Echo;
}

async function fault(promise: Promise<unknown>): Promise<SimulatorError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof SimulatorError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('simulator: open, follow, submit', () => {
  it('walks as the example of the documentation does', async () => {
    handlers['/'] = html('<a href="/cart">Cart</a>');
    handlers['/cart'] = html('<form method=post action=/buy><input name=qty value=1><button>Buy</button></form>');
    handlers['/buy'] = echo();
    const page = await browse().open(`${origin}/`);
    await page.follow('Cart');
    expect(page.url).to.equal(`${origin}/cart`);
    await page.submit({ qty: 2 });
    expect(echoed(page)).to.include({ method: 'POST', url: '/buy', body: 'qty=2' });
  });

  it('sends the fields of a first navigation as Chromium does, in its order', async () => {
    handlers['/'] = echo();
    const page = await browse().open(`${origin}/`);
    const names = echoed(page).raw.filter((_, index) => index % 2 === 0);
    expect(names).to.deep.equal([
      'Host',
      'Connection',
      'Upgrade-Insecure-Requests',
      'User-Agent',
      'Accept',
      'Sec-Fetch-Site',
      'Sec-Fetch-Mode',
      'Sec-Fetch-User',
      'Sec-Fetch-Dest',
      'Accept-Encoding',
      'Accept-Language',
    ]);
    expect(echoed(page).fields).to.include({
      'sec-fetch-site': 'none',
      'sec-fetch-dest': 'document',
      host: `127.0.0.1:${port}`,
    });
  });

  for (const [coding, encode] of [
    ['gzip', gzipSync],
    ['br', brotliCompressSync],
  ] as const) {
    it(`undoes ${coding}`, async () => {
      handlers['/'] = (_request, response) =>
        response.writeHead(200, { 'content-type': 'text/html', 'content-encoding': coding }).end(encode('<p>grüezi'));
      const page = await browse().open(`${origin}/`);
      expect(page.body.toString()).to.equal('<p>grüezi');
    });
  }

  for (const [status, sent, then] of [
    [301, 'POST', 'GET'],
    [302, 'POST', 'GET'],
    [303, 'POST', 'GET'],
    [307, 'POST', 'POST'],
    [308, 'POST', 'POST'],
    [301, 'GET', 'GET'],
    [303, 'GET', 'GET'],
    [307, 'GET', 'GET'],
  ] as const) {
    it(`follows ${status} of ${sent} with ${then}`, async () => {
      handlers['/'] = html(`<form method=${sent} action=/act><input name=a value=1></form>`);
      handlers['/act'] = handlers['/act?a=1'] = redirect(status, '/end');
      handlers['/end'] = echo();
      const page = await browse().open(`${origin}/#top`);
      await page.submit();
      expect(echoed(page).method).to.equal(then);
      expect(echoed(page).body).to.equal(then === 'POST' ? 'a=1' : '');
      expect(echoed(page).fields['content-type']).to.equal(
        then === 'POST' ? 'application/x-www-form-urlencoded' : undefined,
      );
      expect(page.redirects).to.deep.equal([{ url: page.redirects[0]?.url, status, location: '/end' }]);
      expect(echoed(page).fields['referer']).to.equal(`${origin}/`);
    });
  }

  it('names the nearest link when there is none', async () => {
    handlers['/'] = html('<a href=/cart>Cart</a> <a href=/help>Help</a>');
    const page = await browse().open(`${origin}/`);
    const error = await fault(page.follow('Crat'));
    expect(error.code).to.equal('NO_LINK');
    expect(error.message).to.equal("no link 'Crat'; did you mean 'Cart'?");
  });
});
