/**
 * The URLs of one page: which of them carry what, and the text to put on them.
 *
 * Markup is handled as byte strings, one character a byte. Holds the document's URL and its `<base>`, asks the scopes and turns the edits of `sid/mark.ts` into bytes of markup.
 * Knows nothing of tags; `marker.ts` and `form-fields.ts` do.
 */

import { decodeAttributeValue, escapeAttributeText, type ReferenceSyntax } from '../html/character-references.ts';
import { CARRIES_EXTRA, CARRIES_SID } from '../html/places.ts';
import { pathStart, type Unmarked, unmarkReference, unmarkTarget } from '../sid/carrier.ts';
import {
  encodeUrlText,
  type MarkBase,
  markBase,
  markEdits,
  type Notation,
  pairOf,
  type ReferenceEdit,
  type SidMark,
} from '../sid/mark.ts';
import {
  type Base,
  cleanReference,
  hasBytes,
  type Judgement,
  type PlainPaths,
  resolveBase,
  type Scope,
} from '../sid/scope.ts';
import { Sid } from '../sid/sid.ts';

export interface PageUrlOptions {
  /** Absolute, as the client sees it, marked or not. */
  readonly documentUrl: string;
  readonly mark: SidMark | null;
  readonly scope: Scope | null;
  readonly extra: ReadonlyArray<readonly [name: string, value: string]>;
  readonly extraScope: Scope | null;
  /** Between parameters, as markup. */
  readonly argSeparator: string;
  readonly syntax: ReferenceSyntax;
  /** The document stands in an attribute of another one, whose base is `documentUrl`. */
  readonly isSrcdoc?: boolean;
  /** References may have variables in them, `$(name)` or `$name`, which the client fills in (WML 1.3 §10.3). */
  readonly hasVariables?: boolean;
}

/** What a URL gets: the parameters that may stand on it, and the reason if the SID (or else the extra ones) may not. */
export interface Verdict {
  /** 0 nothing, 1 the SID, 2 the extra parameters, 3 both. */
  readonly carries: number;
  readonly judgement: Judgement;
}

export class PageUrls {
  readonly mark: SidMark | null;
  readonly #scope: Scope | null;
  readonly #extraScope: Scope | null;
  readonly #documentUrl: string;
  readonly #isSrcdoc: boolean;
  readonly #hasVariables: boolean;
  /** Whether the client's own URL of the document has the SID, and where this carrier puts it; null: not asked yet. */
  #isDocumentMarked: boolean | null = null;
  readonly #notations: Notations;
  readonly #extra: readonly [quoted: string, unquoted: string];
  /** Made when first used: by what they carry, and where they stand. */
  readonly #insertions: (Buffer | undefined)[] = [];
  /** Made when first used. */
  #pair: string | null = null;
  readonly #document: MarkBase;
  #base: MarkBase;
  #sidBase: Base | null;
  #extraBase: Base | null;
  #plain = 0;
  /** The paths of plain references, rooted and relative ones; null: not asked yet. */
  #rootedPaths: PlainPaths | null = null;
  #relativePaths: PlainPaths | null = null;
  /** The base's scheme. */
  #protocol = '';
  #hasBaseElement = false;
  #baseUrl: string;
  /** Every path of our origins may carry what plain references do. */
  readonly coversAllPaths: boolean;
  /** What plain references behind our own origin carry, see `coversPlain`; 0 if they must be looked at like any other. */
  readonly ownCarries: number;

  constructor(options: PageUrlOptions) {
    const { mark } = options;
    this.mark = mark;
    this.#scope = options.scope;
    this.#extraScope = options.extraScope;
    this.#documentUrl = options.documentUrl;
    this.#baseUrl = options.documentUrl;
    this.#isSrcdoc = options.isSrcdoc ?? false;
    this.#hasVariables = options.hasVariables ?? false;
    const pairs = options.extra.map(([name, value]) => `${encodeUrlText(name)}=${encodeUrlText(value)}`);
    this.#notations = notationsOf(options, pairs);
    this.#extra = [pairs.join(this.#notations[0].separator), pairs.join(this.#notations[1].separator)];
    this.#document = markBase(options.documentUrl, mark);
    this.#base = this.#document;
    const unmark = mark === null ? null : (url: string) => unmarkTarget(url, mark.name).target;
    this.#sidBase = this.#scope?.base(options.documentUrl, unmark) ?? null;
    this.#extraBase = this.#extraScope?.base(options.documentUrl, unmark) ?? null;
    // Only the query carrier appends; and another separator may end an open reference in front of it: `?a&copy` + `;`.
    const isAppended = (mark === null || mark.kind === 'query') && this.#notations.every(startsWithAmpersand);
    const canBePlain = isAppended && !this.#hasVariables && (this.#extraScope?.coversAllPaths ?? true);
    const carries = (this.#scope === null ? 0 : CARRIES_SID) | (this.#extraScope === null ? 0 : CARRIES_EXTRA);
    this.ownCarries = canBePlain ? carries : 0;
    this.coversAllPaths = this.#scope?.coversAllPaths ?? true;
    this.#judgePlain();
  }

  /** Our own origin; '' if nothing is to be marked. */
  get origin(): string {
    return (this.#scope ?? this.#extraScope)?.origin ?? '';
  }

  /** The absolute URL that relative references hang on, as the client sees it. */
  get baseUrl(): string {
    return this.#baseUrl;
  }

  /** What plain references (`plain-reference.ts`) carry, see `coversPlain`; 0 if they must be looked at like any other. */
  get plainCarries(): number {
    return this.#plain;
  }

  /**
   * Is a plain reference, whose path is `bytes[start, end)`, inside the path scope? `isAbsolute`: behind an origin. `hash`:
   * of the path, as `pathHashOf` makes it.
   */
  coversPlain(bytes: Buffer, start: number, end: number, isAbsolute: boolean, hash: number): boolean {
    if (this.coversAllPaths || this.#scope === null) return true;
    if (start === end) return this.#scope.coversPath(isAbsolute ? '/' : (this.#sidBase?.path ?? '/'));
    if (bytes[start] === 0x2f) {
      this.#rootedPaths ??= this.#scope.plainPaths('');
      return this.#rootedPaths.of(bytes, start, end, hash);
    }
    this.#relativePaths ??= this.#scope.plainPaths(this.#baseDirectory());
    return this.#relativePaths.of(bytes, start, end, hash);
  }

  /** Is an authority, as `//cdn.example` or with its scheme, somebody else's for all that a page may carry? */
  isForeignAuthority(text: string): boolean {
    const whole = text.startsWith('/') ? `${this.#protocol}${text}` : text;
    return (this.#scope?.isForeignAuthority(whole) ?? true) && (this.#extraScope?.isForeignAuthority(whole) ?? true);
  }

  /** Obey a `<base href>`, decoded. A foreign one ends the marking of relative references. */
  setBase(href: string): void {
    const clean = cleanReference(href);
    const resolved = resolveBase(clean, this.#document.url);
    if (resolved === null) return;
    this.#hasBaseElement = true;
    const own = this.#onOwnOrigin(clean);
    this.#baseUrl = own === null ? resolved : new URL(own).href;
    this.#base = markBase(this.#baseUrl, this.mark, !hasBytes(clean));
    this.#sidBase = this.#scope?.base(this.#base.url.href) ?? null;
    this.#extraBase = this.#extraScope?.base(this.#base.url.href) ?? null;
    this.#judgePlain();
  }

  /** Would relative references leave our origins with this `<base href>`, decoded? */
  isForeignBase(href: string): boolean {
    const scope = this.#scope ?? this.#extraScope;
    const clean = cleanReference(href);
    const url = this.#onOwnOrigin(clean) ?? resolveBase(clean, this.#document.url);
    // Another scheme is as foreign as another host.
    return scope !== null && url !== null && scope.base(url).judgement !== 'mark';
  }

  /** Judge a decoded, clean reference for a place that `wanted` says can carry. */
  judge(clean: string, wanted: number): Verdict {
    if (this.#hasVariables && mayLeadAnywhere(clean)) return { carries: 0, judgement: 'foreign-origin' };
    const reference = this.#onOwnOrigin(clean) ?? clean;
    let carries = 0;
    let judgement: Judgement = 'mark';
    if ((wanted & CARRIES_EXTRA) !== 0 && this.#extraScope !== null && this.#extraBase !== null) {
      judgement = this.#extraScope.judge(reference, this.#extraBase);
      if (judgement === 'mark') carries |= CARRIES_EXTRA;
    }
    if ((wanted & CARRIES_SID) !== 0 && this.#scope !== null && this.#sidBase !== null) {
      judgement = this.#scope.judge(reference, this.#sidBase);
      if (judgement === 'mark') carries |= CARRIES_SID;
    }
    return { carries, judgement };
  }

  /** Judge the document's own URL, where a form without an action is sent. That of a srcdoc is `about:srcdoc`. */
  judgeDocument(wanted: number): Verdict {
    if (this.#isSrcdoc) return { carries: 0, judgement: 'not-http' };
    const sid = (wanted & CARRIES_SID) === 0 ? null : (this.#scope?.judgeUrl(this.#document.url) ?? null);
    const extra = (wanted & CARRIES_EXTRA) === 0 ? null : (this.#extraScope?.judgeUrl(this.#document.url) ?? null);
    const carries = (sid === 'mark' ? CARRIES_SID : 0) | (extra === 'mark' ? CARRIES_EXTRA : 0);
    return { carries, judgement: sid ?? extra ?? 'mark' };
  }

  /**
   * The edits, in markup, for a clean reference that may carry `carries`; empty if it is marked already or cannot be.
   * A reference to an alias of our origin is led to the origin itself, whatever it carries: the client may know no other.
   */
  edits(reference: string, carries: number, isUnquoted: boolean): readonly ReferenceEdit[] {
    const which = isUnquoted ? 1 : 0;
    const mark = (carries & CARRIES_SID) === 0 ? null : this.mark;
    const extra = (carries & CARRIES_EXTRA) === 0 ? '' : this.#extra[which];
    const notation = this.#notations[which];
    if ((reference === '' || reference.startsWith('#')) && this.#isMarkedAlready(carries)) return [];
    const own = this.#onOwnOrigin(reference);
    if (own === null) return markEdits(reference, mark, extra, notation, this.#base) ?? [];
    const authority = pathStart(reference);
    const shift = authority - pathStart(own);
    const moved = (markEdits(own, mark, extra, notation, this.#base) ?? []).map(({ start, end, text }) => ({
      start: start + shift,
      end: end + shift,
      text,
    }));
    return [{ start: 0, end: authority, text: own.slice(0, authority - shift) }, ...moved];
  }

  /** A clean reference to an alias of our origin, led to the origin itself; null for all others. */
  #onOwnOrigin(reference: string): string | null {
    const scope = this.#scope ?? this.#extraScope;
    const base = this.#sidBase ?? this.#extraBase;
    if (scope === null || base === null || !scope.hasAliases) return null;
    return scope.onOwnOrigin(reference, pathStart(reference), base);
  }

  /** What is appended to a plain reference. */
  insertion(carries: number, hasQuery: boolean, isUnquoted: boolean): Buffer {
    const index = (carries << 2) | (hasQuery ? 2 : 0) | (isUnquoted ? 1 : 0);
    const known = this.#insertions[index];
    if (known !== undefined) return known;
    const which = isUnquoted ? 1 : 0;
    const { separator } = this.#notations[which];
    const extra = (carries & CARRIES_EXTRA) === 0 ? '' : this.#extra[which];
    const pair = (carries & CARRIES_SID) === 0 ? '' : this.#queryPair;
    const added = [extra, pair].filter((part) => part !== '').join(separator);
    const made = Buffer.from(added === '' ? '' : (hasQuery ? separator : '?') + added, 'latin1');
    this.#insertions[index] = made;
    return made;
  }

  /** `name=SID`; '' if another carrier has it. */
  get #queryPair(): string {
    this.#pair ??= this.mark?.kind === 'query' ? pairOf(this.mark) : '';
    return this.#pair;
  }

  /**
   * A reference to the document itself, marked, as markup: for forms without an action and refreshes without a URL.
   * With a `<base>` in force it names the path, as the query alone would hang on the base.
   */
  documentReference(carries: number, isUnquoted: boolean): string {
    const { url } = this.#document;
    const which = isUnquoted ? 1 : 0;
    const mark = (carries & CARRIES_SID) === 0 ? null : this.mark;
    const extra = (carries & CARRIES_EXTRA) === 0 ? '' : this.#extra[which];
    const notation = this.#notations[which];
    if (this.#isMarkedAlready(carries)) return '';
    let reference = '';
    if (this.#hasBaseElement) {
      // The origin of blob:http://own/ is http://own.
      const isElsewhere = this.#base.url.protocol !== url.protocol || this.#base.url.origin !== url.origin;
      const isWhole = isElsewhere || url.pathname.startsWith('//');
      reference = (isWhole ? url.origin : '') + url.pathname + url.search;
    }
    const edits = markEdits(reference, mark, extra, notation, this.#document) ?? [];
    return writeReference(reference, edits, notation);
  }

  /** Does a reference to the document itself bring along all that it is to carry, as the client's own URL has it? */
  #isMarkedAlready(carries: number): boolean {
    if (this.#hasBaseElement || carries !== CARRIES_SID || this.mark === null) return false;
    this.#isDocumentMarked ??= isMarkedWith(unmarkTarget(this.#documentUrl, this.mark.name), this.mark);
    return this.#isDocumentMarked;
  }

  /** A decoded reference with the parameters on it, as markup in double quotes. */
  markedReference(reference: string, carries: number): string {
    return writeReference(reference, this.edits(reference, carries, false), this.#notations[0]);
  }

  /** Decoded `text` without any SID of ours. */
  unmarked(text: string): string {
    return this.mark === null ? text : unmarkReference(text, this.mark.name);
  }

  /** The base's path up to its last slash. */
  #baseDirectory(): string {
    const path = (this.#sidBase ?? this.#extraBase)?.path ?? '/';
    return path.slice(0, path.lastIndexOf('/') + 1);
  }

  #judgePlain(): void {
    this.#relativePaths = null;
    this.#protocol = this.#baseUrl.slice(0, this.#baseUrl.indexOf(':') + 1);
    // Which paths of another host are covered only the slow path asks.
    const isCovered = this.coversAllPaths || this.#sidBase?.isOwn === true;
    const sid = isCovered && this.#sidBase?.judgement === 'mark' ? CARRIES_SID : 0;
    const extra = this.#extraBase?.judgement === 'mark' ? CARRIES_EXTRA : 0;
    // A base that keeps one of them off makes plain references a case for the slow path, which tells the reason.
    this.#plain = (sid | extra) === this.ownCarries ? this.ownCarries : 0;
  }
}

/**
 * Does a variable stand where it decides about the origin? Not behind an authority that has ended, nor in what has begun
 * as a path: `/$(x)` may be `//host`, and `a$(x)` a scheme.
 */
function mayLeadAnywhere(clean: string): boolean {
  const variable = clean.replaceAll('$$', '__').indexOf('$');
  return variable >= 0 && !ORIGIN_IS_CERTAIN.test(clean.slice(0, variable).replaceAll('\\', '/'));
}

const ORIGIN_IS_CERTAIN = /^(?:(?:[a-z][a-z0-9+.-]*:)?\/\/[^/?#]+[/?#]|\/[^/]|[?#]|[^:/?#]+[/?#])/i;

type Notations = readonly [quoted: Notation, unquoted: Notation];

const escapeUnquoted = (text: string) => escapeAttributeText(text, true);
const USUAL_NOTATIONS: Notations = [
  { separator: '&amp;', escape: escapeAttributeText },
  { separator: '&amp;', escape: escapeUnquoted },
];

function notationsOf({ argSeparator, mark, syntax }: PageUrlOptions, pairs: readonly string[]): Notations {
  if (argSeparator === '&amp;') return USUAL_NOTATIONS;
  const separator = safeSeparator(
    Buffer.from(argSeparator).toString('latin1'),
    mark === null ? pairs : [...pairs, pairOf(mark)],
    syntax,
  );
  const bareSeparator = /[\s"'<>=`]/.test(separator) ? '&amp;' : separator;
  return [
    { separator, escape: escapeAttributeText },
    { separator: bareSeparator, escape: escapeUnquoted },
  ];
}

function startsWithAmpersand({ separator }: Notation): boolean {
  return separator.startsWith('&');
}

function isMarkedWith({ sids, places }: Unmarked, mark: SidMark): boolean {
  return (
    places.length === 1 &&
    places[0] === mark.kind &&
    sids.every((text) => Sid.parseMirrored(text)?.equals(mark.sid) === true)
  );
}

/** `reference` with `edits`, as markup: the edits are markup already, the rest is not. */
function writeReference(reference: string, edits: readonly ReferenceEdit[], notation: Notation): string {
  let markup = '';
  let from = 0;
  for (const { start, end, text } of edits) {
    markup += notation.escape(reference.slice(from, start)) + text;
    from = end;
  }
  return markup + notation.escape(reference.slice(from));
}

/**
 * The separator in a form that means itself wherever we put it: without quotes and angle brackets, and not `&` where
 * the name behind it would make it a character reference (`&lt_id=`).
 */
function safeSeparator(separator: string, pairs: readonly string[], syntax: ReferenceSyntax): string {
  if (separator === '&amp;') return separator;
  const quoted = separator.replace(/["'<>]/g, (char) => escapeAttributeText(char));
  const meaning = decodeAttributeValue(quoted, syntax).text;
  const isSafe = pairs.every((pair) => decodeAttributeValue(quoted + pair, syntax).text === meaning + pair);
  return isSafe && (syntax === 'html' || quoted !== '&') ? quoted : '&amp;';
}
