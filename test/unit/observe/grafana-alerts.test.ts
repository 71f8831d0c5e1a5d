import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { parse } from 'yaml';
import { ERRORS } from '../../../src/errors.ts';
import { createMetrics } from '../../../src/observe/counting.ts';
import { METRICS } from '../../../src/observe/metrics.ts';

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: ReadonlyArray<{ readonly expr: string; readonly legendFormat: string }>;
}
interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly description: string };
}

const dashboard = JSON.parse(readFileSync('config/grafana.json', 'utf8')) as {
  panels: Panel[];
  annotations: { list: Array<{ expr: string }> };
};
const rules = (
  parse(readFileSync('config/alerts.yaml', 'utf8')) as { groups: Array<{ rules: Rule[] }> }
).groups.flatMap((group) => group.rules);
const shown = dashboard.panels.flatMap(({ title, targets }) =>
  (targets ?? []).map(({ expr, legendFormat }) => ({ where: `panel "${title}"`, expr, text: legendFormat })),
);
const alerted = rules.map(({ alert, expr, annotations }) => ({
  where: `alert ${alert}`,
  expr,
  text: `${annotations.summary} ${annotations.description}`,
}));
const all = [
  ...shown,
  ...alerted,
  ...dashboard.annotations.list.map(({ expr }) => ({ where: 'annotations', expr, text: '' })),
];

/** Metric names with the labels that a query may use. */
const known = new Map<string, readonly string[]>();
for (const entry of Object.values(METRICS)) {
  if (entry.kind !== 'histogram') known.set(entry.name, entry.labels);
  else for (const part of ['bucket', 'sum', 'count']) known.set(`${entry.name}_${part}`, [...entry.labels, 'le']);
}
/** Set by Prometheus for each target. */
const TARGET_LABELS = ['instance', 'job'];

/** Every selector of an expression: a metric's name and what stands in its braces. */
const selectorsOf = (expr: string) =>
  [...expr.matchAll(/\b((?:transid|process|nodejs)_\w+)(?:\{([^}]*)\})?/g)].map(([, name, labels]) => ({
    name: name!,
    matchers: [...(labels ?? '').matchAll(/(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"/g)],
  }));

describe('grafana.json and alerts.yaml', () => {
  for (const { where, expr, text } of all) {
    it(`${where} asks for what there is`, async () => {
      const process = new Set((await createMetrics({ version: '1' }).read()).map(({ name }) => name));
      const selectors = selectorsOf(expr);
      const labels = new Set(selectors.flatMap(({ name }) => known.get(name) ?? []));
      for (const { name, matchers } of selectors) {
        expect(known.has(name) || process.has(name), name).to.equal(true);
        for (const [, label] of matchers)
          expect([...(known.get(name) ?? []), ...TARGET_LABELS], `${name}{${label}}`).to.include(label);
      }
      for (const [, by] of expr.matchAll(/\b(?:by|on) \(([^)]*)\)/g)) {
        for (const label of by!.split(',')) expect([...labels, ...TARGET_LABELS]).to.include(label.trim());
      }
      for (const [, label] of text.matchAll(/\{\{\s*(?:\$labels\.)?(\w+)\s*\}\}/g))
        expect([...labels, ...TARGET_LABELS]).to.include(label);
      expect([...expr].filter((c) => c === '(').length, 'brackets').to.equal([...expr].filter((c) => c === ')').length);
      // Counters only make sense as a rate; a bare one is a mistake.
      for (const { name } of selectors)
        if (name.endsWith('_total')) expect(expr).to.match(new RegExp(`(rate|increase)\\(${name}`));
    });
  }

  it('values of closed sets are those of the code', () => {
    const values = (label: string) =>
      all.flatMap(({ expr }) =>
        selectorsOf(expr).flatMap(({ matchers }) =>
          matchers.filter((m) => m[1] === label).flatMap((m) => m[3]!.split('|')),
        ),
      );
    const origins: readonly string[] = Object.values(ERRORS).map(({ origin }) => origin);
    for (const origin of values('origin')) expect(origins).to.include(origin);
    for (const reason of values('reason')) expect(Object.keys(ERRORS)).to.include(reason);
    for (const verdict of values('verdict')) expect(['accepts', 'refuses', 'unknown', 'robot']).to.include(verdict);
    for (const event of values('event'))
      expect(['created', 'updated', 'rotated', 'destroyed', 'not-created']).to.include(event);
    expect(values('origin')).to.not.deep.equal([]);
  });

  it('every metric is shown or watched', () => {
    const used = new Set(
      all.flatMap(({ expr }) => selectorsOf(expr).map(({ name }) => name.replace(/_(bucket|sum|count)$/, ''))),
    );
    expect(
      Object.values(METRICS)
        .map(({ name }) => name)
        .filter((name) => !used.has(name)),
    ).to.deep.equal([]);
  });

  it('an alert at the first fault sees a series that was there before', async () => {
    const fresh = await createMetrics({ version: '1' }).read();
    const ofFirst = rules.filter(({ expr }) => /increase\(.* > 0$/.test(expr));
    expect(ofFirst.map(({ alert }) => alert)).to.deep.equal(['TransidProxyErrors', 'TransidReloadInvalid']);
    for (const { alert, expr } of ofFirst)
      for (const { name, matchers } of selectorsOf(expr)) {
        const values = fresh.find((metric) => metric.name === name)!.values;
        const seen = values.filter(({ labels }) => matchers.every(([, label, , wanted]) => labels[label!] === wanted));
        expect(seen, alert).to.not.deep.equal([]);
        expect(new Set(seen.map(({ value }) => value))).to.deep.equal(new Set([0]));
      }
  });

  it('a share of nothing is shown as 0, though what it counts has no series before it happens', () => {
    const shares = shown.filter(({ expr }) => expr.includes(') / sum('));
    expect(shares.map(({ where }) => where)).to.deep.equal([
      'panel "Clients that need a SID"',
      'panel "Faults of the application"',
    ]);
    for (const { where, expr } of shares) expect(expr, where).to.match(/^\(sum\(.*\) or vector\(0\)\) \/ sum\(/);
  });

  it('panels have ids of their own and do not overlap', () => {
    const { panels } = dashboard;
    expect(new Set(panels.map(({ id }) => id)).size).to.equal(panels.length);
    const overlaps = panels.flatMap((a, index) =>
      panels
        .slice(index + 1)
        .filter((b) => {
          const [one, other] = [a.gridPos, b.gridPos];
          return (
            one.x < other.x + other.w && other.x < one.x + one.w && one.y < other.y + other.h && other.y < one.y + one.h
          );
        })
        .map((b) => `${a.title} / ${b.title}`),
    );
    expect(overlaps).to.deep.equal([]);
    for (const { gridPos } of panels) expect(gridPos.x + gridPos.w).to.be.at.most(24);
  });

  it('alerts have a name of their own, a severity and words for whoever is woken', () => {
    expect(new Set(rules.map(({ alert }) => alert)).size).to.equal(rules.length);
    for (const { alert, labels, annotations } of rules) {
      expect(alert).to.match(/^Transid[A-Z]\w+$/);
      expect(labels.severity).to.be.oneOf(['warning', 'critical']);
      expect(annotations.summary.length).to.be.greaterThan(10);
      expect(annotations.description).to.match(/[.?]$/);
    }
  });
});
