/** The simulator as a browser: what it asks for, in which order, with which fields; against real servers. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { expect } from 'chai';
import nock from 'nock';
import {
  Browser,
  type BrowserOptions,
  type ConnectTo,
  type CrawledEdge,
  type CrawledPage,
  crawl,
  type Expectation,
  type Initiator,
  lintPage,
  type Page,
  type ParsedPage,
  type ReferrerPolicy,
  type Robots,
  SimulatorError,
  type Step,
  type Visit,
} from '../../../src/simulator/index.ts';

// nock takes node:http over as soon as it is loaded, for all test files: it works for its own tests only, below.
nock.restore();

type Handler = (request: IncomingMessage, response: ServerResponse, body: string) => void;

let server: Server;
let origin: string;
let port: number;
let handlers: Record<string, Handler>;
let browsers: Browser[];

/** A server of its own for each test of the suite that calls this. */
function useServer(): void {
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
}

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
  useServer();
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

  it('presses no button that has a command instead of a type', async () => {
    const buttons =
      '<button command=show-modal commandfor=d name=a value=1>Ask</button><button name=a value=2>Go</button>';
    handlers['/'] = html(`<form method=post action=/act>${buttons}</form>`);
    handlers['/act'] = echo();
    const page = await browse().open(`${origin}/`);
    expect(page.forms[0]?.buttons).to.deep.equal(['Go']);
    await page.submit();
    expect(echoed(page).body).to.equal('a=2');
  });

  it('knows options and buttons by what is read, without the no-break spaces around it', async () => {
    const options = '<option>&nbsp;All<option>&nbsp;&nbsp;Kettles<option label="">Pots';
    handlers['/'] = html(
      `<form method=post action=/act><select name=s>${options}</select><input type=submit value="&nbsp;Go&nbsp;"></form>`,
    );
    handlers['/act'] = echo();
    const browser = browse();
    for (const [label, body] of [
      ['Kettles', 's=%C2%A0%C2%A0Kettles'],
      ['Pots', 's=Pots'],
    ] as const) {
      const page = await browser.open(`${origin}/`);
      await page.submit({ s: label }, { button: 'Go' });
      expect(echoed(page).body).to.equal(body);
    }
  });

  it('sends the fields of a first navigation as Chromium does, in its order', async () => {
    handlers['/'] = echo();
    const page = await browse().open(`${origin}/`);
    const names = echoed(page).raw.filter((_, index) => index % 2 === 0);
    expect(names).to.deep.equal([
      'Host',
      'Upgrade-Insecure-Requests',
      'User-Agent',
      'Accept',
      'Sec-Fetch-Site',
      'Sec-Fetch-Mode',
      'Sec-Fetch-User',
      'Sec-Fetch-Dest',
      'Accept-Encoding',
      'Accept-Language',
      'Connection',
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
});

describe('simulator: what it tells of itself', () => {
  useServer();
  /** From a page with these fields and this link, the fields of the request that follows. */
  async function followed(
    link: string,
    fields: Record<string, string> = {},
    head = '',
  ): Promise<Record<string, string>> {
    handlers['/page?a=1'] = html(`${head}${link}`, fields);
    handlers['/next'] = echo();
    const browser = browse({
      connectTo: { localhost: { host: '127.0.0.1', port }, 'www.shop.example': { host: '127.0.0.1', port } },
    });
    const page = await browser.open(`${origin}/page?a=1#frag`);
    await page.follow({ selector: 'a' });
    return echoed(page).fields;
  }

  for (const [why, link, fields, head, referer] of [
    ['own page: all but the fragment', '<a href=/next>x</a>', {}, '', '/page?a=1'],
    ['rel=noreferrer', '<a href=/next rel="external NoReferrer">x</a>', {}, '', undefined],
    ['referrerpolicy of the link', '<a href=/next referrerpolicy=origin>x</a>', {}, '', '/'],
    ['Referrer-Policy field', '<a href=/next>x</a>', { 'referrer-policy': 'no-referrer' }, '', undefined],
    [
      'the last known word of the field',
      '<a href=/next>x</a>',
      { 'referrer-policy': 'no-referrer, origin, nonsense' },
      '',
      '/',
    ],
    [
      'meta goes before the field',
      '<a href=/next>x</a>',
      { 'referrer-policy': 'origin' },
      '<meta name=referrer content=never>',
      undefined,
    ],
    ['foreign page: the origin alone', '<a href=http://localhost/next>x</a>', {}, '', '/'],
    ['foreign page, unsafe-url', '<a href=http://localhost/next referrerpolicy=unsafe-url>x</a>', {}, '', '/page?a=1'],
    [
      'foreign page, same-origin',
      '<a href=http://localhost/next>x</a>',
      { 'referrer-policy': 'same-origin' },
      '',
      undefined,
    ],
    [
      'foreign page of another machine, as safe by its scheme',
      '<a href=http://www.shop.example/next>x</a>',
      {},
      '',
      '/',
    ],
  ] as const) {
    it(`Referer: ${why}`, async () => {
      const sent = await followed(link, fields, head);
      expect(sent['referer']).to.equal(referer === undefined ? undefined : `${origin}${referer}`);
    });
  }

  it('Sec-Fetch: same-origin after a click, cross-site on the way to another host, none over plain http', async () => {
    expect(await followed('<a href=/next>x</a>')).to.include({
      'sec-fetch-site': 'same-origin',
      'sec-fetch-user': '?1',
      'sec-fetch-mode': 'navigate',
    });
    expect(await followed('<a href=http://localhost/next>x</a>')).to.include({ 'sec-fetch-site': 'cross-site' });
    expect(await followed('<a href=http://www.shop.example/next>x</a>')).to.not.have.property('sec-fetch-site');
  });

  it('Sec-Fetch-Site stays cross-site when a redirect comes home', async () => {
    handlers['/'] = html('<a href=http://localhost/away>x</a>');
    handlers['/away'] = redirect(302, `${origin}/next`);
    handlers['/next'] = echo();
    const page = await browse({ connectTo: { localhost: { host: '127.0.0.1', port } } }).open(`${origin}/`);
    await page.follow('x');
    expect(echoed(page).fields).to.include({ 'sec-fetch-site': 'cross-site', referer: `${origin}/` });
  });

  it('Origin of a form is null after a redirect through another origin', async () => {
    handlers['/'] = html('<form method=post action=http://localhost/away><input name=a value=1></form>');
    handlers['/away'] = redirect(307, `${origin}/next`);
    handlers['/next'] = echo();
    const browser = browse({ connectTo: { localhost: { host: '127.0.0.1', port } } });
    const page = await browser.open(`${origin}/`);
    await page.submit();
    expect(browser.exchanges[1]?.requestFields).to.include({ origin });
    expect(echoed(page).fields).to.include({ origin: 'null' });
    expect(echoed(page).body).to.equal('a=1');
  });

  it('types of all that one gives it have a name', async () => {
    handlers['/x'] = echo();
    const connectTo: ConnectTo = { 'shop.example': { host: '127.0.0.1', port } };
    const policy: ReferrerPolicy = 'origin';
    const initiator: Initiator = { url: 'http://other.example/from', policy };
    const visit: Visit = { url: 'http://shop.example/x', cause: 'link', initiator };
    const page = await browse({ connectTo }).visit(visit);
    expect(echoed(page).fields).to.include({ referer: 'http://other.example/' });
    const parsed: ParsedPage = page.document;
    expect(lintPage(parsed, [])).to.deep.equal([]);
    const expectation: Expectation = { status: 200 };
    const steps: Step[] = [{ action: 'expect', expectation }];
    const robots: Robots = 'ignore';
    const report = await crawl({
      url: `${origin}/x`,
      robots,
      journey: { name: 'x', start: null, steps: [{ action: 'open', url: '/x' }, ...steps] },
    });
    const pages: readonly CrawledPage[] = report.pages;
    const edges: readonly CrawledEdge[] = report.edges;
    expect([pages.length, edges.length]).to.deep.equal([1, 0]);
  });

  it('sends fields of its user, and leaves out those that are empty', async () => {
    handlers['/'] = echo();
    const page = await browse({ userAgent: 'Lynx/2.8', headers: { 'X-Test': '1', 'accept-language': '' } }).open(
      origin,
    );
    expect(echoed(page).fields).to.include({ 'user-agent': 'Lynx/2.8', 'x-test': '1' });
    expect(echoed(page).fields).to.not.have.property('accept-language');
  });

  it('sends one Host field, the one of its user at the site that was opened', async () => {
    handlers['/'] = html('<a href=http://other.example/x>Link</a>');
    handlers['/x'] = echo();
    const browser = browse({ headers: { host: 'virtual.example' } });
    const hosts = (page: Page) => echoed(page).raw.filter((_, at, raw) => raw[at - 1]?.toLowerCase() === 'host');
    expect(hosts(await browser.open('http://shop.example/x'))).to.deep.equal(['virtual.example']);
    expect(hosts(await (await browser.open('http://shop.example/')).follow('Link'))).to.deep.equal(['other.example']);
  });

  for (const name of ['Authorization', 'Cookie', 'Proxy-Authorization']) {
    it(`${name} stays with the sites that were opened, wherever their links and redirects lead`, async () => {
      const told = async (page: Page) => echoed(page).fields[name.toLowerCase()];
      const follow = async (link: string) => (await browser.open('http://shop.example/')).follow(link);
      for (const path of ['/abroad', '/home', '/x']) handlers[path] = echo();
      handlers['/'] = html(
        '<a href=http://other.example/x>Link</a><a href=/away>Away</a><a href=/www>WWW</a><a href=/sso>SSO</a>',
      );
      handlers['/away'] = redirect(302, 'http://other.example/abroad');
      handlers['/www'] = redirect(302, 'http://www.shop.example/home');
      handlers['/sso'] = redirect(302, 'http://other.example/back');
      handlers['/back'] = redirect(302, 'http://shop.example/home');
      const browser = browse({ headers: { [name]: 'a=1' }, cookies: 'on' });
      expect(await told(await follow('Link'))).to.equal(undefined);
      expect(await told(await follow('Away'))).to.equal(undefined);
      expect(await told(await follow('WWW'))).to.equal('a=1');
      expect(await told(await follow('SSO'))).to.equal('a=1');
      expect(await told(await browser.open('http://other.example/x'))).to.equal('a=1');
    });
  }

  it('an old browser sends no Sec-Fetch fields', async () => {
    handlers['/'] = echo();
    const page = await browse({ fetchMetadata: false }).open(origin);
    expect(Object.keys(echoed(page).fields).filter((name) => name.startsWith('sec-'))).to.deep.equal([]);
  });
});

describe('simulator: documents', () => {
  useServer();
  for (const [why, page, href] of [
    ['base', '<base href=/deep/><a href=x>l</a>', '/deep/x'],
    ['the first base with href', '<base target=t><base href=/one/><base href=/two/><a href=x>l</a>', '/one/x'],
    ['a javascript: base is ignored', '<base href="javascript:1"><a href=x>l</a>', '/dir/x'],
    ['white space and character references', '<a href=" \n/a&amp;b?c&lt;d ">l</a>', '/a&b?c%3Cd'],
    ['SVG link', '<svg><a xlink:href=/svg><text>l</text></a></svg>', '/svg'],
    ['SVG link, named twice', '<svg><a xlink:href=/no href=/svg><text>l</text></a></svg>', '/svg'],
    ['MathML link', '<math><a xlink:href=/no href=/math><mi>l</mi></a></math>', '/math'],
    ['area', '<map><area href=/area alt=l></map>', '/area'],
    ['link by the alt of its image', '<a href=/img><img alt=l></a>', '/img'],
    ['link by aria-label', '<a href=/aria aria-label=l><i></i></a>', '/aria'],
    ['noscript is markup', '<noscript><a href=/ns>l</a></noscript>', '/ns'],
    ['a shadow root', '<my-card><template shadowrootmode=open><a href=/shadow>l</a></template></my-card>', '/shadow'],
    [
      'a shadow root within another, whose base is none of the page',
      '<b><div><template shadowrootmode=Closed><base href=/no/><p><template shadowrootmode=open><a href=s>l</a></template></p></template></div>',
      '/dir/s',
    ],
    [
      'neither a second shadow root nor one of an element that can have none',
      '<div><template shadowrootmode=open>1</template><template shadowrootmode=open><a href=/2>l</a></template></div><i><template shadowrootmode=open><a href=/3>l</a></template></i><a href=/real>l</a>',
      '/real',
    ],
    ['a template for a marker', '<p><?marker name="m"></p><template for=m><a href=/m>l</a></template>', '/m'],
    [
      'a template for what stands there till then',
      '<p><?start name="m"><a href=/old>l</a><?start name="n"><?end><?end>x</p><template for=m><?marker name="n"></template><template for=n><a href=/new>l</a></template>',
      '/new',
    ],
    [
      'a template for a marker that comes late, is elsewhere or is none',
      '<template for=m><a href=/1>l</a></template><?marker name="m"><p><?marker name="n"></p><p><template for=n><a href=/2>l</a></template></p><?marker name=o><template for=o><a href=/3>l</a></template><a href=/real>l</a>',
      '/real',
    ],
    ['a template is not', '<template><a href=/tpl>l</a></template><a href=/real>l</a>', '/real'],
    [
      'comments and scripts are not',
      '<!--<a href=/c>l</a>--><script>"<a href=/s>l</a>"</script><a href=/real>l</a>',
      '/real',
    ],
    ['without case', '<a href=/upper>L</a>', '/upper'],
    ['a part that only one link has', '<a href=/one>a l b</a><a href=/two>other</a>', '/one'],
  ] as const) {
    it(`link: ${why}`, async () => {
      handlers['/dir/'] = html(page);
      const opened = await browse().open(`${origin}/dir/`);
      expect(opened.link('l').url).to.equal(`${origin}${href}`);
    });
  }

  for (const [bytes, type, charset, text] of [
    [Buffer.from('<p>ü'), 'text/html; charset=utf-8', 'utf-8', 'ü'],
    [Buffer.from('<p>ü', 'latin1'), 'text/html', 'windows-1252', 'ü'],
    [Buffer.from([0x3c, 0x70, 0x3e, 0x80]), 'text/html; charset=ISO-8859-1', 'windows-1252', '€'],
    [Buffer.from('\ufeff<p>ü'), 'text/html; charset=iso-8859-1', 'utf-8', 'ü'],
    [Buffer.from('<meta charset=utf-8><p>ü'), 'text/html', 'utf-8', 'ü'],
    [
      Buffer.from(
        '<!--<meta charset=utf-8>--><meta http-equiv=content-type content="text/html; charset=koi8-r"><p>\xd0',
        'latin1',
      ),
      'text/html',
      'koi8-r',
      'п',
    ],
    ...[
      '<meta http-equiv="Content-Type" content="text/html;charset=windows-1251">',
      '<META CONTENT=text/html;CHARSET=windows-1251 HTTP-EQUIV=content-type>',
      '<meta name=description content="charset=utf-8"><meta charset=windows-1251>',
      "<meta charset=bogus><meta charset = 'windows-1251'/>",
      '<link title="<meta charset=utf-8>"><meta data-charset=utf-8><meta charset=windows-1251>',
      '<script>"<meta charset=utf-8>"</script><title><meta charset=utf-8></title><meta charset=windows-1251>',
      '<html lang=en"><meta charset=windows-1251><meta name=viewport">',
      "<html title=it's><meta charset=windows-1251 data-x=it's><meta charset=utf-8>",
      '<?xml version="1.0" encoding="windows-1251"?>',
      `<!--${' '.repeat(1100)}--><meta charset=windows-1251>`,
    ].map((head) => [Buffer.from(`${head}<p>\xcf`, 'latin1'), 'text/html', 'windows-1251', 'П'] as const),
    [Buffer.from(`${' '.repeat(1100)}<p>\xcf<meta charset=koi8-r>`, 'latin1'), 'text/html', 'windows-1252', 'Ï'],
    [Buffer.from('<p>\xcf', 'latin1'), 'text/html;charset="windows-1251"', 'windows-1251', 'П'],
    [Buffer.from('<p>\xcf', 'latin1'), 'text/html; charset = windows-1251', 'windows-1252', 'Ï'],
    [
      Buffer.from(`<br><b>Warning</b>${' '.repeat(1100)}<head><meta charset=koi8-r><p>\xcf`, 'latin1'),
      'text/html',
      'windows-1252',
      'Warning\nÏ',
    ],
    [Buffer.from('<?xml version="1.0" encoding="koi8-r"?><meta charset=utf-8><p>ü'), 'text/html', 'utf-8', 'ü'],
    [Buffer.from('<html><head><meta charset="koi8-r"/></head><p>ü</p></html>'), 'application/xhtml+xml', 'utf-8', 'ü'],
    [
      Buffer.from('<?xml version="1.0" encoding="koi8-r"?><html><p>\xd0</p></html>', 'latin1'),
      'application/xhtml+xml',
      'koi8-r',
      'п',
    ],
    [Buffer.from('<wml><p>ü</p></wml>'), 'text/vnd.wap.wml', 'utf-8', 'ü'],
    [Buffer.from('{"a":"ü"}'), 'application/json', 'utf-8', '{"a":"ü"}'],
  ] as const) {
    it(`charset ${charset} of ${type}`, async () => {
      handlers['/'] = (_request, response) => response.writeHead(200, { 'content-type': type }).end(bytes);
      const page = await browse().open(origin);
      expect([page.charset, page.text]).to.deep.equal([charset, text]);
    });
  }

  for (const [charset, bytes, target] of [
    ['windows-1252', '<a href="/\xe9?q=\xe9&r=%E9\'#\xe9">l</a>', '/%C3%A9?q=%E9&r=%E9%27'],
    ['windows-1251', '<a href="/?q=\xe9&amp;r=&#x20ac;">l</a>', '/?q=%E9&r=%88'],
    ['iso-8859-1', '<a href="/?q=&#x4e2d;&#xfffd;">l</a>', '/?q=%26%2320013%3B%26%2365533%3B'],
    ['shift_jis', '<a href="/?q=\x83\x5c">l</a>', '/?q=%83\\'],
    ['gbk', '<a href="/?q=a&#x4e2d;b&#x20ac;c">l</a>', '/?q=a%D6%D0b%80c'],
    [
      'iso-2022-jp',
      '<a href="/?q=a&#x3042;b&#x393;&#x20ac;c">l</a>',
      '/?q=a%1B$B$%22%1B(Bb%1B$B&%23%1B(B%26%238364%3Bc',
    ],
    ['utf-16le', Buffer.from('<a href="/?q=é">l</a>', 'utf16le').toString('latin1'), '/?q=%C3%A9'],
    ['windows-1252', '<base href="/d?q=\xe9"><a href="">l</a>', '/d?q=%C3%A9'],
  ] as const) {
    it(`asks in the charset of the page: ${target} of ${charset}`, async () => {
      handlers['/page'] = (_request, response) =>
        response.writeHead(200, { 'content-type': `text/html; charset=${charset}` }).end(Buffer.from(bytes, 'latin1'));
      handlers[target] = html('there');
      const page = await browse().open(`${origin}/page`);
      await page.follow('l');
      expect([page.status, page.url.split('#')[0]]).to.deep.equal([200, `${origin}${target}`]);
    });
  }

  it('asks in the charset of the page by forms, frames, refreshes and scripts, too', async () => {
    const asked: string[] = [];
    for (const target of ['/?b=%E9', '/?c=%E9', '/?d=%E9', '/?e=%E9', '/?f=%C3%A9', '/?g=%E9', '/?h=%C3%A9'])
      handlers[target] = (request, response, body) => {
        asked.push(`${request.url} ${body}`);
        response.writeHead(200, { 'content-type': 'text/html' }).end('there');
      };
    handlers['/page'] = (_request, response) =>
      response.writeHead(200, { 'content-type': 'text/html; charset=iso-8859-1' }).end(
        Buffer.from(
          `<form method=post accept-charset=utf-8 action="/?b=\xe9"><input name=i value="\xe9"></form>
           <iframe name=inner src="/?c=\xe9"></iframe>
           <iframe name=own srcdoc="<form method=post action='/?f=\xe9'><input name=i value='\xe9'></form>"></iframe>`,
          'latin1',
        ),
      );
    handlers['/meta'] = (_request, response) =>
      response
        .writeHead(200, { 'content-type': 'text/html; charset=iso-8859-1' })
        .end(Buffer.from('<meta http-equiv=refresh content="0;url=/?d=\xe9">', 'latin1'));
    handlers['/field'] = (_request, response) =>
      response.writeHead(200, { 'content-type': 'text/html; charset=iso-8859-1', refresh: '0;url=/?e=\xe9' }).end();
    const browser = browse();
    const page = await browser.open(`${origin}/page`);
    await page.load('/?g=é', { as: 'image' });
    await page.load('/?h=é', { as: 'fetch' });
    await page.frame('own').submit();
    await page.submit({}, { form: 'form' });
    await browser.open(`${origin}/meta`);
    await browser.open(`${origin}/field`);
    expect(asked).to.deep.equal([
      '/?c=%E9 ',
      '/?g=%E9 ',
      '/?h=%C3%A9 ',
      '/?f=%C3%A9 i=%C3%A9',
      '/?b=%E9 i=%C3%A9',
      '/?d=%E9 ',
      '/?e=%E9 ',
    ]);
  });

  it('follows the very bytes of a Location', async () => {
    handlers['/page'] = (_request, response) => response.writeHead(302, { location: '/caf\xe9?q=\xe9' }).end();
    handlers['/caf%E9?q=%E9'] = html('there');
    const page = await browse().open(`${origin}/page`);
    expect([page.status, page.url]).to.deep.equal([200, `${origin}/caf%E9?q=%E9`]);
  });

  it('reads what a person reads', async () => {
    handlers['/'] = html(
      '<title> A  b </title><style>x{}</style><h1>One\n two</h1><p>three<b>four</b><br>five<script>6</script><p hidden>7',
    );
    const page = await browse().open(origin);
    expect([page.title, page.text]).to.deep.equal(['A b', 'One two\nthreefour\nfive']);
  });
});

describe('simulator: refreshes', () => {
  useServer();
  function refreshIn(seconds: number, url: string): string {
    return `<meta http-equiv=refresh content="${seconds}; url=${url}">`;
  }
  for (const [why, page, fields, end] of [
    ['meta', '<meta http-equiv=Refresh content="0; url=/end">', {}, '/end'],
    ['field', '', { refresh: '1;URL="/end"' }, '/end'],
    ['without url=', '<meta http-equiv=refresh content="3,/end">', {}, '/end'],
    ['with quotes', `<meta http-equiv=refresh content="0; url = '/end'rest">`, {}, '/end'],
    ['too slow', '<meta http-equiv=refresh content="30; url=/end">', {}, '/'],
    ['of itself', '<meta http-equiv=refresh content="0">', {}, '/'],
    ['of itself, with a base', '<base href=/elsewhere/><meta http-equiv=refresh content="0">', {}, '/'],
    ['with a base', '<base href=/elsewhere/><meta http-equiv=refresh content="0; url=../end">', {}, '/end'],
    ['field, with a base', '<base href=/elsewhere/>', { refresh: '0; url=end' }, '/end'],
    ['with a base behind it', '<meta http-equiv=refresh content="0; url=end"><base href=/elsewhere/>', {}, '/end'],
    ['one sooner than the first', `${refreshIn(2, '/no')}${refreshIn(0, '/end')}`, {}, '/end'],
    ['one later than the first', `${refreshIn(0, '/end')}${refreshIn(2, '/no')}`, {}, '/end'],
    ['two at once: the last', `${refreshIn(0, '/no')}${refreshIn(0, '/end')}`, {}, '/end'],
    ['two at once: not the field', refreshIn(0, '/end'), { refresh: '0; url=/no' }, '/end'],
    ['field, sooner than the page', refreshIn(2, '/no'), { refresh: '0; url=/end' }, '/end'],
    ['of a download', refreshIn(0, '/end'), { refresh: '0; url=/end', 'content-disposition': 'attachment' }, '/'],
    ['to a script', '<meta http-equiv=refresh content="0; url=javascript:alert(1)">', {}, '/'],
    ['no number', '<meta http-equiv=refresh content="url=/end">', {}, '/'],
  ] as const) {
    it(why, async () => {
      handlers['/'] = html(page, fields);
      handlers['/end'] = echo();
      const opened = await browse().open(`${origin}/`);
      expect(opened.url).to.equal(`${origin}${end}`);
      if (end !== '/end') return;
      expect(echoed(opened).fields).to.include({ referer: `${origin}/`, 'sec-fetch-site': 'same-origin' });
      expect(echoed(opened).fields).to.not.have.property('sec-fetch-user');
    });
  }

  it('stops two pages that refresh to each other', async () => {
    handlers['/'] = html('<meta http-equiv=refresh content="0; url=/b">');
    handlers['/b'] = html('<meta http-equiv=refresh content="0; url=/">');
    expect((await fault(browse({ maxRedirects: 4 }).open(`${origin}/`))).code).to.equal('TOO_MANY_REDIRECTS');
  });
});

describe('simulator: frames and windows', () => {
  useServer();
  beforeEach(() => {
    handlers['/'] = html('<frameset><frame name=menu src=/menu><frame name=main src=/main></frameset>');
    handlers['/menu'] = html(
      '<a href=/one target=main>One</a> <a href=/top target=_top>Up</a> <a href=/new target=_blank>New</a> <a href=/named target=w>Named</a>',
    );
    handlers['/main'] = html('<form action=/sent target=_top><input name=a value=1></form><p>main');
    handlers['/one'] = html('<p>one');
    handlers['/top'] = handlers['/new'] = handlers['/named'] = handlers['/sent?a=1'] = echo();
  });

  it('loads them with their page', async () => {
    const browser = browse();
    const page = await browser.open(`${origin}/`);
    expect(page.frames.map((frame) => [frame.name, frame.url])).to.deep.equal([
      ['menu', `${origin}/menu`],
      ['main', `${origin}/main`],
    ]);
    const { requestFields } = browser.exchanges[1]!;
    expect(requestFields).to.include({
      'sec-fetch-dest': 'frame',
      'sec-fetch-site': 'same-origin',
      referer: `${origin}/`,
    });
    expect(requestFields).to.not.have.property('sec-fetch-user');
    expect(requestFields).to.not.have.property('sec-fetch-storage-access');
  });

  it('a link in one frame loads its target in another, or in the whole window, or in a new one', async () => {
    const page = await browse().open(`${origin}/`);
    const result = await page.follow('One');
    expect(result).to.equal(page.frame('main'));
    expect(page.frame('main').text).to.equal('one');
    expect(page.url).to.equal(`${origin}/`);
    const fresh = await page.follow('New');
    expect(fresh).to.not.equal(page);
    expect(echoed(fresh)).to.include({ url: '/new' });
    const named = await page.follow('Named');
    expect(await page.follow('Named')).to.equal(named);
    expect(await page.follow('Up')).to.equal(page);
    expect(page.frames).to.deep.equal([]);
    expect(echoed(page).fields).to.include({ referer: `${origin}/menu`, 'sec-fetch-dest': 'document' });
  });

  it('a form in a frame goes where its target says', async () => {
    const page = await browse().open(`${origin}/`);
    expect(await page.frame('main').submit()).to.equal(page);
    expect(echoed(page).url).to.equal('/sent?a=1');
  });

  it('knows the names of frames that it does not find', async () => {
    const page = await browse().open(`${origin}/`);
    expect(() => page.frame('mian')).to.throw(SimulatorError, "no frame 'mian'; did you mean 'main'");
  });

  it('reads srcdoc with the base of its parent', async () => {
    handlers['/'] = html('<base href=/deep/><iframe srcdoc="<a href=x>In</a>"></iframe>');
    handlers['/deep/x'] = echo();
    const page = await browse().open(`${origin}/`);
    const frame = await page.follow('In');
    expect(frame).to.equal(page.frames[0]);
    expect(echoed(frame).fields).to.include({ referer: `${origin}/` });
  });

  for (const src of ['', 'src=""', 'src=about:blank', 'src="javascript:\'\'"']) {
    it(`a frame that is empty at first takes what is aimed at it (${src})`, async () => {
      handlers['/'] = html(`<iframe name=out ${src}></iframe><a href=/a target=out>A</a><form action=/b target=out>`);
      handlers['/a'] = echo();
      handlers['/b?'] = echo();
      const page = await browse().open(`${origin}/`);
      const frame = page.frame('out');
      expect([frame.url, frame.text]).to.deep.equal(['about:blank', '']);
      expect(await page.follow('A')).to.equal(frame);
      expect(echoed(frame).fields).to.include({ referer: `${origin}/`, 'sec-fetch-dest': 'iframe' });
      expect(await page.submit()).to.equal(frame);
      await frame.back();
      expect(frame.url).to.equal(`${origin}/a`);
      // The empty document was replaced.
      expect(await frame.back().catch((error: SimulatorError) => error.code)).to.equal('NO_HISTORY');
    });
  }

  it('a frame within a srcdoc document of ours is none of another site', async () => {
    handlers['/'] = html('<iframe name=doc srcdoc="<iframe name=in src=/in></iframe>"></iframe>', {
      'set-cookie': 'own=1',
    });
    handlers['/in'] = echo();
    const page = await browse({ cookies: 'first-party' }).open(`${origin}/`);
    const { fields } = echoed(page.frame('in'));
    expect([fields['cookie'], fields['sec-fetch-storage-access']]).to.deep.equal(['own=1', undefined]);
  });

  it('does not load a page within itself, nor frames without end', async () => {
    handlers['/'] = html('<iframe src=/></iframe><iframe src=/a></iframe>');
    for (const [path, next] of [
      ['/a', '/b'],
      ['/b', '/c'],
      ['/c', '/d'],
      ['/d', '/e'],
      ['/e', '/f'],
      ['/f', '/g'],
    ] as const) {
      handlers[path] = html(`<iframe src=${next}></iframe>`);
    }
    const browser = browse();
    const page = await browser.open(`${origin}/`);
    expect(page.frames.length).to.equal(1);
    expect(browser.exchanges.length).to.equal(6);
  });

  it('survives a frame that does not load', async () => {
    handlers['/'] = html('<iframe src=http://127.0.0.1:1/></iframe><p>here');
    const page = await browse().open(`${origin}/`);
    expect([page.frames.length, page.text]).to.deep.equal([0, 'here']);
  });
});

describe('simulator: cookies', () => {
  useServer();
  beforeEach(() => {
    handlers['/'] = html('<a href=/next>Next</a>', {
      'set-cookie': ['a=1; Path=/', 'b=2; Max-Age=1000', 'gone=; Max-Age=0'],
    });
    handlers['/next'] = echo();
  });

  for (const [cookies, sent, afterwards] of [
    ['off', undefined, undefined],
    ['on', 'a=1; b=2', 'b=2'],
    ['session-only', 'a=1; b=2', undefined],
    ['first-party', 'a=1; b=2', 'b=2'],
  ] as const) {
    it(`${cookies}: sends ${sent}, and after a restart ${afterwards}`, async () => {
      const browser = browse({ cookies });
      const page = await browser.open(`${origin}/`);
      expect(page.snapshot.setCookies).to.deep.equal(cookies === 'off' ? ['a', 'b'] : []);
      expect(echoed(await page.follow('Next')).fields['cookie']).to.equal(sent);
      browser.restart();
      expect(echoed(await page.reload()).fields['cookie']).to.equal(afterwards);
    });
  }

  for (const [cookies, cookie, storage] of [
    ['on', 'third=1', 'active'],
    ['first-party', undefined, 'none'],
    ['off', undefined, 'none'],
  ] as const) {
    it(`${cookies}: in a frame of another site sends ${cookie}`, async () => {
      // Both hosts are trustworthy to a browser; TLS itself is not the matter here.
      handlers['/top'] = html(`<iframe name=f src=http://localhost:${port}/frame></iframe>`);
      handlers['/frame'] = html('<a href=/inside>In</a>', { 'set-cookie': 'third=1; SameSite=None; Secure' });
      handlers['/inside'] = echo();
      const local = browse({ cookies, connectTo: { localhost: { host: '127.0.0.1', port } } });
      const page = await local.open(`${origin}/top`);
      const frame = await page.frame('f').follow('In');
      expect(echoed(frame).fields).to.include({ 'sec-fetch-site': 'same-origin', 'sec-fetch-storage-access': storage });
      expect(echoed(frame).fields['cookie']).to.equal(cookie);
    });
  }

  it('tells of no cookie without a name as refused that it has taken', async () => {
    handlers['/'] = html('', { 'set-cookie': ['alone; Path=/', '=empty'] });
    const page = await browse({ cookies: 'on' }).open(`${origin}/`);
    expect(page.snapshot.setCookies).to.deep.equal([]);
  });

  it('takes a cookie on the way through a redirect', async () => {
    handlers['/login'] = redirect(302, '/next', { 'set-cookie': 's=1' });
    expect(echoed(await browse({ cookies: 'on' }).open(`${origin}/login`)).fields['cookie']).to.equal('s=1');
  });
});

describe('simulator: parts of a page', () => {
  useServer();
  beforeEach(() => {
    handlers['/'] = html('<base href=/dir/><p>page', { 'set-cookie': 'a=1; Path=/' });
    handlers['/dir/x'] = echo();
  });

  for (const [why, href, part, want, absent] of [
    [
      'image',
      'x',
      {},
      { 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image', 'sec-fetch-site': 'same-origin', cookie: 'a=1' },
      ['origin', 'sec-fetch-user', 'upgrade-insecure-requests'],
    ],
    [
      'script',
      'x',
      { as: 'script' },
      { 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'script', accept: '*/*' },
      ['origin'],
    ],
    ['fetch', 'x', { as: 'fetch' }, { 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty', cookie: 'a=1' }, ['origin']],
    [
      'foreign image',
      'http://localhost/dir/x',
      {},
      { 'sec-fetch-site': 'cross-site', 'sec-fetch-storage-access': 'active' },
      ['cookie', 'origin'],
    ],
    ['foreign fetch', 'http://localhost/dir/x', { as: 'fetch' }, { 'sec-fetch-site': 'cross-site' }, ['cookie']],
  ] as const) {
    it(why, async () => {
      const browser = browse({ cookies: 'on', connectTo: { localhost: { host: '127.0.0.1', port } } });
      const page = await browser.open(`${origin}/`);
      const { fields } = echoed(await page.load(href, part));
      expect(fields).to.include({ ...want, referer: `${origin}/` });
      for (const name of absent) expect(fields).to.not.have.property(name);
      expect(fields['origin']).to.equal(why === 'foreign fetch' ? origin : undefined);
      expect(page.text).to.equal('page');
    });
  }

  it('POST by fetch', async () => {
    const page = await browse().open(`${origin}/`);
    const sent = echoed(
      await page.load('x', { as: 'fetch', method: 'post', body: '{}', contentType: 'application/json' }),
    );
    expect(sent).to.include({ method: 'POST', body: '{}' });
    expect(sent.fields).to.include({ 'content-type': 'application/json', origin });
  });
});

describe('simulator: history', () => {
  useServer();
  it('goes back without a request, unless the page must not be stored', async () => {
    handlers['/'] = html('<a href=/kept>Kept</a>');
    handlers['/kept'] = html('<a href=/secret>Secret</a>');
    handlers['/secret'] = html('<a href=/end>End</a>', { 'cache-control': 'private, no-store' });
    handlers['/end'] = html('<p>end');
    const browser = browse();
    const page = await browser.open(`${origin}/`);
    for (const link of ['Kept', 'Secret', 'End']) await page.follow(link);
    const causes = () => browser.exchanges.slice(4).map(({ cause, url }) => `${cause} ${new URL(url).pathname}`);
    await page.back();
    expect(causes()).to.deep.equal(['history /secret']);
    await page.back();
    expect(page.link('Secret').href).to.equal('/secret');
    await page.forward();
    expect(causes()).to.deep.equal(['history /secret', 'history /secret']);
    expect((await fault(page.forward().then((each) => each.forward()))).code).to.equal('NO_HISTORY');
  });

  it('fetches a page that must not be stored by its URL with the fragment, too, and keeps what is ahead', async () => {
    handlers['/'] = html('<a href="/secret#foot">Secret</a>');
    handlers['/secret'] = html('<a href="#top">Top</a><a href=/end>End</a>', { 'cache-control': 'no-store' });
    handlers['/end'] = html('<p>end');
    const browser = browse();
    const page = await browser.open(`${origin}/`);
    for (const link of ['Secret', 'Top', 'End']) await page.follow(link);
    const requests = () => browser.exchanges.map(({ cause, url }) => `${cause} ${new URL(url).pathname}`).slice(3);
    await page.back();
    expect([page.url, ...requests()]).to.deep.equal([`${origin}/secret#top`, 'history /secret']);
    await page.forward();
    expect(page.text).to.equal('end');
  });

  it('moves within a page that must not be stored without a request, both ways', async () => {
    handlers['/'] = html('<a href="#foot">Foot</a>', { 'cache-control': 'no-store' });
    const browser = browse();
    const page = await browser.open(`${origin}/`);
    await page.follow('Foot');
    await page.back();
    await page.forward();
    expect([page.url, browser.exchanges.length]).to.deep.equal([`${origin}/#foot`, 1]);
  });

  it('shows a srcdoc document again without a request', async () => {
    handlers['/'] = html('<iframe name=f srcdoc="<a href=/b>B</a>"></iframe>', { 'cache-control': 'no-store' });
    handlers['/b'] = html('<p>b');
    const frame = (await browse().open(`${origin}/`)).frame('f');
    await frame.reload();
    expect(frame.text).to.equal('B');
    await frame.follow('B');
    await frame.back();
    expect([frame.url, frame.text]).to.deep.equal(['about:srcdoc', 'B']);
    await frame.forward();
    expect(frame.text).to.equal('b');
  });

  it('moves within the page without a request', async () => {
    handlers['/'] = html('<a href="#foot">Foot</a>');
    const browser = browse();
    const page = await browser.open(`${origin}/`);
    await page.follow('Foot');
    expect([page.url, browser.exchanges.length]).to.deep.equal([`${origin}/#foot`, 1]);
    await page.back();
    expect(page.url).to.equal(`${origin}/`);
  });

  it('reloads with the method, the body and the Referer of before', async () => {
    handlers['/'] = html('<form method=post action=/sent><input name=a value=1></form>');
    handlers['/sent'] = echo();
    const page = await browse().open(`${origin}/`);
    await page.submit();
    const { method, body, fields } = echoed(await page.reload());
    expect(fields['sec-fetch-user']).to.equal('?1');
    expect([method, body, fields['referer'], fields['cache-control']]).to.deep.equal([
      'POST',
      'a=1',
      `${origin}/`,
      'max-age=0',
    ]);
  });

  it('asks anew as it asked at first when it goes back, but for the click', async () => {
    for (const path of ['/', '/a', '/b'])
      handlers[path] = html('<a href=/a>A</a><a href=/b>B</a>', { 'cache-control': 'no-store' });
    const browser = browse();
    const page = await browser.open(`${origin}/`);
    await page.follow('A');
    await page.follow('B');
    await page.back();
    await page.back();
    const sent = browser.exchanges
      .slice(3)
      .map(({ requestFields: fields }) => [fields['referer'], fields['sec-fetch-user']]);
    expect(sent).to.deep.equal([
      [`${origin}/`, undefined],
      [undefined, '?1'],
    ]);
  });

  it('stays where it is on 204', async () => {
    handlers['/'] = html('<a href=/none>None</a><p>still here');
    handlers['/none'] = (_request, response) => response.writeHead(204).end();
    const page = await browse().open(`${origin}/`);
    await page.follow('None');
    expect(page.text).to.include('still here');
  });

  it('goes where a script would', async () => {
    handlers['/'] = html('<base href=/deep/>');
    handlers['/deep/x?y'] = echo();
    const page = await (await browse().open(`${origin}/`)).go('x?y');
    expect(echoed(page).fields).to.include({ referer: `${origin}/`, 'sec-fetch-site': 'same-origin' });
    expect(echoed(page).fields).to.not.have.property('sec-fetch-user');
  });

  it('shows the answer itself where an empty Location leads nowhere', async () => {
    handlers['/'] = (_request, response) =>
      response.writeHead(302, { location: '', 'content-type': 'text/html' }).end('Go on by hand');
    const page = await browse().open(`${origin}/`);
    expect([page.status, page.text, page.redirects]).to.deep.equal([302, 'Go on by hand', []]);
  });

  it('hands the fragment on to the end of a redirect', async () => {
    handlers['/'] = redirect(302, '/end');
    handlers['/end'] = echo();
    expect((await browse().open(`${origin}/#x`)).url).to.equal(`${origin}/end#x`);
    handlers['/'] = redirect(302, '/end#y');
    expect((await browse().open(`${origin}/#x`)).url).to.equal(`${origin}/end#y`);
  });
});

describe('simulator: what it says when something is wrong', () => {
  useServer();
  const FORM = `<form id=order action=/sent><label for=n>Number of pieces</label><input id=n name=n>
    <select name=color><option value=r>Red<option value=g>Green</select><label><input type=radio name=pay value=card>Card</label>
    <input type=checkbox name=gift value=yes><input type=file name=doc><button name=go>Order now</button><button disabled>Later</button></form>
    <form name=search><input name=q></form>`;

  for (const [why, act, code, message] of [
    ['a link', (page: Page) => page.follow('Crat'), 'NO_LINK', "no link 'Crat'; did you mean 'Cart'?"],
    [
      'no link is near',
      (page: Page) => page.follow('Zebra'),
      'NO_LINK',
      "no link 'Zebra'; there is 'Cart', 'Cart of others', 'Script'",
    ],
    ['an ambiguous link', (page: Page) => page.follow('ar'), 'AMBIGUOUS', "several links have 'ar'"],
    ['a script', (page: Page) => page.follow('Script'), 'BAD_URL', "link 'Script' is 'javascript:'"],
    ['an href', (page: Page) => page.follow({ href: '/crat' }), 'NO_LINK', "no link '/crat'; did you mean '/cart'"],
    [
      'a selector',
      (page: Page) => page.follow({ selector: 'a[' }),
      'BAD_SELECTOR',
      "selector 'a[' cannot be read at character 2",
    ],
    ['a field', (page: Page) => page.submit({ nn: 1 }), 'NO_FIELD', "no field 'nn'; did you mean 'n'"],
    [
      'an option',
      (page: Page) => page.submit({ color: 'Gren' }),
      'NO_OPTION',
      "field 'color' has no option 'Gren'; did you mean 'Green'",
    ],
    [
      'a radio button',
      (page: Page) => page.submit({ pay: 'cart' }),
      'NO_OPTION',
      "field 'pay' has no option 'cart'; did you mean 'card'",
    ],
    ['a box', (page: Page) => page.submit({ gift: ['no'] }), 'NO_OPTION', "field 'gift' has no option 'no'"],
    ['a file field', (page: Page) => page.submit({ doc: 'x' }), 'NO_FIELD', "field 'doc' takes a file"],
    ['too many values', (page: Page) => page.submit({ n: ['1', '2'] }), 'NO_FIELD', "field 'n' stands 1 times, not 2"],
    [
      'two options',
      (page: Page) => page.submit({ color: ['r', 'g'] }),
      'NO_OPTION',
      "field 'color' takes one option, not 2",
    ],
    ['a button', (page: Page) => page.submit({}, { button: 'Order' }), 'NO_BUTTON', "no button 'Order'; did you mean"],
    [
      'a disabled button',
      (page: Page) => page.submit({}, { button: 'Later' }),
      'NO_BUTTON',
      "the button 'Later' is disabled",
    ],
    ['a form', (page: Page) => page.submit({}, { form: 'ordre' }), 'NO_FORM', "no form 'ordre'; did you mean 'order'?"],
    ['which form', (page: Page) => page.submit(), 'AMBIGUOUS', '2 forms on'],
    ['history', (page: Page) => page.back(), 'NO_HISTORY', 'there is no page before this one'],
  ] as const) {
    it(why, async () => {
      handlers['/'] = html(
        `<a href=/cart>Cart</a> <a href=/others>Cart of others</a> <a href="javascript:go()">Script</a>${FORM}`,
      );
      const page = await browse().open(`${origin}/`);
      const error = await fault(act(page));
      expect(error.code).to.equal(code);
      expect(error.message.startsWith(message), error.message).to.equal(true);
    });
  }

  it('finds fields by label, id and placeholder', async () => {
    handlers['/'] = html(FORM);
    handlers['/sent?n=2&color=g&pay=card&gift=yes&doc=&go='] = echo();
    const page = await browse().open(`${origin}/`);
    page.fill({ 'Number of pieces': 2, color: 'Green' }).fill({ pay: 'Card', gift: true });
    await page.submit({}, { button: 'Order now' });
    expect(page.status).to.equal(200);
  });

  it('uploads several files where the field takes several, and else the last', async () => {
    handlers['/'] = html(
      '<form method=post enctype=multipart/form-data action=/sent><input type=file name=all id=every multiple><input type=file name=one></form>',
    );
    handlers['/sent'] = echo();
    const page = await browse().open(`${origin}/`);
    for (const field of ['all', 'one']) for (const name of ['a', 'b']) page.upload(field, { name, content: name });
    page.upload('every', { name: 'c', content: 'c' });
    const sent = echoed(await page.submit()).body;
    expect([...sent.matchAll(/ name="(.*)"; filename="(.*)"/g)].map(([, field, name]) => [field, name])).to.deep.equal([
      ['all', 'a'],
      ['all', 'b'],
      ['all', 'c'],
      ['one', 'b'],
    ]);
  });

  it('uploads', async () => {
    handlers['/'] = html(
      '<form method=post enctype=multipart/form-data action=/sent><input type=file name=doc multiple></form>',
    );
    handlers['/sent'] = echo();
    const page = await browse().open(`${origin}/`);
    page.upload('doc', { name: 'a.txt', type: 'text/plain', content: 'one' });
    await page.submit({}, { boundary: 'B' });
    expect(echoed(page).body).to.equal(
      '--B\r\nContent-Disposition: form-data; name="doc"; filename="a.txt"\r\nContent-Type: text/plain\r\n\r\none\r\n--B--\r\n',
    );
  });

  it('uploads by the form whose field of that name takes a file', async () => {
    handlers['/'] = html(
      '<form action=/get><input name=war></form><form method=post enctype=multipart/form-data action=/sent><input type=file name=war></form>',
    );
    handlers['/get'] = handlers['/sent'] = echo();
    const page = await browse().open(`${origin}/`);
    page.upload('war', { name: 'a.war', content: 'one' });
    expect(echoed(await page.submit()).body).to.include('filename="a.war"');
    await page.back();
    await page.submit({ war: '/srv/a.war' });
    expect(page.url).to.equal(`${origin}/get?war=%2Fsrv%2Fa.war`);
    await page.back();
    expect(() => page.upload('none', { name: 'a', content: 'a' })).to.throw("no field 'none'");
  });

  for (const [why, answer, options, code] of [
    ['a slow answer', () => {}, { timeoutMs: 50 }, 'TIMEOUT'],
    [
      'an answer in another protocol',
      (_request: IncomingMessage, response: ServerResponse) =>
        void response.socket?.write('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n'),
      {},
      'NETWORK',
    ],
    [
      'a large body',
      (_request: IncomingMessage, response: ServerResponse) => response.end('x'.repeat(3000)),
      { maxBodyBytes: 1000 },
      'BODY_TOO_LARGE',
    ],
    [
      'a bomb',
      (_request: IncomingMessage, response: ServerResponse) =>
        response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(100_000))),
      { maxBodyBytes: 1000 },
      'BODY_BROKEN',
    ],
    [
      'a broken coding',
      (_request: IncomingMessage, response: ServerResponse) =>
        response.writeHead(200, { 'content-encoding': 'gzip' }).end('no gzip'),
      {},
      'BODY_BROKEN',
    ],
    [
      'a body that breaks off',
      (_request: IncomingMessage, response: ServerResponse) => {
        response.writeHead(200, { 'content-length': '100' });
        response.write('x', () => response.destroy());
      },
      {},
      'NETWORK',
    ],
    ['a loop', redirect(302, '/'), {}, 'TOO_MANY_REDIRECTS'],
    ['a redirect to nowhere', redirect(302, 'http://'), {}, 'BAD_URL'],
    ['a redirect to a script', redirect(302, 'javascript:1'), {}, 'BAD_URL'],
  ] as const) {
    it(`${why}: ${code}`, async () => {
      handlers['/'] = answer;
      const error = await fault(browse(options).open(`${origin}/`));
      expect(error.code).to.equal(code);
      expect(error.message).to.include(origin);
    });
  }

  for (const [what, head] of [
    ['line ends without CR', 'HTTP/1.1 200 OK\nContent-Type: text/html\nContent-Length: 4\n\n'],
    ['a control character in a field', 'HTTP/1.1 200 OK\r\nX-Odd: a\x01b\r\nContent-Length: 4\r\n\r\n'],
    ['a field on two lines', 'HTTP/1.1 200 OK\r\nX-Odd: a\r\n b\r\nContent-Length: 4\r\n\r\n'],
  ] as const) {
    it(`shows what old programs answer, as browsers do: ${what}`, async () => {
      handlers['/'] = (_request, response) => void response.socket?.end(`${head}page`, 'latin1');
      expect((await browse().open(`${origin}/`)).text).to.equal('page');
    });
  }

  it('an address that is none', async () => {
    expect((await fault(browse().open('ftp://x/'))).code).to.equal('BAD_URL');
  });
});

describe('simulator: hosts that cannot be made here', () => {
  useServer();
  afterEach(() => {
    nock.cleanAll();
    nock.restore();
  });
  beforeEach(() => {
    if (!nock.isActive()) nock.activate();
  });

  it('a foreign origin answers', async () => {
    nock('http://shop.invalid').get('/').reply(200, '<a href=https://pay.invalid/in>Pay</a>', {
      'content-type': 'text/html',
      'referrer-policy': 'unsafe-url',
    });
    const pay = nock('https://pay.invalid', { reqheaders: { referer: 'http://shop.invalid/' } })
      .get('/in')
      .reply(302, '', { location: 'http://paid.invalid/paid' });
    nock('http://paid.invalid').get('/paid').reply(200, '<p>paid', { 'content-type': 'text/html' });
    const page = await new Browser().open('http://shop.invalid/');
    await page.follow('Pay');
    expect(page.text).to.equal('paid');
    expect(pay.isDone()).to.equal(true);
  });

  it('a name that does not resolve', async () => {
    nock('http://nowhere.invalid')
      .get('/')
      .replyWithError(Object.assign(new Error('getaddrinfo ENOTFOUND nowhere.invalid'), { code: 'ENOTFOUND' }));
    const error = await fault(new Browser().open('http://nowhere.invalid/'));
    expect([error.code, error.message]).to.deep.equal([
      'NETWORK',
      'GET http://nowhere.invalid/: getaddrinfo ENOTFOUND nowhere.invalid',
    ]);
  });
});
