/**
 * A client that takes cookies sees nothing of the proxy after its first page, and sheds a SID that it brings.
 */
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { type Exchange, type Page, PageClient } from '../support/page-client.ts';
import { type PhpServer, startPhpServer } from '../support/php-server.ts';
import { SID, startProxy, type TestProxy } from '../support/proxy.ts';

const ROOT = fileURLToPath(new URL('../apps/php-shop', import.meta.url));
/** Of one connection or of the moment, not of the page; Via and X-Request-Id are the proxy's own. */
const HOP_OR_MOMENT = /^(connection|keep-alive|transfer-encoding|content-length|date|via|x-request-id)$/i;

describe('a client with cookies [needs php]', () => {
  let php: PhpServer;
  let proxy: TestProxy;
  const clients: PageClient[] = [];

  const client = (port: number, cookies: boolean, fields: Record<string, string> = {}): PageClient => {
    const made = new PageClient({ origin: 'http://app.test', port, cookies, fields });
    clients.push(made);
    return made;
  };
  /** Past the first page, where nothing was known of the client yet. */
  const settled = async (port: number): Promise<[PageClient, Page]> => {
    const one = client(port, true);
    await one.get('/index.php');
    const page = await one.submit(await one.get('/login.php'), 0, { values: { user: 'ada', password: 'tea' } });
    return [one, page];
  };
  const fieldsOf = ({ rawFields }: Exchange): string[] => {
    const kept: string[] = [];
    for (let i = 0; i < rawFields.length; i += 2) {
      if (!HOP_OR_MOMENT.test(rawFields[i] ?? '')) kept.push(`${rawFields[i]}: ${rawFields[i + 1]}`);
    }
    return kept.sort();
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

  it('gets the pages and fields that it would get directly, byte for byte', async () => {
    const [[direct, one], [proxied, two]] = await Promise.all([settled(php.port), settled(proxy.port)]);
    expect(two.text).to.equal(one.text);
    expect(two.byId('user')).to.equal('ada');
    for (const [method, target, body] of [
      ['GET', '/index.php', null],
      ['GET', '/search.php?q=a%20b&&c=%zz;d', null],
      ['HEAD', '/index.php', null],
      ['GET', '/jump.php?to=order', null],
      ['POST', '/order.php', 'item=1'],
      ['GET', '/frame.php', null],
      ['GET', '/goodbye.php', null],
      ['GET', '/missing.php', null],
      ['GET', '/account.php', null],
    ] as const) {
      const bytes = body === null ? null : { type: 'application/x-www-form-urlencoded', bytes: Buffer.from(body) };
      const [near, far] = await Promise.all([
        direct.exchange(method, target, bytes),
        proxied.exchange(method, target, bytes),
      ]);
      expect(far.status, target).to.equal(near.status);
      expect(far.body.toString('latin1'), target).to.equal(near.body.toString('latin1'));
      expect(fieldsOf(far), target).to.deep.equal(fieldsOf(near));
    }
  });

  it('is told the cookie on its first page, and links of that page lead to clean ones', async () => {
    const one = client(proxy.port, true);
    const first = await one.get('/index.php');
    expect(one.cookieNames).to.deep.equal(['PHPSESSID']);
    const second = await one.follow(first, 'search');
    expect(second.url).to.not.match(SID);
    expect(second.byId('pages'), 'it is the same session').to.equal('2');
    expect(second.text).to.not.match(SID);
  });

  it('that opens a bookmark with a SID is sent to the clean address once', async () => {
    const [one] = await settled(proxy.port);
    const cookieless = client(proxy.port, false);
    const sid = SID.exec((await cookieless.follow(await cookieless.get('/index.php'), 'home')).url)?.[1] ?? '';
    expect(sid).to.have.length(26);
    for (const bookmark of [`/search.php?q=1&_sid=${sid}&sort=2`, `/search.php?q=1&_sid=${'0'.repeat(26)}&sort=2`]) {
      const before = one.exchanges.length;
      const page = await one.get(bookmark);
      const hops = one.exchanges.slice(before).map(({ status, url }) => `${status} ${url.replace(sid, 'SID')}`);
      expect(page.url, hops.join('\n')).to.equal('http://app.test/search.php?q=1&sort=2');
      expect(page.byId('user')).to.equal('ada');
      expect(page.text).to.not.match(SID);
      expect(hops.length).to.be.at.most(2);
      if (hops.length === 2) expect(one.exchanges[before]?.status).to.equal(303);
    }
  });

  it('that brings a SID with a POST is served at once, unmarked', async () => {
    const one = client(proxy.port, true);
    const first = await one.get('/login.php');
    expect(first.forms[0]?.url).to.match(SID);
    const page = await one.submit(first, 0, { values: { user: 'bob', password: 'tea' } });
    expect(one.exchanges[1]?.status, 'the answer of the application itself').to.equal(302);
    expect(page.byId('user')).to.equal('bob');
    expect(page.url).to.not.match(SID);
  });

  it('that is a crawler never gets a SID and is sent away from one for good', async () => {
    const robot = client(proxy.port, false, {
      'user-agent': 'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)',
    });
    const page = await robot.get('/index.php');
    expect(page.status).to.equal(200);
    expect(page.text).to.not.match(SID);
    const sent = await robot.exchange('GET', `/search.php?q=1&_sid=${'a'.repeat(26)}`);
    expect(sent.status).to.equal(301);
    expect(sent.reason, 'redirects of our own have a reason phrase, too').to.equal('Moved Permanently');
    expect(new URL(sent.fields.location ?? '', 'http://app.test').href).to.equal('http://app.test/search.php?q=1');
    expect(sent.fields.vary, 'a cache must not give it to people').to.equal('User-Agent');
  });
});
