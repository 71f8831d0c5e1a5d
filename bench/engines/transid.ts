/** Our scanner and rewriter, with the bench's marking job as the marker. */
import { BufferPool } from '../../src/html/buffer-pool.ts';
import type { Edits, PageMarker } from '../../src/html/edits.ts';
import type { LinkRun } from '../../src/html/link-run.ts';
import { Rewriter } from '../../src/html/rewriter.ts';
import { createHtmlScanner } from '../../src/html/scan-html.ts';
import type { AttributeSpan, StartTag, TagInterest } from '../../src/html/scanner.ts';
import { HIDDEN, PAIR, URL_ATTRIBUTES } from '../marking-job.ts';

const FIRST = Buffer.from(`?${PAIR}`);
const FURTHER = Buffer.from(`&${PAIR}`);
const HREF = Buffer.from('href');
const SRC = Buffer.from('src');
const FIELD = Buffer.from(HIDDEN);

/** The start tags that the product looks at on an ordinary route. */
export const INTEREST: TagInterest = {
  startTags: new Set(['a', 'area', 'form', 'input', 'button', 'iframe', 'frame', 'base', 'meta', 'link']),
  endTags: new Set(['form']),
  links: new Map(Object.entries(URL_ATTRIBUTES).map(([name, attribute]) => [name, { attribute, others: [] }])),
};

export class Marker implements PageMarker {
  startTag(tag: StartTag, edits: Edits): void {
    const { name } = tag;
    if (name === 'form') edits.insert(tag.end, FIELD);
    else if (name === 'a' || name === 'area') this.mark(tag, edits, HREF);
    else if (name === 'frame' || name === 'iframe') this.mark(tag, edits, SRC);
  }

  links(run: LinkRun, edits: Edits): void {
    for (; run.hasLink; run.next()) {
      const { valueStart, fragment } = run;
      if (!run.isPlain || fragment === valueStart) markValue(run.bytes, valueStart, run.valueEnd, edits);
      else edits.insert(fragment, run.query < 0 ? FIRST : FURTHER);
    }
  }

  endTag(): void {}

  end(): void {}

  private mark(tag: StartTag, edits: Edits, name: Buffer): void {
    const { bytes } = tag;
    for (let i = 0; i < tag.attributeCount; i++) {
      const span = tag.attributes[i]!;
      if (!isNamed(bytes, span, name)) continue;
      markValue(bytes, span.valueStart, span.valueEnd, edits);
      return;
    }
  }
}

function isNamed(bytes: Buffer, span: AttributeSpan, name: Buffer): boolean {
  if (span.nameEnd - span.nameStart !== name.length) return false;
  for (let i = 0; i < name.length; i++) {
    if ((bytes[span.nameStart + i]! | 0x20) !== name[i]) return false;
  }
  return true;
}

/** `markAt` of the marking job, on bytes and in one go. */
function markValue(bytes: Buffer, from: number, to: number, edits: Edits): void {
  if (from === to || bytes[from] === 0x23) return;
  let i = from;
  if (bytes[from] === 0x2f || bytes[from] === 0x5c) {
    if (to - from > 1 && (bytes[from + 1] === 0x2f || bytes[from + 1] === 0x5c)) return;
  } else {
    for (; i < to; i++) {
      const c = bytes[i];
      if (c === 0x3a) return;
      if (c === 0x2f || c === 0x3f || c === 0x23) break;
    }
  }
  let text = FIRST;
  for (; i < to; i++) {
    const c = bytes[i];
    if (c === 0x3f) text = FURTHER;
    else if (c === 0x23 && bytes[i - 1] !== 0x26) break;
  }
  edits.insert(i, text);
}

/** The product lends its rewriters a pool, and gives buffers back when they are written. */
export class PooledOutput {
  readonly pool = new BufferPool();
  private last: Buffer[] = [];

  of(rewriter: Rewriter, chunks: readonly Buffer[]): Buffer[] {
    for (const buffer of this.last) this.pool.giveBack(buffer);
    this.last = chunks.map((chunk) => rewriter.write(chunk));
    this.last.push(rewriter.end());
    return this.last;
  }
}

/** With the loop in WebAssembly, as in the product, or in TypeScript. */
export function createRewrite(engine: 'webassembly' | 'typescript'): (chunks: readonly Buffer[]) => Buffer[] {
  const output = new PooledOutput();
  return (chunks) => {
    const rewriter = new Rewriter({
      createScanner: (sink) => createHtmlScanner(INTEREST, sink, { engine }),
      marker: new Marker(),
      source: output.pool,
    });
    return output.of(rewriter, chunks);
  };
}

/** Feed a page in pieces of so many bytes, and drop each output at once, as a proxy does that has written it. */
export function stream(page: Buffer, chunkBytes: number): void {
  const pool = new BufferPool();
  const rewriter = new Rewriter({
    createScanner: (sink) => createHtmlScanner(INTEREST, sink),
    marker: new Marker(),
    source: pool,
  });
  for (let i = 0; i < page.length; i += chunkBytes) pool.giveBack(rewriter.write(page.subarray(i, i + chunkBytes)));
  pool.giveBack(rewriter.end());
}
