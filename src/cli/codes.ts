/**
 * The reference of what log and metrics say (`docs/reference-codes.md`): every error code, every reason of a redirect, every
 * metric, from the tables that the program itself works by. `npm run generate` writes it; a test fails when it is stale.
 */
import { ERRORS } from '../errors.ts';
import { METRICS } from '../observe/metrics.ts';
import { REDIRECT_REASONS } from '../proxy/redirects.ts';

const INTRODUCTION = `# Codes and metrics

Made by \`npm run generate\` from \`src/errors.ts\`, \`src/proxy/redirects.ts\` and \`src/observe/metrics.ts\`: edit those files, not this one.
What else stands in a log line is in [operations.md](operations.md#the-log).
`;

const ERROR_CODES = `## Error codes

The \`reason\` of a log line, and of \`transid_refusals_total\` together with who caused it. The status is what the client gets while nothing of the
answer has left; later, and where there is none, the connection is cut. \`TAG_TOO_LONG\` and \`BROWSERS_DIFFER\` refuse nothing: they are counted in
\`transid_rewriter_bailouts_total\`.
`;

const REDIRECTS = `## Redirects of the proxy itself

The \`reason\` of a log line with \`plan: redirect\`, and of \`transid_redirects_total\`.
`;

const FIGURES = `## Metrics

At \`/metrics\` of the admin listener, beside the \`process_…\` and \`nodejs_…\` that prom-client has for every program. The last column says what is
made of the figures of several workers. The label \`route\` is the \`name\` of a route, or its hosts and paths.
`;

const MERGED = { sum: 'sum', max: 'largest', min: 'least', first: 'the first' } as const;

/** The reference in Markdown, with a final line end. */
export function codesMarkdown(): string {
  const codes = Object.entries(ERRORS).map(([code, { status, origin, text }]) => [
    `\`${code}\``,
    String(status ?? '–'),
    origin,
    text,
  ]);
  const redirects = Object.entries(REDIRECT_REASONS).map(([reason, text]) => [`\`${reason}\``, text]);
  const metrics = Object.values(METRICS).map((metric) => [
    `\`${metric.name}\``,
    metric.kind,
    metric.labels.map((label) => `\`${label}\``).join(', '),
    metric.help,
    MERGED['merge' in metric ? metric.merge : 'sum'],
  ]);
  return [
    INTRODUCTION,
    ERROR_CODES,
    table(['code', 'status', 'caused by', 'meaning'], codes),
    REDIRECTS,
    table(['reason', 'meaning'], redirects),
    FIGURES,
    table(['metric', 'kind', 'labels', 'meaning', 'of workers'], metrics),
  ].join('\n');
}

function table(head: readonly string[], rows: ReadonlyArray<readonly string[]>): string {
  const lines = [head, head.map(() => '---'), ...rows];
  return `${lines.map((cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`).join('\n')}\n`;
}
