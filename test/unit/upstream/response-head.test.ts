import { expect } from 'chai';
import { keepTrailers, readResponseHead, readUpgradeHead } from '../../../src/upstream/response-head.ts';

function head(raw: readonly string[], status = 200, method = 'GET') {
  return readResponseHead(method, status, 'OK', raw);
}

function fields(raw: readonly string[], status = 200, method = 'GET'): string[] {
  const read = head(raw, status, method);
  if (typeof read === 'string') throw new Error(read);
  return read.fields;
}

describe('readResponseHead: what is malformed', () => {
  for (const [what, raw, status] of [
    ['status 000', [], 0],
    ['a final 101', [], 101],
    ['status 1000', [], 1000],
    ['two lengths', ['Content-Length', '5', 'content-length', '5'], 200],
    ['a list of lengths', ['Content-Length', '5, 5'], 200],
    ['a length with letters', ['Content-Length', '5x'], 200],
    ['a negative length', ['Content-Length', '-1'], 200],
    ['an empty length', ['Content-Length', ''], 200],
    ['length and chunked', ['Content-Length', '5', 'Transfer-Encoding', 'chunked'], 200],
    ['two codings', ['Transfer-Encoding', 'chunked', 'Transfer-Encoding', 'chunked'], 200],
    ['gzip as a transfer coding', ['Transfer-Encoding', 'gzip, chunked'], 200],
    ['identity', ['Transfer-Encoding', 'identity'], 200],
    ['an empty name', ['', 'a'], 200],
    ['a name with a space', ['X A', 'a'], 200],
    ['a carriage return in a value', ['X-A', 'a\rb'], 200],
    ['a NUL in a value', ['X-A', 'a\0b'], 200],
    ['501 fields', Array.from({ length: 1002 }, (_, i) => (i % 2 === 0 ? 'X' : 'y')), 200],
  ] as const) {
    it(what, () => expect(head(raw, status)).to.be.a('string'));
  }

  it('500 fields are not', () => {
    expect(head(Array.from({ length: 1000 }, (_, i) => (i % 2 === 0 ? 'X' : 'y')))).not.to.be.a('string');
  });
});

describe('readResponseHead: framing', () => {
  for (const [what, method, status, raw, want] of [
    ['length', 'GET', 200, ['Content-Length', '5'], 5],
    ['chunked', 'GET', 200, ['Transfer-Encoding', 'Chunked'], 'chunked'],
    ['neither', 'GET', 200, [], 'close'],
    ['HEAD', 'HEAD', 200, ['Content-Length', '5'], 'none'],
    ['204', 'GET', 204, ['Content-Length', '5'], 'none'],
    ['304', 'GET', 304, ['Content-Length', '5'], 'none'],
  ] as const) {
    it(what, () => expect(head(raw, status, method)).to.have.property('framing', want));
  }

  it('HEAD and 304 keep the length that they tell of, 204 has none (RFC 9110 §8.6)', () => {
    expect(fields(['Content-Length', '5'], 200, 'HEAD')).to.deep.equal(['Content-Length', '5']);
    expect(fields(['Content-Length', '5'], 304)).to.deep.equal(['Content-Length', '5']);
    expect(fields(['Content-Length', '5'], 204)).to.deep.equal([]);
  });
});

describe('readResponseHead: fields', () => {
  it('keeps order, spelling and repetition; the length goes last', () => {
    const raw = ['Content-Length', '5', 'set-cookie', 'a=1', 'Set-Cookie', 'b=2', 'X-Odd', ''];
    expect(fields(raw)).to.deep.equal(['set-cookie', 'a=1', 'Set-Cookie', 'b=2', 'X-Odd', '', 'Content-Length', '5']);
  });

  it('drops the fields of the upstream hop and those that Connection names', () => {
    const raw = ['Connection', 'close, X-Internal', 'Keep-Alive', 'timeout=7', 'x-internal', 's', 'Upgrade', 'h2c'];
    expect(fields([...raw, 'Proxy-Authenticate', 'Basic', 'X-Kept', '1', 'TE', 'x'])).to.deep.equal(['X-Kept', '1']);
  });

  it('tells how long the upstream keeps the connection', () => {
    expect(head(['Keep-Alive', 'timeout=7, max=3'])).to.have.property('keepAliveMs', 7000);
    expect(head(['Keep-Alive', 'max=3'])).to.have.property('keepAliveMs', null);
  });

  it('leaves out a reason phrase that no status line can hold', () => {
    expect(readResponseHead('GET', 200, 'a\0b', [])).to.have.property('statusText', '');
    expect(readResponseHead('GET', 200, 'Fine \xe4', [])).to.have.property('statusText', 'Fine \xe4');
  });
});

describe('readUpgradeHead', () => {
  const accepted = ['Sec-WebSocket-Accept', 'x'];
  it('writes Connection and Upgrade anew and keeps the rest', () => {
    expect(
      readUpgradeHead(['upgrade', 'WebSocket', 'connection', 'upgrade', 'Keep-Alive', 'x', ...accepted]),
    ).to.deep.equal([...['Connection', 'Upgrade', 'Upgrade', 'websocket', ...accepted]]);
  });
  for (const [what, raw] of [
    ['another protocol', ['Upgrade', 'h2c', ...accepted]],
    ['no protocol', accepted],
    ['two protocols', ['Upgrade', 'websocket', 'Upgrade', 'x', ...accepted]],
    ['no key accepted', ['Upgrade', 'websocket']],
    ['a control character', ['Upgrade', 'websocket', 'X', 'a\nb', ...accepted]],
    ['a name with a space', ['Upgrade', 'websocket', 'X A', 'b', ...accepted]],
  ] as const) {
    it(`refuses ${what}`, () => expect(readUpgradeHead(raw)).to.be.a('string'));
  }
});

describe('keepTrailers', () => {
  it('lets ordinary ones pass and none that frames, routes or authenticates', () => {
    const bad = [
      'Content-Length',
      'Transfer-Encoding',
      'Host',
      'Set-Cookie',
      'Cache-Control',
      'X-Forwarded-For',
      'Transid-Sid',
    ];
    const raw = ['X-Checksum', 'abc', ...bad.flatMap((name) => [name, '1']), 'Content_Length', '1', 'X-Bad', 'a\0'];
    expect(keepTrailers(raw)).to.deep.equal(['X-Checksum', 'abc']);
  });
});
