/**
 * Marks forms: GET forms by a hidden field, POST forms by their action, never both for one form.
 *
 * The field stands right behind the form's start tag, once it is known that no button sends the form abroad; see
 * `form-fields.ts`. With a carrier in the path, or with `forms: field`, all forms are done in one of the two ways.
 */
import { type DecodedValue, decodeAttributeValue, type ReferenceSyntax } from '../html/character-references.ts';
import type { Edits } from '../html/edits.ts';
import { CARRIES_SID, type LinkPlace } from '../html/places.ts';
import { type PlainReference, pathHashOf, scanPlainReference } from '../html/plain-reference.ts';
import type { AttributeSpan, StartTag } from '../html/scanner.ts';
import { cleanReference } from '../sid/scope.ts';
import { behindName, cleanSpan, decodedValue, editValue, findAttribute, sourceOf } from './attribute-value.ts';
import { type FieldTexts, FormFields, type OpenForm } from './form-fields.ts';
import type { MarkTally } from './mark-tally.ts';
import type { PageUrls, Verdict } from './page-urls.ts';

const ACTION = Buffer.from('action');
const METHOD = Buffer.from('method');
const FORMMETHOD = Buffer.from('formmethod');
const FORM = Buffer.from('form');
const FOR = Buffer.from('for');
const REFERENCE_TARGET = Buffer.from('shadowrootreferencetarget');
const ID = Buffer.from('id');
const NAME = Buffer.from('name');
const TYPE = Buffer.from('type');
const VALUE = Buffer.from('value');
const EMPTY = Buffer.alloc(0);
const NO_FORM = Buffer.from(' form=""');

const SUBMIT_TYPES: ReadonlySet<string> = new Set(['submit', 'image']);
const OTHER_BUTTON_TYPES: ReadonlySet<string> = new Set(['button', 'reset']);

/** `method=dialog` sends nothing. */
const NOT_SENT: Verdict = { carries: 0, judgement: 'mark' };

export class FormMarker {
  readonly #urls: PageUrls;
  readonly #tally: MarkTally;
  readonly #syntax: ReferenceSyntax;
  readonly #forms: FormFields;
  /** What forms carry: 1 the SID, 2 the extra parameters. */
  readonly #carries: number;
  readonly #inFieldOnly: boolean;
  readonly #found: PlainReference = { query: -1, fragment: 0 };

  constructor(
    urls: PageUrls,
    tally: MarkTally,
    syntax: ReferenceSyntax,
    texts: () => FieldTexts,
    options: { readonly carries: number; readonly inFieldOnly: boolean },
  ) {
    this.#urls = urls;
    this.#tally = tally;
    this.#syntax = syntax;
    this.#forms = new FormFields(texts);
    this.#carries = options.carries;
    this.#inFieldOnly = options.inFieldOnly;
  }

  /** SID fields written so far, and kept out. Whole once `end` was called. */
  get fields(): { readonly written: number; readonly dropped: number } {
    return this.#forms;
  }

  get isInTemplate(): boolean {
    return this.#forms.isInTemplate;
  }

  get isInPatch(): boolean {
    return this.#forms.isInPatch;
  }

  get isInNoscript(): boolean {
    return this.#forms.isInNoscript;
  }

  endForm(): void {
    this.#forms.close();
  }

  startTemplate(tag: StartTag): void {
    this.#forms.openTemplate(findAttribute(tag, FOR) !== null);
    // Buttons outside of its shadow reach a form in there, by another name than the form's.
    if (findAttribute(tag, REFERENCE_TARGET) !== null) this.#forms.refuseInTemplate(this.#carries);
  }

  endTemplate(): void {
    this.#forms.closeTemplate();
  }

  startNoscript(): void {
    this.#forms.openNoscript();
  }

  endNoscript(): void {
    this.#forms.closeNoscript();
  }

  /** `</form>` within a select, which not every browser obeys. */
  doubtEnd(): void {
    this.#forms.doubtClose();
  }

  /** The rest of the page passes unseen. */
  cutOff(): void {
    this.#forms.cutOff();
  }

  end(): void {
    this.#forms.end();
  }

  form(tag: StartTag, edits: Edits): void {
    if (tag.isDropped === true && !this.#forms.isNested) this.#forms.doubt();
    if (tag.isDropped === true || this.#forms.isNested) {
      this.#tally.report(tag, null, 'form', '', 'nested-form');
      return;
    }
    const attribute = findAttribute(tag, ACTION);
    const action = attribute === null ? null : decodeAttributeValue(sourceOf(tag, attribute), this.#syntax);
    const method = decodedValue(tag, METHOD, this.#syntax)?.toLowerCase();
    const sent = this.#judgeAction(tag, attribute, action?.text ?? '', this.#carries);
    const verdict = method === 'dialog' ? NOT_SENT : sent;
    const isGet = method !== 'post';
    const id = decodedValue(tag, ID, this.#syntax);
    // Sent by POST by a button before it, a field would show the SID to the application; sent by GET it goes without.
    const isPosted = id !== null && this.#forms.isPosted(id);
    const byField = this.#fieldCarries(isGet && !isPosted, verdict.carries);
    const onAction = verdict.carries & CARRIES_SID & ~byField;
    const inField = this.#forms.mayHaveFields && tag.hasNoControls !== true ? byField : 0;
    if ((byField & ~inField & CARRIES_SID) !== 0) this.#forms.dropped++;
    if (this.#forms.isInTemplate && method !== 'dialog') {
      this.#forms.refuseInTemplate(this.#carries & ~verdict.carries);
    }
    this.#tally.report(
      tag,
      attribute,
      'form',
      action?.text ?? '',
      onAction !== 0 || byField === 0 ? verdict.judgement : inField > 0 ? 'field' : 'nested-form',
    );
    if (verdict.carries === 0) this.#tally.skip(verdict);
    this.#markAction(tag, attribute, action, onAction, edits);
    if (onAction !== 0) this.#tally.marks.form++;
    // An empty element of XML has no inside for a field.
    if (tag.hasNoControls === true || (this.#syntax === 'xml' && tag.isSelfClosing)) return;
    this.#forms.open({
      id,
      isGet,
      prefix: this.#syntax === 'xml' ? prefixOf(tag) : '',
      action: action?.text ?? null,
      actionCarries: sent.carries,
      isDialog: method === 'dialog',
      place: inField === 0 ? null : edits.defer(tag.end),
      carries: inField,
      own: [],
    });
  }

  /** A form sends to the document itself if its action is empty or missing, and makes a request even for `#x`. */
  #judgeAction(tag: StartTag, attribute: AttributeSpan | null, value: string, wanted: number): Verdict {
    if (attribute === null || value === '') return this.#urls.judgeDocument(wanted);
    const { valueStart, valueEnd } = attribute;
    const plain = this.#urls.plainCarries;
    if (plain !== 0 && scanPlainReference(tag.bytes, valueStart, valueEnd, 0, false, this.#found)) {
      const pathEnd = this.#found.query < 0 ? this.#found.fragment : this.#found.query;
      const hash = pathHashOf(tag.bytes, valueStart, pathEnd);
      const covers = this.#urls.coversPlain(tag.bytes, valueStart, pathEnd, false, hash);
      if (covers) return { carries: wanted & plain, judgement: 'mark' };
    }
    const reference = cleanReference(value);
    return this.#urls.judge(reference.startsWith('#') ? '' : reference, wanted);
  }

  /** What of `carries` goes into hidden fields; the rest of it, the SID at most, goes on the action. */
  #fieldCarries(isGet: boolean, carries: number): number {
    const byField = this.#inFieldOnly || (isGet && this.#urls.mark?.kind === 'query');
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
    if (attribute === null) edits.insert(behindName(tag), Buffer.from(` action="${reference}"`, 'latin1'));
    else if (!attribute.hasValue) edits.insert(attribute.nameEnd, Buffer.from(`="${reference}"`, 'latin1'));
    else
      edits.insert(attribute.valueStart, Buffer.from(attribute.quote === 0 ? `"${reference}"` : reference, 'latin1'));
  }

  /** A button or input without a `formaction`; true if nothing else is to be done with it. */
  control(tag: StartTag, edits: Edits): boolean {
    if (this.#carries === 0) return false;
    const id = decodedValue(tag, FORM, this.#syntax);
    const form = this.#formOf(id);
    if (form === null && id !== null && !this.#inFieldOnly && this.#isPoster(tag)) this.#forms.postNamed(id);
    if (form?.isDialog === true && !this.#inFieldOnly && this.#isPoster(tag)) this.#sendByPost(tag, form, edits);
    // What has been decided already, or was held too long, changes no more.
    return form?.place?.isSettled === false && this.#controlOf(tag, form, id !== null, edits);
  }

  #controlOf(tag: StartTag, form: OpenForm, isNamed: boolean, edits: Edits): boolean {
    if ((form.carries & CARRIES_SID) === 0) return false;
    // Which of several forms with one id a field belongs to depends on the tree.
    const isHidden = tag.name === 'input' && decodedValue(tag, TYPE, this.#syntax)?.toLowerCase() === 'hidden';
    if (isHidden) return !isNamed && this.#ownField(tag, form, edits);
    if (!form.isGet || this.#inFieldOnly || !this.#isPoster(tag)) return false;
    // The form is sent by POST after all, and then its URL carries the SID: a field would show it to the application.
    this.#sendByPost(tag, form, edits);
    this.#forms.refuse(form, CARRIES_SID);
    return false;
  }

  /** A button sends its form by POST, so it gets the form's own action, marked. */
  #sendByPost(tag: StartTag, { action, actionCarries }: OpenForm, edits: Edits): void {
    if ((actionCarries & CARRIES_SID) === 0) return;
    const reference =
      action === null || action === ''
        ? this.#urls.documentReference(CARRIES_SID, false)
        : this.#urls.markedReference(cleanReference(action), CARRIES_SID);
    if (reference !== '') edits.insert(behindName(tag), Buffer.from(` formaction="${reference}"`, 'latin1'));
    this.#tally.marks.form++;
  }

  /** A button that sends its form by POST, whatever the form says. */
  #isPoster(tag: StartTag): boolean {
    const method = findAttribute(tag, FORMMETHOD);
    if (method === null || !this.isSubmitter(tag)) return false;
    return decodeAttributeValue(sourceOf(tag, method), this.#syntax).text.toLowerCase() === 'post';
  }

  /** A control that sends its form (HTML §4.10.18.5); the `formaction` of any other says nothing. */
  isSubmitter(tag: StartTag): boolean {
    const type = decodedValue(tag, TYPE, this.#syntax)?.toLowerCase() ?? '';
    return tag.name === 'input' ? SUBMIT_TYPES.has(type) : !OTHER_BUTTON_TYPES.has(type);
  }

  /** A hidden field of our name is there already: it gets the SID, once the form has ended. Until then it is as it was. */
  #ownField(tag: StartTag, form: OpenForm, edits: Edits): boolean {
    if (decodedValue(tag, NAME, this.#syntax) !== this.#urls.mark?.name) return false;
    const attribute = findAttribute(tag, VALUE);
    if (attribute === null || !attribute.hasValue) {
      const at = attribute === null ? behindName(tag) : attribute.nameEnd;
      const before = attribute === null ? ' value="' : '="';
      form.own.push({ value: edits.defer(at), old: EMPTY, before, behind: '"' });
      return true;
    }
    const { valueStart, valueEnd, quote } = attribute;
    const old = Buffer.from(tag.bytes.subarray(valueStart, valueEnd));
    const added = quote === 0 ? '"' : '';
    if (valueEnd > valueStart) edits.replace(valueStart, valueEnd, EMPTY);
    form.own.push({ value: edits.defer(valueEnd, old), old, before: added, behind: added });
    return true;
  }

  /**
   * A button with a `formaction`, before anything in its tag is edited. Behind `</form>` it has no form, unless an element
   * of the form was left open around it: then it would send one whose fields are out already. Naming no form takes nothing
   * from a button without one. In a `template for` it may get into any form before it, and is taken out of that one.
   */
  detach(tag: StartTag, attribute: AttributeSpan, edits: Edits): void {
    const isInert = this.#forms.isInTemplate && !this.#forms.isInPatch;
    if (!this.#forms.mayHaveOtherForm || isInert || findAttribute(tag, FORM) !== null) return;
    const { text } = decodeAttributeValue(sourceOf(tag, attribute), this.#syntax);
    const { carries } = this.#judgeAction(tag, attribute, text, this.#carries);
    if ((this.#carries & ~carries) !== 0) edits.insert(behindName(tag), NO_FORM);
  }

  formaction(tag: StartTag, attribute: AttributeSpan, place: LinkPlace, edits: Edits): void {
    const value = decodeAttributeValue(sourceOf(tag, attribute), this.#syntax);
    const verdict = this.#judgeAction(tag, attribute, value.text, this.#carries | place.carries);
    this.#tally.report(tag, attribute, 'form', value.text, verdict.judgement);
    if (verdict.carries === 0) this.#tally.skip(verdict);
    const isSubmitter = this.isSubmitter(tag);
    const id = decodedValue(tag, FORM, this.#syntax);
    const form = this.#formOf(id);
    const mayNot = this.#carries & ~verdict.carries;
    if (mayNot !== 0 && isSubmitter) this.#keepFrom(form, id, mayNot);
    const method = decodedValue(tag, FORMMETHOD, this.#syntax)?.toLowerCase();
    const isBare = this.#inFieldOnly || method === 'dialog';
    const carries = isBare ? 0 : verdict.carries & place.carries & CARRIES_SID;
    this.#markAction(tag, attribute, value, carries, edits);
    if (carries === 0) return;
    // Sent by GET, the query gives way to the fields, and the form's own field is what carries the SID.
    this.#tally.marks.form++;
    const isPost = isSubmitter && (method === undefined ? form?.isGet === false : method === 'post');
    if (isPost && form !== null) this.#forms.refuse(form, CARRIES_SID);
    else if (isPost && id !== null) this.#forms.postNamed(id);
  }

  /** A button sends its form to where what `carries` says must not go. */
  #keepFrom(form: OpenForm | null, id: string | null, carries: number): void {
    if (id !== null) this.#forms.refuseNamed(id, carries);
    else if (this.#forms.isInTemplate) this.#forms.refuseInTemplate(carries);
    else if (form !== null) this.#forms.refuse(form, carries);
  }

  /** The form that a control belongs to: the one that its `form` attribute names, else the one that it stands in. */
  #formOf(id: string | null): OpenForm | null {
    return id === null ? this.#forms.current : this.#forms.named(id);
  }
}

/** Of the element's name as it stands, with its colon. */
function prefixOf(tag: StartTag): string {
  const name = tag.bytes.toString('utf8', tag.start + 1, behindName(tag));
  return name.slice(0, name.indexOf(':') + 1);
}
