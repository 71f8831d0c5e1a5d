/**
 * Pages as applications send them: content codings, charsets, odd markup and header fields, seen by a cookieless client.
 */
import type { OutgoingHttpHeaders } from 'node:http';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { decoded, type Exchange, PageClient } from '../support/page-client.ts';
import { compareTrees } from '../support/page-tree.ts';
import { SID, SID_NAME, startProxy, type TestProxy } from '../support/proxy.ts';
import { type ScriptedUpstream, startUpstream } from '../support/scripted-upstream.ts';

const ORIGIN = 'http://app.test';
const INSERTED = new RegExp(
  [
    String.raw` action="/dir/page\?a=1&amp;_sid=[0-9a-v]{26}"`, // a POST form that had no action
    `&#38;amp;_sid=[0-9a-v]{26}|&#60;input type=&#34;hidden&#34; name=&#34;_sid&#34; value=&#34;[0-9a-v]{26}&#34;[ /]*&#62;`, // within srcdoc
    '<input type="hidden" name="_sid" value="[0-9a-v]{26}"[ /]*>',
    '[?&](?:amp;)?_sid=[0-9a-v]{26}',
  ].join('|'),
  'g',
);

/** Every construct that a rewriter gets wrong; foreign and own URLs, markup that is none, forms of all kinds. */
const ODD_PAGE = `<!doctype html><html><head><title>a <a href=/t></title>
<base href="/dir/sub/"><link rel=canonical href=/page><link rel=stylesheet href=s.css>
<meta http-equiv="Refresh" content="9; url='../next?x=1'"><meta property=og:url content=/page>
<script>document.write("<a href=/script>"); if (a<b) c = '<form action=/x>'</script>
<style>a[href="/style"]{}</style></head><body>
<!-- <a href=/comment> --><textarea><a href=/textarea></textarea><noscript><a href=noscript>n</a></noscript>
<a href=rel>1</a><A HREF='/abs?a=1&amp;b=2#frag'>2</A><a href="?q">3</a><a href=./>4</a><a href="${ORIGIN}/own">5</a>
<a href="http&#58;//app.test/entity">6</a><a href="  /blanks  ">7</a><a href="/a b">8</a><a href="HTTP://APP.TEST:80/case">9</a>
<a href=//other.test/1>f1</a><a href="/\\other.test/2">f2</a><a href="https://app.test/">f3</a><a href="http://app.test:81/">f4</a>
<a href="//app.test@other.test/">f5</a><a href="&#47;&#47;other.test/3">f6</a><a href="/&#9;/other.test/4">f7</a>
<a href="http://other.test\\@app.test/">f8</a><a href="blob:http://app.test/x">f9</a>
<a href=mailto:a@app.test>m</a><a href="javascript:go('/x')">j</a><a href="data:text/html,<a href=/x>">d</a><a href="#top">#</a>
<a name=x>n</a><a href=/dup1 href=/dup2>dup</a><a title="a>b" href=/gt>gt</a><a data-href=/data href=/real>data</a>
<a/href=/slash>s</a><a href = '/spaced' >sp</a><a href=/unquoted&amp;x=1>u</a>
<map><area href=area1><area href=//other.test/area></map><iframe src=frame1></iframe><iframe src=about:blank></iframe>
<iframe srcdoc="<a href='/inner?a&amp;amp;b'>x</a><form action=/innerform></form>"></iframe>
<form action=search><input name=q></form><form METHOD=post ACTION=/post?a=1><button formaction=other>x</button></form>
<form method=post><input type=submit formaction="//other.test/x"></form><form action=//other.test/search></form>
<form method=dialog action=/d></form><table><form action=/tab><tr><td><input name=t></td></tr></form></table>
<svg><a href=/svg><text>t</text></a><a xlink:href="/xlink"></a><title><a href=/svgtitle>q</a></title></svg>
<math><mi><a href=/mi>x</a></mi></math><template><a href=/template>t</a></template>
<select><option><a href=/option></select><xmp><a href=/xmp></xmp><p><a href=/last>last</a>`;

describe('pages of an application', () => {
  let upstream: ScriptedUpstream;
  let proxy: TestProxy;
  let one: PageClient;
  let sid: string;
  /** What the application answers next. */
  let next: { fields: OutgoingHttpHeaders; body: Buffer; status?: number };

  before(async () => {
    upstream = await startUpstream((request, response) => {
      if (request.target === '/start') {
        response.writeHead(200, { 'content-type': 'text/html', 'set-cookie': 'app=1; Path=/' }).end('<a href=/x>x</a>');
      } else {
        response.writeHead(next.status ?? 200, next.fields).end(next.body);
      }
    });
    proxy = await startProxy(upstream.origin);
    one = new PageClient({ origin: ORIGIN, port: proxy.port, cookies: false });
    sid = SID.exec((await one.get('/start')).text)?.[1] ?? 'none';
  });
  after(async () => {
    one.close();
    await proxy?.close();
    await upstream.close();
  });

  const fetchPage = async (fields: OutgoingHttpHeaders, body: Buffer | string, status = 200): Promise<Exchange> => {
    next = { fields, body: Buffer.from(body as string), status };
    const done = await one.exchange('GET', `/dir/page?a=1&_sid=${sid}`, null, {
      'accept-encoding': 'gzip, deflate, br',
    });
    expect(upstream.requests.at(-1)?.fields.cookie, 'the session is alive').to.equal('app=1');
    return done;
  };

  it('to a parser, a page of odd markup differs in marked URLs and our fields only', async () => {
    const done = await fetchPage({ 'content-type': 'text/html; charset=utf-8' }, ODD_PAGE);
    const seen = compareTrees(ODD_PAGE, done.body.toString(), { pageUrl: `${ORIGIN}/dir/page?a=1`, sidName: SID_NAME });
    expect(seen).to.deep.include({ differences: [], missed: [], leaked: [] });
    expect(seen.marked.length).to.be.greaterThan(25);
    expect(seen.fields).to.equal(3);
  });

  it('every byte outside of the insertions stays', async () => {
    const done = await fetchPage({ 'content-type': 'text/html' }, ODD_PAGE);
    expect(done.body.toString().replace(INSERTED, '')).to.equal(ODD_PAGE);
  });

  describe('content codings', () => {
    for (const [coding, compress] of [
      ['gzip', gzipSync],
      ['deflate', deflateSync],
      ['br', brotliCompressSync],
    ] as const) {
      it(`${coding}: marked, and sent with the same coding`, async () => {
        const done = await fetchPage(
          { 'content-type': 'text/html', 'content-encoding': coding },
          compress(Buffer.from(ODD_PAGE)),
        );
        expect(done.fields['content-encoding']).to.equal(coding);
        const text = decoded(done).toString();
        expect(text).to.match(SID);
        expect(text.replace(INSERTED, '')).to.equal(ODD_PAGE);
      });
    }

    it('an unknown one: untouched', async () => {
      const done = await fetchPage({ 'content-type': 'text/html', 'content-encoding': 'x-own' }, '<a href=/x>');
      expect(done.body.toString()).to.equal('<a href=/x>');
      expect(done.fields['content-encoding']).to.equal('x-own');
    });
  });

  describe('charsets', () => {
    // "日本語表示ソ" in Shift_JIS has the bytes 0x5C and 0x7C as second bytes; the GBK text has 0x5C, 0x3C is impossible in both.
    const shiftJis = Buffer.concat([
      Buffer.from('<p title="'),
      Buffer.from([0x93, 0xfa, 0x95, 0x5c, 0x8e, 0xa6, 0x83, 0x5c]),
      Buffer.from('"><a href="/x?q=\x83\x5c">\x83\x5c</a>', 'latin1'),
    ]);
    const gbk = Buffer.concat([
      Buffer.from('<p>'),
      Buffer.from([0xd5, 0x5c, 0xc4, 0xe3, 0x81, 0x40]),
      Buffer.from('<a href="/y?q=\xd5\x5c">\x81\x7c</a>', 'latin1'),
    ]);
    for (const [charset, page] of [
      ['Shift_JIS', shiftJis],
      ['GBK', gbk],
      ['ISO-8859-1', Buffer.from('<a href=/\xe9?\xe8=1>\xe0</a>', 'latin1')],
      ['windows-1252', Buffer.from('<a href="/x">\x80\x81\xff</a>', 'latin1')],
      ['EUC-JP', Buffer.from('<a href="/x">\xc6\xfc\x8f\xa2\xaf</a>', 'latin1')],
    ] as const) {
      it(`${charset}: the same bytes but for the insertions`, async () => {
        const done = await fetchPage({ 'content-type': `text/html; charset=${charset}` }, page);
        const text = done.body.toString('latin1');
        expect(text).to.match(SID);
        expect(text.replace(INSERTED, '')).to.equal(page.toString('latin1'));
      });
    }

    it('UTF-8 by byte order mark: marked, whatever a meta element says', async () => {
      const page = Buffer.from('\ufeff<title>あ</title><meta charset=iso-2022-jp><a href="/x">x</a>');
      const done = await fetchPage({ 'content-type': 'text/html' }, page);
      expect(done.body.toString()).to.match(/<a href="\/x\?_sid=[0-9a-v]{26}">/);
      expect(done.body.toString('latin1').replace(INSERTED, '')).to.equal(page.toString('latin1'));
    });

    const utf16 = Buffer.from('\ufeff<a href="/x">x</a>', 'utf16le');
    for (const [why, type, page] of [
      ['UTF-16 by field', 'text/html; charset=utf-16le', utf16.subarray(2)],
      ['UTF-16 by byte order mark', 'text/html', utf16],
      [
        'ISO-2022-JP by field',
        'text/html; charset=iso-2022-jp',
        Buffer.from('<a href="/x">\x1b$B<a>\x1b(B</a>', 'latin1'),
      ],
      [
        'ISO-2022-JP by meta',
        'text/html',
        Buffer.from('<meta charset=iso-2022-jp><a href="/x">\x1b$B<a>\x1b(B</a>', 'latin1'),
      ],
    ] as const) {
      it(`${why}: untouched`, async () => {
        const done = await fetchPage({ 'content-type': type }, page);
        expect(done.body.equals(page)).to.equal(true);
      });
    }
  });

  describe('header fields', () => {
    it('of a marked page tell caches, validators and search engines', async () => {
      const { fields } = await fetchPage(
        {
          'content-type': 'text/html',
          'content-length': 14,
          'content-md5': 'x',
          etag: '"1"',
          'last-modified': 'Mon, 01 Jan 2024 00:00:00 GMT',
          'accept-ranges': 'bytes',
          age: '5',
          expires: 'Mon, 01 Jan 2035 00:00:00 GMT',
          digest: 'sha-256=x',
          'repr-digest': 'sha-256=:x:',
          'cache-control': 'public, max-age=600',
          'x-app': 'kept',
        },
        '<a href="/x">x',
      );
      expect(fields).to.not.have.any.keys(
        'etag',
        'last-modified',
        'content-md5',
        'digest',
        'repr-digest',
        'accept-ranges',
        'age',
        'expires',
      );
      expect(fields).to.include({
        'cache-control': 'private, no-store',
        'referrer-policy': 'same-origin',
        'x-app': 'kept',
      });
      expect(fields['vary']).to.match(/\bcookie\b/i);
      expect(fields['x-robots-tag']).to.match(/\bnoindex\b/);
      if (fields['content-length'] !== undefined) expect(Number(fields['content-length'])).to.be.greaterThan(14);
    });

    it('of a request that may bring less than the whole page do not go upstream where it is to be marked', async () => {
      const conditions = {
        'if-none-match': '"1"',
        'if-modified-since': 'Mon, 01 Jan 2024 00:00:00 GMT',
        'if-range': '"1"',
        range: 'bytes=0-9',
      };
      next = { fields: { 'content-type': 'text/html' }, body: Buffer.from('<a href=/x>') };
      const done = await one.exchange('GET', `/page?_sid=${sid}`, null, conditions);
      expect(done.body.toString()).to.match(SID);
      expect(upstream.requests.at(-1)?.fields).to.not.have.any.keys(conditions);
      await one.exchange('GET', `/film?_sid=${sid}`, null, { ...conditions, accept: 'video/*' });
      expect(upstream.requests.at(-1)?.fields).to.include(conditions);
    });

    it('no-referrer becomes same-origin, since sessions are recovered from the Referer', async () => {
      const head = { 'content-type': 'text/html', 'referrer-policy': 'no-referrer' };
      expect((await fetchPage(head, '<a href=/x>')).fields['referrer-policy']).to.equal('same-origin');
    });

    it('no-referrer stays where they are not: recover: off', async () => {
      const strict = await startProxy(upstream.origin, 'routes: [{ path: /**, use_trans_sid: true, recover: off }]');
      const two = new PageClient({ origin: ORIGIN, port: strict.port, cookies: false });
      const own = SID.exec((await two.get('/start')).text)?.[1];
      const head = { 'content-type': 'text/html', 'referrer-policy': 'no-referrer' };
      next = { fields: head, body: Buffer.from('<a href=/x>') };
      const done = await two.exchange('GET', `/page?_sid=${own}`);
      expect(done.body.toString()).to.match(SID);
      expect(done.fields['referrer-policy']).to.equal('no-referrer');
      two.close();
      await strict.close();
    });

    for (const status of [301, 302, 303, 307, 308]) {
      it(`Location of a ${status} is marked and the answer is not cacheable`, async () => {
        const { fields } = await fetchPage({ location: '/to?b=1#f', 'cache-control': 'max-age=60' }, '', status);
        expect(fields.location).to.equal(`/to?b=1&_sid=${sid}#f`);
        expect(fields['cache-control']).to.include('no-store');
      });
    }

    it('Location and Refresh to elsewhere stay as they are', async () => {
      const { fields } = await fetchPage(
        { location: '//other.test/x', refresh: '1; url=https://other.test/' },
        '',
        302,
      );
      expect(fields).to.include({ location: '//other.test/x', refresh: '1; url=https://other.test/' });
    });

    it('Refresh is marked', async () => {
      const { fields } = await fetchPage({ 'content-type': 'text/html', refresh: '5; url=/again' }, '');
      expect(fields['refresh']).to.equal(`5; url=/again?_sid=${sid}`);
    });
  });

  describe('what is never marked', () => {
    for (const [why, fields, status] of [
      ['plain text', { 'content-type': 'text/plain' }, 200],
      ['a script', { 'content-type': 'text/javascript' }, 200],
      ['JSON', { 'content-type': 'application/json' }, 200],
      ['an attachment', { 'content-type': 'text/html', 'content-disposition': 'attachment; filename=a.html' }, 200],
      ['no-transform', { 'content-type': 'text/html', 'cache-control': 'no-transform' }, 200],
      ['a part', { 'content-type': 'text/html', 'content-range': 'bytes 0-22/99' }, 206],
      ['no type at all', {}, 200],
    ] as const) {
      it(why, async () => {
        const done = await fetchPage(fields, '<a href="/x">x</a> /y?z', status);
        expect(done.status).to.equal(status);
        expect(done.body.toString()).to.equal('<a href="/x">x</a> /y?z');
      });
    }
  });
});
