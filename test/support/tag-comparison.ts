/** Our scanner beside parse5 on one page: the same start and end tags of interest, with names, places and values. */
import { createHtmlScanner } from '../../src/html/scan-html.ts';
import type { TagInterest } from '../../src/html/scanner.ts';
import { type FoundTag, findTags } from './parse5-oracle.ts';
import { scanTags } from './scan-tags.ts';

/** What the product asks for on an ordinary route. */
export const ROUTE_INTEREST: TagInterest = {
  startTags: new Set(['a', 'area', 'form', 'input', 'button', 'iframe', 'frame', 'base', 'meta', 'link']),
  endTags: new Set(['form']),
  links: new Map([
    ['a', { attribute: 'href', others: ['referrerpolicy'] }],
    ['area', { attribute: 'href', others: ['referrerpolicy'] }],
    ['frame', { attribute: 'src', others: [] }],
    ['iframe', { attribute: 'src', others: ['srcdoc', 'referrerpolicy'] }],
  ]),
};

/** Both hot loops of the scanner. */
export const ENGINES = ['typescript', 'webassembly'] as const;

const MANY = [
  ...['a', 'area', 'form', 'input', 'button', 'iframe', 'frame', 'base', 'meta', 'link', 'b', 'font', 'p', 'li', 'pre'],
  ...['table', 'caption', 'colgroup', 'col', 'tr', 'td', 'select', 'option', 'textarea', 'title', 'script', 'style'],
  ...['svg', 'math', 'g', 'path', 'desc', 'foreignobject', 'mi', 'mtext', 'annotation-xml', 'template', 'frameset'],
  ...['noframes', 'noscript', 'xmp', 'plaintext', 'body', 'html', 'head', 'object', 'img', 'custom-tag', 'spam'],
];
/** Nearly everything, so that a wrong turn shows at once. */
export const WIDE_INTEREST: TagInterest = {
  startTags: new Set(MANY),
  endTags: new Set(MANY),
  links: new Map([
    ['a', { attribute: 'x', others: ['href'] }],
    ['p', { attribute: 'class', others: ['x', 'id'] }],
    ['td', { attribute: 'href', others: [] }],
    ['b', { attribute: 'href', others: [] }],
    ['script', { attribute: 'href', others: ['class'] }],
    ['select', { attribute: '', others: ['href'] }],
    ['img', { attribute: '', others: ['href'] }],
  ]),
};
/** Begins a parameter in some of the soup's links. */
const WATCHED = 's'.charCodeAt(0);

export function everyByte(page: Buffer): number[] {
  return Array.from({ length: page.length }, (_, i) => i + 1);
}

/**
 * The first difference between parse5 and our scanner, as text; null if there is none. Each of `cuts` is one way to cut the
 * page into chunks.
 */
export function difference(page: Buffer, isScripting: boolean, cuts: readonly (readonly number[])[]): string | null {
  const all = findTags(page.toString('latin1'), isScripting);
  for (const interest of [ROUTE_INTEREST, WIDE_INTEREST]) {
    const wanted = all.filter(({ kind, name, isInSelect }) => {
      if (kind === 'start') return interest.startTags.has(name);
      return interest.endTags.has(name) && !(name === 'form' && isInSelect === true);
    });
    const isTold = (tag: FoundTag) => mustBeTold(tag, interest);
    const want = wanted.filter(isTold).map(line).join('\n');
    for (const places of cuts) {
      for (const engine of ENGINES) {
        const options = { scripting: isScripting, engine, watchedParameter: WATCHED };
        const { tags, faults } = scanTags(page, places, (sink) => createHtmlScanner(interest, sink, options), interest);
        const got = tags.filter(isTold).map(line).join('\n');
        if (got === want && faults.length === 0) continue;
        const how = `${engine}, ${places.length > 3 ? 'byte by byte' : `cut at [${places.join()}]`}`;
        return `${how}, scripting ${isScripting ? 'on' : 'off'}\n${faults.join('\n')} got:\n${got}\n parse5:\n${want}`;
      }
    }
  }
  return null;
}

/** A tag of a link element with nothing of interest in it may be left out. */
function mustBeTold({ kind, name, attributes }: FoundTag, interest: TagInterest): boolean {
  const link = kind === 'start' ? interest.links?.get(name) : undefined;
  if (link === undefined) return true;
  return attributes.some((attribute) => attribute.name === link.attribute || link.others.includes(attribute.name));
}

/** An element that the tree builder dropped has no namespace; ours is HTML then. */
function line(tag: FoundTag): string {
  const place = `${tag.start}-${tag.end}`;
  if (tag.kind === 'end') return `</${tag.name}> ${tag.namespace ?? 'html'} ${place}`;
  const flag = tag.isSelfClosing ? ' /' : '';
  return `<${tag.name}${flag}> ${tag.namespace ?? 'html'} ${place} ${JSON.stringify(tag.attributes)}`;
}
