/**
 * Taking SIDs off URLs: request targets on their way upstream, Referer fields, identity places in pages.
 *
 * All three carriers are looked for, whichever the route uses: `?name=SID` (also with `;` between parameters),
 * `;name=SID` on any segment of the path, and `/(name-SID)` in front of it. The remaining bytes stay exactly as they
 * were, percent-escapes, order and stray separators included: what `sid/mark.ts` puts on comes off again without a
 * trace. Names are compared percent-decoded and with their case.
 */

/** Where the SID travels. */
export type CarrierKind = 'query' | 'path-parameter' | 'path-segment';

export interface Unmarked {
  /** The target without any SID; the very string that came in if there was none. */
  readonly target: string;
  /** The values found, percent-decoded, in order, repeated ones too; empty ones are removed but not listed. */
  readonly sids: readonly string[];
  /** Where they stood, each kind once. */
  readonly places: readonly CarrierKind[];
}

/**
 * Unmark a request target: origin-form (`/path?query`, where `//x` is a path) or absolute-form.
 * Any string is taken; what is no target comes back as it is or with a SID less.
 */
export function unmarkTarget(target: string, name: string): Unmarked {
  return unmark(target, name, target.startsWith('/') ? 0 : pathStart(target));
}

/** Unmark a URL or a reference (where `//x` is a host), its fragment kept: Referer, canonical links. */
export function unmarkReference(reference: string, name: string): string {
  return unmark(reference, name, pathStart(reference)).target;
}

/** A request target without the SIDs of several names, and what was found of each name that was there at all. */
export interface AllUnmarked {
  readonly target: string;
  readonly found: ReadonlyMap<string, Unmarked>;
}

/**
 * Unmark a request target for all of `names`, in whatever order they stand. Null where they are stacked deeper than there are
 * names: such an address nobody has from us.
 */
export function unmarkTargetOfAll(target: string, names: readonly string[]): AllUnmarked | null {
  let found: Map<string, Unmarked> | null = null;
  const clean = takeOffAll(target, names, (text, name) => {
    const next = unmarkTarget(text, name);
    if (next.places.length === 0) return text;
    found ??= new Map();
    const before = found.get(name);
    found.set(name, before === undefined ? next : joined(before, next));
    return next.target;
  });
  return clean === null ? null : { target: clean, found: found ?? NOTHING_FOUND };
}

function joined(before: Unmarked, next: Unmarked): Unmarked {
  const places = [...new Set([...before.places, ...next.places])];
  return { target: next.target, sids: [...before.sids, ...next.sids], places };
}

const NOTHING_FOUND: ReadonlyMap<string, Unmarked> = new Map();

/** Unmark a URL or a reference for all of `names`; null as in `unmarkTargetOfAll`. */
export function unmarkReferenceOfAll(reference: string, names: readonly string[]): string | null {
  return takeOffAll(reference, names, unmarkReference);
}

/** Segments are only found in front of a path, and one of another name may stand before them. */
function takeOffAll(
  text: string,
  names: readonly string[],
  takeOff: (text: string, name: string) => string,
): string | null {
  let clean = text;
  for (let round = 0; round <= names.length; round++) {
    const before = clean;
    for (const name of names) if (mayCarry(clean, name)) clean = takeOff(clean, name);
    if (clean === before) return clean;
  }
  return null;
}

/** The values of the parameters called `name` in a target's query, percent-decoded, and the target without them. */
export function unmarkQuery(target: string, name: string): Pick<Unmarked, 'target' | 'sids'> {
  if (!mayCarry(target, name)) return { target, sids: [] };
  const parts = partsFrom(target, 0);
  const pairs = findParameters(target, Math.min(parts.query + 1, parts.fragment), parts.fragment, name);
  if (pairs.length === 0) return { target, sids: [] };
  const query = queryWithout(target, parts, pairs);
  return { target: target.slice(0, parts.query) + query + target.slice(parts.fragment), sids: valuesOf(pairs) };
}

/** One place where a SID stands, or seems to. */
export interface Carried {
  /** Of the name's first byte, or of the `(` of a segment. */
  readonly start: number;
  /** Behind the value, or behind the `)` of a segment. */
  readonly end: number;
  /** Of the value's first byte as it is spelt; equals `end` if there is no `=`. Meaningless for segments. */
  readonly valueStart: number;
  /** Percent-decoded. */
  readonly value: string;
}

/** Characters between parameters: of a query, and of the segments of a path. */
const QUERY_SEPARATORS = [0x26, 0x3b] as const;
const PATH_SEPARATORS = [0x2f, 0x3b] as const;
const EQUALS = 0x3d;

/**
 * The parameters called `name` in the query `text[start, end)`, without its `?`. What a click into a server-side image map appends
 * to any link (HTML §4.6.5, `?x,y`) is not part of the last one.
 */
export function findParameters(text: string, start: number, end: number, name: string): readonly Carried[] {
  const found = findBetween(text, start, end, QUERY_SEPARATORS, name);
  const last = found.at(-1);
  if (last === undefined || last.end !== end) return found;
  const click = text.indexOf('?', last.valueStart);
  if (click < 0 || !COORDINATES.test(text.slice(click, end))) return found;
  found[found.length - 1] = { ...last, end: click, value: percentDecode(text.slice(last.valueStart, click)) };
  return found;
}

const COORDINATES = /^\?\d{1,6},\d{1,6}$/;

function findBetween(
  text: string,
  start: number,
  end: number,
  [first, second]: readonly [number, number],
  name: string,
): Carried[] {
  const found: Carried[] = [];
  let from = start;
  let equals = -1;
  for (let at = start; at <= end; at++) {
    const code = at < end ? text.charCodeAt(at) : first;
    if (code === EQUALS && equals < 0) equals = at;
    if (code !== first && code !== second) continue;
    if (spells(text, from, equals < 0 ? at : equals, name)) {
      const valueStart = equals < 0 ? at : equals + 1;
      found.push({ start: from, end: at, valueStart, value: percentDecode(text.slice(valueStart, at)) });
    }
    from = at + 1;
    equals = -1;
  }
  return found;
}

/** The parameters of all path segments of `text[start, end)`: `/a;name=1/b;name=2`. */
export function findPathParameters(text: string, start: number, end: number, name: string): readonly Carried[] {
  // A segment's own name is no parameter: only what a semicolon precedes counts.
  return findBetween(text, start, end, PATH_SEPARATORS, name).filter((found) => text[found.start - 1] === ';');
}

/** The segments `(name-SID)` in front of a path that starts at `start`, in brackets as they are or percent-encoded. */
export function findPathSegments(text: string, start: number, end: number, name: string): readonly Carried[] {
  const found: Carried[] = [];
  const opening = `(${name}-`;
  for (let at = start; at < end && text[at] === '/'; ) {
    const slash = text.indexOf('/', at + 1);
    const segmentEnd = slash < 0 || slash > end ? end : slash;
    const segment = percentDecode(text.slice(at + 1, segmentEnd));
    if (!segment.startsWith(opening) || !segment.endsWith(')')) break;
    found.push({ start: at + 1, end: segmentEnd, valueStart: segmentEnd, value: segment.slice(opening.length, -1) });
    at = segmentEnd;
  }
  return found;
}

/** Where the parts of a reference begin; each ends where the next begins. All three may be the text's end. */
export interface Parts {
  readonly path: number;
  /** Of the `?`. */
  readonly query: number;
  /** Of the `#`. */
  readonly fragment: number;
}

/** The parts of a reference whose path starts at `path`. */
export function partsFrom(text: string, path: number): Parts {
  const hash = text.indexOf('#', path);
  const fragment = hash < 0 ? text.length : hash;
  const question = text.indexOf('?', path);
  return { path, query: question < 0 || question > fragment ? fragment : question, fragment };
}

// A scheme and its slashes, or two slashes; then the authority. Browsers take backslashes for slashes here.
const AUTHORITY = /^(?:[a-z][a-z0-9+.-]*:)?[/\\]{2,}[^/\\?#]*/i;

/** Where the path of a reference starts: behind its authority if it has one, else 0 (a scheme alone is not looked at). */
export function pathStart(reference: string): number {
  return AUTHORITY.exec(reference)?.[0].length ?? 0;
}

/** Could there be a SID in `text` at all? Almost always not. A spelling other than the plain one has a percent sign. */
export function mayCarry(text: string, name: string): boolean {
  return text.includes(name) || text.includes('%');
}

function unmark(text: string, name: string, path: number): Unmarked {
  if (!mayCarry(text, name)) return { target: text, sids: [], places: [] };
  const parts = partsFrom(text, path);
  const pairs = findParameters(text, Math.min(parts.query + 1, parts.fragment), parts.fragment, name);
  const parameters = findPathParameters(text, parts.path, parts.query, name);
  // Parameters go first: `/(name-SID);name=SID` shows its segment only then.
  const between = without(text, parts.path, parts.query, parameters);
  const segments = findPathSegments(between, 0, between.length, name);
  const places: CarrierKind[] = [];
  if (segments.length > 0) places.push('path-segment');
  if (parameters.length > 0) places.push('path-parameter');
  if (pairs.length > 0) places.push('query');
  if (places.length === 0) return { target: text, sids: [], places };

  const sids = valuesOf([...segments, ...parameters, ...pairs]);
  const lastSegment = segments.at(-1);
  const cleanPath = lastSegment === undefined ? between : between.slice(lastSegment.end) || '/';
  const query = queryWithout(text, parts, pairs);
  return { target: text.slice(0, parts.path) + cleanPath + query + text.slice(parts.fragment), sids, places };
}

function valuesOf(carried: readonly Carried[]): string[] {
  return carried.map(({ value }) => value).filter((value) => value !== '');
}

/** The first pair takes the `?` along; what stays needs one in the place of its separator. */
function queryWithout(text: string, { query, fragment }: Parts, pairs: readonly Carried[]): string {
  const rest = without(text, query, fragment, pairs);
  return rest === '' || rest.startsWith('?') ? rest : `?${rest.slice(1)}`;
}

/**
 * `text[start, end)` without parameters, each taken out with the separator before it. So whatever a mark was appended
 * to comes back as it was.
 */
function without(text: string, start: number, end: number, parameters: readonly Carried[]): string {
  let kept = '';
  let from = start;
  for (const parameter of parameters) {
    kept += text.slice(from, parameter.start - 1);
    from = parameter.end;
  }
  return kept + text.slice(from, end);
}

/** Does `text[start, end)`, percent-decoded, equal `name`? */
function spells(text: string, start: number, end: number, name: string): boolean {
  // Escapes make a spelling longer, never shorter.
  if (end - start < name.length) return false;
  if (end - start === name.length) return text.startsWith(name, start);
  const spelling = text.slice(start, end);
  return spelling.includes('%') && percentDecode(spelling) === name;
}

const ESCAPE = /%([0-9a-fA-F]{2})/g;

/** Byte by byte, into latin1: names and SIDs are ASCII, and nothing here may throw on `%FF`. */
function percentDecode(text: string): string {
  if (!text.includes('%')) return text;
  return text.replace(ESCAPE, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));
}
