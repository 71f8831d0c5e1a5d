/** What clients may send and what of it goes upstream, byte by byte, through real sockets. */
import { expect } from 'chai';
import { type PlainProxy, startPlainProxy } from '../support/plain-proxy.ts';
import { answer, eventually, type ScriptedUpstream, sleep, startScriptedUpstream, talk } from '../support/raw-http.ts';

const HOST = 'Host: app.test\r\n';
/** A request that must never be seen as one. */
const HIDDEN = `GET /hidden HTTP/1.1\r\n${HOST}\r\n`;

const post = (fields: string, body: string) => `POST /p HTTP/1.1\r\n${HOST}${fields}\r\n${body}`;
const get = (fields: string) => `GET /g HTTP/1.1\r\n${HOST}${fields}\r\n`;
const chunked = (body: string) => post('Transfer-Encoding: chunked\r\n', body);

describe('framing: refused before anything goes upstream', () => {
  let upstream: ScriptedUpstream;
  let proxy: PlainProxy;
  before(async () => {
    upstream = await startScriptedUpstream(({ socket }) => {
      socket.write(answer(200, 'seen'));
    });
    proxy = await startPlainProxy({ upstreamPort: upstream.port });
  });
  after(async () => {
    await proxy.close();
    await upstream.close();
  });

  const rows: readonly (readonly [what: string, status: number, bytes: string])[] = [
    ['length and chunked', 400, post('Content-Length: 4\r\nTransfer-Encoding: chunked\r\n', `0\r\n\r\n${HIDDEN}`)],
    ['chunked and length', 400, post('Transfer-Encoding: chunked\r\nContent-Length: 4\r\n', `0\r\n\r\n${HIDDEN}`)],
    ['two different lengths', 400, post(`Content-Length: 0\r\nContent-Length: ${HIDDEN.length}\r\n`, HIDDEN)],
    ['two equal lengths', 400, post('Content-Length: 2\r\nContent-Length: 2\r\n', 'hi')],
    ['list of lengths', 400, post(`Content-Length: 0, ${HIDDEN.length}\r\n`, HIDDEN)],
    ['length with a sign', 400, post('Content-Length: +2\r\n', 'hi')],
    ['unknown coding', 501, post('Transfer-Encoding: br\r\n', `0\r\n\r\n${HIDDEN}`)],
    ['coding behind chunked', 400, post('Transfer-Encoding: chunked, br\r\n', `0\r\n\r\n${HIDDEN}`)],
    ['space before the colon', 400, post('Transfer-Encoding : chunked\r\n', `0\r\n\r\n${HIDDEN}`)],
    ['chunked in HTTP/1.0', 400, chunked('0\r\n\r\n').replace('HTTP/1.1', 'HTTP/1.0')],
    ['bare CR in a value', 400, get('X-A: b\rX-B: c\r\n')],
    ['NUL in a value', 400, get('X-A: b\0c\r\n')],
    ['no colon', 400, get('X-A b\r\n')],
    ['empty name', 400, get(': b\r\n')],
    ['space in a name', 400, get('X A: b\r\n')],
    ['first line indented', 400, `GET /g HTTP/1.1\r\n ${HOST}${HOST}\r\n`],
    ['no Host', 400, 'GET /g HTTP/1.1\r\nX: y\r\n\r\n'],
    ['two Hosts', 400, get('Host: evil.test\r\n')],
    ['Host with userinfo', 400, 'GET /g HTTP/1.1\r\nHost: app.test@evil.test\r\n\r\n'],
    ['another Host in the target', 421, `GET http://evil.test/g HTTP/1.1\r\n${HOST}\r\n`],
    ['asterisk-form for GET', 400, `GET * HTTP/1.1\r\n${HOST}\r\n`],
    ['fragment in the target', 400, `GET /a#b HTTP/1.1\r\n${HOST}\r\n`],
    ['raw UTF-8 in the target', 400, `GET /caf\xc3\xa9 HTTP/1.1\r\n${HOST}\r\n`],
    ['TRACE', 405, `TRACE /g HTTP/1.1\r\n${HOST}\r\n`],
    ['unknown expectation', 417, get('Expect: magic\r\n')],
    ['target over 8 KiB', 414, `GET /${'a'.repeat(9000)} HTTP/1.1\r\n${HOST}\r\n`],
    ['target over 16 KiB', 414, `GET /${'a'.repeat(40_000)} HTTP/1.1\r\n${HOST}\r\n`],
    ['trailers over 8 KiB', 413, chunked(`0\r\nX-A: ${'a'.repeat(9000)}\r\n\r\n`)],
    ['101 trailers', 413, chunked(`0\r\n${'a: b\r\n'.repeat(101)}\r\n`)],
    ['head over 16 KiB', 431, get(`X-A: ${'a'.repeat(20_000)}\r\n`)],
    ['201 fields', 431, get('a: b\r\n'.repeat(201))],
    ['a length behind 2,100 fields', 431, get(`${'a:\r\n'.repeat(2100)}Content-Length: ${HIDDEN.length}\r\n`) + HIDDEN],
    ['a length over the body limit', 413, post('Content-Length: 999999999\r\n', 'x')],
    ['version 2.0', 505, `GET /g HTTP/2.0\r\n${HOST}\r\n`],
    ['no HTTP at all', 400, '\x16\x03\x01\x02\x00\x01\x00\r\n\r\n'],
    ['a loop', 508, get('Via: 1.1 test-proxy\r\n')],
  ];
  for (const [what, status, bytes] of rows) {
    it(`${what}: ${status}`, async () => {
      const before = upstream.received.length;
      const { text, closed } = await talk(proxy.port, [bytes]);
      expect(text).to.match(new RegExp(`^HTTP/1\\.1 ${status} `));
      expect(text.match(/HTTP\/1\.1 \d/g), 'answers').to.have.length(1);
      expect(text).to.match(/\r\nConnection: close\r\n/i);
      expect(closed, 'closing').to.equal('fin');
      expect(upstream.received.slice(before)).to.equal('');
    });
  }

  it('CONNECT gets 405, and its connection is closed', async () => {
    const { text, closed } = await talk(proxy.port, [`CONNECT evil.test:443 HTTP/1.1\r\nHost: evil.test:443\r\n\r\n`]);
    expect(text).to.match(/^HTTP\/1\.1 405 Method Not Allowed\r\n/);
    expect(text.toLowerCase()).to.include('\r\nconnection: close\r\n').and.to.include('\r\nallow: ');
    expect(closed).to.equal('fin');
    expect(proxy.refusals.map(({ code }) => code)).to.include('METHOD_NOT_ALLOWED');
  });

  it('a bad request behind a good one: one good answer, one bad one, in this order', async () => {
    const { text, closed } = await talk(proxy.port, [`${get('')}GET /x HTTP/1.1\r\nX A: b\r\n\r\n${HIDDEN}`]);
    expect(text.match(/HTTP\/1\.1 \d{3}/g)).to.deep.equal(['HTTP/1.1 200', 'HTTP/1.1 400']);
    expect(closed).to.equal('fin');
    expect(upstream.received).to.not.include('/hidden');
  });

  it('nothing behind Connection: close is a request', async () => {
    const { text } = await talk(proxy.port, [get('Connection: close\r\n') + HIDDEN]);
    expect(text.match(/HTTP\/1\.1 \d{3}/g)).to.deep.equal(['HTTP/1.1 200']);
    expect(upstream.received).to.not.include('/hidden');
  });

  for (const [what, bad] of [
    ['a missing Host', 'GET / HTTP/1.1\r\n\r\n'],
    ['a body that is too large', 'POST /p HTTP/1.1\r\nHost: app.test\r\nContent-Length: 99999999999\r\n\r\n'],
  ]) {
    for (const [how, parts] of [
      ['at once', [`${bad}${HIDDEN}`]],
      ['later', [bad as string, 100, HIDDEN]],
      ['behind a good one', [get('') + bad + HIDDEN]],
    ] as const) {
      it(`nothing behind ${what} is a request, ${how}`, async () => {
        const { text, closed } = await talk(proxy.port, parts);
        expect(text.match(/HTTP\/1\.1 \d{3}/g)?.at(-1)).to.match(/ (?:400|413)$/);
        expect(closed).to.not.equal(null);
        await sleep(50);
        expect(upstream.received).to.not.include('/hidden');
      });
    }
  }

  it('nothing behind the last request that a connection may bring is a request', async () => {
    const small = await startPlainProxy({ upstreamPort: upstream.port, limits: { requestsPerConnection: 1 } });
    try {
      const { text, closed } = await talk(small.port, [get('') + HIDDEN + HIDDEN]);
      expect(text.match(/HTTP\/1\.1 \d{3}/g)).to.deep.equal(['HTTP/1.1 200']);
      expect(closed).to.equal('fin');
      await sleep(50);
      expect(upstream.received).to.not.include('/hidden');
    } finally {
      await small.close();
    }
  });

  it('a fault behind a request that is under way is reported once', async () => {
    upstream.script = async ({ socket }) => {
      await sleep(60);
      socket.write(answer(200, 'good'));
    };
    const before = proxy.refusals.length;
    const { text } = await talk(proxy.port, [`GET /1 HTTP/1.1\r\n${HOST}\r\n\xff\xfe\xfd\r\n\r\n`]);
    expect(text.match(/HTTP\/1\.1 \d+/g)).to.deep.equal(['HTTP/1.1 200', 'HTTP/1.1 400']);
    await sleep(50);
    expect(proxy.refusals.slice(before).map(({ code }) => code)).to.deep.equal(['BAD_REQUEST']);
  });

  it('every refusal has been reported with its code', () => {
    const codes = new Set(proxy.refusals.map((refusal) => refusal.code));
    for (const code of [
      'BAD_REQUEST',
      'BAD_FRAMING',
      'BAD_HOST',
      'BAD_TARGET',
      'MISDIRECTED',
      'FIELDS_TOO_LARGE',
    ] as const) {
      expect(codes.has(code), code).to.equal(true);
    }
    expect(codes.has('INTERNAL')).to.equal(false);
  });
});

describe('framing: faults within a body never complete it', () => {
  let upstream: ScriptedUpstream;
  let proxy: PlainProxy;
  before(async () => {
    // It answers only when the body is whole, as an application would that reads it.
    upstream = await startScriptedUpstream(async (connection) => {
      while (!connection.received.endsWith('0\r\n\r\n') && !connection.closed) await sleep(5);
      if (!connection.closed) connection.socket.write(answer(200, 'whole'));
    });
    proxy = await startPlainProxy({ upstreamPort: upstream.port, bodyLimitBytes: 100_000 });
  });
  after(async () => {
    await proxy.close();
    await upstream.close();
  });

  for (const [what, status, body] of [
    ['hexadecimal prefix', 400, '0x5\r\nhello\r\n0\r\n\r\n'],
    ['sign', 400, '+5\r\nhello\r\n0\r\n\r\n'],
    ['size overflow', 400, 'ffffffffffffffff5\r\nhello\r\n0\r\n\r\n'],
    ['size line with a bare LF', 400, '5\nhello\r\n0\r\n\r\n'],
    ['data longer than its size', 400, '3\r\nhello\r\n0\r\n\r\n'],
    ['second chunk broken', 400, '5\r\nhello\r\nzz\r\nworld\r\n0\r\n\r\n'],
    ['trailer without a colon', 400, '5\r\nhello\r\n0\r\nno colon\r\n\r\n'],
    ['extension of 64 KiB', 413, `5;${'a'.repeat(65_536)}\r\nhello\r\n0\r\n\r\n`],
    ['trailers of 64 KiB', 431, `5\r\nhello\r\n0\r\n${'X-T: aaaaaaaaaaaaaaaaaaaa\r\n'.repeat(2600)}\r\n`],
    ['body over the limit', 413, `${'4000\r\n'.concat('a'.repeat(16_384), '\r\n').repeat(8)}0\r\n\r\n`],
  ] as const) {
    it(`${what}: ${status}`, async () => {
      const before = upstream.connections.length;
      const { text, closed } = await talk(proxy.port, [chunked(body)]);
      expect(text).to.match(new RegExp(`^HTTP/1\\.1 ${status} `));
      expect(text.match(/HTTP\/1\.1 \d/g), 'answers').to.have.length(1);
      expect(closed).to.equal('fin');
      for (const connection of upstream.connections.slice(before)) {
        expect(connection.received).to.not.match(/0\r\n\r\n$/);
        await sleep(50);
        expect(connection.closed, 'upstream connection').to.equal(true);
      }
    });
  }
});

describe('framing: accepted, and written anew for the upstream', () => {
  let upstream: ScriptedUpstream;
  let proxy: PlainProxy;
  beforeEach(async () => {
    upstream = await startScriptedUpstream(async (connection) => {
      await sleep(30); // for the body
      connection.socket.write(answer(200, 'ok'));
    });
    proxy = await startPlainProxy({ upstreamPort: upstream.port });
  });
  afterEach(async () => {
    await proxy.close();
    await upstream.close();
  });

  const OURS =
    'X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: app.test\r\nVia: 1.1 test-proxy\r\nConnection: keep-alive\r\n';
  const rows: readonly (readonly [what: string, sent: string, arrives: string])[] = [
    ['a GET', get('X-A:  b\t\r\n'), `GET /g HTTP/1.1\r\n${HOST}X-A: b\r\n${OURS}\r\n`],
    [
      'an odd target, byte for byte',
      `GET /a//b/./c%2Fd;e=f/%41?x=%26&y=a+b&&z HTTP/1.1\r\n${HOST}\r\n`,
      `GET /a//b/./c%2Fd;e=f/%41?x=%26&y=a+b&&z HTTP/1.1\r\n${HOST}${OURS}\r\n`,
    ],
    [
      'an absolute target as origin-form',
      `GET http://app.test/x?y HTTP/1.1\r\n${HOST}\r\n`,
      `GET /x?y HTTP/1.1\r\n${HOST}${OURS}\r\n`,
    ],
    ['bytes above ASCII', get('X-A: \xe4\xc3\xb6\r\n'), `GET /g HTTP/1.1\r\n${HOST}X-A: \xe4\xc3\xb6\r\n${OURS}\r\n`],
    [
      'a length',
      post('Content-Length: 5\r\n', 'hello'),
      `POST /p HTTP/1.1\r\n${HOST}${OURS}Content-Length: 5\r\n\r\nhello`,
    ],
    [
      'a length with zeros in front',
      post('Content-Length: 005\r\n', 'hello'),
      `POST /p HTTP/1.1\r\n${HOST}${OURS}Content-Length: 5\r\n\r\nhello`,
    ],
    [
      'a length that Connection names',
      post(`Connection: keep-alive, Content-Length\r\nContent-Length: ${HIDDEN.length}\r\n`, HIDDEN),
      `POST /p HTTP/1.1\r\n${HOST}${OURS}Content-Length: ${HIDDEN.length}\r\n\r\n${HIDDEN}`,
    ],
    ['no body, said', post('Content-Length: 0\r\n', ''), `POST /p HTTP/1.1\r\n${HOST}${OURS}Content-Length: 0\r\n\r\n`],
    [
      'chunks',
      chunked('1\r\nh\r\n004;ext="a b"\r\nello\r\n000\r\n\r\n'),
      `POST /p HTTP/1.1\r\n${HOST}${OURS}Transfer-Encoding: chunked\r\n\r\n1\r\nh\r\n4\r\nello\r\n0\r\n\r\n`,
    ],
    [
      'a chunked DELETE',
      chunked('5\r\nhello\r\n0\r\n\r\n').replace('POST', 'DELETE'),
      `DELETE /p HTTP/1.1\r\n${HOST}${OURS}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`,
    ],
    [
      'a GET with a body',
      `GET /p HTTP/1.1\r\n${HOST}Content-Length: 2\r\n\r\nhi`,
      `GET /p HTTP/1.1\r\n${HOST}${OURS}Content-Length: 2\r\n\r\nhi`,
    ],
    [
      'trailers, without the ones that frame',
      chunked('5\r\nhello\r\n0\r\nHost: evil.test\r\nX-Sum: 1\r\n\r\n'),
      `POST /p HTTP/1.1\r\n${HOST}${OURS}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n`,
    ],
    [
      'trailers, without the ones that a client may not say in the head',
      chunked(
        '5\r\nhello\r\n0\r\nX-Real-IP: 192.0.2.9\r\nProxy: x\r\nX-Original-URL: /admin\r\nX.Real.IP: x\r\nReferer: /\r\nX-Sum: 1\r\n\r\n',
      ),
      `POST /p HTTP/1.1\r\n${HOST}${OURS}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n`,
    ],
    ['an empty line in front', `\r\n${get('')}`, `GET /g HTTP/1.1\r\n${HOST}${OURS}\r\n`],
    [
      'HTTP/1.0',
      `GET /g HTTP/1.0\r\n${HOST}\r\n`,
      `GET /g HTTP/1.1\r\n${HOST}${OURS.replace('1.1 test', '1.0 test')}\r\n`,
    ],
    ['Upgrade: h2c', get('Connection: Upgrade\r\nUpgrade: h2c\r\n'), `GET /g HTTP/1.1\r\n${HOST}${OURS}\r\n`],
  ];
  for (const [what, sent, arrives] of rows) {
    it(what, async () => {
      const { text } = await talk(proxy.port, [sent], { until: (seen) => seen.endsWith('ok') });
      expect(text).to.match(/^HTTP\/1\.1 200 /);
      expect(upstream.received).to.equal(arrives);
    });
  }

  it('a folded field arrives as one line or not at all', async () => {
    const { text } = await talk(proxy.port, [get('X-A: b\r\n c\r\n')], { until: (seen) => seen.includes('\r\n\r\n') });
    if (text.startsWith('HTTP/1.1 200')) expect(upstream.received).to.match(/\r\nX-A: b +c\r\n/);
    else expect(text).to.match(/^HTTP\/1\.1 400 /);
  });

  describe('a body that comes late', () => {
    const head = (fields: string) => `POST /p HTTP/1.1\r\n${HOST}${OURS}${fields}Content-Length: 5\r\n\r\n`;

    it('Expect: 100-continue is answered here, and the body follows', async () => {
      upstream.script = async ({ socket }) => {
        await eventually('the body is there', () => upstream.received === `${head('')}hello`);
        socket.write(answer(200, 'ok'));
      };
      const sent = [post('Expect: 100-continue\r\nContent-Length: 5\r\n', ''), 50, 'hello'];
      const { text } = await talk(proxy.port, sent, { until: (seen) => seen.endsWith('ok') });
      expect(text).to.match(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 /);
    });

    it('does not keep the head back, by which an application may refuse', async () => {
      upstream.script = ({ socket }) => void socket.write(answer(403, 'no'));
      const { text, ms } = await talk(proxy.port, [post('Content-Length: 5\r\n', '')], {
        until: (seen) => seen.endsWith('no'),
      });
      expect(text).to.match(/^HTTP\/1\.1 403 /);
      expect(ms).to.be.below(1000);
      expect(upstream.received).to.equal(head(''));
    });
  });

  it('OPTIONS with Max-Forwards: 0 is answered here', async () => {
    const bytes = `OPTIONS /x HTTP/1.1\r\n${HOST}Max-Forwards: 0\r\n\r\n`;
    const { text } = await talk(proxy.port, [bytes], { until: (seen) => seen.includes('\r\n\r\n') });
    expect(text).to.match(/^HTTP\/1\.1 200 [\s\S]*\r\nAllow: GET, /);
    expect(upstream.received).to.equal('');
  });

  it('and its body holds the connection no longer than it takes to see that', async () => {
    const bytes = `OPTIONS /x HTTP/1.1\r\n${HOST}Max-Forwards: 0\r\nContent-Length: 1000\r\n\r\n`;
    const { text, closed } = await talk(proxy.port, [bytes, 'abc'], { timeoutMs: 1000 });
    expect(text).to.match(/^HTTP\/1\.1 200 [\s\S]*\r\nConnection: close\r\n/);
    expect(closed).to.equal('fin');
  });

  it('pipelined requests go one after the other and are answered in order', async () => {
    const delays = new Map([
      ['/1', 60],
      ['/2', 0],
      ['/3', 20],
    ]);
    let open = 0;
    let mostOpen = 0;
    upstream.script = async ({ socket }, head) => {
      const path = head.split(' ')[1] as string;
      open += 1;
      mostOpen = Math.max(mostOpen, open);
      await sleep(delays.get(path) ?? 0);
      open -= 1;
      socket.write(answer(200, `<${path}>`));
    };
    const requests = ['/1', '/2', '/3'].map((path) => `GET ${path} HTTP/1.1\r\n${HOST}\r\n`).join('');
    const { text } = await talk(proxy.port, [requests], { until: (seen) => seen.endsWith('</3>') });
    expect(text.match(/<\/\d>/g)).to.deep.equal(['</1>', '</2>', '</3>']);
    expect(mostOpen).to.equal(1);
  });
});
