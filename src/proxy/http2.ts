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
import { ProxyError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { unmapped } from '../session/network.ts';
import { abandonBody } from './client-body.ts';
import type { RawHead } from './framing.ts';
import type { Front } from './front.ts';

/** CVE-2023-44487: the time over which resets are counted. */
const RESET_WINDOW_MS = 10_000;
/** More fields do not fit into the head that a client may send. */
const HEAD_PAIRS = 2048;
/** How often we look for connections that were reset unnoticed. */
const RESET_CHECK_MS = 1000;

export class Http2Front {
  readonly #front: Front;
  readonly #server: Http2Server;
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #sockets = new Set<TLSSocket>();
  #resetClock: NodeJS.Timeout | null = null;

  constructor(front: Front) {
    this.#front = front;
    const { limits } = front.options;
    this.#server = createServer({
      settings: {
        maxConcurrentStreams: limits.http2Streams,
        maxHeaderListSize: limits.headerBytes,
        enablePush: false,
        enableConnectProtocol: false,
      },
      // What is over the limit of fields is answered by us, with 431 and a reason. Above this nghttp2 resets the stream.
      maxHeaderListPairs: Math.max(limits.fields + 16, HEAD_PAIRS),
      maxSessionMemory: 10,
    });
    const onRequest = (req: Http2ServerRequest, res: Http2ServerResponse) => this.#onRequest(req, res);
    for (const event of ['request', 'connect', 'checkContinue', 'checkExpectation']) this.#server.on(event, onRequest);
    this.#server.on('session', (session: ServerHttp2Session) => this.#onSession(session));
    this.#server.on('sessionError', (error, session) => this.#onSessionError(error, session));
  }

  /** Speak HTTP/2 on this connection. */
  accept(socket: TLSSocket): void {
    this.#sockets.add(socket);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      if (this.#sockets.size > 0 || this.#resetClock === null) return;
      clearInterval(this.#resetClock);
      this.#resetClock = null;
    });
    this.#resetClock ??= setInterval(() => this.#endResetConnections(), RESET_CHECK_MS).unref();
    this.#server.emit('connection', socket);
  }

  /**
   * When a write fails, such as a WINDOW_UPDATE to a client that left within its upload, Node's TLS layer takes no other one
   * (it believes that it is still writing), and node:http2 stops to read until the next is done: it never hears of the end.
   */
  #endResetConnections(): void {
    for (const socket of this.#sockets) if (isReset(socket)) socket.destroy();
  }

  /** No new streams; connections end when the last of theirs has. */
  drain(): void {
    for (const session of this.#sessions) session.close();
  }

  #onSession(session: ServerHttp2Session): void {
    const { limits, timeouts } = this.#front.options;
    this.#sessions.add(session);
    session.once('close', () => this.#sessions.delete(session));
    let open = 0;
    let streams = 0;
    let resets = 0;
    let windowStartedAtMs = Date.now();
    const onReset = () => {
      const nowMs = Date.now();
      if (nowMs - windowStartedAtMs > RESET_WINDOW_MS) {
        windowStartedAtMs = nowMs;
        resets = 0;
      }
      resets += 1;
      if (resets <= limits.http2Streams * LIMITS.maxResetsPerStreamLimit || session.destroyed) return;
      this.#front.report('', new ProxyError('TOO_MANY_RESETS'), addressOf(session));
      session.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM);
      session.destroy();
    };
    session.on('stream', (stream: ServerHttp2Stream) => {
      open += 1;
      streams += 1;
      stream.once('close', () => {
        open -= 1;
        if (stream.aborted || stream.rstCode === constants.NGHTTP2_CANCEL) onReset();
      });
      // A last GOAWAY lets the client go on with a new connection (RFC 9113 §6.8).
      if (streams === limits.requestsPerConnection) session.close();
    });
    session.setTimeout(timeouts.keepAliveMs, () => {
      if (open === 0) session.close();
    });
  }

  /** Frames that break the rules: the session is destroyed by then, and its streams with it. */
  #onSessionError(error: Error & { readonly code?: string }, session: ServerHttp2Session): void {
    if (error.code === undefined || !error.code.startsWith('ERR_HTTP2')) return; // the connection broke
    this.#front.report('', new ProxyError('BAD_REQUEST', { detail: error.code }), addressOf(session));
  }

  #onRequest(req: Http2ServerRequest, res: Http2ServerResponse): void {
    const { stream } = req;
    // An error of a stream is its end; what waits for it learns that by its 'close'.
    stream.on('error', () => {});
    const peerAddress = addressOf(stream.session);
    const { sendIdleMs } = this.#front.options.timeouts;
    stream.setTimeout(sendIdleMs, () => {
      if (stream.writableLength === 0) return; // we wait for the upstream, or for a body: both have clocks of their own
      this.#front.report('', new ProxyError('SLOW_CLIENT'), peerAddress);
      stream.close(constants.NGHTTP2_CANCEL);
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

/** Asks the system: a connection that was reset has no peer any more. */
function isReset(socket: TLSSocket): boolean {
  const { _handle: handle } = socket as SocketWithHandle;
  return handle?.getpeername !== undefined && handle.getpeername({}) !== 0;
}

/** `remoteAddress` keeps what it once was; the type definitions leave the handle out. */
interface SocketWithHandle extends TLSSocket {
  readonly _handle?: { getpeername?(address: object): number } | null;
}

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

function addressOf(session: { readonly socket?: { readonly remoteAddress?: string | undefined } } | undefined): string {
  return unmapped(session?.socket?.remoteAddress ?? '');
}
