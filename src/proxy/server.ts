/**
 * The listening side: takes connections, checks heads, hands requests to the handler, and answers for whatever goes
 * wrong. It knows nothing of sessions or upstreams.
 *
 * One bad message gets one answer, and nothing that follows it on its connection is read as a request.
 */
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, ServerResponse, STATUS_CODES } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { ERRORS, type ErrorCode, ProxyError } from '../errors.ts';
import { failBody, setBodyIdleTime } from './client-body.ts';
import { type ClientRequest, type ClientResponse, cutResponse, sendHead } from './client-response.ts';
import { type ClientConnection, type ConnectionCaps, ConnectionTable } from './connections.ts';
import { errorPage, optionsFields, rawErrorAnswer } from './error-page.ts';
import { fieldValue, type HeadLimits, type RequestFacts, readHead } from './framing.ts';

export type { ClientRequest, ClientResponse } from './client-response.ts';

/** Answers the request. What it throws becomes an error page, or a cut connection when the head is out. */
export type Handler = (req: ClientRequest, res: ClientResponse, facts: RequestFacts) => Promise<void>;
/**
 * Takes over the socket of a WebSocket handshake. `respond` makes an ordinary response on that socket, after which the
 * connection ends: for a refused upgrade. What the handler throws becomes an error page while nothing was written.
 */
export type UpgradeHandler = (
  req: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  facts: RequestFacts,
  respond: () => ServerResponse,
) => Promise<void>;

export interface ListenerOptions {
  /** Null: all addresses. */
  readonly host: string | null;
  /** 0: the kernel chooses. */
  readonly port: number;
}

export interface ServerOptions {
  readonly listener: ListenerOptions;
  readonly timeouts: {
    /** From the first byte of a request to the end of its head. */
    readonly headerMs: number;
    /** Between two pieces of a request body. */
    readonly bodyIdleMs: number;
    /** For the client to take what was sent. */
    readonly sendIdleMs: number;
    /** Between two requests. */
    readonly keepAliveMs: number;
    /** For requests under way when the server stops. */
    readonly drainMs: number;
  };
  readonly limits: ConnectionCaps & {
    readonly headerBytes: number;
    readonly targetBytes: number;
    readonly fields: number;
    readonly requestsPerConnection: number;
  };
  readonly viaName: string;
  readonly isTrustedProxy: (address: string) => boolean;
  readonly events: ServerEvents;
}

/** A request that the server itself answered or cut, or a connection that it refused. */
export interface Refusal {
  /** Empty where no request was understood. */
  readonly requestId: string;
  readonly code: ErrorCode;
  /** For the log; holds no request data. */
  readonly detail: string | null;
  readonly peerAddress: string;
  /** What was thrown, where it is no ProxyError: a bug of ours. */
  readonly cause: unknown;
}

export interface ServerEvents {
  refused(refusal: Refusal): void;
}

export interface RunningServer {
  /** Where it listens; the port that the kernel chose. */
  readonly address: { readonly host: string; readonly port: number };
  readonly connectionCount: number;
  /** No new connections; requests under way end whole, the rest is cut after `drainMs`. */
  drain(): Promise<void>;
}

/** Resolves when it listens; rejects when it cannot. */
export async function startServer(
  options: ServerOptions,
  handler: Handler,
  upgradeHandler: UpgradeHandler,
): Promise<RunningServer> {
  const front = new Front(options, handler, upgradeHandler);
  const server = front.createServer();
  await listen(server, options.listener);
  const { address: host, port } = server.address() as AddressInfo; // TCP: never a path, and never null while listening
  return {
    address: { host, port },
    get connectionCount() {
      return front.connections.size;
    },
    drain: () => front.drain(server),
  };
}

function listen(server: Server, { host, port }: ListenerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, ...(host === null ? {} : { host }) }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** How often node:http looks for heads that take too long. */
const CHECK_INTERVAL_MS = 1000;

/** What belongs to the listener: options, connections, and the way of a request. */
class Front {
  readonly connections = new ConnectionTable();
  readonly #options: ServerOptions;
  readonly #headLimits: HeadLimits;
  readonly #handler: Handler;
  readonly #upgradeHandler: UpgradeHandler;
  /** Ids are unique over processes and short: a random prefix and a count. */
  readonly #idPrefix = randomBytes(4).toString('hex');
  #requestCount = 0;
  #isDraining = false;

  constructor(options: ServerOptions, handler: Handler, upgradeHandler: UpgradeHandler) {
    this.#options = options;
    this.#handler = handler;
    this.#upgradeHandler = upgradeHandler;
    const { limits, viaName, isTrustedProxy } = options;
    this.#headLimits = { maxFields: limits.fields, maxTargetBytes: limits.targetBytes, viaName, isTrustedProxy };
  }

  createServer(): Server {
    const { timeouts, limits } = this.#options;
    const server = createServer({
      insecureHTTPParser: false,
      maxHeaderSize: limits.headerBytes,
      headersTimeout: timeouts.headerMs,
      // The body has a clock of its own that knows who keeps whom waiting.
      requestTimeout: 0,
      keepAliveTimeout: timeouts.keepAliveMs,
      connectionsCheckingInterval: Math.min(CHECK_INTERVAL_MS, Math.ceil(timeouts.headerMs / 2)),
      // Answered by us, with our page.
      requireHostHeader: false,
    });
    // Node cuts the list silently otherwise and still obeys a Content-Length that it cut off.
    server.maxHeadersCount = 0;
    server.timeout = timeouts.sendIdleMs;
    const onRequest = (req: IncomingMessage, res: ServerResponse) => this.#onRequest(req, res);
    server.prependListener('connection', (socket: Socket) => this.#onConnection(socket));
    server.on('request', onRequest);
    server.on('checkContinue', onRequest);
    server.on('checkExpectation', onRequest);
    server.on('upgrade', (req: IncomingMessage, socket: Duplex, head: Buffer) =>
      this.#onUpgrade(req, socket as Socket, head),
    );
    server.on('clientError', (error: ParserError, socket: Duplex) => this.#onClientError(error, socket as Socket));
    server.on('timeout', (socket: Socket) => this.#onIdle(socket));
    return server;
  }

  async drain(server: Server): Promise<void> {
    this.#isDraining = true;
    const closed = new Promise((resolve) => server.close(resolve));
    for (const connection of this.connections.all()) connection.drain();
    const timer = setTimeout(() => {
      for (const connection of this.connections.all()) connection.socket.destroy();
    }, this.#options.timeouts.drainMs);
    await closed;
    clearTimeout(timer);
  }

  #onConnection(socket: Socket): void {
    if (this.connections.admit(socket, this.#options.limits, this.#options.isTrustedProxy) !== null) return;
    this.#report('', new ProxyError('TOO_MANY_CONNECTIONS'), socket.remoteAddress ?? '');
    socket.destroy();
  }

  #onRequest(req: IncomingMessage, res: ServerResponse): void {
    const connection = this.connections.of(req.socket);
    // A connection over the cap was destroyed, and a broken one has had its last answer.
    if (connection === null || connection.isBroken) return;
    connection.requestCount += 1;
    // Node's own count says `Connection: close` and then does not close.
    const isLast = connection.requestCount >= this.#options.limits.requestsPerConnection;
    if (isLast || this.#isDraining) res.shouldKeepAlive = false;
    res.once('close', () => connection.end());
    connection.begin(() => this.#serve(req, res, connection));
  }

  #serve(req: IncomingMessage, res: ServerResponse, connection: ClientConnection): void {
    const requestId = this.#nextId();
    const facts = readHead(headOf(req, connection.address), this.#headLimits, requestId);
    if ('fault' in facts) {
      this.#answerError(req, res, connection, requestId, new ProxyError(facts.fault, { detail: facts.detail }));
      return;
    }
    if (facts.endsHere) {
      sendHead(res, 200, 'OK', optionsFields());
      res.end();
      return;
    }
    if (facts.body !== 'none') setBodyIdleTime(req, this.#options.timeouts.bodyIdleMs);
    this.#handler(req, res, facts).catch((error) => this.#answerError(req, res, connection, requestId, error));
  }

  /** Error page, or a cut when it is too late for one. Never throws. */
  #answerError(
    req: IncomingMessage,
    res: ServerResponse,
    connection: ClientConnection,
    requestId: string,
    thrown: unknown,
  ): void {
    const error = thrown instanceof ProxyError ? thrown : new ProxyError('INTERNAL', { cause: thrown });
    this.#report(requestId, error, connection.address);
    if (res.headersSent || error.status === null) {
      if (!res.writableEnded || error.status === null) cutResponse(res);
      return;
    }
    // The rest of a message that we do not read, or do not understand, must not be taken for the next request.
    if (!req.complete || ERRORS[error.code].origin === 'client') {
      res.shouldKeepAlive = false;
      connection.lingerOnClose();
    }
    const page = errorPage(error.code, requestId, fieldValue(req.rawHeaders, 'accept'));
    sendHead(res, page.status, STATUS_CODES[page.status] ?? '', page.fields);
    res.end(page.body, 'latin1');
  }

  #onUpgrade(req: IncomingMessage, socket: Socket, head: Buffer): void {
    const connection = this.connections.of(socket);
    if (connection === null || connection.isBroken || connection.isBusy) {
      socket.destroy();
      return;
    }
    const requestId = this.#nextId();
    // node:http has let go of the socket: its errors are ours now.
    socket.on('error', () => socket.destroy());
    socket.setTimeout(0);
    const facts = readHead(headOf(req, connection.address), this.#headLimits, requestId);
    if ('fault' in facts) {
      this.#answerRaw(
        askedBy(req),
        socket,
        connection,
        requestId,
        new ProxyError(facts.fault, { detail: facts.detail }),
      );
      return;
    }
    if (facts.upgrade === null) {
      this.#serveWithoutUpgrade(req, socket, connection, facts);
      return;
    }
    connection.isTunnel = true;
    let res: ServerResponse | null = null;
    const respond = () => {
      res = this.#respondOn(req, socket, connection);
      return res;
    };
    this.#upgradeHandler(req, socket, head, facts, respond).catch((error) => {
      if (res === null) this.#answerRaw(askedBy(req), socket, connection, requestId, error);
      else this.#answerError(req, res, connection, requestId, error);
    });
  }

  /** Upgrades that we do not know are ignored (RFC 9110 §7.8): an ordinary answer, after which the connection ends. */
  #serveWithoutUpgrade(req: IncomingMessage, socket: Socket, connection: ClientConnection, facts: RequestFacts): void {
    if (facts.body !== 'none') {
      // Its body is in the socket now, out of the parser's reach.
      const error = new ProxyError('BAD_REQUEST', { detail: 'upgrade with a body' });
      this.#answerRaw(askedBy(req), socket, connection, facts.requestId, error);
      return;
    }
    const res = this.#respondOn(req, socket, connection);
    this.#serve(req, res, connection);
  }

  /** A response on a socket that node:http has given away with its 'upgrade' event. */
  #respondOn(req: IncomingMessage, socket: Socket, connection: ClientConnection): ServerResponse {
    const res = new ServerResponse(req);
    res.shouldKeepAlive = false;
    connection.isTunnel = false;
    connection.lingerOnClose();
    connection.begin(() => {
      res.assignSocket(socket);
    });
    socket.setTimeout(this.#options.timeouts.sendIdleMs, () => this.#onIdle(socket));
    res.once('finish', () => {
      res.detachSocket(socket);
      socket.destroySoon();
      res.emit('close');
    });
    res.once('close', () => connection.end());
    return res;
  }

  #answerRaw(asked: Asked, socket: Socket, connection: ClientConnection, requestId: string, thrown: unknown): void {
    const error = thrown instanceof ProxyError ? thrown : new ProxyError('INTERNAL', { cause: thrown });
    this.#report(requestId, error, connection.address);
    if (error.status === null || !socket.writable) {
      socket.destroy();
      return;
    }
    connection.lingerOnClose();
    socket.write(rawErrorAnswer(error.code, requestId, asked.accept, asked.mayHaveBody), 'latin1');
    socket.destroySoon();
  }

  /** The parser gave up, a head took too long, or the connection broke. */
  #onClientError(error: ParserError, socket: Socket): void {
    const connection = this.connections.of(socket);
    if (connection === null || !socket.writable || error.code === 'ECONNRESET' || error.code === 'EPIPE') {
      socket.destroy();
      return;
    }
    // The parser reports every further byte.
    if (connection.isBroken) return;
    connection.isBroken = true;
    const code = PARSER_FAULTS[error.code ?? ''] ?? 'BAD_REQUEST';
    const current = (socket as SocketWithParser).parser?.incoming ?? null;
    if (connection.isBusy && current !== null && !current.complete) {
      // The fault is in the body of a request: its reader ends the exchange, and so answers once.
      failBody(current, code);
      return;
    }
    connection.whenAtRest(() => {
      // A connection that never said anything needs no answer.
      if (socket.bytesRead === 0) socket.destroy();
      else
        this.#answerRaw(
          { accept: null, mayHaveBody: !HEAD_REQUEST.test(error.rawPacket?.toString('latin1') ?? '') },
          socket,
          connection,
          this.#nextId(),
          new ProxyError(code, { detail: error.code ?? error.name }),
        );
    });
  }

  /** No byte went either way for `sendIdleMs`. */
  #onIdle(socket: Socket): void {
    const connection = this.connections.of(socket);
    if (connection === null || !connection.isBusy) {
      socket.destroy();
      return;
    }
    if (socket.writableLength > 0) {
      this.#report('', new ProxyError('SLOW_CLIENT'), connection.address);
      socket.destroy();
      return;
    }
    // We wait for the upstream, or for a body: both have clocks of their own.
    socket.setTimeout(this.#options.timeouts.sendIdleMs);
  }

  #nextId(): string {
    this.#requestCount += 1;
    return `${this.#idPrefix}-${this.#requestCount.toString(36)}`;
  }

  #report(requestId: string, error: ProxyError, peerAddress: string): void {
    const cause = error.code === 'INTERNAL' ? error.cause : null;
    this.#options.events.refused({ requestId, code: error.code, detail: error.detail, peerAddress, cause });
  }
}

/** llhttp's and node:http's names for what clients do wrong. The rest is BAD_REQUEST. */
const PARSER_FAULTS: Readonly<Record<string, ErrorCode>> = {
  HPE_HEADER_OVERFLOW: 'FIELDS_TOO_LARGE',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'BODY_TOO_LARGE',
  ERR_HTTP_REQUEST_TIMEOUT: 'REQUEST_TIMEOUT',
  HPE_INVALID_VERSION: 'VERSION_NOT_SUPPORTED',
  HPE_INVALID_CONTENT_LENGTH: 'BAD_FRAMING',
  HPE_UNEXPECTED_CONTENT_LENGTH: 'BAD_FRAMING',
  HPE_INVALID_TRANSFER_ENCODING: 'BAD_FRAMING',
  HPE_INVALID_CHUNK_SIZE: 'BAD_FRAMING',
};

/** What an error answer depends on. */
interface Asked {
  readonly accept: string | null;
  readonly mayHaveBody: boolean;
}

function askedBy(req: IncomingMessage): Asked {
  return { accept: fieldValue(req.rawHeaders, 'accept'), mayHaveBody: req.method !== 'HEAD' };
}

/** node:http adds the bytes that the parser choked on. */
interface ParserError extends Error {
  readonly code?: string;
  readonly rawPacket?: Buffer;
}

/** Could the message that was not understood have been a HEAD request? */
const HEAD_REQUEST = /(?:^|\n)HEAD /;

/** node:http keeps the message that it is reading here; the type definitions leave it out. */
interface SocketWithParser extends Socket {
  readonly parser?: { readonly incoming: IncomingMessage | null } | null;
}

function headOf(req: IncomingMessage, peerAddress: string) {
  return {
    method: req.method ?? '',
    target: req.url ?? '',
    versionMajor: req.httpVersionMajor,
    versionMinor: req.httpVersionMinor,
    fields: req.rawHeaders,
    isEncrypted: 'encrypted' in req.socket,
    http2: null,
    peerAddress,
  };
}
