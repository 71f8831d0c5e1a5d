import { inspect } from 'node:util';
import { expect } from 'chai';
import { Sid, setSidLogKey } from '../../../src/sid/sid.ts';

describe('Sid', () => {
  it('is 130 random bits', () => {
    const values = Array.from({ length: 1000 }, () => Sid.generate().reveal());
    for (const value of values) expect(value).to.match(/^[0-9a-v]{26}$/);
    expect(new Set(values).size).to.equal(values.length);
    // Each place has each character: what is missing after 1000 is missing for good.
    for (let at = 0; at < 26; at++) expect(new Set(values.map((value) => value[at])).size, `place ${at}`).to.equal(32);
  });

  const issued = '0123456789abcdefghijklmnop';
  for (const [text, parsed, mirrored] of [
    [issued, true, true],
    [issued.slice(1), false, true],
    [`${issued}0`, false, true],
    [`${issued.slice(1)}w`, false, true],
    [issued.toUpperCase(), false, true],
    [`${issued}\n`, false, false],
    ['a,B-9', false, true],
    ['', false, false],
    ['a b', false, false],
    ['a"', false, false],
    ['\u0430', false, false],
    ['x'.repeat(256), false, true],
    ['x'.repeat(257), false, false],
  ] as const) {
    const shown = text.length > 40 ? `${text.length} characters` : JSON.stringify(text);
    it(`${shown}: ${parsed ? 'ours' : 'none of ours'}, ${mirrored ? 'one' : 'none'} of mirror mode`, () => {
      expect(Sid.parse(text)?.reveal() ?? null).to.equal(parsed ? text : null);
      expect(Sid.parseMirrored(text)?.reveal() ?? null).to.equal(mirrored ? text : null);
    });
  }

  it('equals one of the same value only, whatever the lengths', () => {
    const sid = Sid.parseMirrored('abc') as Sid;
    expect(sid.equals(Sid.parseMirrored('abc') as Sid)).to.equal(true);
    for (const other of ['abd', 'ab', 'abcd']) expect(sid.equals(Sid.parseMirrored(other) as Sid)).to.equal(false);
  });

  it('prints a keyed hash in place of its value', () => {
    const sid = Sid.parse(issued) as Sid;
    const printed = [`${sid}`, JSON.stringify({ sid }), inspect({ sid }), inspect(sid, { showHidden: true, depth: 9 })];
    for (const text of printed) {
      expect(text).to.not.include(issued);
      expect(text).to.match(/sid:[0-9a-f]{8}/);
    }
    expect(sid.hash).to.equal((Sid.parse(issued) as Sid).hash);
    expect(sid.hash).to.not.equal(Sid.generate().hash);
  });

  it('takes no short log key', () => {
    expect(() => setSidLogKey(Buffer.alloc(15))).to.throw(RangeError);
  });
});
