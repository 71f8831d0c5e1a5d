/**
 * White space between tags, however spelt: spaces, line breaks, NULs and character references for such.
 *
 * Tree construction asks what stood before a tag (`TextKind`), and most of what stands there is white space.
 */
import { IS_SPACE } from './attributes.ts';
import { NEWLINE, NO_TEXT, SPACE } from './content-model.ts';
import type { LazyFeedback } from './lazy-feedback.ts';

const AMPERSAND = 0x26;
const NUMBER_SIGN = 0x23;
const LF = 0x0a;
const CR = 0x0d;
const SEMICOLON = 0x3b;
const CAPITAL_N = 0x4e;
const CAPITAL_T = 0x54;
const LOWER_X = 0x78;
/** White space as a character reference; a reference of more bytes is taken for other text. */
const MAX_REFERENCE_BYTES = 32;
const TAB = '&Tab;';
const NEW_LINE = '&NewLine;';
/** As good as any other code of no white space. */
const NO_SPACE = 0xffff;

/**
 * Pass over white space from `from` on, before which there is nothing but such since the last tag, and tell `tree` of it.
 * Returns where other bytes begin; `~p` if the bytes from `p` on must be seen again with more behind them.
 */
export function skipSpace(bytes: Buffer, from: number, to: number, isLast: boolean, tree: LazyFeedback): number {
  let q = from;
  for (; q < to; q++) {
    // Offsets here are under `to`, so the bytes are numbers.
    const byte = bytes[q]!;
    if (byte === AMPERSAND) {
      const behind = skipReference(bytes, q, to, isLast, tree);
      if (behind <= q) return behind;
      q = behind - 1;
      continue;
    }
    if (IS_SPACE[byte] === 0 && byte !== 0) break;
    if (byte === 0) tree.nul();
    else if (tree.text !== NO_TEXT) tree.text = SPACE;
    else if (byte === LF) tree.text = NEWLINE;
    else if (byte !== CR) tree.text = SPACE;
    else {
      // CR LF is one newline.
      if (q + 1 >= to && !isLast) return ~q;
      if (bytes[q + 1] === LF) q++;
      tree.text = NEWLINE;
    }
  }
  return q;
}

/** Behind the character reference at `at` if it stands for white space, else `at`; `~at` if it is cut. */
function skipReference(bytes: Buffer, at: number, to: number, isLast: boolean, tree: LazyFeedback): number {
  const second = bytes[at + 1];
  if (second === NUMBER_SIGN) return skipNumber(bytes, at, to, isLast, tree);
  // `&nbsp;` in a table cell, `&copy;`, a lone `&`: nothing to look into.
  if (second !== undefined && second !== CAPITAL_N && second !== CAPITAL_T) return at;
  const start = bytes.toString('latin1', at, Math.min(at + NEW_LINE.length, to));
  const name = start.startsWith(TAB) ? TAB : NEW_LINE;
  if (start.startsWith(name)) return tellSpace(name === NEW_LINE, at + name.length, tree);
  const isCut = !isLast && at + start.length === to && (TAB.startsWith(start) || NEW_LINE.startsWith(start));
  return isCut ? ~at : at;
}

/** The same for `&#32;` and `&#x20` (HTML §13.2.5.75). */
function skipNumber(bytes: Buffer, at: number, to: number, isLast: boolean, tree: LazyFeedback): number {
  const most = Math.min(at + MAX_REFERENCE_BYTES, to);
  const isHex = at + 2 < most && (bytes[at + 2]! | 0x20) === LOWER_X;
  const first = isHex ? at + 3 : at + 2;
  let code = 0;
  let q = first;
  for (; q < most; q++) {
    const digit = digitOf(bytes[q]!, isHex);
    if (digit < 0) break;
    code = Math.min(code * (isHex ? 16 : 10) + digit, NO_SPACE);
  }
  if (q === to && !isLast && to - at < MAX_REFERENCE_BYTES) return ~at;
  if (q === first || (q === most && q < to) || !isSpace(code)) return at;
  return tellSpace(code === LF, bytes[q] === SEMICOLON && q < to ? q + 1 : q, tree);
}

function tellSpace(isNewline: boolean, behind: number, tree: LazyFeedback): number {
  tree.text = isNewline && tree.text === NO_TEXT ? NEWLINE : SPACE;
  return behind;
}

/** A reference for a carriage return is text to the tree. */
function isSpace(code: number): boolean {
  return code === 0x20 || code === LF || code === 0x09 || code === 0x0c;
}

/** -1 for what is none. */
function digitOf(byte: number, isHex: boolean): number {
  if (byte - 0x30 < 10 && byte >= 0x30) return byte - 0x30;
  const letter = (byte | 0x20) - 0x61;
  return isHex && letter >= 0 && letter < 6 ? letter + 10 : -1;
}
