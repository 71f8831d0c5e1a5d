/**
 * Sessions that were opened lately: their keys and what was in them, so that the next look-up neither derives the keys nor
 * decrypts again (10 µs a request otherwise).
 *
 * The store is asked every time all the same, and a record from here counts only while the store has the very bytes that
 * it was opened from. Nothing is remembered for a SID that leads nowhere. In this process's memory only, like the
 * requests that brought the SIDs.
 */
import type { Sid } from '../sid/sid.ts';
import { decodeRecord, type SessionRecord } from './record.ts';
import { open, type SealKeys, sealKeys } from './seal.ts';

/** One session's keys, and its record as it was opened last. */
export interface Opened {
  readonly keys: SealKeys;
  sealed: Buffer;
  record: SessionRecord | null;
}

/** The memory starts anew when it has grown to this many; with a jar of three cookies an entry takes about 1 KiB. */
const MAX_OPENED = 2000;
const NOTHING = Buffer.alloc(0);

export class OpenedSessions {
  readonly #byName = new Map<string, Opened>();

  /** `host`: in lower case. */
  of(host: string, sid: Sid): Opened {
    return this.#byName.get(nameOf(host, sid)) ?? { keys: sealKeys(host, sid), sealed: NOTHING, record: null };
  }

  /** The record that `sealed` holds; null when it does not open: torn, foreign, of another version. */
  read(host: string, sid: Sid, opened: Opened, sealed: Buffer): SessionRecord | null {
    if (opened.record !== null && sealed.equals(opened.sealed)) return opened.record;
    const text = open(opened.keys, sealed);
    if (text === null) return null;
    if (opened.record === null) {
      if (this.#byName.size >= MAX_OPENED) this.#byName.clear();
      this.#byName.set(nameOf(host, sid), opened);
    }
    opened.record = decodeRecord(text);
    // A copy: the store's buffer may be a view on something much larger.
    opened.sealed = Buffer.allocUnsafeSlow(sealed.length);
    sealed.copy(opened.sealed);
    return opened.record;
  }
}

function nameOf(host: string, sid: Sid): string {
  return `${host}\0${sid.reveal()}`;
}
