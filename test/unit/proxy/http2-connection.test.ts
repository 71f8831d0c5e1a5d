import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import { expect } from 'chai';
import { Http2Connection } from '../../../src/proxy/http2-connection.ts';

const SEND_IDLE_MS = 30_000;

/** A connection with one open stream that moves no byte but those of the PINGs that its session takes. */
function quiet({ takesPings, sendsPings }: { takesPings: boolean; sendsPings: boolean }) {
  const socket = { bytesRead: 100, bytesWritten: 100 };
  let pings = 0;
  const session = {
    destroyed: false,
    ping: () => {
      pings += 1;
      if (sendsPings) socket.bytesWritten += 17;
      return takesPings;
    },
  };
  const connection = new Http2Connection(session as unknown as ServerHttp2Session, socket as unknown as TLSSocket, 0);
  connection.streams.add({ closed: false, destroyed: false, rstCode: 0 } as ServerHttp2Stream);
  const looks = Array.from({ length: 6 }, (_, second) => connection.check(second * 1000, SEND_IDLE_MS));
  return { looks, pings };
}

describe('Http2Connection: a client that is silent while a stream is open', () => {
  it('is asked once, and stays when the question leaves', () => {
    const { looks, pings } = quiet({ takesPings: true, sendsPings: true });
    expect(looks.every((loss) => loss === null)).to.equal(true);
    expect(pings).to.equal(1);
  });

  it('is lost when the question does not leave', () => {
    expect(quiet({ takesPings: true, sendsPings: false }).looks).to.include('broken');
  });

  it('is lost when it has left too many unanswered', () => {
    expect(quiet({ takesPings: false, sendsPings: true }).looks).to.include('broken');
  });
});
