/**
 * The log's way out: a stream whose reader may stall or leave, on a disk that may be full. The proxy serves on: lines that cannot
 * be written are lost, and their number is told when lines are written again. Stalled readers cost a bounded part of the memory.
 */
import type { Writable } from 'node:stream';

/** Where lines go: standard output, or a test's buffer. */
export interface LineSink {
  write(line: string): unknown;
}

/** What may wait for the reader, in characters: some thousand exchanges. */
const MAX_WAITING = 1024 * 1024;
/** For the last lines of a process. */
const LAST_LINES_MS = 1000;

export interface LineStreamOptions {
  readonly stream: Writable;
  /** Lines are written again, and so many were lost before. */
  readonly onLost: (lines: number) => void;
  /** Lines cannot be written, for this reason; once until they can be again. */
  readonly onFault: (code: string) => void;
}

export class LineStream implements LineSink {
  readonly #options: LineStreamOptions;
  #lost = 0;
  #isFaulty = false;

  constructor(options: LineStreamOptions) {
    this.#options = options;
    surviveFaults(options.stream);
  }

  write(line: string): void {
    if (this.#options.stream.writableLength > MAX_WAITING) this.#lost++;
    else this.#options.stream.write(line, this.#onWritten);
  }

  /** One function for all lines: the stream calls it for many at a time. */
  readonly #onWritten = (error?: Error | null): void => {
    if (error) {
      this.#lost++;
      if (!this.#isFaulty) this.#options.onFault('code' in error ? String(error.code) : error.name);
      this.#isFaulty = true;
      return;
    }
    if (this.#lost === 0 || this.#options.stream.writableLength > MAX_WAITING / 2) return;
    const lost = this.#lost;
    this.#lost = 0;
    this.#isFaulty = false;
    this.#options.onLost(lost);
  };
}

/** A fault of a stream without a listener would end the process. */
export function surviveFaults(stream: Writable): void {
  stream.off('error', ignore).on('error', ignore);
}

function ignore(): void {}

/** The process ends when all is done, and soon if all that is left are lines that nobody reads. */
export function endSoon(): void {
  setTimeout(() => process.exit(), LAST_LINES_MS).unref();
}
