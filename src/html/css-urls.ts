/**
 * Where the URLs of a `style` attribute stand (CSS Syntax §4.3.6): `url(x)`, `url("x")`, `url('x')`.
 *
 * A URL with a CSS escape in it is passed over, as are strings and comments that only look like one.
 */
import type { UrlSpan } from './srcset.ts';

/** A string, a comment, or the beginning of a url token; whichever comes first is what it is. */
const TOKEN =
  /"(?:[^"\\]|\\[\s\S]?)*(?:"|$)|'(?:[^'\\]|\\[\s\S]?)*(?:'|$)|\/\*[\s\S]*?(?:\*\/|$)|(?<![\w-])url\([\t\n\f\r ]*/gi;
const QUOTED = /(["'])([^"'\\]*)\1[\t\n\f\r ]*\)/y;
const BARE = /([^"'()\\\t\n\f\r ]+)[\t\n\f\r ]*\)/y;

/** The URLs of a list of declarations, in order. Linear in the length. */
export function parseCssUrls(value: string): readonly UrlSpan[] {
  const urls: UrlSpan[] = [];
  TOKEN.lastIndex = 0;
  for (let token = TOKEN.exec(value); token !== null; token = TOKEN.exec(value)) {
    if (!token[0].toLowerCase().startsWith('url(')) continue;
    const from = TOKEN.lastIndex;
    QUOTED.lastIndex = from;
    BARE.lastIndex = from;
    const quoted = QUOTED.exec(value);
    const bare = quoted === null ? BARE.exec(value) : null;
    const start = quoted === null ? from : from + 1;
    const url = quoted?.[2] ?? bare?.[1];
    if (url === undefined || url === '') continue;
    urls.push({ start, end: start + url.length });
    TOKEN.lastIndex = quoted === null ? BARE.lastIndex : QUOTED.lastIndex;
  }
  return urls;
}
