/**
 * Both ends of a connection, byte by byte: a client that sends exactly what it is told and knows how the other side
 * closed, and an upstream that records every byte and answers from a script. No HTTP library on either side.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';

export type Closing = 'fin' | 'reset' | null;

export interface Talk {
  /** All bytes that came back, as latin1. */
  readonly text: string;
  /** How the other side closed; null: it was still open at the end. */
  readonly closed: Closing;
  readonly ms: number;
}

/** A string is sent, a number waits for so many milliseconds, 'reset' ends the connection with a reset, 'fin' half-closes. */
export type Part = string | Buffer | number | { readonly end: 'reset' | 'fin' };

export interface TalkOptions {
  /** Stop as soon as the bytes that came satisfy this. */
  readonly until?: (text: string) => boolean;
  /** Stop after so long whatever happened. */
  readonly timeoutMs?: number;
  /** Do not read at all. */
  readonly isDeaf?: boolean;
}

export function talk(port: number, parts: readonly Part[], options: TalkOptions = {}): Promise<Talk> {
  return new Promise((resolve) => {
    const startedAt = Date.now();
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    let text = '';
    let closed: Closing = null;
    const finish = () => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ text, closed, ms: Date.now() - startedAt });
    };
    const timer = setTimeout(finish, options.timeoutMs ?? 3000);
    if (options.isDeaf) socket.pause();
    else {
      socket.on('data', (chunk) => {
        text += chunk.toString('latin1');
        if (options.until?.(text)) finish();
      });
    }
    socket.on('end', () => {
      closed ??= 'fin';
      finish();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNRESET' || error.code === 'EPIPE') closed ??= 'reset';
      finish();
    });
    socket.on('close', finish);
    socket.once('connect', async () => {
      for (const part of parts) {
        if (socket.destroyed) return;
        if (typeof part === 'number') await sleep(part);
        else if (typeof part === 'string') socket.write(part, 'latin1');
        else if (Buffer.isBuffer(part)) socket.write(part);
        else if (part.end === 'fin') socket.end();
        else socket.resetAndDestroy();
      }
    });
  });
}

export interface UpstreamConnection {
  readonly socket: Socket;
  /** Every byte that came on it. */
  received: string;
  closed: boolean;
  /** Heads seen so far on this connection. */
  requests: number;
}

/** Called once for each request head, with the head and all that came behind it so far. */
export type Script = (connection: UpstreamConnection, head: string) => void | Promise<void>;

export interface ScriptedUpstream {
  readonly port: number;
  readonly connections: UpstreamConnection[];
  /** Everything that came, over all connections in order. */
  readonly received: string;
  /** Answers from now on. */
  script: Script;
  /** Heads seen so far. */
  readonly requestCount: number;
  close(): Promise<void>;
}

/** A body that is announced is swallowed only when the script's answer is out; heads are found by their blank line. */
export async function startScriptedUpstream(script: Script): Promise<ScriptedUpstream> {
  const connections: UpstreamConnection[] = [];
  const upstream = { script };
  const server: Server = createServer({ allowHalfOpen: false }, (socket) => {
    const connection: UpstreamConnection = { socket, received: '', closed: false, requests: 0 };
    connections.push(connection);
    let pending = '';
    socket.on('error', () => {});
    socket.on('close', () => {
      connection.closed = true;
    });
    socket.on('data', (chunk) => {
      const text = chunk.toString('latin1');
      connection.received += text;
      pending += text;
      for (;;) {
        const start = pending.search(/(?:GET|HEAD|POST|PUT|DELETE|OPTIONS|PATCH|PROPFIND) \S+ HTTP\/1\.1\r\n/);
        const end = start < 0 ? -1 : pending.indexOf('\r\n\r\n', start);
        if (end < 0) return;
        const head = pending.slice(start, end + 4);
        pending = pending.slice(end + 4);
        connection.requests += 1;
        void upstream.script(connection, head);
      }
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    port: address.port,
    connections,
    get received() {
      return connections.map((connection) => connection.received).join('');
    },
    get requestCount() {
      return connections.reduce((sum, connection) => sum + connection.requests, 0);
    },
    get script() {
      return upstream.script;
    },
    set script(next: Script) {
      upstream.script = next;
    },
    close: () =>
      new Promise((resolve) => {
        for (const connection of connections) connection.socket.destroy();
        server.close(() => resolve());
      }),
  };
}

/** A whole response with a length. */
export function answer(status: number, body: string, fields = ''): string {
  return `HTTP/1.1 ${status} Reason\r\n${fields}Content-Length: ${body.length}\r\n\r\n${body}`;
}

/** The names and values of a head, names in lower case; the start line under ''. */
export function fieldsOf(head: string): Map<string, string[]> {
  const [start = '', ...lines] = head.split('\r\n\r\n', 1)[0]?.split('\r\n') ?? [];
  const fields = new Map<string, string[]>([['', [start]]]);
  for (const line of lines) {
    const at = line.indexOf(':');
    const name = line.slice(0, at).toLowerCase();
    fields.set(name, [...(fields.get(name) ?? []), line.slice(at + 1).trim()]);
  }
  return fields;
}

/** Is the first response in `text` a whole message by its own framing? Close-delimited ones need the closing. */
export function isWhole(text: string, closed: Closing, method = 'GET'): boolean {
  const at = text.indexOf('\r\n\r\n');
  if (at < 0) return false;
  const fields = fieldsOf(text);
  const body = text.slice(at + 4);
  const status = Number(fields.get('')?.[0]?.split(' ')[1]);
  if (method === 'HEAD' || status === 204 || status === 304) return true;
  if (fields.has('transfer-encoding')) return /(?:^|\r\n)0\r\n(?:[^\r\n]+\r\n)*\r\n$/.test(body);
  const length = fields.get('content-length')?.[0];
  return length === undefined ? closed === 'fin' : body.length >= Number(length);
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

/** Wait until `claim` holds; rejects with `what` when it does not within `timeoutMs`. */
export async function eventually(what: string, claim: () => boolean, timeoutMs = 2000): Promise<void> {
  const until = Date.now() + timeoutMs;
  while (!claim()) {
    if (Date.now() > until) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await sleep(10);
  }
}
