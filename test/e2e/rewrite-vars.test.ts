/** Variables that a route, or the application with one answer, adds to forms: `output_add_rewrite_var()` and its reset. */
import { expect } from 'chai';
import { ask } from '../support/ask.ts';
import { startProxy, type TestProxy } from '../support/proxy.ts';
import { type ScriptedUpstream, startUpstream } from '../support/scripted-upstream.ts';

const ROUTES = `routes:
  - { path: /vars/**, use_trans_sid: true, rewrite_vars: { lang: en } }
  - { path: /**, use_trans_sid: true }
`;

describe('variables in forms', () => {
  let upstream: ScriptedUpstream;
  let proxy: TestProxy;
  /** Of the next answer. */
  let fields: Record<string, string | string[]> = {};

  before(async () => {
    upstream = await startUpstream((_request, response) => {
      response.writeHead(200, { 'Content-Type': 'text/html', ETag: '"1"', 'Cache-Control': 'max-age=60', ...fields });
      response.end('<form action="/search"></form>');
    });
    proxy = await startProxy(upstream.origin, ROUTES);
  });
  after(async () => {
    await proxy?.close();
    await upstream?.close();
  });

  const added = { 'Transid-Add-Rewrite-Var': ['theme=a<b', 'n=1'] };
  for (const [what, target, answered, wanted] of [
    ['of the route', '/vars/x', {}, ['lang=en']],
    ['of the application, behind them', '/vars/x', added, ['lang=en', 'theme=a&lt;b', 'n=1']],
    ['of the application alone', '/x', added, ['theme=a&lt;b', 'n=1']],
    [
      'of the application alone, by its word',
      '/vars/x',
      { ...added, 'Transid-Reset-Rewrite-Vars': '1' },
      ['theme=a&lt;b', 'n=1'],
    ],
    ['none', '/x', {}, []],
    ['none, by its word', '/vars/x', { 'Transid-Reset-Rewrite-Vars': '1' }, []],
    ['none, where it wants its page left alone', '/vars/x', { ...added, 'Transid-Rewrite': 'off' }, []],
  ] as const) {
    it(what, async () => {
      fields = { ...answered } as typeof fields;
      const answer = await ask(proxy.port, target, { host: 'own.test', fields: { cookie: 'a=1' } });
      const inputs = [...answer.body.matchAll(/<input type="hidden" name="(.*?)" value="(.*?)" \/>/g)];
      expect(inputs.map(([, name, value]) => `${name}=${value}`)).to.deep.equal(wanted);
      expect(Object.keys(answer.fields).filter((name) => name.startsWith('transid-'))).to.deep.equal([]);
      expect(answer.fields, 'still for everybody').to.include({ 'cache-control': 'max-age=60' });
      expect(answer.fields['etag']).to.equal(wanted.length === 0 ? '"1"' : 'W/"1"');
    });
  }
});
