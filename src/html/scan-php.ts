/**
 * The scanner of PHP 8.2's output rewriting, to the byte [PHP 2]: a state machine that knows no HTML.
 *
 * It sees tags in comments and scripts, loses tags at bytes that browsers take, and goes on where browsers stop. What it
 * makes of a page is PHP's view; whether a browser agrees is asked in `scan-php-witnessed.ts`. PHP works on a whole page
 * at once; here a run that could go on behind the last byte at hand waits for more, so that chunks never matter.
 */
import { LIMITS } from '../limits.ts';
import type { AttributeSpan, Scanner, StartTag, TagSink } from './scanner.ts';

/** Lower-case tag name → lower-case attribute; '' for PHP's `form=`. One attribute per tag [PHP 5.3]. */
export type PhpTagList = ReadonlyMap<string, string>;

/** An occurrence of an attribute with a value that PHP acts on. Its name span is empty if a cut parted it from the value. */
export interface PhpAttribute extends AttributeSpan {
  /** The listed attribute of the tag: PHP rewrites the value. */
  isListed: boolean;
  /** A prefix of `action` in a form: PHP takes the value for the form's target [PHP 7.5]. */
  isAction: boolean;
}

/** A listed tag as PHP sees it: only the attributes that PHP acts on are in it. */
export interface PhpStartTag extends StartTag {
  attributes: PhpAttribute[];
  /** False if the machine lost the tag [PHP 2.8] or the page ended in it; `end` is then where that happened. */
  isClosed: boolean;
}

export interface PhpTagSink extends TagSink {
  startTag(tag: PhpStartTag): void;
}

/** Where the machine stands between two chunks of PHP's, that is, behind an `ob_flush()` of the page [PHP 8.2]. */
export interface PhpScannerState {
  readonly step: number;
  readonly name: string;
  readonly isListed: boolean;
  readonly isAction: boolean;
}

export interface PhpScannerOptions {
  /** Bytes of one tag that are held; default `LIMITS.maxTagBytes`. */
  readonly maxTagBytes?: number;
  /** Go on where a machine stood at the end of its chunk. */
  readonly resume?: PhpScannerState;
}

// The states of [PHP 2.1].
const PLAIN = 0;
const TAG = 1;
const NEXT = 2;
const ARG = 3;
const BEFORE = 4;
const VAL = 5;
/** A part of BEFORE: behind the `=`. */
const BEHIND = 6;

const SPACE = 0x20;
const QUOTE = 0x22;
const APOSTROPHE = 0x27;
const SLASH = 0x2f;
const LESS = 0x3c;
const EQUALS = 0x3d;
const GREATER = 0x3e;

// What a byte can be part of. (Where this file says `!`, the index is a byte, or an offset below the end of the bytes.)
const IS_LETTER = 1;
const IS_TAG_NAME = 2;
const IS_ATTRIBUTE_NAME = 4;
const IS_WHITE = 8;
const IS_UNQUOTED = 16;

const CLASS = new Uint8Array(256);
for (let byte = 0; byte < 256; byte++) {
  const character = String.fromCharCode(byte);
  if (/[A-Za-z]/.test(character)) CLASS[byte] = IS_LETTER | IS_TAG_NAME | IS_ATTRIBUTE_NAME;
  if (character === ':') CLASS[byte]! |= IS_TAG_NAME;
  if (character === '-') CLASS[byte]! |= IS_ATTRIBUTE_NAME;
  // Vertical tab is white here and form feed is not: the opposite of HTML [PHP 2.10].
  if (' \t\n\r\v'.includes(character)) CLASS[byte]! |= IS_WHITE;
  if (!' \t\r\n>"\''.includes(character)) CLASS[byte]! |= IS_UNQUOTED;
}

/** Not 0 for all bytes but `<`: what can stand behind a `<` that begins no tag of the list, and is one byte of text. */
const FIRST_LETTERS = new Uint8Array(256).fill(1);
FIRST_LETTERS[LESS] = 0;

const ACTION = Buffer.from('action');

export class PhpScanner implements Scanner {
  bailedOut: 'TAG_TOO_LONG' | null = null;
  readonly #names: readonly { readonly name: string; readonly bytes: Buffer; readonly attribute: Buffer }[];
  readonly #longestName: number;
  /** Not 0 for the first letters of listed names, in both cases. */
  readonly #firsts = new Uint8Array(256);
  readonly #isBounded: boolean;
  readonly #sink: PhpTagSink;
  readonly #maxTagBytes: number;
  readonly #tag: PhpStartTag;
  #attribute: Buffer = Buffer.alloc(0);
  #isForm = false;
  #step = PLAIN;
  /** The attribute whose value may come next. */
  #isListed = false;
  #isAction = false;
  #nameStart = 0;
  #nameEnd = 0;
  /** Where the token in progress begins, and how far it is known to go on; meant for a tag that begins at `#tag.start`. */
  #token = 0;
  #seen = 0;
  /** The last chunk ended in a tag: what comes next belongs to it. */
  #isCut = false;

  constructor(tags: PhpTagList, sink: PhpTagSink, options: PhpScannerOptions = {}) {
    this.#names = [...tags].map(([name, attribute]) => ({
      name,
      bytes: Buffer.from(name, 'latin1'),
      attribute: Buffer.from(attribute, 'latin1'),
    }));
    this.#sink = sink;
    this.#maxTagBytes = options.maxTagBytes ?? LIMITS.maxTagBytes;
    for (const { bytes } of this.#names) {
      const first = bytes[0] ?? 0;
      this.#firsts[first] = 1;
      if (CLASS[first]! & IS_LETTER) this.#firsts[first ^ 0x20] = 1;
    }
    this.#isBounded = Number.isFinite(this.#maxTagBytes);
    // Without a bound names are held to their end, as in PHP: where a cut falls within one, that shows.
    const longest = Math.max(0, ...this.#names.map(({ bytes }) => bytes.length));
    this.#longestName = this.#isBounded ? longest : this.#maxTagBytes;
    this.#tag = {
      name: '',
      namespace: 'html',
      bytes: Buffer.alloc(0),
      start: 0,
      end: 0,
      isSelfClosing: false,
      isClosed: false,
      attributeCount: 0,
      attributes: [],
    };
    if (options.resume !== undefined) this.#resume(options.resume);
  }

  /** Where the machine stands. Meant for the moment behind a `scan` with `isLast`: the end of a chunk of PHP's. */
  get state(): PhpScannerState {
    return { step: this.#step, name: this.#tag.name, isListed: this.#isListed, isAction: this.#isAction };
  }

  #resume(state: PhpScannerState): void {
    this.#step = state.step;
    this.#isListed = state.isListed;
    this.#isAction = state.isAction;
    this.#setName(this.#names.find(({ name }) => name === state.name));
    this.#isCut = state.step !== PLAIN;
  }

  #setName(known: { readonly name: string; readonly attribute: Buffer } | undefined): void {
    if (known === undefined) return;
    this.#tag.name = known.name;
    this.#attribute = known.attribute;
    this.#isForm = known.name === 'form';
  }

  scan(bytes: Buffer, from: number, to: number, isLast: boolean): number {
    if (this.bailedOut !== null) return to;
    const tag = this.#tag;
    tag.bytes = bytes;
    if (this.#isCut) {
      this.#begin(from);
      this.#token = from;
      this.#seen = from;
      this.#isCut = false;
    } else if (this.#step !== PLAIN) this.#move(from - tag.start);

    let step = this.#step;
    let at = step === PLAIN ? from : this.#token;
    let seen = this.#seen;
    machine: for (;;) {
      switch (step) {
        case PLAIN: {
          // Four at a time: half of the loop's own cost.
          const last = to - 3;
          while (at < last) {
            if (bytes[at] === LESS) break;
            if (bytes[at + 1] === LESS) {
              at += 1;
              break;
            }
            if (bytes[at + 2] === LESS) {
              at += 2;
              break;
            }
            if (bytes[at + 3] === LESS) {
              at += 3;
              break;
            }
            at += 4;
          }
          while (at < to && bytes[at] !== LESS) at++;
          if (at === to) {
            this.#step = PLAIN;
            return to;
          }
          // Most tags are none of the list: their first letter tells. Their names are text for the machine then.
          if (
            at + 1 < to &&
            this.#isBounded &&
            FIRST_LETTERS[bytes[at + 1]!]! !== 0 &&
            this.#firsts[bytes[at + 1]!] === 0
          ) {
            at += 2;
            break;
          }
          this.#begin(at);
          step = TAG;
          seen = ++at;
          break;
        }
        case TAG: {
          while (seen < to && CLASS[bytes[seen]!]! & IS_TAG_NAME) seen++;
          // A name longer than every listed one is none of them, whatever follows.
          if (seen - at > this.#longestName) step = PLAIN;
          else if (seen === to) break machine;
          else if (seen === at) step = PLAIN;
          else step = this.#lookUp(bytes, at, seen) ? NEXT : PLAIN;
          at = step === PLAIN && seen === at ? at + 1 : seen;
          break;
        }
        case NEXT: {
          while (at < to && CLASS[bytes[at]!]! & IS_WHITE) at++;
          seen = at;
          if (to - at < 2) break machine;
          if (at + 1 - this.#tag.start > this.#maxTagBytes) return this.#giveUp();
          const byte = bytes[at]!;
          if (CLASS[byte]! & IS_LETTER) {
            step = ARG;
            break;
          }
          step = PLAIN;
          if (byte === GREATER) at += 1;
          else if (byte === SLASH && bytes[at + 1] === GREATER) at += 2;
          else {
            at += 1;
            this.#report(at, false);
            break;
          }
          this.#report(at, true);
          break;
        }
        case ARG: {
          while (seen < to && CLASS[bytes[seen]!]! & (seen === at ? IS_LETTER : IS_ATTRIBUTE_NAME)) seen++;
          if (seen === to) break machine;
          if (seen === at) {
            // No letter: only behind a cut.
            seen = ++at;
            step = NEXT;
            break;
          }
          this.#judgeName(bytes, at, seen);
          at = seen;
          step = BEFORE;
          break;
        }
        case BEFORE: {
          if (to - at < 2) break machine;
          while (seen < to && bytes[seen] === SPACE) seen++;
          if (seen === to) break machine;
          if (bytes[seen] === EQUALS) {
            seen++;
            step = BEHIND;
          } else step = NEXT;
          break;
        }
        case BEHIND: {
          while (seen < to && bytes[seen] === SPACE) seen++;
          if (seen === to) break machine;
          at = seen;
          step = VAL;
          break;
        }
        default: {
          if (to - at < 2) break machine;
          const byte = bytes[at]!;
          if (byte === QUOTE || byte === APOSTROPHE) {
            seen = Math.max(seen, at + 1);
            while (seen < to && bytes[seen] !== byte && bytes[seen] !== GREATER) seen++;
            if (seen === to) break machine;
            if (seen - this.#tag.start > this.#maxTagBytes) return this.#giveUp();
            // A `>` comes first: the quote stands alone [PHP 2.7].
            if (bytes[seen] === GREATER) at += 1;
            else {
              this.#value(at + 1, seen, byte);
              at = seen + 1;
            }
          } else if (CLASS[byte]! & IS_UNQUOTED) {
            while (seen < to && CLASS[bytes[seen]!]! & IS_UNQUOTED) seen++;
            if (seen === to) break machine;
            this.#value(at, seen, 0);
            at = seen;
          } else at += 1;
          seen = at;
          step = NEXT;
        }
      }
    }
    this.#step = step;
    this.#token = at;
    this.#seen = seen;
    return this.#wait(to, isLast);
  }

  /** The bytes at hand do not settle the token in progress. */
  #wait(to: number, isLast: boolean): number {
    if (isLast) {
      if (this.#step > TAG) this.#report(to, false);
      if (this.#step === BEHIND) this.#step = BEFORE;
      this.#isCut = true;
      return to;
    }
    return to - this.#tag.start <= this.#maxTagBytes ? this.#tag.start : this.#giveUp();
  }

  /**
   * The tag is not settled by the bytes within the limit. They need not be held for that: a tag that came in one chunk
   * ends the marking as well, so that chunks never matter. Nothing from its beginning on is settled.
   */
  #giveUp(): number {
    this.bailedOut = 'TAG_TOO_LONG';
    return this.#tag.start;
  }

  #begin(start: number): void {
    this.#tag.start = start;
    this.#tag.attributeCount = 0;
    this.#nameStart = start;
    this.#nameEnd = start;
  }

  /** The held bytes stand at another offset now. */
  #move(distance: number): void {
    if (distance === 0) return;
    const tag = this.#tag;
    tag.start += distance;
    this.#token += distance;
    this.#seen += distance;
    this.#nameStart += distance;
    this.#nameEnd += distance;
    for (let index = 0; index < tag.attributeCount; index++) {
      const attribute = tag.attributes[index]!;
      attribute.nameStart += distance;
      attribute.nameEnd += distance;
      attribute.valueStart += distance;
      attribute.valueEnd += distance;
    }
  }

  #lookUp(bytes: Buffer, start: number, end: number): boolean {
    for (const known of this.#names) {
      if (known.bytes.length !== end - start || !beginsWith(known.bytes, bytes, start, end)) continue;
      this.#setName(known);
      return true;
    }
    return false;
  }

  #judgeName(bytes: Buffer, start: number, end: number): void {
    this.#isListed = this.#attribute.length === end - start && beginsWith(this.#attribute, bytes, start, end);
    this.#isAction = this.#isForm && beginsWith(ACTION, bytes, start, end);
    this.#nameStart = start;
    this.#nameEnd = end;
  }

  #value(start: number, end: number, quote: number): void {
    if (!this.#isListed && !this.#isAction) return;
    const tag = this.#tag;
    const attribute = tag.attributes[tag.attributeCount] ?? newPhpAttribute();
    tag.attributes[tag.attributeCount++] = attribute;
    attribute.nameStart = this.#nameStart;
    attribute.nameEnd = this.#nameEnd;
    attribute.valueStart = start;
    attribute.valueEnd = end;
    attribute.quote = quote;
    attribute.isListed = this.#isListed;
    attribute.isAction = this.#isAction;
  }

  #report(end: number, isClosed: boolean): void {
    const tag = this.#tag;
    tag.end = end;
    tag.isClosed = isClosed;
    tag.isSelfClosing = isClosed && tag.bytes[end - 2] === SLASH;
    this.#sink.startTag(tag);
  }
}

/** One for use again and again. */
export function newPhpAttribute(): PhpAttribute {
  return {
    nameStart: 0,
    nameEnd: 0,
    valueStart: 0,
    valueEnd: 0,
    quote: 0,
    hasValue: true,
    isListed: false,
    isAction: false,
  };
}

/** Is `bytes[start, end)`, in any ASCII case, a beginning of the lower-case `word`? */
function beginsWith(word: Buffer, bytes: Buffer, start: number, end: number): boolean {
  if (end - start > word.length) return false;
  for (let at = start; at < end; at++) {
    const byte = bytes[at]!;
    const lower = byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
    if (lower !== word[at - start]) return false;
  }
  return true;
}
