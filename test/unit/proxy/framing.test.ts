import { expect } from 'chai';
import { allValues, firstValue } from '../../../src/field-list.ts';
import { type HeadFault, type RawHead, type RequestFacts, readHead } from '../../../src/proxy/framing.ts';

const LIMITS = {
  maxFields: 200,
  maxTargetBytes: 8192,
  viaName: 'us-1',
  isTrustedProxy: () => false,
  forwardedFields: 'x-forwarded',
} as const;
const HOST = ['Host', 'app.test'];
const WEBSOCKET = [
  ...[...HOST, 'Connection', 'keep-alive, Upgrade', 'Upgrade', 'websocket'],
  ...['Sec-WebSocket-Version', '13', 'Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ=='],
];

function read(more: Partial<RawHead>): RequestFacts | HeadFault {
  const raw = { method: 'GET', target: '/', versionMajor: 1, versionMinor: 1, fields: HOST, ...more };
  return readHead({ isEncrypted: false, http2: null, peerAddress: '192.0.2.9', ...raw }, LIMITS, 'id-1');
}

function facts(more: Partial<RawHead>): RequestFacts {
  const result = read(more);
  if ('fault' in result) throw new Error(`${result.fault}: ${result.detail}`);
  return result;
}

describe('readHead: refused', () => {
  const rows: readonly (readonly [what: string, code: string, more: Partial<RawHead>])[] = [
    ['HTTP/2.0 on a text connection', 'VERSION_NOT_SUPPORTED', { versionMajor: 2, versionMinor: 0 }],
    ['HTTP/1.2', 'VERSION_NOT_SUPPORTED', { versionMinor: 2 }],
    ['HTTP/0.9', 'VERSION_NOT_SUPPORTED', { versionMajor: 0, versionMinor: 9 }],
    ['CONNECT', 'METHOD_NOT_ALLOWED', { method: 'CONNECT', target: 'evil.test:443' }],
    ['TRACE', 'METHOD_NOT_ALLOWED', { method: 'TRACE' }],
    ['201 fields', 'FIELDS_TOO_LARGE', { fields: [...HOST, ...Array.from({ length: 400 }, () => 'x')] }],

    ['empty name', 'BAD_FIELD', { fields: [...HOST, '', 'b'] }],
    ['space in a name', 'BAD_FIELD', { fields: [...HOST, 'X A', 'b'] }],
    ['raw UTF-8 in the target', 'BAD_TARGET', { target: '/caf\xc3\xa9' }],

    ['no Host', 'BAD_HOST', { fields: [] }],
    ['two Hosts', 'BAD_HOST', { fields: [...HOST, 'host', 'app.test'] }],
    ['empty Host', 'BAD_HOST', { fields: ['Host', ''] }],
    ['Host with userinfo', 'BAD_HOST', { fields: ['Host', 'app.test@evil.test'] }],
    ['Host with a path', 'BAD_HOST', { fields: ['Host', 'app.test/x'] }],
    ['Host as a list', 'BAD_HOST', { fields: ['Host', 'app.test, evil.test'] }],
    ['Host with a space', 'BAD_HOST', { fields: ['Host', 'app.test evil.test'] }],
    ['Host with markup', 'BAD_HOST', { fields: ['Host', '"><script>'] }],
    ['port with letters', 'BAD_HOST', { fields: ['Host', 'app.test:80x'] }],
    ['port above 65535', 'BAD_HOST', { fields: ['Host', 'app.test:65536'] }],
    ['port without digits', 'BAD_HOST', { fields: ['Host', 'app.test:'] }],
    ['an address that is none', 'BAD_HOST', { fields: ['Host', '1.2.3.999'] }],
    ['IPv6 that is none', 'BAD_HOST', { fields: ['Host', '[::::]'] }],
    ['IPv6 without brackets', 'BAD_HOST', { fields: ['Host', '::1'] }],
    ['percent-encoding in Host', 'BAD_HOST', { fields: ['Host', 'app%2etest'] }],

    ['both lengths', 'BAD_FRAMING', { fields: [...HOST, 'Content-Length', '5', 'Transfer-Encoding', 'chunked'] }],
    ['two lengths', 'BAD_FRAMING', { fields: [...HOST, 'Content-Length', '5', 'content-length', '5'] }],
    ['list of lengths', 'BAD_FRAMING', { fields: [...HOST, 'Content-Length', '5, 5'] }],
    ['plus sign', 'BAD_FRAMING', { fields: [...HOST, 'Content-Length', '+5'] }],
    ['negative length', 'BAD_FRAMING', { fields: [...HOST, 'Content-Length', '-5'] }],
    ['hexadecimal length', 'BAD_FRAMING', { fields: [...HOST, 'Content-Length', '0x5'] }],
    ['empty length', 'BAD_FRAMING', { fields: [...HOST, 'Content-Length', ''] }],
    ['length beyond any file', 'BAD_FRAMING', { fields: [...HOST, 'Content-Length', '18446744073709551621'] }],
    [
      'two codings',
      'BAD_FRAMING',
      { fields: [...HOST, 'Transfer-Encoding', 'chunked', 'transfer-encoding', 'chunked'] },
    ],
    ['chunked twice', 'BAD_FRAMING', { fields: [...HOST, 'Transfer-Encoding', 'chunked, chunked'] }],
    ['identity, chunked', 'BAD_FRAMING', { fields: [...HOST, 'Transfer-Encoding', 'identity, chunked'] }],
    ['quoted chunked', 'BAD_FRAMING', { fields: [...HOST, 'Transfer-Encoding', '"chunked"'] }],
    ['xchunked', 'BAD_FRAMING', { fields: [...HOST, 'Transfer-Encoding', 'xchunked'] }],
    ['unknown coding', 'UNKNOWN_TRANSFER_CODING', { fields: [...HOST, 'Transfer-Encoding', 'gzip'] }],
    ['chunked in HTTP/1.0', 'BAD_FRAMING', { versionMinor: 0, fields: [...HOST, 'Transfer-Encoding', 'chunked'] }],
    ['upgrade with a body', 'BAD_FRAMING', { fields: [...WEBSOCKET, 'Content-Length', '5'] }],

    ['unknown expectation', 'EXPECTATION_FAILED', { fields: [...HOST, 'Expect', '200-ok'] }],
    [
      'two expectations',
      'EXPECTATION_FAILED',
      { fields: [...HOST, 'Expect', '100-continue', 'Expect', '100-continue'] },
    ],
    ['Max-Forwards that is no number', 'BAD_FIELD', { fields: [...HOST, 'Max-Forwards', 'x'] }],
    ['control character in a value', 'BAD_FIELD', { fields: [...HOST, 'X-A', 'a\x01b'] }],
    ['line end in a value', 'BAD_FIELD', { fields: [...HOST, 'X-A', 'a\r\nb'] }],
    ['our own name in Via', 'LOOP_DETECTED', { fields: [...HOST, 'Via', '1.1 other, 1.1 us-1'] }],
    ['our own name in Via with a comment', 'LOOP_DETECTED', { fields: [...HOST, 'Via', '1.0\tus-1 (x)'] }],

    ['target over the limit', 'TARGET_TOO_LONG', { target: `/${'a'.repeat(8192)}` }],
    ['asterisk for GET', 'BAD_TARGET', { target: '*' }],
    ['no slash', 'BAD_TARGET', { target: 'path' }],
    ['empty', 'BAD_TARGET', { target: '' }],
    ['fragment', 'BAD_TARGET', { target: '/a#b' }],
    ['space', 'BAD_TARGET', { target: '/a b' }],
    ['control character', 'BAD_TARGET', { target: '/a\x01b' }],
    ['DEL', 'BAD_TARGET', { target: '/a\x7f' }],
    ['authority-form', 'BAD_TARGET', { target: 'app.test:80' }],
    ['another scheme', 'BAD_TARGET', { target: 'ftp://app.test/' }],
    ['absolute with userinfo', 'BAD_TARGET', { target: 'http://app.test@evil.test/' }],
    ['absolute without a host', 'BAD_TARGET', { target: 'http:///x' }],
    ['absolute with another host', 'MISDIRECTED', { target: 'http://evil.test/' }],
  ];
  for (const [what, code, more] of rows) {
    it(`${what}: ${code}`, () => expect(read(more)).to.have.property('fault', code));
  }
});

describe('readHead: accepted', () => {
  for (const target of [
    '/',
    '/a//b/./c%2Fd;e=f/%41?x=%26&&y',
    '/\\x',
    '//other.test/x',
    '/?http://x/',
    `/${'a'.repeat(8191)}`,
  ]) {
    it(`origin-form byte for byte: ${target.slice(0, 40)}`, () => expect(facts({ target }).target).to.equal(target));
  }

  for (const [target, host, want] of [
    ['http://app.test/a?b', 'app.test', '/a?b'],
    ['HTTP://APP.test/a', 'app.test:80', '/a'],
    ['http://app.test', 'app.test', '/'],
    ['http://app.test?q', 'app.test', '/?q'],
    ['https://app.test:443/x', 'app.test', '/x'],
  ] as const) {
    it(`absolute-form ${target}`, () => expect(facts({ target, fields: ['Host', host] }).target).to.equal(want));
  }

  it('the authority of an absolute target is the host (RFC 9112 §3.2.2)', () => {
    expect(facts({ target: 'http://app.test:80/', fields: ['Host', 'app.test'] }).host).to.equal('app.test:80');
  });

  for (const host of [
    'app.test',
    'APP.test:8080',
    'a_b.test',
    '192.0.2.1',
    '[2001:db8::1]:443',
    'localhost',
    'xn--bcher-kva.test',
  ]) {
    it(`Host ${host}`, () => expect(facts({ fields: ['Host', host] }).host).to.equal(host));
  }

  it('HTTP/1.0 without Host', () =>
    expect(facts({ versionMinor: 0, fields: [] })).to.include({ host: null, version: '1.0' }));
  it('OPTIONS *', () => expect(facts({ method: 'OPTIONS', target: '*' }).target).to.equal('*'));
  it('a name in Via that only begins like ours', () => {
    expect(facts({ fields: [...HOST, 'Via', '1.1 us-12, 1.1 x (us-1)'] }).fields).to.have.length(4);
  });

  for (const [what, fields, want] of [
    ['no body', [], 'none'],
    ['length 0 is none', ['Content-Length', '0'], 'none'],
    ['length', ['Content-Length', '005'], 5],
    ['chunked', ['transfer-encoding', 'CHUNKED'], 'chunked'],
  ] as const) {
    it(`body: ${what}`, () => expect(facts({ method: 'POST', fields: [...HOST, ...fields] }).body).to.equal(want));
  }

  it('Expect: 100-continue, but not from HTTP/1.0', () => {
    const fields = [...HOST, 'Expect', '100-Continue', 'Content-Length', '1'];
    expect(facts({ fields }).expectsContinue).to.equal(true);
    expect(facts({ fields, versionMinor: 0 }).expectsContinue).to.equal(false);
  });

  it('OPTIONS with Max-Forwards: 0 ends here, others do not', () => {
    const fields = [...HOST, 'Max-Forwards', '0'];
    expect(facts({ method: 'OPTIONS', fields }).endsHere).to.equal(true);
    expect(facts({ method: 'OPTIONS', fields: [...HOST, 'Max-Forwards', '1'] }).endsHere).to.equal(false);
    expect(facts({ method: 'GET', fields }).endsHere).to.equal(false);
  });
});

describe('readHead: upgrades', () => {
  it('a WebSocket handshake', () => expect(facts({ fields: WEBSOCKET }).upgrade).to.equal('websocket'));
  const without = (name: string) => WEBSOCKET.filter((_, i) => WEBSOCKET[i - (i % 2)] !== name);
  for (const [what, more] of [
    ['by POST', { method: 'POST' }],
    ['in HTTP/1.0', { versionMinor: 0 }],
    ['without Connection: upgrade', { fields: without('Connection') }],
    ['without a version', { fields: without('Sec-WebSocket-Version') }],
    ['without a key', { fields: without('Sec-WebSocket-Key') }],
    ['to h2c', { fields: [...without('Upgrade'), 'Upgrade', 'h2c'] }],
    ['to one of two', { fields: [...without('Upgrade'), 'Upgrade', 'websocket, h2c'] }],
  ] as const) {
    it(`is ignored ${what}`, () => expect(facts({ fields: WEBSOCKET, ...more }).upgrade).to.equal(null));
  }
});

describe('readHead: HTTP/2', () => {
  const PSEUDO = [':method', 'GET', ':path', '/a?b', ':scheme', 'https', ':authority', 'app.test'];
  const read2 = (fields: readonly string[], more: Partial<RawHead> = {}) =>
    read({
      versionMajor: 2,
      versionMinor: 0,
      target: '/a?b',
      fields,
      isEncrypted: true,
      http2: { endsWithHead: true, isTooLarge: false },
      ...more,
    });

  it('gives the same facts as HTTP/1, without pseudo-fields', () => {
    expect(read2([...PSEUDO, 'accept', '*/*'])).to.deep.include({
      target: '/a?b',
      host: 'app.test',
      version: '2.0',
      fields: ['accept', '*/*'],
      body: 'none',
    });
  });
  it('the target may have bytes above 7F', () => {
    expect(read2(PSEUDO, { target: '/\xe4' })).to.have.property('target', '/\xe4');
  });
  it('a body without a length is chunked for the next hop', () => {
    expect(read2(PSEUDO, { method: 'POST', http2: { endsWithHead: false, isTooLarge: false } })).to.have.property(
      'body',
      'chunked',
    );
    expect(
      read2([...PSEUDO, 'content-length', '3'], { method: 'POST', http2: { endsWithHead: false, isTooLarge: false } }),
    ).to.have.property('body', 3);
  });
  it('a length of nothing is no body, though the stream goes on for a moment', () => {
    const open = { method: 'POST', http2: { endsWithHead: false, isTooLarge: false } };
    expect(read2([...PSEUDO, 'content-length', '0'], open)).to.have.property('body', 'none');
  });

  const rows: readonly (readonly [what: string, code: string, fields: readonly string[], more?: Partial<RawHead>])[] = [
    ['connection', 'BAD_FIELD', [...PSEUDO, 'connection', 'x']],
    ['transfer-encoding', 'BAD_FIELD', [...PSEUDO, 'transfer-encoding', 'chunked']],
    ['upgrade', 'BAD_FIELD', [...PSEUDO, 'upgrade', 'websocket']],
    ['te other than trailers', 'BAD_FIELD', [...PSEUDO, 'te', 'gzip']],
    ['upper case', 'BAD_FIELD', [...PSEUDO, 'X-A', '1']],
    ['a pseudo-field twice', 'BAD_FIELD', [...PSEUDO, ':path', '/b']],
    ['a pseudo-field after a field', 'BAD_FIELD', ['accept', '*/*', ...PSEUDO]],
    ['line ends in a value', 'BAD_FIELD', [...PSEUDO, 'x', 'a\r\nb: c']],
    ['another host', 'MISDIRECTED', [...PSEUDO, 'host', 'evil.test']],
    ['authority with userinfo', 'BAD_HOST', [...PSEUDO.slice(0, 6), ':authority', 'u@app.test']],
    ['no authority', 'BAD_HOST', PSEUDO.slice(0, 6)],
    ['no scheme', 'BAD_TARGET', [...PSEUDO.slice(0, 4), ...PSEUDO.slice(6)]],
    ['CONNECT', 'METHOD_NOT_ALLOWED', PSEUDO, { method: 'CONNECT' }],
    ['absolute path', 'BAD_TARGET', PSEUDO, { target: 'http://app.test/' }],
    ['a head over the limit', 'FIELDS_TOO_LARGE', PSEUDO, { http2: { endsWithHead: true, isTooLarge: true } }],
  ];
  for (const [what, code, fields, more] of rows) {
    it(`${what}: ${code}`, () => expect(read2(fields, more)).to.have.property('fault', code));
  }
});

describe('firstValue and allValues', () => {
  const list = ['Accept', 'a', 'accept', 'b', 'Accept-X', 'c'];
  it('find by any case, first or all', () => {
    expect(firstValue(list, 'accept')).to.equal('a');
    expect(allValues(list, 'accept')).to.deep.equal(['a', 'b']);
    expect(firstValue(list, 'absent')).to.equal(null);
    expect(allValues(list, 'absent')).to.deep.equal([]);
  });
});
