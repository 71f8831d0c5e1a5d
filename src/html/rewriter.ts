/**
 * Chunk → edits → chunk: feeds a scanner, collects the edits that a marker asks for and puts the output together.
 *
 * Every byte that no edit names leaves as it came, and the output does not depend on how the input was cut. What is
 * settled is given out at once: held are only an unfinished tag (at most `LIMITS.maxTagBytes`) and, behind a deferred
 * insertion, at most `LIMITS.maxHeldFormBytes` of input. When the scanner gives up on a page (bail out), all that is
 * held is released as it is and the rest passes through.
 *
 * The rewriter knows no markup and no session: `scan-html`, `scan-php` and `scan-xml` all serve it.
 */
import assert from 'node:assert';
import { Deferral, EditList } from './edit-list.ts';
import type { BufferSource, PageMarker } from './edits.ts';
import type { LinkRun } from './link-run.ts';
import type { Namespace, Scanner, StartTag, TagSink } from './scanner.ts';

export interface RewriterOptions {
  createScanner: (sink: TagSink) => Scanner;
  marker: PageMarker;
  /** Where output buffers come from; a fresh one each by default. */
  source?: BufferSource;
}

/** Why the rest of a page is left as it is. */
export type EarlyEnd = NonNullable<Scanner['bailedOut']> | 'BROWSERS_DIFFER';

/** Output that waits. */
type Piece = Buffer | Deferral;

const NOTHING = Buffer.alloc(0);
const FRESH: BufferSource = { take: (size) => Buffer.allocUnsafe(size) };
/** How much of a chunk is first joined to a carried tag: most tags end well before. */
const JOIN_BYTES = 512;

/** Rewrites one page. Not reusable: make one for each response. */
export class Rewriter implements TagSink {
  private readonly scanner: Scanner;
  private readonly marker: PageMarker;
  private readonly source: BufferSource;
  private readonly edits = new EditList();
  /** Bytes that the scanner has not settled: an unfinished tag. Room behind them, so that tiny chunks join cheaply. */
  private carry: Buffer = NOTHING;
  private carryLength = 0;
  /** Output behind the first deferral that waits: pieces and deferrals in order. */
  private held: Piece[] = [];
  /** How many in front of `held`, and of the segment's own deferrals, are past the limit: they stand in the order of the input. */
  private heldExpired = 0;
  private ownExpired = 0;
  /** Bytes of the whole input that are settled. */
  private settledBytes = 0;
  private isFinished = false;
  private why: Scanner['bailedOut'] = null;
  private isCutOff = false;

  constructor(options: RewriterOptions) {
    this.marker = options.marker;
    this.source = options.source ?? FRESH;
    this.scanner = options.createScanner(this);
  }

  /** Why marking of this page ended early; null while it goes on. */
  get bailedOut(): EarlyEnd | null {
    return this.why ?? (this.isCutOff ? 'BROWSERS_DIFFER' : null);
  }

  /** Input bytes taken and not yet given out. */
  get heldBytes(): number {
    const first = this.held.find((piece) => piece instanceof Deferral);
    return this.carryLength + (first === undefined ? 0 : this.settledBytes - first.inputOffset);
  }

  /** Insertions and replacements so far; while it is 0 the output is the input. */
  get editCount(): number {
    return this.edits.total;
  }

  /**
   * Take the next bytes of the page; returns what is settled by now, which may be nothing, or `chunk` itself or a part
   * of it. `chunk` is not kept. What the marker throws comes through; the rewriter is of no use after that.
   */
  write(chunk: Buffer): Buffer {
    assert(!this.isFinished, 'the page has ended');
    if (this.why !== null) return chunk;
    if (this.carryLength === 0) return this.scanInPlace(NOTHING, chunk, 0);

    let head: Buffer = NOTHING;
    let taken = 0;
    while (taken < chunk.length) {
      const before = this.carryLength;
      taken += this.append(chunk, taken, Math.max(JOIN_BYTES, before));
      const settled = this.scan(this.carry, 0, this.carryLength, false);
      const isPast = settled >= before;
      if (settled !== 0) head = this.emit(head, this.carry, 0, settled);
      if (isPast) {
        // The carried tag is done: go on where the scanner stopped, in the chunk itself.
        taken -= this.carryLength - settled;
        this.carryLength = 0;
        return this.why === null ? this.scanInPlace(head, chunk, taken) : this.bailOut(head, chunk.subarray(taken));
      }
      this.carry.copyWithin(0, settled, this.carryLength);
      this.carryLength -= settled;
    }
    return head;
  }

  /** The page ends here: returns the rest, with everything deferred settled. */
  end(): Buffer {
    assert(!this.isFinished, 'the page has ended');
    this.isFinished = true;
    if (this.why !== null) return NOTHING;
    const length = this.carryLength;
    const settled = this.scan(this.carry, 0, length, true);
    assert(settled === length, 'a scanner must settle everything at the end of the page');
    this.carryLength = 0;
    // The edits of the last bytes are still in the list, so a deferral among them can be settled by the marker.
    this.marker.end();
    const output = this.release(this.emit(NOTHING, this.carry, 0, length));
    this.edits.release();
    return output;
  }

  /** TagSink: what the scanner finds goes to the marker. Deferrals that are overdue here are too late to be settled. */
  startTag(tag: StartTag): void {
    if (this.isHolding) this.expire(this.edits.base + tag.start);
    this.marker.startTag(tag, this.edits);
  }

  /** Links settle no deferral: what is overdue may expire behind them. */
  links(run: LinkRun): void {
    this.marker.links?.(run, this.edits);
  }

  endTag(name: string, namespace: Namespace, _bytes: Buffer, start: number, _end: number): void {
    if (this.isHolding) this.expire(this.edits.base + start);
    this.marker.endTag(name, namespace);
  }

  ignoredEndTag(name: string): void {
    this.marker.ignoredEndTag?.(name);
  }

  cutOff(at?: number): void {
    if (at !== undefined && this.isHolding) this.expire(this.edits.base + at);
    this.isCutOff = true;
    this.marker.cutOff?.();
  }

  private get isHolding(): boolean {
    return this.held.length !== 0 || this.edits.deferrals.length !== 0;
  }

  private expire(inputOffset: number): void {
    this.heldExpired = expireOverdue(this.held, this.heldExpired, inputOffset);
    this.ownExpired = expireOverdue(this.edits.deferrals, this.ownExpired, inputOffset);
  }

  private scan(bytes: Buffer, from: number, to: number, isLast: boolean): number {
    this.edits.reset(this.settledBytes - from);
    this.ownExpired = 0;
    const settled = this.scanner.scan(bytes, from, to, isLast);
    assert(settled >= from && settled <= to, 'a scanner settled bytes that it was not given');
    this.why = this.scanner.bailedOut;
    return this.why === null ? settled : to;
  }

  /** Append at most `most` bytes of `chunk` from `from` on to the carry; returns how many. */
  private append(chunk: Buffer, from: number, most: number): number {
    const count = Math.min(most, chunk.length - from);
    const needed = this.carryLength + count;
    if (needed > this.carry.length) {
      const larger = Buffer.allocUnsafe(Math.max(2 * needed, 2 * JOIN_BYTES));
      this.carry.copy(larger, 0, 0, this.carryLength);
      this.carry = larger;
    }
    chunk.copy(this.carry, this.carryLength, from, from + count);
    this.carryLength = needed;
    return count;
  }

  /** Scan `chunk` from `from` on where it lies, carry what is not settled, and return the output behind `head`. */
  private scanInPlace(head: Buffer, chunk: Buffer, from: number): Buffer {
    const settled = this.scan(chunk, from, chunk.length, false);
    const output = this.emit(head, chunk, from, settled);
    if (settled !== chunk.length) this.append(chunk, settled, chunk.length - settled);
    return this.why === null ? output : this.bailOut(output, NOTHING);
  }

  /** Account for `bytes[from, settled)` and return the output that may go out now, behind `head`. */
  private emit(head: Buffer, bytes: Buffer, from: number, settled: number): Buffer {
    const { edits } = this;
    this.settledBytes += settled - from;
    if (this.isHolding) {
      // When the scanner gave up, what waits is settled by `bailOut`, whatever the chunk's length is.
      if (this.why === null) this.expire(this.settledBytes);
      if (edits.settleDeferrals() || this.held.length !== 0) {
        for (const piece of edits.split(bytes, from, settled)) this.held.push(piece);
        return this.join(head, this.drain());
      }
    }
    if (settled === from) return head;
    if (edits.isEmpty && head.length === 0) {
      // The carry is ours and is overwritten; the chunk is the caller's and can be handed back.
      if (bytes === this.carry) return Buffer.from(bytes.subarray(from, settled));
      return from === 0 && settled === bytes.length ? bytes : bytes.subarray(from, settled);
    }
    const size = head.length + edits.sizeOf(settled - from);
    const out = this.source.take(size);
    head.copy(out, 0);
    const end = edits.writeTo(out, head.length, bytes, from, settled);
    // The buffer may hold another page's bytes.
    assert(end === size, 'an edit list must write as much as it said');
    return out.length === size ? out : out.subarray(0, size);
  }

  /** What is held, up to the first deferral that still waits. */
  private drain(): Buffer[] {
    const { held } = this;
    const ready: Buffer[] = [];
    let i = 0;
    for (; i < held.length; i++) {
      // Below the length, so it is there.
      const piece = held[i]!;
      if (piece instanceof Deferral) {
        if (!piece.isSettled) break;
        if (piece.text.length === 0) continue;
        this.edits.total++;
        ready.push(piece.text);
      } else ready.push(piece);
    }
    if (i > 0) this.held = held.slice(i);
    this.heldExpired = Math.max(0, this.heldExpired - i);
    return ready;
  }

  private join(head: Buffer, pieces: readonly Buffer[]): Buffer {
    let size = head.length;
    for (const piece of pieces) size += piece.length;
    if (size === head.length) return head;
    const out = this.source.take(size);
    head.copy(out, 0);
    let at = head.length;
    for (const piece of pieces) at += piece.copy(out, at);
    return out.length === size ? out : out.subarray(0, size);
  }

  /** End the marking: tell the marker, settle what it leaves open as the limit would, and give out all that is held. */
  private bailOut(output: Buffer, rest: Buffer): Buffer {
    this.marker.cutOff?.();
    this.marker.end();
    return this.join(this.release(output), [rest]);
  }

  private release(output: Buffer): Buffer {
    for (const piece of this.held) if (piece instanceof Deferral) piece.expire();
    return this.join(output, this.drain());
  }
}

/**
 * Settle what is overdue of `pieces`, whose deferrals are in the order of the input, from `from` on; returns where that ends. Asked at
 * every tag, so it looks at none twice.
 */
function expireOverdue(pieces: readonly Piece[], from: number, inputOffset: number): number {
  let at = from;
  for (; at < pieces.length; at++) {
    const piece = pieces[at];
    if (!(piece instanceof Deferral)) continue;
    if (!piece.isOverdue(inputOffset)) break;
    piece.expire();
  }
  return at;
}
