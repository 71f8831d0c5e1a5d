/**
 * The document within a `srcdoc` attribute: scanned and marked as the HTML that it is, its edits handed back in the
 * notation of the attribute, so that everything else in there keeps its escaping.
 */
import { escapeAttributeText } from '../html/character-references.ts';
import type { DeferredInsert, Edits, PageMarker } from '../html/edits.ts';
import type { Scanner, TagInterest, TagSink } from '../html/scanner.ts';
import type { ReferenceEdit } from '../sid/mark.ts';

interface Change {
  readonly start: number;
  readonly end: number;
  text: string;
}

/** A place kept open; within an attribute everything is decided before the attribute is written. */
class Later implements DeferredInsert {
  readonly #change: Change;
  isSettled = false;

  constructor(change: Change) {
    this.#change = change;
  }

  settle(text: Buffer | null): void {
    if (!this.isSettled && text !== null) this.#change.text = text.toString('latin1');
    this.isSettled = true;
  }
}

/**
 * The edits that `marker` makes in `document`, the decoded value (one character a byte), with texts escaped for the
 * attribute. The marker is at its end afterwards.
 */
export function srcdocEdits(
  document: string,
  marker: PageMarker & { readonly interest: TagInterest },
  createScanner: (interest: TagInterest, sink: TagSink) => Scanner,
  isUnquoted: boolean,
): readonly ReferenceEdit[] {
  const bytes = Buffer.from(document, 'latin1');
  const changes: Change[] = [];
  const edits: Edits = {
    insert: (at, text) => void changes.push({ start: at, end: at, text: text.toString('latin1') }),
    replace: (start, end, text) => void changes.push({ start, end, text: text.toString('latin1') }),
    defer: (at) => {
      const change: Change = { start: at, end: at, text: '' };
      changes.push(change);
      return new Later(change);
    },
  };
  const sink: TagSink = {
    startTag: (tag) => marker.startTag(tag, edits),
    endTag: (name, namespace) => marker.endTag(name, namespace),
    ignoredEndTag: (name) => marker.ignoredEndTag?.(name),
    cutOff: () => marker.cutOff?.(),
  };
  const scanner = createScanner(marker.interest, sink);
  scanner.scan(bytes, 0, bytes.length, true);
  if (scanner.bailedOut !== null) marker.cutOff?.();
  marker.end();
  return changes
    .filter((change, i) => !isIdle(change) && !isUndone(bytes, changes, i) && !isUndone(bytes, changes, i - 1))
    .map(({ start, end, text }) => ({ start, end, text: escapeAttributeText(text, isUnquoted) }));
}

function isIdle({ start, end, text }: Change): boolean {
  return end === start && text === '';
}

/** What was taken away is put back by the next change: it stays as it is spelt. */
function isUndone(bytes: Buffer, changes: readonly Change[], i: number): boolean {
  const [taken, put] = [changes[i], changes[i + 1]];
  if (taken === undefined || put === undefined || isIdle(taken) || taken.text !== '') return false;
  return (
    put.start === taken.end && put.end === put.start && put.text === bytes.toString('latin1', taken.start, taken.end)
  );
}
