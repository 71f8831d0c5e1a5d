/**
 * The listening side: takes connections, checks heads, hands requests to the handler, and answers for whatever goes
 * wrong. It knows nothing of sessions or upstreams. This file has its contract; `start-server.ts` starts it, `http1.ts` and
 * `http2.ts` speak.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { ErrorCode } from '../errors.ts';
import type { ClientRequest, ClientResponse } from './client-response.ts';
import type { ConnectionCaps } from './connections.ts';
import type { ForwardedKind } from './forwarded.ts';
import type { RequestFacts } from './framing.ts';

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
  /** Null: plain text. */
  readonly tls: ListenerTls | null;
}

export interface ListenerTls {
  /** Certificate chain and key in PEM. */
  readonly cert: string;
  readonly key: string;
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
  /** Offer HTTP/2 by ALPN. */
  readonly http2: boolean;
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
    /** In a tunnel, when neither side sends. */
    readonly tunnelMs: number;
    /** For requests under way when the server stops. */
    readonly drainMs: number;
  };
  readonly limits: ConnectionCaps & {
    readonly headerBytes: number;
    readonly targetBytes: number;
    readonly fields: number;
    readonly requestsPerConnection: number;
    /** Streams that one HTTP/2 connection may have open. */
    readonly http2Streams: number;
    /** Least pace of a request body, over a whole idle time. */
    readonly bodyBytesPerSecond: number;
  };
  readonly viaName: string;
  readonly isTrustedProxy: (address: string) => boolean;
  /** Which fields of trusted proxies are believed. */
  readonly forwardedFields: ForwardedKind;
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
  /** The server answered by itself, and well. */
  answered(facts: RequestFacts, status: number): void;
}

export interface RunningServer {
  /** Where it listens; the port that the kernel chose. */
  readonly address: { readonly host: string; readonly port: number };
  readonly connectionCount: number;
  /** The time for draining is over: what is still under way is cut by us. */
  readonly isCutting: boolean;
  /** Take limits, timeouts and certificate from other options; the address stays. Throws when the certificate is bad. */
  reconfigure(options: ServerOptions): void;
  /** No new connections; requests under way end whole, the rest is cut after `drainMs`. */
  drain(): Promise<void>;
}
