/**
 * Time grows with the page and with nothing else.
 *
 * Measured in CPU time, which neighbours on the machine disturb, so a measurement that looks bad is taken again.
 */
import { expect } from 'chai';
import type { PageMarker } from '../../../src/html/edits.ts';
import { Rewriter } from '../../../src/html/rewriter.ts';
import { createHtmlScanner } from '../../../src/html/scan-html.ts';
import { Scope } from '../../../src/sid/scope.ts';
import {
  HOSTILE_FORMS,
  HOSTILE_PAGES,
  HOSTILE_PHP_FORMS,
  MORE_HOSTILE_PAGES,
  NEEDS_TREE,
} from '../../support/hostile-pages.ts';
import { type MarkPageOptions, markPage } from '../../support/mark-page.ts';
import { optionsOf, rewritePage } from '../../support/php-vectors.ts';
import { ROUTE_INTEREST } from '../../support/tag-comparison.ts';

const MARK = Buffer.from('?s=1');
const MARKER: PageMarker = {
  startTag(tag, edits) {
    if (tag.attributeCount > 0) edits.insert(tag.attributes[0]!.valueEnd, MARK);
  },
  endTag() {},
  end() {},
};

/** CPU microseconds to rewrite `page` in chunks of `chunkBytes`. */
function cost(page: Buffer, chunkBytes: number): number {
  const rewriter = new Rewriter({ createScanner: (sink) => createHtmlScanner(ROUTE_INTEREST, sink), marker: MARKER });
  const before = process.cpuUsage();
  for (let i = 0; i < page.length; i += chunkBytes) rewriter.write(page.subarray(i, i + chunkBytes));
  rewriter.end();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

function leastCost(page: Buffer, chunkBytes: number, tries: number): number {
  return Math.min(...Array.from({ length: tries }, () => cost(page, chunkBytes)));
}

/** A page as applications send it: some twenty bytes of text to each tag. */
function ordinaryPage(size: number): Buffer {
  const row = '<tr><td class="x">some text</td><td><a href="/row?id=1" title="a row">a link</a> and more</td></tr>\n';
  return Buffer.from(row.repeat(Math.ceil(size / row.length)));
}

const MB = 1024 * 1024;

/**
 * An ordinary page takes a millisecond a megabyte, since its tags need no tree. Pages that are made to need one at every tag
 * may take more, as long as it is linear; the next test says that it is.
 */
const MOST = { ordinaryWork: 15, treeAtEveryTag: 120 };

describe('html scanner and rewriter: linear time', function () {
  this.timeout(120_000);

  const ordinary = ordinaryPage(3 * MB);
  for (const { name, make } of [...HOSTILE_PAGES, ...MORE_HOSTILE_PAGES]) {
    const most = NEEDS_TREE.has(name) ? MOST.treeAtEveryTag : MOST.ordinaryWork;
    it(`3 MB of ${name} take less than ${most} times the time of an ordinary page`, () => {
      const page = Buffer.from(make(3 * MB), 'latin1');
      let ratio = Number.POSITIVE_INFINITY;
      for (let i = 0; i < 6 && ratio >= most; i++) {
        ratio = cost(page, 65536) / page.length / (cost(ordinary, 65536) / ordinary.length);
      }
      expect(ratio).to.be.below(most);
    });

    it(`twice as much of ${name} takes about twice the time, byte by byte`, () => {
      const pages = [MB / 16, MB / 8].map((size) => Buffer.from(make(size), 'latin1')) as [Buffer, Buffer];
      let ratio = Number.POSITIVE_INFINITY;
      for (let i = 0; i < 10 && ratio >= 3; i++) ratio = leastCost(pages[1], 1, 2) / leastCost(pages[0], 1, 2);
      // Quadratic would be 4.
      expect(ratio).to.be.below(3);
    });
  }
});

/** CPU microseconds to mark `page` in chunks of `chunkBytes`, as the product does. */
function markingCost(page: string, chunkBytes: number, options: MarkPageOptions = {}): number {
  const cuts = Array.from({ length: Math.ceil(page.length / chunkBytes) - 1 }, (_, i) => (i + 1) * chunkBytes);
  const before = process.cpuUsage();
  markPage(page, { ...options, cuts });
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

describe('marker: linear time', function () {
  this.timeout(120_000);

  const ordinary = ordinaryPage(MB).toString('latin1');
  // A form costs what some ten links do. What waits is bounded, so that to look at all of it for each tag would be no worse than
  // linear, but a thousand times.
  for (const { name, make } of HOSTILE_FORMS) {
    for (const chunkBytes of [MB, 65536, 1460]) {
      it(`${name} take less than 100 times the time of an ordinary page, in chunks of ${chunkBytes} bytes`, () => {
        const page = make(MB);
        let ratio = Number.POSITIVE_INFINITY;
        for (let i = 0; i < 6 && ratio >= 100; i++) {
          ratio = markingCost(page, chunkBytes) / page.length / (markingCost(ordinary, chunkBytes) / ordinary.length);
        }
        expect(ratio).to.be.below(100);
      });
    }
  }
});

const XHTML: MarkPageOptions = { syntax: 'xhtml' };

describe('marker: many edits in one value', function () {
  this.timeout(120_000);

  for (const options of [{ carrier: 'path-parameter' }, { argSeparator: ';' }] as const) {
    it(`take as long as in a hundred values: ${JSON.stringify(options)}`, () => {
      const page = (links: number) =>
        `<iframe srcdoc="${'<a href=x?y>'.repeat(links)}"></iframe>`.repeat(50_000 / links);
      let ratio = Number.POSITIVE_INFINITY;
      for (let i = 0; i < 6 && ratio >= 3; i++) {
        ratio = markingCost(page(5000), 65536, options) / markingCost(page(50), 65536, options);
      }
      expect(ratio).to.be.below(3);
    });
  }
});

describe('marker of XML: linear time', function () {
  this.timeout(120_000);

  // A Map of 900 is slower than one of two, five times in all; to copy it at each element was fifty times.
  it('what an element declares costs little at those within', () => {
    const declared = (count: number) => Array.from({ length: count }, (_, i) => ` xmlns:n${i}="u"`).join('');
    const page = (count: number) => `<b${declared(count)}>${'<b xmlns:q="u"/>'.repeat(20_000)}</b>`;
    let ratio = Number.POSITIVE_INFINITY;
    for (let i = 0; i < 6 && ratio >= 15; i++) {
      ratio = markingCost(page(900), 65536, XHTML) / markingCost(page(1), 65536, XHTML);
    }
    expect(ratio).to.be.below(15);
  });
});

/** CPU microseconds of the php rewriter with its veto. */
function phpCost(page: Buffer): number {
  const scope = new Scope({ origin: 'http://own.example' });
  const options = optionsOf(
    {
      scanner: 'session',
      vars: [['S', 'id']],
      ini: { 'session.trans_sid_tags': 'a=href,form=', 'session.trans_sid_hosts': 'own.example' },
      httpHost: 'own.example',
    },
    { documentUrl: 'http://own.example/dir/page', session: scope, variables: scope },
  );
  const cuts = Array.from({ length: Math.floor(page.length / 16384) }, (_, i) => (i + 1) * 16384);
  const before = process.cpuUsage();
  rewritePage(options, page, cuts);
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

describe('php rewriter: linear time', function () {
  this.timeout(240_000);

  for (const { name, make } of HOSTILE_PHP_FORMS) {
    it(`twice as much of ${name} takes about twice the time`, () => {
      const pages = [MB, 2 * MB].map((size) => Buffer.from(make(size), 'latin1')) as [Buffer, Buffer];
      let ratio = Number.POSITIVE_INFINITY;
      for (let i = 0; i < 4 && ratio >= 3; i++) ratio = phpCost(pages[1]) / phpCost(pages[0]);
      expect(ratio).to.be.below(3);
    });
  }
});
