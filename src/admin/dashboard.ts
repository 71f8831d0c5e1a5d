/**
 * The dashboard: one page for people, rendered here as a whole. No scripts, nothing from elsewhere; it loads itself again
 * every ten seconds and can be read on a phone. Pure: figures in, HTML out.
 */
import { METRICS, type MetricsReading } from '../observe/metrics.ts';
import { bars, escapeHtml, shortNumber, timeChart } from './charts.ts';
import { type Distribution, distribution, quantile, sumBy, sumWhere, total } from './figures.ts';
import type { Interval } from './history.ts';
import { STYLE } from './style.ts';

/** What the page tells of a route; a compiled policy has all of it. */
export interface RouteFacts {
  readonly label: string;
  readonly useCookies: boolean;
  readonly useOnlyCookies: boolean;
  readonly useTransSid: boolean;
  readonly carrier: string;
  readonly rewriter: string;
  readonly detect: string;
  readonly session: { readonly mode: string; readonly name: string };
}

export interface ServiceStatus {
  /** `starting` too while every worker has died and the next ones do not listen yet. */
  readonly phase: 'starting' | 'serving' | 'stopping';
  readonly isStoreAvailable: boolean;
  readonly storeKind: string;
  /** The application's URL. */
  readonly upstream: string;
  readonly workers: number;
}

export interface DashboardView {
  readonly version: string;
  readonly startedAtMs: number;
  readonly nowMs: number;
  readonly status: ServiceStatus;
  readonly reading: MetricsReading;
  readonly intervals: readonly Interval[];
  readonly routes: readonly RouteFacts[];
}

const REFRESH_SECONDS = 10;
/** What we hold of clients, with its colour, bottom of the chart first. */
const VERDICTS = [
  ['refuses', 'v-refuses', 'refuses cookies (needs a SID)'],
  ['unknown', 'v-unknown', 'not known yet'],
  ['accepts', 'v-accepts', 'takes cookies'],
  ['robot', 'v-robot', 'robot'],
  ['none', 'v-none', 'not judged'],
] as const;

export function renderDashboard(view: DashboardView): string {
  const { reading, intervals } = view;
  const sections = [
    section('Clients by verdict', verdictChart(intervals), 'wide'),
    section('Marked, by place', bars(sumBy(reading, METRICS.marks.name, 'place'))),
    section('Left as it was, by reason', bars(sumBy(reading, METRICS.skips.name, 'reason'))),
    section('Refused and cut, by reason', bars(sumBy(reading, METRICS.refusals.name, 'reason'))),
    section('Sessions', bars(sumBy(reading, METRICS.sessionEvents.name, 'event'))),
    section('Application', upstreamPart(view), 'wide'),
    section('Routes', routeTable(view), 'wide'),
  ];
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="${REFRESH_SECONDS}"><title>transid: ${statusWord(view.status)}</title><style>${STYLE}</style></head>
<body>${header(view)}<main>${tiles(view)}${sections.join('')}</main>
<footer>Counted since the start of each worker, charts over the last hour at most. Also here: <a href="metrics">metrics</a>, <a href="readyz">readiness</a>.</footer></body></html>
`;
}

function header({ version, startedAtMs, nowMs, status }: DashboardView): string {
  const word = statusWord(status);
  const workers = status.workers === 1 ? '1 worker' : `${status.workers} workers`;
  return `<header><h1>transid <span class="pill ${word}">${word}</span></h1><p>version ${escapeHtml(version)} · up ${spellDuration(nowMs - startedAtMs)} · ${workers} · store ${escapeHtml(status.storeKind)}${status.isStoreAvailable ? '' : ' (away)'} · ${new Date(nowMs).toISOString().slice(0, 19)}Z</p></header>`;
}

/** One word for the whole. */
export function statusWord(status: ServiceStatus): 'starting' | 'ready' | 'degraded' | 'stopping' {
  if (status.phase !== 'serving') return status.phase;
  return status.isStoreAvailable ? 'ready' : 'degraded';
}

function tiles({ reading, intervals }: DashboardView): string {
  const lastMinute = intervals.slice(-6);
  const seconds = lastMinute.reduce((sum, { durationMs }) => sum + durationMs, 0) / 1000;
  const perSecond = (count: number): string => (seconds === 0 ? '–' : shortNumber(count / seconds));
  const exchanges = sum(lastMinute, ({ verdicts }) => [...verdicts.values()].reduce((a, b) => a + b, 0));
  const latency = quantile(joined(lastMinute.map(({ upstream }) => upstream)), 0.95);
  return `<dl class="tiles">${[
    ['Sessions alive', shortNumber(total(reading, METRICS.sessions.name)), 'of clients without cookies'],
    ['Clients that need a SID', shareOfSids(reading), 'of all that were judged; near 0: it may be switched off'],
    ['Requests a second', perSecond(exchanges), 'over the last minute'],
    ['Refused a second', perSecond(sum(lastMinute, ({ refusals }) => refusals)), 'over the last minute'],
    ['Answer of the application', latency === null ? '–' : spellSeconds(latency), '95 % are faster, last minute'],
    ['Connections', shortNumber(total(reading, METRICS.connections.name)), 'of clients, open now'],
  ]
    .map(([name, value, note]) => `<div><dt>${name}</dt><dd>${value}</dd><small>${note}</small></div>`)
    .join('')}</dl>`;
}

/** Exchanges of clients that refuse cookies among those of clients that were judged to take or refuse them. */
function shareOfSids(reading: MetricsReading): string {
  const refuses = sumWhere(reading, METRICS.exchanges.name, 'verdict', 'refuses');
  const accepts = sumWhere(reading, METRICS.exchanges.name, 'verdict', 'accepts');
  return refuses + accepts === 0 ? '–' : `${shortNumber((100 * refuses) / (refuses + accepts))} %`;
}

function verdictChart(intervals: readonly Interval[]): string {
  const series = VERDICTS.map(([verdict, colour, label]) => ({
    label,
    colour,
    values: intervals.map(({ verdicts, durationMs }) => ((verdicts.get(verdict) ?? 0) * 1000) / durationMs),
  }));
  const title = 'Requests a second by what we hold of the client';
  return timeChart(series, { title, unit: '/s', ...axisEnds(intervals), isStacked: true });
}

function upstreamPart({ reading, intervals, status, nowMs }: DashboardView): string {
  const milliseconds = (share: number) =>
    intervals.map(({ upstream }) => {
      const seconds = quantile(upstream, share);
      return seconds === null ? null : seconds * 1000;
    });
  const chart = timeChart(
    [
      { label: 'half are faster', colour: 'v-accepts', values: milliseconds(0.5) },
      { label: '95 % are faster', colour: 'v-refuses', values: milliseconds(0.95) },
    ],
    { title: 'Time to the head of the answer', unit: 'ms', ...axisEnds(intervals), isStacked: false },
  );
  const lastMs = total(reading, METRICS.upstreamSuccess.name) * 1000;
  const faults = sumWhere(reading, METRICS.refusals.name, 'origin', 'upstream');
  const whole = distribution(reading, METRICS.upstreamSeconds.name);
  const last = lastMs === 0 ? 'has not answered yet' : `last answered ${spellDuration(nowMs - lastMs)} ago`;
  return `<p>${escapeHtml(status.upstream)} ${last}; ${shortNumber(whole.count)} answers, ${shortNumber(faults)} faults.</p>${chart}`;
}

function routeTable({ reading, routes }: DashboardView): string {
  const requests = new Map(sumBy(reading, METRICS.exchanges.name, 'route'));
  const dropped = new Map(sumBy(reading, METRICS.sidsDropped.name, 'route'));
  const rows = routes.map((route) => {
    const settings = [
      route.useOnlyCookies ? 'only cookies' : route.useTransSid ? 'SID in URLs' : 'SID in URLs taken, not written',
      ...(route.useCookies ? [] : ['no cookies']),
      `${route.session.mode} ${route.session.name}`,
      ...(route.useTransSid && !route.useOnlyCookies ? [route.carrier, route.rewriter, route.detect] : []),
    ];
    const cells = [requests.get(route.label) ?? 0, dropped.get(route.label) ?? 0].map(
      (count) => `<td class="number">${shortNumber(count)}</td>`,
    );
    return `<tr><th scope="row">${escapeHtml(route.label)}</th><td>${escapeHtml(settings.join(', '))}</td>${cells.join('')}</tr>`;
  });
  return `<div class="scroll"><table><thead><tr><th>route</th><th>policy</th><th class="number">requests</th><th class="number">SIDs dropped</th></tr></thead><tbody>${rows.join('')}</tbody></table></div>`;
}

function section(title: string, body: string, size = ''): string {
  return `<section class="${size}"><h2>${title}</h2>${body}</section>`;
}

function axisEnds(intervals: readonly Interval[]): { from: string; to: string } {
  const clockOf = (ms: number | undefined): string =>
    ms === undefined ? '' : `${new Date(ms).toISOString().slice(11, 16)}Z`;
  return { from: clockOf(intervals[0]?.endMs), to: clockOf(intervals.at(-1)?.endMs) };
}

function sum(intervals: readonly Interval[], of: (interval: Interval) => number): number {
  return intervals.reduce((all, interval) => all + of(interval), 0);
}

function joined(parts: readonly Distribution[]): Distribution {
  const buckets = new Map<number, number>();
  for (const part of parts)
    for (const [upTo, count] of part.buckets) buckets.set(upTo, (buckets.get(upTo) ?? 0) + count);
  return {
    buckets: [...buckets].sort((a, b) => a[0] - b[0]),
    sum: parts.reduce((all, part) => all + part.sum, 0),
    count: parts.reduce((all, part) => all + part.count, 0),
  };
}

function spellSeconds(seconds: number): string {
  return seconds < 1 ? `${shortNumber(seconds * 1000)} ms` : `${shortNumber(seconds)} s`;
}

/** `3 d 4 h`, `5 min`, `12 s`: the two largest units that say something. */
function spellDuration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const parts = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ] as const;
  const first = parts.findIndex(([count]) => count > 0);
  if (first < 0) return '0 s';
  const shown = parts.slice(first, first + 2).filter(([count]) => count > 0);
  return shown.map(([count, name]) => `${count} ${name}`).join(' ');
}
