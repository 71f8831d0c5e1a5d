/** Every page of html5lib-tests through our scanner and through parse5: whole, byte by byte, and cut at random. */
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { type Sample, tokenizerSamples, treeSamples } from '../../support/html5lib.ts';
import { difference, everyByte } from '../../support/tag-comparison.ts';

interface KnownDifference {
  id: string;
  reason: string;
}

const KNOWN: readonly KnownDifference[] = JSON.parse(
  readFileSync(new URL('known-differences.json', import.meta.url), 'utf8'),
);

/** Three ways to cut `length` bytes at up to two places, the same in every run. */
function randomCuts(length: number, seed: number): number[][] {
  let state = seed;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state % (length + 1);
  };
  return [[next()], [next(), next()], [next(), next()]].map((cuts) => cuts.sort((a, b) => a - b));
}

function differenceOf({ page }: Sample, index: number): string | null {
  const cuts = [[], everyByte(page), ...randomCuts(page.length, index)];
  return difference(page, false, cuts) ?? difference(page, true, cuts);
}

describe('html scanner against parse5: html5lib-tests', () => {
  const suites = { 'tree construction': treeSamples(), tokenizer: tokenizerSamples() };
  const byId = new Map(
    Object.values(suites).flatMap((samples) => samples.map((sample) => [sample.id, sample] as const)),
  );

  for (const [name, samples] of Object.entries(suites)) {
    it(`finds the same tags in all ${samples.length} pages of ${name}`, function () {
      this.timeout(180_000);
      const found = samples.flatMap((sample, i) => {
        if (KNOWN.some(({ id }) => id === sample.id)) return [];
        const text = differenceOf(sample, i);
        return text === null ? [] : [`${sample.id} ${JSON.stringify(sample.page.toString('latin1'))}\n ${text}`];
      });
      expect(found.slice(0, 5), `${found.length} pages differ`).to.deep.equal([]);
    });
  }

  it('holds the whole corpus', () => {
    expect(suites['tree construction']).to.have.length.above(1500);
    expect(suites.tokenizer).to.have.length.above(6000);
  });

  it('lists only differences that are still there, each with a reason', () => {
    for (const { id, reason } of KNOWN) {
      expect(reason, id).to.have.length.above(20);
      const sample = byId.get(id);
      expect(sample, `${id} is no page of the corpus`).to.not.equal(undefined);
      if (sample !== undefined) expect(differenceOf(sample, 0), `${id} no longer differs`).to.not.equal(null);
    }
  });
});
