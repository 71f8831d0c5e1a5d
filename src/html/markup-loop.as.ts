/**
 * The two hot loops of the rewriter in AssemblyScript, for WebAssembly with SIMD. `markup-loop.ts` feeds them; `npm run
 * build` compiles them to `markup-loop.wasm.ts`.
 *
 * `run` is for text, comments and tags in which nothing needs a closer look. It does what `HtmlScanner.scanMarkup` does for
 * such markup, to the byte, and stops at everything else: that file is the reference, and says why things are as they are.
 * `splice` puts input and edits together, as `EditList` does. Offsets are addresses in linear memory. Behind the bytes of a page there
 * must be `PAD` bytes of `>`, so that the loops below end by themselves; what they found is valid only if it lies in front.
 */

// Where things lie. Exported: `markup-loop.ts` fills the tables and reads the results.
/** What a run has come to, each a u32: offset, text, entries, records, why it stopped. */
export const RESULT: usize = 1024;
/** 16 bytes of 0xff and 16 of 0: the first `n` bytes of a name are masked by what lies `16 - n` behind the beginning. */
export const MASKS: usize = 1088;
/** By byte: bits `ENDS_NAME`, `IS_LETTER`, `IS_SPACE`. */
export const BYTES: usize = 1280;
/** `NameTable.hashes` and `.numbers`. */
export const HASHES: usize = 2048;
export const NUMBERS: usize = 6144;
/** By tag number: the name, padded with zeros. */
export const NAMES: usize = 8192;
/** What to heed: start tags by number, end tags by number + 256. */
export const HEED: usize = 12288;
/** Links, by tag number: name and length of the attribute, and the lengths of others that matter, one bit each. */
export const LINK_NAMES: usize = 12800;
export const LINK_LENGTHS: usize = 14848;
export const OTHER_LENGTHS: usize = 15104;
/** Entries for the tag log, a u16 each. */
export const LOG: usize = 16384;
const MAX_ENTRIES: u32 = 24576;
/** A tag with a fingerprint takes four entries. */
const MOST_PER_TAG: u32 = 4;
/** Links and tags of interest, `RECORD_WORDS` words each. */
export const RECORDS: usize = 65536;
const RECORD_WORDS: u32 = 8;
const MAX_RECORDS: u32 = 4096;
/** The bytes of the page. */
export const INPUT: usize = 196608;
export const MAX_INPUT: u32 = 65536;
export const PAD: u32 = 64;
/** Edits, three words each: start and end in the input, number of the text. */
export const EDITS: usize = 262656;
export const MAX_EDITS: u32 = 8192;
/** By number: address and length of a text. */
export const TEXTS: usize = 360960;
export const MAX_TEXTS: u32 = 256;
export const TEXT_BYTES: usize = 363008;
export const MAX_TEXT_BYTES: u32 = 16384;
/** What `splice` has put together; copies may reach a little further. */
export const OUTPUT: usize = 393216;
export const MAX_OUTPUT: u32 = 262000;

const ENDS_NAME: u32 = 1;
const IS_LETTER: u32 = 2;
const IS_SPACE: u32 = 4;

const LESS: u32 = 0x3c;
const GREATER: u32 = 0x3e;
const EQUALS: u32 = 0x3d;
const SLASH: u32 = 0x2f;
const BANG: u32 = 0x21;
const QUESTION: u32 = 0x3f;
const DASH: u32 = 0x2d;
const AMPERSAND: u32 = 0x26;
const LF: u32 = 0x0a;
const TAB: u32 = 0x09;
const SPACE: u32 = 0x20;
const HASH: u32 = 0x23;
const PERCENT: u32 = 0x25;
const COLON: u32 = 0x3a;
const BACKSLASH: u32 = 0x5c;
const SEMICOLON: u32 = 0x3b;
const DOUBLE_QUOTE: u32 = 0x22;
const SINGLE_QUOTE: u32 = 0x27;

// `TextKind` of content-model.ts.
const NO_TEXT: u32 = 0;
const NEWLINE: u32 = 1;
const SPACES: u32 = 2;
const TEXT: u32 = 3;

// What `heed` says: heed.ts.
const PLAIN: u32 = 0;
const FORMATTING: u32 = 1;
const INTEREST: u32 = 4;
const LINK: u32 = 8;

// The tag log's.
const NUMBER_SHIFT: u32 = 5;
const TEXT_SHIFT: u32 = 3;
const END: u32 = 4;
const SELF_CLOSING: u32 = 2;
const MARKED: u32 = 1;
const COMMENT_NUMBER: u32 = 241;
const FINGERPRINT_NUMBER: u32 = 244;

/** `TAG.a`: the one formatting element that is a link. */
const TAG_A: u32 = 1;

// Why a run stopped.
/** Here stands something to look at more closely. */
const STEP: u32 = 0;
/** Whatever begins here is not whole. */
const CUT: u32 = 1;
/** No room for more results: go on with another run. */
const FULL: u32 = 2;

// A record's kind, beside the tag number.
/** Its attributes must be read. */
const WHOLE: u32 = 0x100;
const IS_PLAIN: u32 = 0x200;
const IS_QUOTED: u32 = 0x400;

/** `LIMITS.maxTagBytes`; `markup-loop.test.ts` holds all that is said here a second time against its first place. */
const MAX_TAG_BYTES: usize = 65536;

@inline function byteAt(at: usize): u32 {
  return load<u8>(at);
}

@inline function is(byte: u32, bits: u32): bool {
  return (load<u8>(BYTES + byte) & bits) != 0;
}

/** The first `byte` from `at` on, or somewhere at or behind `end`. */
@inline function find(at: usize, end: usize, byte: u32): usize {
  const wanted = i8x16.splat(byte as i8);
  for (; at < end; at += 16) {
    const hits = i8x16.bitmask(i8x16.eq(v128.load(at), wanted));
    if (hits) return at + ctz(hits);
  }
  return at;
}

/** Does the name at `at`, of `length` bytes, equal that of the tag number, in any case of its letters? */
@inline function isNamed(number: u32, at: usize, length: usize): bool {
  if (length > 16) return false;
  const lower = v128.or(v128.load(at), i8x16.splat(0x20));
  const name = v128.and(lower, v128.load(MASKS + 16 - length));
  return i8x16.all_true(i8x16.eq(name, v128.load(NAMES + ((number as usize) << 4))));
}

/** Is what follows a `&` the beginning of no reference to white space? */
@inline function isOtherReference(at: usize, end: usize): bool {
  const byte = byteAt(at);
  return at < end && byte != HASH && byte != 0x4e && byte != 0x54;
}

// Results of `skip` and `scanPlain` beside what they return.
let floorOfTag: usize = 0;
let queryAt: usize = 0;
let fragmentAt: usize = 0;
let pathHash: u32 = 0;

/** Behind the `>` of a tag from its name's end on; 0 if it does not end before `end` or is odd. */
@inline function skip(from: usize, end: usize): usize {
  let q = from;
  let floor = from;
  for (;;) {
    // Names are short: a loop is sooner there than a comparison of 16 bytes. The padding ends it.
    while (byteAt(q) - EQUALS > 1) q++;
    if (q >= end) return 0;
    if (byteAt(q) == GREATER) break;
    // A '=' that is not right behind a name: the name's first byte, or behind white space.
    if (q == floor || is(byteAt(q - 1), ENDS_NAME)) return 0;
    let byte = byteAt(++q);
    while (is(byte, IS_SPACE)) byte = byteAt(++q);
    if (byte == DOUBLE_QUOTE || byte == SINGLE_QUOTE) {
      q = find(q + 1, end, byte) + 1;
      if (q >= end) return 0;
    } else {
      while (byte != GREATER && !is(byte, IS_SPACE)) byte = byteAt(++q);
      if (q >= end) return 0;
    }
    floor = q;
  }
  floorOfTag = floor;
  return q + 1;
}

/** `mayBeReference` of plain-reference.ts. */
function mayBeReference(at: usize, end: usize): bool {
  let run = at + 1;
  if (run < end && byteAt(run) == HASH) return true;
  while (run < end && isAlphanumeric(byteAt(run))) run++;
  const terminator: u32 = run < end ? byteAt(run) : 0;
  if (terminator == EQUALS) return false;
  if (terminator == SEMICOLON) return true;
  const length = run - at - 1;
  if (length < 2 || length > 4) return false;
  const initial = byteAt(at + 1) | 0x20;
  return initial == 0x61 || initial == 0x6c || initial == 0x67 || initial == 0x71;
}

@inline function isAlphanumeric(byte: u32): bool {
  return (byte | 0x20) - 0x61 < 26 || byte - 0x30 < 10;
}

/** One bit for each of 16 bytes that may mean something in a reference: controls and `: ? # & ; \\`. */
@inline function specialsAt(at: usize): u32 {
  // Their low halves are all different.
  const specials = i8x16(0, 0, 0, 0x23, 0, 0, 0x26, 0, 0, 0, 0x3a, 0x3b, 0x5c, 0, 0, 0x3f);
  const bytes = v128.load(at);
  const found = i8x16.eq(i8x16.swizzle(specials, v128.and(bytes, i8x16.splat(15))), bytes);
  return i8x16.bitmask(v128.or(found, i8x16.lt_u(bytes, i8x16.splat(0x20))));
}

@inline function hasSlash(from: usize, to: usize): bool {
  let at = from;
  while (at < to && byteAt(at) != SLASH) at++;
  return at < to;
}

/** Could a parameter whose name begins at `at` be the one that is watched for? */
@inline function isWatched(at: usize, end: usize, first: u32): bool {
  const byte = byteAt(at);
  return at < end && first != 0 && (byte == first || byte == PERCENT);
}

/** Equal for equal bytes, and for few others. */
@inline function hashOf(start: usize, end: usize): u32 {
  const length = end - start;
  if (length < 8) return mix(load<u64>(start) & (((1 as u64) << (length << 3)) - 1), length as u64);
  return mix(load<u64>(start) ^ (length as u64), load<u64>(end - 8));
}

@inline function mix(a: u64, b: u64): u32 {
  return (((a * 0x9e3779b97f4a7c15) ^ b) * 0xd6e8feb86659fd93 >> 32) as u32;
}

/** `scanPlainReference` of plain-reference.ts, not rooted. `first`: the byte that a parameter may not begin with, or 0. */
function scanPlain(start: usize, end: usize, first: u32): bool {
  if (start >= end || byteAt(end - 1) <= SPACE || byteAt(start) <= SPACE) return false;
  if (byteAt(start) == SLASH && end - start > 1 && (byteAt(start + 1) == SLASH || byteAt(start + 1) == BACKSLASH)) {
    return false;
  }
  queryAt = 0;
  fragmentAt = end;
  let isBehindSlash = false;
  for (let block = start; block < end; block += 16) {
    let specials = specialsAt(block);
    if (end - block < 16) specials &= (1 << ((end - block) as u32)) - 1;
    for (; specials; specials &= specials - 1) {
      const at = block + ctz(specials);
      const byte = byteAt(at);
      if (byte == HASH) {
        fragmentAt = at;
        pathHash = hashOf(start, queryAt ? queryAt : at);
        return at > start;
      }
      if (queryAt == 0) {
        if (byte == QUESTION) {
          queryAt = at;
          if (isWatched(at + 1, end, first)) return false;
        } else if (byte == COLON) {
          if (!isBehindSlash && !hasSlash(start, at)) return false;
          isBehindSlash = true;
        } else if (byte != SEMICOLON) return false;
      } else if (byte == SEMICOLON) {
        // Also the end of `&amp;`.
        if (isWatched(at + 1, end, first)) return false;
      } else if (byte == AMPERSAND) {
        const isAmp = at + 4 < end && load<u32>(at + 1) == 0x3b706d61;
        if (!isAmp && (mayBeReference(at, end) || isWatched(at + 1, end, first))) return false;
      } else if (byte < SPACE) return false;
    }
  }
  pathHash = hashOf(start, queryAt ? queryAt : end);
  return true;
}

/** Behind the comment whose text begins at `from`; 0 if it does not end before `end`. */
function skipComment(from: usize, end: usize): usize {
  if (byteAt(from) == GREATER && from < end) return from + 1;
  if (byteAt(from) == DASH && byteAt(from + 1) == GREATER && from + 1 < end) return from + 2;
  let q = from;
  while (q < end) {
    q = find(q, end, DASH) + 1;
    if (q >= end) break;
    if (byteAt(q) != DASH) continue;
    while (byteAt(++q) == DASH) {}
    if (byteAt(q) == GREATER && q < end) return q + 1;
    if (byteAt(q) == BANG && byteAt(q + 1) == GREATER && q + 1 < end) return q + 2;
  }
  return 0;
}

/** `fingerprintOf` of tag-facts.ts. */
function fingerprintOf(nameEnd: usize, end: usize): u32 {
  if (end - nameEnd < 3) return 0;
  let hash = (end - nameEnd) as u32;
  const step: usize = hash > 32 ? (hash >> 5) as usize : 1;
  for (let i = nameEnd; i < end; i += step) hash = rotl(hash, 5) ^ (byteAt(i) | 0x20);
  return hash;
}

/**
 * Scan `INPUT[from, to)`. `text0` is what stood since the last tag, `first` what a parameter of a plain reference may not
 * begin with. Results lie at `RESULT`.
 */
export function run(from: u32, to: u32, text0: u32, first: u32): void {
  const end: usize = INPUT + to;
  const logEnd: usize = LOG + 2 * (MAX_ENTRIES - MOST_PER_TAG);
  const recordsEnd: usize = RECORDS + 4 * RECORD_WORDS * MAX_RECORDS;
  const less = i8x16.splat(LESS as i8);
  let p: usize = INPUT + from;
  let text = text0;
  let log: usize = LOG;
  let record: usize = RECORDS;
  let why = STEP;
  for (;;) {
    if (p >= end) break;
    // Text up to the next '<'.
    let start = p;
    let kind = text;
    let byte = byteAt(p);
    if (byte != LESS) {
      if (byte > SPACE && byte != AMPERSAND) kind = TEXT;
      else if (kind != TEXT) {
        while (byte == SPACE || byte == LF || byte == TAB) byte = byteAt(++start);
        if (start >= end) {
          why = CUT;
          break;
        }
        if (byte == LESS) kind = kind == NO_TEXT && start == p + 1 && byteAt(p) == LF ? NEWLINE : SPACES;
        else if (byte > SPACE && (byte != AMPERSAND || isOtherReference(start + 1, end))) kind = TEXT;
        else break;
      }
      let hits = i8x16.bitmask(i8x16.eq(v128.load(start), less));
      while (!hits) {
        start += 16;
        if (start >= end) break;
        hits = i8x16.bitmask(i8x16.eq(v128.load(start), less));
      }
      if (hits) start += ctz(hits);
      if (start >= end) {
        p = end;
        text = kind;
        break;
      }
    }

    // What begins at `start`: a tag's name, or something else.
    let q = start + 1;
    byte = byteAt(q);
    const isEnd: u32 = byte == SLASH ? END : 0;
    if (isEnd) byte = byteAt(++q);
    if (!is(byte, IS_LETTER)) {
      p = start;
      text = kind;
      if (q >= end) {
        why = CUT;
        break;
      }
      if (!isEnd && byte != BANG && byte != QUESTION) {
        text = TEXT;
        p = q;
        continue;
      }
      if (byte == BANG && !isEnd && byteAt(q + 1) == DASH && byteAt(q + 2) == DASH) {
        q = skipComment(q + 3, end);
        if (q) {
          store<u16>(log, ((COMMENT_NUMBER << NUMBER_SHIFT) | (kind << TEXT_SHIFT)) as u16);
          log += 2;
          text = NO_TEXT;
          p = q;
          if (log >= logEnd) {
            why = FULL;
            break;
          }
          continue;
        }
        why = CUT;
      }
      break;
    }
    const nameStart = q;
    let hash: u32 = 0;
    do {
      hash = rotl(hash, 5) ^ (byte | 0x20);
      byte = byteAt(++q);
    } while (byte > GREATER || !is(byte, ENDS_NAME));
    if (q >= end) {
      p = start;
      text = kind;
      why = CUT;
      break;
    }
    let slot: u32 = (hash * 0x9e3779b1) >>> 22;
    let found: u32 = load<u32>(HASHES + ((slot as usize) << 2));
    while (found != hash && found != 0) {
      slot = (slot + 1) & 1023;
      found = load<u32>(HASHES + ((slot as usize) << 2));
    }
    if (found == 0) {
      p = start;
      text = kind;
      break;
    }
    const number: u32 = load<u8>(NUMBERS + slot);
    const heed: u32 = load<u8>(HEED + (number | (isEnd << 6)));
    let entry: u32 = (number << NUMBER_SHIFT) | (kind << TEXT_SHIFT) | isEnd;

    if (heed == PLAIN || (heed == FORMATTING && byte == GREATER)) {
      // Pass over it.
      if (byte == GREATER) q++;
      else {
        q = skip(q, end);
        if (!q) {
          p = start;
          text = kind;
          why = CUT;
          break;
        }
      }
    } else if (heed == FORMATTING && !isEnd) {
      // Its attributes tell it apart from others of its name.
      const nameEnd = q;
      q = isNamed(number, nameStart, nameEnd - nameStart) ? skip(nameEnd, end) : 0;
      if (!q) {
        p = start;
        text = kind;
        why = CUT;
        break;
      }
      if (q - 1 > floorOfTag && byteAt(q - 2) == SLASH) entry |= SELF_CLOSING;
      const fingerprint = fingerprintOf(nameEnd, q);
      if (fingerprint) {
        store<u16>(log, (FINGERPRINT_NUMBER << NUMBER_SHIFT) as u16);
        store<u32>(log, fingerprint, 2);
        log += 6;
      }
    } else if ((heed & LINK) != 0 && isNamed(number, nameStart, q - nameStart)) {
      // A link, most often with nothing else of interest in its tag.
      const length = load<u8>(LINK_LENGTHS + number) as usize;
      const name = load<u64>(LINK_NAMES + ((number as usize) << 3));
      const mask: u64 = length == 8 ? u64.MAX_VALUE : ((1 as u64) << (length << 3)) - 1;
      const others = load<u32>(OTHER_LENGTHS + ((number as usize) << 2));
      let valueStart: usize = 0;
      let valueEnd: usize = 0;
      let recordKind: u32 = number;
      let attributes: u32 = 0;
      for (;;) {
        while (byte != GREATER && is(byte, ENDS_NAME)) byte = byteAt(++q);
        if (byte == GREATER) break;
        attributes++;
        const attribute = q;
        do byte = byteAt(++q);
        while (byte > GREATER || (byte != EQUALS && !is(byte, ENDS_NAME)));
        const attributeLength = q - attribute;
        while (is(byte, IS_SPACE)) byte = byteAt(++q);
        let isLink = false;
        if (attributeLength == length) {
          const spelt = (load<u64>(attribute) | 0x2020202020202020) & mask;
          isLink = spelt == name && valueStart == 0;
        }
        if (attributeLength >= 32 || ((others >> (attributeLength as u32)) & 1) != 0) recordKind |= WHOLE;
        if (byte != EQUALS) {
          if (isLink) recordKind |= WHOLE;
          continue;
        }
        byte = byteAt(++q);
        while (is(byte, IS_SPACE)) byte = byteAt(++q);
        if (byte == DOUBLE_QUOTE || byte == SINGLE_QUOTE) {
          const from = q + 1;
          q = find(from, end, byte);
          if (q >= end) break;
          if (isLink) {
            valueStart = from;
            valueEnd = q;
            recordKind |= IS_QUOTED;
          }
          byte = byteAt(++q);
        } else {
          const from = q;
          while (byte != GREATER && !is(byte, IS_SPACE)) byte = byteAt(++q);
          if (isLink) {
            valueStart = from;
            valueEnd = q;
          }
        }
      }
      if (q >= end || q - start >= MAX_TAG_BYTES) {
        p = start;
        text = kind;
        why = CUT;
        break;
      }
      q++;
      if (number == TAG_A && attributes != 0) entry |= MARKED;
      if (valueStart != 0 || (recordKind & WHOLE) != 0) {
        if ((recordKind & WHOLE) == 0 && scanPlain(valueStart, valueEnd, first)) recordKind |= IS_PLAIN;
        store<u32>(record, recordKind);
        store<u32>(record, (start - INPUT) as u32, 4);
        store<u32>(record, (valueStart - INPUT) as u32, 8);
        store<u32>(record, (valueEnd - INPUT) as u32, 12);
        store<i32>(record, queryAt ? ((queryAt - INPUT) as i32) : -1, 16);
        store<u32>(record, (fragmentAt - INPUT) as u32, 20);
        store<u32>(record, pathHash, 24);
        record += 4 * RECORD_WORDS;
      }
    } else {
      p = start;
      text = kind;
      break;
    }
    store<u16>(log, entry as u16);
    log += 2;
    text = NO_TEXT;
    p = q;
    if (log >= logEnd || record >= recordsEnd) {
      why = FULL;
      break;
    }
  }
  store<u32>(RESULT, (p - INPUT) as u32);
  store<u32>(RESULT, text, 4);
  store<u32>(RESULT, ((log - LOG) >> 1) as u32, 8);
  store<u32>(RESULT, ((record - RECORDS) as u32) / (4 * RECORD_WORDS), 12);
  store<u32>(RESULT, why, 16);
}

/** Copy at least `length` bytes, in steps of 16. */
@inline function copy(to: usize, from: usize, length: usize): void {
  for (let at: usize = 0; at < length; at += 16) v128.store(to + at, v128.load(from + at));
}

/**
 * Put `INPUT[from, to)` and `count` edits within it together, in their order, at `OUTPUT`; returns the length. Offsets of
 * edits count from a beginning of the page's bytes that lies `base` in front of the input's.
 */
export function splice(from: u32, to: u32, count: u32, base: u32): u32 {
  const origin: usize = INPUT - (base as usize);
  let input: usize = INPUT + from;
  let output: usize = OUTPUT;
  const end: usize = EDITS + 12 * (count as usize);
  for (let edit: usize = EDITS; edit < end; edit += 12) {
    const run = origin + (load<u32>(edit) as usize) - input;
    copy(output, input, run);
    output += run;
    input = origin + (load<u32>(edit, 4) as usize);
    const text: usize = TEXTS + ((load<u32>(edit, 8) as usize) << 3);
    const length = load<u32>(text, 4) as usize;
    copy(output, load<u32>(text) as usize, length);
    output += length;
  }
  const rest = INPUT + (to as usize) - input;
  copy(output, input, rest);
  return (output + rest - OUTPUT) as u32;
}
