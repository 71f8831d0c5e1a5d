/** Streams 1 GB of links through the rewriter and tells how much resident memory that added. Started by rewriter.ts. */
import { Rewriter } from '../src/html/rewriter.ts';
import { createHtmlScanner } from '../src/html/scan-html.ts';
import { INTEREST } from './engines/transid.ts';

const ROW = '<tr><td><a href="row.php?id=1">a link</a></td><td class="x">text</td><td><b>more</b> text</td></tr>\n';
const CHUNK = Buffer.from(ROW.repeat(Math.ceil(65536 / ROW.length)));
const TOTAL = 1024 * 1024 * 1024;
const PAIR = Buffer.from('&amp;PHPSESSID=a1b2c3d4e5f6g7h8i9j0k1l2m3');

function run(total: number, chunkBytes: number): { bytes: number; peak: number } {
  const marker = {
    startTag(
      tag: { attributeCount: number; attributes: { valueEnd: number }[] },
      edits: { insert(at: number, text: Buffer): void },
    ) {
      const value = tag.attributes[0];
      if (tag.attributeCount > 0 && value !== undefined) edits.insert(value.valueEnd, PAIR);
    },
    endTag() {},
    end() {},
  };
  const rewriter = new Rewriter({ createScanner: (sink) => createHtmlScanner(INTEREST, sink), marker });
  let bytes = 0;
  let peak = 0;
  let rounds = 0;
  // An odd chunk size, so that tags are cut everywhere.
  for (let given = 0; given < total; given += chunkBytes) {
    bytes += rewriter.write(CHUNK.subarray(0, chunkBytes)).length;
    if (++rounds % 256 === 0) peak = Math.max(peak, process.memoryUsage.rss());
  }
  bytes += rewriter.end().length;
  return { bytes, peak };
}

const CHUNK_BYTES = 65521;
run(TOTAL / 16, CHUNK_BYTES);
const before = process.memoryUsage.rss();
const { bytes, peak } = run(TOTAL, CHUNK_BYTES);
const mebibytes = (peak - before) / 1024 / 1024;
process.send?.(
  `\n1 GB in, ${(bytes / 1e9).toFixed(2)} GB out: ${mebibytes.toFixed(1)} MiB of resident memory added at most (goal: less than 32)`,
);
process.disconnect?.();
