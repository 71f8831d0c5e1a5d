/** What is seen of a client: navigation, crawler, cookies, and whether a SID may arrive or be recovered. */
import { expect } from 'chai';
import { list } from 'isbot';
import { CRAWLER_PATTERNS, isCrawler } from '../../../src/client/crawlers.ts';
import { cookieNamesOf, hasRelevantCookie, mayArrive, mayRecover, observeClient } from '../../../src/client/facts.ts';

const OWN = 'http://shop.example';
const flat = (fields: Record<string, string | undefined>): string[] =>
  Object.entries(fields).flatMap(([name, value]) => (value === undefined ? [] : [name, value]));

describe('isCrawler', () => {
  it('knows only patterns that isbot still has', () => {
    expect(CRAWLER_PATTERNS.filter((pattern) => !list.includes(pattern))).to.deep.equal([]);
  });
  const agents: [agent: string, robot: boolean][] = [
    ['Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)', true],
    ['Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)', true],
    ['Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)', true],
    ['Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)', true],
    ['facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)', true],
    ['Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36', false],
    [
      'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/130.0 Safari/537.36',
      false,
    ],
    ['Mozilla/5.0 (compatible; Yeti/1.1; +http://naver.me/spd)', true],
    ['Mozilla/5.0 (compatible; heritrix/3.4.0 +https://library.example.org)', true],
    ['Mozilla/4.0 (compatible; MSIE 6.0)', false],
    ['Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 5.1; http://bsalsa.com; .NET CLR 2.0.50727)', false],
    ['okhttp/4.12.0', false],
    ['Lynx/2.9.0dev.10 libwww-FM/2.14', false],
    ['w3m/0.5.3', false],
    ['Nokia6230/2.0', false],
    ['curl/8.5.0', false],
    ['', false],
    ['bot', false],
    [`${'x'.repeat(100_000)}bot`, false],
  ];
  for (const [agent, robot] of agents) {
    it(`${agent.slice(0, 60)} → ${robot}`, () => expect(isCrawler(agent)).to.equal(robot));
  }
});

describe('cookieNamesOf and hasRelevantCookie', () => {
  it('lists names once, in order, whatever the values', () => {
    expect(cookieNamesOf('a=1; b="x; c=%E0%A4%A; a=2; lone; =v')).to.include.members(['a', 'b', 'c']);
  });
  const policy = (cookies: string[], ignored: string[]) => ({
    ignoreCookies: new Set(ignored),
    session: { cookies: new Set(cookies), mode: 'jar' as const, cookie: null },
  });
  it('takes any cookie by default', () => expect(hasRelevantCookie(['x'], policy([], []))).to.equal(true));
  it('passes over ignored ones', () => expect(hasRelevantCookie(['consent'], policy([], ['consent']))).to.equal(false));
  it('takes only listed ones where there is a list', () =>
    expect(hasRelevantCookie(['x'], policy(['PHPSESSID'], []))).to.equal(false));
  it('takes only the mirrored one in mirror mode', () => {
    const mirror = {
      ...policy([], []),
      session: { cookies: new Set<string>(), mode: 'mirror' as const, cookie: 'PHPSESSID' },
    };
    expect(hasRelevantCookie(['theme'], mirror)).to.equal(false);
    expect(hasRelevantCookie(['theme', 'PHPSESSID'], mirror)).to.equal(true);
    const listed = { ...mirror, session: { ...mirror.session, cookies: new Set(['login']) } };
    expect(hasRelevantCookie(['theme'], listed)).to.equal(false);
    expect(hasRelevantCookie(['PHPSESSID'], listed)).to.equal(true);
    expect(hasRelevantCookie(['login'], listed)).to.equal(true);
  });
  it('takes none for none', () => expect(hasRelevantCookie([], policy([], []))).to.equal(false));
});

describe('observeClient: fields', () => {
  it('are known in any letters, as HTTP/1 clients write them', () => {
    const fields = {
      COOKIE: 'a=1',
      Accept: 'text/html',
      Referer: 'http://shop.example/',
      'User-Agent': 'Lynx/2.9',
      'Sec-Fetch-Site': 'cross-site',
      'Sec-Fetch-Mode': 'navigate',
      'Sec-Fetch-Dest': 'iframe',
      'Sec-Fetch-Storage-Access': 'none',
    };
    const seen = observeClient('GET', flat(fields));
    const lower = Object.fromEntries(Object.entries(fields).map(([name, value]) => [name.toLowerCase(), value]));
    expect(seen).to.deep.equal(observeClient('GET', flat(lower)));
    expect(seen).to.deep.include({ cookieNames: ['a'], userAgent: 'Lynx/2.9', referer: 'http://shop.example/' });
    expect(seen).to.include({ fetchSite: 'cross-site', isStorageBlocked: true, isNavigation: true });
    expect(observeClient('GET', ['Accept', 'text/html']).isNavigation).to.equal(true);
  });
  it('count once, the first time; cookies are put together', () => {
    const twice = (name: string, first: string, second: string) => [name, first, name, second];
    const fields = [...twice('Referer', 'http://a.test/', 'http://b.test/'), ...twice('User-Agent', 'one', 'two')];
    const seen = observeClient('GET', [
      ...fields,
      ...twice('Sec-Fetch-Site', 'none', 'x'),
      ...twice('Cookie', 'a=1', 'b=2'),
    ]);
    expect(seen).to.include({
      referer: 'http://a.test/',
      userAgent: 'one',
      fetchSite: 'none',
      cookieField: 'a=1; b=2',
    });
  });
});

describe('observeClient: navigations', () => {
  const rows: [method: string, fields: Record<string, string>, navigation: boolean][] = [
    ['GET', { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }, true],
    ['GET', { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' }, true],
    ['GET', { 'sec-fetch-mode': 'navigate' }, true],
    ['GET', { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'image', accept: 'text/html' }, false],
    ['GET', { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'empty', accept: 'text/html' }, true],
    ['GET', { 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty', accept: 'text/html' }, false],
    ['GET', { accept: 'text/html,application/xhtml+xml' }, true],
    ['GET', { accept: 'image/*' }, false],
    ['GET', {}, false],
    ['POST', { 'sec-fetch-mode': 'navigate', accept: 'text/html' }, false],
    ['HEAD', { accept: 'text/html' }, true],
  ];
  for (const [method, fields, navigation] of rows) {
    it(`${method} ${JSON.stringify(fields)} → ${navigation}`, () =>
      expect(observeClient(method, flat(fields)).isNavigation).to.equal(navigation));
  }
  it('knows parts of pages from pages', () => {
    const isPart = (fields: Record<string, string>) => observeClient('POST', flat(fields)).isPart;
    expect(isPart({ 'sec-fetch-mode': 'cors' })).to.equal(true);
    expect(isPart({ 'sec-fetch-mode': 'navigate', 'x-requested-with': 'some.app' })).to.equal(false);
    expect(isPart({ 'x-requested-with': 'some.app' }), "Android's WebView").to.equal(false);
    expect(isPart({ 'X-Requested-With': 'XMLHttpRequest' })).to.equal(true);
    expect(isPart({})).to.equal(false);
  });
  it('sees a frame whose storage is withheld', () => {
    const fields = { 'sec-fetch-storage-access': 'none', 'sec-fetch-site': 'same-origin', 'sec-fetch-dest': 'iframe' };
    expect(observeClient('GET', flat(fields))).to.include({ isStorageBlocked: true, isForeignFrame: true });
    const plain = { 'sec-fetch-site': 'cross-site', 'sec-fetch-dest': 'iframe' };
    expect(observeClient('GET', flat(plain))).to.include({ isStorageBlocked: false, isForeignFrame: true });
    const own = { 'sec-fetch-site': 'same-origin', 'sec-fetch-dest': 'iframe' };
    expect(observeClient('GET', flat(own)).isForeignFrame).to.equal(false);
    expect(observeClient('GET', [])).to.include({ isStorageBlocked: false, isForeignFrame: false });
  });
});

describe('the arrival gate', () => {
  const rows: [site: string | undefined, referer: string | undefined, accepted: string[], may: boolean][] = [
    ['same-origin', undefined, [], true],
    ['none', undefined, [], true],
    ['same-origin', 'http://evil.example/x', [], true],
    ['none', 'http://evil.example/x', [], true],
    ['cross-site', undefined, [], false],
    ['cross-site', 'http://evil.example/x', [], false],
    ['cross-site', 'http://lms.example/x', ['http://lms.example'], true],
    ['cross-site', 'http://shop.example/page', [], false],
    // Through a redirect of another host of the site, as above.
    ['same-site', 'http://shop.example/page', [], false],
    ['same-site', 'http://shop.example/page', ['http://sso.shop.example'], true],
    ['same-site', 'http://other.shop.example/x', [], false],
    ['same-site', undefined, [], false],
    [undefined, undefined, [], true],
    [undefined, 'http://shop.example/page', [], true],
    [undefined, 'http://shop.example:81/page', [], false],
    [undefined, 'https://shop.example/page', [], false],
    [undefined, 'http://evil.example/?http://shop.example/', [], false],
    [undefined, 'http://lms.example/x', ['http://lms.example'], true],
    [undefined, 'about:blank', [], false],
  ];
  for (const [site, referer, accepted, may] of rows) {
    it(`${site} from ${referer} (accepted: ${accepted}) → ${may}`, () => {
      const facts = observeClient('GET', flat({ 'sec-fetch-site': site, referer }));
      expect(mayArrive(facts, OWN, { acceptFrom: new Set(accepted), transSidHosts: new Set() })).to.equal(may);
    });
  }
});

describe('the arrival gate of pages that are loaded ahead', () => {
  // Chromium calls them nobody's, whoever's speculation rules ask.
  const rows: [site: string | undefined, referer: string | undefined, accepted: string[], may: boolean][] = [
    [undefined, 'http://shop.example/', [], true],
    ['none', 'http://shop.example/page', [], true],
    // By a redirect of a foreign page: the policy of most pages leaves the origin then.
    ['none', 'http://shop.example/', [], false],
    ['none', 'http://evil.example/x', [], false],
    ['none', 'http://lms.example/x', ['http://lms.example'], true],
    ['none', undefined, [], false],
    ['same-origin', undefined, [], true],
    ['cross-site', 'http://shop.example/page', [], false],
  ];
  for (const [site, referer, accepted, may] of rows) {
    it(`${site} from ${referer} (accepted: ${accepted}) → ${may}`, () => {
      const fields = flat({ 'sec-fetch-site': site, 'sec-purpose': 'prefetch;prerender', referer });
      const gate = { acceptFrom: new Set(accepted), transSidHosts: new Set<string>() };
      expect(mayArrive(observeClient('GET', fields), OWN, gate)).to.equal(may);
    });
  }
});

it('the arrival gate: hosts that share SIDs need not say which of them sends', () => {
  const facts = observeClient('GET', flat({ 'sec-fetch-site': 'same-site' }));
  expect(mayArrive(facts, OWN, { acceptFrom: new Set(), transSidHosts: new Set(['www.shop.example']) })).to.equal(true);
});

describe('recovery from the Referer', () => {
  const rows: [site: string | undefined, referer: string | undefined, may: boolean][] = [
    ['same-origin', 'http://shop.example/a?_sid=1', true],
    [undefined, 'http://shop.example/a?_sid=1', true],
    ['cross-site', 'http://shop.example/a?_sid=1', false],
    ['none', 'http://shop.example/a?_sid=1', false],
    ['same-origin', 'http://evil.example/a?_sid=1', false],
    ['same-origin', undefined, false],
    ['same-origin', 'blob:http://shop.example/a?_sid=1', false],
  ];
  for (const [site, referer, may] of rows) {
    it(`${site} from ${referer} → ${may}`, () => {
      expect(mayRecover(observeClient('GET', flat({ 'sec-fetch-site': site, referer })), OWN)).to.equal(may);
    });
  }

  const speculative: [site: string, purpose: string, referer: string, may: boolean][] = [
    ['none', 'prefetch;prerender', 'http://shop.example/a?_sid=1', true],
    ['none', 'prefetch', 'http://shop.example/a?_sid=1', true],
    ['none', 'prefetch;prerender', 'http://evil.example/a?_sid=1', false],
    ['cross-site', 'prefetch;prerender', 'http://shop.example/a?_sid=1', false],
    ['none', 'prefetched', 'http://shop.example/a?_sid=1', false],
  ];
  for (const [site, purpose, referer, may] of speculative) {
    it(`a page loaded ahead (${purpose}), ${site} from ${referer} → ${may}`, () => {
      const fields = flat({ 'sec-fetch-site': site, 'sec-purpose': purpose, referer });
      expect(mayRecover(observeClient('GET', fields), OWN)).to.equal(may);
    });
  }
});
