/**
 * Random tag soup through our scanner and through parse5.
 *
 * `FUZZ_RUNS` sets the number of pages (20,000 by default), `FUZZ_SEED` the seed, `FUZZ_PIECES` how long a page may be. A
 * failure prints seed, path and the smallest page that shows it.
 */
import fc from 'fast-check';
import { difference, everyByte } from '../../support/tag-comparison.ts';
import { cutTagSoup } from '../../support/tag-soup.ts';

const RUNS = Number(process.env['FUZZ_RUNS'] ?? 20_000);
const SEED = Number(process.env['FUZZ_SEED'] ?? 20261121);
const PIECES = Number(process.env['FUZZ_PIECES'] ?? 24);

describe('html scanner against parse5: fuzz', () => {
  it(`finds the same tags in ${RUNS} pages of tag soup, however they are cut`, function () {
    this.timeout(120_000 + RUNS * 20);
    fc.assert(
      fc.property(cutTagSoup(PIECES), fc.boolean(), ({ page, cuts }, isScripting) => {
        const bytes = Buffer.from(page, 'latin1');
        const text = difference(bytes, isScripting, [[], cuts, everyByte(bytes)]);
        if (text !== null) throw new Error(text);
      }),
      { numRuns: RUNS, seed: SEED },
    );
  });
});
