/**
 * Marks a page: for each start tag of interest, the edits that put the SID on its URLs.
 *
 * The glue of `html/places` and `sid/mark`: it sends each tag to `link-marker.ts` or `form-marker.ts`, and does what is
 * neither: `base`, `meta`, `link` and documents within attributes. What is not marked is not touched.
 *
 * Deviation: a link that stands before the `<base>` is judged by the document's URL, though a browser would resolve it
 * by the base. HTML §4.2.3 forbids that order, and waiting for a `<base>` would hold back every page.
 */
import {
  type DecodedValue,
  decodeAttributeValue,
  escapeAttributeText,
  type ReferenceSyntax,
} from '../html/character-references.ts';
import type { Edits, PageMarker } from '../html/edits.ts';
import type { LinkRun } from '../html/link-run.ts';
import {
  CARRIES_SID,
  type CompiledPlaces,
  compilePlaces,
  IDENTITY_METAS,
  type LinkPlace,
  SUBRESOURCE_RELS,
  type TagList,
} from '../html/places.ts';
import { parseRefresh } from '../html/refresh.ts';
import { createHtmlScanner } from '../html/scan-html.ts';
import type { AttributeSpan, Namespace, Scanner, StartTag, TagInterest, TagSink } from '../html/scanner.ts';
import type { CarrierKind } from '../sid/carrier.ts';
import type { Scope } from '../sid/scope.ts';
import type { Sid } from '../sid/sid.ts';
import { type CleanSpan, cleanSpan, decodedValue, editValue, findAttribute, sourceOf } from './attribute-value.ts';
import { judgeMetaElement } from './charset.ts';
import { fieldTexts } from './form-fields.ts';
import { FormMarker } from './form-marker.ts';
import { LinkMarker } from './link-marker.ts';
import { type Explanation, type MarkCounts, MarkTally } from './mark-tally.ts';
import { PageUrls } from './page-urls.ts';
import { TELLING_META_POLICIES } from './referrer-policies.ts';
import { srcdocEdits } from './srcdoc.ts';

export type { Explanation, MarkCounts } from './mark-tally.ts';

export interface MarkerSession {
  readonly sid: Sid;
  readonly name: string;
  readonly carrier: CarrierKind;
  readonly scope: Scope;
  readonly tags: TagList;
  readonly forms: 'auto' | 'field';
}

export interface MarkerVars {
  readonly pairs: ReadonlyArray<readonly [name: string, value: string]>;
  readonly scope: Scope;
  readonly tags: TagList;
}

export interface HtmlMarkerOptions {
  /** Absolute, as the client sees it, marked or not. */
  readonly documentUrl: string;
  readonly session: MarkerSession | null;
  /** Extra parameters (`output_add_rewrite_var`). */
  readonly vars: MarkerVars | null;
  /** Between parameters, as markup. Default `&amp;`. */
  readonly argSeparator?: string;
  /** Default `html`. SVG documents are `xhtml`. */
  readonly syntax?: 'html' | 'xhtml' | 'wml';
  /** Our own site must go on getting the Referer: `no-referrer` in the page is loosened to `same-origin`. Default false. */
  readonly keepsReferer?: boolean;
  /** Hosts that share SIDs are to see where they come from: the origin, and no more. Default false. */
  readonly tellsOrigin?: boolean;
  /** Told of each URL that is looked at; null costs nothing. */
  readonly explain?: (seen: Explanation) => void;
  /** Scans the documents within attributes (`srcdoc`). Default `createHtmlScanner`. */
  readonly createScanner?: (interest: TagInterest, sink: TagSink) => Scanner;
  /** The Content-Type says the charset, so that no meta element does. Default false. */
  readonly isCharsetKnown?: boolean;
  /** How deep in `srcdoc` attributes this document stands, with its container's base as `documentUrl`. Default 0. */
  readonly srcdocDepth?: number;
}

export interface HtmlMarker extends PageMarker {
  /** What the scanner has to report. */
  readonly interest: TagInterest;
  /** So far; the hidden fields are in it once `end` was called. */
  readonly counts: MarkCounts;
}

/** A marker for one page. Throws TypeError if `documentUrl` is no absolute URL. */
export function createHtmlMarker(options: HtmlMarkerOptions): HtmlMarker {
  return new PageMarkerOfHtml(options);
}

const HREF = Buffer.from('href');
const FORMACTION = Buffer.from('formaction');
const NAME = Buffer.from('name');
const REL = Buffer.from('rel');
const PROPERTY = Buffer.from('property');
const HTTP_EQUIV = Buffer.from('http-equiv');
const CONTENT = Buffer.from('content');
const CHARSET = Buffer.from('charset');

/** Policies of `meta name=referrer` that tell our own site too little. */
const NO_REFERRER_POLICIES: ReadonlySet<string> = new Set(['no-referrer', 'never']);

/** A document within a document within a document: nobody writes that by hand. */
const MAX_SRCDOC_DEPTH = 3;

class PageMarkerOfHtml implements HtmlMarker {
  readonly interest: TagInterest;
  readonly #options: HtmlMarkerOptions;
  readonly #places: CompiledPlaces;
  readonly #urls: PageUrls;
  readonly #tally: MarkTally;
  readonly #links: LinkMarker;
  readonly #forms: FormMarker;
  readonly #syntax: ReferenceSyntax;
  #isBaseKnown = false;
  /** Whether the first base is the page's depends on the tree, or on the browser: in doubt a foreign one counts. */
  #isBaseDoubtful = false;
  /** No meta element that is still to come says the charset. */
  #isCharsetKnown: boolean;
  /** The page turned out to be in a charset whose markup we cannot read. */
  #isUnreadable = false;

  constructor(options: HtmlMarkerOptions) {
    const { session, vars } = options;
    this.#options = options;
    this.#syntax = (options.syntax ?? 'html') === 'html' ? 'html' : 'xml';
    // A document within a `srcdoc` has the charset of the page around it.
    const mayMetaSay = this.#syntax === 'html' && (options.srcdocDepth ?? 0) === 0;
    this.#isCharsetKnown = !mayMetaSay || options.isCharsetKnown === true;
    this.#places = compilePlaces(session?.tags ?? null, vars?.tags ?? null, options.syntax === 'wml');
    this.interest = this.#places.interest;
    this.#tally = new MarkTally(options.explain ?? null);
    this.#urls = new PageUrls({
      documentUrl: options.documentUrl,
      mark: session === null ? null : { kind: session.carrier, name: session.name, sid: session.sid },
      scope: session?.scope ?? null,
      extra: vars?.pairs ?? [],
      extraScope: vars?.scope ?? null,
      argSeparator: options.argSeparator ?? '&amp;',
      syntax: this.#syntax,
      isSrcdoc: (options.srcdocDepth ?? 0) > 0,
      hasVariables: options.syntax === 'wml',
    });
    const texts = () => fieldTexts(session === null ? null : [session.name, session.sid.reveal()], vars?.pairs ?? []);
    this.#forms = new FormMarker(this.#urls, this.#tally, this.#syntax, texts, {
      carries: this.#places.forms,
      inFieldOnly: session?.forms === 'field',
    });
    this.#links = new LinkMarker(this.#urls, this.#tally, this.#syntax, this.#places, {
      formaction: (tag, attribute, place, edits) => this.#forms.formaction(tag, attribute, place, edits),
      srcdoc: (tag, attribute, edits) => this.#srcdoc(tag, attribute, edits),
      identity: (tag, attribute, edits) => this.#unmark(tag, attribute, edits),
    });
  }

  get counts(): MarkCounts {
    const { marks, skips, droppedFields } = this.#tally.counts;
    const { written, dropped } = this.#forms.fields;
    return { marks: { ...marks, form: marks.form + written }, skips, droppedFields: droppedFields + dropped };
  }

  startTag(tag: StartTag, edits: Edits): void {
    const element = this.#places.elements.get(tag.name);
    if (element === undefined || this.#isUnreadable) return;
    // Elements of the same name in SVG and MathML are others.
    if (tag.namespace !== 'html') {
      const links = tag.namespace === 'svg' ? element.svgLinks : element.mathLinks;
      if (links.length > 0) this.#links.markAll(tag, links, edits);
      return;
    }
    switch (element.role) {
      case 'links':
        this.#links.markAll(tag, element.links, edits);
        break;
      case 'base':
        this.#base(tag, edits);
        break;
      case 'meta':
        this.#meta(tag, edits);
        break;
      case 'link':
        this.#link(tag, element.links, edits);
        break;
      case 'form':
        this.#forms.form(tag, edits);
        break;
      case 'submitter':
        this.#submitter(tag, element.links, edits);
        break;
      case 'template':
        this.#isBaseDoubtful = true;
        this.#forms.startTemplate(tag);
        break;
      case 'noscript':
        // In XML it is an element like any other, whether scripts run or not.
        if (this.#syntax === 'html') this.#forms.startNoscript();
        break;
    }
  }

  links(run: LinkRun, edits: Edits): void {
    if (!this.#isUnreadable) this.#links.links(run, edits);
  }

  endTag(name: string, namespace: Namespace): void {
    // Where scripts run, the first one ends a noscript, whatever it closes elsewhere.
    if (name === 'noscript') this.#forms.endNoscript();
    else if (namespace !== 'html') return;
    else if (name === 'form') this.#forms.endForm();
    else if (name === 'template') this.#forms.endTemplate();
  }

  /** `</form>` within a select. */
  ignoredEndTag(): void {
    this.#forms.doubtEnd();
  }

  cutOff(): void {
    this.#forms.cutOff();
  }

  end(): void {
    this.#forms.end();
  }

  #submitter(tag: StartTag, links: readonly LinkPlace[], edits: Edits): void {
    const formaction = findAttribute(tag, FORMACTION);
    if (formaction === null || !this.#forms.isSubmitter(tag)) {
      if (this.#forms.control(tag, edits)) return;
    } else if (links.some(({ kind }) => kind === 'form')) this.#forms.detach(tag, formaction, edits);
    this.#links.markAll(tag, links, edits);
  }

  #srcdoc(tag: StartTag, attribute: AttributeSpan, edits: Edits): void {
    const depth = (this.#options.srcdocDepth ?? 0) + 1;
    if (depth > MAX_SRCDOC_DEPTH) return;
    const createScanner = this.#options.createScanner ?? createHtmlScanner;
    const value = decodeAttributeValue(sourceOf(tag, attribute), this.#syntax);
    const inner = new PageMarkerOfHtml({
      documentUrl: this.#urls.baseUrl,
      session: this.#options.session,
      vars: this.#options.vars,
      argSeparator: this.#options.argSeparator ?? '&amp;',
      createScanner,
      srcdocDepth: depth,
    });
    const changes = srcdocEdits(value.text, inner, createScanner, attribute.quote === 0);
    editValue(tag, attribute, wholeSpan(value), changes, edits);
    this.#tally.add(inner.counts);
  }

  /** The first `<base>` with an href counts (HTML §4.2.3), and none within a template, but what a `template for` brings may be it. */
  #base(tag: StartTag, edits: Edits): void {
    const attribute = findAttribute(tag, HREF);
    if (attribute === null) return;
    const value = decodeAttributeValue(sourceOf(tag, attribute), this.#syntax);
    const href = value.text;
    this.#tally.report(tag, attribute, 'never', href, 'base');
    // It never carries anything, but one at an alias of our origin is led to the origin itself.
    const span = cleanSpan(value);
    editValue(tag, attribute, span, this.#urls.edits(span.text, 0, attribute.quote === 0), edits);
    // In a select only browsers of the current rules have one, in a noscript only those that run no scripts.
    if (tag.isDropped === true || this.#forms.isInNoscript) this.#isBaseDoubtful = true;
    const { isInTemplate, isInPatch } = this.#forms;
    if (tag.isDropped !== true && !this.#isBaseKnown && (!isInTemplate || isInPatch)) {
      // Browsers that know no `template for` have not seen any.
      this.#isBaseKnown = !isInTemplate;
      this.#urls.setBase(href);
    }
    if (!this.#isBaseDoubtful || !this.#urls.isForeignBase(href)) return;
    this.#urls.setBase(href);
    // It stays the base, whatever comes, unless it stands in a template for sure.
    if (!isInTemplate || isInPatch) this.#isBaseKnown = true;
  }

  #meta(tag: StartTag, edits: Edits): void {
    const content = findAttribute(tag, CONTENT);
    const httpEquiv = decodedValue(tag, HTTP_EQUIV, this.#syntax);
    if (!this.#isCharsetKnown) this.#readCharset(tag, httpEquiv);
    if (this.#isUnreadable) return;
    if (content === null) return;
    if (httpEquiv?.toLowerCase() === 'refresh') {
      this.#refresh(tag, content, edits);
      return;
    }
    const name = decodedValue(tag, NAME, this.#syntax)?.toLowerCase() ?? '';
    if (name === 'referrer') this.#referrer(tag, content, edits);
    else if (IDENTITY_METAS.has(name)) this.#unmark(tag, content, edits);
    else if (IDENTITY_METAS.has(decodedValue(tag, PROPERTY, this.#syntax)?.toLowerCase() ?? '')) {
      this.#unmark(tag, content, edits);
    }
  }

  #readCharset(tag: StartTag, httpEquiv: string | null): void {
    const charset = decodedValue(tag, CHARSET, this.#syntax);
    const verdict = judgeMetaElement(charset, httpEquiv, decodedValue(tag, CONTENT, this.#syntax));
    if (verdict === 'incompatible') {
      this.#isUnreadable = true;
      this.#forms.cutOff();
    } else if (verdict === 'compatible') {
      // Whether there is one in these depends on the browser.
      this.#isCharsetKnown = tag.isDropped !== true && !this.#forms.isInNoscript && !this.#forms.isInTemplate;
    }
  }

  #refresh(tag: StartTag, content: AttributeSpan, edits: Edits): void {
    const value = decodeAttributeValue(sourceOf(tag, content), this.#syntax);
    const url = parseRefresh(value.text);
    if (url === null) return;
    const span = cleanSpan(value, url.start, url.end);
    if (url.prefix === '') {
      this.#links.reference(tag, content, 'refresh', span, CARRIES_SID, edits);
      return;
    }
    // Only a time: the document itself is asked for again, and its URL may be without the SID yet.
    const verdict = this.#urls.judgeDocument(CARRIES_SID);
    this.#tally.report(tag, content, 'refresh', '', verdict.judgement);
    if (verdict.carries === 0) {
      this.#tally.skip(verdict);
      return;
    }
    const isUnquoted = content.quote === 0;
    const reference = this.#urls.documentReference(verdict.carries, isUnquoted);
    if (reference === '') return;
    // In an unquoted value a leading `;` or `=` is as good as any character.
    editValue(tag, content, span, [{ start: 0, end: 0, text: url.prefix + reference }], edits);
    this.#tally.marks.refresh++;
  }

  /** Other sites must not learn the URL of this page, our own must: recovery goes by the Referer. */
  #referrer(tag: StartTag, content: AttributeSpan, edits: Edits): void {
    const policy = decodeAttributeValue(sourceOf(tag, content), this.#syntax).text.trim().toLowerCase();
    const isTooStrict = this.#options.keepsReferer === true && NO_REFERRER_POLICIES.has(policy);
    const wanted = this.#options.tellsOrigin === true ? 'strict-origin-when-cross-origin' : 'same-origin';
    if (policy === wanted || (!isTooStrict && !TELLING_META_POLICIES.has(policy))) return;
    edits.replace(content.valueStart, content.valueEnd, Buffer.from(wanted));
  }

  #link(tag: StartTag, links: readonly LinkPlace[], edits: Edits): void {
    const rels =
      decodedValue(tag, REL, this.#syntax)
        ?.toLowerCase()
        .split(/[\t\n\f\r ]+/) ?? [];
    const isPart = rels.some((rel) => SUBRESOURCE_RELS.has(rel));
    // Browsers fetch other things, too, by the policy of the element.
    const places = isPart ? links.map(asSubresource) : [IDENTITY, ...links.filter(isPolicy)];
    this.#links.markAll(tag, places, edits);
  }

  /** Take a SID of ours out of an identity place. */
  #unmark(tag: StartTag, attribute: AttributeSpan, edits: Edits): void {
    const value = decodeAttributeValue(sourceOf(tag, attribute), this.#syntax);
    const clean = this.#urls.unmarked(value.text);
    if (clean === value.text) return;
    this.#tally.report(tag, attribute, 'identity', value.text, 'unmarked');
    let start = 0;
    while (start < clean.length && clean[start] === value.text[start]) start++;
    let tail = 0;
    while (tail < clean.length - start && clean.at(-1 - tail) === value.text.at(-1 - tail)) tail++;
    const isUnquoted = attribute.quote === 0;
    const text = escapeAttributeText(clean.slice(start, clean.length - tail), isUnquoted);
    // Something between two SIDs that was not decoded cannot be written again.
    if (text.includes('\u{FFFD}')) return;
    editValue(tag, attribute, wholeSpan(value), [{ start, end: value.text.length - tail, text }], edits);
  }
}

/** What the page is called, or another one. */
const IDENTITY: LinkPlace = { attribute: 'href', bytes: HREF, kind: 'identity', carries: 0 };

function isPolicy({ kind }: LinkPlace): boolean {
  return kind === 'referrer';
}

function asSubresource(place: LinkPlace): LinkPlace {
  return place.kind === 'identity' ? { ...place, kind: 'subresource' } : place;
}

/** A decoded value as it is, not cleaned. */
function wholeSpan(value: DecodedValue): CleanSpan {
  const { text, offsets } = value;
  return { text, sourceAt: offsets === null ? (index) => index : (index) => offsets[index] ?? 0 };
}
