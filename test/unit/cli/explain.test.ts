import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { explainCommand } from '../../../src/cli/explain.ts';
import { policyLines } from '../../../src/cli/explain-policy.ts';
import { GROUNDS } from '../../../src/cli/explain-verdict.ts';
import { type Evidence, judge } from '../../../src/client/detect.ts';
import { loadConfigFile } from '../../../src/config/load.ts';
import { compileRoutes } from '../../../src/policy/routes.ts';
import { captureIo } from '../../support/capture-io.ts';

const SID = '0123456789abcdefghijklmnop';
const CONFIG = `upstream: http://127.0.0.1:8000
routes:
  - { name: admin, path: /admin/**, use_only_cookies: true }
  - { name: widget, path: /widget/**, use_cookies: false, use_trans_sid: true, carrier: path-segment, forms: field }
  - { name: old, host: old.test, use_trans_sid: true, session: { name: s2 } }
  - { name: played, path: /played/**, use_trans_sid: true, simulate: { as: no-cookies, script: true } }
  - { name: by-field, path: /by-field/**, use_trans_sid: true, simulate: { by_field: true } }
  - { name: probe, path: /probe/**, use_trans_sid: true, detect: probe }
  - { name: parameter, path: /parameter/**, use_trans_sid: true, carrier: path-parameter }
  - { name: vars, path: /vars/**, rewrite_vars: { lang: en }, url_rewriter_tags: "a=href" }
  - { name: strict, path: /strict/**, use_only_cookies: true, on_url_sid: reject }
  - { name: mirror, path: /mirror/**, use_trans_sid: true, session: { mode: mirror, name: PHPSESSID, cookie: PHPSESSID } }
  - { name: php, path: /php/**, use_trans_sid: true, rewriter: php, session: { idle_timeout: 90s, rotation: { on: [a, b] } } }
  - { name: below, path: /below/**, use_trans_sid: true, scope_path: /below/deep }
  - { name: rest, path: /**, use_trans_sid: true, ignore_cookies: [theme] }
`;
const PAGE = ['-H', 'Accept: text/html'];

/** Stands for the time at which the test runs, in the spelling of the probe. */
const NOW = 'NOW';

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

  for (const argv of [['--help'], ['-h'], ['http://shop.test/', '--help']]) {
    it(`tells its usage: ${argv.join(' ')}`, async () => {
      expect(await explain(...argv)).to.deep.include({ code: 0, err: '' });
      expect((await explain(...argv)).out).to.match(/^Usage: transid explain \[-c FILE\]/);
    });
  }

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
    4. played   not asked: an earlier one matches
    5. by-field   not asked: an earlier one matches
    6. probe   not asked: an earlier one matches
    7. parameter   not asked: an earlier one matches
    8. vars   not asked: an earlier one matches
    9. strict   not asked: an earlier one matches
    10. mirror   not asked: an earlier one matches
    11. php   not asked: an earlier one matches
    12. below   not asked: an earlier one matches
    13. rest   matches a reading, but gives way to the stricter one
    defaults   a route matches

Policy:
  use_cookies               true   (defaults)
  use_trans_sid             false   (defaults)
  use_only_cookies          true   (the route)
  on_url_sid                strip   (defaults)
  carrier                   query   (defaults)
  forms                     auto   (defaults)
  detect                    passive   (defaults)
  recover                   referer   (defaults)
  accept_from               (none)   (defaults)
  ignore_cookies            _ga, _ga_*, _gid, _gat*, _gcl_*, _fbp, _fbc, _pk_*, _hj*, _clck, _clsk, cookieconsent*, OptanonConsent   (defaults)
  rewriter                  html   (defaults)
  php_version               8.2   (defaults)
  arg_separator             &amp;   (follows from rewriter)
  trans_sid_tags            a=href,area=href,frame=src,iframe=src,form=   (defaults)
  trans_sid_hosts           (the own host only)   (defaults)
  scope_path                /   (defaults)
  rewrite_vars              (none)   (defaults)
  url_rewriter_tags         form=   (defaults)
  url_rewriter_hosts        (the own host only)   (defaults)
  body_limit                8388608 bytes   (limits.body)
  expose                    false   (defaults)
  on_store_failure          refuse   (defaults)
  cookies.partitioned       false   (defaults)
  simulate.as               (nothing)   (defaults)
  simulate.script           false   (defaults)
  simulate.by_field         false   (defaults)
  session.mode              jar   (session)
  session.name              _sid   (session)
  session.cookie            (none)   (session)
  session.cookies           (any that is not ignored)   (session)
  session.idle_timeout      1440s   (session)
  session.absolute_timeout  28800s   (session)
  session.unproven_timeout  300s   (session)
  session.bind              user-agent   (session)
  session.sign              false   (session)
  session.rotation.on       auto   (session)
  session.rotation.old_sid  dead   (session)

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
        /\* 13\. rest {3}the first that matches/,
        /Verdict unknown: neither SID nor cookie came\./,
        /from the first Set-Cookie of the application on:\n {4}<a href="\?a=1&amp;_sid=SID">\n {4}Location: \?a=1&_sid=SID\n {4}<form method="get" action="\?a=1"><input type="hidden" name="_sid" value="SID" \/><\/form>\n {4}<form method="post" action="\?a=1&amp;_sid=SID">/,
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
        /<a href="\/\(_sid-SID\)\/widget\/a\?a=1">/,
        /<form method="post" action="[^"]*"><input/,
      ],
    ],
    [
      'a robot',
      ['-H', 'User-Agent: Googlebot/2.1 (+http://www.google.com/bot.html)', `/x?_sid=${SID}`],
      [
        /not honoured: robots have no sessions/,
        /Verdict robot: a known crawler\.\n {2}the proxy answers by itself: 301 to http:\/\/localhost\/x\n/,
      ],
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
        /the cookie wins\.\n {2}the session of the SID is dropped\n {2}a page load .*: 303 to http:\/\/localhost\/x\n/,
      ],
    ],
    [
      'a SID that is none',
      ['/x?_sid=evil'],
      [/not honoured: it does not have the form of one of ours/, /Verdict unknown/],
    ],
    ['two SIDs', [`/x?_sid=${SID}&_sid=${'1'.repeat(26)}`], [/No verdict: the proxy answers 400, .*\(AMBIGUOUS_SID\)/]],
    [
      'a SID on a strict route',
      [`/admin?_sid=${SID}`],
      [/not honoured: the route is use_only_cookies \(on_url_sid: strip\)/],
    ],
    ['a SID in the path', [`/(_sid-${SID})/admin`], [/the application will not see it/, /\* 1\. admin/]],
    [
      'from a foreign page',
      ['-H', 'Sec-Fetch-Site: cross-site', `/x?_sid=${SID}`],
      [
        /living session of this client, begun within the last 30 s by the same User-Agent and network, from an address that is the client's own: verdict refuses/,
        /If it does not: verdict unknown: .*\n {2}the proxy answers by itself: 303 to http:\/\/localhost\/x\n/,
      ],
    ],
    [
      'another host and name',
      ['http://old.test/'],
      [/\* 3\. old/, /session\.name +s2 {3}\(the route\)/, /_sid=SID|s2=SID/],
    ],
    ['host from the field', ['-H', 'Host: old.test', '/'], [/^GET http:\/\/old\.test\//, /\* 3\. old/]],
    [
      'a frame without storage',
      ['-H', 'Sec-Fetch-Storage-Access: none', '/x'],
      [/Verdict refuses: the browser withholds cookies in this frame/],
    ],
    ['POST', ['-X', 'POST', 'https://shop.test?q'], [/^POST https:\/\/shop\.test\/\?q\n/]],
    [
      'a method that is none',
      ['-X', 'get', '/x'],
      [/^get http:\/\/localhost\n\nNo verdict: .* 400, .*\(BAD_REQUEST\)/],
    ],
    [
      'a target that no parser takes',
      ['/caf\u00e9'],
      [/^GET http:\/\/localhost\n\nNo verdict: .* 400, .*browsers send as %xx \(BAD_REQUEST\)/],
    ],
    [
      'a head that is too large',
      ['-H', `Cookie: a=${'x'.repeat(17_000)}`, '/x'],
      [/No verdict: .* 431, .*limits\.header \(FIELDS_TOO_LARGE\)/],
    ],
    [
      'a browser that the route plays',
      [...PAGE, '-H', 'Cookie: sess=abc', '/played/a'],
      [
        /plays a browser of the kind no-cookies \(by the route\)/,
        /Verdict unknown: neither SID nor cookie came\./,
        /as far as the played browser keeps it\n {2}a SID goes into the page/,
        /a script that plays the browser/,
      ],
    ],
    [
      'a browser that the request chooses',
      [...PAGE, '-H', 'Cookie: sess=abc', '-H', 'Transid-Simulate: drop:sess', '/by-field/a'],
      [/of the kind drop:sess \(by Transid-Simulate\)/, /Verdict unknown/],
    ],
    [
      'a browser that nobody knows',
      ['-H', 'Transid-Simulate: foo', '/by-field/a'],
      [/No verdict: the proxy answers 400, .*Transid-Simulate names no simulation \(BAD_FIELD\)/],
    ],
    [
      'a probe',
      [...PAGE, '/probe/a'],
      [/Verdict unknown: .*\n {2}the proxy answers by itself: 303 to http:\/\/localhost\/probe\/a\?_sid_probe=/],
    ],
    [
      'what no field calls a page',
      ['/probe/a'],
      [/a page load of a browser .*: 303 to .*_sid_probe=.*\n.*\n {2}for anything else:\n {2}upstream go/],
    ],
    [
      'back from the probe without its cookie',
      [...PAGE, `/probe/a?_sid_probe=${NOW}`],
      [/Verdict refuses: it comes from the probe without its cookie/],
    ],
    [
      'the probe cookie',
      [...PAGE, '-H', 'Cookie: _sid_probe=1', '/probe/a'],
      [/Verdict accepts: the probe cookie came back/],
    ],
    [
      'a SID in another carrier',
      [...PAGE, `/parameter/a?_sid=${SID}`],
      [/verdict refuses: .*\n {2}the proxy answers by itself: 303 to http:\/\/localhost\/parameter\/a;_sid=SID\n/],
    ],
    [
      'a SID in the Referer',
      [...PAGE, '-H', `Referer: http://localhost/y?_sid=${SID}`, '/x'],
      [/If the SID of the Referer leads .*\n {2}the proxy answers by itself: 303 to http:\/\/localhost\/x\?_sid=SID\n/],
    ],
    [
      'variables',
      ['/vars/a'],
      [
        /no SID goes into the page: the route does not mark\n {2}the variables of rewrite_vars go into the page:/,
        /<a href="\?a=1&amp;lang=en">\n {4}Location: \?a=1 {3}\(as it is\)\n/,
      ],
    ],
    [
      'a SID that is refused aloud',
      [`/strict/a?_sid=${SID}`],
      [/No verdict: the proxy answers 400, .*\(SID_REJECTED\)/],
    ],
    [
      'a SID of another route',
      [`/x?s2=${SID}`, '-H', 'Host: a.test'],
      [/^GET http:\/\/a\.test\/x\?s2=/, /Verdict unknown/],
    ],
    [
      'mirror mode',
      ['/mirror/a?PHPSESSID=abc'],
      [/only the application knows whether the SID is alive\.\nVerdict refuses/, /<a href="\?a=1&amp;PHPSESSID=SID">/],
    ],
    [
      'keys of a route and their forms',
      ['/php/a'],
      [
        /carrier +query {3}\(follows from rewriter\)/,
        /session\.idle_timeout +90s {3}\(the route\)/,
        /session\.rotation\.on +a, b {3}\(the route\)/,
        /arg_separator +& {3}\(follows from rewriter\)/,
        /use_only_cookies +false {3}\(follows from use_trans_sid\)/,
      ],
    ],
    ['outside of its scope', ['/below/a'], [/<a href="\?a=1"> {3}\(as it is\)/, /Location: \?a=1 {3}\(as it is\)/]],
    ['bytes that are no text', ['/%00'], [/\/\\x00/]],
    [
      'a host that browsers spell otherwise, with what they send elsewhere',
      ['http://ada:p@ss@OLDß.test:81/'],
      [/^GET http:\/\/xn--old-7ka\.test:81\/\n/, /Verdict unknown: neither/],
    ],
    ['a Host field of one that does not', ['-H', 'Host: ada@old.test', '/'], [/^No verdict: the proxy answers 400/m]],
    ['a user and the host of a route', ['http://ada@old.test'], [/\* 3\. old {3}the first that matches/]],
  ] as const) {
    it(what, async () => {
      const { code, out } = await explain(...argv.map((arg) => arg.replace(NOW, Date.now().toString(36))));
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
    ['-X', 'a b', '/a'],
    ['-X', '', '/a'],
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

  it('prints every key of the policy', () => {
    const config = loadConfigFile(file);
    const { policies } = compileRoutes(config);
    for (const policy of policies) {
      const read = new Set<string>();
      const watch = <T extends object>(prefix: string, watched: T): T =>
        new Proxy(watched, {
          get: (target, key) => {
            read.add(`${prefix}${String(key)}`);
            return Reflect.get(target, key) as unknown;
          },
        });
      const session = watch('session.', { ...policy.session });
      const lines = policyLines(config, watch('', { ...policy, session }));
      const keys = [...Object.keys(policy), ...Object.keys(policy.session).map((key) => `session.${key}`)];
      expect(keys.filter((key) => key !== 'label' && !read.has(key))).to.deep.equal([]);
      expect(lines.join('\n')).to.not.match(/undefined|\[object/);
    }
  });

  it('gives the ground that the verdict has', () => {
    const [policy] = compileRoutes(loadConfigFile(file)).policies;
    if (policy === undefined) throw new Error('no route');
    const keys = ['isRobot', 'hasValidSid', 'hasJarCookie', 'isJarCookieDue', 'hasNamedCookie'] as const;
    const more = ['hasRelevantCookie', 'isStorageBlocked', 'isProbeUnanswered', 'isProbeAnswered'] as const;
    const all = [...keys, ...more, 'useCookies', 'useOnlyCookies'] as const;
    for (let bits = 0; bits < 2 ** all.length; bits++) {
      const facts = Object.fromEntries(all.map((key, at) => [key, ((bits >> at) & 1) === 1]));
      const evidence = facts as unknown as Evidence; // every key of it is in `all`
      const route = {
        ...policy,
        useCookies: facts['useCookies'] === true,
        useOnlyCookies: facts['useOnlyCookies'] === true,
      };
      const ground = GROUNDS.find(({ holds }) => holds(route, evidence));
      expect(ground?.verdict, JSON.stringify(facts)).to.equal(judge(route, evidence));
    }
  });

  it('a configuration with problems', async () => {
    writeFileSync(join(folder, 'bad.yaml'), 'workers: 0');
    const { io, err } = captureIo();
    expect(await explainCommand(['-c', join(folder, 'bad.yaml'), '/'], io)).to.equal(1);
    expect(err()).to.include('bad.yaml:1:10: workers: a whole number from 1 to 256 is needed');
  });
});
