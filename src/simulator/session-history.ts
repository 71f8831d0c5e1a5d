/** The documents that a tab has shown and can show again: HTML §7.4.1, "session history". */
import { SimulatorError } from './fault.ts';
import type { Snapshot } from './navigate.ts';

export interface HistoryEntry<Frame> {
  readonly snapshot: Snapshot;
  /** The snapshot's URL but for the fragment. */
  readonly url: string;
  readonly frames: readonly Frame[];
}

export class SessionHistory<Frame> {
  #entries: Array<HistoryEntry<Frame>> = [];
  #at = -1;

  /** Null before the first page. */
  get current(): HistoryEntry<Frame> | null {
    return this.#entries[this.#at] ?? null;
  }

  /** What was ahead is gone. */
  push(entry: HistoryEntry<Frame>): void {
    this.#entries = [...this.#entries.slice(0, this.#at + 1), entry];
    this.#at = this.#entries.length - 1;
  }

  /** Another entry in the place of one that is there. */
  replace(entry: HistoryEntry<Frame>, by: HistoryEntry<Frame>): void {
    this.#entries = this.#entries.map((each) => (each === entry ? by : each));
  }

  /** @throws SimulatorError NO_HISTORY. */
  move(by: number): HistoryEntry<Frame> {
    const entry = this.#entries[this.#at + by];
    if (entry === undefined)
      throw new SimulatorError('NO_HISTORY', `there is no page ${by < 0 ? 'before' : 'after'} this one`);
    this.#at += by;
    return entry;
  }
}
