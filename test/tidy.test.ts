/**
 * The house rules that a compiler does not know, held as data: who may import whom, which file owns which package, no
 * dead file, no stray console, a head comment on each file, an error table without idle rows, no paths of one machine.
 *
 * Imports are found with a regular expression: all source here is formatted by one tool, and a rule that could be
 * dodged by odd spelling still catches every honest mistake.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { ERRORS } from '../src/errors.ts';
import { LIMITS } from '../src/limits.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

interface RoomRule {
  /** Rooms whose values and types may be imported. The leaves and the room's own files always may. */
  readonly may: readonly string[];
  /** Rooms of which only types may be imported. */
  readonly types: readonly string[];
  /** May it use Node's I/O: sockets, files, processes, workers? Others get pure modules of Node only. */
  readonly io: boolean;
}

const PURE_ROOMS = ['sid', 'html', 'config', 'policy', 'client', 'session', 'upstream', 'form', 'response'];

/** One-way flow: what a room may lean on. An import that is not in its row is a fault of the shape, not of this table. */
const ROOMS: Readonly<Record<string, RoomRule>> = {
  sid: { may: [], types: [], io: false },
  html: { may: [], types: [], io: false },
  config: { may: [], types: [], io: true },
  policy: { may: ['sid'], types: ['config'], io: false },
  client: { may: ['sid'], types: ['config', 'policy'], io: false },
  session: { may: ['sid'], types: ['config', 'policy'], io: true },
  upstream: { may: ['policy'], types: ['session', 'config'], io: true },
  form: { may: ['sid'], types: ['policy'], io: false },
  response: { may: ['html', 'sid', 'policy'], types: ['session', 'client'], io: false },
  observe: { may: [], types: [...PURE_ROOMS, 'proxy'], io: true },
  admin: { may: ['observe'], types: ['config'], io: true },
  simulator: { may: [], types: [], io: true },
  demo: { may: [], types: [], io: true },
  proxy: { may: [...PURE_ROOMS, 'observe', 'admin'], types: [], io: true },
  cli: {
    may: ['index', 'config', 'policy', 'proxy', 'observe', 'simulator', 'demo', 'html', 'response', 'sid', 'client'],
    types: [],
    io: true,
  },
  index: { may: [...PURE_ROOMS, 'observe', 'admin', 'proxy', 'simulator'], types: [], io: true },
};

/** Files beside the rooms that lean on nothing and that every room may lean on. */
const LEAVES = new Set(['errors', 'field-list', 'limits', 'memo', 'version']);

/** The witness must not share code, and so bugs, with what it judges: not even errors and limits. */
const ALONE = new Set(['simulator', 'demo']);

/** Third-party package → the only source files that may import it. */
const PACKAGE_OWNERS: Readonly<Record<string, readonly string[]>> = {
  cookie: ['client/facts.ts'],
  htmlparser2: ['html/scan-xml.ts'],
  'http-proxy': ['upstream/tunnel.ts'],
  ioredis: ['session/redis.ts', 'session/redis-client.ts'],
  isbot: ['client/crawlers.ts'],
  lmdb: ['session/lmdb.ts'],
  parse5: ['simulator/page.ts', 'simulator/tree.ts'],
  pino: ['observe/log.ts'],
  'prom-client': ['observe/metrics.ts', 'observe/counting.ts', 'observe/tallies.ts'],
  tldts: ['session/jar.ts', 'simulator/site.ts', 'simulator/jar.ts'],
  'tough-cookie': ['session/jar.ts', 'session/set-cookie.ts'],
  yaml: ['config/load.ts', 'config/key-places.ts', 'cli/simulate.ts'],
  zod: [
    'config/schema.ts',
    'config/route-schema.ts',
    'config/session-schema.ts',
    'config/store-schema.ts',
    'config/units.ts',
    'config/problems.ts',
    'config/generate.ts',
  ],
};

/** Modules of Node with which a pure room stays pure. */
const PURE_NODE = new Set([
  'assert',
  'buffer',
  'crypto',
  'net',
  'path',
  'querystring',
  'stream',
  'string_decoder',
  'url',
  'util',
  'zlib',
  'http',
]);

/** Programs and the public API: what these do not reach is dead. */
const ENTRIES = ['cli/main.ts', 'index.ts', 'simulator/index.ts'];

interface SourceFile {
  /** From the folder that was listed, with `/`. */
  readonly path: string;
  readonly text: string;
}

interface Import {
  readonly from: string;
  readonly typesOnly: boolean;
}

function listFiles(folder: string, pattern: RegExp): SourceFile[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && pattern.test(entry.name) && !/node_modules/.test(entry.parentPath))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((path) => ({
      path: relative(join(ROOT, folder), path).replaceAll('\\', '/'),
      text: readFileSync(path, 'utf8'),
    }));
}

/** Static imports and exports, dynamic ones, and files named by `new URL('./x.ts', import.meta.url)`. */
function importsOf(text: string): Import[] {
  const found: Import[] = [];
  for (const match of text.matchAll(/^(?:import|export)\s+(type\s+)?([^'";]*?)\s*from\s+'([^']+)'/gm)) {
    const names = /\{([^}]*)\}/.exec(match[2] ?? '')?.[1];
    const eachIsType =
      names !== undefined &&
      /^\s*\{/.test(match[2] ?? '') &&
      names.split(',').every((name) => /^\s*(type\s|$)/.test(name));
    found.push({ from: match[3] ?? '', typesOnly: match[1] !== undefined || eachIsType });
  }
  for (const match of text.matchAll(
    /^import\s+'([^']+)'|\bimport\('([^']+)'\)|new URL\('(\.[^']+\.ts)',\s*import\.meta\.url\)/gm,
  )) {
    found.push({ from: match[1] ?? match[2] ?? match[3] ?? '', typesOnly: false });
  }
  return found;
}

/** `sid` for `sid/scope.ts`, `errors` for `errors.ts`. */
function roomOf(path: string): string {
  return (path.split('/')[0] ?? path).replace(/\.ts$/, '');
}

/** `zod` for `zod/v4`, `@a/b` for `@a/b/c`. */
function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

function resolvePath(importer: string, specifier: string): string {
  return join(dirname(importer), specifier).replaceAll('\\', '/');
}

/** AssemblyScript (`.as.ts`) is compiled to a file of its own and imported by none. */
const sources = listFiles('src', /(?<!\.as)\.ts$/);
const tests = [...listFiles('test', /\.(?:ts|case)$/), ...listFiles('bench', /\.ts$/)];

/** What is wrong with one import of one file, null when nothing is. */
function faultOf(path: string, { from, typesOnly }: Import): string | null {
  const room = roomOf(path);
  const rule = ROOMS[room];
  if (from.startsWith('node:')) {
    if (rule === undefined || rule.io || typesOnly || PURE_NODE.has(from.slice(5).split('/')[0] ?? '')) return null;
    return `${path} does I/O: ${from}`;
  }
  if (!from.startsWith('.')) {
    const owners = PACKAGE_OWNERS[packageOf(from)];
    if (owners === undefined) return `${path} imports ${from}, which has no owner`;
    return owners.includes(path) || typesOnly ? null : `${path} imports ${from}, which belongs to ${owners.join(', ')}`;
  }
  const target = roomOf(resolvePath(path, from));
  if (target === room) return null;
  if (LEAVES.has(target)) return ALONE.has(room) ? `${path} imports ${target}: it stands alone` : null;
  if (rule === undefined) return `${path} imports ${from}: leaves lean on nothing`;
  if (rule.may.includes(target) || (typesOnly && rule.types.includes(target))) return null;
  return `${path} imports ${typesOnly ? 'types' : 'values'} of ${target}`;
}

describe('tidiness', () => {
  it('every room is in the table', () => {
    const rooms = new Set(sources.map(({ path }) => roomOf(path)));
    expect([...rooms].filter((room) => !(room in ROOMS) && !LEAVES.has(room))).to.deep.equal([]);
  });

  it('imports go one way, and each package has its owner', () => {
    const faults = sources.flatMap(({ path, text }) => importsOf(text).flatMap((one) => faultOf(path, one) ?? []));
    expect(faults).to.deep.equal([]);
  });

  it('the table has no row that nothing needs', () => {
    const used = new Set(
      sources.flatMap(({ path, text }) => importsOf(text).map(({ from }) => `${packageOf(from)} ${path}`)),
    );
    const idle = Object.entries(PACKAGE_OWNERS).flatMap(([name, owners]) => owners.map((owner) => `${name} ${owner}`));
    expect(idle.filter((row) => !used.has(row))).to.deep.equal([]);
  });

  it('every dependency of package.json is used by the product', () => {
    const { dependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
      dependencies: Record<string, string>;
    };
    expect(Object.keys(dependencies).sort()).to.deep.equal(Object.keys(PACKAGE_OWNERS).sort());
  });

  it('the lock names every optional dependency, for any platform: `npm ci` refuses it otherwise', () => {
    const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, { optionalDependencies?: Record<string, string> }>;
    };
    const wanted = Object.values(lock.packages).flatMap((entry) => Object.keys(entry.optionalDependencies ?? {}));
    expect(wanted.filter((name) => !(`node_modules/${name}` in lock.packages))).to.deep.equal([]);
  });

  it('no file is dead', () => {
    const byPath = new Map(sources.map((source) => [source.path, source]));
    const reached = new Set<string>();
    const queue = [...ENTRIES];
    for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
      if (reached.has(path)) continue;
      reached.add(path);
      for (const { from } of importsOf(byPath.get(path)?.text ?? '')) {
        if (from.startsWith('.')) queue.push(resolvePath(path, from));
      }
    }
    expect(sources.map(({ path }) => path).filter((path) => !reached.has(path))).to.deep.equal([]);
    expect(
      [...reached].filter((path) => !byPath.has(path)),
      'imported, but not there',
    ).to.deep.equal([]);
  });

  it('tests have each module once, as the program has', async () => {
    // Where a loader makes CommonJS of them, those that are imported on first use (the stores) get a second `errors.ts`.
    const { ERRORS: onFirstUse } = await import('../src/errors.ts');
    expect(onFirstUse).to.equal(ERRORS);
  });

  it('each file says at its top what it is', () => {
    const supports = tests.filter(({ path }) => path.startsWith('support/'));
    const silent = [...sources, ...supports].filter(({ text }) => !/^(?:#!.*\n)?\/\*\*/.test(text));
    expect(silent.map(({ path }) => path)).to.deep.equal([]);
  });

  it('nothing writes to the console, no test is skipped or alone', () => {
    const faults = [...sources, ...tests].flatMap(({ path, text }) =>
      [
        ...text.matchAll(/\bconsole\.\w+\(|\b(?:describe|it)\.(?:only|skip)\(|\bthis\.skip\(|\bx(?:it|describe)\(/g),
      ].map(([word]) => `${path}: ${word}`),
    );
    expect(faults.filter((fault) => !fault.startsWith('tidy.test.ts'))).to.deep.equal([]);
  });

  it('no hook stands outside of a suite: it would run around every test there is', () => {
    const files = tests.filter(({ text }) => /^(?:before|after)(?:Each)?\(/m.test(text));
    expect(files.map(({ path }) => path)).to.deep.equal([]);
  });

  it('every error code is used by the product', () => {
    const text = sources
      .filter(({ path }) => path !== 'errors.ts')
      .map((source) => source.text)
      .join('\n');
    expect(Object.keys(ERRORS).filter((code) => !text.includes(`'${code}'`))).to.deep.equal([]);
  });

  it('every limit is kept by somebody', () => {
    const text = sources.map((source) => source.text).join('\n');
    expect(Object.keys(LIMITS).filter((name) => !new RegExp(`\\bLIMITS\\.${name}\\b`).test(text))).to.deep.equal([]);
  });

  it('every error code is provoked by a test', () => {
    const text = tests
      .filter(({ path }) => path !== 'tidy.test.ts')
      .map((test) => test.text)
      .join('\n');
    expect(Object.keys(ERRORS).filter((code) => !new RegExp(`\\b${code}\\b`).test(text))).to.deep.equal([]);
  });

  it('every decision has its number in its title', () => {
    const untitled = listFiles('docs/decisions', /\.md$/).filter(
      ({ path, text }) => !text.startsWith(`# ${path.slice(0, 3)} `),
    );
    expect(untitled.map(({ path }) => path)).to.deep.equal([]);
  });

  it('nothing names a place of one machine', () => {
    const texts = ['src', 'test', 'bench', 'config', 'docs', '.ci'].flatMap((folder) =>
      listFiles(folder, /\.(?:ts|md|ya?ml|json|php|case|sh|mjs|service)$|^run$/).map(({ path, text }) => ({
        path: `${folder}/${path}`,
        text,
      })),
    );
    const top = readdirSync(ROOT, { withFileTypes: true }).filter(
      (entry) => entry.isFile() && !/\.(?:tgz|log)$/.test(entry.name),
    );
    texts.push(...top.map(({ name }) => ({ path: name, text: readFileSync(join(ROOT, name), 'utf8') })));
    const place = /\/(?:work\/(?:main|shared)|root\/\.|home\/\w+\/|tmp\/\w+\/)|"resolved": "/;
    const faults = texts
      .filter(({ path }) => !/^test\/(?:corpora|vectors|tidy)/.test(path))
      .filter(({ text }) => place.test(text));
    expect(faults.map(({ path, text }) => `${path}: ${place.exec(text)?.[0]}`)).to.deep.equal([]);
  });

  it('nothing loads a file with a default export or a barrel', () => {
    const barrels = sources.filter(({ path, text }) => /^export \* from/m.test(text) && path !== 'index.ts');
    expect(barrels.map(({ path }) => path)).to.deep.equal([]);
    expect(sources.filter(({ text }) => /^export default/m.test(text)).map(({ path }) => path)).to.deep.equal([]);
  });
});
