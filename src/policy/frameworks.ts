/**
 * What frameworks, not servers, take a path for. These are no steps of `path.ts`, for to all others it is another page: such a
 * reading counts only where it leads to a route that is `use_only_cookies` by a path of its own.
 */

/** The further readings of one reading. Most paths have none. */
export function frameworkReadings(reading: string): readonly string[] {
  // All of them have a dot.
  if (!reading.includes('.')) return NONE;
  const bare = withoutFront(reading);
  return bare === NONE ? withoutSuffix(reading) : [...bare, ...[reading, ...bare].flatMap(withoutSuffix)];
}

const NONE: readonly string[] = [];

/**
 * Without what stands in front of the path that a framework looks at: the script that all requests go through (`/index.php/admin`,
 * known to Symfony, Laravel and WordPress; `/cgi-bin/app.cgi/admin`), or the folder of a page's data (`/_next/data/BUILD/admin.json`
 * of Next.js, which may have a `basePath` of its own before it): with the folder that it stands in or without.
 */
function withoutFront(reading: string): readonly string[] {
  const front = FRONT.exec(reading);
  if (front === null) return NONE;
  const folder = reading.slice(0, front.index);
  const rest = reading.slice(front.index + front[0].length);
  return folder === '' ? [rest] : [folder + rest, rest];
}

/** No part can match in two ways. */
const FRONT = /\/_next\/data\/[^/]+(?=\/)|\/[^/]+\.(?:php\d?|phtml|f?cgi|pl|py|cfm|aspx?)(?=\/)/i;

/**
 * Without the suffix of the last name, by its first dot and by its last: `/admin.json` is `/admin` to Rails, which takes the suffix for
 * a format, to Spring before 5.3 and to Struts.
 */
function withoutSuffix(reading: string): readonly string[] {
  let end = reading.length;
  while (end > 0 && reading[end - 1] === '/') end--;
  const name = reading.lastIndexOf('/', end - 1) + 1;
  // A dot that begins the name is no suffix.
  const first = reading.indexOf('.', name + 1);
  if (first < 0 || first >= end) return NONE;
  const last = reading.lastIndexOf('.', end - 1);
  const shortest = reading.slice(0, first);
  return last === first ? [shortest] : [shortest, reading.slice(0, last)];
}
