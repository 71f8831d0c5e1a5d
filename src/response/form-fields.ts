/**
 * The hidden fields of one page's forms: where they may stand is only known when the form has ended.
 *
 * A field goes wherever the form is sent, so one submit button with a foreign `formaction` forbids it; the button can
 * stand in the form, or anywhere in the page if the form has an `id`. The place right behind the form's start tag is
 * therefore kept open (`Edits.defer`) until the form, or for one with an `id` the page, has ended. Forms are followed as
 * the tree builder's form pointer does (HTML §13.2.6.4.7): a form within a form does not exist.
 *
 * In templates there is no pointer: forms nest, or are ignored in tables, and which one a control belongs to only a tree can
 * tell. There a foreign button or action stands for all forms of the template, and they are decided when it ends. The content
 * of a `template for` replaces a marker of the page (HTML §4.12.3), which can stand in a form that was decided long before.
 *
 * Which form is open can depend on the browser: whether it runs scripts, and so skips what a `noscript` holds, and whether
 * it has the older rules for `select`, which ignore forms in it. Where their ways part, no form that is open for any of them
 * gets fields, until a `</form>` closes it for all.
 */
import type { DeferredInsert } from '../html/edits.ts';
import { CARRIES_EXTRA, CARRIES_SID } from '../html/places.ts';

export interface OpenForm {
  readonly id: string | null;
  readonly isGet: boolean;
  /** What the element's name begins with, colon included, where XML has it so: its fields are of the same namespace. */
  readonly prefix: string;
  /** The decoded action; null or '' for the document itself. */
  readonly action: string | null;
  /** What the form's URL may carry: for buttons that send it by another method. */
  readonly actionCarries: number;
  /** `method=dialog`: the form is only sent by buttons that have a method of their own. */
  readonly isDialog: boolean;
  /** Where the fields go; null if the form gets none. */
  readonly place: DeferredInsert | null;
  /** What the fields will carry: 1 the SID, 2 the extra parameters. Only ever becomes less. */
  carries: number;
  /** Hidden fields of the SID's name that the page brought along: their values, to be replaced. */
  readonly own: OwnValue[];
}

/** The value of a hidden field of the page's own: what stood there, or the SID between what makes it a value. */
export interface OwnValue {
  readonly value: DeferredInsert;
  readonly old: Buffer;
  readonly before: string;
  readonly behind: string;
}

/** The fields of a page, ready to be inserted; made when they are first asked for. */
export interface FieldTexts {
  /** By what they carry, 1 to 3, and the prefix of the element; the SID's field comes first [PHP 9.1]. */
  fields(carries: number, prefix: string): Buffer;
  /** The SID as a field's value, in markup for double quotes. */
  sidValue(): string;
}

/** Buttons outside forms name them by `id`; a page with more such names is not honest, and gets no fields for any. */
const MAX_FOREIGN_IDS = 100;
const ALL = CARRIES_SID | CARRIES_EXTRA;
/** Forms that controls elsewhere can be matched with by `id`. */
const MAX_NAMED_FORMS = 1000;
/** Forms within forms, which only templates and doubt allow. With more, the page gets no fields from there on. */
const MAX_OPEN_FORMS = 1000;

interface OpenTemplate {
  /** How many forms were open around it. */
  readonly forms: number;
  /** See `FormFields.isInPatch`. */
  readonly isPatch: boolean;
}

/** Ended forms that are not decided. Only so many can wait, however long the page is. */
class WaitingForms {
  #forms: OpenForm[] = [];
  /** They are looked through for decided ones when they have become this many. */
  #sweepAt = 64;
  /** One with an `id` was let go: it had no fields to decide, but can be named. */
  hasLostName = false;

  get all(): readonly OpenForm[] {
    return this.#forms;
  }

  push(form: OpenForm): void {
    this.#forms.push(form);
    if (this.#forms.length < this.#sweepAt) return;
    const kept: OpenForm[] = [];
    for (const one of this.#forms) {
      // What was held too long is decided.
      if (one.place?.isSettled === false) kept.push(one);
      else this.hasLostName ||= one.id !== null;
    }
    this.#forms = kept;
    this.#sweepAt = 64 + 2 * kept.length;
  }

  takeAll(): OpenForm[] {
    const all = this.#forms;
    this.#forms = [];
    this.#sweepAt = 64;
    this.hasLostName = false;
    return all;
  }
}

export class FormFields {
  readonly #makeTexts: () => FieldTexts;
  #madeTexts: FieldTexts | null = null;
  /** Open forms, outer ones first; more than one only within templates. */
  readonly #open: OpenForm[] = [];
  /** The open templates. */
  readonly #templates: OpenTemplate[] = [];
  /** Ended forms that a button anywhere in the page can still name. */
  readonly #waiting = new WaitingForms();
  /** Ended forms of the outermost template, and what a button in it keeps its forms from carrying. */
  readonly #inTemplate = new WaitingForms();
  #refusedInTemplate = 0;
  /** By `id`: what a button keeps the form from carrying. */
  readonly #foreignIds = new Map<string, number>();
  readonly #postedIds = new Set<string>();
  /** Which form is open here depends on the browser. */
  #isDoubtful = false;
  /** No form gets fields any more. */
  #isCutOff = false;
  /** How many forms and templates were open around the `noscript` that is open; null for none. */
  #noscript: { readonly forms: number; readonly templates: number } | null = null;
  /** The first form of each `id`: the one that controls mean. */
  readonly #firstById = new Map<string, OpenForm>();
  #hasPlaces = false;
  /** SID fields written, and SID fields kept out because the form could be sent abroad or was too long to wait for. */
  written = 0;
  dropped = 0;

  /** `texts` is asked once, when the first field is written. */
  constructor(texts: () => FieldTexts) {
    this.#makeTexts = texts;
  }

  /** True if a browser ignores a form's start tag here. */
  get isNested(): boolean {
    return this.#templates.length === 0 && this.#open.length > 0 && !this.#isDoubtful;
  }

  /** True if a button that stands here, and names no form, could send one whose fields are out already. */
  get mayHaveOtherForm(): boolean {
    if (!this.#isDoubtful && !this.#isCutOff) return this.#hasPlaces && this.current === null;
    return this.written > 0 || this.#waiting.all.some(({ carries }) => carries !== 0);
  }

  /** The form that controls belong to here; null outside of forms. */
  get current(): OpenForm | null {
    return this.#open.length > this.#depth ? (this.#open.at(-1) ?? null) : null;
  }

  /** Whether fields behind a form that starts here are its own. In a form, which only templates allow, they might be that one's. */
  get mayHaveFields(): boolean {
    return this.current === null && !this.#isDoubtful && !this.#isCutOff;
  }

  get isInNoscript(): boolean {
    return this.#noscript !== null;
  }

  get isInTemplate(): boolean {
    return this.#templates.length > 0;
  }

  /** In a `template for`, whose content goes to another place of the page, if the browser knows of that: into any form before it. */
  get isInPatch(): boolean {
    return this.#templates.at(-1)?.isPatch ?? false;
  }

  open(form: OpenForm): void {
    if (this.#open.length >= MAX_OPEN_FORMS) {
      this.#open.push(form);
      this.cutOff();
      return;
    }
    const { id } = form;
    if (id !== null && this.#isForeign(id)) {
      this.refuse(form, form.carries);
      if (this.isInTemplate) this.refuseInTemplate(ALL);
    }
    if (id !== null && !this.#firstById.has(id) && this.#firstById.size < MAX_NAMED_FORMS)
      this.#firstById.set(id, form);
    this.refuse(form, this.#refusedInTemplate);
    if (form.place !== null) this.#hasPlaces = true;
    this.#open.push(form);
  }

  /** `</form>`. */
  close(): void {
    // Where scripts run, a form from without stays open.
    if (this.#noscript !== null && this.#open.length <= this.#noscript.forms) this.doubtClose();
    if (this.#noscript === null && !this.isInTemplate) this.#isDoubtful = false;
    do if (this.#open.length > this.#depth) this.#finish(this.#open.pop());
    while (!this.isInTemplate && this.#open.length > 0);
  }

  /** Not every browser has a form open from here on, or the same one. */
  doubt(): void {
    // What opened in doubt has no fields.
    if (this.#isDoubtful) return;
    this.#isDoubtful = true;
    for (const form of this.#open) this.refuse(form, ALL);
  }

  /** `</form>`, which not every browser obeys here. */
  doubtClose(): void {
    if (this.#open.length > this.#depth) this.doubt();
  }

  /** The start tag of a `noscript`; one within it is text where scripts run. */
  openNoscript(): void {
    this.#noscript ??= { forms: this.#open.length, templates: this.#templates.length };
  }

  /** `</noscript>`: the first one ends it. */
  closeNoscript(): void {
    if (this.#noscript === null) return;
    const { forms, templates } = this.#noscript;
    this.#noscript = null;
    // A template that is there for some only: what a button or form within belongs to cannot be told.
    if (this.#templates.length !== templates) this.cutOff();
    else if (this.#open.length > forms) this.doubt();
  }

  /** The rest of the page passes unseen: any form may be sent abroad there. */
  cutOff(): void {
    this.#isCutOff = true;
    for (const form of this.#undecided()) this.refuse(form, ALL);
    this.end();
  }

  openTemplate(isPatch: boolean): void {
    this.#templates.push({ forms: this.#open.length, isPatch: isPatch || this.isInPatch });
  }

  /** `</template>`. */
  closeTemplate(): void {
    if (!this.isInTemplate) return;
    while (this.#open.length > this.#depth) this.#finish(this.#open.pop());
    this.#templates.pop();
    if (this.isInTemplate) return;
    this.#refusedInTemplate = 0;
    for (const form of this.#inTemplate.takeAll()) this.#finish(form);
  }

  /** The form that a control's `form` attribute names, if it has been seen. */
  named(id: string): OpenForm | null {
    return this.#firstById.get(id) ?? null;
  }

  /** Keep the fields of a form from carrying what `carries` says. */
  refuse(form: OpenForm, carries: number): void {
    if ((form.carries & carries & CARRIES_SID) !== 0) this.dropped++;
    form.carries &= ~carries;
  }

  /** A button sends the form of this `id`, wherever it stands, to where what `carries` says must not go. */
  refuseNamed(id: string, carries: number): void {
    const known = this.#foreignIds.get(id) ?? 0;
    // Forms that are still to come are refused when they open.
    if ((carries & ~known) === 0 || this.#foreignIds.size >= MAX_FOREIGN_IDS) return;
    this.#foreignIds.set(id, known | carries);
    // One name too many stands for all that a form can have.
    const isFull = this.#foreignIds.size >= MAX_FOREIGN_IDS;
    const lost = isFull ? ALL : carries;
    const isMeant = (form: OpenForm) => form.id === id || (isFull && form.id !== null);
    for (const form of this.#undecided()) if (isMeant(form)) this.refuse(form, lost);
    const isInTemplate = this.#inTemplate.hasLostName || this.#inTemplate.all.some(isMeant);
    if (isInTemplate || (this.isInTemplate && this.#open.some(isMeant))) this.refuseInTemplate(lost);
  }

  /** The same for whatever form of this template the button belongs to. */
  refuseInTemplate(carries: number): void {
    if ((carries & ~this.#refusedInTemplate) === 0) return;
    this.#refusedInTemplate |= carries;
    for (const form of this.#inTemplate.all) this.refuse(form, carries);
    for (const form of this.#open.slice(this.#templates[0]?.forms ?? 0)) this.refuse(form, carries);
  }

  /** A button sends the form of this `id`, not seen yet, by POST. */
  postNamed(id: string): void {
    if (this.#postedIds.size < MAX_FOREIGN_IDS) this.#postedIds.add(id);
  }

  isPosted(id: string): boolean {
    return this.#postedIds.size >= MAX_FOREIGN_IDS || this.#postedIds.has(id);
  }

  /** The page ends: everything that waits is decided. */
  end(): void {
    this.#templates.length = 0;
    for (const form of this.#undecided()) this.#settle(form);
    this.#open.length = 0;
    this.#waiting.takeAll();
    this.#inTemplate.takeAll();
  }

  get #texts(): FieldTexts {
    this.#madeTexts ??= this.#makeTexts();
    return this.#madeTexts;
  }

  #undecided(): OpenForm[] {
    return [...this.#waiting.all, ...this.#inTemplate.all, ...this.#open];
  }

  get #depth(): number {
    return this.#templates.at(-1)?.forms ?? 0;
  }

  #isForeign(id: string): boolean {
    return this.#foreignIds.size >= MAX_FOREIGN_IDS || this.#foreignIds.has(id);
  }

  #finish(form: OpenForm | undefined): void {
    if (form === undefined) return;
    if (this.isInTemplate) {
      this.#inTemplate.push(form);
      return;
    }
    const isDecided = form.id === null || form.carries === 0 || form.place === null;
    if (isDecided) {
      this.#settle(form);
      return;
    }
    this.#waiting.push(form);
  }

  #settle(form: OpenForm): void {
    const { own, place } = form;
    let { carries } = form;
    const carriesSid = (carries & CARRIES_SID) !== 0;
    if (own.length > 0) {
      if (carriesSid && own.some(({ value }) => !value.isSettled)) this.written++;
      else if (carriesSid) this.dropped++;
      carries &= ~CARRIES_SID;
    }
    for (const { value, old, before, behind } of own) {
      value.settle(carriesSid ? Buffer.from(before + this.#texts.sidValue() + behind) : old);
    }
    if (place === null) return;
    if (place.isSettled) {
      // The limit came first: the form was sent on without fields.
      if ((carries & CARRIES_SID) !== 0) this.dropped++;
      return;
    }
    if ((carries & CARRIES_SID) !== 0) this.written++;
    place.settle(carries === 0 ? null : this.#texts.fields(carries, form.prefix));
  }
}

/** The fields that carry `sid` (name and value, null for none) and the extra parameters, to the byte as [PHP 7.1]. */
export function fieldTexts(
  sid: readonly [name: string, value: string] | null,
  extra: ReadonlyArray<readonly [name: string, value: string]>,
): FieldTexts {
  const made: (Buffer | undefined)[] = [];
  const make = (carries: number, prefix: string) => {
    const mine = sid === null || (carries & CARRIES_SID) === 0 ? [] : [sid];
    const pairs = (carries & CARRIES_EXTRA) === 0 ? mine : [...mine, ...extra];
    return Buffer.from(pairs.map(([name, value]) => hiddenField(name, value, prefix)).join(''), 'utf8');
  };
  return {
    fields: (carries, prefix) => {
      if (prefix !== '') return make(carries, prefix);
      const text = made[carries] ?? make(carries, '');
      made[carries] = text;
      return text;
    },
    sidValue: () => (sid === null ? '' : escapeHtml(sid[1])),
  };
}

function hiddenField(name: string, value: string, prefix: string): string {
  return `<${prefix}input type="hidden" name="${escapeHtml(name)}" value="${escapeHtml(value)}" />`;
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '"': '&quot;',
  "'": '&#039;',
  '<': '&lt;',
  '>': '&gt;',
};

const NOTHING_TO_ESCAPE = /^[^&"'<>]*$/;

/** [PHP 4.2], but always escaping: a value `a&lt;b` comes back as it was. */
function escapeHtml(text: string): string {
  if (NOTHING_TO_ESCAPE.test(text)) return text;
  return text.replace(/[&"'<>]/g, (char) => ESCAPES[char] ?? char);
}
