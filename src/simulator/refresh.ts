/** The value of a Refresh field or of `<meta http-equiv=refresh>`: HTML §4.2.5.3, "shared declarative refresh steps". */
import { resolveReference } from './reference.ts';

export interface Refresh {
  readonly delaySeconds: number;
  /** Resolved; the document's own URL where the value names none. */
  readonly url: string;
}

/**
 * Of all that a page and its field give, in order, the one that is obeyed; null for none. Deviation: by the standard the first one
 * holds; in Chromium each takes the place of one before it that is not sooner.
 */
export function obeyed(refreshes: readonly Refresh[]): Refresh | null {
  let found: Refresh | null = null;
  for (const each of refreshes) if (found === null || each.delaySeconds <= found.delaySeconds) found = each;
  return found;
}

/**
 * Null when the value is not one that a browser obeys. `url` and `charset` are the document's own, `base` its base URL; of a
 * field, which is obeyed before the page is read, no `<base>` counts.
 */
export function parseRefresh(value: string, url: string, charset: string, base: string = url): Refresh | null {
  // Steps 4 to 8: digits, then an ignored fraction; a missing number is only allowed before a point.
  const time = /^[\t\n\f\r ]*(\d*)([\d.]*)/.exec(value);
  if (time === null || (time[1] === '' && !time[2]?.startsWith('.'))) return null;
  const delaySeconds = time[1] === '' ? 0 : Number.parseInt(time[1] ?? '0', 10);
  let rest = value.slice(time[0].length);
  if (rest === '') return { delaySeconds, url };
  // Step 10: what follows the time starts with a separator.
  if (!/^[;,\t\n\f\r ]/.test(rest)) return null;
  rest = rest.replace(/^[\t\n\f\r ]*[;,]?[\t\n\f\r ]*/, '');
  if (rest === '') return { delaySeconds, url };
  // Steps 13 to 20: `url=` is optional, and so is a quote, which then ends the URL.
  rest = rest.replace(/^url[\t\n\f\r ]*=[\t\n\f\r ]*/i, '');
  const quote = rest[0];
  if (quote === '"' || quote === "'") rest = rest.slice(1).split(quote)[0] ?? '';
  const target = resolveReference(rest, base, charset);
  return target === null || target.startsWith('javascript:') ? null : { delaySeconds, url: target };
}
