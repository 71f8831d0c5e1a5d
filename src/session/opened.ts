/**
 * Sessions that were opened lately: their keys and what was in them, so that the next look-up neither derives the keys nor
 * decrypts again (10 µs a request otherwise).
 *
 * The store is asked every time all the same, and a record from here counts only while the store has the very bytes that
 * it was opened from. Nothing is remembered for a SID that leads nowhere, or no longer. In this process's memory only,
 * like the requests that brought the SIDs.
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

/** The memory starts anew when it has grown to so many, or to so many sealed bytes (opened they take some three times as much). */
const MAX_OPENED = 2000;
const MAX_SEALED_BYTES = 4 * 1024 * 1024;
const NOTHING = Buffer.alloc(0);

export class OpenedSessions {
  readonly #byName = new Map<string, Opened>();
  #sealedBytes = 0;

  /** `host`: in lower case. */
  of(host: string, sid: Sid): Opened {
    return this.#byName.get(nameOf(host, sid)) ?? { keys: sealKeys(host, sid), sealed: NOTHING, record: null };
  }

  /** The record that `sealed` holds; null when it does not open: torn, foreign, of another version. */
  read(host: string, sid: Sid, opened: Opened, sealed: Buffer): SessionRecord | null {
    if (opened.record !== null && sealed.equals(opened.sealed)) return opened.record;
    const text = open(opened.keys, sealed);
    if (text === null) return null;
    const name = nameOf(host, sid);
    this.#forget(name);
    const record = decodeRecord(text);
    if (record.kind === 'dead') return record;
    if (this.#byName.size >= MAX_OPENED || this.#sealedBytes + sealed.length > MAX_SEALED_BYTES) {
      this.#byName.clear();
      this.#sealedBytes = 0;
    }
    opened.record = record;
    // A copy: the store's buffer may be a view on something much larger.
    opened.sealed = Buffer.allocUnsafeSlow(sealed.length);
    sealed.copy(opened.sealed);
    this.#byName.set(name, opened);
    this.#sealedBytes += sealed.length;
    return record;
  }

  /** The session has ended: neither its keys nor its cookies are of any more use. */
  forget(host: string, sid: Sid): void {
    this.#forget(nameOf(host, sid));
  }

  #forget(name: string): void {
    const known = this.#byName.get(name);
    if (known === undefined) return;
    this.#byName.delete(name);
    this.#sealedBytes -= known.sealed.length;
  }
}

function nameOf(host: string, sid: Sid): string {
  return `${host}\0${sid.reveal()}`;
}
