/**
 * Readings of processes that come and go, so that sums over them never fall: a counter that falls is taken for a restart, and all
 * that it still holds for new.
 */
import { type MetricsReading, mergeReadings } from './metrics.ts';

export class Ledger {
  /** By process: what it said last. One that is silent now counts with that. */
  readonly #last = new Map<number, MetricsReading>();
  /** Of processes that ended: the counts that remain, merged at the next look. */
  #ended: MetricsReading[] = [];

  heard(process: number, reading: MetricsReading): void {
    this.#last.set(process, reading);
  }

  ended(process: number): void {
    const reading = this.#last.get(process);
    if (reading === undefined) return;
    this.#last.delete(process);
    this.#ended.push(reading.filter(({ type }) => type !== 'gauge'));
  }

  /** Together they are the sum over all processes there ever were, as far as was heard. */
  async readings(): Promise<MetricsReading[]> {
    if (this.#ended.length > 1) {
      // A copy: who ends meanwhile is added to the list itself.
      const several = [...this.#ended];
      const merged = await mergeReadings(several);
      // Others may have ended meanwhile, or another look has merged already.
      if (this.#ended[0] === several[0]) this.#ended = [merged, ...this.#ended.slice(several.length)];
    }
    return [...this.#last.values(), ...this.#ended];
  }
}
