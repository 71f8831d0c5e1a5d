/**
 * `transid schema`: what `config/schema.json` and `config/reference.md` are made with.
 */
import { jsonSchema, referenceMarkdown } from '../config/generate.ts';
import { codesMarkdown } from './codes.ts';
import { type CommandIo, parseOptions, refuseUsage } from './command.ts';

const USAGE = `Usage: transid schema [--reference | --codes]

Prints the JSON Schema of the configuration file; with --reference the reference of all keys in Markdown,
with --codes the reference of all codes and metrics.
`;

/** Exit code 0, or 2 for wrong usage. */
export async function schemaCommand(argv: string[], io: CommandIo): Promise<number> {
  let asked: { reference?: boolean; codes?: boolean; help?: boolean };
  try {
    asked = parseOptions({
      args: argv,
      options: { reference: { type: 'boolean' }, codes: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
    }).values;
  } catch (error) {
    return refuseUsage(io, 'transid schema', error, USAGE);
  }
  const text = asked.codes ? codesMarkdown() : asked.reference ? referenceMarkdown() : jsonSchema();
  io.stdout.write(asked.help ? USAGE : text);
  return 0;
}
