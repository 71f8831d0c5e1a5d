/**
 * The veto over PHP's bytes [PHP 21.3]: an id goes only where a browser reads it as PHP meant it, and only into a URL
 * that stays in the scope. What is left out leaves the page as it came.
 *
 * PHP's edit stands if a browser sees the same tag with the same value at the same bytes, if the URL is in scope both as
 * it stood and as PHP writes it, and, for hidden fields, if neither an outer form nor a button of the form sends them
 * elsewhere. The last needs the whole form, so fields wait for `</form>`, and for the end of the page if the form has an
 * `id`; where that is too far away, such buttons are taken from their form instead. All else is PHP's own affair, its oddities kept.
 */
import { decodeAttributeValue } from '../html/character-references.ts';
import type { DeferredInsert, Edits } from '../html/edits.ts';
import { parseRefresh } from '../html/refresh.ts';
import type { PhpAttribute } from '../html/scan-php.ts';
import type { WitnessedTag } from '../html/scan-php-witnessed.ts';
import type { AttributeSpan, Namespace, StartTag, TagInterest } from '../html/scanner.ts';
import { type Base, cleanReference, resolveBase, type Scope } from '../sid/scope.ts';
import type { PhpJudge, PhpVetoReason } from './php-marker.ts';
import { TELLING_META_POLICIES, TELLING_POLICIES } from './referrer-policies.ts';

export interface PhpJudgeOptions {
  readonly scope: Scope;
  /** Absolute, as the client sees it. */
  readonly documentUrl: string;
  /** The page's own URL, which has the SID, must not be told other sites. */
  readonly isSecret: boolean;
  /** Why the scanner gave up, null while it has not: what it no longer sees cannot be judged. */
  readonly bailedOut: () => string | null;
}

/** Elements whose `referrerpolicy` can show the page's URL to other sites. */
const REFERRING_TAGS = ['a', 'area', 'iframe', 'image', 'img', 'link', 'script'];
/** What the judge must see of a page, beside the tags of PHP's list. */
const SEEN_TAGS = ['base', 'button', 'form', 'input', 'noscript', 'select', 'template', 'meta', ...REFERRING_TAGS];
const SEEN_END_TAGS: ReadonlySet<string> = new Set(['form', 'noscript', 'select', 'template']);

/** What the scanner that acts as a witness has to report. Names that can be no tag's need no witness. */
export function phpWitnessInterest(phpTags: Iterable<string>): TagInterest {
  const possible = [...phpTags].filter((name) => /^[a-z][a-z:]*$/.test(name));
  return { startTags: new Set([...possible, ...SEEN_TAGS]), endTags: SEEN_END_TAGS };
}

/** Attributes that hold several URLs: with white space or a comma in it, what PHP adds lands in the wrong one. */
const LISTS: ReadonlySet<string> = new Set(['archive', 'imagesrcset', 'ping', 'srcset']);
/** Attributes that hold no URL but markup or code; so do all that begin with `on`. */
const CODE: ReadonlySet<string> = new Set(['srcdoc', 'style']);

/**
 * A form of the page with all form tags within it, which open nothing for a browser: their fields go where the outer form
 * goes (HTML §13.2.6.4.7).
 */
interface PageForm {
  /** Of all its tags; buttons anywhere in the page can name them. Full, it counts as one of all names. */
  readonly ids: Set<string>;
  /** It began in a template, and ends with that. */
  readonly isInTemplate: boolean;
  /** Its action or one of its buttons sends it elsewhere. */
  isForeign: boolean;
  /** Of fields that are not decided, in the order of the page. */
  places: { readonly deferred: DeferredInsert; readonly fields: Buffer }[];
  /** Fields of it went out, because the limit came before the end of what they waited for. */
  isOut: boolean;
}

// The first attribute of a name counts (HTML §13.2.5.33), so ours stand in front.
const NO_OWNER = Buffer.from(' form=""');
const OWN_REFERRER_POLICY = Buffer.from(' referrerpolicy="same-origin"');
const OWN_META_REFERRER = Buffer.from(' content="same-origin"');

/** Buttons outside forms name them by `id`. A page with more such names is not honest: then each is taken for any other. */
const MAX_IDS = 1000;

export class PhpScopeJudge implements PhpJudge {
  readonly #scope: Scope;
  readonly #documentUrl: string;
  readonly #isSecret: boolean;
  readonly #bailedOut: () => string | null;
  #base: Base;
  #hasBase = false;
  #open: PageForm | null = null;
  /** Ended forms that have an `id`: a button that is still to come can send them elsewhere. */
  #waiting: PageForm[] = [];
  readonly #foreignIds = new Set<string>();
  /** Of forms whose fields went out at the limit. */
  readonly #outIds = new Set<string>();
  /** What makes a browser ignore `</form>`: then a form counts as open longer than it may be, never shorter. */
  #openSelects = 0;
  #openTemplates = 0;
  /**
   * In a `template for`: a browser that knows of it puts its content to another place of the page (HTML §4.12.3), perhaps into a
   * form before it, or in front of any base. Null outside, else whether fields were placed before it.
   */
  #patchHasPlaced: boolean | null = null;
  /** In a template with a reference target: buttons outside of its shadow reach a form in there, by another name than the form's. */
  #isReferenced = false;
  /** A `noscript` within a form is open: where scripts run, it is text up to the first `</noscript`, with any `</form>` in it. */
  #keepsForm = false;
  #hasPlaced = false;

  constructor(options: PhpJudgeOptions) {
    this.#scope = options.scope;
    this.#documentUrl = options.documentUrl;
    this.#isSecret = options.isSecret;
    this.#bailedOut = options.bailedOut;
    this.#base = options.scope.base(options.documentUrl);
  }

  see(tag: WitnessedTag, edits: Edits): void {
    const { page } = tag;
    if (page === null) return;
    if (page.namespace !== 'html') {
      if (this.#isSecret && page.name === 'a') this.#seeReferrerPolicy(page, edits);
      return;
    }
    if (page.name === 'base') this.#seeBase(page);
    else if (page.name === 'form') this.#seeForm(page);
    else if (page.name === 'select') this.#openSelects++;
    else if (page.name === 'template') this.#openTemplate(page);
    else if (page.name === 'noscript') this.#keepsForm ||= this.#open !== null;
    else if (page.name === 'button' || page.name === 'input') this.#seeButton(page, edits);
    else if (this.#isSecret) this.#seeReferrerPolicy(page, edits);
  }

  /** Other sites must not learn the URL of the page, which PHP does not care for. */
  #seeReferrerPolicy(page: StartTag, edits: Edits): void {
    const isMeta = page.name === 'meta' && attributeValue(page, 'name')?.trim().toLowerCase() === 'referrer';
    const policy =
      attributeValue(page, isMeta ? 'content' : 'referrerpolicy')
        ?.trim()
        .toLowerCase() ?? '';
    const isTelling = isMeta ? TELLING_META_POLICIES.has(policy) : TELLING_POLICIES.has(policy);
    if (isTelling) edits.insert(page.start + 1 + page.name.length, isMeta ? OWN_META_REFERRER : OWN_REFERRER_POLICY);
  }

  /**
   * The first `base` with an `href` counts (HTML §4.2.3); one that cannot be resolved or is a `data:` URL does not. Within a
   * `noscript` or a `select` only some browsers know it: a foreign one behind counts as well.
   */
  #seeBase(page: StartTag): void {
    const href = attributeValue(page, 'href');
    const isInTemplate = this.#openTemplates > 0;
    if (href === null || (isInTemplate && this.#patchHasPlaced === null)) return;
    const isFirst = !this.#hasBase && !isInTemplate;
    this.#hasBase = true;
    const url = resolveBase(cleanReference(href), new URL(this.#documentUrl));
    if (url === null) return;
    const base = this.#scope.base(url);
    if (isFirst || base.judgement !== 'mark') this.#base = base;
  }

  #openTemplate(page: StartTag): void {
    this.#openTemplates++;
    if (attributeValue(page, 'for') !== null) this.#patchHasPlaced ??= this.#hasPlaced;
    this.#isReferenced ||= attributeValue(page, 'shadowrootreferencetarget') !== null;
  }

  #seeForm(page: StartTag): void {
    if (page.hasNoControls === true) return;
    const isInTemplate = this.#openTemplates > 0;
    this.#open ??= { ids: new Set(), isInTemplate, isForeign: false, places: [], isOut: false };
    const id = attributeValue(page, 'id');
    if (id !== null && this.#open.ids.size < MAX_IDS) this.#open.ids.add(id);
    if (this.#isReferenced || (id !== null && this.#isForeignId(id))) refuse(this.#open);
    // A foreign form within an own one is none to browsers; but that the own one is still open is only likely.
    else if (this.#judgeTarget(attributeValue(page, 'action')) !== null) this.#open.isForeign = true;
  }

  #isForeignId(id: string): boolean {
    return this.#foreignIds.size >= MAX_IDS || this.#foreignIds.has(id);
  }

  #seeButton(page: StartTag, edits: Edits): void {
    const target = attributeValue(page, 'formaction');
    if (target === null || this.#judgeTarget(target) === null) return;
    const owner = attributeValue(page, 'form');
    const isTooLate = owner === null ? this.#isTooLateForOpen() : this.#isTooLateFor(owner);
    // The first `form` attribute counts, and one that names no form takes the button out of all.
    if (isTooLate) edits.insert(page.start + 1 + page.name.length, NO_OWNER);
  }

  /** A button that sends the form around it elsewhere: true if fields of that form are out. */
  #isTooLateForOpen(): boolean {
    const form = this.#open;
    // Behind `</form>` a button has no owner, unless an element of the form was left open around it.
    if (form === null) return this.#hasPlaced;
    refuse(form);
    return isOut(form) || this.#patchHasPlaced === true;
  }

  /** A button, anywhere in the page, that sends the form of this `id` elsewhere: true if fields of that form are out. */
  #isTooLateFor(id: string): boolean {
    if (this.#foreignIds.size < MAX_IDS) this.#foreignIds.add(id);
    this.#forgetSettled();
    // Forms of names that buttons said before were refused then, or when their tag came.
    const isFull = this.#foreignIds.size >= MAX_IDS;
    for (const form of [...this.#waiting, ...(this.#open === null ? [] : [this.#open])]) {
      if (hasId(form, id) || (isFull && form.ids.size > 0)) refuse(form);
    }
    if (this.#outIds.has(id) || this.#outIds.size >= MAX_IDS) return true;
    return this.#open !== null && isOut(this.#open) && hasId(this.#open, id);
  }

  /** Forms that waited until the limit have their fields: what sends them elsewhere now has to be stopped itself. */
  #forgetSettled(): void {
    this.#waiting = this.#waiting.filter((form) => {
      if (!isOut(form)) return true;
      for (const id of form.ids) if (this.#outIds.size < MAX_IDS) this.#outIds.add(id);
      return false;
    });
  }

  judgeChange(tag: WitnessedTag, attribute: PhpAttribute, before: string, after: string): PhpVetoReason | null {
    const { page } = tag;
    if (page === null || page.name !== tag.name) return 'no-tag';
    const seen = attributeAt(page, attribute);
    if (seen === null) return 'other-value';
    if (endsValue(after, seen.quote)) return 'breaks-markup';
    const name = page.bytes.toString('latin1', seen.nameStart, seen.nameEnd).toLowerCase();
    if (CODE.has(name) || name.startsWith('on')) return 'breaks-markup';
    if (LISTS.has(name) && /[\t\n\f\r ,]/.test(before)) return 'breaks-markup';
    const isRefresh = page.name === 'meta' && name === 'content';
    return this.#judgeValue(before, isRefresh) ?? this.#judgeValue(after, isRefresh);
  }

  judgePlainChange(tag: WitnessedTag, attribute: PhpAttribute): PhpVetoReason | null {
    const { bytes } = tag;
    // Neither a list nor code nor a refresh.
    const isUrl = isOneOf(bytes, attribute, URL_NAMES);
    if (!isUrl || !this.#scope.coversAllPaths) {
      const value = bytes.toString('latin1', attribute.valueStart, attribute.valueEnd);
      return this.judgeChange(tag, attribute, value, value);
    }
    const { page } = tag;
    if (page === null || page.name !== tag.name) return 'no-tag';
    if (attributeAt(page, attribute) === null) return 'other-value';
    // Without scheme and authority it keeps the origin of its base, whatever its path is.
    return this.#base.judgement === 'mark' ? null : this.#base.judgement;
  }

  #judgeValue(value: string, isRefresh: boolean): PhpVetoReason | null {
    const { text } = decodeAttributeValue(value);
    if (!isRefresh) return this.#judgeReference(text);
    const span = parseRefresh(text);
    return span === null ? null : this.#judgeReference(text.slice(span.start, span.end));
  }

  #judgeReference(reference: string): PhpVetoReason | null {
    const judgement = this.#scope.judge(reference, this.#base);
    // PHP makes a link of what a browser takes for a place in the page [PHP 3.6]; that leads to the base.
    if (judgement === 'fragment-only') return this.#judgeReference('');
    return judgement === 'mark' ? null : judgement;
  }

  /** Where a form goes: without an action, or with an empty one, to the document itself (HTML §4.10.21.3). */
  #judgeTarget(action: string | null): PhpVetoReason | null {
    return this.#judgeReference(action === null || action === '' ? this.#documentUrl : action);
  }

  placeFields(tag: WitnessedTag, fields: Buffer, edits: Edits): PhpVetoReason | null {
    const { page } = tag;
    if (page === null || page.name !== 'form' || page.end !== tag.end || page.namespace !== 'html') return 'no-tag';
    if (page.hasNoControls === true) return 'no-tag';
    const veto = this.#judgeTarget(attributeValue(page, 'action'));
    if (veto !== null) return veto;
    // `see` was told of this tag, so its form is open.
    if (this.#open === null || this.#open.isForeign) return 'other-target';
    this.#open.places.push({ deferred: edits.defer(tag.end, fields), fields });
    if (this.#open.places.length % PLACES_BETWEEN_SWEEPS === 0) forgetOut(this.#open);
    this.#hasPlaced = true;
    return null;
  }

  endTag(name: string, namespace: Namespace): void {
    if (name === 'noscript') this.#keepsForm = false;
    if (namespace !== 'html') return;
    if (name === 'select') this.#openSelects = 0;
    else if (name === 'template') this.#closeTemplate();
    else if (name === 'form' && !this.#keepsForm && this.#openSelects === 0 && this.#openTemplates === 0) {
      this.#closeForm();
    }
  }

  #closeTemplate(): void {
    this.#openTemplates = Math.max(0, this.#openTemplates - 1);
    if (this.#openTemplates > 0) return;
    if (this.#open?.isInTemplate === true) this.#closeForm();
    this.#patchHasPlaced = null;
    this.#isReferenced = false;
  }

  #closeForm(): void {
    const form = this.#open;
    this.#open = null;
    if (form === null) return;
    if (form.ids.size === 0 || (form.places.length === 0 && !form.isOut)) {
      settle(form, true);
      return;
    }
    this.#waiting.push(form);
    if (this.#waiting.length % FORMS_BETWEEN_SWEEPS === 0) this.#forgetSettled();
  }

  /** A button in the rest may send any form elsewhere. */
  cutOff(): void {
    this.#settleAll(false);
  }

  end(): void {
    this.#settleAll(this.#bailedOut() === null);
  }

  #settleAll(isWhole: boolean): void {
    for (const form of this.#waiting.splice(0)) settle(form, isWhole);
    if (this.#open !== null) settle(this.#open, isWhole);
    this.#open = null;
  }
}

/** What the limit holds back of forms that wait is less than this many; the rest can be forgotten. */
const FORMS_BETWEEN_SWEEPS = 512;

/** The same of the fields of one form. */
const PLACES_BETWEEN_SWEEPS = 512;

function settle(form: PageForm, isPut: boolean): void {
  forgetOut(form);
  for (const { deferred, fields } of form.places) deferred.settle(isPut ? fields : null);
  form.places = [];
}

/** Fields that the limit let out are nobody's affair any more, but that there are some is. */
function forgetOut(form: PageForm): void {
  if (!isOut(form)) return;
  form.places = form.places.filter(({ deferred }) => !deferred.isSettled);
}

/** The form can be sent elsewhere: no field that is not out already. */
function refuse(form: PageForm): void {
  form.isForeign = true;
  settle(form, false);
}

function isOut(form: PageForm): boolean {
  // The first field waits longest.
  form.isOut ||= form.places[0]?.deferred.isSettled === true;
  return form.isOut;
}

function hasId(form: PageForm, id: string): boolean {
  return form.ids.has(id) || form.ids.size >= MAX_IDS;
}

/** The attribute of the page whose value lies where PHP's does; null if browsers see none. */
function attributeAt(page: StartTag, { valueStart, valueEnd }: AttributeSpan): AttributeSpan | null {
  for (let index = 0; index < page.attributeCount; index++) {
    const seen = page.attributes[index];
    if (seen?.hasValue && seen.valueStart === valueStart && seen.valueEnd === valueEnd) return seen;
  }
  return null;
}

const URL_NAMES = ['href', 'src', 'data', 'action', 'formaction'].map((name) => Buffer.from(name));

function isOneOf(bytes: Buffer, { nameStart, nameEnd }: AttributeSpan, names: readonly Buffer[]): boolean {
  return names.some((name) => {
    if (nameEnd - nameStart !== name.length) return false;
    for (let index = 0; index < name.length; index++)
      if (((bytes[nameStart + index] ?? 0) | 0x20) !== name[index]) return false;
    return true;
  });
}

/** The first attribute of the name counts; decoded, null where there is none. */
function attributeValue(tag: StartTag, name: string): string | null {
  for (let index = 0; index < tag.attributeCount; index++) {
    const attribute = tag.attributes[index];
    if (attribute !== undefined && isNamed(tag, attribute, name)) {
      return decodeAttributeValue(tag.bytes.toString('latin1', attribute.valueStart, attribute.valueEnd)).text;
    }
  }
  return null;
}

function isNamed(tag: StartTag, { nameStart, nameEnd }: AttributeSpan, name: string): boolean {
  return nameEnd - nameStart === name.length && tag.bytes.toString('latin1', nameStart, nameEnd).toLowerCase() === name;
}

/** Would the value, written between such quotes, end before its end? A separator can hold any byte [PHP 4.6]. */
function endsValue(value: string, quote: number): boolean {
  return quote === 0 ? /[\t\n\f\r >]/.test(value) : value.includes(String.fromCharCode(quote));
}
