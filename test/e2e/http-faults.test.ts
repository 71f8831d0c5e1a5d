/** An upstream that misbehaves: what the client sees of it, and what becomes of the connections. */
import { connect } from 'node:net';
import { expect } from 'chai';
import { type PlainProxy, startPlainProxy } from '../support/plain-proxy.ts';
import {
  answer,
  eventually,
  isWhole,
  type Script,
  type ScriptedUpstream,
  sleep,
  startScriptedUpstream,
  talk,
} from '../support/raw-http.ts';

const GET = 'GET /x HTTP/1.1\r\nHost: app.test\r\n\r\n';
const OK = 'HTTP/1.1 200 OK\r\n';
const whole = (text: string) => isWhole(text, null);

describe('engine: an upstream that misbehaves', () => {
  let upstream: ScriptedUpstream;
  let proxy: PlainProxy;
  beforeEach(async () => {
    upstream = await startScriptedUpstream(() => {});
    proxy = await startPlainProxy({
      upstreamPort: upstream.port,
      upstream: { firstByteTimeoutMs: 400, idleTimeoutMs: 300, connectTimeoutMs: 300 },
    });
  });
  afterEach(async () => {
    await proxy.close();
    await upstream.close();
  });

  /** Another client gets its own answer, and the process is well. */
  async function serves(): Promise<void> {
    upstream.script = ({ socket }) => {
      socket.write(answer(200, 'mine'));
    };
    const { text } = await talk(proxy.port, [GET], { until: whole });
    expect(text).to.match(/^HTTP\/1\.1 200 [\s\S]*\r\n\r\nmine$/);
  }

  describe('faults before the head: a whole error page, and nothing internal in it', () => {
    const rows: readonly (readonly [what: string, status: number, code: string, script: Script])[] = [
      ['reset', 502, 'UPSTREAM_RESET', ({ socket }) => void socket.resetAndDestroy()],
      ['closed', 502, 'UPSTREAM_RESET', ({ socket }) => void socket.end()],
      [
        'reset in the status line',
        502,
        'UPSTREAM_RESET',
        async ({ socket }) => {
          socket.write('HTTP/1.1 20');
          await sleep(20);
          socket.resetAndDestroy();
        },
      ],
      ['closed in the head', 502, 'UPSTREAM_RESET', ({ socket }) => void socket.end(`${OK}X-Half: `)],
      ['no HTTP', 502, 'UPSTREAM_BAD_RESPONSE', ({ socket }) => void socket.write('SSH-2.0-OpenSSH_9.6\r\n\r\n')],
      [
        'status 000',
        502,
        'UPSTREAM_BAD_RESPONSE',
        ({ socket }) => void socket.write('HTTP/1.1 000 No\r\nContent-Length: 0\r\n\r\n'),
      ],
      [
        'status 1000',
        502,
        'UPSTREAM_BAD_RESPONSE',
        ({ socket }) => void socket.write('HTTP/1.1 1000 No\r\nContent-Length: 0\r\n\r\n'),
      ],
      [
        'unasked 101',
        502,
        'UPSTREAM_BAD_RESPONSE',
        ({ socket }) => void socket.write('HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n'),
      ],
      [
        'version 2.0',
        502,
        'UPSTREAM_BAD_RESPONSE',
        ({ socket }) => void socket.write('HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nab'),
      ],
      [
        'chunks in HTTP/1.0',
        502,
        'UPSTREAM_BAD_RESPONSE',
        ({ socket }) => void socket.write('HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'),
      ],
      [
        'two lengths',
        502,
        'UPSTREAM_BAD_RESPONSE',
        ({ socket }) => void socket.write(`${OK}Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc`),
      ],
      [
        'length with letters',
        502,
        'UPSTREAM_BAD_RESPONSE',
        ({ socket }) => void socket.write(`${OK}Content-Length: 2x\r\n\r\nab`),
      ],
      [
        'both lengths',
        502,
        'UPSTREAM_BAD_RESPONSE',
        ({ socket }) => void socket.write(`${OK}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`),
      ],
      [
        'gzip as a transfer coding',
        502,
        'UPSTREAM_BAD_RESPONSE',
        ({ socket }) => void socket.write(`${OK}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`),
      ],
      [
        'head over 64 KiB',
        502,
        'UPSTREAM_BAD_RESPONSE',
        ({ socket }) => void socket.write(`${OK}X: ${'a'.repeat(70_000)}\r\n\r\n`),
      ],
      [
        '3,000 fields',
        502,
        'UPSTREAM_BAD_RESPONSE',
        ({ socket }) => void socket.write(`${OK}${'a: b\r\n'.repeat(3000)}Content-Length: 0\r\n\r\n`),
      ],
      [
        'flood of interim answers',
        502,
        'UPSTREAM_BAD_RESPONSE',
        ({ socket }) => void socket.write('HTTP/1.1 102 P\r\n\r\n'.repeat(1500)),
      ],
      ['silence', 504, 'UPSTREAM_TIMEOUT', () => {}],
      [
        'a head that drips',
        504,
        'UPSTREAM_TIMEOUT',
        async ({ socket }) => {
          socket.write(`${OK}X: `);
          while (!socket.destroyed) {
            socket.write('a');
            await sleep(100);
          }
        },
      ],
      [
        'interim answer, then silence',
        504,
        'UPSTREAM_TIMEOUT',
        ({ socket }) => void socket.write('HTTP/1.1 102 P\r\n\r\n'),
      ],
    ];
    for (const [what, status, code, script] of rows) {
      it(`${what}: ${status}`, async () => {
        upstream.script = script;
        const { text, ms } = await talk(proxy.port, [GET], {
          until: (seen) => whole(seen.replace(/^(?:HTTP\/1\.1 102 [^\r]*\r\n\r\n)+/, '')),
        });
        const final = text.replace(/^(?:HTTP\/1\.1 102 [^\r]*\r\n\r\n)+/, '');
        expect(final).to.match(new RegExp(`^HTTP/1\\.1 ${status} `));
        expect(whole(final), 'whole').to.equal(true);
        expect(final).to.not.match(/127\.0\.0\.1|ECONN|node:|HPE_|\.ts/);
        expect(ms).to.be.lessThan(1500);
        expect(proxy.refusals.map((refusal) => refusal.code)).to.deep.equal([code]);
        await eventually('the upstream connection is closed', () => upstream.connections.every(({ closed }) => closed));
        await serves();
      });
    }

    it('nobody listens: 502 at once', async () => {
      await upstream.close();
      const { text, ms } = await talk(proxy.port, [GET], { until: whole });
      expect(text).to.match(/^HTTP\/1\.1 502 /);
      expect(ms).to.be.lessThan(1000);
      expect(proxy.refusals[0]).to.include({ code: 'UPSTREAM_REFUSED', detail: 'ECONNREFUSED' });
    });

    it('HEAD gets the head of the error page only', async () => {
      upstream.script = ({ socket }) => void socket.resetAndDestroy();
      const { text } = await talk(proxy.port, [GET.replace('GET', 'HEAD'), 200], {
        until: (seen) => seen.includes('\r\n\r\n'),
      });
      expect(text).to.match(/^HTTP\/1\.1 502 [\s\S]*\r\n\r\n$/);
    });
  });

  describe('a body that has come whole when nobody takes it', () => {
    /** By how long a client may pause: no other timer here has this time. */
    const BODY_IDLE_MS = 4321;
    const { setInterval: set, clearInterval: clear } = globalThis;
    const clocks = new Set<unknown>();
    beforeEach(() => {
      globalThis.setInterval = ((step: () => void, ms?: number) => {
        const timer = set(step, ms);
        if (ms === BODY_IDLE_MS) clocks.add(timer);
        return timer;
      }) as typeof setInterval;
      globalThis.clearInterval = ((timer: NodeJS.Timeout) => {
        clocks.delete(timer);
        clear(timer);
      }) as typeof clearInterval;
    });
    afterEach(() => {
      globalThis.setInterval = set;
      globalThis.clearInterval = clear;
      clocks.clear();
    });

    for (const [what, script] of [
      ['refused', null],
      ['reset', ({ socket }) => void socket.resetAndDestroy()],
      ['silent', () => {}],
    ] as const satisfies readonly (readonly [string, Script | null])[]) {
      it(`upstream ${what}: it is held no longer than its client`, async () => {
        const timeouts = { bodyIdleMs: BODY_IDLE_MS };
        const own = await startPlainProxy({
          upstreamPort: upstream.port,
          upstream: { firstByteTimeoutMs: 300 },
          timeouts,
        });
        if (script === null) await upstream.close();
        else upstream.script = script;
        const body = 'a'.repeat(120_000);
        const post = `POST /x HTTP/1.1\r\nHost: app.test\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
        try {
          const { text } = await talk(own.port, [post], { until: whole });
          expect(text).to.match(/^HTTP\/1\.1 50[24] /);
          await eventually('its clock has stopped', () => clocks.size === 0);
        } finally {
          await own.close();
        }
      });
    }
  });

  describe('faults within the body: cut, never ended well', () => {
    const body = 'x'.repeat(400);
    const rows: readonly (readonly [what: string, script: Script])[] = [
      [
        'reset within a length',
        async ({ socket }) => {
          socket.write(`${OK}Content-Length: 1000\r\n\r\n${body}`);
          await sleep(40);
          socket.resetAndDestroy();
        },
      ],
      [
        'closed within a length',
        async ({ socket }) => {
          socket.write(`${OK}Content-Length: 1000\r\n\r\n${body}`);
          await sleep(40);
          socket.end();
        },
      ],
      [
        'closed within a length, all at once',
        ({ socket }) => void socket.end(`${OK}Content-Length: 1000\r\n\r\n${body}`),
      ],
      [
        'closed within a chunk',
        ({ socket }) => void socket.end(`${OK}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nff\r\nwor`),
      ],
      [
        'closed between chunks',
        ({ socket }) => void socket.end(`${OK}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`),
      ],
      [
        'reset between chunks',
        async ({ socket }) => {
          socket.write(`${OK}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`);
          await sleep(40);
          socket.resetAndDestroy();
        },
      ],
      [
        'closed before the last chunk is whole',
        ({ socket }) => void socket.end(`${OK}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n`),
      ],
      [
        'a chunk size that is none',
        ({ socket }) => void socket.write(`${OK}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n`),
      ],
      [
        'reset of a close-delimited body',
        async ({ socket }) => {
          socket.write(`${OK}Connection: close\r\n\r\n${body}`);
          await sleep(40);
          socket.resetAndDestroy();
        },
      ],
      ['stalled', ({ socket }) => void socket.write(`${OK}Content-Length: 1000\r\n\r\n${body}`)],
    ];
    for (const [what, script] of rows) {
      for (const version of ['1.1', '1.0'] as const) {
        it(`${what}, HTTP/${version}`, async () => {
          upstream.script = script;
          const { text, closed, ms } = await talk(proxy.port, [GET.replace('1.1', version)]);
          expect(closed, 'closing').to.not.equal(null);
          // A head may be missing when the fault came right behind it; what came must not look whole.
          if (text !== '' && !text.startsWith('HTTP/1.1 502'))
            expect(isWhole(text, closed), text.slice(-60)).to.equal(false);
          expect(ms).to.be.lessThan(1500);
          await eventually('the upstream connection is closed', () =>
            upstream.connections.every((connection) => connection.closed),
          );
          await serves();
        });
      }
    }

    it('the reason is told: truncated or stalled', async () => {
      upstream.script = ({ socket }) => void socket.end(`${OK}Content-Length: 1000\r\n\r\n${body}`);
      await talk(proxy.port, [GET]);
      upstream.script = ({ socket }) => void socket.write(`${OK}Content-Length: 1000\r\n\r\n${body}`);
      await talk(proxy.port, [GET]);
      expect(proxy.refusals.map((refusal) => refusal.code)).to.deep.equal(['UPSTREAM_TRUNCATED', 'UPSTREAM_STALLED']);
    });
  });

  describe('bytes that nobody asked for end the connection and reach nobody', () => {
    const evil = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil';
    const rows: readonly (readonly [what: string, method: string, script: Script])[] = [
      ['behind a length', 'GET', ({ socket }) => void socket.write(`${OK}Content-Length: 2\r\n\r\nok${evil}`)],
      [
        'behind a length, later',
        'GET',
        async ({ socket }) => {
          socket.write(`${OK}Content-Length: 2\r\n\r\nok`);
          await sleep(30);
          socket.write(evil);
        },
      ],
      [
        'behind the last chunk',
        'GET',
        ({ socket }) => void socket.write(`${OK}Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n${evil}`),
      ],
      ['a body for HEAD', 'HEAD', ({ socket }) => void socket.write(`${OK}Content-Length: 4\r\n\r\nevil`)],
      ['a body for 204', 'GET', ({ socket }) => void socket.write('HTTP/1.1 204 No\r\nContent-Length: 4\r\n\r\nevil')],
      ['a body for 304', 'GET', ({ socket }) => void socket.write('HTTP/1.1 304 No\r\nContent-Length: 4\r\n\r\nevil')],
    ];
    for (const [what, method, script] of rows) {
      it(what, async () => {
        upstream.script = script;
        const { text } = await talk(proxy.port, [GET.replace('GET', method), 100], {
          timeoutMs: 150,
        });
        expect(text).to.match(/^HTTP\/1\.1 (?:200|204|304) /);
        expect(text).to.not.include('evil');
        for (let i = 0; i < 3; i += 1) await serves();
        expect(upstream.connections[0]?.closed).to.equal(true);
      });
    }
  });

  describe('what is odd but whole', () => {
    it('a close-delimited body that is reset at once never looks whole', async () => {
      upstream.script = ({ socket }) => {
        socket.write(`${OK}Content-Type: text/plain\r\n\r\n${'x'.repeat(5000)}`, () => socket.resetAndDestroy());
      };
      let seen = 0;
      for (let n = 0; n < 60; n++) {
        const { text } = await talk(proxy.port, [GET]);
        if (text.startsWith(OK)) seen++;
        expect(text.startsWith(OK) && text.endsWith('\r\n0\r\n\r\n'), `try ${n}`).to.equal(false);
      }
      expect(seen, 'answers that came before the reset').to.be.greaterThan(0);
    });

    it('a close-delimited body is whole when the upstream closes well', async () => {
      upstream.script = ({ socket }) => void socket.end(`${OK}Connection: close\r\n\r\nhello`);
      const { text } = await talk(proxy.port, [GET], { until: whole });
      expect(text).to.match(/Transfer-Encoding: chunked[\s\S]*\r\n5\r\nhello\r\n0\r\n\r\n$/);
    });

    it('the connection breaks right behind a whole answer', async () => {
      upstream.script = ({ socket }) => {
        socket.write(answer(200, 'hello'));
        socket.resetAndDestroy();
      };
      const { text } = await talk(proxy.port, [GET], { until: whole });
      // A reset may overtake the answer in the kernel: then there is none, and never half of one.
      expect(text).to.match(/^HTTP\/1\.1 (?:200 [\s\S]*hello|502 [\s\S]*)$/);
    });

    it('103 goes to the client, then the answer; 100 and 102 do no harm', async () => {
      upstream.script = async ({ socket }) => {
        socket.write(
          'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload; as=style\r\nX-A: b\r\n\r\n',
        );
        await sleep(20);
        socket.write(answer(200, 'final'));
      };
      const { text } = await talk(proxy.port, [GET], { until: (seen) => seen.endsWith('final') });
      expect(text).to.match(
        /^HTTP\/1\.1 103 Early Hints\r\nLink: <\/a\.css>; rel=preload; as=style\r\n\r\nHTTP\/1\.1 200 /,
      );
    });

    for (const links of [
      '</a.css>; rel=preload; as=style, </b.js>; rel=preload; as=script',
      '</a.png>; rel="preload prefetch"; title="a, b" ,<https://other.test>; rel = preconnect',
    ]) {
      it(`103 goes on as it is: Link: ${links}`, async () => {
        upstream.script = ({ socket }) =>
          void socket.write(
            `HTTP/1.1 103 Early Hints\r\nLink: ${links}\r\nLink: </c>; rel=preload\r\n\r\n${answer(200, 'final')}`,
          );
        const { text } = await talk(proxy.port, [GET], { until: (seen) => seen.endsWith('final') });
        const [hint] = text.split('\r\n\r\n');
        expect(hint).to.equal(`HTTP/1.1 103 Early Hints\r\nLink: ${links}\r\nLink: </c>; rel=preload`);
      });
    }

    it('103 is not for HTTP/1.0', async () => {
      upstream.script = ({ socket }) =>
        void socket.write(`HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n${answer(200, 'final')}`);
      const { text } = await talk(proxy.port, [GET.replace('1.1', '1.0')], { until: (seen) => seen.endsWith('final') });
      expect(text).to.match(/^HTTP\/1\.1 200 /);
    });

    it('trailers stay trailers', async () => {
      upstream.script = ({ socket }) =>
        void socket.write(
          `${OK}Trailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\nContent-Type: text/html\r\n\r\n`,
        );
      const { text } = await talk(proxy.port, [GET], { until: whole });
      expect(text).to.match(/\r\n0\r\nx-sum: 1\r\n\r\n$/i);
      expect(text.split('\r\n\r\n')[0]).to.match(/\r\nTrailer: X-Sum/);
    });

    for (const [what, request, response] of [
      ['HEAD', GET.replace('GET', 'HEAD'), `${OK}Trailer: X\r\nTransfer-Encoding: chunked\r\n\r\n`],
      ['304', GET, 'HTTP/1.1 304 Not Modified\r\nTrailer: X\r\nETag: "x"\r\n\r\n'],
      ['HTTP/1.0', GET.replace('1.1', '1.0'), `${OK}Trailer: X\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ] as const) {
      it(`a Trailer field where there can be no trailers: ${what}`, async () => {
        upstream.script = ({ socket }) => void socket.write(response);
        const { text } = await talk(proxy.port, [request], { until: (seen) => seen.includes('\r\n\r\n') });
        expect(text).to.match(/^HTTP\/1\.1 (?:200|304) /);
        expect(text).to.not.match(/\r\nTrailer/i);
      });
    }

    it('fields arrive as they were: order, spelling, repetition, bytes above ASCII behind a length', async () => {
      const fields =
        'X-Odd: 1\r\nset-cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Disposition: attachment; filename="\xe4\xc3\xa4"\r\n';
      upstream.script = ({ socket }) =>
        void socket.write(
          Buffer.from(`${OK}Content-Length: 2\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n${fields}\r\nok`, 'latin1'),
        );
      const { text } = await talk(proxy.port, [GET], { until: whole });
      expect(text).to.include(`Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n${fields}Content-Length: 2\r\n`);
    });

    it('an early answer to an upload reaches the client, and the rest is not read as a request', async () => {
      upstream.script = ({ socket }) => void socket.write(answer(413, 'too much'));
      const body = 'a'.repeat(100_000);
      const { text, closed } = await talk(proxy.port, [
        `POST /x HTTP/1.1\r\nHost: app.test\r\nContent-Length: 200000\r\n\r\n${body}`,
        100,
        GET,
      ]);
      expect(text).to.match(/^HTTP\/1\.1 413 [\s\S]*\r\nConnection: close[\s\S]*too much$/i);
      expect(closed).to.not.equal(null);
      expect(upstream.requestCount).to.equal(1);
      await eventually('the upstream connection is closed', () =>
        upstream.connections.every((connection) => connection.closed),
      );
    });
  });

  // As Tomcat does above `maxSwallowSize`, and servers of frameworks above their limits.
  it('an early answer is heard before the upload breaks on the connection that was closed behind it', async () => {
    await proxy.close();
    proxy = await startPlainProxy({ upstreamPort: upstream.port, bodyLimitBytes: 1e7 });
    upstream.script = async ({ socket }) => {
      socket.pause();
      socket.write(answer(413, 'too much'));
      await sleep(0);
      socket.resetAndDestroy();
    };
    for (let round = 0; round < 5; round++) {
      const socket = connect(proxy.port, '127.0.0.1');
      socket.on('error', () => {});
      let text = '';
      socket.on('data', (chunk) => {
        text += chunk;
      });
      socket.write('POST /x HTTP/1.1\r\nHost: app.test\r\nContent-Length: 8000000\r\n\r\n');
      const block = Buffer.alloc(64 * 1024, 'a');
      for (let sent = 0; sent < 60; sent++) socket.write(block);
      await eventually('an answer is there', () => isWhole(text, null));
      socket.destroy();
      expect(text).to.match(/^HTTP\/1\.1 413 [\s\S]*too much$/);
    }
  });

  // As urllib, PHP's streams and others do: they send all of it before they read.
  for (const [what, head, status] of [
    ['an early answer', 'Content-Length: 3000000\r\n', 403],
    ['an early answer that would have been the last', 'Content-Length: 3000000\r\nConnection: close\r\n', 403],
    ['too long a body', 'Transfer-Encoding: chunked\r\n', 413],
  ] as const) {
    it(`${what} is not overtaken by a reset while the client still sends`, async () => {
      await proxy.close();
      proxy = await startPlainProxy({ upstreamPort: upstream.port, bodyLimitBytes: status === 413 ? 1_000_000 : 1e7 });
      upstream.script = ({ socket }) => {
        socket.pause();
        if (status === 403) socket.write(answer(403, 'denied'));
        else socket.resume();
      };
      const socket = connect(proxy.port, '127.0.0.1');
      let fault: string | null = null;
      socket.on('error', (error) => {
        fault = error.message;
      });
      socket.pause();
      socket.write(`POST /x HTTP/1.1\r\nHost: app.test\r\n${head}\r\n`);
      const block = 'a'.repeat(50_000);
      for (let sent = 0; sent < 3_000_000 && fault === null; sent += block.length) {
        const piece = status === 413 ? `c350\r\n${block}\r\n` : block;
        await new Promise((resolve) => {
          socket.write(piece, resolve);
        });
        await sleep(5);
      }
      expect(fault).to.equal(null);
      let text = '';
      socket.on('data', (chunk) => {
        text += chunk;
      });
      socket.resume();
      await eventually('the answer is whole', () => isWhole(text, null));
      expect(text).to.match(new RegExp(`^HTTP/1\\.1 ${status} `));
      socket.destroy();
      await eventually('the upstream connection is closed', () => proxy.upstream.connectionCounts.open === 0);
      await eventually('nothing is left', () => proxy.server.connectionCount === 0);
    });
  }

  describe('connections upstream', () => {
    it('are used again', async () => {
      await serves();
      await serves();
      expect(upstream.connections).to.have.length(1);
      expect(upstream.requestCount).to.equal(2);
    });

    it('are not used again when the upstream says close, or keeps them for too short a time', async () => {
      for (const fields of ['Connection: close\r\n', 'Keep-Alive: timeout=1\r\n']) {
        upstream.script = ({ socket }) => void socket.write(answer(200, 'mine', fields));
        await talk(proxy.port, [GET], { until: whole });
        await eventually('closed', () => upstream.connections.every((connection) => connection.closed));
      }
      expect(upstream.connections).to.have.length(2);
    });

    for (const credentials of ['NTLM TlRMTVNTUAAD', 'Negotiate YII', 'negotiate YII']) {
      it(`are not used again when a client has signed in to one of them: ${credentials}`, async () => {
        await serves();
        upstream.script = ({ socket }) => void socket.write(answer(200, 'alice'));
        const signedIn = GET.replace('\r\n\r\n', `\r\nAuthorization: ${credentials}\r\n\r\n`);
        await talk(proxy.port, [signedIn], { until: whole });
        expect(upstream.connections).to.have.length(1);
        await serves();
        expect(upstream.connections).to.have.length(2);
      });
    }

    it('are used again behind credentials that hold for their request alone', async () => {
      upstream.script = ({ socket }) => void socket.write(answer(200, 'alice'));
      const signedIn = GET.replace('\r\n\r\n', '\r\nAuthorization: Basic bnRsbQ==\r\n\r\n');
      await talk(proxy.port, [signedIn], { until: whole });
      await serves();
      expect(upstream.connections).to.have.length(1);
    });

    for (const surplus of ['X', '\r\n', 'HTTP/1.1 2', 'HTTP/1.1 200 OK\r\nX-Y: ', answer(200, 'not asked for')]) {
      for (const [what, whole] of [
        ['a length', answer(200, 'mine')],
        ['chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nmine\r\n0\r\n\r\n'],
        ['no body', 'HTTP/1.1 204 No\r\n\r\n'],
      ] as const) {
        it(`are not used again when ${JSON.stringify(surplus.slice(0, 20))} came behind an answer with ${what}`, async () => {
          upstream.script = ({ socket }) => void socket.write(whole + surplus);
          await talk(proxy.port, [GET], { until: (text) => isWhole(text, null) });
          await eventually('closed', () => upstream.connections.every((connection) => connection.closed));
          expect(upstream.connections).to.have.length(1);
        });
      }
    }

    it('are used again whatever pieces an answer came in', async () => {
      upstream.script = async ({ socket }) => {
        for (const piece of ['HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n', 'mi', 'ne', 'mine']) {
          socket.write(piece);
          await sleep(20);
        }
      };
      await talk(proxy.port, [GET], { until: whole });
      upstream.script = async ({ socket }) => {
        socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nmine\r\n');
        await sleep(20);
        socket.write('0\r\n\r\n');
      };
      await talk(proxy.port, [GET], { until: whole });
      await serves();
      expect(upstream.connections).to.have.length(1);
    });

    it('one that was dropped while idle costs no GET', async () => {
      let lost = 0;
      for (let i = 0; i < 20; i += 1) {
        upstream.script = ({ socket, requests }) => {
          if (requests > 1) {
            lost += 1;
            socket.resetAndDestroy();
          } else socket.write(answer(200, 'mine'));
        };
        const { text } = await talk(proxy.port, [GET], { until: whole });
        expect(text).to.match(/^HTTP\/1\.1 200 /);
      }
      expect(lost).to.be.greaterThan(5);
    });

    it('a POST is never sent twice', async () => {
      await serves();
      const before = upstream.requestCount;
      upstream.script = ({ socket }) => void socket.resetAndDestroy();
      const post = 'POST /pay HTTP/1.1\r\nHost: app.test\r\nContent-Length: 0\r\n\r\n';
      const { text } = await talk(proxy.port, [post], { until: whole });
      expect(text).to.match(/^HTTP\/1\.1 502 /);
      expect(upstream.requestCount - before).to.equal(1);
    });

    it('a GET is not sent again when a byte of an answer came', async () => {
      await serves();
      const before = upstream.requestCount;
      upstream.script = async ({ socket }) => {
        socket.write('HTTP/1.1 2');
        await sleep(20);
        socket.resetAndDestroy();
      };
      const { text } = await talk(proxy.port, [GET], { until: whole });
      expect(text).to.match(/^HTTP\/1\.1 502 /);
      expect(upstream.requestCount - before).to.equal(1);
    });

    it('a GET is not sent again when the upstream had it for a while', async () => {
      await serves();
      const before = upstream.requestCount;
      upstream.script = async ({ socket }) => {
        await sleep(400);
        socket.resetAndDestroy();
      };
      const { text } = await talk(proxy.port, [GET], { until: whole });
      expect(text).to.match(/^HTTP\/1\.1 502 /);
      expect(upstream.requestCount - before).to.equal(1);
    });

    it('a GET is sent again once only', async () => {
      await serves();
      const before = upstream.requestCount;
      upstream.script = ({ socket }) => void socket.resetAndDestroy();
      const { text } = await talk(proxy.port, [GET], { until: whole });
      expect(text).to.match(/^HTTP\/1\.1 502 /);
      expect(upstream.requestCount - before).to.equal(2);
    });
  });
});
