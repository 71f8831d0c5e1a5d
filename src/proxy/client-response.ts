/**
 * The answer on its way to the client, the same for HTTP/1 and HTTP/2: head, interim heads, body.
 *
 * A body that breaks off is never ended well: the client's connection (HTTP/2: its stream) is cut, so that the client
 * sees a truncated message (RFC 9112 §8).
 */
import type { IncomingMessage, OutgoingHttpHeader, ServerResponse } from 'node:http';
import { constants, type Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import type { Readable, Writable } from 'node:stream';
import { ProxyError } from '../errors.ts';

export type ClientRequest = IncomingMessage | Http2ServerRequest;
export type ClientResponse = ServerResponse | Http2ServerResponse;

/** Fields that HTTP/2 does not have (RFC 9113 §8.2.2). */
const NOT_IN_HTTP2: ReadonlySet<string> = new Set([
  ...['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'],
]);

/** Send the final head. `fields` is a flat list; `statusText` may be empty and does not exist in HTTP/2. */
export function sendHead(res: ClientResponse, status: number, statusText: string, fields: readonly string[]): void {
  if (res instanceof Http2ServerResponse) {
    res.writeHead(status, grouped(fields));
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

function grouped(fields: readonly string[]): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = Object.create(null);
  for (let i = 0; i < fields.length; i += 2) {
    const name = (fields[i] as string).toLowerCase();
    const value = fields[i + 1] as string;
    if (NOT_IN_HTTP2.has(name)) continue;
    const known = headers[name];
    if (known === undefined) headers[name] = value;
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
  if (res.headersSent || res.req.httpVersion === '1.0') return;
  if (status === 102 && !(res instanceof Http2ServerResponse)) res.writeProcessing();
  if (status !== 103) return;
  const links: string[] = [];
  for (let i = 0; i < fields.length; i += 2) {
    if ((fields[i] as string).toLowerCase() === 'link') links.push(fields[i + 1] as string);
  }
  if (links.length === 0) return;
  try {
    res.writeEarlyHints({ link: links });
  } catch {
    // A Link that Node's strict grammar does not know: a hint is worth no more trouble.
  }
}

/** A synchronous stage between the upstream's body and the client's: bytes in, bytes out, `end` gives the rest. */
export interface BodyStage {
  write(chunk: Buffer): Buffer;
  end(): Buffer;
}

export interface PipeOptions {
  readonly stage?: BodyStage | null;
  /** The length of `from`, where it is known beforehand: the last bytes then leave without waiting for its end. */
  readonly lengthBytes?: number | null;
  /**
   * Gives the head to `sendHead`, just before the first bytes leave. It is told the length of the body when the whole of it
   * is in hand by then, else null. Absent: the head was given before.
   */
  readonly sendHead?: (bodyBytes: number | null) => void;
  /** Flat list of trailer fields, asked when `from` has ended; they only leave in chunked messages. */
  readonly trailers?: () => string[];
}

/** Head and body of a small answer leave in one write if the body is a string: up to here that is the cheaper way. */
const MAX_JOINED_BYTES = 16 * 1024;

/**
 * Send `from` as the body, with backpressure. Resolves when the client's side has everything. When `from` breaks or the
 * client leaves, the promise rejects with a ProxyError and the other side is cut; a client that has not seen the head yet
 * is left to the caller, who may still answer.
 */
export function pipeBody(from: Readable, to: ClientResponse, options: PipeOptions = {}): Promise<{ bytes: number }> {
  const stage = options.stage ?? null;
  const lengthBytes = options.lengthBytes ?? null;
  // Both kinds are; the compiler cannot call a union of their overloads.
  const sink: Writable = to;
  return new Promise((resolve, reject) => {
    let received = 0;
    let bytes = 0;
    let isEnded = false;
    let isHeadDue = options.sendHead !== undefined;
    const announce = (bodyBytes: number | null): void => {
      if (!isHeadDue) return;
      isHeadDue = false;
      options.sendHead?.(bodyBytes);
    };

    /** The last byte was given out, and `end` is still to be called. */
    let isEndDue = false;
    const endIfDue = (): void => {
      // A tick later: node:http holds the write back for the rest of this one.
      if (isEndDue) process.nextTick(endOf, sink);
      isEndDue = false;
    };

    const fail = (error: unknown): void => {
      // Once the last byte was given out, what becomes of `from` is of no importance.
      if (isEnded) {
        endIfDue();
        return;
      }
      isEnded = true;
      from.destroy();
      if (!isHeadDue) cutResponse(to);
      reject(error instanceof ProxyError ? error : new ProxyError('UPSTREAM_TRUNCATED', { cause: error }));
    };
    const finish = (last: Buffer | null): void => {
      const trailers = options.trailers?.() ?? [];
      // Trailers need a chunked message, that is, one without a length.
      announce(trailers.length > 0 ? null : (last?.length ?? 0));
      isEnded = true;
      if (trailers.length > 0) sendTrailers(to, trailers);
      if (last === null || last.length === 0) sink.end();
      else {
        bytes += last.length;
        if (last.length > MAX_JOINED_BYTES || to instanceof Http2ServerResponse) sink.end(last);
        else if (to.chunkedEncoding || from.readableEnded) sink.end(last.toString('latin1'), 'latin1');
        else {
          // `end` with a body makes node:http write twice, the second time nothing; after the write has left, it does not.
          isEndDue = true;
          sink.write(last.toString('latin1'), 'latin1');
        }
      }
    };

    from.on('data', (chunk: Buffer) => {
      if (isEnded) return;
      received += chunk.length;
      try {
        let out = stage === null ? chunk : stage.write(chunk);
        if (received === lengthBytes) {
          if (stage !== null) out = both(out, stage.end());
          finish(out);
          return;
        }
        if (out.length === 0) return;
        announce(null);
        bytes += out.length;
        if (!sink.write(out)) from.pause();
      } catch (error) {
        fail(new ProxyError('INTERNAL', { cause: error }));
      }
    });
    to.on('drain', () => from.resume());
    from.on('end', () => {
      if (isEnded) {
        endIfDue();
        return;
      }
      try {
        finish(stage === null ? null : stage.end());
      } catch (error) {
        fail(new ProxyError('INTERNAL', { cause: error }));
      }
    });
    from.on('error', fail);
    from.on('close', () => {
      if (isEnded) endIfDue();
      else if (!from.readableEnded) fail(new ProxyError('UPSTREAM_TRUNCATED'));
    });
    to.once('close', () => {
      if (isEnded && isDelivered(to)) {
        resolve({ bytes });
        return;
      }
      isEnded = true;
      from.destroy();
      reject(new ProxyError('CLIENT_GONE'));
    });
    if (from.errored) fail(from.errored);
    else if (isGone(to)) fail(new ProxyError('CLIENT_GONE'));
  });
}

function endOf(sink: Writable): void {
  sink.end();
}

function both(first: Buffer, second: Buffer): Buffer {
  if (second.length === 0) return first;
  return first.length === 0 ? second : Buffer.concat([first, second]);
}

function sendTrailers(to: ClientResponse, flat: readonly string[]): void {
  const trailers: Record<string, string> = Object.create(null);
  for (let i = 0; i < flat.length; i += 2) trailers[(flat[i] as string).toLowerCase()] = flat[i + 1] as string;
  // Both kinds take the same; the compiler cannot call a union of their overloads.
  (to as ServerResponse).addTrailers(trailers);
}

/** Did the whole answer leave for the client? */
export function isDelivered(res: ClientResponse): boolean {
  return res.writableFinished;
}

function isGone(res: ClientResponse): boolean {
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
