import { expect } from 'chai';
import { Jar } from '../../../src/session/jar.ts';
import { OpenedSessions } from '../../../src/session/opened.ts';
import { encodeRecord, type SessionRecord } from '../../../src/session/record.ts';
import { seal, sealKeys } from '../../../src/session/seal.ts';
import { Sid } from '../../../src/sid/sid.ts';

const HOST = 'shop.example.org';

function recordOf(value: string): SessionRecord {
  const jar = Jar.ofOne('id', value, HOST);
  const client = { userAgentHash: 'ua', network: '192.0.2' };
  return { kind: 'live', client, createdAtMs: 1, isProven: true, rolls: new Map(), jar };
}

describe('OpenedSessions', () => {
  const sid = Sid.generate();
  const keys = sealKeys(HOST, sid);
  const sealed = (value: string) => seal(keys, encodeRecord(recordOf(value), 2));
  let opened: OpenedSessions;
  beforeEach(() => {
    opened = new OpenedSessions();
  });

  const read = (bytes: Buffer, host = HOST, who = sid) => opened.read(host, who, opened.of(host, who), bytes);

  it('gives the keys that the SID has, and what was sealed', () => {
    expect(opened.of(HOST, sid).keys).to.deep.equal(keys);
    expect(read(sealed('1'))).to.deep.equal(recordOf('1'));
  });

  it('gives the same record while the store has the same bytes', () => {
    const bytes = sealed('1');
    const first = read(bytes);
    expect(read(Buffer.from(bytes))).to.equal(first);
    bytes.fill(0);
    expect(read(bytes), 'the bytes were copied').to.equal(null);
  });

  it('opens what the store has now, not what it had', () => {
    read(sealed('1'));
    expect(read(sealed('2'))).to.deep.equal(recordOf('2'));
    expect(read(seal(keys, encodeRecord({ kind: 'dead', rotatedBy: null }, 2)))).to.deep.equal({
      kind: 'dead',
      rotatedBy: null,
    });
  });

  it('gives nothing for torn bytes, and goes on with whole ones', () => {
    const bytes = sealed('1');
    read(bytes);
    const torn = Buffer.from(bytes);
    torn[torn.length - 1]! ^= 1;
    expect(read(torn)).to.equal(null);
    expect(read(bytes)).to.deep.equal(recordOf('1'));
  });

  it('shows a record to no other SID and under no other host', () => {
    const bytes = sealed('1');
    read(bytes);
    expect(read(bytes, HOST, Sid.generate())).to.equal(null);
    expect(read(bytes, 'other.example.org')).to.equal(null);
  });

  it('forgets what has ended, by the store or by word', () => {
    const bytes = sealed('1');
    const first = read(bytes);
    expect(read(seal(keys, encodeRecord({ kind: 'dead', rotatedBy: null }, 2)))).to.deep.equal({
      kind: 'dead',
      rotatedBy: null,
    });
    const second = read(bytes);
    expect(second).to.deep.equal(first);
    expect(second === first).to.equal(false);
    opened.forget(HOST, sid);
    expect(read(bytes) === second).to.equal(false);
  });

  it('holds a bounded number of bytes', () => {
    const all = Array.from({ length: 8 }, () => {
      const one = Sid.generate();
      const bytes = seal(sealKeys(HOST, one), encodeRecord(recordOf('x'.repeat(1024 * 1024)), 2));
      return { one, bytes, record: read(bytes, HOST, one) };
    });
    const kept = all.filter(({ one, bytes, record }) => read(bytes, HOST, one) === record);
    expect(kept.length).to.be.within(0, 4);
  });

  it('remembers nothing of a session that has ended: its keys are of no more use', () => {
    const bytes = seal(keys, encodeRecord({ kind: 'dead', rotatedBy: null }, 2));
    expect(read(bytes)).to.include({ kind: 'dead' });
    expect(opened.of(HOST, sid).record).to.equal(null);
  });

  const big = (fill: string) => fill.repeat(1024 * 1024);
  for (const [what, replace] of [
    ['written again', () => {}],
    ['ended', () => opened.forget(HOST, sid)],
  ] as const) {
    it(`has room for the others, however often a large session is ${what}`, () => {
      const other = Sid.generate();
      const bytes = seal(sealKeys(HOST, other), encodeRecord(recordOf('1'), 2));
      const record = read(bytes, HOST, other);
      for (const fill of 'abcdefgh') {
        read(sealed(big(fill)));
        replace();
      }
      expect(read(bytes, HOST, other)).to.equal(record);
    });
  }
});
