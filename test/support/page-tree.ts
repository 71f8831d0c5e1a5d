/**
 * Reading a page with parse5, and the witness of the rewriter: what may differ between a page and its marked form.
 *
 * parse5 builds the tree that a browser builds. If two trees differ only in marked URLs and our hidden fields, then a
 * browser shows the same page and runs the same scripts.
 */
import { parse, type DefaultTreeAdapterTypes as Tree } from 'parse5';

export function parsePage(html: string): Tree.Document {
  // A cookieless client often runs no scripts: noscript is markup for it.
  return parse(html, { scriptingEnabled: false });
}

/** All elements below a node in tree order, the contents of templates included. */
export function* elements(node: Tree.ParentNode): Generator<Tree.Element> {
  for (const child of node.childNodes) {
    if (!('tagName' in child)) continue;
    yield child;
    yield* elements(child);
    if ('content' in child) yield* elements(child.content);
  }
}

/** The value of an attribute, null when the element has none. `xlink:href` names the namespaced one. */
export function attribute(element: Tree.Element, name: string): string | null {
  const found = element.attrs.find((one) => (one.prefix ? `${one.prefix}:${one.name}` : one.name) === name);
  return found === undefined ? null : found.value;
}

export function textOf(node: Tree.ParentNode): string {
  return node.childNodes
    .map((child) => ('value' in child ? child.value : 'childNodes' in child ? textOf(child) : ''))
    .join('');
}

/** The document base (HTML §4.2.3): the first `base` with an `href`, resolved against the page's address. */
export function baseUrl(document: Tree.Document, pageUrl: string): string {
  for (const element of elements(document)) {
    const href = element.tagName === 'base' ? attribute(element, 'href') : null;
    if (href === null) continue;
    const url = URL.canParse(href, pageUrl) ? new URL(href, pageUrl) : null;
    return url === null || /^(data|javascript):/.test(url.protocol) ? pageUrl : url.href;
  }
  return pageUrl;
}

export interface WitnessOptions {
  /** Where the page stands, as the client sees it. */
  readonly pageUrl: string;
  /** The name of the parameter and hidden field that carry the SID. */
  readonly sidName: string;
}

/** What the witness saw. A correct rewriter leaves all lists but `marked` empty. */
export interface Testimony {
  /** Differences that are neither a mark on a URL nor our hidden field. */
  readonly differences: string[];
  /** URLs of our own site that a browser would follow and that carry no SID; GET forms without the field. */
  readonly missed: string[];
  /** URLs of other sites that carry the SID. */
  readonly leaked: string[];
  /** References that were marked. */
  readonly marked: string[];
  /** Hidden fields added. */
  readonly fields: number;
}

/** Compare a page with its marked form. */
export function compareTrees(before: string, after: string, options: WitnessOptions): Testimony {
  const witness: Witness = {
    ...options,
    base: '',
    fields: 0,
    ownGetForms: 0,
    pair: new RegExp(`[?&;]${options.sidName}=[0-9a-v]{26}(?=[#&'"\\s]|$)`, 'g'),
    seen: { differences: [], missed: [], leaked: [], marked: [], fields: 0 },
  };
  const beforeTree = parsePage(before);
  witness.base = baseUrl(beforeTree, options.pageUrl);
  compareNodes(beforeTree, parsePage(after), 'document', witness);
  // Counted for the page, not for the form: a form that opens in a table has its controls beside it in the tree.
  if (witness.fields !== witness.ownGetForms) {
    witness.seen.missed.push(`${witness.ownGetForms} GET forms of this site, ${witness.fields} hidden fields`);
  }
  witness.seen.fields += witness.fields;
  return witness.seen;
}

interface Witness extends WitnessOptions {
  base: string;
  fields: number;
  ownGetForms: number;
  readonly pair: RegExp;
  readonly seen: { differences: string[]; missed: string[]; leaked: string[]; marked: string[]; fields: number };
}

function compareNodes(before: Tree.Node, after: Tree.Node, at: string, witness: Witness): void {
  if (before.nodeName !== after.nodeName) {
    witness.seen.differences.push(`${at}: ${before.nodeName} became ${after.nodeName}`);
    return;
  }
  if ('tagName' in before && 'tagName' in after) compareElements(before, after, at, witness);
  else if ('value' in before && 'value' in after && before.value !== after.value)
    witness.seen.differences.push(`${at}: text differs`);
  else if ('data' in before && 'data' in after && before.data !== after.data)
    witness.seen.differences.push(`${at}: comment differs`);
  if ('mode' in before && 'mode' in after && before.mode !== after.mode)
    witness.seen.differences.push(`${at}: quirks mode differs`);
  if ('content' in before && 'content' in after) compareNodes(before.content, after.content, `${at}/content`, witness);
  if (!('childNodes' in before && 'childNodes' in after)) return;
  const theirs = after.childNodes.filter((child) => !isOurField(child, witness));
  witness.fields += after.childNodes.length - theirs.length;
  for (let i = 0; i < Math.max(before.childNodes.length, theirs.length); i++) {
    const [one, two] = [before.childNodes[i], theirs[i]];
    const where = `${at}/${one?.nodeName ?? two?.nodeName}[${i}]`;
    if (one === undefined || two === undefined)
      witness.seen.differences.push(`${where}: only ${one ? 'before' : 'after'}`);
    else compareNodes(one, two, where, witness);
  }
}

function isOurField(node: Tree.Node, { sidName }: Witness): boolean {
  return (
    'tagName' in node &&
    node.tagName === 'input' &&
    attribute(node, 'type') === 'hidden' &&
    attribute(node, 'name') === sidName &&
    /^[0-9a-v]{26}$/.test(attribute(node, 'value') ?? '')
  );
}

function compareElements(before: Tree.Element, after: Tree.Element, at: string, witness: Witness): void {
  const names = new Set(
    [...before.attrs, ...after.attrs].map((one) => (one.prefix ? `${one.prefix}:${one.name}` : one.name)),
  );
  for (const name of names) {
    const [one, two] = [attribute(before, name), attribute(after, name)];
    const place = `${at}@${name}`;
    // SVG may have an element of that name, which is no frame.
    const isFrame = before.tagName === 'iframe' && before.namespaceURI === 'http://www.w3.org/1999/xhtml';
    if (name === 'srcdoc' && isFrame && one !== null && two !== null) {
      const inner = compareTrees(one, two, witness);
      for (const key of ['differences', 'missed', 'leaked', 'marked'] as const) witness.seen[key].push(...inner[key]);
      witness.seen.fields += inner.fields;
    } else if (isFollowed(before, name)) {
      compareReferences(before, one, two, place, witness);
    } else if (one !== two) {
      witness.seen.differences.push(`${place}: ${JSON.stringify(one)} became ${JSON.stringify(two)}`);
    }
  }
  if (before.tagName === 'form') compareForms(before, after, at, witness);
}

/** Does a browser load a document from this attribute when the user follows it, or at once? */
function isFollowed(element: Tree.Element, name: string): boolean {
  if (element.namespaceURI === 'http://www.w3.org/2000/svg')
    return element.tagName === 'a' && /^(xlink:)?href$/.test(name);
  switch (element.tagName) {
    case 'a':
    case 'area':
      return name === 'href';
    case 'frame':
    case 'iframe':
      return name === 'src';
    case 'form':
      return name === 'action';
    case 'button':
    case 'input':
      return name === 'formaction';
    case 'meta':
      return name === 'content' && (attribute(element, 'http-equiv') ?? '').toLowerCase() === 'refresh';
    default:
      return false;
  }
}

function compareReferences(
  element: Tree.Element,
  before: string | null,
  after: string | null,
  place: string,
  witness: Witness,
): void {
  const isMarked = after !== null && after.search(witness.pair) >= 0;
  const clean =
    after?.replace(witness.pair, (pair, at: number) =>
      pair.startsWith('?') && after[at + pair.length] === '&' ? '?' : '',
    ) ?? null;
  const isPost = element.tagName === 'form' && (attribute(element, 'method') ?? '').toLowerCase() === 'post';
  // A POST form without an action goes to the page's own address: there the attribute may be added.
  const isAdded = before === null && isPost && isMarked;
  const same = clean === before || (before ?? '') === `${clean}?` || (before ?? '').replace('?#', '#') === clean;
  const own = isPost && (before ?? '').trim() === '' && isMarked;
  if (!same && !isAdded && !own)
    witness.seen.differences.push(`${place}: ${JSON.stringify(before)} became ${JSON.stringify(after)}`);
  if (isMarked && after !== null) witness.seen.marked.push(after);

  const reference = element.tagName === 'meta' ? /url\s*=\s*['"]?(.*?)['"]?$/i.exec(after ?? '')?.[1] : after;
  if (reference === undefined || reference === null) return;
  const kind = siteOf(reference, witness);
  if (kind !== 'own' && isMarked && !(isAdded || own)) witness.seen.leaked.push(`${place}: ${after}`);
  // GET forms lose the query of their action: they carry the field instead (compareForms).
  const needsMark = element.tagName !== 'form' || isPost;
  if (kind === 'own' && !isMarked && needsMark) witness.seen.missed.push(`${place}: ${after}`);
}

function siteOf(reference: string, { base, pageUrl }: Witness): 'own' | 'foreign' | 'same document' {
  // What a URL parser strips (WHATWG URL §4.4), which is less than `trim` does.
  const text = reference.replace(/^[\0-\x20]+|[\0-\x20]+$/g, '');
  if (text === '' || text.startsWith('#')) return 'same document';
  const url = URL.canParse(text, base) ? new URL(text, base) : null;
  return url !== null && /^https?:$/.test(url.protocol) && url.origin === new URL(pageUrl).origin ? 'own' : 'foreign';
}

/** A GET form to our own site needs our field, and no other form may have it. */
function compareForms(before: Tree.Element, after: Tree.Element, at: string, witness: Witness): void {
  const reference = attribute(before, 'action') ?? '';
  // A form in a template within this one has fields of its own.
  const templates = [...elements(after)]
    .filter((one): one is Tree.Template => 'content' in one)
    .map(({ content }) => [...elements(content)]);
  const others = new Set(templates.filter((inner) => inner.some(({ tagName }) => tagName === 'form')).flat());
  const ours = [...elements(after)].filter((one) => isOurField(one, witness) && !others.has(one)).length;
  if (isOwnGetForm(before, witness)) witness.ownGetForms += 1;
  else if (ours !== 0) witness.seen.leaked.push(`${at}: a form to ${reference} with a hidden field`);
}

function isOwnGetForm(form: Tree.Element, witness: Witness): boolean {
  const method = (attribute(form, 'method') ?? 'get').toLowerCase();
  return method !== 'post' && method !== 'dialog' && siteOf(attribute(form, 'action') ?? '', witness) !== 'foreign';
}
