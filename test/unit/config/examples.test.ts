import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { warningsOf } from '../../../src/cli/warnings.ts';
import { loadConfigFile } from '../../../src/config/load.ts';
import type { RoutePolicy } from '../../../src/policy/route-policy.ts';
import { compileRoutes } from '../../../src/policy/routes.ts';

const FOLDER = 'config/examples';
/** What each file promises: a path and what its policy must have. */
const PROMISES: Readonly<Record<string, ReadonlyArray<readonly [path: string, policy: Partial<RoutePolicy>]>>> = {
  'django.yaml': [
    ['/', { useTransSid: true, useOnlyCookies: false, carrier: 'query' }],
    ['/Admin/login/', { useOnlyCookies: true }],
  ],
  'foreign-frame.yaml': [
    ['/widget/book', { useCookies: false, useTransSid: true, partitionedCookies: false }],
    ['/lesson/1', { useCookies: true, useTransSid: true, partitionedCookies: true }],
    ['/account', { useOnlyCookies: true }],
    ['/widget/..%2faccount', { useOnlyCookies: true }],
  ],
  'php.yaml': [
    ['/index.php', { useTransSid: true, useOnlyCookies: false, rewriter: 'php', forms: 'field', argSeparator: '&' }],
    ['/admin/', { useOnlyCookies: true }],
  ],
  'servlet.yaml': [
    ['/app/;jsessionid=1', { useTransSid: true, carrier: 'path-parameter' }],
    ['/manager;x=1/html', { useOnlyCookies: true }],
  ],
  'wordpress.yaml': [
    ['/wp-login.php', { useTransSid: true, useOnlyCookies: false }],
    ['/wp-admin/', { useTransSid: true, useOnlyCookies: false }],
    ['/wp-admin/plugin-editor.php', { useOnlyCookies: true }],
  ],
};

describe('config/examples', () => {
  it('each file has its promises here', () => {
    expect(readdirSync(FOLDER).sort()).to.deep.equal(Object.keys(PROMISES));
  });

  for (const [file, promises] of Object.entries(PROMISES)) {
    describe(file, () => {
      const path = `${FOLDER}/${file}`;

      it('loads without a warning, names its schema and says what it is for', () => {
        expect(warningsOf(loadConfigFile(path))).to.deep.equal([]);
        expect(readFileSync(path, 'utf8')).to.match(/^# yaml-language-server: \$schema=\.\.\/schema\.json\n#\n# \w/);
      });

      for (const [target, policy] of promises) {
        it(`${target}: ${JSON.stringify(policy)}`, () => {
          expect(compileRoutes(loadConfigFile(path)).match('app.test', target).policy).to.deep.include(policy);
        });
      }
    });
  }

  it('mirror mode of php.yaml is that of PHP', () => {
    const { session } = compileRoutes(loadConfigFile(`${FOLDER}/php.yaml`)).match('h', '/').policy;
    expect(session).to.deep.include({ mode: 'mirror', name: 'PHPSESSID', cookie: 'PHPSESSID' });
  });
});
