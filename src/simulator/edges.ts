/** Where a page leads: every way on that a person or the browser itself can take, with its place in the source. */
import { buildSubmission, buttonLabel, isDisabled, isSubmitButton } from './form.ts';
import type { Visit } from './navigate.ts';
import { type FrameElement, isNoReferrer, type ParsedPage, parsePage, placeOf, rawText } from './page.ts';
import { asPolicy, type ReferrerPolicy } from './referrer.ts';
import { parseRefresh } from './refresh.ts';
import { attribute, type Element, isHtml } from './tree.ts';

export type EdgeKind = 'link' | 'area' | 'get-form' | 'post-form' | 'frame' | 'refresh' | 'script';

export interface Edge {
  readonly kind: EdgeKind;
  /** Resolved, with whatever SID it carries. */
  readonly url: string;
  /** A person's name for it. */
  readonly text: string;
  /** The start tag as far as it tells something: `<a href="…">`. */
  readonly element: string;
  readonly line: number;
  readonly column: number;
  /** Where the page is shown that it leads to. */
  readonly dest: NonNullable<Visit['dest']>;
  /** What the element says of the Referer; null where the policy of the page counts. */
  readonly referrerPolicy: ReferrerPolicy | null;
  /** Of a POST form: the names of its hidden fields with their values. */
  readonly hidden: ReadonlyArray<readonly [name: string, value: string]>;
}

/** A page of links to everything must not fill the memory. */
const MAX_EDGES_PER_PAGE = 5000;
/** Of one form, besides the default one: each is sent with all fields, and a list may have a button in each of a thousand rows. */
const MAX_OTHER_BUTTONS = 100;
/** Pages within pages: more is no page for people. */
const MAX_SRCDOC_DEPTH = 5;
/** How a script names the page that it leads to; `geolocation` and `data-location` are other names. */
const SCRIPT_MOVE =
  /(?<![\w$-])(?:location(?:\.href)?\s*=\s*|location\.(?:assign|replace)\s*\(\s*|window\.open\s*\(\s*)(["'])([^"'\\\n]+)\1/g;

/** Http(s) edges only, in tree order, each place once; moves within the page are left out. */
export function edgesOf(page: ParsedPage, refreshField: string | null, depth = 0): Edge[] {
  const { charset } = page;
  const edges: Edge[] = [];
  const add = (kind: EdgeKind, element: Element, url: string | null, text: string, more: Partial<Edge> = {}): void => {
    if (url === null || !/^https?:/.test(url) || edges.length >= MAX_EDGES_PER_PAGE) return;
    const isWithin = url.includes('#') && url.split('#')[0] === page.url.split('#')[0];
    if (isWithin && (kind === 'link' || kind === 'area')) return;
    edges.push({
      kind,
      url,
      text,
      element: startTag(element),
      ...placeOf(element),
      dest: 'document',
      referrerPolicy: null,
      hidden: [],
      ...more,
    });
  };
  for (const link of page.links) {
    if (/^\s*javascript:/i.test(link.href)) addMoves(link.element, decodeScript(link.href));
    else
      add(isHtml(link.element, 'area') ? 'area' : 'link', link.element, link.url, link.text, {
        referrerPolicy: isNoReferrer(link.element) ? 'no-referrer' : policyOf(link.element),
      });
  }
  for (const form of page.forms) addForms(form);
  for (const { element, kind, url, name } of page.frames)
    add('frame', element, url, name, { dest: kind, referrerPolicy: policyOf(element) });
  for (const frame of page.frames) addInner(frame);
  for (const { element, refresh } of page.refreshes) add('refresh', element, refresh.url, 'refresh');
  for (const element of page.elements()) {
    for (const { name, value } of element.attrs) if (name.startsWith('on')) addMoves(element, value);
    if (isHtml(element, 'script') && attribute(element, 'src') === null) addMoves(element, rawText(element));
  }
  const refresh = refreshField === null ? null : parseRefresh(refreshField, page.url, charset);
  const root = page.root.childNodes.find((node): node is Element => 'tagName' in node);
  if (refresh !== null && root !== undefined) add('refresh', root, refresh.url, 'Refresh field');
  return edges;

  /** What a `srcdoc` leads to, at the place of its frame. */
  function addInner({ element, srcdoc }: FrameElement): void {
    if (srcdoc === null || depth >= MAX_SRCDOC_DEPTH) return;
    const inner = parsePage(srcdoc, { url: 'about:srcdoc', scripting: false, baseUrl: page.baseUrl });
    for (const edge of edgesOf(inner, null, depth + 1).slice(0, MAX_EDGES_PER_PAGE - edges.length))
      edges.push({ ...edge, ...placeOf(element) });
  }

  function addMoves(element: Element, script: string): void {
    for (const [, , target = ''] of script.matchAll(SCRIPT_MOVE)) add('script', element, page.resolve(target), target);
  }

  /** By its default button, and by each other one that can be pressed and has an action of its own. */
  function addForms(form: Element): void {
    const controls = page.controls(form);
    const [first = null, ...others] = controls.filter(isSubmitButton);
    const hidden = controls
      .filter((control) => isHtml(control, 'input') && attribute(control, 'type')?.toLowerCase() === 'hidden')
      .map((control) => [attribute(control, 'name') ?? '', attribute(control, 'value') ?? ''] as const);
    addForm(form, form, first, attribute(form, 'id') ?? attribute(form, 'name') ?? '', hidden);
    const ways = others.filter((button) => attribute(button, 'formaction') !== null && !isDisabled(button));
    for (const button of ways.slice(0, MAX_OTHER_BUTTONS)) addForm(button, form, button, buttonLabel(button), hidden);
  }

  function addForm(
    element: Element,
    form: Element,
    button: Element | null,
    text: string,
    hidden: Edge['hidden'],
  ): void {
    const submission = buildSubmission(page, form, button, new Map(), { charset });
    if (submission === null) return;
    const { method, url, noReferrer } = submission;
    const referrerPolicy = noReferrer ? 'no-referrer' : null;
    add(method === 'GET' ? 'get-form' : 'post-form', element, url, text, { hidden, referrerPolicy });
  }
}

function policyOf(element: Element): ReferrerPolicy | null {
  return asPolicy(attribute(element, 'referrerpolicy'));
}

function decodeScript(href: string): string {
  try {
    return decodeURIComponent(href);
  } catch {
    return href;
  }
}

/** Attributes that tell nothing about where an element leads are left out. */
const TOLD = new Set([
  'formaction',
  'href',
  'action',
  'src',
  'method',
  'name',
  'id',
  'content',
  'http-equiv',
  'target',
  'xlink:href',
]);
const MAX_VALUE_CHARS = 120;

export function startTag(element: Element): string {
  const told = element.attrs.filter(({ name }) => TOLD.has(name) || name.startsWith('on'));
  const values = told.map(
    ({ name, value }) => ` ${name}="${value.length > MAX_VALUE_CHARS ? `${value.slice(0, MAX_VALUE_CHARS)}…` : value}"`,
  );
  return `<${element.tagName}${values.join('')}>`;
}
