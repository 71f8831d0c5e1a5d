/**
 * Random pages through php-cli and through ours, side by side: the same bytes, whatever the chunks.
 *
 * TRANSID_PHP_PAGES sets the number of pages, TRANSID_PHP_SEED the first seed.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Oracle, type OracleCase, phpVersion, startOracle } from '../support/php-oracle.ts';
import { Dice, type RandomPage, randomPage } from '../support/php-pages.ts';
import { optionsOf, rewritePage, type ScannerCase } from '../support/php-vectors.ts';

const PAGES = Number(process.env['TRANSID_PHP_PAGES'] ?? 2000);
const SEED = Number(process.env['TRANSID_PHP_SEED'] ?? 1);
const SESSION = ['PHPSESSID', 'q1w2e3r4t5'] as const;
const AT_ONCE = 250;

const version = phpVersion();

function oracleCase({ ini, httpHost, vars, page, flushes }: RandomPage): OracleCase {
  const ends = [...flushes, page.length];
  return {
    ini: Object.fromEntries(Object.entries(ini).map(([name, value]) => [name, Buffer.from(value)])),
    httpHost: httpHost === null ? null : Buffer.from(httpHost),
    vars,
    chunks: ends.map((end, index) => page.subarray(ends[index - 1] ?? 0, end)),
  };
}

function ours(random: RandomPage, dice: Dice, phpIs: '8.2' | '8.4'): Buffer {
  const asVector = ([name, value]: readonly [Buffer, Buffer]) =>
    [{ b64: name.toString('base64') }, { b64: value.toString('base64') }] as const;
  const test: Pick<ScannerCase, 'scanner' | 'vars' | 'ini' | 'httpHost'> = {
    scanner: random.kind,
    vars: random.kind === 'session' ? [SESSION] : random.vars.map(asVector),
    ini: random.ini,
    httpHost: random.httpHost,
  };
  const cuts = Array.from({ length: random.page.length }, (_, at) => at).filter(() => dice.chance(20));
  return rewritePage(optionsOf(test, null, phpIs), random.page, cuts, random.flushes);
}

describe('php rewriter beside the PHP of this machine [needs php]', () => {
  it(`${PAGES} random pages`, async function () {
    this.timeout(30_000 + PAGES * 20);
    expect(version, 'php-cli is needed: apt-get install php-cli').to.match(/^8\./);
    // The differences between 8.2 and 8.4 are the host lists alone [PHP 19].
    const phpIs = Number(version?.split('.')[1]) >= 4 ? '8.4' : '8.2';
    const folder = mkdtempSync(join(tmpdir(), 'transid-php-'));
    const oracles: Record<RandomPage['kind'], Oracle> = {
      session: startOracle(SESSION, folder),
      output: startOracle(null, folder),
    };
    let edited = 0;
    try {
      const dice = new Dice(SEED);
      for (let done = 0; done < PAGES; done += AT_ONCE) {
        const pages = Array.from({ length: Math.min(AT_ONCE, PAGES - done) }, () => randomPage(dice));
        const answers = await Promise.all(pages.map((page) => oracles[page.kind].ask(oracleCase(page))));
        for (const [index, page] of pages.entries()) {
          const got = ours(page, dice, phpIs).toString('latin1');
          const want = answers[index]?.toString('latin1') ?? '';
          if (want !== page.page.toString('latin1')) edited++;
          if (got !== want) {
            const { kind, ini, httpHost, flushes } = page;
            const input = page.page.toString('latin1');
            expect(got, JSON.stringify({ kind, ini, httpHost, flushes, input })).to.equal(want);
          }
        }
      }
    } finally {
      await Promise.all([oracles.session.close(), oracles.output.close()]);
      rmSync(folder, { recursive: true, force: true });
    }
    expect(edited, 'pages that PHP changed').to.be.above(PAGES / 20);
  });
});
