/**
 * Marks a page: for each start tag of interest, the edits that put the SID on its URLs.
 *
 * The glue of `html/places` and `sid/mark`. Most links are plain references and take the fast path: a scan of the
 * value's bytes and one insertion that was made for the whole page. Everything else is decoded, judged by the scope and
 * edited in place. What is not marked is not touched.
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
import {
  CARRIES_SID,
  type CompiledPlaces,
  compilePlaces,
  IDENTITY_METAS,
  type LinkPlace,
  type PlaceKind,
  SUBRESOURCE_RELS,
  type TagList,
} from '../html/places.ts';
import { parseRefresh } from '../html/refresh.ts';
import { createHtmlScanner } from '../html/scan-html.ts';
import type { AttributeSpan, Scanner, StartTag, TagInterest, TagSink } from '../html/scanner.ts';
import { parseSrcset } from '../html/srcset.ts';
import type { CarrierKind } from '../sid/carrier.ts';
import { type PlainReference, scanPlainReference } from '../sid/plain-reference.ts';
import { cleanReference, type Judgement, type Scope, type SkipReason } from '../sid/scope.ts';
import type { Sid } from '../sid/sid.ts';
import {
  behindName,
  type CleanSpan,
  cleanSpan,
  decodedValue,
  editValue,
  findAttribute,
  isNamed,
  sourceOf,
} from './attribute-value.ts';
import { FormFields, fieldTexts, type OpenForm } from './form-fields.ts';
import { PageUrls, type Verdict } from './page-urls.ts';
import { srcdocEdits } from './srcdoc.ts';

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

/** What was decided for one URL of the page. */
export interface Explanation {
  /** Of the value within `StartTag.bytes`: of the page itself if it came in one piece. */
  readonly offset: number;
  readonly element: string;
  readonly attribute: string;
  readonly kind: PlaceKind;
  /** Decoded. */
  readonly url: string;
  /** `field`: a form that gets its SID by hidden field, unless a button forbids it; `unmarked`: a SID was taken out. */
  readonly decision: Judgement | 'field' | 'unmarked' | 'base' | 'nested-form' | 'empty-frame';
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
  /** Told of each URL that is looked at; null costs nothing. */
  readonly explain?: (seen: Explanation) => void;
  /** Scans the documents within attributes (`srcdoc`). Default `createHtmlScanner`. */
  readonly createScanner?: (interest: TagInterest, sink: TagSink) => Scanner;
  /** How deep in `srcdoc` attributes this document stands, with its container's base as `documentUrl`. Default 0. */
  readonly srcdocDepth?: number;
}

export interface MarkCounts {
  /** URLs that got the SID or extra parameters, by place. Hidden fields count as `form`. */
  readonly marks: Record<PlaceKind, number>;
  readonly skips: Record<SkipReason, number>;
  /** Hidden fields that were kept out, because the form could be sent abroad or was too long to wait for. */
  readonly droppedFields: number;
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
const ACTION = Buffer.from('action');
const METHOD = Buffer.from('method');
const FORMACTION = Buffer.from('formaction');
const FORMMETHOD = Buffer.from('formmethod');
const FORM = Buffer.from('form');
const ID = Buffer.from('id');
const NAME = Buffer.from('name');
const TYPE = Buffer.from('type');
const VALUE = Buffer.from('value');
const REL = Buffer.from('rel');
const PROPERTY = Buffer.from('property');
const HTTP_EQUIV = Buffer.from('http-equiv');
const CONTENT = Buffer.from('content');
const EMPTY = Buffer.alloc(0);
const QUOTE = Buffer.from('"');
const HASH = 0x23;

/** Policies of `meta name=referrer` that send more to others than `same-origin` does, or too little to ourselves. */
const OTHER_REFERRER_POLICIES: ReadonlySet<string> = new Set([
  ...['unsafe-url', 'no-referrer-when-downgrade', 'origin', 'origin-when-cross-origin', 'strict-origin'],
  ...['strict-origin-when-cross-origin', 'always', 'default', 'origin-when-crossorigin'],
]);
const SAME_ORIGIN = Buffer.from('same-origin');

const SUBMIT_TYPES: ReadonlySet<string> = new Set(['submit', 'image']);
const OTHER_BUTTON_TYPES: ReadonlySet<string> = new Set(['button', 'reset']);

/** A document within a document within a document: nobody writes that by hand. */
const MAX_SRCDOC_DEPTH = 3;

/** `method=dialog` sends nothing. */
const NOT_SENT: Verdict = { carries: 0, judgement: 'mark' };

/** Stands for the action that a form does not have. */
const NO_ATTRIBUTE: AttributeSpan = {
  nameStart: 0,
  nameEnd: 0,
  valueStart: 0,
  valueEnd: 0,
  quote: 0,
  hasValue: false,
};

function noMarks(): Record<PlaceKind, number> {
  return {
    navigation: 0,
    form: 0,
    frame: 0,
    subresource: 0,
    refresh: 0,
    list: 0,
    document: 0,
    identity: 0,
    never: 0,
  };
}

function noSkips(): Record<SkipReason, number> {
  return {
    'fragment-only': 0,
    'not-http': 0,
    'foreign-origin': 0,
    userinfo: 0,
    downgrade: 0,
    'outside-path': 0,
    unparsable: 0,
  };
}

// The keys of the literals above.
const PLACE_KINDS = Object.keys(noMarks()) as PlaceKind[];
const SKIP_REASONS = Object.keys(noSkips()) as SkipReason[];

function startsWith(bytes: Buffer, at: number, prefix: Buffer): boolean {
  for (let i = 0; i < prefix.length; i++) if (bytes[at + i] !== prefix[i]) return false;
  return true;
}

function pathEnd(found: PlainReference): number {
  return found.query < 0 ? found.fragment : found.query;
}

function asSubresource(place: LinkPlace): LinkPlace {
  return place.kind === 'identity' ? { ...place, kind: 'subresource' } : place;
}

/** A decoded value as it is, not cleaned. */
function wholeSpan(value: DecodedValue): CleanSpan {
  const { text, offsets } = value;
  return { text, sourceAt: offsets === null ? (index) => index : (index) => offsets[index] ?? 0 };
}

class PageMarkerOfHtml implements HtmlMarker {
  readonly interest: TagInterest;
  readonly #options: HtmlMarkerOptions;
  readonly #session: MarkerSession | null;
  readonly #places: CompiledPlaces;
  readonly #urls: PageUrls;
  readonly #forms: FormFields;
  readonly #syntax: ReferenceSyntax;
  readonly #explain: ((seen: Explanation) => void) | null;
  readonly #marks = noMarks();
  readonly #skips = noSkips();
  /** The first byte of a parameter that would be ours already; 0 for none. */
  readonly #firstOfName: number;
  /** The own origin as absolute links spell it. */
  readonly #ownPrefix: Buffer;
  readonly #found: PlainReference = { query: -1, fragment: 0 };
  #isBaseKnown = false;
  #templateDepth = 0;
  #hasTemplates = false;

  constructor(options: HtmlMarkerOptions) {
    const { session, vars } = options;
    this.#options = options;
    this.#session = session;
    this.#explain = options.explain ?? null;
    this.#syntax = (options.syntax ?? 'html') === 'html' ? 'html' : 'xml';
    this.#places = compilePlaces(session?.tags ?? null, vars?.tags ?? null, options.syntax === 'wml');
    this.interest = this.#places.interest;
    this.#urls = new PageUrls({
      documentUrl: options.documentUrl,
      mark: session === null ? null : { kind: session.carrier, name: session.name, sid: session.sid },
      scope: session?.scope ?? null,
      extra: vars?.pairs ?? [],
      extraScope: vars?.scope ?? null,
      argSeparator: options.argSeparator ?? '&amp;',
      syntax: this.#syntax,
      isSrcdoc: (options.srcdocDepth ?? 0) > 0,
    });
    const field = session === null ? null : ([session.name, session.sid.reveal()] as const);
    this.#forms = new FormFields(fieldTexts(field, vars?.pairs ?? []));
    this.#firstOfName = session?.name.charCodeAt(0) ?? 0;
    this.#ownPrefix = Buffer.from((session ?? vars)?.scope.origin ?? '');
  }

  get counts(): MarkCounts {
    const marks = { ...this.#marks, form: this.#marks.form + this.#forms.written };
    return { marks, skips: { ...this.#skips }, droppedFields: this.#forms.dropped };
  }

  startTag(tag: StartTag, edits: Edits): void {
    const element = this.#places.elements.get(tag.name);
    if (element === undefined) return;
    // Elements of the same name in SVG are others; MathML has no links that browsers follow alike.
    if (tag.namespace !== 'html') {
      if (tag.namespace === 'svg' && element.svgLinks.length > 0) this.#links(tag, element.svgLinks, edits);
      return;
    }
    switch (element.role) {
      case 'links':
        this.#links(tag, element.links, edits);
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
        this.#form(tag, edits);
        break;
      case 'submitter':
        this.#submitter(tag, element.links, edits);
        break;
      case 'template':
        this.#templateDepth++;
        this.#hasTemplates = true;
        this.#forms.openTemplate();
        break;
    }
  }

  endTag(name: string): void {
    if (name === 'form') this.#forms.close();
    else if (name === 'template' && this.#templateDepth > 0) {
      this.#templateDepth--;
      this.#forms.closeTemplate();
    }
  }

  end(): void {
    this.#forms.end();
  }

  /** Mark the first attribute of each name in `links`, in the order in which they stand. */
  #links(tag: StartTag, links: readonly LinkPlace[], edits: Edits): void {
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
        this.#formaction(tag, attribute, place, edits);
        break;
      case 'list':
        this.#srcset(tag, attribute, place, edits);
        break;
      case 'document':
        this.#srcdoc(tag, attribute, edits);
        break;
      default:
        if (this.#explain !== null || !this.#plainLink(tag, attribute, place, edits)) {
          this.#anyLink(tag, attribute, place, edits);
        }
    }
  }

  /** The fast path: true if the reference is plain, and so dealt with. No allocation. */
  #plainLink(tag: StartTag, attribute: AttributeSpan, place: LinkPlace, edits: Edits): boolean {
    const { bytes } = tag;
    const start = attribute.valueStart;
    const end = attribute.valueEnd;
    if (start === end) return false;
    const found = this.#found;
    let carries = place.carries & this.#urls.plainCarries;
    if (carries !== 0 && bytes[start] === HASH) {
      this.#skips['fragment-only']++;
      return true;
    }
    if (carries === 0 || !scanPlainReference(bytes, start, end, this.#firstOfName, false, found)) {
      const behindOrigin = start + this.#ownPrefix.length;
      carries = place.carries & this.#urls.ownCarries;
      if (carries === 0 || behindOrigin >= end || !startsWith(bytes, start, this.#ownPrefix)) return false;
      if (!scanPlainReference(bytes, behindOrigin, end, this.#firstOfName, true, found)) return false;
      if (!this.#urls.coversPlain(bytes, behindOrigin, pathEnd(found), true)) return false;
    } else if (!this.#urls.coversPlain(bytes, start, pathEnd(found), false)) return false;
    edits.insert(found.fragment, this.#urls.insertion(carries, found.query >= 0, attribute.quote === 0));
    this.#marks[place.kind]++;
    return true;
  }

  /** The slow path: decode, judge, edit. */
  #anyLink(tag: StartTag, attribute: AttributeSpan, place: LinkPlace, edits: Edits): void {
    const value = decodeAttributeValue(sourceOf(tag, attribute), this.#syntax);
    if (value.text === '' && place.kind !== 'navigation') {
      // HTML §4.8.5: an empty src loads nothing; a marked one would load the page into its own frame.
      this.#report(tag, attribute, place.kind, '', 'empty-frame');
      return;
    }
    this.#reference(tag, attribute, place.kind, cleanSpan(value), place.carries, edits);
  }

  /** Judge one reference within a value and mark it. */
  #reference(
    tag: StartTag,
    attribute: AttributeSpan,
    kind: PlaceKind,
    span: CleanSpan,
    wanted: number,
    edits: Edits,
  ): void {
    const verdict = this.#urls.judge(span.text, wanted);
    this.#report(tag, attribute, kind, span.text, verdict.judgement);
    const changes = this.#urls.edits(span.text, verdict.carries, attribute.quote === 0 && attribute.hasValue);
    editValue(tag, attribute, span, changes, edits);
    if (verdict.carries === 0) this.#skip(verdict);
    else this.#marks[kind]++;
  }

  #srcset(tag: StartTag, attribute: AttributeSpan, place: LinkPlace, edits: Edits): void {
    const value = decodeAttributeValue(sourceOf(tag, attribute), this.#syntax);
    for (const { start, end } of parseSrcset(value.text)) {
      this.#reference(tag, attribute, place.kind, cleanSpan(value, start, end), place.carries, edits);
    }
  }

  #srcdoc(tag: StartTag, attribute: AttributeSpan, edits: Edits): void {
    const depth = (this.#options.srcdocDepth ?? 0) + 1;
    if (depth > MAX_SRCDOC_DEPTH) return;
    const createScanner = this.#options.createScanner ?? createHtmlScanner;
    const value = decodeAttributeValue(sourceOf(tag, attribute), this.#syntax);
    const inner = new PageMarkerOfHtml({
      documentUrl: this.#urls.baseUrl,
      session: this.#session,
      vars: this.#options.vars,
      argSeparator: this.#options.argSeparator ?? '&amp;',
      createScanner,
      srcdocDepth: depth,
    });
    const changes = srcdocEdits(value.text, inner, createScanner, attribute.quote === 0);
    editValue(tag, attribute, wholeSpan(value), changes, edits);
    this.#add(inner.counts);
  }

  /** The first `<base>` with an href counts (HTML §4.2.3), and none within a template. */
  #base(tag: StartTag, edits: Edits): void {
    const attribute = findAttribute(tag, HREF);
    if (attribute === null) return;
    const value = decodeAttributeValue(sourceOf(tag, attribute), this.#syntax);
    const href = value.text;
    this.#report(tag, attribute, 'never', href, 'base');
    // It never carries anything, but one at an alias of our origin is led to the origin itself.
    const span = cleanSpan(value);
    editValue(tag, attribute, span, this.#urls.edits(span.text, 0, attribute.quote === 0), edits);
    if (this.#templateDepth === 0 && !this.#isBaseKnown) {
      this.#isBaseKnown = true;
      this.#urls.setBase(href);
    } else if (this.#hasTemplates && this.#urls.isForeignBase(href)) {
      // Where a template ends is the tree builder's business: in doubt a foreign base counts.
      this.#urls.setBase(href);
    }
  }

  #meta(tag: StartTag, edits: Edits): void {
    const content = findAttribute(tag, CONTENT);
    if (content === null) return;
    if (decodedValue(tag, HTTP_EQUIV, this.#syntax)?.toLowerCase() === 'refresh') {
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

  #refresh(tag: StartTag, content: AttributeSpan, edits: Edits): void {
    const value = decodeAttributeValue(sourceOf(tag, content), this.#syntax);
    const url = parseRefresh(value.text);
    if (url === null) return;
    const span = cleanSpan(value, url.start, url.end);
    if (url.prefix === '') {
      this.#reference(tag, content, 'refresh', span, CARRIES_SID, edits);
      return;
    }
    // Only a time: the document itself is asked for again, and its URL may be without the SID yet.
    const verdict = this.#urls.judgeDocument(CARRIES_SID);
    this.#report(tag, content, 'refresh', '', verdict.judgement);
    if (verdict.carries === 0) {
      this.#skip(verdict);
      return;
    }
    const isUnquoted = content.quote === 0;
    const reference = this.#urls.documentReference(verdict.carries, isUnquoted);
    if (reference === '') return;
    // In an unquoted value a leading `;` or `=` is as good as any character.
    editValue(tag, content, span, [{ start: 0, end: 0, text: url.prefix + reference }], edits);
    this.#marks.refresh++;
  }

  /** Other sites must not learn the URL of this page, our own must: recovery goes by the Referer. */
  #referrer(tag: StartTag, content: AttributeSpan, edits: Edits): void {
    const policy = decodeAttributeValue(sourceOf(tag, content), this.#syntax).text.trim().toLowerCase();
    if (!OTHER_REFERRER_POLICIES.has(policy)) return;
    edits.replace(content.valueStart, content.valueEnd, SAME_ORIGIN);
  }

  #link(tag: StartTag, links: readonly LinkPlace[], edits: Edits): void {
    const rels =
      decodedValue(tag, REL, this.#syntax)
        ?.toLowerCase()
        .split(/[\t\n\f\r ]+/) ?? [];
    const href = findAttribute(tag, HREF);
    if (rels.some((rel) => SUBRESOURCE_RELS.has(rel))) {
      if (links.length > 0) this.#links(tag, links.map(asSubresource), edits);
    } else if (href !== null) this.#unmark(tag, href, edits);
  }

  /** Take a SID of ours out of an identity place. */
  #unmark(tag: StartTag, attribute: AttributeSpan, edits: Edits): void {
    const value = decodeAttributeValue(sourceOf(tag, attribute), this.#syntax);
    const clean = this.#urls.unmarked(value.text);
    if (clean === value.text) return;
    this.#report(tag, attribute, 'identity', value.text, 'unmarked');
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

  #form(tag: StartTag, edits: Edits): void {
    if (this.#forms.isNested) return;
    const attribute = findAttribute(tag, ACTION);
    const action = attribute === null ? null : decodeAttributeValue(sourceOf(tag, attribute), this.#syntax);
    const span = action === null ? null : cleanSpan(action);
    const method = decodedValue(tag, METHOD, this.#syntax)?.toLowerCase();
    const verdict = method === 'dialog' ? NOT_SENT : this.#judgeAction(action?.text ?? '', span?.text ?? '');
    const isGet = method !== 'post';
    const inField = this.#fieldCarries(isGet, verdict.carries);
    const onAction = verdict.carries & CARRIES_SID & ~inField;
    const where = attribute ?? NO_ATTRIBUTE;
    this.#report(tag, where, 'form', action?.text ?? '', inField > 0 && onAction === 0 ? 'field' : verdict.judgement);
    if (verdict.carries === 0) this.#skip(verdict);
    this.#markAction(tag, attribute, action, onAction, edits);
    if (onAction !== 0) this.#marks.form++;
    // An empty element of XML has no inside for a field.
    if (this.#syntax === 'xml' && tag.isSelfClosing) return;
    this.#forms.open({
      id: decodedValue(tag, ID, this.#syntax),
      isGet,
      action: action?.text ?? null,
      actionCarries: verdict.carries,
      place: inField === 0 ? null : edits.defer(tag.end),
      carries: inField,
      own: null,
    });
  }

  /** A form sends to the document itself if its action is empty or missing, and makes a request even for `#x`. */
  #judgeAction(value: string, reference: string): Verdict {
    if (value === '') return this.#urls.judgeDocument(this.#places.forms);
    return this.#urls.judge(reference.startsWith('#') ? '' : reference, this.#places.forms);
  }

  /** What of `carries` goes into hidden fields; the rest of it, the SID at most, goes on the action. */
  #fieldCarries(isGet: boolean, carries: number): number {
    const byField = this.#session?.forms === 'field' || (isGet && this.#session?.carrier === 'query');
    return byField ? carries : carries & ~CARRIES_SID;
  }

  #markAction(
    tag: StartTag,
    attribute: AttributeSpan | null,
    action: DecodedValue | null,
    carries: number,
    edits: Edits,
  ): void {
    if (attribute !== null && action !== null && action.text !== '') {
      const span = cleanSpan(action);
      const changes = this.#urls.edits(span.text, carries, attribute.quote === 0 && attribute.hasValue);
      editValue(tag, attribute, span, changes, edits);
      return;
    }
    const reference = carries === 0 ? '' : this.#urls.documentReference(carries, false);
    if (reference === '') return;
    if (attribute === null) edits.insert(behindName(tag), Buffer.from(` action="${reference}"`));
    else if (!attribute.hasValue) edits.insert(attribute.nameEnd, Buffer.from(`="${reference}"`));
    else edits.insert(attribute.valueStart, Buffer.from(attribute.quote === 0 ? `"${reference}"` : reference));
  }

  #submitter(tag: StartTag, links: readonly LinkPlace[], edits: Edits): void {
    if (this.#places.forms !== 0 && findAttribute(tag, FORMACTION) === null) {
      const id = decodedValue(tag, FORM, this.#syntax);
      const form = id === null ? this.#forms.current : this.#forms.named(id);
      if (form !== null && this.#control(tag, form, edits)) return;
    }
    this.#links(tag, links, edits);
  }

  /** A control of `form` without a URL of its own; true if nothing else is to be done with it. */
  #control(tag: StartTag, form: OpenForm, edits: Edits): boolean {
    if ((form.carries & CARRIES_SID) === 0 || this.#session === null) return false;
    const type = decodedValue(tag, TYPE, this.#syntax)?.toLowerCase() ?? '';
    if (tag.name === 'input' && type === 'hidden') return this.#ownField(tag, form, edits);
    const method = findAttribute(tag, FORMMETHOD);
    if (method === null || !form.isGet || this.#session.forms === 'field') return false;
    const isSubmit = tag.name === 'input' ? SUBMIT_TYPES.has(type) : !OTHER_BUTTON_TYPES.has(type);
    if (!isSubmit || decodeAttributeValue(sourceOf(tag, method), this.#syntax).text.toLowerCase() !== 'post')
      return false;
    // The form is sent by POST after all, and then its URL carries the SID: a field would show it to the application.
    const reference =
      form.action === null || form.action === ''
        ? this.#urls.documentReference(CARRIES_SID, false)
        : this.#urls.markedReference(cleanReference(form.action), CARRIES_SID);
    edits.insert(behindName(tag), Buffer.from(` formaction="${reference}"`));
    this.#marks.form++;
    this.#forms.refuse(form, CARRIES_SID);
    return false;
  }

  /** A hidden field of our name is there already: it gets the SID, once the form has ended. */
  #ownField(tag: StartTag, form: OpenForm, edits: Edits): boolean {
    if (form.own !== null || decodedValue(tag, NAME, this.#syntax) !== this.#session?.name) return false;
    const attribute = findAttribute(tag, VALUE);
    if (attribute === null || !attribute.hasValue) {
      const at = attribute === null ? behindName(tag) : attribute.nameEnd;
      edits.insert(at, Buffer.from(attribute === null ? ' value="' : '="'));
      form.own = { value: edits.defer(at), old: EMPTY };
      edits.insert(at, QUOTE);
      return true;
    }
    const { valueStart, valueEnd, quote } = attribute;
    const old = Buffer.from(tag.bytes.subarray(valueStart, valueEnd));
    if (valueEnd > valueStart || quote === 0) edits.replace(valueStart, valueEnd, quote === 0 ? QUOTE : EMPTY);
    form.own = { value: edits.defer(valueEnd), old };
    if (quote === 0) edits.insert(valueEnd, QUOTE);
    return true;
  }

  #formaction(tag: StartTag, attribute: AttributeSpan, place: LinkPlace, edits: Edits): void {
    const value = decodeAttributeValue(sourceOf(tag, attribute), this.#syntax);
    const verdict = this.#judgeAction(value.text, cleanReference(value.text));
    this.#report(tag, attribute, 'form', value.text, verdict.judgement);
    if (verdict.carries === 0) this.#skip(verdict);
    const id = decodedValue(tag, FORM, this.#syntax);
    const form = id === null ? this.#forms.current : this.#forms.named(id);
    const mayNot = this.#places.forms & ~verdict.carries;
    if (mayNot !== 0) {
      if (id !== null) this.#forms.refuseNamed(id, mayNot);
      else if (form !== null) this.#forms.refuse(form, mayNot);
    }
    const method = decodedValue(tag, FORMMETHOD, this.#syntax)?.toLowerCase();
    const isBare = this.#session?.forms === 'field' || method === 'dialog';
    const carries = isBare ? 0 : verdict.carries & place.carries & CARRIES_SID;
    this.#markAction(tag, attribute, value, carries, edits);
    if (carries === 0) return;
    // Sent by GET, the query gives way to the fields, and the form's own field is what carries the SID.
    this.#marks.form++;
    const isPost = method === undefined ? form?.isGet === false : method === 'post';
    if (isPost && form !== null) this.#forms.refuse(form, CARRIES_SID);
  }

  #skip(verdict: Verdict): void {
    if (verdict.judgement !== 'mark') this.#skips[verdict.judgement]++;
  }

  #report(
    tag: StartTag,
    attribute: AttributeSpan,
    kind: PlaceKind,
    url: string,
    decision: Explanation['decision'],
  ): void {
    if (this.#explain === null) return;
    const isThere = attribute !== NO_ATTRIBUTE;
    const name = isThere
      ? tag.bytes.toString('latin1', attribute.nameStart, attribute.nameEnd).toLowerCase()
      : 'action';
    const offset = isThere && attribute.hasValue ? attribute.valueStart : tag.start;
    this.#explain({ offset, element: tag.name, attribute: name, kind, url, decision });
  }

  #add(counts: MarkCounts): void {
    for (const kind of PLACE_KINDS) this.#marks[kind] += counts.marks[kind];
    for (const reason of SKIP_REASONS) this.#skips[reason] += counts.skips[reason];
    this.#forms.dropped += counts.droppedFields;
  }
}
