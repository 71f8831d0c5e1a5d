import { expect } from 'chai';
import { parseConfig } from '../../../src/config/load.ts';
import { fixedKeys } from '../../../src/proxy/fixed-keys.ts';

const config = (yaml: string) => parseConfig(`upstream: http://127.0.0.1:1\n${yaml}`, 'c.yaml');

describe('what takes a restart of limits.max_sessions', () => {
  const REDIS = 'store: { kind: redis, url: "redis://127.0.0.1:1" }';
  for (const [what, store, before, after, keys] of [
    ['more than the memory store was made for', '', 10, 11, ['limits.max_sessions']],
    ['less', '', 10, 9, []],
    ['more in a store without a bound of its own', REDIS, 10, 11, []],
  ] as const) {
    it(`${what}: ${keys.length === 0 ? 'nothing' : keys.join()}`, () => {
      const [first, next] = [before, after].map((most) => config(`${store}\nlimits: { max_sessions: ${most} }`));
      expect(fixedKeys(first!, next!)).to.deep.equal(keys);
    });
  }
});
