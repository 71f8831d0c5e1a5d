/**
 * The veto over PHP's bytes, case by case; `test/differential/php-veto.test.ts` has the recorded and the random pages.
 */
import { expect } from 'chai';
import { LIMITS } from '../../../src/limits.ts';
import { createPhpRewriter } from '../../../src/response/php-rewriter.ts';
import { Scope } from '../../../src/sid/scope.ts';
import { optionsOf, rewritePage } from '../../support/php-vectors.ts';

const FIELD = '<input type="hidden" name="S" value="id" />';
const FAR = '<p>'.repeat(LIMITS.maxHeldFormBytes / 3 + 100);

function rewrite(page: string, cuts: readonly number[], path = '/'): string {
  const scope = new Scope({ origin: 'http://own.example', path });
  const options = optionsOf(
    {
      scanner: 'session',
      vars: [['S', 'id']],
      ini: {
        'session.trans_sid_tags': 'a=href,form=,meta=content,img=srcset,b=onclick,button=formaction',
        'session.trans_sid_hosts': 'own.example',
      },
      httpHost: 'own.example',
    },
    { documentUrl: 'http://own.example/dir/page', session: scope, variables: scope },
  );
  return rewritePage(options, Buffer.from(page, 'latin1'), cuts).toString('latin1');
}

describe('php rewriter with its veto', () => {
  // § stands for the pair, [F] for the field; nothing of them in the page is what must not be.
  for (const [what, page, want] of [
    ['a link', '<a href="x?a=1">.', '<a href="x?a=1&§">.'],
    ['a link with &amp;', '<a href="x?a&amp;b">.', '<a href="x?a&amp;b&§">.'],
    ['a link to a place in the page, disguised', '<a href=" #t">.', '<a href=" ?§#t">.'],
    ['white space that hides a host', '<a href=" //other.example/">.', '<a href=" //other.example/">.'],
    [
      'a reference that hides a scheme',
      '<a href="http&colon;//other.example/">.',
      '<a href="http&colon;//other.example/">.',
    ],
    ['an own URL that PHP would turn into another host', '<a href="http:x">.', '<a href="http:x">.'],
    ['a comment', '<!-- <a href="x"> -->.', '<!-- <a href="x"> -->.'],
    ['a script', '<script>"<a href=x>"</script>.', '<script>"<a href=x>"</script>.'],
    ['a part of a value', '<a href=x"y">.', '<a href=x"y">.'],
    [
      'a foreign base behind one that browsers with scripts do not see',
      '<noscript><base href="/a/"></noscript><base href="//other.example/"><a href="x">.',
      '<noscript><base href="/a/"></noscript><base href="//other.example/"><a href="x">.',
    ],
    [
      'a foreign base',
      '<base href="//other.example/"><a href="x"><form>.',
      '<base href="//other.example/"><a href="x"><form>[F].',
    ],
    [
      'a policy that tells others the address',
      '<meta name=referrer content=unsafe-url><img referrerpolicy=unsafe-url src=//o.test/>.',
      '<meta content="same-origin" name=referrer content=unsafe-url?§><img referrerpolicy="same-origin" referrerpolicy=unsafe-url src=//o.test/>.',
    ],
    [
      'a policy that tells them on a link, in front of its mark',
      '<a href="x" referrerpolicy="no-referrer-when-downgrade">.',
      '<a referrerpolicy="same-origin" href="x?§" referrerpolicy="no-referrer-when-downgrade">.',
    ],
    [
      'a policy by its first name, and on what the parser makes an img',
      '<image referrerpolicy=always src=//o.test/>.',
      '<image referrerpolicy="same-origin" referrerpolicy=always src=//o.test/>.',
    ],
    [
      'a policy of a link in SVG',
      '<svg><a href=//o.test/ referrerpolicy=unsafe-url>.',
      '<svg><a referrerpolicy="same-origin" href=//o.test/ referrerpolicy=unsafe-url>.',
    ],
    [
      'a policy of a link in MathML',
      '<math><a href=//o.test/ referrerpolicy=unsafe-url>.',
      '<math><a referrerpolicy="same-origin" href=//o.test/ referrerpolicy=unsafe-url>.',
    ],
    [
      'policies that do not',
      '<meta name=referrer content=no-referrer><a href=x referrerpolicy=origin>.',
      '<meta name=referrer content=no-referrer?§><a href=x?§ referrerpolicy=origin>.',
    ],
    [
      'a foreign base that is no URL byte by byte',
      '<base href="//\xD1\x80\xD1\x84.test/"><a href="x">.',
      '<base href="//\xD1\x80\xD1\x84.test/"><a href="x">.',
    ],
    [
      'a base that is own only if a byte is read as a soft hyphen',
      '<base href="//own\xAD.example/"><a href="x">.',
      '<base href="//own\xAD.example/"><a href="x">.',
    ],
    [
      'a refresh',
      '<meta http-equiv=refresh content="0;url=//other.example/">.',
      '<meta http-equiv=refresh content="0;url=//other.example/">.',
    ],
    [
      'an own refresh',
      '<meta http-equiv=refresh content="0;url=x">.',
      '<meta http-equiv=refresh content="0;url=x?§">.',
    ],
    ['one candidate', '<img srcset="x">.', '<img srcset="x?§">.'],
    ['a list of candidates', '<img srcset="x 1x, y 2x">.', '<img srcset="x 1x, y 2x">.'],
    ['code', '<b onclick="f">.', '<b onclick="f">.'],
    ['a form', '<form action=y></form>.', '<form action=y>[F]</form>.'],
    ['a > within the tag', '<form title="a>b">x</form>.', '<form title="a>b">x</form>.'],
    [
      'a foreign action behind an own one, to PHP',
      '<form action="//other.example/" action=y></form>.',
      '<form action="//other.example/" action=y></form>.',
    ],
    [
      'a form in a foreign form',
      '<form action="//other.example/"><form action=y></form>.',
      '<form action="//other.example/"><form action=y></form>.',
    ],
    [
      '</form> that does not count, in a select',
      '<form action=//o.example/><select></form></select><form action=y></form>.',
      '<form action=//o.example/><select></form></select><form action=y></form>.',
    ],
    [
      '</form> that does not count where scripts run, in a noscript',
      '<form action=//o.example/><noscript><form action=y></form></noscript><form action=y></form>.',
      '<form action=//o.example/><noscript><form action=y></form></noscript><form action=y></form>.',
    ],
    [
      'a foreign form wholly in a noscript, and an own one behind it',
      '<noscript><form action=//o.example/></form></noscript><form action=z></form>.',
      '<noscript><form action=//o.example/></form></noscript><form action=z>[F]</form>.',
    ],
    [
      'a form in a noscript, and one behind it',
      '<noscript><form action=y></form></noscript><form action=z></form>.',
      '<noscript><form action=y>[F]</form></noscript><form action=z>[F]</form>.',
    ],
    [
      '</form> that does not count, in a template',
      '<form action=//o.example/><template></form></template><form action=y></form>.',
      '<form action=//o.example/><template></form></template><form action=y></form>.',
    ],
    ...['svg', 'math'].map(
      (root) =>
        [
          `</form> that ends a form of ${root}`,
          `<form action=//o.example/><${root}><form></form></${root}><form action=y>a</form>.`,
          `<form action=//o.example/><${root}><form></form></${root}><form action=y>a</form>.`,
        ] as const,
    ),
    [
      '</form> in SVG that ends no form of it',
      '<form action=//o.example/><svg><g></form></g></svg><form action=y></form>.',
      '<form action=//o.example/><svg><g></form></g></svg><form action=y>[F]</form>.',
    ],
    [
      'a form after a foreign form',
      '<form action=//o.example/></form><form action=y></form>.',
      '<form action=//o.example/></form><form action=y>[F]</form>.',
    ],
    [
      'a button that sends elsewhere',
      '<form><button formaction="//o.example/"></form>.',
      '<form><button formaction="//o.example/"></form>.',
    ],
    ['a button that does not', '<form><button formaction="y"></form>.', '<form>[F]<button formaction="y?§"></form>.'],
    [
      'a button elsewhere that names the form',
      '<form id=f></form><button form=f formaction=//o.example/>.',
      '<form id=f></form><button form=f formaction=//o.example/>.',
    ],
    [
      'a button in front that names the form',
      '<button form=f formaction=//o.example/><form id=f></form>.',
      '<button form=f formaction=//o.example/><form id=f></form>.',
    ],
    [
      'a button that names another form',
      '<form id=f></form><button form=g formaction=//o.example/>.',
      '<form id=f>[F]</form><button form=g formaction=//o.example/>.',
    ],
    [
      'a button behind the form, which may be left in it',
      '<form><i></form><button formaction=//o.example/>.',
      '<form>[F]<i></form><button form="" formaction=//o.example/>.',
    ],
    [
      'a form that a button reaches by the name of the element around its shadow',
      '<b id=f><template shadowrootmode=open shadowrootreferencetarget=g><form id=g></form></template></b><button form=f formaction=//o.example/>.',
      '<b id=f><template shadowrootmode=open shadowrootreferencetarget=g><form id=g></form></template></b><button form=f formaction=//o.example/>.',
    ],
    [
      'a form behind a template of such a name',
      '<template shadowrootmode=open shadowrootreferencetarget=g></template><form></form>.',
      '<template shadowrootmode=open shadowrootreferencetarget=g></template><form>[F]</form>.',
    ],
    [
      'a button whose template goes to another place, perhaps into the form',
      '<form></form><template for=m><button formaction=//o.example/></template>.',
      '<form>[F]</form><template for=m><button form="" formaction=//o.example/></template>.',
    ],
    [
      'a button in a form of such a template, behind one that has its fields',
      '<form></form><template for=m><template><form></form><input formaction=//o.example/></template>.',
      '<form>[F]</form><template for=m><template><form></form><input form="" formaction=//o.example/></template>.',
    ],
    [
      'a button in the first form of such a template',
      '<template for=m><form><button formaction=//o.example/></form></template><form></form>.',
      '<template for=m><form><button formaction=//o.example/></form></template><form>[F]</form>.',
    ],
    [
      'a base whose template goes to another place, perhaps in front of all others',
      '<template for=m><base href="//o.example/"></template><base href="/"><a href="x">.',
      '<template for=m><base href="//o.example/"></template><base href="/"><a href="x">.',
    ],
    [
      'a button behind a template, which may be left in the form before that',
      '<form><div></form><template><form></form></template><button formaction=//o.example/></div>.',
      '<form>[F]<div></form><template><form>[F]</form></template><button form="" formaction=//o.example/></div>.',
    ],
    [
      'a form in a table in a template, which has no inside',
      '<form id=f></form><template for=m><table><form><td></form></template><button form=f formaction=//o.example/>.',
      '<form id=f></form><template for=m><table><form><td></form></template><button form=f formaction=//o.example/>.',
    ],
    [
      'a base behind such a template',
      '<template for=m><base href="/"></template><base href="//o.example/"><a href="x">.',
      '<template for=m><base href="/"></template><base href="//o.example/"><a href="x">.',
    ],
    [
      'a base in any other template',
      '<template><base href="//o.example/"></template><a href="x">.',
      '<template><base href="//o.example/"></template><a href="x?§">.',
    ],
    ['a form beyond the limit', `<form>${FAR}</form>.`, `<form>[F]${FAR}</form>.`],
    [
      'a foreign button beyond the limit',
      `<form>${FAR}<input formaction=//o.example/>.`,
      `<form>[F]${FAR}<input form="" formaction=//o.example/>.`,
    ],
    [
      'one that names the form',
      `<form id=f></form>${FAR}<button formaction=//o.example/ form=f>.`,
      `<form id=f>[F]</form>${FAR}<button form="" formaction=//o.example/ form=f>.`,
    ],
    [
      'one that names another',
      `<form id=f></form>${FAR}<button formaction=//o.example/ form=g>.`,
      `<form id=f>[F]</form>${FAR}<button formaction=//o.example/ form=g>.`,
    ],
  ] as const) {
    it(what, () => {
      const expected = want.replaceAll('§', 'S=id').replaceAll('[F]', FIELD);
      expect(rewrite(page, [])).to.equal(expected);
      const step = page.length > 1000 ? 1009 : 1;
      const cuts = Array.from({ length: Math.ceil(page.length / step) }, (_, index) => index * step);
      expect(rewrite(page, cuts), 'in chunks').to.equal(expected);
    });
  }

  it('keeps the path scope', () => {
    const page = '<a href="x"><a href="/other/y"><a href="/dir/">.';
    expect(rewrite(page, [], '/dir')).to.equal('<a href="x?S=id"><a href="/other/y"><a href="/dir/?S=id">.');
  });

  // Which form </form> ends in there, only a tree can tell.
  for (const [what, deep] of [
    ['too deep', '<div>'.repeat(4200)],
    ['too long', '<p>'.repeat(300_000)],
  ] as const) {
    it(`marks nothing behind what cannot be followed: ${what}`, () => {
      const far = `<form action=y></form>${deep}<form id=f><svg></zzz><form></form></svg><a href=x></form><form action=y>`;
      const expected = far.replace('</form>', `${FIELD}</form>`);
      for (const page of [`${far}a</form>.`, `${far}${FAR}</form>.`]) {
        expect(rewrite(page, [])).to.equal(expected + page.slice(far.length));
        const cuts = Array.from({ length: page.length / 1009 }, (_, index) => index * 1009);
        expect(rewrite(page, cuts), 'in chunks').to.equal(expected + page.slice(far.length));
      }
    }).timeout(20_000);
  }

  it('leaves a form without its field if the marking ends within it', () => {
    const page = `<form><a href=x><a title="${'t'.repeat(LIMITS.maxTagBytes)}"></form>.`;
    expect(rewrite(page, [])).to.equal(page.replace('href=x', 'href=x?S=id'));
    expect(rewrite(page, [20, 30_000])).to.equal(page.replace('href=x', 'href=x?S=id'));
  });

  it('cannot be flushed: PHP leaks by that', () => {
    const scope = new Scope({ origin: 'http://own.example' });
    const veto = { documentUrl: 'http://own.example/', session: scope, variables: scope };
    const test = { scanner: 'session', vars: [['S', 'id']], ini: {}, httpHost: null } as const;
    const rewriter = createPhpRewriter(optionsOf(test, veto));
    rewriter.write(Buffer.from('<a href="http://'));
    expect(() => rewriter.flush()).to.throw('without a veto');
  });
});
