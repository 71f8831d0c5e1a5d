/**
 * Tree construction followed lazily: what `TreeFeedback` would say, without asking it on nearly all pages.
 *
 * What a tag does to the tokenizer is nearly always plain from its name. Here it is noticed when it may not be: within
 * `select` and `template`, in framesets, in foreign content in disorder. Only then are the tags so far, kept in a compact
 * log, replayed through `TreeFeedback`, which decides.
 */
import { type Content, contentOf, DATA, NO_TEXT, TEXT, type TextKind } from './content-model.ts';
import { isBreakout, mayBeIntegrationPoint } from './element-traits.ts';
import type { TagToken } from './open-elements.ts';
import type { Namespace } from './scanner.ts';
import { END, MARKED, NUMBER_SHIFT, SELF_CLOSING, type TagLog, TEXT_SHIFT } from './tag-log.ts';
import { TAG, UNKNOWN } from './tag-names.ts';
import { TreeFeedback } from './tree-feedback.ts';

/** Foreign elements nested deeper than this are not followed: no page has so many. */
const MAX_FOREIGN_DEPTH = 4096;

/** Tags that may change what comes behind them, or mean something else by where they stand. */
export const CONTEXT_TAGS: readonly number[] = [
  ...[TAG.title, TAG.textarea, TAG.style, TAG.xmp, TAG.iframe, TAG.noembed, TAG.noframes, TAG.noscript, TAG.script],
  ...[TAG.plaintext, TAG.svg, TAG.math, TAG.select, TAG.template, TAG.frameset, TAG.input, TAG.base],
];
const IS_CONTEXT = new Uint8Array(256);
for (const number of CONTEXT_TAGS) IS_CONTEXT[number] = 1;

export function isContext(number: number): boolean {
  return IS_CONTEXT[number] === 1;
}

export class LazyFeedback {
  /** What stood since the last tag; written by the scanner, and by it with every tag that it logs itself. */
  text: TextKind = NO_TEXT;
  /** Written by the scanner's hot loop, for tags that are plain. */
  readonly log: TagLog;
  /** No tag is plain, by what is open here. */
  isCareful = false;
  /** Namespace of the element that the last tag began or closed; `html` if it did neither. */
  namespace: Namespace = 'html';
  /** In a `noscript` that was told as markup: where scripts run it is text, up to the first `</noscript`. */
  isInNoscript = false;
  /** Whether SVG or MathML was open around that. */
  private wasForeign = false;
  /**
   * A browser of the current rules for `select` finds other tags from here on. They keep all elements in it; the older
   * ones, followed here, ignore most. That parts them where the element decides how the tokenizer goes on: raw text, and
   * SVG and MathML unless they end before the select does. Or tree construction, no longer followed past its bounds, would have been asked.
   */
  isTorn = false;

  private readonly isScripting: boolean;
  private readonly token: TagToken;
  /** Made when it is first needed: most pages never do. */
  private tree: TreeFeedback | null = null;
  /** The next end tag ends raw text, so tree construction has nothing to do with it. */
  private endsRaw = false;
  private mayBeInSelect = false;
  private hasTemplate = false;
  private isInFrameset = false;
  private mayBeFrameset = true;
  /** Every tag goes through `feedback` at once: foreign content that is not simple. */
  private isExact = false;
  /** Open foreign elements in the simple case, by key: no HTML element is among them. */
  private readonly foreign: number[] = [];
  private foreignNamespace: Namespace = 'html';
  /** The innermost of them may be an integration point. */
  private isAtPoint = false;
  /** Open SVG and MathML that a select ignores. */
  private ignoredForeign = 0;

  /** `log` and `token` are lent, and left as they are when the page is over. */
  constructor(log: TagLog, token: TagToken, isScripting: boolean) {
    this.log = log;
    this.token = token;
    this.isScripting = isScripting;
  }

  private get feedback(): TreeFeedback {
    this.tree ??= new TreeFeedback(this.isScripting);
    return this.tree;
  }

  /** Whether a form that starts here has its usual meaning, as far as can be told without asking. */
  get isFormPlain(): boolean {
    return !this.mayBeInSelect && !this.hasTemplate;
  }

  /** Whether the `form` or `base` that was just given to `start` makes no element: who may be in a select was asked for exactly. */
  get wasDropped(): boolean {
    return this.isInFrameset || this.mayBeInSelect;
  }

  /** See `StartTag.hasNoControls`; of the `form` that was just given to `start`, which in a template was asked for exactly. */
  get hasFormNoControls(): boolean {
    return this.hasTemplate && this.feedback.hasFormNoControls;
  }

  /** Log a start tag with a number and without effect on anything, `a` and such that are no formatting elements. */
  plainStart(number: number, isMarked: boolean): void {
    const { log } = this;
    log.entries[log.count++] = (number << NUMBER_SHIFT) | (this.text << TEXT_SHIFT) | (isMarked ? MARKED : 0);
    this.text = NO_TEXT;
    if (log.count >= log.highWater) this.makeRoom();
  }

  /** Let a start tag have its effect; returns the content behind it, and `namespace` is its element's. */
  start(tag: number, key: number, isSelfClosing: boolean, isMarked: boolean, fingerprint: number): Content {
    const { token } = this;
    token.tag = tag;
    token.key = key;
    token.isSelfClosing = isSelfClosing;
    token.isMarked = isMarked;
    token.fingerprint = fingerprint;
    this.namespace = 'html';
    this.noteText();
    if (this.ignoredForeign !== 0) this.startInIgnored();
    if (this.isInFrameset) {
      this.text = NO_TEXT;
      return tag === TAG.noframes ? contentOf(tag, this.isScripting) : DATA;
    }
    if (this.isExact) return this.startExactly();
    if (this.foreign.length !== 0) return this.startInForeign();
    if (isContext(tag)) return this.startInContext();
    if (tag === TAG.form && !this.isFormPlain) return this.startExactly();
    this.logStart();
    return DATA;
  }

  /** Let an end tag have its effect. */
  end(tag: number, key: number): void {
    this.namespace = 'html';
    this.noteText();
    if (this.ignoredForeign !== 0) this.endInIgnored(tag);
    if (this.endsRaw || this.isInFrameset) {
      this.endsRaw = false;
      this.text = NO_TEXT;
      return;
    }
    if (this.isExact || (this.foreign.length !== 0 && !this.endForeign(tag, key))) {
      this.catchUp();
      this.feedback.endTag(tag, key);
      this.namespace = this.feedback.namespace;
      this.afterExact();
      return;
    }
    if (tag === TAG.select && !this.hasTemplate) this.mayBeInSelect = false;
    this.log.tag(tag, key, END, this.text, 0);
    this.text = NO_TEXT;
    if (this.log.count >= this.log.highWater) this.makeRoom();
  }

  /** The content that the last start tag began is over; its end tag follows. */
  endRawText(): void {
    this.endsRaw = true;
  }

  comment(): void {
    if (this.isExact) {
      this.feedback.text(this.text);
      this.feedback.comment();
    } else {
      this.log.comment(this.text);
      if (this.log.count >= this.log.highWater) this.makeRoom();
    }
    this.noteText();
    this.text = NO_TEXT;
  }

  doctype(isQuirks: boolean): void {
    this.comment();
    if (this.isExact) this.feedback.doctype(isQuirks);
    else this.log.doctype(isQuirks);
  }

  nul(): void {
    if (this.isExact) this.feedback.nul();
    else {
      this.log.nul();
      if (this.log.count >= this.log.highWater) this.makeRoom();
    }
  }

  /** Behind the start tag of a `noscript`. */
  enterNoscript(): void {
    if (this.isScripting || this.namespace !== 'html') return;
    if (!this.isInNoscript) this.wasForeign = this.hasForeign;
    this.isInNoscript = true;
    this.isCareful = true;
  }

  leaveNoscript(): void {
    if (!this.isInNoscript) return;
    this.isInNoscript = false;
    // One that closed before its end tag, as in the head: where scripts run nobody has seen what it left open.
    if (this.hasForeign && !this.wasForeign) this.isTorn = true;
    this.judgeCare();
  }

  /** Whether SVG or MathML is open, with an integration point in it or not. */
  private get hasForeign(): boolean {
    return this.isExact || this.foreign.length !== 0;
  }

  /** Whether a CDATA section may begin here (HTML §13.2.5.42): in an integration point of SVG or MathML, too. */
  isCdataAllowed(): boolean {
    if (this.ignoredForeign !== 0) this.isTorn = true;
    return this.isExact ? this.feedback.isInForeign : this.foreign.length !== 0;
  }

  /** Exactly whether a select is open here, so that the next tag is not for what is around it. */
  isInSelect(): boolean {
    if (this.isInFrameset || this.foreign.length !== 0) return false;
    if (!this.isExact && this.isFormPlain) return false;
    this.catchUp();
    this.afterExact();
    return this.feedback.isInSelect;
  }

  /** The log is full: let it grow, or empty it. */
  makeRoom(): void {
    if (this.log.grow()) return;
    // A page of so many tags none of which needed the tree is an ordinary one, or made to be slow.
    if (this.tree === null) this.feedback.abandon();
    if (this.feedback.isAbandoned) this.log.count = 0;
    else this.log.replay(this.feedback);
  }

  /** A start tag whose effect depends on where it stands; where all is plain, it is known. */
  private startInContext(): Content {
    const { tag, isSelfClosing } = this.token;
    const isUncertain = !this.isFormPlain;
    let content: Content = DATA;
    if (tag === TAG.frameset) {
      if (this.mayBeFrameset || isUncertain) return this.startExactly();
    } else if (tag === TAG.select) this.mayBeInSelect = true;
    else if (tag === TAG.template) this.hasTemplate = true;
    else if (tag !== TAG.input && isUncertain) return this.startExactly();
    else if (tag === TAG.svg || tag === TAG.math) {
      this.namespace = tag === TAG.svg ? 'svg' : 'math';
      if (!isSelfClosing) {
        this.foreignNamespace = this.namespace;
        this.pushForeign();
      }
    } else content = contentOf(tag, this.isScripting);
    this.logStart();
    return content;
  }

  /** In foreign content of which only foreign elements are open. */
  private startInForeign(): Content {
    const { token } = this;
    if (this.isAtPoint) return this.startExactly();
    if (isBreakout(token.tag, token.isMarked)) this.leaveForeign();
    else {
      this.namespace = this.foreignNamespace;
      if (!token.isSelfClosing) this.pushForeign();
    }
    this.logStart();
    return DATA;
  }

  /** Let tree construction decide, caught up on all that went by. */
  private startExactly(): Content {
    const { feedback } = this;
    this.catchUp();
    if (feedback.isInSelect) this.startInSelect();
    const content = feedback.startTag(this.token);
    this.namespace = feedback.namespace;
    this.afterExact();
    return content;
  }

  /** What a select ignores, but current browsers do not. */
  private startInSelect(): void {
    const { tag, isSelfClosing } = this.token;
    if (tag === TAG.svg || tag === TAG.math) {
      if (!isSelfClosing) this.ignoredForeign++;
    } else if (contentOf(tag, this.isScripting) !== DATA && tag !== TAG.script && tag !== TAG.textarea) {
      this.isTorn = true;
    }
  }

  /** In SVG or MathML that only current browsers know of: what could have an effect of its own there is too much. */
  private startInIgnored(): void {
    const { tag } = this.token;
    if (tag === TAG.svg || tag === TAG.math) return;
    const isPoint = mayBeIntegrationPoint(tag, 'svg') || mayBeIntegrationPoint(tag, 'math');
    if (isContext(tag) || isPoint || isTablePart(tag)) this.isTorn = true;
  }

  private endInIgnored(tag: number): void {
    if (tag === TAG.select || isTablePart(tag)) this.isTorn = true;
    else if (tag === TAG.svg || tag === TAG.math) {
      this.ignoredForeign--;
      this.judgeCare();
    }
  }

  private catchUp(): void {
    if (!this.isExact) this.log.replay(this.feedback);
    this.feedback.text(this.text);
    this.text = NO_TEXT;
  }

  private afterExact(): void {
    const { feedback } = this;
    if (feedback.isAbandoned) this.isTorn = true;
    this.isExact = feedback.hasForeign;
    this.isInFrameset = feedback.isInFrameset;
    this.mayBeInSelect = feedback.isInSelect;
    this.hasTemplate = feedback.isInTemplate;
    this.leaveForeign();
  }

  private logStart(): void {
    const { log, token } = this;
    const facts = (token.isSelfClosing ? SELF_CLOSING : 0) | (token.isMarked ? MARKED : 0);
    log.tag(token.tag, token.key, facts, this.text, token.fingerprint);
    this.text = NO_TEXT;
    if (log.count >= log.highWater) this.makeRoom();
  }

  private pushForeign(): void {
    const { token } = this;
    if (this.foreign.length < MAX_FOREIGN_DEPTH) this.foreign.push(token.key);
    else this.isTorn = true;
    this.isAtPoint = mayBeIntegrationPoint(token.tag, this.foreignNamespace);
    this.isCareful = true;
  }

  private leaveForeign(): void {
    this.foreign.length = 0;
    this.isAtPoint = false;
    this.judgeCare();
  }

  private judgeCare(): void {
    const isInForeign = this.foreign.length !== 0 || this.ignoredForeign !== 0;
    this.isCareful = this.isExact || this.isInFrameset || this.isInNoscript || isInForeign;
  }

  /** In simple foreign content: close the innermost element of this name; false if the tag is not that simple. */
  private endForeign(tag: number, key: number): boolean {
    const { foreign } = this;
    if (tag === TAG.p || tag === TAG.br) {
      if (this.isAtPoint) return false;
      this.leaveForeign();
      return true;
    }
    const at = foreign.lastIndexOf(key);
    if (at < 0) return false;
    this.namespace = this.foreignNamespace;
    foreign.length = at;
    this.isAtPoint = false;
    if (at === 0) this.leaveForeign();
    return true;
  }

  /** Text opens the body, and a body with text is no frameset; but not text in a template, which may be in the head. */
  private noteText(): void {
    if (this.text === TEXT && !this.hasTemplate) this.mayBeFrameset = false;
  }
}

/** What can end a select in a table, but not SVG in there. */
function isTablePart(tag: number): boolean {
  return tag >= TAG.table && tag <= TAG.th;
}

/** An identity for a name: its number, or one for a name that has none. */
export function keyOf(number: number, hash: number): number {
  return number === UNKNOWN ? hash | 0x100 : number;
}
