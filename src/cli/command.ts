/** What a subcommand is given, and what it gives back. */
import type { Readable, Writable } from 'node:stream';

export interface CommandIo {
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
}

/** Takes the arguments behind its name; resolves with the exit code. */
export type Command = (argv: string[], io: CommandIo) => Promise<number>;
