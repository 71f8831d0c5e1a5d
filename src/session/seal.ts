/**
 * How a session lies in a store: nothing that a copy of the store would reveal.
 *
 * The key is SHA-256 over host and SID; the value is AES-256-GCM under a key that HKDF (RFC 5869) derives from the SID,
 * with the store key as additional data, so that a value moved under another key does not open. Whoever holds the store
 * but no SID reads nothing; whoever holds a SID is the client itself. No secret has to be kept or shared between nodes.
 */
import { createCipheriv, createDecipheriv, createHmac, hash, randomBytes } from 'node:crypto';
import type { Sid } from '../sid/sid.ts';

/** Where a session lies and what opens it; some 5 µs to compute. */
export interface SealKeys {
  readonly storeKey: string;
  readonly cipherKey: Buffer;
}

/** The first byte of a sealed value; another one is another program version's, and is not opened. */
const FORMAT = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEAD_BYTES = 1 + NONCE_BYTES + TAG_BYTES;

const SALT = 'transid session v1';

/** `host`: as in the Host field, in lower case. The same SID under another host is another session. */
export function sealKeys(host: string, sid: Sid): SealKeys {
  const value = sid.reveal();
  const storeKey = hash('sha256', `${host}\0${value}`, 'base64url');
  return { storeKey, cipherKey: hkdf(value, `seal\0${host}`) };
}

/**
 * One block of HKDF-SHA-256: `hkdfSync('sha256', ikm, SALT, info, 32)`, a test holds them equal. Two HMACs cost less
 * than half of the call, which builds key objects first (4.7 to 10.7 µs on Node 20).
 */
function hkdf(ikm: string, info: string): Buffer {
  const extracted = createHmac('sha256', SALT).update(ikm).digest();
  return createHmac('sha256', extracted).update(`${info}\x01`).digest();
}

/** Seal UTF-8 text. The nonce is random: one key seals a few thousand values at most, far below GCM's bound of 2^32. */
export function seal(keys: SealKeys, text: string): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', keys.cipherKey, nonce);
  cipher.setAAD(Buffer.from(keys.storeKey));
  const body = cipher.update(text, 'utf8');
  cipher.final();
  return Buffer.concat([Buffer.of(FORMAT), nonce, cipher.getAuthTag(), body]);
}

/** The text that was sealed, or null when the value is torn, foreign or of another format. Never throws on bad input. */
export function open(keys: SealKeys, sealed: Buffer): string | null {
  if (sealed.length < HEAD_BYTES || sealed[0] !== FORMAT) return null;
  const decipher = createDecipheriv('aes-256-gcm', keys.cipherKey, sealed.subarray(1, 1 + NONCE_BYTES));
  decipher.setAAD(Buffer.from(keys.storeKey));
  decipher.setAuthTag(sealed.subarray(1 + NONCE_BYTES, HEAD_BYTES));
  // One update call for the whole value: GCM gives all of it back, final() only checks the tag.
  const text = decipher.update(sealed.subarray(HEAD_BYTES), undefined, 'utf8');
  try {
    decipher.final();
    return text;
  } catch {
    return null;
  }
}
