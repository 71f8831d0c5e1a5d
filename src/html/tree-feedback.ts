/**
 * What a tree builder would tell the tokenizer: which content follows a start tag, and whether that is foreign content.
 *
 * Tree construction (HTML §13.2.6) without a tree: only the stack of open elements, the list of active formatting
 * elements and the insertion modes are kept, since nothing else ever speaks back to the tokenizer. Elements whose content
 * is raw text are not pushed: they are popped before anything else can happen. All frameset modes are one, for once in
 * them only `noframes` matters and nothing leads out again.
 *
 * Here is the face: what is asked, text between tags, and the bounds. What tags do is in `start-tags.ts`, `start-in-body.ts`
 * and `end-tags.ts`, a function for each insertion mode; what both sides move, in `insertion-state.ts`.
 *
 * Where parse5 and the standard differ (scope of `template` in tables, `select`), this follows parse5 8, which the
 * scanner is held against.
 *
 * Deliberately not here: attributes, text, foster parenting, form owners of elements, end of file.
 */
import { type Content, contentOf, DATA, NEWLINE, NO_TEXT, TEXT, type TextKind } from './content-model.ts';
import { HTML, NAMESPACES, TABLE_TEXT, TRAITS } from './element-traits.ts';
import { processEnd } from './end-tags.ts';
import { InsertionState } from './insertion-state.ts';
import type { TagToken } from './open-elements.ts';
import type { Namespace } from './scanner.ts';
import { processStart } from './start-tags.ts';
import { TAG } from './tag-names.ts';

/** Steps of work allowed for a page, and for each of its tags: ordinary pages need some 20 a tag. */
const BASE_WORK = 500_000;
const WORK_PER_TAG = 100;
/** Open elements; browsers themselves stop at 512. */
const MAX_DEPTH = 4096;

export class TreeFeedback {
  private readonly state: InsertionState;
  /** True once the page is no longer followed; see `abandon`. */
  isAbandoned = false;

  constructor(isScripting: boolean) {
    this.state = new InsertionState(isScripting);
    this.state.open.work = -BASE_WORK;
  }

  /** Whether the current element is one of SVG or MathML, so that a CDATA section is one here. */
  get isInForeign(): boolean {
    const { current } = this.state.open;
    return current !== undefined && current.ns !== HTML;
  }

  /** Whether any foreign element is open, so that the next tags cannot be judged without this. */
  get hasForeign(): boolean {
    return this.state.open.foreignCount !== 0 && !this.isAbandoned;
  }

  get isInSelect(): boolean {
    return this.state.mode === 'in select' || this.state.mode === 'in select in table';
  }

  get isInTemplate(): boolean {
    return this.state.open.openCount[TAG.template] !== 0 && !this.isAbandoned;
  }

  get isInFrameset(): boolean {
    return this.state.mode === 'in frameset';
  }

  /** See `StartTag.hasNoControls`. */
  get hasFormNoControls(): boolean {
    return this.state.formHasNoControls;
  }

  /** Of the element that the last tag began or closed. */
  get namespace(): Namespace {
    return NAMESPACES[this.state.namespaceOfTag]!;
  }

  /** Text between tags; `kind` sums it up. */
  text(kind: TextKind): void {
    const { state } = this;
    if (kind === NO_TEXT || this.isAbandoned) return;
    const isSkipped = state.skipsNewline && kind === NEWLINE;
    state.skipsNewline = false;
    if (isSkipped) return;
    if (kind === TEXT) this.character();
    else this.space();
  }

  /** A NUL between tags: ignored as text, but it opens the body like any character. */
  nul(): void {
    const { state } = this;
    state.skipsNewline = false;
    if (state.isForeign || this.isAbandoned) return;
    if (state.isBeforeBody) state.openBody();
    else if (state.mode === 'in column group') state.leaveColumnGroup();
    else if (state.mode === 'after body') state.mode = 'in body';
  }

  comment(): void {
    this.state.skipsNewline = false;
  }

  /** `isQuirks`: the document type asks for quirks mode (HTML §13.2.6.4.1). */
  doctype(isQuirks: boolean): void {
    const { state } = this;
    state.skipsNewline = false;
    if (state.mode !== 'initial') return;
    state.isQuirks = isQuirks;
    state.mode = 'before html';
  }

  /** Process a start tag; returns what content follows. */
  startTag(token: TagToken): Content {
    const { state } = this;
    state.content = DATA;
    state.namespaceOfTag = HTML;
    state.formHasNoControls = false;
    state.skipsNewline = false;
    if (this.isAbandoned) return this.usualContent(token.tag);
    this.begin();
    if (this.isAbandoned) return this.usualContent(token.tag);
    processStart(state, token);
    return state.content;
  }

  endTag(tag: number, key: number): void {
    this.state.skipsNewline = false;
    this.state.namespaceOfTag = HTML;
    if (this.isAbandoned) return;
    this.begin();
    if (!this.isAbandoned) processEnd(this.state, tag, key);
  }

  /**
   * Hostile pages can make tree construction quadratic or deep. Past generous bounds the page is no longer followed; whoever asks
   * sees that.
   */
  private begin(): void {
    const { state } = this;
    state.open.work -= WORK_PER_TAG;
    if (state.open.work < -BASE_WORK) state.open.work = -BASE_WORK;
    else if (state.open.work > 0) this.abandon();
    if (state.open.stack.length > MAX_DEPTH || state.open.list.length > MAX_DEPTH) this.abandon();
  }

  /** No longer follow the page: from here on every tag is taken as in an ordinary body. */
  abandon(): void {
    const { state } = this;
    this.isAbandoned = true;
    state.open.clear();
    state.templateModes = [];
    state.mode = 'in body';
  }

  private usualContent(tag: number): Content {
    return contentOf(tag, this.state.isScripting);
  }

  private character(): void {
    const { state } = this;
    if (state.isForeign) {
      state.mayBeFrameset = false;
      return;
    }
    if (state.mode === 'in column group' && !state.leaveColumnGroup()) return;
    if (state.mode === 'in select' || state.mode === 'in select in table' || state.mode === 'in frameset') return;
    if (state.isBeforeBody) state.openBody();
    if (state.mode === 'after body') state.mode = 'in body';
    state.open.reconstruct();
    state.mayBeFrameset = false;
  }

  private space(): void {
    const { state } = this;
    if (state.isForeign) return;
    const { mode } = state;
    if (
      mode === 'in body' ||
      mode === 'in caption' ||
      mode === 'in cell' ||
      mode === 'in template' ||
      mode === 'after body'
    ) {
      state.open.reconstruct();
    } else if (mode === 'in table' || mode === 'in table body' || mode === 'in row') {
      if ((TRAITS[state.open.currentTag]! & TABLE_TEXT) === 0) state.open.reconstruct();
    }
  }
}
