/**
 * The second opinion on tags: parse5's parser, asked for every tag that its tokenizer finds while its tree builder steers
 * it.
 *
 * Pages are given as latin1 strings, so offsets are byte offsets.
 */
import { type DefaultTreeAdapterMap, defaultTreeAdapter, html, InsertionMode, Parser, type Token } from 'parse5';

export interface FoundTag {
  kind: 'start' | 'end';
  name: string;
  /** Where the tree builder put the element, or had the one that the tag closes; null where it ignored the tag. */
  namespace: 'html' | 'svg' | 'math' | null;
  /** Offset of `<` and just behind `>`. */
  start: number;
  end: number;
  isSelfClosing: boolean;
  /** An end tag within a select, which keeps most of them from having an effect. */
  isInSelect?: boolean;
  /** In order; of repeated names only the first. Character references in values are resolved. */
  attributes: { name: string; value: string }[];
}

const NAMESPACES = new Map<string, FoundTag['namespace']>([
  [html.NS.HTML, 'html'],
  [html.NS.SVG, 'svg'],
  [html.NS.MATHML, 'math'],
]);

const SELECT_MODES: ReadonlySet<InsertionMode> = new Set([InsertionMode.IN_SELECT, InsertionMode.IN_SELECT_IN_TABLE]);

/** Every start and end tag of `page`, in order. */
export function findTags(page: string, scriptingEnabled: boolean): FoundTag[] {
  const found: FoundTag[] = [];
  let lastEnd: Token.TagToken | null = null;
  let current: { attrs: Token.Attribute[]; tag: FoundTag } | null = null;
  const treeAdapter: typeof defaultTreeAdapter = {
    ...defaultTreeAdapter,
    createElement(tagName, namespace, attrs) {
      // A token's element gets the token's own list of attributes; formatting elements made again get another's.
      if (current !== null && attrs === current.attrs) current.tag.namespace = NAMESPACES.get(namespace) ?? null;
      return defaultTreeAdapter.createElement(tagName, namespace, attrs);
    },
  };

  class Witness extends Parser<DefaultTreeAdapterMap> {
    override onStartTag(token: Token.TagToken): void {
      const tag = note('start', token);
      current = { attrs: token.attrs, tag };
      super.onStartTag(token);
      current = null;
    }

    override onEndTag(token: Token.TagToken): void {
      // The tree builder calls this again when it processes a token once more in another mode.
      const tag = token === lastEnd ? null : note('end', token);
      lastEnd = token;
      if (tag !== null) tag.isInSelect = SELECT_MODES.has(this.insertionMode);
      const open = this.openElements.items.slice(0, this.openElements.stackTop + 1);
      super.onEndTag(token);
      const closed = open[this.openElements.stackTop + 1] as DefaultTreeAdapterMap['element'] | undefined;
      // The token's own name may have become that of SVG, with its capitals.
      if (tag === null || closed?.tagName.toLowerCase() !== tag.name) return;
      tag.namespace = NAMESPACES.get(closed.namespaceURI) ?? null;
    }
  }

  function note(kind: FoundTag['kind'], token: Token.TagToken): FoundTag {
    const { location } = token;
    if (!location) throw new Error('parse5 was asked for locations');
    const tag: FoundTag = {
      kind,
      name: token.tagName,
      namespace: null,
      start: location.startOffset,
      end: location.endOffset,
      isSelfClosing: token.selfClosing,
      attributes: token.attrs.map(({ name, value }) => ({ name, value })),
    };
    found.push(tag);
    return tag;
  }

  const witness = new Witness({ sourceCodeLocationInfo: true, scriptingEnabled, treeAdapter });
  allowCdataInIntegrationPoints(witness);
  witness.tokenizer.write(page, true);
  return found;
}

/**
 * parse5 takes CDATA sections directly within an integration point for comments; the standard asks for the current element's namespace
 * alone (HTML §13.2.5.42), and so do browsers.
 */
function allowCdataInIntegrationPoints(parser: Parser<DefaultTreeAdapterMap>): void {
  // Private to TypeScript only; a test of `desc` fails if it goes by another name.
  const inner = parser as unknown as {
    readonly currentNotInHTML: boolean;
    readonly tokenizer: { inForeignNode: boolean; _stateMarkupDeclarationOpen(codePoint: number): void };
  };
  const { tokenizer } = inner;
  const open = tokenizer._stateMarkupDeclarationOpen;
  tokenizer._stateMarkupDeclarationOpen = (codePoint) => {
    const { inForeignNode } = tokenizer;
    tokenizer.inForeignNode = inner.currentNotInHTML;
    open.call(tokenizer, codePoint);
    tokenizer.inForeignNode = inForeignNode;
  };
}
