/**
 * Path and host patterns: `*` is any characters within a segment, `**` as a segment is any number of segments, so that
 * `/admin/**` is /admin and everything below it. Matching costs at most (length of the pattern) × (length of the path): a
 * regular expression with several `.*` would let a client choose worse.
 */

export interface PathPattern {
  /** As it stands in the configuration. */
  readonly source: string;
  /** True for `/**`: every path, whatever it looks like. */
  readonly isEverything: boolean;
  /** True for one single path, without any star. */
  readonly isLiteral: boolean;
  /** Characters count one by one. */
  matches(path: string): boolean;
}

/** Compile one path pattern; it is compared with byte strings, so its own characters become UTF-8. */
export function compilePathPattern(source: string): PathPattern {
  const pattern = Buffer.from(source, 'utf8').toString('latin1');
  if (pattern === '/**') return { source, isEverything: true, isLiteral: false, matches: () => true };
  const literal = pattern.endsWith('/**') ? pattern.slice(0, -3) : pattern;
  const kind = { source, isEverything: false, isLiteral: !pattern.includes('*') };
  if (literal.includes('*')) {
    const segments = pattern.split('/');
    return { ...kind, matches: (path) => matchesSegments(segments, path.split('/')) };
  }
  if (kind.isLiteral) return { ...kind, matches: (path) => path === literal };
  const below = `${literal}/`;
  return { ...kind, matches: (path) => path === literal || path.startsWith(below) };
}

/** `**` takes any number of segments; on failure only the last `**` is tried again, which is enough. */
function matchesSegments(pattern: readonly string[], path: readonly string[]): boolean {
  let p = 0;
  let s = 0;
  let star = -1;
  let starPath = 0;
  while (s < path.length) {
    if (pattern[p] === '**') {
      star = p++;
      starPath = s;
    } else if (p < pattern.length && matchesWildcard(pattern[p] as string, path[s] as string)) {
      p++;
      s++;
    } else if (star >= 0) {
      p = star + 1;
      s = ++starPath;
    } else {
      return false;
    }
  }
  while (pattern[p] === '**') p++;
  return p === pattern.length;
}

/** `*` takes any characters, also none. Linear but for the last `*`, which is tried at each character. */
export function matchesWildcard(pattern: string, text: string): boolean {
  let p = 0;
  let t = 0;
  let star = -1;
  let starText = 0;
  while (t < text.length) {
    if (pattern[p] === '*') {
      star = p++;
      starText = t;
    } else if (p < pattern.length && pattern[p] === text[t]) {
      p++;
      t++;
    } else if (star >= 0) {
      p = star + 1;
      t = ++starText;
    } else {
      return false;
    }
  }
  while (pattern[p] === '*') p++;
  return p === pattern.length;
}
