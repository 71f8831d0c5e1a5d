/**
 * The grammar of `srcset` and `imagesrcset` (HTML §4.8.4.2, "parse a srcset attribute"): where its URLs stand.
 */

export interface UrlSpan {
  readonly start: number;
  readonly end: number;
}

const WHITESPACE = /[\t\n\f\r ]/;

/** The URLs of a list of image candidates, in order, commas at their ends left out. Linear in the length. */
export function parseSrcset(value: string): readonly UrlSpan[] {
  const urls: UrlSpan[] = [];
  let at = 0;
  for (;;) {
    // Step 4: white space and commas before a candidate.
    while (at < value.length && (WHITESPACE.test(value[at] ?? '') || value[at] === ',')) at++;
    if (at === value.length) return urls;
    // Step 6: a URL is what stands before white space; commas at its end are not part of it and end the candidate.
    const start = at;
    while (at < value.length && !WHITESPACE.test(value[at] ?? '')) at++;
    let end = at;
    while (end > start && value[end - 1] === ',') end--;
    if (end > start) urls.push({ start, end });
    if (end === at) at = skipDescriptors(value, at);
  }
}

/** Step 8: descriptors end at a comma that is not in parentheses. Returns the offset behind it. */
function skipDescriptors(value: string, from: number): number {
  let isInParentheses = false;
  for (let at = from; at < value.length; at++) {
    const char = value[at];
    if (isInParentheses) isInParentheses = char !== ')';
    else if (char === '(') isInParentheses = true;
    else if (char === ',') return at + 1;
  }
  return value.length;
}
