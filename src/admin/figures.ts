/**
 * Numbers out of a metrics reading: sums, sums by label, quantiles. Pure.
 */
import type { MetricsReading } from '../observe/metrics.ts';

/** The sum over all labels; 0 when there is no such metric or no value. Not for histograms. */
export function total(reading: MetricsReading, name: string): number {
  return valuesOf(reading, name).reduce((sum, { value }) => sum + (Number.isFinite(value) ? value : 0), 0);
}

/** Sums by the value of one label, largest first. */
export function sumBy(
  reading: MetricsReading,
  name: string,
  label: string,
): Array<readonly [key: string, sum: number]> {
  const sums = new Map<string, number>();
  for (const { value, labels } of valuesOf(reading, name)) {
    const key = String(labels[label] ?? '');
    sums.set(key, (sums.get(key) ?? 0) + value);
  }
  return [...sums].sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0]));
}

/** The values whose label `label` is `key`, summed. */
export function sumWhere(reading: MetricsReading, name: string, label: string, key: string): number {
  return valuesOf(reading, name)
    .filter(({ labels }) => labels[label] === key)
    .reduce((sum, { value }) => sum + value, 0);
}

export interface Distribution {
  /** Cumulative counts by upper bound, ascending; the last bound is infinite. */
  readonly buckets: ReadonlyArray<readonly [upTo: number, count: number]>;
  readonly sum: number;
  readonly count: number;
}

/** A histogram, over all its labels. */
export function distribution(reading: MetricsReading, name: string): Distribution {
  const buckets = new Map<number, number>();
  let sum = 0;
  let count = 0;
  for (const { value, labels, metricName } of valuesOf(reading, name)) {
    if (metricName === `${name}_sum`) sum += value;
    else if (metricName === `${name}_count`) count += value;
    else if (metricName === `${name}_bucket`) {
      const upTo = labels['le'] === '+Inf' ? Number.POSITIVE_INFINITY : Number(labels['le']);
      buckets.set(upTo, (buckets.get(upTo) ?? 0) + value);
    }
  }
  return { buckets: [...buckets].sort((a, b) => a[0] - b[0]), sum, count };
}

/** What came between two readings of one histogram; a restart in between counts as a fresh start. */
export function since(before: Distribution, now: Distribution): Distribution {
  if (now.count < before.count) return now;
  const earlier = new Map(before.buckets);
  return {
    buckets: now.buckets.map(([upTo, count]) => [upTo, count - (earlier.get(upTo) ?? 0)]),
    sum: now.sum - before.sum,
    count: now.count - before.count,
  };
}

/** The bound below which `share` (0 to 1) of the values lie, interpolated as Prometheus does; null without values. */
export function quantile({ buckets, count }: Distribution, share: number): number | null {
  if (count === 0) return null;
  const rank = share * count;
  let lower = 0;
  let below = 0;
  for (const [upTo, cumulative] of buckets) {
    if (cumulative >= rank) {
      // Beyond the last finite bound nothing is known but that bound.
      if (upTo === Number.POSITIVE_INFINITY) return lower;
      const within = cumulative - below;
      return within === 0 ? upTo : lower + ((upTo - lower) * (rank - below)) / within;
    }
    lower = upTo;
    below = cumulative;
  }
  return lower;
}

function valuesOf(reading: MetricsReading, name: string): MetricsReading[number]['values'] {
  return reading.find((metric) => metric.name === name)?.values ?? [];
}
