/** What holds for every page, marked by anything, cut anywhere. */
import { expect } from 'chai';
import fc from 'fast-check';
import type { Edits, PageMarker } from '../../../src/html/edits.ts';
import { Rewriter } from '../../../src/html/rewriter.ts';
import { createHtmlScanner, type HtmlScannerOptions } from '../../../src/html/scan-html.ts';
import type { StartTag } from '../../../src/html/scanner.ts';
import { LIMITS } from '../../../src/limits.ts';
import { ENGINES, everyByte, ROUTE_INTEREST } from '../../support/tag-comparison.ts';
import { cutTagSoup, tagSoup } from '../../support/tag-soup.ts';

/** No generated page holds these bytes. */
const MARK = Buffer.from('\u00a7MARK\u00a7', 'latin1');
const FIELD = Buffer.from('\u00a7FIELD\u00a7', 'latin1');

/** Marks every first value, defers a field behind every form and settles it by what comes next. */
class EveryEdit implements PageMarker {
  private readonly open: ReturnType<Edits['defer']>[] = [];

  startTag(tag: StartTag, edits: Edits): void {
    if (tag.attributeCount > 0) edits.insert(tag.attributes[0]!.valueEnd, MARK);
    if (tag.name === 'form') this.open.push(edits.defer(tag.end));
    else if (tag.name === 'input') this.open.pop()?.settle(null);
    else if (tag.name === 'iframe') edits.insert(tag.end, FIELD);
  }

  endTag(): void {
    this.open.pop()?.settle(FIELD);
  }

  end(): void {
    for (const field of this.open) field.settle(FIELD);
  }
}

const NOTHING: PageMarker = { startTag() {}, endTag() {}, end() {} };

/** Every attribute is of interest here. */
const INTEREST = { startTags: ROUTE_INTEREST.startTags, endTags: ROUTE_INTEREST.endTags };

function rewrite(
  page: Buffer,
  cuts: readonly number[],
  marker: PageMarker,
  options: HtmlScannerOptions = {},
): { output: Buffer; maxHeldBytes: number } {
  const rewriter = new Rewriter({ createScanner: (sink) => createHtmlScanner(INTEREST, sink, options), marker });
  const output: Buffer[] = [];
  let maxHeldBytes = 0;
  let start = 0;
  for (const cut of [...cuts, page.length]) {
    // Copied, since the chunk itself may come back and is then filled with other bytes.
    const chunk = Buffer.from(page.subarray(start, cut));
    output.push(Buffer.from(rewriter.write(chunk)));
    chunk.fill('<');
    maxHeldBytes = Math.max(maxHeldBytes, rewriter.heldBytes);
    start = cut;
  }
  output.push(rewriter.end());
  return { output: Buffer.concat(output), maxHeldBytes };
}

const PLAN = { numRuns: 1500, seed: 20261121 };

describe('Rewriter: properties', function () {
  this.timeout(60_000);

  it('without edits gives the input back, any bytes, any cuts', () => {
    const bytes = fc.oneof(
      tagSoup(),
      fc.uint8Array({ maxLength: 200 }).map((all) => Buffer.from(all).toString('latin1')),
    );
    const check = fc.property(bytes, fc.nat(50), (text, step) => {
      const page = Buffer.from(text, 'latin1');
      const cuts = Array.from({ length: Math.floor(page.length / (step + 1)) }, (_, i) => (i + 1) * (step + 1));
      expect(rewrite(page, cuts, NOTHING).output.equals(page)).to.equal(true);
    });
    fc.assert(check, PLAN);
  });

  it('gives the same output however the page is cut', () => {
    const check = fc.property(cutTagSoup(), ({ page: text, cuts }) => {
      const page = Buffer.from(text, 'latin1');
      const whole = rewrite(page, [], new EveryEdit()).output;
      expect(rewrite(page, cuts, new EveryEdit()).output.equals(whole), 'cut').to.equal(true);
      expect(rewrite(page, everyByte(page), new EveryEdit()).output.equals(whole), 'byte by byte').to.equal(true);
    });
    fc.assert(check, PLAN);
  });

  it('gives the same output by either loop', () => {
    const check = fc.property(cutTagSoup(60), ({ page: text, cuts }) => {
      const page = Buffer.from(text, 'latin1');
      const [first, second] = ENGINES.map((engine) => rewrite(page, cuts, new EveryEdit(), { engine }).output);
      expect(first?.equals(second ?? page)).to.equal(true);
    });
    fc.assert(check, PLAN);
  });

  it('changes nothing but by its insertions', () => {
    const check = fc.property(cutTagSoup(), ({ page: text, cuts }) => {
      const page = Buffer.from(text, 'latin1');
      const output = rewrite(page, cuts, new EveryEdit()).output.toString('latin1');
      const without = output.replaceAll(MARK.toString('latin1'), '').replaceAll(FIELD.toString('latin1'), '');
      expect(without).to.equal(text);
    });
    fc.assert(check, PLAN);
  });

  it('holds no more than the limits allow', () => {
    const long = fc.tuple(tagSoup(), fc.integer({ min: 0, max: 200_000 }), tagSoup());
    const check = fc.property(long, ([before, length, after]) => {
      const page = Buffer.from(`${before}<form>${'x'.repeat(length)}${after}<a title="${'y'.repeat(length)}`, 'latin1');
      const cuts = Array.from({ length: Math.floor(page.length / 1024) }, (_, i) => (i + 1) * 1024);
      const { maxHeldBytes } = rewrite(page, cuts, new EveryEdit());
      expect(maxHeldBytes).to.be.at.most(LIMITS.maxHeldFormBytes + LIMITS.maxTagBytes);
    });
    fc.assert(check, { ...PLAN, numRuns: 40 });
  });
});
