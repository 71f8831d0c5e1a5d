/**
 * A compact record of the tags that went by, so that tree construction can be caught up on when it is needed.
 *
 * Most pages never need it: no raw text element within a `select`, no broken SVG. Following the tree for every tag would
 * cost as much as scanning it; writing two bytes costs a tenth. The log is bounded: when it is full, a page that has
 * needed it is caught up on, and one that has not is no longer followed.
 *
 * An entry is the number of the name with five bits of facts; rare facts are entries of their own in front of it.
 */
import type { TextKind } from './content-model.ts';
import type { TagToken } from './open-elements.ts';
import { MAX_TAG_NUMBER } from './tag-names.ts';
import type { TreeFeedback } from './tree-feedback.ts';

/** Bits of an entry below the number: what text stood before the tag, and three facts. */
export const NUMBER_SHIFT = 5;
export const TEXT_SHIFT = 3;
export const END = 4;
export const SELF_CLOSING = 2;
export const MARKED = 1;

// Entries that are no tags: numbers that no name has.
const NUL = MAX_TAG_NUMBER;
const COMMENT = MAX_TAG_NUMBER + 1;
const DOCTYPE = MAX_TAG_NUMBER + 2;
/** Followed by two entries that hold 32 bits: the name of an unknown tag, the attributes of a formatting element. */
const NAME = MAX_TAG_NUMBER + 3;
const FINGERPRINT = MAX_TAG_NUMBER + 4;
/** From so many on, a call copies entries sooner than a loop. */
const MANY = 64;
/** Entries of a tag with one. */
const WITH_FINGERPRINT = 4;

const FIRST_ENTRIES = 256;
/** 512 KiB: the tags of some 6 MB of dense markup. */
const MAX_ENTRIES = 256 * 1024;
const MAX_KEPT_ENTRIES = 16 * 1024;
/** No tag takes more entries than this, with all that stands in front of it. */
const MOST_PER_TAG = 8;

export class TagLog {
  /** Written by the scanner's hot loop, which keeps `count` and calls `grow` when `entries` might not suffice. */
  entries = new Uint16Array(FIRST_ENTRIES);
  count = 0;
  /** At or above this count `grow` must be called before the next tag. */
  highWater = FIRST_ENTRIES - MOST_PER_TAG;

  /** Whether it is worth keeping for another page. */
  get isSmall(): boolean {
    return this.entries.length <= MAX_KEPT_ENTRIES;
  }

  /** Make room for more entries; false if the log may not grow any further and has to be emptied. */
  grow(): boolean {
    if (this.entries.length >= MAX_ENTRIES) return false;
    const larger = new Uint16Array(this.entries.length * 4);
    larger.set(this.entries);
    this.entries = larger;
    this.highWater = larger.length - MOST_PER_TAG;
    return true;
  }

  /**
   * Append entries that were written elsewhere; `makeRoom` is called where the hot loop would call it, never between the
   * entries of one tag.
   */
  append(entries: Uint16Array, count: number, makeRoom: () => void): void {
    if (this.count + count < this.highWater) {
      // Below the count every entry was written.
      if (count < MANY) for (let i = 0; i < count; i++) this.entries[this.count + i] = entries[i]!;
      else this.entries.set(entries.subarray(0, count), this.count);
      this.count += count;
      return;
    }
    for (let i = 0; i < count; ) {
      const end = i + (entries[i]! >>> NUMBER_SHIFT === FINGERPRINT ? WITH_FINGERPRINT : 1);
      while (i < end) this.entries[this.count++] = entries[i++]!;
      if (this.count >= this.highWater) makeRoom();
    }
  }

  tag(number: number, key: number, facts: number, text: TextKind, fingerprint: number): void {
    if (number === 0) this.addWide(NAME, key);
    if (fingerprint !== 0) this.addWide(FINGERPRINT, fingerprint);
    this.add(number, facts | (text << TEXT_SHIFT));
  }

  nul(): void {
    this.add(NUL, 0);
  }

  comment(text: TextKind): void {
    this.add(COMMENT, text << TEXT_SHIFT);
  }

  doctype(isQuirks: boolean): void {
    this.add(DOCTYPE, isQuirks ? MARKED : 0);
  }

  private add(number: number, facts: number): void {
    this.entries[this.count++] = (number << NUMBER_SHIFT) | facts;
  }

  private addWide(number: number, value: number): void {
    this.add(number, 0);
    this.entries[this.count++] = value & 0xffff;
    this.entries[this.count++] = value >>> 16;
  }

  /** Tell `feedback` everything since the last time, and empty the log. */
  replay(feedback: TreeFeedback): void {
    const token: TagToken = { tag: 0, key: 0, isSelfClosing: false, isMarked: false, fingerprint: 0 };
    const { entries, count } = this;
    let key = 0;
    for (let i = 0; i < count; i++) {
      // Below the count every entry was written.
      const entry = entries[i]!;
      const number = entry >>> NUMBER_SHIFT;
      if (number === NAME || number === FINGERPRINT) {
        const value = (entries[i + 2]! << 16) | entries[i + 1]!;
        if (number === NAME) key = value;
        else token.fingerprint = value;
        i += 2;
        continue;
      }
      feedback.text(((entry >>> TEXT_SHIFT) & 3) as TextKind);
      if (number === NUL) feedback.nul();
      else if (number === COMMENT) feedback.comment();
      else if (number === DOCTYPE) feedback.doctype((entry & MARKED) !== 0);
      else if ((entry & END) !== 0) feedback.endTag(number, number === 0 ? key : number);
      else {
        token.tag = number;
        token.key = number === 0 ? key : number;
        token.isSelfClosing = (entry & SELF_CLOSING) !== 0;
        token.isMarked = (entry & MARKED) !== 0;
        feedback.startTag(token);
      }
      token.fingerprint = 0;
    }
    this.count = 0;
  }
}
