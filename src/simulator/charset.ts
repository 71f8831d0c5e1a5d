/**
 * Bytes to text and back, as HTML does it: the charset of a page (§13.2.3) and the encoding of form data (§4.10.21.5).
 *
 * Deviation: no guessing from the language of the text; a page without any label is windows-1252.
 */

/** A page's text and the charset (as the Encoding standard names it) that it was read with. */
export interface Decoded {
  readonly text: string;
  readonly charset: string;
}

const PRESCAN_BYTES = 1024;

/** BOM, then the Content-Type's charset, then `<meta>` in the first 1,024 bytes, then windows-1252. */
export function decodePage(bytes: Buffer, contentType: string | null): Decoded {
  const charset =
    byBom(bytes) ?? known(/;\s*charset\s*=\s*"?([^\s";]+)/i.exec(contentType ?? '')?.[1]) ?? prescan(bytes);
  return { text: decode(bytes, charset ?? 'windows-1252'), charset: charset ?? 'windows-1252' };
}

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
 * Text to bytes in a form's charset; what the charset cannot say becomes `&#NNN;` (Encoding §4.3, error mode "html").
 * UTF-16 becomes UTF-8 (Encoding §4.3, "get an output encoding").
 */
export function encodeText(text: string, charset: string): Buffer {
  const wellFormed = text.replace(/\p{Surrogate}/gu, '\ufffd');
  if (charset === 'utf-8' || charset.startsWith('utf-16') || charset === 'replacement')
    return Buffer.from(wellFormed, 'utf8');
  if (charset === 'iso-2022-jp') return encodeIso2022Jp(wellFormed);
  const table = encoderTable(charset);
  const parts: Buffer[] = [];
  for (const char of wellFormed) {
    const code = char.codePointAt(0) ?? 0;
    if (code < 0x80) parts.push(Buffer.from([code]));
    else parts.push(table.get(char) ?? Buffer.from(`&#${code};`, 'latin1'));
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

/** HTML §13.2.3.2 in short: comments are skipped, the first `meta` with a charset wins; UTF-16 there means UTF-8. */
function prescan(bytes: Buffer): string | null {
  const head = bytes
    .subarray(0, PRESCAN_BYTES)
    .toString('latin1')
    .replace(/<!--.*?(?:-->|$)/gs, '');
  for (const [, attributes = ''] of head.matchAll(/<meta[\t\n\f\r /]([^>]*)/gi)) {
    const direct = /(?:^|[\s"'/])charset\s*=\s*["']?\s*([^\s"'>;/]+)/i.exec(attributes)?.[1];
    const charset = known(direct);
    if (charset !== null) return charset.startsWith('utf-16') ? 'utf-8' : charset;
    if (direct?.toLowerCase() === 'x-user-defined') return 'windows-1252';
  }
  return null;
}

/** 0x80 to 0x9F of windows-1252: Node 20's TextDecoder reads that label as ISO 8859-1. */
const WINDOWS_1252_C1 = '€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ';

function decode(bytes: Buffer, charset: string): string {
  if (charset !== 'windows-1252') return new TextDecoder(charset).decode(bytes);
  return bytes.toString('latin1').replace(/[\x80-\x9f]/g, (char) => WINDOWS_1252_C1[char.charCodeAt(0) - 0x80] ?? char);
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
 * encoders skip Big5 below lead 0xA1 (§5, "index Big5 pointer") and Shift_JIS's doubled leads 0xED and 0xEE (§5).
 * gb18030's four-byte sequences are left out: they hold no character of GBK.
 */
function encoderTable(charset: string): ReadonlyMap<string, Buffer> {
  const cached = encoderTables.get(charset);
  if (cached !== undefined) return cached;
  const table = new Map<string, Buffer>();
  const decoder = charset === 'windows-1252' ? null : new TextDecoder(charset);
  const add = (bytes: Buffer): void => {
    const text = decoder === null ? decode(bytes, charset) : decoder.decode(bytes);
    if (text.includes('\ufffd') || [...text].length !== 1 || (text.codePointAt(0) ?? 0) < 0x80) return;
    if (!table.has(text) || (charset === 'big5' && BIG5_LAST.has(text))) table.set(text, bytes);
  };
  for (const [from, to] of ASCII_LOOKALIKES)
    if (/^(?:shift_jis|euc-jp)$/.test(charset)) table.set(from, Buffer.from(to));
  for (let lead = 0x80; lead <= 0xff; lead++) add(Buffer.from([lead]));
  if (/^(?:big5|euc-jp|euc-kr|shift_jis|gbk|gb18030)$/.test(charset)) {
    for (let lead = charset === 'big5' ? 0xa1 : 0x81; lead <= 0xfe; lead++) {
      if (charset === 'shift_jis' && (lead === 0xed || lead === 0xee)) continue;
      for (let trail = 0x40; trail <= 0xfe; trail++) add(Buffer.from([lead, trail]));
    }
  }
  encoderTables.set(charset, table);
  return table;
}

/** Encoding §13.2.2 for the two sets that forms need: ASCII and JIS X 0208, the latter by way of EUC-JP. */
function encodeIso2022Jp(text: string): Buffer {
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
    bytes.push(...Buffer.from(code < 0x80 ? char : `&#${code};`, 'latin1'));
  }
  shift(false);
  return Buffer.from(bytes);
}
