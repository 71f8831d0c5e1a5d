/**
 * The open elements of a page: their stack, and the list of active formatting elements (HTML §13.2.4.2, §13.2.4.3), with
 * what moves both: scopes, implied end tags, reconstruction, the adoption agency.
 *
 * There is no tree: an element is a name, a namespace and whether it is open.
 */
import {
  FORMATTING,
  HTML,
  IMPLIED_END_THOROUGH,
  mathPoint,
  NO_POINT,
  SCOPE,
  SPECIAL,
  SVG,
  svgPoint,
  TRAITS,
} from './element-traits.ts';
import { TAG } from './tag-names.ts';

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

/** An element that is or was open; itself is its identity. */
export interface OpenElement {
  readonly tag: number;
  readonly key: number;
  readonly ns: number;
  readonly point: number;
  isOpen: boolean;
}

/** An entry of the list of active formatting elements; null is a marker. */
export interface Formatting {
  readonly token: TagToken;
  element: OpenElement;
}

/** Stands in until something is opened: most pages are never followed, and this is then all it costs. */
const NONE_OPEN = new Uint32Array(256);

/** The stack and the list of one page. */
export class OpenElements {
  readonly stack: OpenElement[] = [];
  /** Open HTML elements by tag number. */
  openCount = NONE_OPEN;
  foreignCount = 0;
  /** Active formatting elements; null is a marker. */
  readonly list: (Formatting | null)[] = [];
  /** Steps taken, so that whoever asks for them can stop in time. */
  work = 0;

  /** Forget everything; nothing is open afterwards. */
  clear(): void {
    this.stack.length = 0;
    this.list.length = 0;
  }

  /** The element opened last, undefined if none is open. */
  get current(): OpenElement | undefined {
    return this.stack[this.stack.length - 1];
  }

  /** Its number, in whatever namespace; 0 if it has none. */
  get currentTag(): number {
    return this.current?.tag ?? 0;
  }

  /** Open an element. */
  push(tag: number, key: number, ns: number, point: number): OpenElement {
    const element: OpenElement = { tag, key, ns, point, isOpen: true };
    this.stack.push(element);
    this.count(element, 1);
    return element;
  }

  pushHtml(tag: number, key = tag): OpenElement {
    return this.push(tag, key, HTML, NO_POINT);
  }

  private count(element: OpenElement, by: number): void {
    element.isOpen = by > 0;
    if (this.openCount === NONE_OPEN) this.openCount = new Uint32Array(256);
    if (element.ns === HTML) this.openCount[element.tag]! += by;
    else this.foreignCount += by;
  }

  /** Close the current element. */
  pop(): void {
    const element = this.stack.pop();
    if (element !== undefined) this.count(element, -1);
  }

  /** Close elements until `length` of them are open. */
  shorten(length: number): void {
    this.work += this.stack.length - length;
    while (this.stack.length > length) this.pop();
  }

  /** Close one element wherever it is, and leave those in it open. */
  remove(element: OpenElement): void {
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
  topmost(tag: number, key = tag): number {
    if (this.openCount[tag] === 0) return -1;
    for (let i = this.stack.length - 1; i >= 0; i--) {
      this.work++;
      const element = this.stack[i]!;
      if (element.key === key && element.ns === HTML) return i;
    }
    return -1;
  }

  /** The topmost open HTML element with a trait, or -1. */
  topmostWith(trait: number): number {
    for (let i = this.stack.length - 1; i >= 0; i--) {
      this.work++;
      const element = this.stack[i]!;
      if (element.ns === HTML && (TRAITS[element.tag]! & trait) !== 0) return i;
    }
    return -1;
  }

  /** The topmost open HTML element of any of these names, or -1. */
  topmostOf(a: number, b: number, c: number, d = c, e = c): number {
    for (let i = this.stack.length - 1; i >= 0; i--) {
      this.work++;
      const { tag, ns } = this.stack[i]!;
      if (ns === HTML && (tag === a || tag === b || tag === c || tag === d || tag === e)) return i;
    }
    return -1;
  }

  /** Close the topmost element of this name and all in it; everything if there is none, as parse5 does. */
  popThrough(tag: number): void {
    this.shorten(Math.max(this.topmost(tag), 0));
  }

  /** Close elements until one of these, a template or the root is current. */
  clearBackTo(a: number, b: number, c = b): void {
    this.shorten(this.topmostOf(a, b, c, TAG.template, TAG.html) + 1);
  }

  /** Whether an element with this trait is open above the slot `at`. */
  hasAbove(at: number, trait: number): boolean {
    for (let i = this.stack.length - 1; i > at; i--) {
      this.work++;
      const element = this.stack[i]!;
      if (element.ns === HTML ? (TRAITS[element.tag]! & trait) !== 0 : isPointName(element)) return true;
    }
    return false;
  }

  private isSpecial(element: OpenElement): boolean {
    return element.ns === HTML ? (TRAITS[element.tag]! & SPECIAL) !== 0 : isPointName(element);
  }

  /** Whether an element that `isWanted` is open above every boundary: scopes (HTML §13.2.4.2). */
  inScope(isWanted: (element: OpenElement) => boolean, extra1 = 0, extra2 = 0): boolean {
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

  /** Scopes of the standard, each with the boundaries it adds. */
  hasInScope(tag: number): boolean {
    return this.openCount[tag] !== 0 && this.inScope((element) => element.tag === tag);
  }

  hasInButtonScope(tag: number): boolean {
    return this.openCount[tag] !== 0 && this.inScope((element) => element.tag === tag, TAG.button);
  }

  hasInListItemScope(tag: number): boolean {
    return this.openCount[tag] !== 0 && this.inScope((element) => element.tag === tag, TAG.ol, TAG.ul);
  }

  /** parse5 bounds this scope by `table` and `html` only. */
  hasInTableScope(a: number, b = a, c = a): boolean {
    const i = this.topmostOf(a, b, c, TAG.table, TAG.html);
    const tag = this.stack[i]?.tag;
    return tag === a || tag === b || tag === c;
  }

  /** Whether only options and option groups are open above a select. */
  hasInSelectScope(): boolean {
    for (let i = this.stack.length - 1; i >= 0; i--) {
      const { ns, tag } = this.stack[i]!;
      if (ns !== HTML) continue;
      if (tag === TAG.select) return true;
      if (tag !== TAG.option && tag !== TAG.optgroup) return false;
    }
    return true;
  }

  /** Close current elements with this trait, up to one named `except`. */
  generateImpliedEndTags(trait: number, except = -1): void {
    for (;;) {
      const { current } = this;
      if (current === undefined || current.ns !== HTML || current.tag === except) return;
      if ((TRAITS[current.tag]! & trait) === 0) return;
      this.pop();
    }
  }

  /** Close a paragraph if one is in button scope. */
  closeParagraph(): void {
    if (!this.hasInButtonScope(TAG.p)) return;
    this.generateImpliedEndTags(IMPLIED_END_THOROUGH, TAG.p);
    this.popThrough(TAG.p);
  }

  /** The rule of the body for end tags without one of their own. */
  anyOtherEndTag(tag: number, key: number): void {
    const at = this.topmost(tag, key);
    if (at <= 0 || this.hasAbove(at, SPECIAL)) return;
    this.generateImpliedEndTags(IMPLIED_END_THOROUGH, tag);
    if (this.stack.length > at) this.shorten(at);
  }

  // The list of active formatting elements (HTML §13.2.4.3).

  /** Open again what formatting is active but not open. */
  reconstruct(): void {
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
  pushFormatting(token: TagToken): void {
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

  /** Forget active formatting up to the last marker. */
  clearToMarker(): void {
    while (this.list.length > 0 && this.list.pop() !== null);
  }

  /** The last entry of this name behind the last marker, or null. */
  entryOfTag(tag: number): Formatting | null {
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

  /** Take an entry out, if it is still in. */
  removeEntry(entry: Formatting): void {
    const i = this.list.lastIndexOf(entry);
    if (i >= 0) this.list.splice(i, 1);
  }

  /** The adoption agency algorithm (HTML §13.2.6.4.7), as far as it moves the stack and the list. */
  adoptionAgency(tag: number): void {
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
}

/** Whether a foreign element has the name of an integration point: those are special and bound scopes. */
function isPointName(element: OpenElement): boolean {
  return element.ns === SVG
    ? svgPoint(element.tag) !== NO_POINT
    : mathPoint(element.tag) !== NO_POINT || element.tag === TAG['annotation-xml'];
}
