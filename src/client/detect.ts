/**
 * The verdict: does this client take cookies? One pure function over all the evidence of one request, and what follows
 * from it for the exchange. The order of its rows is their precedence.
 */
import type { RoutePolicy } from '../policy/route-policy.ts';

export type Verdict = 'accepts' | 'refuses' | 'unknown' | 'robot';

/** What was seen of the client and its session before judging. */
export interface Evidence {
  /** A known crawler by its User-Agent. */
  readonly isRobot: boolean;
  /** The request carries a SID that leads to a living session of this client. */
  readonly hasValidSid: boolean;
  /** With a valid SID: a cookie that this session's jar holds came along, one that tells. */
  readonly hasJarCookie: boolean;
  /** With a valid SID: the jar holds a cookie, one that tells, that a client with cookies would have sent to this target. */
  readonly isJarCookieDue: boolean;
  /** A cookie came that `session.cookies` lists. */
  readonly hasNamedCookie: boolean;
  /** A cookie came that proves a cookie client: one of `session.cookies` if listed, else any that is not ignored. */
  readonly hasRelevantCookie: boolean;
  /** `Sec-Fetch-Storage-Access: none`: the browser withholds cookies here, as it does in frames on foreign sites. */
  readonly isStorageBlocked: boolean;
  /** `detect: probe`: the request came back from our redirect, but the probe cookie did not. */
  readonly isProbeUnanswered: boolean;
  /** `detect: probe`: the probe cookie came back, now or earlier. */
  readonly isProbeAnswered: boolean;
}

export type PolicyTriple = Pick<RoutePolicy, 'useCookies' | 'useOnlyCookies' | 'useTransSid'>;

/** Judge one client. `use_only_cookies` is first: where it holds, no SID and no refusal changes anything. */
export function judge(policy: PolicyTriple, evidence: Evidence): Verdict {
  if (policy.useOnlyCookies) return 'accepts';
  if (evidence.isRobot) return 'robot';
  if (!policy.useCookies) return 'refuses';
  if (evidence.hasNamedCookie || (evidence.hasValidSid && evidence.hasJarCookie)) return 'accepts';
  if (evidence.isStorageBlocked) return 'refuses';
  if (evidence.isProbeAnswered) return 'accepts';
  // Where no cookie of the jar is due, its absence proves nothing.
  if (evidence.hasValidSid && evidence.isJarCookieDue) return 'refuses';
  if (evidence.hasRelevantCookie) return 'accepts';
  return evidence.isProbeUnanswered ? 'refuses' : 'unknown';
}

/** What the verdict means for this exchange [PHP 10.6]. */
export interface Treatment {
  /** Whose cookies go upstream: the client's own, the jar's, or none at all. */
  readonly cookies: 'client' | 'jar' | 'none';
  /** Where Set-Cookie goes: to the client, into the jar, to both, or nowhere. */
  readonly setCookie: 'pass' | 'absorb' | 'both' | 'drop';
  /** Links, forms and redirects may be marked with the SID. */
  readonly mayMark: boolean;
  /** A session may be made at the first Set-Cookie. */
  readonly mayCreate: boolean;
  /** The session that came along is superfluous: the client takes cookies. */
  readonly dropsSession: boolean;
}

const PLAIN: Treatment = {
  cookies: 'client',
  setCookie: 'pass',
  mayMark: false,
  mayCreate: false,
  dropsSession: false,
};
const TOLD_TO_NOBODY: Treatment = { ...PLAIN, cookies: 'none', setCookie: 'drop' };

export function treat(policy: PolicyTriple, verdict: Verdict, evidence: Evidence): Treatment {
  switch (verdict) {
    case 'robot':
      return policy.useCookies ? PLAIN : TOLD_TO_NOBODY;
    case 'accepts':
      // Neither cookies nor URLs may carry a session here: each answer is for a stranger.
      if (!policy.useCookies) return TOLD_TO_NOBODY;
      return evidence.hasValidSid && !policy.useOnlyCookies ? { ...PLAIN, dropsSession: true } : PLAIN;
    case 'refuses':
      return {
        cookies: 'jar',
        setCookie: 'absorb',
        mayMark: policy.useTransSid,
        mayCreate: true,
        dropsSession: false,
      };
    case 'unknown':
      // Not known yet whether the cookie will come back: send it and mark the page as well [PHP 10.7]. What cookies came with a
      // SID may be those of somebody who was led here by it: they never go where the answer is kept in its jar.
      return {
        cookies: evidence.hasValidSid ? 'jar' : 'client',
        setCookie: policy.useTransSid ? 'both' : 'pass',
        mayMark: policy.useTransSid,
        mayCreate: policy.useTransSid,
        dropsSession: false,
      };
  }
}
