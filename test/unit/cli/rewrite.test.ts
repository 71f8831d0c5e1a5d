/**
 * `transid rewrite`: options, streams and exit codes; the marking itself has its own tests.
 */

import { PassThrough, Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { expect } from 'chai';
import { rewriteCommand } from '../../../src/cli/rewrite.ts';
import { bytesOf, pageCases, readVectors, type ScannerCase, scannerFiles } from '../../support/php-vectors.ts';

interface Run {
  readonly code: number;
  readonly out: Buffer;
  readonly err: string;
}

async function run(argv: string[], input: string | Buffer | readonly Buffer[]): Promise<Run> {
  const stdin = Readable.from(
    typeof input === 'string' ? [Buffer.from(input)] : Buffer.isBuffer(input) ? [input] : input,
  );
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const [out, err] = [buffer(stdout), text(stderr)];
  const code = await rewriteCommand(argv, { stdin, stdout, stderr });
  stdout.end();
  stderr.end();
  return { code, out: await out, err: await err };
}

const PAGE = '<p>\n<a href="x?a=1#b">1</a>\n<a href="//other.example/">2</a><form action="f"><p></form>';
const HERE = ['--url', 'http://shop.example/a/page', '--sid', 'abc'];

describe('transid rewrite', () => {
  for (const [what, argv, page, want] of [
    ['marks as html', HERE, '<a href="x?a=1">', '<a href="x?a=1&amp;_sid=abc">'],
    ['takes a name', [...HERE, '--name', 'S'], '<a href="x">', '<a href="x?S=abc">'],
    ['takes tags', [...HERE, '--tags', 'img=src'], '<a href="x"><img src="y">', '<a href="x"><img src="y?_sid=abc">'],
    ['takes hosts', [...HERE, '--hosts', 'o.example'], '<a href="//o.example/">', '<a href="//o.example/?_sid=abc">'],
    ['takes a carrier', [...HERE, '--carrier', 'path-parameter'], '<a href="x">', '<a href="x;_sid=abc">'],
    ['takes a separator', [...HERE, '--arg-separator', ';'], '<a href="x?a">', '<a href="x?a;_sid=abc">'],
    [
      'puts on variables',
      [...HERE.slice(0, 2), '--var', 'l=e=n', '--url-rewriter-tags', 'a=href'],
      '<a href="x">',
      '<a href="x?l=e%3Dn">',
    ],
    ['marks as php', [...HERE, '--rewriter', 'php'], '<a href="x?a">.', '<a href="x?a&PHPSESSID=abc">.'],
    ['vetoes php', [...HERE, '--rewriter', 'php'], '<a href=" //e/">.', '<a href=" //e/">.'],
    [
      'does not veto exact php',
      [...HERE, '--rewriter', 'php', '--exact'],
      '<a href=" //e/">.',
      '<a href=" //e/?PHPSESSID=abc">.',
    ],
    [
      'takes a version of PHP',
      [...HERE, '--rewriter', 'php', '--exact', '--php-version', '8.4', '--hosts', 'h'],
      '<form action="//h/">.',
      '<form action="//h/"><input type="hidden" name="PHPSESSID" value="abc" />.',
    ],
    [
      'takes a Host',
      [...HERE, '--rewriter', 'php', '--exact', '--http-host', 'h:8'],
      '<form action="//h/">.',
      '<form action="//h/"><input type="hidden" name="PHPSESSID" value="abc" />.',
    ],
    [
      'reads XML',
      [...HERE, '--content-type', 'application/xhtml+xml'],
      '<a xmlns="http://www.w3.org/1999/xhtml" href="x?a"/>',
      '<a xmlns="http://www.w3.org/1999/xhtml" href="x?a&amp;_sid=abc"/>',
    ],
    ['leaves UTF-16 alone', [...HERE, '--content-type', 'text/html; charset=utf-16'], '<a href="x">', '<a href="x">'],
  ] as const) {
    it(what, async () => {
      const { out, code } = await run([...argv], page);
      expect(out.toString()).to.equal(want);
      expect(code).to.equal(what.startsWith('leaves') ? 1 : 0);
    });
  }

  it('gives the same for any chunks', async () => {
    const whole = await run(HERE, PAGE);
    const bytes = await run(
      HERE,
      [...Buffer.from(PAGE)].map((byte) => Buffer.of(byte)),
    );
    expect(bytes.out.toString()).to.equal(whole.out.toString());
  });

  it('explains each URL with line, column, element, attribute, URL, decision and reason', async () => {
    const { err, out } = await run([...HERE, '--explain'], PAGE);
    expect(err.split('\n')).to.deep.equal([
      '2:10\ta\thref\tx?a=1#b\tmark\tnavigation',
      '3:10\ta\thref\t//other.example/\tleave\tforeign-origin',
      '3:47\tform\taction\tf\tmark\thidden field',
      '',
    ]);
    expect(out.toString()).to.contain('_sid=abc');
  });

  it('shows bytes above ASCII as UTF-8 where they are that, else one by one; no control characters', async () => {
    const page = Buffer.concat([Buffer.from('<a href="é&copy;\x1b\u0085'), Buffer.of(0xe9), Buffer.from('">')]);
    const { err } = await run([...HERE, '--explain'], page);
    expect(err).to.equal('1:10\ta\thref\té\u{FFFD}\\x1b\\xc2\\x85\\xe9\tmark\tnavigation\n');
  });

  it('explains what PHP does and what the veto leaves out, at places of the page itself', async () => {
    const page = '<a href="x">1</a><a\nhref=" //e/">2</a><a href="mailto:m">3</a><form>.';
    const argv = ['--rewriter', 'php', '--explain', '--var', 'v=1', '--url-rewriter-tags', 'a=href'];
    const { err } = await run([...HERE, ...argv], page);
    expect(err.split('\n').filter((line) => line.endsWith('session') || !/variables$/.test(line))).to.deep.equal([
      '1:10\ta\thref\tx?v=1\tmark\tsession',
      '2:7\ta\thref\t //e/\tleave\tforeign-origin',
      '2:7\ta\thref\t //e/\tleave\tforeign-origin',
      '2:28\ta\thref\tmailto:m\tleave\tphp',
      '2:28\ta\thref\tmailto:m\tleave\tphp',
      '2:49\tform\t-\t\tmark\tsession',
      '',
    ]);
  });

  for (const [what, argv] of [
    ['an unknown option', [...HERE, '--colour']],
    ['an unknown rewriter', [...HERE, '--rewriter', 'perl']],
    ['no URL', ['--sid', 'abc']],
    ['no http URL', ['--url', 'mailto:x', '--sid', 'abc']],
    ['nothing to put on', HERE.slice(0, 2)],
    ['a SID that could not be one', [...HERE.slice(0, 2), '--sid', 'a"b']],
    ['--exact for html', [...HERE, '--exact']],
    ['--php-version for html', [...HERE, '--php-version', '8.4']],
    ['--http-host for html', [...HERE, '--rewriter', 'html', '--http-host', 'h']],
    ['a wrong carrier', [...HERE, '--carrier', 'pigeon']],
    ['a wrong version of PHP', [...HERE, '--rewriter', 'php', '--php-version', '9']],
    ['a type that is no page', [...HERE, '--content-type', 'image/png']],
    ['php for XML', [...HERE, '--rewriter', 'php', '--content-type', 'application/xhtml+xml']],
    ['a variable without a value', [...HERE, '--var', 'v']],
  ] as const) {
    it(`exit code 2: ${what}`, async () => {
      const { code, out, err } = await run([...argv], PAGE);
      expect(code).to.equal(2);
      expect(out).to.have.length(0);
      expect(err).to.match(/^transid rewrite: .+\nSee transid rewrite --help\.\n$/);
    });
  }

  for (const [option, value] of [
    ['--name', 'a b'],
    ['--tags', 'a'],
    ['--hosts', 'o.test,a b'],
    ['--url-rewriter-tags', 'a'],
    ['--url-rewriter-hosts', 'a b'],
    ['--arg-separator', ''],
    ['--carrier', 'pigeon'],
    ['--forms', 'pigeon'],
  ] as const) {
    it(`names the option that is wrong, not the key of a configuration: ${option}`, async () => {
      expect((await run([...HERE, option, value], PAGE)).err).to.match(new RegExp(`^transid rewrite: ${option}: .+\n`));
    });
  }

  it('--help tells of every option', async () => {
    const { code, out } = await run(['--help'], '');
    expect(code).to.equal(0);
    for (const name of ['explain', 'exact', 'jsonl', 'http-host', 'url-rewriter-hosts', 'php-version', 'carrier']) {
      expect(out.toString()).to.contain(`--${name}`);
    }
  });

  it('exit code 1 for a page with a tag beyond the limit, which leaves whole', async () => {
    const page = `<a href="x"><a title="${'t'.repeat(70_000)}"><a href="y">`;
    const { code, out, err } = await run(HERE, page);
    expect(code).to.equal(1);
    expect(err).to.contain('TAG_TOO_LONG');
    expect(out.toString()).to.equal(page.replace('"x"', '"x?_sid=abc"'));
  });

  it('--explain tells of a page that stays unmarked from where browsers differ', async () => {
    const page = '<a href="x"><select><svg></select><a href="y">';
    const { code, out, err } = await run([...HERE, '--explain'], page);
    expect(code).to.equal(0);
    expect(out.toString()).to.equal(page.replace('"x"', '"x?_sid=abc"'));
    expect(err).to.match(
      /\ntransid rewrite: the rest of the page stays unmarked: BROWSERS_DIFFER, browsers read .+\n$/,
    );
    expect((await run(HERE, page)).err).to.equal('');
  });

  it('says that a variable will do', async () => {
    expect((await run(HERE.slice(0, 2), PAGE)).err).to.include('--sid or --var is needed');
  });
});

describe('transid rewrite --jsonl', () => {
  const base64 = (page: string) => Buffer.from(page).toString('base64');

  it('answers each line, wrong ones with an error', async () => {
    const lines = [
      { id: 'a', html: base64('<a href="x">'), sid: 'abc', url: 'http://shop.example/' },
      {
        id: 7,
        html: base64('<a href="x">'),
        httpHost: null,
        exact: true,
        rewriter: 'php',
        vars: [['v', '1']],
        'url-rewriter-tags': 'a=href',
      },
      { id: 'c', html: base64('<a href="x">'), speed: 9 },
      { id: 'd', sid: 'abc', url: 'http://shop.example/' },
    ];
    const { code, out } = await run(['--jsonl'], `${lines.map((line) => JSON.stringify(line)).join('\n')}\n{\n`);
    const answers = out
      .toString()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(code).to.equal(1);
    expect(answers.map(({ id }) => id)).to.deep.equal(['a', 7, 'c', 'd', null]);
    expect(answers[0]?.['html']).to.equal(base64('<a href="x?_sid=abc">'));
    expect(answers[1]?.['html']).to.equal(base64('<a href="x?v=1">'));
    expect(answers.slice(2).map(({ error }) => error)).to.deep.equal([
      'unknown option speed',
      'html is the page in base64',
      'the line is no JSON object',
    ]);
  });

  for (const [given, want] of [
    [{ html: '!!!' }, 'html is not in base64'],
    [{ html: 'PGE+=x' }, 'html is not in base64'],
    [{ html: 'PGE+P' }, 'html is not in base64'],
    [{ html: '', sid: { b64: '?' } }, 'sid is not in base64'],
    [{ html: 'PGE+' }, null],
    [{ html: 'PGE-' }, null],
    [{ html: 'PA' }, null],
    [{ html: '' }, null],
  ] as const) {
    it(`${JSON.stringify(given)}: ${want ?? 'a page'}`, async () => {
      const { code, out } = await run(['--jsonl', ...HERE], `${JSON.stringify(given)}\n`);
      const { error = null } = JSON.parse(out.toString()) as { error?: string };
      expect([code, error]).to.deep.equal([want === null ? 0 : 1, want]);
    });
  }

  it("gives PHP's bytes for every recorded case in one run", async () => {
    const cases = [...scannerFiles().flatMap((file) => readVectors<ScannerCase>(file)), ...pageCases()];
    const lines = cases.map(({ id, scanner, vars, ini, httpHost, input, splits }) =>
      JSON.stringify({
        id,
        html: bytesOf(input).toString('base64'),
        ...(scanner === 'session' ? { name: vars[0]?.[0], sid: vars[0]?.[1] } : { vars }),
        tags: ini['session.trans_sid_tags'],
        hosts: ini['session.trans_sid_hosts'],
        'url-rewriter-tags': ini['url_rewriter.tags'],
        'url-rewriter-hosts': ini['url_rewriter.hosts'],
        'arg-separator': ini['arg_separator.output'],
        httpHost,
        splits,
      }),
    );
    const { code, out, err } = await run(['--jsonl', '--rewriter', 'php', '--exact'], `${lines.join('\n')}\n`);
    expect(err).to.equal('');
    expect(code).to.equal(0);
    const answers = out.toString().trimEnd().split('\n');
    expect(answers).to.have.length(cases.length);
    for (const [index, test] of cases.entries()) {
      const { id, html } = JSON.parse(answers[index] ?? '') as { id: string; html: string };
      expect(id).to.equal(test.id);
      if (html !== bytesOf(test.output).toString('base64')) expect.fail(`${id} differs`);
    }
  }).timeout(60_000);
});
