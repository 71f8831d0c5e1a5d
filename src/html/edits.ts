/**
 * What the rewriter asks of whoever marks a page: for each start tag of interest, which bytes to put where.
 *
 * The rewriter copies every byte that no edit names. Edits of one tag lie within the tag or just behind it, are made in
 * ascending order and do not overlap.
 */
import type { LinkRun } from './link-run.ts';
import type { Namespace, StartTag } from './scanner.ts';

export interface Edits {
  /** Put `text` before offset `at` of the tag's bytes; `at` may be `tag.end`: just behind the tag. */
  insert(at: number, text: Buffer): void;
  /** Put `text` in the place of the bytes from `start` to `end` (exclusive). */
  replace(start: number, end: number, text: Buffer): void;
  /**
   * Keep a place for an insertion before `at` whose text is not known yet. Output from there on is held until `settle`,
   * at most `LIMITS.maxHeldFormBytes` of it; then the rewriter settles it with `atLimit`, by default with nothing. Pages that
   * need none pay nothing.
   */
  defer(at: number, atLimit?: Buffer): DeferredInsert;
}

export interface DeferredInsert {
  /** The text, or null for nothing. The second call and calls after the limit have no effect. */
  settle(text: Buffer | null): void;
  /** True once it was settled, by the caller or by the limit. */
  readonly isSettled: boolean;
}

/** The glue between places and SIDs; `response/marker.ts` is the one for HTML. */
export interface PageMarker {
  /** Decide the edits for one start tag. Called in document order; `tag` is only valid during the call. */
  startTag(tag: StartTag, edits: Edits): void;
  /** The same for tags of which only the link can matter; `startTag` is asked for the one at which the run is left. */
  links?(run: LinkRun, edits: Edits): void;
  /** An end tag of interest was seen, e.g. `</form>`; see `TagSink.endTag`. */
  endTag(name: string, namespace: Namespace): void;
  /** See `TagSink.ignoredEndTag`. */
  ignoredEndTag?(name: string): void;
  /** The rest of the page passes unseen (bail out, or `TagSink.cutOff`): nothing may count on what is not in it. */
  cutOff?(): void;
  /** The page ends here, or marking does (bail out). Settle what is deferred. */
  end(): void;
}

/** Where the rewriter takes its output buffers from, so that a pool can be lent to it. */
export interface BufferSource {
  /** A buffer of at least `size` bytes with any content. */
  take(size: number): Buffer;
}
