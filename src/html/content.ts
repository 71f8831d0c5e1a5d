/**
 * What is no markup: raw text, scripts, comments, CDATA sections (HTML §13.2.5.1 to .5, .15 to .31, .43 to .55, .69 ff.).
 *
 * Each finder is fed piece by piece, looks at each byte once and keeps its place in a few fields, so such content is
 * settled as it comes. Only raw text holds bytes back: `</name`, at most some ten of them.
 *
 * All buffers must end at `to`.
 */
import { ENDS_NAME, equalsIgnoringCase, findByte, IS_SPACE } from './attributes.ts';

const LESS = 0x3c;
const GREATER = 0x3e;
const SLASH = 0x2f;
const BANG = 0x21;
const DASH = 0x2d;
const BRACKET = 0x5d;

// Whether a name stands at a place: no, yes, or the bytes end before it is clear.
const NO = 0;
const YES = 1;
const CUT = 2;

/** Whether `name` and a byte that ends it stand in `bytes[at, to)`. */
function nameAt(bytes: Buffer, at: number, to: number, name: string): typeof NO | typeof YES | typeof CUT {
  const end = at + name.length;
  if (end >= to) return equalsIgnoringCase(bytes, at, name.slice(0, Math.max(to - at, 0))) ? CUT : NO;
  return equalsIgnoringCase(bytes, at, name) && ENDS_NAME[bytes[end]!] === 1 ? YES : NO;
}

/** Finds the end tag of a raw text element. */
export class RawTextEnd {
  private name = '';
  private isScript = false;
  /** Script data: 0 plain, 1 escaped (behind `<!--`), 2 double escaped (behind `<script` in that). */
  private escape = 0;
  private dashes = 0;
  /** Whether the last `find` came to the end tag. */
  isFound = false;

  start(name: string): void {
    this.name = name;
    this.isScript = name === 'script';
    this.escape = 0;
    this.dashes = 0;
  }

  /** Offset of the end tag's `<` if it is found, else the offset up to which all is settled. */
  find(bytes: Buffer, from: number, to: number): number {
    this.isFound = false;
    let q = from;
    while (q < to) {
      if (this.escape === 0) {
        q = findByte(bytes, LESS, q, to);
        if (q >= to) return to;
      } else if (bytes[q] !== LESS) {
        q = this.skipEscaped(bytes, q, to);
        continue;
      }
      const next = this.afterLess(bytes, q, to);
      if (next < 0 || this.isFound) return q;
      q = next;
    }
    return to;
  }

  /** In an escaped script: go to the next `<`, or behind the `-->` that ends the escape. */
  private skipEscaped(bytes: Buffer, from: number, to: number): number {
    let { dashes } = this;
    let q = from;
    for (; q < to; q++) {
      const byte = bytes[q];
      if (byte === DASH) dashes++;
      else if (byte === LESS) break;
      else if (byte === GREATER && dashes >= 2) {
        this.escape = 0;
        this.dashes = 0;
        return q + 1;
      } else dashes = 0;
    }
    this.dashes = dashes;
    return q;
  }

  /** What the `<` at `at` begins: returns where to go on, or -1 if the bytes end before that is clear. */
  private afterLess(bytes: Buffer, at: number, to: number): number {
    this.dashes = 0;
    if (at + 1 >= to) return -1;
    const byte = bytes[at + 1];
    if (byte === SLASH) {
      const found = nameAt(bytes, at + 2, to, this.name);
      if (found === CUT) return -1;
      if (found === NO) return at + 2;
      if (this.escape !== 2) {
        this.isFound = true;
        return at;
      }
      this.escape = 1;
      return at + 2 + this.name.length;
    }
    if (!this.isScript) return at + 1;
    if (this.escape === 0) return byte === BANG ? this.afterBang(bytes, at, to) : at + 1;
    if (this.escape === 2) return at + 1;
    const found = nameAt(bytes, at + 1, to, this.name);
    if (found === CUT) return -1;
    if (found === NO) return at + 1;
    this.escape = 2;
    return at + 1 + this.name.length;
  }

  /** Whether `<!` at `at` goes on as `<!--`, which escapes the script. */
  private afterBang(bytes: Buffer, at: number, to: number): number {
    if (at + 2 >= to) return -1;
    if (bytes[at + 2] !== DASH) return at + 2;
    if (at + 3 >= to) return -1;
    if (bytes[at + 3] !== DASH) return at + 3;
    this.escape = 1;
    this.dashes = 2;
    return at + 4;
  }
}

// States of the standard's tokenizer, with its names.
const COMMENT_START = 0;
const COMMENT_START_DASH = 1;
const COMMENT = 2;
const COMMENT_END_DASH = 3;
const COMMENT_END = 4;
const COMMENT_END_BANG = 5;

/** Finds the end of a comment, from behind its `<!--` on. */
export class CommentEnd {
  private state = COMMENT_START;

  start(): void {
    this.state = COMMENT_START;
  }

  /** Offset just behind the comment, or -1 if it does not end in `bytes[from, to)`. */
  find(bytes: Buffer, from: number, to: number): number {
    let { state } = this;
    for (let q = from; q < to; q++) {
      if (state === COMMENT) {
        q = findByte(bytes, DASH, q, to);
        if (q >= to) break;
        state = COMMENT_END_DASH;
        continue;
      }
      const byte = bytes[q];
      if (byte === GREATER && state !== COMMENT_END_DASH) return q + 1;
      state = nextCommentState(state, byte);
    }
    this.state = state;
    return -1;
  }
}

function nextCommentState(state: number, byte: number | undefined): number {
  if (byte === DASH) {
    if (state === COMMENT_START) return COMMENT_START_DASH;
    return state === COMMENT_END_BANG ? COMMENT_END_DASH : COMMENT_END;
  }
  return byte === BANG && state === COMMENT_END ? COMMENT_END_BANG : COMMENT;
}

/** Finds the end of a CDATA section, from behind its `<![CDATA[` on, and tells what text it holds. */
export class CdataEnd {
  private brackets = 0;
  hasText = false;
  hasSpace = false;

  start(): void {
    this.brackets = 0;
    this.hasText = false;
    this.hasSpace = false;
  }

  /** Offset just behind the section, or -1 if it does not end in `bytes[from, to)`. */
  find(bytes: Buffer, from: number, to: number): number {
    let { brackets } = this;
    for (let q = from; q < to; q++) {
      // Below `to`, so a number.
      const byte = bytes[q]!;
      if (byte === BRACKET) {
        if (brackets === 2) this.hasText = true;
        else brackets++;
        continue;
      }
      if (byte === GREATER && brackets === 2) return q + 1;
      if (brackets !== 0) this.hasText = true;
      brackets = 0;
      if (IS_SPACE[byte] === 1) this.hasSpace = true;
      else if (byte !== 0) this.hasText = true;
    }
    this.brackets = brackets;
    return -1;
  }
}

const NOSCRIPT_END = Buffer.from('</noscript');

/** Looks for what ends a `noscript` where scripts run, whatever it stands in. Fed piece by piece. */
export class NoscriptEnd {
  private matched = 0;

  start(): void {
    this.matched = 0;
  }

  /** Whether the end of its name was come by. */
  isIn(bytes: Buffer, from: number, to: number): boolean {
    let { matched } = this;
    for (let q = from; q < to; q++) {
      const byte = bytes[q]!;
      if (byte === LESS) matched = 1;
      else if (matched === 0) continue;
      else if ((byte === SLASH ? byte : byte | 0x20) !== NOSCRIPT_END[matched]) matched = 0;
      else if (++matched === NOSCRIPT_END.length) {
        this.matched = 0;
        return true;
      }
    }
    this.matched = matched;
    return false;
  }
}
