/**
 * The charset that a page itself names, before it is read: HTML §13.2.3.2, "prescan a byte stream to determine its
 * encoding", on bytes as latin1. Pure.
 *
 * Deviation: as in Chromium, what stands in a `title`, a script or a style sheet is text, and the search goes on behind
 * the first 1,024 bytes as long as the tags are those of a head.
 */

/** Each label in turn that a `meta`, then the XML declaration gives, until `isKnown` takes one; null for none. */
export function prescan(bytes: Buffer, isKnown: (label: string) => boolean): string | null {
  const label = metaLabel(bytes.subarray(0, MAX_BYTES).toString('latin1'), isKnown);
  if (label !== null) return label;
  const declared = declaration(bytes);
  return declared !== null && isKnown(declared) ? declared : null;
}

/** What the XML declaration says; null for none. */
export function declaration(bytes: Buffer): string | null {
  return XML_DECLARATION.exec(bytes.subarray(0, SURE_BYTES).toString('latin1'))?.[1] ?? null;
}

const XML_DECLARATION = /^<\?xml[\t\n\f\r ][^>]*?encoding[\t\n\f\r ]*=[\t\n\f\r ]*["']([^"'>]+)["']/;

function metaLabel(head: string, isKnown: (label: string) => boolean): string | null {
  let isInHead = true;
  TOKEN.lastIndex = 0;
  for (let token = TOKEN.exec(head); token !== null; token = TOKEN.exec(head)) {
    const name = token[1]?.toLowerCase();
    if (name === undefined) continue;
    isInHead &&= IN_HEAD.has(name);
    if (token.index > SURE_BYTES && !isInHead) return null;
    const label = name === 'meta' ? labelOf(token[2] ?? '') : null;
    if (label !== null && isKnown(label)) return label;
    if (!TEXT_ONLY.has(name)) continue;
    const end = head.toLowerCase().indexOf(`</${name}`, TOKEN.lastIndex);
    if (end < 0) return null;
    TOKEN.lastIndex = end;
  }
  return null;
}

const SURE_BYTES = 1024;
/** A bound of our own: what comes later, be it still the head, is too late. */
const MAX_BYTES = 16 * 1024;
/**
 * A comment, a start tag with its attributes, or anything else in angles. A quote counts only where a value begins. Nothing is
 * tried twice: \1 and \2 keep what they have.
 */
const TOKEN =
  /<!--(?:>|->|.*?(?:-->|$))|<(?=([a-z][^\t\n\f\r />]*))\1(?=((?:[^>=]|=[\t\n\f\r ]*(?:"[^"]*"|'[^']*'|[^\t\n\f\r >"'][^\t\n\f\r >]*|(?=>)))*))\2>|<[!/?][^>]*>/gis;
const ATTRIBUTE = /([^\t\n\f\r />=]+)(?:[\t\n\f\r ]*=[\t\n\f\r ]*(?:"([^"]*)"|'([^']*)'|([^\t\n\f\r >]+)))?/g;
const TEXT_ONLY = new Set(['script', 'style', 'title', 'noframes', 'textarea']);
const IN_HEAD = new Set('html head meta title script noscript style link base object template'.split(' '));

/** What one `meta` says, by its attributes as they stand: `charset`, or `content` where it stands for a Content-Type. */
function labelOf(attributes: string): string | null {
  const given = new Map<string, string>();
  for (const [, name = '', double, single, bare] of attributes.matchAll(ATTRIBUTE)) {
    const key = name.toLowerCase();
    if (!given.has(key)) given.set(key, double ?? single ?? bare ?? '');
  }
  const charset = given.get('charset');
  if (charset !== undefined) return charset;
  if (given.get('http-equiv')?.toLowerCase() !== 'content-type') return null;
  const found = CONTENT_CHARSET.exec(given.get('content') ?? '');
  return found?.[1] ?? found?.[2] ?? found?.[3] ?? null;
}

/** HTML §2.5, "extracting a character encoding from a meta element". */
const CONTENT_CHARSET = /charset[\t\n\f\r ]*=[\t\n\f\r ]*(?:"([^"]*)"|'([^']*)'|([^"'\t\n\f\r ;][^\t\n\f\r ;]*))/i;
