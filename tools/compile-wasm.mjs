/**
 * Compiles the AssemblyScript of the hot loop to `src/html/markup-loop.wasm.ts`, which holds the WebAssembly module as
 * text: nothing has to find a file at run time, and the sources run without a build. A part of `npm run build`; CI checks
 * that what is committed is up to date.
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { main } from 'assemblyscript/asc';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SOURCE = 'src/html/markup-loop.as.ts';
const TARGET = 'src/html/markup-loop.wasm.ts';
const LINE_CHARS = 100;

const OPTIONS = [
  ...['-O3', '--converge', '--noAssert', '--runtime', 'stub', '--enable', 'simd'],
  // Pages of 64 KiB: tables and results, input, edits and output.
  ...['--initialMemory', '11', '--maximumMemory', '11'],
];

let binary = null;
const { error, stderr } = await main([SOURCE, '--baseDir', ROOT, '--outFile', 'loop.wasm', ...OPTIONS], {
  writeFile: (name, contents) => {
    if (name.endsWith('loop.wasm')) binary = contents;
  },
});
if (error !== null || binary === null) {
  process.stderr.write(stderr.toString());
  process.exit(1);
}

const lines = Buffer.from(binary)
  .toString('base64')
  .match(new RegExp(`.{1,${LINE_CHARS}}`, 'g'));
writeFileSync(
  `${ROOT}${TARGET}`,
  `/** Generated from markup-loop.as.ts by \`npm run build\`: ${binary.length} bytes of WebAssembly. Do not edit. */
export const MARKUP_LOOP_WASM = Buffer.from(
  [
${lines.map((line) => `    '${line}',`).join('\n')}
  ].join(''),
  'base64',
);
`,
);
