/**
 * Tags as our scanner reports them, in the form that the oracle uses: values with their character references resolved.
 */
import { decodeHTMLAttribute } from 'entities';
import type { LinkRun } from '../../src/html/link-run.ts';
import { scanPlainReference } from '../../src/html/plain-reference.ts';
import type { AttributeSpan, Scanner, StartTag, TagInterest, TagSink } from '../../src/html/scanner.ts';
import type { FoundTag } from './parse5-oracle.ts';

export interface ScanResult {
  tags: FoundTag[];
  /** The most bytes that the scanner ever held back. */
  maxHeldBytes: number;
  /** What was told of links alone, and is not so. */
  faults: string[];
}

/**
 * Feed `page` to a scanner, cut at `cuts` (ascending offsets), as the rewriter would: what is not settled is presented
 * again with more behind it.
 */
export function scanTags(
  page: Buffer,
  cuts: readonly number[],
  createScanner: (sink: TagSink) => Scanner,
  interest: TagInterest = { startTags: new Set(), endTags: new Set() },
): ScanResult {
  const tags: FoundTag[] = [];
  const faults: string[] = [];
  let base = 0;
  let link: LinkFacts | null = null;
  const scanner = createScanner({
    startTag: (tag) => {
      tags.push(describe(tag, base));
      if (link !== null) faults.push(...faultsOf(link, tag, interest));
      link = null;
    },
    // Each link is asked for as a whole tag as well, and must be that tag.
    links: (run) => {
      if (run.hasLink) link = factsOf(run);
    },
    endTag(name, namespace, _bytes, start, end) {
      const found = { start: base + start, end: base + end, isSelfClosing: false, attributes: [] };
      tags.push({ kind: 'end', name, namespace, ...found });
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
  return { tags, maxHeldBytes, faults };
}

/** What a run says of the link at its cursor. */
function factsOf(run: LinkRun) {
  const { name, start, valueStart, valueEnd, isQuoted, isPlain, query, fragment, pathHash, watchedParameter } = run;
  return { name, start, valueStart, valueEnd, isQuoted, isPlain, query, fragment, pathHash, watchedParameter };
}

type LinkFacts = ReturnType<typeof factsOf>;

function faultsOf(link: LinkFacts, tag: StartTag, interest: TagInterest): string[] {
  const { attribute, others } = interest.links?.get(tag.name) ?? { attribute: '', others: [] };
  const named = (name: string) =>
    tag.attributes
      .slice(0, tag.attributeCount)
      .find(({ nameStart, nameEnd }) => text(tag.bytes, nameStart, nameEnd).toLowerCase() === name);
  const span = named(attribute);
  const found = { query: -1, fragment: 0 };
  const isPlain =
    span !== undefined &&
    scanPlainReference(tag.bytes, span.valueStart, span.valueEnd, link.watchedParameter, false, found);
  const want = {
    name: tag.name,
    start: tag.start,
    valueStart: span?.valueStart,
    valueEnd: span?.valueEnd,
    isQuoted: span?.quote !== 0,
    isPlain,
    ...(isPlain && { query: found.query, fragment: found.fragment }),
    ...(isPlain && { pathHash: hashSeen(tag, span, found, link.pathHash) }),
  };
  const faults = Object.entries(want).filter(([key, value]) => link[key as keyof LinkFacts] !== value);
  const hidden = others.filter((other) => named(other) !== undefined);
  return [
    ...faults.map(([key, value]) => `link at ${tag.start}: ${key} is ${link[key as keyof LinkFacts]}, not ${value}`),
    ...hidden.map((other) => `link at ${tag.start}: hides ${other}`),
  ];
}

/** The hash that this path had before, in whatever page. */
function hashSeen(tag: StartTag, span: AttributeSpan, found: { query: number; fragment: number }, hash: number) {
  const path = text(tag.bytes, span.valueStart, found.query < 0 ? found.fragment : found.query);
  const known = hashes.get(path) ?? hash;
  hashes.set(path, known);
  return known;
}

const hashes = new Map<string, number>();

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
