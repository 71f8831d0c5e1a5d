/**
 * The PHP rewriter as the proxy runs it, with its veto: where its bytes differ from PHP's, PHP would have sent an id to
 * another origin or written it where a browser reads no such URL. `php-veto.json` names, for each recorded case, the
 * rules that explain its differences; an independent witness must come to the same list, and a case that is not listed
 * must not differ. TRANSID_VETO_PAGES sets the number of random pages. UPDATE_GOLDEN=1 writes the list anew, for review.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import type { PhpDecision } from '../../src/response/php-marker.ts';
import type { PhpRewriterOptions, PhpVeto } from '../../src/response/php-rewriter.ts';
import { createPhpRewriter } from '../../src/response/php-rewriter.ts';
import { parsePhpHostList } from '../../src/sid/php-lists.ts';
import { Scope } from '../../src/sid/scope.ts';
import { Dice, randomPage } from '../support/php-pages.ts';
import {
  byteString,
  bytesOf,
  optionsOf,
  pageCases,
  readVectors,
  rewritePage,
  type ScannerCase,
  scannerFiles,
} from '../support/php-vectors.ts';
import { leaks, type PhpEdit, PhpWitness, type Site } from '../support/php-witness.ts';

const LIST = new URL('./php-veto.json', import.meta.url);
const ORIGIN = 'http://shop.example';
const DOCUMENT_URL = `${ORIGIN}/dir/page.php`;

/**
 * The site as the proxy would have it: each rewriter has the hosts of its own list. PHP 8.2 takes the lists of both, one
 * for links and the other for forms [PHP 6.2], so the other list's hosts explain a difference.
 */
function siteOf({ scanner, ini }: Pick<ScannerCase, 'scanner' | 'ini'>): Site {
  const session = parsePhpHostList(byteString(ini['session.trans_sid_hosts'] ?? ''));
  const variables = parsePhpHostList(byteString(ini['url_rewriter.hosts'] ?? ''));
  const [own, other] = scanner === 'session' ? [session, variables] : [variables, session];
  return { documentUrl: DOCUMENT_URL, hosts: new Set(['shop.example', ...own]), otherHosts: other };
}

function vetoOf({ documentUrl, hosts }: Site): PhpVeto {
  const scope = new Scope({ origin: ORIGIN, hosts });
  return { documentUrl, session: scope, variables: scope };
}

/** The edits that PHP makes, in order. */
function editsOf(options: PhpRewriterOptions, input: Buffer): PhpEdit[] {
  const edits: PhpEdit[] = [];
  const explain = ({ tagStart, element, attribute, offset: start, url, after }: PhpDecision) => {
    if (after !== null) edits.push({ tagStart, element, attribute, start, before: attribute === '' ? '' : url, after });
  };
  const rewriter = createPhpRewriter({ ...options, veto: null, explain });
  rewriter.write(input);
  rewriter.end();
  return edits;
}

/** Which of PHP's edits are not in the output; throws if the two differ in anything else. */
function leftOut(input: Buffer, output: Buffer, edits: readonly PhpEdit[]): PhpEdit[] {
  const missing: PhpEdit[] = [];
  let from = 0;
  let to = 0;
  for (const edit of edits) {
    const upTo = to + edit.start - from;
    expect(output.toString('latin1', to, upTo), 'text between edits').to.equal(
      input.toString('latin1', from, edit.start),
    );
    const isMade = output.toString('latin1', upTo, upTo + edit.after.length) === edit.after;
    if (!isMade) missing.push(edit);
    from = edit.start + edit.before.length;
    to = upTo + (isMade ? edit.after : edit.before).length;
  }
  expect(output.toString('latin1', to), 'text behind the edits').to.equal(input.toString('latin1', from));
  return missing;
}

/** The veto's only addition: a button behind the forms, which could still belong to one, is told that it belongs to none. */
function withoutDisowning(output: Buffer): Buffer {
  const page = output.toString('latin1').replace(/(<(?:button|input)) form=""(?= formaction)/gi, '$1');
  return Buffer.from(page, 'latin1');
}

/** The rules that explain what the veto left out of a page, sorted; '?' stands for one that nothing explains. */
function rulesOf(test: Pick<ScannerCase, 'id' | 'scanner' | 'vars' | 'ini' | 'httpHost'>, input: Buffer): string[] {
  const site = siteOf(test);
  const options = optionsOf(test, vetoOf(site));
  const output = withoutDisowning(rewritePage(options, input));
  const missing = leftOut(input, output, editsOf(options, input));
  if (missing.length === 0) return [];
  const witness = new PhpWitness(input.toString('latin1'), site);
  return [...new Set(missing.map((edit) => witness.ruleAgainst(edit) ?? `? ${JSON.stringify(edit)}`))].sort();
}

describe('php rewriter with its veto: differences to PHP are leaks or damage, each by a rule', () => {
  const cases = [...scannerFiles().flatMap((file) => readVectors<ScannerCase>(file)), ...pageCases()].filter(
    // Only PHP's result for the whole page is one that a proxy can want [PHP 8.7].
    ({ splits }) => splits === undefined,
  );
  const found: Record<string, string[]> = {};

  it('no difference without a rule', () => {
    const unexplained: string[] = [];
    for (const test of cases) {
      const rules = rulesOf(test, bytesOf(test.input));
      if (rules.length > 0) found[test.id] = rules;
      for (const rule of rules) if (rule.startsWith('?')) unexplained.push(`${test.id} ${rule.slice(0, 300)}`);
    }
    expect(unexplained).to.deep.equal([]);
  }).timeout(60_000);

  it('php-veto.json lists just these cases and rules', () => {
    if (process.env['UPDATE_GOLDEN'] !== undefined) {
      const rows = Object.entries(found).map(
        ([id, rules]) => `  ${JSON.stringify(id)}: ${JSON.stringify(rules.join(' '))}`,
      );
      writeFileSync(LIST, `{\n${rows.join(',\n')}\n}\n`);
    }
    // Written by this test: case → rules.
    const listed = JSON.parse(readFileSync(LIST, 'utf8')) as Record<string, string>;
    const joined = Object.fromEntries(Object.entries(found).map(([id, rules]) => [id, rules.join(' ')]));
    expect(joined).to.deep.equal(listed);
  });
});

describe('php rewriter with its veto: random pages', () => {
  const PAGES = Number(process.env['TRANSID_VETO_PAGES'] ?? 1000);

  it(`${PAGES} pages: each difference has its rule, nothing leaks, chunks do not matter`, () => {
    const dice = new Dice(42);
    let marked = 0;
    for (let count = 0; count < PAGES; count++) {
      const { kind, ini, httpHost, page } = randomPage(dice);
      const test = { id: `random ${count}`, scanner: kind, vars: [['v', 'q1w2e3r4t5']], ini, httpHost } as const;
      const site = siteOf(test);
      const options = optionsOf(test, vetoOf(site));
      const output = rewritePage(options, page);
      const what = `${test.id} ${JSON.stringify({ ini, httpHost, page: page.toString('latin1') })}`;
      const cuts = [...page.keys()].filter(() => dice.chance(30));
      expect(rewritePage(options, page, cuts).toString('latin1'), what).to.equal(output.toString('latin1'));
      expect(
        rulesOf(test, page).filter((rule) => rule.startsWith('?')),
        what,
      ).to.deep.equal([]);
      expect(leaks(output.toString('latin1'), site, 'q1w2e3r4t5'), what).to.deep.equal([]);
      if (!output.equals(page)) marked++;
    }
    expect(marked).to.be.above(PAGES / 20);
  }).timeout(60_000 + PAGES * 20);
});
