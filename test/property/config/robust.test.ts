/**
 * Whatever stands in a configuration file, the answer is a configuration or a list of problems that lie within the file.
 */
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import fc from 'fast-check';
import { warningsOf } from '../../../src/cli/warnings.ts';
import { readConfig } from '../../../src/config/load.ts';
import { compileRoutes } from '../../../src/policy/routes.ts';

const EXAMPLE = readFileSync('config/example.yaml', 'utf8').split('\n');

function holds(text: string): void {
  const { config, problems } = readConfig(text, 'c.yaml');
  if (config !== null) {
    expect(problems).to.deep.equal([]);
    expect(compileRoutes(config).match('h', '/x').policy).to.be.an('object');
    expect(warningsOf(config)).to.be.an('array');
    return;
  }
  expect(problems.length).to.be.greaterThan(0);
  const lines = text.split(/\r\n|\n|\r/);
  for (const { line, column, message } of problems) {
    expect(line, message).to.be.within(1, lines.length);
    // A problem may lie behind the last character of its line, where something is missing.
    expect(column, message).to.be.within(1, (lines[line - 1] ?? '').length + 1);
    expect(message.trim()).to.not.equal('');
    expect(message, 'words, not code').to.not.match(/undefined|\[object|Invalid input/);
  }
}

const scalar = fc.constantFrom(
  '1',
  '-1',
  '1.5',
  'true',
  'null',
  '~',
  '""',
  'x',
  '[]',
  '{}',
  '[a, b]',
  '{ a: b }',
  '"\u{1F36A}"',
  '8MB',
  '30',
  '99999999999d',
  '0s',
  '*a',
  '&a x',
  '!!binary aGk=',
  '!t x',
  '2020-01-01',
  '<<',
  '.inf',
  '0x10',
  "'",
  '- a',
  '? a',
);
const keys = fc.constantFrom(
  'listen',
  'admin',
  'upstream',
  'url',
  'tls',
  'routes',
  'path',
  'session',
  'mode',
  'rotation',
  'on',
  'store',
  'kind',
  'limits',
  'body',
  'defaults',
  'rewrite_vars',
  'simulate',
  'host',
  '__proto__',
  'constructor',
  '<<',
  '1',
);

describe('config: any text', function () {
  this.timeout(120_000);

  it('noise', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 80 }), holds), { numRuns: 500 });
  });

  it('keys with values of every kind', () => {
    const value = fc.letrec((tie) => ({
      node: fc.oneof(
        { depthSize: 'small' },
        scalar,
        fc.array(tie('node'), { maxLength: 3 }).map((items) => `[${items.join(', ')}]`),
        tie('map'),
      ),
      map: fc
        .array(fc.tuple(keys, tie('node')), { maxLength: 4 })
        .map((pairs) => `{ ${pairs.map(([key, node]) => `${key}: ${String(node)}`).join(', ')} }`),
    })).node;
    fc.assert(
      fc.property(fc.array(fc.tuple(keys, value), { maxLength: 6 }), (pairs) =>
        holds(pairs.map(([key, node]) => `${key}: ${String(node)}`).join('\n')),
      ),
      { numRuns: 1000 },
    );
  });

  it('the example with one value replaced', () => {
    const places = EXAMPLE.flatMap((line, index) => (/^\s*(- )?\w+: \S/.test(line) ? [index] : []));
    fc.assert(
      fc.property(fc.constantFrom(...places), scalar, (index, text) => {
        holds(
          EXAMPLE.map((line, at) => (at === index ? line.replace(/^(\s*(?:- )?\w+: ).*$/, `$1${text}`) : line)).join(
            '\n',
          ),
        );
      }),
      { numRuns: 1000 },
    );
  });

  it('aliases cannot blow up', () => {
    const bomb = [
      'a: &a [x, x, x, x, x, x, x, x, x]',
      ...[...'bcdefghi'].map(
        (name, index) => `${name}: &${name} [${Array(9).fill(`*${'abcdefgh'[index]}`).join(', ')}]`,
      ),
    ];
    const start = process.hrtime.bigint();
    holds(bomb.join('\n'));
    expect(Number(process.hrtime.bigint() - start) / 1e6).to.be.lessThan(2000);
  });
});
