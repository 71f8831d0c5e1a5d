/** transid as the first process of a container, which the kernel keeps from signals of its own. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type CliRun, startCli } from '../support/cli.ts';
import { sleep } from '../support/raw-http.ts';
import { type ScriptedUpstream, startUpstream } from '../support/scripted-upstream.ts';

describe('as the first process of a container', function () {
  this.timeout(60_000);
  let folder: string;
  let upstream: ScriptedUpstream;
  let program: CliRun;
  let origin: string;

  async function serve(preload: string): Promise<void> {
    folder = mkdtempSync(join(tmpdir(), 'transid-first-'));
    upstream = await startUpstream(({ target }, response) => {
      if (target === '/never') return;
      response.setHeader('Set-Cookie', 'app=1');
      response.setHeader('Content-Type', 'text/html');
      response.end('<a href="/next">next</a>');
    });
    const file = join(folder, 'transid.yaml');
    const store = 'store: { kind: lmdb, path: data }';
    const routes = 'routes: [{ path: /**, use_trans_sid: true }]';
    writeFileSync(file, `listen: 127.0.0.1:0\nupstream: ${upstream.origin}\n${store}\n${routes}\n`);
    program = startCli(['serve', '-c', file], { preload });
    origin = (await program.until(/listens on (http:\/\/127\.0\.0\.1:\d+)/))[1]!;
  }
  afterEach(async () => {
    await program.stop();
    await upstream.close();
    rmSync(folder, { recursive: true });
  });
  const get = () => fetch(origin, { headers: { Connection: 'close', Accept: 'text/html' } });

  it('a second SIGTERM ends it at once', async () => {
    await serve('first-process.ts');
    const socket = connect(Number(new URL(origin).port), '127.0.0.1').on('error', () => {});
    socket.write('GET /never HTTP/1.1\r\nHost: app.test\r\n\r\n');
    while (upstream.requests.length === 0) await sleep(20);
    program.child.kill('SIGTERM');
    // It is heard when nothing new is taken.
    while ((await get().catch(() => null)) !== null) await sleep(20);
    const startedMs = Date.now();
    program.child.kill('SIGTERM');
    expect(await program.exit).to.equal(128 + 15);
    expect(Date.now() - startedMs, 'the drain may take 30 s').to.be.lessThan(5000);
    socket.destroy();
  });

  it('a lost store ends it, with a code that says so', async () => {
    await serve('first-process-breaks-lmdb.ts');
    expect((await get()).status).to.equal(200);
    program.child.kill('SIGUSR2');
    await sleep(100);
    while ((await get().catch(() => null)) !== null) await sleep(20);
    expect(await program.exit).to.equal(1);
  });
});
