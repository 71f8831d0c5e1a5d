/**
 * Names and values of rewriting variables as PHP writes them into URLs and into hidden fields [PHP 4].
 *
 * Input is text or bytes; all results are byte strings (one character a byte, as `latin1` gives them).
 */

/** A name or a value: text goes out as UTF-8, bytes as they are. */
export type PhpText = string | Uint8Array;
export type PhpVariable = readonly [name: PhpText, value: PhpText];

/** `name=value` for each variable, percent-encoded, joined with the separator (a byte string), in the given order [PHP 4.1, 4.4]. */
export function encodePhpPairs(variables: readonly PhpVariable[], separator: string): string {
  return variables.map(([name, value]) => `${encodePhpUrlText(name)}=${encodePhpUrlText(value)}`).join(separator);
}

/** One hidden field for each variable, nothing between them [PHP 4.4, 7.1]. */
export function encodePhpFields(variables: readonly PhpVariable[]): string {
  return variables
    .map(([name, value]) => `<input type="hidden" name="${escapePhpHtml(name)}" value="${escapePhpHtml(value)}" />`)
    .join('');
}

/** PHP's `rawurlencode`: all but `A-Za-z0-9-_.~` as `%XX`, upper case. */
function encodePhpUrlText(text: PhpText): string {
  let out = '';
  for (const byte of bytesOf(text)) {
    const character = String.fromCharCode(byte);
    out += /[A-Za-z0-9\-_.~]/.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return out;
}

/**
 * PHP's `htmlspecialchars` with ENT_QUOTES and ENT_SUBSTITUTE and without double encoding: what is a reference already
 * stays one [PHP 4.2, 4.3].
 */
export function escapePhpHtml(text: PhpText): string {
  const bytes = bytesOf(text);
  const source = bytes.toString('latin1');
  let out = '';
  for (let at = 0; at < bytes.length; ) {
    if ((bytes[at] ?? 0) >= 0x80) {
      const length = sequenceLength(bytes, at);
      out += length > 0 ? source.slice(at, at + length) : REPLACEMENT;
      at += Math.abs(length);
      continue;
    }
    const character = source.charAt(at);
    const reference = character === '&' ? referenceAt(source, at) : '';
    out += reference || (ESCAPES.get(character) ?? character);
    at += reference.length || 1;
  }
  return out;
}

function bytesOf(text: PhpText): Buffer {
  return typeof text === 'string' ? Buffer.from(text, 'utf8') : Buffer.from(text.buffer, text.byteOffset, text.length);
}

/** U+FFFD in UTF-8, as a byte string. */
const REPLACEMENT = '\xef\xbf\xbd';

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['&', '&amp;'],
  ['"', '&quot;'],
  ["'", '&#039;'],
  ['<', '&lt;'],
  ['>', '&gt;'],
]);

const MAX_CODE_POINT = 0x10ffff;
const NUMERIC = /&#(?:[xX]([0-9A-Fa-f]+)|([0-9]+));/y;
const NAMED = /&([A-Za-z0-9]+);/y;

/** The whole character reference at `at`, '' if none is there that PHP knows. */
function referenceAt(source: string, at: number): string {
  NUMERIC.lastIndex = at;
  const numeric = NUMERIC.exec(source);
  if (numeric) {
    const code = numeric[1] === undefined ? Number(numeric[2]) : Number.parseInt(numeric[1], 16);
    return code <= MAX_CODE_POINT ? numeric[0] : '';
  }
  NAMED.lastIndex = at;
  const named = NAMED.exec(source);
  return named?.[1] !== undefined && HTML_4_ENTITIES.has(named[1]) ? named[0] : '';
}

/**
 * The length of the UTF-8 sequence at `at`; for a broken one, minus the number of bytes that one U+FFFD stands for: up
 * to a byte that could begin a character, which is never swallowed (UTR #36, §3.6.1).
 */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const lead = bytes[at] ?? 0;
  if (lead < 0xc2 || lead > 0xf4) return -1;
  const wanted = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  let isWhole = true;
  for (let index = 1; index < wanted; index++) {
    const byte = bytes[at + index];
    if (byte === undefined || mayBeginCharacter(byte)) return -index;
    if (byte > 0xbf) isWhole = false;
  }
  return isWhole && isAllowed(lead, bytes[at + 1] ?? 0) ? wanted : -wanted;
}

function mayBeginCharacter(byte: number): boolean {
  return byte < 0x80 || (byte >= 0xc2 && byte <= 0xf4);
}

/** No overlong forms, no surrogates, nothing above U+10FFFF: the second byte tells (Unicode, table 3-7). */
function isAllowed(lead: number, second: number): boolean {
  if (lead === 0xe0) return second >= 0xa0;
  if (lead === 0xed) return second <= 0x9f;
  if (lead === 0xf0) return second >= 0x90;
  if (lead === 0xf4) return second <= 0x8f;
  return true;
}

/** The character entity references of HTML 4.01 (its DTD's HTMLlat1, HTMLsymbol and HTMLspecial). */
const HTML_4_ENTITIES: ReadonlySet<string> = new Set(
  (
    'AElig Aacute Acirc Agrave Alpha Aring Atilde Auml Beta Ccedil Chi Dagger Delta ETH Eacute Ecirc Egrave Epsilon ' +
    'Eta Euml Gamma Iacute Icirc Igrave Iota Iuml Kappa Lambda Mu Ntilde Nu OElig Oacute Ocirc Ograve Omega Omicron ' +
    'Oslash Otilde Ouml Phi Pi Prime Psi Rho Scaron Sigma THORN Tau Theta Uacute Ucirc Ugrave Upsilon Uuml Xi ' +
    'Yacute Yuml Zeta aacute acirc acute aelig agrave alefsym alpha amp and ang aring asymp atilde auml bdquo beta ' +
    'brvbar bull cap ccedil cedil cent chi circ clubs cong copy crarr cup curren dArr dagger darr deg delta diams ' +
    'divide eacute ecirc egrave empty emsp ensp epsilon equiv eta eth euml euro exist fnof forall frac12 frac14 ' +
    'frac34 frasl gamma ge gt hArr harr hearts hellip iacute icirc iexcl igrave image infin int iota iquest isin ' +
    'iuml kappa lArr lambda lang laquo larr lceil ldquo le lfloor lowast loz lrm lsaquo lsquo lt macr mdash micro ' +
    'middot minus mu nabla nbsp ndash ne ni not notin nsub ntilde nu oacute ocirc oelig ograve oline omega omicron ' +
    'oplus or ordf ordm oslash otilde otimes ouml para part permil perp phi pi piv plusmn pound prime prod prop psi ' +
    'quot rArr radic rang raquo rarr rceil rdquo real reg rfloor rho rlm rsaquo rsquo sbquo scaron sdot sect shy ' +
    'sigma sigmaf sim spades sub sube sum sup sup1 sup2 sup3 supe szlig tau there4 theta thetasym thinsp thorn ' +
    'tilde times trade uArr uacute uarr ucirc ugrave uml upsih upsilon uuml weierp xi yacute yen yuml zeta zwj zwnj'
  ).split(' '),
);
