/**
 * The lines for nginx in docs/operations.md, in a real nginx: no spelling of a session ID gets into its access log.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { eventually } from '../support/raw-http.ts';

/** Nothing else in a log line looks like it. */
const ID = '4q0c7l1vnr8k2m5t9a3edp6ujh';

describe('the log of an nginx in front [needs nginx]', function () {
  this.timeout(20_000);
  let folder: string;
  let port: number;
  let nginx: ChildProcess;

  /** The target as it stands, without a client that tidies it. */
  const request = async (target: string): Promise<void> => {
    const socket = connect(port, '127.0.0.1');
    socket.end(`GET ${target} HTTP/1.1\r\nHost: h\r\nReferer: http://h/?_sid=${ID}\r\nConnection: close\r\n\r\n`);
    socket.resume();
    await once(socket, 'close');
  };

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'transid-nginx-'));
    mkdirSync(join(folder, 'tmp'));
    const probe = createServer().listen(0, '127.0.0.1');
    await once(probe, 'listening');
    port = (probe.address() as AddressInfo).port;
    await new Promise((resolve) => probe.close(resolve));
    const text = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8');
    const fences = [...text.matchAll(/^```nginx\n([\s\S]*?)^```$/gm)].map(([, lines = '']) => lines);
    const shown = fences.find((lines) => lines.includes('log_format')) ?? '';
    const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
      (name) => `${name}_temp_path ${folder}/tmp;`,
    );
    writeFileSync(
      join(folder, 'nginx.conf'),
      `daemon off; pid ${folder}/pid; error_log ${folder}/error.log; events {}
http {
${paths.join('\n')}
${shown.replace('/var/log/nginx/', `${folder}/`)}
server { listen 127.0.0.1:${port}; location / { return 204; } } }
`,
    );
    nginx = spawn('nginx', ['-p', folder, '-c', join(folder, 'nginx.conf')], { stdio: 'ignore' });
    for (let tries = 0; tries < 100; tries++) {
      const isUp = await request('/up').then(
        () => true,
        () => false,
      );
      if (isUp) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`nginx does not listen: ${readFileSync(join(folder, 'error.log'), 'utf8')}`);
  });
  after(async () => {
    const ended = once(nginx, 'exit');
    if (nginx.exitCode === null && nginx.kill('SIGTERM')) await ended;
    rmSync(folder, { recursive: true, force: true });
  });

  const logged = () => readFileSync(join(folder, 'access.log'), 'utf8').split('\n').slice(0, -1);

  for (const [target, kept] of [
    ['/a/b.php', '/a/b.php'],
    [`/a?_sid=${ID}`, '/a'],
    [`/a?x=1&_sid=${ID}&_sid=${ID}`, '/a'],
    [`/a?next=%2Fcart%3F_sid%3D${ID}`, '/a'],
    [`/a?%5Fsid=${ID}`, '/a'],
    [`/a?my_sid=${ID}`, '/a'],
    [`/a;_sid=${ID}?x=1`, '/a'],
    [`/a;%5Fsid=${ID}/b`, '/a'],
    [`/a%3B_sid=${ID}`, '/a'],
    [`/(_sid-${ID})/a`, '/'],
    [`/%28_sid-${ID}%29/a`, '/'],
    [`/to/http%3A%2F%2Fh%2F%3f_sid=${ID}`, '/to/http%3A%2F%2Fh%2F'],
  ] as const) {
    it(target.replaceAll(ID, 'ID'), async () => {
      const before = logged().length;
      await request(target);
      // nginx answers first, and writes then.
      const line = `"GET ${kept}" 204`;
      await eventually(line, () => logged().length > before && logged().at(-1)?.includes(line) === true);
      expect(logged().join()).to.not.include(ID);
    });
  }
});
