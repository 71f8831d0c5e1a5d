/**
 * What all scanners of the rewriter have in common: bytes in, start tags with source spans out.
 *
 * A scanner never copies, decodes or changes bytes, and it knows nothing of sessions. It is fed by `html/rewriter.ts`,
 * which keeps what a scanner has not settled yet and presents it again with more bytes behind it.
 */
import type { LinkRun } from './link-run.ts';

/** One attribute as it stands in the source. All offsets are into `StartTag.bytes`. */
export interface AttributeSpan {
  nameStart: number;
  nameEnd: number;
  /** The value without its quotes; start equals end for an empty value or none. */
  valueStart: number;
  valueEnd: number;
  /** 0x22, 0x27, or 0 for an unquoted or missing value. */
  quote: number;
  /** False for `<a href>`, true for `<a href="">`. */
  hasValue: boolean;
}

export type Namespace = 'html' | 'svg' | 'math';

/**
 * One start tag of interest. The object and its spans belong to the scanner and are reused: read it inside the callback.
 * Repeated attributes are reported as they stand; the first counts in HTML, `scan-php` counts each [PHP 2.3]. Names are
 * read without their case; where case counts (`scan-xml`), those with a capital in them are left out.
 */
export interface StartTag {
  /** Lower case, as the tree builder would name it. */
  name: string;
  namespace: Namespace;
  bytes: Buffer;
  /** Offset of `<`. */
  start: number;
  /** Offset just behind `>`. */
  end: number;
  isSelfClosing: boolean;
  /**
   * True for a `form` or `base` that the tree builder ignores, in a `select` or a frameset. Browsers of the current rules
   * ignore none in a `select`. A field behind such a form would end the select.
   */
  isDropped?: boolean;
  /** True for a `form` in a table within a template: browsers ignore it or, since 2026, make an element that nothing belongs to. */
  hasNoControls?: boolean;
  attributeCount: number;
  /** At least `attributeCount` long; what lies behind is stale. */
  attributes: AttributeSpan[];
}

/** Told what the scanner finds, in document order. */
export interface TagSink {
  startTag(tag: StartTag): void;
  /**
   * Links of which nothing but the link need be known, as far as the scanner has looked into them: `run` is moved on past those that
   * are dealt with, and where it stops, `startTag` tells the tag. The same run each time. Without this every tag is told.
   */
  links?(run: LinkRun): void;
  /**
   * Only for names in `TagInterest.endTags`, and not for a `</form>` within a `select`, which closes nothing. `namespace` is that of
   * the element which it closes, `html` if it closes none. `start` is the offset of `<`, `end` just behind `>`, both into `bytes`.
   */
  endTag(name: string, namespace: Namespace, bytes: Buffer, start: number, end: number): void;
  /** A `</form>` within a `select`: browsers of the current rules obey it. */
  ignoredEndTag?(name: string): void;
  /**
   * From here on browsers find different tags, by the rules that they have for `select` or by whether they run scripts, or
   * the page is too deep to be followed: nothing more is told. Without this the scanner goes on as parse5 does, and past its bounds as in
   * an ordinary body. `at`: the offset of what comes next, where that is no tag that was just told.
   */
  cutOff?(at?: number): void;
}

export interface TagInterest {
  /** Lower-case names of the start tags to report, in any namespace. */
  readonly startTags: ReadonlySet<string>;
  readonly endTags: ReadonlySet<string>;
  /** Of those, the elements whose link is told by `TagSink.links`. One without any attribute named here may not be told at all. */
  readonly links?: ReadonlyMap<string, LinkInterest>;
}

export interface LinkInterest {
  /** Lower-case name of the attribute that holds the link; '' if none does. */
  readonly attribute: string;
  /** Lower-case names of the element's other attributes of interest. */
  readonly others: readonly string[];
}

export interface Scanner {
  /**
   * Scan `bytes[from, to)` and report each whole tag of interest to the sink.
   *
   * Returns the offset up to which everything is settled; the bytes behind it are presented again, at offset `from` of a
   * later call, with more bytes behind them. With `isLast` the page ends at `to` and everything is settled.
   */
  scan(bytes: Buffer, from: number, to: number, isLast: boolean): number;
  /** Why the scanner gave up on this page, null while it has not. After that it reports nothing more. */
  readonly bailedOut: 'TAG_TOO_LONG' | null;
}
