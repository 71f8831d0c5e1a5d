/**
 * End tags, one function for each insertion mode in the order of the standard (HTML §13.2.6.4, §13.2.6.5).
 *
 * A function that comes to another mode calls that mode's: the standard's "reprocess the token".
 */
import {
  ADDRESS_END,
  FORMATTING,
  HEADING,
  HTML,
  IMPLIED_END,
  IMPLIED_END_THOROUGH,
  TABLE_PART,
  TABLE_TEXT,
  TRAITS,
} from './element-traits.ts';
import { type InsertionState, isSelectBreaker } from './insertion-state.ts';
import { TAG } from './tag-names.ts';

/** The tree construction dispatcher (§13.2.6), and foreign content (§13.2.6.5). */
export function processEnd(state: InsertionState, tag: number, key: number): void {
  const { current } = state.open;
  if (current === undefined || current.ns === HTML) {
    endByMode(state, tag, key);
    return;
  }
  if (tag === TAG.p || tag === TAG.br) {
    state.leaveForeign();
    endByMode(state, tag, key);
    return;
  }
  // The topmost foreign element of this name, unless an HTML element is above it.
  for (let i = state.open.stack.length - 1; i >= 0; i--) {
    state.open.work++;
    const element = state.open.stack[i]!;
    if (element.ns === HTML) break;
    if (element.key === key) {
      state.namespaceOfTag = element.ns;
      state.open.shorten(i);
      return;
    }
  }
  endByMode(state, tag, key);
}

function endByMode(state: InsertionState, tag: number, key: number): void {
  switch (state.mode) {
    // First: nearly all tags are there.
    case 'in body':
      endInBody(state, tag, key);
      return;
    case 'initial':
    case 'before html':
    case 'before head':
    case 'in head':
    case 'in head noscript':
    case 'after head':
      endBeforeBody(state, tag, key);
      return;
    case 'in table':
      endInTable(state, tag, key);
      return;
    case 'in caption':
      endInCaption(state, tag, key);
      return;
    case 'in column group':
      endInColumnGroup(state, tag, key);
      return;
    case 'in table body':
      endInTableBody(state, tag, key);
      return;
    case 'in row':
      endInRow(state, tag, key);
      return;
    case 'in cell':
      endInCell(state, tag, key);
      return;
    case 'in select':
    case 'in select in table':
      endInSelect(state, tag, key);
      return;
    case 'in template':
      if (tag === TAG.template) endTemplate(state);
      return;
    case 'in frameset':
      return;
    case 'after body':
      if (tag === TAG.html) return;
      state.mode = 'in body';
      endInBody(state, tag, key);
      return;
  }
}

/** Initial to after head (§13.2.6.4.1 to .6). */
function endBeforeBody(state: InsertionState, tag: number, key: number): void {
  if (state.mode === 'initial') {
    state.isQuirks = true;
    state.mode = 'before html';
  }
  const opens = tag === TAG.html || tag === TAG.body || tag === TAG.br;
  if (state.mode === 'before html' || state.mode === 'before head') {
    if (!opens && tag !== TAG.head) return;
    if (state.mode === 'before html') state.openHtml();
    state.openHead();
  }
  if (state.mode === 'in head noscript') {
    if (tag === TAG.noscript || tag === TAG.br) {
      state.open.pop();
      state.mode = 'in head';
    }
    if (tag !== TAG.br) return;
  }
  if (tag === TAG.template) endTemplate(state);
  else if (tag === TAG.head && state.mode === 'in head') state.closeHead();
  else if (opens) {
    state.openBody();
    endInBody(state, tag, key);
  }
}

/** The end of a template (§13.2.6.4.4): alike in all modes that know it. */
function endTemplate(state: InsertionState): void {
  if (state.open.openCount[TAG.template] === 0) return;
  state.open.generateImpliedEndTags(IMPLIED_END_THOROUGH);
  state.open.popThrough(TAG.template);
  state.open.clearToMarker();
  state.templateModes.pop();
  state.resetMode();
}

/** In body (§13.2.6.4.7). */
function endInBody(state: InsertionState, tag: number, key: number): void {
  const traits = TRAITS[tag]!;
  if ((traits & FORMATTING) !== 0) state.open.adoptionAgency(tag);
  else if ((traits & ADDRESS_END) !== 0) {
    if (!state.open.hasInScope(tag)) return;
    state.open.generateImpliedEndTags(IMPLIED_END);
    state.open.popThrough(tag);
  } else if ((traits & HEADING) !== 0) endHeading(state);
  else if (tag === TAG.p) {
    if (!state.open.hasInButtonScope(TAG.p)) state.open.pushHtml(TAG.p);
    state.open.generateImpliedEndTags(IMPLIED_END_THOROUGH, TAG.p);
    state.open.popThrough(TAG.p);
  } else if (tag === TAG.li || tag === TAG.dd || tag === TAG.dt) {
    if (!(tag === TAG.li ? state.open.hasInListItemScope(tag) : state.open.hasInScope(tag))) return;
    state.open.generateImpliedEndTags(IMPLIED_END_THOROUGH, tag);
    state.open.popThrough(tag);
  } else if (tag === TAG.br) {
    state.open.reconstruct();
    state.mayBeFrameset = false;
  } else if (tag === TAG.body || tag === TAG.html) {
    if (state.open.hasInScope(TAG.body)) state.mode = 'after body';
  } else if (tag === TAG.form) endForm(state);
  else if (tag === TAG.applet || tag === TAG.object || tag === TAG.marquee) {
    if (!state.open.hasInScope(tag)) return;
    state.open.generateImpliedEndTags(IMPLIED_END);
    state.open.popThrough(tag);
    state.open.clearToMarker();
  } else if (tag === TAG.template) endTemplate(state);
  else state.open.anyOtherEndTag(tag, key);
}

function endHeading(state: InsertionState): void {
  if (!state.open.inScope((element) => (TRAITS[element.tag]! & HEADING) !== 0)) return;
  state.open.generateImpliedEndTags(IMPLIED_END);
  state.open.shorten(Math.max(state.open.topmostWith(HEADING), 0));
}

function endForm(state: InsertionState): void {
  const isInTemplate = state.open.openCount[TAG.template] !== 0;
  const { form } = state;
  if (!isInTemplate) state.form = null;
  if ((form === null && !isInTemplate) || !state.open.hasInScope(TAG.form)) return;
  state.open.generateImpliedEndTags(IMPLIED_END);
  if (isInTemplate) state.open.popThrough(TAG.form);
  else if (form !== null) state.open.remove(form);
}

/** In table (§13.2.6.4.9). */
function endInTable(state: InsertionState, tag: number, key: number): void {
  if (tag === TAG.table) {
    if (!state.open.hasInTableScope(TAG.table)) return;
    state.open.popThrough(TAG.table);
    state.resetMode();
  } else if (tag === TAG.template) endTemplate(state);
  else if (!isTableEnd(tag)) endInBody(state, tag, key);
}

/** In caption (§13.2.6.4.11). */
function endInCaption(state: InsertionState, tag: number, key: number): void {
  if (tag === TAG.caption) state.closeCaption();
  else if (tag === TAG.table) {
    if (state.closeCaption()) endInTable(state, tag, key);
  } else if (!isTableEnd(tag)) endInBody(state, tag, key);
}

/** In column group (§13.2.6.4.12). */
function endInColumnGroup(state: InsertionState, tag: number, key: number): void {
  if (tag === TAG.colgroup) state.leaveColumnGroup();
  else if (tag === TAG.template) endTemplate(state);
  else if (tag !== TAG.col && state.leaveColumnGroup()) processEnd(state, tag, key);
}

/** In table body (§13.2.6.4.13). */
function endInTableBody(state: InsertionState, tag: number, key: number): void {
  if (tag === TAG.tbody || tag === TAG.tfoot || tag === TAG.thead) {
    if (!state.open.hasInTableScope(tag)) return;
    state.clearBackToTableBody();
    state.open.pop();
    state.mode = 'in table';
  } else if (tag === TAG.table) {
    if (state.closeTableBody()) endInTable(state, tag, key);
  } else if (!isTableEnd(tag)) endInTable(state, tag, key);
}

/** In row (§13.2.6.4.14). */
function endInRow(state: InsertionState, tag: number, key: number): void {
  if (tag === TAG.tr) state.closeRow();
  else if (tag === TAG.table) {
    if (state.closeRow()) endInTableBody(state, tag, key);
  } else if (tag === TAG.tbody || tag === TAG.tfoot || tag === TAG.thead) {
    if (!state.open.hasInTableScope(tag) && !state.open.hasInTableScope(TAG.tr)) return;
    state.open.clearBackTo(TAG.tr, TAG.tr);
    state.open.pop();
    state.mode = 'in table body';
    endInTableBody(state, tag, key);
  } else if (!isTableEnd(tag)) endInTable(state, tag, key);
}

/** In cell (§13.2.6.4.15). */
function endInCell(state: InsertionState, tag: number, key: number): void {
  if (tag === TAG.td || tag === TAG.th) {
    if (!state.open.hasInTableScope(tag)) return;
    state.open.generateImpliedEndTags(IMPLIED_END);
    state.open.popThrough(tag);
    state.open.clearToMarker();
    state.mode = 'in row';
  } else if ((TRAITS[tag]! & TABLE_TEXT) !== 0) {
    if (!state.open.hasInTableScope(tag)) return;
    state.closeCell();
    endInRow(state, tag, key);
  } else if (!isTableEnd(tag)) endInBody(state, tag, key);
}

/** In select, and in select in table: modes of parse5 8 and older browsers, which the standard has no more. */
function endInSelect(state: InsertionState, tag: number, key: number): void {
  if (state.mode === 'in select in table' && isSelectBreaker(tag)) {
    if (!state.open.hasInTableScope(tag)) return;
    state.open.popThrough(TAG.select);
    state.resetMode();
    processEnd(state, tag, key);
  } else if (tag === TAG.optgroup) {
    if (state.open.currentTag === TAG.option && state.open.stack[state.open.stack.length - 2]?.tag === TAG.optgroup)
      state.open.pop();
    if (state.open.currentTag === TAG.optgroup) state.open.pop();
  } else if (tag === TAG.option) {
    if (state.open.currentTag === TAG.option) state.open.pop();
  } else if (tag === TAG.select) {
    if (!state.open.hasInSelectScope()) return;
    state.open.popThrough(TAG.select);
    state.resetMode();
  } else if (tag === TAG.template) endTemplate(state);
}

/** End tags that the table modes ignore unless they have a rule for them. */
function isTableEnd(tag: number): boolean {
  return tag === TAG.body || tag === TAG.html || (TRAITS[tag]! & TABLE_PART) !== 0;
}
