/** The pure pieces of the simulator in tables: jar (against a second one), selectors, SIDs in URLs, referrers, robots. */
import { expect } from 'chai';
import { CookieJar as Witness } from 'tough-cookie';
import { encodeText } from '../../../src/simulator/charset.ts';
import { SimulatorError, suggest } from '../../../src/simulator/fault.ts';
import { CookieJar, readCookieDate } from '../../../src/simulator/jar.ts';
import { parsePage } from '../../../src/simulator/page.ts';
import { asPolicy, policyOfField, referrerFor } from '../../../src/simulator/referrer.ts';
import { parseRobots } from '../../../src/simulator/robots.ts';
import { compileSelector } from '../../../src/simulator/select.ts';
import { SID_NAMES, sidOf, withoutSid } from '../../../src/simulator/sid.ts';
import { relation } from '../../../src/simulator/site.ts';
import { attribute } from '../../../src/simulator/tree.ts';

const NOW_MS = Date.UTC(2026, 0, 1);

const NAMES = [...SID_NAMES, 'session-id'];

describe('simulator jar', () => {
  const own = (url: string, more: { isSameSite?: boolean; isTopLevel?: boolean; isSafe?: boolean } = {}) => ({
    url,
    isThirdParty: false,
    isSameSite: true,
    isTopLevel: true,
    isSafe: true,
    ...more,
  });

  const set = 'https://www.shop.example/dir/page';
  for (const [line, get] of [
    ['a=1', set],
    ['a=1', 'https://www.shop.example/'],
    ['a=1', 'https://www.shop.example/dir/other'],
    ['a=1; Path=/', 'https://www.shop.example/'],
    ['a=1; Path=/dir', 'https://www.shop.example/directory'],
    ['a=1; Path=/dir/', 'https://www.shop.example/dir'],
    ['a=1; Path=relative', 'https://www.shop.example/dir/x'],
    ['a=1; Domain=shop.example; Path=/', 'https://shop.example/'],
    ['a=1; Domain=.shop.example; Path=/', 'https://api.shop.example/'],
    ['a=1; Domain=other.example; Path=/', 'https://other.example/'],
    ['a=1; Domain=example; Path=/', 'https://www.shop.example/'],
    ['a=1; Domain=api.shop.example; Path=/', 'https://api.shop.example/'],
    ['a=1; Path=/', 'https://shop.example/'],
    ['a=1; Secure; Path=/', 'https://www.shop.example/'],
    ['a=1; Secure; Path=/', 'http://www.shop.example/'],
    ['a=1; Max-Age=0; Path=/', set],
    ['a=1; Max-Age=-1; Path=/', set],
    ['a=1; Max-Age=60; Path=/', set],
    ['a=1; Max-Age=x; Path=/', set],
    ['a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/', set],
    ['a=1; Expires=Thu, 01-Jan-70 00:00:00 GMT; Path=/', set],
    ['a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=60; Path=/', set],
    ['a=1; Expires=nonsense; Path=/', set],
    ['a="quoted; Path=/', set],
    ['a=1=2; Path=/', set],
    ['a = 1 ; Path=/', set],
    ['a=; Path=/', set],
    ['=1', set],
    ['\ta\t=\t1\t;\tPath\t=\t/\t', 'https://www.shop.example/'],
    ['__Secure-a=1; Path=/', set],
    ['__Host-a=1; Secure; Path=/', set],
    ['__Host-a=1; Secure; Path=/dir', set],
    ['__Host-a=1; Secure; Path=/; Domain=shop.example', set],
  ] as const) {
    it(`${line} → ${get}`, () => {
      const jar = new CookieJar('on');
      jar.store([line], own(set));
      const witness = new Witness(undefined, { prefixSecurity: 'silent', looseMode: false });
      witness.setCookieSync(line, set, { ignoreError: true });
      const wanted = witness.getCookieStringSync(get);
      // The second jar ignores a cookie without a name, which browsers keep since RFC 6265bis §5.7.
      expect(jar.header(own(get)) ?? '').to.equal(line === '=1' ? '1' : wanted);
    });
  }

  for (const [why, line, sent] of [
    ['keeps the last byte of a letter in UTF-8', 'a=voil\xc3\xa0; Path=/', 'a=voil\xc3\xa0'],
    ['keeps a no-break space', 'a=\xa0; Path=/', 'a=\xa0'],
    ['takes no value for a name that promises something', '=__Host-a=1; Path=/', null],
    ['nor a value alone', '__secure-a; Path=/', null],
    ['takes no partitioned cookie that is not Secure', 'a=1; Partitioned; Path=/', null],
    ['takes one that is', 'a=1; Partitioned; Secure; Path=/', 'a=1'],
  ] as const) {
    it(why, () => {
      const jar = new CookieJar('on');
      jar.store([line], own(set));
      expect(jar.header(own(set))).to.equal(sent);
    });
  }

  for (const [why, line, context, sent] of [
    ['Lax: not in a cross-site POST', 'a=1; SameSite=Lax', { isSameSite: false, isSafe: false }, null],
    ['Lax by default: in one of the first two minutes', 'a=1', { isSameSite: false, isSafe: false }, 'a=1'],
    ['Lax: in a cross-site navigation', 'a=1; SameSite=Lax', { isSameSite: false }, 'a=1'],
    ['Lax by default: not in a frame', 'a=1', { isSameSite: false, isTopLevel: false }, null],
    ['Strict: not even in a navigation', 'a=1; SameSite=Strict', { isSameSite: false }, null],
    ['None needs Secure', 'a=1; SameSite=None', {}, null],
    ['None: everywhere', 'a=1; SameSite=None; Secure', { isSameSite: false, isTopLevel: false, isSafe: false }, 'a=1'],
  ] as const) {
    it(why, () => {
      const jar = new CookieJar('on', () => NOW_MS);
      jar.store([line], own(set));
      expect(jar.header(own(set, context))).to.equal(sent);
    });
  }

  it('Lax by default is Lax after two minutes', () => {
    let nowMs = NOW_MS;
    const jar = new CookieJar('on', () => nowMs);
    jar.store(['a=1'], own(set));
    nowMs += 120_000;
    expect(jar.header(own(set, { isSameSite: false, isSafe: false }))).to.equal(null);
  });

  it('sends longer paths first, then older cookies', () => {
    let nowMs = NOW_MS;
    const jar = new CookieJar('on', () => nowMs++);
    jar.store(['a=1; Path=/', 'b=2; Path=/dir', 'c=3; Path=/', 'a=4; Path=/'], own(set));
    expect(jar.header(own(set))).to.equal('b=2; a=4; c=3');
  });

  it('forgets a cookie when its time has come', () => {
    let nowMs = NOW_MS;
    const jar = new CookieJar('on', () => nowMs);
    jar.store(['a=1; Max-Age=10; Path=/'], own(set));
    nowMs += 9_999;
    expect(jar.header(own(set))).to.equal('a=1');
    nowMs += 1;
    expect(jar.list()).to.deep.equal([]);
  });

  it('keeps 1000 cookies: with more the oldest go, so that a site which sets ever new ones fills no memory', () => {
    const jar = new CookieJar('on');
    const lines = Array.from({ length: 1003 }, (_, at) => `c${at}=1; Path=/`);
    jar.store(lines.slice(0, 900), own(set));
    jar.store(lines.slice(900), own(set));
    const names = jar.list().map(({ name }) => name);
    expect([names.length, names[0], names.at(-1)]).to.deep.equal([1000, 'c3', 'c1002']);
  });

  for (const [text, want] of [
    ['Wed, 21 Oct 2026 07:28:00 GMT', Date.UTC(2026, 9, 21, 7, 28)],
    ['Wednesday, 21-Oct-26 07:28:00 GMT', Date.UTC(2026, 9, 21, 7, 28)],
    ['Wed Oct 21 07:28:00 2026', Date.UTC(2026, 9, 21, 7, 28)],
    ['21 Oct 1969 7:8:9', Date.UTC(1969, 9, 21, 7, 8, 9)],
    ['21 Oct 70 00:00:00', Date.UTC(1970, 9, 21)],
    ['21 Oct 69 00:00:00', Date.UTC(2069, 9, 21)],
    ['21 Oct 2026', null],
    ['32 Oct 2026 00:00:00', null],
    ['31 Feb 2026 00:00:00', null],
    ['21 Oct 2026 24:00:00', null],
    ['', null],
  ] as const) {
    it(`date ${JSON.stringify(text)}`, () => expect(readCookieDate(text)).to.equal(want));
  }
});

describe('simulator selectors', () => {
  const page = parsePage(
    `<!doctype html><body><div id=a class="x y"><p data-k="v 1" lang=en-GB>One</p><p>Two</p><a href="/in">A</a></div>
     <ul><li>1</li><li class=x>2</li><li>3</li></ul><input type=checkbox checked name=c><span id="odd:id">s</span></body>`,
    { url: 'http://x/', scripting: false },
  );
  for (const [selector, want] of [
    ['p', ['p', 'p']],
    ['#a', ['div']],
    ['.x.y', ['div']],
    ['div.x > p', ['p', 'p']],
    ['body p', ['p', 'p']],
    ['ul > p', []],
    ['p + p', ['p']],
    ['p ~ a', ['a']],
    ['[data-k]', ['p']],
    ['[data-k="v 1"]', ['p']],
    ["[data-k~='v']", ['p']],
    ['[lang|=en]', ['p']],
    ['[href^="/"]', ['a']],
    ['[href$=n]', ['a']],
    ['[href*="i"]', ['a']],
    ['[DATA-K="V 1" i]', ['p']],
    ['li:nth-child(2)', ['li']],
    ['li:first-child, li:last-child', ['li', 'li']],
    ['li:not(.x)', ['li', 'li']],
    ['input:checked', ['input']],
    ['li:contains("3")', ['li']],
    ['#odd\\:id', ['span']],
    ['ul *', ['li', 'li', 'li']],
    ['DIV#a', ['div']],
  ] as const) {
    it(selector, () => {
      const test = compileSelector(selector);
      expect([...page.elements()].filter(test).map((element) => element.tagName)).to.deep.equal(want);
    });
  }
  for (const selector of ['', 'p >', '[a', 'p::before', ':hover', 'p,,a', 'a:not(', '#', 'p)']) {
    it(`cannot read ${JSON.stringify(selector)}`, () => {
      expect(() => compileSelector(selector))
        .to.throw(SimulatorError)
        .with.property('code', 'BAD_SELECTOR');
    });
  }
});

describe('simulator form owners', () => {
  for (const [why, markup, want] of [
    ['an ancestor', '<form id=f><input name=a></form><input name=b>', ['a:f', 'b:']],
    ['form=', '<form id=f></form><form id=g><input name=a form=f><input name=b></form>', ['a:f', 'b:g']],
    ['form= of no form', '<form id=f><input name=a form=x></form><p id=x>', ['a:']],
    [
      'a form cut short by a table',
      '<table><tr><form id=f><td><input name=a></td></form></tr></table><input name=b>',
      ['a:f', 'b:'],
    ],
    [
      'a second form within the first is none',
      '<form id=f><form id=g><input name=a></form><input name=b>',
      ['a:f', 'b:'],
    ],
    ['an image button', '<form id=f><p><input type=image name=a></form>', ['a:f']],
  ] as const) {
    it(why, () => {
      const page = parsePage(`<!doctype html>${markup}`, { url: 'http://x/', scripting: false });
      const inputs = [...page.elements()].filter((element) => element.tagName === 'input');
      const told = inputs.map((input) => {
        const owner = page.formOwner(input);
        return `${attribute(input, 'name')}:${owner === null ? '' : attribute(owner, 'id')}`;
      });
      expect(told).to.deep.equal(want);
    });
  }
});

describe('simulator SIDs in URLs', () => {
  for (const [url, sid, clean] of [
    ['http://x/a?_sid=1&b=2#f', '1', 'http://x/a?b=2'],
    ['http://x/a?b=2&PHPSESSID=1', '1', 'http://x/a?b=2'],
    ['http://x/a?_sid=1', '1', 'http://x/a'],
    ['http://x/a;jsessionid=1?b=2', '1', 'http://x/a?b=2'],
    ['http://x/a;jsessionid=1/b;c=2', '1', 'http://x/a/b;c=2'],
    ['http://x/(_sid-1)/a?b', '1', 'http://x/a?b'],
    ['http://x/app/(S(1))/a', '1', 'http://x/app/a'],
    ['http://x/(_sid-a-b)/a', 'a-b', 'http://x/a'],
    ['http://x/(session-id-2)/a', '2', 'http://x/a'],
    ['http://x/(-2)/a', null, 'http://x/(-2)/a'],
    ['http://x/(_sid-)/a', null, 'http://x/(_sid-)/a'],
    ['http://x/(other-1)/a', null, 'http://x/(other-1)/a'],
    ['http://x/a?_sid=', null, 'http://x/a'],
    ['http://x/a?b=2;_sid=1&c=3;d', '1', 'http://x/a?b=2&c=3;d'],
    ['http://x/a?_sid=1;b=2', '1', 'http://x/a?b=2'],
    ['http://x/a?&b=2&&c=3&_sid=1', '1', 'http://x/a?&b=2&&c=3'],
    ['http://x/a;jsessionid=1;_sid=2?b', '2', 'http://x/a?b'],
    ['http://x/(_sid-2)/a;jsessionid=1', '2', 'http://x/a'],
    ['http://x/(S(1))/a;session-id=2', '2', 'http://x/a'],
    ['http://x/a;_sid=2?jsessionid=1', '2', 'http://x/a'],
    ['http://x/a?my_sid=1', null, 'http://x/a?my_sid=1'],
    ['http://x/_sid=1', null, 'http://x/_sid=1'],
    ['http://x/a?b=?_sid', null, 'http://x/a?b=?_sid'],
    ['http://x/', null, 'http://x/'],
  ] as const) {
    it(url, () => expect([sidOf(url, NAMES), withoutSid(url, NAMES)]).to.deep.equal([sid, clean]));
  }
});

describe('simulator referrers and sites', () => {
  const cases = [
    ['http://localhost/a?b', 'http://localhost/c', 'same'],
    ['http://localhost/a?b', 'http://y.example/c', 'other'],
    ['https://x.example/a?b', 'http://y.example/c', 'downgrade'],
  ] as const;
  const wanted = {
    'no-referrer': [null, null, null],
    'no-referrer-when-downgrade': ['full', 'full', null],
    'same-origin': ['full', null, null],
    origin: ['origin', 'origin', 'origin'],
    'strict-origin': ['origin', 'origin', null],
    'origin-when-cross-origin': ['full', 'origin', 'origin'],
    'strict-origin-when-cross-origin': ['full', 'origin', null],
    'unsafe-url': ['full', 'full', 'full'],
  } as const;
  for (const [policy, wants] of Object.entries(wanted)) {
    it(policy, () => {
      const told = cases.map(([from, to]) => {
        const referrer = referrerFor(`${from}#frag`, to, asPolicy(policy)!);
        return referrer === null
          ? null
          : referrer === from
            ? 'full'
            : referrer === `${new URL(from).origin}/`
              ? 'origin'
              : referrer;
      });
      expect(told).to.deep.equal(wants);
    });
  }
  it('strips user and password, cuts what is too long, and is none for what is no page of the web', () => {
    expect(referrerFor('http://u:p@x/a#b', 'http://x/', 'unsafe-url')).to.equal('http://x/a');
    expect(referrerFor(`http://x/${'a'.repeat(5000)}`, 'http://x/', 'unsafe-url')).to.equal('http://x/');
    expect(referrerFor('about:srcdoc', 'http://x/', 'unsafe-url')).to.equal(null);
    expect(policyOfField('origin, never-heard')).to.equal('origin');
    // The old words are of markup alone, where no blank is taken away.
    expect([policyOfField('never'), policyOfField(' Origin ')]).to.deep.equal([null, 'origin']);
    expect([asPolicy('never'), asPolicy(' origin ')]).to.deep.equal(['no-referrer', null]);
    expect([policyOfField('constructor'), asPolicy('__proto__')]).to.deep.equal([null, null]);
  });

  it('keeps the policy of a meta that it knows', () => {
    const markup = '<meta name=referrer content=No-Referrer><meta name=referrer content=bogus>';
    expect(parsePage(markup, { url: 'http://x/', scripting: false }).referrerPolicy).to.equal('no-referrer');
  });

  for (const [from, to, want] of [
    ['http://x.example/', 'http://x.example/a', 'same-origin'],
    ['http://x.example/', 'http://x.example:8080/', 'same-site'],
    ['http://a.x.example/', 'http://b.x.example/', 'same-site'],
    ['http://x.example/', 'https://x.example/', 'cross-site'],
    ['http://a.co.uk/', 'http://b.co.uk/', 'cross-site'],
    ['http://127.0.0.1/', 'http://127.0.0.2/', 'cross-site'],
    ['about:blank', 'about:blank', 'cross-site'],
  ] as const) {
    it(`${from} and ${to}: ${want}`, () => expect(relation(from, to)).to.equal(want));
  }
});

describe('simulator robots.txt', () => {
  const rules = parseRobots(`# all
User-agent: *
User-agent: other
Disallow: /private # not this
Allow: /private/open
Disallow: /*.pdf$
Disallow: /a*b*c
Disallow: /exact$
Disallow: /x*x$
Disallow:

User-agent: special
Disallow: /`);
  for (const [path, want] of [
    ['/', true],
    ['/private', false],
    ['/privateer', false],
    ['/private/open/x', true],
    ['/a.pdf', false],
    ['/a.pdf?x', true],
    ['/special', true],
    ['/a1b2c3', false],
    ['/acb', true],
    ['/exact', false],
    ['/exactly', true],
    ['/x', true],
    ['/xx', false],
  ] as const) {
    it(path, () => expect(rules(`http://x${path}`)).to.equal(want));
  }
  it('a group of another crawler says nothing to us', () => {
    expect(parseRobots('User-agent: special\nDisallow: /\n')('http://x/')).to.equal(true);
  });
});

describe('simulator hints and charsets', () => {
  for (const [wanted, names, want] of [
    ['Crat', ['Cart', 'Home'], "; did you mean 'Cart'?"],
    ['Order', ['Order now', 'Later'], "; did you mean 'Order now'?"],
    ['xyzzy', ['Cart', 'Home'], "; there is 'Cart', 'Home'"],
    ['x', [], ''],
    ['x', ['', ''], ''],
    ['nothing', 'abcdefghij'.split(''), "; there is 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', and 2 more"],
  ] as const) {
    it(`${wanted} of ${names.length}`, () => expect(suggest(wanted, names)).to.equal(want));
  }

  for (const [text, charset, want] of [
    ['é€', 'windows-1252', 'e980'],
    ['é', 'windows-1251', Buffer.from('&#233;').toString('hex')],
    ['日', 'shift_jis', '93fa'],
    ['日', 'iso-2022-jp', '1b2442467c1b2842'],
    ['\ud800', 'utf-8', 'efbfbd'],
  ] as const) {
    it(`${JSON.stringify(text)} in ${charset}`, () => expect(encodeText(text, charset).toString('hex')).to.equal(want));
  }
});
