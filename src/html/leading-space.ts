/**
 * White space between tags, however spelt: spaces, line breaks, NULs and character references for such.
 *
 * Tree construction asks what stood before a tag (`TextKind`), and most of what stands there is white space.
 */
import { IS_SPACE } from './attributes.ts';
import type { LazyFeedback } from './lazy-feedback.ts';
import { NEWLINE, NO_TEXT, SPACE } from './tree-feedback.ts';

const AMPERSAND = 0x26;
const NUMBER_SIGN = 0x23;
const LF = 0x0a;
const CR = 0x0d;
/** White space as a character reference; a reference of more bytes is taken for other text. */
const MAX_REFERENCE_BYTES = 32;
const SPACE_REFERENCE =
  /^&(?:Tab;|NewLine;|#0*(?:9|10|12|32)(?:;|(?![0-9]))|#[xX]0*(?:9|[aA]|[cC]|20)(?:;|(?![0-9a-fA-F])))/;
const MAYBE_SPACE_REFERENCE = /^&(?:T|Ta|Tab|N|Ne|New|NewL|NewLi|NewLin|NewLine|#0*[123]?|#[xX]0*2?)?$/;
const NEWLINE_REFERENCE = /^&(?:#0*10|#x0*a|NewLine)\b/i;

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
  // `&nbsp;` in a table cell, `&copy;`, a lone `&`: nothing to look into.
  if (second !== undefined && second !== NUMBER_SIGN && second !== 0x4e && second !== 0x54) return at;
  const end = Math.min(at + MAX_REFERENCE_BYTES, to);
  const start = bytes.toString('latin1', at, end);
  const found = SPACE_REFERENCE.exec(start);
  const isCut =
    found === null ? MAYBE_SPACE_REFERENCE.test(start) : found[0].length === start.length && !start.endsWith(';');
  if (isCut && end === to && to - at < MAX_REFERENCE_BYTES && !isLast) return ~at;
  if (found === null) return at;
  tree.text = NEWLINE_REFERENCE.test(found[0]) && tree.text === NO_TEXT ? NEWLINE : SPACE;
  return at + found[0].length;
}
