import { hkdfSync } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { open, seal, sealKeys } from '../../../src/session/seal.ts';
import { Sid } from '../../../src/sid/sid.ts';

const SID = Sid.generate();
const KEYS = sealKeys('shop.example.org', SID);

describe('seal', () => {
  it('derives its key by HKDF as node:crypto does', () => {
    const want = hkdfSync('sha256', SID.reveal(), 'transid session v1', 'seal\0shop.example.org', 32);
    expect(KEYS.cipherKey.equals(Buffer.from(want))).to.equal(true);
  });

  it('gives every host and SID keys of their own, the same each time', () => {
    expect(sealKeys('shop.example.org', SID)).to.deep.equal(KEYS);
    for (const other of [sealKeys('shop.example.org:80', SID), sealKeys('shop.example.org', Sid.generate())]) {
      expect(other.storeKey).to.not.equal(KEYS.storeKey);
      expect(other.cipherKey.equals(KEYS.cipherKey)).to.equal(false);
    }
  });

  it('opens what it sealed', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(open(KEYS, seal(KEYS, text))).to.equal(text);
      }),
    );
  });

  it('never seals the same text to the same bytes', () => {
    expect(seal(KEYS, 'a').equals(seal(KEYS, 'a'))).to.equal(false);
  });

  it('shows neither SID nor text in key or value', () => {
    const sealed = seal(KEYS, 'PHPSESSID=secret').toString('latin1');
    for (const shown of [KEYS.storeKey, sealed]) {
      expect(shown).to.not.include(SID.reveal());
      expect(shown).to.not.include('secret');
    }
  });

  it('does not open a value with any bit changed, cut short, or under another key', () => {
    const sealed = seal(KEYS, '{"some":"text"}');
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const torn = Buffer.from(sealed);
      torn[bit >> 3]! ^= 1 << (bit & 7);
      expect(open(KEYS, torn), `bit ${bit}`).to.equal(null);
    }
    for (let length = 0; length < sealed.length; length++)
      expect(open(KEYS, sealed.subarray(0, length))).to.equal(null);
    expect(open(sealKeys('other.example.org', SID), sealed)).to.equal(null);
    expect(open({ ...KEYS, storeKey: 'moved' }, sealed)).to.equal(null);
  });

  it('does not throw on any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        expect(open(KEYS, Buffer.from([1, ...bytes]))).to.equal(null);
        expect(open(KEYS, Buffer.from(bytes))).to.equal(null);
      }),
    );
  });
});
