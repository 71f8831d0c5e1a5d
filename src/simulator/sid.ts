/**
 * A session identifier in a URL, as an outsider sees it: a parameter of the query (`?name=…`), of the path
 * (`;name=…`, Servlet containers) or a segment of its own (`/(name-…)/`, `/(S(…))/`, ASP.NET).
 */

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

/** The first SID of a URL, null for none: query before path. An empty value is none. */
export function sidOf(url: string, names: readonly string[]): string | null {
  const { path, query } = partsOf(url);
  for (const pair of (query ?? '').split(/[&;]/)) {
    const [name = '', value = ''] = splitPair(pair);
    if (value !== '' && isSidName(name, names)) return value;
  }
  for (const [, name = '', value = ''] of path.matchAll(PATH_PARAMETER)) {
    if (value !== '' && isSidName(name, names)) return value;
  }
  for (const [, inner = ''] of path.matchAll(SEGMENT)) {
    const sid = sidOfSegment(inner, names);
    if (sid !== null) return sid;
  }
  return null;
}

/** Of `S(…)` or `name-…`, where a name may have hyphens of its own. */
function sidOfSegment(inner: string, names: readonly string[]): string | null {
  const dotnet = /^S\(([^()/]+)\)$/.exec(inner)?.[1];
  if (dotnet !== undefined) return dotnet;
  // No longer than the longest name: a segment of hyphens alone must not take for ever.
  const longest = Math.max(...names.map((name) => name.length));
  for (let at = inner.indexOf('-'); at > 0 && at <= longest; at = inner.indexOf('-', at + 1)) {
    if (at + 1 < inner.length && isSidName(inner.slice(0, at), names)) return inner.slice(at + 1);
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
    if (isSidName(splitPair(parts[at] ?? '')[0] ?? '', names)) continue;
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

function splitPair(pair: string): string[] {
  const equals = pair.indexOf('=');
  return equals < 0 ? [pair] : [pair.slice(0, equals), pair.slice(equals + 1)];
}

const PATH_PARAMETER = /;([^=;/]+)=([^;/]*)/g;
const SEGMENT = /\/\((S\([^()/]+\)|[^()/]+)\)(?=\/|$)/g;
