/**
 * HTTP/1.0 and HTTP/1.1 on node:http: the listener itself (with or without TLS), connections and their clocks, pipelined
 * requests, upgrades, and what the parser refuses. HTTP/2 connections, chosen by ALPN, go to `http2.ts`.
 *
 * One bad message gets one answer, and nothing that follows it on its connection is read as a request.
 */
import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type Server, ServerResponse } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { asProxyError, ProxyError } from '../errors.ts';
import { firstValue } from '../field-list.ts';
import { abandonBody, failBody } from './client-body.ts';
import { type ClientConnection, ConnectionTable } from './connections.ts';
import { rawErrorAnswer } from './error-page.ts';
import { type RawHead, type RequestFacts, readHead } from './framing.ts';
import type { Front } from './front.ts';
import { Http2Front } from './http2.ts';
import { certificateOf, httpOptions, offered } from './listener-options.ts';
import { faultOf, mayBeHead, type ParserError } from './parser-fault.ts';
import type { ListenerTls, ServerOptions, UpgradeHandler } from './server.ts';
import type { Request } from './upgrade-request.ts';

export class Http1Front {
  readonly connections: ConnectionTable;
  readonly server: Server;
  readonly #front: Front;
  readonly #upgradeHandler: UpgradeHandler;
  readonly #http2: Http2Front | null;
  /** A reload brings another certificate; whether there is TLS at all was settled at the start. */
  #tls: ListenerTls | null;
  /** Connections whose TLS handshake is not over. */
  readonly #handshakes = new Set<Socket>();
  #isDraining = false;
  #isCutting = false;

  constructor(front: Front, upgradeHandler: UpgradeHandler) {
    this.#front = front;
    this.#upgradeHandler = upgradeHandler;
    this.connections = new ConnectionTable(front.options.timeouts, (connection) => this.#onSilence(connection));
    this.#tls = front.options.listener.tls;
    this.#http2 = this.#tls === null ? null : new Http2Front(front);
    this.server = this.#tls === null ? createServer(httpOptions(front)) : this.#createTlsServer(this.#tls);
    this.#wire(this.server);
    this.server.headersTimeout = front.options.timeouts.headerMs;
  }

  /**
   * Limits and timeouts, and what a TLS listener shows and offers, from now on; open connections keep what node:http was told
   * when they began. Throws when the certificate is bad.
   */
  reconfigure(options: ServerOptions): void {
    const { tls } = options.listener;
    if (tls !== null && this.#tls !== null) {
      (this.server as TlsServer).setSecureContext(certificateOf(tls));
      this.#tls = tls;
    }
    this.#front.reconfigure(options);
    this.#http2?.reconfigure();
    this.server.headersTimeout = options.timeouts.headerMs;
    (this.server as ServerWithLimit).maxHeaderSize = options.limits.headerBytes;
    this.connections.patience = options.timeouts;
  }

  get isCutting(): boolean {
    return this.#isCutting;
  }

  /** No new connections; requests under way end whole, the rest is cut after `drainMs`. */
  async drain(): Promise<void> {
    this.#isDraining = true;
    const closed = new Promise((resolve) => this.server.close(resolve));
    for (const connection of this.connections.all()) connection.drain();
    // Nothing would come of them but a close, after as long as a head may take.
    for (const socket of this.#handshakes) socket.destroy();
    this.#http2?.drain();
    const timer = setTimeout(() => {
      this.#isCutting = true;
      this.connections.destroyAll();
    }, this.#front.options.timeouts.drainMs);
    await closed;
    clearTimeout(timer);
  }

  #createTlsServer(tls: ListenerTls): TlsServer {
    const server = createTlsServer({
      ...httpOptions(this.#front),
      ...certificateOf(tls),
      // Asked for each handshake: HTTP/2 may have been switched off meanwhile.
      ALPNCallback: ({ protocols }) => offered(this.#tls).find((protocol) => protocols.includes(protocol)),
      handshakeTimeout: this.#front.options.timeouts.headerMs,
    });
    // node:https would speak HTTP/1 on every connection: those that chose HTTP/2 go elsewhere.
    const [speakHttp1] = server.listeners('secureConnection') as ((socket: TLSSocket) => void)[];
    server.removeAllListeners('secureConnection');
    server.on('secureConnection', (socket: TLSSocket) =>
      this.#guard(socket, () => this.#onSecureConnection(socket, () => speakHttp1?.call(server, socket))),
    );
    return server;
  }

  #onSecureConnection(socket: TLSSocket, speakHttp1: () => void): void {
    this.#handshakes.delete((socket as SocketWithParent)._parent);
    if (socket.alpnProtocol === 'h2' && this.#http2 !== null) {
      // A handshake that ends while the others drain.
      if (this.#isDraining) socket.destroySoon();
      else this.#http2.accept(socket);
      return;
    }
    const connection = this.connections.open(socket);
    if (this.#isDraining) connection.drain();
    else speakHttp1();
  }

  #wire(server: Server): void {
    // Node cuts the list silently otherwise and still obeys a Content-Length that it cut off.
    server.maxHeadersCount = 0;
    const onRequest = (req: IncomingMessage, res: ServerResponse) =>
      this.#guard(req.socket, () => this.#onRequest(req, res));
    server.prependListener('connection', (socket: Socket) => this.#guard(socket, () => this.#onConnection(socket)));
    server.on('request', onRequest);
    server.on('checkContinue', onRequest);
    server.on('checkExpectation', onRequest);
    const onUpgrade = (req: IncomingMessage, stream: Duplex, head: Buffer) => {
      // From Node 24 on the socket comes wrapped while a body is under way; the wrapper repeats its errors.
      if (stream !== req.socket) stream.on('error', () => {});
      this.#guard(req.socket, () => this.#onUpgrade(req, req.socket, head));
    };
    server.on('upgrade', onUpgrade);
    // Refused by its head; without a listener Node would hang up without a word.
    server.on('connect', onUpgrade);
    server.on('clientError', (error: ParserError, socket: Duplex) =>
      this.#guard(socket, () => this.#onClientError(error, socket as Socket)),
    );
    // It counts a connection as idle whose answer was given out and is still on its way to a slow client, and `close` calls
    // it: that would cut the answer. Idle connections are the connection table's business.
    server.closeIdleConnections = () => {};
    // Silence is the connection table's business: node:http would set and clear a timer for every request.
    server.keepAliveTimeout = 0;
    server.timeout = 0;
    // What the system says when it cannot accept a connection, such as EMFILE; unheard it would end the process.
    server.on('error', (error: Error & { code?: string }) => {
      if (!server.listening) return; // whoever starts it hears that
      this.#front.report('', new ProxyError('EXHAUSTED', { detail: error.code ?? error.name }), '');
    });
  }

  /** What a listener throws nobody else would catch, and what has become of its connection nobody knows then. */
  #guard(socket: Duplex, step: () => void): void {
    try {
      step();
    } catch (error) {
      socket.destroy();
      this.#front.report('', asProxyError(error), (socket as Socket).remoteAddress ?? '');
    }
  }

  #onConnection(socket: Socket): void {
    const { limits, isTrustedProxy } = this.#front.options;
    if (this.connections.admit(socket, limits, isTrustedProxy)) {
      if (this.#tls === null) this.connections.open(socket);
      else this.#awaitHandshake(socket);
      return;
    }
    this.#front.report('', new ProxyError('TOO_MANY_CONNECTIONS'), socket.remoteAddress ?? '');
    socket.destroy();
  }

  #awaitHandshake(socket: Socket): void {
    this.#handshakes.add(socket);
    socket.once('close', () => this.#handshakes.delete(socket));
  }

  #onRequest(req: IncomingMessage, res: ServerResponse): void {
    const connection = this.connections.of(req.socket);
    // A connection over the cap was destroyed; a broken or ending one has had its last answer.
    if (connection === null || connection.isBroken || connection.isEnding) return;
    connection.requestCount += 1;
    // Node's own count says `Connection: close` and then does not close.
    const isLast = connection.requestCount >= this.#front.options.limits.requestsPerConnection;
    if (isLast) res.shouldKeepAlive = false;
    if ((req as Request).ignoresUpgrade === true) {
      // The parser stops where the other protocol would begin, and what came in one piece with the end of this message is
      // lost: from there on nobody knows where a request begins.
      res.shouldKeepAlive = false;
      connection.lingerOnClose();
    }
    res.on('close', () => connection.end());
    if (connection.isBusy) connection.wait(() => this.#serve(req, res, connection));
    else this.#serve(req, res, connection);
  }

  #serve(req: IncomingMessage, res: ServerResponse, connection: ClientConnection): void {
    connection.begin(res);
    this.#front.serve(req, res, headOf(req, connection.address), () => {
      res.shouldKeepAlive = false;
      connection.lingerOnClose();
      abandonBody(req);
    });
  }

  #onUpgrade(req: IncomingMessage, socket: Socket, head: Buffer): void {
    const connection = this.connections.of(socket);
    if (connection === null || connection.isBroken) {
      socket.destroy();
      return;
    }
    // node:http has let go of the socket: its errors are ours now.
    socket.on('error', () => socket.destroy());
    if (connection.isEnding) socket.resume();
    else if (!connection.isBusy) this.#upgrade(req, socket, connection, head);
    else {
      connection.wait(() => {
        socket.pause(); // What comes next is the tunnel's: nobody reads it yet.
        this.#upgrade(req, socket, connection, head);
      });
    }
  }

  #upgrade(req: IncomingMessage, socket: Socket, connection: ClientConnection, head: Buffer): void {
    const requestId = this.#front.nextId();
    let facts: RequestFacts;
    try {
      facts = this.#readHandshake(req, connection, requestId);
    } catch (error) {
      this.#answerRaw(askedBy(req), socket, connection, requestId, error);
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
      else this.#front.answerError(req, res, requestId, connection.address, error, () => {});
    });
  }

  /** Throws what is wrong with it. */
  #readHandshake(req: IncomingMessage, connection: ClientConnection, requestId: string): RequestFacts {
    const facts = readHead(headOf(req, connection.address), this.#front.headLimits, requestId);
    if ('fault' in facts) throw new ProxyError(facts.fault, { detail: facts.detail });
    assert(facts.upgrade !== null, 'node:http gives out sockets of WebSocket handshakes alone');
    return facts;
  }

  /** A response on a socket that node:http has given away with its 'upgrade' event. */
  #respondOn(req: IncomingMessage, socket: Socket, connection: ClientConnection): ServerResponse {
    const res = new ServerResponse(req);
    res.shouldKeepAlive = false;
    connection.isTunnel = false;
    connection.lingerOnClose();
    // Nothing else is under way on it: see `#onUpgrade`.
    connection.begin(res);
    res.assignSocket(socket);
    // Nobody reads it any more, and a client that leaves would not be noticed.
    socket.resume();
    socket.once('end', () => socket.destroy());
    // node:http has taken its own listener off, by which a response learns this.
    const onDrain = () => res.emit('drain');
    socket.on('drain', onDrain);
    res.once('finish', () => {
      socket.off('drain', onDrain);
      res.detachSocket(socket);
      socket.destroySoon();
      res.emit('close');
    });
    res.once('close', () => connection.end());
    return res;
  }

  #answerRaw(asked: Asked, socket: Socket, connection: ClientConnection, requestId: string, thrown: unknown): void {
    const error = asProxyError(thrown);
    this.#guard(socket, () => {
      this.#front.report(requestId, error, connection.address);
      if (error.status === null || !socket.writable) {
        socket.destroy();
        return;
      }
      const answer = rawErrorAnswer(error.code, requestId, asked.accept, asked.mayHaveBody);
      connection.lingerOnClose();
      socket.write(answer, 'latin1');
      socket.destroySoon();
    });
  }

  /** The parser gave up, a head took too long, or the connection broke. */
  #onClientError(error: ParserError, socket: Socket): void {
    const connection = this.connections.of(socket);
    // Its last answer is out: what it says now is read away, for a while, and of no interest.
    if (connection?.isEnding === true && !socket.writable) return;
    if (connection === null || !socket.writable || error.code === 'ECONNRESET' || error.code === 'EPIPE') {
      socket.destroy();
      return;
    }
    // The parser reports every further byte.
    if (connection.isBroken) return;
    connection.isBroken = true;
    const code = faultOf(error, this.#front.options.limits.headerBytes);
    const current = (socket as SocketWithParser).parser?.incoming ?? null;
    if (connection.isBusy && current !== null && !current.complete) {
      // The fault is in the body of a request: its reader ends the exchange, and so answers once.
      failBody(current, code);
      connection.whenAtRest(() => socket.destroySoon());
      return;
    }
    connection.whenAtRest(() => {
      // What follows the last answer is of no interest, and must not cut it.
      if (connection.isEnding) return;
      // A connection that never said anything needs no answer, and one that ended in a head gets none.
      if (socket.bytesRead === 0 || code === 'CLIENT_GONE') socket.destroy();
      else
        this.#answerRaw(
          { accept: null, mayHaveBody: !mayBeHead(error) },
          socket,
          connection,
          this.#front.nextId(),
          new ProxyError(code, { detail: error.code ?? error.name }),
        );
    });
  }

  #onSilence(connection: ClientConnection): void {
    const isSlow = connection.isBusy && !connection.isTunnel && !connection.isLingering;
    if (isSlow) this.#front.report('', new ProxyError('SLOW_CLIENT'), connection.address);
    connection.socket.destroy();
  }
}

/** The socket beneath TLS; the type definitions leave it out. */
interface SocketWithParent extends TLSSocket {
  readonly _parent: Socket;
}

/** Read for each new connection; the type definitions leave it out. */
interface ServerWithLimit extends Server {
  maxHeaderSize: number;
}

/** What an error answer depends on. */
interface Asked {
  readonly accept: string | null;
  readonly mayHaveBody: boolean;
}

function askedBy(req: IncomingMessage): Asked {
  return { accept: firstValue(req.rawHeaders, 'accept'), mayHaveBody: req.method !== 'HEAD' };
}

/** node:http keeps the message that it is reading here; the type definitions leave it out. */
interface SocketWithParser extends Socket {
  readonly parser?: { readonly incoming: IncomingMessage | null } | null;
}

function headOf(req: IncomingMessage, peerAddress: string): RawHead {
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
