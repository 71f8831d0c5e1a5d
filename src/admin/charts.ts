/**
 * Small charts as inline SVG, without scripts. Colours come from the page's style sheet by class, so that they follow the
 * light and the dark scheme.
 */

/** For text and attribute values of HTML and SVG. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

export interface Series {
  readonly label: string;
  /** A class of the style sheet. */
  readonly colour: string;
  /** Null where there is nothing to tell: a gap in a line, nothing in a stack. */
  readonly values: ReadonlyArray<number | null>;
}

/** Drawn twice, for a desk and for a phone; the style sheet shows one. Letters would shrink with a chart that is scaled. */
const WIDTHS = [
  ['desk', 1040],
  ['phone', 320],
] as const;
const HEIGHT = 180;
const LEFT = 46;
const RIGHT = 8;
const TOP = 8;
const BOTTOM = 22;

export interface ChartOptions {
  readonly title: string;
  /** For the scale on the left, such as `/s`. */
  readonly unit: string;
  /** At the left and the right end of the time axis. */
  readonly from: string;
  readonly to: string;
  /** Values on top of each other (parts of a whole), or each by itself. */
  readonly isStacked: boolean;
}

/** Values over time, all series of the same length. */
export function timeChart(series: readonly Series[], options: ChartOptions): string {
  const points = Math.max(...series.map(({ values }) => values.length), 0);
  if (points < 2) return `<p class="none">${escapeHtml(options.title)}: not enough yet, come back in a minute.</p>`;
  const legend = series.map(({ label, colour }) => `<li><i class="${colour}"></i>${escapeHtml(label)}</li>`).join('');
  const drawings = WIDTHS.map(([place, width]) => {
    const start = `<svg class="${place}" viewBox="0 0 ${width} ${HEIGHT}" role="img" aria-label="${escapeHtml(options.title)}">`;
    return `${start}${drawing(series, options, points, width)}</svg>`;
  });
  return `<figure>${drawings.join('')}<ul class="legend">${legend}</ul></figure>`;
}

function drawing(series: readonly Series[], options: ChartOptions, points: number, width: number): string {
  const layers = options.isStacked ? stacked(series) : [];
  const highest = options.isStacked ? layers.flatMap(({ high }) => high) : series.flatMap(({ values }) => values);
  const top = niceCeiling(Math.max(...highest.map((value) => value ?? 0)));
  const x = (index: number) => round(LEFT + ((width - LEFT - RIGHT) * index) / (points - 1));
  const y = (value: number) => round(TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / top));
  const shapes = series.map(({ colour, values }, index) => {
    const layer = layers[index];
    if (layer === undefined) return lines(values, colour, x, y);
    const line = layer.high.map((value, at) => `${x(at)},${y(value)}`);
    const back = layer.low.map((value, at) => `${x(at)},${y(value)}`).reverse();
    return `<polygon class="area ${colour}" points="${[...line, ...back].join(' ')}"/>`;
  });
  const scale = [0, top / 2, top].map(
    (value) =>
      `<line class="grid" x1="${LEFT}" x2="${width - RIGHT}" y1="${y(value)}" y2="${y(value)}"/>` +
      `<text x="${LEFT - 6}" y="${y(value) + 4}" text-anchor="end">${shortNumber(value)}${escapeHtml(options.unit)}</text>`,
  );
  const ends =
    `<text x="${LEFT}" y="${HEIGHT - 6}">${escapeHtml(options.from)}</text>` +
    `<text x="${width - RIGHT}" y="${HEIGHT - 6}" text-anchor="end">${escapeHtml(options.to)}</text>`;
  return `${scale.join('')}${shapes.join('')}${ends}`;
}

/** One line for each run of values; a value between two gaps is a dot. */
function lines(
  values: ReadonlyArray<number | null>,
  colour: string,
  x: (index: number) => number,
  y: (value: number) => number,
): string {
  const runs: string[][] = [[]];
  for (const [index, value] of values.entries()) {
    if (value === null) runs.push([]);
    else runs.at(-1)?.push(`${x(index)},${y(value)}`);
  }
  return runs
    .filter((run) => run.length > 0)
    .map(
      (run) => `<polyline class="line ${colour}" points="${(run.length === 1 ? [run[0], run[0]] : run).join(' ')}"/>`,
    )
    .join('');
}

function stacked(series: readonly Series[]): Array<{ low: number[]; high: number[] }> {
  let below = series[0]?.values.map(() => 0) ?? [];
  return series.map(({ values }) => {
    const low = below;
    below = values.map((value, index) => (value ?? 0) + (low[index] ?? 0));
    return { low, high: below };
  });
}

/** Named amounts as bars, largest first; `most` rows at most. */
export function bars(rows: ReadonlyArray<readonly [label: string, amount: number]>, most = 10): string {
  const shown = rows.filter(([, amount]) => amount > 0).slice(0, most);
  if (shown.length === 0) return '<p class="none">None so far.</p>';
  const largest = Math.max(...shown.map(([, amount]) => amount));
  const items = shown.map(([label, amount]) => {
    const share = Math.max(1, Math.round((amount / largest) * 100));
    return `<tr><th scope="row">${escapeHtml(label)}</th><td class="bar"><svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true"><rect class="accent" width="${share}" height="10"/></svg></td><td class="number">${shortNumber(amount)}</td></tr>`;
  });
  return `<table class="bars">${items.join('')}</table>`;
}

/** 1, 2 or 5 times a power of ten, not below `value`; 1 for 0. */
function niceCeiling(value: number): number {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= value) ?? 10;
  return step * power;
}

/** `1234567` → `1.2M`, at most three digits before the unit. */
export function shortNumber(value: number): string {
  if (!Number.isFinite(value)) return '–';
  for (const [unit, size] of [
    ['G', 1e9],
    ['M', 1e6],
    ['k', 1e3],
  ] as const) {
    if (Math.abs(value) >= size * 10 || (Math.abs(value) >= size && unit !== 'k'))
      return `${trimmed(value / size)}${unit}`;
  }
  return trimmed(value);
}

function trimmed(value: number): string {
  const digits = Math.abs(value) >= 100 || Number.isInteger(value) ? 0 : Math.abs(value) >= 1 ? 1 : 2;
  return String(Number(value.toFixed(digits)));
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
