/** Where the keys of a configuration stand in its YAML text, as editors count. Pure. */
import { type Document, isCollection, isMap, isNode, isPair, isScalar, type LineCounter, visit } from 'yaml';
import type { KeyPath, Place } from './problems.ts';

/** Where a key or its value stands; for a missing key, the nearest one above it that is there. */
export function placeOf(document: Document.Parsed, lines: LineCounter, path: KeyPath, at: 'key' | 'value'): Place {
  for (let depth = path.length; depth > 0; depth--) {
    const parent: unknown = depth === 1 ? document.contents : document.getIn(path.slice(0, depth - 1), true);
    const key = path[depth - 1];
    if (isMap(parent)) {
      const pair = parent.items.find((item) => isPair(item) && isScalar(item.key) && item.key.value === key);
      // The value of a key that was written without one has no place of its own.
      const wanted = at === 'key' && depth === path.length ? pair?.key : isNode(pair?.value) ? pair?.value : pair?.key;
      if (isNode(wanted) && wanted.range) return toPlace(lines, wanted.range[0]);
    } else if (isCollection(parent)) {
      const item: unknown = parent.get(key, true);
      if (isNode(item) && item.range) return toPlace(lines, item.range[0]);
    }
  }
  return { line: 1, column: 1 };
}

/** Where the first alias stands that leads nowhere; where all of them lead somewhere, the first. */
export function blamedAlias(document: Document.Parsed, lines: LineCounter): Place {
  let offset: number | null = null;
  visit(document, {
    Alias: (_, alias) => {
      const isLost = alias.resolve(document) === undefined;
      if (isLost || offset === null) offset = alias.range?.[0] ?? 0;
      return isLost ? visit.BREAK : undefined;
    },
  });
  return toPlace(lines, offset ?? 0);
}

/** Line and column of an offset, both counted from 1. */
export function toPlace(lines: LineCounter, offset: number): Place {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(line, 1), column: Math.max(col, 1) };
}
