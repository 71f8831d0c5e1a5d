/**
 * Character references of attribute values, decoded only as far as a URL can tell the difference (HTML §13.2.5.72 ff.).
 *
 * Input is the latin1 view of the page's bytes, so offsets are byte offsets. Every named reference that decodes to ASCII
 * is in the table below; the other 2,076 decode to characters above U+007F, which belong to no scheme, separator or host
 * of ours. So each becomes U+FFFD, as does `&nosuch;`, which a browser would take for text. A test holds the table against
 * the whole list of HTML.
 */

/** Named references whose text has an ASCII character, without the `;` [HTML §13.5]. */
const ASCII_REFERENCES: ReadonlyMap<string, string> = new Map([
  ...Object.entries({ amp: '&', AMP: '&', lt: '<', LT: '<', gt: '>', GT: '>', quot: '"', QUOT: '"', apos: "'" }),
  ...Object.entries({ Tab: '\t', NewLine: '\n', excl: '!', num: '#', dollar: '$', percnt: '%', lpar: '(', rpar: ')' }),
  ...Object.entries({ ast: '*', midast: '*', plus: '+', comma: ',', period: '.', sol: '/', colon: ':', semi: ';' }),
  ...Object.entries({
    equals: '=',
    quest: '?',
    commat: '@',
    lsqb: '[',
    lbrack: '[',
    bsol: '\\',
    rsqb: ']',
    rbrack: ']',
  }),
  ...Object.entries({
    Hat: '^',
    lowbar: '_',
    UnderBar: '_',
    grave: '`',
    DiacriticalGrave: '`',
    lcub: '{',
    lbrace: '{',
  }),
  ...Object.entries({ verbar: '|', vert: '|', VerticalLine: '|', rcub: '}', rbrace: '}', fjlig: 'fj' }),
  ...Object.entries({ bne: '=\u{FFFD}', nvlt: '<\u{FFFD}', nvgt: '>\u{FFFD}' }),
]);

/** The names that HTML also takes without the `;`. */
const LEGACY: ReadonlySet<string> = new Set(
  (
    'AElig Aacute Acirc Agrave Aring Atilde Auml COPY Ccedil ETH Eacute Ecirc Egrave Euml Iacute Icirc Igrave Iuml ' +
    'Ntilde Oacute Ocirc Ograve Oslash Otilde Ouml REG THORN Uacute Ucirc Ugrave Uuml Yacute aacute acirc acute aelig ' +
    'agrave aring atilde auml brvbar ccedil cedil cent copy curren deg divide eacute ecirc egrave eth euml frac12 ' +
    'frac14 frac34 iacute icirc iexcl igrave iquest iuml laquo macr micro middot nbsp not ntilde oacute ocirc ograve ' +
    'ordf ordm oslash otilde ouml para plusmn pound raquo reg sect shy sup1 sup2 sup3 szlig thorn times uacute ucirc ' +
    'ugrave uml uuml yacute yen yuml ' +
    'amp AMP lt LT gt GT quot QUOT'
  ).split(' '),
);

const NOT_ASCII = '\u{FFFD}';

/** A decoded value and where each of its characters stands in the source. */
export interface DecodedValue {
  readonly text: string;
  /** Source offset of each character, and of the end, so one longer than `text`; null where both are the same. */
  readonly offsets: readonly number[] | null;
}

/**
 * In XML a reference has its `;`, always; HTML's rules for attribute values allow some without. What a name stands for is up to a DTD
 * there, which a browser may know by heart, read or pass over: only XML's own five mean the same to all.
 */
export type ReferenceSyntax = 'html' | 'xml';

/** Stands for a value of XML that holds a reference of which nobody knows what it means: as a URL it leads nowhere. */
export const UNREADABLE = 'unreadable:';
const OF_A_DTD = /&(?!(?:amp|lt|gt|quot|apos|#[0-9]+|#x[0-9a-fA-F]+);)[^\s&;<"']+;/;

/** Decode the source of an attribute value, quotes not included. Never throws; linear in the length. */
export function decodeAttributeValue(source: string, syntax: ReferenceSyntax = 'html'): DecodedValue {
  let ampersand = source.indexOf('&');
  if (syntax === 'xml' && ampersand >= 0 && OF_A_DTD.test(source)) return { text: UNREADABLE, offsets: null };
  const clean = syntax === 'html' ? withoutNul(source) : source.replace(TAB_OR_NEWLINE, ' ');
  if (ampersand < 0) return { text: clean, offsets: null };
  let text = '';
  const offsets: number[] = [];
  let from = 0;
  while (ampersand >= 0) {
    const reference = referenceAt(clean, ampersand, syntax);
    if (reference !== null) {
      text += clean.slice(from, ampersand);
      for (let at = from; at < ampersand; at++) offsets.push(at);
      text += reference.text;
      for (let i = 0; i < reference.text.length; i++) offsets.push(ampersand);
      from = reference.end;
    }
    ampersand = clean.indexOf('&', reference === null ? ampersand + 1 : reference.end);
  }
  text += clean.slice(from);
  for (let at = from; at <= clean.length; at++) offsets.push(at);
  return { text, offsets };
}

/** The tokenizer turns NUL into U+FFFD, so it is not among the control characters that a URL parser strips. */
function withoutNul(source: string): string {
  return source.includes('\0') ? source.replaceAll('\0', NOT_ASCII) : source;
}

/** XML §3.3.3: each is a space, which a URL parser does not take away. */
const TAB_OR_NEWLINE = /[\t\n\r]/g;

const LETTER_OR_DIGIT = /[A-Za-z0-9]/;
const NUMERIC = /&#(?:[xX]([0-9a-fA-F]+)|([0-9]+))(;?)/y;
const NAMED = /&([A-Za-z][A-Za-z0-9]*)(;?)/y;

/** The reference that starts with the `&` at `at`, or null if a browser takes the `&` for itself. */
function referenceAt(source: string, at: number, syntax: ReferenceSyntax): { text: string; end: number } | null {
  NUMERIC.lastIndex = at;
  const numeric = NUMERIC.exec(source);
  if (numeric !== null) {
    if (syntax === 'xml' && numeric[3] === '') return null;
    const code = numeric[1] === undefined ? Number.parseInt(numeric[2] ?? '', 10) : Number.parseInt(numeric[1], 16);
    // NUL and all above ASCII, surrogates and nonsense included, end up above U+007F (HTML §13.2.5.80).
    return { text: code > 0 && code < 0x80 ? String.fromCharCode(code) : NOT_ASCII, end: NUMERIC.lastIndex };
  }
  NAMED.lastIndex = at;
  const named = NAMED.exec(source);
  const name = named?.[1];
  if (name === undefined) return null;
  if (named?.[2] === ';') {
    return { text: ASCII_REFERENCES.get(name) ?? NOT_ASCII, end: NAMED.lastIndex };
  }
  // "If the next character is = or alphanumeric, the & is itself" (HTML §13.2.5.73); the run has eaten all of those but =.
  if (syntax === 'xml' || !LEGACY.has(name) || source[NAMED.lastIndex] === '=') return null;
  return { text: ASCII_REFERENCES.get(name) ?? NOT_ASCII, end: NAMED.lastIndex };
}

/** The source of an ASCII text within an attribute value, safe in either quotes and, with `isUnquoted`, without any. */
export function escapeAttributeText(text: string, isUnquoted = false): string {
  return text.replace(isUnquoted ? UNSAFE_UNQUOTED : UNSAFE_QUOTED, (char) => `&#${char.charCodeAt(0)};`);
}

const UNSAFE_QUOTED = /["'<>&]/g;
// Not `\s`: U+00A0 may be a byte of another character.
const UNSAFE_UNQUOTED = /["'<>&=`\t\n\v\f\r ]/g;

/**
 * True if `source` ends in a reference that lacks its `;`, which a `;`, `=`, letter or digit behind it would change
 * or undo.
 */
export function endsInOpenReference(source: string): boolean {
  const ampersand = source.lastIndexOf('&');
  if (ampersand < 0) return false;
  for (let at = ampersand + 1; at < source.length; at++) {
    const char = source[at] ?? '';
    if (!LETTER_OR_DIGIT.test(char) && !(char === '#' && at === ampersand + 1)) return false;
  }
  return source.length > ampersand + 1;
}
