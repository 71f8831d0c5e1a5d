/**
 * Every connection of a client: how many there are, whose, which requests are under way on each, and which are silent. The
 * caps on connections, their idle times, the order of pipelined requests and the drain rest on this.
 */
import type { Socket } from 'node:net';
import { unmapped } from '../session/network.ts';
import { Silence, SilenceClock } from '../upstream/silence.ts';

/** Pipelined requests that may wait on one connection before we stop reading from it. */
const MAX_WAITING = 16;
/** After an answer to a message that was not read whole: how long the client may be silent, and go on sending, before the connection goes. */
export const LINGER_SILENCE_MS = 5000;
export const LINGER_MS = 30_000;

/** By so much node:http may be late with heads that take too long (`connectionsCheckingInterval`), and more. */
const HEAD_GRACE_MS = 2000;

/** A response, as far as it says what becomes of its connection. */
export interface LastingResponse {
  shouldKeepAlive: boolean;
  readonly headersSent: boolean;
}

export class ClientConnection {
  readonly socket: Socket;
  readonly address: string;
  /** A tunnel has taken the socket over. */
  isTunnel = false;
  /** The parser gave up: nothing that follows on this connection is a request. */
  isBroken = false;
  requestCount = 0;
  /** Read when the last request was over: more than that is the beginning of a head. */
  #bytesAtRest = 0;
  /** Since when nothing is under way, as the clock saw it; 0: it has not come by since. */
  #restsSinceMs = 0;
  readonly #silence: Silence;
  #isBusy = false;
  #isDraining = false;
  /** Since when the rest of what the client sends is read away; 0: it is not. */
  #lingersSinceMs = 0;
  /** Of the request that is under way. */
  #response: LastingResponse | null = null;
  readonly #waiting: (() => void)[] = [];
  #atRest: (() => void) | null = null;

  constructor(socket: Socket) {
    this.socket = socket;
    this.address = unmapped(socket.remoteAddress ?? '');
    this.#silence = new Silence(socket, performance.now());
  }

  get isBusy(): boolean {
    return this.#isBusy;
  }

  /** The last answer was given out: nothing that is still read is a request. */
  get isEnding(): boolean {
    return this.socket.destroyed || this.socket.writableEnded;
  }

  get isLingering(): boolean {
    return this.#lingersSinceMs !== 0;
  }

  /** The request that `response` answers is under way from now on, until `end`. */
  begin(response: LastingResponse): void {
    this.#isBusy = true;
    this.#response = response;
    if (this.#isDraining) response.shouldKeepAlive = false;
  }

  /**
   * Run `start` when the answers before it are out: node:http gives out pipelined requests as soon as it has read them,
   * but a response that waits in its queue never learns that the client has left.
   */
  wait(start: () => void): void {
    this.#waiting.push(start);
    if (this.#waiting.length >= MAX_WAITING) this.socket.pause();
  }

  /** The answer is out, or never will be. */
  end(): void {
    // What waits behind a last answer would never get the socket, nor learn that it will not.
    const next = this.isEnding ? undefined : this.#waiting.shift();
    if (next !== undefined) {
      if (this.#waiting.length < MAX_WAITING) this.socket.resume();
      next();
      return;
    }
    this.#waiting.length = 0;
    this.#isBusy = false;
    this.#response = null;
    this.#bytesAtRest = this.socket.bytesRead;
    this.#restsSinceMs = 0;
    const atRest = this.#atRest;
    this.#atRest = null;
    if (atRest !== null) atRest();
    else if (this.#isDraining) this.socket.destroySoon();
  }

  /** For the clock: was it silent for too long? */
  isSilent(nowMs: number, { headerMs, keepAliveMs, sendIdleMs, tunnelMs }: Patience): boolean {
    const isUnread = this.#silence.isUnread(nowMs, sendIdleMs);
    if (this.isLingering) {
      return this.#silence.isOver(nowMs, LINGER_SILENCE_MS) || nowMs - this.#lingersSinceMs >= LINGER_MS;
    }
    if (this.isTunnel) return this.#silence.isOver(nowMs, tunnelMs);
    // With nothing to send we wait for the upstream, or for a body: both have clocks of their own.
    if (this.#isBusy) return isUnread;
    const idleMs = this.requestCount === 0 ? sendIdleMs : keepAliveMs;
    const headMs = headerMs + HEAD_GRACE_MS;
    if (this.#restsSinceMs === 0) this.#restsSinceMs = nowMs;
    // node:http answers a head that takes too long. It does not count empty lines, which may stand before one: no number of them
    // keeps a connection for longer than a head that begins at the last moment.
    if (nowMs - this.#restsSinceMs >= idleMs + headMs) return true;
    const isInHead = this.socket.bytesRead !== this.#bytesAtRest;
    return this.#silence.isOver(nowMs, isInHead ? Math.max(idleMs, headMs) : idleMs);
  }

  /** Call `action` once nothing is under way. */
  whenAtRest(action: () => void): void {
    if (this.#isBusy) this.#atRest = action;
    else action();
  }

  /** Close as soon as nothing is under way. */
  drain(): void {
    this.#isDraining = true;
    // The client learns it with the answer that is under way, if its head is not out.
    if (this.#response?.headersSent === false) this.#response.shouldKeepAlive = false;
    if (!this.#isBusy && !this.isTunnel) this.socket.destroySoon();
  }

  /**
   * From now on closing means: send the rest, say that we are done, and read on for a while. A close with unread bytes
   * is a reset, and a reset can overtake the answer (RFC 9112 §9.6).
   */
  lingerOnClose(): void {
    this.socket.destroySoon = () => this.#linger();
  }

  #linger(): void {
    if (this.isLingering) return;
    this.#lingersSinceMs = performance.now();
    this.#silence.restart(this.#lingersSinceMs);
    this.socket.end();
    this.socket.resume();
  }
}

/** How long connections may be silent, by what they are doing. */
export interface Patience {
  /** From the first byte of a request to the end of its head. */
  readonly headerMs: number;
  /** Between two requests. */
  readonly keepAliveMs: number;
  /** For the client to take what was sent. */
  readonly sendIdleMs: number;
  /** In a tunnel, both ways. */
  readonly tunnelMs: number;
}

export interface ConnectionCaps {
  readonly connections: number;
  /** Trusted proxies have no such bound: all their clients come from one address. */
  readonly connectionsPerAddress: number;
}

export class ConnectionTable {
  /** Sockets as they were accepted; beneath TLS they are not the ones that requests come on. */
  readonly #admitted = new Set<Socket>();
  readonly #countByAddress = new Map<string, number>();
  readonly #open = new Map<Socket, ClientConnection>();
  readonly #clock = new SilenceClock((nowMs) => this.#check(nowMs));
  readonly #onSilence: (connection: ClientConnection) => void;
  #patience: Patience;

  /** `onSilence` is told of each connection that was silent for too long, and again after as long a time. */
  constructor(patience: Patience, onSilence: (connection: ClientConnection) => void) {
    this.#patience = patience;
    this.#onSilence = onSilence;
  }

  /** From now on. */
  set patience(patience: Patience) {
    this.#patience = patience;
    this.#clock.stop();
    if (this.#open.size > 0) this.#startClock();
  }

  /** Count a new socket, until its 'close'; false when a cap is reached. */
  admit(socket: Socket, caps: ConnectionCaps, isTrustedProxy: (address: string) => boolean): boolean {
    const address = unmapped(socket.remoteAddress ?? '');
    const count = this.#countByAddress.get(address) ?? 0;
    if (this.#admitted.size >= caps.connections) return false;
    if (count >= caps.connectionsPerAddress && !isTrustedProxy(address)) return false;
    this.#admitted.add(socket);
    this.#countByAddress.set(address, count + 1);
    socket.once('close', () => {
      this.#admitted.delete(socket);
      const left = (this.#countByAddress.get(address) ?? 1) - 1;
      if (left > 0) this.#countByAddress.set(address, left);
      else this.#countByAddress.delete(address);
    });
    return true;
  }

  /** A connection on which requests come, until its 'close'. */
  open(socket: Socket): ClientConnection {
    const connection = new ClientConnection(socket);
    this.#open.set(socket, connection);
    socket.once('close', () => {
      this.#open.delete(socket);
      if (this.#open.size === 0) this.#clock.stop();
      connection.end();
    });
    this.#startClock();
    return connection;
  }

  #startClock(): void {
    const { keepAliveMs, sendIdleMs, tunnelMs } = this.#patience;
    this.#clock.start(Math.min(keepAliveMs, sendIdleMs, tunnelMs));
  }

  #check(nowMs: number): void {
    for (const connection of this.#open.values()) {
      if (connection.isSilent(nowMs, this.#patience)) this.#onSilence(connection);
    }
  }

  of(socket: Socket): ClientConnection | null {
    return this.#open.get(socket) ?? null;
  }

  get size(): number {
    return this.#admitted.size;
  }

  all(): Iterable<ClientConnection> {
    return this.#open.values();
  }

  destroyAll(): void {
    for (const socket of this.#admitted) socket.destroy();
  }
}
