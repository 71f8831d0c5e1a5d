/** Crawls of small sites that lose the session in each of the ways that a site can; and what the worklist finds. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { type CrawlOptions, type CrawlReport, crawl, SimulatorError } from '../../../src/simulator/index.ts';

type Answer = string | { status?: number; fields?: Record<string, string>; body?: string };
/** Target without SID → answer; the SID that came along is given to functions. */
type Site = Record<string, Answer | ((sid: string | null, target: string, host: string) => Answer)>;

let server: Server;
let origin: string;
let site: Site;
let seen: string[];

/** A server of its own for each test of the suite that calls this. */
function useServer(): void {
  beforeEach(async () => {
    site = {};
    seen = [];
    server = createServer((request, response) => {
      const target = request.url ?? '/';
      seen.push(target);
      const sid = /[?&]_sid=(\w+)/.exec(target)?.[1] ?? null;
      const page = site[target.replace(/[?&]_sid=\w+/, '')];
      const answer = typeof page === 'function' ? page(sid, target, request.headers.host ?? '') : page;
      if (answer === undefined) return void response.writeHead(404, { 'content-type': 'text/plain' }).end('no');
      const { status = 200, fields = {}, body = '' } = typeof answer === 'string' ? { body: answer } : answer;
      response.writeHead(status, { 'content-type': 'text/html', ...fields }).end(body);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });

  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
}

async function walk(options: Partial<CrawlOptions> = {}): Promise<CrawlReport> {
  return await crawl({ url: `${origin}/`, ...options });
}

const address = () => ({ host: '127.0.0.1', port: Number(new URL(origin).port) });
const own = '<a href="/other?_sid=s1">Other</a>';

describe('simulator crawl: how a session is lost', () => {
  useServer();
  for (const [why, edge, more, want] of [
    ['kept', '<a href="/b?_sid=s1">B</a>', { '/b': own }, []],
    ['kept by a path that has no links', '<a href="/b?_sid=s1">B</a>', { '/b': '<p>end' }, []],
    ['unmarked', '<a href="/b">B</a>', { '/b': '<a href="/?_sid=s2">Home</a>' }, ['unmarked']],
    [
      'kept, and an ID of the application stands beside it on the first page only, as in a Servlet container',
      '<a href="/b;jsessionid=J?_sid=s1">B</a><form method=post action="/c;jsessionid=J"><input type=hidden name=_sid value=s1><button>C</button></form>',
      { '/b;jsessionid=J': own },
      [],
    ],
    [
      'unmarked, but recovered by a redirect',
      '<a href="/b">B</a>',
      { '/b': (sid: string | null) => (sid === null ? { status: 303, fields: { location: '/b?_sid=s1' } } : own) },
      [],
    ],
    ['script', '<a href="javascript:location.href=\'/b\'">B</a>', { '/b': '<a href="/?_sid=s2">Home</a>' }, ['script']],
    ['onclick', '<b onclick="window.open(\'/b\')">B</b>', { '/b': '<a href="/?_sid=s2">Home</a>' }, ['script']],
    [
      'names that end like that of a move',
      '<script>geolocation = "/b"; s = "<a data-location=\'/b\'>"</script>',
      {},
      [],
    ],
    [
      'redirect',
      '<a href="/b?_sid=s1">B</a>',
      { '/b': { status: 302, fields: { location: '/c' } }, '/c': '<a href="/?_sid=s2">Home</a>' },
      ['redirect'],
    ],
    [
      'redirect that keeps it',
      '<a href="/b?_sid=s1">B</a>',
      { '/b': { status: 302, fields: { location: '/c?_sid=s1' } }, '/c': own },
      [],
    ],
    ['expired', '<a href="/b?_sid=s1">B</a>', { '/b': '<a href="/?_sid=s2">Home</a>' }, ['expired']],
    [
      'policy: nothing is marked',
      '<a href="/b?_sid=s1">B</a>',
      { '/b': '<a href="/?x">Home</a>', '/?x': own },
      ['policy'],
    ],
    [
      'policy: sent to the clean URL',
      '<a href="/b?_sid=s1">B</a>',
      {
        '/b': (sid: string | null) =>
          sid === null ? '<a href="/?x">Home</a>' : { status: 303, fields: { location: '/b' } },
        '/?x': own,
      },
      ['policy'],
    ],
    ['policy: refused', '<a href="/b?_sid=s1">B</a>', { '/b': { status: 400, body: 'no' } }, ['policy']],
    ['onload', '<body onload="location.href=\'/b\'">', { '/b': '<a href="/?_sid=s2">Home</a>' }, ['script']],
    [
      'a second button with an action of its own',
      '<form method=post action="/b?_sid=s1"><button>B</button><button formaction="/c?_sid=s1">C</button><button formaction=/d>D</button></form>',
      {},
      ['unmarked'],
    ],
    [
      'no button that cannot be pressed',
      '<form method=post action="/b?_sid=s1"><button>B</button><button formaction=/c disabled>C</button><fieldset disabled><input type=submit formaction=/d></fieldset></form>',
      {},
      [],
    ],
    [
      'a link in a srcdoc',
      '<iframe srcdoc=\'<a href="/b">B</a><a href="/c?_sid=s1">C</a><form></form>\'></iframe>',
      { '/b': '<a href="/?_sid=s2">Home</a>', '/c': own },
      ['unmarked'],
    ],
    ['area', '<map><area href="/b" alt=B></map>', { '/b': '<a href="/?_sid=s2">Home</a>' }, ['unmarked']],
    ['frame', '<iframe src="/b"></iframe>', { '/b': '<a href="/?_sid=s2">Home</a>' }, ['unmarked']],
    [
      'refresh',
      '<meta http-equiv=refresh content="60; url=/b">',
      { '/b': '<a href="/?_sid=s2">Home</a>' },
      ['unmarked'],
    ],
    [
      'GET form',
      '<form action=/b><input name=q value=1></form>',
      { '/b?q=1': '<a href="/?_sid=s2">Home</a>' },
      ['unmarked'],
    ],
    [
      'GET form with a hidden field',
      '<form action=/b><input type=hidden name=_sid value=s1><input name=q value=1></form>',
      { '/b?q=1': own },
      [],
    ],
    ['POST form', '<form method=post action=/b></form>', {}, ['unmarked']],
    ['POST form with a marked action', '<form method=post action="/b?_sid=s1"></form>', {}, []],
    [
      'POST form with a hidden field',
      '<form method=post action=/b><input type=hidden name=_sid value=s1></form>',
      {},
      [],
    ],
    ['another site is none of ours', '<a href="http://elsewhere.invalid/">B</a>', {}, []],
    ['another scheme is another host of the site', '<a href="https://127.0.0.1/">B</a>', {}, ['foreign']],
    ['another port is another host of the site', '<a href="http://127.0.0.1:1/">B</a>', {}, ['foreign']],
  ] as const) {
    it(why, async () => {
      site = { '/': `<a href="/?_sid=s1">Home</a>${own}${edge}`, '/other': own, ...(more as Site) };
      const report = await walk();
      const lost = report.lost.filter((each) => !each.element.includes('?_sid=s2'));
      expect(lost.filter((each) => each.page === `${origin}/`).map((each) => each.reason)).to.deep.equal(want);
      expect(report.counts.kept).to.be.above(0);
    });
  }

  it('tells the element, its place and its target', async () => {
    site = {
      '/': `${own}\n<p>\n  <a class=x href="/b#f" id=lost>Be</a>`,
      '/other': own,
      '/b': '<a href="/?_sid=s2">Home</a>',
    };
    const [lost] = (await walk()).lost;
    expect(lost).to.deep.equal({
      page: `${origin}/`,
      line: 3,
      column: 3,
      kind: 'link',
      element: '<a href="/b#f" id="lost">',
      text: 'Be',
      target: `${origin}/b`,
      reason: 'unmarked',
    });
  });

  it('an application with cookies alone begins a new session on each page', async () => {
    const page = { fields: { 'set-cookie': 'PHPSESSID=1' }, body: '<a href=/b>B</a><a href=/>Home</a>' };
    site = { '/': page, '/b': page };
    const report = await walk();
    expect(report.lost.map((each) => each.reason)).to.deep.equal(['cookie', 'cookie', 'cookie', 'cookie']);
    const kept = await walk({ browser: { cookies: 'on' }, marker: 'a' });
    expect(kept.counts.lost).to.equal(0);
  });

  it('a redirect to another site loses nothing, and what stands there is no page of the crawl', async () => {
    const connectTo = { 'shop.example': address(), 'foreign.example': address(), 'pay.shop.example': address() };
    const abroad = '<a href="/x?_sid=f1">x</a><a href="/y">y</a><a href="/z?_sid=f1">z</a>';
    site = {
      '/': `${own}<a href="/out?_sid=s1">Out</a><a href="/pay?_sid=s1">Pay</a>`,
      '/other': own,
      '/out': { status: 302, fields: { location: 'http://foreign.example/abroad' } },
      '/pay': { status: 302, fields: { location: 'http://pay.shop.example/abroad' } },
      '/abroad': abroad,
    };
    for (const marker of [{}, { marker: 'text:Other' }]) {
      const report = await crawl({ url: 'http://shop.example/', lint: true, browser: { connectTo }, ...marker });
      expect(report.lost.map(({ target, reason }) => [target, reason])).to.deep.equal([
        ['http://shop.example/pay', 'redirect'],
      ]);
      expect(report.lint).to.deep.equal([]);
      expect(seen).to.not.include('/x?_sid=f1');
    }
  });

  it('a cookie that the browser keeps, or that is deleted, is no session that is lost', async () => {
    const page = (fields: Record<string, string>) => ({ fields, body: '<a href=/b>B</a><a href=/>Home</a>' });
    let count = 0;
    site = { '/': () => page({ 'set-cookie': `id=${++count}` }), '/b': () => page({ 'set-cookie': `id=${++count}` }) };
    const rolling = await walk({ browser: { cookies: 'on' } });
    expect(rolling.counts).to.deep.equal({ kept: 0, lost: 0, none: 4 });
    for (const gone of ['Max-Age=0', 'expires=Thu, 01-Jan-2015 00:00:00 GMT']) {
      site = { '/': page({ 'set-cookie': `flash=; ${gone}` }), '/b': page({ 'set-cookie': `flash=; ${gone}` }) };
      expect((await walk()).counts).to.deep.equal({ kept: 0, lost: 0, none: 4 });
    }
  });

  it('a browser with cookies leaves the SIDs of its first page behind, and loses nothing', async () => {
    const bare = '<a href="/b">B</a><a href="/">Home</a>';
    const marked = '<a href="/b?_sid=s1">B</a><a href="/c?_sid=s1">C</a>';
    let count = 0;
    site = {
      '/': () => ({ fields: { 'set-cookie': 'id=1' }, body: count++ === 0 ? marked : bare }),
      '/b': (sid) => (sid === null ? bare : { status: 303, fields: { location: '/b' } }),
      '/c': bare,
    };
    for (const cookies of ['on', 'session-only', 'first-party'] as const) {
      count = 0;
      expect((await walk({ browser: { cookies } })).lost).to.deep.equal([]);
    }
    count = 0;
    expect((await walk()).lost.map((each) => each.reason)).to.include('policy');
    count = 0;
    site['/b'] = '<a href="/c?_sid=s2">C</a>';
    site['/c'] = '<a href="/b?_sid=s2">B</a>';
    const anew = await walk({ browser: { cookies: 'on' } });
    expect(anew.lost.map((each) => each.reason)).to.deep.equal(['expired', 'expired']);
  });

  describe('redirects without end', () => {
    const go = (location: string) => ({ status: 302, fields: { location, 'set-cookie': 'id=1' } });
    const told = ({ lost }: CrawlReport) => lost.map(({ page, reason }) => [page.slice(origin.length), reason]);
    beforeEach(() => {
      site = {
        '/': '<a href="/account">Account</a><a href="/b">B</a>',
        '/b': '<a href="/account">Account</a>',
        '/account': go('/login'),
        '/login': go('/account'),
      };
    });

    it('each way into them loses the session of a browser without cookies', async () => {
      const report = await walk();
      expect(told(report)).to.deep.equal([
        ['/', 'loop'],
        ['/b', 'loop'],
      ]);
      expect(report.broken.map(({ why }) => why)).to.deep.equal([
        `${origin}/account: more than 20 redirects, last to /login`,
      ]);
      expect(report.pages.find((page) => page.url === `${origin}/account`)?.session).to.equal('lost');
      expect(report.edges.filter(({ outcome, to }) => outcome === 'lost' && to !== null)).to.have.length(2);
    });

    it('a way that comes late loses it, too', async () => {
      expect(told(await walk({ concurrency: 1 }))).to.have.length(2);
      site['/b'] = '<a href=/c>C</a>';
      site['/c'] = '<a href=/d>D</a>';
      site['/d'] = '<a href=/account>Account</a>';
      expect(told(await walk())).to.deep.equal([
        ['/', 'loop'],
        ['/d', 'loop'],
      ]);
    });

    it('of a page that has lost it already nothing is told', async () => {
      site['/'] = '<i>ada</i><a href="/b">B</a>';
      expect(told(await walk({ marker: 'css:i' }))).to.deep.equal([['/', 'cookie']]);
    });

    it('with cookies they are a fault of the site', async () => {
      for (const cookies of ['on', 'session-only', 'first-party'] as const) {
        const report = await walk({ browser: { cookies } });
        expect([report.counts.lost, report.broken.length]).to.deep.equal([0, 1]);
      }
    });

    it('no other page that does not come has lost it', async () => {
      site = { '/': '<a href=/404>x</a><a href=/500>x</a><a href=/torn>x</a><a href=/no>x</a>' };
      site['/500'] = { status: 500, body: 'oh' };
      site['/torn'] = { fields: { 'content-encoding': 'gzip' }, body: 'oh' };
      site['/no'] = { status: 302, fields: { location: 'app://x' } };
      const report = await walk();
      expect([report.counts.lost, report.broken.length]).to.deep.equal([0, 2]);
    });
  });

  it('a static site has nothing to lose', async () => {
    site = { '/': '<a href=/b>B</a>', '/b': '<a href=/>Home</a>' };
    expect((await walk()).counts).to.deep.equal({ kept: 0, lost: 0, none: 2 });
  });

  for (const [marker, lost] of [
    ['Hello ada', [`/b`]],
    ['#user', [`/b`]],
    ['css:b', [`/b`]],
    ['text:#user', null],
  ] as const) {
    it(`by the marker ${marker}`, async () => {
      site = {
        '/': '<b id=user>Hello ada</b><a href=/b>B</a><a href=/c>C</a>',
        '/b': '<p>Log in',
        '/c': '<b id=user>Hello ada</b>',
      };
      const report = await walk({ marker });
      expect(report.hasSession).to.equal(lost !== null);
      expect(report.lost.map((each) => each.target.slice(origin.length))).to.deep.equal(lost ?? []);
    });
  }

  it('by a marker, which an error page need not show, but one for those who are not known', async () => {
    site = { '/': '<b id=user>Hello ada</b>' };
    for (const status of [401, 403, 404, 405, 410, 500, 503]) {
      site['/'] += `<a href=/${status}>x</a>`;
      site[`/${status}`] = { status, body: '<p>Sorry <a href=/>Home</a>' };
    }
    const { lost } = await walk({ marker: 'Hello ada' });
    expect(lost.map((each) => each.target.slice(origin.length))).to.deep.equal(['/401', '/403']);
  });
});

describe('simulator crawl: where it goes', () => {
  useServer();
  beforeEach(() => {
    site = {
      '/': '<a href=/1>1</a><a href=/logout>Out</a><a href=/private/x>P</a><a href="/1#f">again</a><a href=mailto:x>m</a>',
      '/1': '<a href=/2>2</a>',
      '/2': '<a href=/3>3</a>',
      '/3': '<a href=/1>1</a>',
      '/private/x': 'secret',
      '/logout': 'bye',
      '/robots.txt': { fields: { 'content-type': 'text/plain' }, body: 'User-agent: *\nDisallow: /private' },
    };
  });
  const visited = () => seen.filter((target) => target !== '/robots.txt').sort();

  for (const [why, options, want, skipped] of [
    [
      'robots.txt is obeyed, logouts are left out, a page comes once',
      {},
      ['/', '/1', '/2', '/3'],
      { robots: 1, excluded: 1 },
    ],
    ['depth', { depth: 1 }, ['/', '/1'], { depth: 1 }],
    ['depth 0', { depth: 0 }, ['/'], { depth: 2 }],
    ['page limit', { maxPages: 2 }, ['/', '/1'], { limit: 1 }],
    ['robots ignored', { robots: 'ignore' }, ['/', '/1', '/2', '/3', '/private/x'], { robots: 0 }],
    [
      'robots of one’s own',
      { robots: { rules: 'User-agent: *\nDisallow: /2' } },
      ['/', '/1', '/private/x'],
      { robots: 1 },
    ],
    ['excludes of one’s own', { exclude: [/\/1$/] }, ['/', '/logout'], { excluded: 2 }],
    ['excludes with a flag that remembers', { exclude: [/\/(?:1|logout)$/g] }, ['/'], { excluded: 3, robots: 1 }],
    ['one at a time', { concurrency: 1 }, ['/', '/1', '/2', '/3'], {}],
  ] as const) {
    it(why, async () => {
      const report = await walk(options as Partial<CrawlOptions>);
      expect(visited()).to.deep.equal(want);
      expect(report.skipped).to.include(skipped);
    });
  }

  it('goes nowhere while the robots.txt cannot be told', async () => {
    site['/robots.txt'] = { status: 503, body: 'later' };
    expect((await walk({})).skipped.robots).to.be.greaterThan(0);
    expect(visited()).to.deep.equal(['/']);
  });

  it('tells ways out from words that hold theirs', async () => {
    const pages = ['/blog-outline', '/catalog_output', '/design-outdoors', '/x?q=blog+out'];
    const waysOut = ['/userLogout.do', '/log-out', '/x?do=sign_out', '/SIGNOUT', '/log_out/now', '/?do=log+out'];
    const texts = ['Log out', 'SIGN\nOUT', 'Logout'];
    site = {
      '/':
        [...pages, ...waysOut].map((path) => `<a href=${path}>x</a>`).join('') +
        texts.map((text, at) => `<a href=/end?${at}>${text}</a>`).join(''),
    };
    for (const path of pages) site[path] = 'here';
    const report = await walk({});
    expect(visited()).to.deep.equal(['/', ...pages].sort());
    expect(report.skipped.excluded).to.equal(waysOut.length + texts.length);
  });

  it('obeys the robots.txt of each host', async () => {
    const hosts = { 'shop.example': address(), 'www.shop.example': address() };
    site['/'] =
      '<a href=/2>2</a><a href=http://www.shop.example/1>1</a><a href=http://www.shop.example/private/x>P</a>';
    site['/robots.txt'] = (_sid, _target, host) => ({
      fields: { 'content-type': 'text/plain' },
      body: host === 'shop.example' ? 'User-agent: *\nDisallow: /private' : 'User-agent: *\nDisallow: /1\nDisallow: /2',
    });
    const report = await crawl({ url: 'http://shop.example/', sameOrigin: false, browser: { connectTo: hosts } });
    expect(report.pages.map(({ url }) => url)).to.deep.equal([
      'http://shop.example/',
      'http://shop.example/2',
      'http://www.shop.example/private/x',
      'http://shop.example/3',
      'http://shop.example/1',
    ]);
    expect(report.skipped.robots).to.equal(1);
    expect(seen.filter((target) => target === '/robots.txt')).to.have.length(2);
  });

  it('asks the site that the start has led to for no rules, nor tells it what opens this one', async () => {
    site['/'] = { status: 302, fields: { location: 'http://foreign.example/1' } };
    const told: string[] = [];
    server.on('request', ({ headers }) => told.push(`${headers.host} ${headers.authorization}`));
    const connectTo = { 'shop.example': address(), 'foreign.example': address() };
    await crawl({ url: 'http://shop.example/', browser: { connectTo, headers: { Authorization: 'Basic x' } } });
    expect(told).to.deep.equal(['shop.example Basic x', 'foreign.example undefined']);
  });

  it('asks a host that is excluded for no rules, nor one to which only a form leads that is not sent', async () => {
    const names = ['shop.example', 'admin.shop.example', 'pay.shop.example'];
    const connectTo = Object.fromEntries(names.map((name) => [name, address()]));
    site['/'] = '<a href=http://admin.shop.example/>A</a><form method=post action=http://pay.shop.example/></form>';
    const asked = new Set<string>();
    server.on('request', ({ headers }) => asked.add(headers.host ?? ''));
    await crawl({ url: 'http://shop.example/', sameOrigin: false, exclude: [/\/admin\./], browser: { connectTo } });
    expect([...asked]).to.deep.equal(['shop.example']);
  });

  it('asks no more hosts for rules than pages', async () => {
    const names = Array.from({ length: 20 }, (_, at) => `user${at}.shop.example`);
    const connectTo = Object.fromEntries(['shop.example', ...names].map((name) => [name, address()]));
    site = { '/': names.map((name) => `<a href=http://${name}/>x</a>`).join('') };
    site['/robots.txt'] = (_sid, _target, host) =>
      host === 'shop.example' ? '' : { body: 'User-agent: *\nDisallow: /' };
    const report = await crawl({ url: 'http://shop.example/', sameOrigin: false, maxPages: 5, browser: { connectTo } });
    expect(seen).to.deep.equal(['/', ...Array(5).fill('/robots.txt')]);
    expect(report.skipped).to.include({ robots: 20, limit: 0 });
    const one = await crawl({ url: 'http://shop.example/', sameOrigin: false, maxPages: 1, browser: { connectTo } });
    expect(one.skipped).to.include({ robots: 0, limit: 20 });
  });

  it('visits other hosts of the site when it may', async () => {
    site['/'] = '<a href=http://www.shop.example/1>1</a>';
    const port = Number(new URL(origin).port);
    const connectTo = { 'shop.example': { host: '127.0.0.1', port }, 'www.shop.example': { host: '127.0.0.1', port } };
    const report = await crawl({ url: 'http://shop.example/', sameOrigin: false, browser: { connectTo } });
    expect(report.pages.map((page) => page.url)).to.include('http://www.shop.example/3');
  });

  for (const [start, to, want] of [
    ['http://shop.example/moved', 'http://www.shop.example/', ['/', '/1', '/2', '/3', '/moved']],
    ['http://shop.example/moved', 'http://foreign.example/', ['/', '/moved']],
  ] as const) {
    it(`a start that redirects to ${to}`, async () => {
      site['/moved'] = { status: 301, fields: { location: to } };
      const connectTo = { 'shop.example': address(), 'www.shop.example': address(), 'foreign.example': address() };
      await crawl({ url: start, browser: { connectTo } });
      expect(visited()).to.deep.equal(want);
    });
  }

  it('asks for frames as such', async () => {
    const asked: unknown[] = [];
    server.on('request', ({ url, headers }) => asked.push([url, headers['sec-fetch-dest'], headers['sec-fetch-user']]));
    site = { '/': '<frameset><frame src=/1></frameset>', '/1': '<iframe src=/2></iframe><a href=/3>3</a>' };
    await walk({ robots: 'ignore', concurrency: 1 });
    expect(asked).to.deep.equal([
      ['/', 'document', '?1'],
      ['/1', 'frame', undefined],
      ['/3', 'document', '?1'],
      ['/2', 'iframe', undefined],
    ]);
  });

  it('sends the Referer that the element allows', async () => {
    const elements = [
      '<a href=/1>1</a>',
      '<a href=/2 rel="nofollow noreferrer">2</a>',
      '<a href=/3 referrerpolicy=no-referrer>3</a>',
      '<iframe src=/4 referrerpolicy=origin></iframe>',
      '<form action=/5 rel=noreferrer></form>',
    ];
    const referers: Array<string | undefined> = [];
    server.on('request', ({ headers }) => referers.push(headers.referer));
    site = { '/': elements.join('') };
    await walk({ robots: 'ignore', concurrency: 1 });
    const home = `${origin}/`;
    expect(referers).to.deep.equal([undefined, home, undefined, undefined, undefined, home]);
  });

  it('submits GET forms with what they hold, unless told not to', async () => {
    site = {
      '/': '<form action=/s><input name=q value=x><select name=o><option>1<option selected>2</select></form>',
      '/s?q=x&o=2': 'found',
    };
    await walk();
    expect(visited()).to.deep.equal(['/', '/s?q=x&o=2']);
    seen = [];
    await walk({ forms: false });
    expect(visited()).to.deep.equal(['/']);
  });

  it('goes on when a page breaks, and tells it', async () => {
    site['/1'] = { fields: { 'content-encoding': 'gzip' }, body: 'broken' };
    const report = await walk();
    expect(report.broken.map((each) => each.url)).to.deep.equal([`${origin}/1`]);
    expect(report.pages.find((page) => page.url === `${origin}/1`)?.session).to.equal('broken');
  });

  it('fails when the first page does', async () => {
    let code = '';
    try {
      await crawl({ url: 'http://127.0.0.1:1/' });
    } catch (error) {
      code = error instanceof SimulatorError ? error.code : String(error);
    }
    expect(code).to.equal('NETWORK');
  });

  it('a session that is new with each page does not run away', async () => {
    let count = 0;
    const page = () => `<a href="/?_sid=n${++count}">Home</a><a href="/1?_sid=n${count}">1</a>`;
    site = { '/': page, '/1': page };
    const report = await walk();
    expect(seen.length).to.be.below(12);
    expect(report.lost.every((edge) => edge.reason === 'expired')).to.equal(true);
    expect(report.lost.length).to.be.above(0);
  });

  it('one page under ever new SIDs is asked for three times: more would tell nothing new', async () => {
    site = { '/': Array.from({ length: 10 }, (_, at) => `<a href="/1?_sid=n${at}">1</a>`).join(''), '/1': 'here' };
    const report = await walk();
    expect(visited()).to.deep.equal(['/', '/1?_sid=n0', '/1?_sid=n1', '/1?_sid=n2']);
    expect(report.skipped.limit).to.equal(7);
  });

  it('a page that had no session is read again when it has one, for then it may lead elsewhere; and only once', async () => {
    site = {
      '/': `<a href=/b>B</a><a href="/b?_sid=s1">B</a><a href="/b?_sid=s2">B</a>`,
      '/b': (sid) => (sid === null ? '<a href=/login>Log in</a>' : `<a href="/account/${sid}?_sid=${sid}">Account</a>`),
      '/login': 'who?',
      '/account/s1': 'ada',
      '/account/s2': 'bob',
    };
    await walk({ concurrency: 1 });
    expect(visited()).to.include.members(['/login', '/account/s1?_sid=s1']);
    expect(visited()).to.not.include('/account/s2?_sid=s2');
  });

  it('tells how far it is', async () => {
    const told: number[] = [];
    await walk({ onProgress: ({ visited: count }) => told.push(count) });
    expect(told).to.deep.equal([2, 3, 4]);
  });
});

describe('simulator crawl: pages that move on by themselves', () => {
  useServer();
  const moving = (url: string, more = '') => `<meta http-equiv=refresh content="0; url=${url}">${more}`;
  const told = ({ lost }: CrawlReport) =>
    lost.map(({ page, kind, reason }) => [page.slice(origin.length), kind, reason]);
  const NOTHING = '<p>no session here</p>';

  it('a refresh without the SID loses the session of the start', async () => {
    site = { '/': moving('/q', '<a href="/p?_sid=s1">p</a>'), '/p': own, '/q': NOTHING, '/other': own };
    const report = await walk();
    expect(told(report)).to.deep.equal([['/', 'refresh', 'unmarked']]);
    expect(report.pages.map((page) => page.url.slice(origin.length))).to.include.members(['/', '/q', '/p']);
  });

  it('so does a Refresh field', async () => {
    site = { '/': { fields: { refresh: '1; url=/q' }, body: own }, '/q': NOTHING, '/other': own };
    expect(told(await walk())).to.deep.equal([['/', 'refresh', 'unmarked']]);
  });

  it('within the site it is the refresh that is blamed, not the way to it', async () => {
    site = { '/': `<a href="/p?_sid=s1">p</a>${own}`, '/p': moving('/q'), '/q': NOTHING, '/other': own };
    expect(told(await walk())).to.deep.equal([['/p', 'refresh', 'unmarked']]);
  });

  it('one with the SID keeps it', async () => {
    site = { '/': `<a href="/p?_sid=s1">p</a>${own}`, '/p': moving('/other?_sid=s1'), '/other': own };
    const report = await walk();
    expect(told(report)).to.deep.equal([]);
    expect(report.counts).to.include({ kept: 4, none: 0 });
  });

  it('a marker is looked for where it leads', async () => {
    site = { '/': moving('/q'), '/q': '<b>Hello ada</b><a href=/p>p</a>', '/p': moving('/r'), '/r': NOTHING };
    const report = await walk({ marker: 'Hello' });
    expect(report.hasSession).to.equal(true);
    expect(told(report)).to.deep.equal([['/p', 'refresh', 'cookie']]);
  });

  it('one is no step of its own, and those without end are steps', async () => {
    site = { '/': moving('/q'), '/q': '<a href=/p>p</a>', '/p': NOTHING };
    expect((await walk({ depth: 0 })).pages.map(({ url }) => url)).to.deep.equal([`${origin}/`, `${origin}/q`]);
    for (let at = 0; at < 30; at++) site[at === 0 ? '/' : `/${at}`] = moving(`/${at + 1}`);
    expect((await walk({ depth: 3 })).pages).to.have.length(5);
  });

  it('the worklist is of both', async () => {
    site = { '/': moving('/q', '<script>go("/a.php")</script>'), '/q': '<script>go("/b.php")</script>' };
    expect((await walk({ lint: true })).lint.map(({ url }) => url)).to.deep.equal(['/a.php', '/b.php']);
  });
});

describe('simulator lint', () => {
  useServer();
  for (const [why, markup, want] of [
    ['marked places say nothing', '<a href=/x>x</a><form action=/y></form><iframe src=/z></iframe>', []],
    ['foreign link', '<a href=http://other.invalid/x>x</a>', ['foreign href http://other.invalid/x']],
    [
      'script literal',
      '<script>\nvar a = "/api/x?y=1", b = "not a path", c = "/";\nfetch(\'page.php?id=\');</script>',
      ['script script /api/x?y=1', 'script script page.php?id='],
    ],
    ['event handler', '<b onclick="location=\'/go\'">x</b>', ['handler onclick /go']],
    ['javascript: link', '<a href="javascript:open(\'/go\')">x</a>', ['script-url href /go']],
    ['data attribute', '<b data-url=/go data-x=1 data-text="a/b or c">x</b>', ['data data-url /go']],
    [
      'subresources',
      '<img src=/i.png srcset="/i2.png 2x"><script src=/s.js></script><link rel=stylesheet href=/c.css>',
      ['subresource src /i.png', 'subresource srcset /i2.png', 'subresource src /s.js', 'subresource href /c.css'],
    ],
    ['foreign subresources are nobody’s', '<img src=http://cdn.invalid/i.png>', []],
    [
      'identity',
      '<link rel=canonical href=/x><meta property=og:url content=/x>',
      ['identity href /x', 'identity content /x'],
    ],
    [
      'styles',
      '<style>b{background:url(/a.png)}</style><b style="background:url(\'/b.png\')">',
      ['style style /a.png', 'style style /b.png'],
    ],
    ['ping', '<a href=/x ping=/p>x</a>', ['subresource ping /p']],
    ['elements called as properties of objects', '<constructor x=1><__proto__ href=/x>', []],
    ['one link that is not marked', '<a href="/x?_sid=1">x</a><a href=/y>y</a>', ['unmarked href /y']],
    [
      'a form with a hidden field is marked',
      '<a href="/x?_sid=1">x</a><form action=/y><input type=hidden name=_sid value=1></form>',
      [],
    ],
    [
      'a refresh that is not marked',
      '<a href="/x?_sid=1">x</a><meta http-equiv=Refresh content="9; url=http://other.invalid/y"><meta http-equiv=refresh content=9>',
      ['foreign content http://other.invalid/y'],
    ],
    ['a marked refresh', '<a href="/x?_sid=1">x</a><meta http-equiv=refresh content="9; url=/y?_sid=1">', []],
    ['fragments and mail say nothing', '<a href="#x">x</a><a href=mailto:a@b>y</a>', []],
  ] as const) {
    it(why, async () => {
      site = { '/': markup };
      const report = await walk({ lint: true, depth: 0 });
      expect(report.lint.map((item) => `${item.reason} ${item.place} ${item.url}`)).to.deep.equal(want);
    });
  }

  it('tells a refresh that carries no SID', async () => {
    site = { '/': '<a href="/x?_sid=1">x</a><meta http-equiv=refresh content="9; url=/y">' };
    const { lint } = await walk({ lint: true, depth: 0 });
    expect(lint.map(({ reason, url }) => [reason, url])).to.deep.equal([['unmarked', `${origin}/y`]]);
  });

  it('is of the page that was asked for, also where a redirect has led to another site', async () => {
    const connectTo = { 'shop.example': address(), 'foreign.example': address() };
    site = { '/': { status: 302, fields: { location: 'http://foreign.example/b' } }, '/b': '<a data-x=/y>x</a>' };
    const { lint } = await crawl({ url: 'http://shop.example/', depth: 0, lint: true, browser: { connectTo } });
    expect(lint.map(({ page, url }) => [page, url])).to.deep.equal([['http://foreign.example/b', '/y']]);
  });

  it('tells the line of a script literal, and counts pages', async () => {
    const page = '<a href=/b>b</a>\n<script>\n\nfetch("/api/x")</script>';
    site = { '/': page, '/b': page };
    const [item] = (await walk({ lint: true })).lint;
    expect(item).to.include({ line: 4, url: '/api/x', pages: 2, reason: 'script' });
  });
});
