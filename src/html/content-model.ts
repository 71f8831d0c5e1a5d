/**
 * The words in which tokenizer and tree construction talk to each other: what content follows a start tag, and what text
 * stood between two tags.
 */
import { TAG } from './tag-names.ts';

/** How the tokenizer goes on behind a start tag. */
export const DATA = 0;
export const RCDATA = 1;
export const RAWTEXT = 2;
export const SCRIPT = 3;
export const PLAINTEXT = 4;
export type Content = typeof DATA | typeof RCDATA | typeof RAWTEXT | typeof SCRIPT | typeof PLAINTEXT;

/** What stood between two tags: nothing, one newline, more white space, anything else. */
export const NO_TEXT = 0;
export const NEWLINE = 1;
export const SPACE = 2;
export const TEXT = 3;
export type TextKind = typeof NO_TEXT | typeof NEWLINE | typeof SPACE | typeof TEXT;

/** What follows the start tag of a raw text element where nothing is special. */
export function contentOf(tag: number, isScripting: boolean): Content {
  if (tag === TAG.script) return SCRIPT;
  if (tag === TAG.title || tag === TAG.textarea) return RCDATA;
  if (tag === TAG.plaintext) return PLAINTEXT;
  if (tag === TAG.noscript) return isScripting ? RAWTEXT : DATA;
  return tag >= TAG.style && tag <= TAG.noframes ? RAWTEXT : DATA;
}
