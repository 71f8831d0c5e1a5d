/**
 * What browsers take a response for: the last valid MIME type of all `Content-Type` fields ("extract a MIME type", Fetch §2.2.2;
 * "parse a MIME type", MIME Sniffing §4.4).
 *
 * Deviation: what stands behind white space in the type is left out, as Chromium does, where the standard finds no type at all.
 */
export interface MimeType {
  /** Type and subtype, lower case. */
  readonly essence: string;
  /** The `charset` parameter as written, null for none. */
  readonly charset: string | null;
}

/** `contentType`: all fields of the name, joined by commas; null for none. The result is null where no type is valid: browsers sniff. */
export function parseMimeType(contentType: string | null): MimeType | null {
  if (contentType === null) return null;
  const known = parsed.get(contentType);
  if (known !== undefined) return known;
  const type = lastValid(contentType);
  if (parsed.size >= MAX_PARSED) parsed.clear();
  if (contentType.length <= MAX_PARSED_CHARS) parsed.set(contentType, type);
  return type;
}

/** An application has few types, and says them with each answer. */
const parsed = new Map<string, MimeType | null>();
const MAX_PARSED = 256;
const MAX_PARSED_CHARS = 256;

function lastValid(contentType: string): MimeType | null {
  // Not by an annotation: that the loop changes it would be overlooked.
  let found = null as MimeType | null;
  for (const member of contentType.match(MEMBER) ?? []) {
    const one = parseMember(member);
    if (one === null || one.essence === '*/*') continue;
    const known = found?.essence === one.essence ? found.charset : null;
    found = { essence: one.essence, charset: one.charset ?? known };
  }
  return found;
}

/** Always matches: one without an end goes on to that of the field, where a backslash may stand by itself (Fetch §2.2). */
const QUOTED = String.raw`"(?:[^"\\]|\\.)*(?:"|\\?$)`;
/** Of a list; commas within quotes part nothing. */
const MEMBER = new RegExp(`(?:[^",]|${QUOTED})+`, 'gs');
const TYPE = /^[\t\n\r ]*([^\t\n\r ;(/]+\/[^\t\n\r ;(]+)/;
const PARAMETER = new RegExp(String.raw`;[\t\n\r ]*([^;=]*)(?:=[\t\n\r ]*(?:(${QUOTED})[^;]*|([^;]*)))?`, 'gsy');

function parseMember(member: string): MimeType | null {
  const essence = TYPE.exec(member)?.[1]?.toLowerCase();
  if (essence === undefined) return null;
  const semicolon = member.indexOf(';');
  for (const [, name, quoted, plain = ''] of semicolon < 0 ? [] : parametersFrom(member, semicolon)) {
    if (name?.toLowerCase() !== 'charset') continue;
    if (quoted !== undefined) return { essence, charset: quoted.replace(/^"|"$/g, '').replace(/\\(.)/gs, '$1') };
    if (plain.trim() !== '') return { essence, charset: plain.trim() };
  }
  return { essence, charset: null };
}

function parametersFrom(member: string, semicolon: number): Iterable<RegExpMatchArray> {
  return member.slice(semicolon).matchAll(PARAMETER);
}
