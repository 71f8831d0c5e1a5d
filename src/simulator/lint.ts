/**
 * What would lose the session on a page: every URL-like thing that a marking proxy leaves alone, with the reason, as a
 * worklist for the people who own the page. Pure; the page need not have gone through the proxy.
 */
import { startTag } from './edges.ts';
import { attribute, type Element, isHtml, type ParsedPage, placeOf, rawText } from './page.ts';
import { sidOf } from './sid.ts';
import { relation } from './site.ts';

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

/** Element → attributes that a browser loads by itself. */
const SUBRESOURCES: Readonly<Record<string, readonly string[]>> = {
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
};
/** Element → attribute that a marking proxy marks. */
const MARKED: Readonly<Record<string, readonly string[]>> = {
  a: ['href'],
  area: ['href'],
  form: ['action'],
  frame: ['src'],
  iframe: ['src'],
  button: ['formaction'],
  input: ['formaction'],
};
/** Further places that hold a URL and that nobody marks. */
const LEFT_ALONE: Readonly<Record<string, readonly string[]>> = {
  a: ['ping'],
  area: ['ping'],
  blockquote: ['cite'],
  q: ['cite'],
  html: ['manifest'],
};
const IDENTITY_RELS = /\b(?:canonical|alternate|shortlink|next|prev|amphtml)\b/i;
/** A string literal that is a path or a URL. A lone '/' is more often a separator. */
const LITERAL =
  /(["'`])((?:https?:)?\/\/[^"'`\s<>]+|\.{0,2}\/[\w%~-][^"'`\s<>\\]*|[\w-]+\.(?:php|cgi|pl|aspx?|jsp|do|html?)(?:\?[^"'`\s<>\\]*)?)\1/g;
const MAX_ITEMS_PER_PAGE = 500;

export function lintPage(page: ParsedPage, names: readonly string[]): LintItem[] {
  const items: LintItem[] = [];
  const hasSid =
    page.links.some((link) => link.url !== null && sidOf(link.url, names) !== null) || sidOf(page.url, names) !== null;
  const add = (element: Element, place: string, url: string, reason: LintReason, lines = 0): void => {
    if (items.length >= MAX_ITEMS_PER_PAGE || url === '') return;
    const { line, column } = placeOf(element);
    items.push({
      page: page.url,
      line: line + lines,
      column,
      element: startTag(element),
      place,
      url,
      reason,
      pages: 1,
    });
  };

  for (const element of page.elements()) {
    for (const { name, value } of element.attrs) lintAttribute(element, name, value);
    if (isHtml(element, 'script') && attribute(element, 'src') === null)
      lintText(element, 'script', rawText(element), 'script');
    if (isHtml(element, 'style')) lintStyle(element, 'style', rawText(element));
  }
  return items;

  function lintAttribute(element: Element, name: string, value: string): void {
    const tag = element.tagName;
    if (name.startsWith('on')) lintText(element, name, value, 'handler');
    else if (name === 'style') lintStyle(element, name, value);
    else if (name.startsWith('data-') && looksLikeUrl(value)) add(element, name, value, 'data');
    else if (MARKED[tag]?.includes(name)) lintMarked(element, name, value);
    else if (tag === 'meta' && name === 'content' && isIdentityMeta(element)) add(element, name, value, 'identity');
    else if (SUBRESOURCES[tag]?.includes(name) || LEFT_ALONE[tag]?.includes(name))
      lintSubresource(element, name, value);
  }

  function lintMarked(element: Element, name: string, value: string): void {
    if (/^\s*javascript:/i.test(value)) {
      lintText(element, name, value, 'script-url');
      return;
    }
    const url = page.resolve(value);
    if (url === null || !/^https?:/.test(url) || value.startsWith('#')) return;
    if (relation(page.url, url) !== 'same-origin') add(element, name, value, 'foreign');
    else if (hasSid && sidOf(url, names) === null && !hasHiddenSid(element)) add(element, name, value, 'unmarked');
  }

  function hasHiddenSid(form: Element): boolean {
    if (!isHtml(form, 'form')) return false;
    return page
      .controls(form)
      .some((control) => sidOf(`?${attribute(control, 'name')}=${attribute(control, 'value')}`, names) !== null);
  }

  function lintSubresource(element: Element, name: string, value: string): void {
    const isIdentity = isHtml(element, 'link') && IDENTITY_RELS.test(attribute(element, 'rel') ?? '');
    const first = name === 'srcset' ? (value.trim().split(/[\s,]/)[0] ?? '') : value;
    const url = page.resolve(first);
    if (url === null || !/^https?:/.test(url)) return;
    if (isIdentity) add(element, name, value, 'identity');
    else if (relation(page.url, url) === 'same-origin') add(element, name, first, 'subresource');
    // Foreign subresources concern no session: they are left out.
  }

  function lintText(element: Element, place: string, text: string, reason: LintReason): void {
    for (const match of text.matchAll(LITERAL)) {
      const url = page.resolve(match[2] ?? '');
      if (url === null || relation(page.url, url) !== 'same-origin') continue;
      const lines = reason === 'script' ? (text.slice(0, match.index).match(/\n/g)?.length ?? 0) : 0;
      add(element, place, match[2] ?? '', reason, lines);
    }
  }

  function lintStyle(element: Element, place: string, text: string): void {
    for (const match of text.matchAll(/url\(\s*["']?([^"')\s]+)/g)) {
      const url = page.resolve(match[1] ?? '');
      if (url !== null && relation(page.url, url) === 'same-origin') add(element, place, match[1] ?? '', 'style');
    }
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
