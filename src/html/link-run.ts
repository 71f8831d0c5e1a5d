/**
 * Links that the loop in WebAssembly came by, one behind the other: a cursor over its records, so that a page's hundreds of plain
 * links cost no object and no call each.
 *
 * The offsets of a record become those of the page's bytes here. What a record does not say is read from the tag itself.
 */
import {
  FRAGMENT,
  KIND,
  PATH_HASH,
  PLAIN_LINK,
  QUERY,
  QUOTED_LINK,
  RECORD_WORDS,
  TAG_START,
  VALUE_END,
  VALUE_START,
  WHOLE_TAG,
} from './markup-loop.ts';

const NO_BYTES = Buffer.alloc(0);
const NO_RECORDS = new Int32Array(0);
const NUMBER_BITS = 0xff;

/** Start tags of HTML. At the cursor stands a link as long as `hasLink` says so. All offsets are into `bytes`. */
export class LinkRun {
  bytes: Buffer = NO_BYTES;
  /** With this byte no parameter of a plain link's query begins; 0: nobody looked. */
  watchedParameter = 0;
  private records: Int32Array = NO_RECORDS;
  private names: readonly string[] = [];
  private base = 0;
  private at = 0;
  private end = 0;

  /** Begin with the first of `count` records, whose offsets count from `base`. `names`: of the elements, by number. */
  open(records: Int32Array, count: number, base: number, bytes: Buffer, names: readonly string[]): void {
    this.records = records;
    this.names = names;
    this.base = base;
    this.bytes = bytes;
    this.at = 0;
    this.end = count * RECORD_WORDS;
  }

  /** Nothing of the page is left here. */
  clear(): void {
    this.bytes = NO_BYTES;
    this.end = 0;
  }

  get isOver(): boolean {
    return this.at >= this.end;
  }

  /**
   * Does a tag stand here of which only its link can matter, as none of the element's other attributes of interest is there
   * (`TagInterest.links`)? False at the end of the run, and at a tag that has to be read as a whole.
   */
  get hasLink(): boolean {
    return this.at < this.end && (this.word(KIND) & WHOLE_TAG) === 0;
  }

  next(): void {
    this.at += RECORD_WORDS;
  }

  /** Of the element's name. */
  get number(): number {
    return this.word(KIND) & NUMBER_BITS;
  }

  get name(): string {
    // The number is one of the table's.
    return this.names[this.number]!;
  }

  /** Offset of `<`. */
  get start(): number {
    return this.base + this.word(TAG_START);
  }

  /** The value without its quotes. */
  get valueStart(): number {
    return this.base + this.word(VALUE_START);
  }

  get valueEnd(): number {
    return this.base + this.word(VALUE_END);
  }

  get isQuoted(): boolean {
    return (this.word(KIND) & QUOTED_LINK) !== 0;
  }

  /** The value is a plain reference (`plain-reference.ts`); what follows says something only then. */
  get isPlain(): boolean {
    return (this.word(KIND) & PLAIN_LINK) !== 0;
  }

  /** Of the first `?`, -1 if there is none. */
  get query(): number {
    const query = this.word(QUERY);
    return query < 0 ? -1 : this.base + query;
  }

  /** Of the first `#`, else of the value's end. */
  get fragment(): number {
    return this.base + this.word(FRAGMENT);
  }

  /** Of the path: equal for equal ones, and for few others. */
  get pathHash(): number {
    return this.word(PATH_HASH);
  }

  private word(which: number): number {
    // Below the count every word was written.
    return this.records[this.at + which]!;
  }
}
