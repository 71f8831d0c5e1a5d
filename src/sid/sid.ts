/**
 * The session identifier that travels in URLs and forms.
 *
 * A Sid never prints its value: string conversion, JSON and inspection show a keyed hash. `reveal()` is the only way
 * out, so that a search for it lists every place where a SID can leave the process.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { inspect } from 'node:util';
import { LIMITS } from '../limits.ts';

const ALPHABET = '0123456789abcdefghijklmnopqrstuv';
/** 26 characters of 5 bits: 130 random bits. */
const ISSUED_CHARS = 26;
const ISSUED = /^[0-9a-v]{26}$/;
const MIRRORED = /^[A-Za-z0-9,-]+$/;

/** New in each process: a hash in one log names the same session within it, and no log reveals a SID. */
let logKey: Buffer = randomBytes(32);

/** Give all workers of one machine the same key, so that their log lines can be joined. At least 16 bytes. */
export function setSidLogKey(key: Buffer): void {
  if (key.length < 16) throw new RangeError('a log key has at least 16 bytes');
  logKey = key;
}

export class Sid {
  readonly #value: string;
  #hash: string | null = null;

  private constructor(value: string) {
    this.#value = value;
  }

  /** A new SID of 130 random bits, `[0-9a-v]{26}`. */
  static generate(): Sid {
    const random = randomBytes(ISSUED_CHARS);
    let value = '';
    for (const byte of random) value += ALPHABET[byte & 31];
    return new Sid(value);
  }

  /** The SID that `text` spells if it has the form of one that we issue, else null. Says nothing about being alive. */
  static parse(text: string): Sid | null {
    return ISSUED.test(text) ? new Sid(text) : null;
  }

  /** The SID of mirror mode: the value of a cookie of the upstream, 1 to 256 of `[A-Za-z0-9,-]` [PHP 11.3], else null. */
  static parseMirrored(text: string): Sid | null {
    return text.length <= LIMITS.maxMirrorSidChars && MIRRORED.test(text) ? new Sid(text) : null;
  }

  /** The value itself. Each call is a place where a SID leaves: keep them few. */
  reveal(): string {
    return this.#value;
  }

  equals(other: Sid): boolean {
    const mine = Buffer.from(this.#value);
    const theirs = Buffer.from(other.#value);
    return mine.length === theirs.length && timingSafeEqual(mine, theirs);
  }

  /** Eight hexadecimal digits of a keyed hash, for logs. */
  get hash(): string {
    this.#hash ??= createHmac('sha256', logKey).update(this.#value).digest('hex').slice(0, 8);
    return this.#hash;
  }

  toString(): string {
    return `sid:${this.hash}`;
  }

  toJSON(): string {
    return this.toString();
  }

  [inspect.custom](): string {
    return this.toString();
  }
}
