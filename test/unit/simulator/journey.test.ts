/** Journeys: what can be written, what each step does, and what a failure says. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { compare, type JourneyOptions, readJourney, runJourney, SimulatorError } from '../../../src/simulator/index.ts';

describe('simulator journey: what can be written', () => {
  for (const [why, value, message] of [
    ['no list', 'open: /', 'j: a journey is a list of steps, or has a list `steps`'],
    ['no steps', [], 'j: there are no steps'],
    ['unknown key', { stepps: [], steps: [] }, "j: unknown key 'stepps'; did you mean 'steps'?"],
    ['unknown action', [{ opne: '/' }], "j, step 1: unknown action 'opne'; did you mean 'open'?"],
    ['two actions', [{ open: '/', follow: 'x' }], 'j, step 1: a step has one action, not open and follow'],
    ['no action', [{}], 'j, step 1: a step has one action, not none'],
    ['a number', [1], 'j, step 1: a step is `action: argument`'],
    ['open nothing', [{ open: null }], 'j, step 1: `open` is a text'],
    [
      'a password',
      [{ open: 'http://ada:tea@app.test/' }],
      'j, step 1: user and password belong into the URL that `transid simulate` is given, not into the journey',
    ],
    ['follow by something', [{ follow: { txt: 'x' } }], "j, step 1: unknown key 'txt'; did you mean 'text'"],
    ['fill a text', ['back', { fill: 'x' }], 'j, step 2: fields are `name: value`'],
    ['fill an object', [{ fill: { a: { b: 1 } } }], "j, step 1: field 'a' is a text, a number, true, false or a list"],
    ['submit by something', [{ submit: { buton: 'x' } }], "j, step 1: unknown key 'buton'; did you mean 'button'"],
    ['upload nothing', [{ upload: {} }], 'j, step 1: `upload` names a file for each field'],
    ['follow nothing', [{ follow: {} }], 'j, step 1: `follow` says which link'],
    ['expect nothing', [{ expect: {} }], 'j, step 1: `expect` says what must be seen'],
    ['expect an empty text', [{ expect: '' }], 'j, step 1: `expect` says what must be seen'],
    ['expect no text of many', [{ expect: { text: [] } }], 'j, step 1: `text` says what it expects'],
    ['expect an empty selector', [{ expect: { no_selector: '' } }], 'j, step 1: `no_selector` says what it expects'],
    ['expect something', [{ expect: { txt: 'x' } }], "j, step 1: unknown key 'txt'; did you mean 'text'"],
    ['expect a status', [{ expect: { status: 'ok' } }], 'j, step 1: `status` is a number'],
    [
      'a start with a password',
      { start: 'http://ada:tea@app.test/', steps: ['back'] },
      'j: user and password belong into the URL that `transid simulate` is given, not into the journey',
    ],
    ['a start that is none', { start: 1, steps: ['back'] }, 'j: `start` is a URL'],
    [
      'a start without its scheme',
      { start: 'localhost:8080', steps: [{ open: '/' }] },
      "j: `start` is a URL with http:// or https://, not 'localhost:8080'",
    ],
    [
      'a start without a host',
      { start: 'http://', steps: ['back'] },
      "j: `start` is a URL with http:// or https://, not 'http://'",
    ],
  ] as const) {
    it(why, () => {
      expect(() => readJourney(value, 'j'))
        .to.throw(SimulatorError)
        .satisfies((error: SimulatorError) => error.code === 'BAD_JOURNEY' && error.message.startsWith(message));
    });
  }
});

describe('simulator journey: steps', () => {
  let server: Server;
  let origin: string;
  let folder: string;
  const run = (steps: unknown[], options: JourneyOptions = {}) =>
    runJourney(readJourney(steps, 'j'), { start: `${origin}/`, ...options });

  before(async () => {
    server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const cookie = /visit=(\d+)/.exec(request.headers.cookie ?? '')?.[1];
        response.writeHead(request.url === '/missing' ? 404 : 200, {
          'content-type': 'text/html',
          ...(cookie === undefined ? { 'set-cookie': 'visit=1' } : {}),
        });
        response.end(`<title>${request.url}</title><a href=/next>Next</a> ${cookie === undefined ? 'stranger' : '<b id=user>friend</b>'}
          <form method=post action=/sent enctype=multipart/form-data><input name=a><input type=checkbox name=c value=1><input type=file name=f><button>Go</button></form>
          ${request.url === '/frames' ? '<iframe name=inner src=/inner></iframe>' : ''}
          <pre>${Buffer.concat(chunks).toString('latin1').replace(/</g, '&lt;')}</pre>`);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    folder = mkdtempSync(join(tmpdir(), 'journey-'));
    writeFileSync(join(folder, 'note.txt'), 'hello');
  });
  after(async () => {
    rmSync(folder, { recursive: true });
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  for (const [why, steps] of [
    [
      'open, follow, back, forward, reload',
      [
        { open: '/' },
        { follow: 'Next' },
        'back',
        { expect: { url: '/' } },
        'forward',
        { expect: { url: '/next' } },
        'reload',
        { expect: { title: '/next' } },
      ],
    ],
    [
      'follow by selector or href',
      [
        { open: '/' },
        { follow: { selector: 'a[href$=next]' } },
        { follow: { href: '/next' } },
        { expect: { url: '*/next' } },
      ],
    ],
    [
      'relative open',
      [
        { open: '/dir/' },
        { open: 'page' },
        { expect: { url: '/dir/page' } },
        { open: '/top?x' },
        { expect: { url: '/top?x' } },
      ],
    ],
    ['go', [{ open: '/dir/' }, { go: 'x' }, { expect: { url: '/dir/x' } }]],
    [
      'fill, submit, upload',
      [
        { open: '/' },
        { fill: { a: 1, c: true } },
        { upload: { f: 'note.txt' } },
        { submit: 'Go' },
        { expect: { text: ['name="a" 1', 'filename="note.txt" Content-Type: text/plain hello'] } },
      ],
    ],
    ['submit without a button', [{ open: '/' }, 'submit', { expect: { url: '/sent' } }]],
    ['submit with fields', [{ open: '/' }, { submit: { fields: { a: 'x y' }, form: 'form' } }, { expect: 'x y' }]],
    [
      'a frame and back to the top',
      [
        { open: '/frames' },
        { frame: 'inner' },
        { expect: { title: '/inner' } },
        'top',
        { expect: { title: '/frames' } },
      ],
    ],
    [
      'status, no_text, selectors',
      [
        { open: '/missing' },
        { expect: { status: 404, no_text: 'friend', selector: ['form', 'a'], no_selector: '#user' } },
      ],
    ],
  ] as const) {
    it(why, async () => {
      const report = await run([...steps], { folder });
      expect(
        report.steps.filter((step) => step.error !== null).map((step) => `${step.number} ${step.error}`),
      ).to.deep.equal([]);
      expect(report.passed).to.equal(true);
    });
  }

  for (const [expectation, why] of [
    [{ text: 'friend' }, "expected text 'friend'; the page is '/' (200) at "],
    [{ no_text: 'stranger' }, "expected no text 'stranger'"],
    [{ status: 404 }, 'expected status 404'],
    [{ url: '/x*' }, 'expected URL /x*'],
    [{ selector: '#user' }, "expected an element '#user'"],
    [{ no_selector: 'form' }, "expected no element 'form'"],
    [{ title: 'x' }, "expected title 'x'"],
  ] as const) {
    it(`fails on ${JSON.stringify(expectation)}, and stops`, async () => {
      const report = await run([{ open: '/' }, { expect: expectation }, { follow: 'Next' }]);
      expect(report.passed).to.equal(false);
      expect(report.steps.map((step) => step.outcome)).to.deep.equal(['passed', 'failed', 'not run']);
      expect(report.steps[1]?.error?.startsWith(why), report.steps[1]?.error ?? '').to.equal(true);
    });
  }

  for (const [why, steps, error] of [
    ['nothing is open', [{ follow: 'x' }], 'no page is open: a journey begins with `open`'],
    ['a wrong link', [{ open: '/' }, { follow: 'Nxet' }], "no link 'Nxet'; did you mean 'Next'?"],
    ['a file that is not there', [{ open: '/' }, { upload: { f: 'none.txt' } }], "file 'none.txt' cannot be read"],
    [
      'a host that is not there',
      [{ open: 'http://127.0.0.1:1/' }],
      'GET http://127.0.0.1:1/: connect ECONNREFUSED 127.0.0.1:1',
    ],
  ] as const) {
    it(`fails when ${why}`, async () => {
      const report = await run([...steps], { folder });
      expect(report.steps.at(-1)?.error).to.equal(error);
    });
  }

  it('looks for a marker at each step', async () => {
    const report = await run([{ open: '/' }, { follow: 'Next' }], { marker: '#user', browser: { cookies: 'on' } });
    expect(report.steps.map((step) => step.hasMarker)).to.deep.equal([false, true]);
  });

  it('compares two browsers and shows the first difference', async () => {
    const steps = [{ open: '/' }, { follow: 'Next' }, { expect: 'friend' }, { follow: 'Next' }];
    const off = await run(steps);
    const on = await run(steps, { browser: { cookies: 'on' } });
    expect(compare(on, on).difference).to.equal(null);
    expect(compare(off, on).difference).to.deep.equal({
      step: 3,
      what: 'outcome',
      left: `failed: expected text 'friend'; the page is '/next' (200) at ${origin}/next`,
      right: 'passed',
    });
  });
});
