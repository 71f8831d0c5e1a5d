/** The watch of the configuration file; what a reload does is in test/e2e/reload.test.ts. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { watchConfig } from '../../../src/cli/reload.ts';
import { eventually } from '../../support/raw-http.ts';

describe('watch: true', () => {
  it('takes a change that came between the start and the first look', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'transid-watch-'));
    const file = join(folder, 'transid.yaml');
    const texts: string[] = [];
    const service = { reload: (text: string) => void texts.push(text), refuseReload: () => {} };
    writeFileSync(file, 'upstream: http://127.0.0.1:2\n');
    const stop = watchConfig({ file, text: 'upstream: http://127.0.0.1:1\n', isWatched: true, service });
    try {
      await eventually('the change is taken', () => texts.length > 0, 5000);
      expect(texts).to.deep.equal(['upstream: http://127.0.0.1:2\n']);
    } finally {
      stop();
      rmSync(folder, { recursive: true });
    }
  });
});
