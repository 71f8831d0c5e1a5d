/**
 * Counters and histograms that cost a request a few map look-ups: plain numbers, which become prom-client's only when
 * someone reads. prom-client's own check and hash labels at every observation.
 */
import { Counter, type Histogram, type Registry } from 'prom-client';

/** What both need of a row of METRICS. */
export interface TallyEntry {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  readonly merge?: Merge;
}

/** How the readings of several processes become one. */
export type Merge = 'sum' | 'max' | 'min' | 'first';

interface Branch {
  readonly below: Map<string, Branch>;
  count: number;
}

/** One counter, by up to three labels; those that it does not have are ''. */
export class Tally {
  readonly #root: Branch = { below: new Map(), count: 0 };

  constructor(entry: TallyEntry, registry: Registry) {
    const root = this.#root;
    new Counter({
      name: entry.name,
      help: entry.help,
      labelNames: [...entry.labels],
      registers: [registry],
      aggregator: entry.merge ?? 'sum',
      collect() {
        this.reset();
        for (const [values, count] of leaves(root, entry.labels.length)) {
          this.inc(labelsOf(entry.labels, values), count);
        }
      },
    });
  }

  add(by: number, first = '', second = '', third = ''): void {
    const { below } = this.#root;
    const branch = below.get(first) ?? grow(below, first);
    if (second === '') {
      branch.count += by;
      return;
    }
    const twig = branch.below.get(second) ?? grow(branch.below, second);
    if (third === '') twig.count += by;
    else (twig.below.get(third) ?? grow(twig.below, third)).count += by;
  }

  /** For a counter without labels that is kept elsewhere. */
  set(count: number): void {
    (this.#root.below.get('') ?? grow(this.#root.below, '')).count = count;
  }
}

function grow(below: Map<string, Branch>, key: string): Branch {
  const branch = { below: new Map(), count: 0 };
  below.set(key, branch);
  return branch;
}

/** Label values and count of everything `depth` levels down; a counter without labels has its count one level down. */
function* leaves(branch: Branch, depth: number): Generator<readonly [values: readonly string[], count: number]> {
  for (const [key, child] of branch.below) {
    if (depth <= 1) yield [[key], child.count];
    else for (const [values, count] of leaves(child, depth - 1)) yield [[key, ...values], count];
  }
}

interface Buckets {
  /** One for each bound, and one for what is above all. */
  readonly counts: Float64Array;
  sum: number;
}

/** One histogram, with at most one label. */
export class Distribution {
  readonly #bounds: readonly number[];
  readonly #byLabel = new Map<string, Buckets>();

  constructor(entry: TallyEntry & { readonly buckets: readonly number[] }, registry: Registry) {
    this.#bounds = entry.buckets;
    const { name, help } = entry;
    const metric = {
      name,
      get: () => Promise.resolve({ name, help, type: 'histogram', values: this.#values(entry), aggregator: 'sum' }),
    };
    // A registry asks of a metric no more than this.
    registry.registerMetric(metric as unknown as Histogram);
    if (entry.labels.length === 0) this.#buckets('');
  }

  observe(value: number, label = ''): void {
    const buckets = this.#byLabel.get(label) ?? this.#buckets(label);
    const bounds = this.#bounds;
    let i = 0;
    // The index is below the length.
    while (i < bounds.length && value > bounds[i]!) i++;
    buckets.counts[i]! += 1;
    buckets.sum += value;
  }

  #buckets(label: string): Buckets {
    const buckets = { counts: new Float64Array(this.#bounds.length + 1), sum: 0 };
    this.#byLabel.set(label, buckets);
    return buckets;
  }

  #values({ name, labels }: TallyEntry): unknown[] {
    return [...this.#byLabel].flatMap(([label, { counts, sum }]) => {
      const own = labels.length === 0 ? {} : labelsOf(labels, [label]);
      let below = 0;
      const rows = [...this.#bounds, '+Inf'].map((le, i) => {
        below += counts[i] ?? 0;
        return { labels: { le, ...own }, value: below, metricName: `${name}_bucket` };
      });
      return [
        ...rows,
        { labels: own, value: sum, metricName: `${name}_sum` },
        { labels: own, value: below, metricName: `${name}_count` },
      ];
    });
  }
}

export function labelsOf(names: readonly string[], values: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name, index) => [name, values[index] ?? '']));
}
