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

/** The first SID of a URL, null for none. An empty value is none. */
export function sidOf(url: string, names: readonly string[]): string | null {
  for (const [, name = '', value = ''] of url.matchAll(PARAMETER))
    if (isSidName(name, names) && value !== '') return value;
  const segment = SEGMENT.exec(url);
  if (segment === null) return null;
  if (segment[1] !== undefined) return segment[1];
  return isSidName(segment[2] ?? '', names) ? (segment[3] ?? null) : null;
}

/** The URL without SID and fragment: what names the same page with any session. */
export function withoutSid(url: string, names: readonly string[]): string {
  const [bare = ''] = url.split('#');
  const noSegment = bare.replace(SEGMENT, (whole, _dotnet, name: string | undefined) =>
    name === undefined || isSidName(name, names) ? '/' : whole,
  );
  const [path = '', ...rest] = noSegment.split('?');
  const cleanPath = path.replace(/;([^=;/?#]+)=[^;/?#]*/g, (whole, name: string) =>
    isSidName(name, names) ? '' : whole,
  );
  const query = rest.join('?');
  const kept = query.split('&').filter((pair) => !isSidName(pair.split('=')[0] ?? '', names));
  return rest.length === 0 || kept.length === 0 ? cleanPath : `${cleanPath}?${kept.join('&')}`;
}

export function isSidName(name: string, names: readonly string[]): boolean {
  const lower = name.toLowerCase();
  return names.some((each) => each.toLowerCase() === lower);
}

const PARAMETER = /[?&;]([^=&;/?#]+)=([^&;/?#]*)/g;
const SEGMENT = /\/\((?:S\(([^()/]+)\)|([^()/-]+)-([^()/]+))\)(?:\/|(?=[?#]|$))/;
