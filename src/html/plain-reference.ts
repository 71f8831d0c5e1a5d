/**
 * The fast path of marking: recognise, byte by byte, the plain references that most links are.
 *
 * A plain reference has no scheme and no authority, so it keeps the origin of its base, and nothing in it that a
 * browser decodes, strips or reads in another way than it is written. Whatever is not plain is judged by `sid/scope.ts`
 * after full decoding; a property test holds that both ways agree. `markup-loop.as.ts` has the same rules.
 */

/** What a scan found; one object is used again and again, so that a link costs no allocation. Offsets into the bytes. */
export interface PlainReference {
  /** Of the first `?`, -1 if the reference has no query. */
  query: number;
  /** Of the first `#`, else of the end: where a query is appended. */
  fragment: number;
}

const ORDINARY = 0;
const COLON = 1;
const SLASH = 2;
const QUESTION = 3;
const HASH = 4;
const AMPERSAND = 5;
const SEMICOLON = 6;
const BACKSLASH = 7;
const CONTROL = 8;

const CLASSES = new Uint8Array(256);
CLASSES.fill(CONTROL, 0, 0x20);
CLASSES[0x3a] = COLON;
CLASSES[0x2f] = SLASH;
CLASSES[0x3f] = QUESTION;
CLASSES[0x23] = HASH;
CLASSES[0x26] = AMPERSAND;
CLASSES[0x3b] = SEMICOLON;
CLASSES[0x5c] = BACKSLASH;

const PERCENT = 0x25;

/**
 * True if `bytes[start, end)`, the source of an attribute value, is a plain reference with no parameter in its query
 * that could be spelt as the name that begins with the byte `first` (0 if there is none to look for). Then `found` is
 * filled in. Empty and fragment-only references are not plain.
 *
 * With `isRooted` what is scanned is the rest of a reference behind an authority: it must begin with `/` or `?`, and
 * two slashes mean nothing.
 */
export function scanPlainReference(
  bytes: Uint8Array,
  start: number,
  end: number,
  first: number,
  isRooted: boolean,
  found: PlainReference,
): boolean {
  if (start >= end || (bytes[end - 1] ?? 0) <= 0x20 || (bytes[start] ?? 0) <= 0x20) return false;
  let at = start;
  // The first segment: a colon in it would end a scheme, and two slashes begin an authority.
  let isColonFatal = true;
  if (bytes[start] === 0x2f) {
    isColonFatal = false;
    at++;
    if (!isRooted && at < end && (bytes[at] === 0x2f || bytes[at] === 0x5c)) return false;
  } else if (isRooted && bytes[start] !== 0x3f) return false;
  found.query = -1;
  for (; at < end; at++) {
    switch (CLASSES[bytes[at] ?? 0]) {
      case ORDINARY:
      case SEMICOLON:
        break;
      case SLASH:
        isColonFatal = false;
        break;
      case COLON:
        if (isColonFatal) return false;
        break;
      case QUESTION:
        found.query = at;
        return scanPlainQuery(bytes, at, end, first, found);
      case HASH:
        found.fragment = at;
        return at > start;
      default:
        return false;
    }
  }
  found.fragment = end;
  return true;
}

/** A number that is the same for the same path, and hardly ever for two of a page: of `bytes[start, end)`. */
export function pathHashOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0;
  for (let at = start; at < end; at++) hash = ((hash << 5) | (hash >>> 27)) ^ (bytes[at] ?? 0);
  return hash;
}

/** The rest of a plain reference from its `?` on. */
function scanPlainQuery(bytes: Uint8Array, from: number, end: number, first: number, found: PlainReference): boolean {
  let isNameNext = true;
  for (let at = from + 1; at < end; at++) {
    const byte = bytes[at] ?? 0;
    if (isNameNext && first !== 0 && (byte === first || byte === PERCENT)) return false;
    isNameNext = false;
    switch (CLASSES[byte]) {
      case HASH:
        found.fragment = at;
        return true;
      case SEMICOLON:
        isNameNext = true;
        break;
      case AMPERSAND:
        if (isAmp(bytes, at, end)) at += 4;
        else if (mayBeReference(bytes, at, end)) return false;
        isNameNext = true;
        break;
      case CONTROL:
        return false;
      default:
    }
  }
  found.fragment = end;
  return true;
}

/** Is the `&` at `at` spelt `&amp;`? */
function isAmp(bytes: Uint8Array, at: number, end: number): boolean {
  return (
    at + 4 < end && bytes[at + 1] === 0x61 && bytes[at + 2] === 0x6d && bytes[at + 3] === 0x70 && bytes[at + 4] === 0x3b
  );
}

/**
 * Could the `&` at `at` begin a character reference that decodes to ASCII? Then it has a `#`, ends in `;`, or is a
 * run of two to four letters like `amp`, `lt`, `gt`, `quot` with anything but `=` behind it.
 */
function mayBeReference(bytes: Uint8Array, at: number, end: number): boolean {
  let run = at + 1;
  if (run < end && bytes[run] === 0x23) return true;
  while (run < end && isAlphanumeric(bytes[run] ?? 0)) run++;
  const terminator = run < end ? bytes[run] : 0;
  if (terminator === 0x3d) return false;
  if (terminator === 0x3b) return true;
  const length = run - at - 1;
  if (length < 2 || length > 4) return false;
  const initial = (bytes[at + 1] ?? 0) | 0x20;
  return initial === 0x61 || initial === 0x6c || initial === 0x67 || initial === 0x71;
}

function isAlphanumeric(byte: number): boolean {
  const lower = byte | 0x20;
  return (lower >= 0x61 && lower <= 0x7a) || (byte >= 0x30 && byte <= 0x39);
}
