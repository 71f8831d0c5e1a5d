/**
 * A session identifier in a URL, as an outsider sees it: a parameter of the query (`?name=…`), of the path
 * (`;name=…`, Servlet containers) or a segment of its own (`/(name-…)/`, `/(S(…))/`, ASP.NET).
 */

/** The name that carries a SID, empty where it has none, and the SID. */
export type NamedSid = readonly [name: string, sid: string];

/** Names under which common frameworks, and this proxy by default, carry it; compared without case. */
export const SID_NAMES: readonly string[] = [
  '_sid',
  'sid',
  'phpsessid',
  'jsessionid',
  'sessionid',
  'session_id',
  'oscsid',
  'zenid',
  'cfid',
];

/** The names to look for: those that the caller knows, before the common ones. */
export function sidNamesOf(options: { readonly sidNames?: readonly string[] }): readonly string[] {
  return [...(options.sidNames ?? []), ...SID_NAMES];
}

/** The SID of a URL, null for none: that of the first of `names` that it has, query before path. */
export function sidOf(url: string, names: readonly string[]): string | null {
  return preferredSid(sidsOf(url, names), names);
}

/** All SIDs of a URL with the names that carry them, query before path. An empty value is none. */
export function sidsOf(url: string, names: readonly string[]): NamedSid[] {
  const { path, query } = partsOf(url);
  const pairs: NamedSid[] = (query ?? '').split(/[&;]/).map(splitPair);
  for (const [, name = '', value = ''] of path.matchAll(PATH_PARAMETER)) pairs.push([name, value]);
  const found = pairs.filter(([name, value]) => value !== '' && isSidName(name, names));
  for (const [, inner = ''] of path.matchAll(SEGMENT)) {
    const sid = sidOfSegment(inner, names);
    if (sid !== null) found.push(sid);
  }
  return found;
}

/**
 * Of several SIDs the one that speaks for the session, by the order of `names`: the application may put one of its own beside
 * that of a proxy, as a Servlet container does into the links of its first page and no other.
 */
export function preferredSid(sids: readonly NamedSid[], names: readonly string[]): string | null {
  const rank = ([name]: NamedSid) => {
    const at = names.findIndex((each) => each.toLowerCase() === name.toLowerCase());
    return at < 0 ? names.length : at; // ASP.NET's segment has no name, and comes last.
  };
  const [best] = [...sids].sort((a, b) => rank(a) - rank(b));
  return best?.[1] ?? null;
}

/** Of `S(…)` or `name-…`, where a name may have hyphens of its own. */
function sidOfSegment(inner: string, names: readonly string[]): NamedSid | null {
  const dotnet = /^S\(([^()/]+)\)$/.exec(inner)?.[1];
  if (dotnet !== undefined) return ['', dotnet];
  // No longer than the longest name: a segment of hyphens alone must not take for ever.
  const longest = Math.max(...names.map((name) => name.length));
  for (let at = inner.indexOf('-'); at > 0 && at <= longest; at = inner.indexOf('-', at + 1)) {
    const name = inner.slice(0, at);
    if (at + 1 < inner.length && isSidName(name, names)) return [name, inner.slice(at + 1)];
  }
  return null;
}

/** The URL without SID and fragment: what names the same page with any session. */
export function withoutSid(url: string, names: readonly string[]): string {
  const { authority, path, query } = partsOf(url);
  const clean = path
    .replace(PATH_PARAMETER, (whole, name: string) => (isSidName(name, names) ? '' : whole))
    .replace(SEGMENT, (whole, inner: string) => (sidOfSegment(inner, names) === null ? whole : ''));
  // Pairs, and between them what parts them: `;` where an application's `arg_separator` says so.
  const parts = (query ?? '').split(/([&;])/);
  let kept = '';
  let isNone = true;
  for (let at = 0; at < parts.length; at += 2) {
    if (isSidName(splitPair(parts[at] ?? '')[0], names)) continue;
    kept += `${isNone ? '' : parts[at - 1]}${parts[at]}`;
    isNone = false;
  }
  const search = query === null || isNone ? '' : `?${kept}`;
  return `${authority}${clean === '' ? '/' : clean}${search}`;
}

export function isSidName(name: string, names: readonly string[]): boolean {
  const lower = name.toLowerCase();
  return names.some((each) => each.toLowerCase() === lower);
}

function partsOf(url: string): { authority: string; path: string; query: string | null } {
  const [bare = ''] = url.split('#');
  const authority = /^[a-z]+:\/\/[^/?]*/i.exec(bare)?.[0] ?? '';
  const rest = bare.slice(authority.length);
  const mark = rest.indexOf('?');
  return mark < 0
    ? { authority, path: rest, query: null }
    : { authority, path: rest.slice(0, mark), query: rest.slice(mark + 1) };
}

function splitPair(pair: string): NamedSid {
  const equals = pair.indexOf('=');
  return equals < 0 ? [pair, ''] : [pair.slice(0, equals), pair.slice(equals + 1)];
}

const PATH_PARAMETER = /;([^=;/]+)=([^;/]*)/g;
const SEGMENT = /\/\((S\([^()/]+\)|[^()/]+)\)(?=\/|$)/g;
