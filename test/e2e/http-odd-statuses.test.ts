/** Statuses that an application should not send, or not so: what becomes of them in HTTP/1 and HTTP/2. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { startConfigured, type TestProxy } from '../support/proxy.ts';
import { type ScriptedUpstream, startScriptedUpstream } from '../support/raw-http.ts';
import { CERTIFICATE } from '../support/tls-pair.ts';

const PAGE = '<a href=/x>x</a>';

interface Answer {
  readonly status: number | undefined;
  readonly length: string | undefined;
  readonly body: string;
}

describe('odd statuses', () => {
  let upstream: ScriptedUpstream;
  let proxy: TestProxy;
  let folder: string;
  before(async () => {
    upstream = await startScriptedUpstream(({ socket }, head) => {
      const [, status, kind] = /^GET \/(\d+)\/(\w+) /.exec(head) ?? [];
      const length = kind === 'chunked' ? 'Transfer-Encoding: chunked' : `Content-Length: ${PAGE.length}`;
      const body = kind === 'chunked' ? `10\r\n${PAGE}\r\n0\r\n\r\n` : PAGE;
      const fields = `Content-Type: text/html; charset=utf-8\r\nSet-Cookie: a=1\r\n${length}\r\n`;
      if (kind === 'empty') socket.write(`HTTP/1.1 ${status} Odd\r\nContent-Length: 0\r\n\r\n`);
      else socket.write(`HTTP/1.1 ${status} Odd\r\n${fields}\r\n${body}`);
    });
    folder = mkdtempSync(join(tmpdir(), 'transid-statuses-'));
    writeFileSync(join(folder, 'cert.pem'), CERTIFICATE.cert);
    writeFileSync(join(folder, 'key.pem'), CERTIFICATE.key);
    const tls = `{ cert: "${join(folder, 'cert.pem')}", key_file: "${join(folder, 'key.pem')}" }`;
    proxy = await startConfigured(`listen: { address: "127.0.0.1:0", tls: ${tls} }
upstream: http://127.0.0.1:${upstream.port}
log: { level: silent }
routes: [{ path: /**, use_trans_sid: true }]
`);
  });
  after(async () => {
    await proxy.close();
    await upstream.close();
    rmSync(folder, { recursive: true });
  });

  const ask1 = (path: string): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const options = { port: proxy.port, host: '127.0.0.1', path, ca: CERTIFICATE.cert, agent: false };
      const asked = request(options, (message) => {
        let body = '';
        message.on('data', (chunk) => {
          body += chunk;
        });
        message.on('end', () =>
          resolve({ status: message.statusCode, length: message.headers['content-length'], body }),
        );
      });
      asked.on('error', reject).end();
    });
  const ask2 = (path: string): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const session = connectHttp2(`https://127.0.0.1:${proxy.port}`, { ca: CERTIFICATE.cert });
      const stream = session.on('error', reject).request({ ':path': path });
      let answer: Answer = { status: undefined, length: undefined, body: '' };
      let body = '';
      stream.on('response', (headers) => {
        answer = { status: headers[':status'], length: headers['content-length'], body: '' };
      });
      stream.on('data', (chunk) => {
        body += chunk;
      });
      stream.on('error', reject);
      stream.on('close', () => {
        session.close();
        resolve({ ...answer, body });
      });
    });

  for (const kind of ['length', 'chunked', 'empty']) {
    it(`205 has no content and says so: ${kind}`, async () => {
      for (const ask of [ask1, ask2])
        expect(await ask(`/205/${kind}`)).to.deep.equal({ status: 205, length: '0', body: '' });
    });
  }

  it('a status above 599 is passed on by HTTP/1', async () => {
    for (const status of [600, 999]) expect(await ask1(`/${status}/empty`)).to.include({ status });
    expect((await ask1('/700/length')).body).to.include('href');
  });

  it('a status above 599 is a malformed answer to HTTP/2, which does not have it', async () => {
    for (const path of ['/600/empty', '/999/length', '/700/chunked']) {
      const { status, body } = await ask2(path);
      expect(status).to.equal(502);
      expect(body).to.include('malformed');
    }
  });
});
