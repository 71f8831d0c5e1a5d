/** The rewriter: what it gives out when, what it holds, and how it lets go. */
import { expect } from 'chai';
import type { DeferredInsert, Edits, PageMarker } from '../../../src/html/edits.ts';
import { Rewriter } from '../../../src/html/rewriter.ts';
import { createHtmlScanner } from '../../../src/html/scan-html.ts';
import type { StartTag } from '../../../src/html/scanner.ts';
import { LIMITS } from '../../../src/limits.ts';

const INTEREST = { startTags: new Set(['a', 'form', 'b']), endTags: new Set(['form']) };
const PAIR = Buffer.from('?s=1');
const FIELD = Buffer.from('<field>');

/** Puts a pair at the end of each link's first value, and a field behind each form that turns out to be `good`. */
class TestMarker implements PageMarker {
  readonly calls: string[] = [];
  private field: DeferredInsert | null = null;

  startTag(tag: StartTag, edits: Edits): void {
    this.calls.push(`<${tag.name}>`);
    if (tag.name === 'a' && tag.attributeCount > 0) edits.insert(tag.attributes[0]!.valueEnd, PAIR);
    if (tag.name === 'form') this.field = edits.defer(tag.end);
    if (tag.name === 'b') this.field?.settle(null);
  }

  endTag(name: string): void {
    this.calls.push(`</${name}>`);
    this.field?.settle(FIELD);
  }

  end(): void {
    this.calls.push('end');
  }
}

function rewriterWith(marker: PageMarker): Rewriter {
  return new Rewriter({ createScanner: (sink) => createHtmlScanner(INTEREST, sink), marker });
}

/** Output of each write and of the end, as text. */
function feed(chunks: readonly string[], marker: PageMarker = new TestMarker()): string[] {
  const rewriter = rewriterWith(marker);
  const output = chunks.map((chunk) => rewriter.write(Buffer.from(chunk, 'latin1')).toString('latin1'));
  output.push(rewriter.end().toString('latin1'));
  return output;
}

describe('Rewriter: what goes out when', () => {
  const rows: readonly (readonly [chunks: string[], want: string[]])[] = [
    [['plain text'], ['plain text', '']],
    [[''], ['', '']],
    [['x<a href=/1>y'], ['x<a href=/1?s=1>y', '']],
    [
      ['x<a hr', 'ef=/1', '>y'],
      ['x', '', '<a href=/1?s=1>y', ''],
    ],
    [
      ['text that ends in <', 'i>'],
      ['text that ends in ', '<i>', ''],
    ],
    // A tag of no interest is not held, however it is cut.
    [
      ['<img src="data:', 'xxxx', '">', '<a href=q>'],
      ['<img src="data:', 'xxxx', '">', '<a href=q?s=1>', ''],
    ],
    [
      ['<script>var a = "<a href=x>', ' and more </sc', 'ript><a href=x>'],
      ['<script>var a = "<a href=x>', ' and more ', '</script><a href=x?s=1>', ''],
    ],
    // The page ends within a tag.
    [['<a href=x'], ['', '<a href=x']],
  ];
  for (const [chunks, want] of rows) {
    it(JSON.stringify(chunks), () => expect(feed(chunks)).to.deep.equal(want));
  }

  it('hands back the very chunk when nothing is edited', () => {
    const rewriter = rewriterWith(new TestMarker());
    const chunk = Buffer.from('<p>text <i>and</i> tags');
    expect(rewriter.write(chunk)).to.equal(chunk);
    expect(rewriter.editCount).to.equal(0);
  });

  it('does not keep the chunk: it may be used again after the call', () => {
    const rewriter = rewriterWith(new TestMarker());
    const chunk = Buffer.from('x<a href=');
    const first = Buffer.from(rewriter.write(chunk));
    chunk.fill('?');
    const rest = Buffer.concat([first, rewriter.write(Buffer.from('/1>')), rewriter.end()]);
    expect(rest.toString()).to.equal('x<a href=/1?s=1>');
  });

  it('takes its output buffers from the source', () => {
    const taken: Buffer[] = [];
    const source = {
      take(size: number) {
        const buffer = Buffer.alloc(size + 100, '!');
        taken.push(buffer);
        return buffer;
      },
    };
    const rewriter = new Rewriter({
      createScanner: (sink) => createHtmlScanner(INTEREST, sink),
      marker: new TestMarker(),
      source,
    });
    const output = rewriter.write(Buffer.from('<a href=/1>'));
    expect(output.toString()).to.equal('<a href=/1?s=1>');
    expect(taken).to.have.length(1);
    expect(output.buffer).to.equal(taken[0]?.buffer);
  });

  it('tells the marker of the end once, after all tags', () => {
    const marker = new TestMarker();
    feed(['<a><form></fo', 'rm>'], marker);
    expect(marker.calls).to.deep.equal(['<a>', '<form>', '</form>', 'end']);
  });

  it('lets what the marker throws through', () => {
    const marker = new TestMarker();
    marker.startTag = () => {
      throw new Error('marker');
    };
    expect(() => feed(['<a>'], marker)).to.throw('marker');
  });

  it('refuses edits out of order, which would garble the page', () => {
    const marker = new TestMarker();
    marker.startTag = (tag, edits) => {
      edits.insert(tag.end, PAIR);
      edits.insert(tag.start, PAIR);
    };
    expect(() => feed(['<a>'], marker)).to.throw('ascending order');
  });

  it('replaces ranges', () => {
    const marker = new TestMarker();
    marker.startTag = (tag, edits) => {
      const { valueStart, valueEnd } = tag.attributes[0]!;
      edits.replace(valueStart, valueEnd, Buffer.from('/other'));
      edits.insert(tag.end, Buffer.alloc(0));
    };
    expect(feed(['1<a href=/x>2<a href="">3'], marker).join('')).to.equal('1<a href=/other>2<a href="/other">3');
  });
});

describe('Rewriter: deferred insertions', () => {
  it('holds from the place on until it is settled', () => {
    const chunks = ['1<form>2<a href=x>', '3', '</form>4'];
    expect(feed(chunks)).to.deep.equal(['1<form>', '', '<field>2<a href=x?s=1>3</form>4', '']);
  });

  it('costs nothing when it is settled in the same chunk', () => {
    expect(feed(['1<form>2</form>3'])).to.deep.equal(['1<form><field>2</form>3', '']);
    expect(feed(['1<form>2<b>3</form>4'])).to.deep.equal(['1<form>2<b>3</form>4', '']);
  });

  it('is settled with nothing at the end of the page', () => {
    expect(feed(['1<form>2', '3'])).to.deep.equal(['1<form>', '', '23']);
  });

  it('can be settled by the end of the page', () => {
    const marker = new TestMarker();
    let field: DeferredInsert | null = null;
    marker.startTag = (tag, edits) => {
      field = edits.defer(tag.start);
    };
    marker.end = () => field?.settle(FIELD);
    expect(feed(['1<a', '>2'], marker).join('')).to.equal('1<field><a>2');
    expect(feed(['1<a>'], marker).join('')).to.equal('1<field><a>');
  });

  it('keeps the order of several places, settled in any order', () => {
    const fields: DeferredInsert[] = [];
    const marker = new TestMarker();
    marker.startTag = (tag, edits) => {
      if (tag.name === 'a') fields.push(edits.defer(tag.end));
      if (tag.name === 'b') fields.pop()?.settle(Buffer.from(`[${fields.length}]`));
    };
    expect(feed(['<a>1<a>2', '<b>3', '<b>4'], marker).join('')).to.equal('<a>[0]1<a>[1]2<b>3<b>4');
  });

  const tooFar = 'x'.repeat(LIMITS.maxHeldFormBytes - '</form>'.length);
  const atLimit = tooFar.slice(1);
  for (const size of [1_000_000, 4096, 997]) {
    it(`waits the same distance in chunks of ${size} bytes`, () => {
      for (const [gap, field] of [
        [atLimit, '<field>'],
        [`${tooFar}${'y'.repeat(10)}`, ''],
      ] as const) {
        const page = `<form>${gap}</form>`;
        const chunks = page.match(new RegExp(`.{1,${size}}`, 'g')) ?? [];
        const output = feed(chunks);
        expect(output.join('')).to.equal(`<form>${field}${gap}</form>`);
      }
    });
  }

  it('never holds more than the limit and what it was given last', () => {
    const rewriter = rewriterWith(new TestMarker());
    rewriter.write(Buffer.from('<form>'));
    let most = 0;
    for (let i = 0; i < 200; i++) {
      rewriter.write(Buffer.alloc(1024, 'x'));
      most = Math.max(most, rewriter.heldBytes);
    }
    expect(most).to.be.within(60 * 1024, LIMITS.maxHeldFormBytes);
    expect(rewriter.heldBytes).to.equal(0);
  });
});

describe('Rewriter: bail out', () => {
  const long = `<a href="${'x'.repeat(LIMITS.maxTagBytes)}">`;
  for (const size of [10_000_000, 5000, 64]) {
    it(`TAG_TOO_LONG: releases all and passes the rest, in chunks of ${size} bytes`, () => {
      const page = `<a href=1><form>2${long}3<a href=4>5</form>`;
      const marker = new TestMarker();
      const rewriter = rewriterWith(marker);
      const output: Buffer[] = [];
      for (let i = 0; i < page.length; i += size) output.push(rewriter.write(Buffer.from(page.slice(i, i + size))));
      expect(rewriter.bailedOut).to.equal('TAG_TOO_LONG');
      expect(rewriter.heldBytes).to.equal(0);
      output.push(rewriter.end());
      expect(Buffer.concat(output).toString()).to.equal(page.replace('=1', '=1?s=1'));
      expect(marker.calls).to.deep.equal(['<a>', '<form>', 'end']);
    });
  }

  it('takes a tag of just the limit', () => {
    const page = `<a href="${'x'.repeat(LIMITS.maxTagBytes - '<a href="">'.length)}">`;
    expect(feed([page]).join('')).to.equal(page.replace('">', '?s=1">'));
    expect(feed([page.slice(0, -1), '>']).join('')).to.equal(page.replace('">', '?s=1">'));
  });

  it('does not give up on a long tag of no interest, such as an image within its URL', () => {
    const page = `<img src="data:image/png;base64,${'A'.repeat(300_000)}"><a href=1>`;
    expect(feed(page.match(/.{1,16384}/g) ?? []).join('')).to.equal(page.replace('=1', '=1?s=1'));
  });
});
