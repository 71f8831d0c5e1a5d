import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { parse } from 'yaml';
import { jsonSchema, referenceMarkdown } from '../../../src/config/generate.ts';
import { loadConfigFile, parseConfig, readConfig } from '../../../src/config/load.ts';
import { compileRoutes } from '../../../src/policy/routes.ts';

const EXAMPLE = 'config/example.yaml';
const BARE = 'upstream: http://127.0.0.1:8000\n';

describe('config: generated documents', () => {
  it('config/schema.json is what `npm run generate` makes', () => {
    expect(readFileSync('config/schema.json', 'utf8')).to.equal(jsonSchema());
  });

  it('config/reference.md is what `npm run generate` makes', () => {
    expect(readFileSync('config/reference.md', 'utf8')).to.equal(referenceMarkdown());
  });

  it('every key has a meaning, in the schema and in the reference', () => {
    const reference = referenceMarkdown();
    const keys: string[] = [];
    const bare: string[] = [];
    walk(JSON.parse(jsonSchema()), '', (path, node) => {
      keys.push(path);
      if (typeof node.description !== 'string' || !/[.`]$|\)$/.test(node.description)) bare.push(path);
      const name = path.split('.').at(-1);
      if (!reference.includes(`| \`${name}\` |`)) bare.push(`${path} in the reference`);
    });
    expect(bare).to.deep.equal([]);
    expect(keys.length).to.be.greaterThan(120);
  });

  for (const [url, isRight] of [
    ['http://127.0.0.1:8000', true],
    ['HTTPS://App.example/', true],
    ['http://[::1]:8000', true],
    ['http://a/path', false],
    ['http://u:p@h', false],
    ['http://a?x', false],
    ['http://a#x', false],
    ['http://a\\b', false],
    ['ftp://a', false],
    ['a:8000', false],
  ] as const) {
    it(`an editor and \`check\` ${isRight ? 'take' : 'refuse'} ${url} as upstream`, () => {
      const schema = JSON.parse(jsonSchema()) as { properties: { upstream: { anyOf: { pattern?: string }[] } } };
      const [{ pattern } = {}] = schema.properties.upstream.anyOf;
      expect(new RegExp(pattern ?? '', 'u').test(url), 'the schema').to.equal(isRight);
      expect(readConfig(`upstream: ${JSON.stringify(url)}`, 'c.yaml').problems).to.have.length(isRight ? 0 : 1);
    });
  }

  it('an editor takes a separator in capitals, as `check` does', () => {
    expect(readConfig('upstream: http://a\ndefaults: { arg_separator: "&AMP;" }', 'c.yaml').problems).to.deep.equal([]);
    const { properties } = JSON.parse(jsonSchema()) as {
      properties: { defaults: { properties: { arg_separator: { pattern: string } } } };
    };
    expect('&AMP;').to.match(new RegExp(properties.defaults.properties.arg_separator.pattern, 'u'));
  });

  it('the schema says nothing of our own metadata', () => {
    expect(jsonSchema()).to.not.match(/"(php|example)":/);
  });
});

describe('config: example.yaml', () => {
  it('loads', () => {
    const config = loadConfigFile(EXAMPLE);
    expect(config.upstream.url).to.equal('http://127.0.0.1:8000');
    expect(config.store.kind).to.equal('memory');
    const routes = compileRoutes(config);
    expect(routes.match('h', '/Admin/x').policy.useOnlyCookies).to.equal(true);
    expect(routes.match('h', '/').policy.useTransSid).to.equal(true);
  });

  it('shows the defaults as they are', () => {
    const { routes: _routes, admin: _admin, ...example } = loadConfigFile(EXAMPLE);
    const { routes: _none, admin: _nothing, ...defaults } = parseConfig(BARE, EXAMPLE);
    expect(example).to.deep.equal(defaults);
  });

  it('has every key of the schema in its section, as a comment where there is no default to show', () => {
    const sections = sectionsOf(readFileSync(EXAMPLE, 'utf8'));
    const missing: string[] = [];
    walk(JSON.parse(jsonSchema()), '', (path) => {
      const [top = '', ...below] = path.slice(1).split('.');
      // A route has the keys of `defaults`, and a session there those of `session`.
      const isShownElsewhere = top === 'routes' && !['name', 'path', 'host', 'session', undefined].includes(below[0]);
      if (isShownElsewhere || (/^(routes|defaults)$/.test(top) && below[0] === 'session' && below.length > 1)) return;
      const text = sections.get(top) ?? '';
      if (!new RegExp(`^[# -]*${path.split('.').at(-1)}:(?: |$)`, 'm').test(text)) missing.push(path.slice(1));
    });
    expect(missing).to.deep.equal([]);
  });

  it('says of every key in a comment what it does, and the key could be taken out of the comment', () => {
    const commented = readFileSync(EXAMPLE, 'utf8')
      .split('\n')
      .filter((line) => /^\s*#\s+\w+: [^#\s]/.test(line));
    expect(commented).to.have.length.greaterThan(20);
    for (const line of commented) {
      expect(line).to.match(/ # \S|address: /);
      expect(parse(line.replace('#', '')), line).to.be.an('object');
    }
  });

  it('names its schema, and says of every key what it does', () => {
    const text = readFileSync(EXAMPLE, 'utf8');
    expect(text).to.match(/^# yaml-language-server: \$schema=\.\/schema\.json\n/);
    const silent = text
      .split('\n')
      .filter(
        (line, index, lines) =>
          /^\s+\w+: \S/.test(line) && !line.includes('#') && !/^\s*#/.test(lines[index - 1] ?? ''),
      )
      .map((line) => line.trim().split(':')[0]);
    expect(silent).to.deep.equal([]);
    expect(parse(text)).to.be.an('object');
  });
});

/** Its text by top-level key, those in comments too. */
function sectionsOf(text: string): Map<string, string> {
  const sections = new Map<string, string>();
  let name = '';
  for (const line of text.split('\n')) {
    name = /^(?:# )?(\w+):(?: |$)/.exec(line)?.[1] ?? name;
    sections.set(name, `${sections.get(name) ?? ''}${line}\n`);
  }
  return sections;
}

interface SchemaNode {
  readonly description?: string;
  readonly properties?: Record<string, SchemaNode>;
  readonly items?: SchemaNode;
  readonly anyOf?: readonly SchemaNode[];
  readonly oneOf?: readonly SchemaNode[];
}

function walk(node: SchemaNode, path: string, see: (path: string, node: SchemaNode) => void): void {
  for (const [key, field] of Object.entries(node.properties ?? {})) {
    see(`${path}.${key}`, field);
    walk(field, `${path}.${key}`, see);
  }
  for (const branch of [
    ...(node.anyOf ?? []),
    ...(node.oneOf ?? []),
    ...(node.items === undefined ? [] : [node.items]),
  ]) {
    walk(branch, path, see);
  }
}
