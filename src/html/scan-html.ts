/**
 * WHATWG tokenisation on bytes (HTML §13.2.5), with what a tree builder would tell the tokenizer: our own, the hot loop
 * of the product.
 *
 * It finds the start tags that a browser finds, in any ASCII-compatible charset, and passes over everything else as fast
 * as it can: text, comments, raw text and tags of no interest are settled as they come; held back is only an unfinished
 * tag of interest, or a few bytes that may begin something.
 *
 * What a tag does to what comes behind it is asked of `LazyFeedback`; the tags that do nothing are written into its log
 * here, in the hot loop.
 *
 * Where the runtime has SIMD, plain markup goes through the same loop in WebAssembly (`markup-loop.ts`), and this one takes
 * a step wherever that stops. The results are the same.
 *
 * Deliberately not here: character references, attribute values, the tree.
 */
import { LIMITS } from '../limits.ts';
import { type AttributeReader, ENDS_NAME, equalsIgnoringCase, findByte, type TagEndFinder } from './attributes.ts';
import type { CdataEnd, CommentEnd, RawTextEnd } from './content.ts';
import {
  type Content,
  DATA,
  NEWLINE,
  NO_TEXT,
  PLAINTEXT,
  SCRIPT,
  SPACE,
  TEXT,
  type TextKind,
} from './content-model.ts';
import { asksForQuirks } from './doctype.ts';
import { isFormatting } from './element-traits.ts';
import { CONTEXT, FORMATTING, heedOf, PLAIN } from './heed.ts';
import { isContext, keyOf, LazyFeedback } from './lazy-feedback.ts';
import { skipSpace } from './leading-space.ts';
import { type MarkupLoop, markupLoop, STOPPED_FULL } from './markup-loop.ts';
import type { Namespace, Scanner, StartTag, TagInterest, TagSink } from './scanner.ts';
import { type Desk, giveBackDesk, takeDesk } from './scanner-desk.ts';
import { fingerprintOf, isMarked } from './tag-facts.ts';
import { END, NUMBER_SHIFT, type TagLog, TEXT_SHIFT } from './tag-log.ts';
import { type NameTable, nameTableOf, slotOf, TAG, UNKNOWN } from './tag-names.ts';

export interface HtmlScannerOptions {
  /** Whether the client runs scripts, so that `noscript` is raw text. Default false: a cookieless one often runs none. */
  readonly scripting?: boolean;
  /** See `LinkRun.watchedParameter`. Default 0. */
  readonly watchedParameter?: number;
  /**
   * For tests: `typescript` goes without WebAssembly, `webassembly` uses it for the smallest piece and throws where the
   * runtime cannot. Default: where it can, and it pays.
   */
  readonly engine?: 'webassembly' | 'typescript';
}

/** A scanner for one page. */
export function createHtmlScanner(interest: TagInterest, sink: TagSink, options: HtmlScannerOptions = {}): Scanner {
  return new HtmlScanner(nameTableOf(interest), sink, options);
}

const LESS = 0x3c;
const GREATER = 0x3e;
const SLASH = 0x2f;
const BANG = 0x21;
const QUESTION = 0x3f;
const DASH = 0x2d;
const AMPERSAND = 0x26;
const LF = 0x0a;

// Where the scanner is: in markup, or in content that only its own end can end.
const MARKUP = 0;
const RAW = 1;
const COMMENT = 2;
const BOGUS_COMMENT = 3;
const CDATA = 4;
const IN_START_TAG = 5;
const IN_END_TAG = 6;
const REST = 7;

/** A document type longer than this is not read but taken for one that asks for quirks mode. */
const MAX_DOCTYPE_BYTES = 1024;
/** A longer name is none that anybody is interested in. */
const MAX_NAME_BYTES = 64;
/** Text is searched this far by a loop before a call takes over. */
const NEAR_BYTES = 48;

/** Less than this is not worth a call into WebAssembly. */
const MIN_FAST_BYTES = 256;
/** When the loop stops so near to the end of its input, more of the page is loaded rather than a step taken. */
const RELOAD_BYTES = 8192;

/** What may follow a `<`: 1 for a letter. */
const IS_LETTER = new Uint8Array(256);
for (let byte = 0x61; byte <= 0x7a; byte++) {
  IS_LETTER[byte] = 1;
  IS_LETTER[byte - 0x20] = 1;
}

// What the hot loop uses of other modules: an imported binding is looked up at every use, a constant of this module not.
const TAG_A = TAG.a;
const TAG_FORM = TAG.form;
const TAG_BASE = TAG.base;
const TAG_NOSCRIPT = TAG.noscript;
const NAME_ENDS = ENDS_NAME;
const ENTRY_NUMBER = NUMBER_SHIFT;
const ENTRY_TEXT = TEXT_SHIFT;
const ENTRY_END = END;
const WITHOUT_TEXT = NO_TEXT;
const WITH_TEXT = TEXT;
const NO_NUMBER = UNKNOWN;
const HEED_NOTHING = PLAIN;
const HEED_FORMATTING = FORMATTING;
const HEED_CONTEXT = CONTEXT;

class HtmlScanner implements Scanner {
  bailedOut: Scanner['bailedOut'] = null;
  private readonly sink: TagSink;
  private readonly names: NameTable;
  private readonly isScripting: boolean;
  private readonly loop: MarkupLoop | null;
  private readonly minFastBytes: number;
  private readonly watchedParameter: number;
  private readonly desk: Desk;
  private readonly reader: AttributeReader;
  private readonly tree: LazyFeedback;
  private readonly log: TagLog;
  private readonly tagEnd: TagEndFinder;
  private readonly rawEnd: RawTextEnd;
  private readonly commentEnd: CommentEnd;
  private readonly cdataEnd: CdataEnd;
  private readonly tag: StartTag;

  private isDone = false;
  private place = MARKUP;
  /** Set when the bytes from the returned offset on must be seen again with more behind them. */
  private isHeld = false;
  /** Bytes of a held tag that `tagEnd` has seen; 0 if no tag is held. */
  private heldBytes = 0;
  /** The held tag was cut in its name, so that it was not clear yet whether it must be held. */
  private wasInName = false;
  /** Name of a tag that is passed over while it arrives. */
  private openNumber = UNKNOWN;
  private openHash = 0;
  private isAtStart = true;
  /** By tag number: what the hot loop must heed. */
  private readonly heed: Uint8Array;

  constructor(names: NameTable, sink: TagSink, options: HtmlScannerOptions) {
    const { engine } = options;
    this.names = names;
    this.sink = sink;
    this.isScripting = options.scripting ?? false;
    this.watchedParameter = options.watchedParameter ?? 0;
    this.loop = engine === 'typescript' ? null : markupLoop();
    this.minFastBytes = engine === 'webassembly' ? 1 : MIN_FAST_BYTES;
    if (engine === 'webassembly' && this.loop === null) throw new Error('no SIMD here');
    const desk = takeDesk();
    this.desk = desk;
    this.reader = desk.reader;
    this.log = desk.log;
    this.tagEnd = desk.tagEnd;
    this.rawEnd = desk.rawEnd;
    this.commentEnd = desk.commentEnd;
    this.cdataEnd = desk.cdataEnd;
    this.tree = new LazyFeedback(desk.log, desk.token, this.isScripting);
    this.tag = desk.tag;
    this.heed = heedOf(names);
  }

  scan(bytes: Buffer, from: number, to: number, isLast: boolean): number {
    if (this.isDone) return to;
    // Finders may use searches that run to the end of the buffer.
    const buffer = bytes.length === to ? bytes : bytes.subarray(0, to);
    this.isHeld = false;
    // The caller may have other bytes in the same buffer by now.
    this.loop?.forget();
    let p = this.isAtStart ? this.skipByteOrderMark(buffer, from, to, isLast) : from;
    if (this.heldBytes !== 0 && !this.resumeTag(buffer, p, to)) return this.settle(p, to, isLast);
    while (p < to && !this.isHeld && this.bailedOut === null) {
      if (this.place !== MARKUP) p = this.scanContent(buffer, p, to);
      else if (this.loop === null || this.loop.isLent || to - p < this.minFastBytes) {
        p = this.scanMarkup(buffer, p, to, isLast, false);
      } else if (this.tree.isCareful) p = this.scanMarkup(buffer, p, to, isLast, true);
      else p = this.scanFast(this.loop, buffer, p, to, isLast);
    }
    return this.settle(p, to, isLast);
  }

  private settle(p: number, to: number, isLast: boolean): number {
    if (!isLast && this.bailedOut === null) return p;
    if (!this.isDone) giveBackDesk(this.desk);
    this.isDone = true;
    return to;
  }

  private skipByteOrderMark(bytes: Buffer, from: number, to: number, isLast: boolean): number {
    const mark = [0xef, 0xbb, 0xbf];
    let q = from;
    while (q < to && q - from < mark.length && bytes[q] === mark[q - from]) q++;
    if (q === from + mark.length) {
      this.isAtStart = false;
      return q;
    }
    if (q === to && !isLast) this.isHeld = true;
    else this.isAtStart = false;
    return from;
  }

  /** Look at the new bytes of a held tag; true if it can be read now. */
  private resumeTag(bytes: Buffer, from: number, to: number): boolean {
    const end = this.tagEnd.find(bytes, from + this.heldBytes, to);
    const length = to - from;
    this.heldBytes = length;
    if (end < 0 && length > LIMITS.maxTagBytes) this.bailedOut = 'TAG_TOO_LONG';
    if (end < 0 && this.wasInName && (!this.tagEnd.isInName || length > MAX_NAME_BYTES)) {
      // Only now can be told whether the tag must be held at all.
      this.wasInName = false;
      this.heldBytes = 0;
      return true;
    }
    if (end < 0) return false;
    this.heldBytes = 0;
    return true;
  }

  /** Markup by the loop in WebAssembly, with a step here wherever it stops, until the place changes. */
  private scanFast(loop: MarkupLoop, bytes: Buffer, from: number, to: number, isLast: boolean): number {
    loop.isLent = true;
    try {
      loop.use(this.names, this.heed);
      let p = from;
      for (;;) {
        if (!loop.holds(bytes, p)) loop.load(bytes, p, to);
        const { base, end } = loop;
        loop.run(p - base, Math.min(end, to) - base, this.tree.text, this.watchedParameter);
        const isMoving = base + loop.next !== p;
        p = base + loop.next;
        this.tree.text = loop.text as TextKind;
        if (loop.entryCount !== 0) this.log.append(loop.entries, loop.entryCount, () => this.tree.makeRoom());
        if (loop.recordCount !== 0) this.takeRecords(loop, bytes, base, to);
        if (p >= to) return p;
        if (p >= end || loop.why === STOPPED_FULL) continue;
        if (end < to && end - p < RELOAD_BYTES && isMoving) {
          loop.load(bytes, p, to);
          continue;
        }
        p = this.scanMarkup(bytes, p, to, isLast, true);
        if (p >= to || this.isHeld || this.place !== MARKUP || this.bailedOut !== null) return p;
      }
    } finally {
      loop.isLent = false;
    }
  }

  /** Tell of the links and tags of interest that the loop came by. */
  private takeRecords(loop: MarkupLoop, bytes: Buffer, base: number, to: number): void {
    const { sink, names, reader } = this;
    const run = this.desk.links;
    run.watchedParameter = this.watchedParameter;
    run.open(loop.records, loop.recordCount, base, bytes, names.names);
    for (; !run.isOver; run.next()) {
      sink.links?.(run);
      if (run.isOver) return;
      const { number, name, start } = run;
      this.report(number, 'html', bytes, start, reader.read(bytes, start + 1 + name.length, to));
    }
  }

  /**
   * The hot loop: text and tags until the place changes, or with `isStep` until the next that is plain is done. Returns
   * where it stopped.
   *
   * Text is classed in passing, since tree construction asks what stood before a tag; see `TextKind`.
   */
  private scanMarkup(bytes: Buffer, from: number, to: number, isLast: boolean, isStep: boolean): number {
    const { heed, log, reader } = this;
    const { hashes, numbers } = this.names;
    let { entries, count, highWater } = log;
    let text = this.tree.text as number;
    let isCareful = this.tree.isCareful ? HEED_CONTEXT : HEED_NOTHING;
    let p = from;
    for (;;) {
      // Text. All offsets read here and below are under `to`, so the bytes are numbers.
      if (p >= to) break;
      let byte = bytes[p]!;
      if (byte !== LESS) {
        let q = p;
        if (byte > 0x20 && byte !== AMPERSAND) text = WITH_TEXT;
        else if (text !== WITH_TEXT) {
          // Line breaks and indents between tags, most of all.
          while (q < to && (bytes[q] === 0x20 || bytes[q] === LF || bytes[q] === 0x09)) q++;
          if (q < to && bytes[q] === LESS) {
            text = text === WITHOUT_TEXT && q === p + 1 && byte === LF ? NEWLINE : SPACE;
          } else {
            log.count = count;
            this.tree.text = text as TextKind;
            q = skipSpace(bytes, p, to, isLast, this.tree);
            text = this.tree.text;
            entries = log.entries;
            count = log.count;
            highWater = log.highWater;
            if (q < 0) {
              this.isHeld = true;
              return ~q;
            }
            if (q >= to) {
              p = to;
              break;
            }
            if (bytes[q] !== LESS) text = WITH_TEXT;
          }
        }
        p = q;
        // To the next '<', some 20 bytes on: written out, as a call would cost as much as the search.
        const near = Math.min(p + NEAR_BYTES, to) - 4;
        for (;;) {
          if (p >= near) {
            p = findByte(bytes, LESS, p, to);
            break;
          }
          if (bytes[p] === LESS) break;
          if (bytes[++p] === LESS) break;
          if (bytes[++p] === LESS) break;
          if (bytes[++p] === LESS) break;
          p++;
        }
        if (p >= to) break;
      }
      if (p + 1 >= to) {
        this.isHeld = true;
        break;
      }
      byte = bytes[p + 1]!;
      const isEnd = byte === SLASH;
      let q = p + 1;
      if (isEnd) {
        q++;
        if (q >= to) {
          this.isHeld = true;
          break;
        }
        byte = bytes[q]!;
      }
      if (IS_LETTER[byte] === 0) {
        log.count = count;
        this.tree.text = text as TextKind;
        const next = this.scanOther(bytes, p, to, isLast);
        text = this.tree.text;
        entries = log.entries;
        count = log.count;
        highWater = log.highWater;
        p = next;
        if (this.isHeld || this.place !== MARKUP || (isStep && !this.tree.isCareful)) break;
        continue;
      }

      // A tag: its name.
      const nameStart = q;
      let hash = 0;
      do {
        hash = ((hash << 5) | (hash >>> 27)) ^ (byte | 0x20);
        if (++q >= to) break;
        byte = bytes[q]!;
      } while (byte > GREATER || NAME_ENDS[byte] === 0);
      if (q >= to) {
        this.holdName(bytes, p, nameStart, to);
        if (this.place !== MARKUP) {
          this.openHash = hash;
          p = to;
        }
        break;
      }
      let slot = slotOf(hash);
      let found = hashes[slot]!;
      while (found !== hash && found !== 0) {
        slot = (slot + 1) & (hashes.length - 1);
        found = hashes[slot]!;
      }
      const number = found === 0 ? NO_NUMBER : numbers[slot]!;

      // A plain tag: pass over it.
      const care = heed[isEnd ? number | 0x100 : number]! | isCareful;
      if (care === HEED_NOTHING || (care === HEED_FORMATTING && byte === GREATER)) {
        if (byte === GREATER) q++;
        else {
          const end = reader.skip(bytes, q, to);
          if (end < 0) {
            this.openTag(bytes, isEnd, number, hash, q, to);
            p = to;
            break;
          }
          q = end;
        }
        entries[count++] = (number << ENTRY_NUMBER) | (text << ENTRY_TEXT) | (isEnd ? ENTRY_END : 0);
        if (count >= highWater) {
          log.count = count;
          this.tree.makeRoom();
          entries = log.entries;
          count = log.count;
          highWater = log.highWater;
        }
        text = WITHOUT_TEXT;
        p = q;
        if (isStep) break;
        continue;
      }

      log.count = count;
      this.tree.text = text as TextKind;
      const next = isEnd
        ? this.scanEndTag(bytes, p, nameStart, q, to, number, hash)
        : this.scanStartTag(bytes, p, nameStart, q, to, number, hash);
      text = this.tree.text;
      entries = log.entries;
      count = log.count;
      highWater = log.highWater;
      isCareful = this.tree.isCareful ? HEED_CONTEXT : HEED_NOTHING;
      p = next;
      if (this.isHeld || this.place !== MARKUP || this.bailedOut !== null || (isStep && !this.tree.isCareful)) break;
    }
    log.count = count;
    this.tree.text = text as TextKind;
    return p;
  }

  /** `<` or `</` and something that is no letter. */
  private scanOther(bytes: Buffer, p: number, to: number, isLast: boolean): number {
    const byte = bytes[p + 1]!;
    if (byte === SLASH) {
      if (bytes[p + 2] === GREATER) return p + 3;
      return this.enterComment(BOGUS_COMMENT, p + 2);
    }
    if (byte === QUESTION) return this.enterComment(BOGUS_COMMENT, p + 1);
    if (byte !== BANG) {
      this.tree.text = TEXT;
      return p + 1;
    }
    const available = to - p - 2;
    if (bytes[p + 2] === DASH && bytes[p + 3] === DASH) {
      this.commentEnd.start();
      return this.enterComment(COMMENT, p + 4);
    }
    if (startsWith(bytes, p + 2, to, 'doctype')) {
      if (available >= 7) return this.scanDoctype(bytes, p, to, isLast);
    } else if (startsWith(bytes, p + 2, to, '[cdata[') && isUpperCdata(bytes, p + 2, to)) {
      if (available >= 7) {
        const isCdata = this.tree.isCdataAllowed();
        this.cdataEnd.start();
        const next = isCdata ? p + 9 : this.enterComment(BOGUS_COMMENT, p + 2);
        this.place = isCdata ? CDATA : BOGUS_COMMENT;
        if (this.tree.isTorn) this.cutOff();
        return next;
      }
    } else if (!startsWith(bytes, p + 2, to, '--')) return this.enterComment(BOGUS_COMMENT, p + 2);
    if (isLast) return to;
    this.isHeld = true;
    return p;
  }

  private enterComment(place: number, next: number): number {
    this.tree.comment();
    this.place = place;
    return next;
  }

  private scanDoctype(bytes: Buffer, p: number, to: number, isLast: boolean): number {
    const end = findByte(bytes, GREATER, p + 9, to);
    if (end >= to && to - p <= MAX_DOCTYPE_BYTES && !isLast) {
      this.isHeld = true;
      return p;
    }
    const isLong = end - p > MAX_DOCTYPE_BYTES;
    const isQuirks = isLong || asksForQuirks(bytes.toString('latin1', p + 9, end));
    this.tree.doctype(isQuirks);
    this.place = BOGUS_COMMENT;
    if (this.tree.isInNoscript) this.watchNoscript(bytes, p, end);
    return isLong ? p + MAX_DOCTYPE_BYTES : end;
  }

  /** Content that only its own end can end. Returns where markup goes on, or `to`. */
  private scanContent(bytes: Buffer, p: number, to: number): number {
    if (!this.tree.isInNoscript) return this.skipContent(bytes, p, to);
    const end = this.skipContent(bytes, p, to);
    this.watchNoscript(bytes, p, end);
    return end;
  }

  private skipContent(bytes: Buffer, p: number, to: number): number {
    if (this.place === REST) return to;
    if (this.place === RAW) {
      const at = this.rawEnd.find(bytes, p, to);
      if (this.rawEnd.isFound) {
        this.place = MARKUP;
        this.tree.endRawText();
      } else if (at < to) this.isHeld = true;
      return at;
    }
    if (this.place === IN_START_TAG || this.place === IN_END_TAG) return this.resumeOpenTag(bytes, p, to);
    let end = -1;
    if (this.place === COMMENT) end = this.commentEnd.find(bytes, p, to);
    else if (this.place === CDATA) {
      end = this.cdataEnd.find(bytes, p, to);
      if (this.cdataEnd.hasText) this.tree.text = TEXT;
      else if (this.cdataEnd.hasSpace && this.tree.text !== TEXT) this.tree.text = SPACE;
    } else {
      const at = findByte(bytes, GREATER, p, to);
      end = at < to ? at + 1 : -1;
    }
    if (end < 0) return to;
    this.place = MARKUP;
    return end;
  }

  /** Bytes in a `noscript` that are no text and no end tag of its own: what would end it there where scripts run parts the readings. */
  private watchNoscript(bytes: Buffer, from: number, to: number): void {
    if (this.desk.noscriptEnd.isIn(bytes, from, to)) this.cutOff();
  }

  private enterNoscript(): void {
    if (!this.tree.isInNoscript) this.desk.noscriptEnd.start();
    this.tree.enterNoscript();
  }

  /** Browsers do not agree from here on. */
  private cutOff(): void {
    if (this.sink.cutOff === undefined) return;
    this.sink.cutOff();
    this.tree.isInNoscript = false;
    this.place = REST;
  }

  /** A tag whose name is cut: hold it, unless the name is too long to matter. */
  private holdName(bytes: Buffer, p: number, nameStart: number, to: number): void {
    this.tagEnd.start();
    this.tagEnd.find(bytes, nameStart, to);
    if (to - nameStart > MAX_NAME_BYTES) {
      this.openNumber = UNKNOWN;
      this.place = bytes[p + 1] === SLASH ? IN_END_TAG : IN_START_TAG;
      if (this.tree.isInNoscript) this.watchNoscript(bytes, nameStart, to);
      return;
    }
    this.heldBytes = to - p;
    this.wasInName = true;
    this.isHeld = true;
  }

  /** A tag of interest that is cut: hold it from `p` on. */
  private holdTag(bytes: Buffer, p: number, nameStart: number, to: number): number {
    if (to - p > LIMITS.maxTagBytes) {
      this.bailedOut = 'TAG_TOO_LONG';
      return to;
    }
    this.tagEnd.start();
    this.tagEnd.find(bytes, nameStart, to);
    this.heldBytes = to - p;
    this.wasInName = false;
    this.isHeld = true;
    return p;
  }

  /** A tag of no interest that is cut: pass over it as it comes. `nameEnd` is behind its name. */
  private openTag(bytes: Buffer, isEnd: boolean, number: number, hash: number, nameEnd: number, to: number): void {
    this.openNumber = number;
    this.openHash = hash;
    this.place = isEnd ? IN_END_TAG : IN_START_TAG;
    this.tagEnd.start();
    this.tagEnd.find(bytes, nameEnd, to);
  }

  private resumeOpenTag(bytes: Buffer, p: number, to: number): number {
    const end = this.tagEnd.find(bytes, p, to);
    if (end < 0) return to;
    const isStart = this.place === IN_START_TAG;
    this.place = MARKUP;
    const number = this.openNumber;
    if (isStart) this.start(number, this.openHash, this.tagEnd.isSelfClosing, false, 0);
    else this.end(number, this.openHash);
    return end;
  }

  /** A start tag that is not plain: of interest, of a context, of a name that we do not know, or in one to be careful. */
  private scanStartTag(
    bytes: Buffer,
    p: number,
    nameStart: number,
    nameEnd: number,
    to: number,
    found: number,
    hash: number,
  ): number {
    const { names, reader, tree } = this;
    const number = found !== UNKNOWN && names.is(found, bytes, nameStart, nameEnd) ? found : UNKNOWN;
    const isWanted = names.interestingStarts[number] === 1;
    const isWhole = isWanted || number === TAG.input || number === TAG.font || number === TAG['annotation-xml'];
    if (!isWhole) {
      const end = reader.skip(bytes, nameEnd, to);
      if (end < 0) this.openTag(bytes, false, number, hash, nameEnd, to);
      if (tree.isInNoscript) this.watchNoscript(bytes, nameStart, end < 0 ? to : end);
      if (end < 0 || this.place === REST) return end < 0 ? to : end;
      this.start(number, hash, reader.isSelfClosing, false, fingerprintOf(bytes, nameEnd, end, number));
      return end;
    }
    const end = reader.read(bytes, nameEnd, to);
    if (end < 0) return this.holdTag(bytes, p, nameStart, to);
    if (end - p > LIMITS.maxTagBytes) {
      this.bailedOut = 'TAG_TOO_LONG';
      return to;
    }
    if (tree.isInNoscript) this.watchNoscript(bytes, nameStart, end);
    if (this.place === REST) return end;
    const isPlain = !tree.isCareful && !isContext(number) && (number !== TAG_FORM || tree.isFormPlain);
    if (isWanted && isPlain && (number === TAG_A || !isFormatting(number))) {
      // Links, most of all: nothing here can matter to the tokenizer.
      tree.plainStart(number, number === TAG_A && reader.count !== 0);
      this.report(number, 'html', bytes, p, end);
      return end;
    }
    const fingerprint = fingerprintOf(bytes, nameEnd, end, number);
    this.start(number, hash, reader.isSelfClosing, isMarked(reader, bytes, number), fingerprint);
    if (!isWanted || (this.place === REST && number !== TAG.plaintext)) return end;
    this.tag.isDropped = (number === TAG_FORM || number === TAG_BASE) && tree.wasDropped;
    this.tag.hasNoControls = number === TAG_FORM && tree.hasFormNoControls;
    this.report(number, tree.namespace, bytes, p, end);
    this.tag.isDropped = false;
    this.tag.hasNoControls = false;
    return end;
  }

  private report(number: number, namespace: Namespace, bytes: Buffer, start: number, end: number): void {
    const { tag, reader, names } = this;
    // The number is one of the table's.
    tag.name = names.names[number]!;
    // Mostly the same as before, and a store of a reference costs more than a comparison.
    if (tag.namespace !== namespace) tag.namespace = namespace;
    if (tag.bytes !== bytes) tag.bytes = bytes;
    tag.start = start;
    tag.end = end;
    tag.isSelfClosing = reader.isSelfClosing;
    tag.attributeCount = reader.count;
    this.sink.startTag(tag);
  }

  /** Let a whole start tag have its effect. */
  private start(number: number, hash: number, isSelfClosing: boolean, isMarked: boolean, fingerprint: number): void {
    const content: Content = this.tree.start(number, keyOf(number, hash), isSelfClosing, isMarked, fingerprint);
    if (this.tree.isTorn) this.cutOff();
    if (this.place === REST) return;
    if (number === TAG_NOSCRIPT) this.enterNoscript();
    if (content === DATA) return;
    if (content === PLAINTEXT) {
      this.place = REST;
      return;
    }
    this.place = RAW;
    // Only names of the table have such content.
    this.rawEnd.start(content === SCRIPT ? 'script' : this.names.names[number]!);
  }

  /** Let a whole end tag have its effect. */
  private end(number: number, hash: number): void {
    this.tree.end(number, keyOf(number, hash));
    if (number === TAG_NOSCRIPT) this.tree.leaveNoscript();
    if (this.tree.isTorn) this.cutOff();
  }

  /** An end tag that is not plain. */
  private scanEndTag(
    bytes: Buffer,
    p: number,
    nameStart: number,
    nameEnd: number,
    to: number,
    found: number,
    hash: number,
  ): number {
    const { names } = this;
    const number = found !== UNKNOWN && names.is(found, bytes, nameStart, nameEnd) ? found : UNKNOWN;
    const isWanted = names.interestingEnds[number] === 1;
    const end = bytes[nameEnd] === GREATER ? nameEnd + 1 : this.reader.skip(bytes, nameEnd, to);
    const isNoscript = number === TAG_NOSCRIPT;
    if (end < 0) {
      if (isWanted) return this.holdTag(bytes, p, nameStart, to);
      this.openTag(bytes, true, number, hash, nameEnd, to);
      if (this.tree.isInNoscript && !isNoscript) this.watchNoscript(bytes, nameStart, to);
      return to;
    }
    if (this.tree.isInNoscript && !isNoscript) this.watchNoscript(bytes, nameStart, end);
    if (this.place === REST) return end;
    if (isWanted && end - p > LIMITS.maxTagBytes) {
      this.bailedOut = 'TAG_TOO_LONG';
      return to;
    }
    const isDropped = number === TAG_FORM && this.tree.isInSelect();
    this.end(number, hash);
    if (!isWanted || this.place === REST) return end;
    if (isDropped) this.sink.ignoredEndTag?.(names.names[number]!);
    else this.sink.endTag(names.names[number]!, this.tree.namespace, bytes, p, end);
    return end;
  }
}

/** Whether `bytes[at, to)` is the beginning of `text` or begins with it. */
function startsWith(bytes: Buffer, at: number, to: number, text: string): boolean {
  return equalsIgnoringCase(bytes, at, text.slice(0, Math.max(to - at, 0)));
}

function isUpperCdata(bytes: Buffer, at: number, to: number): boolean {
  return '[CDATA['.startsWith(bytes.toString('latin1', at, Math.min(at + 7, to)));
}
