/** What a crawl tells does not hang on which answer is the fastest; and what is no page is judged by its URL alone. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { type CrawlOptions, crawl } from '../../../src/simulator/index.ts';

interface Answer {
  readonly body: string;
  readonly fields?: Record<string, string>;
}

let server: Server;
let origin: string;
let answerOf: (path: string) => Answer;
let delayOf: (path: string) => number;
/** Resolves when the answer may come; told of each request. */
let mayAnswer: (path: string) => Promise<unknown>;

describe('simulator crawl', () => {
  beforeEach(async () => {
    delayOf = () => 0;
    mayAnswer = async () => {};
    server = createServer((request, response) => {
      const path = request.url?.split('?')[0] ?? '/';
      const { body, fields = {} } = answerOf(path);
      const answer = () => response.writeHead(200, { 'content-type': 'text/html', ...fields }).end(body);
      if (path === '/broken') request.socket.destroy();
      else void mayAnswer(path).then(() => setTimeout(answer, delayOf(path)));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });

  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  const walk = (options: Partial<CrawlOptions> = {}) => crawl({ url: `${origin}/`, ...options });

  it('tells the same whichever answer is the fastest', async () => {
    const links = ['/a', '/b', '/broken', '/c', '/d'].map((path) => `<a href="${path}?_sid=s1">x</a>`).join('');
    const below = ['/e', '/f', '/g', '/h'].map((path) => `<a href="${path}?_sid=s1">x</a>`).join('');
    answerOf = (path) => ({ body: `${path < '/e' ? links + below : links}<a href="/lost">lost</a>` });
    const tell = async () => {
      const { durationMs: _, ...told } = await walk({ maxPages: 8, depth: 2 });
      return told;
    };
    delayOf = (path) => (path.charCodeAt(path.length - 1) % 3) * 15;
    const first = await tell();
    delayOf = (path) => (3 - (path.charCodeAt(path.length - 1) % 3)) * 15;
    expect(await tell()).to.deep.equal(first);
    expect(first.pages.filter(({ status }) => status > 0)).to.have.length(7);
    expect(first.broken).to.have.length(1);
  });

  it('one slow page does not stop the others, and no more are asked for at a time', async () => {
    const paths = Array.from({ length: 20 }, (_, at) => `/${at + 1}`);
    answerOf = (path) => ({ body: path === '/' ? paths.map((to) => `<a href="${to}?_sid=s1">x</a>`).join('') : '' });
    let release = () => {};
    const isLastAsked = new Promise<void>((resolve) => {
      release = resolve;
    });
    let active = 0;
    let most = 0;
    mayAnswer = async (path) => {
      most = Math.max(most, ++active);
      if (path === '/20') release();
      if (path === '/1') await isLastAsked;
      active--;
    };
    const { pages } = await walk({ concurrency: 2, browser: { timeoutMs: 5000 } });
    expect(pages.filter(({ status }) => status === 200)).to.have.length(21);
    expect(most).to.equal(2);
  });

  it('a page that is broken counts: a site where all are is left at the limit', async () => {
    answerOf = () => ({
      body: Array.from({ length: 50 }, (_, at) => `<a href="/broken?${at}&_sid=s1">x</a>`).join(''),
    });
    const report = await walk({ maxPages: 10 });
    expect(report.broken).to.have.length(9);
    expect(report.skipped.limit).to.equal(41);
  });

  for (const [what, answer] of [
    ['a text', { body: 'a,b\n', fields: { 'content-type': 'text/csv' } }],
    ['a picture', { body: 'GIF89a', fields: { 'content-type': 'image/gif' } }],
    ['a page that is saved', { body: '<a href="/x">x</a>', fields: { 'content-disposition': 'attachment' } }],
  ] as const) {
    const home = '<a href="/?_sid=s1" id=user>Ada</a><a href="/file?_sid=s1">file</a>';

    it(`${what} loses no session by its SID`, async () => {
      answerOf = (path) => (path === '/' ? { body: home } : answer);
      expect((await walk()).lost).to.deep.equal([]);
    });

    it(`${what} shows no marker and loses no session`, async () => {
      answerOf = (path) => (path === '/' ? { body: home } : answer);
      expect((await walk({ marker: '#user' })).lost).to.deep.equal([]);
    });
  }

  it('a text that shows the marker keeps the session', async () => {
    answerOf = (path) =>
      path === '/'
        ? { body: 'Ada <a href="/text">text</a>' }
        : { body: 'Ada, too', fields: { 'content-type': 'text/plain' } };
    expect((await walk({ marker: 'Ada' })).counts).to.deep.equal({ kept: 1, lost: 0, none: 0 });
  });
});
