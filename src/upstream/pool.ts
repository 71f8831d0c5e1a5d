/**
 * Connections to the upstream: opened, lent to one request at a time, kept for a while, thrown away on any doubt.
 *
 * It replaces node:http's Agent (whose place an "Agent-like object" with `addRequest` may take): the last one used is
 * lent first, a byte that nobody asked for ends the connection, and one listener and one clock serve all requests.
 */
import { connect as connectPlain, isIP, type Socket } from 'node:net';
import { checkServerIdentity, connect as connectTls, createSecureContext, type SecureContext } from 'node:tls';
import { asProxyError, ProxyError } from '../errors.ts';
import type { ResponseFraming } from './response-head.ts';
import { Silence, SilenceClock } from './silence.ts';

export interface PoolOptions {
  readonly host: string;
  readonly port: number;
  /** Null: plain TCP. */
  readonly tls: {
    /** In PEM: the authorities that are trusted instead of the public ones. */
    readonly ca: string | null;
    /** Name that the certificate must have; null: the host. */
    readonly serverName: string | null;
    /** False: any certificate will do. For tests only. */
    readonly verify: boolean;
  } | null;
  readonly connectTimeoutMs: number;
  /** Idle connections kept at most, and for how long. Keep it below the upstream's own keep-alive time. */
  readonly poolSize: number;
  readonly poolIdleMs: number;
}

/** Who holds a connection. */
export interface Lease {
  /** Has the whole answer been received? A byte after that belongs to nobody. */
  readonly isAnswered: boolean;
  /** How the answer ends; null when other answers came before it. */
  readonly framing: ResponseFraming | null;
  /** How long the upstream promised to keep the connection; null when it did not say. */
  readonly keepAliveMs: number | null;
  /** Interim heads that have come; null when the final one has. */
  readonly interimCount: number | null;
  /** How long it may be silent, at this stage of its request, and how long one head may take to come. */
  readonly patienceMs: number;
  /** No byte went either way for `patienceMs`; said again after as long a time. */
  onSilence(): void;
  /** The stream from the upstream seems to end, but it was reset. */
  onReset(): void;
}

/** End of a head, and of a body in chunks without trailers. */
const HEAD_END = Buffer.from('\r\n\r\n');
const LAST_CHUNK = Buffer.from('0\r\n\r\n');
const NOTHING = Buffer.alloc(0);

/** The announced keep-alive time is the upstream's clock; our reuse has to end well before. */
const KEEP_ALIVE_MARGIN_MS = 1000;

export class Connection {
  readonly socket: Socket;
  readonly #pool: ConnectionPool;
  lease: Lease | null = null;
  isConnected = false;
  /** `socket.bytesRead` when it was lent: no more than that means that the upstream has not said a word. */
  bytesReadBefore = 0;
  /** When that was, by `performance.now()`. */
  lentAtMs = 0;
  #hasSurplus = false;
  /** Since it was lent: bytes that came, how many of them are the head (if the first piece holds it), the last piece. */
  #received = 0;
  #headBytes = 0;
  #last: Buffer = NOTHING;
  readonly #silence: Silence;
  /** The head that comes next: how many are before it, the bytes until then, and since when it comes; 0: it has not begun. */
  #headsBefore = 0;
  #bytesBeforeHead = 0;
  #headSinceMs = 0;
  /** How long it may lie idle. */
  #idleMs = 0;

  constructor(pool: ConnectionPool, socket: Socket) {
    this.#pool = pool;
    this.socket = socket;
    this.#silence = new Silence(socket, performance.now());
    socket.once('close', () => this.#pool.forget(this));
    // node:http listens only while a request has the socket; a reset in between must not end the process.
    socket.on('error', ignore);
    // Before the parser gets them.
    socket.on('data', (bytes: Buffer) => {
      try {
        if (this.lease === null) socket.destroy();
        else if (this.lease.isAnswered) this.#hasSurplus = true;
        else this.#note(bytes);
      } catch (error) {
        // The parser would go on without these bytes.
        socket.destroy(asProxyError(error));
      }
    });
    // Before the parser, which would call what came so far whole.
    socket.on('end', () => {
      if (this.lease !== null && isReset(socket)) this.lease.onReset();
    });
    // Emitted by node:http's ClientRequest when the answer is whole and both sides keep the connection.
    socket.on('free', () => this.#pool.takeBack(this));
  }

  get isReusable(): boolean {
    return this.isConnected && !this.#hasSurplus && !this.socket.destroyed && this.socket.writable;
  }

  /** Has it lain idle for longer than it may, though the clock has not come by yet? */
  isStale(nowMs: number): boolean {
    return this.#silence.isPast(nowMs, this.#idleMs);
  }

  #note(bytes: Buffer): void {
    if (this.#received === 0) this.#headBytes = bytes.indexOf(HEAD_END) + HEAD_END.length;
    this.#received += bytes.length;
    this.#last = bytes;
  }

  /**
   * Did the last piece that came end with the answer? The parser says nothing about the beginning of another answer behind
   * it, which would be taken for that of the next request. False as well where it cannot be told from here.
   */
  get endsWithAnswer(): boolean {
    const framing = this.lease?.framing ?? null;
    if (framing === 'chunked') {
      const tail = Math.min(this.#last.length, LAST_CHUNK.length);
      return LAST_CHUNK.subarray(-tail).equals(this.#last.subarray(-tail));
    }
    const bodyBytes = framing === 'none' ? 0 : framing;
    return typeof bodyBytes === 'number' && this.#headBytes + bodyBytes === this.#received;
  }

  /** Lent from now on. */
  lendTo(lease: Lease, nowMs: number): void {
    this.lease = lease;
    this.lentAtMs = nowMs;
    this.#received = 0;
    this.bytesReadBefore = this.socket.bytesRead;
    this.#awaitHead(0);
    this.#silence.restart(nowMs);
  }

  /** Nobody's from now on, and to be closed after `idleMs`. */
  rest(idleMs: number): void {
    this.lease = null;
    this.#last = NOTHING;
    this.#idleMs = idleMs;
    this.#silence.restart(performance.now());
  }

  /** For the clock. */
  check(nowMs: number): void {
    const { lease } = this;
    const isSilent = this.#silence.isOver(nowMs, lease?.patienceMs ?? this.#idleMs);
    if (isSilent || (lease !== null && this.#isHeadLate(lease, nowMs))) this.#onSilence();
  }

  #awaitHead(headsBefore: number): void {
    this.#headsBefore = headsBefore;
    this.#bytesBeforeHead = this.socket.bytesRead;
    this.#headSinceMs = 0;
  }

  /** A head that comes byte by byte is never silent. */
  #isHeadLate({ interimCount, patienceMs }: Lease, nowMs: number): boolean {
    if (interimCount === null) return false;
    if (interimCount !== this.#headsBefore) this.#awaitHead(interimCount);
    if (this.socket.bytesRead === this.#bytesBeforeHead) return false;
    if (this.#headSinceMs === 0) this.#headSinceMs = nowMs;
    return nowMs - this.#headSinceMs >= patienceMs;
  }

  #onSilence(): void {
    if (this.lease === null) this.socket.destroy();
    else this.lease.onSilence();
  }

  /** Did the upstream send anything since this connection was lent? */
  get hasAnswered(): boolean {
    return this.socket.bytesRead > this.bytesReadBefore;
  }
}

/**
 * Was the connection reset, though Node says that it ended? It does where the kernel tells of the reset and the end at once.
 * Only a connection that is reset has no peer any more. (Node asks the kernel at the first look, and keeps the answer.)
 */
export function isReset(socket: Socket): boolean {
  return socket.remoteAddress === undefined;
}

export class ConnectionPool {
  readonly #options: PoolOptions;
  readonly #idle: Connection[] = [];
  readonly #all = new Set<Connection>();
  /** The shortest time for which a lease or an idle connection may be silent. */
  readonly #shortestMs: number;
  readonly #clock = new SilenceClock((nowMs) => {
    for (const connection of this.#all) connection.check(nowMs);
  });
  #isClosed = false;

  /** `patienceMs`: the shortest time for which a lease may be patient. */
  constructor(options: PoolOptions, patienceMs: number) {
    this.#options = options;
    this.#shortestMs = Math.min(patienceMs, options.poolIdleMs);
  }

  /** A connection for `lease`: the one used last, or a new one. `fresh`: certainly a new one. */
  lend(lease: Lease, fresh: boolean): Connection {
    const nowMs = performance.now();
    let connection = fresh ? undefined : this.#idle.pop();
    while (connection !== undefined && (!connection.isReusable || connection.isStale(nowMs))) {
      connection.socket.destroy();
      connection = this.#idle.pop();
    }
    connection ??= this.#open();
    connection.lendTo(lease, nowMs);
    return connection;
  }

  takeBack(connection: Connection): void {
    const { poolSize, poolIdleMs } = this.#options;
    const promisedMs = connection.lease?.keepAliveMs ?? null;
    const idleMs = promisedMs === null ? poolIdleMs : Math.min(poolIdleMs, promisedMs - KEEP_ALIVE_MARGIN_MS);
    const isClean = connection.isReusable && connection.endsWithAnswer;
    connection.rest(idleMs);
    if (this.#isClosed || !isClean || idleMs <= 0 || this.#idle.length >= poolSize) {
      connection.socket.destroy();
      return;
    }
    this.#idle.push(connection);
  }

  forget(connection: Connection): void {
    this.#all.delete(connection);
    if (this.#all.size === 0) this.#clock.stop();
    if (connection.lease !== null) return;
    const at = this.#idle.indexOf(connection);
    if (at >= 0) this.#idle.splice(at, 1);
  }

  /** Open connections, lent and idle. */
  get counts(): { open: number; idle: number } {
    return { open: this.#all.size, idle: this.#idle.length };
  }

  /** End idle connections now, lent ones when their request is over. */
  close(): void {
    this.#isClosed = true;
    for (const connection of this.#idle.splice(0)) connection.socket.destroy();
  }

  #open(): Connection {
    const socket = openSocket(this.#options, () => {
      connection.isConnected = true;
    });
    const connection = new Connection(this, socket);
    this.#all.add(connection);
    this.#clock.start(this.#shortestMs);
    return connection;
  }
}

/**
 * A new socket to the upstream, connecting; it is destroyed with UPSTREAM_CONNECT_TIMEOUT when that takes too long.
 * `onConnected` is called when it is ready, TLS and all.
 */
export function openSocket({ host, port, tls, connectTimeoutMs }: PoolOptions, onConnected: () => void): Socket {
  const socket =
    tls === null
      ? connectPlain({ host, port })
      : connectTls({
          host,
          port,
          ALPNProtocols: ['http/1.1'],
          rejectUnauthorized: tls.verify,
          secureContext: contextOf(tls),
          checkServerIdentity: (_host, certificate) => checkServerIdentity(tls.serverName ?? host, certificate),
          // An IP address is not sent as a server name (RFC 6066 §3).
          ...(isIP(tls.serverName ?? host) === 0 ? { servername: tls.serverName ?? host } : {}),
        });
  socket.setNoDelay(true);
  const timer = setTimeout(() => socket.destroy(new ProxyError('UPSTREAM_CONNECT_TIMEOUT')), connectTimeoutMs);
  socket.once(tls === null ? 'connect' : 'secureConnect', () => {
    clearTimeout(timer);
    onConnected();
  });
  socket.once('close', () => clearTimeout(timer));
  return socket;
}

type TlsOptions = NonNullable<PoolOptions['tls']>;

/** Kept: to read a bundle of public authorities takes 20 ms, which is too much for each connection. */
const contexts = new WeakMap<TlsOptions, SecureContext>();

function contextOf(tls: TlsOptions): SecureContext {
  const known = contexts.get(tls);
  if (known !== undefined) return known;
  const context = createSecureContext(tls.ca === null ? {} : { ca: tls.ca });
  contexts.set(tls, context);
  return context;
}

function ignore(): void {}
