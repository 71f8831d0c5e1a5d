/**
 * The main job with the real thing: a PHP application whose sessions are by cookie only, and a client that never sends
 * one. Directly it is a new guest on every page; through the proxy it logs in and stays so.
 */
import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { type Page, PageClient } from '../support/page-client.ts';
import { type PhpServer, startPhpServer } from '../support/php-server.ts';
import { SID, startProxy, type TestProxy } from '../support/proxy.ts';

const ROOT = fileURLToPath(new URL('../apps/php-shop', import.meta.url));
const ORIGIN = 'http://app.test';

describe('a PHP application with sessions by cookie only [needs php]', function () {
  this.timeout(30_000);
  let php: PhpServer;
  let proxy: TestProxy;
  const clients: PageClient[] = [];

  const client = (port: number, cookies = false): PageClient => {
    const made = new PageClient({ origin: ORIGIN, port, cookies });
    clients.push(made);
    return made;
  };
  const logIn = async (one: PageClient, user: string) => {
    const page = await one.follow(await one.get('/index.php'), 'log in');
    return one.submit(page, 0, { values: { user, password: 'tea' } });
  };

  before(async () => {
    php = await startPhpServer({ root: ROOT });
    proxy = await startProxy(php.origin);
  });
  after(async () => {
    for (const one of clients) one.close();
    await proxy?.close();
    await php?.stop();
  });

  it('directly, a client without cookies is not logged in after the login form', async () => {
    const page = await logIn(client(php.port), 'ada');
    expect(new URL(page.url).pathname).to.equal('/login.php');
    expect(page.byId('user')).to.equal(null);
    expect(page.byId('pages')).to.equal('1');
  });

  it('directly, a client with cookies is logged in: the application itself works', async () => {
    const page = await logIn(client(php.port, true), 'ada');
    expect(page.byId('user')).to.equal('ada');
  });

  it('through the proxy, a client without cookies logs in and stays logged in over 10 steps', async () => {
    const one = client(proxy.port);
    let page = await logIn(one, 'ada');
    expect(new URL(page.url).pathname).to.equal('/account.php');
    expect(page.byId('cookies')).to.equal('PHPSESSID remember');
    let seen = Number(page.byId('pages'));
    const steps: [why: string, go: (page: Page) => Promise<Page>, loads: number][] = [
      ['a link', (page) => one.follow(page, 'home'), 1],
      ['a link that is a query', (page) => one.follow(page, 'again'), 1],
      ['a redirect', (page) => one.follow(page, 'jump'), 2],
      ['a multipart POST form', (page) => one.submit(page, 'order.php', { values: { item: 'tea' } }), 2],
      ['a single-quoted link with &amp;', (page) => one.follow(page, 'search'), 1],
      ['a GET form', (page) => one.submit(page, 'search.php', { values: { q: 'tea & co' } }), 1],
      ['an unquoted link', (page) => one.follow(page, 'order'), 1],
      ['another POST', (page) => one.submit(page, 'order.php'), 2],
      ['back home', (page) => one.follow(page, 'home'), 1],
      ['a frame', (page) => one.follow(page, /^frame\.php/), 1],
      ['the account', (page) => one.follow(page, 'account'), 1],
    ];
    for (const [why, go, loads] of steps) {
      page = await go(page);
      expect(page.byId('user'), why).to.equal('ada');
      seen += loads;
      expect(page.byId('pages'), `${why}: pages of one session`).to.equal(String(seen));
    }
    expect(page.byId('orders')).to.equal('2 orders');
    for (const { requestFields, fields, url } of one.exchanges) {
      expect(requestFields, url).to.not.have.property('cookie');
      // The very first answer goes to a client of which nothing is known yet: it gets the cookie too.
      if (SID.test(url)) expect(fields, url).to.not.have.property('set-cookie');
    }
  });

  it('the GET form reaches the application with its own parameters only', async () => {
    const one = client(proxy.port);
    const page = await one.follow(await logIn(one, 'bob'), 'search');
    const found = await one.submit(page, 'search.php', { values: { q: 'tea & co' } });
    expect(found.byId('query')).to.equal('q,sort');
    expect(found.byId('found')).to.equal('tea & co found by bob');
    expect(found.url).to.match(SID);
  });

  it('an upload reaches the application as it was sent', async () => {
    const one = client(proxy.port);
    const note = Buffer.alloc(1_500_000, 'PHPSESSID=_sid=\r\n--boundary');
    const page = await one.submit(await one.follow(await logIn(one, 'cy'), 'order'), 'order.php', { files: { note } });
    expect(page.byId('last')).to.equal(`item  ${note.length} ${createHash('md5').update(note).digest('hex')}`);
  });

  it('the application sees the SID neither in the target nor in the Referer', async () => {
    const one = client(proxy.port);
    const page = await logIn(one, 'dee');
    const sid = SID.exec(page.url)?.[1] ?? 'none';
    const echo = await one.exchange('GET', `/echo.php?a=1&_sid=${sid}&b=2`, null, { referer: page.url });
    expect(JSON.parse(echo.body.toString())).to.deep.equal({
      target: '/echo.php?a=1&b=2',
      referer: `${ORIGIN}/account.php`,
      cookies: ['PHPSESSID', 'remember'],
    });
  });

  it('after logout the old addresses show nobody', async () => {
    const one = client(proxy.port);
    const inside = await logIn(one, 'eve');
    expect(inside.byId('user')).to.equal('eve');
    const goodbye = await one.follow(inside, 'log out');
    expect(goodbye.text).to.include('Goodbye');
    expect(goodbye.text, 'links stop carrying the SID').to.not.match(SID);
    const again = await one.get(inside.url);
    expect(new URL(again.url).pathname).to.equal('/login.php');
    expect(again.byId('user')).to.equal(null);
  });

  it('a login gives the session a new SID, and the one from before it is worth nothing', async () => {
    const one = client(proxy.port);
    const guest = await one.follow(await one.get('/index.php'), 'log in');
    const inside = await one.submit(guest, 0, { values: { user: 'fay', password: 'tea' } });
    const [before, after] = [SID.exec(guest.url)?.[1], SID.exec(inside.url)?.[1]];
    expect(before).to.be.a('string');
    expect(after).to.be.a('string').and.not.equal(before);
    const thief = await client(proxy.port).get(`/account.php?_sid=${before}`);
    expect(thief.byId('user')).to.equal(null);
  });

  it('two clients at once never see each other', async () => {
    const users = ['gil', 'hal'];
    const names = await Promise.all(
      users.map(async (user) => {
        const one = client(proxy.port);
        let page = await logIn(one, user);
        const seen = [page.byId('user')];
        for (let step = 0; step < 12; step++) {
          page = await one.follow(page, ['home', 'search', 'order', 'account'][step % 4] ?? 'home');
          seen.push(page.byId('user'));
        }
        return [...new Set(seen)];
      }),
    );
    expect(names).to.deep.equal([['gil'], ['hal']]);
  });
});
