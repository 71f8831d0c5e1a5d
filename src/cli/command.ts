/**
 * What a subcommand is given, and what it gives back; and how a command line is read and refused, the same in all of them.
 */
import { fstatSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { type ParseArgsConfig, parseArgs } from 'node:util';

export interface CommandIo {
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
}

/** Takes the arguments behind its name; resolves with the exit code. */
export type Command = (argv: string[], io: CommandIo) => Promise<number>;

/** Something is wrong with the command line: exit code 2. The message is for the one who typed it. */
export class UsageError extends Error {}

/** `parseArgs` of Node; what it has to complain of is a UsageError of one sentence. */
export function parseOptions<T extends ParseArgsConfig>(config: T): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    // The first sentence says what is wrong; the rest is about `--`.
    throw new UsageError(error.message.split('. ')[0]?.replace(/\n[\s\S]*/, '') ?? error.message);
  }
}

/** Standard input. A UsageError where it is a folder, which Node shows as an input that has ended. */
export function inputOf({ stdin }: CommandIo): Readable {
  if (stdin === process.stdin && isFolder(process.stdin.fd)) throw new UsageError('standard input is a folder');
  return stdin;
}

/** False for an input that is closed: reading it says so. */
function isFolder(fd: number): boolean {
  try {
    return fstatSync(fd).isDirectory();
  } catch (error) {
    if (error instanceof Error && 'code' in error) return false;
    throw error;
  }
}

/** Say what was wrong, then what is right. The exit code. */
export function refuseUsage(io: CommandIo, command: string, error: unknown, usage: string): 2 {
  if (!(error instanceof UsageError)) throw error;
  io.stderr.write(`${command}: ${error.message}\n\n${usage}`);
  return 2;
}
