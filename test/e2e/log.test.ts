/**
 * The log of a proxy that serves: no living SID gets into it, wherever a client puts one, and what was refused before it
 * reached the application still says where it was going.
 */
import { expect } from 'chai';
import { createProxy, parseConfig, type ReverseProxy } from '../../src/index.ts';
import { PageClient } from '../support/page-client.ts';
import { SID } from '../support/proxy.ts';
import { talk } from '../support/raw-http.ts';
import { type ScriptedUpstream, startUpstream } from '../support/scripted-upstream.ts';

describe('the log', () => {
  let upstream: ScriptedUpstream;
  let proxy: ReverseProxy;
  let client: PageClient;
  let port: number;
  let sid: string;
  const lines: string[] = [];

  before(async () => {
    upstream = await startUpstream((_request, response) => {
      response
        .writeHead(200, { 'content-type': 'text/html', 'set-cookie': 'app=secret; Path=/' })
        .end('<a href=/x>x</a>');
    });
    const yaml = `listen: 127.0.0.1:0\nupstream: ${upstream.origin}\nlog: { format: combined }\nroutes: [{ name: shop, path: /**, use_trans_sid: true }]\n`;
    proxy = await createProxy(parseConfig(yaml, 'test.yaml'), { logSink: { write: (line) => lines.push(line) } });
    ({ port } = await proxy.listen());
    client = new PageClient({ origin: 'http://app.test', port, cookies: false });
    sid = SID.exec((await client.get('/start')).text)?.[1] ?? 'none';
  });
  beforeEach(() => lines.splice(0));
  after(async () => {
    client.close();
    await proxy.close();
    await upstream.close();
  });

  const PLACES: ReadonlyArray<readonly [string, (sid: string) => string]> = [
    ['the query', (id) => `/x?_sid=${id}`],
    ['a return address', (id) => `/login?next=%2Fx%3F_sid%3D${id}`],
    ['a return address, encoded twice', (id) => `/login?next=%252Fx%253F_sid%253D${id}`],
    ['the query of a return address', (id) => `/login?next=/x?_sid=${id}`],
    ['a name in other letters', (id) => `/x?_SID=${id}`],
    ['an encoded name', (id) => `/login?next=%2Fx%3F%5fsid%3D${id}`],
    ['a later segment', (id) => `/deep/(_sid-${id})/x`],
    ['a segment behind an empty one', (id) => `//(_sid-${id})/x`],
    ['an encoded later segment', (id) => `/deep/%28_sid%2D${id}%29/x`],
    ['an encoded path parameter', (id) => `/x%3b_sid=${id}`],
  ];
  for (const [place, target] of PLACES) {
    it(`hides a SID in ${place}`, async () => {
      await client.raw(target(sid));
      await client.raw('/x', { referer: `http://app.test${target(sid)}` });
      expect(lines).to.have.length(2);
      expect(lines.join('')).to.not.include(sid);
      expect(lines.join('')).to.match(/"GET \/.* HTTP\/1\.1" [23]/);
    });
  }

  it('leaves everything else of a target as it is', async () => {
    await client.raw('/side_sidebar/x?sid=5&my_sidx=7&_sidecar=1');
    expect(lines.join('')).to.include('"GET /side_sidebar/x?sid=5&my_sidx=7&_sidecar=1 HTTP/1.1"');
  });

  it('tells of requests that end here', async () => {
    const text = `OPTIONS /x HTTP/1.1\r\nHost: app.test\r\nMax-Forwards: 0\r\nConnection: close\r\n\r\n`;
    await talk(port, [text]);
    expect(lines).to.have.length(1);
    expect(lines[0]).to.match(/"OPTIONS .*" 200 /);
    const counted = (await proxy.read()).find(({ name }) => name === 'transid_exchanges_total');
    expect(counted?.values.find(({ labels }) => labels['plan'] === 'answer')?.value).to.equal(1);
  });

  it('says where a refused request was going', async () => {
    await client.raw(`/x?_sid=${sid}&_sid=${'a'.repeat(26)}&b=1`);
    expect(lines.join('')).to.include('"GET /x?b=1 HTTP/1.1" 400');
  });
});

describe('the log of a page that is not marked to its end', () => {
  it('says why', async () => {
    const upstream = await startUpstream(({ target }, response) => {
      const middle = target === '/long' ? `<a title="${'t'.repeat(70_000)}">` : '<select><style></select>';
      response
        .writeHead(200, { 'content-type': 'text/html', 'set-cookie': 'app=1; Path=/' })
        .end(`<a href=/x>x</a>${middle}<a href=/y>y</a>`);
    });
    const lines: { target: string; reason?: string; marks: number }[] = [];
    const yaml = `listen: 127.0.0.1:0\nupstream: ${upstream.origin}\nlog: { level: info }\nroutes: [{ use_trans_sid: true }]\n`;
    const proxy = await createProxy(parseConfig(yaml, 'test.yaml'), {
      logSink: { write: (line) => lines.push(JSON.parse(line)) },
    });
    const client = new PageClient({ origin: 'http://app.test', port: (await proxy.listen()).port, cookies: false });
    try {
      for (const target of ['/long', '/torn']) await client.get(target);
      const pages = lines.filter(({ marks }) => marks !== undefined);
      expect(pages.map(({ reason, marks }) => [reason, marks])).to.deep.equal([
        ['TAG_TOO_LONG', 1],
        ['BROWSERS_DIFFER', 1],
      ]);
    } finally {
      client.close();
      await proxy.close();
      await upstream.close();
    }
  });
});
