/**
 * The scanner's hot loop as WebAssembly: the bridge to `markup-loop.as.ts`, which has the loop itself.
 *
 * One instance with one memory serves all pages, a piece of a page at a time: nothing is kept in it between two calls of
 * a scanner. Where the runtime has no SIMD there is no such loop, and `scan-html.ts` does everything by itself, with the
 * same results.
 */
import { MARKUP_LOOP_WASM } from './markup-loop.wasm.ts';
import { REFERENCE_CLASSES } from './plain-reference.ts';
import type { NameTable } from './tag-names.ts';

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
  readonly [address: string]: unknown;
}

/** Why a run stopped: at something to look at more closely, at something that is cut, or for want of room. */
export const STOPPED_AT_STEP = 0;
export const STOPPED_AT_CUT = 1;
export const STOPPED_FULL = 2;

/** Bits of `record(i, KIND)` above the tag number. */
export const WHOLE_TAG = 0x100;
export const PLAIN_LINK = 0x200;
export const QUOTED_LINK = 0x400;

/** Words of a record. */
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
/** Beside the scanner's own reasons to heed a tag (`scan-html.ts`). */
const LINK = 8;
/** Names that the loop can compare. */
const LINK_ELEMENT = /^[a-z]{1,16}$/;
const LINK_ATTRIBUTE = /^[a-z]{1,8}$/;
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
  /** Entries of the tag log. */
  readonly entries: Uint16Array;
  readonly #records: Int32Array;
  readonly #recordWords: number;
  readonly #exports: Exports;
  readonly #memory: Buffer;
  readonly #input: number;
  readonly #pad: number;
  readonly #result: Uint32Array;
  readonly #tablesAt: number;
  readonly #tablesEnd: number;
  readonly #images = new WeakMap<NameTable, Buffer>();
  #loaded: NameTable | null = null;

  constructor(binary: Uint8Array) {
    this.#exports = new WebAssembly.Instance(new WebAssembly.Module(binary)).exports as Exports;
    const { buffer } = this.#exports.memory;
    this.#memory = Buffer.from(buffer);
    this.#input = this.#address('INPUT');
    this.#pad = this.#address('PAD');
    this.maxInput = this.#address('MAX_INPUT');
    this.#result = new Uint32Array(buffer, this.#address('RESULT'), 5);
    this.entries = new Uint16Array(buffer, this.#address('LOG'));
    this.#records = new Int32Array(buffer, this.#address('RECORDS'));
    this.#recordWords = this.#address('RECORD_WORDS');
    this.#tablesAt = this.#address('MASKS');
    this.#tablesEnd = this.#address('LOG');
  }

  /** Use the names of `names`; `heed` says which of them to stop at, as the scanner's own loop reads it. */
  use(names: NameTable, heed: Uint8Array): void {
    if (this.#loaded === names) return;
    let image = this.#images.get(names);
    if (image === undefined) {
      image = this.#imageOf(names, heed);
      this.#images.set(names, image);
    }
    image.copy(this.#memory, this.#tablesAt);
    this.#loaded = names;
  }

  /** Take over a piece of a page; returns where it ends, which is at most `maxInput` behind `from`. */
  load(bytes: Buffer, from: number, to: number): number {
    const end = Math.min(to, from + this.maxInput);
    const behind = this.#input + bytes.copy(this.#memory, this.#input, from, end);
    this.#memory.fill(0x3e, behind, behind + this.#pad);
    return end;
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

  /** A word of a record of the last run; `index` is below `recordCount`. */
  record(index: number, word: number): number {
    return this.#records[index * this.#recordWords + word]!;
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
    image.set(REFERENCE_CLASSES, at('REFERENCE'));
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
      // The other bits say what stops the loop whatever the tag holds.
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
  if (loop === undefined) {
    // False where SIMD is missing.
    loop = WebAssembly.validate(MARKUP_LOOP_WASM) ? new MarkupLoop(MARKUP_LOOP_WASM) : null;
  }
  return loop;
}
