/**
 * One request upstream by node:http: send it, receive the head of the answer, hand over its body.
 *
 * - A client that leaves ends the upstream request; a body that breaks off ends it without ever completing it.
 * - A request without a body that is safe to repeat is sent once more, on a new connection, when a reused connection
 *   turns out to be dead at once and the upstream has not said a word (RFC 9112 §9.3.1).
 * - The body of the answer emits 'end' only when it is whole. A reset is no end, even of a close-delimited body. Deviation:
 *   RFC 9112 §9.8 wants a closing alert at the end of such a body over TLS; node:tls does not tell whether there was one.
 * - Every wait has an end: connect, first byte, idle. Waiting for the *client* is not counted here; the server does.
 */
import {
  type Agent,
  type ClientRequest,
  request as httpRequest,
  type IncomingMessage,
  type InformationEvent,
} from 'node:http';
import { type Readable, Writable } from 'node:stream';
import { asProxyError, ProxyError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { upstreamFault } from './fault.ts';
import { type Connection, ConnectionPool, type Lease, type PoolOptions } from './pool.ts';
import { trailersOfClient, type UpstreamRequest } from './request.ts';
import { inPairs, keepTrailers, type ResponseFraming, readResponseHead, versionFault } from './response-head.ts';

export interface UpstreamOptions extends PoolOptions {
  /** From the request being sent to the head of the answer. */
  readonly firstByteTimeoutMs: number;
  /** Between two pieces of the answer's body. */
  readonly idleTimeoutMs: number;
  /** Bytes of the head of an answer. */
  readonly maxHeadBytes: number;
}

export interface UpstreamResponse {
  readonly status: number;
  /** May be empty. */
  readonly statusText: string;
  /** Flat list without the fields of the upstream's hop; the caller's own copy. */
  readonly fields: string[];
  readonly framing: ResponseFraming;
  /** Emits 'end' when whole, else 'error' with a ProxyError or the socket's error. Must be read or discarded. */
  readonly body: Readable;
  /** Flat list of the trailer fields that may go on; complete once `body` has ended. */
  trailers(): string[];
  /** The body is not wanted: end the upstream connection. */
  discard(): void;
}

/** The response to the client, as far as it matters here: it closes, and it was delivered by then or not. */
export interface ClientSide {
  on(event: 'close', listener: () => void): unknown;
  readonly destroyed?: boolean;
  /** Given out to its end. */
  readonly writableEnded: boolean;
  /** All of it has left; in HTTP/2 also when the client did. */
  readonly writableFinished: boolean;
  /** HTTP/2 only, whose response has no `destroyed`. */
  readonly stream?: { readonly destroyed: boolean };
  /** HTTP/1 only: false makes `Connection: close`. */
  shouldKeepAlive?: boolean;
}

/** A request body; `trailers` is asked when it has ended. */
export type UploadBody = Readable & { trailers?(): string[] };

export interface ForwardCall {
  /** Null exactly when the request says that it has none. */
  readonly body: UploadBody | null;
  readonly client: ClientSide;
  /** 103 and other interim answers but 100; fields as a flat list. */
  readonly onInformation?: (status: number, fields: readonly string[]) => void;
}

export interface Upstream {
  /** Resolves with the head; rejects with a ProxyError. */
  forward(request: UpstreamRequest, call: ForwardCall): Promise<UpstreamResponse>;
  /** Open connections, lent and idle. */
  readonly connectionCounts: { open: number; idle: number };
  /** No new reuse; requests under way go on. */
  close(): void;
}

export function createUpstream(options: UpstreamOptions): Upstream {
  const pool = new ConnectionPool(options, Math.min(options.firstByteTimeoutMs, options.idleTimeoutMs));
  return {
    forward: (request, call) =>
      new Promise((resolve, reject) => {
        new Call(pool, options, request, call, resolve, reject).start();
      }),
    get connectionCounts() {
      return pool.counts;
    },
    close: () => pool.close(),
  };
}

/**
 * A connection that was dead before shows it within a round trip. One that breaks later breaks over this very request, which may
 * be what broke it.
 */
const STALE_WITHIN_MS = 300;

/** Safe and idempotent, so that a lost request may be sent again unasked. */
const REPEATABLE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/** ClientRequest's own entry for agents; the type definitions leave it out. */
interface RequestForAgent extends ClientRequest {
  onSocket(socket: Connection['socket']): void;
}

/** The state of one forwarded request. It is its own agent (an "Agent-like object"): node:http asks it for a socket. */
class Call implements Lease {
  readonly keepAlive = true;
  keepAliveMs: number | null = null;
  readonly #pool: ConnectionPool;
  readonly #options: UpstreamOptions;
  readonly #request: UpstreamRequest;
  readonly #call: ForwardCall;
  readonly #resolve: (response: UpstreamResponse) => void;
  readonly #reject: (error: ProxyError) => void;
  #connection: Connection | null = null;
  #sent: ClientRequest | null = null;
  #message: IncomingMessage | null = null;
  #framing: ResponseFraming = 'none';
  #isReused = false;
  #isRetry = false;
  #isUploaded: boolean;
  #interimCount = 0;
  /** Why we ended it ourselves; the error that node:http then reports is only the echo. */
  #reason: ProxyError | null = null;

  constructor(
    pool: ConnectionPool,
    options: UpstreamOptions,
    request: UpstreamRequest,
    call: ForwardCall,
    resolve: (response: UpstreamResponse) => void,
    reject: (error: ProxyError) => void,
  ) {
    this.#pool = pool;
    this.#options = options;
    this.#request = request;
    this.#call = call;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#isUploaded = call.body === null;
  }

  start(): void {
    const { client, body } = this.#call;
    if (isGone(client)) {
      this.#reject(new ProxyError('CLIENT_GONE'));
      return;
    }
    if (body?.errored) {
      this.#reject(asProxyError(body.errored, 'CLIENT_GONE'));
      return;
    }
    client.on('close', () => this.#onClientClose());
    this.#send();
  }

  /** Asked by node:http in place of an agent. */
  addRequest(request: RequestForAgent): void {
    const connection = this.#pool.lend(this, this.#isRetry);
    this.#isReused = connection.isConnected;
    this.#connection = connection;
    request.onSocket(connection.socket);
  }

  get isAnswered(): boolean {
    return this.#message?.complete === true;
  }

  get framing(): ResponseFraming | null {
    return this.#interimCount === 0 ? this.#framing : null;
  }

  get interimCount(): number | null {
    return this.#message === null ? this.#interimCount : null;
  }

  get patienceMs(): number {
    return this.#message === null ? this.#options.firstByteTimeoutMs : this.#options.idleTimeoutMs;
  }

  #send(): void {
    const { method, target, fields } = this.#request;
    const request = httpRequest({
      method,
      path: target,
      headers: fields,
      setHost: false,
      maxHeaderSize: this.#options.maxHeadBytes,
      insecureHTTPParser: false,
      // It has what node:http uses of an agent: addRequest and keepAlive.
      agent: this as unknown as Agent,
    });
    // Node cuts the list silently above some 2,000 otherwise; readResponseHead counts.
    request.maxHeadersCount = 0;
    this.#sent = request;
    request.on('response', (message) => this.#onResponse(message));
    request.on('error', (error) => this.#onError(error));
    request.on('information', (info) => this.#onInformation(info));
    request.on('upgrade', (_message, socket) => {
      // Nobody asked: a tunnel here would let the client speak past us.
      this.#fail(new ProxyError('UPSTREAM_BAD_RESPONSE', { detail: 'unasked 101' }));
      socket.destroy();
    });
    this.#upload(request);
  }

  #upload(request: ClientRequest): void {
    const body = this.#call.body;
    if (body === null) {
      request.end();
      return;
    }
    const sink = uploadSink(request);
    body.pipe(sink);
    // Without a body so far the head goes alone: an upstream may refuse by it, and the client may be waiting for that.
    setImmediate(() => {
      if (!body.readableDidRead && !this.#isUploaded && !request.destroyed) request.flushHeaders();
    });
    sink.once('finish', () => {
      this.#isUploaded = true;
      const trailers = this.#request.body === 'chunked' ? (body.trailers?.() ?? []) : [];
      if (trailers.length > 0) request.addTrailers(inPairs(trailersOfClient(trailers)));
      request.end();
    });
    body.once('error', (error) => this.#abort(asProxyError(error, 'CLIENT_GONE')));
  }

  /** What a listener throws nobody else would catch. */
  #onResponse(message: IncomingMessage): void {
    try {
      this.#receive(message);
    } catch (error) {
      this.#abort(asProxyError(error));
    }
  }

  #receive(message: IncomingMessage): void {
    this.#message = message;
    // The socket's error comes as the body's error too; nobody may be listening yet.
    message.on('error', ignore);
    const head = readResponseHead(
      this.#request.method,
      message.statusCode ?? 0,
      message.statusMessage ?? '',
      message.rawHeaders,
    );
    if (typeof head === 'string') {
      this.#abort(new ProxyError('UPSTREAM_BAD_RESPONSE', { detail: head }));
      return;
    }
    const fault = versionFault(message.httpVersion, head.framing);
    if (fault !== null) {
      this.#abort(new ProxyError('UPSTREAM_BAD_RESPONSE', { detail: fault }));
      return;
    }
    this.#framing = head.framing;
    // The next request on it may be another client's.
    this.keepAliveMs = this.#request.signsInConnection ? 0 : head.keepAliveMs;
    // The answer came before the whole request: what is left of it must not be taken for the client's next one.
    if (!this.#isUploaded && this.#call.client.shouldKeepAlive === true) this.#call.client.shouldKeepAlive = false;
    this.#resolve({
      status: message.statusCode as number,
      statusText: head.statusText,
      fields: head.fields,
      framing: head.framing,
      body: message,
      trailers: () => keepTrailers(message.rawTrailers),
      discard: () => this.#abort(new ProxyError('CLIENT_GONE', { detail: 'body not wanted' })),
    });
  }

  #onInformation(info: InformationEvent): void {
    this.#interimCount += 1;
    if (this.#interimCount > LIMITS.maxInterimResponsesSeen) {
      this.#abort(new ProxyError('UPSTREAM_BAD_RESPONSE', { detail: 'flood of interim responses' }));
      return;
    }
    // 100 answers our own request, which does not wait for it.
    if (info.statusCode === 100 || this.#interimCount > LIMITS.maxInterimResponses) return;
    try {
      this.#call.onInformation?.(info.statusCode, info.rawHeaders);
    } catch (error) {
      this.#abort(asProxyError(error));
    }
  }

  #onError(error: Error): void {
    if (this.#message !== null) {
      // After a whole answer of known length the connection may break as it likes. One that ends with the connection
      // is not whole when that is reset, even if the parser has already called it complete.
      if (this.#message.complete && this.#framing !== 'close' && this.#reason === null) return;
      this.#message.destroy(this.#reason ?? new ProxyError('UPSTREAM_TRUNCATED', { cause: error }));
      return;
    }
    if (this.#reason === null && this.#mayRetry()) {
      this.#isRetry = true;
      this.#send();
      return;
    }
    this.#reject(this.#reason ?? upstreamFault(error, this.#connection?.isConnected === true));
  }

  #mayRetry(): boolean {
    const { method, body } = this.#request;
    const connection = this.#connection;
    return (
      this.#isReused &&
      !this.#isRetry &&
      body === 'none' &&
      REPEATABLE.has(method) &&
      connection?.hasAnswered === false &&
      performance.now() - connection.lentAtMs <= STALE_WITHIN_MS &&
      this.#interimCount === 0 &&
      !isGone(this.#call.client)
    );
  }

  /** Is it the upstream that we wait for? */
  onSilence(): void {
    if (this.#message === null) {
      const waitsForClient = !this.#isUploaded && this.#connection?.socket.writableLength === 0;
      if (!waitsForClient) this.#abort(new ProxyError('UPSTREAM_TIMEOUT'));
      return;
    }
    const waitsForClient = this.#message.isPaused() || this.#message.readableLength > 0;
    if (!waitsForClient) this.#abort(new ProxyError('UPSTREAM_STALLED'));
  }

  /** Of an answer that ends with its connection nobody knows whether it was whole. */
  onReset(): void {
    if (this.#framing === 'close') this.#message?.destroy(new ProxyError('UPSTREAM_TRUNCATED', { detail: 'reset' }));
  }

  #onClientClose(): void {
    const { client } = this.#call;
    const isOver = client.writableEnded && client.writableFinished && this.#isUploaded;
    if (!isOver) this.#abort(new ProxyError('CLIENT_GONE'));
  }

  /** End the upstream request for `reason`; whoever waits for its head or its body learns it. */
  #abort(reason: ProxyError): void {
    this.#reason ??= reason;
    if (this.#message !== null && !this.#message.readableEnded) this.#message.destroy(this.#reason);
    this.#sent?.destroy(reason);
    this.#reject(this.#reason);
  }

  #fail(reason: ProxyError): void {
    this.#reason ??= reason;
    this.#reject(this.#reason);
  }
}

/**
 * Writes to `request` only when all that has arrived meanwhile was read. An upstream may answer early and hang up: a write that
 * finds this out first breaks the connection, and the answer that lies in it is lost.
 */
function uploadSink(request: ClientRequest): Writable {
  return new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      setImmediate(() => {
        if (request.destroyed) return; // and nobody waits for `done`
        if (request.write(chunk)) done();
        else request.once('drain', done);
      });
    },
  });
}

function isGone(client: ClientSide): boolean {
  return client.destroyed === true || client.stream?.destroyed === true;
}

function ignore(): void {}
