/** What a stage around node:zlib promises: a chunk is done when its output is out. */
import type { TransformCallback } from 'node:stream';
import * as zlib from 'node:zlib';
import { expect } from 'chai';
import { Inflating, Inflation } from '../../../src/response/inflate.ts';
import { sleep } from '../../support/raw-http.ts';

class Inflate extends Inflating {
  isDone = false;

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.inflation = new Inflation(zlib.createInflateRaw(), this, () => {});
    this.inflation.write(chunk, () => {
      this.isDone = true;
      done();
    });
  }
}

describe('Inflation', () => {
  // By halves of what a stream of node:zlib puts out at once, until all buffers on the way are full.
  for (let length = 8_192; length <= 262_144; length += 8_192) {
    it(`of ${length} bytes that nobody reads yet: the chunk is done with the last of them`, async () => {
      const page = Buffer.alloc(length + 1, 'page ');
      const stage = new Inflate();
      stage.end(zlib.deflateRawSync(page));
      await sleep(5);
      const decoded: Buffer[] = [];
      for await (const chunk of stage) decoded.push(chunk as Buffer);
      expect(Buffer.concat(decoded).equals(page)).to.equal(true);
      expect(stage.isDone).to.equal(true);
    });
  }
});
