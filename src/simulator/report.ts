/**
 * Reports as text for a terminal, as JSON and as JUnit XML for build servers. The HTML one is in report-html.ts. Pure.
 */
import type { CrawlReport } from './crawl-report.ts';
import type { JourneyReport, StepReport } from './journey.ts';
import { REASONS } from './judge.ts';
import { LINT_REASONS, type LintItem } from './lint.ts';

export interface LintReport {
  readonly kind: 'lint';
  /** What was asked for. */
  readonly start: string;
  readonly pages: number;
  /** The pages that were looked at, without SID: behind a redirect or a refresh they are others than the start. */
  readonly urls: readonly string[];
  readonly items: readonly LintItem[];
}

/** The same journey with two kinds of browser. */
export interface CompareReport {
  readonly kind: 'compare';
  readonly left: JourneyReport;
  readonly right: JourneyReport;
  /** Null when nothing differs. */
  readonly difference: {
    readonly step: number;
    readonly what: string;
    readonly left: string;
    readonly right: string;
  } | null;
}

export type Report = CrawlReport | JourneyReport | LintReport | CompareReport;

/** Whether the exit code is 0: no session was lost, every step passed. A worklist is no fault. */
export function isClean(report: Report): boolean {
  switch (report.kind) {
    case 'crawl':
      return report.counts.lost === 0 && report.hasSession;
    case 'journey':
      return report.passed;
    case 'compare':
      return report.left.passed && report.right.passed && report.difference === null;
    case 'lint':
      return report.items.every((item) => item.reason !== 'unmarked');
  }
}

/** Two runs of one journey: the first step whose outcome, status, URL, marker or title is not the same. */
export function compare(left: JourneyReport, right: JourneyReport): CompareReport {
  for (const [index, one] of left.steps.entries()) {
    const other = right.steps[index];
    if (other === undefined) break;
    const what = (['outcome', 'status', 'url', 'hasMarker', 'title'] as const).find((key) => one[key] !== other[key]);
    if (what === undefined) continue;
    const difference = {
      step: one.number,
      what: what === 'hasMarker' ? 'marker' : what,
      left: told(one, what),
      right: told(other, what),
    };
    return { kind: 'compare', left, right, difference };
  }
  return { kind: 'compare', left, right, difference: null };
}

function told(step: StepReport, what: 'outcome' | 'status' | 'url' | 'hasMarker' | 'title'): string {
  if (what === 'outcome') return step.error === null ? step.outcome : `${step.outcome}: ${step.error}`;
  return String(step[what] ?? 'none');
}

// -- text -------------------------------------------------------------------------------------------------------------

export interface TextStyle {
  /** Escape sequences for a terminal. */
  readonly color: boolean;
}

type Paint = (text: string) => string;
interface Palette {
  readonly good: Paint;
  readonly bad: Paint;
  readonly dim: Paint;
}

export function formatText(hostile: Report, style: TextStyle = { color: false }): string {
  const report = printable(hostile);
  const paint = (code: number): Paint => (style.color ? (text) => `\u001b[${code}m${text}\u001b[0m` : (text) => text);
  const palette = { good: paint(32), bad: paint(31), dim: paint(2) };
  switch (report.kind) {
    case 'crawl':
      return crawlText(report, palette);
    case 'journey':
      return journeyText(report, palette);
    case 'compare':
      return compareText(report, palette);
    case 'lint':
      return lintText(report.items, report.urls.join(' and '), palette);
  }
}

/** Pages say what they like: none of it may steer the terminal. */
function printable(report: Report): Report {
  const clean = (_key: string, value: unknown): unknown =>
    typeof value === 'string'
      ? value.replace(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g, '\ufffd')
      : value;
  return JSON.parse(JSON.stringify(report), clean) as Report; // the same shape: only characters change
}

/** Lost links that the text lists; the other formats have all. */
const MAX_LISTED = 50;

function crawlText(report: CrawlReport, { good, bad, dim }: Palette): string {
  const lines: string[] = [];
  const { kept, lost, none } = report.counts;
  const fetched = report.pages.filter((page) => page.status > 0).length;
  lines.push(
    `${report.start}  cookies ${report.cookies}, ${fetched} pages in ${(report.durationMs / 1000).toFixed(1)} s`,
  );
  if (!report.hasSession)
    lines.push(bad(`The marker '${report.marker}' is not on the first page: there is no session to follow.`));
  lines.push(`session kept ${good(String(kept))}, lost ${lost > 0 ? bad(String(lost)) : '0'}, nothing to lose ${none}`);
  if (kept === 0 && lost === 0 && report.hasSession)
    lines.push(
      dim(
        'No followed link told of a session: --sid-name tells how it is called in URLs, --marker what only its pages show.',
      ),
    );
  const { robots, excluded, depth, limit } = report.skipped;
  const skips = [
    [robots, 'forbidden by robots.txt'],
    [excluded, 'excluded'],
    [depth, 'too deep'],
    [limit, 'beyond the page limit'],
  ] as const;
  const told = skips.filter(([count]) => count > 0).map(([count, why]) => `${count} ${why}`);
  if (told.length > 0) lines.push(dim(`not followed: ${told.join(', ')}`));
  const byReason = new Map<string, number>();
  for (const edge of report.lost) byReason.set(edge.reason, (byReason.get(edge.reason) ?? 0) + 1);
  for (const [reason, count] of byReason)
    lines.push(`  ${bad(reason)} ${count}: ${REASONS[reason as keyof typeof REASONS]}`);
  for (const edge of report.lost.slice(0, MAX_LISTED)) {
    lines.push(`${edge.page}:${edge.line}:${edge.column}  ${bad(edge.reason)}  ${edge.element} ${dim(edge.text)}`);
  }
  if (report.lost.length > MAX_LISTED) lines.push(dim(`… and ${report.lost.length - MAX_LISTED} more`));
  for (const { url, why } of report.broken.slice(0, MAX_LISTED)) lines.push(`${url}  ${bad('broken')}  ${why}`);
  if (report.lint.length > 0) lines.push('', lintText(report.lint, 'the pages above', { good, bad, dim }).trimEnd());
  return `${lines.join('\n')}\n`;
}

function journeyText(report: JourneyReport, palette: Palette): string {
  const { good, bad, dim } = palette;
  const lines = [`${report.name}  cookies ${report.cookies}, ${(report.durationMs / 1000).toFixed(1)} s`];
  for (const step of report.steps) {
    const sign = step.outcome === 'passed' ? good('ok') : step.outcome === 'failed' ? bad('FAILED') : dim('not run');
    const marker = step.hasMarker === null ? '' : step.hasMarker ? '  marker' : `  ${bad('no marker')}`;
    lines.push(
      `  ${String(step.number).padStart(2)}  ${sign}  ${step.text}${step.url === null ? '' : dim(`  ${step.status} ${step.url}`)}${marker}`,
    );
    if (step.error !== null) lines.push(`      ${bad(step.error)}`);
  }
  lines.push(report.passed ? good('passed') : bad('failed'));
  return `${lines.join('\n')}\n`;
}

function compareText({ left, right, difference }: CompareReport, { good, bad }: Palette): string {
  const width = Math.max(20, ...left.steps.map((step) => step.text.length));
  const cell = (step: StepReport | undefined): string => {
    if (step === undefined) return '';
    return step.outcome === 'passed' ? `ok ${step.status ?? ''}`.trim() : step.outcome;
  };
  const lines = [
    `${left.name}`,
    `      ${'step'.padEnd(width)}  ${`cookies ${left.cookies}`.padEnd(16)}  cookies ${right.cookies}`,
  ];
  for (const [index, step] of left.steps.entries()) {
    const isHere = difference?.step === step.number;
    const line = `${isHere ? '  > ' : '    '}${String(step.number).padStart(2)}  ${step.text.padEnd(width - 2)}  ${cell(step).padEnd(16)}  ${cell(right.steps[index])}`;
    lines.push(isHere ? bad(line) : line);
  }
  if (difference === null) lines.push(left.passed && right.passed ? good('no difference') : bad('both fail alike'));
  else {
    lines.push(bad(`first difference at step ${difference.step}: ${difference.what}`));
    lines.push(`  cookies ${left.cookies}: ${difference.left}`, `  cookies ${right.cookies}: ${difference.right}`);
  }
  return `${lines.join('\n')}\n`;
}

function lintText(items: readonly LintItem[], what: string, { good, bad, dim }: Palette): string {
  if (items.length === 0) return `${good('nothing')} on ${what} is left unmarked\n`;
  const lines = [`${items.length} things on ${what} are not marked:`];
  const reasons = [...new Set(items.map((item) => item.reason))];
  for (const reason of reasons) {
    const same = items.filter((item) => item.reason === reason);
    lines.push(`${bad(reason)} ${same.length}: ${LINT_REASONS[reason]}`);
    for (const item of same.slice(0, MAX_LISTED)) {
      const pages = item.pages > 1 ? dim(`  (on ${item.pages} pages)`) : '';
      lines.push(`  ${item.page}:${item.line}:${item.column}  ${item.element} ${dim(item.place)} ${item.url}${pages}`);
    }
    if (same.length > MAX_LISTED) lines.push(dim(`  … and ${same.length - MAX_LISTED} more`));
  }
  return `${lines.join('\n')}\n`;
}

// -- JSON and JUnit ---------------------------------------------------------------------------------------------------

export function formatJson(report: Report): string {
  return `${JSON.stringify(report, null, 2)}\n`;
}

interface TestCase {
  readonly name: string;
  readonly className: string;
  readonly seconds: number;
  readonly failure: string | null;
  readonly isSkipped: boolean;
}

/** The schema that build servers read: one test case for a page or a step. */
export function formatJunit(report: Report): string {
  const suites =
    report.kind === 'compare'
      ? [suite(report.left), suite(report.right)].map(({ name, cases }, index) => ({
          name,
          // A difference is a failure of the run that it was compared with.
          cases: index === 0 || report.difference === null ? cases : [...cases, differenceCase(report)],
        }))
      : [suite(report)];
  const body = suites.map(({ name, cases }) => {
    const failures = cases.filter((each) => each.failure !== null).length;
    const skipped = cases.filter((each) => each.isSkipped).length;
    const head = `<testsuite name="${xml(name)}" tests="${cases.length}" failures="${failures}" errors="0" skipped="${skipped}">`;
    return `  ${head}\n${cases.map(caseXml).join('')}  </testsuite>\n`;
  });
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n${body.join('')}</testsuites>\n`;
}

function differenceCase({ difference }: CompareReport): TestCase {
  const failure = `step ${difference?.step}: ${difference?.what}: ${difference?.left} / ${difference?.right}`;
  return { name: 'no difference', className: 'compare', seconds: 0, failure, isSkipped: false };
}

function suite(report: Exclude<Report, CompareReport>): { name: string; cases: TestCase[] } {
  switch (report.kind) {
    case 'crawl': {
      const broken = new Map(report.broken.map(({ url, why }) => [url, why]));
      const pages = report.pages.filter((page) => page.status > 0 || broken.has(page.url));
      const cases = pages.map((page) => {
        const lost = report.lost.filter((edge) => edge.page === page.url);
        const told = lost.map(
          (edge) => `${edge.line}:${edge.column} ${edge.reason}: ${edge.element} to ${edge.target}`,
        );
        const failure = broken.get(page.url) ?? (told.length > 0 ? told.join('\n') : null);
        return { name: page.url, className: 'crawl', seconds: 0, failure, isSkipped: false };
      });
      const start = {
        name: 'the first page has the marker',
        className: 'crawl',
        seconds: 0,
        failure: 'no marker',
        isSkipped: false,
      };
      return {
        name: `crawl of ${report.start}, cookies ${report.cookies}`,
        cases: report.hasSession ? cases : [start, ...cases],
      };
    }
    case 'journey': {
      const cases = report.steps.map((step) => ({
        name: `${step.number} ${step.text}`,
        className: report.name,
        seconds: step.durationMs / 1000,
        failure: step.error,
        isSkipped: step.outcome === 'not run',
      }));
      return { name: `${report.name}, cookies ${report.cookies}`, cases };
    }
    case 'lint': {
      const cases = report.items.map((item) => ({
        name: `${item.page}:${item.line}:${item.column} ${item.place} ${item.url}`,
        className: item.reason,
        seconds: 0,
        failure: item.reason === 'unmarked' ? LINT_REASONS[item.reason] : null,
        isSkipped: false,
      }));
      return { name: `lint of ${report.start}`, cases };
    }
  }
}

function caseXml({ name, className, seconds, failure, isSkipped }: TestCase): string {
  const head = `    <testcase classname="${xml(className)}" name="${xml(name)}" time="${seconds.toFixed(3)}"`;
  if (isSkipped) return `${head}><skipped/></testcase>\n`;
  if (failure === null) return `${head}/>\n`;
  return `${head}><failure message="${xml(failure.split('\n')[0] ?? '')}">${xml(failure)}</failure></testcase>\n`;
}

/** Text for XML 1.0: characters that it does not allow become U+FFFD. */
export function xml(text: string): string {
  return text
    .replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '\ufffd')
    .replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
