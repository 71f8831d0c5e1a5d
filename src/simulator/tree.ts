/** The tree that parse5 makes of a document, and how to get about in it. */
import type { DefaultTreeAdapterTypes as Tree } from 'parse5';

export type { Tree };
export type Element = Tree.Element;
export type TreeNode = Tree.Node;

export const HTML_NAMESPACE = 'http://www.w3.org/1999/xhtml';

/** The attribute's value, or null; names in lower case, as the parser stores them (foreign attributes without prefix). */
export function attribute(element: Element, name: string): string | null {
  let linked: string | null = null;
  for (const each of element.attrs) {
    if (each.name !== name) continue;
    if (each.prefix === undefined || each.prefix === '') return each.value;
    // SVG 2 §16.1.4: of `href` and `xlink:href` the former counts.
    if (each.prefix === 'xlink') linked ??= each.value;
  }
  return linked;
}

export function isHtml<T extends string>(node: TreeNode, tagName: T): node is Element & { tagName: T } {
  return 'tagName' in node && node.tagName === tagName && node.namespaceURI === HTML_NAMESPACE;
}

export function isElement(node: TreeNode): node is Element {
  return 'tagName' in node;
}

/** Tree order without recursion: a page may nest deeper than the stack. A shadow stands in front of its host's children. */
export function* descend(root: TreeNode, shadows?: ReadonlyMap<TreeNode, TreeNode>): Generator<TreeNode> {
  const open: TreeNode[] = [root];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (node !== root) yield node;
    if (!('childNodes' in node)) continue;
    pushReversed(open, node.childNodes);
    const shadow = shadows?.get(node);
    if (shadow !== undefined) open.push(shadow);
  }
}

/** So that the first is popped first. One by one: a call takes only so many arguments. */
export function pushReversed(open: TreeNode[], nodes: readonly TreeNode[]): void {
  for (let index = nodes.length - 1; index >= 0; index--) open.push(nodes[index]!);
}
