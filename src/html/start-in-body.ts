/**
 * Start tags in the body (HTML §13.2.6.4.7), by far the longest of the insertion modes. Other modes fall back on it, and on
 * the rule for what may stand in a head; it falls back on none.
 */
import { contentOf } from './content-model.ts';
import {
  BLOCK,
  FORMATTING,
  HEAD_CONTENT,
  HEADING,
  IMPLIED_END,
  IMPLIED_END_THOROUGH,
  ITEM_BOUNDARY,
  MATH,
  NO_POINT,
  SVG,
  TABLE_PART,
  TRAITS,
} from './element-traits.ts';
import type { InsertionState } from './insertion-state.ts';
import type { TagToken } from './open-elements.ts';
import { TAG } from './tag-names.ts';

/** In body (§13.2.6.4.7): names with a rule in common first. */
export function startInBody(state: InsertionState, token: TagToken): void {
  const { tag } = token;
  const traits = TRAITS[tag]!;
  if ((traits & FORMATTING) !== 0) startFormatting(state, token);
  else if ((traits & BLOCK) !== 0) startBlock(state, tag);
  else if ((traits & HEADING) !== 0) {
    state.open.closeParagraph();
    if ((TRAITS[state.open.currentTag]! & HEADING) !== 0) state.open.pop();
    state.open.pushHtml(tag);
  } else if ((traits & HEAD_CONTENT) !== 0) startHeadContent(state, token);
  else if ((traits & TABLE_PART) !== 0) return;
  else startOtherInBody(state, token);
}

function startFormatting(state: InsertionState, token: TagToken): void {
  const { tag } = token;
  if (tag === TAG.a) {
    const entry = state.open.entryOfTag(TAG.a);
    if (entry !== null) {
      state.open.adoptionAgency(TAG.a);
      state.open.remove(entry.element);
      state.open.removeEntry(entry);
    }
  }
  state.open.reconstruct();
  if (tag === TAG.nobr && state.open.hasInScope(TAG.nobr)) {
    state.open.adoptionAgency(TAG.nobr);
    state.open.reconstruct();
  }
  state.open.pushFormatting(token);
}

function startBlock(state: InsertionState, tag: number): void {
  state.open.closeParagraph();
  state.open.pushHtml(tag);
}

/** The names that have a rule of their own, most frequent first, and all others. */
function startOtherInBody(state: InsertionState, token: TagToken): void {
  const { tag, key } = token;
  if (tag === TAG.li || tag === TAG.dd || tag === TAG.dt) startListItem(state, tag);
  else if (tag === TAG.input || isVoidInBody(tag)) {
    state.open.reconstruct();
    if (tag !== TAG.input || !token.isMarked) state.mayBeFrameset = false;
  } else if (tag === TAG.table) {
    if (!state.isQuirks) state.open.closeParagraph();
    state.open.pushHtml(tag);
    state.mayBeFrameset = false;
    state.mode = 'in table';
  } else if (tag === TAG.form) startForm(state);
  else if (tag === TAG.button) {
    if (state.open.hasInScope(TAG.button)) {
      state.open.generateImpliedEndTags(IMPLIED_END);
      state.open.popThrough(TAG.button);
    }
    state.open.reconstruct();
    state.open.pushHtml(tag);
    state.mayBeFrameset = false;
  } else if (tag === TAG.option || tag === TAG.optgroup) {
    if (state.open.currentTag === TAG.option) state.open.pop();
    state.open.reconstruct();
    state.open.pushHtml(tag);
  } else if (tag === TAG.select) startSelect(state);
  else if (tag === TAG.svg || tag === TAG.math) {
    state.open.reconstruct();
    state.namespaceOfTag = tag === TAG.svg ? SVG : MATH;
    if (!token.isSelfClosing) state.open.push(tag, key, state.namespaceOfTag, NO_POINT);
  } else if (isRawInBody(tag, state.isScripting)) startRawInBody(state, tag);
  else if (tag === TAG.hr) {
    state.open.closeParagraph();
    state.mayBeFrameset = false;
  } else if (tag === TAG.pre || tag === TAG.listing) {
    startBlock(state, tag);
    state.skipsNewline = true;
    state.mayBeFrameset = false;
  } else if (tag === TAG.applet || tag === TAG.object || tag === TAG.marquee) {
    state.open.reconstruct();
    state.open.pushHtml(tag);
    state.open.list.push(null);
    state.mayBeFrameset = false;
  } else startRareInBody(state, tag, key);
}

function startListItem(state: InsertionState, tag: number): void {
  state.mayBeFrameset = false;
  const at =
    tag === TAG.li ? state.open.topmost(TAG.li) : Math.max(state.open.topmost(TAG.dd), state.open.topmost(TAG.dt));
  if (at >= 0 && !state.open.hasAbove(at, ITEM_BOUNDARY)) {
    const open = state.open.stack[at]!.tag;
    state.open.generateImpliedEndTags(IMPLIED_END_THOROUGH, open);
    state.open.popThrough(open);
  }
  startBlock(state, tag);
}

function startForm(state: InsertionState): void {
  const isInTemplate = state.open.openCount[TAG.template] !== 0;
  if (state.form !== null && !isInTemplate) return;
  state.open.closeParagraph();
  const element = state.open.pushHtml(TAG.form);
  if (!isInTemplate) state.form = element;
}

function startSelect(state: InsertionState): void {
  state.open.reconstruct();
  state.open.pushHtml(TAG.select);
  state.mayBeFrameset = false;
  const { mode } = state;
  const isInTable = mode === 'in table' || mode === 'in caption' || mode === 'in table body' || mode === 'in row';
  state.mode = isInTable || mode === 'in cell' ? 'in select in table' : 'in select';
}

function startRawInBody(state: InsertionState, tag: number): void {
  state.content = contentOf(tag, state.isScripting);
  if (tag === TAG.xmp || tag === TAG.plaintext) state.open.closeParagraph();
  if (tag === TAG.xmp) state.open.reconstruct();
  if (tag === TAG.xmp || tag === TAG.textarea || tag === TAG.iframe) state.mayBeFrameset = false;
}

function startRareInBody(state: InsertionState, tag: number, key: number): void {
  if (tag === TAG.param || tag === TAG.track || tag === TAG.source) return;
  if (tag === TAG.html || tag === TAG.head || tag === TAG.frame) return;
  if (tag === TAG.body) {
    if (hasBody(state) && state.open.openCount[TAG.template] === 0) state.mayBeFrameset = false;
  } else if (tag === TAG.frameset) {
    if (!state.mayBeFrameset || !hasBody(state)) return;
    state.open.shorten(1);
    state.open.pushHtml(tag);
    state.mode = 'in frameset';
  } else if (tag === TAG.rb || tag === TAG.rtc) {
    if (state.open.hasInScope(TAG.ruby)) state.open.generateImpliedEndTags(IMPLIED_END);
    state.open.pushHtml(tag);
  } else if (tag === TAG.rt || tag === TAG.rp) {
    if (state.open.hasInScope(TAG.ruby)) state.open.generateImpliedEndTags(IMPLIED_END_THOROUGH, TAG.rtc);
    state.open.pushHtml(tag);
  } else {
    state.open.reconstruct();
    state.open.pushHtml(tag, key);
  }
}

function hasBody(state: InsertionState): boolean {
  return state.open.stack[1]?.tag === TAG.body;
}

/** base, link, meta, title, style, script, noframes, template (§13.2.6.4.4): alike in most modes. */
export function startHeadContent(state: InsertionState, token: TagToken): void {
  const { tag } = token;
  if (tag !== TAG.template) {
    state.content = contentOf(tag, state.isScripting);
    return;
  }
  state.open.pushHtml(TAG.template);
  state.open.list.push(null);
  state.mayBeFrameset = false;
  state.mode = 'in template';
  state.templateModes.push('in template');
}

function isRawInBody(tag: number, isScripting: boolean): boolean {
  return tag >= TAG.title && tag <= TAG.plaintext && (tag !== TAG.noscript || isScripting);
}

function isVoidInBody(tag: number): boolean {
  return (tag >= TAG.area && tag <= TAG.wbr) || tag === TAG.keygen;
}
