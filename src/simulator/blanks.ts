/** White space as HTML and HTTP have it: of ASCII alone, where a no-break space is a character like any other. Pure. */

/** Infra §4.6, "strip leading and trailing ASCII whitespace". */
export function strip(text: string): string {
  // Not by one expression, which would look at a run of blanks once from each of them.
  let end = text.length;
  while (end > 0 && /[\t\n\f\r ]/.test(text.charAt(end - 1))) end--;
  return text.slice(0, end).replace(/^[\t\n\f\r ]+/, '');
}

/** Infra §4.6, "strip and collapse ASCII whitespace". */
export function collapse(text: string): string {
  return strip(text.replace(/[\t\n\f\r ]+/g, ' '));
}

/** As a person reads it: no-break spaces around a text are none of it. */
export function readable(text: string): string {
  return collapse(text).trim();
}
