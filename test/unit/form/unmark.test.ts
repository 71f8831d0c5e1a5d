/** The hidden field comes out of form bodies; every other byte stays. */
import { expect } from 'chai';
import fc from 'fast-check';
import { type FormEncoding, formEncoding, unmarkForm } from '../../../src/form/unmark.ts';

const urlencoded: FormEncoding = { kind: 'urlencoded' };
const run = (body: string, encoding: FormEncoding, isWhole = true) => {
  const { body: rest, sids } = unmarkForm(Buffer.from(body, 'latin1'), encoding, '_sid', isWhole);
  return [rest.toString('latin1'), ...sids];
};

describe('formEncoding', () => {
  const rows: [value: string | null, want: FormEncoding | null][] = [
    ['application/x-www-form-urlencoded', urlencoded],
    ['Application/X-WWW-Form-Urlencoded; charset=UTF-8', urlencoded],
    ['text/plain', { kind: 'plain' }],
    ['multipart/form-data; boundary=abc', { kind: 'multipart', boundary: 'abc' }],
    ['multipart/form-data; charset=x; BOUNDARY="a;b"', { kind: 'multipart', boundary: 'a;b' }],
    ['multipart/form-data', null],
    [`multipart/form-data; boundary=${'x'.repeat(71)}`, null],
    ['multipart/mixed; boundary=abc', null],
    ['application/json', null],
    [null, null],
  ];
  for (const [value, want] of rows) it(String(value), () => expect(formEncoding(value)).to.deep.equal(want));
});

describe('urlencoded', () => {
  const rows: [body: string, rest: string, ...sids: string[]][] = [
    ['', ''],
    ['a=1&b=2', 'a=1&b=2'],
    ['_sid=S', '', 'S'],
    ['_sid=S&a=1', 'a=1', 'S'],
    ['a=1&_sid=S', 'a=1', 'S'],
    ['a=1&_sid=S&b=2', 'a=1&b=2', 'S'],
    ['_sid=S&_sid=T', '', 'S', 'T'],
    ['a=1&_sid=S&_sid=T&b=2', 'a=1&b=2', 'S', 'T'],
    ['a=1&_sid=S&_sid=T', 'a=1', 'S', 'T'],
    ['_sid=R&a=1&_sid=S&_sid=T', 'a=1', 'R', 'S', 'T'],
    ['a=1&_sid=S&&_sid=T', 'a=1&', 'S', 'T'],
    ['%5Fsi%64=S%2d1&a', 'a', 'S-1'],
    ['_sid', '', ''],
    ['a=_sid=S', 'a=_sid=S'],
    ['_SID=S', '_SID=S'],
    ['_sid%=S', '_sid%=S'],
    ['_sid[]=S', '_sid[]=S'],
    ['&&_sid=S&&', '&&&', 'S'],
    ['a=%00\xff&_sid=S', 'a=%00\xff', 'S'],
  ];
  for (const [body, ...want] of rows) it(JSON.stringify(body), () => expect(run(body, urlencoded)).to.deep.equal(want));
  it('leaves the last pair of a window that is not the whole body', () => {
    expect(run('a=1&_sid=S', urlencoded, false)).to.deep.equal(['a=1&_sid=S']);
    expect(run('_sid=S&a=1', urlencoded, false)).to.deep.equal(['a=1', 'S']);
  });
});

describe('text/plain', () => {
  const rows: [body: string, rest: string, ...sids: string[]][] = [
    ['a=1\r\n_sid=S\r\nb=2\r\n', 'a=1\r\nb=2\r\n', 'S'],
    ['_sid=S\r\n', '', 'S'],
    ['_sid=S', '_sid=S'],
    ['x_sid=S\r\n', 'x_sid=S\r\n'],
  ];
  for (const [body, ...want] of rows)
    it(JSON.stringify(body), () => expect(run(body, { kind: 'plain' })).to.deep.equal(want));
});

describe('multipart', () => {
  const part = (disposition: string, value: string) =>
    `--B\r\nContent-Disposition: form-data; ${disposition}\r\n\r\n${value}\r\n`;
  const sid = part('name="_sid"', 'S');
  const file = part('name="f"; filename="_sid"', '\x00\r\n--BX\r\n--');
  const other = part('name="a"', '_sid=S');
  const close = '--B--\r\n';
  /** With a head of so many bytes, CR LF before its one line included. */
  const padded = (bytes: number) => {
    const disposition = 'name="_sid"; x=';
    return part(disposition + 'x'.repeat(bytes - `\r\nContent-Disposition: form-data; ${disposition}`.length), 'S');
  };
  const multipart: FormEncoding = { kind: 'multipart', boundary: 'B' };
  const rows: [why: string, body: string, rest: string, ...sids: string[]][] = [
    ['first', sid + other + close, other + close, 'S'],
    ['last', other + sid + close, other + close, 'S'],
    ['between', file + sid + other + close, file + other + close, 'S'],
    ['alone', sid + close, close, 'S'],
    ['none', file + other + close, file + other + close],
    ['twice', sid + other + sid + close, other + close, 'S', 'S'],
    ['a preamble', `hello\r\n${sid}${close}`, `hello\r\n${close}`, 'S'],
    [
      'a file of that name',
      part('name="_sid"; filename="x"', 'S') + close,
      part('name="_sid"; filename="x"', 'S') + close,
    ],
    ['an unquoted name', part('name=_sid', 'S') + close, close, 'S'],
    [
      'not ended',
      '--B\r\nContent-Disposition: form-data; name="_sid"\r\n\r\nS',
      '--B\r\nContent-Disposition: form-data; name="_sid"\r\n\r\nS',
    ],
    ['another boundary', sid.replaceAll('--B', '--C'), sid.replaceAll('--B', '--C')],
    ['behind the end', close + sid, close + sid],
    ['with a head of 8 KiB', padded(8192) + sid + close, close, 'S', 'S'],
    [
      'with a head longer than any browser writes, and behind it',
      padded(8193) + sid + close,
      padded(8193) + sid + close,
    ],
  ];
  for (const [why, body, ...want] of rows) it(why, () => expect(run(body, multipart)).to.deep.equal(want));
});

describe('unmarkForm: properties', () => {
  const text = fc.string({
    unit: fc.constantFrom('a', '_', 's', 'i', 'd', '=', '&', '%', '5', 'F', '+', '\r', '\n', '-'),
    maxLength: 60,
  });
  it('leaves bodies without the name as they are, the very buffer', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const body = Buffer.from(bytes);
        for (const encoding of [
          urlencoded,
          { kind: 'plain' } as const,
          { kind: 'multipart', boundary: 'B' } as const,
        ]) {
          expect(unmarkForm(body, encoding, 'no-such-name', true).body).to.equal(body);
        }
      }),
    );
  });
  it('agrees with URLSearchParams on which pairs remain', () => {
    fc.assert(
      fc.property(text, (body) => {
        const [rest = '', ...sids] = run(body, urlencoded);
        const want = [...new URLSearchParams(body)];
        expect([...new URLSearchParams(rest)]).to.deep.equal(want.filter(([name]) => name !== '_sid'));
        expect(sids.filter((sid) => sid !== '').length).to.equal(
          want.filter(([name, value]) => name === '_sid' && value !== '').length,
        );
      }),
      { numRuns: 2000 },
    );
  });
  it('is linear on hostile bodies', () => {
    for (const piece of ['&', '=', '%', '--B\r\n', '\r\n--B\r\n\r\n\r\n', '_sid=&', '\r\n']) {
      const body = Buffer.from(piece.repeat(200_000));
      const started = process.cpuUsage();
      for (const encoding of [urlencoded, { kind: 'plain' } as const, { kind: 'multipart', boundary: 'B' } as const]) {
        unmarkForm(body, encoding, '_sid', true);
      }
      const { user, system } = process.cpuUsage(started);
      expect((user + system) / 1000, piece).to.be.below(1500);
    }
  });
});
