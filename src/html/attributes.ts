/**
 * The inside of a tag: where it ends, and where its attributes stand (HTML §13.2.5.32 to §13.2.5.40).
 *
 * Three ways for three needs: `AttributeReader.skip` only finds the end, as fast as it can; `AttributeReader.read` notes
 * every attribute; `TagEndFinder` goes byte by byte and can stop anywhere, for tags that are cut between chunks. All agree
 * on where a tag ends and whether it closes itself.
 */
import type { AttributeSpan } from './scanner.ts';

const EQUALS = 0x3d;
const GREATER = 0x3e;
const SLASH = 0x2f;
const DOUBLE_QUOTE = 0x22;
const SINGLE_QUOTE = 0x27;

// Tables for the loops below. Not the exported names: a binding that is exported is looked up at every use.
const SPACES = new Uint8Array(256);
for (const byte of [0x09, 0x0a, 0x0c, 0x0d, 0x20]) SPACES[byte] = 1;
const NAME_ENDS = new Uint8Array(256);
for (const byte of [0x09, 0x0a, 0x0c, 0x0d, 0x20, SLASH, GREATER]) NAME_ENDS[byte] = 1;

/** 1 for the white space of HTML: TAB, LF, FF, CR, space. */
export const IS_SPACE = SPACES;
/** 1 for what ends a tag name or begins something new in a tag: white space, `/`, `>`. */
export const ENDS_NAME = NAME_ENDS;

/** Below this many bytes a loop finds a byte sooner than a call into the runtime does. */
const HOP = 48;

/** Whether the last thing before `at`, white space aside, is an attribute name. */
function isBehindName(bytes: Buffer, floor: number, at: number): boolean {
  let q = at - 1;
  while (q >= floor && SPACES[bytes[q]!] === 1) q--;
  return q >= floor && bytes[q] !== SLASH;
}

/** Offset of the first `wanted` in `bytes[from, to)`, or `to`. `bytes` must end at `to`. */
export function findByte(bytes: Buffer, wanted: number, from: number, to: number): number {
  const near = Math.min(from + HOP, to);
  let q = from;
  for (const last = near - 4; q < last; q += 4) {
    if (bytes[q] === wanted) return q;
    if (bytes[q + 1] === wanted) return q + 1;
    if (bytes[q + 2] === wanted) return q + 2;
    if (bytes[q + 3] === wanted) return q + 3;
  }
  for (; q < near; q++) if (bytes[q] === wanted) return q;
  if (q >= to) return to;
  q = bytes.indexOf(wanted, q);
  return q < 0 ? to : q;
}

/** Notes the attributes of one tag at a time; the spans are used again for the next. */
export class AttributeReader {
  spans: AttributeSpan[] = [];
  count = 0;
  isSelfClosing = false;

  /** Whether it is worth keeping for another page. */
  get isSmall(): boolean {
    return this.spans.length <= 256;
  }

  constructor() {
    for (let i = 0; i < 16; i++) this.spans.push(emptySpan());
  }

  /**
   * Offset just behind the `>` of the tag, or -1 if it does not end before `to`. `from` is just behind the tag name.
   *
   * Written out, without helpers, because it runs for most tags: it goes from '=' to '=', past each value.
   */
  skip(bytes: Buffer, from: number, to: number): number {
    let q = from;
    /** No attribute name reaches below this. */
    let floor = from;
    for (;;) {
      // Bytes below `to` are there, so what is read is a number throughout.
      let byte = 0;
      for (const last = to - 4; ; ) {
        if (q >= last) {
          while (q < to && (bytes[q]! - EQUALS) >>> 0 > 1) q++;
          if (q >= to) return -1;
          byte = bytes[q]!;
          break;
        }
        byte = bytes[q]!;
        if ((byte - EQUALS) >>> 0 < 2) break;
        byte = bytes[++q]!;
        if ((byte - EQUALS) >>> 0 < 2) break;
        byte = bytes[++q]!;
        if ((byte - EQUALS) >>> 0 < 2) break;
        byte = bytes[++q]!;
        if ((byte - EQUALS) >>> 0 < 2) break;
        q++;
      }
      if (byte === GREATER) {
        this.isSelfClosing = q > floor && bytes[q - 1] === SLASH;
        return q + 1;
      }
      if ((NAME_ENDS[bytes[q - 1]!] === 1 || q === floor) && !isBehindName(bytes, floor, q)) {
        // A '=' where a name is due is the name's first byte.
        q++;
        continue;
      }
      q++;
      while (q < to && SPACES[bytes[q]!] === 1) q++;
      if (q >= to) return -1;
      byte = bytes[q]!;
      if (byte === DOUBLE_QUOTE || byte === SINGLE_QUOTE) {
        q++;
        const near = Math.min(q + HOP, to) - 4;
        for (;;) {
          if (q >= near) {
            q = findByte(bytes, byte, q, to);
            break;
          }
          if (bytes[q] === byte) break;
          if (bytes[++q] === byte) break;
          if (bytes[++q] === byte) break;
          if (bytes[++q] === byte) break;
          q++;
        }
        if (q >= to) return -1;
        q++;
      } else {
        while (q < to && bytes[q] !== GREATER && SPACES[bytes[q]!] === 0) q++;
      }
      floor = q;
    }
  }

  /** Like `skip`, with every attribute in `spans`. */
  read(bytes: Buffer, from: number, to: number): number {
    let q = from;
    let floor = from;
    let count = 0;
    for (;;) {
      // As above: offsets below `to` hold numbers.
      let byte = 0;
      for (;;) {
        if (q >= to) return -1;
        byte = bytes[q]!;
        if (NAME_ENDS[byte] === 0 || byte === GREATER) break;
        q++;
      }
      if (byte === GREATER) {
        this.count = count;
        this.isSelfClosing = q > floor && bytes[q - 1] === SLASH;
        return q + 1;
      }
      if (count === this.spans.length) this.spans.push(emptySpan());
      const span = this.spans[count]!;
      span.nameStart = q++;
      while (q < to && bytes[q] !== EQUALS && NAME_ENDS[bytes[q]!] === 0) q++;
      span.nameEnd = q;
      while (q < to && SPACES[bytes[q]!] === 1) q++;
      if (q >= to) return -1;
      count++;
      if (bytes[q] !== EQUALS) {
        span.hasValue = false;
        span.quote = 0;
        span.valueStart = span.nameEnd;
        span.valueEnd = span.nameEnd;
        continue;
      }
      q++;
      while (q < to && SPACES[bytes[q]!] === 1) q++;
      if (q >= to) return -1;
      byte = bytes[q]!;
      span.hasValue = true;
      if (byte === DOUBLE_QUOTE || byte === SINGLE_QUOTE) {
        span.quote = byte;
        span.valueStart = q + 1;
        q = findByte(bytes, byte, q + 1, to);
        if (q >= to) return -1;
        span.valueEnd = q++;
      } else {
        span.quote = 0;
        span.valueStart = q;
        while (q < to && bytes[q] !== GREATER && SPACES[bytes[q]!] === 0) q++;
        span.valueEnd = q;
      }
      floor = q;
    }
  }

  /** The first attribute of this name, in lower case; null if there is none. The first one counts in HTML. */
  find(bytes: Buffer, name: string): AttributeSpan | null {
    for (let i = 0; i < this.count; i++) {
      const span = this.spans[i]!;
      if (span.nameEnd - span.nameStart !== name.length) continue;
      if (equalsIgnoringCase(bytes, span.nameStart, name)) return span;
    }
    return null;
  }

  hasValue(bytes: Buffer, name: string, value: string): boolean {
    const span = this.find(bytes, name);
    if (span === null || span.valueEnd - span.valueStart !== value.length) return false;
    return equalsIgnoringCase(bytes, span.valueStart, value);
  }
}

function emptySpan(): AttributeSpan {
  return { nameStart: 0, nameEnd: 0, valueStart: 0, valueEnd: 0, quote: 0, hasValue: false };
}

/** Whether `bytes` from `at` on spell `text`, which is in lower case, in any case of ASCII letters. */
export function equalsIgnoringCase(bytes: Buffer, at: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const byte = bytes[at + i];
    if (byte === undefined) return false;
    const lower = byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
    if (lower !== text.charCodeAt(i)) return false;
  }
  return true;
}

// States of the standard's tokenizer, with its names.
const TAG_NAME = 0;
const BEFORE_ATTRIBUTE_NAME = 1;
const ATTRIBUTE_NAME = 2;
const AFTER_ATTRIBUTE_NAME = 3;
const BEFORE_ATTRIBUTE_VALUE = 4;
const DOUBLE_QUOTED = 5;
const SINGLE_QUOTED = 6;
const UNQUOTED = 7;
const SELF_CLOSING_START_TAG = 8;

/** Finds the end of a tag that arrives in pieces; each byte is looked at once. */
export class TagEndFinder {
  private state = TAG_NAME;
  isSelfClosing = false;

  /** Begin with the first byte of the tag's name. */
  start(): void {
    this.state = TAG_NAME;
  }

  get isInName(): boolean {
    return this.state === TAG_NAME;
  }

  /** Offset just behind the `>`, or -1 if it is not in `bytes[from, to)`; then go on with the bytes behind. */
  find(bytes: Buffer, from: number, to: number): number {
    let { state } = this;
    for (let q = from; q < to; q++) {
      const byte = bytes[q]!;
      if (state === DOUBLE_QUOTED || state === SINGLE_QUOTED) {
        q = findByte(bytes, state === DOUBLE_QUOTED ? DOUBLE_QUOTE : SINGLE_QUOTE, q, to);
        if (q < to) state = BEFORE_ATTRIBUTE_NAME;
      } else if (byte === GREATER) {
        this.isSelfClosing = state === SELF_CLOSING_START_TAG;
        return q + 1;
      } else {
        state = nextState(state, byte);
      }
    }
    this.state = state;
    return -1;
  }
}

/** The state behind `byte`, which is not `>`, outside of quotes. */
function nextState(state: number, byte: number): number {
  const isSpace = SPACES[byte] === 1;
  if (state === UNQUOTED) return isSpace ? BEFORE_ATTRIBUTE_NAME : UNQUOTED;
  if (state === BEFORE_ATTRIBUTE_VALUE) {
    if (isSpace) return BEFORE_ATTRIBUTE_VALUE;
    if (byte === DOUBLE_QUOTE) return DOUBLE_QUOTED;
    return byte === SINGLE_QUOTE ? SINGLE_QUOTED : UNQUOTED;
  }
  if (byte === SLASH) return SELF_CLOSING_START_TAG;
  if (state === TAG_NAME) return isSpace ? BEFORE_ATTRIBUTE_NAME : TAG_NAME;
  if (state === ATTRIBUTE_NAME || state === AFTER_ATTRIBUTE_NAME) {
    if (isSpace) return AFTER_ATTRIBUTE_NAME;
    return byte === EQUALS ? BEFORE_ATTRIBUTE_VALUE : ATTRIBUTE_NAME;
  }
  return isSpace ? BEFORE_ATTRIBUTE_NAME : ATTRIBUTE_NAME;
}
