/**
 * The demo shop through the proxy: log in, search, fill the cart, pay, log out, with and without frames; no cookie is
 * ever sent. The same client without the proxy shows that the shop gives it nothing for free.
 */
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { createShop } from '../../src/demo/shop.ts';
import { type Page, PageClient } from '../support/page-client.ts';
import { compareTrees } from '../support/page-tree.ts';
import { SID, SID_NAME, startProxy, type TestProxy } from '../support/proxy.ts';

const ORIGIN = 'http://shop.test';

describe('the demo shop', function () {
  this.timeout(30_000);
  let shop: Server;
  let shopPort: number;
  let proxy: TestProxy;
  const clients: PageClient[] = [];

  const client = (port: number, cookies = false): PageClient => {
    const made = new PageClient({ origin: ORIGIN, port, cookies });
    clients.push(made);
    return made;
  };
  const logIn = async (one: PageClient, user: string): Promise<Page> =>
    one.submit(await one.follow(await one.get('/'), 'Log in'), 'login.cgi', { values: { user, password: 'tea' } });
  const pagesSeen = (page: Page) => Number(/This is page (\d+) of your visit/.exec(page.text)?.[1]);

  before(async () => {
    shop = createShop();
    await new Promise<void>((resolve) => shop.listen(0, '127.0.0.1', resolve));
    shopPort = (shop.address() as AddressInfo).port;
    proxy = await startProxy(`http://127.0.0.1:${shopPort}`);
  });
  after(async () => {
    for (const one of clients) one.close();
    await proxy?.close();
    shop.closeAllConnections();
    await new Promise((resolve) => shop.close(resolve));
  });

  it('directly, a client without cookies stays a guest and its cart stays empty', async () => {
    const one = client(shopPort);
    expect((await logIn(one, 'ada')).url).to.include('/login.cgi');
    const cart = await one.submit(await one.get('/product.cgi?id=5'), 'cart.cgi', { button: 'Add' });
    expect(cart.text).to.include('Your cart is empty').and.to.include('page 1 of your visit');
  });

  for (const [how, cookies] of [
    ['directly with cookies', true],
    ['through the proxy without cookies', false],
  ] as const) {
    it(`${how}, a visitor searches, fills the cart, logs in on the way, pays and logs out`, async () => {
      const one = client(cookies ? shopPort : proxy.port, cookies);
      let page = await one.submit(await one.get('/'), 'search.cgi', { values: { q: 'brass kettle' } });
      page = await one.submit(page, 1, { values: { dept: 'Kitchen' } });
      expect(page.text).to.include('Brass Kettle No. 13<');
      page = await one.follow(page, 'Brass Kettle No. 13');
      page = await one.submit(page, 'cart.cgi', { values: { n: '2' }, button: 'Add' });
      expect(page.text).to.include('Cart (2)');
      page = await one.follow(page, 'one less');
      expect(page.text).to.include('Cart (1)');
      page = await one.follow(await one.follow(page, 'Catalogue'), 'Next');
      page = await one.submit(await one.follow(page, /No\. 27$/), 'cart.cgi', { button: 'Add and pay' });
      expect(page.url, 'a guest is asked to log in').to.include('/login.cgi?to=/checkout.cgi');
      page = await one.submit(page, 'login.cgi', { values: { user: 'ada', password: 'tea' } });
      page = await one.submit(page, 'checkout.cgi', { values: { address: '1 Main St & Co' } });
      expect(page.text).to.include('1 Main St &amp; Co');
      page = await one.submit(page, 'checkout.cgi', { button: 'Change the address' });
      page = await one.submit(page, 'checkout.cgi', { values: { address: '2 Main St' } });
      page = await one.submit(page, 'checkout.cgi', { button: 'Buy now' });
      expect(page.byId('order')).to.match(/^13-27\/\d+\.\d\d EUR$/);
      page = await one.follow(page, 'My account');
      expect(page.byId('user')).to.equal('ada');
      expect(pagesSeen(page)).to.equal(one.exchanges.length);
      page = await one.follow(page, 'log out');
      expect(page.text).to.include('Goodbye');
      page = await one.follow(page, 'Home');
      expect(page.text).to.include('You are a guest').and.to.include('page 1 of your visit');
    });
  }

  it('a frameset keeps the session in each frame and in what is opened from them', async () => {
    const one = client(proxy.port);
    const top = await one.follow(await logIn(one, 'bob'), 'With frames');
    expect(top.links.map((link) => link.element)).to.deep.equal(['frame', 'frame', 'frame']);
    const frames = await Promise.all(top.links.map((link) => one.follow(top, link.reference)));
    for (const frame of frames) expect(frame.text, frame.url).to.include('bob');
    const [menu, main] = frames as [Page, Page, Page];
    const cart = await one.submit(await one.follow(main, /No\. 3$/), 'cart.cgi', { button: 'Add' });
    expect(cart.text).to.include('Cart (1)');
    expect((await one.follow(menu, 'Cart')).text, 'opened from the menu frame')
      .to.include('Cart (1)')
      .and.to.include('bob');
  });

  it('links of every kind keep the session', async () => {
    const one = client(proxy.port);
    let home = await logIn(one, 'cy');
    home = await one.follow(home, 'Home');
    for (const link of home.links) {
      if (link.url === null || new URL(link.url).origin !== ORIGIN || link.reference.startsWith('#')) continue;
      if (/logout|contact|frames/.test(link.url)) continue;
      expect((await one.follow(home, link.reference)).text, link.reference).to.match(/\bcy\b/);
    }
    const news = await one.follow(home, 'News');
    const next = /CONTENT="1; URL=([^"]+)"/.exec(news.text)?.[1]?.replaceAll('&amp;', '&') ?? 'no refresh';
    expect(next).to.match(SID);
    expect((await one.get(next)).text).to.include('cy');
    expect(new URL((await one.follow(home, 'Specials')).url).pathname).to.equal('/product.cgi');
    const contact = await one.follow(home, 'Contact');
    expect((await one.follow(contact, 'To the catalogue')).text, 'past a static page with a base').to.include('cy');
  });

  it('to a parser, each page differs from the direct one in marked URLs and our fields only', async () => {
    const direct = client(shopPort, true);
    const marked = client(proxy.port);
    let [one, two] = [await logIn(direct, 'dee'), await logIn(marked, 'dee')];
    let count = 0;
    for (const path of [
      'Home',
      'Catalogue',
      'Next',
      'Next',
      /No\. 53$/,
      'More like this',
      'Cart \\(0\\)',
      'Home',
      'News',
    ]) {
      const wanted = typeof path === 'string' ? new RegExp(`^${path}$`) : path;
      [one, two] = [await direct.follow(one, wanted), await marked.follow(two, wanted)];
      const seen = compareTrees(one.text, two.text, { pageUrl: two.url, sidName: SID_NAME });
      expect(seen, one.url).to.deep.include({ differences: [], missed: [], leaked: [] });
      count += seen.marked.length;
    }
    expect(count).to.be.greaterThan(100);
  });

  it('a cookie that outlives the login outlives it here too', async () => {
    const one = client(proxy.port);
    const green = await one.follow(await logIn(one, 'eve').then((page) => one.follow(page, 'Home')), 'Green pages');
    expect(green.text).to.include('BGCOLOR=#EEFFEE').and.to.include('eve');
    const goodbye = await one.follow(green, 'Log out');
    const home = await one.follow(goodbye, 'Home');
    expect(home.text).to.include('BGCOLOR=#EEFFEE').and.to.include('You are a guest');
  });

  it('twenty clients at once each see themselves and nobody else', async () => {
    const users = Array.from({ length: 20 }, (_, number) => `user${number}x`);
    const strangers = await Promise.all(
      users.map(async (user, number) => {
        const one = client(proxy.port);
        let page = await logIn(one, user);
        const seen = new Set<string>();
        for (let step = 0; step < 8; step++) {
          page = await one.follow(page, ['Home', 'Catalogue', 'My account', /^Cart/][(step + number) % 4] ?? 'Home');
          for (const [name] of page.text.matchAll(/user\d+x/g)) seen.add(name);
          if (!page.text.includes(user)) seen.add('nobody');
        }
        return [...seen].filter((name) => name !== user);
      }),
    );
    expect(strangers.flat()).to.deep.equal([]);
  });

  it('an anonymous static page passes untouched', async () => {
    const [one, two] = await Promise.all(
      [client(shopPort), client(proxy.port)].map((each) => each.get('/contact.html')),
    );
    expect(two?.body.equals(one?.body ?? Buffer.alloc(0))).to.equal(true);
    expect(two?.fields['cache-control']).to.equal('max-age=3600');
    expect(two?.fields).to.not.have.any.keys('set-cookie', 'vary', 'referrer-policy');
  });

  it('has more than a thousand different pages to crawl', async () => {
    const one = client(shopPort);
    const seen = new Set<string>();
    for (let id = 1; id <= 1200; id++) {
      const target = id % 2 === 0 ? `/goods/${String(id).padStart(4, '0')}.html` : `/product.cgi?id=${id}`;
      const { status, body } = await one.exchange('GET', target);
      expect(status).to.equal(200);
      seen.add(body.toString());
    }
    expect(seen.size).to.equal(1200);
  });
});
