/**
 * Marks the links of a tag: attributes that hold a URL, or a list of them.
 *
 * Most links are plain references and take the fast path: a scan of the value's bytes and one insertion that was made
 * for the whole page. Everything else is decoded, judged by the scope and edited in place.
 */
import { decodeAttributeValue, type ReferenceSyntax } from '../html/character-references.ts';
import { parseCssUrls } from '../html/css-urls.ts';
import type { Edits } from '../html/edits.ts';
import type { LinkRun } from '../html/link-run.ts';
import type { CompiledPlaces, LinkPlace, PlaceKind } from '../html/places.ts';
import { type PlainReference, pathHashOf, scanPlainReference } from '../html/plain-reference.ts';
import type { AttributeSpan, StartTag } from '../html/scanner.ts';
import { parseSrcset, type UrlSpan } from '../html/srcset.ts';
import { type CleanSpan, cleanSpan, editValue, isNamed, sourceOf } from './attribute-value.ts';
import type { MarkTally } from './mark-tally.ts';
import type { PageUrls } from './page-urls.ts';
import { TELLING_POLICIES } from './referrer-policies.ts';

const HASH = 0x23;
const HTTP = Buffer.from('http');
const SECURE = Buffer.from('s:');
const SLASHES = Buffer.from('//');
/** Schemes that have no host: what follows the colon does not matter. */
const OTHER_SCHEMES: readonly Buffer[] = ['javascript:', 'mailto:', 'tel:', 'data:'].map((scheme) =>
  Buffer.from(scheme),
);
/** 1 for the bytes of a host and port that mean themselves. */
const IN_AUTHORITY = new Uint8Array(256);
for (const char of 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:') {
  IN_AUTHORITY[char.charCodeAt(0)] = 1;
}
const SAME_ORIGIN = Buffer.from('same-origin');

/** The kinds of places that need more than a URL to be judged. */
export interface OtherPlaces {
  formaction(tag: StartTag, attribute: AttributeSpan, place: LinkPlace, edits: Edits): void;
  srcdoc(tag: StartTag, attribute: AttributeSpan, edits: Edits): void;
  identity(tag: StartTag, attribute: AttributeSpan, edits: Edits): void;
}

export class LinkMarker {
  readonly #urls: PageUrls;
  readonly #tally: MarkTally;
  readonly #syntax: ReferenceSyntax;
  readonly #places: CompiledPlaces;
  readonly #others: OtherPlaces;
  /** The first byte of a parameter that would be ours already; 0 for none. */
  readonly #firstOfName: number;
  /** The own origin as absolute links spell it. */
  readonly #ownPrefix: Buffer;
  readonly #found: PlainReference = { query: -1, fragment: 0 };

  constructor(urls: PageUrls, tally: MarkTally, syntax: ReferenceSyntax, places: CompiledPlaces, others: OtherPlaces) {
    this.#urls = urls;
    this.#tally = tally;
    this.#syntax = syntax;
    this.#places = places;
    this.#others = others;
    this.#firstOfName = urls.mark?.name.charCodeAt(0) ?? 0;
    this.#ownPrefix = Buffer.from(urls.origin);
  }

  /** Mark the first attribute of each name in `links`, in the order in which they stand. */
  markAll(tag: StartTag, links: readonly LinkPlace[], edits: Edits): void {
    let seen = 0;
    let open = links.length;
    for (let i = 0; i < tag.attributeCount && open > 0; i++) {
      // The scanner vouches for `attributeCount` spans.
      const attribute = tag.attributes[i]!;
      for (let k = 0; k < links.length; k++) {
        const place = links[k]!;
        if ((seen & (1 << k)) !== 0 || !isNamed(tag, attribute, place.bytes)) continue;
        seen |= 1 << k;
        open--;
        this.#value(tag, attribute, place, edits);
      }
    }
  }

  #value(tag: StartTag, attribute: AttributeSpan, place: LinkPlace, edits: Edits): void {
    switch (place.kind) {
      case 'form':
        this.#others.formaction(tag, attribute, place, edits);
        break;
      case 'list':
        this.#several(tag, attribute, place, parseSrcset, edits);
        break;
      case 'css':
        this.#several(tag, attribute, place, parseCssUrls, edits);
        break;
      case 'referrer':
        this.#referrer(tag, attribute, edits);
        break;
      case 'document':
        this.#others.srcdoc(tag, attribute, edits);
        break;
      case 'identity':
        this.#others.identity(tag, attribute, edits);
        break;
      default:
        this.#link(tag, attribute, place, edits);
    }
  }

  #link(tag: StartTag, attribute: AttributeSpan, place: LinkPlace, edits: Edits): void {
    const { valueStart, valueEnd, quote } = attribute;
    const isDone =
      !this.#tally.isExplaining && this.#fastLink(tag.bytes, valueStart, valueEnd, quote === 0, place, edits);
    if (!isDone) this.#anyLink(tag, attribute, place, edits);
  }

  /** Links that the scanner has looked into already, up to the first for which that is not enough. No allocation. */
  links(run: LinkRun, edits: Edits): void {
    if (this.#tally.isExplaining) return;
    const { marks } = this.#tally;
    while (run.hasLink) {
      const { name } = run;
      const place = this.#places.elements.get(name)?.link ?? null;
      if (place === null) return;
      marks[place.kind] += this.#plainLinks(run, name, place, edits);
      if (!run.hasLink) return;
      if (run.name !== name) continue;
      if (!this.#fastLink(run.bytes, run.valueStart, run.valueEnd, !run.isQuoted, place, edits)) return;
      run.next();
    }
  }

  /** Mark the plain links of one element that follow each other: most of a page's links. Returns how many there were. */
  #plainLinks(run: LinkRun, name: string, place: LinkPlace, edits: Edits): number {
    const urls = this.#urls;
    const carries = place.carries & urls.plainCarries;
    const isWatched = run.watchedParameter === this.#firstOfName;
    let count = 0;
    for (; carries !== 0 && run.hasLink && run.isPlain && run.name === name; run.next()) {
      const { query, fragment } = run;
      if (query >= 0 && !isWatched) break;
      const pathEnd = query < 0 ? fragment : query;
      if (!urls.coversAllPaths && !urls.coversPlain(run.bytes, run.valueStart, pathEnd, false, run.pathHash)) break;
      edits.insert(fragment, urls.insertion(carries, query >= 0, !run.isQuoted));
      count++;
    }
    return count;
  }

  /** The fast path: true if the reference is plain, or plainly elsewhere, and so dealt with. No allocation. */
  #fastLink(bytes: Buffer, start: number, end: number, isUnquoted: boolean, place: LinkPlace, edits: Edits): boolean {
    if (start === end) return false;
    const found = this.#found;
    const carries = place.carries & this.#urls.plainCarries;
    if (carries !== 0 && bytes[start] === HASH) {
      this.#tally.skips['fragment-only']++;
      return true;
    }
    if (carries === 0 || !scanPlainReference(bytes, start, end, this.#firstOfName, false, found)) {
      return this.#ownLink(bytes, start, end, isUnquoted, place, edits);
    }
    if (!this.#covers(bytes, start, false)) return false;
    this.#insert(carries, isUnquoted, place, edits);
    return true;
  }

  /** The same for a reference that spells our own origin; others may be plainly elsewhere. */
  #ownLink(bytes: Buffer, start: number, end: number, isUnquoted: boolean, place: LinkPlace, edits: Edits): boolean {
    const behindOrigin = start + this.#ownPrefix.length;
    const carries = place.carries & this.#urls.ownCarries;
    if (carries === 0 || behindOrigin >= end || !startsWith(bytes, start, this.#ownPrefix)) {
      return this.#plainlyElsewhere(bytes, start, end);
    }
    const found = this.#found;
    if (!scanPlainReference(bytes, behindOrigin, end, this.#firstOfName, true, found)) return false;
    if (!this.#covers(bytes, behindOrigin, true)) return false;
    this.#insert(carries, isUnquoted, place, edits);
    return true;
  }

  /** Is the reference that was found, from `start` on, inside the path scope? */
  #covers(bytes: Buffer, start: number, isAbsolute: boolean): boolean {
    if (this.#urls.coversAllPaths) return true;
    const { query, fragment } = this.#found;
    const end = query < 0 ? fragment : query;
    return this.#urls.coversPlain(bytes, start, end, isAbsolute, pathHashOf(bytes, start, end));
  }

  /** Mark the reference that was found. */
  #insert(carries: number, isUnquoted: boolean, place: LinkPlace, edits: Edits): void {
    const { query, fragment } = this.#found;
    edits.insert(fragment, this.#urls.insertion(carries, query >= 0, isUnquoted));
    this.#tally.marks[place.kind]++;
  }

  /** Links that need no parser to be seen to lead elsewhere: true if this is one, and counted. */
  #plainlyElsewhere(bytes: Buffer, start: number, end: number): boolean {
    const scheme = OTHER_SCHEMES.find((one) => end - start >= one.length && startsWith(bytes, start, one));
    if (scheme !== undefined) {
      this.#tally.skips['not-http']++;
      return true;
    }
    let at = start;
    if (startsWith(bytes, at, HTTP))
      at += startsWith(bytes, at + HTTP.length, SECURE) ? HTTP.length + 2 : HTTP.length + 1;
    if (!startsWith(bytes, at, SLASHES)) return false;
    let behind = at + SLASHES.length;
    while (behind < end && IN_AUTHORITY[bytes[behind] ?? 0] === 1) behind++;
    const next = bytes[behind];
    const isWhole = behind === end || next === 0x2f || next === 0x3f || next === HASH;
    if (!isWhole || !this.#urls.isForeignAuthority(bytes.toString('latin1', start, behind))) return false;
    this.#tally.skips['foreign-origin']++;
    return true;
  }

  /** The slow path: decode, judge, edit. */
  #anyLink(tag: StartTag, attribute: AttributeSpan, place: LinkPlace, edits: Edits): void {
    const value = decodeAttributeValue(sourceOf(tag, attribute), this.#syntax);
    if (value.text === '' && place.kind !== 'navigation') {
      // HTML §4.8.5: an empty src loads nothing; a marked one would load the page into its own frame.
      this.#tally.report(tag, attribute, place.kind, '', 'empty-frame');
      return;
    }
    this.reference(tag, attribute, place.kind, cleanSpan(value), place.carries, edits);
  }

  /** Judge one reference within a value and mark it. */
  reference(
    tag: StartTag,
    attribute: AttributeSpan,
    kind: PlaceKind,
    span: CleanSpan,
    wanted: number,
    edits: Edits,
  ): void {
    const verdict = this.#urls.judge(span.text, wanted);
    this.#tally.report(tag, attribute, kind, span.text, verdict.judgement);
    const changes = this.#urls.edits(span.text, verdict.carries, attribute.quote === 0 && attribute.hasValue);
    editValue(tag, attribute, span, changes, edits);
    if (verdict.carries === 0) this.#tally.skip(verdict);
    else this.#tally.marks[kind]++;
  }

  /** A value with several URLs in it. */
  #several(
    tag: StartTag,
    attribute: AttributeSpan,
    place: LinkPlace,
    parse: (value: string) => readonly UrlSpan[],
    edits: Edits,
  ): void {
    const value = decodeAttributeValue(sourceOf(tag, attribute), this.#syntax);
    for (const { start, end } of parse(value.text)) {
      this.reference(tag, attribute, place.kind, cleanSpan(value, start, end), place.carries, edits);
    }
  }

  /** An element's own policy must not show the page's URL, and the SID in it, to other sites. */
  #referrer(tag: StartTag, attribute: AttributeSpan, edits: Edits): void {
    const policy = decodeAttributeValue(sourceOf(tag, attribute), this.#syntax).text.toLowerCase();
    if (!TELLING_POLICIES.has(policy)) return;
    edits.replace(attribute.valueStart, attribute.valueEnd, SAME_ORIGIN);
    this.#tally.marks.referrer++;
  }
}

function startsWith(bytes: Buffer, at: number, prefix: Buffer): boolean {
  for (let i = 0; i < prefix.length; i++) if (bytes[at + i] !== prefix[i]) return false;
  return true;
}
