/**
 * The package as it would be published: packed, installed into an empty folder, and used from there by its bin and by
 * its two entries. The dependencies come from npm's cache or from the registry.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { startProgram } from '../support/cli.ts';
import { PageClient } from '../support/page-client.ts';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

describe('the package, installed into an empty folder [needs npm]', function () {
  this.timeout(180_000);
  let folder: string;
  let packed: string[];

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'transid-pack-'));
    const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', folder], { cwd: ROOT });
    // What prepack prints comes before the JSON.
    const [made] = JSON.parse(stdout.slice(stdout.search(/^\[/m))) as [{ filename: string; files: { path: string }[] }];
    packed = made.files.map(({ path }) => path);
    writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }');
    await run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', `./${made.filename}`], { cwd: folder });
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('holds the program, its types, the configuration files and the papers, and nothing else', () => {
    expect(packed).to.include.members([
      'dist/cli/main.js',
      'dist/index.js',
      'dist/index.d.ts',
      'dist/simulator/index.js',
      'dist/simulator/index.d.ts',
      'config/example.yaml',
      'config/schema.json',
      'docs/operations.md',
      'README.md',
      'ARCHITECTURE.md',
      'CHANGELOG.md',
      'LICENSE',
      'package.json',
    ]);
    const strange = packed.filter(
      (path) => !/^(?:dist|config|docs)\/|^(?:README|ARCHITECTURE|CHANGELOG)\.md$|^LICENSE$|^package\.json$/.test(path),
    );
    expect(strange).to.deep.equal([]);
  });

  it('holds what its papers lead to', () => {
    const dead = packed
      .filter((path) => path.endsWith('.md'))
      .flatMap((paper) =>
        [...readFileSync(join(ROOT, paper), 'utf8').matchAll(/\]\((?!https?:|#)([^)#\s]+)[^)]*\)/g)].map(
          ([, target = '']) => ({
            paper,
            path: join(dirname(paper), target),
          }),
        ),
      )
      .filter(({ path }) => !packed.some((one) => one === path || one.startsWith(`${path}/`)));
    expect(dead).to.deep.equal([]);
  });

  it('installs no package for development and builds nothing', () => {
    const installed = readdirSync(join(folder, 'node_modules'));
    expect(installed.filter((name) => ['mocha', 'typescript', 'tsx'].includes(name))).to.deep.equal([]);
    expect(installed).to.include('transid');
  });

  it('has a bin that serves the demo', async () => {
    const program = startProgram(join(folder, 'node_modules/.bin/transid'), ['demo', '--port', '0'], { cwd: folder });
    try {
      const port = Number((await program.until(/http:\/\/127\.0\.0\.1:(\d+)/))[1]);
      expect(program.stdout()).to.include(`npx transid simulate http://127.0.0.1:${port}/`);
      const one = new PageClient({ origin: `http://127.0.0.1:${port}`, port, cookies: false });
      const page = await one.submit(await one.follow(await one.get('/'), 'Log in'), 'login.cgi', {
        values: { user: 'ada', password: 'tea' },
      });
      expect(page.byId('user')).to.equal('ada');
      one.close();
      program.child.kill('SIGTERM');
      expect(await program.exit).to.equal(0);
    } finally {
      await program.stop();
    }
  });

  it('ends at a SIGTERM that comes while it is loaded, as the first process of a container', async () => {
    // Whom no signal of its own ends, and who is told as soon as it listens.
    const preload = `
      const { kill } = process;
      process.kill = (pid, signal) => pid === process.pid || kill.call(process, pid, signal);
      process.on('newListener', (event) => {
        if (event === 'SIGTERM') queueMicrotask(() => process.emit('SIGTERM'));
      });`;
    const main = join(folder, 'node_modules/transid/dist/cli/main.js');
    const loading = ['--import', `data:text/javascript,${encodeURIComponent(preload)}`, main];
    const program = startProgram(process.execPath, [...loading, 'demo', '--port', '0'], { cwd: folder });
    try {
      expect(await program.exit).to.equal(128 + 15);
      expect(program.stdout() + program.stderr()).to.equal('');
    } finally {
      await program.stop();
    }
  });

  it('has the API and the simulator as entries, and nothing else', async () => {
    const code = `
      const api = await import('transid');
      const simulator = await import('transid/simulator');
      const inner = await import('transid/dist/errors.js').catch((error) => error.code);
      process.stdout.write(JSON.stringify([typeof api.createProxy, typeof api.parseConfig, Object.keys(simulator).length > 0, inner]));`;
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', code], { cwd: folder });
    expect(JSON.parse(stdout)).to.deep.equal(['function', 'function', true, 'ERR_PACKAGE_PATH_NOT_EXPORTED']);
  });

  it('names in its package.json only what is there', () => {
    const { bin, exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    const named = [
      ...Object.values(bin),
      ...Object.values(exports).flatMap((entry) => Object.values(entry as object)),
    ] as string[];
    for (const path of named) expect(packed).to.include(path.replace(/^\.\//, ''));
  });
});
