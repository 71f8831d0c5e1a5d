/** What went wrong with the upstream, as a code of ours. Pure. */
import { type ErrorCode, ProxyError } from '../errors.ts';

/** Not the upstream's doing: descriptors, ports, buffers or memory of this machine are used up. */
const EXHAUSTED: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EADDRNOTAVAIL']);

/** Of getaddrinfo: the host of `upstream.url` is misspelt, or no name server answers. */
const LOOK_UP = /^(?:ENOTFOUND|ENODATA|EAI_[A-Z]+)$/;
/** Of a handshake: Node's and OpenSSL's own codes, and OpenSSL's names for what is wrong with a certificate. */
const HANDSHAKE = /^(?:EPROTO$|ERR_(?:TLS|SSL|OSSL)_)|CERT|CRL|VERIFY|_CA$|PATH_LENGTH|_PURPOSE/;
/** In TLS 1.3 a client is done before its peer has judged it: a certificate that it lacks is told behind the handshake. */
const ALERT = /^ERR_SSL_\w+_ALERT_/;

/**
 * The ProxyError for an error of a socket or of node:http's client while no head of an answer was there. `isConnected`:
 * was the connection (with its TLS handshake) made? An error that is a ProxyError already is passed on.
 */
export function upstreamFault(error: unknown, isConnected: boolean): ProxyError {
  if (error instanceof ProxyError) return error;
  const code = errorCode(error);
  const detail = { detail: code, cause: error };
  if (EXHAUSTED.has(code)) return new ProxyError('EXHAUSTED', detail);
  if (!isConnected || ALERT.test(code)) return new ProxyError(unconnectedFault(code), detail);
  // HPE_INVALID_EOF_STATE: closed in the middle of the head.
  const isMalformed = code.startsWith('HPE_') && code !== 'HPE_INVALID_EOF_STATE';
  return new ProxyError(isMalformed ? 'UPSTREAM_BAD_RESPONSE' : 'UPSTREAM_RESET', detail);
}

/** Each is mended at another place: the application, the name service, the certificates. */
function unconnectedFault(code: string): ErrorCode {
  if (LOOK_UP.test(code)) return 'UPSTREAM_NOT_FOUND';
  return HANDSHAKE.test(code) ? 'UPSTREAM_TLS_FAILED' : 'UPSTREAM_REFUSED';
}

function errorCode(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  return (error as NodeJS.ErrnoException).code ?? error.name;
}
