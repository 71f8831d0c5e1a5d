/** What went wrong with the upstream, as a code of ours. Pure. */
import { ProxyError } from '../errors.ts';

/** Not the upstream's doing: descriptors, ports, buffers or memory of this machine are used up. */
const EXHAUSTED: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EADDRNOTAVAIL']);

/**
 * The ProxyError for an error of a socket or of node:http's client while no head of an answer was there. `isConnected`:
 * was the connection (with its TLS handshake) made? An error that is a ProxyError already is passed on.
 */
export function upstreamFault(error: unknown, isConnected: boolean): ProxyError {
  if (error instanceof ProxyError) return error;
  const code = errorCode(error);
  const detail = { detail: code, cause: error };
  if (EXHAUSTED.has(code)) return new ProxyError('EXHAUSTED', detail);
  if (!isConnected) return new ProxyError('UPSTREAM_REFUSED', detail);
  // HPE_INVALID_EOF_STATE: closed in the middle of the head.
  const isMalformed = code.startsWith('HPE_') && code !== 'HPE_INVALID_EOF_STATE';
  return new ProxyError(isMalformed ? 'UPSTREAM_BAD_RESPONSE' : 'UPSTREAM_RESET', detail);
}

function errorCode(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  return (error as NodeJS.ErrnoException).code ?? error.name;
}
