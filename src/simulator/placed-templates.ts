/**
 * Templates whose content is part of the page at once, without any script, of which parse5 knows nothing: declarative shadow roots
 * (HTML §13.2.6.4.4), and `template for`, whose content replaces a marker that stands before it (§4.12.3; Chromium since 2026).
 */
import { attribute, descend, HTML_NAMESPACE, isHtml, pushReversed, type Tree } from './tree.ts';

/** DOM §4.9: beside the elements of a site's own, which have a dash in their names. */
const HOSTS = new Set(
  'article aside blockquote body div footer h1 h2 h3 h4 h5 h6 header main nav p section span'.split(' '),
);

/** Shadow roots by their hosts: trees of their own, which are shown where the host stands. */
export type Shadows = Map<Tree.Node, Tree.DocumentFragment>;

/** Puts the content of such templates in its place. What is no template then has gone from the tree. */
export function placeTemplates(root: Tree.Document): Shadows {
  const shadows: Shadows = new Map();
  const moved = new Set<Tree.Node>();
  const open: Tree.Node[] = [root];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (isTemplate(node)) {
      const placed = asShadow(node, shadows, moved) ?? asPatch(node, moved);
      // What it brought along may be more of them.
      pushReversed(open, placed ?? []);
    } else if ('childNodes' in node) pushReversed(open, node.childNodes);
  }
  return shadows;
}

function isTemplate(node: Tree.Node): node is Tree.Template {
  return isHtml(node, 'template');
}

/** What was moved had a template for its parent when it was read, which is no host. */
function asShadow(
  template: Tree.Template,
  shadows: Shadows,
  moved: ReadonlySet<Tree.Node>,
): readonly Tree.Node[] | null {
  const host = template.parentNode;
  const mode = attribute(template, 'shadowrootmode')?.toLowerCase();
  if ((mode !== 'open' && mode !== 'closed') || host === null || !('tagName' in host)) return null;
  const isHost = host.namespaceURI === HTML_NAMESPACE && (HOSTS.has(host.tagName) || host.tagName.includes('-'));
  if (!isHost || shadows.has(host) || moved.has(template)) return null;
  host.childNodes.splice(host.childNodes.indexOf(template), 1);
  shadows.set(host, template.content);
  return template.content.childNodes;
}

/** The marker is looked for in the template's parent, from the body in all of the root element. */
function asPatch(template: Tree.Template, moved: Set<Tree.Node>): readonly Tree.Node[] | null {
  const name = attribute(template, 'for');
  const parent = template.parentNode;
  if (name === null || name === '' || parent === null) return null;
  const isBody = 'tagName' in parent && parent.tagName === 'body';
  const marker = markerBefore(template, (isBody ? parent.parentNode : null) ?? parent, name);
  if (marker === null) return null;
  const { childNodes } = template.content;
  const place = marker.parentNode as Tree.ParentNode;
  const from = place.childNodes.indexOf(marker);
  const behind = place.childNodes.slice(endOf(place, from, template));
  for (const node of childNodes) {
    node.parentNode = place;
    moved.add(node);
  }
  place.childNodes = [...place.childNodes.slice(0, from), ...childNodes, ...behind];
  parent.childNodes.splice(parent.childNodes.indexOf(template), 1);
  return childNodes;
}

function markerBefore(template: Tree.Template, scope: Tree.ParentNode, name: string): Tree.CommentNode | null {
  for (const node of descend(scope)) {
    if (node === template) break;
    if (isInstruction(node) && targetOf(node) !== 'end' && nameOf(node) === name) return node;
  }
  return null;
}

/** Behind what gives way: a marker alone, or all from a start to its end, or to what was read when the template came. */
function endOf(parent: Tree.ParentNode, from: number, template: Tree.Template): number {
  let depth = 0;
  for (const [index, node] of parent.childNodes.entries()) {
    if (node === template) return index;
    if (index < from || !isInstruction(node)) continue;
    const target = targetOf(node);
    if (index === from && target === 'marker') return index + 1;
    if (target === 'start') depth++;
    if (target === 'end' && --depth === 0) return index + 1;
  }
  return parent.childNodes.length;
}

/** A processing instruction, which parse5 takes for a comment: all of its values stand in quotes. */
const INSTRUCTION =
  /^\?(marker|start|end)((?:[\t\n\f\r ]+[^\t\n\f\r "'=?]+[\t\n\f\r ]*=[\t\n\f\r ]*(?:"[^"]*"|'[^']*'))*)[\t\n\f\r ]*\??$/;

function isInstruction(node: Tree.Node): node is Tree.CommentNode {
  return 'data' in node && node.data.startsWith('?') && INSTRUCTION.test(node.data);
}

function targetOf({ data }: Tree.CommentNode): string {
  return INSTRUCTION.exec(data)?.[1] ?? '';
}

function nameOf({ data }: Tree.CommentNode): string | null {
  const match = /[\t\n\f\r ]name[\t\n\f\r ]*=[\t\n\f\r ]*(?:"([^"]*)"|'([^']*)')/.exec(data);
  return match?.[1] ?? match?.[2] ?? null;
}
