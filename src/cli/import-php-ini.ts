/**
 * `transid import-php-ini php.ini`: reads PHP's settings (`php-settings.ts`) and prints the configuration that does the same
 * (`php-conversion.ts`).
 */
import { configFromUpstream, readBytes } from '../config/load.ts';
import { ConfigError } from '../config/problems.ts';
import { type CommandIo, inputOf, parseOptions, refuseUsage, UsageError } from './command.ts';
import { convertPhpSettings } from './php-conversion.ts';
import { type PhpSetting, type PhpSettings, readPhpSettings } from './php-settings.ts';

const USAGE = `Usage: transid import-php-ini [--upstream URL] FILE...

Prints a configuration that does what the session settings of php.ini, .user.ini, a pool of PHP-FPM or Apache files (php_value,
php_flag) did.
Of a setting that comes more than once the last one counts; php_admin_value and php_admin_flag count before all others.
"-" reads standard input.
`;

/** Exit code 0; 1 when a file cannot be read; 2 for wrong usage. */
export async function importPhpIniCommand(argv: string[], io: CommandIo): Promise<number> {
  let args: Arguments;
  try {
    args = readArgs(argv);
  } catch (error) {
    return refuseUsage(io, 'transid import-php-ini', error, USAGE);
  }
  if (args.isHelp) {
    io.stdout.write(USAGE);
    return 0;
  }
  const all: { settings: PhpSetting[]; unread: Array<PhpSettings['unread'][number]> } = { settings: [], unread: [] };
  for (const file of args.files) {
    try {
      const text = file === '-' ? await readAll(io) : readBytes(file).toString('utf8');
      const { settings, unread } = readPhpSettings(text, file);
      all.settings = all.settings.concat(settings);
      all.unread = all.unread.concat(unread);
    } catch (error) {
      if (!(error instanceof ConfigError)) return refuseUsage(io, 'transid import-php-ini', error, USAGE);
      io.stderr.write(`${error.report()}\n`);
      return 1;
    }
  }
  io.stdout.write(convertPhpSettings(all, args.upstream));
  return 0;
}

interface Arguments {
  readonly files: readonly string[];
  readonly upstream: string;
  readonly isHelp: boolean;
}

function readArgs(argv: string[]): Arguments {
  const { values, positionals } = parseOptions({
    args: argv,
    options: { upstream: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
    allowPositionals: true,
  });
  const isHelp = values.help === true;
  const upstream = values.upstream ?? 'http://127.0.0.1:8000';
  const fault = faultOfUpstream(upstream);
  if (!isHelp && positionals.length === 0) throw new UsageError('a FILE is needed');
  if (!isHelp && fault !== null) throw new UsageError(`--upstream: ${fault}`);
  return { files: positionals, upstream, isHelp };
}

/** Null for the URL of a server: what is printed has to load. */
function faultOfUpstream(url: string): string | null {
  try {
    configFromUpstream(url);
    return null;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map(({ message }) => message).join('; ');
  }
}

async function readAll(io: CommandIo): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of inputOf(io)) chunks.push(Buffer.from(chunk as string | Uint8Array));
  return Buffer.concat(chunks).toString('utf8');
}
