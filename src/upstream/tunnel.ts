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
import type httpProxy from 'http-proxy';
import { asProxyError, ProxyError } from '../errors.ts';
import { upstreamFault } from './fault.ts';
import type { UpstreamOptions, UpstreamResponse } from './forward.ts';
import { isReset, openSocket } from './pool.ts';
import type { UpstreamRequest } from './request.ts';
import { keepTrailers, readResponseHead, readUpgradeHead, versionFault } from './response-head.ts';

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
  return {
    async open(request, socket, head, hooks = {}) {
      // On first use: http-proxy calls deprecated functions of Node when it is loaded.
      const { default: httpProxy } = await import('http-proxy');
      return new Promise((resolve, reject) => {
        new Opening(options, request, socket, head, hooks, resolve, reject).start(httpProxy.createProxyServer);
      });
    },
  };
}

/** The state of one handshake and the tunnel that comes of it. It is its own agent: one new connection, never kept. */
class Opening {
  readonly #options: UpstreamOptions;
  readonly #request: UpstreamRequest;
  readonly #socket: Duplex;
  readonly #hooks: TunnelHooks;
  readonly #resolve: (outcome: TunnelOutcome) => void;
  readonly #reject: (error: ProxyError) => void;
  readonly #client: StandIn;
  readonly #timer: NodeJS.Timeout;
  readonly #onLeft = () => this.#fail(new ProxyError('CLIENT_GONE'));
  #sent: ClientRequest | null = null;
  #upstream: Duplex | null = null;
  #isConnected = false;
  #isOpen = false;

  constructor(
    options: UpstreamOptions,
    request: UpstreamRequest,
    socket: Duplex,
    head: Buffer,
    hooks: TunnelHooks,
    resolve: (outcome: TunnelOutcome) => void,
    reject: (error: ProxyError) => void,
  ) {
    this.#options = options;
    this.#request = request;
    this.#socket = socket;
    this.#hooks = hooks;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#client = new StandIn(socket, head);
    this.#timer = setTimeout(() => this.#fail(new ProxyError('UPSTREAM_TIMEOUT')), options.firstByteTimeoutMs);
  }

  start(createProxyServer: typeof httpProxy.createProxyServer): void {
    if (this.#socket.destroyed || this.#socket.readableEnded) {
      this.#fail(new ProxyError('CLIENT_GONE'));
      return;
    }
    this.#socket.once('close', this.#onLeft);
    this.#socket.once('end', this.#onLeft);
    const proxy = createProxyServer({
      ignorePath: true,
      agent: this as unknown as Agent,
      // The only options of the request that http-proxy takes as they are, TLS or not.
      ssl: { maxHeaderSize: this.#options.maxHeadBytes },
    });
    proxy.on('proxyReqWs', (proxyRequest: ClientRequest) => {
      this.#sent = proxyRequest;
      proxyRequest.path = this.#request.target;
      proxyRequest.maxHeadersCount = 0;
      // Before http-proxy's own listeners, which come after this event.
      proxyRequest.on('upgrade', (response, socket) => this.#attempt(() => this.#onUpgrade(response, socket)));
      proxyRequest.on('response', (response) => this.#attempt(() => this.#onResponse(response)));
    });
    const { host, port } = this.#options;
    const target = { protocol: 'http:', host, port: String(port), path: '/' };
    const onError = (error: unknown) => this.#fail(error);
    proxy.ws(handshake(this.#request), this.#client as never, Buffer.alloc(0), { target }, onError);
    // After http-proxy's listener: node:http must not believe it.
    this.#sent?.on('response', (response) => Object.assign(response, { upgrade: false }));
  }

  /** Asked by node:http in place of an agent. */
  addRequest(asked: ClientRequest): void {
    const connection = openSocket(this.#options, () => {
      this.#isConnected = true;
    });
    connection.on('free', () => connection.destroy());
    asked.onSocket(connection);
  }

  /** What a listener throws nobody else would catch. */
  #attempt(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.#fail(asProxyError(error));
    }
  }

  #onUpgrade(response: IncomingMessage, proxySocket: Duplex): void {
    const fields = readUpgradeHead(response.rawHeaders);
    this.#upstream = proxySocket;
    if (typeof fields === 'string') {
      this.#fail(new ProxyError('UPSTREAM_BAD_RESPONSE', { detail: fields }));
      return;
    }
    const head = upgradeHead(this.#hooks.editFields?.(fields) ?? fields);
    this.#settle();
    this.#isOpen = true;
    const bytesBefore = written(this.#socket);
    this.#client.open(head);
    closeTogether(this.#socket, proxySocket, () => {
      const bytesDown = written(this.#socket) - bytesBefore;
      this.#resolve({ kind: 'closed', closed: { status: 101, bytesUp: this.#client.bytesUp, bytesDown } });
    });
  }

  #onResponse(response: IncomingMessage): void {
    // http-proxy, whose listener comes next, then believes that a tunnel follows, and leaves the answer alone.
    Object.assign(response, { upgrade: true });
    const read = refused(response);
    if (read instanceof ProxyError) {
      this.#fail(read);
      return;
    }
    this.#settle();
    this.#client.discard();
    if (read.framing === 'close') breakWhenReset(response);
    endWhenStalled(response, this.#options.idleTimeoutMs);
    this.#resolve({ kind: 'refused', response: read });
  }

  #settle(): void {
    clearTimeout(this.#timer);
    this.#socket.off('close', this.#onLeft);
    this.#socket.off('end', this.#onLeft);
  }

  #fail(error: unknown): void {
    if (this.#isOpen) return; // The client has its 101: the tunnel closes, and nothing else is said in it.
    this.#settle();
    this.#client.discard();
    this.#sent?.destroy();
    this.#upstream?.destroy();
    this.#reject(upstreamFault(error, this.#isConnected));
  }
}

/** The request that http-proxy copies: it looks at nothing else. */
function handshake(request: UpstreamRequest): IncomingMessage {
  const headers: Record<string, string | string[]> = {};
  // Of fields whose names differ in case alone node:http sends one: all go by the first spelling.
  const spellings = new Map<string, string>();
  for (let i = 0; i < request.fields.length; i += 2) {
    const name = request.fields[i] as string;
    const value = request.fields[i + 1] as string;
    if (name === '__proto__') continue;
    const lower = name.toLowerCase();
    // http-proxy looks for these in lower case.
    const key = spellings.get(lower) ?? (/^(?:connection|upgrade|host)$/.test(lower) ? lower : name);
    spellings.set(lower, key);
    const known = Object.hasOwn(headers, key) ? headers[key] : undefined;
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
  const fault = versionFault(message.httpVersion, head.framing);
  if (fault !== null) return new ProxyError('UPSTREAM_BAD_RESPONSE', { detail: fault });
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

/** A reset is no end, even of a body that ends with its connection; the parser calls it one. */
function breakWhenReset(message: IncomingMessage): void {
  const { socket } = message;
  const fail = () => void message.destroy(new ProxyError('UPSTREAM_TRUNCATED', { detail: 'reset' }));
  // Before node:http's own listeners, which tell the parser.
  socket.prependListener('error', fail);
  socket.prependListener('end', () => {
    if (isReset(socket)) fail();
  });
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

/**
 * When one side ends or breaks, the other one gets a second to end as well. `done` is called when the client's is closed: all
 * is said by then, and who drains waits for clients alone.
 */
function closeTogether(client: Duplex, upstream: Duplex, done: () => void): void {
  const closeSoon = () => {
    const timer = setTimeout(() => {
      client.destroy();
      upstream.destroy();
    }, CLOSE_WAIT_MS);
    timer.unref();
  };
  for (const side of [client, upstream]) for (const event of ['end', 'error', 'close']) side.once(event, closeSoon);
  client.once('close', done);
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
