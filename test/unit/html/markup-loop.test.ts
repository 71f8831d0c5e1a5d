import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect } from 'chai';
import { markupLoop } from '../../../src/html/markup-loop.ts';

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
    expect(markupLoop()).to.not.equal(null);
  });

  it('is done without where the runtime has no WebAssembly: the page is marked alike', () => {
    const marked = rewrite();
    expect(marked.match(/&amp;id=abc#x/g)).to.have.length(200);
    expect(rewrite('--jitless')).to.equal(marked);
  });
});
