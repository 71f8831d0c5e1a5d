/**
 * WebSocket tunnels, on http-proxy 1.18.1. The only importer of that package.
 *
 * Its traps, closed here: it edits paths (we set ours again), writes the upstream's own head to the client (we write a
 * checked one), answers a refused upgrade with the wrong framing (the refusal comes back to the caller as an ordinary
 * response), ends the client's socket before an error page can leave, and forgets one side when the other one resets.
 * It gets a stand-in for the client's socket, so that nothing it does reaches the client but tunnelled bytes.
 */
import type { Agent, ClientRequest, IncomingMessage } from 'node:http';
import { Duplex } from 'node:stream';
import { ProxyError } from '../errors.ts';
import { upstreamFault } from './fault.ts';
import type { UpstreamOptions, UpstreamResponse } from './forward.ts';
import { openSocket } from './pool.ts';
import type { UpstreamRequest } from './request.ts';
import { keepTrailers, readResponseHead, readUpgradeHead } from './response-head.ts';

export interface TunnelClosed {
  readonly status: number;
  readonly bytesUp: number;
  readonly bytesDown: number;
}

/** A tunnel that is over, or the upstream's answer when it did not want one: the caller sends that to the client. */
export type TunnelOutcome =
  | { readonly kind: 'closed'; readonly closed: TunnelClosed }
  | { readonly kind: 'refused'; readonly response: UpstreamResponse };

export interface TunnelHooks {
  /** The fields of the 101, as a flat list, before they leave for the client. */
  readonly editFields?: (fields: string[]) => string[];
}

export interface Tunnel {
  /**
   * Ask the upstream for a tunnel and, when it agrees, pass bytes both ways until either side ends; then both are closed
   * within a second. `head`: what the client sent behind its handshake. Rejects with a ProxyError while nothing was
   * written to the client.
   */
  open(request: UpstreamRequest, socket: Duplex, head: Buffer, hooks?: TunnelHooks): Promise<TunnelOutcome>;
}

/** For the other side to end by itself, when one has. */
const CLOSE_WAIT_MS = 1000;

export function createTunnel(options: UpstreamOptions): Tunnel {
  const target = { protocol: 'http:', host: options.host, port: String(options.port), path: '/' };
  return {
    async open(request, socket, head, hooks = {}) {
      // On first use: http-proxy calls deprecated functions of Node when it is loaded.
      const { default: httpProxy } = await import('http-proxy');
      return new Promise((resolve, reject) => {
        const client = new StandIn(socket, head);
        let sent: ClientRequest | null = null;
        let upstream: Duplex | null = null;
        let isConnected = false;
        let isOpen = false;
        let bytesDownBefore = 0;
        const timer = setTimeout(() => fail(new ProxyError('UPSTREAM_TIMEOUT')), options.firstByteTimeoutMs);
        const onLeft = () => fail(new ProxyError('CLIENT_GONE'));

        /** In place of node:http's agent: one new connection, never kept. */
        const agent = {
          addRequest: (asked: ClientRequest) => {
            const connection = openSocket(options, () => {
              isConnected = true;
            });
            connection.on('free', () => connection.destroy());
            asked.onSocket(connection);
          },
        };
        const settle = () => {
          clearTimeout(timer);
          socket.off('close', onLeft);
        };
        const fail = (error: unknown) => {
          if (isOpen) return; // The client has its 101: the tunnel closes, and nothing else is said in it.
          settle();
          client.discard();
          sent?.destroy();
          upstream?.destroy();
          reject(upstreamFault(error, isConnected));
        };
        const onUpgrade = (response: IncomingMessage, proxySocket: Duplex) => {
          const fields = readUpgradeHead(response.rawHeaders);
          upstream = proxySocket;
          if (typeof fields === 'string') {
            fail(new ProxyError('UPSTREAM_BAD_RESPONSE', { detail: fields }));
            return;
          }
          settle();
          isOpen = true;
          bytesDownBefore = written(socket);
          client.open(upgradeHead(hooks.editFields?.(fields) ?? fields));
          closeTogether(socket, proxySocket, () => {
            const bytesDown = written(socket) - bytesDownBefore;
            resolve({ kind: 'closed', closed: { status: 101, bytesUp: client.bytesUp, bytesDown } });
          });
        };
        const onResponse = (response: IncomingMessage) => {
          // http-proxy, whose listener comes next, then believes that a tunnel follows, and leaves the answer alone.
          Object.assign(response, { upgrade: true });
          const read = refused(response);
          if (read instanceof ProxyError) {
            fail(read);
            return;
          }
          settle();
          client.discard();
          endWhenStalled(response, options.idleTimeoutMs);
          resolve({ kind: 'refused', response: read });
        };

        if (socket.destroyed) {
          fail(new ProxyError('CLIENT_GONE'));
          return;
        }
        socket.once('close', onLeft);
        const proxy = httpProxy.createProxyServer({ ignorePath: true, agent: agent as unknown as Agent });
        proxy.on('proxyReqWs', (proxyRequest: ClientRequest) => {
          sent = proxyRequest;
          proxyRequest.path = request.target;
          proxyRequest.maxHeadersCount = 0;
          // Before http-proxy's own listeners, which come after this event.
          proxyRequest.on('upgrade', onUpgrade);
          proxyRequest.on('response', onResponse);
        });
        proxy.ws(handshake(request), client as never, Buffer.alloc(0), { target }, fail);
        // After http-proxy's listener: node:http must not believe it.
        (sent as ClientRequest | null)?.on('response', (response) => Object.assign(response, { upgrade: false }));
      });
    },
  };
}

/** The request that http-proxy copies: it looks at nothing else. */
function handshake(request: UpstreamRequest): IncomingMessage {
  const headers: Record<string, string | string[]> = {};
  for (let i = 0; i < request.fields.length; i += 2) {
    const name = request.fields[i] as string;
    const value = request.fields[i + 1] as string;
    const known = Object.hasOwn(headers, name) ? headers[name] : undefined;
    if (name === '__proto__') continue;
    // http-proxy looks for these in lower case.
    const key = /^(?:connection|upgrade|host)$/i.test(name) ? name.toLowerCase() : name;
    headers[key] = known === undefined ? value : [known, value].flat();
  }
  return { method: request.method, url: request.target, headers } as unknown as IncomingMessage;
}

function upgradeHead(fields: readonly string[]): string {
  let head = 'HTTP/1.1 101 Switching Protocols\r\n';
  for (let i = 0; i < fields.length; i += 2) head += `${fields[i]}: ${fields[i + 1]}\r\n`;
  return `${head}\r\n`;
}

/** An answer that is no 101, as `forward` would give it. */
function refused(message: IncomingMessage): UpstreamResponse | ProxyError {
  message.on('error', ignore);
  const head = readResponseHead('GET', message.statusCode ?? 0, message.statusMessage ?? '', message.rawHeaders);
  if (typeof head === 'string') return new ProxyError('UPSTREAM_BAD_RESPONSE', { detail: head });
  return {
    status: message.statusCode as number,
    statusText: head.statusText,
    fields: head.fields,
    framing: head.framing,
    body: message,
    trailers: () => keepTrailers(message.rawTrailers),
    discard: () => message.destroy(),
  };
}

/** The body of a refusal has `forward`'s time limit, but not its connection, which has a clock. */
function endWhenStalled(message: IncomingMessage, idleMs: number): void {
  const { socket } = message;
  socket.setTimeout(idleMs);
  socket.on('timeout', () => {
    // While the client is slow the time begins anew; Node says it once.
    if (message.isPaused() || message.readableLength > 0) socket.setTimeout(idleMs);
    else message.destroy(new ProxyError('UPSTREAM_STALLED'));
  });
}

/** When one side ends or breaks, the other one gets a second to end as well; `done` is called once both are closed. */
function closeTogether(a: Duplex, b: Duplex, done: () => void): void {
  let open = 2;
  const closeSoon = () => {
    const timer = setTimeout(() => {
      a.destroy();
      b.destroy();
    }, CLOSE_WAIT_MS);
    timer.unref();
  };
  for (const side of [a, b]) {
    side.once('end', closeSoon);
    side.once('error', closeSoon);
    side.once('close', () => {
      open -= 1;
      if (open === 0) done();
      else closeSoon();
    });
  }
}

function written(socket: Duplex): number {
  return (socket as Duplex & { bytesWritten?: number }).bytesWritten ?? 0;
}

/** Stands between http-proxy and the client's socket. */
class StandIn extends Duplex {
  readonly #socket: Duplex;
  readonly #early: Buffer;
  #state: 'waiting' | 'open' | 'discarded' = 'waiting';
  /** The first thing that http-proxy writes is a head of its own making. */
  #hasHead = false;
  bytesUp = 0;

  constructor(socket: Duplex, early: Buffer) {
    super({ allowHalfOpen: true });
    this.#socket = socket;
    this.#early = early;
    this.on('error', ignore);
  }

  /** Write `head` to the client, and let bytes through from now on. */
  open(head: string): void {
    this.#state = 'open';
    const socket = this.#socket;
    socket.write(head, 'latin1');
    socket.on('data', (chunk: Buffer) => this.#fromClient(chunk));
    socket.on('end', () => this.push(null));
    socket.on('close', () => this.destroy());
    if (this.#early.length > 0) this.#fromClient(this.#early);
  }

  /** Nothing passes any more; the client's socket is the caller's again. */
  discard(): void {
    this.#state = 'discarded';
  }

  // http-proxy sets these on what it takes for a socket.
  setTimeout(): this {
    return this;
  }
  setNoDelay(): this {
    return this;
  }
  setKeepAlive(): this {
    (this.#socket as Duplex & { setKeepAlive?(on: boolean, delayMs: number): void }).setKeepAlive?.(true, 30_000);
    return this;
  }

  #fromClient(chunk: Buffer): void {
    this.bytesUp += chunk.length;
    if (!this.push(chunk)) this.#socket.pause();
  }

  override _read(): void {
    if (this.#state === 'open') this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.#state !== 'open' || !this.#hasHead) {
      this.#hasHead = true;
      done();
      return;
    }
    if (this.#socket.write(chunk)) done();
    else this.#socket.once('drain', () => done());
  }

  override _final(done: (error?: Error | null) => void): void {
    if (this.#state === 'open') this.#socket.end();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (this.#state === 'open') this.#socket.destroy();
    done(error);
  }
}

function ignore(): void {}
