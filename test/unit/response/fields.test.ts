/** Header fields of responses: signals of the upstream, Set-Cookie, redirects, and the guard of marked answers. */
import { expect } from 'chai';
import { allValues, firstValue } from '../../../src/field-list.ts';
import {
  adaptToOtherBytes,
  cookieName,
  guardAddress,
  guardMarked,
  guardPart,
  holdsUrls,
  makePrivate,
  mapOrigin,
  markUrls,
  partitionCookies,
  type RefererUse,
  settleCookiePaths,
  sidVaries,
  takeSetCookies,
  takeSignals,
  trailersOfOtherBytes,
} from '../../../src/response/fields.ts';

/** Marks everything that is not foreign, as a stand-in for the real rule. */
const mark = (reference: string) => (reference.includes('//') ? null : `${reference}?_sid=S`);

describe('sidVaries', () => {
  for (const [value, isKept] of [
    ['params', false],
    ['key-order, params, except=("q")', false],
    ['params;x', false],
    ['params=?1', false],
    ['except=("a, params="), params=?1;y=1', false],
    ['params=("utm" "_sid")', false],
    ['params=("utm"), params', false],
    ['params=("utm" "my_sid")', true],
    ['params=("a, params, b")', true],
    ['params=?0', true],
    ['key-order', true],
    ['except=("q")', true],
    ['xparams', true],
    ['', true],
  ] as const) {
    it(`${value}: ${isKept ? 'kept' : 'left out'}`, () => {
      const fields = ['A', 'b', 'no-vary-search', value, 'C', 'd'];
      if (isKept) expect(sidVaries(fields, '_sid')).to.equal(fields);
      else expect(sidVaries(fields, '_sid')).to.deep.equal(['A', 'b', 'C', 'd']);
    });
  }
  it('reads several fields as one', () => {
    const fields = ['No-Vary-Search', 'key-order', 'No-Vary-Search', 'params'];
    expect(sidVaries(fields, '_sid')).to.deep.equal([]);
  });
});

describe('takeSignals', () => {
  it('returns the very list when there is none', () => {
    const fields = ['Content-Type', 'text/html', 'X-Transid', '1'];
    expect(takeSignals(fields).fields).to.equal(fields);
  });
  it('reads and removes every Transid field', () => {
    const { signals, fields } = takeSignals([
      'transid-rotate',
      '1',
      'A',
      'b',
      'Transid-Destroy',
      'on',
      'Transid-Rewrite',
      'off',
      'Transid-Add-Rewrite-Var',
      'lang=en=x',
      'TRANSID-ADD-REWRITE-VAR',
      'theme=dark',
      'Transid-Add-Rewrite-Var',
      '=x',
      'Transid-Reset-Rewrite-Vars',
      'yes',
      'Transid-Unknown',
      'x',
    ]); // prettier-ignore
    expect(fields).to.deep.equal(['A', 'b']);
    expect(signals).to.deep.equal({
      rotate: true,
      destroy: true,
      isRewriteOff: true,
      resetsVars: true,
      addedVars: [
        ['lang', 'en=x'],
        ['theme', 'dark'],
      ],
    });
  });
  it('takes "off" for no', () => expect(takeSignals(['Transid-Rotate', 'off']).signals.rotate).to.equal(false));
});

describe('takeSetCookies', () => {
  it('takes all but the ignored ones', () => {
    const taken = takeSetCookies(
      ['Set-Cookie', 'a=1', 'X', 'y', 'set-cookie', 'consent=yes; Path=/'],
      new Set(['consent']),
    );
    expect(taken).to.deep.equal({ setCookies: ['a=1'], fields: ['X', 'y', 'set-cookie', 'consent=yes; Path=/'] });
  });
  for (const [value, name] of [
    ['a=1', 'a'],
    [' a =1', 'a'],
    ['=1', ''],
    ['lone', ''],
    ['x;a=1', ''],
    ['', ''],
  ] as const) {
    it(`the name of ${JSON.stringify(value)}`, () => expect(cookieName(value)).to.equal(name));
  }
});

describe('markUrls', () => {
  const rows: [why: string, status: number, name: string, value: string, want: string | null][] = [
    ['a redirect', 302, 'Location', '/a', '/a?_sid=S'],
    ['a foreign redirect', 302, 'Location', 'http://evil.example/', null],
    ['an empty Location', 302, 'Location', '', null],
    ['a blank Location', 303, 'Location', ' \t', null],
    ['Location of a 201', 201, 'Location', '/a', null],
    ['Refresh', 200, 'Refresh', '5; url=/a', '5; url=/a?_sid=S'],
    ['Refresh with quotes', 200, 'refresh', `0;URL = '/a'`, `0;URL = '/a?_sid=S'`],
    ['Refresh without keyword', 200, 'Refresh', '0; next', '0; next?_sid=S'],
    ['Refresh without URL', 200, 'Refresh', '5', '5;url=?_sid=S'],
    ['no Refresh', 200, 'Refresh', 'x', null],
    ['htmx', 200, 'HX-Redirect', '/a', '/a?_sid=S'],
    ['htmx without an address', 200, 'HX-Push-Url', 'false', null],
    ['htmx location by path', 200, 'HX-Location', '/a', '/a?_sid=S'],
    ['htmx location by JSON', 200, 'HX-Location', '{"path":"/a","target":"#x"}', '{"path":"/a?_sid=S","target":"#x"}'],
    [
      'htmx location by JSON with other characters',
      200,
      'HX-Location',
      '{"path":"/a","values":{"q":"\\u4e2d\xc3\xa9\\u007f"}}',
      '{"path":"/a?_sid=S","values":{"q":"\\u4e2d\\u00c3\\u00a9\\u007f"}}',
    ],
    ['htmx location, broken', 200, 'HX-Location', '{"path', null],
    ['Inertia', 409, 'X-Inertia-Location', '/a', '/a?_sid=S'],
    ['Turbolinks', 200, 'Turbolinks-Location', '/a', '/a?_sid=S'],
    ['Turbolinks of its first versions', 200, 'X-XHR-Redirected-To', '/a', '/a?_sid=S'],
    ['PJAX', 200, 'X-PJAX-URL', '/a', '/a?_sid=S'],
    ['Unpoly', 200, 'X-Up-Location', '/a', '/a?_sid=S'],
    ['Content-Location', 200, 'Content-Location', '/a', null],
    ['Link', 200, 'Link', '</a>; rel=next', null],
  ];
  for (const [why, status, name, value, want] of rows) {
    it(`${why}: ${value}`, () => {
      const { fields, count } = markUrls(['A', 'b', name, value], status, mark);
      expect(fields).to.deep.equal(['A', 'b', name, want ?? value]);
      expect(count).to.equal(want === null ? 0 : 1);
      if (want !== null) expect(holdsUrls([name, value], status)).to.equal(true);
    });
  }
});

describe('guardMarked', () => {
  const guarded = guardMarked(
    [
      'Content-Type',
      'text/html',
      'Content-Length',
      '5',
      'ETag',
      '"x"',
      'Last-Modified',
      'd',
      'Content-MD5',
      'm',
      'Digest',
      'g',
      'Unencoded-Digest',
      'g',
      'Accept-Ranges',
      'bytes',
      'Age',
      '3',
      'Expires',
      'later',
      'Cache-Control',
      'public, s-maxage=9',
      'CDN-Cache-Control',
      'max-age=9',
      'Surrogate-Control',
      'max-age=9',
      'Vary',
      'Accept-Encoding',
      'Referrer-Policy',
      'unsafe-url',
      'X-Kept',
      'k',
    ],
    'own',
  );
  it('leaves only what still holds', () => {
    expect(guarded).to.deep.equal([
      'Content-Type',
      'text/html',
      'X-Kept',
      'k',
      'Cache-Control',
      'private, no-store',
      'Vary',
      'Accept-Encoding, Cookie',
      'Referrer-Policy',
      'same-origin',
      'X-Robots-Tag',
      'noindex',
    ]);
  });
  it('keeps no field that targets some cache', () => {
    const targets = ['CDN', 'Cloudflare-CDN', 'Netlify-CDN', 'Vercel-CDN', 'Akamai', 'X-LiteSpeed', 'Any'];
    const fields = targets.flatMap((target) => [`${target}-Cache-Control`, 'public, max-age=600']);
    expect(guardMarked(fields, 'own')).to.deep.equal(guardMarked([], 'own'));
    expect(makePrivate(fields)).to.deep.equal(['Cache-Control', 'private']);
    expect(makePrivate(['Cache-Control', 'private', ...fields])).to.deep.equal(['Cache-Control', 'private']);
  });
  const policies: [value: string | null, use: RefererUse, want: string][] = [
    [null, 'own', 'same-origin'],
    ['no-referrer', 'none', 'no-referrer'],
    ['no-referrer', 'own', 'same-origin'],
    ['no-referrer, unsafe-url', 'none', 'same-origin'],
    ['unsafe-url, No-Referrer, of-tomorrow', 'none', 'no-referrer'],
    ['of-tomorrow', 'none', 'same-origin'],
    ['strict-origin', 'none', 'same-origin'],
    ['unsafe-url', 'origins', 'strict-origin-when-cross-origin'],
    ['unsafe-url', 'ended', 'strict-origin'],
  ];
  it('reads several Referrer-Policy fields as one', () => {
    for (const guard of [guardMarked, guardAddress]) {
      const both = (first: string, second: string) =>
        guard(['Referrer-Policy', first, 'Referrer-Policy', second], 'none');
      expect(allValues(both('no-referrer', 'of-tomorrow'), 'referrer-policy')).to.deep.equal(['no-referrer']);
      expect(allValues(both('no-referrer', 'origin'), 'referrer-policy')).to.deep.equal(['same-origin']);
    }
  });
  for (const [value, use, want] of policies) {
    it(`Referrer-Policy ${value}, for ${use} → ${want}`, () => {
      const fields = value === null ? [] : ['Referrer-Policy', value];
      expect(allValues(guardMarked(fields, use), 'referrer-policy')).to.deep.equal([want]);
    });
  }
  it('keeps a Vary that says it already', () => {
    expect(firstValue(guardMarked(['Vary', '*'], 'own'), 'vary')).to.equal('*');
    expect(firstValue(guardMarked(['Vary', 'cookie, Accept'], 'own'), 'vary')).to.equal('cookie, Accept');
  });
  for (const value of ['googlebot: noindex', 'otherbot: nofollow, none', 'max-image-preview:none', 'nofollow']) {
    it(`keeps every crawler from a page that says ${value}`, () => {
      const fields = guardMarked(['X-Robots-Tag', value], 'own');
      expect(allValues(fields, 'x-robots-tag')).to.deep.equal([value, 'noindex']);
    });
  }
  it('keeps a stricter X-Robots-Tag alone', () => {
    expect(allValues(guardMarked(['X-Robots-Tag', 'noindex, nofollow'], 'own'), 'x-robots-tag')).to.deep.equal([
      'noindex, nofollow',
    ]);
  });
});

describe('guardMarked: reports', () => {
  it('sends no report, which would tell the address of the page', () => {
    const fields = [
      ...['Content-Security-Policy', "default-src 'self'; report-uri http://r.test/csp; report-to g; img-src *"],
      ...['Content-Security-Policy-Report-Only', 'report-to g'],
      ...['Reporting-Endpoints', 'g="http://r.test/"', 'Report-To', '{}', 'NEL', '{}', 'X-Accel-Expires', '60'],
    ];
    const guardedFields = guardMarked(fields, 'own');
    expect(firstValue(guardedFields, 'content-security-policy')).to.match(/^default-src 'self';+ ?img-src \*$/);
    expect(firstValue(guardedFields, 'content-security-policy-report-only')).to.equal('');
    expect(guardedFields.join()).to.not.match(/r\.test|accel/i);
  });

  for (const [name, value, want] of [
    ['NEL', '{"report_to":"g","max_age":86400,"success_fraction":1}', '{"max_age":0}'],
    [
      'Report-To',
      '{"group":"a b","max_age":9,"endpoints":[{"url":"http://r.test/"}]}, {"max_age":9,"endpoints":[]}',
      '{"group":"a b","max_age":0,"endpoints":[]}, {"group":"default","max_age":0,"endpoints":[]}',
    ],
    ['Report-To', '{"group":"\xc3\xa9","endpoints":[]}', '{"group":"\\u00e9","max_age":0,"endpoints":[]}'],
    ['Report-To', '{"group":7}, null', Array(2).fill('{"group":"default","max_age":0,"endpoints":[]}').join(', ')],
    ['Report-To', '{"group":', null],
    ['Report-To', '', null],
  ] as const) {
    it(`revokes what holds for the whole origin: ${name}: ${value}`, () => {
      for (const guard of [guardMarked, guardAddress, guardPart])
        expect(firstValue(guard([name, value], 'own'), name.toLowerCase())).to.equal(want);
    });
  }

  for (const [name, value, want] of [
    ['X-Content-Security-Policy', "allow 'self'; report-uri http://r.test/csp", "allow 'self';"],
    ['X-WebKit-CSP', "report-uri http://r.test/csp; default-src 'self'", "default-src 'self'"],
    ['X-WebKit-CSP', "report-uri http://r.test/csp, default-src 'self'", ", default-src 'self'"],
    ['X-WebKit-CSP', 'img-src *; report-uri /a ; report-to b;; report-to c', 'img-src *;'],
    ['X-WebKit-CSP-Report-Only', 'report-uri http://r.test/csp', ''],
    ['X-XSS-Protection', '1; mode=block; report=http://r.test/xss', '1; mode=block;'],
    // Two semicolons make it invalid to those browsers: `mode=block` would be gone, too.
    ['X-XSS-Protection', '1;report = http://r.test/xss ; mode=block', '1;mode=block'],
    ['X-XSS-Protection', '0', '0'],
  ] as const) {
    it(`${name}: ${value}`, () => {
      for (const guard of [guardMarked, guardAddress, guardPart])
        expect(firstValue(guard([name, value], 'own'), name.toLowerCase())).to.equal(want);
    });
  }
});

describe('guardMarked: links in fields', () => {
  for (const [value, want] of [
    ['<//o.test/a>; rel=preload; referrerpolicy=unsafe-url', '<//o.test/a>; rel=preload; referrerpolicy=same-origin'],
    ['</a>;ReferrerPolicy = "Unsafe-URL";x, </b>', '</a>;ReferrerPolicy = same-origin;x, </b>'],
    ['</a>;referrerpolicy="no-referrer\\-when-downgrade"', '</a>;referrerpolicy=same-origin'],
    ['</a>; referrerpolicy=origin; referrerpolicy=always', '</a>; referrerpolicy=origin; referrerpolicy=same-origin'],
    ['</a;referrerpolicy=unsafe-url>', '</a;referrerpolicy=unsafe-url>'],
    ['</a>; title="; referrerpolicy=unsafe-url"', '</a>; title="; referrerpolicy=unsafe-url"'],
    ['</a>; referrerpolicy', '</a>; referrerpolicy'],
    ['</a; referrerpolicy="unsafe-url"', '</a; referrerpolicy=same-origin'],
  ] as const) {
    it(value, () => {
      for (const guard of [guardMarked, guardAddress, guardPart])
        expect(firstValue(guard(['Link', value], 'own'), 'link')).to.equal(want);
    });
  }
});

describe('guardMarked: links without an end', () => {
  it('cost no time, and lose their policies all the same', () => {
    const startMs = performance.now();
    for (const piece of ['<', '"\\', '"', '; ', '<>;']) {
      const link = `${piece.repeat(60_000)}</a>; referrerpolicy =unsafe-url`;
      expect(firstValue(guardMarked(['Link', link], 'own'), 'link')).to.match(/; x-referrerpolicy =unsafe-url$/);
      guardMarked(['Link', piece.repeat(2000).slice(0, 4096)], 'own');
    }
    expect(performance.now() - startMs).to.be.below(1000);
  });
});

describe('mapOrigin', () => {
  for (const [name, value, want] of [
    ['Refresh', '3; url=http://app:8000/x', '3; url=https://shop.example/x'],
    ['HX-Redirect', 'http://app:8000', 'https://shop.example'],
    ['HX-Location', '{"path":"http://app:8000/x","target":"#a"}', '{"path":"https://shop.example/x","target":"#a"}'],
    ['X-Inertia-Location', 'http://app:8000/x', 'https://shop.example/x'],
    ['Content-Location', 'http://app:8000/x', 'https://shop.example/x'],
    ['Link', '<http://app:8000/x>', '<http://app:8000/x>'],
    ['HX-Push-Url', 'http://app:80001/x', 'http://app:80001/x'],
  ] as const) {
    it(`${name}: ${value}`, () =>
      expect(mapOrigin([name, value], 'http://app:8000', () => 'https://shop.example')).to.deep.equal([name, want]));
  }

  for (const [value, want] of [
    ['http://app:8000/x', 'https://shop.example/x'],
    ['HTTP://APP:8000', 'https://shop.example'],
    ['http://app:80001/x', 'http://app:80001/x'],
    ['http://app:8000@evil.example/', 'http://app:8000@evil.example/'],
    ['/x', '/x'],
  ] as const) {
    it(value, () =>
      expect(mapOrigin(['Location', value], 'http://app:8000', () => 'https://shop.example')).to.deep.equal([
        'Location',
        want,
      ]),
    );
  }
});

describe('partitionCookies', () => {
  for (const [value, want] of [
    ['a=1', 'a=1; SameSite=None; Secure; Partitioned'],
    ['a=1; Path=/; SameSite=Lax; HttpOnly', 'a=1; Path=/; HttpOnly; SameSite=None; Secure; Partitioned'],
    ['a=1; secure; Partitioned', 'a=1; secure; Partitioned'],
    ['Secure=1; secure', 'Secure=1; SameSite=None; Secure; Partitioned'],
  ] as const) {
    it(value, () => expect(partitionCookies(['Set-Cookie', value])).to.deep.equal(['Set-Cookie', want]));
  }
});

describe('other guards', () => {
  it('variables alone: validators are weakened, not removed', () => {
    const fields = ['ETag', '"a"', 'Content-Length', '3', 'Unencoded-Digest', 'd', 'Cache-Control', 'public'];
    expect(adaptToOtherBytes(fields)).to.deep.equal(['ETag', 'W/"a"', 'Cache-Control', 'public']);
    expect(adaptToOtherBytes(['ETag', 'W/"a"'])).to.deep.equal(['ETag', 'W/"a"']);
  });
  it('trailers of other bytes say nothing of those that came', () =>
    expect(trailersOfOtherBytes(['Digest', 'd', 'ETag', '"a"', 'X-Sum', '1'])).to.deep.equal(['X-Sum', '1']));
  it('answers for a recovered session are private', () => {
    const shared: [value: string, want: string[]][] = [
      ['public, max-age=600, private="set-cookie"', ['max-age=600', 'private']],
      ['private=set-cookie, max-age=600', ['max-age=600', 'private']],
      ['no-store, must-understand', ['no-store, must-understand', 'private']],
      ['no-store', ['no-store']],
      ['no-cache="private", max-age=1', ['no-cache="private", max-age=1', 'private']],
      ['no-cache="a, private, b"', ['no-cache="a, private, b"', 'private']],
      ['max-age=600, Private', ['max-age=600, Private']],
    ];
    for (const [value, want] of shared) {
      expect(allValues(makePrivate(['Cache-Control', value]), 'cache-control'), value).to.deep.equal(want);
    }
    expect(makePrivate(['X-Accel-Expires', '60', 'Edge-Control', 'x', 'CDN-Cache-Control', 'y'])).to.deep.equal([
      ...['Cache-Control', 'private'],
    ]);
    expect(makePrivate(['Cache-Control', 'no-store'])).to.deep.equal(['Cache-Control', 'no-store']);
    expect(makePrivate(['X', 'y'])).to.deep.equal(['X', 'y', 'Cache-Control', 'private']);
  });
});

describe('settleCookiePaths', () => {
  const settle = (asked: string, clean: string, value: string) =>
    settleCookiePaths(['A', 'b', 'Set-Cookie', value], asked, clean)[3];

  it('writes out the directory of the address that the application knows', () => {
    expect(settle('/(s-1)/shop/login?x=/y/z', '/shop/login?x=/y/z', 'a=1; HttpOnly')).to.equal(
      'a=1; HttpOnly; Path=/shop',
    );
    expect(settle('/(s-1)/login', '/login', 'a=1')).to.equal('a=1; Path=/');
    expect(settle('/a;s=1/x', '/a/x', 'a=1')).to.equal('a=1; Path=/a');
    expect(settle('/(s-1)/shop/x', '/shop/x', 'a=1; Path=shop')).to.equal('a=1; Path=shop; Path=/shop');
    expect(settle('/(s-1)/shop/x', '/shop/x', 'a=1; path=/; Path')).to.equal('a=1; path=/; Path; Path=/shop');
  });
  it('leaves a cookie alone that has a Path, or gets the same one anyway', () => {
    expect(settle('/(s-1)/shop/x', '/shop/x', 'a=1; path = /; Secure')).to.equal('a=1; path = /; Secure');
    expect(settle('/shop/x;s=1', '/shop/x', 'a=1')).to.equal('a=1');
    expect(settle('/shop/x?s=1', '/shop/x', 'a=1')).to.equal('a=1');
    expect(settle('/(s-1)/a;v=1/x', '/a;v=1/x', 'a=1'), 'which no Path can say').to.equal('a=1');
  });
});
