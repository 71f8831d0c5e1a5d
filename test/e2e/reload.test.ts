/**
 * A configuration is replaced while the proxy serves: a hundred times under load, good and bad files by turns, and no request
 * is lost; by `watch: true` too.
 */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { type CliRun, startCli } from '../support/cli.ts';
import { type ScriptedUpstream, startUpstream } from '../support/scripted-upstream.ts';

const RELOADS = 100;
const CLIENTS = 6;

describe('reload of the configuration', function () {
  this.timeout(120_000);
  let folder: string;
  let upstream: ScriptedUpstream;
  let program: CliRun | null = null;

  before(async () => {
    upstream = await startUpstream(async (_seen, response) => {
      await sleep(3); // so that requests are under way when a reload comes
      response.setHeader('Content-Type', 'text/plain');
      response.end('whole');
    });
  });
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'transid-reload-'));
  });
  afterEach(async () => {
    await program?.stop();
    program = null;
    rmSync(folder, { recursive: true });
  });
  after(() => upstream.close());

  /** Replaced as editors and configuration tools do it: never half written. */
  const write = (more: string): void => {
    writeFileSync(
      join(folder, 'new.yaml'),
      `listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\nupstream: ${upstream.origin}\n${more}\n`,
    );
    renameSync(join(folder, 'new.yaml'), join(folder, 'transid.yaml'));
  };

  const serve = async (more: string): Promise<{ run: CliRun; port: number }> => {
    write(more);
    program = startCli(['serve', '-c', join(folder, 'transid.yaml')]);
    const found = await program.until(/listens on http:\/\/127\.0\.0\.1:(\d+)/);
    return { run: program, port: Number(found[1]) };
  };

  it('asked for while the program starts is done when it has', async () => {
    write('');
    program = startCli(['serve', '-c', join(folder, 'transid.yaml')], { preload: 'early-sighup.ts' });
    await program.until(/listens on http/);
    await program.until(/the configuration was reloaded/);
  });

  const get = (port: number, agent: Agent, path = '/'): Promise<{ status: number; body: string }> =>
    new Promise((resolve, reject) => {
      request({ host: '127.0.0.1', port, path, agent }, (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          body += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
        response.on('error', reject);
      })
        .on('error', reject)
        .end();
    });

  it(`${RELOADS} reloads under load, good and bad files by turns: no request fails`, async () => {
    const { run, port } = await serve('log: { level: warn }');
    const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS });
    let isOver = false;
    let answered = 0;
    const failures: string[] = [];
    const clients = Array.from({ length: CLIENTS }, async () => {
      while (!isOver) {
        const answer = await get(port, agent).catch((error: unknown) => String(error));
        if (typeof answer === 'object' && answer.status === 200 && answer.body === 'whole') answered++;
        else failures.push(JSON.stringify(answer));
      }
    });
    let refused = 0;
    for (let turn = 1; turn <= RELOADS; turn++) {
      const isBad = turn % 2 === 0;
      write(
        isBad
          ? `log: { level: warn }\nlimits: { fields: ${turn}x }`
          : `log: { level: warn }\nlimits: { fields: ${100 + turn} }`,
      );
      run.child.kill('SIGHUP');
      if (!isBad) {
        await sleep(15);
        continue;
      }
      refused++;
      const said = /the old one serves on/g;
      const deadlineMs = Date.now() + 5_000;
      while ((run.stdout().match(said) ?? []).length < refused && Date.now() < deadlineMs) await sleep(5);
    }
    isOver = true;
    await Promise.all(clients);
    agent.destroy();
    expect(failures).to.deep.equal([]);
    expect(answered).to.be.greaterThan(RELOADS / 2);
    const lines = run
      .stdout()
      .split('\n')
      .filter((line) => line.includes('the old one serves on'));
    expect(lines).to.have.length(RELOADS / 2);
    // Each names the line and the reason.
    expect(JSON.parse(lines[0]!))
      .to.have.property('problems')
      .that.deep.equals([
        `${join(folder, 'transid.yaml')}:5:19: limits.fields: a whole number from 16 to 1000 is needed`,
      ]);
    run.child.kill('SIGTERM');
    expect(await run.exit).to.equal(0);
  });

  it('watch: true takes a changed file by itself, and tells of a bad one once', async () => {
    const { run, port } = await serve('watch: true');
    const agent = new Agent();
    write('watch: true\nlimits: { target: 256B }');
    await run.until(/the configuration was reloaded/);
    expect((await get(port, agent, `/${'x'.repeat(300)}`)).status).to.equal(414);
    write('watch: true\nlimits: { target: 1B }');
    await run.until(/the old one serves on/);
    await sleep(2_500); // two more looks at the file
    expect(run.stdout().match(/the old one serves on/g)).to.have.length(1);
    expect((await get(port, agent)).status).to.equal(200);
  });

  it('says what takes a restart', async () => {
    const { run } = await serve('log: { level: warn }');
    write('log: { level: warn }\nworkers: 1\nstore: { kind: memory }\nwatch: true');
    expect(await restartKeys(run)).to.deep.equal(['store', 'watch']);
  });

  it('says that the memory for sessions was settled at the start', async () => {
    const { run } = await serve('log: { level: warn }\nstore: { kind: memory }');
    write('log: { level: warn }\nstore: { kind: memory }\nlimits: { store: 1MiB, max_sessions: 200000 }');
    expect(await restartKeys(run)).to.deep.equal(['limits.store', 'limits.max_sessions']);
  });

  it('says that the password of the store has changed', async () => {
    const password = join(folder, 'password');
    writeFileSync(password, 'before');
    const { run } = await serve(
      `log: { level: warn }\nstore: { kind: redis, url: "redis://127.0.0.1:1", password_file: ${password} }`,
    );
    writeFileSync(password, 'after');
    expect(await restartKeys(run)).to.deep.equal(['store']);
  });

  const restartKeys = async (run: CliRun): Promise<string[]> => {
    run.child.kill('SIGHUP');
    const [line] = await run.until(/^.*take a restart.*$/m);
    return (JSON.parse(line) as { keys: string[] }).keys;
  };
});
