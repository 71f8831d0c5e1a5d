/** What is kept of a page while it streams does not grow with it. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import { Rewriter } from '../../../src/html/rewriter.ts';
import { createHtmlScanner } from '../../../src/html/scan-html.ts';
import { createXmlScanner } from '../../../src/html/scan-xml.ts';
import { createHtmlMarker } from '../../../src/response/marker.ts';
import { Scope } from '../../../src/sid/scope.ts';
import { Sid } from '../../../src/sid/sid.ts';
import { DEFAULT_TAGS, SID_NAME, SID_TEXT } from '../../support/mark-page.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const MB = 1024 * 1024;
const sid = Sid.parse(SID_TEXT);
if (sid === null) throw new Error('the test SID is one of ours');

function createRewriter(syntax: 'html' | 'xhtml'): Rewriter {
  const documentUrl = 'http://shop.example/dir/page';
  const scope = new Scope({ origin: 'http://shop.example' });
  const session = {
    sid: sid as Sid,
    name: SID_NAME,
    carrier: 'query',
    scope,
    tags: DEFAULT_TAGS,
    forms: 'auto',
  } as const;
  const marker = createHtmlMarker({ documentUrl, session, vars: null, syntax });
  const createScanner = syntax === 'html' ? createHtmlScanner : createXmlScanner;
  return new Rewriter({ createScanner: (sink) => createScanner(marker.interest, sink), marker });
}

function heapAfter(rewriter: Rewriter, chunk: Buffer, count: number): number {
  for (let i = 0; i < count; i++) rewriter.write(chunk);
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

describe('marker: bounded memory', function () {
  this.timeout(60_000);

  for (const [syntax, before, unit] of [
    ['html', '<template>', '<form></form>'],
    ['html', '<template>', '<form id=f method=post></form>'],
    ['html', '', '<form id=f></form>'],
    ['html', '<form><select></form></select>', '<form>'],
    ['xhtml', '<template>', '<form></form>'],
    ['xhtml', '<template>', '<form>'],
    ['xhtml', '', '<form>'],
  ] as const) {
    it(`${before}${unit}${unit}… in ${syntax}`, () => {
      const rewriter = createRewriter(syntax);
      const chunk = Buffer.from(unit.repeat(4096));
      rewriter.write(Buffer.from(before));
      const early = heapAfter(rewriter, chunk, MB / chunk.length);
      const late = heapAfter(rewriter, chunk, (4 * MB) / chunk.length);
      expect((late - early) / MB).to.be.below(4);
      rewriter.end();
    });
  }
});
