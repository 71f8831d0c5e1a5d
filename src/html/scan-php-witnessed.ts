/**
 * PHP's scanner with the HTML scanner beside it as a witness: every tag that PHP sees is reported together with what a
 * browser sees at the same place, and tags that only browsers see are reported too.
 *
 * Both read the same bytes at their own pace. A tag goes on when both have passed its end; what only one of them has
 * passed is presented again, so at most one held tag of each is waited for. Tags go on in the order of their `<`.
 */
import { newPhpAttribute, type PhpAttribute, type PhpStartTag, type PhpTagSink } from './scan-php.ts';
import type { AttributeSpan, Scanner, StartTag, TagSink } from './scanner.ts';

/** A tag as two readers see it: the members themselves are PHP's view, or the page's where PHP sees nothing. */
export interface WitnessedTag extends PhpStartTag {
  /** False where PHP's machine sees no listed tag; nothing is to be changed there. */
  isPhp: boolean;
  /** What browsers see at the same `<`, null for nothing. */
  page: StartTag | null;
}

export interface WitnessedTagSink extends TagSink {
  startTag(tag: WitnessedTag): void;
}

/** What waits until both scanners have passed it. Objects are used again: most tags wait for no longer than a call. */
class Waiting implements WitnessedTag {
  /** '' for a start tag. */
  endTagName = '';
  /** No tag: from here on nobody can tell what browsers see. */
  isCutOff = false;
  name = '';
  namespace: StartTag['namespace'] = 'html';
  bytes: Buffer = NOTHING;
  start = 0;
  end = 0;
  isSelfClosing = false;
  hasNoControls = false;
  isClosed = true;
  attributeCount = 0;
  attributes: PhpAttribute[] = [];
  isPhp = false;
  page: StartTag | null = null;

  copyTag(tag: StartTag): void {
    this.endTagName = '';
    this.isCutOff = false;
    this.name = tag.name;
    this.namespace = tag.namespace;
    this.start = tag.start;
    this.end = tag.end;
    this.isSelfClosing = tag.isSelfClosing;
    this.hasNoControls = tag.hasNoControls === true;
    this.attributeCount = tag.attributeCount;
    for (let index = 0; index < tag.attributeCount; index++) {
      // The scanner vouches for `attributeCount` spans.
      const from = tag.attributes[index] as AttributeSpan;
      let to = this.attributes[index];
      if (to === undefined) {
        to = newPhpAttribute();
        this.attributes.push(to);
      }
      to.nameStart = from.nameStart;
      to.nameEnd = from.nameEnd;
      to.valueStart = from.valueStart;
      to.valueEnd = from.valueEnd;
      to.quote = from.quote;
      to.hasValue = from.hasValue;
    }
  }

  copyPhpTag(tag: PhpStartTag): void {
    this.copyTag(tag);
    this.isPhp = true;
    this.isClosed = tag.isClosed;
    for (let index = 0; index < tag.attributeCount; index++) {
      const from = tag.attributes[index] as PhpAttribute;
      const to = this.attributes[index] as PhpAttribute;
      to.isListed = from.isListed;
      to.isAction = from.isAction;
    }
  }

  move(distance: number): void {
    this.start += distance;
    this.end += distance;
    for (let index = 0; index < this.attributeCount; index++) {
      const span = this.attributes[index] as AttributeSpan;
      span.nameStart += distance;
      span.nameEnd += distance;
      span.valueStart += distance;
      span.valueEnd += distance;
    }
  }
}

const NOTHING: Buffer = Buffer.alloc(0);
const NO_ATTRIBUTES: PhpAttribute[] = [];

export class WitnessedPhpScanner implements Scanner {
  readonly #php: Scanner;
  readonly #page: Scanner;
  readonly #sink: WitnessedTagSink;
  /** Bytes behind the settled ones that each has passed already. */
  #phpAhead = 0;
  #pageAhead = 0;
  /** Bytes behind the settled ones that were presented already. */
  #given = 0;
  #phpWaiting: Waiting[] = [];
  #pageWaiting: Waiting[] = [];
  /** A tag that only browsers see, for the report: PHP sees no attributes. */
  readonly #pageOnly: WitnessedTag = new Waiting();
  /** Where the settled bytes ended in the buffer of the last call. */
  #settled = 0;
  /** Where the last tag ended that a browser sees. */
  #pageTold = 0;

  constructor(
    createPhp: (sink: PhpTagSink) => Scanner,
    createPage: (sink: TagSink) => Scanner,
    sink: WitnessedTagSink,
  ) {
    this.#sink = sink;
    this.#php = createPhp({
      startTag: (tag) => {
        const waiting = SPARE.pop() ?? new Waiting();
        waiting.copyPhpTag(tag);
        this.#phpWaiting.push(waiting);
      },
      endTag: () => {},
    });
    this.#page = createPage({
      startTag: (tag) => {
        const waiting = SPARE.pop() ?? new Waiting();
        waiting.copyTag(tag);
        this.#pageTold = tag.end;
        this.#pageWaiting.push(waiting);
      },
      endTag: (name, namespace, _bytes, start, end) => {
        this.#pageTold = end;
        this.#pageWaiting.push(waitingAt(start, end, { endTagName: name, namespace, isCutOff: false }));
      },
      cutOff: () => {
        // Somewhere behind the last tag, which is all that matters: no other reader has one there.
        const at = this.#pageTold;
        this.#pageWaiting.push(waitingAt(at, at, { endTagName: '', namespace: 'html', isCutOff: true }));
      },
    });
  }

  get bailedOut(): 'TAG_TOO_LONG' | null {
    return this.#php.bailedOut ?? this.#page.bailedOut;
  }

  scan(bytes: Buffer, from: number, to: number, isLast: boolean): number {
    const distance = from - this.#settled;
    if (distance !== 0) {
      for (const waiting of this.#phpWaiting) waiting.move(distance);
      for (const waiting of this.#pageWaiting) waiting.move(distance);
      this.#pageTold += distance;
    }
    let phpAt = from + this.#phpAhead;
    let pageAt = from + this.#pageAhead;
    let settled = from;
    // By turns and a little at a time, so that few tags wait. Never less than a scanner was given already.
    let upTo = from + this.#given;
    do {
      upTo = Math.min(to, upTo + SLICE_BYTES);
      const isEnd = isLast && upTo === to;
      phpAt = this.#php.scan(bytes, phpAt, upTo, isEnd);
      if (this.#php.bailedOut === null) pageAt = this.#page.scan(bytes, pageAt, upTo, isEnd);
      settled = this.#deliver(bytes, Math.min(phpAt, pageAt));
    } while (upTo < to && this.bailedOut === null);
    this.#phpAhead = phpAt - settled;
    this.#pageAhead = pageAt - settled;
    this.#given = upTo - settled;
    this.#settled = settled;
    return settled;
  }

  /** Hand on all that ends before `limit`; the result is where the first that does not begins, or `limit`. */
  #deliver(bytes: Buffer, limit: number): number {
    const phpTags = this.#phpWaiting;
    const pageTags = this.#pageWaiting;
    let phpIndex = 0;
    let pageIndex = 0;
    let settled = limit;
    for (;;) {
      const php = phpTags[phpIndex];
      const page = pageTags[pageIndex];
      const start = Math.min(php?.start ?? limit, page?.start ?? limit);
      const isPhpFirst = php !== undefined && php.start === start;
      const isPageFirst = page !== undefined && page.start === start;
      if (start >= limit || (!isPhpFirst && !isPageFirst)) break;
      if ((isPhpFirst && php.end > limit) || (isPageFirst && page.end > limit)) {
        settled = start;
        break;
      }
      this.#report(bytes, isPhpFirst ? php : null, isPageFirst ? page : null);
      if (isPhpFirst) phpIndex++;
      if (isPageFirst) pageIndex++;
    }
    this.#phpWaiting = this.#keep(phpTags, phpIndex);
    this.#pageWaiting = this.#keep(pageTags, pageIndex);
    return settled;
  }

  /** What of a list still waits; what was handed on can be used again. */
  #keep(list: Waiting[], handedOn: number): Waiting[] {
    if (handedOn === 0) return list;
    const rest = list.slice(handedOn);
    for (let index = 0; index < handedOn && SPARE.length < MAX_SPARE; index++) {
      const used = list[index] as Waiting;
      if (used.attributes.length > MAX_SPARE_ATTRIBUTES) continue;
      // Nothing of a page stays in memory by it.
      used.bytes = NOTHING;
      used.page = null;
      SPARE.push(used);
    }
    return rest;
  }

  #report(bytes: Buffer, php: Waiting | null, page: Waiting | null): void {
    if (page?.isCutOff) {
      this.#sink.cutOff?.(page.start);
      return;
    }
    if (page !== null && page.endTagName !== '') {
      this.#sink.endTag(page.endTagName, page.namespace, bytes, page.start, page.end);
      return;
    }
    if (page !== null) page.bytes = bytes;
    if (php !== null) {
      php.bytes = bytes;
      php.page = page;
      this.#sink.startTag(php);
    } else if (page !== null) {
      const { name, namespace, start, end, isSelfClosing } = page;
      Object.assign(this.#pageOnly, { name, namespace, start, end, isSelfClosing, bytes, page });
      this.#pageOnly.attributes = NO_ATTRIBUTES;
      this.#sink.startTag(this.#pageOnly);
    }
  }
}

function waitingAt(start: number, end: number, facts: Pick<Waiting, 'endTagName' | 'namespace' | 'isCutOff'>): Waiting {
  const waiting = SPARE.pop() ?? new Waiting();
  return Object.assign(waiting, facts, { start, end, attributeCount: 0 });
}

const SLICE_BYTES = 4096;
/** For all pages of the process: nothing waits between two calls of a scanner but what is in its own lists. */
const SPARE: Waiting[] = [];
/** More tags than a slice mostly has, for a few pages at once. */
const MAX_SPARE = 256;
const MAX_SPARE_ATTRIBUTES = 64;
