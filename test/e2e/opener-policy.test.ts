/**
 * A window that a script opens at an address without the SID comes by our redirect to the one with it. Browsers apply
 * Cross-Origin-Opener-Policy to redirects, too: without that of the pages the window would lose its opener.
 */
import { expect } from 'chai';
import { type Answer, ask } from '../support/ask.ts';
import { SID, startProxy, type TestProxy } from '../support/proxy.ts';
import { type ScriptedUpstream, startUpstream } from '../support/scripted-upstream.ts';

const METADATA = { 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'navigate' };
const DOCUMENT = { ...METADATA, 'sec-fetch-dest': 'document' };

describe('the opener policy of redirects', () => {
  let upstream: ScriptedUpstream;
  let proxy: TestProxy;

  before(async () => {
    upstream = await startUpstream((request, response) => {
      const { searchParams } = new URL(request.target, 'http://app.test');
      const policy = searchParams.get('policy');
      const embedder = searchParams.get('embedder');
      if (policy !== null) response.setHeader('Cross-Origin-Opener-Policy', policy);
      if (embedder !== null) response.setHeader('Cross-Origin-Embedder-Policy', embedder);
      const status = request.target.startsWith('/away') ? 303 : 200;
      response.writeHead(status, { 'content-type': 'text/html', 'set-cookie': 'app=1; Path=/', location: '/' });
      response.end('<a href=/next>next</a>');
    });
    proxy = await startProxy(upstream.origin);
  });
  after(async () => {
    await proxy?.close();
    await upstream.close();
  });

  /** Open pages one after the other; the policy of the redirect that a script's window meets then. */
  async function policyAfter(host: string, targets: readonly string[], dest = 'document'): Promise<string | undefined> {
    return (await fieldsAfter(host, targets, dest))['cross-origin-opener-policy'] as string | undefined;
  }

  async function fieldsAfter(host: string, targets: readonly string[], dest = 'document'): Promise<Answer['fields']> {
    let sid = '';
    for (const target of targets) {
      const marked = sid === '' ? target : `${target}${target.includes('?') ? '&' : '?'}_sid=${sid}`;
      const page = await ask(proxy.port, marked, { host, fields: DOCUMENT });
      sid = SID.exec(page.body)?.[1] ?? sid;
    }
    const fields = { ...METADATA, 'sec-fetch-dest': dest, referer: `http://${host}/?_sid=${sid}` };
    const answer = await ask(proxy.port, '/window', { host, fields });
    expect(answer.status).to.equal(303);
    expect(answer.location).to.match(SID);
    return answer.fields;
  }

  it('is that of the pages, without what it has reported', async () => {
    const target = '/?policy=same-origin%3B+report-to%3D%22x%22';
    expect(await policyAfter('one.test', [target, '/?policy=same-origin'])).to.equal('same-origin');
  });

  it('is none where pages have none', async () => {
    expect(await policyAfter('two.test', ['/', '/'])).to.equal(undefined);
  });

  it('is none where pages differ: one that a page does not have would take its windows away', async () => {
    const targets = ['/?policy=same-origin', '/', '/?policy=same-origin'];
    expect(await policyAfter('three.test', targets)).to.equal(undefined);
  });

  it('comes with the embedder policy, which makes another one of same-origin', async () => {
    const isolated = '/?policy=same-origin&embedder=require-corp';
    expect(await fieldsAfter('six.test', [isolated, isolated])).to.include({
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-embedder-policy': 'require-corp',
    });
    expect(await policyAfter('seven.test', [isolated, '/?policy=same-origin']), 'pages differ').to.equal(undefined);
    const fields = await fieldsAfter('eight.test', ['/?embedder=require-corp']);
    expect(fields, 'of no importance by itself').to.not.have.any.keys('cross-origin-embedder-policy');
  });

  it('is learnt from pages only, not from redirects', async () => {
    expect(await policyAfter('four.test', ['/?policy=same-origin', '/away'])).to.equal('same-origin');
  });

  it('is not said in frames, which have none', async () => {
    expect(await policyAfter('five.test', ['/?policy=same-origin'], 'iframe')).to.equal(undefined);
  });
});
