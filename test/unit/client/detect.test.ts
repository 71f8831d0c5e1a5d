/** The verdict table, row by row: every combination of policy and evidence, and what each means for the exchange. */
import { expect } from 'chai';
import { type Evidence, judge, type PolicyTriple, treat, type Verdict } from '../../../src/client/detect.ts';

const nothing: Evidence = {
  isRobot: false,
  hasValidSid: false,
  hasJarCookie: false,
  isJarCookieDue: true,
  hasNamedCookie: false,
  hasRelevantCookie: false,
  isStorageBlocked: false,
  isProbeUnanswered: false,
  isProbeAnswered: false,
};
const transSid: PolicyTriple = { useCookies: true, useOnlyCookies: false, useTransSid: true };
const onlyCookies: PolicyTriple = { useCookies: true, useOnlyCookies: true, useTransSid: false };
const noCookies: PolicyTriple = { useCookies: false, useOnlyCookies: false, useTransSid: true };
const told: PolicyTriple = { useCookies: true, useOnlyCookies: false, useTransSid: false };

type Row = [why: string, policy: PolicyTriple, evidence: Partial<Evidence>, verdict: Verdict];

const rows: Row[] = [
  ['nothing known', transSid, {}, 'unknown'],
  ['a relevant cookie', transSid, { hasRelevantCookie: true }, 'accepts'],
  ['a valid SID alone', transSid, { hasValidSid: true }, 'refuses'],
  ['a valid SID and some other cookie', transSid, { hasValidSid: true, hasRelevantCookie: true }, 'refuses'],
  [
    'a valid SID and a cookie of its jar',
    transSid,
    { hasValidSid: true, hasJarCookie: true, hasRelevantCookie: true },
    'accepts',
  ],
  ['a frame without storage', transSid, { isStorageBlocked: true }, 'refuses'],
  [
    'a frame without storage that sends a cookie all the same',
    transSid,
    { isStorageBlocked: true, hasRelevantCookie: true },
    'refuses',
  ],
  [
    'a frame without storage that sends a cookie of `session.cookies` (a partitioned one)',
    transSid,
    { isStorageBlocked: true, hasNamedCookie: true, hasRelevantCookie: true },
    'accepts',
  ],
  [
    'a valid SID and a cookie of `session.cookies` that its jar lacks',
    transSid,
    { hasValidSid: true, hasNamedCookie: true, hasRelevantCookie: true },
    'accepts',
  ],
  ['a valid SID where no cookie of its jar is due', transSid, { hasValidSid: true, isJarCookieDue: false }, 'unknown'],
  [
    '… and a relevant cookie came',
    transSid,
    { hasValidSid: true, isJarCookieDue: false, hasRelevantCookie: true },
    'accepts',
  ],
  ['a valid SID and a probe cookie', transSid, { hasValidSid: true, isProbeAnswered: true }, 'accepts'],
  [
    '… in a frame without storage',
    transSid,
    { hasValidSid: true, isJarCookieDue: false, isStorageBlocked: true },
    'refuses',
  ],
  ['a probe cookie', transSid, { isProbeAnswered: true }, 'accepts'],
  [
    'a probe with its cookie, when others prove',
    transSid,
    { isProbeUnanswered: true, isProbeAnswered: true },
    'accepts',
  ],
  [
    'a frame without storage and a probe cookie',
    transSid,
    { isStorageBlocked: true, isProbeAnswered: true },
    'refuses',
  ],
  ['a probe without its cookie', transSid, { isProbeUnanswered: true }, 'refuses'],
  ['a probe with a cookie', transSid, { isProbeUnanswered: true, hasRelevantCookie: true }, 'accepts'],
  ['a crawler', transSid, { isRobot: true }, 'robot'],
  ['a crawler with a SID', transSid, { isRobot: true, hasValidSid: true }, 'robot'],
  ['a crawler with a cookie', transSid, { isRobot: true, hasRelevantCookie: true }, 'robot'],
  ['use_only_cookies: nothing known', onlyCookies, {}, 'accepts'],
  ['use_only_cookies: a SID', onlyCookies, { hasValidSid: true }, 'accepts'],
  ['use_only_cookies: a crawler', onlyCookies, { isRobot: true }, 'accepts'],
  ['use_cookies off: nothing known', noCookies, {}, 'refuses'],
  ['use_cookies off: a cookie', noCookies, { hasRelevantCookie: true }, 'refuses'],
  ['use_cookies off: SID and jar cookie', noCookies, { hasValidSid: true, hasJarCookie: true }, 'refuses'],
  ['use_cookies off: a crawler', noCookies, { isRobot: true }, 'robot'],
  ['use_trans_sid off, use_only_cookies off: a SID', told, { hasValidSid: true }, 'refuses'],
];

describe('judge: the verdict table', () => {
  for (const [why, policy, evidence, verdict] of rows) {
    it(`${why} → ${verdict}`, () => expect(judge(policy, { ...nothing, ...evidence })).to.equal(verdict));
  }
});

/** [PHP 10.6], the eight combinations: cookies, Set-Cookie, marks; for a client that brought nothing and for one that brought a SID. */
const combinations: [triple: string, first: string, withSid: string][] = [
  ['1 1 1', 'client pass plain', 'client pass plain'],
  ['1 1 0', 'client pass plain', 'client pass plain'],
  ['1 0 1', 'client both marks', 'jar absorb marks'],
  ['1 0 0', 'client pass plain', 'jar absorb plain'],
  ['0 1 1', 'none drop plain', 'none drop plain'],
  ['0 1 0', 'none drop plain', 'none drop plain'],
  ['0 0 1', 'jar absorb marks', 'jar absorb marks'],
  ['0 0 0', 'jar absorb plain', 'jar absorb plain'],
];

describe('treat: use_cookies, use_only_cookies, use_trans_sid [PHP 10.6]', () => {
  for (const [triple, first, withSid] of combinations) {
    const [useCookies, useOnlyCookies, useTransSid] = triple.split(' ').map((bit) => bit === '1') as [
      boolean,
      boolean,
      boolean,
    ];
    const policy = { useCookies, useOnlyCookies, useTransSid };
    const meaning = (evidence: Evidence) => {
      const t = treat(policy, judge(policy, evidence), evidence);
      return `${t.cookies} ${t.setCookie} ${t.mayMark ? 'marks' : 'plain'}`;
    };
    it(`${triple}: first visit`, () => expect(meaning(nothing)).to.equal(first));
    it(`${triple}: with a SID`, () => expect(meaning({ ...nothing, hasValidSid: true })).to.equal(withSid));
  }

  it('never joins the cookies of a client with a jar that it may not own', () => {
    const evidence = { ...nothing, hasValidSid: true, isJarCookieDue: false };
    expect(treat(transSid, judge(transSid, evidence), evidence)).to.include({ cookies: 'jar', setCookie: 'both' });
  });

  it('drops the session of a client that turns out to take cookies', () => {
    const evidence = { ...nothing, hasValidSid: true, hasJarCookie: true };
    expect(treat(transSid, judge(transSid, evidence), evidence).dropsSession).to.equal(true);
  });

  it('drops no session where only cookies count', () => {
    const evidence = { ...nothing, hasValidSid: true, hasJarCookie: true };
    expect(treat(onlyCookies, judge(onlyCookies, evidence), evidence).dropsSession).to.equal(false);
  });

  it('shows a crawler no cookie where none may be relied on', () => {
    const evidence = { ...nothing, isRobot: true };
    const treatment = treat(noCookies, judge(noCookies, evidence), evidence);
    expect(treatment).to.include({ cookies: 'none', setCookie: 'drop', mayMark: false, mayCreate: false });
  });

  it('never lets a crawler have a session', () => {
    const evidence = { ...nothing, isRobot: true, hasValidSid: true };
    const treatment = treat(transSid, judge(transSid, evidence), evidence);
    expect(treatment).to.include({ mayMark: false, mayCreate: false, setCookie: 'pass', cookies: 'client' });
  });
});
