/**
 * Every command in README.md and docs/*.md, run as a reader would run it: an application of PHP on its own server, the
 * configuration that the README shows, the commands as they stand. Only ports and the way to this checkout's program are
 * put in their place, so that tests can run side by side.
 *
 * A command that stands in the documents and has no row here fails, and so does a row whose command is gone.
 */
import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { parseConfig } from '../../src/config/load.ts';
import { type CliRun, startCli, startProgram } from '../support/cli.ts';
import { PageClient } from '../support/page-client.ts';
import { SID } from '../support/proxy.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PAPERS = [
  'README.md',
  ...readdirSync(join(ROOT, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

interface Fence {
  readonly paper: string;
  readonly language: string;
  readonly text: string;
}

const fences: Fence[] = PAPERS.flatMap((paper) =>
  [...readFileSync(join(ROOT, paper), 'utf8').matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(
    ([, language = '', text = '']) => ({ paper, language, text }),
  ),
);
const sh = fences.filter(({ language }) => language === 'sh').flatMap(({ text }) => text.trim().split('\n'));
/** With a prompt, and with what they print. */
const consoles = fences
  .filter(({ language }) => language === 'console')
  .flatMap(({ text }) => text.split('\n').filter((line) => line.startsWith('$ ')));
const commands = [...new Set([...sh, ...consoles.map((line) => line.slice(2))])];
/** Journeys of the simulator are YAML too, and have tests of their own. */
const yamls = fences.filter(({ language, text }) => language === 'yaml' && /^(?:listen|upstream|routes):/m.test(text));

describe('the documents', () => {
  it('show configurations that transid accepts', () => {
    expect(yamls.length).to.be.greaterThan(1);
    for (const { paper, text } of yamls) {
      const whole = /^upstream:/m.test(text) ? text : `upstream: http://127.0.0.1:8000\n${text}`;
      expect(() => parseConfig(whole, paper), text).to.not.throw();
    }
  });

  it('lead to files that are there', () => {
    for (const paper of [...PAPERS, 'ARCHITECTURE.md', 'CHANGELOG.md']) {
      const text = readFileSync(join(ROOT, paper), 'utf8');
      for (const [, target = ''] of text.matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)) {
        expect(
          () => readdirOrFile(new URL(target, new URL(paper, `file://${ROOT}/`))),
          `${paper}: ${target}`,
        ).to.not.throw();
      }
    }
  });
});

/** Throws when there is nothing at `url`. */
function readdirOrFile(url: URL): void {
  try {
    readFileSync(url);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EISDIR') throw error;
  }
}

/** Two ports that were free a moment ago: for the application and for the proxy. */
async function freePorts(): Promise<[number, number]> {
  const servers = [createServer(), createServer()];
  await Promise.all(servers.map((server) => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports as [number, number];
}

describe('every command of the documents, run [needs php]', function () {
  this.timeout(60_000);
  let folder: string;
  let appPort: number;
  let proxyPort: number;
  const runs: CliRun[] = [];
  const tried = new Set<string>();

  /** The command as a reader types it, with the ports of this test. */
  const start = (command: string): CliRun => {
    tried.add(command);
    const words = command
      .replaceAll('127.0.0.1:8000', `127.0.0.1:${appPort}`)
      .replaceAll('127.0.0.1:8080', `127.0.0.1:${proxyPort}`)
      .split(' ');
    const [program = '', ...args] = words;
    const started =
      program === 'npx' ? startCli(args.slice(1), { cwd: folder }) : startProgram(program, args, { cwd: folder });
    runs.push(started);
    return started;
  };
  const stop = async (run: CliRun): Promise<void> => {
    run.child.kill('SIGTERM');
    await run.exit;
  };
  const expectSessionKept = async (): Promise<void> => {
    const one = new PageClient({ origin: `http://127.0.0.1:${proxyPort}`, port: proxyPort, cookies: false });
    const page = await one.submit(await one.follow(await one.get('/index.php'), 'log in'), 0, {
      values: { user: 'ada', password: 'tea' },
    });
    expect(page.byId('user')).to.equal('ada');
    expect(page.url).to.match(SID);
    one.close();
  };

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'transid-docs-'));
    [appPort, proxyPort] = await freePorts();
    cpSync(join(ROOT, 'test/apps/php-shop'), join(folder, 'htdocs'), { recursive: true });
    const [shown] = yamls.filter(({ paper, text }) => paper === 'README.md' && text.includes('upstream:'));
    const config = (shown?.text ?? '').replace(':8000', `:${appPort}`).replace(':8080', `:${proxyPort}`);
    writeFileSync(join(folder, 'transid.yaml'), config);
    await start('php -d session.use_only_cookies=1 -S 127.0.0.1:8000 -t htdocs').until(/started/);
  });
  after(async () => {
    for (const run of runs) await run.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it('npx transid http://127.0.0.1:8000', async () => {
    // The port of this form is 8080, which another program may have: it is given here, and tested to be 8080 elsewhere.
    const run = start('npx transid http://127.0.0.1:8000');
    await run.stop();
    const moved = startCli([`http://127.0.0.1:${appPort}`, '--listen', `127.0.0.1:${proxyPort}`], { cwd: folder });
    runs.push(moved);
    await moved.until(/http:\/\/127\.0\.0\.1:\d+/);
    await expectSessionKept();
    await stop(moved);
  });

  it('npx transid check transid.yaml', async () => {
    const run = start('npx transid check transid.yaml');
    expect(await run.exit, run.stdout() + run.stderr()).to.equal(0);
  });

  it('npx transid serve -c transid.yaml, and a simulated visit', async () => {
    const run = start('npx transid serve -c transid.yaml');
    await run.until(/http:\/\/127\.0\.0\.1:\d+/);
    await expectSessionKept();
    const visit = start('npx transid simulate http://127.0.0.1:8080/');
    expect([0, 1], visit.stderr()).to.include(await visit.exit);
    expect(visit.stdout()).to.match(/session kept \d+, lost 0\b/);
    await stop(run);
    expect(await run.exit).to.equal(0);
  });

  it('npx transid simulate …, without the proxy', async () => {
    const visit = start('npx transid simulate --max-pages 31 http://127.0.0.1:8000/');
    expect(await visit.exit, visit.stderr()).to.equal(1);
    expect(visit.stdout())
      .to.match(/session kept 0, lost [1-9]/)
      .and.to.match(/^http\S+:\d+:\d+ {2}cookie {2}</m);
  });

  it('npx transid explain …', async () => {
    const run = start('npx transid explain -c transid.yaml http://127.0.0.1:8080/admin/users');
    expect(await run.exit, run.stderr()).to.equal(0);
    expect(run.stdout()).to.include('/admin/**').and.to.include('use_only_cookies');
  });

  it('npm ci && npm run demo', async () => {
    tried.add('npm ci && npm run demo');
    const { stdout } = await promisify(execFile)('npm', ['run', '--silent', 'demo', '--', '--help'], { cwd: ROOT });
    expect(stdout).to.include('transid demo');
    // What its screen says to type next in a checkout.
    const next = await promisify(execFile)('npm', ['run', '--silent', 'transid', '--', '--version'], { cwd: ROOT });
    expect(next.stdout).to.match(/^\d+\.\d+\.\d+/);
  });

  it('npm ci && npm test, npm run bench, npm pack and npm install are what they are said to be', () => {
    // CI itself runs `npm ci` and the tests; packing and installing are test/packaging/package.test.ts.
    for (const command of ['npm ci && npm test', 'npm ci && npm pack', 'npm install ./transid-0.1.0.tgz'])
      tried.add(command);
    const { scripts, name, version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    expect(scripts).to.include.keys('test', 'prepack', 'bench');
    expect(`${name}-${version}.tgz`).to.equal('transid-0.1.0.tgz');
  });

  it('and that is all of them', () => expect([...tried].sort()).to.deep.equal([...commands].sort()));
});
