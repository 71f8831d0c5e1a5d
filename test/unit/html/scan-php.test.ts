/**
 * PHP's scanner by itself: what it holds, when it gives up, and that neither depends on chunks. Its bytes are held against
 * PHP's in test/differential.
 */
import { expect } from 'chai';
import { createHtmlScanner } from '../../../src/html/scan-html.ts';
import { PhpScanner, type PhpStartTag } from '../../../src/html/scan-php.ts';
import { WitnessedPhpScanner, type WitnessedTag } from '../../../src/html/scan-php-witnessed.ts';
import type { Scanner } from '../../../src/html/scanner.ts';
import { LIMITS } from '../../../src/limits.ts';
import { Dice, randomPage } from '../../support/php-pages.ts';

const TAGS = new Map([
  ['a', 'href'],
  ['form', ''],
]);

interface Fed {
  readonly mostHeld: number;
}

/** Feed a scanner as the rewriter does. */
function feed(
  scanner: Scanner,
  source: Buffer,
  cuts: readonly number[],
  onBase: (base: number) => void = () => {},
): Fed {
  let held: Buffer = Buffer.alloc(0);
  let settledBytes = 0;
  let mostHeld = 0;
  const ends = [...cuts, source.length];
  for (const [index, end] of ends.entries()) {
    const padding = index % 3;
    const bytes = Buffer.concat([Buffer.alloc(padding, 0x20), held, source.subarray(ends[index - 1] ?? 0, end)]);
    onBase(settledBytes - padding);
    const settled = scanner.scan(bytes, padding, bytes.length, false);
    if (scanner.bailedOut !== null) return { mostHeld };
    settledBytes += settled - padding;
    held = bytes.subarray(settled);
    mostHeld = Math.max(mostHeld, held.length);
  }
  onBase(settledBytes);
  expect(scanner.scan(held, 0, held.length, true)).to.equal(held.length);
  return { mostHeld };
}

function phpTags(
  source: Buffer,
  cuts: readonly number[],
): { seen: string[]; bailedOut: string | null; mostHeld: number } {
  const seen: string[] = [];
  let base = 0;
  const scanner = new PhpScanner(TAGS, {
    startTag({ name, bytes, start, end, isClosed, attributeCount, attributes }: PhpStartTag) {
      const values = attributes
        .slice(0, attributeCount)
        .map((one) => bytes.toString('latin1', one.valueStart, one.valueEnd));
      seen.push(`${base + start}-${base + end} ${name}${isClosed ? '' : ' lost'} ${values.join('|')}`.trim());
    },
    endTag() {},
  });
  const { mostHeld } = feed(scanner, source, cuts, (at) => {
    base = at;
  });
  return { seen, bailedOut: scanner.bailedOut, mostHeld };
}

describe('PhpScanner', () => {
  for (const [what, source, want] of [
    ['a listed attribute', '<a title="t" href="x">.', ['0-22 a x']],
    ['each occurrence', "<a href=x HREF='y'>.", ['0-19 a x|y']],
    ['prefixes of action in forms', '<form a="x" actions=y act=z>.', ['0-28 form x|z']],
    ['a tag that is lost', '<a href="x" 1 href="y">.', ['0-13 a lost x']],
    ['a tag that the page ends in', '<a href="x" ', ['0-12 a lost x']],
    ['a > at the very end, which needs a byte behind it', '<form>', ['0-6 form lost']],
    ['nothing of other tags', '<area href="x"><ab href=y><b>.', []],
  ] as const) {
    it(what, () => expect(phpTags(Buffer.from(source), []).seen).to.deep.equal([...want]));
  }

  for (const [what, fill] of [
    ['a value', ['<a href="', 'x', '">.']],
    ['a value that its > cuts off', ['<a title="', 'x', '>">.']],
    ['white space', ['<a ', ' ', 'href=x>.']],
    ['an attribute name', ['<a h', 'h', '=x>.']],
    ['spaces before a value', ['<a href=', ' ', 'x>.']],
    ['spaces before an equals sign', ['<a href', ' ', '=x>.']],
    ['many attributes', ['<a', ' b=c', '>.']],
  ] as const) {
    it(`gives up at the limit, wherever chunks end: ${what}`, () => {
      const [before, unit, after] = fill;
      for (const excess of [-60, -20, -8, -4, -3, -2, -1, 0, 1, 2, 3, 8, 20, 60]) {
        const count = Math.floor((LIMITS.maxTagBytes + excess - before.length) / unit.length);
        const source = Buffer.from(`<a href=1>${before}${unit.repeat(count)}${after}<a href=2>.`);
        const whole = phpTags(source, []);
        const end = 10 + before.length + unit.length * count;
        const near = Array.from({ length: 12 }, (_, index) => end - 6 + index);
        for (const cuts of [near, [100, 5000], [LIMITS.maxTagBytes + 10]]) {
          const { seen, bailedOut, mostHeld } = phpTags(source, cuts);
          expect({ seen, bailedOut }, `${excess} ${cuts[0]}`).to.deep.equal({
            seen: whole.seen,
            bailedOut: whole.bailedOut,
          });
          expect(mostHeld).to.be.at.most(LIMITS.maxTagBytes + 1);
        }
        if (excess >= 60) expect(whole.bailedOut).to.equal('TAG_TOO_LONG');
        if (excess <= -20) expect(whole.bailedOut).to.equal(null);
      }
    });
  }

  it('holds nothing of a long name that is not listed', () => {
    const source = Buffer.from(`<${'a'.repeat(200_000)} href=x><a href=y>.`);
    const { seen, mostHeld } = phpTags(source, [50, 100_000, 150_000]);
    expect(seen).to.have.length(1);
    expect(mostHeld).to.be.below(60);
  });

  it('is linear in a long value that comes byte by byte', () => {
    const source = Buffer.from(`<a href="${'x'.repeat(LIMITS.maxTagBytes - 100)}">.`);
    let visits = 0;
    const scanner = new PhpScanner(TAGS, { startTag: () => visits++, endTag() {} });
    // Each call gives all that is held: looking at it all again would be 2,000,000,000 bytes.
    const started = process.cpuUsage();
    for (let to = 1; to <= source.length; to++) scanner.scan(source, 0, to, false);
    expect(visits).to.equal(1);
    expect(process.cpuUsage(started).user).to.be.below(1_000_000);
  }).timeout(20_000);
});

describe('WitnessedPhpScanner', () => {
  const interest = { startTags: new Set(['a', 'form', 'base']), endTags: new Set(['form']) };

  function witnessed(source: Buffer, cuts: readonly number[]): string[] {
    const seen: string[] = [];
    let base = 0;
    const describeTag = ({ name, start, end, isPhp, page }: WitnessedTag) =>
      `${isPhp ? `php ${name} ${base + start}-${base + end}` : '-'}, ${page === null ? '-' : `${page.name} ${base + page.start}-${base + page.end}`}`;
    const scanner = new WitnessedPhpScanner(
      (sink) => new PhpScanner(TAGS, sink),
      (sink) => createHtmlScanner(interest, sink),
      {
        startTag: (tag) => seen.push(describeTag(tag)),
        endTag: (name, _namespace, _bytes, start, end) => seen.push(`/${name} ${base + start}-${base + end}`),
      },
    );
    feed(scanner, source, cuts, (at) => {
      base = at;
    });
    return seen;
  }

  for (const [what, source, want] of [
    ['both see a tag', '<a href="x">.', ['php a 0-12, a 0-12']],
    ['only PHP', '<!--<a href=x>-->.', ['php a 4-14, -']],
    ['only browsers', '<a/href=x><base href=y>.', ['php a 0-3, a 0-10', '-, base 10-23']],
    ['ends differ', '<form title="a>b">.</form>', ['php form 0-15, form 0-18', '/form 19-26']],
  ] as const) {
    it(what, () => expect(witnessed(Buffer.from(source), [])).to.deep.equal([...want]));
  }

  it('reports the same for any chunks, tags longer than a slice of its own included', () => {
    const long = 'x'.repeat(6000);
    const source = Buffer.from(`<a href=1><a title="${long}" href=2><form ${long}=y><!-- <a href=${long}> --></form>.`);
    const want = witnessed(source, []);
    expect(want).to.have.length(5);
    expect(witnessed(source, [...source.keys()])).to.deep.equal(want);
    expect(witnessed(source, [5000, 9000, 9001, 14_000])).to.deep.equal(want);
  });

  it('reports the same for any chunks', () => {
    const dice = new Dice(3);
    for (let count = 0; count < 1500; count++) {
      const { page } = randomPage(dice);
      const want = witnessed(page, []);
      const everywhere = [...page.keys()];
      for (const cuts of [everywhere, everywhere.filter(() => dice.chance(15))]) {
        expect(witnessed(page, cuts), page.toString('latin1')).to.deep.equal(want);
      }
    }
  });
});
