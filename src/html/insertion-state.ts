/**
 * Where tree construction stands: the insertion mode, what is open, and a few facts of the page (HTML §13.2.4).
 *
 * Start tags and end tags both move it; what both do to it is here, and nothing that only one of them does.
 */
import { type Content, DATA } from './content-model.ts';
import { HTML, IMPLIED_END, MODE_TAG, NO_POINT, TABLE_TEXT, TRAITS } from './element-traits.ts';
import { type OpenElement, OpenElements } from './open-elements.ts';
import { TAG } from './tag-names.ts';

/**
 * The insertion modes (HTML §13.2.4.1), by the standard's own names. Not here: "text", "in table text", and those behind
 * "after body" and "in frameset", which do as these. Literals, as an
 * imported constant would be looked up at every use.
 */
export type InsertionMode =
  | 'initial'
  | 'before html'
  | 'before head'
  | 'in head'
  | 'in head noscript'
  | 'after head'
  | 'in body'
  | 'in table'
  | 'in caption'
  | 'in column group'
  | 'in table body'
  | 'in row'
  | 'in cell'
  | 'in select'
  | 'in select in table'
  | 'in template'
  | 'after body'
  | 'in frameset';

/** The state of one page; see `TreeFeedback` for what it is good for. */
export class InsertionState {
  readonly isScripting: boolean;
  mode: InsertionMode = 'initial';
  readonly open = new OpenElements();
  /** The stack of template insertion modes. */
  templateModes: InsertionMode[] = [];
  /** The head element pointer, the form element pointer. */
  head: OpenElement | null = null;
  form: OpenElement | null = null;
  isQuirks = false;
  /** The frameset-ok flag. */
  mayBeFrameset = true;
  /** A newline that comes next is no text: behind `pre` and `listing`. */
  skipsNewline = false;
  /** What content follows the last start tag. */
  content: Content = DATA;
  /** Of the element that the last tag began or closed. */
  namespaceOfTag = HTML;
  /** See `StartTag.hasNoControls`; of the last start tag. */
  formHasNoControls = false;

  constructor(isScripting: boolean) {
    this.isScripting = isScripting;
  }

  /** The body is not open yet, and text opens it. */
  get isBeforeBody(): boolean {
    switch (this.mode) {
      case 'initial':
      case 'before html':
      case 'before head':
      case 'in head':
      case 'in head noscript':
      case 'after head':
        return true;
      default:
        return false;
    }
  }

  /** The current element is foreign, and no integration point. */
  get isForeign(): boolean {
    const current = this.open.current;
    return current !== undefined && current.ns !== HTML && current.point === NO_POINT;
  }

  /** Close foreign elements down to an integration point or HTML. */
  leaveForeign(): void {
    while (this.isForeign) this.open.pop();
  }

  /** Reset the insertion mode appropriately (HTML §13.2.4.1). */
  resetMode(): void {
    const i = this.open.topmostWith(MODE_TAG);
    const tag = this.open.stack[i]?.tag ?? 0;
    this.mode = 'in body';
    if (tag === TAG.tr) this.mode = 'in row';
    else if (tag === TAG.tbody || tag === TAG.thead || tag === TAG.tfoot) this.mode = 'in table body';
    else if (tag === TAG.caption) this.mode = 'in caption';
    else if (tag === TAG.colgroup) this.mode = 'in column group';
    else if (tag === TAG.table) this.mode = 'in table';
    else if (tag === TAG.frameset) this.mode = 'in frameset';
    else if (tag === TAG.select) this.mode = this.selectMode(i);
    else if (tag === TAG.template) this.mode = this.templateModes[this.templateModes.length - 1] ?? 'in template';
    else if (tag === TAG.html) this.mode = this.head === null ? 'before head' : 'after head';
    else if ((tag === TAG.td || tag === TAG.th) && i > 0) this.mode = 'in cell';
    else if (tag === TAG.head && i > 0) this.mode = 'in head';
  }

  private selectMode(selectAt: number): InsertionMode {
    const tableAt = this.open.topmost(TAG.table);
    return selectAt > 0 && tableAt > 0 && tableAt > this.open.topmost(TAG.template)
      ? 'in select in table'
      : 'in select';
  }

  /** From wherever the head is, to the body: what any other token does. */
  openBody(): void {
    if (this.mode === 'initial') {
      this.isQuirks = true;
      this.mode = 'before html';
    }
    if (this.mode === 'before html') this.openHtml();
    if (this.mode === 'before head') this.openHead();
    this.closeHead();
    this.open.pushHtml(TAG.body);
    this.mode = 'in body';
  }

  /** Open the root and go to "before head". */
  openHtml(): void {
    this.open.pushHtml(TAG.html);
    this.mode = 'before head';
  }

  /** Open the head and go to "in head". */
  openHead(): void {
    this.head = this.open.pushHtml(TAG.head);
    this.mode = 'in head';
  }

  /** From "in head" and "in head noscript" to "after head"; elsewhere nothing. */
  closeHead(): void {
    if (this.mode === 'in head noscript') {
      this.open.pop();
      this.mode = 'in head';
    }
    if (this.mode === 'in head') {
      this.open.pop();
      this.mode = 'after head';
    }
  }

  /** Close a caption and go to "in table"; false if none is in table scope. */
  closeCaption(): boolean {
    if (!this.open.hasInTableScope(TAG.caption)) return false;
    this.open.generateImpliedEndTags(IMPLIED_END);
    this.open.popThrough(TAG.caption);
    this.open.clearToMarker();
    this.mode = 'in table';
    return true;
  }

  /** Close a column group and go to "in table"; false if none is current. */
  leaveColumnGroup(): boolean {
    if (this.open.currentTag !== TAG.colgroup) return false;
    this.open.pop();
    this.mode = 'in table';
    return true;
  }

  /** Clear the stack back to a table body context. */
  clearBackToTableBody(): void {
    this.open.clearBackTo(TAG.tbody, TAG.tfoot, TAG.thead);
  }

  /** Close a row group and go to "in table"; false if none is in table scope. */
  closeTableBody(): boolean {
    if (!this.open.hasInTableScope(TAG.tbody, TAG.tfoot, TAG.thead)) return false;
    this.clearBackToTableBody();
    this.open.pop();
    this.mode = 'in table';
    return true;
  }

  /** Close a row and go to "in table body"; false if none is in table scope. */
  closeRow(): boolean {
    if (!this.open.hasInTableScope(TAG.tr)) return false;
    this.open.clearBackTo(TAG.tr, TAG.tr);
    this.open.pop();
    this.mode = 'in table body';
    return true;
  }

  /** Close a cell and go to "in row". */
  closeCell(): void {
    this.open.generateImpliedEndTags(IMPLIED_END);
    this.open.shorten(Math.max(this.open.topmostOf(TAG.td, TAG.th, TAG.th), 0));
    this.open.clearToMarker();
    this.mode = 'in row';
  }
}

/** Names that a table takes from a select in it. */
export function isSelectBreaker(tag: number): boolean {
  return tag === TAG.caption || tag === TAG.td || tag === TAG.th || (TRAITS[tag]! & TABLE_TEXT) !== 0;
}
