/**
 * A document as a user agent sees it: parse5's tree, and the links, forms, frames and refreshes that stand in it.
 *
 * Follows HTML §4.2.3 (base), §4.2.5.3 (refresh), §4.6 (links), §4.10.18.3 (form owners, with the form element pointer
 * of §13.2.4.4, which the tree alone does not show). Runs no scripts and loads no style sheets.
 */
import { type DefaultTreeAdapterMap, type DefaultTreeAdapterTypes, defaultTreeAdapter, Parser } from 'parse5';
import { collapse, readable } from './blanks.ts';
import { placeTemplates, type Shadows } from './placed-templates.ts';
import { resolveReference } from './reference.ts';
import { asPolicy, type ReferrerPolicy } from './referrer.ts';
import { parseRefresh, type Refresh } from './refresh.ts';
import { attribute, descend, type Element, HTML_NAMESPACE, isElement, isHtml, type TreeNode } from './tree.ts';

export interface SourcePlace {
  /** 1-based, in the decoded text of the page; 0 for an element that the parser made up. */
  readonly line: number;
  readonly column: number;
}

export interface Link extends SourcePlace {
  readonly element: Element;
  /** What a person would call it: its text, else the `alt` of an image in it, `aria-label` or `title`. */
  readonly text: string;
  /** The attribute value as the page has it, character references resolved. */
  readonly href: string;
  /** Resolved against the document base; null when it is not a URL at all. */
  readonly url: string | null;
  readonly target: string;
  readonly rel: string;
}

export interface FrameElement extends SourcePlace {
  readonly element: Element;
  readonly kind: 'iframe' | 'frame';
  readonly name: string;
  /** Resolved; null when the frame holds `srcdoc`, nothing, or something that is not loaded over HTTP. */
  readonly url: string | null;
  readonly srcdoc: string | null;
}

export interface PageRefresh {
  readonly element: Element;
  readonly refresh: Refresh;
}

export interface ParseOptions {
  readonly url: string;
  /** In which its queries are written (Encoding standard's name); utf-8 by default, as of `srcdoc` documents. */
  readonly charset?: string;
  /** True reads `noscript` as a browser that runs scripts does: as text. */
  readonly scripting: boolean;
  /** For `srcdoc` documents, whose base is their parent's. */
  readonly baseUrl?: string;
}

export interface ParsedPage {
  readonly url: string;
  readonly charset: string;
  readonly root: DefaultTreeAdapterTypes.Document;
  readonly baseUrl: string;
  readonly baseTarget: string;
  readonly title: string;
  readonly links: readonly Link[];
  readonly forms: readonly Element[];
  readonly frames: readonly FrameElement[];
  /** Of `<meta http-equiv=refresh>`; those that a browser does not obey are left out. */
  readonly refreshes: readonly PageRefresh[];
  /** The last known one of `<meta name=referrer>`; null when there is none. */
  readonly referrerPolicy: ReferrerPolicy | null;
  /** Visible text, white space collapsed, blocks on lines of their own. */
  readonly text: string;
  /** Every element of the tree, and of shadow roots in it, in tree order; what stays a template's content is not part of it. */
  elements(): Generator<Element>;
  /** The elements whose form owner is `form`, in tree order. */
  controls(form: Element): Element[];
  /** The form owner of a control, null for none. */
  formOwner(control: Element): Element | null;
  byId(id: string): Element | null;
  resolve(reference: string): string | null;
}

const FORM_ASSOCIATED = new Set(['button', 'fieldset', 'input', 'object', 'output', 'select', 'textarea', 'img']);
const LISTED = new Set(['button', 'fieldset', 'input', 'object', 'output', 'select', 'textarea']);
/** Deep enough for every real page; a generator of nested tags must not cost us the stack. */
const MAX_TEXT_DEPTH = 2000;

export function parsePage(html: string, options: ParseOptions): ParsedPage {
  const { root, pointerOwners, shadows } = parseTree(html, options.scripting);
  const fallbackBase = options.baseUrl ?? options.url;
  const charset = options.charset ?? 'utf-8';
  const own = [...walk(root)];
  const all = shadows.size === 0 ? own : [...walk(root, shadows)];
  // The names in a tree are for that tree alone.
  const ids = new Map([root, ...shadows.values()].map((tree) => [tree, idsOf(walk(tree))] as const));
  const baseHref = firstAttribute(own, 'base', 'href');
  const baseUrl = (baseHref === null ? null : safeBase(baseHref, fallbackBase)) ?? fallbackBase;
  const baseTarget = firstAttribute(own, 'base', 'target') ?? '';
  const resolve = (reference: string): string | null => resolveReference(reference, baseUrl, charset);
  let links: readonly Link[] | null = null;
  let controlsOf: ReadonlyMap<Element | null, readonly Element[]> | null = null;

  const formOwner = (control: Element): Element | null => {
    const id = attribute(control, 'form');
    if (id !== null && LISTED.has(control.tagName)) {
      const owner = ids.get(treeOf(control))?.get(id);
      return owner !== undefined && isHtml(owner, 'form') ? owner : null;
    }
    return pointerOwners.get(control) ?? ancestor(control, 'form');
  };

  return {
    url: options.url,
    charset,
    root,
    baseUrl,
    baseTarget,
    resolve,
    formOwner,
    *elements() {
      yield* all;
    },
    byId: (id) => ids.get(root)?.get(id) ?? null,
    controls(form) {
      controlsOf ??= byOwner(all.filter(isControl), formOwner);
      return [...(controlsOf.get(form) ?? [])];
    },
    get title() {
      const title = own.find((element) => isHtml(element, 'title'));
      return title === undefined ? '' : collapse(rawText(title));
    },
    get links() {
      links ??= all.filter(isLink).map((element) => toLink(element, resolve, baseTarget));
      return links;
    },
    forms: all.filter((element) => isHtml(element, 'form')),
    frames: all
      .filter((element) => isHtml(element, 'iframe') || isHtml(element, 'frame'))
      .map((e) => toFrame(e, resolve)),
    refreshes: metaRefreshes(own, options.url, charset, { before: fallbackBase, after: baseUrl }),
    referrerPolicy: metaReferrer(own),
    get text() {
      return visibleText(root, shadows);
    },
  };
}

/** All at once: a page may have a form in each of a thousand rows. */
function byOwner(controls: readonly Element[], formOwner: (control: Element) => Element | null) {
  const owned = new Map<Element | null, Element[]>();
  for (const control of controls) {
    const owner = formOwner(control);
    const others = owned.get(owner);
    if (others === undefined) owned.set(owner, [control]);
    else others.push(control);
  }
  return owned;
}

/** HTML §4.6.7.15, of links and forms. */
export function isNoReferrer(element: Element): boolean {
  return /(?:^|[\t\n\f\r ])noreferrer(?:[\t\n\f\r ]|$)/i.test(attribute(element, 'rel') ?? '');
}

export function placeOf(element: Element): SourcePlace {
  const location = element.sourceCodeLocation;
  return { line: location?.startLine ?? 0, column: location?.startCol ?? 0 };
}

/** All text below an element as it stands: `script` and `title` contents, `option` labels. */
export function rawText(node: TreeNode): string {
  if ('value' in node) return node.value;
  if (!('childNodes' in node)) return '';
  let text = '';
  for (const child of descend(node)) if ('value' in child) text += child.value;
  return text;
}

export function parentElement(element: Element): Element | null {
  const parent = element.parentNode;
  return parent !== null && isElement(parent) ? parent : null;
}

export function ancestor(element: Element, tagName: string): Element | null {
  for (let node = parentElement(element); node !== null; node = parentElement(node)) {
    if (isHtml(node, tagName)) return node;
  }
  return null;
}

/** What a person would call a link or a button. */
export function labelOf(element: Element): string {
  const text = readable(visibleText(element));
  if (text !== '') return text;
  for (const node of descend(element)) {
    const alt = isElement(node) ? readable(attribute(node, 'alt') ?? '') : '';
    if (alt !== '') return alt;
  }
  return readable(attribute(element, 'alt') ?? attribute(element, 'aria-label') ?? attribute(element, 'title') ?? '');
}

// ---------------------------------------------------------------------------------------------------------------------

function parseTree(html: string, scripting: boolean) {
  const pointerOwners = new WeakMap<Element, Element>();
  const parser: Parser<DefaultTreeAdapterMap> = new Parser<DefaultTreeAdapterMap>({
    scriptingEnabled: scripting,
    sourceCodeLocationInfo: true,
    treeAdapter: {
      ...defaultTreeAdapter,
      createElement(tagName, namespaceURI, attrs) {
        const element = defaultTreeAdapter.createElement(tagName, namespaceURI, attrs);
        // HTML §13.2.6.1, "create an element for the token": the form element pointer becomes the owner, unless a
        // template is open or the element names its owner itself. It is what joins controls to a misnested form.
        // While the constructor runs there is no parser yet; it makes no form controls.
        const form = parser?.formElement ?? null;
        if (form !== null && parser.openElements.tmplCount === 0 && FORM_ASSOCIATED.has(tagName)) {
          if (!attrs.some((each) => each.name === 'form')) pointerOwners.set(element, form);
        }
        return element;
      },
    },
  });
  parser.tokenizer.write(html, true);
  return { root: parser.document, pointerOwners, shadows: placeTemplates(parser.document) };
}

function* walk(root: TreeNode, shadows?: Shadows): Generator<Element> {
  for (const node of descend(root, shadows)) if (isElement(node)) yield node;
}

function idsOf(elements: Iterable<Element>): Map<string, Element> {
  const ids = new Map<string, Element>();
  for (const element of elements) {
    const id = attribute(element, 'id');
    if (id !== null && id !== '' && !ids.has(id)) ids.set(id, element);
  }
  return ids;
}

/** The document, or the shadow root, that an element stands in. */
function treeOf(element: Element): DefaultTreeAdapterTypes.Document | DefaultTreeAdapterTypes.DocumentFragment {
  let node: DefaultTreeAdapterTypes.ParentNode = element;
  while ('parentNode' in node && node.parentNode !== null) node = node.parentNode;
  return node as DefaultTreeAdapterTypes.Document;
}

function firstAttribute(all: readonly Element[], tagName: string, name: string): string | null {
  for (const element of all) {
    if (!isHtml(element, tagName)) continue;
    const value = attribute(element, name);
    if (value !== null) return value;
  }
  return null;
}

/**
 * HTML §4.2.3: a base that does not parse, or is `data:` or `javascript:`, is ignored. Deviation: Chromium writes its query in
 * UTF-8 whatever the page is.
 */
function safeBase(href: string, fallback: string): string | null {
  const url = resolveReference(href, fallback, 'utf-8');
  return url === null || /^(?:data|javascript):/.test(url) ? null : url;
}

function isControl(element: Element): boolean {
  return FORM_ASSOCIATED.has(element.tagName) && element.namespaceURI === HTML_NAMESPACE;
}

function isLink(element: Element): boolean {
  // HTML, SVG and MathML each have an `a` (MathML Core §5, which Chromium is still to follow).
  return (element.tagName === 'a' || isHtml(element, 'area')) && attribute(element, 'href') !== null;
}

function toLink(element: Element, resolve: (reference: string) => string | null, baseTarget: string): Link {
  const href = attribute(element, 'href') ?? '';
  return {
    ...placeOf(element),
    element,
    href,
    text: labelOf(element),
    url: resolve(href),
    target: attribute(element, 'target') ?? baseTarget,
    rel: (attribute(element, 'rel') ?? '').toLowerCase(),
  };
}

function toFrame(element: Element, resolve: (reference: string) => string | null): FrameElement {
  const src = attribute(element, 'src');
  const kind = element.tagName === 'frame' ? 'frame' : 'iframe';
  const srcdoc = kind === 'iframe' ? attribute(element, 'srcdoc') : null;
  const url = src === null || src === '' || srcdoc !== null ? null : resolve(src);
  const isHttp = url !== null && /^https?:/.test(url);
  return {
    ...placeOf(element),
    element,
    kind,
    srcdoc,
    name: attribute(element, 'name') ?? '',
    url: isHttp ? url : null,
  };
}

/** A refresh is obeyed as soon as it is read: the base of the page holds for those behind the element alone. */
function metaRefreshes(
  all: readonly Element[],
  url: string,
  charset: string,
  base: { readonly before: string; readonly after: string },
): PageRefresh[] {
  const found: PageRefresh[] = [];
  let isBehind = false;
  for (const element of all) {
    isBehind ||= isHtml(element, 'base') && attribute(element, 'href') !== null;
    if (!isHtml(element, 'meta') || attribute(element, 'http-equiv')?.toLowerCase() !== 'refresh') continue;
    const refresh = parseRefresh(
      attribute(element, 'content') ?? '',
      url,
      charset,
      isBehind ? base.after : base.before,
    );
    if (refresh !== null) found.push({ element, refresh });
  }
  return found;
}

function metaReferrer(all: readonly Element[]): ReferrerPolicy | null {
  let policy: ReferrerPolicy | null = null;
  for (const element of all) {
    if (!isHtml(element, 'meta') || attribute(element, 'name')?.toLowerCase() !== 'referrer') continue;
    policy = asPolicy(attribute(element, 'content')) ?? policy;
  }
  return policy;
}

const UNSEEN = new Set(['head', 'script', 'style', 'template', 'datalist', 'noframes', 'title', 'object']);
const BLOCK = new Set(
  'address article aside blockquote br button dd details div dl dt fieldset figure footer form h1 h2 h3 h4 h5 h6 header hr input legend li main nav ol option p pre section select table tbody td textarea tfoot th thead tr ul'.split(
    ' ',
  ),
);

function visibleText(root: TreeNode, shadows?: Shadows): string {
  let text = '';
  const visit = (node: TreeNode, depth: number): void => {
    if (node.nodeName === '#text' && 'value' in node) text += node.value.replace(/[\t\n\f\r ]+/g, ' ');
    if (!('childNodes' in node) || depth > MAX_TEXT_DEPTH) return;
    if (isElement(node) && (UNSEEN.has(node.tagName) || attribute(node, 'hidden') !== null)) return;
    const isBlock = isElement(node) && BLOCK.has(node.tagName);
    if (isBlock) text += '\n';
    const shadow = shadows?.get(node);
    if (shadow !== undefined) visit(shadow, depth + 1);
    for (const child of node.childNodes) visit(child, depth + 1);
    if (isBlock) text += '\n';
  };
  visit(root, 0);
  return text
    .replace(/ +/g, ' ')
    .replace(/ ?\n[\n ]*/g, '\n')
    .trim();
}
