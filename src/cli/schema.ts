/**
 * `transid schema`: what `config/schema.json` and `config/reference.md` are made with.
 */
import { jsonSchema, referenceMarkdown } from '../config/generate.ts';
import type { CommandIo } from './command.ts';

const USAGE = `Usage: transid schema [--reference]

Prints the JSON Schema of the configuration file; with --reference the reference of all keys in Markdown.
`;

/** Exit code 0, or 2 for wrong usage. */
export async function schemaCommand(argv: string[], io: CommandIo): Promise<number> {
  if (argv.length === 0) {
    io.stdout.write(jsonSchema());
    return 0;
  }
  if (argv.length === 1 && argv[0] === '--reference') {
    io.stdout.write(referenceMarkdown());
    return 0;
  }
  const isHelp = argv.length === 1 && (argv[0] === '--help' || argv[0] === '-h');
  (isHelp ? io.stdout : io.stderr).write(USAGE);
  return isHelp ? 0 : 2;
}
