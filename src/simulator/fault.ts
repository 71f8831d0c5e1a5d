/**
 * Every fault of the simulator, and the search for what its user may have meant.
 *
 * The simulator has its own error class: it is the witness against which the proxy is tested and shares nothing with it.
 */

export type SimulatorErrorCode =
  | 'NO_LINK'
  | 'NO_FORM'
  | 'NO_FIELD'
  | 'NO_BUTTON'
  | 'NO_OPTION'
  | 'NO_FRAME'
  | 'NO_HISTORY'
  | 'NO_PAGE'
  | 'AMBIGUOUS'
  | 'BAD_URL'
  | 'BAD_SELECTOR'
  | 'BAD_JOURNEY'
  | 'EXPECTED'
  | 'NETWORK'
  | 'TIMEOUT'
  | 'TOO_MANY_REDIRECTS'
  | 'BODY_TOO_LARGE'
  | 'BODY_BROKEN';

/** Match on `code`; the message is one line for people and names the nearest candidates where there are any. */
export class SimulatorError extends Error {
  readonly code: SimulatorErrorCode;

  constructor(code: SimulatorErrorCode, message: string, options: { cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'SimulatorError';
    this.code = code;
  }
}

/** How many other names a message offers when none is near. */
const MAX_OFFERED = 8;
/** Names above this many characters are not compared: the table below is quadratic. */
const MAX_COMPARED_CHARS = 80;

/**
 * The tail of a message about an unknown name: the nearest candidates, or else what there is.
 * An empty string when there are no candidates at all.
 */
export function suggest(wanted: string, candidates: Iterable<string>): string {
  const names = [...new Set(candidates)].filter((name) => name !== '');
  const near = names
    .map((name) => ({ name, distance: isPart(wanted, name) ? 1 : distance(wanted.toLowerCase(), name.toLowerCase()) }))
    .filter(({ name, distance: d }) => d <= Math.max(2, Math.floor(Math.min(wanted.length, name.length) / 3)))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, 3);
  if (near.length > 0) return `; did you mean ${near.map(({ name }) => `'${shorten(name)}'`).join(' or ')}?`;
  if (names.length === 0) return '';
  const rest = names.length > MAX_OFFERED ? `, and ${names.length - MAX_OFFERED} more` : '';
  return `; there is ${names
    .slice(0, MAX_OFFERED)
    .map((name) => `'${shorten(name)}'`)
    .join(', ')}${rest}`;
}

/** Who writes 'Order' may well mean 'Order now'. */
function isPart(wanted: string, name: string): boolean {
  return wanted.length >= 3 && name.toLowerCase().includes(wanted.toLowerCase());
}

function shorten(name: string): string {
  return name.length > 40 ? `${name.slice(0, 39)}…` : name;
}

/** Edits (insert, delete, replace, swap of neighbours) between two names: the restricted Damerau distance. */
function distance(a: string, b: string): number {
  if (a.length > MAX_COMPARED_CHARS || b.length > MAX_COMPARED_CHARS) return a === b ? 0 : Number.POSITIVE_INFINITY;
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const line = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      let best = Math.min(at(last, column) + 1, at(line, column - 1) + 1, at(last, column - 1) + (same ? 0 : 1));
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) {
        best = Math.min(best, at(before, column - 2) + 1);
      }
      line.push(best);
    }
    before = last;
    last = line;
  }
  return at(last, b.length);
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Number.POSITIVE_INFINITY;
}
