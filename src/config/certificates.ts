/**
 * Do the certificates and keys that the configuration names hold what they should? Each is tried apart before the pair is:
 * OpenSSL's words for a pair do not say which of the two files is wrong.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { type Fault, type KeyPath, spellPath } from './problems.ts';

const CERT: KeyPath = ['listen', 'tls', 'cert'];
const KEY: KeyPath = ['listen', 'tls', 'key_file'];
const AUTHORITIES: readonly KeyPath[] = [
  ['upstream', 'tls', 'ca_file'],
  ['store', 'ca_file'],
];

/** PKCS #8, and what OpenSSL wrote before (RFC 1421). */
const ENCRYPTED = /^-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m;

const BEFORE_EACH = /^(?=-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----)/m;

/** `texts`: what the files hold, by spelt path of the key; a file that could not be read is told of elsewhere. */
export function certificateFaults(texts: ReadonlyMap<string, string>): Fault[] {
  const faults: Fault[] = [];
  const tell = (path: KeyPath, message: string | null) => {
    if (message !== null) faults.push({ path, at: 'value', message, suggestion: null });
  };
  tell(CERT, certificateFault(texts.get(spellPath(CERT))));
  for (const path of AUTHORITIES) tell(path, authoritiesFault(texts.get(spellPath(path))));
  const cert = texts.get(spellPath(CERT));
  const key = texts.get(spellPath(KEY));
  tell(KEY, keyFault(key));
  if (cert !== undefined && key !== undefined && faults.every(({ path }) => path !== CERT && path !== KEY)) {
    tell(CERT, pairFault(cert, key));
  }
  return faults;
}

function certificateFault(pem: string | undefined): string | null {
  if (pem === undefined) return null;
  try {
    new X509Certificate(pem);
    return null;
  } catch {
    // Whatever OpenSSL has against it.
    return 'the file holds no certificate in PEM form';
  }
}

/** OpenSSL reads a bundle up to the first one that it does not understand, and trusts no other, without a word. */
function authoritiesFault(pem: string | undefined): string | null {
  const each = pem?.split(BEFORE_EACH).filter((text) => BEFORE_EACH.test(text)) ?? [];
  const damaged = each.findIndex((text) => certificateFault(text) !== null);
  return damaged <= 0 ? certificateFault(pem) : `certificate ${damaged + 1} in the file is damaged`;
}

function keyFault(pem: string | undefined): string | null {
  if (pem === undefined) return null;
  try {
    createPrivateKey(pem);
    return null;
  } catch {
    // The codes for it differ by the form of the key and by Node's version.
    if (ENCRYPTED.test(pem)) return 'the key is encrypted: one without a passphrase is needed';
    return 'the file holds no private key in PEM form';
  }
}

/** Both hold what they should. A context takes an RSA key beside a certificate for an EC one, and no handshake succeeds. */
function pairFault(cert: string, key: string): string | null {
  const isPair = new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
  if (!isPair) return 'the key in `key_file` is not that of this certificate';
  try {
    createSecureContext({ cert, key });
    return null;
  } catch (error) {
    return `certificate and key cannot be used together: ${reasonOf(error)}`;
  }
}

/** OpenSSL's reason without its number and its names of functions. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return 'reason' in error ? String(error.reason) : error.message;
}
