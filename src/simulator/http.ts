/**
 * One request and its answer over HTTP/1.1: no redirects, no cookies, no opinion.
 *
 * The body is read whole, within a bound, and its content codings (gzip, deflate, br) are undone.
 */
import http from 'node:http';
import https from 'node:https';
import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate, inflateRaw } from 'node:zlib';
import { SimulatorError } from './fault.ts';

export interface WireRequest {
  readonly method: string;
  readonly url: string;
  /** In the order in which they are sent; Host (unless it is given), Connection and Content-Length are added. */
  readonly fields: ReadonlyArray<readonly [name: string, value: string]>;
  readonly body: Buffer | null;
}

export interface WireResponse {
  readonly status: number;
  readonly fields: Headers;
  /** Content codings undone. */
  readonly body: Buffer;
  /** Bytes of the body on the wire. */
  readonly wireBytes: number;
}

/** Where to connect instead, by `host:port` or by `host`: other origins without a DNS of one's own. */
export type ConnectTo = Readonly<Record<string, { readonly host: string; readonly port: number }>>;

export interface WireOptions {
  /** Of one exchange, from connecting to the last byte of the body. */
  readonly timeoutMs: number;
  readonly maxBodyBytes: number;
  readonly connectTo: ConnectTo;
  /** PEM; trusted in place of the authorities that Node knows. */
  readonly ca: string | null;
  readonly insecure: boolean;
}

export interface Wire {
  /** @throws SimulatorError NETWORK, TIMEOUT, BODY_TOO_LARGE or BODY_BROKEN, naming the URL. */
  send(request: WireRequest): Promise<WireResponse>;
  /** Drop the connections that are kept alive. */
  close(): void;
}

/** Sockets of one origin at a time, as browsers have it. */
const MAX_SOCKETS_PER_ORIGIN = 6;
/** A longer one would fire at once: Node counts in 32 bits. */
const MAX_TIMER_MS = 2 ** 31 - 1;
/** Of an answer, in bytes, as Chromium has it. */
const MAX_HEAD_BYTES = 256 * 1024;

export function openWire(options: WireOptions): Wire {
  const agentOptions = { keepAlive: true, maxSockets: MAX_SOCKETS_PER_ORIGIN };
  const plain = new http.Agent(agentOptions);
  const secure = new https.Agent({
    ...agentOptions,
    rejectUnauthorized: !options.insecure,
    ...(options.ca === null ? {} : { ca: options.ca }),
  });
  return {
    async send(request) {
      return await exchange(request, options, request.url.startsWith('https:') ? secure : plain);
    },
    close() {
      plain.destroy();
      secure.destroy();
    },
  };
}

function exchange(request: WireRequest, options: WireOptions, agent: http.Agent, attempt = 1): Promise<WireResponse> {
  const url = new URL(request.url);
  const port = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const detour = options.connectTo[`${url.hostname}:${port}`] ?? options.connectTo[url.hostname];
  const isHostGiven = request.fields.some(([name]) => name.toLowerCase() === 'host');
  const hostField = isHostGiven ? [] : ['Host', url.host];
  const { promise, resolve, reject } = withResolvers<WireResponse>();
  let hasFailed = false;
  const fail = (code: 'NETWORK' | 'TIMEOUT' | 'BODY_TOO_LARGE' | 'BODY_BROKEN', why: string, cause?: unknown): void => {
    clearTimeout(timer);
    hasFailed = true;
    reject(new SimulatorError(code, `${request.method} ${request.url}: ${why}`, { cause }));
    outgoing.destroy();
  };

  const outgoing = (url.protocol === 'https:' ? https : http).request({
    agent,
    maxHeaderSize: MAX_HEAD_BYTES,
    // As browsers read it: line ends without CR, control characters in fields.
    insecureHTTPParser: true,
    method: request.method,
    host: detour?.host ?? host,
    port: detour?.port ?? port,
    // From the text of the URL: `search` does not tell an empty query from none.
    path: url.href.slice(url.href.indexOf('/', url.protocol.length + 2)).split('#')[0],
    setHost: false,
    ...(url.protocol === 'https:' && !/^[\d.]+$|:/.test(host) ? { servername: host } : {}),
    // A list, not an object: the order of fields is the browser's.
    headers: [...hostField, ...request.fields.flat(), ...framing(request)],
  });
  let timer: NodeJS.Timeout | undefined;
  // Not before: a request may have to wait for one of the sockets, behind others that are slow.
  outgoing.on('socket', () => {
    if (hasFailed) return;
    timer = setTimeout(
      () => fail('TIMEOUT', `no answer within ${options.timeoutMs} ms`),
      Math.min(options.timeoutMs, MAX_TIMER_MS),
    );
  });

  outgoing.on('upgrade', (_answer, socket) => {
    socket.destroy();
    fail('NETWORK', 'it switches to another protocol, which nobody asked for');
  });

  let isAnswered = false;
  outgoing.on('error', (error: NodeJS.ErrnoException) => {
    // The server had closed a connection that was kept: browsers send the request again, whatever its method. Each of the kept ones
    // may be such a one.
    const isStale = outgoing.reusedSocket && !isAnswered && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
    if (!isStale || attempt > MAX_SOCKETS_PER_ORIGIN || hasFailed)
      return fail('NETWORK', error.message === '' ? String(error) : error.message, error);
    clearTimeout(timer);
    resolve(exchange(request, options, agent, attempt + 1));
  });
  outgoing.on('response', (incoming) => {
    isAnswered = true;
    const chunks: Buffer[] = [];
    let bytes = 0;
    incoming.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > options.maxBodyBytes) fail('BODY_TOO_LARGE', `the body exceeds ${options.maxBodyBytes} bytes`);
      else chunks.push(chunk);
    });
    incoming.on('error', (error) => fail('NETWORK', `the body broke off: ${error.message}`, error));
    incoming.on('end', () => {
      clearTimeout(timer);
      if (!incoming.complete) return fail('NETWORK', 'the body broke off');
      const fields = toHeaders(incoming.rawHeaders);
      decodeBody(Buffer.concat(chunks), fields, options.maxBodyBytes).then(
        (body) => resolve({ status: incoming.statusCode ?? 0, fields, body, wireBytes: bytes }),
        (error: unknown) => fail('BODY_BROKEN', `the content coding of the body is broken: ${String(error)}`, error),
      );
    });
  });
  outgoing.end(request.body ?? undefined);
  return promise;
}

function framing(request: WireRequest): string[] {
  if (request.body === null) return request.method === 'POST' ? ['Content-Length', '0'] : [];
  return ['Content-Length', String(request.body.length)];
}

function toHeaders(rawHeaders: readonly string[]): Headers {
  const fields = new Headers();
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    fields.append(rawHeaders[index] ?? '', latin1(rawHeaders[index + 1] ?? ''));
  }
  return fields;
}

/** Field values are bytes to Headers: what is no byte string (never from Node's parser) is dropped rather than thrown. */
function latin1(value: string): string {
  return value.replace(/[^\x00-\xff]|[\r\n\0]/g, '');
}

async function decodeBody(body: Buffer, fields: Headers, maxBodyBytes: number): Promise<Buffer> {
  const codings = (fields.get('content-encoding') ?? '')
    .toLowerCase()
    .split(',')
    .map((coding) => coding.trim());
  let decoded = body;
  for (const coding of codings.reverse()) {
    if (decoded.length === 0) continue;
    if (coding === 'gzip' || coding === 'x-gzip')
      decoded = await promisify(gunzip)(decoded, { maxOutputLength: maxBodyBytes });
    else if (coding === 'br') decoded = await promisify(brotliDecompress)(decoded, { maxOutputLength: maxBodyBytes });
    // Some servers say deflate and send it without the zlib wrapper (RFC 9110 §8.4.1.2); browsers take both.
    else if (coding === 'deflate')
      decoded = await promisify(isZlib(decoded) ? inflate : inflateRaw)(decoded, { maxOutputLength: maxBodyBytes });
  }
  return decoded;
}

function isZlib(bytes: Buffer): boolean {
  return (bytes[0]! & 0x0f) === 8 && bytes.length > 1 && bytes.readUInt16BE(0) % 31 === 0;
}

function withResolvers<T>() {
  let resolve!: (value: T | Promise<T>) => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
