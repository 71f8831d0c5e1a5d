import { expect } from 'chai';
import {
  buildUpstreamRequest,
  type ClientHead,
  type RequestEdits,
  sendsPageUrl,
} from '../../../src/upstream/request.ts';

const SETTINGS = { authority: 'app.internal:8000', preserveHost: true, viaName: 'us' };
const CLIENT = {
  address: '192.0.2.7',
  scheme: 'https',
  host: 'shop.test',
  forwardedFor: '192.0.2.7',
  forwarded: null,
  isPeerTrusted: false,
  passesXForwarded: false,
} as const;

function head(fields: readonly string[], more: Partial<ClientHead> = {}): ClientHead {
  return {
    method: 'GET',
    host: 'shop.test',
    version: '1.1',
    fields,
    body: 'none',
    upgrade: null,
    client: CLIENT,
    ...more,
  };
}

function built(fields: readonly string[], edits: Partial<RequestEdits> = {}, more: Partial<ClientHead> = {}) {
  return buildUpstreamRequest(head(fields, more), { target: '/', ...edits }, SETTINGS).fields;
}

/** Values of one field, in order. */
function values(fields: readonly string[], name: string): string[] {
  return fields.filter((_, i) => i % 2 === 1 && fields[i - 1]?.toLowerCase() === name.toLowerCase());
}

describe('buildUpstreamRequest: the whole field list', () => {
  it('keeps order and spelling of what passes, and adds what is ours', () => {
    const fields = ['host', 'shop.test', 'X-Odd', 'a', 'accept', '*/*', 'x-odd', 'b'];
    expect(built(fields)).to.deep.equal([
      ...['Host', 'shop.test', 'X-Odd', 'a', 'accept', '*/*', 'x-odd', 'b'],
      ...['X-Forwarded-For', '192.0.2.7', 'X-Forwarded-Proto', 'https', 'X-Forwarded-Host', 'shop.test'],
      ...['Via', '1.1 us', 'Connection', 'keep-alive'],
    ]);
  });

  it('sends the upstream its own name when the Host is not preserved', () => {
    const request = buildUpstreamRequest(
      head(['Host', 'shop.test']),
      { target: '/' },
      { ...SETTINGS, preserveHost: false },
    );
    expect(values(request.fields, 'host')).to.deep.equal(['app.internal:8000']);
    expect(values(request.fields, 'x-forwarded-host')).to.deep.equal(['shop.test']);
  });

  it('gives an HTTP/1.0 request without Host the name of the upstream', () => {
    expect(values(built([], {}, { host: null, version: '1.0' }), 'host')).to.deep.equal(['app.internal:8000']);
  });

  it('keeps the bytes of the target', () => {
    const target = '/a//b/./c%2Fd;e=f/%41?x=%26&&y';
    expect(buildUpstreamRequest(head([]), { target }, SETTINGS).target).to.equal(target);
  });
});

describe('buildUpstreamRequest: fields that end here', () => {
  const rows: readonly (readonly [string, readonly string[]])[] = [
    ['keep-alive', ['Keep-Alive', 'timeout=9']],
    ['proxy-connection', ['Proxy-Connection', 'keep-alive']],
    ['proxy-authorization', ['Proxy-Authorization', 'Basic x']],
    ['trailer', ['Trailer', 'X-T']],
    ['transfer-encoding', ['Transfer-Encoding', 'chunked']],
    ['content-length', ['Content-Length', '5']],
    ['upgrade', ['Upgrade', 'h2c', 'Connection', 'Upgrade, HTTP2-Settings', 'HTTP2-Settings', 'AA']],
    ['http2-settings', ['HTTP2-Settings', 'AA']],
    ['expect', ['Expect', '100-continue']],
    ['proxy', ['Proxy', 'http://evil.test']],
    ['x-original-url', ['X-Original-URL', '/admin']],
    ['x-rewrite-url', ['X-Rewrite-URL', '/admin']],
    ['forwarded', ['Forwarded', 'for=1.2.3.4']],
    ['x-real-ip', ['X-Real-IP', '1.2.3.4']],
    ['true-client-ip', ['True-Client-IP', '1.2.3.4']],
    ['x-forwarded-prefix', ['X-Forwarded-Prefix', '/x']],
    ['x-forwarded-whatever', ['X-Forwarded-Whatever', 'x']],
    ['transid-sid', ['Transid-Sid', 'x']],
    ['x-private', ['Connection', 'close, X-Private', 'X-Private', '1']],
    ['x-second', ['Connection', 'close', 'connection', 'x-second', 'X-Second', '1']],
    ['content_length', ['Content_Length', '0']],
    ['transfer_encoding', ['Transfer_Encoding', 'chunked']],
    ['x_forwarded_for', ['X_Forwarded_For', '1.2.3.4']],
    ['x-forwarded_for', ['X-Forwarded_For', '1.2.3.4']],
    ['transid_sid', ['Transid_Sid', 'x']],
    ['transid.sid', ['Transid.Sid', 'x']],
    ['x-original.url', ['X-Original.URL', '/admin']],
    ['x~rewrite~url', ['X~Rewrite~URL', '/admin']],
    ['x.forwarded.prefix', ['X.Forwarded.Prefix', '/x']],
    ['x-forwarded-prefix.', ['X-Forwarded-Prefix.', '/x']],
    ['content.length', ['Content.Length', '0']],
    ['script_name', ['SCRIPT_NAME', '/x']],
    ['x-script-name', ['X-Script-Name', '/x']],
    ['x.script_name', ['X.Script_Name', '/x']],
  ];
  for (const [name, fields] of rows) {
    it(name, () => expect(values(built(fields), name)).to.deep.equal([]));
  }

  it('but not a field with an underscore or a dot that collides with nothing', () => {
    expect(values(built(['My_Field', '1', 'My.Field', '2']), 'my_field')).to.deep.equal(['1']);
    expect(values(built(['My_Field', '1', 'My.Field', '2']), 'my.field')).to.deep.equal(['2']);
  });

  it('X-Forwarded-For is ours, whatever the client sent', () => {
    const fields = ['X-Forwarded-For', '6.6.6.6', 'x-forwarded-for', '7.7.7.7', 'Connection', 'X-Forwarded-For'];
    expect(values(built(fields), 'x-forwarded-for')).to.deep.equal(['192.0.2.7']);
  });

  it('only Connection names fields of this hop', () => {
    for (const other of ['Accept', 'Connectors', 'X-Note']) {
      expect(values(built(['X-Kept', '1', other, 'x-kept']), 'x-kept'), other).to.deep.equal(['1']);
    }
  });

  for (const name of ['Cookie', 'Authorization', 'Referer', 'Content-Type', 'Cache-Control', 'User-Agent']) {
    it(`Connection cannot name ${name}`, () => {
      expect(values(built([name, 'v', 'Connection', `keep-alive, ${name}`]), name)).to.deep.equal(['v']);
    });
  }

  it('believes X-Real-IP of a trusted peer', () => {
    const client = { ...CLIENT, isPeerTrusted: true };
    expect(values(built(['X-Real-IP', '1.2.3.4'], {}, { client }), 'x-real-ip')).to.deep.equal(['1.2.3.4']);
    const named = ['X-Real-IP', '1.2.3.4', 'Connection', 'X-Real-IP'];
    expect(values(built(named, {}, { client }), 'x-real-ip'), 'of that hop alone').to.deep.equal([]);
  });

  for (const what of ['Port', 'Prefix', 'User', 'Email', 'Access-Token', 'Preferred-Username', 'Client-Cert', 'Uri']) {
    it(`believes X-Forwarded-${what} of a trusted peer, if it writes such fields`, () => {
      const name = `X-Forwarded-${what}`;
      for (const passesXForwarded of [true, false]) {
        const client = { ...CLIENT, isPeerTrusted: true, passesXForwarded };
        expect(values(built([name, 'v'], {}, { client }), name)).to.deep.equal(passesXForwarded ? ['v'] : []);
        expect(values(built([name, 'v', 'Connection', name], {}, { client }), name)).to.deep.equal([]);
      }
    });
  }

  for (const name of ['X_Forwarded_User', 'X-Forwarded_User', 'X-Forwarded-Access_Token']) {
    it(`but not ${name}, which a CGI cannot tell from the true one`, () => {
      const client = { ...CLIENT, isPeerTrusted: true, passesXForwarded: true };
      expect(values(built([name, 'v'], {}, { client }), name)).to.deep.equal([]);
    });
  }

  it('what a proxy says of the URL is cleaned', () => {
    const client = { ...CLIENT, isPeerTrusted: true, passesXForwarded: true };
    const fields = ['X-Forwarded-Uri', '/c?sid=1'];
    const cleanUrl = (url: string) => url.replace('?sid=1', '');
    expect(sendsPageUrl(head(fields, { client }))).to.equal(true);
    expect(sendsPageUrl(head(fields))).to.equal(false);
    expect(values(built(fields, { cleanUrl }, { client }), 'x-forwarded-uri')).to.deep.equal(['/c']);
  });
});

describe('buildUpstreamRequest: one framing field', () => {
  for (const [method, body, want] of [
    ['GET', 'none', []],
    ['HEAD', 'none', []],
    ['DELETE', 'none', []],
    ['OPTIONS', 'none', []],
    ['POST', 'none', ['Content-Length: 0']],
    ['PUT', 'none', ['Content-Length: 0']],
    ['PROPFIND', 'none', ['Content-Length: 0']],
    ['POST', 5, ['Content-Length: 5']],
    ['GET', 5, ['Content-Length: 5']],
    ['DELETE', 'chunked', ['Transfer-Encoding: chunked']],
    ['POST', 'chunked', ['Transfer-Encoding: chunked']],
  ] as const) {
    it(`${method} ${body}`, () => {
      // What the client wrote is not looked at.
      const fields = built(['Content-Length', '77', 'Transfer-Encoding', 'chunked'], {}, { method, body });
      const framing = fields.flatMap((name, i) =>
        i % 2 === 0 && /^(?:content-length|transfer-encoding)$/i.test(name) ? [`${name}: ${fields[i + 1]}`] : [],
      );
      expect(framing).to.deep.equal(want);
    });
  }

  it('an edited body has its own framing', () => {
    const fields = built([], { body: 'chunked' }, { method: 'POST', body: 12 });
    expect(values(fields, 'content-length')).to.deep.equal([]);
    expect(values(fields, 'transfer-encoding')).to.deep.equal(['chunked']);
  });

  it('the length stands last: Node recodes a Content-Disposition behind it', () => {
    expect(built(['Content-Disposition', 'x'], {}, { method: 'POST', body: 3 }).at(-2)).to.equal('Content-Length');
  });
});

describe('buildUpstreamRequest: edits', () => {
  for (const [what, sent, edits, want] of [
    ['cookie as sent', ['Cookie', 'a=1'], {}, ['a=1']],
    ['several cookies become one field', ['Cookie', 'a=1', 'cookie', 'b=2'], {}, ['a=1; b=2']],
    ['cookie from the jar replaces all', ['Cookie', 'a=1', 'Cookie', 'b=2'], { cookie: 'j=3' }, ['j=3']],
    ['no cookie at all', ['Cookie', 'a=1'], { cookie: null }, []],
    ['jar is empty', ['Cookie', 'a=1'], { cookie: '' }, []],
    ['jar with no cookie sent', [], { cookie: 'j=3' }, ['j=3']],
  ] as const) {
    it(what, () => expect(values(built(sent, edits), 'cookie')).to.deep.equal(want));
  }

  for (const name of ['referer', 'origin'] as const) {
    it(`${name}: as sent, replaced, removed`, () => {
      expect(values(built([name, 'http://a/']), name)).to.deep.equal(['http://a/']);
      expect(values(built([name, 'http://a/'], { [name]: 'http://b/' }), name)).to.deep.equal(['http://b/']);
      expect(values(built([name, 'http://a/'], { [name]: null }), name)).to.deep.equal([]);
    });
  }

  for (const [sent, want] of [
    ['gzip, deflate, br, zstd', 'gzip, br'],
    ['GZIP;q=0.5, *;q=0.1', 'GZIP;q=0.5'],
    ['zstd', 'identity'],
    ['identity;q=0, zstd', 'identity;q=0'],
    ['', 'identity'],
  ] as const) {
    it(`Accept-Encoding ${JSON.stringify(sent)} with gzip and br`, () => {
      expect(values(built(['Accept-Encoding', sent], { codings: ['gzip', 'br'] }), 'accept-encoding')).to.deep.equal([
        want,
      ]);
    });
  }

  it('conditions and ranges go when the whole page is wanted', () => {
    const names = ['If-None-Match', 'If-Modified-Since', 'If-Match', 'If-Unmodified-Since', 'If-Range', 'Range'];
    const sent = names.flatMap((name) => [name, 'x']);
    for (const name of names) {
      expect(values(built(sent), name), name).to.deep.equal(['x']);
      expect(values(built(sent, { dropConditions: true }), name), name).to.deep.equal([]);
    }
  });

  it('added fields go upstream though their names are reserved', () => {
    expect(
      values(built(['Transid-Client', 'spoof'], { add: ['Transid-Client', 'refuses'] }), 'transid-client'),
    ).to.deep.equal(['refuses']);
  });
});

describe('buildUpstreamRequest: Via, Max-Forwards, TE, upgrade', () => {
  it('Via grows at its end, with the version that we received', () => {
    const fields = built(['Via', '1.0 a', 'via', '1.1 b (x)'], {}, { version: '2.0' });
    expect(values(fields, 'via')).to.deep.equal(['1.0 a, 1.1 b (x), 2.0 us']);
  });

  it('Max-Forwards counts down for OPTIONS only', () => {
    expect(values(built(['Max-Forwards', '5'], {}, { method: 'OPTIONS' }), 'max-forwards')).to.deep.equal(['4']);
    expect(values(built(['Max-Forwards', '5']), 'max-forwards')).to.deep.equal(['5']);
  });

  it('TE: only trailers, and named in Connection', () => {
    const fields = built(['TE', 'gzip, trailers', 'Connection', 'TE']);
    expect(values(fields, 'te')).to.deep.equal(['trailers']);
    expect(values(fields, 'connection')).to.deep.equal(['keep-alive, TE']);
    expect(values(built(['TE', 'gzip']), 'te')).to.deep.equal([]);
  });

  it('a WebSocket handshake keeps its own fields and gets one Connection', () => {
    const sent = [
      'Connection',
      'keep-alive, Upgrade, Sec-WebSocket-Key',
      'Upgrade',
      'websocket',
      'Sec-WebSocket-Key',
      'k',
    ];
    const fields = built([...sent, 'Sec-WebSocket-Version', '13'], { cookie: 'j=1' }, { upgrade: 'websocket' });
    expect(values(fields, 'connection')).to.deep.equal(['Upgrade']);
    expect(values(fields, 'upgrade')).to.deep.equal(['websocket']);
    expect(values(fields, 'sec-websocket-key')).to.deep.equal(['k']);
    expect(values(fields, 'sec-websocket-version')).to.deep.equal(['13']);
    expect(values(fields, 'cookie')).to.deep.equal(['j=1']);
  });
});
