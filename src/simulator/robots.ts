/** The rules of a robots.txt file (RFC 9309) for the group of every crawler. Pure. */

export type MayVisit = (url: string) => boolean;

interface Rule {
  readonly isAllowed: boolean;
  readonly pattern: string;
  /** Octets of the pattern: the longest match counts (§2.2.2). */
  readonly length: number;
}

/** RFC 9309 §2.5: at least this much of a file is read. */
const MAX_ROBOTS_CHARS = 500 * 1024;

export function parseRobots(text: string): MayVisit {
  const rules: Rule[] = [];
  let isOurs = false;
  let isAfterRules = false;
  for (const line of text.slice(0, MAX_ROBOTS_CHARS).split(/\r\n?|\n/)) {
    const match = /^\s*([A-Za-z-]+)\s*:\s*([^#]*)/.exec(line);
    if (match === null) continue;
    const name = match[1]?.toLowerCase();
    const value = match[2]?.trim() ?? '';
    if (name === 'user-agent') {
      isOurs = (isOurs && !isAfterRules) || value === '*';
      isAfterRules = false;
    } else if (name === 'allow' || name === 'disallow') {
      isAfterRules = true;
      if (isOurs && value !== '') rules.push({ isAllowed: name === 'allow', pattern: value, length: value.length });
    }
  }
  return (url) => {
    const { pathname, search } = new URL(url);
    const fitting = rules.filter(({ pattern }) => matches(pattern, `${pathname}${search}`));
    // Of equally long ones, the one that allows.
    fitting.sort((a, b) => b.length - a.length || Number(b.isAllowed) - Number(a.isAllowed));
    return fitting[0]?.isAllowed ?? true;
  };
}

/**
 * `*` stands for anything and a final `$` for the end (RFC 9309 §2.2.3). Part by part, each at the first place where it
 * fits: linear, where an expression made of a hostile file would not be.
 */
function matches(pattern: string, target: string): boolean {
  const isWhole = pattern.endsWith('$');
  const parts = (isWhole ? pattern.slice(0, -1) : pattern).split(/\*+/);
  const [first = '', ...rest] = parts;
  if (!target.startsWith(first)) return false;
  let at = first.length;
  const last = isWhole ? rest.pop() : undefined;
  for (const part of rest) {
    const found = target.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  if (!isWhole) return true;
  return last === undefined ? at === target.length : target.length - last.length >= at && target.endsWith(last);
}
