import { expect } from 'chai';
import { bars, escapeHtml, shortNumber, timeChart } from '../../../src/admin/charts.ts';
import { distribution, quantile, since, sumBy, sumWhere, total } from '../../../src/admin/figures.ts';
import { History } from '../../../src/admin/history.ts';
import { METRICS, type MetricsReading } from '../../../src/observe/metrics.ts';

const reading = (name: string, values: MetricsReading[number]['values'], type = 'counter'): MetricsReading => [
  { name, help: 'x', type, values },
];
const counts = reading('c', [
  { value: 3, labels: { a: 'x', b: '1' } },
  { value: 4, labels: { a: 'y', b: '1' } },
  { value: 5, labels: { a: 'x', b: '2' } },
]);
const seconds = (name: string, below: readonly number[], sum: number): MetricsReading =>
  reading(
    name,
    [
      ...[0.1, 1].map((le, index) => ({ value: below[index]!, labels: { le }, metricName: `${name}_bucket` })),
      { value: below[2]!, labels: { le: '+Inf' }, metricName: `${name}_bucket` },
      { value: sum, labels: {}, metricName: `${name}_sum` },
      { value: below[2]!, labels: {}, metricName: `${name}_count` },
    ],
    'histogram',
  );

describe('admin: figures', () => {
  it('sums', () => {
    expect(total(counts, 'c')).to.equal(12);
    expect(total(counts, 'nothing')).to.equal(0);
    expect(sumBy(counts, 'c', 'a')).to.deep.equal([
      ['x', 8],
      ['y', 4],
    ]);
    expect(sumWhere(counts, 'c', 'b', '1')).to.equal(7);
  });

  it('quantiles are interpolated, and say nothing beyond the last bound', () => {
    const values = distribution(seconds('h', [50, 90, 100], 30), 'h');
    expect(values.count).to.equal(100);
    expect(quantile(values, 0.25)).to.equal(0.05);
    expect(quantile(values, 0.7)).to.be.closeTo(0.55, 1e-9);
    expect(quantile(values, 0.99)).to.equal(1);
    expect(quantile(distribution([], 'h'), 0.5)).to.equal(null);
  });

  it('what came in between; a restart is a fresh start', () => {
    const [before, now] = [
      distribution(seconds('h', [5, 9, 10], 3), 'h'),
      distribution(seconds('h', [6, 12, 14], 8), 'h'),
    ];
    expect(since(before, now)).to.deep.equal({
      buckets: [
        [0.1, 1],
        [1, 3],
        [Number.POSITIVE_INFINITY, 4],
      ],
      sum: 5,
      count: 4,
    });
    expect(since(now, before)).to.equal(before);
  });

  it('an hour is kept, and a counter that shrinks starts again', () => {
    const history = new History();
    const exchanges = (value: number) => reading(METRICS.exchanges.name, [{ value, labels: { verdict: 'accepts' } }]);
    for (const [index, value] of [10, 30, 5].entries()) history.add(exchanges(value), index * 10_000);
    expect(history.intervals().map(({ verdicts, durationMs }) => [verdicts.get('accepts'), durationMs])).to.deep.equal([
      [20, 10_000],
      [5, 10_000],
    ]);
    history.add(exchanges(6), 20_000);
    expect(history.intervals()).to.have.length(2);
    for (let index = 3; index < 1000; index++) history.add(exchanges(index), index * 10_000);
    expect(history.intervals()).to.have.length(360);
    expect(history.intervals().at(-1)?.endMs).to.equal(9_990_000);
    history.add(exchanges(1), 1_000_000);
    expect(history.intervals(), 'a clock that was set back').to.have.length(0);
  });
});

describe('admin: charts', () => {
  for (const [value, text] of [
    [0, '0'],
    [0.1234, '0.12'],
    [9.96, '10'],
    [12.34, '12.3'],
    [999, '999'],
    [1234, '1234'],
    [12_345, '12.3k'],
    [1_500_000, '1.5M'],
    [2_340_000_000, '2.3G'],
    [Number.NaN, '–'],
  ] as const) {
    it(`${value} → ${text}`, () => expect(shortNumber(value)).to.equal(text));
  }

  it('text is escaped', () => {
    expect(escapeHtml(`<a href="x" title='y'>&`)).to.equal('&#60;a href=&#34;x&#34; title=&#39;y&#39;&#62;&#38;');
    expect(bars([['<script>', 1]]))
      .to.include('&#60;script&#62;')
      .and.to.not.include('<script>');
  });

  it('bars: largest amount is the whole width, zeros are left out', () => {
    const html = bars([
      ['a', 200],
      ['b', 50],
      ['c', 0],
    ]);
    expect([...html.matchAll(/<rect class="accent" width="(\d+)"/g)].map((match) => match[1])).to.deep.equal([
      '100',
      '25',
    ]);
    expect(bars([])).to.include('None so far');
  });

  it('stacked series end at their sum', () => {
    const options = { title: 't', unit: '', from: 'a', to: 'b', isStacked: true };
    const svg = timeChart(
      [
        { label: 'x', colour: 'v-x', values: [4, 4] },
        { label: 'y', colour: 'v-y', values: [6, 6] },
      ],
      options,
    );
    // 10 is the top of the scale and so at the upper edge, 4 at 40 % of the height.
    expect(svg).to.include('<polygon class="area v-x" points="46,98 312,98 312,158 46,158"/>');
    expect(svg).to.include('<polygon class="area v-y" points="46,8 312,8 312,98 46,98"/>');
    expect(svg.match(/<svg /g)).to.have.length(2);
    expect(timeChart([{ label: 'x', colour: 'v-x', values: [1] }], options)).to.include('not enough yet');
  });

  it('a line has a gap where nothing is known, and a dot between two gaps', () => {
    const options = { title: 't', unit: 'ms', from: 'a', to: 'b', isStacked: false };
    const svg = timeChart([{ label: 'x', colour: 'v-x', values: [1, 1, null, 1, null] }], options);
    const phone = svg.slice(svg.indexOf('class="phone"'));
    expect([...phone.matchAll(/points="([^"]*)"/g)].map((match) => match[1])).to.deep.equal([
      '46,8 112.5,8',
      '245.5,8 245.5,8',
    ]);
  });
});
