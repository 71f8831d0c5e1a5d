import { expect } from 'chai';
import { MintLimit } from '../../../src/session/mint-limit.ts';
import { blockOf, isPublic, networkOf, unmapped } from '../../../src/session/network.ts';

describe('unmapped', () => {
  for (const [address, want] of [
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:c000:201', '192.0.2.1'],
    ['0:0:0:0:0:ffff:c000:0201', '192.0.2.1'],
    ['0000::ffff:192.0.2.1', '192.0.2.1'],
    ['::0:ffff:c000:201', '192.0.2.1'],
    ['0::0:0:FFFF:192.0.2.1', '192.0.2.1'],
    ['0:0:0:0:0:ffff:c000::', '192.0.0.0'],
    ['::ffff:999.0.2.1', '::ffff:999.0.2.1'],
    ['1::ffff:c000:201', '1::ffff:c000:201'],
    ['::fffe:c000:201', '::fffe:c000:201'],
    ['::ffff:c000', '::ffff:c000'],
    ['2001:db8::1', '2001:db8::1'],
    // Translated, not mapped: what is behind the prefix is no address.
    ['::ffff:0:192.0.2.1', '::ffff:0:192.0.2.1'],
  ] as const) {
    it(address, () => expect(unmapped(address)).to.equal(want));
  }
});

describe('networkOf', () => {
  for (const [address, want] of [
    ['192.0.2.7', '192.0.2'],
    ['::ffff:192.0.2.7', '192.0.2'],
    ['::FFFF:192.0.2.250', '192.0.2'],
    ['2001:db8:1:aabb:1:2:3:4', '2001:db8:1:aa'],
    ['2001:0db8:0001:aaCC::1', '2001:db8:1:aa'],
    ['2001:db8::1', '2001:db8:0:0'],
    ['::1', '0:0:0:0'],
    ['::', '0:0:0:0'],
    ['fe80::1%eth0', 'fe80:0:0:0'],
    ['64:ff9b::192.0.2.7', '64:ff9b:0:0'],
    ['1:2:3:4:5:6:192.0.2.7', '1:2:3:0'],
    ['1::2:3:4:5:6:7', '1:0:2:0'],
    ['', ''],
    ['unknown', 'unknown'],
  ] as const) {
    it(`${address} is in ${want}`, () => expect(networkOf(address)).to.equal(want));
  }
});

describe('blockOf', () => {
  for (const [address, want] of [
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['2001:db8:1:aabb:1:2:3:4', '2001:db8:1:aabb'],
    ['2001:0db8:0001:aaBB::9', '2001:db8:1:aabb'],
    ['::1', '0:0:0:0'],
    ['unknown', 'unknown'],
  ] as const) {
    it(`${address} is in ${want}`, () => expect(blockOf(address)).to.equal(want));
  }
});

describe('MintLimit', () => {
  const grants = (limit: MintLimit, network: string, atMs: number, tries: number): number =>
    Array.from({ length: tries }, () => limit.take(network, atMs)).filter(Boolean).length;

  it('gives a minute of sessions at once, then one by one', () => {
    const limit = new MintLimit(60);
    expect(grants(limit, 'a', 0, 100)).to.equal(60);
    expect(grants(limit, 'a', 999, 5)).to.equal(0);
    expect(grants(limit, 'a', 1000, 5)).to.equal(1);
    expect(grants(limit, 'a', 11_000, 100)).to.equal(10);
    expect(grants(limit, 'a', 10_000_000, 100)).to.equal(60);
  });

  it('counts clients apart', () => {
    const limit = new MintLimit(2);
    expect(grants(limit, 'a', 0, 5)).to.equal(2);
    expect(grants(limit, 'b', 0, 5)).to.equal(2);
  });

  it('gives nothing for a clock that jumps back', () => {
    const limit = new MintLimit(2);
    expect(grants(limit, 'a', 100_000, 5)).to.equal(2);
    expect(grants(limit, 'a', 0, 5)).to.equal(0);
    expect(grants(limit, 'a', 30_000, 5)).to.equal(1);
  });

  it('forgets the clients that were idle longest, not the busy one', () => {
    const limit = new MintLimit(1);
    expect(grants(limit, 'busy', 0, 1)).to.equal(1);
    for (let i = 0; i < 20_000; i++) {
      limit.take(`n${i}`, 0);
      if (i % 5000 === 0) expect(grants(limit, 'busy', 0, 1)).to.equal(0);
    }
    expect(grants(limit, 'n0', 0, 1)).to.equal(1);
  });
});

describe('isPublic', () => {
  for (const address of [
    '192.0.2.1',
    '172.15.0.1',
    '172.32.0.1',
    '100.128.0.1',
    '2001:db8::1',
    '::ffff:192.0.2.1',
    '::2',
  ]) {
    it(`${address} is`, () => expect(isPublic(address)).to.equal(true));
  }
  for (const address of [
    ...['127.0.0.1', '10.1.2.3', '172.16.0.1', '172.31.255.255', '192.168.1.1', '169.254.1.1', '100.64.0.1', '0.0.0.0'],
    ...['::1', '::', 'fd00::1', 'fe80::1', '::ffff:10.0.0.1', 'unix', ''],
  ]) {
    it(`${address} is not`, () => expect(isPublic(address)).to.equal(false));
  }
});
