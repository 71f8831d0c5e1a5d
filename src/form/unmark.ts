/**
 * Take the hidden field of the SID out of a form body: urlencoded, multipart and text/plain (HTML §4.10.21, RFC 7578).
 *
 * Works on the window of a body that was read ahead (`limits.form_peek`): every whole field of the name in it is taken
 * out, every other byte stays as it is, and what lies behind the window is never looked at. Linear, without regular
 * expressions on foreign bytes.
 */

export type FormEncoding =
  | { readonly kind: 'urlencoded' }
  | { readonly kind: 'multipart'; readonly boundary: string }
  | { readonly kind: 'plain' };

export interface UnmarkedForm {
  /** The window without the fields; the very buffer when there was none. */
  readonly body: Buffer;
  /** Values of the fields that were taken out, in order, decoded. */
  readonly sids: readonly string[];
}

/** RFC 2046 §5.1.1: 1 to 70 characters. */
const MAX_BOUNDARY_CHARS = 70;
/** The fields of one part; browsers write some 100 bytes. */
const MAX_PART_HEAD_BYTES = 8 * 1024;

/** The form encoding that a Content-Type field names; null for what is no form. */
export function formEncoding(contentType: string | null): FormEncoding | null {
  if (contentType === null) return null;
  const semicolon = contentType.indexOf(';');
  const type = (semicolon < 0 ? contentType : contentType.slice(0, semicolon)).trim().toLowerCase();
  if (type === 'application/x-www-form-urlencoded') return { kind: 'urlencoded' };
  if (type === 'text/plain') return { kind: 'plain' };
  if (type !== 'multipart/form-data') return null;
  const boundary = parameter(contentType, 'boundary');
  if (boundary === null || boundary === '' || boundary.length > MAX_BOUNDARY_CHARS) return null;
  return { kind: 'multipart', boundary };
}

/** Take every whole field called `name` out of the window. With `isWhole` the body ends with the window. */
export function unmarkForm(window: Buffer, encoding: FormEncoding, name: string, isWhole: boolean): UnmarkedForm {
  switch (encoding.kind) {
    case 'urlencoded':
      return takeOut(window, urlencodedFields(window, name, isWhole));
    case 'plain':
      return takeOut(window, plainFields(window, name));
    case 'multipart':
      return takeOut(window, multipartFields(window, encoding.boundary, name));
  }
}

/** A field of the name: the bytes that go with it, and its value. */
interface Found {
  start: number;
  readonly end: number;
  readonly value: string;
}

function takeOut(window: Buffer, fields: readonly Found[]): UnmarkedForm {
  if (fields.length === 0) return { body: window, sids: [] };
  const kept: Buffer[] = [];
  let at = 0;
  for (const field of fields) {
    if (field.start > at) kept.push(window.subarray(at, field.start));
    at = field.end;
  }
  kept.push(window.subarray(at));
  return { body: Buffer.concat(kept), sids: fields.map((field) => field.value) };
}

const AMPERSAND = 0x26;
const EQUALS = 0x3d;
const CR = 0x0d;
const LF = 0x0a;

/** A pair goes with the separator behind it; the last one, with all such pairs right before it, with the one before them. */
function urlencodedFields(window: Buffer, name: string, isWhole: boolean): Found[] {
  const fields: Found[] = [];
  let start = 0;
  let equals = -1;
  for (let at = 0; at <= window.length; at += 1) {
    const isLast = at === window.length;
    if (window[at] === EQUALS && equals < 0) equals = at;
    if (isLast ? !isWhole : window[at] !== AMPERSAND) continue;
    const nameEnd = equals < 0 ? at : equals;
    if (decodeComponent(window, start, nameEnd, name.length) === name) {
      const value = equals < 0 ? '' : (decodeComponent(window, nameEnd + 1, at, at - nameEnd) ?? '');
      fields.push({ start, end: isLast ? at : at + 1, value });
      if (isLast) takeSeparatorBefore(fields);
    }
    start = at + 1;
    equals = -1;
  }
  return fields;
}

/** The last fields, without a gap between them, end the body. */
function takeSeparatorBefore(fields: readonly Found[]): void {
  let first = fields.length - 1;
  while (first > 0 && fields[first - 1]?.end === fields[first]?.start) first--;
  const field = fields[first];
  if (field !== undefined && field.start > 0) field.start--;
}

/**
 * Percent-decode `bytes[from, to)` with `+` for space, as latin1. Null when it is longer than `maxChars` characters:
 * no more of it needs to be read.
 */
function decodeComponent(bytes: Buffer, from: number, to: number, maxChars: number): string | null {
  if (to - from > maxChars * 3) return null;
  let text = '';
  for (let i = from; i < to; i += 1) {
    const byte = bytes[i] as number;
    const code = byte === 0x25 ? hexPair(bytes, i, to) : -1;
    if (code >= 0) {
      text += String.fromCharCode(code);
      i += 2;
    } else text += byte === 0x2b ? ' ' : String.fromCharCode(byte);
  }
  return text.length > maxChars ? null : text;
}

/** The byte that `%XY` at `at` spells, -1 when it spells none. */
function hexPair(bytes: Buffer, at: number, to: number): number {
  if (at + 2 >= to) return -1;
  const high = hexDigit(bytes[at + 1] as number);
  const low = hexDigit(bytes[at + 2] as number);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

/** HTML §4.10.21.8: `name=value` and CR LF for each entry. A field that is not ended yet stays. */
function plainFields(window: Buffer, name: string): Found[] {
  const fields: Found[] = [];
  const prefix = Buffer.from(`${name}=`, 'latin1');
  let start = 0;
  for (let at = 1; at < window.length; at += 1) {
    if (window[at] !== LF || window[at - 1] !== CR) continue;
    const valueStart = start + prefix.length;
    if (valueStart < at && window.subarray(start, valueStart).equals(prefix)) {
      fields.push({ start, end: at + 1, value: window.toString('latin1', valueStart, at - 1) });
    }
    start = at + 1;
  }
  return fields;
}

/** RFC 7578: parts between delimiters. A part goes with the delimiter before it. */
function multipartFields(window: Buffer, boundary: string, name: string): Found[] {
  const fields: Found[] = [];
  const delimiter = Buffer.from(`--${boundary}`, 'latin1');
  const between = Buffer.from(`\r\n--${boundary}`, 'latin1');
  let start = window.subarray(0, delimiter.length).equals(delimiter) ? 0 : next(window, between, 0);
  while (start >= 0) {
    const headStart = start + delimiter.length;
    if (window[headStart] !== CR || window[headStart + 1] !== LF) break; // `--` closes; anything else is no part
    const headEnd = window.indexOf('\r\n\r\n', headStart, 'latin1');
    if (headEnd < 0 || headEnd - headStart > MAX_PART_HEAD_BYTES) break;
    const end = next(window, between, headEnd + 2);
    if (end < 0) break;
    if (fieldNameOf(window.toString('latin1', headStart + 2, headEnd)) === name) {
      fields.push({ start, end, value: window.toString('latin1', headEnd + 4, end - 2) });
    }
    start = end;
  }
  return fields;
}

/** Where the next delimiter line begins, behind its CR LF; -1 for none. `--B` in front of more characters is content. */
function next(window: Buffer, between: Buffer, from: number): number {
  for (let at = from; ; at += 2) {
    at = window.indexOf(between, at);
    if (at < 0) return -1;
    const behind = window[at + between.length];
    if (behind === undefined || behind === CR || behind === 0x2d || behind === 0x20 || behind === 0x09) return at + 2;
  }
}

/** The `name` of a part's Content-Disposition; null for a file or another kind of part. */
function fieldNameOf(head: string): string | null {
  for (const line of head.split('\r\n')) {
    const colon = line.indexOf(':');
    if (line.slice(0, colon).trim().toLowerCase() !== 'content-disposition') continue;
    return parameter(line, 'filename') === null ? parameter(line, 'name') : null;
  }
  return null;
}

/** One parameter of a field value; quoted-string or token (RFC 9110 §5.6.6). Null for none. */
function parameter(value: string, name: string): string | null {
  let at = value.indexOf(';');
  while (at >= 0) {
    const equals = value.indexOf('=', at);
    if (equals < 0) return null;
    const key = value
      .slice(at + 1, equals)
      .trim()
      .toLowerCase();
    let from = equals + 1;
    while (value[from] === ' ') from += 1;
    let text = '';
    if (value[from] === '"') {
      for (from += 1; from < value.length && value[from] !== '"'; from += 1) {
        // Browsers write %22 for a quote; old clients escape it with a backslash.
        if (value[from] === '\\' && from + 1 < value.length) from += 1;
        text += value[from];
      }
    } else {
      const end = value.indexOf(';', from);
      text = value.slice(from, end < 0 ? value.length : end).trim();
    }
    if (key === name) return text;
    at = value.indexOf(';', from);
  }
  return null;
}
