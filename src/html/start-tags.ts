/**
 * Start tags, one function for each insertion mode in the order of the standard (HTML §13.2.6.4, §13.2.6.5). In body is in
 * `start-in-body.ts`.
 *
 * A function that comes to another mode calls that mode's: the standard's "reprocess the token".
 */
import { RAWTEXT } from './content-model.ts';
import {
  HEAD_CONTENT,
  HTML,
  HTML_POINT,
  isBreakout,
  MATH,
  mathPoint,
  NO_POINT,
  SVG,
  svgPoint,
  TABLE_PART,
  TRAITS,
} from './element-traits.ts';
import { type InsertionMode, type InsertionState, isSelectBreaker } from './insertion-state.ts';
import type { TagToken } from './open-elements.ts';
import { startHeadContent, startInBody } from './start-in-body.ts';
import { TAG } from './tag-names.ts';

/** The tree construction dispatcher (§13.2.6). Leaves content and namespace in the state. */
export function processStart(state: InsertionState, token: TagToken): void {
  if (isForeignStart(state, token.tag)) startInForeign(state, token);
  else startByMode(state, token);
}

/** Whether foreign content takes the tag (§13.2.6). */
function isForeignStart(state: InsertionState, tag: number): boolean {
  const { current } = state.open;
  if (current === undefined || current.ns === HTML) return false;
  if (tag === TAG.svg && current.tag === TAG['annotation-xml'] && current.ns === MATH) return false;
  if (current.point === NO_POINT) return true;
  return (tag === TAG.mglyph || tag === TAG.malignmark) && current.point !== HTML_POINT;
}

/** In foreign content (§13.2.6.5). */
function startInForeign(state: InsertionState, token: TagToken): void {
  if (isBreakout(token.tag, token.isMarked)) {
    state.leaveForeign();
    startByMode(state, token);
    return;
  }
  const ns = state.open.current?.ns ?? HTML;
  state.namespaceOfTag = ns;
  if (!token.isSelfClosing) state.open.push(token.tag, token.key, ns, pointOf(token, ns));
}

function pointOf(token: TagToken, ns: number): number {
  if (ns === SVG) return svgPoint(token.tag);
  if (token.tag === TAG['annotation-xml']) return token.isMarked ? HTML_POINT : NO_POINT;
  return mathPoint(token.tag);
}

function startByMode(state: InsertionState, token: TagToken): void {
  switch (state.mode) {
    // First: nearly all tags are there.
    case 'in body':
      startInBody(state, token);
      return;
    case 'initial':
      state.isQuirks = true;
      state.mode = 'before html';
      startBeforeHtml(state, token);
      return;
    case 'before html':
      startBeforeHtml(state, token);
      return;
    case 'before head':
      startBeforeHead(state, token);
      return;
    case 'in head':
      startInHead(state, token);
      return;
    case 'in head noscript':
      startInHeadNoscript(state, token);
      return;
    case 'after head':
      startAfterHead(state, token);
      return;
    case 'in table':
      startInTable(state, token);
      return;
    case 'in caption':
      startInCaption(state, token);
      return;
    case 'in column group':
      startInColumnGroup(state, token);
      return;
    case 'in table body':
      startInTableBody(state, token);
      return;
    case 'in row':
      startInRow(state, token);
      return;
    case 'in cell':
      startInCell(state, token);
      return;
    case 'in select':
    case 'in select in table':
      startInSelect(state, token);
      return;
    case 'in template':
      startInTemplate(state, token);
      return;
    case 'in frameset':
      if (token.tag === TAG.noframes) state.content = RAWTEXT;
      return;
    case 'after body':
      if (token.tag !== TAG.html) state.mode = 'in body';
      startInBody(state, token);
      return;
  }
}

/** Before html (§13.2.6.4.2). */
function startBeforeHtml(state: InsertionState, token: TagToken): void {
  state.openHtml();
  if (token.tag !== TAG.html) startBeforeHead(state, token);
}

/** Before head (§13.2.6.4.3). */
function startBeforeHead(state: InsertionState, token: TagToken): void {
  if (token.tag === TAG.html) return;
  state.openHead();
  if (token.tag !== TAG.head) startInHead(state, token);
}

/** In head (§13.2.6.4.4). */
function startInHead(state: InsertionState, token: TagToken): void {
  const { tag } = token;
  if (tag === TAG.noscript && !state.isScripting && state.mode === 'in head') {
    state.open.pushHtml(TAG.noscript);
    state.mode = 'in head noscript';
  } else if (tag === TAG.noscript) {
    state.content = RAWTEXT;
  } else if ((TRAITS[tag]! & HEAD_CONTENT) !== 0) {
    startHeadContent(state, token);
  } else if (tag !== TAG.html && tag !== TAG.head) {
    state.closeHead();
    startAfterHead(state, token);
  }
}

/** In head noscript (§13.2.6.4.5). */
function startInHeadNoscript(state: InsertionState, token: TagToken): void {
  const { tag } = token;
  if (tag === TAG.html || tag === TAG.head || tag === TAG.noscript) return;
  if (tag === TAG.basefont || tag === TAG.bgsound || tag === TAG.link || tag === TAG.meta) return;
  if (tag === TAG.noframes || tag === TAG.style) {
    state.content = RAWTEXT;
    return;
  }
  state.open.pop();
  state.mode = 'in head';
  startInHead(state, token);
}

/** After head (§13.2.6.4.6). */
function startAfterHead(state: InsertionState, token: TagToken): void {
  const { tag } = token;
  if (tag === TAG.html || tag === TAG.head) return;
  if (tag === TAG.body) {
    state.open.pushHtml(TAG.body);
    state.mayBeFrameset = false;
    state.mode = 'in body';
  } else if (tag === TAG.frameset) {
    state.open.pushHtml(TAG.frameset);
    state.mode = 'in frameset';
  } else if ((TRAITS[tag]! & HEAD_CONTENT) !== 0) {
    startHeadContent(state, token);
  } else {
    state.open.pushHtml(TAG.body);
    state.mode = 'in body';
    startInBody(state, token);
  }
}

/** In table (§13.2.6.4.9). */
function startInTable(state: InsertionState, token: TagToken): void {
  const { tag } = token;
  if (tag === TAG.td || tag === TAG.th || tag === TAG.tr) {
    state.open.clearBackTo(TAG.table, TAG.table);
    state.open.pushHtml(TAG.tbody);
    state.mode = 'in table body';
    startInTableBody(state, token);
  } else if (tag === TAG.tbody || tag === TAG.tfoot || tag === TAG.thead) {
    state.open.clearBackTo(TAG.table, TAG.table);
    state.open.pushHtml(tag);
    state.mode = 'in table body';
  } else if (tag === TAG.caption) {
    state.open.clearBackTo(TAG.table, TAG.table);
    state.open.list.push(null);
    state.open.pushHtml(tag);
    state.mode = 'in caption';
  } else if (tag === TAG.colgroup || tag === TAG.col) {
    state.open.clearBackTo(TAG.table, TAG.table);
    state.open.pushHtml(TAG.colgroup);
    state.mode = 'in column group';
  } else if (tag === TAG.table) {
    if (!state.open.hasInTableScope(TAG.table)) return;
    state.open.popThrough(TAG.table);
    state.resetMode();
    processStart(state, token);
  } else if (tag === TAG.style || tag === TAG.script || tag === TAG.template) startHeadContent(state, token);
  else if (tag === TAG.form) {
    state.formHasNoControls = state.open.openCount[TAG.template] !== 0;
    if (state.form !== null || state.formHasNoControls) return;
    state.form = state.open.pushHtml(tag);
    state.open.pop();
  } else if (tag !== TAG.input || !token.isMarked) startInBody(state, token);
}

/** In caption (§13.2.6.4.11). */
function startInCaption(state: InsertionState, token: TagToken): void {
  if ((TRAITS[token.tag]! & TABLE_PART) === 0) startInBody(state, token);
  else if (state.closeCaption()) startInTable(state, token);
}

/** In column group (§13.2.6.4.12). */
function startInColumnGroup(state: InsertionState, token: TagToken): void {
  const { tag } = token;
  if (tag === TAG.html || tag === TAG.col) return;
  if (tag === TAG.template) startHeadContent(state, token);
  else if (state.leaveColumnGroup()) processStart(state, token);
}

/** In table body (§13.2.6.4.13). */
function startInTableBody(state: InsertionState, token: TagToken): void {
  const { tag } = token;
  if (tag === TAG.tr || tag === TAG.td || tag === TAG.th) {
    state.clearBackToTableBody();
    state.open.pushHtml(TAG.tr);
    state.mode = 'in row';
    if (tag !== TAG.tr) startInRow(state, token);
  } else if ((TRAITS[tag]! & TABLE_PART) === 0) startInTable(state, token);
  else if (state.closeTableBody()) startInTable(state, token);
}

/** In row (§13.2.6.4.14). */
function startInRow(state: InsertionState, token: TagToken): void {
  const { tag } = token;
  if (tag === TAG.td || tag === TAG.th) {
    state.open.clearBackTo(TAG.tr, TAG.tr);
    state.open.pushHtml(tag);
    state.mode = 'in cell';
    state.open.list.push(null);
  } else if ((TRAITS[tag]! & TABLE_PART) === 0) startInTable(state, token);
  else if (state.closeRow()) startInTableBody(state, token);
}

/** In cell (§13.2.6.4.15). */
function startInCell(state: InsertionState, token: TagToken): void {
  if ((TRAITS[token.tag]! & TABLE_PART) === 0) startInBody(state, token);
  else if (state.open.hasInTableScope(TAG.td) || state.open.hasInTableScope(TAG.th)) {
    state.closeCell();
    startInRow(state, token);
  }
}

/** In select, and in select in table: modes of parse5 8 and older browsers, which the standard has no more. */
function startInSelect(state: InsertionState, token: TagToken): void {
  const { tag } = token;
  if (state.mode === 'in select in table' && isSelectBreaker(tag)) {
    state.open.popThrough(TAG.select);
    state.resetMode();
    processStart(state, token);
  } else if (tag === TAG.option || tag === TAG.optgroup || tag === TAG.hr) {
    if (state.open.currentTag === TAG.option) state.open.pop();
    if (tag !== TAG.option && state.open.currentTag === TAG.optgroup) state.open.pop();
    if (tag !== TAG.hr) state.open.pushHtml(tag);
  } else if (tag === TAG.input || tag === TAG.keygen || tag === TAG.textarea || tag === TAG.select) {
    if (!state.open.hasInSelectScope()) return;
    state.open.popThrough(TAG.select);
    state.resetMode();
    if (tag !== TAG.select) processStart(state, token);
  } else if (tag === TAG.script || tag === TAG.template) startHeadContent(state, token);
}

/** In template. */
function startInTemplate(state: InsertionState, token: TagToken): void {
  const { tag } = token;
  if ((TRAITS[tag]! & HEAD_CONTENT) !== 0) {
    startHeadContent(state, token);
    return;
  }
  let mode: InsertionMode = 'in body';
  if (tag === TAG.col) mode = 'in column group';
  else if (tag === TAG.tr) mode = 'in table body';
  else if (tag === TAG.td || tag === TAG.th) mode = 'in row';
  else if ((TRAITS[tag]! & TABLE_PART) !== 0) mode = 'in table';
  state.templateModes[state.templateModes.length - 1] = mode;
  state.mode = mode;
  startByMode(state, token);
}
