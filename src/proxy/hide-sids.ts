/**
 * The last line before the log. What carries a SID as it should was unmarked before; here its value goes wherever else its
 * name stands: in another segment, in a return address (`?next=%2Fx%3F_sid%3D…`), encoded once or more, in other letters.
 */
import { ENCODED } from '../sid/nested.ts';

interface Patterns {
  /** Found in every text without `%` that `whole` would change; much cheaper. */
  readonly plain: RegExp;
  readonly whole: RegExp;
}

const patterns = new WeakMap<readonly string[], Patterns>();

/** `text` with `*` for every value of a parameter of these names; `names` is one array for the life of a configuration. */
export function hideSids(text: string, names: readonly string[]): string {
  let found = patterns.get(names);
  if (found === undefined) {
    found = patternsOf(names);
    patterns.set(names, found);
  }
  return text.includes('%') || found.plain.test(text) ? text.replace(found.whole, '$1*') : text;
}

/** Names are of `[A-Za-z0-9_-]`, values of what a SID or a signed cookie value is made of. No part can match in two ways. */
function patternsOf(names: readonly string[]): Patterns {
  const spelt = names.map((name) => [...name].map(anySpelling).join('')).join('|');
  const sign = `(?:${anySpelling('=')}|${anySpelling('-')})`;
  const plain = new RegExp(`(?:${names.join('|')})[=-]`, 'i');
  const whole = new RegExp(`(?<=^|[^A-Za-z0-9_]|${ENCODED}[0-9a-f]{2})((?:${spelt})${sign})[A-Za-z0-9,._~-]+`, 'gi');
  return { plain, whole };
}

/** The character itself, or percent-encoded up to four times: `_`, `%5f`, `%255f`… */
function anySpelling(character: string): string {
  return `(?:${character}|${ENCODED}${character.charCodeAt(0).toString(16)})`;
}
