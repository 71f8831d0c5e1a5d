/**
 * What a tree builder would tell the tokenizer: which content follows a start tag, and whether that is foreign content.
 *
 * Tree construction (HTML §13.2.6) without a tree: only the stack of open elements, the list of active formatting
 * elements and the insertion modes are kept, since nothing else ever speaks back to the tokenizer. Elements whose content
 * is raw text are not pushed: they are popped before anything else can happen. All frameset modes are one, for once in
 * them only `noframes` matters and nothing leads out again.
 *
 * Where parse5 and the standard differ (scope of `template` in tables, `select`), this follows parse5 8, which the
 * scanner is held against.
 *
 * Deliberately not here: attributes, text, foster parenting, form owners of elements, end of file.
 */
import { type Content, contentOf, DATA, NEWLINE, NO_TEXT, RAWTEXT, TEXT, type TextKind } from './content-model.ts';
import {
  ADDRESS_END,
  BLOCK,
  FORMATTING,
  HEAD_CONTENT,
  HEADING,
  HTML,
  HTML_POINT,
  IMPLIED_END,
  IMPLIED_END_THOROUGH,
  ITEM_BOUNDARY,
  isBreakout,
  MATH,
  MODE_TAG,
  mathPoint,
  NAMESPACES,
  NO_POINT,
  SVG,
  svgPoint,
  TABLE_PART,
  TABLE_TEXT,
  TRAITS,
} from './element-traits.ts';
import { type OpenElement, OpenElements, type TagToken } from './open-elements.ts';
import type { Namespace } from './scanner.ts';
import { TAG } from './tag-names.ts';

const INITIAL = 0;
const BEFORE_HTML = 1;
const BEFORE_HEAD = 2;
const IN_HEAD = 3;
const IN_HEAD_NOSCRIPT = 4;
const AFTER_HEAD = 5;
const IN_BODY = 6;
const IN_TABLE = 7;
const IN_CAPTION = 8;
const IN_COLUMN_GROUP = 9;
const IN_TABLE_BODY = 10;
const IN_ROW = 11;
const IN_CELL = 12;
const IN_SELECT = 13;
const IN_SELECT_IN_TABLE = 14;
const IN_TEMPLATE = 15;
const AFTER_BODY = 16;
const IN_FRAMESET = 17;

/** Steps of work allowed for a page, and for each of its tags: ordinary pages need some 20 a tag. */
const BASE_WORK = 500_000;
const WORK_PER_TAG = 100;
/** Open elements; browsers themselves stop at 512. */
const MAX_DEPTH = 4096;

export class TreeFeedback {
  private readonly isScripting: boolean;
  private mode = INITIAL;
  private readonly open = new OpenElements();
  private templateModes: number[] = [];
  private head: OpenElement | null = null;
  private form: OpenElement | null = null;
  private isQuirks = false;
  private mayBeFrameset = true;
  private skipsNewline = false;
  private content: Content = DATA;
  private namespaceOfTag = HTML;
  /** True once the page is no longer followed; see `abandon`. */
  isAbandoned = false;

  constructor(isScripting: boolean) {
    this.isScripting = isScripting;
    this.open.work = -BASE_WORK;
  }

  /** Whether a CDATA section is one here. */
  get isForeign(): boolean {
    const current = this.open.current;
    return current !== undefined && current.ns !== HTML && current.point === NO_POINT;
  }

  /** Whether any foreign element is open, so that the next tags cannot be judged without this. */
  get hasForeign(): boolean {
    return this.open.foreignCount !== 0 && !this.isAbandoned;
  }

  get isInSelect(): boolean {
    return this.mode === IN_SELECT || this.mode === IN_SELECT_IN_TABLE;
  }

  get isInTemplate(): boolean {
    return this.open.openCount[TAG.template] !== 0 && !this.isAbandoned;
  }

  get isInFrameset(): boolean {
    return this.mode === IN_FRAMESET;
  }

  /** Where the element of the last start tag went. */
  get namespace(): Namespace {
    return NAMESPACES[this.namespaceOfTag]!;
  }

  /** Text between tags; `kind` sums it up. */
  text(kind: TextKind): void {
    if (kind === NO_TEXT || this.isAbandoned) return;
    const isSkipped = this.skipsNewline && kind === NEWLINE;
    this.skipsNewline = false;
    if (isSkipped) return;
    if (kind === TEXT) this.character();
    else this.space();
  }

  /** A NUL between tags: ignored as text, but it opens the body like any character. */
  nul(): void {
    this.skipsNewline = false;
    if (this.isForeign || this.isAbandoned) return;
    if (this.mode <= AFTER_HEAD) this.openBody();
    else if (this.mode === IN_COLUMN_GROUP) this.leaveColumnGroup();
    else if (this.mode === AFTER_BODY) this.mode = IN_BODY;
  }

  comment(): void {
    this.skipsNewline = false;
  }

  /** `isQuirks`: the document type asks for quirks mode (HTML §13.2.6.4.1). */
  doctype(isQuirks: boolean): void {
    this.skipsNewline = false;
    if (this.mode !== INITIAL) return;
    this.isQuirks = isQuirks;
    this.mode = BEFORE_HTML;
  }

  /** Process a start tag; returns what content follows. */
  startTag(token: TagToken): Content {
    this.content = DATA;
    this.namespaceOfTag = HTML;
    this.skipsNewline = false;
    if (this.isAbandoned) return this.usualContent(token.tag);
    this.begin();
    if (this.isAbandoned) return this.usualContent(token.tag);
    this.processStart(token);
    return this.content;
  }

  endTag(tag: number, key: number): void {
    this.skipsNewline = false;
    if (this.isAbandoned) return;
    this.begin();
    if (!this.isAbandoned) this.processEnd(tag, key);
  }

  /**
   * Hostile pages can make tree construction quadratic or deep. Past generous bounds the page is no longer followed:
   * from there on every tag is taken as in an ordinary body.
   */
  private begin(): void {
    this.open.work -= WORK_PER_TAG;
    if (this.open.work < -BASE_WORK) this.open.work = -BASE_WORK;
    else if (this.open.work > 0) this.abandon();
    if (this.open.stack.length > MAX_DEPTH || this.open.list.length > MAX_DEPTH) this.abandon();
  }

  /** No longer follow the page: from here on every tag is taken as in an ordinary body. */
  abandon(): void {
    this.isAbandoned = true;
    this.open.clear();
    this.templateModes = [];
    this.mode = IN_BODY;
  }

  private usualContent(tag: number): Content {
    return contentOf(tag, this.isScripting);
  }

  // Insertion modes (HTML §13.2.6.4).

  private resetMode(): void {
    const i = this.open.topmostWith(MODE_TAG);
    const tag = this.open.stack[i]?.tag ?? 0;
    this.mode = IN_BODY;
    if (tag === TAG.tr) this.mode = IN_ROW;
    else if (tag === TAG.tbody || tag === TAG.thead || tag === TAG.tfoot) this.mode = IN_TABLE_BODY;
    else if (tag === TAG.caption) this.mode = IN_CAPTION;
    else if (tag === TAG.colgroup) this.mode = IN_COLUMN_GROUP;
    else if (tag === TAG.table) this.mode = IN_TABLE;
    else if (tag === TAG.frameset) this.mode = IN_FRAMESET;
    else if (tag === TAG.select) this.mode = this.selectMode(i);
    else if (tag === TAG.template) this.mode = this.templateModes[this.templateModes.length - 1] ?? IN_TEMPLATE;
    else if (tag === TAG.html) this.mode = this.head === null ? BEFORE_HEAD : AFTER_HEAD;
    else if ((tag === TAG.td || tag === TAG.th) && i > 0) this.mode = IN_CELL;
    else if (tag === TAG.head && i > 0) this.mode = IN_HEAD;
  }

  private selectMode(selectAt: number): number {
    const tableAt = this.open.topmost(TAG.table);
    return selectAt > 0 && tableAt > 0 && tableAt > this.open.topmost(TAG.template) ? IN_SELECT_IN_TABLE : IN_SELECT;
  }

  /** From wherever the head is, to the body: what any other token does. */
  private openBody(): void {
    if (this.mode === INITIAL) {
      this.isQuirks = true;
      this.mode = BEFORE_HTML;
    }
    if (this.mode === BEFORE_HTML) this.openHtml();
    if (this.mode === BEFORE_HEAD) this.openHead();
    this.closeHead();
    this.open.pushHtml(TAG.body);
    this.mode = IN_BODY;
  }

  private openHtml(): void {
    this.open.pushHtml(TAG.html);
    this.mode = BEFORE_HEAD;
  }

  private openHead(): void {
    this.head = this.open.pushHtml(TAG.head);
    this.mode = IN_HEAD;
  }

  private closeHead(): void {
    if (this.mode === IN_HEAD_NOSCRIPT) {
      this.open.pop();
      this.mode = IN_HEAD;
    }
    if (this.mode === IN_HEAD) {
      this.open.pop();
      this.mode = AFTER_HEAD;
    }
  }

  private leaveColumnGroup(): boolean {
    if (this.open.currentTag !== TAG.colgroup) return false;
    this.open.pop();
    this.mode = IN_TABLE;
    return true;
  }

  private character(): void {
    if (this.isForeign) {
      this.mayBeFrameset = false;
      return;
    }
    if (this.mode === IN_COLUMN_GROUP && !this.leaveColumnGroup()) return;
    if (this.mode === IN_SELECT || this.mode === IN_SELECT_IN_TABLE || this.mode === IN_FRAMESET) return;
    if (this.mode <= AFTER_HEAD) this.openBody();
    if (this.mode === AFTER_BODY) this.mode = IN_BODY;
    this.open.reconstruct();
    this.mayBeFrameset = false;
  }

  private space(): void {
    if (this.isForeign) return;
    const { mode } = this;
    if (mode === IN_BODY || mode === IN_CAPTION || mode === IN_CELL || mode === IN_TEMPLATE || mode === AFTER_BODY) {
      this.open.reconstruct();
    } else if (mode === IN_TABLE || mode === IN_TABLE_BODY || mode === IN_ROW) {
      if ((TRAITS[this.open.currentTag]! & TABLE_TEXT) === 0) this.open.reconstruct();
    }
  }

  private processStart(token: TagToken): void {
    if (this.isForeignStart(token.tag)) this.startInForeign(token);
    else this.startByMode(token);
  }

  /** Whether foreign content takes the tag (HTML §13.2.6, the dispatcher). */
  private isForeignStart(tag: number): boolean {
    const { current } = this.open;
    if (current === undefined || current.ns === HTML) return false;
    if (tag === TAG.svg && current.tag === TAG['annotation-xml'] && current.ns === MATH) return false;
    if (current.point === NO_POINT) return true;
    return (tag === TAG.mglyph || tag === TAG.malignmark) && current.point !== HTML_POINT;
  }

  private startInForeign(token: TagToken): void {
    if (isBreakout(token.tag, token.isMarked)) {
      this.leaveForeign();
      this.startByMode(token);
      return;
    }
    const ns = this.open.current?.ns ?? HTML;
    this.namespaceOfTag = ns;
    if (!token.isSelfClosing) this.open.push(token.tag, token.key, ns, pointOf(token, ns));
  }

  private leaveForeign(): void {
    while (this.isForeign) this.open.pop();
  }

  private startByMode(token: TagToken): void {
    switch (this.mode) {
      case INITIAL:
        this.isQuirks = true;
        this.mode = BEFORE_HTML;
        this.startBeforeHtml(token);
        return;
      case BEFORE_HTML:
        this.startBeforeHtml(token);
        return;
      case BEFORE_HEAD:
        this.startBeforeHead(token);
        return;
      case IN_HEAD:
        this.startInHead(token);
        return;
      case IN_HEAD_NOSCRIPT:
        this.startInHeadNoscript(token);
        return;
      case AFTER_HEAD:
        this.startAfterHead(token);
        return;
      case IN_TABLE:
        this.startInTable(token);
        return;
      case IN_CAPTION:
        this.startInCaption(token);
        return;
      case IN_COLUMN_GROUP:
        this.startInColumnGroup(token);
        return;
      case IN_TABLE_BODY:
        this.startInTableBody(token);
        return;
      case IN_ROW:
        this.startInRow(token);
        return;
      case IN_CELL:
        this.startInCell(token);
        return;
      case IN_SELECT:
      case IN_SELECT_IN_TABLE:
        this.startInSelect(token);
        return;
      case IN_TEMPLATE:
        this.startInTemplate(token);
        return;
      case IN_FRAMESET:
        if (token.tag === TAG.noframes) this.content = RAWTEXT;
        return;
      case AFTER_BODY:
        if (token.tag !== TAG.html) this.mode = IN_BODY;
        this.startInBody(token);
        return;
      default:
        this.startInBody(token);
    }
  }

  private startBeforeHtml(token: TagToken): void {
    this.openHtml();
    if (token.tag !== TAG.html) this.startBeforeHead(token);
  }

  private startBeforeHead(token: TagToken): void {
    if (token.tag === TAG.html) return;
    this.openHead();
    if (token.tag !== TAG.head) this.startInHead(token);
  }

  private startInHead(token: TagToken): void {
    const { tag } = token;
    if (tag === TAG.noscript && !this.isScripting && this.mode === IN_HEAD) {
      this.open.pushHtml(TAG.noscript);
      this.mode = IN_HEAD_NOSCRIPT;
    } else if (tag === TAG.noscript) {
      this.content = RAWTEXT;
    } else if ((TRAITS[tag]! & HEAD_CONTENT) !== 0) {
      this.startHeadContent(token);
    } else if (tag !== TAG.html && tag !== TAG.head) {
      this.closeHead();
      this.startAfterHead(token);
    }
  }

  /** base, link, meta, title, style, script, noframes, template: alike in most modes. */
  private startHeadContent(token: TagToken): void {
    const { tag } = token;
    if (tag !== TAG.template) {
      this.content = contentOf(tag, this.isScripting);
      return;
    }
    this.open.pushHtml(TAG.template);
    this.open.list.push(null);
    this.mayBeFrameset = false;
    this.mode = IN_TEMPLATE;
    this.templateModes.push(IN_TEMPLATE);
  }

  private startInHeadNoscript(token: TagToken): void {
    const { tag } = token;
    if (tag === TAG.html || tag === TAG.head || tag === TAG.noscript) return;
    if (tag === TAG.basefont || tag === TAG.bgsound || tag === TAG.link || tag === TAG.meta) return;
    if (tag === TAG.noframes || tag === TAG.style) {
      this.content = RAWTEXT;
      return;
    }
    this.open.pop();
    this.mode = IN_HEAD;
    this.startInHead(token);
  }

  private startAfterHead(token: TagToken): void {
    const { tag } = token;
    if (tag === TAG.html || tag === TAG.head) return;
    if (tag === TAG.body) {
      this.open.pushHtml(TAG.body);
      this.mayBeFrameset = false;
      this.mode = IN_BODY;
    } else if (tag === TAG.frameset) {
      this.open.pushHtml(TAG.frameset);
      this.mode = IN_FRAMESET;
    } else if ((TRAITS[tag]! & HEAD_CONTENT) !== 0) {
      this.startHeadContent(token);
    } else {
      this.open.pushHtml(TAG.body);
      this.mode = IN_BODY;
      this.startInBody(token);
    }
  }

  private startInBody(token: TagToken): void {
    const { tag } = token;
    const traits = TRAITS[tag]!;
    if ((traits & FORMATTING) !== 0) this.startFormatting(token);
    else if ((traits & BLOCK) !== 0) this.startBlock(tag);
    else if ((traits & HEADING) !== 0) {
      this.open.closeParagraph();
      if ((TRAITS[this.open.currentTag]! & HEADING) !== 0) this.open.pop();
      this.open.pushHtml(tag);
    } else if ((traits & HEAD_CONTENT) !== 0) this.startHeadContent(token);
    else if ((traits & TABLE_PART) !== 0) return;
    else this.startOtherInBody(token);
  }

  private startBlock(tag: number): void {
    this.open.closeParagraph();
    this.open.pushHtml(tag);
  }

  private startFormatting(token: TagToken): void {
    const { tag } = token;
    if (tag === TAG.a) {
      const entry = this.open.entryOfTag(TAG.a);
      if (entry !== null) {
        this.open.adoptionAgency(TAG.a);
        this.open.remove(entry.element);
        this.open.removeEntry(entry);
      }
    }
    this.open.reconstruct();
    if (tag === TAG.nobr && this.open.hasInScope(TAG.nobr)) {
      this.open.adoptionAgency(TAG.nobr);
      this.open.reconstruct();
    }
    this.open.pushFormatting(token);
  }

  /** The names that have a rule of their own, most frequent first, and all others. */
  private startOtherInBody(token: TagToken): void {
    const { tag, key } = token;
    if (tag === TAG.li || tag === TAG.dd || tag === TAG.dt) this.startListItem(tag);
    else if (tag === TAG.input || isVoidInBody(tag)) {
      this.open.reconstruct();
      if (tag !== TAG.input || !token.isMarked) this.mayBeFrameset = false;
    } else if (tag === TAG.table) {
      if (!this.isQuirks) this.open.closeParagraph();
      this.open.pushHtml(tag);
      this.mayBeFrameset = false;
      this.mode = IN_TABLE;
    } else if (tag === TAG.form) this.startForm();
    else if (tag === TAG.button) {
      if (this.open.hasInScope(TAG.button)) {
        this.open.generateImpliedEndTags(IMPLIED_END);
        this.open.popThrough(TAG.button);
      }
      this.open.reconstruct();
      this.open.pushHtml(tag);
      this.mayBeFrameset = false;
    } else if (tag === TAG.option || tag === TAG.optgroup) {
      if (this.open.currentTag === TAG.option) this.open.pop();
      this.open.reconstruct();
      this.open.pushHtml(tag);
    } else if (tag === TAG.select) this.startSelect();
    else if (tag === TAG.svg || tag === TAG.math) {
      this.open.reconstruct();
      this.namespaceOfTag = tag === TAG.svg ? SVG : MATH;
      if (!token.isSelfClosing) this.open.push(tag, key, this.namespaceOfTag, NO_POINT);
    } else if (isRawInBody(tag, this.isScripting)) this.startRawInBody(tag);
    else if (tag === TAG.hr) {
      this.open.closeParagraph();
      this.mayBeFrameset = false;
    } else if (tag === TAG.pre || tag === TAG.listing) {
      this.startBlock(tag);
      this.skipsNewline = true;
      this.mayBeFrameset = false;
    } else if (tag === TAG.applet || tag === TAG.object || tag === TAG.marquee) {
      this.open.reconstruct();
      this.open.pushHtml(tag);
      this.open.list.push(null);
      this.mayBeFrameset = false;
    } else this.startRareInBody(tag, key);
  }

  private startRareInBody(tag: number, key: number): void {
    if (tag === TAG.param || tag === TAG.track || tag === TAG.source) return;
    if (tag === TAG.html || tag === TAG.head || tag === TAG.frame) return;
    if (tag === TAG.body) {
      if (this.hasBody && this.open.openCount[TAG.template] === 0) this.mayBeFrameset = false;
    } else if (tag === TAG.frameset) {
      if (!this.mayBeFrameset || !this.hasBody) return;
      this.open.shorten(1);
      this.open.pushHtml(tag);
      this.mode = IN_FRAMESET;
    } else if (tag === TAG.rb || tag === TAG.rtc) {
      if (this.open.hasInScope(TAG.ruby)) this.open.generateImpliedEndTags(IMPLIED_END);
      this.open.pushHtml(tag);
    } else if (tag === TAG.rt || tag === TAG.rp) {
      if (this.open.hasInScope(TAG.ruby)) this.open.generateImpliedEndTags(IMPLIED_END_THOROUGH, TAG.rtc);
      this.open.pushHtml(tag);
    } else {
      this.open.reconstruct();
      this.open.pushHtml(tag, key);
    }
  }

  private get hasBody(): boolean {
    return this.open.stack[1]?.tag === TAG.body;
  }

  private startListItem(tag: number): void {
    this.mayBeFrameset = false;
    const at =
      tag === TAG.li ? this.open.topmost(TAG.li) : Math.max(this.open.topmost(TAG.dd), this.open.topmost(TAG.dt));
    if (at >= 0 && !this.open.hasAbove(at, ITEM_BOUNDARY)) {
      const open = this.open.stack[at]!.tag;
      this.open.generateImpliedEndTags(IMPLIED_END_THOROUGH, open);
      this.open.popThrough(open);
    }
    this.startBlock(tag);
  }

  private startForm(): void {
    const isInTemplate = this.open.openCount[TAG.template] !== 0;
    if (this.form !== null && !isInTemplate) return;
    this.open.closeParagraph();
    const element = this.open.pushHtml(TAG.form);
    if (!isInTemplate) this.form = element;
  }

  private startSelect(): void {
    this.open.reconstruct();
    this.open.pushHtml(TAG.select);
    this.mayBeFrameset = false;
    const { mode } = this;
    const isInTable = mode === IN_TABLE || mode === IN_CAPTION || mode === IN_TABLE_BODY || mode === IN_ROW;
    this.mode = isInTable || mode === IN_CELL ? IN_SELECT_IN_TABLE : IN_SELECT;
  }

  private startRawInBody(tag: number): void {
    this.content = contentOf(tag, this.isScripting);
    if (tag === TAG.xmp || tag === TAG.plaintext) this.open.closeParagraph();
    if (tag === TAG.xmp) this.open.reconstruct();
    if (tag === TAG.xmp || tag === TAG.textarea || tag === TAG.iframe) this.mayBeFrameset = false;
  }

  private startInTable(token: TagToken): void {
    const { tag } = token;
    if (tag === TAG.td || tag === TAG.th || tag === TAG.tr) {
      this.open.clearBackTo(TAG.table, TAG.table);
      this.open.pushHtml(TAG.tbody);
      this.mode = IN_TABLE_BODY;
      this.startInTableBody(token);
    } else if (tag === TAG.tbody || tag === TAG.tfoot || tag === TAG.thead) {
      this.open.clearBackTo(TAG.table, TAG.table);
      this.open.pushHtml(tag);
      this.mode = IN_TABLE_BODY;
    } else if (tag === TAG.caption) {
      this.open.clearBackTo(TAG.table, TAG.table);
      this.open.list.push(null);
      this.open.pushHtml(tag);
      this.mode = IN_CAPTION;
    } else if (tag === TAG.colgroup || tag === TAG.col) {
      this.open.clearBackTo(TAG.table, TAG.table);
      this.open.pushHtml(TAG.colgroup);
      this.mode = IN_COLUMN_GROUP;
    } else if (tag === TAG.table) {
      if (!this.open.hasInTableScope(TAG.table)) return;
      this.open.popThrough(TAG.table);
      this.resetMode();
      this.processStart(token);
    } else if (tag === TAG.style || tag === TAG.script || tag === TAG.template) this.startHeadContent(token);
    else if (tag === TAG.form) {
      if (this.form !== null || this.open.openCount[TAG.template] !== 0) return;
      this.form = this.open.pushHtml(tag);
      this.open.pop();
    } else if (tag !== TAG.input || !token.isMarked) this.startInBody(token);
  }

  private startInCaption(token: TagToken): void {
    if ((TRAITS[token.tag]! & TABLE_PART) === 0) this.startInBody(token);
    else if (this.closeCaption()) this.startInTable(token);
  }

  private closeCaption(): boolean {
    if (!this.open.hasInTableScope(TAG.caption)) return false;
    this.open.generateImpliedEndTags(IMPLIED_END);
    this.open.popThrough(TAG.caption);
    this.open.clearToMarker();
    this.mode = IN_TABLE;
    return true;
  }

  private startInColumnGroup(token: TagToken): void {
    const { tag } = token;
    if (tag === TAG.html || tag === TAG.col) return;
    if (tag === TAG.template) this.startHeadContent(token);
    else if (this.leaveColumnGroup()) this.processStart(token);
  }

  private startInTableBody(token: TagToken): void {
    const { tag } = token;
    if (tag === TAG.tr || tag === TAG.td || tag === TAG.th) {
      this.clearBackToTableBody();
      this.open.pushHtml(TAG.tr);
      this.mode = IN_ROW;
      if (tag !== TAG.tr) this.startInRow(token);
    } else if ((TRAITS[tag]! & TABLE_PART) === 0) this.startInTable(token);
    else if (this.closeTableBody()) this.startInTable(token);
  }

  private clearBackToTableBody(): void {
    this.open.clearBackTo(TAG.tbody, TAG.tfoot, TAG.thead);
  }

  private closeTableBody(): boolean {
    if (!this.open.hasInTableScope(TAG.tbody, TAG.tfoot, TAG.thead)) return false;
    this.clearBackToTableBody();
    this.open.pop();
    this.mode = IN_TABLE;
    return true;
  }

  private startInRow(token: TagToken): void {
    const { tag } = token;
    if (tag === TAG.td || tag === TAG.th) {
      this.open.clearBackTo(TAG.tr, TAG.tr);
      this.open.pushHtml(tag);
      this.mode = IN_CELL;
      this.open.list.push(null);
    } else if ((TRAITS[tag]! & TABLE_PART) === 0) this.startInTable(token);
    else if (this.closeRow()) this.startInTableBody(token);
  }

  private closeRow(): boolean {
    if (!this.open.hasInTableScope(TAG.tr)) return false;
    this.open.clearBackTo(TAG.tr, TAG.tr);
    this.open.pop();
    this.mode = IN_TABLE_BODY;
    return true;
  }

  private startInCell(token: TagToken): void {
    if ((TRAITS[token.tag]! & TABLE_PART) === 0) this.startInBody(token);
    else if (this.open.hasInTableScope(TAG.td) || this.open.hasInTableScope(TAG.th)) {
      this.closeCell();
      this.startInRow(token);
    }
  }

  private closeCell(): void {
    this.open.generateImpliedEndTags(IMPLIED_END);
    this.open.shorten(Math.max(this.open.topmostOf(TAG.td, TAG.th, TAG.th), 0));
    this.open.clearToMarker();
    this.mode = IN_ROW;
  }

  private startInSelect(token: TagToken): void {
    const { tag } = token;
    if (this.mode === IN_SELECT_IN_TABLE && isSelectBreaker(tag)) {
      this.open.popThrough(TAG.select);
      this.resetMode();
      this.processStart(token);
    } else if (tag === TAG.option || tag === TAG.optgroup || tag === TAG.hr) {
      if (this.open.currentTag === TAG.option) this.open.pop();
      if (tag !== TAG.option && this.open.currentTag === TAG.optgroup) this.open.pop();
      if (tag !== TAG.hr) this.open.pushHtml(tag);
    } else if (tag === TAG.input || tag === TAG.keygen || tag === TAG.textarea || tag === TAG.select) {
      if (!this.open.hasInSelectScope()) return;
      this.open.popThrough(TAG.select);
      this.resetMode();
      if (tag !== TAG.select) this.processStart(token);
    } else if (tag === TAG.script || tag === TAG.template) this.startHeadContent(token);
  }

  private startInTemplate(token: TagToken): void {
    const { tag } = token;
    if ((TRAITS[tag]! & HEAD_CONTENT) !== 0) {
      this.startHeadContent(token);
      return;
    }
    let mode = IN_BODY;
    if (tag === TAG.col) mode = IN_COLUMN_GROUP;
    else if (tag === TAG.tr) mode = IN_TABLE_BODY;
    else if (tag === TAG.td || tag === TAG.th) mode = IN_ROW;
    else if ((TRAITS[tag]! & TABLE_PART) !== 0) mode = IN_TABLE;
    this.templateModes[this.templateModes.length - 1] = mode;
    this.mode = mode;
    this.startByMode(token);
  }

  private processEnd(tag: number, key: number): void {
    const { current } = this.open;
    if (current === undefined || current.ns === HTML) {
      this.endByMode(tag, key);
      return;
    }
    if (tag === TAG.p || tag === TAG.br) {
      this.leaveForeign();
      this.endByMode(tag, key);
      return;
    }
    // The topmost foreign element of this name, unless an HTML element is above it.
    for (let i = this.open.stack.length - 1; i >= 0; i--) {
      this.open.work++;
      const element = this.open.stack[i]!;
      if (element.ns === HTML) break;
      if (element.key === key) {
        this.open.shorten(i);
        return;
      }
    }
    this.endByMode(tag, key);
  }

  private endByMode(tag: number, key: number): void {
    switch (this.mode) {
      case INITIAL:
      case BEFORE_HTML:
      case BEFORE_HEAD:
      case IN_HEAD:
      case IN_HEAD_NOSCRIPT:
      case AFTER_HEAD:
        this.endBeforeBody(tag, key);
        return;
      case IN_TABLE:
        this.endInTable(tag, key);
        return;
      case IN_CAPTION:
        this.endInCaption(tag, key);
        return;
      case IN_COLUMN_GROUP:
        this.endInColumnGroup(tag, key);
        return;
      case IN_TABLE_BODY:
        this.endInTableBody(tag, key);
        return;
      case IN_ROW:
        this.endInRow(tag, key);
        return;
      case IN_CELL:
        this.endInCell(tag, key);
        return;
      case IN_SELECT:
      case IN_SELECT_IN_TABLE:
        this.endInSelect(tag, key);
        return;
      case IN_TEMPLATE:
        if (tag === TAG.template) this.endTemplate();
        return;
      case IN_FRAMESET:
        return;
      case AFTER_BODY:
        if (tag === TAG.html) return;
        this.mode = IN_BODY;
        this.endInBody(tag, key);
        return;
      default:
        this.endInBody(tag, key);
    }
  }

  private endBeforeBody(tag: number, key: number): void {
    if (this.mode === INITIAL) {
      this.isQuirks = true;
      this.mode = BEFORE_HTML;
    }
    const opens = tag === TAG.html || tag === TAG.body || tag === TAG.br;
    if (this.mode === BEFORE_HTML || this.mode === BEFORE_HEAD) {
      if (!opens && tag !== TAG.head) return;
      if (this.mode === BEFORE_HTML) this.openHtml();
      this.openHead();
    }
    if (this.mode === IN_HEAD_NOSCRIPT) {
      if (tag === TAG.noscript || tag === TAG.br) {
        this.open.pop();
        this.mode = IN_HEAD;
      }
      if (tag !== TAG.br) return;
    }
    if (tag === TAG.template) this.endTemplate();
    else if (tag === TAG.head && this.mode === IN_HEAD) this.closeHead();
    else if (opens) {
      this.openBody();
      this.endInBody(tag, key);
    }
  }

  private endTemplate(): void {
    if (this.open.openCount[TAG.template] === 0) return;
    this.open.generateImpliedEndTags(IMPLIED_END_THOROUGH);
    this.open.popThrough(TAG.template);
    this.open.clearToMarker();
    this.templateModes.pop();
    this.resetMode();
  }

  private endInBody(tag: number, key: number): void {
    const traits = TRAITS[tag]!;
    if ((traits & FORMATTING) !== 0) this.open.adoptionAgency(tag);
    else if ((traits & ADDRESS_END) !== 0) {
      if (!this.open.hasInScope(tag)) return;
      this.open.generateImpliedEndTags(IMPLIED_END);
      this.open.popThrough(tag);
    } else if ((traits & HEADING) !== 0) this.endHeading();
    else if (tag === TAG.p) {
      if (!this.open.hasInButtonScope(TAG.p)) this.open.pushHtml(TAG.p);
      this.open.generateImpliedEndTags(IMPLIED_END_THOROUGH, TAG.p);
      this.open.popThrough(TAG.p);
    } else if (tag === TAG.li || tag === TAG.dd || tag === TAG.dt) {
      if (!(tag === TAG.li ? this.open.hasInListItemScope(tag) : this.open.hasInScope(tag))) return;
      this.open.generateImpliedEndTags(IMPLIED_END_THOROUGH, tag);
      this.open.popThrough(tag);
    } else if (tag === TAG.br) {
      this.open.reconstruct();
      this.mayBeFrameset = false;
    } else if (tag === TAG.body || tag === TAG.html) {
      if (this.open.hasInScope(TAG.body)) this.mode = AFTER_BODY;
    } else if (tag === TAG.form) this.endForm();
    else if (tag === TAG.applet || tag === TAG.object || tag === TAG.marquee) {
      if (!this.open.hasInScope(tag)) return;
      this.open.generateImpliedEndTags(IMPLIED_END);
      this.open.popThrough(tag);
      this.open.clearToMarker();
    } else if (tag === TAG.template) this.endTemplate();
    else this.open.anyOtherEndTag(tag, key);
  }

  private endHeading(): void {
    if (!this.open.inScope((element) => (TRAITS[element.tag]! & HEADING) !== 0)) return;
    this.open.generateImpliedEndTags(IMPLIED_END);
    this.open.shorten(Math.max(this.open.topmostWith(HEADING), 0));
  }

  private endForm(): void {
    const isInTemplate = this.open.openCount[TAG.template] !== 0;
    const { form } = this;
    if (!isInTemplate) this.form = null;
    if ((form === null && !isInTemplate) || !this.open.hasInScope(TAG.form)) return;
    this.open.generateImpliedEndTags(IMPLIED_END);
    if (isInTemplate) this.open.popThrough(TAG.form);
    else if (form !== null) this.open.remove(form);
  }

  private endInTable(tag: number, key: number): void {
    if (tag === TAG.table) {
      if (!this.open.hasInTableScope(TAG.table)) return;
      this.open.popThrough(TAG.table);
      this.resetMode();
    } else if (tag === TAG.template) this.endTemplate();
    else if (!isTableEnd(tag)) this.endInBody(tag, key);
  }

  private endInCaption(tag: number, key: number): void {
    if (tag === TAG.caption) this.closeCaption();
    else if (tag === TAG.table) {
      if (this.closeCaption()) this.endInTable(tag, key);
    } else if (!isTableEnd(tag)) this.endInBody(tag, key);
  }

  private endInColumnGroup(tag: number, key: number): void {
    if (tag === TAG.colgroup) this.leaveColumnGroup();
    else if (tag === TAG.template) this.endTemplate();
    else if (tag !== TAG.col && this.leaveColumnGroup()) this.processEnd(tag, key);
  }

  private endInTableBody(tag: number, key: number): void {
    if (tag === TAG.tbody || tag === TAG.tfoot || tag === TAG.thead) {
      if (!this.open.hasInTableScope(tag)) return;
      this.clearBackToTableBody();
      this.open.pop();
      this.mode = IN_TABLE;
    } else if (tag === TAG.table) {
      if (this.closeTableBody()) this.endInTable(tag, key);
    } else if (!isTableEnd(tag)) this.endInTable(tag, key);
  }

  private endInRow(tag: number, key: number): void {
    if (tag === TAG.tr) this.closeRow();
    else if (tag === TAG.table) {
      if (this.closeRow()) this.endInTableBody(tag, key);
    } else if (tag === TAG.tbody || tag === TAG.tfoot || tag === TAG.thead) {
      if (!this.open.hasInTableScope(tag) && !this.open.hasInTableScope(TAG.tr)) return;
      this.open.clearBackTo(TAG.tr, TAG.tr);
      this.open.pop();
      this.mode = IN_TABLE_BODY;
      this.endInTableBody(tag, key);
    } else if (!isTableEnd(tag)) this.endInTable(tag, key);
  }

  private endInCell(tag: number, key: number): void {
    if (tag === TAG.td || tag === TAG.th) {
      if (!this.open.hasInTableScope(tag)) return;
      this.open.generateImpliedEndTags(IMPLIED_END);
      this.open.popThrough(tag);
      this.open.clearToMarker();
      this.mode = IN_ROW;
    } else if ((TRAITS[tag]! & TABLE_TEXT) !== 0) {
      if (!this.open.hasInTableScope(tag)) return;
      this.closeCell();
      this.endInRow(tag, key);
    } else if (!isTableEnd(tag)) this.endInBody(tag, key);
  }

  private endInSelect(tag: number, key: number): void {
    if (this.mode === IN_SELECT_IN_TABLE && isSelectBreaker(tag)) {
      if (!this.open.hasInTableScope(tag)) return;
      this.open.popThrough(TAG.select);
      this.resetMode();
      this.processEnd(tag, key);
    } else if (tag === TAG.optgroup) {
      if (this.open.currentTag === TAG.option && this.open.stack[this.open.stack.length - 2]?.tag === TAG.optgroup)
        this.open.pop();
      if (this.open.currentTag === TAG.optgroup) this.open.pop();
    } else if (tag === TAG.option) {
      if (this.open.currentTag === TAG.option) this.open.pop();
    } else if (tag === TAG.select) {
      if (!this.open.hasInSelectScope()) return;
      this.open.popThrough(TAG.select);
      this.resetMode();
    } else if (tag === TAG.template) this.endTemplate();
  }
}

function isRawInBody(tag: number, isScripting: boolean): boolean {
  return tag >= TAG.title && tag <= TAG.plaintext && (tag !== TAG.noscript || isScripting);
}

function isVoidInBody(tag: number): boolean {
  return (tag >= TAG.area && tag <= TAG.wbr) || tag === TAG.keygen;
}

/** Names that a table takes from a select in it. */
function isSelectBreaker(tag: number): boolean {
  return tag === TAG.caption || tag === TAG.td || tag === TAG.th || (TRAITS[tag]! & TABLE_TEXT) !== 0;
}

/** End tags that the table modes ignore unless they have a rule for them. */
function isTableEnd(tag: number): boolean {
  return tag === TAG.body || tag === TAG.html || (TRAITS[tag]! & TABLE_PART) !== 0;
}

function pointOf(token: TagToken, ns: number): number {
  if (ns === SVG) return svgPoint(token.tag);
  if (token.tag === TAG['annotation-xml']) return token.isMarked ? HTML_POINT : NO_POINT;
  return mathPoint(token.tag);
}
