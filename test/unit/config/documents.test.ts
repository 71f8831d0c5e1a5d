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
