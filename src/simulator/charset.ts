/**
 * Bytes to text and back, as HTML does it: the charset of a page (§13.2.3) and the encoding of form data (§4.10.21.5).
 *
 * Deviations: no guessing from the language of the text; a page without any label is windows-1252. Node decodes neither what
 * browsers have beyond Big5 and EUC-KR (HKSCS, the further syllables of windows-949) nor ISO-8859-16 and x-user-defined.
 */

import { declaration, prescan } from './prescan.ts';

/** A page's text and the charset (as the Encoding standard names it) that it was read with. */
export interface Decoded {
  readonly text: string;
  readonly charset: string;
}

/** BOM, then the Content-Type's charset, then what the page says itself, then that of its type. */
export function decodePage(bytes: Buffer, contentType: string | null): Decoded {
  const type = contentType ?? '';
  const charset =
    byBom(bytes) ??
    known(/;\s*charset=\s*"?([^\s";]+)/i.exec(type)?.[1]) ??
    (UTF8_TYPE.test(type) ? (known(declaration(bytes) ?? undefined) ?? 'utf-8') : (byMarkup(bytes) ?? 'windows-1252'));
  return { text: decode(bytes, charset), charset };
}

/** XML §4.3.3 and RFC 8259 §8.1: no `meta` is looked for. */
const UTF8_TYPE = /^[^;]*(?:[/+](?:xml|json)|\/vnd\.wap\.wml)\s*(?:;|$)/i;

/** The Encoding standard's name for a label, null for an unknown one. */
export function known(label: string | undefined): string | null {
  if (label === undefined) return null;
  try {
    return new TextDecoder(label.trim()).encoding;
  } catch {
    return null;
  }
}

/**
 * Text to bytes in a form's charset; what the charset cannot say becomes `&#NNN;` (Encoding §4.3, error mode "html"), or what
 * `unsaid` makes of its code point. UTF-16 becomes UTF-8 (Encoding §4.3, "get an output encoding").
 */
export function encodeText(
  text: string,
  charset: string,
  unsaid: (code: number) => string = (code) => `&#${code};`,
): Buffer {
  const wellFormed = text.replace(/\p{Surrogate}/gu, '\ufffd');
  if (charset === 'utf-8' || charset.startsWith('utf-16') || charset === 'replacement')
    return Buffer.from(wellFormed, 'utf8');
  if (charset === 'iso-2022-jp') return encodeIso2022Jp(wellFormed, unsaid);
  const table = encoderTable(charset);
  const parts: Buffer[] = [];
  for (const char of wellFormed) {
    const code = char.codePointAt(0) ?? 0;
    if (code < 0x80) parts.push(Buffer.from([code]));
    else if (charset === 'gb18030' && code > 0xffff) parts.push(fourBytes(SUPPLEMENTARY + code - 0x10000));
    else parts.push(table.get(char) ?? Buffer.from(unsaid(code), 'latin1'));
  }
  return Buffer.concat(parts);
}

// ---------------------------------------------------------------------------------------------------------------------

function byBom(bytes: Buffer): string | null {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return 'utf-8';
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return 'utf-16be';
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le';
  return null;
}

/** UTF-16 there means UTF-8, and x-user-defined windows-1252 (HTML §13.2.3.2). */
function byMarkup(bytes: Buffer): string | null {
  const label = prescan(bytes, (each) => isUserDefined(each) || known(each) !== null);
  if (label === null) return null;
  const charset = isUserDefined(label) ? 'windows-1252' : known(label);
  return charset?.startsWith('utf-16') ? 'utf-8' : charset;
}

function isUserDefined(label: string): boolean {
  return label.trim().toLowerCase() === 'x-user-defined';
}

/** 0x80 to 0x9F of windows-1252: Node 20's TextDecoder reads that label as ISO 8859-1. */
const WINDOWS_1252_C1 = '€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ';

function decode(bytes: Buffer, charset: string): string {
  if (charset !== 'windows-1252') return decoderOf(charset).decode(bytes);
  return bytes.toString('latin1').replace(/[\x80-\x9f]/g, (char) => WINDOWS_1252_C1[char.charCodeAt(0) - 0x80] ?? char);
}

/** Encoding §10.1.1: GBK is read as gb18030, which Node does not do by itself. */
function decoderOf(charset: string) {
  return new TextDecoder(charset === 'gbk' ? 'gb18030' : charset);
}

const encoderTables = new Map<string, ReadonlyMap<string, Buffer>>();

/** Six characters that stand twice in Big5: the last place counts (Encoding §5). */
const BIG5_LAST = new Set('═╞╡╪十卅');
/** What Shift_JIS and EUC-JP write as ASCII (Encoding §13.1.2, §13.3.2). */
const ASCII_LOOKALIKES = [
  ['¥', '\\'],
  ['‾', '~'],
] as const;

/**
 * Character → bytes, found by decoding every sequence of one and two bytes; the first one wins. The Encoding standard's
 * encoders skip Big5 below lead 0xA1 (§5, "index Big5 pointer"), Shift_JIS's doubled leads 0xED and 0xEE (§5) and its
 * private ones from 0xF0 on, and U+E5E5 (§10.2.2).
 */
function encoderTable(charset: string): ReadonlyMap<string, Buffer> {
  const cached = encoderTables.get(charset);
  if (cached !== undefined) return cached;
  const table = new Map<string, Buffer>();
  const decoder = charset === 'windows-1252' ? null : decoderOf(charset);
  const add = (bytes: Buffer): void => {
    const text = decoder === null ? decode(bytes, charset) : decoder.decode(bytes);
    if (text.includes('\ufffd') || [...text].length !== 1 || (text.codePointAt(0) ?? 0) < 0x80 || text === '\ue5e5')
      return;
    if (!table.has(text) || (charset === 'big5' && BIG5_LAST.has(text))) table.set(text, bytes);
  };
  for (const [from, to] of ASCII_LOOKALIKES)
    if (/^(?:shift_jis|euc-jp)$/.test(charset)) table.set(from, Buffer.from(to));
  // A lone 0x80 is the euro sign of GBK, which gb18030 only reads.
  for (let lead = charset === 'gb18030' ? 0x81 : 0x80; lead <= 0xff; lead++) add(Buffer.from([lead]));
  if (/^(?:big5|euc-jp|euc-kr|shift_jis|gbk|gb18030)$/.test(charset)) {
    for (let lead = charset === 'big5' ? 0xa1 : 0x81; lead <= 0xfe; lead++) {
      if (charset === 'shift_jis' && (lead === 0xed || lead === 0xee || (lead >= 0xf0 && lead <= 0xf9))) continue;
      for (let trail = 0x40; trail <= 0xfe; trail++) add(Buffer.from([lead, trail]));
    }
  }
  if (charset === 'gb18030') for (let pointer = 0; pointer < BMP_POINTERS; pointer++) add(fourBytes(pointer));
  // Encoding §13.1.2, §13.3.2: the minus sign is written as its full-width form.
  const minus = /^(?:shift_jis|euc-jp)$/.test(charset) ? table.get('\uff0d') : undefined;
  if (minus !== undefined) table.set('\u2212', minus);
  encoderTables.set(charset, table);
  return table;
}

/** Of the gb18030 sequences of four bytes: those up to U+FFFF, and where those above begin (Encoding §5). */
const BMP_POINTERS = 39_420;
const SUPPLEMENTARY = 189_000;

function fourBytes(pointer: number): Buffer {
  const [first, rest] = [Math.floor(pointer / 12_600), pointer % 12_600];
  const [second, third] = [Math.floor(rest / 1260), Math.floor((rest % 1260) / 10)];
  return Buffer.from([0x81 + first, 0x30 + second, 0x81 + third, 0x30 + (rest % 10)]);
}

/** Encoding §13.2.2 for the two sets that forms need: ASCII and JIS X 0208, the latter by way of EUC-JP. */
function encodeIso2022Jp(text: string, unsaid: (code: number) => string): Buffer {
  const euc = encoderTable('euc-jp');
  const bytes: number[] = [];
  let inJis = false;
  const shift = (toJis: boolean): void => {
    if (toJis !== inJis) bytes.push(0x1b, ...(toJis ? [0x24, 0x42] : [0x28, 0x42]));
    inJis = toJis;
  };
  for (const char of text) {
    const pair = euc.get(char);
    if (pair?.length === 2 && pair[0]! >= 0xa1) {
      shift(true);
      bytes.push(pair[0]! & 0x7f, pair[1]! & 0x7f);
      continue;
    }
    shift(false);
    const code = char.codePointAt(0) ?? 0;
    bytes.push(...Buffer.from(code < 0x80 ? char : unsaid(code), 'latin1'));
  }
  shift(false);
  return Buffer.from(bytes);
}
