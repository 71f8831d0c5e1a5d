import { expect } from 'chai';
import {
  type CarrierKind,
  unmarkQuery,
  unmarkReference,
  unmarkReferenceOfAll,
  unmarkTarget,
  unmarkTargetOfAll,
} from '../../../src/sid/carrier.ts';
import { encodeUrlText, markReference, markWithin, type SidMark } from '../../../src/sid/mark.ts';
import { Scope } from '../../../src/sid/scope.ts';
import { Sid } from '../../../src/sid/sid.ts';

describe('unmark: request targets', () => {
  const rows: ReadonlyArray<readonly [target: string, clean: string, ...sids: string[]]> = [
    // Nothing to do: the very string comes back.
    ['/', '/'],
    ['/x?a=1&b=%20+', '/x?a=1&b=%20+'],
    ['/x?xsid=1&sidx=2&SID=3', '/x?xsid=1&sidx=2&SID=3'],
    ['/sid=1', '/sid=1'],
    ['/x?a=sid=1', '/x?a=sid=1'],
    ['/x?a=1%26sid=2', '/x?a=1%26sid=2'],
    ['/x?sid%3D1', '/x?sid%3D1'],
    ['/x?sid[]=1', '/x?sid[]=1'],
    ['/x?%', '/x?%'],
    ['/x?%zz=%u0041', '/x?%zz=%u0041'],
    // The query.
    ['/x?sid=S', '/x', 'S'],
    ['/x?a=1&sid=S', '/x?a=1', 'S'],
    ['/x?sid=S&a=1', '/x?a=1', 'S'],
    ['/x?a=1&sid=S&b=2', '/x?a=1&b=2', 'S'],
    ['/x?a=1;sid=S;b=2', '/x?a=1;b=2', 'S'],
    ['/x?&sid=S', '/x?', 'S'],
    ['/x?a&&sid=S', '/x?a&', 'S'],
    ['/x??&sid=S', '/x??', 'S'],
    ['/x?sid=S&&b', '/x?&b', 'S'],
    ['/x?sid=S&b&sid=T', '/x?b', 'S', 'T'],
    ['/x?a&sid=S&sid=S&b', '/x?a&b', 'S', 'S'],
    ['/x?sid', '/x'],
    ['/x?sid=', '/x'],
    ['/x?sid=&b', '/x?b'],
    ['/x?sid=S=T', '/x', 'S=T'],
    ['/x?%73id=S', '/x', 'S'],
    ['/x?s%69%64=%53', '/x', 'S'],
    ['/x?sid=a%2Cb', '/x', 'a,b'],
    ['/x?sid=%ff%', '/x', '\xFF%'],
    // A click into a server-side image map.
    ['/map?sid=S?12,34', '/map?12,34', 'S'],
    ['/map?a=1&sid=S?0,0', '/map?a=1?0,0', 'S'],
    ['/map?sid=S?12,34&a=1', '/map?a=1', 'S?12,34'],
    ['/map?sid=S&a=1?12,34', '/map?a=1?12,34', 'S'],
    ['/map?sid=S?12,3x', '/map', 'S?12,3x'],
    ['//host/x?sid=S', '//host/x', 'S'],
    ['//host;sid=S/x', '//host/x', 'S'],
    ['http://h/x?sid=S&b', 'http://h/x?b', 'S'],
    ['http://h?sid=S', 'http://h', 'S'],
    ['*', '*'],
    ['', ''],
    // Path parameters, on any segment.
    ['/a;sid=S', '/a', 'S'],
    ['/a;v=1;sid=S?x', '/a;v=1?x', 'S'],
    ['/a;sid=S;v=1/b;w', '/a;v=1/b;w', 'S'],
    ['/a/b;sid=S/c', '/a/b/c', 'S'],
    ['/;sid=S', '/', 'S'],
    ['/a;sid', '/a'],
    ['/a;%73id=S', '/a', 'S'],
    ['/a;sid=S;sid=T', '/a', 'S', 'T'],
    ['/a;x=sid', '/a;x=sid'],
    ['/..;sid=S/admin', '/../admin', 'S'],
    ['/a;sidx=1;xsid=2', '/a;sidx=1;xsid=2'],
    // Path segments, in front only.
    ['/(sid-S)/a/b', '/a/b', 'S'],
    ['/(sid-S)', '/', 'S'],
    ['/(sid-S)/', '/', 'S'],
    ['/(sid-S)?q', '/?q', 'S'],
    ['/(sid-S)/(sid-T)/a', '/a', 'S', 'T'],
    ['/%28sid-S%29/a', '/a', 'S'],
    ['/(s%69d%2dS)/a', '/a', 'S'],
    ['/a/(sid-S)/b', '/a/(sid-S)/b'],
    ['//(sid-S)/b', '//(sid-S)/b'],
    ['/(sid-S', '/(sid-S'],
    ['/(sid-S)x/', '/(sid-S)x/'],
    ['/(SID-S)/', '/(SID-S)/'],
    ['http://h/(sid-S)/a', 'http://h/a', 'S'],
    // All at once, and what one hides from another.
    ['/(sid-R)/a;sid=S?sid=T', '/a', 'R', 'S', 'T'],
    ['/(sid-R);sid=S/a', '/a', 'R', 'S'],
    ['/(sid-R)/(sid-S);sid=T?q', '/?q', 'R', 'S', 'T'],
  ];
  for (const [target, clean, ...sids] of rows) {
    it(`${target} → ${clean} ${sids.join(' ')}`, () => {
      const unmarked = unmarkTarget(target, 'sid');
      expect(unmarked.target).to.equal(clean);
      expect(unmarked.sids).to.deep.equal(sids);
      expect(unmarked.places.length > 0).to.equal(clean !== target);
    });
  }

  it('says where it stood', () => {
    const kinds: CarrierKind[] = ['path-segment', 'path-parameter', 'query'];
    expect(unmarkTarget('/(sid-R)/a;sid=S?sid=T&sid=U', 'sid').places).to.deep.equal(kinds);
    expect(unmarkTarget('/a?sid=', 'sid').places).to.deep.equal(['query']);
  });

  it('takes names with dashes and brackets for what they are', () => {
    expect(unmarkTarget('/(a-b-S)/x', 'a-b')).to.deep.include({ target: '/x', sids: ['S'] });
    expect(unmarkTarget('/x?a.c=1', 'a.b').target).to.equal('/x?a.c=1');
  });

  it('stays linear on long targets', () => {
    const started = performance.now();
    unmarkTarget(`/x?${'&;'.repeat(100_000)}sid=1`, 'sid');
    unmarkTarget(`/${'(sid-1)/'.repeat(50_000)}`, 'sid');
    unmarkTarget(`/${';sid=1'.repeat(50_000)}${'/;'.repeat(50_000)}%`, 'sid');
    expect(performance.now() - started).to.be.below(2000);
  });
});

describe('unmark: references', () => {
  for (const [reference, clean] of [
    ['http://h/x?a=1&sid=S#f', 'http://h/x?a=1#f'],
    ['http://h/x?sid=S#?sid=T', 'http://h/x#?sid=T'],
    ['//h/(sid-S)/x', '//h/x'],
    ['//(sid-S)/x', '//(sid-S)/x'],
    ['x;sid=S', 'x'],
    ['?sid=S', ''],
    ['http://h', 'http://h'],
  ] as const) {
    it(`${reference} → ${clean}`, () => expect(unmarkReference(reference, 'sid')).to.equal(clean));
  }
});

const S = Sid.parseMirrored('S,1');
if (S === null) throw new Error('a test SID');
const PAGE = 'http://shop.example/a/b/page?q=1';

function mark(kind: CarrierKind, reference: string, page = PAGE): string {
  return markReference(reference, { kind, name: 'sid', sid: S as Sid }, page);
}

describe('mark: references of header fields', () => {
  const query: ReadonlyArray<readonly [string, string]> = [
    ['x', 'x?§'],
    ['/', '/?§'],
    ['../x/', '../x/?§'],
    ['.', '.?§'],
    ['x?a=1', 'x?a=1&§'],
    ['x?', 'x?&§'],
    ['?', '?&§'],
    ['x?a=1&', 'x?a=1&&§'],
    ['x#t', 'x?§#t'],
    ['x?a#t', 'x?a&§#t'],
    ['x#', 'x?§#'],
    ['a#b?c', 'a?§#b?c'],
    ['a;v=1?x', 'a;v=1?x&§'],
    ['http://h', 'http://h/?§'],
    ['//h', '//h/?§'],
    ['http://h/', 'http://h/?§'],
    ['http://h?b', 'http://h?b&§'],
    ['http://h#c', 'http://h?§#c'],
    ['http://h:8080/x', 'http://h:8080/x?§'],
    // The empty reference is the page with its query.
    ['', '?q=1&§'],
    // An old value gives way.
    ['x?sid=old', 'x?§'],
    ['x?a&sid=old&b', 'x?a&§&b'],
    ['x?sid=old&b&sid=older;c', 'x?§&b;c'],
    ['x?%73id=old', 'x?§'],
    ['x?sid', 'x?§'],
    ['x?§', 'x?§'],
    ['x?a;§#f', 'x?a;§#f'],
  ];
  for (const [reference, want] of query) {
    const [from, to] = [reference.replace('§', 'sid=S%2C1'), want.replace('§', 'sid=S%2C1')];
    it(`query: ${from} → ${to}`, () => expect(mark('query', from)).to.equal(to));
  }

  const parameter: ReadonlyArray<readonly [string, string]> = [
    ['x', 'x;§'],
    ['/x?a#f', '/x;§?a#f'],
    ['/', '/;§'],
    ['x/', 'x/;§'],
    ['/a;v=1/b;w=2', '/a;v=1/b;w=2;§'],
    ['..', '../;§'],
    ['.', './;§'],
    ['x/%2E.', 'x/%2E./;§'],
    ['http://h', 'http://h/;§'],
    ['http://h?x', 'http://h/;§?x'],
    ['', 'page;§?q=1'],
    ['?', 'page;§?'],
    ['?z', 'page;§?z'],
    ['x;sid=old?y', 'x;§?y'],
    ['/a;sid=old/b', '/a;§/b'],
    ['/a;sid=old/b;sid=older', '/a;§/b'],
    ['x;§', 'x;§'],
    // As `expose` tells it to the application: one SID is enough.
    ['x?sid=old', 'x;§'],
    ['x?sid=old&sid=older#f', 'x;§#f'],
    ['x?a&sid=old&b', 'x;§?a&b'],
    ['x?sid=old&%73id=older;b&sid=old&sid=old', 'x;§?b'],
    ['x;§?a&sid=old', 'x;§?a'],
    ['x?sid=old?3,4', 'x;§?3,4'],
    ['?sid=old', 'page;§?'],
    ['http:x', 'http:x'],
  ];
  for (const [reference, want] of parameter) {
    const [from, to] = [reference.replace('§', 'sid=S%2C1'), want.replace('§', 'sid=S%2C1')];
    it(`path-parameter: ${from} → ${to}`, () => expect(mark('path-parameter', from)).to.equal(to));
  }
  it('path-parameter: a last segment with a colon does not become a scheme', () =>
    expect(mark('path-parameter', '?z', 'http://h/a:b')).to.equal('./a:b;sid=S%2C1?z'));
  it('path-parameter: a page that is marked itself gives its clean name', () =>
    expect(mark('path-parameter', '?z', 'http://h/a;sid=old')).to.equal('a;sid=S%2C1?z'));

  const segment: ReadonlyArray<readonly [string, string]> = [
    ['/x?a#f', '/(§)/x?a#f'],
    ['/', '/(§)/'],
    ['x', '/(§)/a/b/x'],
    ['x?y', '/(§)/a/b/x?y'],
    ['../x', '/(§)/a/x'],
    ['../../../../x', '/(§)/x'],
    ['', '/(§)/a/b/page?q=1'],
    ['?z', '/(§)/a/b/page?z'],
    ['http://h', 'http://h/(§)/'],
    ['http://h?x', 'http://h/(§)/?x'],
    ['//h/x', '//h/(§)/x'],
    ['/(sid-old)/x', '/(§)/x'],
    ['/(sid-old)/(sid-older)/x', '/(§)/x'],
    ['/(§)/x', '/(§)/x'],
    ['/x?sid=old&b', '/(§)/x?b'],
    ['/(sid-old)?a=/b', '/(§)?a=/b'],
    // Resolved, the path would have to be written in the page's charset: left as it is.
    ['/\xfc/./x', '/\xfc/./x'],
    ['../\xfc/x', '../\xfc/x'],
    ['/\xfc/x', '/(§)/\xfc/x'],
  ];
  for (const [reference, want] of segment) {
    const [from, to] = [reference.replace('§', 'sid-S%2C1'), want.replace('§', 'sid-S%2C1')];
    it(`path-segment: ${from} → ${to}`, () => expect(mark('path-segment', from)).to.equal(to));
  }
  for (const [reference, want] of [
    ['x', 'x'],
    ['../x', '../x'],
    ['', ''],
    ['?z', '?z'],
    ['x?sid=old', 'x'],
    ['?sid=old', '?'],
    ['/x', '/(sid-S%2C1)/x'],
    ['../../../x', '/(sid-S%2C1)/x'],
    ['../../x', '../../x'],
  ] as const) {
    it(`path-segment, on a page that has it: ${reference} → ${want}`, () =>
      expect(mark('path-segment', reference, 'http://shop.example/(sid-S%2C1)/a/b/page?q')).to.equal(want));
  }
  it('path-segment, on a page that has another one', () =>
    expect(mark('path-segment', 'x', 'http://shop.example/(sid-T)/a/b/page')).to.equal('/(sid-S%2C1)/a/b/x'));
});

describe('markWithin: asks the scope', () => {
  const scope = new Scope({ origin: 'http://shop.example' });
  const sidMark: SidMark = { kind: 'query', name: 'sid', sid: S as Sid };
  for (const [reference, want] of [
    ['/next?a=1#f', '/next?a=1&sid=S%2C1#f'],
    ['http://shop.example/next', 'http://shop.example/next?sid=S%2C1'],
    ['http://evil.test/x', null],
    ['//evil.test/x', null],
    ['/\\evil.test/x', null],
    ['https:/evil.test/', null],
    ['http://shop.example@evil.test/', null],
    ['http://user@shop.example/x', null],
    ['javascript:x', null],
    ['#top', null],
    ['/next%0d%0aX-Injected: 1', '/next%0d%0aX-Injected: 1?sid=S%2C1'],
  ] as const) {
    it(`${reference} → ${want}`, () => expect(markWithin(reference, sidMark, scope, PAGE)).to.equal(want));
  }
});

describe('encodeUrlText [PHP 4.1]', () => {
  for (const [text, want] of [
    ['a b', 'a%20b'],
    ['+,[]', '%2B%2C%5B%5D'],
    ["-_.~!'()*", '-_.~%21%27%28%29%2A'],
    ['%41', '%2541'],
    ['\u{E9}\u{1F600}', '%C3%A9%F0%9F%98%80'],
    ['\u{D800}', '%EF%BF%BD'],
    ['\0"<>&', '%00%22%3C%3E%26'],
  ] as const) {
    it(JSON.stringify(text), () => expect(encodeUrlText(text)).to.equal(want));
  }
});

describe('unmark: several names', () => {
  const NAMES = ['a', 'b'];
  for (const [target, clean, ofA, ofB] of [
    ['/x', '/x', [], []],
    ['/x?a=1&b=2', '/x', ['1'], ['2']],
    ['/(a-1)/(b-2)/x', '/x', ['1'], ['2']],
    ['/(b-2)/(a-1)/x', '/x', ['1'], ['2']],
    ['/(b-2)/(a-1)/x?a=3', '/x', ['3', '1'], ['2']],
    ['/(a-1)/(b-2)/(a-3)/x', '/x', ['1', '3'], ['2']],
  ] as const) {
    it(target, () => {
      const unmarked = unmarkTargetOfAll(target, NAMES);
      expect(unmarked?.target).to.equal(clean);
      expect([...(unmarked?.found.get('a')?.sids ?? [])]).to.deep.equal(ofA);
      expect([...(unmarked?.found.get('b')?.sids ?? [])]).to.deep.equal(ofB);
      expect(unmarkReferenceOfAll(`http://h${target}#f`, NAMES)).to.equal(`http://h${clean}#f`);
    });
  }
  it('stacked deeper than there are names: nobody has that from us, and it costs no time', () => {
    const target = `${'/(b-2)/(a-1)'.repeat(5000)}/x`;
    const startMs = performance.now();
    expect(unmarkTargetOfAll(target, NAMES)).to.equal(null);
    expect(unmarkReferenceOfAll(target, NAMES)).to.equal(null);
    expect(performance.now() - startMs).to.be.below(1000);
  });
});

describe('unmark: the query alone', () => {
  for (const [target, clean, ...values] of [
    ['/x', '/x'],
    ['/x?a=1', '/x?a=1'],
    ['/x?sid=1', '/x', '1'],
    ['/x?a=1&sid=1&b', '/x?a=1&b', '1'],
    ['/x;sid=1?sid=2', '/x;sid=1', '2'],
    ['/(sid-1)/admin', '/(sid-1)/admin'],
    ['/a;sid=1/../admin', '/a;sid=1/../admin'],
  ] as const) {
    it(target, () => expect(unmarkQuery(target, 'sid')).to.deep.equal({ target: clean, sids: values }));
  }
});
