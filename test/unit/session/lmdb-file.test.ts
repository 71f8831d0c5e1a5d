/** Files that LMDB would die of are told from those that it can work with. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { openLmdbStore } from '../../../src/session/lmdb.ts';
import { findDamage } from '../../../src/session/lmdb-file.ts';

const PAGE = 4096;
const TTL_MS = 60_000;

describe('a file of lmdb', () => {
  let folder: string;
  let file: string;
  let whole: Buffer;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'transid-lmdb-file-'));
    file = join(folder, 'sessions.mdb');
    const store = openLmdbStore({ path: folder, clock: Date.now, sweep: false });
    const records = Array.from({ length: 1000 }, (_, n) => Buffer.alloc(n % 10 === 0 ? 9000 : 600, n));
    await Promise.all(records.map((record, n) => store.compareAndSet(`key${n}`, 0, record, TTL_MS)));
    for (let n = 0; n < 30; n++) {
      await store.compareAndSet(`key${n}`, 1, Buffer.alloc(500), TTL_MS);
      expect(findDamage(file), 'while it is in use').to.equal(null);
    }
    await store.close();
    whole = readFileSync(file);
  });
  after(() => rmSync(folder, { recursive: true }));

  const HARMLESS: ReadonlyArray<readonly [string, (bytes: Buffer) => Buffer]> = [
    ['as it was left', (bytes) => bytes],
    ['empty', () => Buffer.alloc(0)],
    ['with a part of a page at its end', (bytes) => Buffer.concat([bytes, Buffer.alloc(1000)])],
  ];
  for (const [what, change] of HARMLESS) {
    it(`${what}: nothing is wrong, and it opens`, async () => {
      writeFileSync(file, change(Buffer.from(whole)));
      expect(findDamage(file)).to.equal(null);
      const store = openLmdbStore({ path: folder, clock: Date.now, sweep: false });
      expect(await store.compareAndSet('another', 0, Buffer.alloc(500), TTL_MS)).to.equal(true);
      await store.close();
    });
  }

  it('not there: nothing is wrong', () => expect(findDamage(join(folder, 'none'))).to.equal(null));

  const DAMAGED: ReadonlyArray<readonly [string, RegExp, (bytes: Buffer) => Buffer]> = [
    ['cut in half', /^page \d+ of \d+ is missing$/, (bytes) => bytes.subarray(0, bytes.length / 2)],
    ['of two pages', /^page \d+ of 2 is missing$/, (bytes) => bytes.subarray(0, 2 * PAGE)],
    ['of one page', /^its second page is missing$/, (bytes) => bytes.subarray(0, PAGE)],
    ['of a few bytes', /^it does not begin as/, (bytes) => bytes.subarray(0, 100)],
    ['of zeros', /^it does not begin as/, (bytes) => bytes.fill(0)],
    ['of something else', /^it does not begin as/, () => Buffer.from('sessions '.repeat(2000))],
    ['with foreign pages', /^page \d+ is not what it should be$/, (bytes) => bytes.fill(0x5a, 2 * PAGE)],
    ['with zeros for pages', /^page \d+ is not what it should be$/, (bytes) => bytes.fill(0, 2 * PAGE)],
    ['with a page size that is none', /^its page size is none$/, (bytes) => bytes.fill(0xaa, 32, 160)],
  ];
  for (const [what, damage, change] of DAMAGED) {
    it(`${what}: is told as damaged`, () => {
      writeFileSync(file, change(Buffer.from(whole)));
      expect(findDamage(file)).to.match(damage);
    });
  }

  it('that is damaged is refused with its name and the remedy', () => {
    writeFileSync(file, whole.subarray(0, 2 * PAGE));
    expect(() => openLmdbStore({ path: folder, clock: Date.now, sweep: false }))
      .to.throw()
      .that.has.property('detail')
      .that.matches(/sessions\.mdb is damaged \(page \d+ of 2 is missing\): move it away/);
    writeFileSync(file, whole);
  });
});
