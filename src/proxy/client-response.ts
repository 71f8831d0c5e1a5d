/** The answer on its way to the client, the same for HTTP/1 and HTTP/2: head, interim heads, trailers, the cut. */
import type { IncomingMessage, OutgoingHttpHeader, ServerResponse } from 'node:http';
import { constants, type Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import { allValues, NOT_FIELD_TEXT } from '../field-list.ts';
import { inPairs } from '../upstream/response-head.ts';

export type ClientRequest = IncomingMessage | Http2ServerRequest;
export type ClientResponse = ServerResponse | Http2ServerResponse;

/** Fields that HTTP/2 does not have (RFC 9113 §8.2.2). */
const NOT_IN_HTTP2: ReadonlySet<string> = new Set([
  ...['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'],
]);

/** Fields of which node:http2 takes only one. Applications and servers behind each other double them. */
const SINGLE_IN_HTTP2: ReadonlySet<string> = new Set([
  ...['access-control-allow-credentials', 'access-control-max-age', 'access-control-request-method', 'age'],
  ...['authorization', 'content-length', 'content-location', 'content-md5', 'content-range', 'content-type', 'date'],
  ...['dnt', 'etag', 'expires', 'from', 'host', 'if-match', 'if-modified-since', 'if-none-match', 'if-range'],
  ...['if-unmodified-since', 'last-modified', 'location', 'max-forwards', 'proxy-authorization', 'range', 'referer'],
  ...['retry-after', 'tk', 'upgrade-insecure-requests', 'user-agent', 'x-content-type-options'],
]);
/** Those of them that are lists (RFC 9110 §5.3): one field with all members is the same. */
const LISTS_IN_HTTP2: ReadonlySet<string> = new Set(['content-encoding', 'content-language']);

/** Can the client be told this status? Node's HTTP/2 has none that HTTP does not define (RFC 9110 §15); HTTP/1 passes them on. */
export function canTell(res: ClientResponse, status: number): boolean {
  return status <= 599 || !(res instanceof Http2ServerResponse);
}

/** Send the final head. `fields` is a flat list; `statusText` may be empty and does not exist in HTTP/2. */
export function sendHead(res: ClientResponse, status: number, statusText: string, fields: readonly string[]): void {
  if (res instanceof Http2ServerResponse) {
    try {
      res.writeHead(status, grouped(fields));
    } catch (error) {
      // What was refused stays set, and an error page would be refused with it.
      for (const name of res.getHeaderNames()) res.removeHeader(name);
      throw error;
    }
    return;
  }
  // Node takes a flat list; its types want it mutable, though it only reads it.
  res.writeHead(status, statusText, withoutTrailerField(res, status, fields) as unknown as OutgoingHttpHeader[]);
}

/** Node throws at a Trailer field of a message that is not chunked: HEAD, 204, 304, HTTP/1.0, known length. */
function withoutTrailerField(res: ServerResponse, status: number, fields: readonly string[]): readonly string[] {
  let at = -1;
  let hasLength = false;
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    if (name.length === 7 && name.toLowerCase() === 'trailer') at = i;
    else if (name.length === 14 && name.toLowerCase() === 'content-length') hasLength = true;
  }
  if (at < 0) return fields;
  const isChunked =
    !hasLength && res.req.method !== 'HEAD' && res.req.httpVersion !== '1.0' && status !== 204 && status !== 304;
  return isChunked ? fields : fields.filter((_, i) => (fields[i - (i % 2)] as string).toLowerCase() !== 'trailer');
}

/** As node:http2 takes them; of a field that cannot be there twice the first counts. */
function grouped(fields: readonly string[]): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = Object.create(null);
  for (let i = 0; i < fields.length; i += 2) {
    const name = (fields[i] as string).toLowerCase();
    const value = fields[i + 1] as string;
    if (NOT_IN_HTTP2.has(name)) continue;
    const known = headers[name];
    if (known === undefined) headers[name] = value;
    else if (SINGLE_IN_HTTP2.has(name)) continue;
    else if (LISTS_IN_HTTP2.has(name)) headers[name] = `${known}, ${value}`;
    else if (typeof known === 'string') headers[name] = [known, value];
    else known.push(value);
  }
  return headers;
}

/**
 * Pass on an interim answer: the links of 103, and the bare 102. Others, and everything for HTTP/1.0, stop here
 * (RFC 9110 §15.2). No effect once the final head is out.
 */
export function sendInformation(res: ClientResponse, status: number, fields: readonly string[]): void {
  if (res.headersSent || res.req.httpVersion === '1.0' || isGone(res)) return;
  if (status === 102 && !(res instanceof Http2ServerResponse)) res.writeProcessing();
  if (status !== 103) return;
  const links = allValues(fields, 'link').filter((value) => !NOT_FIELD_TEXT.test(value));
  if (links.length === 0) return;
  // Node's `writeEarlyHints` takes no list of links in one field, nor blanks in quotes.
  if (!(res instanceof Http2ServerResponse)) {
    const lines = links.map((link) => `Link: ${link}\r\n`).join('');
    res.socket?.write(`HTTP/1.1 103 Early Hints\r\n${lines}\r\n`, 'latin1');
  } else if (!res.stream.closed) res.stream.additionalHeaders({ ':status': 103, link: links });
}

/** Flat list; they leave behind a chunked body. HTTP/2 gets one field of each name, with all values. */
export function sendTrailers(to: ClientResponse, flat: readonly string[]): void {
  const trailers = inPairs(flat);
  if (!(to instanceof Http2ServerResponse)) {
    to.addTrailers(trailers);
    return;
  }
  const joined: Record<string, string> = Object.create(null);
  for (const [name, value] of trailers) {
    const lower = name.toLowerCase();
    joined[lower] = joined[lower] === undefined ? value : `${joined[lower]}, ${value}`;
  }
  to.addTrailers(joined);
}

/** Did the whole answer leave for the client? */
export function isDelivered(res: ClientResponse): boolean {
  // node:http2 finishes the stream of a client that has left.
  return res.writableEnded && res.writableFinished;
}

/** Has the client left, or been cut? */
export function isGone(res: ClientResponse): boolean {
  return res instanceof Http2ServerResponse ? res.stream === undefined || res.stream.destroyed : res.destroyed;
}

/** End the message so that the client sees that it is not whole. */
export function cutResponse(res: ClientResponse): void {
  if (res instanceof Http2ServerResponse) {
    res.stream?.close(constants.NGHTTP2_INTERNAL_ERROR);
    return;
  }
  const socket = res.socket;
  // In HTTP/1.0 the end of the connection is the end of the message: only a reset tells that it is not whole.
  if (socket !== null && res.req.httpVersion === '1.0' && !('encrypted' in socket)) socket.resetAndDestroy();
  res.destroy();
}
