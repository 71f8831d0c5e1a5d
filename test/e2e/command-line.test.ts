/**
 * The real program: start, say where it listens, serve, drain on SIGTERM; refuse a bad configuration as a whole.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type CliRun, cliCommand, startCli, startProgram } from '../support/cli.ts';
import { PageClient } from '../support/page-client.ts';
import { SID } from '../support/proxy.ts';
import { type ScriptedUpstream, startUpstream } from '../support/scripted-upstream.ts';

/** How each command says where it listens. */
const LISTENING = /http:\/\/127\.0\.0\.1:(\d+)/;

describe('the command line', function () {
  this.timeout(40_000);
  let folder: string;
  let upstream: ScriptedUpstream;
  const runs: CliRun[] = [];

  const run = (args: readonly string[]): CliRun => {
    const started = startCli(args, { cwd: folder });
    runs.push(started);
    return started;
  };
  const write = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return name;
  };
  const serve = async (more = ''): Promise<[CliRun, port: number]> => {
    const config = `listen: 127.0.0.1:0\nupstream: ${upstream.origin}\nroutes: [{ path: /**, use_trans_sid: true }]\n${more}`;
    const started = run(['serve', '-c', write('transid.yaml', config)]);
    return [started, Number((await started.until(LISTENING))[1])];
  };

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'transid-cli-'));
    upstream = await startUpstream(async ({ target }, response) => {
      response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'set-cookie': 'app=1; Path=/' });
      response.write('<a href=/first>1</a>');
      if (target.startsWith('/slow')) await new Promise((resolve) => setTimeout(resolve, 3000));
      response.end('<a href=/second>2</a>');
    });
  });
  after(async () => {
    for (const one of runs) await one.stop();
    await upstream.close();
    rmSync(folder, { recursive: true, force: true });
  });

  for (const workers of [1, 2]) {
    it(`a store folder that cannot be used (${workers} at work): exit 1, with the folder and the reason`, async () => {
      const path = join(folder, write('a-file', ''));
      const config = `listen: 127.0.0.1:0\nupstream: ${upstream.origin}\nworkers: ${workers}\nstore: { kind: lmdb, path: a-file }\n`;
      const program = run(['serve', '-c', write('transid.yaml', config)]);
      expect(await program.exit).to.equal(1);
      expect(program.stderr()).to.include(
        `transid: the session store cannot be reached: lmdb cannot use ${path} (EEXIST: file already exists`,
      );
    });
  }

  it('a store file that is damaged: exit 1, with the file and the remedy', async () => {
    mkdirSync(join(folder, 'damaged'));
    const path = join(folder, write('damaged/sessions.mdb', 'no file of LMDB '.repeat(1000)));
    const config = `listen: 127.0.0.1:0\nupstream: ${upstream.origin}\nstore: { kind: lmdb, path: damaged }\n`;
    const program = run(['serve', '-c', write('transid.yaml', config)]);
    expect(await program.exit).to.equal(1);
    expect(program.stderr()).to.include(`${path} is damaged`).and.to.include('move it away');
  });

  it('serve -c FILE serves, and its log names no SID', async () => {
    const [program, port] = await serve();
    const one = new PageClient({ origin: 'http://app.test', port, cookies: false });
    const page = await one.follow(await one.get('/'), '1');
    const sid = SID.exec(page.url)?.[1] ?? 'none';
    expect(upstream.requests.at(-1)?.fields.cookie).to.equal('app=1');
    one.close();
    program.child.kill('SIGTERM');
    expect(await program.exit).to.equal(0);
    expect(sid).to.have.length(26);
    expect(program.stdout() + program.stderr()).to.not.include(sid);
    expect(program.stdout() + program.stderr(), 'it does log').to.match(/\/first/);
  });

  it('transid http://… needs no file and says that it puts SIDs on everything', async () => {
    const program = run([upstream.origin, '--listen', '127.0.0.1:0']);
    const port = Number((await program.until(LISTENING))[1]);
    const one = new PageClient({ origin: 'http://app.test', port, cookies: false });
    expect((await one.get('/')).text).to.match(SID);
    one.close();
    program.child.kill('SIGTERM');
    expect(await program.exit).to.equal(0);
    expect(program.stdout() + program.stderr()).to.match(/use_trans_sid/);
  });

  it('SIGTERM ends requests in flight whole, takes no new ones and exits with 0', async () => {
    const [program, port] = await serve();
    const whole = new Promise<string>((resolve, reject) => {
      const outgoing = request({ host: '127.0.0.1', port, path: '/slow' }, (response) => {
        let text = '';
        response.setEncoding('latin1');
        response.once('data', () => program.child.kill('SIGTERM'));
        response.on('data', (chunk: string) => {
          text += chunk;
        });
        response.once('end', () => resolve(text));
        response.once('error', reject);
      });
      outgoing.once('error', reject).end();
    });
    const knock = () =>
      new Promise<string>((resolve) => {
        const socket = connect(port, '127.0.0.1');
        socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'error'));
        socket.once('connect', () => {
          socket.destroy();
          resolve('connected');
        });
      });
    let isWhole = false;
    whole.then(
      () => {
        isWhole = true;
      },
      () => {},
    );
    while ((await knock()) !== 'ECONNREFUSED') {
      expect(isWhole, 'no new connections while a request is in flight').to.equal(false);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(isWhole).to.equal(false);
    expect((await whole).replace(/\?_sid=[0-9a-v]{26}/g, '')).to.equal('<a href=/first>1</a><a href=/second>2</a>');
    expect(await program.exit).to.equal(0);
  });

  it('an idle keep-alive connection does not hold up the end', async () => {
    const [program, port] = await serve();
    const socket = connect(port, '127.0.0.1');
    await new Promise((resolve) => socket.once('connect', resolve));
    socket.on('error', () => {}).resume();
    socket.write('GET / HTTP/1.1\r\nHost: app.test\r\n\r\n');
    await new Promise((resolve) => socket.once('data', resolve));
    const beganMs = Date.now();
    program.child.kill('SIGTERM');
    expect(await program.exit).to.equal(0);
    expect(Date.now() - beganMs).to.be.lessThan(5000);
    socket.destroy();
  });

  it('SIGHUP takes a new configuration, and keeps the old one when the new one is bad', async () => {
    const [program, port] = await serve();
    const one = new PageClient({ origin: 'http://app.test', port, cookies: false });
    expect((await one.get('/')).text).to.match(SID);
    const listen = `listen: 127.0.0.1:0\nupstream: ${upstream.origin}\n`;
    write('transid.yaml', `${listen}routes: [{ path: /**, use_trans_sid: perhaps }]\n`);
    program.child.kill('SIGHUP');
    await program.until(/transid\.yaml:3:\d+/);
    expect((await one.get('/')).text, 'the old one serves on').to.match(SID);
    write('transid.yaml', `${listen}routes: [{ path: /**, use_only_cookies: true }]\n`);
    program.child.kill('SIGHUP');
    const deadlineMs = Date.now() + 10_000;
    while (SID.test((await one.get('/')).text)) {
      if (Date.now() > deadlineMs) throw new Error('the new configuration was not put to work');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    one.close();
    program.child.kill('SIGTERM');
    expect(await program.exit).to.equal(0);
  });

  it('a bad configuration: all problems at once, each with file, line and column; exit 2; nothing started', async () => {
    const file = write(
      'bad.yaml',
      'listen: 127.0.0.1:0\nupstream: http://127.0.0.1:1\nrouts: []\nsession:\n  idle_timeout: soon\n  nam: x\nroutes:\n  - path: /**\n    use_trans_sid: perhaps\n',
    );
    const program = run(['serve', '-c', file]);
    expect(await program.exit).to.equal(2);
    const said = program.stderr();
    for (const [line, column, word] of [
      [3, 1, 'routs'],
      [5, 17, 'idle_timeout'],
      [6, 3, 'nam'],
      [9, 20, 'use_trans_sid'],
    ]) {
      expect(said).to.include(`bad.yaml:${line}:${column}`);
      expect(said).to.include(word);
    }
    expect(said, 'a suggestion').to.match(/routes/);
    expect(program.stdout() + said).to.not.match(LISTENING);
  });

  for (const [why, args, said] of [
    ['an unknown command', ['frobnicate'], /^transid: no command "frobnicate"\n/],
    [
      'an application without its scheme',
      ['localhost:8000'],
      /^transid: no command "localhost:8000": for the application there say transid http:\/\/localhost:8000\n/,
    ],
    ['an unknown option', ['serve', '-x'], /^transid serve: Unknown option '-x'\n\nUsage/],
    [
      'an option without its value',
      ['serve', '-c'],
      /^transid serve: Option '-c, --config <value>' argument missing\n/,
    ],
    ['a word too many', ['serve', 'transid.yaml'], /^transid serve: 'transid\.yaml' is too much/],
    ['an unknown option behind a URL', ['http://a', '-x'], /^transid: Unknown option '-x'\n\nUsage/],
    ['two URLs', ['http://a', 'http://b'], /^transid: one URL, not 2\n/],
    [
      'a port that is none',
      ['demo', '--port', '70000'],
      /^transid demo: --port is a number from 0 to 65535, not '70000'/,
    ],
    ['an unknown option of the demo', ['demo', '-x'], /^transid demo: Unknown option '-x'\n/],
    ['a file that is not there', ['serve', '-c', 'missing.yaml'], /^missing\.yaml:1:1: cannot be read/],
    ['an upstream of another scheme', ['ftp://127.0.0.1/'], /^transid: no command/],
  ] as const) {
    it(`${why}: exit 2, and stderr begins with what was wrong`, async () => {
      const program = run(args);
      expect(await program.exit).to.equal(2);
      expect(program.stderr()).to.match(said);
      expect(program.stderr()).to.not.match(/\bat .*\.ts:\d+/);
    });
  }

  describe('an output that cannot be written', () => {
    const page = '<a href=x>link</a>\n'.repeat(20_000);
    const line = `${JSON.stringify({ id: 1, html: Buffer.from('<a href=x>').toString('base64') })}\n`;
    const marks = ['--url', 'http://app.test/', '--sid', 'abc'];
    const pipe = (args: readonly string[], reader: string): CliRun => {
      // The shell waits for both, and tells the exit code of the program on its standard error.
      const script = `{ "$0" "$@"; echo "exit $?" >&2; } ${reader}`;
      const started = startProgram('sh', ['-c', script, process.execPath, ...cliCommand(args)], { cwd: folder });
      runs.push(started);
      return started;
    };
    before(() => {
      write('faults.yaml', `upstream: http://a\n${'no_such_key: 1\n'.repeat(20)}`);
      write('page.html', page);
      write('lines.jsonl', line.repeat(5000));
    });

    for (const [what, args, reader] of [
      ['check', ['check', 'faults.yaml'], '| true'],
      ['schema', ['schema'], '| true'],
      ['schema --reference', ['schema', '--reference'], '| true'],
      ['rewrite', ['rewrite', ...marks], '<page.html | head -1 >/dev/null'],
      ['rewrite --jsonl', ['rewrite', '--jsonl', ...marks], '<lines.jsonl | head -c 200 >/dev/null'],
      ['--help', ['--help'], '| true'],
      ['serve --help', ['serve', '--help'], '| true'],
    ] as const) {
      it(`${what}: a reader that has gone ends it without a word`, async () => {
        const program = pipe(args, reader);
        await program.exit;
        expect(program.stderr()).to.equal('exit 141\n');
      });
    }

    it('simulate: the same after its crawl', async () => {
      const program = pipe(['simulate', '--lint', '--depth', '0', upstream.origin], '| true');
      await program.exit;
      expect(program.stderr()).to.equal('exit 141\n');
    });

    it('a full disk is told in one line', async () => {
      for (const args of [['schema'], ['check', 'faults.yaml'], ['rewrite', ...marks]]) {
        const program = pipe(args, '<page.html >/dev/full');
        await program.exit;
        expect(program.stderr(), args[0]).to.match(/^transid: the output cannot be written: ENOSPC[^\n]*\nexit 1\n$/);
      }
    });
  });

  it('a folder as standard input: exit 2 and one line', async () => {
    for (const args of [
      ['rewrite', '--url', 'http://app.test/', '--sid', 'abc'],
      ['rewrite', '--jsonl'],
      ['import-php-ini', '-'],
    ]) {
      const script = ['-c', '"$0" "$@" < .', process.execPath, ...cliCommand(args)];
      const program = startProgram('sh', script, { cwd: folder });
      runs.push(program);
      expect(await program.exit, args.join(' ')).to.equal(2);
      expect(program.stdout()).to.equal('');
      expect(program.stderr()).to.match(/^transid [a-z-]+: standard input is a folder\n/);
    }
  });

  it('--help names every command and exits with 0', async () => {
    const program = run(['--help']);
    expect(await program.exit).to.equal(0);
    for (const command of ['serve', 'check', 'explain', 'rewrite', 'simulate', 'import-php-ini', 'schema', 'demo']) {
      expect(program.stdout()).to.include(command);
    }
    expect(program.stdout()).to.include('--listen').and.to.include('--version');
  });

  it('demo serves the shop and says what to try', async () => {
    const program = run(['demo', '--port', '0']);
    const port = Number((await program.until(LISTENING))[1]);
    expect(program.stdout())
      .to.include('curl')
      .and.to.match(/cookies off/)
      .and.to.include(`npm run transid -- simulate http://127.0.0.1:${port}/`);
    const one = new PageClient({ origin: `http://127.0.0.1:${port}`, port, cookies: false });
    const page = await one.submit(await one.follow(await one.get('/'), 'Log in'), 'login.cgi', {
      values: { user: 'ada', password: 'tea' },
    });
    expect(page.byId('user')).to.equal('ada');
    expect((await one.follow(page, 'Home')).text).to.include('Logged in as <B>ada</B>');
    one.close();
    program.child.kill('SIGTERM');
    expect(await program.exit).to.equal(0);
  });
});
