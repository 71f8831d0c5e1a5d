/** Our scanner beside parse5 on one page: the same start and end tags of interest, with names, places and values. */
import { createHtmlScanner } from '../../src/html/scan-html.ts';
import type { TagInterest } from '../../src/html/scanner.ts';
import { type FoundTag, findTags } from './parse5-oracle.ts';
import { scanTags } from './scan-tags.ts';

/** What the product asks for on an ordinary route. */
export const ROUTE_INTEREST: TagInterest = {
  startTags: new Set(['a', 'area', 'form', 'input', 'button', 'iframe', 'frame', 'base', 'meta', 'link']),
  endTags: new Set(['form']),
};

const MANY = [
  ...['a', 'area', 'form', 'input', 'button', 'iframe', 'frame', 'base', 'meta', 'link', 'b', 'font', 'p', 'li', 'pre'],
  ...['table', 'caption', 'colgroup', 'col', 'tr', 'td', 'select', 'option', 'textarea', 'title', 'script', 'style'],
  ...['svg', 'math', 'g', 'path', 'desc', 'foreignobject', 'mi', 'mtext', 'annotation-xml', 'template', 'frameset'],
  ...['noframes', 'noscript', 'xmp', 'plaintext', 'body', 'html', 'head', 'object', 'img', 'custom-tag', 'spam'],
];
/** Nearly everything, so that a wrong turn shows at once. */
export const WIDE_INTEREST: TagInterest = { startTags: new Set(MANY), endTags: new Set(MANY) };

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
    const want = wanted.map(line).join('\n');
    for (const places of cuts) {
      const options = { scripting: isScripting };
      const { tags } = scanTags(page, places, (sink) => createHtmlScanner(interest, sink, options));
      const got = tags.map(line).join('\n');
      if (got !== want) {
        const how = places.length > 3 ? 'byte by byte' : `cut at [${places.join()}]`;
        return `${how}, scripting ${isScripting ? 'on' : 'off'}\n got:\n${got}\n parse5:\n${want}`;
      }
    }
  }
  return null;
}

/** An element that the tree builder dropped has no namespace; ours is HTML then. */
function line(tag: FoundTag): string {
  const place = `${tag.start}-${tag.end}`;
  if (tag.kind === 'end') return `</${tag.name}> ${place}`;
  const flag = tag.isSelfClosing ? ' /' : '';
  return `<${tag.name}${flag}> ${tag.namespace ?? 'html'} ${place} ${JSON.stringify(tag.attributes)}`;
}
