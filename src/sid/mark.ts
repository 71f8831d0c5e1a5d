/**
 * Putting a SID on URL references: the three carriers, for header fields and for markup.
 *
 * Nothing here asks whether a reference may carry a SID: `sid/scope.ts` does, first. References come decoded and
 * cleaned (`cleanReference`); the result is a list of edits, so that the marker can apply them to the bytes of a page
 * without touching the rest. An old value is replaced, the fragment stays last, and what is marked right gets no edit.
 */
import {
  type Carried,
  type CarrierKind,
  findParameters,
  findPathParameters,
  findPathSegments,
  type Parts,
  partsFrom,
  pathStart,
  unmarkReference,
} from './carrier.ts';
import { cleanReference, hasBytes, type Scope } from './scope.ts';
import type { Sid } from './sid.ts';

export interface SidMark {
  readonly kind: CarrierKind;
  /** The name of the parameter or of the segment. */
  readonly name: string;
  readonly sid: Sid;
}

/** Replace `[start, end)` of a reference by `text`; in ascending order, no two overlap. */
export interface ReferenceEdit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** What an edit's text is made for. */
export interface Notation {
  /** Between parameters, as it is written: `&` in fields, `&amp;` in markup. */
  readonly separator: string;
  /** Write URL text that may hold `&` or quotes; our own names and values never need it. */
  readonly escape: (text: string) => string;
}

const FIELD_NOTATION: Notation = { separator: '&', escape: (text) => text };

/** What relative references hang on, for carriers in the path and for the empty reference. */
export interface MarkBase {
  /** Without SID. */
  readonly url: URL;
  /** True if relative references get the mark from the base by themselves: it has our segment in front. */
  readonly inherits: boolean;
  /** False if its path depends on a charset that nobody has decoded: then it cannot be written out. */
  readonly isPathKnown: boolean;
}

class LazyBase implements MarkBase {
  readonly isPathKnown: boolean;
  readonly #href: string;
  readonly #mark: SidMark | null;
  #url: URL | null = null;

  constructor(href: string, mark: SidMark | null, isPathKnown: boolean) {
    this.#href = href;
    this.#mark = mark;
    this.isPathKnown = isPathKnown;
  }

  get url(): URL {
    this.#url ??= new URL(this.#mark === null ? this.#href : unmarkReference(this.#href, this.#mark.name));
    return this.#url;
  }

  get inherits(): boolean {
    const mark = this.#mark;
    return mark?.kind === 'path-segment' && new URL(this.#href).pathname.startsWith(`${segmentOf(mark)}/`);
  }
}

/** The base that a document or `<base>` URL, marked or not, makes. `href` is absolute; it is parsed when it is needed. */
export function markBase(href: string, mark: SidMark | null, isPathKnown = true): MarkBase {
  return new LazyBase(href, mark, isPathKnown);
}

const LONE_SURROGATE = /\p{Surrogate}/gu;
const NOTHING_TO_ENCODE = /^[A-Za-z0-9._~-]*$/;

/** `text` as PHP writes names and values in URLs [PHP 4.1]: all but letters, digits and `-_.~` as `%XX`. */
export function encodeUrlText(text: string): string {
  if (NOTHING_TO_ENCODE.test(text)) return text;
  return encodeURIComponent(text.replace(LONE_SURROGATE, '\u{FFFD}')).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** `name=SID`, ready for a URL. The one place that writes a SID into URLs. */
export function pairOf(mark: SidMark): string {
  return `${encodeUrlText(mark.name)}=${encodeUrlText(mark.sid.reveal())}`;
}

/** `/(name-SID)`. */
function segmentOf(mark: SidMark): string {
  return `/(${encodeUrlText(mark.name)}-${encodeUrlText(mark.sid.reveal())})`;
}

/**
 * The edits that put the SID, and `extra` parameters (joined already, '' for none), on a reference.
 *
 * `reference` is in scope and clean. Extra parameters stand before the SID, as when PHP's session is started first
 * [PHP 9.1]. Null: this carrier cannot be put on this reference.
 */
export function markEdits(
  reference: string,
  mark: SidMark | null,
  extra: string,
  notation: Notation,
  base: MarkBase,
): readonly ReferenceEdit[] | null {
  const parts = partsFrom(reference, pathStart(reference));
  // `http://host` alone: old clients would ask for `?name=…` [PHP 3.12].
  const root = parts.path > 0 && parts.path === reference.length ? '/' : '';
  if (mark?.kind === 'query') return queryEdits(reference, parts, mark, extra, notation, base, root);
  if (mark === null) return extra === '' ? [] : queryEdits(reference, parts, null, extra, notation, base, root);
  const query = withoutQueryMarks(reference, parts, mark, extra, notation, base);
  if (parts.path === 0 && SCHEME.test(reference)) return null;
  // The empty reference means the base with its query; extra parameters bring that along already.
  const inherited = isSameDocument(reference, parts) && extra === '' ? notation.escape(base.url.search) : '';
  const path =
    mark.kind === 'path-parameter'
      ? pathParameterEdits(reference, parts, mark, notation, base, inherited)
      : pathSegmentEdits(reference, parts, mark, notation, base, inherited);
  return path === null ? null : [...path, ...query];
}

/** A reference that has `edits` made. */
function applyEdits(reference: string, edits: readonly ReferenceEdit[]): string {
  let result = '';
  let from = 0;
  for (const { start, end, text } of edits) {
    result += reference.slice(from, start) + text;
    from = end;
  }
  return result + reference.slice(from);
}

/**
 * A reference of a header field (Location, our own redirects) with the SID on it. Does not ask the scope.
 * `documentUrl` is what the client asked for, absolute, marked or not. What cannot be marked comes back as it is.
 */
export function markReference(reference: string, mark: SidMark, documentUrl: string): string {
  const clean = cleanReference(reference);
  const edits = markEdits(clean, mark, '', FIELD_NOTATION, markBase(documentUrl, mark));
  return edits === null || edits.length === 0 ? reference : applyEdits(clean, edits);
}

/** The same for a reference that may lead anywhere: null if the scope keeps the SID off it. */
export function markWithin(reference: string, mark: SidMark, scope: Scope, documentUrl: string): string | null {
  const base = scope.base(unmarkReference(documentUrl, mark.name));
  return scope.judge(reference, base) === 'mark' ? markReference(reference, mark, documentUrl) : null;
}

const SCHEME = /^[a-z][a-z0-9+.-]*:/i;

/** Nothing before the fragment (RFC 3986 §4.4), or the base's scheme alone, which browsers take for nothing. */
function isSameDocument(reference: string, parts: Parts): boolean {
  return parts.fragment === 0 || SCHEME.exec(reference)?.[0].length === parts.fragment;
}

/** `root` goes in front of a query where there was none. */
function queryEdits(
  reference: string,
  parts: Parts,
  mark: SidMark | null,
  extra: string,
  notation: Notation,
  base: MarkBase,
  root = '',
): ReferenceEdit[] {
  const pair = mark === null ? '' : pairOf(mark);
  const from = Math.min(parts.query + 1, parts.fragment);
  const old = mark === null ? [] : findParameters(reference, from, parts.fragment, mark.name);
  const edits = replaceCarried(reference, old, pair);
  const added = old.length > 0 ? extra : [extra, pair].filter((text) => text !== '').join(notation.separator);
  if (added === '') return edits;
  let lead = notation.separator;
  if (parts.query === parts.fragment) {
    // The empty reference means the base with its query, which a query of its own would replace.
    const inherited = isSameDocument(reference, parts) ? base.url.search.slice(1) : '';
    lead = root + (inherited === '' ? '?' : `?${notation.escape(inherited)}${notation.separator}`);
  }
  edits.push({ start: parts.fragment, end: parts.fragment, text: lead + added });
  return edits;
}

/** The first old value gives way to the new one, the others go with the separator before them. */
function replaceCarried(reference: string, old: readonly Carried[], text: string): ReferenceEdit[] {
  const edits: ReferenceEdit[] = [];
  for (const { start, end } of old) {
    if (edits.length > 0 || start !== old[0]?.start) edits.push({ start: start - 1, end, text: '' });
    else if (reference.slice(start, end) !== text) edits.push({ start, end, text });
  }
  return edits;
}

/** The edits of a query whose SID goes, for a carrier in the path; the extra parameters stand behind it. */
function withoutQueryMarks(
  reference: string,
  parts: Parts,
  { name }: SidMark,
  extra: string,
  notation: Notation,
  base: MarkBase,
): ReferenceEdit[] {
  const { query, fragment } = parts;
  const edits: ReferenceEdit[] = [];
  // Those in front go with the separator behind them, all others with the one before.
  let front = Math.min(query + 1, fragment);
  for (const { start, end } of findParameters(reference, front, fragment, name)) {
    const isInFront = start === front;
    if (isInFront) front = Math.min(end + 1, fragment);
    edits.push({ start: isInFront ? start : start - 1, end: isInFront ? front : end, text: '' });
  }
  const isAllGone = edits.length > 0 && front === fragment && edits.at(-1)?.end === fragment;
  if (!isAllGone)
    return extra === '' ? edits : [...edits, ...queryEdits(reference, parts, null, extra, notation, base)];
  // Without a path a `?` alone keeps the page's own query from coming back.
  const text = extra === '' && parts.path < query ? '' : `?${extra}`;
  return [{ start: query, end: fragment, text }];
}

const DOT_SEGMENT = /^(?:\.|%2e){1,2}$/i;
const ANY_DOT_SEGMENT = /(?:^|[/\\])(?:\.|%2e){1,2}(?=[/\\]|$)/i;

function pathParameterEdits(
  reference: string,
  parts: Parts,
  mark: SidMark,
  notation: Notation,
  base: MarkBase,
  inherited: string,
): ReferenceEdit[] | null {
  const pair = pairOf(mark);
  const old = findPathParameters(reference, parts.path, parts.query, mark.name);
  if (old.length > 0) return replaceCarried(reference, old, pair);
  const at = parts.query;
  if (parts.path < parts.query) {
    const path = reference.slice(parts.path, parts.query);
    const last = path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1);
    // `..;name=SID` would be a segment of its own, not the directory above.
    return [{ start: at, end: at, text: `${DOT_SEGMENT.test(last) ? '/' : ''};${pair}` }];
  }
  if (parts.path > 0) return [{ start: at, end: at, text: `/;${pair}` }];
  // No path: that of the base, whose last segment has to be written out to bear the parameter.
  if (!base.isPathKnown) return null;
  const last = base.url.pathname.slice(base.url.pathname.lastIndexOf('/') + 1);
  const text = `${last.includes(':') ? './' : ''}${notation.escape(last)};${pair}${inherited}`;
  return [{ start: at, end: at, text }];
}

function pathSegmentEdits(
  reference: string,
  parts: Parts,
  mark: SidMark,
  notation: Notation,
  base: MarkBase,
  inherited: string,
): ReferenceEdit[] | null {
  const segment = segmentOf(mark);
  const old = findPathSegments(reference, parts.path, parts.query, mark.name);
  if (old.length > 0) return replaceCarried(reference, old, segment.slice(1));
  const path = reference.slice(parts.path, parts.query);
  const at = parts.path;
  const hasDots = ANY_DOT_SEGMENT.test(path);
  const isRooted = path.startsWith('/') || path.startsWith('\\');
  if (!isRooted && parts.path > 0) return [{ start: at, end: at, text: `${segment}/` }];
  if (!isRooted && base.inherits && (!hasDots || staysBelow(path, segment, base))) return [];
  if (hasDots) {
    // Dots may climb out of the segment: write the path resolved. Bytes above ASCII would need the page's charset.
    if (hasBytes(path) || (!isRooted && !base.isPathKnown)) return null;
    const resolved = new URL(isRooted ? `http://host${path}` : path, base.url).pathname;
    return [{ start: at, end: parts.query, text: segment + notation.escape(resolved) }];
  }
  if (path.startsWith('/')) return [{ start: at, end: at, text: segment }];
  // A browser takes a backslash for a slash; behind our segment it would not look like the segment's end.
  if (isRooted) return [{ start: at, end: at + 1, text: `${segment}/` }];
  if (!base.isPathKnown) return null;
  const whole = base.url.pathname;
  const inserted = path === '' ? whole : whole.slice(0, whole.lastIndexOf('/') + 1);
  return [{ start: at, end: at, text: segment + notation.escape(inserted) + inherited }];
}

/** Does a path with dot segments, resolved against the marked base, still have the segment in front? */
function staysBelow(path: string, segment: string, base: MarkBase): boolean {
  const marked = new URL(segment + base.url.pathname, base.url.origin);
  return new URL(path, marked).pathname.startsWith(`${segment}/`);
}
