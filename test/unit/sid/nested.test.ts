import { expect } from 'chai';
import fc from 'fast-check';
import { unmarkTarget } from '../../../src/sid/carrier.ts';
import { withoutNestedSids } from '../../../src/sid/nested.ts';

const SID = '4q0c1d2e3f4g5h6i7j8k9l0m1n';

describe('SIDs of addresses within addresses', () => {
  const rows: [string, string][] = [
    // As it stands, and encoded once and more.
    [`/login?next=/cart?_sid=${SID}`, '/login?next=/cart'],
    [`/login?next=%2Fcart%3F_sid%3D${SID}`, '/login?next=%2Fcart'],
    [`/login?next=%2Fcart%3f_sid%3d${SID}&x=1`, '/login?next=%2Fcart&x=1'],
    [`/login?next=%252Fcart%253F_sid%253D${SID}`, '/login?next=%252Fcart'],
    [`/login?next=%2Fcart%3Fa%3D1%26_sid%3D${SID}`, '/login?next=%2Fcart%3Fa%3D1'],
    [`/login?next=%2Fcart%3Fa%3D1%3B_sid%3D${SID}%23top`, '/login?next=%2Fcart%3Fa%3D1%23top'],
    // What comes behind it in the inner query keeps its question mark.
    [`/login?next=%2Fcart%3F_sid%3D${SID}%26a%3D1`, '/login?next=%2Fcart%3Fa%3D1'],
    [`/login?next=%2Fcart%3Fa%3D1%26_sid%3D${SID}%26b%3D2`, '/login?next=%2Fcart%3Fa%3D1%26b%3D2'],
    [`/login?next=%2Fcart%3Fa%3D1%26_sid%3D${SID}%3Bb%3D2`, '/login?next=%2Fcart%3Fa%3D1%3Bb%3D2'],
    [`/login?next=/cart?_sid=${SID}%26a=1&b=2`, '/login?next=/cart?a=1&b=2'],
    [`/login?a=/x%3F_sid%3D${SID}&b=/y%3F_sid%3D${SID}`, '/login?a=/x&b=/y'],
    // Several of them.
    [`/login?next=%2Fcart%3F_sid%3D${SID}%26_sid%3D${SID}`, '/login?next=%2Fcart'],
    [`/login?next=%2Fcart%3F_sid%3D${SID}%26_sid%3D${SID}%26a%3D1`, '/login?next=%2Fcart%3Fa%3D1'],
    [`/login?next=%2Fcart%3B_sid%3D${SID}%3B_sid%3D${SID}%3B_sid%3D${SID}`, '/login?next=%2Fcart'],
    [`/login?next=%2Fa%3Fb%3D%252Fc%253F_sid%253D${SID}%26_sid%3D${SID}`, '/login?next=%2Fa%3Fb%3D%252Fc'],
    // The other carriers.
    [`/login?next=%2Fcart%3B_sid%3D${SID}`, '/login?next=%2Fcart'],
    [`/login?next=/(_sid-${SID})/cart`, '/login?next=/cart'],
    [`/login?next=%2F%28_sid-${SID}%29%2Fcart`, '/login?next=%2Fcart'],
    [`/login?next=%2F%28_sid-${SID}%29&a=1`, '/login?next=%2F&a=1'],
    // Of a Referer.
    [`https://shop.example/login?next=%2Fcart%3F_sid%3D${SID}`, 'https://shop.example/login?next=%2Fcart'],
    // None of ours.
    [`/login?next=%2Fcart%3F_sid%3D${SID}x`, `/login?next=%2Fcart%3F_sid%3D${SID}x`],
    [`/login?next=%2Fcart%3Fx_sid%3D${SID}`, `/login?next=%2Fcart%3Fx_sid%3D${SID}`],
    [`/login?next=%2Fcart%3F_sid%3Dabc`, `/login?next=%2Fcart%3F_sid%3Dabc`],
    [`/login?q=_sid+${SID}`, `/login?q=_sid+${SID}`],
    // A path was judged as it is.
    [`/a%3F_sid%3D${SID}`, `/a%3F_sid%3D${SID}`],
    [`/a/(_sid-${SID})/b?x`, `/a/(_sid-${SID})/b?x`],
  ];
  for (const [target, clean] of rows) {
    it(`${target.replaceAll(SID, '…')} → ${clean.replaceAll(SID, '…')}`, () => {
      expect(withoutNestedSids(unmarkTarget(target, '_sid').target, '_sid')).to.equal(clean);
    });
  }

  it('touches nothing else, and leaves no address of ours with its SID', () => {
    const address = fc.constantFrom('/', '/a', '/a?b=c', '/a?b=c&d=%20', '/ä?ö');
    fc.assert(
      fc.property(
        address,
        fc.constantFrom('?', '&'),
        fc.nat(3),
        fc.webQueryParameters(),
        (inner, sign, times, others) => {
          const isFirst = !inner.includes('?');
          if ((sign === '?') !== isFirst) return;
          const outer = (text: string) => {
            let value = text;
            for (let i = 0; i <= times; i++) value = encodeURIComponent(value);
            return `/login?${others}&next=${value}`;
          };
          const marked = outer(`${inner}${sign}_sid=${SID}`);
          expect(withoutNestedSids(marked, '_sid')).to.equal(outer(inner));
        },
      ),
    );
  });

  it('stays linear on long targets', () => {
    const started = performance.now();
    for (const text of ['%25', '%3F_sid%3D', '%3F_sid%3D4', '/(_sid-', '?_sid=', `%3F_sid%3D${SID}`]) {
      withoutNestedSids(`/?${text.repeat(50_000)}`, '_sid');
    }
    expect(performance.now() - started).to.be.below(2000);
  });
});
