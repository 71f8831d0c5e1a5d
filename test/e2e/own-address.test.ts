/** Redirects in which an application names itself by its own address, which clients may not know. */
import { expect } from 'chai';
import { ask } from '../support/ask.ts';
import { SID, startConfigured, type TestProxy } from '../support/proxy.ts';
import { type ScriptedUpstream, startUpstream } from '../support/scripted-upstream.ts';

describe('a redirect to the address of the application', () => {
  let upstream: ScriptedUpstream;
  const proxies: TestProxy[] = [];

  before(async () => {
    upstream = await startUpstream(({ target }, response) => {
      if (target === '/start') response.setHeader('Set-Cookie', 'app=1; Path=/').setHeader('Content-Type', 'text/html');
      else response.writeHead(302, { Location: `${upstream.origin}/x?a=1` });
      response.end('<a href="/x">x</a>');
    });
    for (const preserveHost of [true, false]) {
      const server = `{ url: ${upstream.origin}, preserve_host: ${preserveHost} }`;
      const yaml = `listen: 127.0.0.1:0\nupstream: ${server}\nlog: { level: error }\nroutes: [{ use_trans_sid: true }]\n`;
      proxies.push(await startConfigured(yaml));
    }
  });
  after(async () => {
    for (const proxy of proxies) await proxy.close();
    await upstream.close();
  });

  for (const [what, method, target, preservesHost, isKept] of [
    ['where another page was asked for, leads to ours', 'GET', '/y', true, false],
    ['where this very page was asked for, is meant: ours would lead back for ever', 'GET', '/x?a=1', true, true],
    ['… of HEAD, too', 'HEAD', '/x?a=1', true, true],
    ['… not behind a form, whose answer is another one', 'POST', '/x?a=1', true, false],
    ['… nor where the application is asked by that name already', 'GET', '/x?a=1', false, false],
  ] as const) {
    it(what, async () => {
      const { port } = proxies[preservesHost ? 0 : 1]!;
      const sid = SID.exec((await ask(port, '/start', { host: 'own.test' })).body)?.[1] ?? 'none';
      const marked = `${target}${target.includes('?') ? '&' : '?'}_sid=${sid}`;
      const { location } = await ask(port, marked, { host: 'own.test', method });
      expect(location).to.equal(isKept ? `${upstream.origin}/x?a=1` : `http://own.test/x?a=1&_sid=${sid}`);
    });
  }
});
