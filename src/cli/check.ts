/**
 * `transid check FILE`: every problem of a configuration with the line it stands on, and what can hardly be meant.
 */
import { excerptOf } from '../config/excerpt.ts';
import { readConfig, readConfigText, servedStore } from '../config/load.ts';
import { ConfigError, type ConfigProblem, type Place, spellPath } from '../config/problems.ts';
import { type CommandIo, parseOptions, refuseUsage, UsageError } from './command.ts';
import { warningsOf } from './warnings.ts';

const USAGE = `Usage: transid check [--strict] FILE

Checks a configuration file. Exit code 0: it can be used; 1: it has problems (with --strict also: warnings).
`;

/** One remark on one place of the file. */
interface Remark extends Place {
  readonly kind: 'error' | 'warning';
  readonly text: string;
  /** Under the caret; null for nothing. */
  readonly hint: string | null;
}

/** Exit code 0 when the file can be used, 1 when not (or when it cannot be read), 2 for wrong usage. */
export async function checkCommand(argv: string[], io: CommandIo): Promise<number> {
  let args: Arguments;
  try {
    args = readArgs(argv);
  } catch (error) {
    return refuseUsage(io, 'transid check', error, USAGE);
  }
  if (args.isHelp) {
    io.stdout.write(USAGE);
    return 0;
  }
  let text: string;
  try {
    text = readConfigText(args.file);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    io.stdout.write(`${error.report()}\n`);
    return 1;
  }
  const remarks = remarksOn(text, args.file);
  const lines = text.split(/\r\n|\n|\r/);
  for (const remark of remarks) io.stdout.write(`${spell(remark, lines, args.file)}\n`);
  const errors = remarks.filter(({ kind }) => kind === 'error').length;
  const warnings = remarks.length - errors;
  io.stdout.write(`${args.file}: ${summary(errors, warnings)}\n`);
  return errors > 0 || (args.isStrict && warnings > 0) ? 1 : 0;
}

interface Arguments {
  readonly file: string;
  readonly isStrict: boolean;
  readonly isHelp: boolean;
}

function readArgs(argv: string[]): Arguments {
  const { values, positionals } = parseOptions({
    args: argv,
    options: { strict: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
    allowPositionals: true,
  });
  const isHelp = values.help === true;
  if (!isHelp && positionals.length !== 1) throw new UsageError(`one FILE is needed, not ${positionals.length}`);
  return { file: positionals[0] ?? '', isStrict: values.strict === true, isHelp };
}

/** Errors where there are any: warnings need a configuration. */
function remarksOn(text: string, file: string): Remark[] {
  const { config, problems, locate } = readConfig(text, file, servedStore());
  if (config === null) return problems.map(remarkOf);
  return warningsOf(config)
    .map(
      ({ path, message, advice }): Remark => ({
        kind: 'warning',
        ...locate(path),
        text: `${spellPath(path)}: ${message}`,
        hint: advice,
      }),
    )
    .sort((a, b) => a.line - b.line || a.column - b.column);
}

function remarkOf(problem: ConfigProblem): Remark {
  const key = problem.path === '' ? '' : `${problem.path}: `;
  return {
    kind: 'error',
    line: problem.line,
    column: problem.column,
    text: `${key}${problem.message}`,
    hint: problem.suggestion,
  };
}

/** The remark, the line it is about without the secrets in it, and a caret under the place. */
function spell(remark: Remark, lines: readonly string[], file: string): string {
  const excerpt = excerptOf(lines, remark.line - 1);
  const at = excerpt.columnOf(remark.column) - 1;
  const number = String(remark.line);
  const marked = /^(?:"[^"]*"|'[^']*'|[^\s,:{}[\]]+)/.exec(excerpt.text.slice(at))?.[0].length ?? 1;
  // Tabs stay tabs, so that the caret stands under its character whatever their width.
  const indent = excerpt.text.slice(0, at).replace(/[^\t]/g, ' ');
  const caret = `${' '.repeat(number.length)} | ${indent}${'^'.repeat(marked)}${remark.hint === null ? '' : ` ${remark.hint}`}`;
  return `${file}:${remark.line}:${remark.column}: ${remark.kind}: ${remark.text}\n${number} | ${excerpt.text}\n${caret}\n`;
}

function summary(errors: number, warnings: number): string {
  const counted = (count: number, what: string) => (count === 0 ? [] : [`${count} ${what}${count === 1 ? '' : 's'}`]);
  const parts = [...counted(errors, 'problem'), ...counted(warnings, 'warning')];
  return parts.length === 0 ? 'no problems' : parts.join(', ');
}
