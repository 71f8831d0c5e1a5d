/**
 * The last hour of a few figures, for the charts of the dashboard: a ring of samples, taken at even intervals. Counters of a
 * process that was replaced start again: a figure that shrinks is taken as a fresh start.
 */
import { METRICS, type MetricsReading } from '../observe/metrics.ts';
import { type Distribution, distribution, since, sumBy, total } from './figures.ts';

export const SAMPLE_INTERVAL_MS = 10_000;
/** One hour. */
const MAX_SAMPLES = 360;

/** What happened in one interval. */
export interface Interval {
  readonly endMs: number;
  readonly durationMs: number;
  /** Exchanges by verdict. */
  readonly verdicts: ReadonlyMap<string, number>;
  readonly refusals: number;
  readonly upstream: Distribution;
}

interface Sample {
  readonly atMs: number;
  readonly verdicts: ReadonlyMap<string, number>;
  readonly refusals: number;
  readonly upstream: Distribution;
}

export class History {
  #samples: Sample[] = [];

  /** Take in a reading made at `atMs`. One that is not later than the last (the clock was set back) is passed over. */
  add(reading: MetricsReading, atMs: number): void {
    const last = this.#samples.at(-1);
    // A clock that stays behind for more than a sample or two would stop the charts: start again then.
    if (last !== undefined && last.atMs - atMs > 3 * SAMPLE_INTERVAL_MS) this.#samples = [];
    else if (last !== undefined && atMs <= last.atMs) return;
    this.#samples.push({
      atMs,
      verdicts: new Map(sumBy(reading, METRICS.exchanges.name, 'verdict')),
      refusals: total(reading, METRICS.refusals.name),
      upstream: distribution(reading, METRICS.upstreamSeconds.name),
    });
    if (this.#samples.length > MAX_SAMPLES + 1) this.#samples.shift();
  }

  /** The intervals between samples, oldest first. */
  intervals(): Interval[] {
    return this.#samples.slice(1).map((sample, index) => {
      // `slice(1)` shifts by one: the sample before stands at the same index.
      const before = this.#samples[index]!;
      return {
        endMs: sample.atMs,
        durationMs: sample.atMs - before.atMs,
        verdicts: new Map(
          [...sample.verdicts].map(([verdict, count]) => [verdict, growth(before.verdicts.get(verdict) ?? 0, count)]),
        ),
        refusals: growth(before.refusals, sample.refusals),
        upstream: since(before.upstream, sample.upstream),
      };
    });
  }
}

function growth(before: number, now: number): number {
  return now >= before ? now - before : now;
}
