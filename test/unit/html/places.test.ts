/**
 * The table of places against the lists of the standards, so that it has no holes.
 */
import { expect } from 'chai';
import { CARRIES_EXTRA, CARRIES_SID, compilePlaces, PLACES, type TagList } from '../../../src/html/places.ts';

/**
 * Attributes whose value is a URL, from the index of HTML ("Valid URL potentially surrounded by spaces", "non-empty
 * URL", "srcset", "srcdoc", lists of URLs), its obsolete features, SVG 2 (`href` of each element in its index), MathML Core (`a`)
 * and WML 1.3.
 */
const STANDARD: Readonly<Record<string, string>> = {
  // HTML, current.
  'form.action button.formaction input.formaction': 'form',
  'a.href area.href': 'navigation',
  'iframe.src': 'frame',
  'iframe.srcdoc': 'document',
  'meta.content': 'refresh',
  'link.href': 'identity',
  'img.srcset source.srcset link.imagesrcset': 'list',
  'audio.src embed.src img.src input.src script.src source.src track.src video.src object.data video.poster':
    'subresource',
  'base.href a.ping area.ping blockquote.cite del.cite ins.cite q.cite *.itemid *.itemtype': 'never',
  // HTML, obsolete but still read by browsers or by old ones.
  'frame.src': 'frame',
  'img.longdesc iframe.longdesc frame.longdesc': 'navigation',
  'body.background table.background thead.background tbody.background tfoot.background tr.background': 'subresource',
  'td.background th.background img.lowsrc input.lowsrc img.dynsrc bgsound.src': 'subresource',
  'html.manifest head.profile img.usemap input.usemap object.usemap a.urn object.codebase object.classid': 'never',
  'object.archive applet.codebase applet.code applet.archive applet.object embed.pluginspage': 'never',
  'menuitem.icon command.icon': 'subresource',
  // Attribution reporting goes to third parties.
  'a.attributionsrc area.attributionsrc img.attributionsrc script.attributionsrc': 'never',
  // RDFa.
  '*.about *.resource': 'never',
  // SVG 2: what is not a link is part of the drawing.
  'a.xlink:href': 'navigation',
  'image.href use.href script.href feimage.href textpath.href mpath.href pattern.href lineargradient.href':
    'subresource',
  'radialgradient.href animate.href animatemotion.href animatetransform.href set.href': 'subresource',
  'image.xlink:href use.xlink:href script.xlink:href feimage.xlink:href textpath.xlink:href mpath.xlink:href':
    'subresource',
  'pattern.xlink:href lineargradient.xlink:href radialgradient.xlink:href animate.xlink:href': 'subresource',
  'animatemotion.xlink:href animatetransform.xlink:href set.xlink:href': 'subresource',
  // WML.
  'go.href card.onenterforward card.onenterbackward card.ontimer template.onenterforward': 'navigation',
  'template.onenterbackward template.ontimer option.onpick': 'navigation',
  'a.cite': 'never',
  // No URLs, but they decide who learns the page's own.
  'a.referrerpolicy area.referrerpolicy iframe.referrerpolicy img.referrerpolicy link.referrerpolicy': 'referrer',
  'script.referrerpolicy image.referrerpolicy': 'referrer',
  // CSS Values: url().
  '*.style': 'css',
};

const DEFAULT_TAGS: TagList = new Map([
  ['a', ['href']],
  ['area', ['href']],
  ['frame', ['src']],
  ['iframe', ['src']],
  ['form', ['']],
]);

describe('places: the table has no holes', () => {
  const standard = new Map(
    Object.entries(STANDARD).flatMap(([places, kind]) => places.split(' ').map((place) => [place, kind] as const)),
  );
  const table = new Map(PLACES.map(({ element, attribute, kind }) => [`${element}.${attribute}`, kind]));

  it('has each place once, and no other', () => {
    // The links of SVG and MathML are other elements than that of HTML.
    for (const thrice of ['a.href', 'a.referrerpolicy'])
      expect(PLACES.filter(({ element, attribute }) => `${element}.${attribute}` === thrice)).to.have.length(3);
    expect(table.size).to.equal(PLACES.length - 4);
    expect([...table.keys()].sort()).to.deep.equal([...standard.keys()].sort());
  });
  for (const [place, kind] of standard) {
    it(`${place}: ${kind}`, () => expect(table.get(place)).to.equal(kind));
  }
  it('has no word that is not a kind or a condition', () => {
    for (const { only, isDefault, kind } of PLACES) {
      expect([null, 'svg', 'math', 'wml']).to.include(only);
      if (isDefault) expect(['navigation', 'form', 'frame', 'refresh', 'document', 'referrer']).to.include(kind);
      else expect(kind).not.to.be.oneOf(['form', 'frame', 'refresh', 'document']);
    }
  });
});

describe('places: tag lists compiled', () => {
  const found = (element: string, tags: TagList | null, extra: TagList | null = null, isWml = false) =>
    compilePlaces(tags, extra, isWml)
      .elements.get(element)
      ?.links.map(({ attribute, kind, carries }) => `${attribute} ${kind} ${carries}`);

  it('the default list', () => {
    const { interest, forms } = compilePlaces(DEFAULT_TAGS, null, false);
    expect([...interest.startTags].sort()).to.deep.equal(
      'a area base button form frame iframe image img input link meta noscript script template'.split(' '),
    );
    expect([...interest.endTags].sort()).to.deep.equal(['form', 'noscript', 'template']);
    expect(forms).to.equal(CARRIES_SID);
    expect(found('a', DEFAULT_TAGS)).to.deep.equal(['href navigation 1', 'referrerpolicy referrer 1']);
    const a = compilePlaces(DEFAULT_TAGS, null, false).elements.get('a');
    expect(a?.svgLinks.map(({ attribute }) => attribute)).to.deep.equal(['href', 'xlink:href', 'referrerpolicy']);
    expect(a?.mathLinks.map(({ attribute }) => attribute)).to.deep.equal(['href', 'referrerpolicy']);
    expect(found('iframe', DEFAULT_TAGS)).to.deep.equal([
      ...['src frame 1', 'srcdoc document 1', 'referrerpolicy referrer 1'],
    ]);
    expect(found('button', DEFAULT_TAGS)).to.deep.equal(['formaction form 1']);
    expect(found('img', DEFAULT_TAGS)).to.deep.equal(['referrerpolicy referrer 1']);
  });

  it('an empty list marks nothing', () => {
    const { interest, forms } = compilePlaces(new Map(), null, false);
    expect([...interest.startTags].sort()).to.deep.equal(['base', 'noscript', 'template']);
    expect(forms).to.equal(0);
  });

  it('what is named is switched on, what may never be marked is not', () => {
    const tags: TagList = new Map([
      ['img', ['src', 'srcset', 'usemap']],
      ['a', ['ping']],
      ['q', ['cite']],
      ['base', ['href']],
      ['div', ['itemid', 'data-url']],
      ['source', ['srcset']],
    ]);
    expect(found('img', tags)).to.deep.equal(['src subresource 1', 'srcset list 1', 'referrerpolicy referrer 1']);
    expect(found('source', tags)).to.deep.equal(['srcset list 1']);
    expect(found('a', tags)).to.deep.equal(['referrerpolicy referrer 1']);
    expect(found('q', tags)).to.equal(undefined);
    expect(found('base', tags)).to.deep.equal([]);
    expect(found('div', tags)).to.deep.equal(['data-url navigation 1']);
    expect(found('form', tags)).to.equal(undefined);
  });

  it('the extra parameters have a list of their own', () => {
    const extra: TagList = new Map([
      ['a', ['href']],
      ['form', ['']],
    ]);
    expect(found('a', DEFAULT_TAGS, extra)?.[0]).to.equal(`href navigation ${CARRIES_SID | CARRIES_EXTRA}`);
    expect(found('button', DEFAULT_TAGS, extra)).to.deep.equal(['formaction form 1']);
    expect(found('area', DEFAULT_TAGS, extra)).to.deep.equal(['href navigation 1', 'referrerpolicy referrer 1']);
    expect(found('a', null, extra)?.[0]).to.equal(`href navigation ${CARRIES_EXTRA}`);
    expect(compilePlaces(DEFAULT_TAGS, extra, false).forms).to.equal(CARRIES_SID | CARRIES_EXTRA);
  });

  it('WML brings its events along, and has no templates', () => {
    expect(found('go', DEFAULT_TAGS, null, true)).to.deep.equal(['href navigation 1']);
    expect(found('card', DEFAULT_TAGS, null, true)).to.have.length(3);
    expect(found('go', DEFAULT_TAGS)).to.equal(undefined);
    expect([...compilePlaces(DEFAULT_TAGS, null, true).interest.endTags]).to.deep.equal([]);
  });

  it('keeps what it has compiled', () => {
    expect(compilePlaces(DEFAULT_TAGS, null, false)).to.equal(compilePlaces(DEFAULT_TAGS, null, false));
    expect(compilePlaces(DEFAULT_TAGS, null, true)).not.to.equal(compilePlaces(DEFAULT_TAGS, null, false));
  });
});
