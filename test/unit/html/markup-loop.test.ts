import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { NEWLINE, NO_TEXT, SPACE, TEXT } from '../../../src/html/content-model.ts';
import { FORMATTING, INTEREST, LINK, PLAIN } from '../../../src/html/heed.ts';
import * as loop from '../../../src/html/markup-loop.ts';
import { END, MARKED, NUMBER_SHIFT, SELF_CLOSING, TEXT_SHIFT } from '../../../src/html/tag-log.ts';
import { TAG } from '../../../src/html/tag-names.ts';
import { LIMITS } from '../../../src/limits.ts';

const ROOT = join(import.meta.dirname, '../../..');
const REWRITE = ['src/cli/main.ts', 'rewrite', '--url', 'http://shop.example/a/b', '--name', 'id', '--sid', 'abc'];
/** Enough for the loop to be worth a call, and for its splice. */
const PAGE = Array.from({ length: 200 }, (_, i) => `<p>${i} <a href="/row?n=${i}#x">row</a>`).join('\n');

function rewrite(...flags: readonly string[]): string {
  const { stdout, stderr, status } = spawnSync(process.execPath, [...flags, '--import', 'tsx', ...REWRITE], {
    cwd: ROOT,
    input: PAGE,
    encoding: 'utf8',
  });
  expect(status, stderr).to.equal(0);
  return stdout;
}

describe('markupLoop', function () {
  this.timeout(20_000);

  it('is there on every version of Node that we support', () => {
    expect(loop.markupLoop()).to.not.equal(null);
  });

  it('is done without where the runtime has no WebAssembly: the page is marked alike', () => {
    const marked = rewrite();
    expect(marked.match(/&amp;id=abc#x/g)).to.have.length(200);
    expect(rewrite('--jitless')).to.equal(marked);
  });
});

/** What AssemblyScript has to say a second time, as it imports nothing: its name there, and the value that everybody else uses. */
const SAID_TWICE = {
  ...{ NO_TEXT, NEWLINE, SPACES: SPACE, TEXT },
  ...{ PLAIN, FORMATTING, INTEREST, LINK },
  ...{ NUMBER_SHIFT, TEXT_SHIFT, END, SELF_CLOSING, MARKED, TAG_A: TAG.a },
  FULL: loop.STOPPED_FULL,
  ...{ WHOLE: loop.WHOLE_TAG, IS_PLAIN: loop.PLAIN_LINK, IS_QUOTED: loop.QUOTED_LINK },
  ...{ RECORD_WORDS: loop.RECORD_WORDS, MAX_TAG_BYTES: LIMITS.maxTagBytes },
};

describe('markup-loop.as.ts: constants of other files', () => {
  const source = readFileSync(join(ROOT, 'src/html/markup-loop.as.ts'), 'utf8');
  for (const [name, value] of Object.entries(SAID_TWICE)) {
    it(`${name} is ${value}`, () => {
      expect(Number(new RegExp(`const ${name}: \\w+ = (\\w+);`).exec(source)?.[1])).to.equal(value);
    });
  }
});
