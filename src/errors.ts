/**
 * The one error class of the program and the table of every error code.
 *
 * The code is the contract: log lines, metrics and tests use it. Status and text come from the table. A fault that
 * has no row here is a bug of ours and is answered with INTERNAL.
 */

/** Who caused it, and so who is told: the client by a status, the operator by a log line, or nobody but the counters. */
export type ErrorOrigin = 'client' | 'upstream' | 'store' | 'config' | 'page' | 'proxy';

export interface ErrorEntry {
  readonly origin: ErrorOrigin;
  /** What the client sees if the response head is not sent yet; null where no HTTP answer belongs to it. */
  readonly status: number | null;
  /** One sentence for people; never holds request data. */
  readonly text: string;
}

export const ERRORS = {
  // Requests that cannot be understood or must not be forwarded (docs/security.md, "Requests and answers").
  BAD_REQUEST: { origin: 'client', status: 400, text: 'the request is malformed' },
  BAD_FRAMING: { origin: 'client', status: 400, text: 'the length of the request body is not clear' },
  BAD_HOST: { origin: 'client', status: 400, text: 'the Host field is missing, repeated or malformed' },
  BAD_FIELD: { origin: 'client', status: 400, text: 'a request field is malformed' },
  BAD_TARGET: { origin: 'client', status: 400, text: 'the request target is malformed' },
  AMBIGUOUS_SID: { origin: 'client', status: 400, text: 'the request carries two different session IDs' },
  SID_REJECTED: { origin: 'client', status: 400, text: 'a session ID in the URL is not accepted here' },
  LOADED_AHEAD: { origin: 'client', status: 503, text: 'no page with a session ID is loaded ahead for a foreign page' },
  METHOD_NOT_ALLOWED: { origin: 'client', status: 405, text: 'this method is not served' },
  REQUEST_TIMEOUT: { origin: 'client', status: 408, text: 'the request was not complete in time' },
  BODY_TOO_LARGE: { origin: 'client', status: 413, text: 'the request body is too large' },
  TARGET_TOO_LONG: { origin: 'client', status: 414, text: 'the request target is too long' },
  EXPECTATION_FAILED: { origin: 'client', status: 417, text: 'the Expect field asks for something unknown' },
  MISDIRECTED: { origin: 'client', status: 421, text: 'the request target names another host' },
  FIELDS_TOO_LARGE: { origin: 'client', status: 431, text: 'the request fields are too many or too large' },
  UNKNOWN_TRANSFER_CODING: { origin: 'client', status: 501, text: 'the transfer coding is not known' },
  VERSION_NOT_SUPPORTED: { origin: 'client', status: 505, text: 'this version of HTTP is not served' },
  LOOP_DETECTED: { origin: 'client', status: 508, text: 'the request came round in a loop' },
  TOO_MANY_CONNECTIONS: { origin: 'client', status: null, text: 'too many connections are open' },
  CLIENT_GONE: { origin: 'client', status: null, text: 'the client left before the end' },
  TOO_MANY_RESETS: { origin: 'client', status: null, text: 'the client resets its streams too often' },
  SLOW_CLIENT: { origin: 'client', status: null, text: 'the client reads or writes too slowly' },

  UPSTREAM_REFUSED: { origin: 'upstream', status: 502, text: 'the application took no connection' },
  UPSTREAM_NOT_FOUND: { origin: 'upstream', status: 502, text: 'no address was found for the name of the application' },
  UPSTREAM_TLS_FAILED: { origin: 'upstream', status: 502, text: 'no TLS connection to the application could be made' },
  UPSTREAM_RESET: { origin: 'upstream', status: 502, text: 'the application closed the connection' },
  UPSTREAM_BAD_RESPONSE: { origin: 'upstream', status: 502, text: 'the answer of the application is malformed' },
  UPSTREAM_TRUNCATED: { origin: 'upstream', status: 502, text: 'the answer of the application ended too early' },
  UPSTREAM_CONNECT_TIMEOUT: { origin: 'upstream', status: 502, text: 'the application could not be reached in time' },
  UPSTREAM_TIMEOUT: { origin: 'upstream', status: 504, text: 'the application did not answer in time' },
  UPSTREAM_STALLED: { origin: 'upstream', status: 504, text: 'the application stopped in the middle of its answer' },

  STORE_UNAVAILABLE: { origin: 'store', status: 503, text: 'the session store cannot be reached' },
  STORE_CONFLICT: { origin: 'store', status: 503, text: 'the session is being changed by too many requests at once' },

  CONFIG_INVALID: { origin: 'config', status: null, text: 'the configuration is not valid' },

  // Of pages. With the first two the page goes on unmarked; with the others no more of it leaves.
  TAG_TOO_LONG: { origin: 'page', status: null, text: 'a start tag exceeds the limit' },
  BROWSERS_DIFFER: { origin: 'page', status: null, text: 'browsers read the tags of the page in different ways' },
  CODING_BROKEN: { origin: 'page', status: 502, text: 'the content coding of the page is damaged' },
  DECOMPRESSION_BOMB: { origin: 'page', status: 502, text: 'the page grows too much when decoded' },

  DRAIN_TIMEOUT: { origin: 'proxy', status: null, text: 'the proxy stopped before the exchange had ended' },
  EXHAUSTED: { origin: 'proxy', status: 503, text: 'the machine has no more connections to give' },
  INTERNAL: { origin: 'proxy', status: 500, text: 'the proxy failed' },
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof ERRORS;

/** What an operator is told of a fault that ends a command: one line, with the detail if there is one. */
export function reasonOf(error: unknown): string {
  if (error instanceof ProxyError && error.detail !== null) return `${error.message}: ${error.detail}`;
  return error instanceof Error ? error.message : String(error);
}

/** Every expected fault of the program. `detail` is for the log only: it never reaches a client and holds no secret. */
export class ProxyError extends Error {
  readonly code: ErrorCode;
  readonly detail: string | null;

  constructor(code: ErrorCode, options: { detail?: string; cause?: unknown } = {}) {
    super(ERRORS[code].text, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'ProxyError';
    this.code = code;
    this.detail = options.detail ?? null;
  }

  /** The status for the client, null where there is none to send. */
  get status(): number | null {
    return ERRORS[this.code].status;
  }
}

/** What was thrown, if it is one of ours, else with `code`; a bug where the caller knows no better. */
export function asProxyError(thrown: unknown, code: ErrorCode = 'INTERNAL'): ProxyError {
  return thrown instanceof ProxyError ? thrown : new ProxyError(code, { cause: thrown });
}

/** Is it a store that cannot be reached, which many a request can do without? */
export function isStoreAway(error: unknown): boolean {
  return error instanceof ProxyError && error.code === 'STORE_UNAVAILABLE';
}
