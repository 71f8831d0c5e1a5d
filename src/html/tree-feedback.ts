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
import assert from 'node:assert';
import type { Namespace } from './scanner.ts';
import { type KnownName, TAG } from './tag-names.ts';

/** How the tokenizer goes on behind a start tag. */
export const DATA = 0;
export const RCDATA = 1;
export const RAWTEXT = 2;
export const SCRIPT = 3;
export const PLAINTEXT = 4;
export type Content = typeof DATA | typeof RCDATA | typeof RAWTEXT | typeof SCRIPT | typeof PLAINTEXT;

/** What stood between two tags: nothing, one newline, more white space, anything else. */
export const NO_TEXT = 0;
export const NEWLINE = 1;
export const SPACE = 2;
export const TEXT = 3;
export type TextKind = typeof NO_TEXT | typeof NEWLINE | typeof SPACE | typeof TEXT;

/** One start tag, as far as tree construction looks at it. */
export interface TagToken {
  /** Number of the name, `UNKNOWN` for others. */
  tag: number;
  /** Identity of the name: equal for equal names; the number itself for known ones. */
  key: number;
  isSelfClosing: boolean;
  /** `font` with color, face or size; hidden `input`; `annotation-xml` that holds HTML; `a` with attributes. */
  isMarked: boolean;
  /** Equal for equal attributes (formatting elements only). */
  fingerprint: number;
}

const NAMESPACES: readonly Namespace[] = ['html', 'svg', 'math'];
const HTML = 0;
const SVG = 1;
const MATH = 2;

/** Integration points (HTML §13.2.6): none, for HTML, for text of MathML. */
const NO_POINT = 0;
const HTML_POINT = 1;
const TEXT_POINT = 2;

interface OpenElement {
  readonly tag: number;
  readonly key: number;
  readonly ns: number;
  readonly point: number;
  isOpen: boolean;
}

/** An entry of the list of active formatting elements; null is a marker. */
interface Formatting {
  readonly token: TagToken;
  element: OpenElement;
}

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

const SPECIAL = 1;
/** Special, but neither address, div nor p: ends the search for a list item to close. */
const ITEM_BOUNDARY = 2;
const FORMATTING = 4;
const BLOCK = 8;
const HEADING = 16;
const IMPLIED_END = 32;
const IMPLIED_END_THOROUGH = 64;
const SCOPE = 128;
const BREAKOUT = 256;
const TABLE_PART = 512;
const TABLE_TEXT = 1024;
const MODE_TAG = 2048;
const HEAD_CONTENT = 4096;
/** End tags that close the element with all that is open in it (the standard lists them with address). */
const ADDRESS_END = 8192;

const TRAITS = new Uint16Array(256);
/** `names` is a list separated by spaces, as the standard's own lists read. */
function give(trait: number, names: string): void {
  for (const name of names.split(' ')) {
    assert(name in TAG, name);
    // Checked just above.
    TRAITS[TAG[name as KnownName]]! |= trait;
  }
}
give(FORMATTING, 'a b big code em font i nobr s small strike strong tt u');
give(HEADING, 'h1 h2 h3 h4 h5 h6');
give(BLOCK, 'address article aside blockquote center details dialog dir div dl fieldset figcaption figure footer');
give(BLOCK, 'header hgroup main menu nav ol p search section summary ul');
give(ADDRESS_END, 'address article aside blockquote button center details dialog dir div dl fieldset figcaption');
give(ADDRESS_END, 'figure footer header hgroup listing main menu nav ol pre search section summary ul');
give(IMPLIED_END, 'dd dt li optgroup option p rb rp rt rtc');
give(IMPLIED_END_THOROUGH, 'dd dt li optgroup option p rb rp rt rtc caption colgroup tbody td tfoot th thead tr');
give(SCOPE, 'applet caption html marquee object table td template th');
give(TABLE_PART, 'caption col colgroup tbody td tfoot th thead tr');
give(TABLE_TEXT, 'table tbody tfoot thead tr');
give(MODE_TAG, 'tr tbody thead tfoot caption colgroup table frameset select template td th head body html');
give(HEAD_CONTENT, 'base basefont bgsound link meta noframes script style template title');
give(BREAKOUT, 'b big blockquote body br center code dd div dl dt em embed h1 h2 h3 h4 h5 h6 head hr i img li listing');
give(BREAKOUT, 'menu meta nobr ol p pre ruby s small span strong strike sub sup table tt u ul var');
const ITEM_BOUNDARIES =
  'applet area article aside base basefont bgsound blockquote body br button caption center col colgroup dd details ' +
  'dir dl dt embed fieldset figcaption figure footer form frame frameset h1 h2 h3 h4 h5 h6 head header hgroup hr html ' +
  'iframe img input li link listing main marquee menu meta nav noembed noframes noscript object ol param plaintext ' +
  'pre script section select source style summary table tbody td template textarea tfoot th thead title tr track ul ' +
  'wbr xmp';
give(SPECIAL | ITEM_BOUNDARY, ITEM_BOUNDARIES);
give(SPECIAL, 'address div p');

/** Stands in until something is opened: most pages are never followed, and this is then all it costs. */
const NONE_OPEN = new Uint32Array(256);

/** Steps of work allowed for a page, and for each of its tags: ordinary pages need some 20 a tag. */
const BASE_WORK = 500_000;
const WORK_PER_TAG = 100;
/** Open elements; browsers themselves stop at 512. */
const MAX_DEPTH = 4096;

/** Whether a start tag of this name ends foreign content; `font` does so with certain attributes only. */
export function isBreakout(tag: number, isMarked: boolean): boolean {
  // Numbers are bytes, so a trait stands for each.
  return (TRAITS[tag]! & BREAKOUT) !== 0 || (tag === TAG.font && isMarked);
}

/** Whether an element of this name in SVG or MathML is an integration point, where HTML rules may hold inside. */
export function mayBeIntegrationPoint(tag: number, namespace: Namespace): boolean {
  return namespace === 'svg'
    ? svgPoint(tag) !== NO_POINT
    : tag === TAG['annotation-xml'] || mathPoint(tag) !== NO_POINT;
}

export function isFormatting(tag: number): boolean {
  return (TRAITS[tag]! & FORMATTING) !== 0;
}

function svgPoint(tag: number): number {
  return tag === TAG.title || tag === TAG.desc || tag === TAG.foreignobject ? HTML_POINT : NO_POINT;
}

function mathPoint(tag: number): number {
  return tag >= TAG.mi && tag <= TAG.mtext ? TEXT_POINT : NO_POINT;
}

export class TreeFeedback {
  private readonly isScripting: boolean;
  private mode = INITIAL;
  private stack: OpenElement[] = [];
  /** Open HTML elements by tag number. */
  private openCount = NONE_OPEN;
  private foreignCount = 0;
  private templateModes: number[] = [];
  private list: (Formatting | null)[] = [];
  private head: OpenElement | null = null;
  private form: OpenElement | null = null;
  private isQuirks = false;
  private mayBeFrameset = true;
  private skipsNewline = false;
  private content: Content = DATA;
  private namespaceOfTag = HTML;
  private work = -BASE_WORK;
  private isAbandoned = false;

  constructor(isScripting: boolean) {
    this.isScripting = isScripting;
  }

  /** Whether a CDATA section is one here. */
  get isForeign(): boolean {
    const current = this.current;
    return current !== undefined && current.ns !== HTML && current.point === NO_POINT;
  }

  /** Whether any foreign element is open, so that the next tags cannot be judged without this. */
  get hasForeign(): boolean {
    return this.foreignCount !== 0 && !this.isAbandoned;
  }

  get isInSelect(): boolean {
    return this.mode === IN_SELECT || this.mode === IN_SELECT_IN_TABLE;
  }

  get isInTemplate(): boolean {
    return this.openCount[TAG.template] !== 0 && !this.isAbandoned;
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
    this.work -= WORK_PER_TAG;
    if (this.work < -BASE_WORK) this.work = -BASE_WORK;
    else if (this.work > 0) this.abandon();
    if (this.stack.length > MAX_DEPTH || this.list.length > MAX_DEPTH) this.abandon();
  }

  private abandon(): void {
    this.isAbandoned = true;
    this.stack = [];
    this.list = [];
    this.templateModes = [];
    this.mode = IN_BODY;
  }

  private usualContent(tag: number): Content {
    return contentOf(tag, this.isScripting);
  }

  // The stack of open elements (HTML §13.2.4.2).

  private get current(): OpenElement | undefined {
    return this.stack[this.stack.length - 1];
  }

  private get currentTag(): number {
    return this.current?.tag ?? 0;
  }

  private push(tag: number, key: number, ns: number, point: number): OpenElement {
    const element: OpenElement = { tag, key, ns, point, isOpen: true };
    this.stack.push(element);
    this.count(element, 1);
    return element;
  }

  private pushHtml(tag: number, key = tag): OpenElement {
    return this.push(tag, key, HTML, NO_POINT);
  }

  private count(element: OpenElement, by: number): void {
    element.isOpen = by > 0;
    if (this.openCount === NONE_OPEN) this.openCount = new Uint32Array(256);
    if (element.ns === HTML) this.openCount[element.tag]! += by;
    else this.foreignCount += by;
  }

  private pop(): void {
    const element = this.stack.pop();
    if (element !== undefined) this.count(element, -1);
  }

  private shorten(length: number): void {
    this.work += this.stack.length - length;
    while (this.stack.length > length) this.pop();
  }

  private remove(element: OpenElement): void {
    const i = this.indexOf(element);
    if (i < 0) return;
    this.stack.splice(i, 1);
    this.count(element, -1);
  }

  private indexOf(element: OpenElement): number {
    if (!element.isOpen) return -1;
    const i = this.stack.lastIndexOf(element);
    this.work += this.stack.length - i;
    return i;
  }

  /** The topmost open HTML element of this name, or -1. */
  private topmost(tag: number, key = tag): number {
    if (this.openCount[tag] === 0) return -1;
    for (let i = this.stack.length - 1; i >= 0; i--) {
      this.work++;
      const element = this.stack[i]!;
      if (element.key === key && element.ns === HTML) return i;
    }
    return -1;
  }

  private topmostWith(trait: number): number {
    for (let i = this.stack.length - 1; i >= 0; i--) {
      this.work++;
      const element = this.stack[i]!;
      if (element.ns === HTML && (TRAITS[element.tag]! & trait) !== 0) return i;
    }
    return -1;
  }

  private topmostOf(a: number, b: number, c: number, d = c, e = c): number {
    for (let i = this.stack.length - 1; i >= 0; i--) {
      this.work++;
      const { tag, ns } = this.stack[i]!;
      if (ns === HTML && (tag === a || tag === b || tag === c || tag === d || tag === e)) return i;
    }
    return -1;
  }

  private popThrough(tag: number): void {
    this.shorten(Math.max(this.topmost(tag), 0));
  }

  private isSpecial(element: OpenElement): boolean {
    return element.ns === HTML ? (TRAITS[element.tag]! & SPECIAL) !== 0 : isPointName(element);
  }

  /** Whether an element that `isWanted` is open above every boundary: scopes (HTML §13.2.4.2). */
  private inScope(isWanted: (element: OpenElement) => boolean, extra1 = 0, extra2 = 0): boolean {
    for (let i = this.stack.length - 1; i >= 0; i--) {
      this.work++;
      const element = this.stack[i]!;
      if (element.ns !== HTML) {
        if (isPointName(element)) return false;
        continue;
      }
      if (isWanted(element)) return true;
      const { tag } = element;
      if ((TRAITS[tag]! & SCOPE) !== 0 || (extra1 !== 0 && (tag === extra1 || tag === extra2))) return false;
    }
    return true;
  }

  private hasInScope(tag: number): boolean {
    return this.openCount[tag] !== 0 && this.inScope((element) => element.tag === tag);
  }

  private hasInButtonScope(tag: number): boolean {
    return this.openCount[tag] !== 0 && this.inScope((element) => element.tag === tag, TAG.button);
  }

  private hasInListItemScope(tag: number): boolean {
    return this.openCount[tag] !== 0 && this.inScope((element) => element.tag === tag, TAG.ol, TAG.ul);
  }

  /** parse5 bounds this scope by `table` and `html` only. */
  private hasInTableScope(a: number, b = a, c = a): boolean {
    const i = this.topmostOf(a, b, c, TAG.table, TAG.html);
    const tag = this.stack[i]?.tag;
    return tag === a || tag === b || tag === c;
  }

  private generateImpliedEndTags(trait: number, except = -1): void {
    for (;;) {
      const { current } = this;
      if (current === undefined || current.ns !== HTML || current.tag === except) return;
      if ((TRAITS[current.tag]! & trait) === 0) return;
      this.pop();
    }
  }

  private closeParagraph(): void {
    if (!this.hasInButtonScope(TAG.p)) return;
    this.generateImpliedEndTags(IMPLIED_END_THOROUGH, TAG.p);
    this.popThrough(TAG.p);
  }

  // The list of active formatting elements (HTML §13.2.4.3).

  private reconstruct(): void {
    const { list } = this;
    let i = list.length;
    for (; i > 0; i--) {
      const entry = list[i - 1];
      if (entry === null || entry === undefined || entry.element.isOpen) break;
    }
    this.work += list.length - i;
    for (; i < list.length; i++) {
      // Only elements are behind the place where the search stopped.
      const entry = list[i]!;
      entry.element = this.pushHtml(entry.token.tag);
    }
  }

  /**
   * With the "Noah's Ark clause": at most three equal elements behind the last marker. Links with attributes count as
   * all different: comparing every link would cost more than the clause could ever matter, as links do not nest.
   */
  private pushFormatting(token: TagToken): void {
    const { list } = this;
    let equal = 0;
    let earliest = -1;
    for (let i = list.length - 1; i >= 0; i--) {
      const entry = list[i];
      if (entry === null || entry === undefined) break;
      this.work++;
      if (entry.token.tag !== token.tag || entry.token.fingerprint !== token.fingerprint) continue;
      if (token.tag === TAG.a && (entry.token.isMarked || token.isMarked)) continue;
      equal++;
      earliest = i;
    }
    if (equal >= 3) list.splice(earliest, 1);
    const element = this.pushHtml(token.tag);
    // The caller's token is used again for the next tag.
    list.push({ token: { ...token }, element });
  }

  private clearToMarker(): void {
    while (this.list.length > 0 && this.list.pop() !== null);
  }

  private entryOfTag(tag: number): Formatting | null {
    for (let i = this.list.length - 1; i >= 0; i--) {
      const entry = this.list[i];
      if (entry === null || entry === undefined) return null;
      this.work++;
      if (entry.token.tag === tag) return entry;
    }
    return null;
  }

  private entryOfElement(element: OpenElement): Formatting | null {
    if ((TRAITS[element.tag]! & FORMATTING) === 0) return null;
    for (let i = this.list.length - 1; i >= 0; i--) {
      this.work++;
      const entry = this.list[i];
      if (entry !== null && entry?.element === element) return entry;
    }
    return null;
  }

  private removeEntry(entry: Formatting): void {
    const i = this.list.lastIndexOf(entry);
    if (i >= 0) this.list.splice(i, 1);
  }

  /** The adoption agency algorithm (HTML §13.2.6.4.7), as far as it moves the stack and the list. */
  private adoptionAgency(tag: number): void {
    const { current } = this;
    // Step 3.
    if (current !== undefined && current.tag === tag && current.ns === HTML && this.entryOfElement(current) === null) {
      this.pop();
      return;
    }
    for (let round = 0; round < 8; round++) {
      const entry = this.entryOfTag(tag);
      if (entry === null) {
        this.anyOtherEndTag(tag, tag);
        return;
      }
      const { element } = entry;
      if (!element.isOpen) {
        this.removeEntry(entry);
        return;
      }
      if (!this.inScope((open) => open === element)) return;
      const formattingAt = this.indexOf(element);
      const furthestAt = this.furthestBlock(formattingAt);
      if (furthestAt < 0) {
        this.shorten(formattingAt);
        this.removeEntry(entry);
        return;
      }
      this.adopt(entry, formattingAt, furthestAt);
    }
  }

  private furthestBlock(formattingAt: number): number {
    for (let i = formattingAt + 1; i < this.stack.length; i++) {
      this.work++;
      if (this.isSpecial(this.stack[i]!)) return i;
    }
    return -1;
  }

  /** Steps 11 to 20 of a round. */
  private adopt(entry: Formatting, formattingAt: number, furthestAt: number): void {
    const { stack, list } = this;
    const furthest = stack[furthestAt]!;
    let bookmark = entry;
    let isFirst = true;
    let step = 0;
    for (let i = furthestAt - 1; i > formattingAt; i--, step++) {
      this.work++;
      const node = stack[i]!;
      const nodeEntry = this.entryOfElement(node);
      if (nodeEntry === null || step >= 3) {
        if (nodeEntry !== null) this.removeEntry(nodeEntry);
        stack.splice(i, 1);
        this.count(node, -1);
        continue;
      }
      const copy: OpenElement = { ...node };
      node.isOpen = false;
      stack[i] = copy;
      nodeEntry.element = copy;
      if (isFirst) bookmark = nodeEntry;
      isFirst = false;
    }
    const element: OpenElement = { ...entry.element };
    list.splice(list.lastIndexOf(bookmark) + 1, 0, { token: entry.token, element });
    this.removeEntry(entry);
    entry.element.isOpen = false;
    stack.splice(formattingAt, 1);
    stack.splice(stack.lastIndexOf(furthest) + 1, 0, element);
    this.work += stack.length - formattingAt;
  }

  // Insertion modes (HTML §13.2.6.4).

  private resetMode(): void {
    const i = this.topmostWith(MODE_TAG);
    const tag = this.stack[i]?.tag ?? 0;
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
    const tableAt = this.topmost(TAG.table);
    return selectAt > 0 && tableAt > 0 && tableAt > this.topmost(TAG.template) ? IN_SELECT_IN_TABLE : IN_SELECT;
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
    this.pushHtml(TAG.body);
    this.mode = IN_BODY;
  }

  private openHtml(): void {
    this.pushHtml(TAG.html);
    this.mode = BEFORE_HEAD;
  }

  private openHead(): void {
    this.head = this.pushHtml(TAG.head);
    this.mode = IN_HEAD;
  }

  private closeHead(): void {
    if (this.mode === IN_HEAD_NOSCRIPT) {
      this.pop();
      this.mode = IN_HEAD;
    }
    if (this.mode === IN_HEAD) {
      this.pop();
      this.mode = AFTER_HEAD;
    }
  }

  private leaveColumnGroup(): boolean {
    if (this.currentTag !== TAG.colgroup) return false;
    this.pop();
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
    this.reconstruct();
    this.mayBeFrameset = false;
  }

  private space(): void {
    if (this.isForeign) return;
    const { mode } = this;
    if (mode === IN_BODY || mode === IN_CAPTION || mode === IN_CELL || mode === IN_TEMPLATE || mode === AFTER_BODY) {
      this.reconstruct();
    } else if (mode === IN_TABLE || mode === IN_TABLE_BODY || mode === IN_ROW) {
      if ((TRAITS[this.currentTag]! & TABLE_TEXT) === 0) this.reconstruct();
    }
  }

  private processStart(token: TagToken): void {
    if (this.isForeignStart(token.tag)) this.startInForeign(token);
    else this.startByMode(token);
  }

  /** Whether foreign content takes the tag (HTML §13.2.6, the dispatcher). */
  private isForeignStart(tag: number): boolean {
    const { current } = this;
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
    const ns = this.current?.ns ?? HTML;
    this.namespaceOfTag = ns;
    if (!token.isSelfClosing) this.push(token.tag, token.key, ns, pointOf(token, ns));
  }

  private leaveForeign(): void {
    while (this.isForeign) this.pop();
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
      this.pushHtml(TAG.noscript);
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
    this.pushHtml(TAG.template);
    this.list.push(null);
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
    this.pop();
    this.mode = IN_HEAD;
    this.startInHead(token);
  }

  private startAfterHead(token: TagToken): void {
    const { tag } = token;
    if (tag === TAG.html || tag === TAG.head) return;
    if (tag === TAG.body) {
      this.pushHtml(TAG.body);
      this.mayBeFrameset = false;
      this.mode = IN_BODY;
    } else if (tag === TAG.frameset) {
      this.pushHtml(TAG.frameset);
      this.mode = IN_FRAMESET;
    } else if ((TRAITS[tag]! & HEAD_CONTENT) !== 0) {
      this.startHeadContent(token);
    } else {
      this.pushHtml(TAG.body);
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
      this.closeParagraph();
      if ((TRAITS[this.currentTag]! & HEADING) !== 0) this.pop();
      this.pushHtml(tag);
    } else if ((traits & HEAD_CONTENT) !== 0) this.startHeadContent(token);
    else if ((traits & TABLE_PART) !== 0) return;
    else this.startOtherInBody(token);
  }

  private startBlock(tag: number): void {
    this.closeParagraph();
    this.pushHtml(tag);
  }

  private startFormatting(token: TagToken): void {
    const { tag } = token;
    if (tag === TAG.a) {
      const entry = this.entryOfTag(TAG.a);
      if (entry !== null) {
        this.adoptionAgency(TAG.a);
        this.remove(entry.element);
        this.removeEntry(entry);
      }
    }
    this.reconstruct();
    if (tag === TAG.nobr && this.hasInScope(TAG.nobr)) {
      this.adoptionAgency(TAG.nobr);
      this.reconstruct();
    }
    this.pushFormatting(token);
  }

  /** The names that have a rule of their own, most frequent first, and all others. */
  private startOtherInBody(token: TagToken): void {
    const { tag, key } = token;
    if (tag === TAG.li || tag === TAG.dd || tag === TAG.dt) this.startListItem(tag);
    else if (tag === TAG.input || isVoidInBody(tag)) {
      this.reconstruct();
      if (tag !== TAG.input || !token.isMarked) this.mayBeFrameset = false;
    } else if (tag === TAG.table) {
      if (!this.isQuirks) this.closeParagraph();
      this.pushHtml(tag);
      this.mayBeFrameset = false;
      this.mode = IN_TABLE;
    } else if (tag === TAG.form) this.startForm();
    else if (tag === TAG.button) {
      if (this.hasInScope(TAG.button)) {
        this.generateImpliedEndTags(IMPLIED_END);
        this.popThrough(TAG.button);
      }
      this.reconstruct();
      this.pushHtml(tag);
      this.mayBeFrameset = false;
    } else if (tag === TAG.option || tag === TAG.optgroup) {
      if (this.currentTag === TAG.option) this.pop();
      this.reconstruct();
      this.pushHtml(tag);
    } else if (tag === TAG.select) this.startSelect();
    else if (tag === TAG.svg || tag === TAG.math) {
      this.reconstruct();
      this.namespaceOfTag = tag === TAG.svg ? SVG : MATH;
      if (!token.isSelfClosing) this.push(tag, key, this.namespaceOfTag, NO_POINT);
    } else if (isRawInBody(tag, this.isScripting)) this.startRawInBody(tag);
    else if (tag === TAG.hr) {
      this.closeParagraph();
      this.mayBeFrameset = false;
    } else if (tag === TAG.pre || tag === TAG.listing) {
      this.startBlock(tag);
      this.skipsNewline = true;
      this.mayBeFrameset = false;
    } else if (tag === TAG.applet || tag === TAG.object || tag === TAG.marquee) {
      this.reconstruct();
      this.pushHtml(tag);
      this.list.push(null);
      this.mayBeFrameset = false;
    } else this.startRareInBody(tag, key);
  }

  private startRareInBody(tag: number, key: number): void {
    if (tag === TAG.param || tag === TAG.track || tag === TAG.source) return;
    if (tag === TAG.html || tag === TAG.head || tag === TAG.frame) return;
    if (tag === TAG.body) {
      if (this.hasBody && this.openCount[TAG.template] === 0) this.mayBeFrameset = false;
    } else if (tag === TAG.frameset) {
      if (!this.mayBeFrameset || !this.hasBody) return;
      this.shorten(1);
      this.pushHtml(tag);
      this.mode = IN_FRAMESET;
    } else if (tag === TAG.rb || tag === TAG.rtc) {
      if (this.hasInScope(TAG.ruby)) this.generateImpliedEndTags(IMPLIED_END);
      this.pushHtml(tag);
    } else if (tag === TAG.rt || tag === TAG.rp) {
      if (this.hasInScope(TAG.ruby)) this.generateImpliedEndTags(IMPLIED_END_THOROUGH, TAG.rtc);
      this.pushHtml(tag);
    } else {
      this.reconstruct();
      this.pushHtml(tag, key);
    }
  }

  private get hasBody(): boolean {
    return this.stack[1]?.tag === TAG.body;
  }

  private startListItem(tag: number): void {
    this.mayBeFrameset = false;
    const at = tag === TAG.li ? this.topmost(TAG.li) : Math.max(this.topmost(TAG.dd), this.topmost(TAG.dt));
    if (at >= 0 && !this.hasAbove(at, ITEM_BOUNDARY)) {
      const open = this.stack[at]!.tag;
      this.generateImpliedEndTags(IMPLIED_END_THOROUGH, open);
      this.popThrough(open);
    }
    this.startBlock(tag);
  }

  private hasAbove(at: number, trait: number): boolean {
    for (let i = this.stack.length - 1; i > at; i--) {
      this.work++;
      const element = this.stack[i]!;
      if (element.ns === HTML ? (TRAITS[element.tag]! & trait) !== 0 : isPointName(element)) return true;
    }
    return false;
  }

  private startForm(): void {
    const isInTemplate = this.openCount[TAG.template] !== 0;
    if (this.form !== null && !isInTemplate) return;
    this.closeParagraph();
    const element = this.pushHtml(TAG.form);
    if (!isInTemplate) this.form = element;
  }

  private startSelect(): void {
    this.reconstruct();
    this.pushHtml(TAG.select);
    this.mayBeFrameset = false;
    const { mode } = this;
    const isInTable = mode === IN_TABLE || mode === IN_CAPTION || mode === IN_TABLE_BODY || mode === IN_ROW;
    this.mode = isInTable || mode === IN_CELL ? IN_SELECT_IN_TABLE : IN_SELECT;
  }

  private startRawInBody(tag: number): void {
    this.content = contentOf(tag, this.isScripting);
    if (tag === TAG.xmp || tag === TAG.plaintext) this.closeParagraph();
    if (tag === TAG.xmp) this.reconstruct();
    if (tag === TAG.xmp || tag === TAG.textarea || tag === TAG.iframe) this.mayBeFrameset = false;
  }

  private startInTable(token: TagToken): void {
    const { tag } = token;
    if (tag === TAG.td || tag === TAG.th || tag === TAG.tr) {
      this.clearBackTo(TAG.table, TAG.table);
      this.pushHtml(TAG.tbody);
      this.mode = IN_TABLE_BODY;
      this.startInTableBody(token);
    } else if (tag === TAG.tbody || tag === TAG.tfoot || tag === TAG.thead) {
      this.clearBackTo(TAG.table, TAG.table);
      this.pushHtml(tag);
      this.mode = IN_TABLE_BODY;
    } else if (tag === TAG.caption) {
      this.clearBackTo(TAG.table, TAG.table);
      this.list.push(null);
      this.pushHtml(tag);
      this.mode = IN_CAPTION;
    } else if (tag === TAG.colgroup || tag === TAG.col) {
      this.clearBackTo(TAG.table, TAG.table);
      this.pushHtml(TAG.colgroup);
      this.mode = IN_COLUMN_GROUP;
    } else if (tag === TAG.table) {
      if (!this.hasInTableScope(TAG.table)) return;
      this.popThrough(TAG.table);
      this.resetMode();
      this.processStart(token);
    } else if (tag === TAG.style || tag === TAG.script || tag === TAG.template) this.startHeadContent(token);
    else if (tag === TAG.form) {
      if (this.form !== null || this.openCount[TAG.template] !== 0) return;
      this.form = this.pushHtml(tag);
      this.pop();
    } else if (tag !== TAG.input || !token.isMarked) this.startInBody(token);
  }

  private clearBackTo(a: number, b: number, c = b): void {
    this.shorten(this.topmostOf(a, b, c, TAG.template, TAG.html) + 1);
  }

  private startInCaption(token: TagToken): void {
    if ((TRAITS[token.tag]! & TABLE_PART) === 0) this.startInBody(token);
    else if (this.closeCaption()) this.startInTable(token);
  }

  private closeCaption(): boolean {
    if (!this.hasInTableScope(TAG.caption)) return false;
    this.generateImpliedEndTags(IMPLIED_END);
    this.popThrough(TAG.caption);
    this.clearToMarker();
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
      this.pushHtml(TAG.tr);
      this.mode = IN_ROW;
      if (tag !== TAG.tr) this.startInRow(token);
    } else if ((TRAITS[tag]! & TABLE_PART) === 0) this.startInTable(token);
    else if (this.closeTableBody()) this.startInTable(token);
  }

  private clearBackToTableBody(): void {
    this.clearBackTo(TAG.tbody, TAG.tfoot, TAG.thead);
  }

  private closeTableBody(): boolean {
    if (!this.hasInTableScope(TAG.tbody, TAG.tfoot, TAG.thead)) return false;
    this.clearBackToTableBody();
    this.pop();
    this.mode = IN_TABLE;
    return true;
  }

  private startInRow(token: TagToken): void {
    const { tag } = token;
    if (tag === TAG.td || tag === TAG.th) {
      this.clearBackTo(TAG.tr, TAG.tr);
      this.pushHtml(tag);
      this.mode = IN_CELL;
      this.list.push(null);
    } else if ((TRAITS[tag]! & TABLE_PART) === 0) this.startInTable(token);
    else if (this.closeRow()) this.startInTableBody(token);
  }

  private closeRow(): boolean {
    if (!this.hasInTableScope(TAG.tr)) return false;
    this.clearBackTo(TAG.tr, TAG.tr);
    this.pop();
    this.mode = IN_TABLE_BODY;
    return true;
  }

  private startInCell(token: TagToken): void {
    if ((TRAITS[token.tag]! & TABLE_PART) === 0) this.startInBody(token);
    else if (this.hasInTableScope(TAG.td) || this.hasInTableScope(TAG.th)) {
      this.closeCell();
      this.startInRow(token);
    }
  }

  private closeCell(): void {
    this.generateImpliedEndTags(IMPLIED_END);
    this.shorten(Math.max(this.topmostOf(TAG.td, TAG.th, TAG.th), 0));
    this.clearToMarker();
    this.mode = IN_ROW;
  }

  private startInSelect(token: TagToken): void {
    const { tag } = token;
    if (this.mode === IN_SELECT_IN_TABLE && isSelectBreaker(tag)) {
      this.popThrough(TAG.select);
      this.resetMode();
      this.processStart(token);
    } else if (tag === TAG.option || tag === TAG.optgroup || tag === TAG.hr) {
      if (this.currentTag === TAG.option) this.pop();
      if (tag !== TAG.option && this.currentTag === TAG.optgroup) this.pop();
      if (tag !== TAG.hr) this.pushHtml(tag);
    } else if (tag === TAG.input || tag === TAG.keygen || tag === TAG.textarea || tag === TAG.select) {
      if (!this.hasInSelectScope()) return;
      this.popThrough(TAG.select);
      this.resetMode();
      if (tag !== TAG.select) this.processStart(token);
    } else if (tag === TAG.script || tag === TAG.template) this.startHeadContent(token);
  }

  private hasInSelectScope(): boolean {
    for (let i = this.stack.length - 1; i >= 0; i--) {
      const { ns, tag } = this.stack[i]!;
      if (ns !== HTML) continue;
      if (tag === TAG.select) return true;
      if (tag !== TAG.option && tag !== TAG.optgroup) return false;
    }
    return true;
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
    const { current } = this;
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
    for (let i = this.stack.length - 1; i >= 0; i--) {
      this.work++;
      const element = this.stack[i]!;
      if (element.ns === HTML) break;
      if (element.key === key) {
        this.shorten(i);
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
        this.pop();
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
    if (this.openCount[TAG.template] === 0) return;
    this.generateImpliedEndTags(IMPLIED_END_THOROUGH);
    this.popThrough(TAG.template);
    this.clearToMarker();
    this.templateModes.pop();
    this.resetMode();
  }

  private endInBody(tag: number, key: number): void {
    const traits = TRAITS[tag]!;
    if ((traits & FORMATTING) !== 0) this.adoptionAgency(tag);
    else if ((traits & ADDRESS_END) !== 0) {
      if (!this.hasInScope(tag)) return;
      this.generateImpliedEndTags(IMPLIED_END);
      this.popThrough(tag);
    } else if ((traits & HEADING) !== 0) this.endHeading();
    else if (tag === TAG.p) {
      if (!this.hasInButtonScope(TAG.p)) this.pushHtml(TAG.p);
      this.generateImpliedEndTags(IMPLIED_END_THOROUGH, TAG.p);
      this.popThrough(TAG.p);
    } else if (tag === TAG.li || tag === TAG.dd || tag === TAG.dt) {
      if (!(tag === TAG.li ? this.hasInListItemScope(tag) : this.hasInScope(tag))) return;
      this.generateImpliedEndTags(IMPLIED_END_THOROUGH, tag);
      this.popThrough(tag);
    } else if (tag === TAG.br) {
      this.reconstruct();
      this.mayBeFrameset = false;
    } else if (tag === TAG.body || tag === TAG.html) {
      if (this.hasInScope(TAG.body)) this.mode = AFTER_BODY;
    } else if (tag === TAG.form) this.endForm();
    else if (tag === TAG.applet || tag === TAG.object || tag === TAG.marquee) {
      if (!this.hasInScope(tag)) return;
      this.generateImpliedEndTags(IMPLIED_END);
      this.popThrough(tag);
      this.clearToMarker();
    } else if (tag === TAG.template) this.endTemplate();
    else this.anyOtherEndTag(tag, key);
  }

  private endHeading(): void {
    if (!this.inScope((element) => (TRAITS[element.tag]! & HEADING) !== 0)) return;
    this.generateImpliedEndTags(IMPLIED_END);
    this.shorten(Math.max(this.topmostWith(HEADING), 0));
  }

  private endForm(): void {
    const isInTemplate = this.openCount[TAG.template] !== 0;
    const { form } = this;
    if (!isInTemplate) this.form = null;
    if ((form === null && !isInTemplate) || !this.hasInScope(TAG.form)) return;
    this.generateImpliedEndTags(IMPLIED_END);
    if (isInTemplate) this.popThrough(TAG.form);
    else if (form !== null) this.remove(form);
  }

  private anyOtherEndTag(tag: number, key: number): void {
    const at = this.topmost(tag, key);
    if (at <= 0 || this.hasAbove(at, SPECIAL)) return;
    this.generateImpliedEndTags(IMPLIED_END_THOROUGH, tag);
    if (this.stack.length > at) this.shorten(at);
  }

  private endInTable(tag: number, key: number): void {
    if (tag === TAG.table) {
      if (!this.hasInTableScope(TAG.table)) return;
      this.popThrough(TAG.table);
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
      if (!this.hasInTableScope(tag)) return;
      this.clearBackToTableBody();
      this.pop();
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
      if (!this.hasInTableScope(tag) && !this.hasInTableScope(TAG.tr)) return;
      this.clearBackTo(TAG.tr, TAG.tr);
      this.pop();
      this.mode = IN_TABLE_BODY;
      this.endInTableBody(tag, key);
    } else if (!isTableEnd(tag)) this.endInTable(tag, key);
  }

  private endInCell(tag: number, key: number): void {
    if (tag === TAG.td || tag === TAG.th) {
      if (!this.hasInTableScope(tag)) return;
      this.generateImpliedEndTags(IMPLIED_END);
      this.popThrough(tag);
      this.clearToMarker();
      this.mode = IN_ROW;
    } else if ((TRAITS[tag]! & TABLE_TEXT) !== 0) {
      if (!this.hasInTableScope(tag)) return;
      this.closeCell();
      this.endInRow(tag, key);
    } else if (!isTableEnd(tag)) this.endInBody(tag, key);
  }

  private endInSelect(tag: number, key: number): void {
    if (this.mode === IN_SELECT_IN_TABLE && isSelectBreaker(tag)) {
      if (!this.hasInTableScope(tag)) return;
      this.popThrough(TAG.select);
      this.resetMode();
      this.processEnd(tag, key);
    } else if (tag === TAG.optgroup) {
      if (this.currentTag === TAG.option && this.stack[this.stack.length - 2]?.tag === TAG.optgroup) this.pop();
      if (this.currentTag === TAG.optgroup) this.pop();
    } else if (tag === TAG.option) {
      if (this.currentTag === TAG.option) this.pop();
    } else if (tag === TAG.select) {
      if (!this.hasInSelectScope()) return;
      this.popThrough(TAG.select);
      this.resetMode();
    } else if (tag === TAG.template) this.endTemplate();
  }
}

/** What follows the start tag of a raw text element where nothing is special. */
export function contentOf(tag: number, isScripting: boolean): Content {
  if (tag === TAG.script) return SCRIPT;
  if (tag === TAG.title || tag === TAG.textarea) return RCDATA;
  if (tag === TAG.plaintext) return PLAINTEXT;
  if (tag === TAG.noscript) return isScripting ? RAWTEXT : DATA;
  return tag >= TAG.style && tag <= TAG.noframes ? RAWTEXT : DATA;
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

/** Whether a foreign element has the name of an integration point: those are special and bound scopes. */
function isPointName(element: OpenElement): boolean {
  return element.ns === SVG
    ? svgPoint(element.tag) !== NO_POINT
    : mathPoint(element.tag) !== NO_POINT || element.tag === TAG['annotation-xml'];
}

function pointOf(token: TagToken, ns: number): number {
  if (ns === SVG) return svgPoint(token.tag);
  if (token.tag === TAG['annotation-xml']) return token.isMarked ? HTML_POINT : NO_POINT;
  return mathPoint(token.tag);
}
