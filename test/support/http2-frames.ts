/** HTTP/2 frame by frame, for clients that keep to no rules: Node's own client keeps to most. */
import { connect as connectTcp } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { CERTIFICATE } from './tls-pair.ts';

/** RFC 9113 §4.1. */
export function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** RFC 7541 §6.2.2: a literal field, not indexed; name and value under 127 bytes. */
export function literalField(name: string, value: string): Buffer {
  return Buffer.concat([
    Buffer.from([0, name.length]),
    Buffer.from(name),
    Buffer.from([value.length]),
    Buffer.from(value, 'latin1'),
  ]);
}

/** A whole request without a body. */
export function getRequest(stream: number, path = '/'): Buffer {
  return frame(1, 5, stream, requestHead('GET', path));
}

/** The head of a request with a body. */
export function postRequest(stream: number): Buffer {
  return frame(1, 4, stream, requestHead('POST', '/'));
}

function requestHead(method: string, path: string): Buffer {
  const fields = { ':method': method, ':path': path, ':scheme': 'https', ':authority': 'app.test' };
  return Buffer.concat(Object.entries(fields).map(([name, value]) => literalField(name, value)));
}

export interface FrameClient {
  readonly socket: TLSSocket;
  /** Types of the frames that came, in order. */
  readonly types: number[];
  /** Read nothing more, not even from the kernel. */
  stopReading(): void;
  /** Read again. */
  readOn(): void;
}

/** A connection with its preface and empty SETTINGS sent; it answers nothing by itself, and ends only when it is destroyed. */
export function connectFrames(port: number, settings: Buffer = Buffer.alloc(0)): FrameClient {
  const tcp = connectTcp({ port, host: '127.0.0.1', allowHalfOpen: true });
  const socket = connectTls({ socket: tcp, ca: CERTIFICATE.cert, ALPNProtocols: ['h2'] });
  const types: number[] = [];
  let pending = Buffer.alloc(0);
  for (const end of [tcp, socket]) end.on('error', () => {});
  socket.on('data', (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk]);
    while (pending.length >= 9 && pending.length >= 9 + pending.readUIntBE(0, 3)) {
      types.push(pending.readUInt8(3));
      pending = pending.subarray(9 + pending.readUIntBE(0, 3));
    }
  });
  socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  socket.write(frame(4, 0, 0, settings));
  const stopReading = () => {
    socket.pause();
    tcp.pause();
  };
  const readOn = () => {
    tcp.resume();
    socket.resume();
  };
  return { socket, types, stopReading, readOn };
}
