/**
 * Taking SIDs out of addresses within an address: `/login?next=%2Fcart%3F_sid%3D4q0c…`. We put none there, but a script
 * that takes its page's address for a return address does, and the application must not see it.
 *
 * Only what has the form of a SID that we issue goes, under the session's name, in any of the three carriers and percent-encoded
 * up to four times, and only in queries: a path was judged as it is. All other bytes stay as they were.
 */

/**
 * As a pattern: the sign before two hexadecimal digits, itself encoded up to three times. Bounded, so that a long `%252525…`
 * costs nothing.
 */
export const ENCODED = '%(?:25){0,3}';

interface Patterns {
  readonly pair: RegExp;
  readonly segment: RegExp;
}

const patterns = new Map<string, Patterns>();

/** A target or reference, whose own marks were taken off before, without SIDs further in; the very string if there are none. */
export function withoutNestedSids(text: string, name: string): string {
  const query = text.indexOf('?') + 1;
  if (query === 0) return text;
  const { pair, segment } = patternsOf(name);
  return text.slice(0, query) + text.slice(query).replace(segment, unsegment).replace(pair, unpair);
}

/** A slash stays where none follows. */
function unsegment(_segment: string, slash: string, next: string | undefined): string {
  return next === undefined ? slash : '';
}

/** A `?` stays for what comes behind it in the same inner query. */
function unpair(_pair: string, before: string, behind: string | undefined): string {
  if (behind === undefined) return '';
  return before === '?' || /3f$/i.test(before) ? before : behind;
}

/** Names are of `[A-Za-z0-9_-]`, and few: those of the configuration. No part can match in two ways. */
function patternsOf(name: string): Patterns {
  const known = patterns.get(name);
  if (known !== undefined) return known;
  const sid = '[0-9a-v]{26}';
  const pair = `${name}(?:=|${ENCODED}3[dD])${sid}`;
  const next = `${ENCODED}(?:26|3[bB])`;
  const slash = `/|${ENCODED}2[fF]`;
  const made = {
    pair: new RegExp(`(\\?|${ENCODED}(?:3[fF]|26|3[bB]))(?:${pair}${next})*${pair}(?![0-9A-Za-z])(${next})?`, 'g'),
    segment: new RegExp(
      `(${slash})(?:\\(|${ENCODED}28)${name}(?:-|${ENCODED}2[dD])${sid}(?:\\)|${ENCODED}29)(?=(${slash})?)`,
      'g',
    ),
  };
  patterns.set(name, made);
  return made;
}
