/**
 * The lines for nginx and Apache in docs/operations.md, in real ones that end TLS in front of transid: the application makes the
 * address that browsers know, its links are marked, a Secure cookie is kept, and no ID gets into Apache's log (that of nginx has a
 * test of its own).
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { expect } from 'chai';
import { CERTIFICATE, CERTIFICATE_KEY } from '../support/certificate.ts';
import { startConfigured, type TestProxy } from '../support/proxy.ts';
import { eventually } from '../support/raw-http.ts';
import { type ScriptedUpstream, startUpstream } from '../support/scripted-upstream.ts';

/** The fenced lines of a language in the document. */
const shown = (language: string): string[] => {
  const text = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8');
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map(
    ([, lines = '']) => lines,
  );
};

interface Ports {
  readonly front: number;
  readonly proxy: number;
}

function nginxConfig(folder: string, { front, proxy }: Ports): string {
  const lines = shown('nginx').find((text) => text.includes('proxy_pass')) ?? '';
  const [http = '', server = ''] = lines.replace('127.0.0.1:8080', `127.0.0.1:${proxy}`).split('# within server');
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder}/tmp;`);
  return `daemon off; pid ${folder}/pid; error_log ${folder}/error.log; events {}
http {
access_log off; ${paths.join(' ')}
${http}
server {
listen 127.0.0.1:${front} ssl; ssl_certificate ${folder}/tls.crt; ssl_certificate_key ${folder}/tls.key;
${server}
}
}
`;
}

const APACHE_MODULES = ['mpm_event', 'authz_core', 'proxy', 'proxy_http', 'headers', 'setenvif', 'ssl'];

function apacheConfig(folder: string, { front, proxy }: Ports): string {
  const [passing = '', log = ''] = shown('apache');
  const modules = APACHE_MODULES.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`);
  return `ServerRoot ${folder}
ServerName localhost
PidFile ${folder}/pid
Mutex file:${folder}
ErrorLog ${folder}/error.log
DefaultRuntimeDir ${folder}
${modules.join('\n')}
Listen 127.0.0.1:${front}
<VirtualHost 127.0.0.1:${front}>
SSLEngine on
SSLCertificateFile ${folder}/tls.crt
SSLCertificateKeyFile ${folder}/tls.key
${passing.replace('127.0.0.1:8080', `127.0.0.1:${proxy}`)}
${log.replace('/var/log/apache2/', `${folder}/`)}
</VirtualHost>
`;
}

for (const [name, start, config] of [
  ['nginx', (file: string) => ['nginx', '-p', join(file, '..'), '-e', `${file}.early`, '-c', file], nginxConfig],
  ['apache', (file: string) => ['apache2', '-f', file, '-DFOREGROUND'], apacheConfig],
] as const) {
  describe(`transid behind the ${name} of the documents [needs ${name}]`, function () {
    this.timeout(60_000);
    let folder: string;
    let port: number;
    let front: ChildProcess;
    let app: ScriptedUpstream;
    let proxy: TestProxy;

    /** The whole answer to a request whose target is sent as it stands. */
    const ask = async (target: string, fields = ''): Promise<string> => {
      const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
      socket.write(`GET ${target} HTTP/1.1\r\nHost: shop.test:${port}\r\n${fields}Connection: close\r\n\r\n`);
      let text = '';
      socket.setEncoding('latin1').on('data', (chunk: string) => {
        text += chunk;
      });
      await once(socket, 'close');
      return text;
    };

    before(async () => {
      folder = mkdtempSync(join(tmpdir(), `transid-${name}-`));
      chmodSync(folder, 0o755);
      mkdirSync(join(folder, 'tmp'));
      app = await startUpstream(({ target, fields }, response) => {
        const page = `<a href="https://${fields.host}/cart">cart</a> ${target} ${fields.cookie ?? ''}`;
        response.writeHead(200, { 'Content-Type': 'text/html', 'Set-Cookie': 'app=1; Path=/; Secure; HttpOnly' });
        response.end(page);
      });
      proxy = await startConfigured(`listen: 127.0.0.1:0
upstream: ${app.origin}
log: { level: silent }
trusted_proxies: [127.0.0.1]
routes:
  - { path: /pp/**, use_trans_sid: true, carrier: path-parameter }
  - { path: /ps/**, use_trans_sid: true, carrier: path-segment }
  - { path: /**, use_trans_sid: true }
`);
      const probe = createServer().listen(0, '127.0.0.1');
      await once(probe, 'listening');
      port = (probe.address() as AddressInfo).port;
      await new Promise((resolve) => probe.close(resolve));
      writeFileSync(join(folder, 'tls.crt'), CERTIFICATE);
      writeFileSync(join(folder, 'tls.key'), CERTIFICATE_KEY);
      const file = join(folder, `${name}.conf`);
      writeFileSync(file, config(folder, { front: port, proxy: proxy.port }));
      const [program = '', ...args] = start(file);
      front = spawn(program, args, { stdio: 'ignore' });
      let isUp = false;
      for (let tries = 0; tries < 200 && !isUp; tries++) {
        isUp = await ask('/up').then(
          (text) => text.startsWith('HTTP/1.1 200'),
          () => false,
        );
        if (!isUp) await new Promise((resolve) => setTimeout(resolve, 50));
      }
      if (!isUp) throw new Error(`${name} does not serve: ${readFileSync(join(folder, 'error.log'), 'utf8')}`);
    });
    after(async () => {
      const ended = once(front, 'exit');
      if (front.exitCode === null && front.kill('SIGTERM')) await ended;
      await proxy.close();
      await app.close();
      rmSync(folder, { recursive: true, force: true });
    });

    for (const path of ['/', '/pp/', '/ps/', '/a%2Fb/']) {
      it(`marks the application's own address, and keeps its Secure cookie: ${path}`, async () => {
        const [, link = ''] = /<a href="https:\/\/shop\.test:\d+([^"]+)"/.exec(await ask(path)) ?? [];
        expect(link).to.match(/_sid/);
        const target = link.replace('cart', `${path.slice(1)}cart`);
        const page = await ask(target, 'X-Forwarded-Proto: http\r\nX-Forwarded-Host: evil.test\r\n');
        expect(page).to.include(`${path}cart app=1`);
      });
    }

    if (name === 'apache') {
      const ID = '4q0c7l1vnr8k2m5t9a3edp6ujh';
      for (const [target, kept] of [
        ['/a/b.php', '/a/b.php'],
        [`/a?next=%2Fcart%3F_sid%3D${ID}&_sid=${ID}`, '/a'],
        [`/a;_sid=${ID}?x=1`, '/a'],
        [`/a%3B_sid=${ID}`, '/a'],
        [`/(_sid-${ID})/a`, '/'],
        [`/%28_sid-${ID}%29/a`, '/'],
        [`/to/http%3A%2F%2Fh%2F%3f_sid=${ID}`, '/to/http%3A%2F%2Fh%2F'],
      ] as const) {
        it(`logs no ID: ${target.replaceAll(ID, 'ID')}`, async () => {
          const logged = () => readFileSync(join(folder, 'access.log'), 'utf8');
          const before = logged().length;
          await ask(target, `Referer: https://shop.test/?_sid=${ID}\r\n`);
          const line = `"GET ${kept}" `;
          await eventually(line, () => logged().slice(before).includes(line));
          expect(logged()).to.not.include(ID);
        });
      }
    }
  });
}
