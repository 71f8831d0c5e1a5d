/**
 * PHP's scanner with the HTML scanner beside it as a witness: every tag that PHP sees is reported together with what a
 * browser sees at the same place, and tags that only browsers see are reported too.
 *
 * Both read the same bytes at their own pace. A tag goes on when both have passed its end; what only one of them has
 * passed is presented again, so at most one held tag of each is waited for. Tags go on in the order of their `<`.
 */
import type { PhpStartTag, PhpTagSink } from './scan-php.ts';
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

/** What waits until both scanners have passed it. Offsets are moved along with the bytes. */
interface Waiting {
  start: number;
  end: number;
  readonly tag: StartTag | PhpStartTag | null;
  readonly endTagName: string;
}

export class WitnessedPhpScanner implements Scanner {
  readonly #php: Scanner;
  readonly #page: Scanner;
  readonly #sink: WitnessedTagSink;
  /** Bytes behind the settled ones that each has passed already. */
  #phpAhead = 0;
  #pageAhead = 0;
  #phpWaiting: Waiting[] = [];
  #pageWaiting: Waiting[] = [];
  /** Where the settled bytes ended in the buffer of the last call. */
  #settled = 0;

  constructor(
    createPhp: (sink: PhpTagSink) => Scanner,
    createPage: (sink: TagSink) => Scanner,
    sink: WitnessedTagSink,
  ) {
    this.#sink = sink;
    this.#php = createPhp({
      startTag: (tag) => {
        const copy: PhpStartTag = { ...tag, attributes: tag.attributes.slice(0, tag.attributeCount).map(copySpan) };
        this.#phpWaiting.push({ start: tag.start, end: tag.end, tag: copy, endTagName: '' });
      },
      endTag: () => {},
    });
    this.#page = createPage({
      startTag: (tag) => {
        const copy: StartTag = { ...tag, attributes: tag.attributes.slice(0, tag.attributeCount).map(copySpan) };
        this.#pageWaiting.push({ start: tag.start, end: tag.end, tag: copy, endTagName: '' });
      },
      endTag: (name, _bytes, start, end) => {
        this.#pageWaiting.push({ start, end, tag: null, endTagName: name });
      },
    });
  }

  get bailedOut(): 'TAG_TOO_LONG' | null {
    return this.#php.bailedOut ?? this.#page.bailedOut;
  }

  scan(bytes: Buffer, from: number, to: number, isLast: boolean): number {
    const distance = from - this.#settled;
    if (distance !== 0) for (const waiting of [...this.#phpWaiting, ...this.#pageWaiting]) move(waiting, distance);
    const phpAt = this.#php.scan(bytes, from + this.#phpAhead, to, isLast);
    const pageAt = this.#page.scan(bytes, from + this.#pageAhead, to, isLast);
    const settled = this.#deliver(bytes, Math.min(phpAt, pageAt));
    this.#phpAhead = phpAt - settled;
    this.#pageAhead = pageAt - settled;
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
    phpTags.splice(0, phpIndex);
    pageTags.splice(0, pageIndex);
    return settled;
  }

  #report(bytes: Buffer, php: Waiting | null, page: Waiting | null): void {
    if (page !== null && page.tag === null) {
      this.#sink.endTag(page.endTagName, bytes, page.start, page.end);
      return;
    }
    const pageTag = page?.tag ?? null;
    if (pageTag !== null) pageTag.bytes = bytes;
    // Copies of PHP's tags are of their own type; the two lists are never mixed.
    const phpTag = (php?.tag ?? null) as PhpStartTag | null;
    if (phpTag !== null) {
      phpTag.bytes = bytes;
      this.#sink.startTag({ ...phpTag, isPhp: true, page: pageTag });
    } else if (pageTag !== null) {
      this.#sink.startTag({
        ...pageTag,
        attributeCount: 0,
        attributes: [],
        isClosed: true,
        isPhp: false,
        page: pageTag,
      });
    }
  }
}

function copySpan<Span extends AttributeSpan>(span: Span): Span {
  return { ...span };
}

function move(waiting: Waiting, distance: number): void {
  waiting.start += distance;
  waiting.end += distance;
  if (waiting.tag === null) return;
  waiting.tag.start += distance;
  waiting.tag.end += distance;
  for (const attribute of waiting.tag.attributes) {
    attribute.nameStart += distance;
    attribute.nameEnd += distance;
    attribute.valueStart += distance;
    attribute.valueEnd += distance;
  }
}
