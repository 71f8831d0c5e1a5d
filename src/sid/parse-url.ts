/**
 * `new URL` without a throw. Not by `URL.canParse`: in Node 20, once optimised, it reads characters from U+0080 to U+00FF as
 * UTF-8 and says yes to what `new URL` refuses.
 */

/** The URL that `text` is, resolved against `base` if it is relative; null if it is none. */
export function parseUrl(text: string, base?: string | URL): URL | null {
  try {
    return new URL(text, base);
  } catch {
    return null;
  }
}
