/**
 * The one job that every engine of the rewriter's bench does: put `PHPSESSID=…` on relative links of `a`, `area`, `frame` and
 * `iframe`, and a hidden field behind each `form` tag.
 *
 * The rule for URLs is simpler than the product's, so that it can be the same for all engines.
 */

export const PAIR = 'PHPSESSID=a1b2c3d4e5f6g7h8i9j0k1l2m3';
export const HIDDEN = '<input type="hidden" name="PHPSESSID" value="a1b2c3d4e5f6g7h8i9j0k1l2m3" />';

/** The attribute that holds the URL, by element. */
export const URL_ATTRIBUTES: Readonly<Record<string, string>> = {
  a: 'href',
  area: 'href',
  frame: 'src',
  iframe: 'src',
};

const HASH = 0x23;
const SLASH = 0x2f;
const COLON = 0x3a;
const QUESTION = 0x3f;
const BACKSLASH = 0x5c;
const AMPERSAND = 0x26;

/** Where to put the pair into an attribute value, or -1 to leave it; `at(i)` is its character `i`. */
export function markAt(length: number, at: (i: number) => number): number {
  if (length === 0 || at(0) === HASH) return -1;
  if (at(0) === SLASH || at(0) === BACKSLASH) {
    if (length > 1 && (at(1) === SLASH || at(1) === BACKSLASH)) return -1;
  } else {
    for (let i = 0; i < length; i++) {
      const c = at(i);
      if (c === COLON) return -1;
      if (c === SLASH || c === QUESTION || c === HASH) break;
    }
  }
  for (let i = 1; i < length; i++) if (at(i) === HASH && at(i - 1) !== AMPERSAND) return i;
  return length;
}

/** The marked value, or null to leave it. */
export function markText(value: string): string | null {
  const at = markAt(value.length, (i) => value.charCodeAt(i));
  if (at < 0) return null;
  const question = value.indexOf('?');
  return `${value.slice(0, at)}${question >= 0 && question < at ? '&' : '?'}${PAIR}${value.slice(at)}`;
}
