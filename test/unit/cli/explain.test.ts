import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { explainCommand } from '../../../src/cli/explain.ts';
import { captureIo } from '../../support/capture-io.ts';

const SID = '0123456789abcdefghijklmnop';
const CONFIG = `upstream: http://127.0.0.1:8000
routes:
  - { name: admin, path: /admin/**, use_only_cookies: true }
  - { name: widget, path: /widget/**, use_cookies: false, use_trans_sid: true, carrier: path-segment, forms: field }
  - { name: old, host: old.test, use_trans_sid: true, session: { name: s2 } }
  - { name: rest, path: /**, use_trans_sid: true, ignore_cookies: [theme] }
`;

describe('transid explain', () => {
  let folder: string;
  let file: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'transid-explain-'));
    file = join(folder, 'c.yaml');
    writeFileSync(file, CONFIG);
  });
  after(() => rmSync(folder, { recursive: true }));

  const explain = async (...argv: string[]) => {
    const { io, out, err } = captureIo();
    const code = await explainCommand(['-c', file, ...argv], io);
    return { code, out: out(), err: err() };
  };

  it('tells the whole story of one request', async () => {
    const { code, out } = await explain('http://shop.test/public/..%2fADMIN?x=1');
    expect(code).to.equal(0);
    expect(out).to.equal(`GET http://shop.test/public/..%2fADMIN?x=1

What servers may read the path as (3):
  /public/..%2fADMIN   (as it came)   → route rest
  /public/../ADMIN   → route rest
  /ADMIN   → route rest, without case admin

Routes:
  * 1. admin   readings differ: the one that is \`use_only_cookies\` holds
    2. widget   not asked: an earlier one matches
    3. old   not asked: an earlier one matches
    4. rest   matches a reading, but gives way to the stricter one
    defaults   a route matches

Policy:
  use_cookies       true   (defaults)
  use_trans_sid     false   (defaults)
  use_only_cookies  true   (the route)
  on_url_sid        strip   (defaults)
  carrier           query   (defaults)
  forms             auto   (defaults)
  detect            passive   (defaults)
  recover           referer   (defaults)
  rewriter          html   (defaults)
  trans_sid_tags    a=href,area=href,frame=src,iframe=src,form=   (defaults)
  trans_sid_hosts   (the own host only)   (defaults)
  session           jar, name _sid   (defaults)

Verdict accepts: the route is use_only_cookies.
  upstream go the client's own cookies; Set-Cookie goes to the client
  no SID goes into the page: the route does not mark
`);
  });

  for (const [what, argv, want] of [
    [
      'first visit',
      ['http://shop.test/'],
      [
        /\* 4\. rest {3}the first that matches/,
        /Verdict unknown: neither SID nor cookie came\./,
        /from the first Set-Cookie of the application on:\n {4}<a href="\/next\?a=1&amp;_sid=SID">\n {4}Location: \/next\?a=1&_sid=SID\n {4}<form method="get" …><input type="hidden" name="_sid" value="SID">\n {4}<form method="post" action="\/next\?a=1&amp;_sid=SID">/,
      ],
    ],
    [
      'a cookie',
      ['-H', 'Cookie: a=1', '/x'],
      [/Verdict accepts: a cookie came that proves it\./, /the client does not need it/],
    ],
    ['a cookie that proves nothing', ['--header', 'cookie: theme=dark', '/x'], [/Verdict unknown/]],
    [
      'no cookies here',
      ['/widget/a'],
      [
        /Verdict refuses: the route says use_cookies: false\./,
        /upstream go the cookies of its jar; Set-Cookie goes into the jar/,
        /<a href="\/\(_sid-SID\)\/next\?a=1">/,
        /<form method="post" …><input/,
      ],
    ],
    [
      'a robot',
      ['-H', 'User-Agent: Googlebot/2.1 (+http://www.google.com/bot.html)', `/x?_sid=${SID}`],
      [/not honoured: robots have no sessions/, /Verdict robot: a known crawler\./],
    ],
    [
      'a SID',
      [`/x?a=1&_sid=${SID}`],
      [
        /^GET http:\/\/localhost\/x\?a=1\n {2}with a SID in the query;/,
        /If the SID leads to a living session of this client: verdict refuses: no cookie of the session came along\./,
        /If it does not: verdict unknown/,
      ],
    ],
    [
      'a SID and a cookie',
      ['-H', 'Cookie: a=1', `/x?_sid=${SID}`],
      [
        /If a cookie of its jar came along too: verdict accepts: the cookie wins\./,
        /the session of the SID is dropped; a GET navigation is sent to the clean URL/,
      ],
    ],
    [
      'a SID that is none',
      ['/x?_sid=evil'],
      [/not honoured: it does not have the form of one of ours/, /Verdict unknown/],
    ],
    ['two SIDs', [`/x?_sid=${SID}&_sid=${'1'.repeat(26)}`], [/Two different SIDs in one request: 400/]],
    [
      'a SID on a strict route',
      [`/admin?_sid=${SID}`],
      [/not honoured: the route is use_only_cookies \(on_url_sid: strip\)/],
    ],
    ['a SID in the path', [`/(_sid-${SID})/admin`], [/the application will not see it/, /\* 1\. admin/]],
    [
      'from a foreign page',
      ['-H', 'Sec-Fetch-Site: cross-site', `/x?_sid=${SID}`],
      [/not honoured: it comes from a foreign page/],
    ],
    ['another host and name', ['http://old.test/'], [/\* 3\. old/, /jar, name s2 {3}\(the route\)/, /_sid=SID|s2=SID/]],
    ['host from the field', ['-H', 'Host: old.test', '/'], [/^GET http:\/\/old\.test\//, /\* 3\. old/]],
    [
      'a frame without storage',
      ['-H', 'Sec-Fetch-Storage-Access: none', '/x'],
      [/Verdict refuses: the browser withholds cookies in this frame/],
    ],
    ['POST', ['-X', 'post', 'https://shop.test?q'], [/^POST https:\/\/shop\.test\/\?q\n/]],
    ['bytes that are no text', ['/%00'], [/\/\\x00/]],
  ] as const) {
    it(what, async () => {
      const { code, out } = await explain(...argv);
      expect(code).to.equal(0);
      for (const one of want) expect(out).to.match(one);
    });
  }

  it('never prints the SID', async () => {
    expect((await explain(`/x?_sid=${SID}`)).out).to.not.include(SID);
    const { out } = await explain(`/x;_sid=${SID}/y`);
    expect(out).to.not.include(SID);
    expect(out).to.include('  with a SID in the path-parameter; the application will not see it');
    expect(out).to.include('/x/y   (as it came)');
  });

  for (const argv of [
    [],
    ['a b'],
    ['/a', '/b'],
    ['-H', 'nonsense', '/a'],
    ['--what', '/a'],
    ['ftp://a/b'],
    ['http://a:b:c/'],
  ]) {
    it(`wrong usage: ${JSON.stringify(argv)}`, async () => {
      const { code, out, err } = await explain(...argv);
      expect(code).to.equal(2);
      expect(out).to.equal('');
      expect(err).to.match(/^transid explain: .+\n\nUsage/);
    });
  }

  it('a configuration with problems', async () => {
    writeFileSync(join(folder, 'bad.yaml'), 'workers: 0');
    const { io, err } = captureIo();
    expect(await explainCommand(['-c', join(folder, 'bad.yaml'), '/'], io)).to.equal(1);
    expect(err()).to.include('bad.yaml:1:10: workers: a whole number from 1 to 256 is needed');
  });
});
