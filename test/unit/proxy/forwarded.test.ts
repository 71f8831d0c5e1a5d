import { expect } from 'chai';
import { type ForwardedKind, readForwarded } from '../../../src/proxy/forwarded.ts';

const TRUSTED = new Set(['10.0.0.1', '10.0.0.2', '10.0.0.3', '2001:db8::1']);

function client(
  fields: readonly string[],
  peerAddress = '10.0.0.1',
  isEncrypted = false,
  believed: ForwardedKind = 'x-forwarded',
) {
  return readForwarded({
    peerAddress,
    isEncrypted,
    host: 'app.test',
    fields,
    isTrustedProxy: (address) => TRUSTED.has(address),
    believed,
  });
}

/** As read where the trusted proxies write `Forwarded`. */
function clientByForwarded(fields: readonly string[]) {
  return client(fields, '10.0.0.1', false, 'forwarded');
}

describe('readForwarded: a stranger is the client, whatever it says', () => {
  for (const fields of [
    ['X-Forwarded-For', '6.6.6.6', 'X-Forwarded-Proto', 'https', 'X-Forwarded-Host', 'evil.test'],
    ['Forwarded', 'for=6.6.6.6;proto=https;host=evil.test'],
  ]) {
    for (const believed of ['x-forwarded', 'forwarded'] as const)
      it(`${fields.join(' ')} with ${believed}`, () => {
        expect(client(fields, '192.0.2.9', false, believed)).to.deep.equal({
          address: '192.0.2.9',
          scheme: 'http',
          host: 'app.test',
          forwardedFor: '192.0.2.9',
          forwarded: null,
          isPeerTrusted: false,
          passesXForwarded: false,
        });
      });
  }
});

describe('readForwarded: right to left, up to the first address that is not trusted', () => {
  for (const [what, value, address, forwardedFor] of [
    ['one hop', '192.0.2.7', '192.0.2.7', '192.0.2.7, 10.0.0.1'],
    ['what a client wrote itself is cut off', '6.6.6.6, 192.0.2.7', '192.0.2.7', '192.0.2.7, 10.0.0.1'],
    ['two proxies', '6.6.6.6, 192.0.2.7, 10.0.0.2', '192.0.2.7', '192.0.2.7, 10.0.0.2, 10.0.0.1'],
    ['only proxies', '10.0.0.3, 10.0.0.2', '10.0.0.3', '10.0.0.3, 10.0.0.2, 10.0.0.1'],
    ['with ports', '192.0.2.7:4711', '192.0.2.7', '192.0.2.7, 10.0.0.1'],
    ['IPv6', '[2001:DB8::7]:4711, 2001:DB8::1', '2001:db8::7', '2001:db8::7, 2001:db8::1, 10.0.0.1'],
    ['IPv4-mapped', '::ffff:192.0.2.7', '192.0.2.7', '192.0.2.7, 10.0.0.1'],
    ['nonsense ends the chain', '192.0.2.7, <script>', '10.0.0.1', '10.0.0.1'],
    ['unknown ends the chain', '192.0.2.7, unknown, 10.0.0.2', '10.0.0.2', '10.0.0.2, 10.0.0.1'],
    ['empty', '', '10.0.0.1', '10.0.0.1'],
  ] as const) {
    it(what, () =>
      expect(client(['X-Forwarded-For', value])).to.include({ address, forwardedFor, isPeerTrusted: true }),
    );
  }

  it('several fields are one list', () => {
    expect(client(['X-Forwarded-For', '6.6.6.6', 'x-forwarded-for', '192.0.2.7']).address).to.equal('192.0.2.7');
  });

  it('believes scheme and host of the nearest proxy', () => {
    const fields = [
      'X-Forwarded-For',
      '192.0.2.7',
      'X-Forwarded-Proto',
      'http, https',
      'X-Forwarded-Host',
      'shop.test:8443',
    ];
    expect(client(fields)).to.include({ scheme: 'https', host: 'shop.test:8443' });
  });

  it('but not a host or scheme that is none', () => {
    const fields = ['X-Forwarded-For', '192.0.2.7', 'X-Forwarded-Proto', 'gopher', 'X-Forwarded-Host', 'a/b'];
    expect(client(fields, '10.0.0.1', true)).to.include({ scheme: 'https', host: 'app.test' });
  });

  it('without any such field the proxy itself is the client', () => {
    expect(client([])).to.include({ address: '10.0.0.1', scheme: 'http', forwardedFor: '10.0.0.1' });
  });
});

describe("readForwarded: what the trusted proxies do not write is their client's word", () => {
  const TOLD = ['X-Forwarded-For', '192.0.2.7', 'X-Forwarded-Proto', 'http', 'X-Forwarded-Host', 'shop.test'];
  const SPOOFED = ['Forwarded', 'for=6.6.6.6;proto=https;host=evil.test'];

  it('Forwarded beside X-Forwarded-*', () => {
    expect(client([...TOLD, ...SPOOFED])).to.deep.equal({
      address: '192.0.2.7',
      scheme: 'http',
      host: 'shop.test',
      forwardedFor: '192.0.2.7, 10.0.0.1',
      forwarded: null,
      isPeerTrusted: true,
      passesXForwarded: true,
    });
  });

  it('Forwarded alone', () => {
    expect(client(SPOOFED)).to.include({ address: '10.0.0.1', scheme: 'http', host: 'app.test', forwarded: null });
  });

  it('X-Forwarded-* alone, where they write Forwarded', () => {
    expect(clientByForwarded(TOLD)).to.deep.equal({
      address: '10.0.0.1',
      scheme: 'http',
      host: 'app.test',
      forwardedFor: '10.0.0.1',
      forwarded: null,
      isPeerTrusted: true,
      passesXForwarded: false,
    });
  });
});

describe('readForwarded: Forwarded (RFC 7239), where the trusted proxies write it', () => {
  it('reads quotes, ports, several elements', () => {
    const value = 'for=6.6.6.6, For="[2001:db8::7]:4711";Proto=HTTPS;host="shop.test:8443", for=10.0.0.2';
    expect(clientByForwarded(['Forwarded', value, 'X-Forwarded-For', '6.6.6.6'])).to.deep.equal({
      address: '2001:db8::7',
      scheme: 'https',
      host: 'shop.test:8443',
      forwardedFor: '2001:db8::7, 10.0.0.2, 10.0.0.1',
      forwarded: 'for="[2001:db8::7]", for=10.0.0.2, for=10.0.0.1',
      isPeerTrusted: true,
      passesXForwarded: false,
    });
  });

  for (const value of ['for=unknown', 'for=_hidden', ';;=', '']) {
    it(`hidden or broken: ${JSON.stringify(value)}`, () => {
      expect(clientByForwarded(['Forwarded', value])).to.include({ address: '10.0.0.1', scheme: 'http' });
    });
  }
});

describe('readForwarded: what is quoted is one value', () => {
  for (const [value, address, host] of [
    ['for=203.0.113.77;host="a, for=9.9.9.9;x=b"', '203.0.113.77', 'app.test'],
    ['for=9.9.9.9, for=203.0.113.77;by="a\\", for=8.8.8.8"', '203.0.113.77', 'app.test'],
    ['for=9.9.9.9, for="203.0.113.77:80";host="b.test"', '203.0.113.77', 'b.test'],
    ['for=9.9.9.9, for="203.0.113.77', '10.0.0.1', 'app.test'],
  ] as const) {
    it(value, () => {
      expect(clientByForwarded(['Forwarded', value])).to.include({ address, host });
    });
  }
});

describe('readForwarded: what is no address', () => {
  for (const value of [
    '999.1.1.1',
    '1.2.3',
    '1.2.3.4.5',
    ':::',
    '[1.2.3.4]',
    '1:2:3:4:5:6:7:8:9',
    'fe80::1%eth0',
    '01.2.3.4',
  ]) {
    it(value, () => {
      expect(client(['X-Forwarded-For', value])).to.include({ address: '10.0.0.1', forwardedFor: '10.0.0.1' });
    });
  }
});

describe('readForwarded: a trusted proxy that does not say who asked still says how', () => {
  for (const fields of [
    ['X-Forwarded-Proto', 'https', 'X-Forwarded-Host', 'shop.test'],
    ['X-Forwarded-For', 'unknown', 'X-Forwarded-Proto', 'https', 'X-Forwarded-Host', 'shop.test'],
  ]) {
    it(fields.join(' '), () => {
      expect(client(fields)).to.include({ address: '10.0.0.1', scheme: 'https', host: 'shop.test' });
    });
  }
});

describe('readForwarded: what the trusted proxy says of scheme and host, though not who asked', () => {
  for (const value of [
    'proto=https;host=shop.test',
    'for=unknown;proto=https;host=shop.test',
    'for="_hidden";proto=https;host=shop.test',
    'for=192.0.2.7;proto=http;host=evil.test, for=unknown;proto=https;host=shop.test',
  ]) {
    it(value, () =>
      expect(clientByForwarded(['Forwarded', value])).to.include({
        address: '10.0.0.1',
        scheme: 'https',
        host: 'shop.test',
      }),
    );
  }
  it('an obfuscated port is a port', () => {
    for (const [node, address] of [
      ['192.0.2.7:_p1', '192.0.2.7'],
      ['[2001:db8::7]:_p.1-x', '2001:db8::7'],
    ]) {
      expect(clientByForwarded(['Forwarded', `for="${node}"`]).address).to.equal(address);
    }
  });
});
