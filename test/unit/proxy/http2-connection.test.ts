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
