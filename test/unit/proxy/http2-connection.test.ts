import { EventEmitter } from 'node:events';
import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import { expect } from 'chai';
import { Http2Connection } from '../../../src/proxy/http2-connection.ts';

const SEND_IDLE_MS = 30_000;

/** A connection with one open stream that moves no byte but those of the PINGs and GOAWAYs that its session takes. */
function quiet({ takesPings, sends, isClosed = false }: { takesPings: boolean; sends: boolean; isClosed?: boolean }) {
  const socket = { bytesRead: 100, bytesWritten: 100 };
  let pings = 0;
  let goaways = 0;
  const session = {
    destroyed: false,
    closed: isClosed,
    ping: () => {
      pings += 1;
      if (sends) socket.bytesWritten += 17;
      return takesPings;
    },
    goaway: () => {
      goaways += 1;
      if (sends) socket.bytesWritten += 17;
    },
  };
  const connection = new Http2Connection(session as unknown as ServerHttp2Session, socket as unknown as TLSSocket, 0);
  connection.streams.add({ closed: false, destroyed: false, rstCode: 0 } as ServerHttp2Stream);
  const looks = Array.from({ length: 6 }, (_, second) => connection.check(second * 1000, SEND_IDLE_MS));
  return { looks, pings, goaways };
}

describe('Http2Connection: a client that is silent while a stream is open', () => {
  it('is asked once, and stays when the question leaves', () => {
    const { looks, pings } = quiet({ takesPings: true, sends: true });
    expect(looks.every((loss) => loss === null)).to.equal(true);
    expect(pings).to.equal(1);
  });

  it('is lost when the question does not leave', () => {
    expect(quiet({ takesPings: true, sends: false }).looks).to.include('broken');
  });

  it('is lost when it has left too many unanswered', () => {
    expect(quiet({ takesPings: false, sends: true }).looks).to.include('broken');
  });

  it('is told the end once more when it knows of that, for Node sends it no PING', () => {
    const { looks, pings, goaways } = quiet({ takesPings: false, sends: true, isClosed: true });
    expect(looks.every((loss) => loss === null)).to.equal(true);
    expect({ pings, goaways }).to.deep.equal({ pings: 0, goaways: 1 });
    expect(quiet({ takesPings: false, sends: false, isClosed: true }).looks).to.include('broken');
  });
});

describe('Http2Connection: a stream of which something waits for the client', () => {
  const socket = { _handle: { writeQueueSize: 0 } };
  beforeEach(() => {
    socket._handle.writeQueueSize = 0;
  });

  /** How many seconds it stays, when as much of it waits at each look; `flow` happens before each. */
  function staysFor(
    flow: (stream: EventEmitter, second: number) => void,
    state = { closed: false, bufferSize: 65536 },
  ) {
    const connection = new Http2Connection({} as ServerHttp2Session, socket as unknown as TLSSocket, 0);
    const stream = Object.assign(new EventEmitter(), state);
    connection.add(stream as unknown as ServerHttp2Stream);
    for (let second = 0; second <= 600; second += 1) {
      flow(stream, second);
      if (connection.stalled(second * 1000, SEND_IDLE_MS).length > 0) return second;
    }
    return null;
  }

  it('is given up when the client takes nothing of it', () => expect(staysFor(() => {})).to.equal(120));

  it('is not while it flows, however slowly', () => {
    expect(staysFor((stream, second) => second % 100 === 0 && stream.emit('drain'))).to.equal(null);
  });

  it('is not while the link is what holds it up', () => {
    expect(staysFor((_, second) => (socket._handle.writeQueueSize = second < 200 ? 1000 : 0))).to.equal(319);
  });

  it('is not when it is closed, or nothing waits', () => {
    expect(staysFor(() => {}, { closed: true, bufferSize: 65536 })).to.equal(null);
    expect(staysFor(() => {}, { closed: false, bufferSize: 0 })).to.equal(null);
  });
});
