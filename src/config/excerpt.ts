/**
 * A line of a configuration or of settings as it may be shown to people and stand in logs: without the secrets that somebody
 * wrote into it in spite of all advice. Works on text, not on YAML: what has to be shown is most often what does not parse.
 *
 * Where it is in doubt it hides too much: the rest of a line behind a key that sounds like a secret.
 */

/** What is shown in place of a secret. */
const MASK = '***';

/** A line without its secrets. */
export interface Excerpt {
  readonly text: string;
  /** Where a column of the line (from 1) is now; within a secret, where its mask begins. */
  columnOf(column: number): number;
}

/** The line that stands at `index` of `lines`, which is masked as a whole where it belongs to a secret above it. */
export function excerptOf(lines: readonly string[], index: number): Excerpt {
  const line = lines[index] ?? '';
  const indent = indentOf(line);
  const spans: Span[] = isBelowSecret(lines, index) ? [{ start: indent, end: line.length }] : secretsIn(line);
  return {
    text: masked(line, spans),
    columnOf: (column) => {
      const offset = column - 1;
      const shift = spans
        .filter(({ end }) => end <= offset)
        .reduce((sum, { start, end }) => sum + MASK.length - (end - start), 0);
      const within = spans.find(({ start, end }) => start < offset && offset < end);
      return (within?.start ?? offset) + shift + 1;
    },
  };
}

/** One line of any text without its secrets. */
export function maskSecrets(line: string): string {
  return masked(line, secretsIn(line));
}

/** Any text without the users and passwords of the URLs in it. */
export function maskUserinfo(text: string): string {
  return text.replace(USERINFO, `${MASK}@`);
}

/** Names whose values are secrets; those of files and of environment variables say only where secrets are. */
export function isSecretName(name: string): boolean {
  return (
    /passw|passphrase|secret|token|credential|(?:^|[_.-])(?:pass|pwd?|auth)$|key$/i.test(name) &&
    !/(?:file|env)$/i.test(name)
  );
}

interface Span {
  readonly start: number;
  readonly end: number;
}

/** From the `//` of a URL up to the last @ before the next URL: a password may hold blanks, quotes and @ where YAML lets it. */
const USERINFO = /(?<=:\/\/)(?:(?!:\/\/).)*@/g;

/** A name with what leads to its value: `: `, `=`, or a blank where the colon was forgotten. PHP has names such as `auth[]`. */
const NAMED = /(?<![\w.-])[\d.-]*([A-Za-z_][\w.-]*)(?:\[\w*\]|%5B\w*%5D)?["']?(?:\s*[:=]\s*|\s+)(?=\S)/gi;

/** In order and without overlap. */
function secretsIn(line: string): Span[] {
  const named = [...line.matchAll(NAMED)].find(([, name = '']) => isSecretName(name));
  const end = named === undefined ? line.length : named.index + named[0].length;
  const users = [...line.slice(0, end).matchAll(USERINFO)].map(({ index, 0: { length } }) => ({
    start: index,
    end: index + length - 1,
  }));
  return named === undefined ? users : [...users, { start: end, end: line.length }];
}

function masked(line: string, spans: readonly Span[]): string {
  let text = '';
  let from = 0;
  for (const { start, end } of spans) {
    text += line.slice(from, start) + MASK;
    from = end;
  }
  return text + line.slice(from);
}

/** Is there a secret key among those that this line stands under? An item of a list may stand as far left as its key. */
function isBelowSecret(lines: readonly string[], index: number): boolean {
  let column = columnOf(lines[index] ?? '');
  for (let above = index - 1; above >= 0 && column > 0; above--) {
    const line = lines[above] ?? '';
    const [, before = '', name = ''] = /^(\s*(?:-\s+)*)["']?([A-Za-z_][\w.-]*)["']?\s*:/.exec(line) ?? [];
    if (name !== '' && before.length < column && isSecretName(name)) return true;
    if (line.trim() !== '') column = Math.min(column, columnOf(line));
  }
  return false;
}

function columnOf(line: string): number {
  return indentOf(line) + (/^\s*-\s/.test(line) ? 1 : 0);
}

function indentOf(line: string): number {
  return line.length - line.trimStart().length;
}
