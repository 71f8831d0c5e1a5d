/** Reports: nothing of a hostile page may break out of them, and each format is what its readers take. */
import { expect } from 'chai';
import { parseDocument } from 'htmlparser2';
import { type DefaultTreeAdapterTypes, parse } from 'parse5';
import {
  type CrawlReport,
  compare,
  formatHtml,
  formatJson,
  formatJunit,
  formatText,
  isClean,
  type JourneyReport,
  type LintReport,
  type Report,
} from '../../../src/simulator/index.ts';

const EVIL = `<script>alert("1")</script>'&\u0001]]>`;

const CRAWL: CrawlReport = {
  kind: 'crawl',
  start: 'http://shop/',
  cookies: 'off',
  marker: null,
  pages: [
    { id: 0, url: 'http://shop/', title: 'Home', status: 200, depth: 0, session: 'kept' },
    { id: 1, url: `http://shop/?${EVIL}`, title: EVIL, status: 200, depth: 1, session: 'lost' },
    { id: 2, url: 'http://shop/broken', title: '', status: 0, depth: 1, session: 'broken' },
  ],
  edges: [
    { from: 0, to: 1, outcome: 'lost' },
    { from: 0, to: 2, outcome: 'kept' },
    { from: 0, to: null, outcome: 'none' },
  ],
  lost: [
    {
      page: 'http://shop/',
      line: 3,
      column: 7,
      kind: 'link',
      element: `<a href="${EVIL}">`,
      text: EVIL,
      target: `http://shop/?${EVIL}`,
      reason: 'unmarked',
    },
  ],
  counts: { kept: 1, lost: 1, none: 1 },
  broken: [{ url: 'http://shop/broken', why: EVIL }],
  skipped: { robots: 1, excluded: 0, depth: 2, limit: 0 },
  lint: [],
  hasSession: true,
  durationMs: 1234,
};

function journey(cookies: 'off' | 'on', passed: boolean): JourneyReport {
  const step = { url: 'http://shop/', status: 200, title: 'Home', hasMarker: null, durationMs: 5 };
  return {
    kind: 'journey',
    name: 'Buy',
    start: null,
    cookies,
    passed,
    durationMs: 10,
    steps: [
      { ...step, number: 1, text: 'open /', outcome: 'passed', error: null },
      passed
        ? { ...step, number: 2, text: EVIL, outcome: 'passed', error: null }
        : { ...step, number: 2, text: EVIL, outcome: 'failed', error: EVIL },
      { ...step, number: 3, text: 'back', outcome: passed ? 'passed' : 'not run', error: null },
    ],
  };
}

const LINT: LintReport = {
  kind: 'lint',
  start: 'http://shop/',
  pages: 1,
  urls: ['http://shop/'],
  items: [
    {
      page: 'http://shop/',
      line: 1,
      column: 2,
      element: '<script>',
      place: 'script',
      url: EVIL,
      reason: 'script',
      pages: 1,
    },
  ],
};

const ALL: ReadonlyArray<readonly [string, Report]> = [
  ['crawl', CRAWL],
  ['journey', journey('off', false)],
  ['compare', compare(journey('off', false), journey('on', true))],
  ['lint', LINT],
];

describe('simulator reports', () => {
  for (const [name, report] of ALL) {
    it(`${name}: JSON is the report itself`, () => expect(JSON.parse(formatJson(report))).to.deep.equal(report));

    it(`${name}: HTML is one valid file without scripts and without anything from elsewhere`, () => {
      const errors: string[] = [];
      const html = formatHtml(report);
      const tree = parse(html, { onParseError: ({ code }) => errors.push(code) });
      expect(errors).to.deep.equal([]);
      const elements = [...walk(tree)];
      expect(elements.map((element) => element.tagName)).to.not.include('script');
      expect(
        elements.flatMap((element) => element.attrs.filter(({ name }) => name.startsWith('on') || name === 'src')),
      ).to.deep.equal([]);
      // What the page said is there, as text.
      expect(html).to.include('&#60;script&#62;alert');
    });

    it(`${name}: JUnit is well formed and counts right`, () => {
      const xml = formatJunit(report);
      expect(xml)
        .to.not.include('<script')
        .and.to.not.match(/[\u0000-\u0008]/);
      const suites = parseDocument(xml, { xmlMode: true }).children.flatMap((node) =>
        'children' in node ? node.children : [],
      );
      let failures = 0;
      for (const suite of suites) {
        if (!('attribs' in suite)) continue;
        const cases = suite.children.filter((node) => 'attribs' in node);
        expect(Number(suite.attribs['tests'])).to.equal(cases.length);
        failures += Number(suite.attribs['failures']);
      }
      expect(failures === 0).to.equal(isClean(report));
    });

    it(`${name}: text has colours only when asked`, () => {
      expect(formatText(report)).to.not.include('\u001b[');
      expect(formatText(report, { color: true })).to.include('\u001b[');
    });
  }

  it('as text: a crawl that saw no session says how to name it', () => {
    const none: CrawlReport = { ...CRAWL, lost: [], counts: { kept: 0, lost: 0, none: 3 } };
    const hint = 'No followed link told of a session: --sid-name tells';
    expect(formatText(none)).to.include(`nothing to lose 3\n${hint}`);
    expect(formatText(CRAWL)).to.not.include(hint);
  });

  it('the text of a crawl lists what was lost, where, and why', () => {
    const text = formatText(CRAWL);
    expect(text).to.include('http://shop/  cookies off, 2 pages in 1.2 s\n');
    expect(text).to.include('session kept 1, lost 1, nothing to lose 1\n');
    expect(text).to.include('not followed: 1 forbidden by robots.txt, 2 too deep\n');
    expect(text).to.include('unmarked 1: the attribute carries no SID\n');
    expect(text).to.include('http://shop/:3:7  unmarked  <a href=');
  });

  it('JUnit has a page that did not come, also where the session was lost on the way to it', () => {
    const [home, lost, broken] = CRAWL.pages;
    for (const session of ['broken', 'lost'] as const) {
      const text = formatJunit({ ...CRAWL, pages: [home!, lost!, { ...broken!, session }] });
      expect(text).to.include('tests="3" failures="2"').and.to.include('name="http://shop/broken"');
    }
  });

  it('no page can send control characters to a terminal', () => {
    const hostile = {
      ...CRAWL,
      lost: [{ ...CRAWL.lost[0]!, text: '\u001b]0;title\u0007', element: '<a href="\u001b[2J">' }],
    };
    expect(formatText(hostile)).to.not.match(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
  });

  it('the text of a comparison points at the first difference', () => {
    const text = formatText(compare(journey('off', false), journey('on', true)));
    expect(text).to.match(/^ {2}> +2 {2}<script>/m);
    expect(text).to.include('first difference at step 2: outcome\n');
  });

  for (const [why, report, clean] of [
    ['a lost link', CRAWL, false],
    ['none lost', { ...CRAWL, counts: { kept: 1, lost: 0, none: 0 } }, true],
    ['no marker on the first page', { ...CRAWL, counts: { kept: 1, lost: 0, none: 0 }, hasSession: false }, false],
    ['a journey that fails', journey('off', false), false],
    ['a journey that passes', journey('off', true), true],
    ['two that differ', compare(journey('off', false), journey('on', true)), false],
    ['two that fail alike', compare(journey('off', false), journey('on', false)), false],
    ['two that pass', compare(journey('off', true), journey('on', true)), true],
    ['a worklist', LINT, true],
  ] as const) {
    it(`${why}: ${clean ? 'fine' : 'exit 1'}`, () => expect(isClean(report)).to.equal(clean));
  }

  it('the map shows pages in columns by depth, in the colours of their verdicts', () => {
    const html = formatHtml(CRAWL);
    expect([...html.matchAll(/<rect x="(\d+)"[^>]*fill="(#\w+)"/g)].map(([, x, fill]) => `${x} ${fill}`)).to.deep.equal(
      ['10 #1a7f37', '260 #cf222e', '260 #9a6700'],
    );
    expect(html.match(/<path /g)?.length).to.equal(2);
  });
});

function* walk(node: DefaultTreeAdapterTypes.Node): Generator<DefaultTreeAdapterTypes.Element> {
  if ('tagName' in node) yield node;
  if ('childNodes' in node) for (const child of node.childNodes) yield* walk(child);
}
