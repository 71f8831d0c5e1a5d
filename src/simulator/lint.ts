/**
 * What would lose the session on a page: every URL-like thing that a marking proxy leaves alone, with the reason, as a
 * worklist for the people who own the page. Pure; the page need not have gone through the proxy.
 */
import { startTag } from './edges.ts';
import { type ParsedPage, placeOf, rawText } from './page.ts';
import { isSameDocument } from './same-document.ts';
import { sidOf } from './sid.ts';
import { relation } from './site.ts';
import { attribute, type Element, isHtml } from './tree.ts';

export type LintReason =
  | 'unmarked'
  | 'script'
  | 'handler'
  | 'script-url'
  | 'data'
  | 'foreign'
  | 'subresource'
  | 'identity'
  | 'style';

export const LINT_REASONS: Readonly<Record<LintReason, string>> = {
  unmarked: 'other links of the page carry the SID, this one does not',
  script: 'a URL in a script: the request it makes carries no SID (a Referer may save it)',
  handler: 'a URL in an event handler: the page it leads to gets no SID (a Referer may save it)',
  'script-url': 'a javascript: link: the page it leads to gets no SID (a Referer may save it)',
  data: 'a URL in a data attribute, for a script to use',
  foreign: 'another origin: it must not get the SID',
  subresource: 'loaded by the page, not followed: it gets no SID (a Referer may save it)',
  identity: 'names the page for machines: it must not carry the SID',
  style: 'a URL in a style: it gets no SID',
};

export interface LintItem {
  readonly page: string;
  readonly line: number;
  readonly column: number;
  readonly element: string;
  /** The attribute or the place. */
  readonly place: string;
  readonly url: string;
  readonly reason: LintReason;
  /** Pages on which the same thing stands. */
  readonly pages: number;
}

/** Elements of pages may be called as properties of all objects are: `constructor`. */
function tableOf(rows: Readonly<Record<string, readonly string[]>>): ReadonlyMap<string, readonly string[]> {
  return new Map(Object.entries(rows));
}

/** Element → attributes that a browser loads by itself. */
const SUBRESOURCES = tableOf({
  img: ['src', 'srcset', 'longdesc'],
  script: ['src'],
  link: ['href'],
  audio: ['src'],
  video: ['src', 'poster'],
  source: ['src', 'srcset'],
  track: ['src'],
  embed: ['src'],
  object: ['data'],
  input: ['src'],
  body: ['background'],
  table: ['background'],
  td: ['background'],
});
/** Element → attribute that a marking proxy marks. */
const MARKED = tableOf({
  a: ['href'],
  area: ['href'],
  form: ['action'],
  frame: ['src'],
  iframe: ['src'],
  button: ['formaction'],
  input: ['formaction'],
});
/** Further places that hold a URL and that nobody marks. */
const LEFT_ALONE = tableOf({
  a: ['ping'],
  area: ['ping'],
  blockquote: ['cite'],
  q: ['cite'],
  html: ['manifest'],
});
const IDENTITY_RELS = /\b(?:canonical|alternate|shortlink|next|prev|amphtml)\b/i;
/** A string literal that is a path or a URL. A lone '/' is more often a separator. */
const LITERAL =
  /(["'`])((?:https?:)?\/\/[^"'`\s<>]+|\.{0,2}\/[\w%~-][^"'`\s<>\\]*|[\w-]+\.(?:php|cgi|pl|aspx?|jsp|do|html?)(?:\?[^"'`\s<>\\]*)?)\1/g;
const MAX_ITEMS_PER_PAGE = 500;

/** One thing on a page that would lose the session; `lines` counts from the start tag of its element. */
interface Finding {
  readonly place: string;
  readonly url: string;
  readonly reason: LintReason;
  readonly lines?: number;
}

/** The page, as its elements are judged. */
interface Judged {
  readonly page: ParsedPage;
  readonly names: readonly string[];
  /** Some link of it carries the SID, or its own URL does. */
  readonly hasSid: boolean;
}

/** What would lose the session on the page, in the order of its elements; `names` are those of SIDs. */
export function lintPage(page: ParsedPage, names: readonly string[]): LintItem[] {
  const hasSid =
    page.links.some((link) => link.url !== null && sidOf(link.url, names) !== null) || sidOf(page.url, names) !== null;
  const items: LintItem[] = [];
  for (const element of page.elements()) {
    for (const { place, url, reason, lines = 0 } of lintElement(element, { page, names, hasSid })) {
      if (items.length >= MAX_ITEMS_PER_PAGE) return items;
      if (url === '') continue;
      const { line, column } = placeOf(element);
      const at = { page: page.url, line: line + lines, column };
      items.push({ ...at, element: startTag(element), place, url, reason, pages: 1 });
    }
  }
  return items;
}

function* lintElement(element: Element, judged: Judged): Generator<Finding> {
  for (const { name, value } of element.attrs) yield* lintAttribute(element, name, value, judged);
  if (isHtml(element, 'script') && attribute(element, 'src') === null)
    yield* lintText('script', rawText(element), 'script', judged.page);
  if (isHtml(element, 'style')) yield* lintStyle('style', rawText(element), judged.page);
}

function* lintAttribute(element: Element, name: string, value: string, judged: Judged): Generator<Finding> {
  const tag = element.tagName;
  if (name.startsWith('on')) yield* lintText(name, value, 'handler', judged.page);
  else if (name === 'style') yield* lintStyle(name, value, judged.page);
  else if (name.startsWith('data-') && looksLikeUrl(value)) yield { place: name, url: value, reason: 'data' };
  else if (MARKED.get(tag)?.includes(name)) yield* lintMarked(element, name, value, judged);
  else if (tag === 'meta' && name === 'content') yield* lintMeta(element, value, judged);
  else if (SUBRESOURCES.get(tag)?.includes(name) || LEFT_ALONE.get(tag)?.includes(name))
    yield* lintSubresource(element, name, value, judged.page);
}

function* lintMeta(element: Element, value: string, judged: Judged): Generator<Finding> {
  if (isIdentityMeta(element)) yield { place: 'content', url: value, reason: 'identity' };
  else {
    const url = judged.page.refreshes.find((each) => each.element === element)?.refresh.url;
    if (url !== undefined && !isSameDocument(url, judged.page.url)) yield* lintMarked(element, 'content', url, judged);
  }
}

function* lintMarked(element: Element, name: string, value: string, judged: Judged): Generator<Finding> {
  const { page, names, hasSid } = judged;
  if (/^\s*javascript:/i.test(value)) {
    yield* lintText(name, value, 'script-url', page);
    return;
  }
  const url = page.resolve(value);
  if (url === null || !/^https?:/.test(url) || value.startsWith('#')) return;
  if (relation(page.url, url) !== 'same-origin') yield { place: name, url: value, reason: 'foreign' };
  else if (hasSid && sidOf(url, names) === null && !hasHiddenSid(element, page, names))
    yield { place: name, url: value, reason: 'unmarked' };
}

function hasHiddenSid(form: Element, page: ParsedPage, names: readonly string[]): boolean {
  if (!isHtml(form, 'form')) return false;
  return page
    .controls(form)
    .some((control) => sidOf(`?${attribute(control, 'name')}=${attribute(control, 'value')}`, names) !== null);
}

function* lintSubresource(element: Element, name: string, value: string, page: ParsedPage): Generator<Finding> {
  const isIdentity = isHtml(element, 'link') && IDENTITY_RELS.test(attribute(element, 'rel') ?? '');
  const first = name === 'srcset' ? (value.trim().split(/[\s,]/)[0] ?? '') : value;
  const url = page.resolve(first);
  if (url === null || !/^https?:/.test(url)) return;
  if (isIdentity) yield { place: name, url: value, reason: 'identity' };
  else if (relation(page.url, url) === 'same-origin') yield { place: name, url: first, reason: 'subresource' };
  // Foreign subresources concern no session: they are left out.
}

function* lintText(place: string, text: string, reason: LintReason, page: ParsedPage): Generator<Finding> {
  for (const match of text.matchAll(LITERAL)) {
    const url = page.resolve(match[2] ?? '');
    if (url === null || relation(page.url, url) !== 'same-origin') continue;
    const lines = reason === 'script' ? (text.slice(0, match.index).match(/\n/g)?.length ?? 0) : 0;
    yield { place, url: match[2] ?? '', reason, lines };
  }
}

function* lintStyle(place: string, text: string, page: ParsedPage): Generator<Finding> {
  for (const match of text.matchAll(/url\(\s*["']?([^"')\s]+)/g)) {
    const url = page.resolve(match[1] ?? '');
    if (url !== null && relation(page.url, url) === 'same-origin')
      yield { place, url: match[1] ?? '', reason: 'style' };
  }
}

function isIdentityMeta(element: Element): boolean {
  return /^(?:og|twitter):url$/i.test(attribute(element, 'property') ?? attribute(element, 'name') ?? '');
}

function looksLikeUrl(value: string): boolean {
  return /^(?:https?:)?\/\/[^\s]+$|^\.{0,2}\/[^\s/][^\s]*$|^[\w-]+\.(?:php|cgi|pl|aspx?|jsp|do|html?)(?:[?#][^\s]*)?$/.test(
    value.trim(),
  );
}
