import { expect } from 'chai';
import { pathStart } from '../../../src/sid/carrier.ts';
import { MemoBudget } from '../../../src/sid/memo-budget.ts';
import { type Judgement, resolveBase, Scope } from '../../../src/sid/scope.ts';

const PAGE = 'http://shop.example/a/page?q=1';

function judge(scope: Scope, reference: string, page = PAGE): Judgement {
  return scope.judge(reference, scope.base(page));
}

describe('scope: which URLs may carry the SID', () => {
  const scope = new Scope({ origin: 'http://shop.example' });
  const rows: ReadonlyArray<readonly [string, Judgement]> = [
    // The document's own site, in every spelling that a browser takes there.
    ['x', 'mark'],
    ['', 'mark'],
    ['?a', 'mark'],
    ['/x', 'mark'],
    ['./x:y', 'mark'],
    ['/x:80', 'mark'],
    ['../../..', 'mark'],
    [' x ', 'mark'],
    ['\t/x\n', 'mark'],
    ['a\nb', 'mark'],
    ['\\x', 'mark'],
    ['http:x', 'mark'],
    ['http:/x', 'mark'],
    ['http://shop.example', 'mark'],
    ['HTTP://SHOP.example:80/x', 'mark'],
    ['http:\\\\shop.example\\x', 'mark'],
    ['//shop.example/x', 'mark'],
    ['/\\shop.example/x', 'mark'],
    ['http:///shop.example/x', 'mark'],
    ['http://sh%6Fp.example/', 'mark'],
    ['x\xE4', 'mark'],
    ['/caf\xE9?\xFF', 'mark'],
    ['{{link}}', 'mark'],
    // The document itself.
    ['#', 'fragment-only'],
    ['#top', 'fragment-only'],
    [' #top', 'fragment-only'],
    ['\t#', 'fragment-only'],
    // Other sites, however spelt.
    ['http://other.example/', 'foreign-origin'],
    ['//other.example/x', 'foreign-origin'],
    [' //other.example/x', 'foreign-origin'],
    ['\x00//other.example/x', 'foreign-origin'],
    ['/\t/other.example/x', 'foreign-origin'],
    ['/\n/other.example/x', 'foreign-origin'],
    ['/\\other.example/x', 'foreign-origin'],
    ['\\\\other.example\\x', 'foreign-origin'],
    ['http://shop.example\\@evil.test/x', 'userinfo'],
    ['//shop.example\\x@evil.test', 'userinfo'],
    ['http:\\\\shop.example\\@evil.test', 'userinfo'],
    ['\\\\\\shop.example\\@evil.test', 'userinfo'],
    ['http://shop.example\\x/@y', 'mark'],
    ['\\/other.example/x', 'foreign-origin'],
    ['///other.example/x', 'foreign-origin'],
    ['ht\ttp://other.example/x', 'foreign-origin'],
    ['https:other.example/x', 'foreign-origin'],
    ['https:/other.example/x', 'foreign-origin'],
    ['https://shop.example/x', 'foreign-origin'],
    ['http://shop.example:8080/x', 'foreign-origin'],
    ['http://shop.example./x', 'foreign-origin'],
    ['http://shop.example.other.example/', 'foreign-origin'],
    ['http://xshop.example/', 'foreign-origin'],
    ['http://shop.example@other.example/', 'foreign-origin'],
    ['http://shop.example:80@other.example/', 'foreign-origin'],
    ['http://other.example#@shop.example/', 'foreign-origin'],
    // Bytes above ASCII in a host are not read: a soft hyphen, a masculine ordinal that IDNA maps to "o".
    ['http://shop\xAD.example/', 'foreign-origin'],
    ['http://sh\xBAp.example/', 'foreign-origin'],
    ['//sh\xBAp.example/', 'foreign-origin'],
    ['http://user@shop.example/', 'userinfo'],
    ['http://:pass@shop.example/', 'userinfo'],
    ['javascript:alert(1)', 'not-http'],
    [' JaVaScRiPt:x', 'not-http'],
    ['java\nscript:x', 'not-http'],
    ['mailto:a@b', 'not-http'],
    ['tel:1', 'not-http'],
    ['data:text/html,x', 'not-http'],
    ['blob:http://shop.example/uuid', 'not-http'],
    ['filesystem:http://shop.example/x', 'not-http'],
    ['ftp://shop.example/', 'not-http'],
    ['ws://shop.example/', 'not-http'],
    ['view-source:http://shop.example/', 'not-http'],
    ['about:blank', 'not-http'],
    ['a.b:1', 'not-http'],
    ['http://', 'unparsable'],
    ['//', 'unparsable'],
    ['http://shop.example:99999/', 'unparsable'],
    ['http://[::1/', 'unparsable'],
    ['http://shop example/', 'unparsable'],
  ];
  for (const [reference, want] of rows) {
    it(`${JSON.stringify(reference)} → ${want}`, () => expect(judge(scope, reference)).to.equal(want));
  }
});

describe('scope: linear time', () => {
  const scope = new Scope({ origin: 'http://shop.example' });

  for (const piece of ['\\', '/', '//a\\', '\\a', '@', 'a:', '%8', '\xe4', ' ', '\t', '../']) {
    it(`100,000 times ${JSON.stringify(piece)}`, () => {
      const started = performance.now();
      judge(scope, piece.repeat(100_000));
      expect(performance.now() - started).to.be.below(2000);
    });
  }
});

describe('scope: hosts, aliases, schemes', () => {
  it('takes listed hosts at their default port only', () => {
    const scope = new Scope({ origin: 'http://shop.example', hosts: ['Static.example', 'api.example:8080'] });
    expect(judge(scope, '//static.example/x')).to.equal('mark');
    expect(judge(scope, 'https://static.example/x')).to.equal('mark');
    expect(judge(scope, '//static.example:81/x')).to.equal('foreign-origin');
    expect(judge(scope, '//sub.static.example/x')).to.equal('foreign-origin');
    expect(judge(scope, '//api.example:8080/')).to.equal('mark');
    expect(judge(scope, '//api.example/')).to.equal('foreign-origin');
  });

  it('takes a listed host at the port that it is listed with, in whatever spelling, and none that no URL has', () => {
    const hosts = ['pay.example:443', 'old.example:080', '[0:0::1]:8080', 'a.test:99999', 'u@evil.test', 'b.test/x'];
    const scope = new Scope({ origin: 'http://shop.example', hosts });
    expect(judge(scope, 'https://pay.example/')).to.equal('mark');
    expect(judge(scope, 'https://pay.example:443/')).to.equal('mark');
    expect(judge(scope, 'http://pay.example:443/')).to.equal('mark');
    expect(judge(scope, 'http://pay.example/')).to.equal('foreign-origin');
    expect(judge(scope, 'http://old.example/')).to.equal('mark');
    expect(judge(scope, 'https://old.example/')).to.equal('foreign-origin');
    expect(judge(scope, 'http://[::1]:8080/')).to.equal('mark');
    for (const host of ['evil.test', 'b.test']) expect(judge(scope, `//${host}/x`)).to.equal('foreign-origin');
  });

  it('takes a listed origin with its scheme and port', () => {
    const scope = new Scope({ origin: 'http://shop.example', hosts: ['https://pay.example:444'] });
    expect(judge(scope, 'https://pay.example:444/')).to.equal('mark');
    expect(judge(scope, 'http://pay.example:444/')).to.equal('foreign-origin');
  });

  it('takes the aliases of the own origin', () => {
    const scope = new Scope({ origin: 'http://shop.example', aliases: ['http://127.0.0.1:8000'] });
    expect(judge(scope, 'http://127.0.0.1:8000/x')).to.equal('mark');
    expect(judge(scope, 'http://127.0.0.1:8001/x')).to.equal('foreign-origin');
  });

  it('leads an alias back to the own origin, but for one that hides a user or a letter', () => {
    const scope = new Scope({ origin: 'http://shop.example', aliases: ['http://app.internal:8000'] });
    const own = (reference: string) => scope.onOwnOrigin(reference, pathStart(reference), scope.base(PAGE));
    expect(own('http://app.internal:8000/x?y')).to.equal('http://shop.example/x?y');
    expect(own('//APP.internal:8000')).to.equal('http://shop.example');
    for (const reference of [
      'http://user@app.internal:8000/x',
      'http://:pass@app.internal:8000/x',
      'http://app%E3%80%82internal:8000/x',
      'http://app.internal/x',
      '/x',
    ]) {
      expect(own(reference), reference).to.equal(null);
    }
  });

  it('never goes from an https page to an http URL, whatever is listed', () => {
    const scope = new Scope({
      origin: 'https://shop.example',
      aliases: ['http://shop.example'],
      hosts: ['static.example', 'http://old.example'],
    });
    const page = 'https://shop.example/';
    expect(judge(scope, 'http://shop.example/', page)).to.equal('downgrade');
    expect(judge(scope, 'http://static.example/', page)).to.equal('downgrade');
    expect(judge(scope, 'http://old.example/', page)).to.equal('downgrade');
    expect(judge(scope, 'https://static.example/', page)).to.equal('mark');
    expect(judge(scope, '//static.example/', page)).to.equal('mark');
  });

  it('judges relative references by a foreign base', () => {
    const scope = new Scope({ origin: 'http://shop.example' });
    expect(judge(scope, 'x', 'http://other.example/')).to.equal('foreign-origin');
    expect(judge(scope, '/x', 'http://other.example/')).to.equal('foreign-origin');
    expect(judge(scope, 'http://shop.example/x', 'http://other.example/')).to.equal('mark');
    expect(judge(scope, '//shop.example/x', 'https://other.example/')).to.equal('foreign-origin');
  });

  it('takes no host of which a byte above U+007F is escaped: Chromium reads U+1E9E as another letter', () => {
    const strasse = new Scope({ origin: 'http://gross.example', hosts: ['strasse.example'] });
    for (const reference of [
      'http://gro%E1%BA%9E.example/x',
      '//gro%e1%ba%9e.example/x',
      '/\\gro%E1%BA%9E.example/x',
      'http://stra%E1%BA%9Ee.example/x',
    ]) {
      expect(judge(strasse, reference), reference).to.equal('foreign-origin');
    }
    const page = 'http://gross.example/';
    expect(judge(strasse, 'http://%67ross.example/%E1%BA%9E', page)).to.equal('mark');
    expect(judge(strasse, '/gro%E1%BA%9E?q=%E1%BA%9E', page)).to.equal('mark');
    expect(resolveBase('//gro%E1%BA%9E.example/', new URL(page))).to.equal('http://unreadable.invalid/');
  });

  it('takes no host behind a colon alone where the scheme is another one', () => {
    const scope = new Scope({ origin: 'https://xn--4ca.example', hosts: ['https://xn--4ca.example:444'] });
    expect(judge(scope, 'https:\xc3\xa4.example:444', 'http://xn--4ca.example/')).to.equal('foreign-origin');
  });

  it('makes no base of data and scripts', () => {
    for (const href of ['data:text/html,x', 'javascript:x', 'http://[x']) {
      expect(resolveBase(href, new URL(PAGE)), href).to.equal(null);
    }
  });

  it('tells an origin of ours from one that only begins so', () => {
    const scope = new Scope({ origin: 'http://shop.example' });
    for (const page of [
      'http://shop.example.evil.test/',
      'http://shop.example:81/',
      'http://shop.example@evil.test/',
    ]) {
      expect(scope.base(page).isOwn, page).to.equal(false);
    }
  });

  it('takes IPv6 hosts', () => {
    const scope = new Scope({ origin: 'http://[::1]:8080' });
    expect(judge(scope, 'http://[0:0::1]:8080/x', 'http://[::1]:8080/')).to.equal('mark');
    expect(judge(scope, 'http://[::2]:8080/x', 'http://[::1]:8080/')).to.equal('foreign-origin');
  });

  it('refuses an origin that is none', () => expect(() => new Scope({ origin: 'shop' })).to.throw(TypeError));
});

describe('scope: paths', () => {
  for (const path of ['/shop', '/shop/']) {
    const scope = new Scope({ origin: 'http://shop.example', path });
    const rows: ReadonlyArray<readonly [string, Judgement]> = [
      ['/shop', 'mark'],
      ['/shop/x', 'mark'],
      ['/shop?x', 'mark'],
      ['/shopping', 'outside-path'],
      ['/', 'outside-path'],
      ['/shop/../x', 'outside-path'],
      ['/shop/%2e%2e/x', 'outside-path'],
      ['/x/../shop/y', 'mark'],
      ['http://shop.example', 'outside-path'],
      ['../shop/x', 'mark'],
      ['x', 'outside-path'],
    ];
    for (const [reference, want] of rows) {
      it(`${path}: ${reference} → ${want}`, () => expect(judge(scope, reference)).to.equal(want));
    }
  }

  for (const [path, reference, want] of [
    ['/käse', '/k%C3%A4se/x', 'mark'],
    ['/käse', '/k%c3%a4se', 'mark'],
    ['/käse', '/k\xC3\xA4se/x', 'mark'],
    ['/käse', '/kase/x', 'outside-path'],
    ['/k%c3%a4se', '/k%C3%A4se/x', 'mark'],
    ['/a b', '/a%20b/x', 'mark'],
    ['/~x/', '/%7Ex/y', 'mark'],
    ['/a%2Fb', '/a%2fb/x', 'mark'],
    ['/a/b', '/a%2Fb/x', 'outside-path'],
    ['/a/../b', '/b/x', 'mark'],
  ] as const) {
    it(`${path}, however it is escaped: ${reference} → ${want}`, () =>
      expect(judge(new Scope({ origin: 'http://shop.example', path }), reference)).to.equal(want));
  }

  it('asks once for each path whether it is excluded', () => {
    const asked: string[] = [];
    const isExcluded = (path: string) => {
      asked.push(path);
      return path.startsWith('/admin');
    };
    const scope = new Scope({ origin: 'http://shop.example', isExcluded });
    for (let round = 0; round < 2; round++) {
      expect(judge(scope, '/admin/x?a')).to.equal('outside-path');
      expect(judge(scope, '../admin/x#b')).to.equal('outside-path');
      expect(judge(scope, 'x')).to.equal('mark');
      expect(judge(scope, 'http://other.example/admin/')).to.equal('foreign-origin');
      expect(scope.coversPath('/a/../admin/./x')).to.equal(false);
      expect(scope.coversPath('/caf\xC3\xA9')).to.equal(true);
    }
    expect(asked).to.deep.equal(['/admin/x', '/a/x', '/admin/x', '/caf%C3%A9']);
    expect(scope.coversAllPaths).to.equal(false);
  });

  it('asks for a path of another host by that host, and of an alias by the own', () => {
    const asked: string[] = [];
    const scope = new Scope({
      origin: 'http://shop.example',
      aliases: ['http://127.0.0.1:8000'],
      hosts: ['pay.example:81'],
      isExcluded: (path, host) => {
        asked.push(`${host} ${path}`);
        return host === 'pay.example:81';
      },
    });
    for (let round = 0; round < 2; round++) {
      expect(judge(scope, '/x')).to.equal('mark');
      expect(judge(scope, 'http://127.0.0.1:8000/y')).to.equal('mark');
      expect(judge(scope, '//pay.example:81/x')).to.equal('outside-path');
      expect(judge(scope, 'x', 'http://pay.example:81/')).to.equal('outside-path');
    }
    expect(asked).to.deep.equal(['shop.example /x', 'shop.example /y', 'pay.example:81 /x']);
    expect(scope.base('http://shop.example/').isOwn).to.equal(true);
    expect(scope.base('http://pay.example:81/').isOwn).to.equal(false);
  });

  it('tells paths apart that have one hash', () => {
    const scope = new Scope({ origin: 'http://shop.example', isExcluded: (path) => path === '/dir/shut' });
    const covers = (path: string) => scope.plainPaths('/dir/').of(Buffer.from(path), 0, path.length, 1);
    expect(['open', 'shut', 'open'].map(covers)).to.deep.equal([true, false, true]);
  });

  it('forgets paths before they become too many, and never remembers long ones', () => {
    let asked = 0;
    const scope = new Scope({ origin: 'http://shop.example', isExcluded: () => ++asked < 0 });
    for (let round = 0; round < 2; round++) for (let i = 0; i < 1000; i++) judge(scope, `/${i}`);
    expect(asked).to.equal(1000);
    for (let i = 0; i < 3000; i++) judge(scope, `/more/${i}`);
    judge(scope, '/0');
    expect(asked).to.equal(4001);
    for (let round = 0; round < 2; round++) judge(scope, `/${'x'.repeat(1000)}`);
    expect(asked).to.equal(4003);
  });

  it('forgets before all scopes of one budget remember too much: clients choose hosts, and each has a scope', () => {
    let asked = 0;
    const budget = new MemoBudget();
    const scopeOf = (host: string) => new Scope({ origin: `http://${host}`, isExcluded: () => ++asked < 0, budget });
    const first = scopeOf('first.example');
    const plain = Buffer.from('page');
    const askFirst = () => {
      first.coversPath('/first');
      first.plainPaths('/dir/').of(plain, 0, plain.length, 1);
      return asked;
    };
    askFirst();
    expect(askFirst(), 'remembered').to.equal(2);
    for (let host = 0; host < 64; host++) {
      const other = scopeOf(`h${host}.example`);
      for (let dir = 0; dir < 4; dir++) {
        for (let i = 0; i < 200; i++) {
          const path = Buffer.from(`page${i}`);
          other.plainPaths(`/${dir}/`).of(path, 0, path.length, i);
        }
      }
    }
    asked = 0;
    expect(askFirst(), 'forgotten').to.equal(2);
    const long = `/${'x'.repeat(1000)}/`;
    expect(first.plainPaths(long)).to.not.equal(first.plainPaths(long));
  });
});
