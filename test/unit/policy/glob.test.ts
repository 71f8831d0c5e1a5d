import { expect } from 'chai';
import { compilePathPattern, matchesWildcard } from '../../../src/policy/glob.ts';

describe('glob: path patterns', () => {
  for (const [pattern, yes, no] of [
    ['/**', ['/', '/a', '/a/b', '*', ''], []],
    ['/admin/**', ['/admin', '/admin/', '/admin/a/b'], ['/administrator', '/', '/x/admin', '/Admin']],
    ['/admin', ['/admin'], ['/admin/', '/admin/x']],
    ['/*', ['/', '/a'], ['/a/b']],
    ['/*.php', ['/a.php', '/.php'], ['/a/b.php', '/a.php/x']],
    ['/**/*.php', ['/a.php', '/a/b/c.php'], ['/a.phpx']],
    ['/a/*/c', ['/a/b/c', '/a//c'], ['/a/c', '/a/b/b/c']],
    ['/a/**/c', ['/a/c', '/a/b/c', '/a/b/b/c', '/a/c/c'], ['/a/b', '/c']],
    ['/a/**/c/**/e', ['/a/c/e', '/a/b/c/d/e', '/a/c/c/e/e'], ['/a/c', '/a/e/c']],
    ['/a*b*c/**', ['/abc', '/aXbYc/z'], ['/abcd']],
    ['/\u00fcber/**', ['/\xc3\xbcber/x'], ['/\xfcber/x']],
  ] as const) {
    const compiled = compilePathPattern(pattern);
    for (const path of yes) it(`${pattern} has ${path}`, () => expect(compiled.matches(path)).to.equal(true));
    for (const path of no) it(`${pattern} has not ${path}`, () => expect(compiled.matches(path)).to.equal(false));
  }

  it('wildcards of hosts', () => {
    expect(matchesWildcard('*.example.org', 'a.b.example.org')).to.equal(true);
    expect(matchesWildcard('*.example.org', 'example.org')).to.equal(false);
    expect(matchesWildcard('shop.*', 'shop.example')).to.equal(true);
    expect(matchesWildcard('', '')).to.equal(true);
  });

  it('many stars on a long path stay fast', () => {
    const pattern = compilePathPattern(`${'/**/a*a*a*b'.repeat(6)}/x`);
    const path = `/${'a/'.repeat(2000)}${'a'.repeat(2000)}`;
    // A tenth of a millisecond; one that tries every way of the stars needs seconds, each time.
    let ms = Number.POSITIVE_INFINITY;
    for (let i = 0; i < 3 && ms >= 200; i++) {
      const start = process.hrtime.bigint();
      expect(pattern.matches(path)).to.equal(false);
      ms = Number(process.hrtime.bigint() - start) / 1e6;
    }
    expect(ms).to.be.lessThan(200);
  });
});
