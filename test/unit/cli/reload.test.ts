/** The watch of the configuration file; what a reload does is in test/e2e/reload.test.ts. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { watchConfig } from '../../../src/cli/reload.ts';
import { eventually, sleep } from '../../support/raw-http.ts';

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

describe('SIGHUP', () => {
  it('many in a moment are one reload, of what the file says after the last of them', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'transid-hup-'));
    const file = join(folder, 'transid.yaml');
    const texts: string[] = [];
    let finish = () => {};
    const service = {
      reload: (text: string) => {
        texts.push(text);
        return new Promise<void>((resolve) => {
          finish = resolve;
        });
      },
      refuseReload: () => {},
    };
    const write = (n: number) => writeFileSync(file, `upstream: http://127.0.0.1:${n}\n`);
    write(1);
    const stop = watchConfig({ file, text: readFileSync(file, 'utf8'), isWatched: false, service });
    try {
      for (let n = 1; n <= 100; n++) {
        write(n);
        process.emit('SIGHUP');
      }
      await eventually('it began', () => texts.length > 0);
      expect(texts).to.deep.equal(['upstream: http://127.0.0.1:100\n']);
      // While it is under way others wait together for its end.
      for (let n = 101; n <= 103; n++) {
        write(n);
        process.emit('SIGHUP');
      }
      await sleep(50);
      expect(texts).to.have.lengthOf(1);
      finish();
      await eventually('the next one began', () => texts.length > 1);
      finish();
      await sleep(50);
      expect(texts.slice(1)).to.deep.equal(['upstream: http://127.0.0.1:103\n']);
    } finally {
      stop();
      rmSync(folder, { recursive: true });
    }
  });
});
