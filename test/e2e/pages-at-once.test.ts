/**
 * Many pages at once, to clients that read at their own pace: output buffers are used again, and none may be while a client
 * has yet to get it. Each page names its session on every line, so that a byte of another one's shows.
 */
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { PageClient } from '../support/page-client.ts';
import { SID, startProxy, type TestProxy } from '../support/proxy.ts';
import { type ScriptedUpstream, startUpstream } from '../support/scripted-upstream.ts';

const CLIENTS = 8;
/** More than the system's buffers hold for a client that does not read. */
const LINES = 150_000;
const COMPRESSED_LINES = 6000;

function pageOf(who: string, lines: number): string {
  return `<!doctype html>${`<a href="/${who}?x=1">${who}</a>\n`.repeat(lines)}`;
}

/** Read one answer to its end, after a pause; the whole message as it came. */
function readLate(port: number, target: string, pauseMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    const parts: Buffer[] = [];
    socket.write(`GET ${target} HTTP/1.1\r\nHost: app.test\r\nUser-Agent: page-client\r\nConnection: close\r\n\r\n`);
    socket.pause();
    setTimeout(() => socket.resume(), pauseMs);
    socket.on('data', (chunk: Buffer) => parts.push(chunk));
    socket.on('end', () => resolve(Buffer.concat(parts).toString('latin1')));
    socket.on('error', reject);
  });
}

describe('many pages at once', function () {
  this.timeout(60_000);
  let upstream: ScriptedUpstream;
  let proxy: TestProxy;
  const sids: string[] = [];

  before(async () => {
    upstream = await startUpstream((request, response) => {
      const who = /app=(w\d+)/.exec(String(request.fields.cookie ?? ''))?.[1] ?? null;
      const start = /^\/start\/(w\d+)/.exec(request.target)?.[1];
      if (start !== undefined) {
        response.writeHead(200, { 'content-type': 'text/html', 'set-cookie': `app=${start}; Path=/` });
        response.end('<a href=/x>x</a>');
        return;
      }
      const isCompressed = request.target.startsWith('/gzip');
      const page = pageOf(who ?? 'nobody', isCompressed ? COMPRESSED_LINES : LINES);
      response.writeHead(200, {
        'content-type': 'text/html; charset=utf-8',
        ...(isCompressed && { 'content-encoding': 'gzip' }),
      });
      response.end(isCompressed ? gzipSync(page) : page);
    });
    proxy = await startProxy(`http://127.0.0.1:${upstream.port}`);
    for (let i = 0; i < CLIENTS; i++) {
      const client = new PageClient({ origin: 'http://app.test', port: proxy.port, cookies: false });
      sids.push(SID.exec((await client.get(`/start/w${i}`)).text)?.[1] ?? 'none');
      client.close();
    }
  });
  after(async () => {
    await proxy?.close();
    await upstream?.close();
  });

  it('shows every client its own session on every line', async () => {
    const answers = await Promise.all(
      sids.map((sid, i) => readLate(proxy.port, `/page?_sid=${sid}`, 100 + (i % 4) * 200)),
    );
    answers.forEach((answer, i) => {
      const body = answer.slice(answer.indexOf('\r\n\r\n') + 4).replace(/\r\n[0-9a-f]+\r\n/g, '');
      expect(body.split(`<a href="/w${i}?x=1&amp;_sid=${sids[i]}">w${i}</a>\n`).length - 1).to.equal(LINES);
      expect([...new Set(body.match(/_sid=[0-9a-v]{26}/g))]).to.deep.equal([`_sid=${sids[i]}`]);
    });
  });

  it('and the same for pages that are compressed', async () => {
    const clients = sids.map(() => new PageClient({ origin: 'http://app.test', port: proxy.port, cookies: false }));
    const pages = await Promise.all(clients.map((client, i) => client.get(`/gzip?_sid=${sids[i]}`)));
    pages.forEach(({ text }, i) => {
      expect(text).to.equal(pageOf(`w${i}`, COMPRESSED_LINES).replaceAll(`?x=1`, `?x=1&amp;_sid=${sids[i]}`));
    });
    for (const client of clients) client.close();
  });
});
