/** `transid simulate` in process: options, exit codes, formats. What it finds is tested with the simulator itself. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { simulateCommand } from '../../../src/cli/simulate.ts';
import { captureIo } from '../../support/capture-io.ts';

describe('transid simulate', () => {
  let server: Server;
  let origin: string;
  let folder: string;
  let fields: Record<string, string | string[] | undefined>;

  const run = async (...argv: string[]) => {
    const { io, out, err } = captureIo();
    const code = await simulateCommand(argv, io);
    return { code, out: out(), err: err() };
  };
  const file = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };

  before(async () => {
    server = createServer((request, response) => {
      fields = request.headers;
      const isKnown = request.headers.cookie !== undefined;
      if (request.url === '/account' && !isKnown) {
        response.writeHead(302, { location: '/login' }).end();
        return;
      }
      if (request.url !== '/app' && request.url !== '/login')
        response.writeHead(200, {
          'content-type': 'text/html',
          ...(isKnown ? {} : { 'set-cookie': 'visit=1; Path=/' }),
        });
      if (request.url === '/app') {
        response.writeHead(302, { location: 'app://callback' }).end();
        return;
      }
      if (request.url === '/login') {
        response.writeHead(302, { location: '/account' }).end();
        return;
      }
      if (request.url === '/shop') {
        response.end('<a href=/account>Account</a>');
        return;
      }
      if (request.url === '/moving') {
        response.end('<meta http-equiv=refresh content="0; url=/plain"><a href="/b?_sid=s1">B</a>');
        return;
      }
      if (request.url === '/plain') {
        response.end('<p>no session here</p>');
        return;
      }
      if (request.url === '/form') {
        response.end('<form action="/sent"><input name=pin><input name=price><input name=n></form>');
        return;
      }
      const page = '<a href="/b?_sid=s1">B</a><a href="/?_sid=s1">Home</a><script>fetch("/api/x")</script>';
      response.end(
        request.url?.startsWith('/lost') ? '<a href=/lost/2>2</a>' : `${isKnown ? '<b id=user>ada</b>' : ''}${page}`,
      );
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    folder = mkdtempSync(join(tmpdir(), 'simulate-'));
  });
  after(async () => {
    rmSync(folder, { recursive: true });
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  for (const [argv, message] of [
    [[], 'a URL or --script is needed'],
    [['a', 'b'], 'one URL, not 2'],
    [['ftp://x/'], "'ftp://x/' is no http(s) URL"],
    [['--cookies', 'maybe', 'x'], "--cookies is one of off, on, session-only, first-party, not 'maybe'"],
    [['--format', 'pdf', 'x'], '--format is one of text, json, junit, html'],
    [['--depth', '-1', 'x'], 'Option '],
    [['--depth', 'deep', 'x'], "--depth is a whole number, not 'deep'"],
    [['--max-pages', '0', 'x'], '--max-pages is at least 1'],
    [['--header', 'nonsense', 'x'], "--header 'nonsense' is not 'Name: value'"],
    [['--header', 'X: a\u0001b', 'x'], '--header: no control characters'],
    [['--user-agent', 'a\nb', 'x'], '--user-agent: no control characters'],
    [['--marker', '', 'x'], '--marker is empty'],
    [['--exclude', '', 'x'], '--exclude is empty'],
    [['--exclude', '(', 'x'], "--exclude '(' is no regular expression"],
    [['--no-such-option', 'x'], "Unknown option '--no-such-option'"],
    [['--compare', 'x'], '--compare needs --script'],
    [['--compare', '--cookies', 'on', '--script', 'x'], '--compare already runs with cookies on'],
    [['--lint', '--script', 'x'], '--lint with --script needs --crawl'],
    [['--crawl', 'x'], '--crawl needs --script and a URL'],
    [['--crawl', '--compare', '--script', 'x', 'y'], '--crawl and --compare exclude each other'],
    [['--script', '/no/such/file'], '/no/such/file cannot be read'],
    [['--robots', '/no/such/file', '127.0.0.1:1'], '/no/such/file cannot be read'],
    [['--output', '/no/such/folder/x', '127.0.0.1:1'], '/no/such/folder/x cannot be written'],
    [['--output', '/', '127.0.0.1:1'], '/ cannot be written'],
  ] as const) {
    it(`wrong usage, exit 2: ${argv.join(' ')}`, async () => {
      const { code, out, err } = await run(...argv);
      expect([code, out]).to.deep.equal([2, '']);
      expect(err).to.include(`transid simulate: ${message}`);
    });
  }

  it('a report with no place is told before the first visit', async () => {
    fields = {};
    const { code, err } = await run('--output', join(folder, 'none/report'), origin);
    expect([code, fields]).to.deep.equal([2, {}]);
    expect(err).to.match(/^transid simulate: [^\n]* cannot be written: [^\n]*\n$/);
  });

  it('a report that cannot be written whole: exit 1 and one line', async () => {
    const { code, err } = await run('--output', '/dev/full', origin);
    expect(code).to.equal(1);
    expect(err).to.match(/^transid simulate: \/dev\/full cannot be written: [^\n]*\n$/);
  });

  it('--help tells every option', async () => {
    const { code, out } = await run('--help');
    expect(code).to.equal(0);
    const source = readFileSync(new URL('../../../src/cli/simulate.ts', import.meta.url), 'utf8');
    const table = source.slice(source.indexOf('const OPTIONS'), source.indexOf('} as const'));
    const names = [...table.matchAll(/^ {2}'?([a-z-]+)'?: \{/gm)]
      .map(([, name]) => name ?? '')
      .filter((name) => name !== 'help');
    expect(names.length).to.be.above(20);
    for (const name of names) expect(out).to.match(new RegExp(`--(no-)?${name}\\b`));
  });

  it('crawls: exit 0 when the session is kept', async () => {
    const { code, out, err } = await run(origin);
    expect([code, err]).to.deep.equal([0, '']);
    expect(out).to.include('session kept 4, lost 0, nothing to lose 0').and.to.include('cookies off, 2 pages');
  });

  it('exit 1 when it is lost', async () => {
    const { code, out } = await run(`${origin}/lost/1`);
    expect(code).to.equal(1);
    expect(out).to.include('cookie').and.to.include('<a href="/lost/2">');
  });

  it('exit 1 when redirects never end without cookies, and 0 when they end with them', async () => {
    const { code, out } = await run(`${origin}/shop`);
    expect(code).to.equal(1);
    expect(out).to.include(`${origin}/shop:1:1  loop  <a href="/account"> Account`);
    expect(out).to.include('more than 20 redirects');
    expect((await run('--cookies', 'on', `${origin}/shop`)).code).to.equal(0);
  });

  it('exit 1 when the site cannot be reached', async () => {
    const { code, out, err } = await run('http://127.0.0.1:1/');
    expect([code, out, err]).to.deep.equal([
      1,
      '',
      'transid simulate: GET http://127.0.0.1:1/: connect ECONNREFUSED 127.0.0.1:1\n',
    ]);
  });

  it('exit 1 when the site redirects to what is no page', async () => {
    const { code, err } = await run(`${origin}/app`);
    expect(code).to.equal(1);
    expect(err).to.match(/\/app: redirect to 'app:', which is not loaded\n$/);
  });

  it('is the browser that the options ask for', async () => {
    await run(
      '--depth',
      '0',
      '--user-agent',
      'Lynx',
      '--header',
      'X-A: b',
      '--header',
      'X-B: \u20ac',
      '--no-fetch-metadata',
      '--robots',
      'ignore',
      origin,
    );
    expect(fields).to.include({ 'user-agent': 'Lynx', 'x-a': 'b', 'x-b': '\xe2\x82\xac' });
    expect(fields).to.not.have.property('sec-fetch-site');
    const { out } = await run('--cookies', 'on', '--marker', '#user', '--format', 'json', `${origin}/`);
    expect(JSON.parse(out) as { cookies: string; hasSession: boolean }).to.include({
      cookies: 'on',
      hasSession: false,
    });
  });

  for (const [userinfo, pair] of [
    ['ada:t%40a', 'ada:t@a'],
    ['ada:100%', 'ada:100%'],
    ['ada', 'ada:'],
  ] as const) {
    it(`sends user and password of the URL, ${userinfo}, and tells nobody`, async () => {
      const { out } = await run('--format', 'json', origin.replace('//', `//${userinfo}@`));
      expect(fields['authorization']).to.equal(`Basic ${Buffer.from(pair).toString('base64')}`);
      expect(out).to.include(`"start": "${origin}/"`).and.to.not.include('ada');
    });
  }

  for (const name of ['Authorization', 'authorization']) {
    it(`the ${name} of a --header takes the place of user and password of the URL`, async () => {
      const sent: string[] = [];
      server.once('request', ({ rawHeaders }: IncomingMessage) => sent.push(...rawHeaders));
      await run('--header', `${name}: Bearer x`, origin.replace('//', '//ada:tea@'));
      expect(sent.filter((_, at) => sent[at - 1]?.toLowerCase() === 'authorization')).to.deep.equal(['Bearer x']);
    });
  }

  it('takes a URL without a scheme, and rules for robots', async () => {
    const rules = file('robots.txt', 'User-agent: *\nDisallow: /b');
    const { out } = await run('--robots', rules, origin.replace('http://', ''));
    expect(out).to.include('not followed: 1 forbidden by robots.txt');
  });

  it('--lint lists what is not marked, of one page or after a crawl', async () => {
    const page = await run('--lint', '--depth', '0', origin);
    expect(page.code).to.equal(0);
    expect(page.out).to.include(`script 1: a URL in a script`).and.to.include('/api/x');
    const all = await run('--lint', origin);
    expect(all.out).to.include('session kept').and.to.include('(on 2 pages)');
  });

  it('a start that moves on by itself is judged, too', async () => {
    const { code, out } = await run('--depth', '0', `${origin}/moving`);
    expect(code).to.equal(1);
    expect(out)
      .to.include('lost 1')
      .and.to.match(/\/moving:1:1 {2}unmarked {2}<meta /);
  });

  it('--lint names the pages that it looked at', async () => {
    const moving = await run('--lint', '--depth', '0', `${origin}/moving`);
    expect(moving.code).to.equal(1);
    expect(moving.out).to.include(`1 things on ${origin}/moving and ${origin}/plain are not marked:`);
    expect((await run('--lint', '--depth', '0', `${origin}/plain`)).out).to.equal(
      `nothing on ${origin}/plain is left unmarked\n`,
    );
  });

  it('writes JUnit and HTML to a file', async () => {
    const path = join(folder, 'report.html');
    const { code, out } = await run('--format', 'html', '--output', path, origin);
    expect([code, out]).to.deep.equal([0, '']);
    expect(readFileSync(path, 'utf8')).to.include('<!doctype html>').and.to.include('<svg');
    expect((await run('--format', 'junit', origin)).out).to.match(/^<\?xml version="1\.0"/);
  });

  describe('colours and progress on a terminal', () => {
    const { NO_COLOR, TERM } = process.env;
    const set = (name: string, value: string | undefined): void => {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    };
    afterEach(() => {
      set('NO_COLOR', NO_COLOR);
      set('TERM', TERM);
    });
    for (const [noColor, term, isShown] of [
      [undefined, 'xterm', true],
      ['', 'xterm', true],
      ['1', 'xterm', false],
      [undefined, 'dumb', false],
    ] as const) {
      it(`NO_COLOR=${noColor} TERM=${term}: ${isShown ? 'shown' : 'left out'}`, async () => {
        set('NO_COLOR', noColor);
        set('TERM', term);
        const { io, out, err } = captureIo();
        for (const stream of [io.stdout, io.stderr]) Object.assign(stream, { isTTY: true });
        await simulateCommand([`${origin}/`], io);
        expect([out().includes('\u001b'), err().includes('\u001b')]).to.deep.equal([isShown, isShown]);
      });
    }
  });

  describe('--script', () => {
    const JOURNEY = 'name: Visit\nsteps:\n  - open: /\n  - follow: B\n  - expect: { selector: "#user" }\n';

    it('runs a journey: 1 when a step fails, 0 when none does', async () => {
      const script = file('visit.yaml', JOURNEY);
      const off = await run('--script', script, origin);
      expect(off.code).to.equal(1);
      expect(off.out).to.include('FAILED  expect selector ["#user"]').and.to.include("expected an element '#user'");
      const on = await run('--script', script, '--cookies', 'on', origin);
      expect(on.code).to.equal(0);
      expect(on.out).to.match(/^Visit {2}cookies on/);
    });

    it('has its start in the file, too', async () => {
      const { code } = await run('--cookies', 'on', '--script', file('start.yaml', `start: ${origin}\n${JOURNEY}`));
      expect(code).to.equal(0);
    });

    it('sends numbers as they are typed', async () => {
      const steps =
        '[{ open: /form }, { submit: { fields: { pin: 0042, price: 1.50, n: 2 } } }, { expect: { status: 200, url: "/sent?pin=0042&price=1.50&n=2" } }]';
      const { code, out } = await run('--script', file('form.yaml', steps), origin);
      expect(code, out).to.equal(0);
    });

    it('--crawl goes on from where the journey ends', async () => {
      const script = file('visit.yaml', JOURNEY);
      const { code, out } = await run(
        '--crawl',
        '--cookies',
        'on',
        '--marker',
        '#user',
        '--script',
        script,
        '--format',
        'json',
        origin,
      );
      expect(code).to.equal(0);
      const report = JSON.parse(out) as { hasSession: boolean; pages: Array<{ url: string }>; counts: object };
      expect(report.pages[0]?.url).to.equal(`${origin}/b`);
      expect(report.counts).to.deep.equal({ kept: 4, lost: 0, none: 0 });
      const failed = await run('--crawl', '--script', script, origin);
      expect([failed.code, failed.out]).to.deep.equal([1, '']);
      expect(failed.err).to.match(/^transid simulate: Visit, step 3: expected an element '#user'/);
    });

    it('--compare shows where the two part', async () => {
      const { code, out } = await run('--compare', '--script', file('visit.yaml', JOURNEY), origin);
      expect(code).to.equal(1);
      expect(out).to.include('first difference at step 3: outcome').and.to.include('cookies on: passed');
    });

    for (const [why, text, message] of [
      ['no YAML', 'a: [', 'broken.yaml: '],
      ['two documents', '[back]\n---\n[back]\n', 'broken.yaml: one document only'],
      ['no journey', 'steps: [{ opne: / }]', "broken, step 1: unknown action 'opne'; did you mean 'open'?"],
    ] as const) {
      it(`wrong usage, exit 2: ${why}`, async () => {
        const { code, err } = await run('--script', file('broken.yaml', text), origin);
        expect(code).to.equal(2);
        expect(err).to.include(message);
      });
    }
  });
});
