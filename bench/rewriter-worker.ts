/** One engine of the rewriter's bench in a process of its own: measures when it is told to. */
import { HOSTILE_PAGES } from '../test/support/hostile-pages.ts';
import { benchPages } from './pages.ts';

type Rewrite = (chunks: readonly Buffer[]) => Buffer[] | Promise<Buffer[]>;

export interface Order {
  /** A page of the bench, or a hostile page of `size` bytes, which our own engine alone is given, its output dropped. */
  page: string;
  size: number;
  chunkBytes: number;
  /** For how long, in CPU time: on a busy machine a slice of wall time may hold little of that. */
  milliseconds: number;
}

export interface Answer {
  /** CPU microseconds for the page once, user and system, all threads. */
  cost: number;
  bytes: number;
  /** How often the SID stands in the output. */
  marks: number;
}

const ENGINES: Readonly<Record<string, () => Promise<Rewrite>>> = {
  transid: async () => (await import('./engines/transid.ts')).createRewrite('webassembly'),
  'transid, TypeScript loop': async () => (await import('./engines/transid.ts')).createRewrite('typescript'),
  'transid, product marker': async () => (await import('./engines/transid-product.ts')).rewrite,
  'transid, php rewriter': async () => (await import('./engines/transid-php.ts')).rewriteWithVeto,
  'transid, php without veto': async () => (await import('./engines/transid-php.ts')).rewriteExactly,
  'htmlparser2 Tokenizer': async () => (await import('./engines/htmlparser2-tokenizer.ts')).rewrite,
  'parse5 tree': async () => (await import('./engines/parse5.ts')).rewriteTree,
  'parse5 SAX': async () => (await import('./engines/parse5.ts')).createSax(),
  'parse5 rewriting stream': async () => (await import('./engines/parse5.ts')).createRewritingStream(),
  'lol-html': async () => (await import('./engines/lol-html.ts')).createLolHtml(),
  'html-rewriter-wasm': async () => (await import('./engines/lol-html.ts')).createHtmlRewriterWasm(),
};

function chunksOf(page: Buffer, size: number): Buffer[] {
  const chunks: Buffer[] = [];
  for (let i = 0; i < page.length; i += size) chunks.push(page.subarray(i, i + size));
  return chunks;
}

const pages = new Map(benchPages().map(({ name, html }) => [name, html]));

function pageOf({ page, size }: Order): Buffer {
  const known = pages.get(page);
  if (known !== undefined) return known;
  const hostile = HOSTILE_PAGES.find(({ name }) => name === page);
  if (hostile === undefined) throw new Error(`no such page: ${page}`);
  return Buffer.from(hostile.make(size), 'latin1');
}

async function measureHostile(order: Order): Promise<Answer> {
  const { stream } = await import('./engines/transid.ts');
  const page = pageOf(order);
  let count = 0;
  let spent = 0;
  const before = process.cpuUsage();
  do {
    stream(page, order.chunkBytes);
    count++;
    const { user, system } = process.cpuUsage(before);
    spent = user + system;
  } while (spent < order.milliseconds * 1000);
  return { cost: spent / count, bytes: page.length, marks: 0 };
}

async function measure(rewrite: Rewrite, order: Order): Promise<Answer> {
  if (order.size > 0) return measureHostile(order);
  const page = pageOf(order);
  const chunks = chunksOf(page, order.chunkBytes);
  let output: Buffer[] = [];
  let count = 0;
  let spent = 0;
  const before = process.cpuUsage();
  do {
    // Not one by one: asking for the time takes as long as a small page.
    for (let bytes = 0; bytes < 65536; bytes += page.length) {
      const result = rewrite(chunks);
      output = result instanceof Promise ? await result : result;
      count++;
    }
    const { user, system } = process.cpuUsage(before);
    spent = user + system;
  } while (spent < order.milliseconds * 1000);
  const text = Buffer.concat(output).toString('latin1');
  return {
    cost: spent / count,
    bytes: page.length,
    marks: text.split('a1b2c3d4e5f6g7h8i9j0k1l2m3').length - 1,
  };
}

const load = ENGINES[process.argv[2] ?? ''];
if (load === undefined || process.send === undefined) throw new Error('started by bench/rewriter.ts only');
let rewrite: Rewrite | null = null;
process.on('message', (order: Order) => {
  void (async () => {
    try {
      rewrite ??= await load();
      process.send?.(await measure(rewrite, order));
    } catch (error) {
      process.send?.({ failure: error instanceof Error ? error.message : String(error) });
    }
  })();
});
