/**
 * Is this page's markup ASCII-compatible, so that a byte scanner sees the tags that a browser sees?
 *
 * BOM, then the charset of Content-Type, then the first 1,024 bytes by HTML §13.2.3.2 (prescan a byte stream) or an XML
 * declaration. UTF-16, UTF-32, UTF-7 and the stateful charsets (ISO-2022-*, HZ) are not: their pages pass untouched.
 * Everything else is, unknown labels too, which browsers read as windows-1252. Nothing is ever decoded.
 *
 * Browsers do not agree on which meta counts: some prescan bytes, Chromium looks for tags, and decodes their attributes. A meta that
 * only some of them see settles nothing, unless it says a charset that is not compatible.
 */
import { decodeAttributeValue } from '../html/character-references.ts';
import { LIMITS } from '../limits.ts';

export type CharsetVerdict = 'compatible' | 'incompatible' | 'undecided';

const INCOMPATIBLE =
  /^(?:utf-?16|utf-?32|utf-?7|ucs-?[24]|iso-?10646|unicode(?:fe?ff[ef]?|fffe)?$|csunicode|iso-?2022|csiso2022|hz-?gb|replacement$)/;
/**
 * Labels that need no look at the page: the declared charset wins over any meta element. Only those that browsers know (Encoding
 * §4.2), whole: `utf8mb4` is none, and then a meta element counts.
 */
const COMMON = new RegExp(
  `^(?:${[
    'utf-?8|(?:us-)?ascii|macintosh|tis-620|koi8-[ru]|euc-(?:jp|kr)|gb(?:k|2312|18030)|big5(?:-hkscs)?|shift[_-]jis|sjis',
    'iso-8859-(?:[1-9]|1[013-6]|8-[ei])|iso8859-(?:[1-9]|1[01345])|iso_8859-[1-9]',
    'windows-(?:125[0-8]|874|949|31j)|cp(?:125[0-8]|819|866)',
  ].join('|')})$`,
);

/** Judge a label as browsers compare it: ASCII case and surrounding white space do not matter. */
export function judgeLabel(label: string): CharsetVerdict {
  const plain = label.trim().toLowerCase();
  if (INCOMPATIBLE.test(plain)) return 'incompatible';
  return COMMON.test(plain) ? 'compatible' : 'undecided';
}

/**
 * Judge a page by its declared charset (of Content-Type; null for none) and its first bytes. 'undecided' asks for more
 * bytes, at most `LIMITS.maxCharsetPrescanBytes` in all; never with `isLast`.
 */
export function judgeCharset(declared: string | null, head: Buffer, isLast: boolean): CharsetVerdict {
  if (head.length < UTF8_BOM_BYTES && !isLast) return 'undecided';
  if (hasUtf8Bom(head)) return 'compatible';
  if ((head[0] === 0xfe && head[1] === 0xff) || (head[0] === 0xff && head[1] === 0xfe)) return 'incompatible';
  // UTF-16 without a BOM: `<` beside a NUL. Browsers take an XML declaration of this form for UTF-16, and no other page starts so.
  if ((head[0] === 0x3c && head[1] === 0) || (head[0] === 0 && head[1] === 0x3c)) return 'incompatible';
  const byField = declared === null ? 'undecided' : judgeLabel(declared);
  if (byField !== 'undecided') return byField;
  const isWhole = isLast || head.length >= LIMITS.maxCharsetPrescanBytes;
  const text = head.toString('latin1', 0, LIMITS.maxCharsetPrescanBytes);
  const verdict = isDeclaredIncompatible(text) ? 'incompatible' : prescan(text);
  return verdict === 'undecided' && isWhole ? 'compatible' : verdict;
}

export const UTF8_BOM_BYTES = 3;

/** It settles the charset, whatever a field or a meta element says. */
export function hasUtf8Bom(head: Buffer): boolean {
  return head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf;
}

/**
 * A label that the page itself says. A page that could be read so far to find `utf-16` is not UTF-16: the prescan then means
 * UTF-8 (HTML §13.2.3.2). What only looks like such a label is none.
 */
function judgeInMarkup(label: string): CharsetVerdict {
  const plain = label.trim().toLowerCase();
  if (UTF16.test(plain)) return 'compatible';
  return LIKE_UTF16.test(plain) ? 'undecided' : judgeLabel(plain);
}

/**
 * What a meta element says of the charset by its decoded attributes (null for none). For those behind the prescan: browsers heed
 * the first, too, Chromium as long as the head goes on.
 */
export function judgeMetaElement(
  charset: string | null,
  httpEquiv: string | null,
  content: string | null,
): CharsetVerdict {
  const isPragma = httpEquiv?.toLowerCase() === 'content-type';
  return judgeLabels(charset === null ? [] : [charset], isPragma ? charsetsInContent(content ?? '') : []);
}

const UTF16 = /^(?:utf-16(?:le|be)?|unicode(?:feff|fffe)?|ucs-2|iso-10646-ucs-2|csunicode)$/;
const LIKE_UTF16 = /^(?:utf-?16|unicode|ucs-2|iso-10646-ucs-2|csunicode)/;

/** "Get an XML encoding" of the prescan, for which the first `>` ends the declaration; any label of it counts. */
function isDeclaredIncompatible(text: string): boolean {
  const end = text.startsWith('<?xml') ? text.indexOf('>') : -1;
  if (end < 0) return false;
  const labels = [...text.slice(0, end).matchAll(XML_ENCODING)].map((match) => match[1] ?? match[2] ?? '');
  return labels.some((label) => judgeInMarkup(label) === 'incompatible');
}

const XML_ENCODING = /encoding[\0-\x20]*=[\0-\x20]*(?:"([^"]*)"|'([^']*)')/g;

/** HTML §13.2.3.2: by the first meta element that names a charset, comments and other tags stepped over. */
function prescan(text: string): CharsetVerdict {
  let at = 0;
  /** Where the content of an element ends in which Chromium sees no tags. */
  let rawEnd = 0;
  for (;;) {
    at = text.indexOf('<', at);
    if (at < 0) return 'undecided';
    const next = text.charCodeAt(at + 1) | 0x20;
    if (text.startsWith('<!--', at)) {
      const end = text.indexOf('-->', at + 2);
      at = commentEnd(text, at);
      if (at < 0) return 'undecided';
      // Until its other end some browsers still see the comment.
      rawEnd = Math.max(rawEnd, end < 0 ? text.length : end);
    } else if (next === 0x6d && /^<meta[\t\n\f\r /]/i.test(text.slice(at, at + 6))) {
      const isDoubtful = at < rawEnd;
      const attributes: Attribute[] = [];
      at = readAttributes(text, at + 5, attributes);
      if (at < 0) return 'undecided';
      const verdict = judgeMeta(attributes);
      if (verdict === 'incompatible' || (verdict === 'compatible' && !isDoubtful)) return verdict;
    } else if (isLetter(next) || (text[at + 1] === '/' && isLetter(text.charCodeAt(at + 2) | 0x20))) {
      const raw = RAW_TEXT.exec(text.slice(at, at + MAX_RAW_NAME))?.[1];
      at = readAttributes(text, skipName(text, at + 1), null);
      if (at < 0) return 'undecided';
      if (raw !== undefined && at > rawEnd) rawEnd = endOf(raw, text, at);
    } else if ('!/?'.includes(text.charAt(at + 1) || ' ')) {
      const end = text.indexOf('>', at);
      if (end < 0) return 'undecided';
      at = end + 1;
    } else at += 1;
  }
}

const RAW_TEXT = /^<(title|textarea|style|script|xmp|iframe|noembed|noframes|noscript|plaintext)[\t\n\f\r />]/i;
const MAX_RAW_NAME = '<plaintext>'.length;

/** Where the end tag of an element stands, or the text ends. */
function endOf(name: string, text: string, from: number): number {
  const end = new RegExp(`</${name}[\\t\\n\\f\\r />]`, 'gi');
  end.lastIndex = from;
  return end.exec(text)?.index ?? text.length;
}

/** Behind a comment, -1 when the text ends first. The prescan of the standard does not know `--!>`, the tokenizer does. */
function commentEnd(text: string, at: number): number {
  COMMENT_END.lastIndex = at + 2;
  return COMMENT_END.test(text) ? COMMENT_END.lastIndex : -1;
}

const COMMENT_END = /--!?>/g;

/** `code`: with the bit set that tells small letters from large ones. */
function isLetter(code: number): boolean {
  return code >= 0x61 && code <= 0x7a;
}

type Attribute = readonly [name: string, value: string];

/** By all that a meta element says: which of it counts hangs on the order of its attributes, and on the browser. */
function judgeMeta(attributes: readonly Attribute[]): CharsetVerdict {
  const isPragma = spellings(attributes, 'http-equiv').some((value) => value.toLowerCase() === 'content-type');
  const contents = isPragma ? spellings(attributes, 'content') : [];
  return judgeLabels(spellings(attributes, 'charset'), contents.flatMap(charsetsInContent));
}

/**
 * One that is not compatible counts more than any other. The labels in the content say nothing beside others, not even beside one
 * that nobody knows: to the standard such an element names no charset.
 */
function judgeLabels(ofCharset: readonly string[], ofContent: readonly string[]): CharsetVerdict {
  if ([...ofCharset, ...ofContent].some((label) => judgeInMarkup(label) === 'incompatible')) return 'incompatible';
  const labels = ofCharset.length > 0 ? ofCharset : ofContent;
  const isKnown = labels.length > 0 && labels.every((label) => judgeInMarkup(label) === 'compatible');
  return isKnown ? 'compatible' : 'undecided';
}

/** The values of all attributes of the name, as they stand and decoded. */
function spellings(attributes: readonly Attribute[], wanted: string): string[] {
  const found: string[] = [];
  for (const [name, value] of attributes) {
    if (name !== wanted) continue;
    found.push(value);
    if (value.includes('&')) found.push(decodeAttributeValue(value).text);
  }
  return found;
}

/**
 * HTML §2.5.5, extracting a character encoding from a meta element; '' for none. Twice: Chromium takes all control characters
 * for white space there.
 */
function charsetsInContent(content: string): string[] {
  return [CHARSET_IN_CONTENT, CHARSET_FOR_CHROMIUM].map((pattern) => {
    const match = pattern.exec(content);
    return match?.[1] ?? match?.[2] ?? match?.[3] ?? '';
  });
}

const CHARSET_IN_CONTENT = /charset[\t\n\f\r ]*=[\t\n\f\r ]*(?:"([^"]*)"|'([^']*)'|([^\t\n\f\r ;"']+))/i;
const CHARSET_FOR_CHROMIUM = /charset[\0-\x20]*=[\0-\x20]*(?:"([^"]*)"|'([^']*)'|([^\0-\x20;"']+))/i;

function skipName(text: string, from: number): number {
  let at = from;
  while (at < text.length && !'\t\n\f\r >'.includes(text.charAt(at))) at += 1;
  return at;
}

const ATTRIBUTE =
  /[\t\n\f\r /]*(?:(>)|([^\t\n\f\r />=][^\t\n\f\r />=]*)[\t\n\f\r ]*(?:=[\t\n\f\r ]*(?:"([^"]*)"|'([^']*)'|(["'])|([^\t\n\f\r >"'][^\t\n\f\r >]*)?))?|=)/y;

/** "Get an attribute" of the prescan, until the tag ends: returns where, -1 when the text ends first. */
function readAttributes(text: string, from: number, attributes: Attribute[] | null): number {
  // Most tags have none.
  if (text.charCodeAt(from) === 0x3e) return from + 1;
  ATTRIBUTE.lastIndex = from;
  for (;;) {
    const match = ATTRIBUTE.exec(text);
    if (match === null) return -1;
    const [, end, name, double, single, openQuote, plain] = match;
    if (end !== undefined) return ATTRIBUTE.lastIndex;
    if (openQuote !== undefined) return -1;
    if (name !== undefined) attributes?.push([name.toLowerCase(), double ?? single ?? plain ?? '']);
  }
}
