/**
 * What tree construction asks of a start tag's attributes: one fact of a few elements, and which formatting elements are
 * equal. See `TagToken`.
 */
import type { AttributeReader } from './attributes.ts';
import { isFormatting } from './element-traits.ts';
import { hashStep, TAG } from './tag-names.ts';

/** The one fact, if the name has one. `reader` has read the tag. */
export function isMarked(reader: AttributeReader, bytes: Buffer, number: number): boolean {
  if (number === TAG.a) return reader.count !== 0;
  if (number === TAG.input) return reader.hasValue(bytes, 'type', 'hidden');
  if (number === TAG.font) return ['color', 'face', 'size'].some((name) => reader.find(bytes, name) !== null);
  if (number !== TAG['annotation-xml']) return false;
  return reader.hasValue(bytes, 'encoding', 'text/html') || reader.hasValue(bytes, 'encoding', 'application/xhtml+xml');
}

/**
 * Tells the attributes of formatting elements apart without reading them all: the length of what stands behind the name,
 * and a few of its bytes. Only four equal elements within each other make a difference, three of which count.
 */
export function fingerprintOf(bytes: Buffer, nameEnd: number, end: number, number: number): number {
  if (!isFormatting(number) || number === TAG.a || end - nameEnd < 3) return 0;
  let hash = end - nameEnd;
  const step = hash > 32 ? hash >> 5 : 1;
  for (let i = nameEnd; i < end; i += step) hash = hashStep(hash, bytes[i]!);
  return hash;
}
