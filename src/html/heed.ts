/**
 * What a loop over markup must heed at a tag, by its name alone: one byte for each start tag and each end tag.
 *
 * Both loops read the same table, `scanMarkup` in `scan-html.ts` and `run` in `markup-loop.as.ts` (which has the bits once
 * more: AssemblyScript imports nothing).
 */
import { isFormatting } from './element-traits.ts';
import { CONTEXT_TAGS, isContext } from './lazy-feedback.ts';
import { type NameTable, UNKNOWN } from './tag-names.ts';

/** Nothing: it is logged and passed over. */
export const PLAIN = 0;
/** Its attributes tell it apart from others of its name, so one without any is plain. */
export const FORMATTING = 1;
/** It may change what comes behind it, or mean something else by where it stands. */
export const CONTEXT = 2;
/** Somebody wants to hear of it. */
export const INTEREST = 4;
/** A link that the loop in WebAssembly can read; only told to that one. */
export const LINK = 8;

const heeds = new WeakMap<NameTable, Uint8Array>();

/** The table for these names: start tags by number, end tags by number + 256. */
export function heedOf(names: NameTable): Uint8Array {
  const known = heeds.get(names);
  if (known !== undefined) return known;
  const heed = new Uint8Array(512);
  heed[UNKNOWN] = CONTEXT;
  heed[UNKNOWN + 256] = CONTEXT;
  for (let number = 1; number < names.names.length; number++) {
    if (isFormatting(number)) heed[number]! |= FORMATTING;
    if (isContext(number)) heed[number]! |= CONTEXT;
    if (names.interestingStarts[number] === 1) heed[number]! |= INTEREST;
    if (names.interestingEnds[number] === 1) heed[number + 256]! |= INTEREST;
  }
  // Raw text elements end a state of ours; a select may end one.
  for (const number of CONTEXT_TAGS) heed[number + 256]! |= CONTEXT;
  heeds.set(names, heed);
  return heed;
}
