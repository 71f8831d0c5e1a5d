/**
 * Error answers: small, typed by Accept, one sentence and the request's id. Nothing internal, nothing of the request.
 * Pure.
 */
import { STATUS_CODES } from 'node:http';
import { ERRORS, type ErrorCode } from '../errors.ts';

export interface ErrorPage {
  readonly status: number;
  /** Flat list, with Content-Length. */
  readonly fields: string[];
  readonly body: string;
}

/** After a 503 the client may come again; long enough for a breaker or a drain, short enough for people. */
const RETRY_AFTER_SECONDS = 5;
const METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS';

/** Page for `code`, which has a status in the table or gets 500. `accept`: the request's Accept field. */
export function errorPage(code: ErrorCode, requestId: string, accept: string | null): ErrorPage {
  const status = ERRORS[code].status ?? 500;
  const title = `${status} ${STATUS_CODES[status] ?? 'Error'}`;
  const sentence = sentenceOf(code);
  const type = preferredType(accept);
  const body = BODIES[type](title, sentence, requestId);
  const fields = [
    ...['Content-Type', `${type}; charset=utf-8`, 'Cache-Control', 'no-store', 'X-Content-Type-Options', 'nosniff'],
    ...['X-Request-Id', requestId, 'Content-Length', String(Buffer.byteLength(body))],
  ];
  if (status === 503) fields.unshift('Retry-After', String(RETRY_AFTER_SECONDS));
  if (status === 405) fields.unshift('Allow', METHODS);
  return { status, fields, body };
}

/**
 * The same as raw bytes of HTTP/1.1, for connections that have no response object; the connection ends after it.
 * `mayHaveBody` is false when the request could have been HEAD: then an empty answer is right either way.
 */
export function rawErrorAnswer(
  code: ErrorCode,
  requestId: string,
  accept: string | null,
  mayHaveBody: boolean,
): string {
  const full = errorPage(code, requestId, accept);
  const page = mayHaveBody ? full : { status: full.status, fields: ['Content-Length', '0'], body: '' };
  let head = `HTTP/1.1 ${page.status} ${STATUS_CODES[page.status] ?? ''}\r\n`;
  for (let i = 0; i < page.fields.length; i += 2) head += `${page.fields[i]}: ${page.fields[i + 1]}\r\n`;
  return `${head}Date: ${new Date().toUTCString()}\r\nConnection: close\r\n\r\n${page.body}`;
}

/** Fields of the answer to OPTIONS that ends here. */
export function optionsFields(): string[] {
  return ['Allow', METHODS, 'Content-Length', '0'];
}

function sentenceOf(code: ErrorCode): string {
  const { text } = ERRORS[code];
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

type PageType = 'text/html' | 'application/json' | 'text/plain';

// Texts come from our own table and ids are ours: nothing needs escaping.
const BODIES: Record<PageType, (title: string, sentence: string, id: string) => string> = {
  'text/html': (title, sentence, id) =>
    `<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>${title}</title>\n<h1>${title}</h1>\n<p>${sentence}</p>\n<p>Request ${id}</p>\n</html>\n`,
  'application/json': (title, sentence, id) =>
    `${JSON.stringify({ error: title, message: sentence, requestId: id })}\n`,
  'text/plain': (title, sentence, id) => `${title}\n${sentence}\nRequest ${id}\n`,
};

/** The type with the highest weight in Accept (RFC 9110 §12.5.1); text/plain when nothing speaks for another one. */
function preferredType(accept: string | null): PageType {
  let best: PageType = 'text/plain';
  let bestWeight = 0;
  for (const item of (accept ?? '').split(',', 32)) {
    const [range = '', ...parameters] = item.toLowerCase().split(';');
    const type = rangeType(range.trim());
    if (type === null) continue;
    const q = parameters.map((parameter) => parameter.trim()).find((parameter) => parameter.startsWith('q='));
    const weight = q === undefined ? 1 : Number(q.slice(2));
    if (weight > bestWeight) {
      best = type;
      bestWeight = weight;
    }
  }
  return best;
}

function rangeType(range: string): PageType | null {
  if (range === 'text/html' || range === 'application/xhtml+xml') return 'text/html';
  if (range === 'application/json' || range.endsWith('+json')) return 'application/json';
  return range === 'text/plain' ? 'text/plain' : null;
}
