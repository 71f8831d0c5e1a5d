/**
 * No page sends the SID abroad: every hidden field that was put in, and every button that can send it, as parse5 says who
 * owns whom (HTML §4.10.17.3), and every link by the page's base, in pages of broken nesting. Browsers read such pages in
 * different ways: with scripts or without, by the older or the current rules for `select`.
 *
 * TRANSID_FUZZ_RUNS multiplies the number of cases.
 */
import { expect } from 'chai';
import fc from 'fast-check';
import {
  type DefaultTreeAdapterMap,
  Parser,
  html as parse5Html,
  type Token,
  type DefaultTreeAdapterTypes as Tree,
} from 'parse5';
import { markPage, SID_NAME, SID_TEXT } from '../support/mark-page.ts';
import { attribute, elements } from '../support/page-tree.ts';

const FACTOR = Number(process.env['TRANSID_FUZZ_RUNS'] ?? 1);
const PAGE = 'http://shop.example/dir/page';
const OWN = 'http://shop.example';

interface ReadPage {
  readonly document: Tree.Document;
  /** The form pointer when the tag at an offset was read. */
  readonly pointers: ReadonlyMap<number, Tree.Element | null>;
}

interface Reading {
  readonly scripts: boolean;
  /** The rules for `select`. */
  readonly select: 'older' | 'current';
}

const READINGS: readonly Reading[] = [
  { scripts: false, select: 'older' },
  { scripts: true, select: 'older' },
  { scripts: false, select: 'current' },
  { scripts: true, select: 'current' },
];

function read(html: string, { scripts, select }: Reading): ReadPage {
  const pointers = new Map<number, Tree.Element | null>();
  class Witness extends Parser<DefaultTreeAdapterMap> {
    #mode = 0;

    override onStartTag(token: Token.TagToken): void {
      pointers.set(token.location?.startOffset ?? -1, this.formElement);
      this.#mode = this.insertionMode;
      const isNested = select === 'current' && this.openElements.hasInScope(TAG_ID.SELECT);
      if (isNested && (token.tagID === TAG_ID.SELECT || token.tagID === TAG_ID.INPUT) && !this.currentNotInHTML) {
        this.openElements.popUntilTagNamePopped(TAG_ID.SELECT);
        if (token.tagID === TAG_ID.SELECT) return;
      }
      super.onStartTag(token);
      this.#leaveSelectMode();
    }

    override onEndTag(token: Token.TagToken): void {
      this.#mode = this.insertionMode;
      if (select === 'current' && token.tagID === TAG_ID.SELECT && !this.currentNotInHTML) {
        if (this.openElements.hasInScope(TAG_ID.SELECT)) this.openElements.popUntilTagNamePopped(TAG_ID.SELECT);
      } else super.onEndTag(token);
      this.#leaveSelectMode();
    }

    /** The current rules have no mode for it. */
    #leaveSelectMode(): void {
      if (select === 'older' || (this.insertionMode !== IN_SELECT && this.insertionMode !== IN_SELECT + 1)) return;
      this.insertionMode = Math.max(this.#mode, IN_BODY);
    }
  }
  // The inherited `parse` cannot know the subclass's tree; it is the default adapter's.
  const document = Witness.parse(html, { sourceCodeLocationInfo: true, scriptingEnabled: scripts }) as Tree.Document;
  return { document, pointers };
}

/** Insertion modes of parse5, which it does not export; the next one is `select` in a table. */
const IN_BODY = 6;
const IN_SELECT = 15;
const TAG_ID = parse5Html.TAG_ID;

function* ancestors(element: Tree.Element): Generator<Tree.ParentNode> {
  for (let node = element.parentNode; node !== null; node = 'parentNode' in node ? node.parentNode : null) yield node;
}

function ownerOf(control: Tree.Element, page: ReadPage): Tree.Element | null {
  const id = attribute(control, 'form');
  if (id !== null) {
    const named = [...elements(page.document)].find((one) => attribute(one, 'id') === id);
    return named?.tagName === 'form' ? named : null;
  }
  const above = [...ancestors(control)];
  const isInTemplate = above.some((node) => node.nodeName === '#document-fragment');
  const pointer = page.pointers.get(control.sourceCodeLocation?.startOffset ?? -1) ?? null;
  if (pointer !== null && !isInTemplate) return pointer;
  return (above.find((node) => 'tagName' in node && node.tagName === 'form') as Tree.Element | undefined) ?? null;
}

function isOwn(reference: string | null, base: string): boolean {
  if (reference === null || reference === '') return true;
  return (
    URL.canParse(reference, base) &&
    new URL(reference, base).origin === OWN &&
    /^http:/.test(new URL(reference, base).href)
  );
}

/** HTML §4.2.3: the first base of HTML in the document proper that has an href. */
function baseOf(html: readonly Tree.Element[]): { base: string; baseAt: number } {
  const bases = html.filter((one) => one.tagName === 'base' && attribute(one, 'href') !== null);
  const first = bases.find((one) => ![...ancestors(one)].some(({ nodeName }) => nodeName === '#document-fragment'));
  const href = first === undefined ? '' : (attribute(first, 'href') ?? '');
  return { base: new URL(href, PAGE).href, baseAt: first === undefined ? 0 : offsetOf(first) };
}

function offsetOf(element: Tree.Element): number {
  return element.sourceCodeLocation?.startOffset ?? 0;
}

/** Ways in which the SID leaves the site. */
function leaks(html: string, readings = READINGS): string[] {
  return readings.flatMap((reading) =>
    leaksOf(read(html, reading)).map((leak) => `${leak} ${JSON.stringify(reading)}`),
  );
}

function leaksOf(page: ReadPage): string[] {
  const all = [...elements(page.document)].filter((one) => one.namespaceURI === 'http://www.w3.org/1999/xhtml');
  const { base, baseAt } = baseOf(all);
  const found: string[] = [];
  for (const link of all) {
    // What stands before the base is judged by the document, which HTML asks for.
    const href = link.tagName === 'a' && offsetOf(link) > baseAt ? attribute(link, 'href') : null;
    if (href?.includes(SID_TEXT) === true && !isOwn(href, base)) found.push(`link ${href}`);
  }
  for (const field of all) {
    if (field.tagName !== 'input' || attribute(field, 'value') !== SID_TEXT) continue;
    const form = ownerOf(field, page);
    if (form === null) continue;
    if (!isOwn(attribute(form, 'action'), base)) found.push(`action ${attribute(form, 'action')}`);
    for (const button of all) {
      const type = attribute(button, 'type')?.toLowerCase() ?? '';
      const isSubmit =
        (button.tagName === 'button' && type !== 'button' && type !== 'reset') ||
        (button.tagName === 'input' && (type === 'submit' || type === 'image'));
      if (!isSubmit || ownerOf(button, page) !== form) continue;
      if (!isOwn(attribute(button, 'formaction'), base)) found.push(`formaction ${attribute(button, 'formaction')}`);
    }
  }
  return found;
}

const PIECES = [
  ...[
    '<form>',
    '<form id=f>',
    '<form id=g action=/own>',
    '<form action=//evil.test>',
    '<form method=post>',
    '</form>',
    '</form>',
  ],
  ...['<form id=f method=post action=x>', '<form method=dialog>', '<form id=f action="&sol;/evil.test">'],
  ...[
    '<button formaction=//evil.test>',
    '<button formaction=/own>',
    '<button formaction=//evil.test form=f>',
    '</button>',
  ],
  ...['<input type=submit formaction=//evil.test>', '<input type=image formaction="http:\\\\evil.test" form=g>'],
  ...[
    '<button formaction=http://evil.test type=button>',
    '<button formmethod=post>',
    '<button form="" formaction=//evil.test>',
  ],
  ...['<input type=hidden name=sid value=old>', '<input name=q>', '<input type=hidden name=sid form=f>'],
  ...[
    '<a>',
    '<a href=x>',
    '<b>',
    '</b>',
    '<div>',
    '</div>',
    '<p>',
    '</p>',
    '<table>',
    '<tr>',
    '<td>',
    '</td>',
    '</table>',
    '<ul>',
    '<li>',
  ],
  ...['<select>', '<option>', '</select>', '<textarea>', '</textarea>', '<template>', '</template>', '<svg>', '</svg>'],
  ...['<svg><desc>', '<math><mi>', '<fieldset>', '</fieldset>', '<object>', '</object>', '<caption>', '<colgroup>'],
  ...[
    '<base href=/b/>',
    '<base href=//evil.test/>',
    '<base href=//&eacute;vil.test/>',
    '<base href="//ev&#x438;l.test/">',
    '<title>',
    '</title>',
    '<script>',
    '</script>',
    '<noscript>',
    '</noscript>',
    '</NOSCRIPT >',
    '<style>',
    '</style>',
    '<xmp>',
    '<p title="',
    '">',
    'x',
    '<!--',
    '-->',
  ],
];
const page = fc.array(fc.constantFrom(...PIECES), { minLength: 2, maxLength: 14 }).map((pieces) => pieces.join(''));

describe('forms never send the SID abroad', function () {
  this.timeout(60_000 * FACTOR);
  for (const forms of ['auto', 'field'] as const) {
    it(`forms: ${forms}, in pages of any nesting`, () => {
      fc.assert(
        fc.property(page, (html) => {
          // A base behind a form moves its action: links before it are judged by the document, which HTML asks for.
          fc.pre(!/<form.*<base/s.test(html));
          const { html: marked } = markPage(html, { forms });
          expect(leaks(marked), marked).to.deep.equal([]);
        }),
        { numRuns: 1500 * FACTOR, seed: 51 },
      );
    });
  }

  it('the witness sees a leak', () => {
    const field = `<input type=hidden name=${SID_NAME} value=${SID_TEXT}>`;
    expect(leaks(`<form>${field}<button formaction=//evil.test>`)).to.have.length(4);
    expect(leaks(`<form>${field}<select></form></select><button formaction=//evil.test>`)).to.have.length(2);
    expect(leaks(`<select><base href=//evil.test></select><a href=x?${SID_TEXT}>`)).to.have.length(2);
    expect(leaks(`<form>${field}<noscript></form></noscript><button formaction=//evil.test>`)).to.have.length(2);
    expect(leaks(`<form>${field}<a></form><button formaction=//evil.test>`)).to.have.length(4);
    expect(leaks(`<form id=f>${field}</form><input type=image form=f formaction=//evil.test>`)).to.have.length(4);
    expect(leaks(`<form action=//evil.test>${field}`)).to.have.length(4);
    expect(leaks(`<form>${field}<button formaction=/x></form><button formaction=//evil.test>`)).to.have.length(0);
  });
});
