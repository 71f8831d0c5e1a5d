/**
 * HTTP/2 on connections that chose it by ALPN (RFC 9113). Frames, flow control and the grammar of heads are nghttp2's
 * business; here are the clocks, the bounds on streams and resets, and the way to the same handler as HTTP/1.
 */
import {
  constants,
  createServer,
  type Http2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { TLSSocket } from 'node:tls';
import { asProxyError, ProxyError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { unmapped } from '../session/network.ts';
import { abandonBody } from './client-body.ts';
import type { RawHead } from './framing.ts';
import type { Front } from './front.ts';
import { Http2Connection, MAX_PINGS } from './http2-connection.ts';

/** CVE-2023-44487: the time over which resets are counted. */
const RESET_WINDOW_MS = 10_000;
/** More fields do not fit into the head that a client may send. */
const HEAD_PAIRS = 2048;
/** How often we look for connections whose end went unnoticed. */
const CHECK_MS = 1000;
/** For the log; `sessionError` names others. */
const BROKEN = 'HTTP/2 connection error';

export class Http2Front {
  readonly #front: Front;
  #server: Http2Server;
  readonly #connections = new Set<Http2Connection>();
  #clock: NodeJS.Timeout | null = null;

  constructor(front: Front) {
    this.#front = front;
    this.#server = this.#createServer();
  }

  /** Connections that come from now on have the limits of now. */
  reconfigure(): void {
    this.#server = this.#createServer();
  }

  /** It listens nowhere: it makes sessions of connections. */
  #createServer(): Http2Server {
    const { limits } = this.#front.options;
    const server = createServer({
      settings: {
        maxConcurrentStreams: limits.http2Streams,
        maxHeaderListSize: limits.headerBytes,
        enablePush: false,
        enableConnectProtocol: false,
      },
      // What is over the limit of fields is answered by us, with 431 and a reason. Above this nghttp2 resets the stream.
      maxHeaderListPairs: Math.max(limits.fields + 16, HEAD_PAIRS),
      maxSessionMemory: 10,
      maxOutstandingPings: MAX_PINGS,
    });
    const onRequest = (req: Http2ServerRequest, res: Http2ServerResponse) => {
      const { stream } = req;
      // An error of a stream is its end; what waits for it learns that by its 'close'.
      stream.on('error', () => {});
      try {
        this.#onRequest(req, res);
      } catch (error) {
        // What a listener throws nobody else would catch.
        stream.close(constants.NGHTTP2_INTERNAL_ERROR);
        this.#front.report('', asProxyError(error), addressOf(stream.session?.socket));
      }
    };
    for (const event of ['request', 'connect', 'checkContinue', 'checkExpectation']) server.on(event, onRequest);
    server.on('sessionError', (error, session) => this.#onSessionError(error, session));
    return server;
  }

  /** Speak HTTP/2 on this connection. */
  accept(socket: TLSSocket): void {
    // The session that is made of it comes before `emit` is back.
    const onSession = (session: ServerHttp2Session) => this.#onSession(session, socket);
    this.#server.once('session', onSession);
    this.#server.emit('connection', socket);
    this.#server.off('session', onSession);
  }

  /** No new streams; connections end when the last of theirs has. */
  drain(): void {
    for (const { session } of this.#connections) session.close();
  }

  #onSession(session: ServerHttp2Session, socket: TLSSocket): void {
    const connection = new Http2Connection(session, socket, performance.now());
    this.#watch(connection);
    const { limits, timeouts } = this.#front.options;
    const { streams } = connection;
    let count = 0;
    let resets = 0;
    let windowStartedAtMs = performance.now();
    const onReset = () => {
      const nowMs = performance.now();
      if (nowMs - windowStartedAtMs > RESET_WINDOW_MS) {
        windowStartedAtMs = nowMs;
        resets = 0;
      }
      resets += 1;
      if (resets <= limits.http2Streams * LIMITS.maxResetsPerStreamLimit || session.destroyed) return;
      this.#front.report('', new ProxyError('TOO_MANY_RESETS'), addressOf(socket));
      session.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM);
      session.destroy();
    };
    session.on('stream', (stream: ServerHttp2Stream) => {
      connection.add(stream);
      count += 1;
      stream.once('close', () => {
        if (stream.aborted || stream.rstCode === constants.NGHTTP2_CANCEL) onReset();
      });
      // A last GOAWAY lets the client go on with a new connection (RFC 9113 §6.8).
      if (count === limits.requestsPerConnection) session.close();
    });
    session.setTimeout(timeouts.keepAliveMs, () => {
      if (streams.size === 0) session.close();
    });
  }

  /** Until its socket's 'close': that of the session comes no earlier, and not at all when the client holds on. */
  #watch(connection: Http2Connection): void {
    this.#connections.add(connection);
    connection.socket.once('close', () => {
      this.#connections.delete(connection);
      if (this.#connections.size > 0 || this.#clock === null) return;
      clearInterval(this.#clock);
      this.#clock = null;
    });
    this.#clock ??= setInterval(() => this.#check(performance.now()), CHECK_MS).unref();
  }

  #check(nowMs: number): void {
    const { sendIdleMs } = this.#front.options.timeouts;
    for (const connection of this.#connections) {
      for (const stream of connection.stalled(nowMs, sendIdleMs)) this.#cutSlow(stream, addressOf(connection.socket));
      const loss = connection.check(nowMs, sendIdleMs);
      if (loss === null) continue;
      const peerAddress = addressOf(connection.socket);
      if (loss === 'slow') this.#front.report('', new ProxyError('SLOW_CLIENT'), peerAddress);
      if (loss === 'broken') this.#front.report('', new ProxyError('BAD_REQUEST', { detail: BROKEN }), peerAddress);
      connection.destroy();
    }
  }

  #cutSlow(stream: ServerHttp2Stream, peerAddress: string): void {
    this.#front.report('', new ProxyError('SLOW_CLIENT'), peerAddress);
    stream.close(constants.NGHTTP2_CANCEL);
  }

  /** Frames that break the rules: the session is destroyed by then, and its streams with it. */
  #onSessionError(error: Error & { readonly code?: string }, session: ServerHttp2Session): void {
    if (error.code === undefined || !error.code.startsWith('ERR_HTTP2')) return; // the connection broke
    this.#front.report('', new ProxyError('BAD_REQUEST', { detail: error.code }), addressOf(session?.socket));
  }

  #onRequest(req: Http2ServerRequest, res: Http2ServerResponse): void {
    const { stream } = req;
    const peerAddress = addressOf(stream.session?.socket);
    const { sendIdleMs } = this.#front.options.timeouts;
    stream.setTimeout(sendIdleMs, () => {
      if (stream.writableLength === 0) return; // we wait for the upstream, or for a body: both have clocks of their own
      this.#cutSlow(stream, peerAddress);
    });
    if (!stream.endAfterHeaders) {
      stream.once('aborted', () => abandonBody(req));
      this.#endWithAnswer(req, res);
    }
    const size = req.rawHeaders.reduce((sum, text) => sum + text.length, 0) + req.rawHeaders.length * 16;
    const raw = headOf(req, peerAddress, size > this.#front.options.limits.headerBytes);
    this.#front.serve(req, res, raw, () => req.resume());
  }

  /**
   * When the answer is whole, no more of the request is wanted (RFC 9113 §8.1). The response's own 'finish' comes only when the
   * stream is closed; the stream's comes before trailers and the end of the stream are sent, unless the head was its end.
   */
  #endWithAnswer(req: Http2ServerRequest, res: Http2ServerResponse): void {
    const { stream } = req;
    const end = () => {
      if (req.readableEnded) return;
      abandonBody(req);
      stream.close(constants.NGHTTP2_NO_ERROR);
    };
    stream.once('wantTrailers', () => setImmediate(end));
    stream.once('finish', () => {
      if (req.method === 'HEAD' || BODILESS.has(res.statusCode)) end();
    });
  }
}

/** Answers whose head is their end. */
const BODILESS: ReadonlySet<number> = new Set([204, 205, 304]);

function headOf(req: Http2ServerRequest, peerAddress: string, isTooLarge: boolean): RawHead {
  return {
    method: req.method,
    target: req.url,
    versionMajor: 2,
    versionMinor: 0,
    fields: req.rawHeaders,
    isEncrypted: true,
    http2: { endsWithHead: req.stream.endAfterHeaders, isTooLarge },
    peerAddress,
  };
}

function addressOf(socket: { readonly remoteAddress?: string | undefined } | undefined): string {
  return unmapped(socket?.remoteAddress ?? '');
}
