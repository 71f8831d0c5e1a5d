/**
 * The real command line as a child process, run from source, with everything that it says.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { endWithTests } from './left-programs.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const TSX = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
const ROOT = fileURLToPath(new URL('../../', import.meta.url));

export interface CliRun {
  readonly child: ChildProcess;
  stdout(): string;
  stderr(): string;
  /** The exit code, once all output is there; a string is the signal that ended it. */
  readonly exit: Promise<number | string>;
  /** Wait until stdout or stderr matches. Rejects when the process ends before, or after 20 s. */
  until(pattern: RegExp): Promise<RegExpExecArray>;
  /** End it if it still runs. */
  stop(): Promise<void>;
}

export interface CliOptions {
  readonly input?: string;
  readonly cwd?: string;
  /** A module of `test/support` that is loaded before the program, also in its workers. */
  readonly preload?: string;
  /** Beside those of this process. */
  readonly env?: NodeJS.ProcessEnv;
}

/** Start `transid …args`. `input` goes to its standard input, which is closed then. */
export function startCli(args: readonly string[], options: CliOptions = {}): CliRun {
  const child = spawn(process.execPath, cliCommand(args, options.preload), {
    cwd: options.cwd ?? ROOT,
    env: { ...process.env, ...options.env },
    stdio: 'pipe',
  });
  return watch(child, options.input ?? '');
}

/** What Node is given for `transid …args`. */
export function cliCommand(args: readonly string[], preload?: string): string[] {
  const before = preload === undefined ? [] : ['--import', new URL(preload, import.meta.url).href];
  return ['--import', TSX, ...before, MAIN, ...args];
}

/** The same for any program. */
export function startProgram(program: string, args: readonly string[], options: { cwd?: string } = {}): CliRun {
  return watch(spawn(program, args, { cwd: options.cwd ?? ROOT, stdio: 'pipe' }), '');
}

function watch(child: ChildProcess, input: string): CliRun {
  endWithTests(child);
  const said = { stdout: '', stderr: '' };
  const listeners = new Set<() => void>();
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (chunk: string) => {
      said[name] += chunk;
      for (const listener of listeners) listener();
    });
  }
  child.stdin?.on('error', () => {}); // A program that ends without reading its input is no fault.
  child.stdin?.end(input);
  const exit = new Promise<number | string>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(code ?? signal ?? 'unknown'));
  });
  const until = (pattern: RegExp) =>
    new Promise<RegExpExecArray>((resolve, reject) => {
      const fail = (why: string) =>
        reject(new Error(`${pattern} was not said: ${why}\n${said.stdout}\n${said.stderr}`));
      const timer = setTimeout(() => fail('20 s are over'), 20_000);
      const look = () => {
        const found = pattern.exec(said.stdout) ?? pattern.exec(said.stderr);
        if (found === null) return;
        clearTimeout(timer);
        listeners.delete(look);
        resolve(found);
      };
      listeners.add(look);
      exit.then(
        (code) => {
          look();
          clearTimeout(timer);
          fail(`exit ${code}`);
        },
        (error) => fail(String(error)),
      );
      look();
    });
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await exit;
  };
  return { child, stdout: () => said.stdout, stderr: () => said.stderr, exit, until, stop };
}
