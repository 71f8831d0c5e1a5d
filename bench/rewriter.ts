/**
 * The rewriter against other engines doing the same marking: `npm run bench [-- --rounds 7 --slice 60 --engines a,b]`.
 *
 * Each engine has a process of its own. In each round every page is given to every engine in turn, for a slice of time, and
 * ratios are taken within a round: on a shared machine absolute numbers drift, paired slices far less. What is measured is
 * the CPU time of the whole process (garbage collection and compiler threads too) from Buffers to Buffers. Streaming engines
 * get chunks of 64 KiB.
 *
 * parse5 SAX, the rewriting stream and the WebAssembly engines need `npm ci` in bench/engines, PHP needs php-cli; an engine
 * that is not there is left out and named.
 */
import { type ChildProcess, fork, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { HOSTILE_PAGES } from '../test/support/hostile-pages.ts';
import { type BenchPage, benchPages } from './pages.ts';
import type { Answer, Order } from './rewriter-worker.ts';

interface Engine {
  name: string;
  /** Null when the engine cannot be had or fails on this page. */
  measure(order: Order): Promise<Answer | null>;
  stop(): void;
}

/** The least that is asked of the mean over ordinary pages, and of single pages. */
const GOALS: Readonly<Record<string, { mean: number; page?: number }>> = {
  'htmlparser2 Tokenizer': { mean: 4, page: 3.5 },
  'transid, TypeScript loop': { mean: 1.3 },
  'lol-html': { mean: 14 },
  'html-rewriter-wasm': { mean: 14 },
  'parse5 tree': { mean: 35 },
  'parse5 SAX': { mean: 35 },
  'parse5 rewriting stream': { mean: 35 },
  PHP: { mean: 1 },
};
const PAGES_WITH_GOALS: ReadonlySet<string> = new Set(['login 8K', 'forum 60K', 'table 500K', 'script 1M']);

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    slice: { type: 'string', default: '60' },
    engines: { type: 'string', default: ['transid', 'transid, product marker', ...Object.keys(GOALS)].join(';') },
    hostile: { type: 'boolean', default: true },
    memory: { type: 'boolean', default: true },
  },
  allowNegative: true,
});

const HERE = fileURLToPath(new URL('.', import.meta.url));
/** Workers run what tsc makes of them: tsx adds calls of its own to every function, which costs up to a third. */
const COMPILED = join(HERE, '../node_modules/.cache/transid-bench');

function compile(): void {
  const tsc = join(HERE, '../node_modules/.bin/tsc');
  const { status } = spawnSync(tsc, ['-p', join(HERE, 'tsconfig.json')], { stdio: 'inherit' });
  if (status !== 0) process.exit(1);
}

function print(line = ''): void {
  process.stdout.write(`${line}\n`);
}

function nodeEngine(name: string): Engine {
  const child = fork(join(COMPILED, 'bench/rewriter-worker.js'), [name], { execArgv: [] });
  return {
    name,
    measure: (order) =>
      new Promise((resolve) => {
        child.once('message', (answer: Answer | { failure: string }) => {
          if ('failure' in answer) resolve(null);
          else resolve(answer);
        });
        child.send(order);
      }),
    stop: () => child.kill(),
  };
}

/** PHP's own C rewriter, timed inside php-cli. It takes whole files. */
function phpEngine(pages: readonly BenchPage[]): Engine {
  const folder = mkdtempSync(join(tmpdir(), 'transid-bench-'));
  const files = new Map(
    pages.map((page, i) => {
      const file = join(folder, `${i}.html`);
      writeFileSync(file, page.html);
      return [page.name, { file, bytes: page.html.length }];
    }),
  );
  const tags = 'url_rewriter.tags="a=href,area=href,frame=src,iframe=src,form="';
  const script = new URL('engines/php-rewriter.php', import.meta.url).pathname;
  const child: ChildProcess = spawn('php', ['-d', tags, script], { stdio: ['pipe', 'ignore', 'pipe'] });
  let isThere = true;
  let giveUp = (): void => {};
  child.on('error', () => {
    isThere = false;
    giveUp();
  });
  child.stdin?.on('error', () => {});
  // Both pipes exist, for they were asked for.
  const lines = createInterface({ input: child.stderr! });
  return {
    name: 'PHP',
    measure: ({ page, milliseconds }) =>
      new Promise((resolve) => {
        const found = files.get(page);
        if (!isThere || found === undefined) {
          resolve(null);
          return;
        }
        giveUp = () => resolve(null);
        lines.once('line', (line) => {
          const [cost, marks] = line.split(' ').map(Number);
          resolve(cost === undefined || Number.isNaN(cost) ? null : { cost, bytes: found.bytes, marks: marks ?? 0 });
        });
        child.stdin?.write(`${milliseconds} ${found.file}\n`);
      }),
    stop: () => {
      child.kill();
      rmSync(folder, { recursive: true });
    },
  };
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}

function geometricMean(numbers: readonly number[]): number {
  return Math.exp(numbers.reduce((sum, number) => sum + Math.log(number), 0) / numbers.length);
}

/** Results by engine and page, one answer a round; null where the engine failed. */
type Results = Map<string, Map<string, (Answer | null)[]>>;

async function measureAll(engines: readonly Engine[], pages: readonly BenchPage[]): Promise<Results> {
  const results: Results = new Map(engines.map(({ name }) => [name, new Map(pages.map((page) => [page.name, []]))]));
  const order = (page: BenchPage, milliseconds: number): Order => ({
    page: page.name,
    size: 0,
    chunkBytes: 65536,
    milliseconds,
  });
  // Every page once before any is measured, so that no page's shape is all that the compiler knows.
  for (const engine of engines) for (const page of pages) await engine.measure(order(page, 200));
  for (let round = 0; round < Number(options.rounds); round++) {
    for (const page of pages) {
      const shuffled = engines.map((engine) => ({ engine, key: Math.random() })).sort((a, b) => a.key - b.key);
      for (const { engine } of shuffled) {
        results
          .get(engine.name)
          ?.get(page.name)
          ?.push(await engine.measure(order(page, Number(options.slice))));
      }
    }
  }
  return results;
}

function row(name: string, cells: readonly string[]): string {
  return `| ${name.padEnd(26)} | ${cells.map((cell) => cell.padStart(12)).join(' | ')} |`;
}

/** Median over rounds of how many times faster we were than `name` on `page`; null if it failed. */
function ratioOn(results: Results, name: string, page: string): number | null {
  const ours = results.get('transid')?.get(page) ?? [];
  const theirs = results.get(name)?.get(page) ?? [];
  const ratios = theirs.flatMap((answer, i) => {
    const own = ours[i];
    return answer === null || own === null || own === undefined ? [] : [answer.cost / own.cost];
  });
  return ratios.length === 0 ? null : median(ratios);
}

function report(results: Results, pages: readonly BenchPage[]): void {
  print('\nMB per CPU second, median of the rounds');
  print(row('engine', [...pages.map(({ name }) => name), 'mean']));
  for (const [name, byPage] of results) {
    const speeds = pages.map((page) => {
      const answers = (byPage.get(page.name) ?? []).filter((answer) => answer !== null);
      return answers.length === 0 ? null : median(answers.map(({ bytes, cost }) => bytes / cost));
    });
    const ordinary = speeds.filter((speed, i) => speed !== null && pages[i]?.isOrdinary) as number[];
    print(row(name, [...speeds.map((speed) => speed?.toFixed(0) ?? '-'), geometricMean(ordinary).toFixed(0)]));
  }
  print('\nHow many times faster transid is (paired within each round, median); marks where they are not the same');
  print(row('against', [...pages.map(({ name }) => name), 'mean', 'goal']));
  for (const name of results.keys()) {
    if (name === 'transid') continue;
    const ratios = pages.map((page) => ratioOn(results, name, page.name));
    const ordinary = ratios.filter((ratio, i) => ratio !== null && pages[i]?.isOrdinary) as number[];
    const goal = GOALS[name];
    const cells = pages.map((page, i) => {
      const ratio = ratios[i];
      if (ratio === null || ratio === undefined) return 'failed';
      const [marks, own] = [name, 'transid'].map((engine) => results.get(engine)?.get(page.name)?.[0]?.marks);
      const isBelow = goal?.page !== undefined && PAGES_WITH_GOALS.has(page.name) && ratio < goal.page;
      return `${ratio.toFixed(2)}${isBelow ? ' !' : ''}${marks === own ? '' : ` (${marks}/${own})`}`;
    });
    const mean = geometricMean(ordinary);
    print(
      row(name, [...cells, mean.toFixed(2), goal === undefined ? '' : `${goal.mean}${mean < goal.mean ? ' !' : ''}`]),
    );
  }
}

/** Cost of 2 MB against 1 MB of each hostile page, in chunks of 64 KiB and of one byte. */
async function measureHostile(engine: Engine): Promise<void> {
  print('\nHostile pages: ms per MB, cost of 2 MB against 1 MB (goal: at most 2.2)');
  print(row('page', ['ms/MB', '64 KiB', 'ms/MB', '1 byte']));
  for (const { name } of HOSTILE_PAGES) {
    const cells: string[] = [];
    for (const chunkBytes of [65536, 1]) {
      const MB = 1024 * 1024;
      const [small, large]: [number[], number[]] = [[], []];
      // Some pages cost next to nothing: those are measured many times over.
      const milliseconds = chunkBytes === 1 ? 1 : 20;
      for (let round = 0; round < 5; round++) {
        for (const [size, costs] of [
          [MB, small],
          [2 * MB, large],
        ] as const) {
          costs.push((await engine.measure({ page: name, size, chunkBytes, milliseconds }))?.cost ?? Number.NaN);
        }
      }
      cells.push((Math.min(...small) / 1000).toFixed(1), (Math.min(...large) / Math.min(...small)).toFixed(2));
    }
    print(row(name, cells));
  }
}

/** Resident memory that 1 GB streamed through adds, in a process of its own. */
function measureMemory(): Promise<void> {
  return new Promise((resolve) => {
    const child = fork(join(COMPILED, 'bench/rewriter-memory.js'), [], { execArgv: [] });
    child.on('message', (line: string) => print(line));
    child.on('exit', () => resolve());
  });
}

async function main(): Promise<void> {
  compile();
  const pages = benchPages();
  const names = options.engines.split(';');
  const engines = names.map((name) => (name === 'PHP' ? phpEngine(pages) : nodeEngine(name)));
  print(`node ${process.version}, ${options.rounds} rounds, slices of ${options.slice} ms`);
  report(await measureAll(engines, pages), pages);
  const own = engines.find(({ name }) => name === 'transid');
  if (options.hostile && own !== undefined) await measureHostile(own);
  for (const engine of engines) engine.stop();
  if (options.memory) await measureMemory();
}

await main();
