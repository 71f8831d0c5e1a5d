/** What `transid explain` tells of a request against what the proxy does with it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { explainCommand } from '../../src/cli/explain.ts';
import { ask } from '../support/ask.ts';
import { captureIo } from '../support/capture-io.ts';
import { SID, startConfigured, type TestProxy } from '../support/proxy.ts';
import { type ScriptedUpstream, startUpstream } from '../support/scripted-upstream.ts';

const ROUTES = `routes:
  - { path: /played/**, use_trans_sid: true, simulate: no-cookies }
  - { path: /by-field/**, use_trans_sid: true, simulate: { by_field: true } }
  - { path: /probe/**, use_trans_sid: true, detect: probe }
  - { path: /parameter/**, use_trans_sid: true, carrier: path-parameter }
  - { path: /redirect/**, use_only_cookies: true, on_url_sid: redirect }
  - { path: /reject/**, use_only_cookies: true, on_url_sid: reject }
  - { path: /vars/**, use_only_cookies: true, rewrite_vars: { lang: en }, url_rewriter_tags: "a=href" }
  - { path: /**, use_trans_sid: true }
`;
const ROBOT = { 'user-agent': 'Googlebot/2.1 (+http://www.google.com/bot.html)' };
/** The client can be told from others, as one is that comes directly from the internet. */
const NAMED = { 'x-forwarded-for': '198.51.100.7' };
const EVIL = { referer: 'http://evil.test/' };
/** A session that began long ago and elsewhere, or never. */
const DEAD = '0123456789abcdefghijklmnop';

describe('transid explain tells what the proxy does', () => {
  let upstream: ScriptedUpstream;
  let proxy: TestProxy;
  let folder: string;
  let sid: string;

  before(async () => {
    upstream = await startUpstream((_seen, response) => {
      response.writeHead(200, { 'Content-Type': 'text/html', 'Set-Cookie': 'app=1; Path=/' });
      response.end('<a href="?a=1">');
    });
    const config = `listen: 127.0.0.1:0\nupstream: ${upstream.origin}\nlog: { level: error }\ntrusted_proxies: [127.0.0.1]\n${ROUTES}`;
    folder = mkdtempSync(join(tmpdir(), 'transid-explain-'));
    writeFileSync(join(folder, 'c.yaml'), config);
    proxy = await startConfigured(config);
    sid =
      SID.exec((await ask(proxy.port, '/', { host: 'own.test', fields: NAMED })).body)?.[1] ?? expect.fail('no SID');
  });
  after(async () => {
    await proxy?.close();
    await upstream?.close();
    rmSync(folder, { recursive: true });
  });

  const explain = async (target: string, fields: Record<string, string>): Promise<string> => {
    const all = { accept: 'text/html', 'user-agent': 'Mozilla/5.0 (test)', ...fields };
    const headers = Object.entries(all).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
    const { io, out } = captureIo();
    await explainCommand(['-c', join(folder, 'c.yaml'), ...headers, `http://own.test${target}`], io);
    return out();
  };
  const alike = (text: string) => text.replaceAll(sid, 'SID').replace(/_sid_probe=\w+/, '_sid_probe=*');

  for (const [what, target, fields, status] of [
    ['a first visit', '/x', {}, 200],
    ['a cookie', '/x', { cookie: 'a=1' }, 200],
    ['a living SID', '/x?_sid=LIVING', {}, 200],
    ['a dead SID', `/x?_sid=${DEAD}`, {}, 200],
    ['a SID and a stranger’s cookie', `/x?_sid=${DEAD}`, { cookie: 'b=1' }, 303],
    ['a robot with a SID', '/x?_sid=LIVING', ROBOT, 301],
    ['a young SID from abroad', '/x?_sid=LIVING', EVIL, 200],
    ['a dead SID from abroad', `/x?_sid=${DEAD}`, EVIL, 303],
    ['a young SID, loaded ahead from abroad', '/x?_sid=LIVING', { ...EVIL, 'sec-purpose': 'prefetch' }, 200],
    ['a dead SID, loaded ahead from abroad', `/x?_sid=${DEAD}`, { ...EVIL, 'sec-purpose': 'prefetch' }, 503],
    ['a played browser', '/played/x', { cookie: 'sess=abc' }, 200],
    ['a chosen browser', '/by-field/x', { cookie: 'sess=abc', 'transid-simulate': 'no-cookies' }, 200],
    ['an unknown browser', '/by-field/x', { 'transid-simulate': 'foo' }, 400],
    ['a probe', '/probe/x', {}, 303],
    ['no probe for what is no page', '/probe/x', { accept: '*/*' }, 200],
    ['another carrier', '/parameter/x?_sid=LIVING', {}, 303],
    ['a SID in an own Referer', '/x', { referer: 'http://own.test/y?_sid=LIVING' }, 303],
    ['a route that sends SIDs away', '/redirect/x?_sid=LIVING', {}, 303],
    ['a route that refuses SIDs', '/reject/x?_sid=LIVING', {}, 400],
    ['variables', '/vars/x', {}, 200],
    ['two SIDs', `/x?_sid=LIVING&_sid=${DEAD}`, {}, 400],
    // The last: it ends the session.
    ['a living SID and its cookie', '/x?_sid=LIVING', { cookie: 'app=1' }, 303],
  ] as const) {
    it(what, async () => {
      const asked = target.replace('LIVING', sid);
      const sent = Object.fromEntries(
        Object.entries(fields).map(([name, text]) => [name, text.replace('LIVING', sid)]),
      );
      const told = alike(await explain(asked, sent));
      const answer = await ask(proxy.port, asked, { host: 'own.test', fields: { ...NAMED, ...sent } });
      expect(answer.status).to.equal(status);
      if (answer.location !== null) {
        expect(told).to.include(`the proxy answers by itself: ${status} to ${alike(answer.location)}\n`);
      } else if (status === 503) {
        expect(told).to.match(/\nIf it does not: verdict \w+: .*\n {2}the proxy answers 503, .* \(LOADED_AHEAD\)/);
      } else if (status === 400) {
        expect(told).to.match(/\nNo verdict: the proxy answers 400, /);
      } else {
        expect(told).to.include('  upstream go ');
        const isNew = /from the first Set-Cookie/.test(told);
        expect(answer.body).to.match(/_sid=/.test(told) || isNew ? /_sid=/ : /^<a href="\?a=1(?:&amp;lang=en)?">$/);
        expect(/lang=en">/.test(told)).to.equal(/lang=en">/.test(answer.body));
      }
    });
  }
});
