/**
 * The value of a line of php.ini, as PHP's scanner for INI files reads it (`zend_ini_scanner.l`). Pure.
 *
 * Left out on purpose: what only a running PHP can tell, `${NAME}` from its environment, and what it puts together or computes,
 * `1 | 2`. Such values are told apart from plain ones and not guessed.
 */

/** A value, or why there is none that could be taken over. */
export type IniValue =
  | { readonly value: string; readonly fault: null }
  | { readonly value: null; readonly fault: string };

/** Up to the closing quote. A backslash in front of the quote that ends the line is none of it, as in `"C:\tmp\"`. */
const IN_DOUBLE_QUOTES = /^((?:[^"\\]|\\(?!"\s*$)[\s\S]|\\(?="\s*$))*)"/;
const IN_SINGLE_QUOTES = /^([^']*)'/;

/** `raw` is what stands behind the `=`, with the lines that a quote holds together. Constants such as `On` stay as they are. */
export function readIniValue(raw: string): IniValue {
  const text = raw.trim();
  const quote = text.startsWith('"') || text.startsWith("'") ? text[0] : undefined;
  if (quote === undefined) {
    const [bare = ''] = text.split(';');
    // A `$` by itself would take the comment or the line end into the value.
    return /["'=|&^~!()]|\$(?!\{)/.test(bare) ? refuse(notPlain(text)) : plain(bare.trim());
  }
  const [whole = '', inner] = (quote === '"' ? IN_DOUBLE_QUOTES : IN_SINGLE_QUOTES).exec(text.slice(1)) ?? [];
  if (inner === undefined || !/^\s*(?:;|$)/.test(text.slice(1 + whole.length))) return refuse(notPlain(text));
  return quote === "'" ? { value: inner, fault: null } : plain(inner, (each) => each.replace(/\\(["\\$])/g, '$1'));
}

function plain(text: string, resolve = (each: string) => each): IniValue {
  const variable = /\$\{[^}]*\}?/.exec(text)?.[0];
  if (variable === undefined) return { value: resolve(text), fault: null };
  return refuse(`PHP takes ${variable} from its environment: write its value`);
}

function notPlain(text: string): string {
  return hasOpenQuote(text) ? 'its quote is never closed' : 'no plain text for PHP: write it in one pair of quotes';
}

function refuse(fault: string): IniValue {
  return { value: null, fault };
}

/** Does the value go on with the next line? */
export function hasOpenQuote(raw: string): boolean {
  let rest = raw;
  for (;;) {
    const start = /["';]/.exec(rest);
    if (start === null || start[0] === ';') return false;
    rest = rest.slice(start.index + 1);
    const inner = (start[0] === '"' ? IN_DOUBLE_QUOTES : IN_SINGLE_QUOTES).exec(rest);
    if (inner === null) return true;
    rest = rest.slice(inner[0].length);
  }
}
