/**
 * Flat lists of fields, as node:http has them: name, value, name, value, in the order and the letters in which they came.
 * Names are compared without case.
 */

/** A character that no field may have (RFC 9110 §5.5): all but TAB, what can be seen, blanks and bytes above 7F. Node does not write it. */
export const NOT_FIELD_TEXT = /[^\t\x20-\x7e\x80-\xff]/;

/** RFC 9110 §5.6.2: the name of a field, a method. Parsers of Node before 20.19.2 let other names pass, and Node writes none of them. */
export const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** One pass over a flat list; `edit` returns the new value, or null to take the field out. */
export function mapFields(
  fields: readonly string[],
  edit: (lowerName: string, value: string) => string | null,
): string[] {
  const result: string[] = [];
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const name = fields[i] as string;
    const value = edit(name.toLowerCase(), fields[i + 1] as string);
    if (value !== null) result.push(name, value);
  }
  return result;
}

/** The first value of a field, null for none. `lowerName` in lower case. */
export function firstValue(fields: readonly string[], lowerName: string): string | null {
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const name = fields[i] as string;
    if (name.length === lowerName.length && name.toLowerCase() === lowerName) return fields[i + 1] as string;
  }
  return null;
}

/** The values of a field as one list (RFC 9110 §5.3), null for none. */
export function joinedValue(fields: readonly string[], lowerName: string): string | null {
  let joined: string | null = null;
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const name = fields[i] as string;
    if (name.length !== lowerName.length || name.toLowerCase() !== lowerName) continue;
    joined = joined === null ? (fields[i + 1] as string) : `${joined}, ${fields[i + 1]}`;
  }
  return joined;
}

/** Every value of a field, in order. */
export function allValues(fields: readonly string[], lowerName: string): string[] {
  const values: string[] = [];
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const name = fields[i] as string;
    if (name.length === lowerName.length && name.toLowerCase() === lowerName) values.push(fields[i + 1] as string);
  }
  return values;
}
