/**
 * The edits of one scanned segment, and how input and edits become output.
 *
 * The list is filled in ascending order by a marker, written out once and reused: a page without edits costs nothing
 * here, and an edit costs three stores. Unedited runs between edits are short (a few dozen bytes), so they are copied by
 * a plain loop, in WebAssembly where there are many; a call into the runtime costs more than such a run.
 */
import { LIMITS } from '../limits.ts';
import type { DeferredInsert, Edits } from './edits.ts';
import { markupLoop } from './markup-loop.ts';

const NOTHING = Buffer.alloc(0);
/** Runs up to this many bytes are copied by a loop. Measured: above, `Buffer#copy` is cheaper. */
const SHORT_RUN = 256;

/** A place in the output whose text comes later. */
export class Deferral implements DeferredInsert {
  /** Offset in the whole input, bytes. */
  readonly inputOffset: number;
  private isDone = false;
  private value: Buffer = NOTHING;
  private readonly atLimit: Buffer;

  constructor(inputOffset: number, atLimit: Buffer = NOTHING) {
    this.inputOffset = inputOffset;
    this.atLimit = atLimit;
  }

  settle(text: Buffer | null): void {
    if (this.isDone) return;
    this.isDone = true;
    if (text !== null) this.value = text;
  }

  /** The limit came first. */
  expire(): void {
    this.settle(this.atLimit);
  }

  get isSettled(): boolean {
    return this.isDone;
  }

  /** What was settled; empty for nothing. */
  get text(): Buffer {
    return this.value;
  }

  /** Whether the input at `inputOffset` lies too far behind this place for it to wait any longer. */
  isOverdue(inputOffset: number): boolean {
    return inputOffset - this.inputOffset >= LIMITS.maxHeldFormBytes;
  }
}

/** With fewer edits than this, making a view of each text, or going to WebAssembly, costs more than it saves. */
const MANY_EDITS = 40;

/** Words of an edit: start, end, number of its text. */
const WORDS = 3;
const FIRST_WORDS = WORDS * 64;
const NO_WORDS = new Int32Array(0);
/** Arrays left by finished pages: making one costs more than filling it. */
const idleWords: Int32Array[] = [];
const MAX_IDLE_WORDS = 16;
const MAX_KEPT_WORDS = WORDS * 8192;

interface TextView {
  readonly text: Buffer;
  readonly words: DataView;
}

function viewOf(text: Buffer): TextView {
  return { text, words: new DataView(text.buffer, text.byteOffset, text.length) };
}

const NO_VIEW = viewOf(NOTHING);
/** A page has its pair behind `?` and behind `&`, and its hidden field. */
const RECENT_TEXTS = 4;
/** When a page has had so many, the list of them begins anew with the next segment. */
const MAX_TEXTS = 200;

export class EditList implements Edits {
  /** Number of insertions and replacements so far, over all segments. */
  total = 0;
  /** Offset in the whole input of byte 0 of the current segment's buffer; deferrals are dated by it. */
  base = 0;
  /** Deferrals of this segment, in order; most pages have none. */
  readonly deferrals: Deferral[] = [];
  private readonly deferredAt: number[] = [];
  private count = 0;
  private growth = 0;
  private lastEnd = 0;
  private words = idleWords.pop() ?? new Int32Array(FIRST_WORDS);
  /** By number; a page has few, which come again and again. */
  private readonly texts: Buffer[] = [NOTHING];
  /** Texts inserted last, the latest first. */
  private readonly recent: TextView[] = [NO_VIEW];

  get isEmpty(): boolean {
    return this.count === 0;
  }

  insert(at: number, text: Buffer): void {
    this.add(at, at, text);
    this.total++;
  }

  replace(start: number, end: number, text: Buffer): void {
    if (end < start) throw new RangeError('a replaced range ends before it starts');
    this.add(start, end, text);
    this.total++;
  }

  defer(at: number, atLimit?: Buffer): DeferredInsert {
    const deferral = new Deferral(this.base + at, atLimit);
    this.deferredAt.push(this.count);
    this.deferrals.push(deferral);
    this.add(at, at, NOTHING);
    return deferral;
  }

  private add(start: number, end: number, text: Buffer): void {
    const at = this.count * WORDS;
    // Not by `assert`: for every edit that call would cost more than the edit.
    if (start < this.lastEnd) throw new RangeError('edits must be made in ascending order');
    if (at === this.words.length) this.grow();
    this.words[at] = start;
    this.words[at + 1] = end;
    this.words[at + 2] = this.numberOf(text);
    this.growth += text.length - (end - start);
    this.lastEnd = end;
    this.count++;
  }

  private numberOf(text: Buffer): number {
    if (text === NOTHING) return 0;
    const { texts } = this;
    const last = texts.length - 1;
    for (let i = last; i >= 0 && i > last - RECENT_TEXTS; i--) if (texts[i] === text) return i;
    texts.push(text);
    return last + 1;
  }

  private grow(): void {
    const larger = new Int32Array(this.words.length * 4);
    larger.set(this.words);
    this.words = larger;
  }

  /** Leave what can be used for another page; the list is of no use afterwards. */
  release(): void {
    if (idleWords.length < MAX_IDLE_WORDS && this.words.length <= MAX_KEPT_WORDS) idleWords.push(this.words);
    this.words = NO_WORDS;
  }

  /** Make ready for the next segment, whose byte 0 is at `base` of the whole input. */
  reset(base: number): void {
    this.base = base;
    this.count = 0;
    this.growth = 0;
    this.lastEnd = 0;
    if (this.texts.length > MAX_TEXTS) this.texts.length = 1;
    if (this.deferrals.length !== 0) {
      this.deferrals.length = 0;
      this.deferredAt.length = 0;
    }
  }

  /** True if a deferral of this segment still waits. Those that do not have become ordinary insertions. */
  settleDeferrals(): boolean {
    let isWaiting = false;
    for (let i = 0; i < this.deferrals.length; i++) {
      // Both arrays are as long as each other: `defer` fills them together.
      const deferral = this.deferrals[i]!;
      const at = this.deferredAt[i]!;
      if (!deferral.isSettled) isWaiting = true;
      else if (this.words[at * WORDS + 2] === 0 && deferral.text.length !== 0) {
        this.words[at * WORDS + 2] = this.numberOf(deferral.text);
        this.growth += deferral.text.length;
        this.total++;
      }
    }
    return isWaiting;
  }

  /** Bytes that the output of `length` input bytes takes. */
  sizeOf(length: number): number {
    return length + this.growth;
  }

  /** Write `bytes[from, to)` with all edits to `out` from `at` on; returns the offset behind. */
  writeTo(out: Buffer, at: number, bytes: Buffer, from: number, to: number): number {
    const loop = this.count < MANY_EDITS ? null : markupLoop();
    const size = this.sizeOf(to - from);
    const end = loop?.splice(out, at, bytes, from, to, size, this.words, this.count, this.texts) ?? -1;
    return end >= 0 ? end : this.writeRange(out, at, bytes, from, to, 0, this.count);
  }

  /**
   * Cut `bytes[from, to)` with its edits into pieces at the deferrals that wait: text, deferral, text, deferral, text.
   * The pieces are copies, for they outlive the caller's buffer.
   */
  split(bytes: Buffer, from: number, to: number): (Buffer | Deferral)[] {
    const pieces: (Buffer | Deferral)[] = [];
    let edit = 0;
    let start = from;
    for (let i = 0; i < this.deferrals.length; i++) {
      const deferral = this.deferrals[i]!;
      if (deferral.isSettled) continue;
      const at = this.deferredAt[i]!;
      const place = this.words[at * WORDS]!;
      pieces.push(this.piece(bytes, start, place, edit, at), deferral);
      start = place;
      edit = at + 1;
    }
    pieces.push(this.piece(bytes, start, to, edit, this.count));
    return pieces;
  }

  private piece(bytes: Buffer, from: number, to: number, firstEdit: number, endEdit: number): Buffer {
    let size = to - from;
    for (let i = firstEdit * WORDS; i < endEdit * WORDS; i += WORDS) {
      size += this.texts[this.words[i + 2]!]!.length - (this.words[i + 1]! - this.words[i]!);
    }
    const out = Buffer.allocUnsafe(size);
    this.writeRange(out, 0, bytes, from, to, firstEdit, endEdit);
    return out;
  }

  private writeRange(
    out: Buffer,
    at: number,
    bytes: Buffer,
    from: number,
    to: number,
    firstEdit: number,
    endEdit: number,
  ): number {
    const { words: edits, texts } = this;
    const target = new DataView(out.buffer, out.byteOffset, out.length);
    const source = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    /** Up to here words can be read and written two by two: they may reach seven bytes further than the run. */
    const lastSource = bytes.length - 8;
    const lastTarget = out.length - 8;
    let o = at;
    let last = from;
    const { recent } = this;
    const isWorthViews = endEdit - firstEdit >= MANY_EDITS;
    for (let i = firstEdit * WORDS; i < endEdit * WORDS; i += WORDS) {
      const start = edits[i]!;
      const run = start - last;
      if (run > SHORT_RUN || start > lastSource || o + run > lastTarget) bytes.copy(out, o, last, start);
      else {
        for (let j = 0; j < run; j += 8) {
          target.setInt32(o + j, source.getInt32(last + j, true), true);
          target.setInt32(o + j + 4, source.getInt32(last + j + 4, true), true);
        }
      }
      o += run;
      last = edits[i + 1]!;
      const text = texts[edits[i + 2]!]!;
      const { length } = text;
      if (length > SHORT_RUN || length < 4 || o + length > lastTarget) text.copy(out, o);
      else if (!isWorthViews) for (let j = 0; j < length; j++) out[o + j] = text[j]!;
      else {
        // The same few texts come again and again.
        let view = recent[0]!;
        if (view.text !== text) view = this.viewOf(text);
        const { words } = view;
        for (let j = 0; j < length - 4; j += 4) target.setInt32(o + j, words.getInt32(j, true), true);
        target.setInt32(o + length - 4, words.getInt32(length - 4, true), true);
      }
      o += length;
    }
    bytes.copy(out, o, last, to);
    return o + to - last;
  }

  private viewOf(text: Buffer): TextView {
    const { recent } = this;
    let i = recent.findIndex((view) => view.text === text);
    if (i < 0) i = recent.length < RECENT_TEXTS ? recent.push(viewOf(text)) - 1 : recent.length - 1;
    // In the list by now; to the front, where it is looked for.
    let view = recent[i]!;
    if (view.text !== text) view = viewOf(text);
    for (; i > 0; i--) recent[i] = recent[i - 1]!;
    recent[0] = view;
    return view;
  }
}
