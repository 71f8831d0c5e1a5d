/**
 * What a marker has done with a page: counts for metrics, and an explanation of each URL for those who ask.
 */
import type { PlaceKind } from '../html/places.ts';
import type { AttributeSpan, StartTag } from '../html/scanner.ts';
import type { Judgement, SkipReason } from '../sid/scope.ts';
import type { Verdict } from './page-urls.ts';

/** What was decided for one URL of the page. */
export interface Explanation {
  /** Of the value within `StartTag.bytes`: of the page itself if it came in one piece. */
  readonly offset: number;
  readonly element: string;
  readonly attribute: string;
  readonly kind: PlaceKind;
  /** Decoded. */
  readonly url: string;
  /** `field`: a form that gets its SID by hidden field, unless a button forbids it; `unmarked`: a SID was taken out. */
  readonly decision: Judgement | 'field' | 'unmarked' | 'base' | 'nested-form' | 'empty-frame';
}

/** What one page came to: counts by kind of place and by reason. */
export interface PlaceCounts {
  readonly marks: Readonly<Record<string, number>>;
  readonly skips: Readonly<Record<string, number>>;
}

export interface MarkCounts extends PlaceCounts {
  /** URLs that got the SID or extra parameters, by place. Hidden fields count as `form`. */
  readonly marks: Record<PlaceKind, number>;
  readonly skips: Record<SkipReason, number>;
  /** Hidden fields that were kept out, because the form could be sent abroad or was too long to wait for. */
  readonly droppedFields: number;
}

function noMarks(): Record<PlaceKind, number> {
  return {
    navigation: 0,
    form: 0,
    frame: 0,
    subresource: 0,
    refresh: 0,
    list: 0,
    css: 0,
    referrer: 0,
    document: 0,
    identity: 0,
    never: 0,
  };
}

function noSkips(): Record<SkipReason, number> {
  return {
    'fragment-only': 0,
    'not-http': 0,
    'foreign-origin': 0,
    userinfo: 0,
    downgrade: 0,
    'outside-path': 0,
    unparsable: 0,
  };
}

// The keys of the literals above.
const PLACE_KINDS = Object.keys(noMarks()) as PlaceKind[];
const SKIP_REASONS = Object.keys(noSkips()) as SkipReason[];

/** Counts for one page. Told of every URL once. */
export class MarkTally {
  readonly marks = noMarks();
  readonly skips = noSkips();
  droppedFields = 0;
  readonly #explain: ((seen: Explanation) => void) | null;

  constructor(explain: ((seen: Explanation) => void) | null) {
    this.#explain = explain;
  }

  /** True if somebody wants to hear of each URL: then none may be passed over quickly. */
  get isExplaining(): boolean {
    return this.#explain !== null;
  }

  get counts(): MarkCounts {
    return { marks: { ...this.marks }, skips: { ...this.skips }, droppedFields: this.droppedFields };
  }

  /** Count a URL that carries nothing. */
  skip(verdict: Verdict): void {
    if (verdict.judgement !== 'mark') this.skips[verdict.judgement]++;
  }

  /** Explain a decision; `attribute` is null for an action that the form does not have. */
  report(
    tag: StartTag,
    attribute: AttributeSpan | null,
    kind: PlaceKind,
    url: string,
    decision: Explanation['decision'],
  ): void {
    if (this.#explain === null) return;
    const name = attribute === null ? 'action' : tag.bytes.toString('latin1', attribute.nameStart, attribute.nameEnd);
    const offset = attribute?.hasValue === true ? attribute.valueStart : tag.start;
    this.#explain({ offset, element: tag.name, attribute: name.toLowerCase(), kind, url, decision });
  }

  /** Add the counts of a document within the page. */
  add(counts: MarkCounts): void {
    for (const kind of PLACE_KINDS) this.marks[kind] += counts.marks[kind];
    for (const reason of SKIP_REASONS) this.skips[reason] += counts.skips[reason];
    this.droppedFields += counts.droppedFields;
  }
}
