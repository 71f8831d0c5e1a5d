/**
 * The report as one HTML file to look at: no scripts, no other files. A crawl is a map of pages, one column for each
 * step away from the start, coloured by whether the session came that far. Pure.
 */
import type { CrawledPage, CrawlReport } from './crawl-report.ts';
import type { JourneyReport } from './journey.ts';
import { REASONS } from './judge.ts';
import { LINT_REASONS, type LintItem } from './lint.ts';
import { type Report, xml } from './report.ts';

export function formatHtml(report: Report): string {
  switch (report.kind) {
    case 'crawl':
      return document(`Crawl of ${report.start}`, crawlBody(report));
    case 'journey':
      return document(report.name, journeyBody(report));
    case 'compare': {
      const { left, right, difference } = report;
      const told =
        difference === null
          ? '<p class=kept>No difference.</p>'
          : `<p class=lost>First difference at step ${difference.step}: ${xml(difference.what)}: <b>${xml(difference.left)}</b> with cookies ${left.cookies}, <b>${xml(difference.right)}</b> with cookies ${right.cookies}.</p>`;
      return document(
        left.name,
        `${told}<div class=two><div>${journeyBody(left)}</div><div>${journeyBody(right)}</div></div>`,
      );
    }
    case 'lint':
      return document(`What is not marked: ${report.start}`, lintBody(report.items));
  }
}

const STYLE = `body{font:15px/1.5 system-ui,sans-serif;margin:2rem;color:#1b1f24;background:#fff}h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #d8dee4;vertical-align:top}td{overflow-wrap:anywhere}code{font-size:13px}
.kept{color:#116329}.lost{color:#a40e26}.none,.broken{color:#57606a}.map{width:100%;overflow:auto;border:1px solid #d8dee4;border-radius:6px}
.two{display:grid;grid-template-columns:1fr 1fr;gap:2rem}.n{display:inline-block;min-width:6rem;padding:.5rem 1rem;margin-right:.7rem;border:1px solid #d8dee4;border-radius:6px}.n b{display:block;font-size:1.5rem}
@media(prefers-color-scheme:dark){body{background:#0d1117;color:#e6edf3}.kept{color:#56d364}.lost{color:#ff7b72}.none,.broken{color:#8b949e}th,td,.map,.n{border-color:#30363d}}`;

function document(title: string, body: string): string {
  return `<!doctype html>
<html lang=en><meta charset=utf-8><meta name=viewport content="width=device-width">
<title>${xml(title)}</title><style>${STYLE}</style>
<h1>${xml(title)}</h1>
${body}
</html>
`;
}

function crawlBody(report: CrawlReport): string {
  const { kept, lost, none } = report.counts;
  const number = (count: number, name: string, kind: string): string =>
    `<span class="n ${kind}"><b>${count}</b>${name}</span>`;
  const warning = report.hasSession
    ? ''
    : `<p class=lost>The marker <code>${xml(report.marker ?? '')}</code> is not on the first page.</p>`;
  return `${warning}<p>${number(kept, 'links kept the session', 'kept')}${number(lost, 'links lost it', 'lost')}${number(none, 'had none to lose', 'none')}${number(report.pages.length, 'pages', '')}</p>
<p>Cookies ${xml(report.cookies)}, ${(report.durationMs / 1000).toFixed(1)} s.</p>
<h2>Map</h2>
<div class=map>${map(report)}</div>
<h2>Lost links</h2>
${lostTable(report)}
${report.broken.length === 0 ? '' : `<h2>Broken</h2><ul>${report.broken.map(({ url, why }) => `<li>${xml(url)}: ${xml(why)}`).join('')}</ul>`}
${report.lint.length === 0 ? '' : `<h2>Not marked</h2>${lintBody(report.lint)}`}`;
}

const CELL = { width: 190, height: 26, gap: 60 };
const COLORS = { kept: '#1a7f37', lost: '#cf222e', none: '#6e7781', broken: '#9a6700' } as const;
/** More lines are a grey square, not a map. */
const MAX_MAP_PAGES = 400;
const MAX_MAP_EDGES = 2000;

/** An SVG drawing: columns by depth, lines for edges, each page a link with its verdict as title. */
function map(report: CrawlReport): string {
  const pages = report.pages.slice(0, MAX_MAP_PAGES);
  const places = new Map<number, { x: number; y: number }>();
  const rows: number[] = [];
  for (const page of pages) {
    const row = rows[page.depth] ?? 0;
    places.set(page.id, { x: page.depth * (CELL.width + CELL.gap) + 10, y: row * CELL.height + 10 });
    rows[page.depth] = row + 1;
  }
  const height = Math.max(1, ...rows.map((count) => count ?? 0)) * CELL.height + 20;
  const width = Math.max(1, rows.length) * (CELL.width + CELL.gap);
  const lines = report.edges
    .filter((edge) => edge.to !== null && edge.to !== edge.from)
    .slice(0, MAX_MAP_EDGES)
    .map((edge) => line(places.get(edge.from), places.get(edge.to ?? -1), edge.outcome));
  const boxes = pages.map((page) => box(page, places.get(page.id) ?? { x: 0, y: 0 }));
  return `<svg width="${width}" height="${height}" font-family="system-ui,sans-serif" font-size="12">${lines.join('')}${boxes.join('')}</svg>`;
}

function line(
  from: { x: number; y: number } | undefined,
  to: { x: number; y: number } | undefined,
  outcome: 'kept' | 'lost' | 'none',
): string {
  if (from === undefined || to === undefined) return '';
  const isForward = to.x > from.x;
  const [x1, y1, x2, y2] = [
    from.x + (isForward ? CELL.width : 0),
    from.y + 10,
    to.x + (isForward ? 0 : CELL.width),
    to.y + 10,
  ];
  const bend = (x2 - x1) / 2;
  const opacity = outcome === 'lost' ? 0.9 : 0.18;
  return `<path d="M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}" fill="none" stroke="${COLORS[outcome]}" stroke-opacity="${opacity}"/>`;
}

function box(page: CrawledPage, { x, y }: { x: number; y: number }): string {
  const path = page.url.replace(/^https?:\/\/[^/]+/, '') || '/';
  const label = path.length > 27 ? `${path.slice(0, 26)}…` : path;
  const title = `${page.url}\n${page.title}\nstatus ${page.status}, session ${page.session}`;
  return `<a href="${xml(page.url)}"><title>${xml(title)}</title><rect x="${x}" y="${y}" width="${CELL.width}" height="20" rx="4" fill="${COLORS[page.session]}"/><text x="${x + 7}" y="${y + 14}" fill="#fff">${xml(label)}</text></a>`;
}

function lostTable(report: CrawlReport): string {
  if (report.lost.length === 0) return '<p class=kept>None.</p>';
  const rows = report.lost.map(
    (edge) =>
      `<tr><td>${xml(edge.page)}<td>${edge.line}:${edge.column}<td><code>${xml(edge.element)}</code> ${xml(edge.text)}<td>${xml(edge.target)}<td class=lost>${edge.reason}<br>${xml(REASONS[edge.reason])}`,
  );
  return `<table><tr><th>Page<th>Line<th>Element<th>Leads to<th>Reason${rows.join('')}</table>`;
}

function journeyBody(report: JourneyReport): string {
  const rows = report.steps.map((step) => {
    const kind = step.outcome === 'passed' ? 'kept' : step.outcome === 'failed' ? 'lost' : 'none';
    const error = step.error === null ? '' : `<br><span class=lost>${xml(step.error)}</span>`;
    return `<tr><td>${step.number}<td>${xml(step.text)}${error}<td class=${kind}>${step.outcome}<td>${step.status ?? ''}<td>${xml(step.url ?? '')}`;
  });
  const verdict = report.passed ? '<b class=kept>passed</b>' : '<b class=lost>failed</b>';
  return `<p>Cookies ${report.cookies}: ${verdict}, ${(report.durationMs / 1000).toFixed(1)} s.</p>
<table><tr><th>Step<th><th>Outcome<th>Status<th>URL${rows.join('')}</table>`;
}

function lintBody(items: readonly LintItem[]): string {
  if (items.length === 0) return '<p class=kept>Nothing is left unmarked.</p>';
  const rows = items.map(
    (item) =>
      `<tr><td>${xml(item.page)}${item.pages > 1 ? ` and ${item.pages - 1} more` : ''}<td>${item.line}:${item.column}<td><code>${xml(item.element)}</code> ${xml(item.place)}<td>${xml(item.url)}<td>${item.reason}<br>${xml(LINT_REASONS[item.reason])}`,
  );
  return `<table><tr><th>Page<th>Line<th>Element<th>URL<th>Reason${rows.join('')}</table>`;
}
