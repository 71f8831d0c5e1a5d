/**
 * No key of the configuration is decoration: each one, under its name in code, is read by some room beyond those that load and
 * compile it. A name that is read for another reason would hide a key that is not; so this finds most such keys, not all.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { parseConfig } from '../../../src/config/load.ts';
import { compileRoutes } from '../../../src/policy/routes.ts';

const LOADS = /^src\/(config|policy)\//;
/** Commands that only look at a configuration. */
const LOOKS = /^src\/cli\/(?!serve\.ts)/;

/** `a.b.c` for every key below `value`. */
function namesIn(value: object, path: string): string[] {
  return Object.entries(value).flatMap(([key, inner]: [string, unknown]) => {
    const isSection = typeof inner === 'object' && inner !== null && Object.getPrototypeOf(inner) === Object.prototype;
    return [`${path}${key}`, ...(isSection ? namesIn(inner as object, `${path}${key}.`) : [])];
  });
}

describe('config: every key is read', () => {
  const source = readdirSync('src', { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name).replaceAll('\\', '/'))
    .filter((file) => !LOADS.test(file) && !LOOKS.test(file))
    .map((file) => readFileSync(file, 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, ''))
    .join('\n');
  const stores = ['{ kind: memory }', '{ kind: lmdb }', '{ kind: redis, url: "redis://a:1" }'];
  const configs = stores.map((store) => parseConfig(`upstream: http://a:1\nstore: ${store}`, 'c.yaml'));
  const names = configs.flatMap((config) => {
    // Routes and defaults reach the rest as compiled policies; `session` too.
    const { routes: _routes, defaults: _defaults, session: _session, ...rest } = config;
    return [...namesIn(rest, ''), ...namesIn(compileRoutes(config).match('h', '/').policy, 'policy.')];
  });

  for (const name of new Set(names)) {
    it(name, () => {
      const key = name.split('.').at(-1);
      expect(new RegExp(`\\b${key}\\b`).test(source), `nothing reads ${name}`).to.equal(true);
    });
  }
});
