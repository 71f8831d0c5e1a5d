/**
 * The grammar of `<meta http-equiv=refresh content>` and of the Refresh field (HTML, "shared declarative refresh
 * steps"). Only finds where the URL stands; judging and marking it is the caller's.
 */

export interface RefreshUrl {
  /** Span of the URL within the value; empty where a URL is to be added. */
  readonly start: number;
  readonly end: number;
  /** '' if there is a URL (or an empty one). Else the value asks for a reload, and a URL can be added behind this. */
  readonly prefix: '' | 'url=' | ';url=';
}

const WHITESPACE = /[\t\n\f\r ]/;
const DIGIT = /[0-9]/;
const DIGIT_OR_DOT = /[0-9.]/;

/** Where the URL of a refresh value stands; null if a browser does nothing with the value. */
export function parseRefresh(value: string): RefreshUrl | null {
  const skip = (from: number, set: RegExp): number => {
    let at = from;
    while (at < value.length && set.test(value[at] ?? '')) at++;
    return at;
  };
  // Steps 2 to 6: the time, of which we need nothing.
  const time = skip(0, WHITESPACE);
  let at = skip(time, DIGIT);
  if (at === time && value[at] !== '.') return null;
  at = skip(at, DIGIT_OR_DOT);
  if (at === value.length) return { start: at, end: at, prefix: ';url=' };
  // Step 8: the separator.
  if (!/[;,\t\n\f\r ]/.test(value[at] ?? '')) return null;
  at = skip(at, WHITESPACE);
  if (value[at] === ';' || value[at] === ',') at = skip(at + 1, WHITESPACE);
  if (at === value.length) return { start: at, end: at, prefix: 'url=' };
  // Step 9: an optional `url=` and an optional quote. `ur…` or `url` without `=` begin the URL itself.
  const whole = { start: at, end: value.length, prefix: '' } as const;
  if (/[uU]/.test(value[at] ?? '')) {
    if (value.slice(at, at + 3).toLowerCase() !== 'url') return whole;
    at = skip(at + 3, WHITESPACE);
    if (value[at] !== '=') return whole;
    at = skip(at + 1, WHITESPACE);
  }
  const quote = value[at];
  if (quote !== '"' && quote !== "'") return { start: at, end: value.length, prefix: '' };
  const close = value.indexOf(quote, at + 1);
  return { start: at + 1, end: close < 0 ? value.length : close, prefix: '' };
}
