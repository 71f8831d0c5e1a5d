/**
 * Start tags of XHTML, WML and SVG documents, found by htmlparser2's tokenizer in XML mode; the only importer of it.
 *
 * The tokenizer sees a latin1 view of the bytes, so its indices are byte offsets of the stream. It keeps its state between
 * chunks, and is fed only up to where a tag could begin that is not whole yet. Namespaces are resolved here: tags are
 * reported by their local name, if they belong to XHTML, SVG, MathML, WML, or to no namespace, as the whole document (WML 1).
 *
 * A document that is not well-formed is not shown by browsers; what is reported of it does not matter. A document with an
 * internal DTD subset is left alone: it can define entities that spell URLs which nobody but an XML processor can read. So is one
 * whose namespaces cannot be read.
 */
import { QuoteType, Tokenizer } from 'htmlparser2';
import { LIMITS } from '../limits.ts';
import { decodeAttributeValue, UNREADABLE } from './character-references.ts';
import type { AttributeSpan, Namespace, Scanner, StartTag, TagInterest, TagSink } from './scanner.ts';

const NAMESPACES: ReadonlyMap<string, Namespace> = new Map([
  ['', 'html'],
  ['http://www.w3.org/1999/xhtml', 'html'],
  ['http://www.wapforum.org/2001/wml', 'html'],
  ['http://www.w3.org/2000/svg', 'svg'],
  ['http://www.w3.org/1998/Math/MathML', 'math'],
]);
/** Stands for what a prefix without declaration means. */
const UNBOUND = 'unbound:';
/** Declarations of namespaces in force, those that others hide included. More is no document, and each costs memory. */
const MAX_DECLARATIONS = 1000;

const LESS = 0x3c;
const GREATER = 0x3e;
const BANG = 0x21;
const QUESTION = 0x3f;
const HYPHEN = 0x2d;
const BRACKET = 0x5b;

/** A namespace that the open element at `depth` declares; '' is the default one. */
interface Declaration {
  readonly depth: number;
  readonly prefix: string;
  /** What the prefix means around the element; undefined for nothing. */
  readonly hidden: string | undefined;
}

/** A scanner for one XML document; chunks never matter. */
export function createXmlScanner(interest: TagInterest, sink: TagSink): Scanner {
  return new XmlScanner(interest, sink);
}

class XmlScanner implements Scanner {
  bailedOut: 'TAG_TOO_LONG' | null = null;
  readonly #interest: TagInterest;
  readonly #sink: TagSink;
  readonly #tokenizer: Tokenizer;
  readonly #tag: StartTag;
  /** Nothing more is reported: the document may define entities. */
  #isOff = false;
  /** Bytes of the stream that are settled, and how many behind them the tokenizer has, or hold no `>`. */
  #settled = 0;
  #fed = 0;
  #looked = 0;
  /** Offset in the buffer minus offset in the stream. */
  #shift = 0;
  /** Within a start tag, behind its name. Its spans are offsets in the stream until it is reported. */
  #isInTag = false;
  #depth = 0;
  /** What prefixes mean here. */
  readonly #prefixes = new Map<string, string>();
  readonly #declarations: Declaration[] = [];
  /** Namespace of the root element; null before it came. */
  #rootUri: string | null = null;
  /** `<` and name of an end tag that is not closed yet; in the stream. */
  #endTagStart = 0;

  constructor(interest: TagInterest, sink: TagSink) {
    this.#interest = interest;
    this.#sink = sink;
    this.#tag = {
      name: '',
      namespace: 'html',
      bytes: Buffer.alloc(0),
      start: 0,
      end: 0,
      isSelfClosing: false,
      attributeCount: 0,
      attributes: [],
    };
    this.#tokenizer = this.#createTokenizer();
  }

  scan(bytes: Buffer, from: number, to: number, isLast: boolean): number {
    if (this.#isOff || this.bailedOut !== null) return to;
    this.#tag.bytes = bytes;
    this.#shift = from - this.#settled;
    const settled = this.#isDone(bytes, from, to, isLast) ? to : this.#unsettledFrom(bytes, from, to);
    if (to - settled > LIMITS.maxTagBytes) return this.#giveUpOrGoOn(bytes, from, to);
    this.#settle(settled - from);
    this.#looked = to - settled;
    return this.bailedOut === null ? settled : to;
  }

  /** Feed all that can be fed; true if nothing has to be presented again. */
  #isDone(bytes: Buffer, from: number, to: number, isLast: boolean): boolean {
    if (isLast) {
      this.#feed(bytes, from, to);
      return true;
    }
    // Behind a `>` no name is unfinished, so the callbacks have told whether the tokenizer is within a tag.
    const greater = bytes.subarray(from + this.#looked, to).lastIndexOf(GREATER);
    if (greater >= 0) this.#feed(bytes, from, from + this.#looked + greater + 1);
    if (this.#isOff) return true;
    if (this.#isInTag) {
      this.#feed(bytes, from, to);
      return false;
    }
    const start = from + this.#fed;
    const less = bytes.subarray(start, to).indexOf(LESS);
    if (less < 0 || mayHoldNoTag(bytes, start + less, to)) {
      this.#feed(bytes, from, to);
      return true;
    }
    this.#feed(bytes, from, start + less);
    return false;
  }

  /** Where the tag begins that is not whole; only asked when there is, or can be, one. */
  #unsettledFrom(_bytes: Buffer, from: number, to: number): number {
    return this.#isInTag ? this.#tag.start + this.#shift : Math.min(to, from + this.#fed);
  }

  /** Too much is held: a tag that long ends the marking; a `<` in a comment or CDATA section does not. */
  #giveUpOrGoOn(bytes: Buffer, from: number, to: number): number {
    this.#feed(bytes, from, to);
    if (this.#isInTag) this.bailedOut = 'TAG_TOO_LONG';
    this.#settle(to - from);
    this.#looked = 0;
    return to;
  }

  #settle(count: number): void {
    this.#settled += count;
    this.#fed -= count;
  }

  #feed(bytes: Buffer, from: number, end: number): void {
    const start = from + this.#fed;
    if (end <= start) return;
    this.#fed = end - from;
    this.#tokenizer.write(bytes.toString('latin1', start, end));
  }

  #createTokenizer(): Tokenizer {
    const nothing = () => {};
    return new Tokenizer(
      { xmlMode: true, decodeEntities: false },
      {
        onopentagname: (start, end) => this.#openTag(start - 1, end),
        onattribname: (start, end) => this.#attributeName(start, end),
        onattribdata: (start) => this.#attributeData(start),
        onattribend: (quote, end) => this.#attributeEnd(quote, end),
        onopentagend: (end) => this.#closeStartTag(end + 1, false),
        onselfclosingtag: (end) => this.#closeStartTag(end + 1, true),
        onclosetag: (start, end) => this.#endTag(start, end),
        ondeclaration: (start, end) => this.#declaration(start, end),
        onattribentity: nothing,
        oncdata: nothing,
        oncomment: nothing,
        onend: nothing,
        onprocessinginstruction: nothing,
        ontext: nothing,
        ontextentity: nothing,
      },
    );
  }

  #openTag(start: number, nameEnd: number): void {
    const tag = this.#tag;
    this.#isInTag = true;
    tag.start = start;
    tag.attributeCount = 0;
    // A name that began before what is held is longer than any tag may be.
    if (start < this.#settled) this.bailedOut = 'TAG_TOO_LONG';
    else tag.name = this.#text(start + 1, nameEnd);
  }

  #attributeName(start: number, end: number): void {
    const tag = this.#tag;
    tag.attributes[tag.attributeCount++] = {
      nameStart: start,
      nameEnd: end,
      valueStart: end,
      valueEnd: end,
      quote: 0,
      hasValue: false,
    };
  }

  #attributeData(start: number): void {
    const span = this.#tag.attributes[this.#tag.attributeCount - 1];
    // Data comes in pieces where chunks end; the first one has the beginning.
    if (span === undefined || span.hasValue) return;
    span.hasValue = true;
    span.valueStart = start;
  }

  #attributeEnd(quote: QuoteType, end: number): void {
    const span = this.#tag.attributes[this.#tag.attributeCount - 1];
    if (span === undefined) return;
    const isQuoted = quote === QuoteType.Double || quote === QuoteType.Single;
    span.quote = quote === QuoteType.Double ? 0x22 : quote === QuoteType.Single ? 0x27 : 0;
    span.valueEnd = isQuoted ? end - 1 : end;
    if (!span.hasValue) span.valueStart = span.valueEnd;
  }

  #closeStartTag(end: number, isSelfClosing: boolean): void {
    const tag = this.#tag;
    this.#isInTag = false;
    if (this.bailedOut !== null || this.#isOff) return;
    if (isTooLong(tag.start, end)) {
      this.bailedOut = 'TAG_TOO_LONG';
      return;
    }
    this.#toBuffer();
    tag.end = end + this.#shift;
    tag.isSelfClosing = isSelfClosing;
    const { bytes } = tag;
    this.#enter(tag);
    if (this.#isOff) return;
    const reported = this.#resolve(tag.name);
    if (reported !== null && this.#interest.startTags.has(reported.name)) {
      leaveOutCapitals(tag);
      if (this.#declarations.length > 0) nameXlink(tag, this.#prefixes);
      tag.name = reported.name;
      tag.namespace = reported.namespace;
      this.#sink.startTag(tag);
    }
    if (!isSelfClosing) return;
    if (reported !== null && this.#interest.endTags.has(reported.name)) {
      this.#sink.endTag(reported.name, reported.namespace, bytes, tag.end, tag.end);
    }
    this.#leave();
  }

  /** From offsets of the stream to offsets of the buffer. */
  #toBuffer(): void {
    const tag = this.#tag;
    tag.start += this.#shift;
    for (let index = 0; index < tag.attributeCount; index++) {
      const span = tag.attributes[index] as AttributeSpan;
      span.nameStart += this.#shift;
      span.nameEnd += this.#shift;
      span.valueStart += this.#shift;
      span.valueEnd += this.#shift;
    }
  }

  #endTag(nameStart: number, nameEnd: number): void {
    if (this.bailedOut !== null || this.#isOff) return;
    this.#endTagStart = nameStart - 2;
    // Names that began before what is held are longer than any of interest.
    const reported = this.#endTagStart < this.#settled ? null : this.#resolve(this.#text(nameStart, nameEnd));
    this.#leave();
    if (reported === null || !this.#interest.endTags.has(reported.name)) return;
    const { bytes } = this.#tag;
    const end = bytes.indexOf(GREATER, nameEnd + this.#shift) + 1;
    const start = this.#endTagStart + this.#shift;
    this.#sink.endTag(reported.name, reported.namespace, bytes, start, end === 0 ? nameEnd + this.#shift : end);
  }

  #declaration(start: number, end: number): void {
    // A declaration longer than what is held is taken for one that has a subset.
    this.#isOff ||= isTooLong(start - 2, end + 1) || mayHaveSubset(this.#text(start, end));
  }

  #text(start: number, end: number): string {
    return this.#tag.bytes.toString('latin1', start + this.#shift, end + this.#shift);
  }

  /** Go into the element. */
  #enter(tag: StartTag): void {
    this.#depth++;
    for (let index = 0; index < tag.attributeCount; index++) {
      const { nameStart, nameEnd, valueStart, valueEnd } = tag.attributes[index] as AttributeSpan;
      if (nameEnd - nameStart < 5 || tag.bytes[nameStart] !== 0x78) continue;
      const declared = /^xmlns(?:$|:(.*))/s.exec(tag.bytes.toString('latin1', nameStart, nameEnd));
      if (declared === null) continue;
      const uri = decodeAttributeValue(tag.bytes.toString('latin1', valueStart, valueEnd), 'xml').text;
      if (uri === UNREADABLE) this.#cutOff();
      const prefix = declared[1] ?? '';
      this.#declarations.push({ depth: this.#depth, prefix, hidden: this.#prefixes.get(prefix) });
      this.#prefixes.set(prefix, uri);
    }
    if (this.#declarations.length > MAX_DECLARATIONS) this.#cutOff();
  }

  /** The rest cannot be read. */
  #cutOff(): void {
    this.#isOff = true;
    this.#sink.cutOff?.();
  }

  #leave(): void {
    for (let last = this.#declarations.at(-1); last?.depth === this.#depth; last = this.#declarations.at(-1)) {
      this.#declarations.pop();
      if (last.hidden === undefined) this.#prefixes.delete(last.prefix);
      else this.#prefixes.set(last.prefix, last.hidden);
    }
    this.#depth--;
  }

  /** Local name and namespace of a name as written; null if the namespace is none of ours, or none is bound. */
  #resolve(name: string): { name: string; namespace: Namespace } | null {
    const colon = name.indexOf(':');
    const uri = this.#prefixes.get(colon < 0 ? '' : name.slice(0, colon)) ?? (colon < 0 ? '' : null);
    this.#rootUri ??= uri ?? UNBOUND;
    // In a document that has namespaces, an element without one is nothing to a browser.
    const isNothing = uri === null || (uri === '' && this.#rootUri !== '');
    const namespace = isNothing ? undefined : NAMESPACES.get(uri);
    if (namespace === undefined) return null;
    const local = name.slice(colon + 1);
    const lower = local.toLowerCase();
    // XML knows cases: `<A>` is no link in XHTML or WML. SVG has names such as `feImage`.
    return namespace === 'svg' || lower === local ? { name: lower, namespace } : null;
  }
}

/**
 * XML knows cases, those who read a tag do not: `HREF` is no link, and must not be taken for the `href` behind it. No
 * attribute of interest has a capital in its name.
 */
function leaveOutCapitals(tag: StartTag): void {
  const { attributes, bytes } = tag;
  let count = 0;
  for (let index = 0; index < tag.attributeCount; index++) {
    const span = attributes[index] as AttributeSpan;
    if (!/[A-Z]/.test(bytes.toString('latin1', span.nameStart, span.nameEnd))) attributes[count++] = span;
  }
  tag.attributeCount = count;
}

const XLINK = 'http://www.w3.org/1999/xlink';

/**
 * A `href` of XLink by a prefix of the document's own is told as `href`, which is the same link, unless there is one: that comes first
 * (SVG 2 §16.1.4). The usual prefix is told as it stands.
 */
function nameXlink(tag: StartTag, prefixes: ReadonlyMap<string, string>): void {
  const spans = tag.attributes.slice(0, tag.attributeCount);
  const names = spans.map(({ nameStart, nameEnd }) => tag.bytes.toString('latin1', nameStart, nameEnd));
  if (names.includes('href')) return;
  for (const [index, name] of names.entries()) {
    const colon = name.indexOf(':');
    if (colon < 0 || name.slice(colon) !== ':href' || name.startsWith('xlink:')) continue;
    const span = spans[index] as AttributeSpan;
    if (prefixes.get(name.slice(0, colon)) === XLINK) span.nameStart += colon + 1;
  }
}

/**
 * Would a chunk that ends before the last byte have held too much? Asked of what came in one piece too, so that chunks
 * never matter.
 */
function isTooLong(start: number, end: number): boolean {
  return end - 1 - start > LIMITS.maxTagBytes;
}

/** A subset hides behind its `[`, or behind a `>` in a literal, which ends the declaration for the tokenizer. */
function mayHaveSubset(declaration: string): boolean {
  return !/^(?:[^"'[]|"[^"]*"|'[^']*')*$/.test(declaration);
}

/** The `<` begins a comment, a CDATA section or a processing instruction, which hold no tags and may be long. */
function mayHoldNoTag(bytes: Buffer, less: number, to: number): boolean {
  const next = less + 1 < to ? bytes[less + 1] : undefined;
  if (next === QUESTION) return true;
  const behind = less + 2 < to ? bytes[less + 2] : undefined;
  return next === BANG && (behind === HYPHEN || behind === BRACKET);
}
