/** The program in docs/library.md, run as it stands: it serves marked pages, and ends when it is told to. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { startProgram } from '../support/cli.ts';
import { SID } from '../support/proxy.ts';
import { startUpstream } from '../support/scripted-upstream.ts';

describe('the program in docs/library.md', () => {
  it('serves, and drains', async () => {
    const paper = readFileSync(new URL('../../docs/library.md', import.meta.url), 'utf8');
    const shown = /^```ts\n([\s\S]*?)^```$/m.exec(paper)?.[1] ?? '';
    const folder = mkdtempSync(join(tmpdir(), 'transid-library-'));
    const upstream = await startUpstream((_, response) => {
      response.writeHead(200, { 'content-type': 'text/html', 'set-cookie': 'a=1' }).end('<a href=/x>x</a>');
    });
    const file = join(folder, 'program.mts');
    const entry = new URL('../../src/index.ts', import.meta.url).href;
    writeFileSync(
      file,
      shown.replace("'transid'", `'${entry}'`).replace(':8080', ':0').replace('http://127.0.0.1:8000', upstream.origin),
    );
    const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
    const program = startProgram(process.execPath, ['--import', tsx, file]);
    try {
      const [origin] = await program.until(/http:\/\/127\.0\.0\.1:\d+/);
      expect(await (await fetch(origin)).text()).to.match(SID);
      program.child.kill('SIGTERM');
      expect(await program.exit).to.equal(0);
      expect(program.stdout()).to.include('"plan":"rewrite"');
    } finally {
      await program.stop();
      await upstream.close();
      rmSync(folder, { recursive: true });
    }
  });
});
