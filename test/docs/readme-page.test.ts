/**
 * The page that the README shows, before and after: what it says is what the proxy does, byte for byte.
 */
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { PageClient } from '../support/page-client.ts';
import { SID, startProxy } from '../support/proxy.ts';
import { startUpstream } from '../support/scripted-upstream.ts';

interface Shown {
  readonly status: number;
  readonly fields: ReadonlyMap<string, string>;
  readonly body: string;
}

function readShown(text: string): Shown {
  const [head = '', body = ''] = text.split('\n\n');
  const [statusLine = '', ...lines] = head.split('\n');
  const fields = lines.map((line): [string, string] => [
    line.slice(0, line.indexOf(':')).toLowerCase(),
    line.slice(line.indexOf(':') + 1).trim(),
  ]);
  return { status: Number(statusLine.split(' ')[1]), fields: new Map(fields), body };
}

describe('the page in the README', () => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  const shown = [...readme.matchAll(/^```http\n([\s\S]*?)^```$/gm)].map(([, text = '']) => readShown(text));

  it('becomes what the README says that it becomes', async () => {
    expect(shown).to.have.length(2);
    const [before, after] = shown as [Shown, Shown];
    const upstream = await startUpstream((_, response) => {
      response
        .writeHead(before.status, { 'content-type': 'text/html; charset=utf-8', ...Object.fromEntries(before.fields) })
        .end(before.body);
    });
    const proxy = await startProxy(upstream.origin);
    const one = new PageClient({ origin: 'http://app.test', port: proxy.port, cookies: false });
    const first = await one.get('/');
    const sid = SID.exec(first.text)?.[1] ?? 'none';
    // From the second page on the client is known to keep no cookies: that is the one which is shown.
    const second = await one.exchange('GET', `/?_sid=${sid}`);
    const shownSid = SID.exec(after.body)?.[1] ?? 'none';
    expect(second.status).to.equal(after.status);
    expect(second.body.toString().replaceAll(sid, shownSid)).to.equal(after.body);
    for (const [name, value] of after.fields) expect(second.fields[name], name).to.equal(value);
    expect(second.fields).to.not.have.property('set-cookie');
    one.close();
    await proxy.close();
    await upstream.close();
  });
});
