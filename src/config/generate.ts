/**
 * The two documents that are made from the schema: JSON Schema for editors (`config/schema.json`) and the reference for
 * people (`config/reference.md`). `npm run generate` writes them; a test fails when they are stale.
 */
import { z } from 'zod';
import { ConfigSchema } from './schema.ts';

/** The part of JSON Schema that zod makes of our schema, with our own metadata. */
interface Node {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly pattern?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly properties?: Record<string, Node>;
  readonly required?: readonly string[];
  readonly items?: Node;
  readonly anyOf?: readonly Node[];
  readonly oneOf?: readonly Node[];
  readonly additionalProperties?: Node | boolean;
  readonly php?: string;
  readonly example?: string;
  /** The smallest size. */
  readonly least?: string;
}

/** JSON Schema (draft 7, which editors know best) of a configuration file, with a final line end. */
export function jsonSchema(): string {
  const schema = z.toJSONSchema(ConfigSchema, {
    io: 'input',
    target: 'draft-7',
    override: ({ jsonSchema: node }) => {
      const own = node as { php?: string; example?: string; least?: string; description?: string; default?: unknown };
      if (own.php !== undefined) own.description = `${own.description ?? ''} (PHP: ${own.php})`;
      delete own.php;
      delete own.example;
      delete own.least;
      // A section is there by default; that is no news to an editor.
      if (isEmptyObject(own.default)) delete own.default;
    },
  });
  return `${JSON.stringify({ title: 'Configuration of transid', ...schema }, null, 2)}\n`;
}

function isEmptyObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length === 0;
}

const INTRODUCTION = `# Configuration reference

Made by \`npm run generate\` from \`src/config/schema.ts\`: edit that file, not this one.

One YAML file, in UTF-8. Times carry a unit (\`500ms\`, \`30s\`, \`24m\`, \`8h\`, \`2d\`), sizes too (\`512B\`, \`64KiB\`, \`8MiB\`, \`1GiB\`); both
are whole numbers above 0, a time is at most 24 days, each \`…_timeout\` of a session at most 400 days. File
names are relative to the folder of the configuration file. An unknown key is an error. \`transid check FILE\` tells all
problems of a file at once; [example.yaml](example.yaml) is a file to start from. The column *PHP* has the name that PHP has
for the same thing.
`;

/** The reference in Markdown, with a final line end. */
export function referenceMarkdown(): string {
  const root = z.toJSONSchema(ConfigSchema, { io: 'input' }) as Node;
  const defaults = root.properties?.['defaults']?.properties ?? {};
  const parts = Object.entries(root.properties ?? {}).flatMap(([key, field]) => {
    if (key === 'defaults')
      return [`## defaults\n\n${field.description} The keys of \`routes\` but \`name\`, \`path\` and \`host\`.\n`];
    const inner = objectOf(field);
    return inner === null ? [] : [sectionOf(key, inner, key === 'routes' ? defaults : {})];
  });
  const top = sectionOf('', { properties: root.properties ?? {}, required: root.required ?? [] }, {}, false);
  return `${[INTRODUCTION, top, ...parts].join('\n').trimEnd()}\n`;
}

/** One table for an object or for each kind of it, and then one for each object within. `defaults` are those of other keys. */
function sectionOf(path: string, node: Node, defaults: Record<string, Node>, isDeep = true): string {
  const lines = [path === '' ? '## All keys of the top level' : `## ${path}`, ''];
  if (node.description !== undefined) lines.push(node.description, '');
  const below: string[] = [];
  for (const branch of branchesOf(node)) {
    if (branch.properties === undefined) continue;
    const kind = branch.properties['kind']?.const;
    if (kind !== undefined) lines.push(`### ${path}, kind: ${String(kind)}`, '');
    lines.push('| key | value | default | PHP | meaning |', '| --- | --- | --- | --- | --- |');
    for (const [key, field] of Object.entries(branch.properties)) {
      const isRequired = branch.required?.includes(key) === true && field.default === undefined;
      const isOverride = path === 'routes' && key === 'session';
      lines.push(rowOf(key, { ...field, default: field.default ?? defaults[key]?.default }, isRequired));
      const inner = isDeep && !isOverride ? objectOf(field) : null;
      if (inner !== null) below.push(sectionOf(path === '' ? key : `${path}.${key}`, inner, {}));
    }
    lines.push('');
  }
  return [...lines, ...below].join('\n');
}

function branchesOf(node: Node): readonly Node[] {
  return node.properties === undefined ? [...(node.anyOf ?? []), ...(node.oneOf ?? [])] : [node];
}

/** The object that a key holds, by itself, as one way of writing it, or as the items of a list. */
function objectOf(field: Node): Node | null {
  const description = field.description ?? '';
  if (branchesOf(field).some((branch) => branch.properties !== undefined)) return { ...field, description };
  const items = field.items;
  return items !== undefined && objectOf(items) !== null ? { ...items, description } : null;
}

function rowOf(key: string, field: Node, isRequired: boolean): string {
  const example = field.example === undefined ? '' : ` Example: \`${field.example}\`.`;
  const cells = [
    `\`${key}\``,
    kindOf(field),
    isRequired && field.const === undefined ? '**required**' : defaultOf(field),
    field.php === undefined ? '' : `\`${field.php}\``,
    `${field.description ?? ''}${example}`,
  ];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

function defaultOf(field: Node): string {
  if (field.default === undefined || isEmptyObject(field.default)) return '';
  if (Array.isArray(field.default)) return field.default.length === 0 ? 'none' : `\`[${field.default.join(', ')}]\``;
  const text = typeof field.default === 'object' ? JSON.stringify(field.default) : String(field.default);
  return `\`${text}\``;
}

/** What may stand there, in words. */
function kindOf(field: Node): string {
  if (field.enum !== undefined) return field.enum.map((value) => `\`${String(value)}\``).join(', ');
  if (field.const !== undefined) return `\`${String(field.const)}\``;
  const branches = [...(field.anyOf ?? []), ...(field.oneOf ?? [])];
  if (branches.length > 0) return [...new Set(branches.map(kindOf))].join(' or ');
  if (field.items !== undefined) return objectOf(field.items) === null ? 'list' : 'list of maps';
  switch (field.type) {
    case 'object':
      return 'map';
    case 'boolean':
      return '`true`, `false`';
    case 'integer':
      return `${field.minimum ?? ''} to ${field.maximum ?? ''}`;
    default:
      if (field.pattern?.includes('(ms|s|m|h|d)')) return 'time';
      if (!field.pattern?.includes('KiB')) return 'text';
      return field.least === undefined ? 'size' : `size, from ${field.least}`;
  }
}
