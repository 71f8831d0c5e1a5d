/**
 * Our PHP rewriter without its veto against PHP 8.2's recorded answers: the same bytes for every case, whole, byte by
 * byte and cut at random. The other versions' answers show what changes with the host lists of 8.4.
 */
import { expect } from 'chai';
import { createPhpRewriter } from '../../src/response/php-rewriter.ts';
import { Dice } from '../support/php-pages.ts';
import {
  byteString,
  bytesOf,
  optionsOf,
  pageCases,
  readVectors,
  rewritePage,
  type ScannerCase,
  type StepsCase,
  scannerFiles,
  settingsOf,
  type VersionsCase,
} from '../support/php-vectors.ts';

/** Byte by byte only up to here: what a cut does does not depend on how much else is on the page. */
const MAX_BYTEWISE = 20_000;

/** Ways to cut a page: not at all, everywhere, and three times at random. */
function cutsOf(length: number, dice: Dice): readonly (readonly number[])[] {
  const everywhere = Array.from({ length: Math.min(length, MAX_BYTEWISE) }, (_, at) => at);
  const atRandom = () => everywhere.map(() => dice.roll(length)).filter(() => dice.chance(10));
  const sorted = () => [...new Set(atRandom())].sort((a, b) => a - b);
  return [[], everywhere, sorted(), sorted(), sorted()];
}

/** Text is easier to read in a report than bytes. */
function expectBytes(got: Buffer, want: Buffer, how: string): void {
  if (!got.equals(want)) expect(got.toString('latin1'), how).to.equal(want.toString('latin1'));
}

function checkCase(test: ScannerCase, want: Buffer, phpVersion: '8.2' | '8.4' = '8.2'): void {
  const options = optionsOf(test, null, phpVersion);
  const input = bytesOf(test.input);
  const dice = new Dice(input.length);
  for (const cuts of cutsOf(input.length, dice)) {
    expectBytes(rewritePage(options, input, cuts, test.splits), want, `${test.id}, ${cuts.length} cuts`);
  }
}

describe('php rewriter against PHP 8.2', () => {
  for (const file of scannerFiles()) {
    it(file, () => {
      const cases = readVectors<ScannerCase>(file);
      expect(cases).to.have.length.above(0);
      for (const test of cases) checkCase(test, bytesOf(test.output));
    }).timeout(60_000);
  }

  it('pages.json', () => {
    for (const test of pageCases()) checkCase(test, bytesOf(test.output));
  }).timeout(60_000);

  it('scanner-chunk.json: without ob_flush() every cut gives the result of the whole', () => {
    const cases = readVectors<ScannerCase>('scanner-chunk.json');
    for (const whole of cases.filter(({ id }) => id.endsWith('/whole'))) {
      const prefix = whole.id.slice(0, -'whole'.length);
      const parts = cases.filter(({ id, splits }) => id.startsWith(prefix) && splits !== undefined);
      expect(parts, whole.id).to.have.length.above(10);
      for (const { splits } of parts) {
        const got = rewritePage(optionsOf(whole, null), bytesOf(whole.input), splits ?? []);
        expectBytes(got, bytesOf(whole.output), `${whole.id} cut at ${splits}`);
      }
    }
  });
});

/** What of the steps belongs to a script, not to a response: buffers of its own, changes of mind, several sessions. */
const ONLY_IN_SCRIPTS = new Set(['reset', 'ob_start', 'ob_end_flush', 'ob_end_clean', 'ob_clean', 'session_destroy']);

function runSteps(test: StepsCase): Buffer {
  const named = (name: string) => test.steps.filter(([step]) => step === name).map(([, ...values]) => values);
  // PHP reads its settings when the buffer is flushed [PHP 5.6], so the last value counts.
  const changed = Object.fromEntries(named('ini').map(([name, value]) => [String(name), value ?? '']));
  const vars = named('add').map(([name, value]) => [bytesOf(name ?? ''), bytesOf(value ?? '')] as const);
  const [session] = named('session_start');
  const rewriter = createPhpRewriter({
    ...settingsOf({ ...test.ini, ...changed }, test.httpHost),
    session: session === undefined ? null : { name: byteString(session[0] ?? ''), value: byteString(session[1] ?? '') },
    variables: vars,
    veto: null,
  });
  const out: Buffer[] = [];
  for (const [step, value] of test.steps) {
    if (step === 'echo') out.push(Buffer.from(rewriter.write(bytesOf(value ?? ''))));
    if (step === 'ob_flush') out.push(rewriter.flush());
  }
  return Buffer.concat([...out, rewriter.end()]);
}

/** Does one response with one set of variables and settings mean the same? */
function isOneResponse({ steps }: StepsCase): boolean {
  const names = steps.map(([name]) => name);
  if (names.some((name) => ONLY_IN_SCRIPTS.has(name))) return false;
  const sessions = new Set(steps.filter(([name]) => name === 'session_start').map((step) => JSON.stringify(step)));
  const isSessionFirst = names.indexOf('session_start') <= names.indexOf('add') || !names.includes('add');
  const lastAdd = names.lastIndexOf('add');
  const flush = names.indexOf('ob_flush');
  // What was put out before is in another buffer [PHP 8.6].
  const isStartedFirst = names.findIndex((name) => name === 'add' || name === 'session_start') < names.indexOf('echo');
  const separator = steps.findIndex(([name, setting]) => name === 'ini' && setting === 'arg_separator.output');
  return (
    sessions.size <= 1 &&
    isSessionFirst &&
    isStartedFirst &&
    (flush < 0 || flush > lastAdd) &&
    // Joins keep the separator of their moment [PHP 4.6]: two separators at once.
    separator < 0
  );
}

describe('php rewriter against sequences of calls of PHP 8.2', () => {
  const cases = readVectors<StepsCase>('scanner-steps.json').filter(isOneResponse);
  it('there are enough of them', () => expect(cases).to.have.length.of.at.least(15));
  for (const test of cases) {
    it(`${test.id}: ${test.note}`, () => expectBytes(runSteps(test), bytesOf(test.output), test.id));
  }
});

describe('php rewriter against PHP 8.2 to 8.5', () => {
  for (const [php, version] of [
    ['8.2.33', '8.2'],
    ['8.3.33', '8.2'],
    ['8.4.25', '8.4'],
    ['8.5.10', '8.4'],
  ] as const) {
    it(`versions.json, php_version ${version} is ${php}`, () => {
      const cases = readVectors<VersionsCase>('versions.json');
      expect(cases).to.have.length.above(70);
      for (const test of cases) {
        const own = test.outputs.find(({ php: versions }) => versions.includes(php));
        expect(own, test.id).not.to.equal(undefined);
        if (own !== undefined) checkCase({ ...test, output: own.output }, bytesOf(own.output), version);
      }
    });
  }
});
