/**
 * A scanner that also knows where in the whole page the bytes lie that it was given: for reports on a page, not for
 * pages that are served.
 */
import type { Scanner } from './scanner.ts';

export class PositionedScanner implements Scanner {
  readonly #scanner: Scanner;
  #settled = 0;
  /** Offset in the page of offset 0 of the bytes that are being scanned. */
  base = 0;

  constructor(scanner: Scanner) {
    this.#scanner = scanner;
  }

  get bailedOut(): Scanner['bailedOut'] {
    return this.#scanner.bailedOut;
  }

  scan(bytes: Buffer, from: number, to: number, isLast: boolean): number {
    this.base = this.#settled - from;
    const settled = this.#scanner.scan(bytes, from, to, isLast);
    this.#settled += settled - from;
    return settled;
  }
}
