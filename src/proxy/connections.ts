/**
 * Every connection of a client: how many there are, whose, and which requests are under way on each. The caps on
 * connections, the order of pipelined requests and the drain rest on this.
 */
import type { Socket } from 'node:net';
import { unmapped } from './forwarded.ts';

/** Pipelined requests that may wait on one connection before we stop reading from it. */
const MAX_WAITING = 16;
/** After an answer to a message that was not read whole: time for the client to see it before the connection goes. */
const LINGER_MS = 2000;

export class ClientConnection {
  readonly socket: Socket;
  readonly address: string;
  /** A tunnel has taken the socket over. */
  isTunnel = false;
  /** The parser gave up: nothing that follows on this connection is a request. */
  isBroken = false;
  requestCount = 0;
  #isBusy = false;
  #isDraining = false;
  readonly #waiting: (() => void)[] = [];
  #atRest: (() => void) | null = null;

  constructor(socket: Socket) {
    this.socket = socket;
    this.address = unmapped(socket.remoteAddress ?? '');
  }

  get isBusy(): boolean {
    return this.#isBusy;
  }

  /**
   * Run `start` when the answers before it are out: node:http gives out pipelined requests as soon as it has read them,
   * but a response that waits in its queue never learns that the client has left.
   */
  begin(start: () => void): void {
    if (!this.#isBusy) {
      this.#isBusy = true;
      start();
      return;
    }
    this.#waiting.push(start);
    if (this.#waiting.length >= MAX_WAITING) this.socket.pause();
  }

  /** The answer is out, or never will be. */
  end(): void {
    const next = this.socket.destroyed ? undefined : this.#waiting.shift();
    if (next !== undefined) {
      if (this.#waiting.length < MAX_WAITING) this.socket.resume();
      next();
      return;
    }
    this.#waiting.length = 0;
    this.#isBusy = false;
    if (this.#atRest !== null) this.#atRest();
    else if (this.#isDraining) this.socket.destroySoon();
  }

  /** Call `action` once nothing is under way. */
  whenAtRest(action: () => void): void {
    if (this.#isBusy) this.#atRest = action;
    else action();
  }

  /** Close as soon as nothing is under way. */
  drain(): void {
    this.#isDraining = true;
    if (!this.#isBusy && !this.isTunnel) this.socket.destroySoon();
  }

  /**
   * From now on closing means: send the rest, say that we are done, and read on for a moment. A close with unread bytes
   * is a reset, and a reset can overtake the answer (RFC 9112 §9.6).
   */
  lingerOnClose(): void {
    const { socket } = this;
    socket.destroySoon = () => {
      socket.end();
      socket.resume();
      setTimeout(() => socket.destroy(), LINGER_MS).unref();
    };
  }
}

export interface ConnectionCaps {
  readonly connections: number;
  /** Trusted proxies have no such bound: all their clients come from one address. */
  readonly connectionsPerAddress: number;
}

export class ConnectionTable {
  readonly #bySocket = new Map<Socket, ClientConnection>();
  readonly #countByAddress = new Map<string, number>();

  /** Null when a cap is reached. The entry goes with the socket's 'close'. */
  admit(socket: Socket, caps: ConnectionCaps, isTrustedProxy: (address: string) => boolean): ClientConnection | null {
    const connection = new ClientConnection(socket);
    const count = this.#countByAddress.get(connection.address) ?? 0;
    if (this.#bySocket.size >= caps.connections) return null;
    if (count >= caps.connectionsPerAddress && !isTrustedProxy(connection.address)) return null;
    this.#bySocket.set(socket, connection);
    this.#countByAddress.set(connection.address, count + 1);
    socket.once('close', () => this.#forget(connection));
    return connection;
  }

  of(socket: Socket): ClientConnection | null {
    return this.#bySocket.get(socket) ?? null;
  }

  get size(): number {
    return this.#bySocket.size;
  }

  all(): Iterable<ClientConnection> {
    return this.#bySocket.values();
  }

  #forget(connection: ClientConnection): void {
    this.#bySocket.delete(connection.socket);
    const count = (this.#countByAddress.get(connection.address) ?? 1) - 1;
    if (count > 0) this.#countByAddress.set(connection.address, count);
    else this.#countByAddress.delete(connection.address);
    connection.end();
  }
}
