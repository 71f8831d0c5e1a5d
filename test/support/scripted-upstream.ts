/**
 * An application made of one function, on node:http and a free port, that keeps what it was asked.
 */
import { createServer, type IncomingHttpHeaders, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

export interface SeenRequest {
  readonly method: string;
  readonly target: string;
  readonly fields: IncomingHttpHeaders;
  readonly body: string;
}

export interface ScriptedUpstream {
  readonly origin: string;
  readonly port: number;
  /** What came so far, oldest first. */
  readonly requests: SeenRequest[];
  /** Close at once, connections included. */
  close(): Promise<void>;
}

/** Start an application that answers by `answer`, which is called when the whole request is there. */
export async function startUpstream(
  answer: (request: SeenRequest, response: ServerResponse) => void | Promise<void>,
): Promise<ScriptedUpstream> {
  const requests: SeenRequest[] = [];
  const listener: RequestListener = (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url: target = '', headers: fields } = request;
      const seen = { method, target, fields, body: Buffer.concat(chunks).toString('latin1') };
      requests.push(seen);
      Promise.resolve(answer(seen, response)).catch(() => response.destroy());
    });
  };
  const server = createServer(listener);
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    port,
    requests,
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
