/**
 * Loaded before the program: after SIGUSR2 what the program calls most fails at random, until the next SIGUSR2: the methods of strings,
 * arrays, maps, buffers and patterns throw before they have done anything. So an error comes up anywhere in its code.
 */
import { fileURLToPath } from 'node:url';

type Method = (this: unknown, ...args: unknown[]) => unknown;

const RATE = Number(process.env['FAULT_RATE'] ?? 0.001);
/** Where the program is; the files of these tests are not. */
const PROGRAM = fileURLToPath(new URL('../../src/', import.meta.url));
/** What tells of faults, the metrics among it, may not fail itself: nobody would hear of them. */
const TELLING = /\/src\/(?:observe|admin|cli)\//;

let isFaulty = false;
let isInjecting = false;
let seed = Number(process.env['FAULT_SEED'] ?? 1);
process.on('SIGUSR2', () => {
  isFaulty = !isFaulty;
  process.stderr.write(isFaulty ? 'builtins are faulty\n' : 'builtins are sound\n');
});

/** Between 0 and 1: a linear congruential generator, so that a seed tells which calls fail. */
function random(): number {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return seed / 2 ** 32;
}

/** Is the program the caller of the method, and not what is told of faults? */
function isOfProgram(): boolean {
  isInjecting = true;
  const stack = (new Error().stack ?? '').split('\n');
  const found = stack[3]?.includes(PROGRAM) === true && !TELLING.test(stack.slice(3).join('\n'));
  isInjecting = false;
  return found;
}

const BUILTINS: ReadonlyArray<readonly [object, readonly string[]]> = [
  [String.prototype, ['slice', 'indexOf', 'startsWith', 'endsWith', 'includes', 'split', 'toLowerCase', 'trim']],
  [Array.prototype, ['push', 'slice', 'map', 'filter', 'join', 'includes', 'some', 'flatMap', 'shift']],
  [Map.prototype, ['get', 'set', 'has', 'delete']],
  [Set.prototype, ['has', 'add', 'delete']],
  [RegExp.prototype, ['exec', 'test']],
  [Buffer.prototype, ['subarray', 'toString', 'indexOf', 'copy', 'latin1Slice']],
];

for (const [prototype, names] of BUILTINS) {
  for (const name of names) {
    const descriptor = Object.getOwnPropertyDescriptor(prototype, name);
    const method = descriptor?.value as Method | undefined;
    if (method === undefined) continue;
    const replacement: Method = function (...args) {
      if (isFaulty && !isInjecting && random() < RATE && isOfProgram()) throw new Error('injected');
      return Reflect.apply(method, this, args);
    };
    Object.defineProperty(prototype, name, { ...descriptor, value: replacement });
  }
}
