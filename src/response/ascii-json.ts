/** JSON as the value of a field, which holds no characters but those of ASCII (RFC 9110 §5.5). */
export function asciiJson(value: object): string {
  return JSON.stringify(value).replace(/[^ -~]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
