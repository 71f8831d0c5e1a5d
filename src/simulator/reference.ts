/** What a reference in a page leads to: URL §4.4, with the page's charset, in which queries are written (§4.4, "query state"). Pure. */
import { encodeText } from './charset.ts';

/** Null for what no URL parser takes; TAB and line ends inside are ignored as URL §4.4 says. */
export function resolveReference(reference: string, base: string, charset: string): string | null {
  try {
    const { href, protocol } = new URL(reference, base);
    if (!/[^\x00-\x7f]/.test(reference) || !/^https?:$/.test(protocol)) return href;
    return new URL(withQuery(reference, charset), base).href;
  } catch {
    return null; // The constructor's only fault.
  }
}

/** The query as bytes of the charset, percent-encoded; the rest of a URL is UTF-8 in every page. */
function withQuery(reference: string, charset: string): string {
  const query = /^[^?#]*\?([^#]*)/.exec(reference)?.[1] ?? '';
  const at = reference.indexOf('?') + 1;
  const written = query.replace(/[^\x00-\x7f]+/g, (text) => percent(encodeText(text, charset, escaped)));
  return query === '' ? reference : reference.slice(0, at) + written + reference.slice(at + query.length);
}

/** URL §1.3, "percent-encode after encoding": what the charset cannot say. */
function escaped(code: number): string {
  return `%26%23${code}%3B`;
}

/** URL §1.3, the special-query percent-encode set. */
function percent(bytes: Buffer): string {
  return bytes.toString('latin1').replace(/[^!$-&(-;=?-~]/g, (char) => percentByte(char.charCodeAt(0)));
}

/** URL §1.3, "percent-encode" a byte. */
export function percentByte(byte: number): string {
  return `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
}
