/**
 * The rewriter's hot loops as WebAssembly: the bridge to `markup-loop.as.ts`, which has the loops themselves.
 *
 * One instance with one memory serves all pages, a piece of a page at a time: what was loaded counts from one scan to the
 * splice behind it, and no longer. Where the runtime has no SIMD, no WebAssembly at all, or no 10 GB of addresses for it, as
 * under a limit of a process's address space, there is none: `scan-html.ts` and `edit-list.ts` do everything by
 * themselves, with the same results.
 */
import { CONTEXT, FORMATTING, LINK } from './heed.ts';
import { MARKUP_LOOP_WASM } from './markup-loop.wasm.ts';
import { type NameTable, TAG } from './tag-names.ts';

/** What is used of the runtime's; the types of Node have no more of it. */
declare const WebAssembly: {
  readonly Module: new (binary: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
  validate(binary: Uint8Array): boolean;
};

/** What the module exports: addresses of its tables and results, and the loop. */
interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  run(from: number, to: number, text: number, first: number): void;
  splice(from: number, to: number, count: number, base: number): number;
  readonly [address: string]: unknown;
}

/** Why a run stopped: at something to look at more closely, or for want of room. Any other reason: at something that is cut. */
const STOPPED_AT_STEP = 0;
export const STOPPED_FULL = 2;

/** Bits of a record's kind above the tag number. */
export const WHOLE_TAG = 0x100;
export const PLAIN_LINK = 0x200;
export const QUOTED_LINK = 0x400;

/** Words of a record, and how many it has. */
export const RECORD_WORDS = 8;
export const KIND = 0;
export const TAG_START = 1;
export const VALUE_START = 2;
export const VALUE_END = 3;
export const QUERY = 4;
export const FRAGMENT = 5;
export const PATH_HASH = 6;

const ENDS_NAME = 1;
const IS_LETTER = 2;
const IS_SPACE = 4;
/** Names that the loop can compare. */
const LINK_ELEMENT = /^[a-z]{1,16}$/;
const LINK_ATTRIBUTE = /^[a-z]{0,8}$/;
const OTHER_ATTRIBUTE_CHARS = 31;

export class MarkupLoop {
  /** Results of the last run: where it stopped, and what stood there since the last tag. Offsets into the input. */
  next = 0;
  text = 0;
  entryCount = 0;
  recordCount = 0;
  why = STOPPED_AT_STEP;
  /** A scanner is at work with it; whoever else wants it meanwhile, as a page within a page, has to do without. */
  isLent = false;
  readonly maxInput: number;
  /** Entries for the tag log, and records of links and tags of interest: of the last run. */
  readonly entries: Uint16Array;
  readonly records: Int32Array;
  readonly #exports: Exports;
  readonly #memory: Buffer;
  readonly #input: number;
  readonly #pad: number;
  readonly #result: Uint32Array;
  readonly #tablesAt: number;
  readonly #tablesEnd: number;
  readonly #edits: Int32Array;
  readonly #maxEdits: number;
  readonly #texts: Uint32Array;
  readonly #maxTexts: number;
  readonly #textBytes: number;
  readonly #maxTextBytes: number;
  readonly #output: number;
  readonly #maxOutput: number;
  readonly #images = new WeakMap<NameTable, Buffer>();
  #names: NameTable | null = null;
  /** What lies in the input, and where in the page's bytes it begins and ends; null: nothing that can be relied upon. */
  #bytes: Buffer | null = null;
  #base = 0;
  #end = 0;

  constructor(binary: Uint8Array) {
    this.#exports = new WebAssembly.Instance(new WebAssembly.Module(binary)).exports as Exports;
    const { buffer } = this.#exports.memory;
    this.#memory = Buffer.from(buffer);
    this.#input = this.#address('INPUT');
    this.#pad = this.#address('PAD');
    this.maxInput = this.#address('MAX_INPUT');
    this.#result = new Uint32Array(buffer, this.#address('RESULT'), 5);
    this.entries = new Uint16Array(buffer, this.#address('LOG'));
    this.records = new Int32Array(buffer, this.#address('RECORDS'));
    this.#edits = new Int32Array(buffer, this.#address('EDITS'));
    this.#maxEdits = this.#address('MAX_EDITS');
    this.#texts = new Uint32Array(buffer, this.#address('TEXTS'));
    this.#maxTexts = this.#address('MAX_TEXTS');
    this.#textBytes = this.#address('TEXT_BYTES');
    this.#maxTextBytes = this.#address('MAX_TEXT_BYTES');
    this.#output = this.#address('OUTPUT');
    this.#maxOutput = this.#address('MAX_OUTPUT');
    this.#tablesAt = this.#address('MASKS');
    this.#tablesEnd = this.#address('LOG');
  }

  /** Use the names of `names`; `heed` says which of them to stop at, as the scanner's own loop reads it. */
  use(names: NameTable, heed: Uint8Array): void {
    if (this.#names === names) return;
    let image = this.#images.get(names);
    if (image === undefined) {
      image = this.#imageOf(names, heed);
      this.#images.set(names, image);
    }
    image.copy(this.#memory, this.#tablesAt);
    this.#names = names;
  }

  /** Take over a piece of a page: at most `maxInput` bytes of it. */
  load(bytes: Buffer, from: number, to: number): void {
    const end = Math.min(to, from + this.maxInput);
    const behind = this.#input + bytes.copy(this.#memory, this.#input, from, end);
    this.#memory.fill(0x3e, behind, behind + this.#pad);
    this.#bytes = bytes;
    this.#base = from;
    this.#end = end;
  }

  /** Is the byte at `from` in the input already? Then it need not be loaded again. */
  holds(bytes: Buffer, from: number): boolean {
    return this.#bytes === bytes && from >= this.#base && from < this.#end;
  }

  /** Where in the page's bytes the input begins and ends. */
  get base(): number {
    return this.#base;
  }

  get end(): number {
    return this.#end;
  }

  /** What was loaded may not be in the page's bytes any more. */
  forget(): void {
    this.#bytes = null;
  }

  /** Scan the input between two offsets. `first`: the byte with which no parameter of a plain link may begin, 0 for none. */
  run(from: number, to: number, text: number, first: number): void {
    this.#exports.run(from, to, text, first);
    const result = this.#result;
    // The view has five words.
    this.next = result[0]!;
    this.text = result[1]!;
    this.entryCount = result[2]!;
    this.recordCount = result[3]!;
    this.why = result[4]!;
  }

  /**
   * Write `bytes[from, to)` with `count` edits within it to `target` from `at` on; returns the offset behind, or -1 if that is
   * too much for the memory here. `edits` holds start, end and number of the text of each, in their order.
   */
  splice(
    target: Buffer,
    at: number,
    bytes: Buffer,
    from: number,
    to: number,
    size: number,
    edits: Int32Array,
    count: number,
    texts: readonly Buffer[],
  ): number {
    const isTooMuch = to - from > this.maxInput || size > this.#maxOutput || count > this.#maxEdits;
    if (this.isLent || isTooMuch || !this.#loadTexts(texts)) return -1;
    if (this.#bytes !== bytes || from < this.#base || to > this.#end) this.load(bytes, from, to);
    this.#edits.set(edits.subarray(0, 3 * count));
    const length = this.#exports.splice(from - this.#base, to - this.#base, count, this.#base);
    // The caller writes other bytes into the same buffer, and not every scanner says so.
    this.forget();
    return at + this.#memory.copy(target, at, this.#output, this.#output + length);
  }

  #loadTexts(texts: readonly Buffer[]): boolean {
    if (texts.length > this.#maxTexts) return false;
    let at = this.#textBytes;
    for (let i = 0; i < texts.length; i++) {
      // Below the length.
      const text = texts[i]!;
      if (at + text.length > this.#textBytes + this.#maxTextBytes) return false;
      this.#texts[2 * i] = at;
      this.#texts[2 * i + 1] = text.length;
      at += text.copy(this.#memory, at);
    }
    return true;
  }

  #address(name: string): number {
    // The module's addresses are globals of its own making.
    return (this.#exports[name] as { readonly value: number }).value;
  }

  /** The tables of a name table, as they lie in memory. */
  #imageOf(names: NameTable, heed: Uint8Array): Buffer {
    const image = Buffer.alloc(this.#tablesEnd - this.#tablesAt);
    const at = (name: string) => this.#address(name) - this.#tablesAt;
    image.fill(0xff, at('MASKS'), at('MASKS') + 16);
    for (let byte = 0x61; byte <= 0x7a; byte++) {
      image[at('BYTES') + byte] = IS_LETTER;
      image[at('BYTES') + byte - 0x20] = IS_LETTER;
    }
    for (const byte of [0x09, 0x0a, 0x0c, 0x0d, 0x20]) image[at('BYTES') + byte] = ENDS_NAME | IS_SPACE;
    for (const byte of [0x2f, 0x3e]) image[at('BYTES') + byte] = ENDS_NAME;
    image.set(new Uint8Array(names.hashes.buffer), at('HASHES'));
    image.set(names.numbers, at('NUMBERS'));
    image.set(heed, at('HEED'));
    for (let number = 1; number < names.names.length; number++) {
      // Below the length.
      const name = names.names[number]!;
      if (name.length <= 16) image.write(name, at('NAMES') + number * 16, 'latin1');
    }
    for (const [element, { attribute, others }] of names.links) {
      const number = names.names.indexOf(element);
      const lengths = others.map((other) => other.length);
      const isComparable = LINK_ELEMENT.test(element) && LINK_ATTRIBUTE.test(attribute);
      if (!isComparable || lengths.some((length) => length > OTHER_ATTRIBUTE_CHARS)) continue;
      // What changes the context, as a frame with its raw text, stops the loop whatever the tag holds.
      const isPlain = (heed[number]! & (number === TAG.a ? CONTEXT : CONTEXT | FORMATTING)) === 0;
      if (!isPlain) continue;
      image[at('HEED') + number]! |= LINK;
      image.write(attribute, at('LINK_NAMES') + number * 8, 'latin1');
      image[at('LINK_LENGTHS') + number] = attribute.length;
      const bits = lengths.reduce((sum, length) => sum | (1 << length), 0);
      image.writeInt32LE(bits, at('OTHER_LENGTHS') + number * 4);
    }
    return image;
  }
}

let loop: MarkupLoop | null | undefined;

/** The loop of this process; null where the runtime cannot have it. */
export function markupLoop(): MarkupLoop | null {
  if (loop === undefined) loop = makeLoop();
  return loop;
}

function makeLoop(): MarkupLoop | null {
  try {
    // Not valid where SIMD is missing.
    return WebAssembly.validate(MARKUP_LOOP_WASM) ? new MarkupLoop(MARKUP_LOOP_WASM) : null;
  } catch {
    return null;
  }
}
