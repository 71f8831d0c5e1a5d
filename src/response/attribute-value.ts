/**
 * Attribute values between bytes and text: find them in a tag, decode them, and write edits of the text back as edits
 * of the bytes, so that everything else in the value stays as it is spelt.
 */
import {
  type DecodedValue,
  decodeAttributeValue,
  endsInOpenReference,
  type ReferenceSyntax,
} from '../html/character-references.ts';
import type { Edits } from '../html/edits.ts';
import type { AttributeSpan, StartTag } from '../html/scanner.ts';
import type { ReferenceEdit } from '../sid/mark.ts';

/** Does an attribute's name equal `name`, which is in lower case? ASCII case does not count. */
export function isNamed(tag: StartTag, attribute: AttributeSpan, name: Uint8Array): boolean {
  const start = attribute.nameStart;
  const { length } = name;
  if (attribute.nameEnd - start !== length) return false;
  const { bytes } = tag;
  for (let i = 0; i < length; i++) {
    const byte = bytes[start + i] ?? 0;
    if ((byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte) !== name[i]) return false;
  }
  return true;
}

/** The first attribute of the name, the one that counts (HTML §13.2.5.33); null if there is none. */
export function findAttribute(tag: StartTag, name: Uint8Array): AttributeSpan | null {
  for (let i = 0; i < tag.attributeCount; i++) {
    const attribute = tag.attributes[i];
    if (attribute !== undefined && isNamed(tag, attribute, name)) return attribute;
  }
  return null;
}

/** The source of a value as latin1 text; '' if the attribute has none. */
export function sourceOf(tag: StartTag, attribute: AttributeSpan): string {
  return attribute.hasValue ? tag.bytes.toString('latin1', attribute.valueStart, attribute.valueEnd) : '';
}

/** The decoded value of the first attribute of the name; null if there is none. */
export function decodedValue(tag: StartTag, name: Uint8Array, syntax: ReferenceSyntax): string | null {
  const attribute = findAttribute(tag, name);
  return attribute === null ? null : decodeAttributeValue(sourceOf(tag, attribute), syntax).text;
}

/** A reference within a decoded value, without what a URL parser strips, and the way back to the source. */
export interface CleanSpan {
  readonly text: string;
  /** Source offset of the character at `index` of `text`, or of the end. */
  readonly sourceAt: (index: number) => number;
}

/** Clean the reference at `[start, end)` of a decoded value (WHATWG URL §4.4: ends trimmed, TAB, LF and CR removed). */
export function cleanSpan(value: DecodedValue, start = 0, end = value.text.length): CleanSpan {
  let from = start;
  let to = end;
  while (from < to && value.text.charCodeAt(from) <= 0x20) from++;
  while (to > from && value.text.charCodeAt(to - 1) <= 0x20) to--;
  const { offsets } = value;
  const toSource = offsets === null ? (at: number) => at : (at: number) => offsets[at] ?? 0;
  const raw = value.text.slice(from, to);
  if (!TAB_OR_NEWLINE.test(raw)) return { text: raw, sourceAt: (index) => toSource(from + index) };
  const kept: number[] = [];
  let text = '';
  for (let at = from; at < to; at++) {
    const char = value.text[at] ?? '';
    if (TAB_OR_NEWLINE.test(char)) continue;
    kept.push(at);
    text += char;
  }
  kept.push(to);
  return { text, sourceAt: (index) => toSource(kept[index] ?? to) };
}

const TAB_OR_NEWLINE = /[\t\n\r]/;

/** Make edits of a clean span in the tag. Their texts are markup for the quotes that the value has, one character a byte. */
export function editValue(
  tag: StartTag,
  attribute: AttributeSpan,
  span: CleanSpan,
  changes: readonly ReferenceEdit[],
  edits: Edits,
): void {
  if (changes.length === 0) return;
  if (!attribute.hasValue) {
    edits.insert(attribute.nameEnd, Buffer.from(`="${changes.map(({ text }) => text).join('')}"`, 'latin1'));
    return;
  }
  for (const change of changes) {
    const start = attribute.valueStart + span.sourceAt(change.start);
    const end = change.end === change.start ? start : attribute.valueStart + span.sourceAt(change.end);
    const { text: plain } = change;
    const text = Buffer.from(plain.startsWith(';') ? separated(tag, attribute, start, plain) : plain, 'latin1');
    if (end === start) edits.insert(start, text);
    else edits.replace(start, end, text);
  }
}

/** A `;` behind `&copy` or `&#35` would end a reference that has none: then it is spelt as a reference itself. */
function separated(tag: StartTag, attribute: AttributeSpan, at: number, text: string): string {
  // No further back than such a reference can begin: a value may have many edits.
  let start = at;
  while (start > attribute.valueStart && IN_REFERENCE[tag.bytes[start - 1] ?? 0] === 1) start--;
  const before = tag.bytes.toString('latin1', Math.max(attribute.valueStart, start - 1), at);
  return endsInOpenReference(before) ? `&#59;${text.slice(1)}` : text;
}

/** 1 for the bytes of a reference behind its `&`. */
const IN_REFERENCE = new Uint8Array(256);
for (const byte of Buffer.from('#0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'))
  IN_REFERENCE[byte] = 1;

/** Offset just behind the name of the tag: where an attribute of ours can be put, before all others. */
export function behindName(tag: StartTag): number {
  // Tag names end at white space, `/` or `>` (HTML §13.2.5.8); the scanner vouches for one of them.
  let at = tag.start + 1;
  while (at < tag.end && !ENDS_NAME.includes(tag.bytes[at] ?? 0)) at++;
  return at;
}

const ENDS_NAME: readonly number[] = [0x09, 0x0a, 0x0c, 0x0d, 0x20, 0x2f, 0x3e];
