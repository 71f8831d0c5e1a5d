/**
 * Generated spellings of a protected path against model backends: whatever a backend would take for /admin must get the
 * policy of /admin; ordinary paths must not.
 *
 * TRANSID_SPELLINGS sets how many spellings are tried (default 20,000; 100,000 is the full run).
 */
import { expect } from 'chai';
import fc from 'fast-check';
import { parseConfig } from '../../../src/config/load.ts';
import { compileRoutes } from '../../../src/policy/routes.ts';
import { BACKENDS, isAdmin, ordinaryPath, protectedSpelling } from '../../support/path-spellings.ts';

const RUNS = Number(process.env['TRANSID_SPELLINGS'] ?? 20_000);

const table = compileRoutes(
  parseConfig(
    `upstream: http://127.0.0.1:1
routes:
  - { path: /admin/**, use_only_cookies: true }
  - { path: /**, use_trans_sid: true }
`,
    'spellings.yaml',
  ),
);

describe('policy: spellings of a protected path', function () {
  this.timeout(120_000);

  it(`no backend of ${Object.keys(BACKENDS).length} is led to /admin past its policy, in ${RUNS} spellings`, () => {
    const hits = new Map(Object.keys(BACKENDS).map((name) => [name, 0]));
    let naiveBypasses = 0;
    fc.assert(
      fc.property(protectedSpelling, (path) => {
        const { policy } = table.match('app.test', path);
        for (const [name, backend] of Object.entries(BACKENDS)) {
          if (!isAdmin(backend(path))) continue;
          hits.set(name, hits.get(name)! + 1);
          if (!isAdmin(path)) naiveBypasses++;
          expect(policy.useOnlyCookies, `${name} serves /admin for ${JSON.stringify(path)}`).to.equal(true);
        }
      }),
      { numRuns: RUNS },
    );
    // The test has teeth only if the spellings reach every backend, and if deciding on the path as it came would fail.
    for (const [name, count] of hits) expect(count, name).to.be.greaterThan(RUNS / 200);
    expect(naiveBypasses).to.be.greaterThan(RUNS / 10);
  });

  it('ordinary paths keep their own route, whatever backend is behind', () => {
    fc.assert(
      fc.property(ordinaryPath, (path) => {
        const { policy, isAmbiguous } = table.match('app.test', path);
        expect(policy.label, path).to.equal('/**');
        expect(isAmbiguous, path).to.equal(false);
      }),
      { numRuns: Math.ceil(RUNS / 4) },
    );
  });

  it('any text at all is decided, and in bounded time', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        const path = `/${Buffer.from(text, 'utf8').toString('latin1')}`;
        expect(table.match('app.test', path).policy).to.be.an('object');
      }),
      { numRuns: Math.ceil(RUNS / 10) },
    );
  });
});
