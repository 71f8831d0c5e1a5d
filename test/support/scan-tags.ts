/**
 * Tags as our scanner reports them, in the form that the oracle uses: values with their character references resolved.
 */
import { decodeHTMLAttribute } from 'entities';
import type { AttributeSpan, Scanner, StartTag, TagSink } from '../../src/html/scanner.ts';
import type { FoundTag } from './parse5-oracle.ts';

export interface ScanResult {
  tags: FoundTag[];
  /** The most bytes that the scanner ever held back. */
  maxHeldBytes: number;
}

/**
 * Feed `page` to a scanner, cut at `cuts` (ascending offsets), as the rewriter would: what is not settled is presented
 * again with more behind it.
 */
export function scanTags(page: Buffer, cuts: readonly number[], createScanner: (sink: TagSink) => Scanner): ScanResult {
  const tags: FoundTag[] = [];
  let base = 0;
  const scanner = createScanner({
    startTag: (tag) => void tags.push(describe(tag, base)),
    endTag(name, _bytes, start, end) {
      const found = { start: base + start, end: base + end, isSelfClosing: false, attributes: [], namespace: null };
      tags.push({ kind: 'end', name, ...found });
    },
  });
  let settled = 0;
  let maxHeldBytes = 0;
  for (const cut of [...cuts, page.length]) {
    // A buffer of its own at another offset each time: nothing may be read before, behind, or from an earlier call.
    const margin = cut % 3;
    const piece = Buffer.concat([Buffer.alloc(margin, '<'), page.subarray(settled, cut), Buffer.alloc(margin, '>')]);
    base = settled - margin;
    settled += scanner.scan(piece, margin, piece.length - margin, false) - margin;
    maxHeldBytes = Math.max(maxHeldBytes, cut - settled);
  }
  const rest = page.subarray(settled);
  base = settled;
  scanner.scan(rest, 0, rest.length, true);
  return { tags, maxHeldBytes };
}

function describe(tag: StartTag, base: number): FoundTag {
  const attributes: FoundTag['attributes'] = [];
  for (const span of tag.attributes.slice(0, tag.attributeCount)) {
    const name = text(tag.bytes, span.nameStart, span.nameEnd).replace(/[A-Z]/g, (letter) => letter.toLowerCase());
    if (attributes.some((attribute) => attribute.name === name)) continue;
    attributes.push({ name, value: valueAt(tag.bytes, span) });
  }
  return {
    kind: 'start',
    name: tag.name,
    namespace: tag.namespace,
    start: base + tag.start,
    end: base + tag.end,
    isSelfClosing: tag.isSelfClosing,
    attributes,
  };
}

function valueAt(bytes: Buffer, span: AttributeSpan): string {
  return decodeHTMLAttribute(text(bytes, span.valueStart, span.valueEnd));
}

/** As the tokenizer's input and its replacement of NUL would have it. */
function text(bytes: Buffer, start: number, end: number): string {
  return bytes.toString('latin1', start, end).replace(/\r\n?/g, '\n').replaceAll('\0', '\ufffd');
}
