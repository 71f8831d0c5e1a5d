/**
 * Streams for a command that keep what is written.
 */
import { PassThrough, Readable } from 'node:stream';
import type { CommandIo } from '../../src/cli/command.ts';

export interface CapturedIo {
  readonly io: CommandIo;
  /** What was written so far. */
  out(): string;
  err(): string;
}

export function captureIo(input = ''): CapturedIo {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const [out, err]: [string[], string[]] = [[], []];
  stdout.setEncoding('utf8').on('data', (text: string) => out.push(text));
  stderr.setEncoding('utf8').on('data', (text: string) => err.push(text));
  // What is written is there for a read at once; `data` comes a turn later.
  const rest = (stream: PassThrough, seen: string[]): string => seen.join('') + String(stream.read() ?? '');
  return {
    io: { stdin: Readable.from([input]), stdout, stderr },
    out: () => rest(stdout, out),
    err: () => rest(stderr, err),
  };
}
