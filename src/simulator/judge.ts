/**
 * Did the session survive a step from one page to the next, and if not, why? Pure.
 *
 * An outsider has two kinds of evidence: a marker that only the session's own pages show, or the SID that the URLs of
 * a page carry, which must be the same on the next one. Without either, a session that is only in a cookie shows when
 * the application sets that cookie again for a browser that did not take it.
 */
import type { Edge } from './edges.ts';
import { isSidName, preferredSid, sidOf, sidsOf, withoutSid } from './sid.ts';
import { isSchemelesslySameSite, relation } from './site.ts';

export type LossReason = 'script' | 'unmarked' | 'foreign' | 'redirect' | 'loop' | 'expired' | 'policy' | 'cookie';

export const REASONS: Readonly<Record<LossReason, string>> = {
  script: 'the link is made by a script and carries no SID',
  unmarked: 'the attribute carries no SID',
  foreign: 'the link leads to another host, port or scheme of the same site, which has no part in the session',
  redirect: 'a redirect on the way carries no SID',
  loop: 'redirects without end, as of a site that waits for a cookie which this browser does not send back',
  expired: 'the SID was not honoured: a new session was begun',
  policy: 'this path takes or writes no SID',
  cookie: 'the session is in a cookie only, which this browser did not send back',
};

/** What a page tells about the session that it was made for. */
export interface SessionEvidence {
  /** In the page's own URL. */
  readonly urlSid: string | null;
  /** That most of the page's same-origin links and forms carry. */
  readonly linkSid: string | null;
  /** Links and forms of the same origin, marked or not. */
  readonly ownEdges: number;
  /** Cookies that the answers on the way to it tried to set, and that the browser did not take. */
  readonly setCookies: readonly string[];
  /** That the browser sent cookies which it had kept: the session may be in these. */
  readonly sentCookies: boolean;
  /** Null when no marker is looked for. */
  readonly hasMarker: boolean | null;
}

export interface Arrival {
  readonly evidence: SessionEvidence;
  readonly url: string;
  readonly status: number;
  readonly redirected: boolean;
}

export type Verdict =
  | { readonly outcome: 'kept' }
  /** The page before had no session to lose, or the link leads to another site. */
  | { readonly outcome: 'none' }
  | { readonly outcome: 'lost'; readonly reason: LossReason };

export function gatherEvidence(
  page: { readonly url: string; readonly setCookies: readonly string[]; readonly sentCookies: boolean },
  edges: readonly Edge[],
  names: readonly string[],
  hasMarker: boolean | null,
): SessionEvidence {
  const counts = new Map<string, number>();
  let ownEdges = 0;
  for (const edge of edges) {
    if (relation(page.url, edge.url) !== 'same-origin' || edge.kind === 'script') continue;
    ownEdges++;
    const sid = edgeSid(edge, names);
    if (sid !== null) counts.set(sid, (counts.get(sid) ?? 0) + 1);
  }
  const most = [...counts].sort((a, b) => b[1] - a[1])[0];
  return {
    urlSid: sidOf(page.url, names),
    linkSid: most?.[0] ?? null,
    ownEdges,
    setCookies: page.setCookies,
    sentCookies: page.sentCookies,
    hasMarker,
  };
}

/** The SID in the URL of an edge, or in a hidden field of a form. */
function edgeSid(edge: Edge, names: readonly string[]): string | null {
  const fields = edge.hidden.filter(([name, value]) => isSidName(name, names) && value !== '');
  return preferredSid([...sidsOf(edge.url, names), ...fields], names);
}

/** The session of a page as its URLs tell it: links speak before the page's own URL, which may carry a dead SID. */
export function sessionOf(evidence: SessionEvidence): string | null {
  return evidence.linkSid ?? evidence.urlSid;
}

/** Judge an edge that was followed. */
export function judge(from: SessionEvidence, edge: Edge, arrival: Arrival, names: readonly string[]): Verdict {
  // A way to another site by way of a redirect: there is no session of ours to keep.
  if (!isSchemelesslySameSite(edge.url, arrival.url)) return { outcome: 'none' };
  const to = arrival.evidence;
  const before = sessionOf(from);
  if (to.hasMarker !== null) {
    if (to.hasMarker) return from.hasMarker === false ? { outcome: 'none' } : { outcome: 'kept' };
    if (from.hasMarker === false || isErrorForAll(arrival.status)) return { outcome: 'none' };
    return { outcome: 'lost', reason: whyLost(from, edge, arrival, names) };
  }
  if (before === null) {
    const isMintedAgain = from.setCookies.some((name) => to.setCookies.includes(name));
    return isMintedAgain ? { outcome: 'lost', reason: 'cookie' } : { outcome: 'none' };
  }
  const isDead = to.linkSid !== null ? to.linkSid !== before : to.urlSid !== before;
  // A page that keeps the SID in its own URL, has links and marks none of them, leads out of the session.
  const isDeadEnd = to.linkSid === null && to.ownEdges > 0 && arrival.status < 400;
  const isRefused = arrival.status === 400 && edgeSid(edge, names) !== null;
  if (!isDead && !isDeadEnd && !isRefused) return { outcome: 'kept' };
  // Whoever takes cookies needs no SID from the second page on, and of a session in a cookie nothing is seen here.
  if (to.sentCookies && to.linkSid === null && !isRefused) return { outcome: 'none' };
  return { outcome: 'lost', reason: whyLost(from, edge, arrival, names) };
}

/** An error page that says nothing of the session. 401 and 403 may be for those whom the application does not know, 400 is ours. */
function isErrorForAll(status: number): boolean {
  return status >= 400 && ![400, 401, 403].includes(status);
}

/** Judge an edge that ends in redirects without end, in a browser that takes no cookie on the way. */
export function judgeLoop(from: SessionEvidence): Verdict {
  return from.hasMarker === false ? { outcome: 'none' } : { outcome: 'lost', reason: 'loop' };
}

/** Judge an edge that is not followed: a POST form, or a host outside the crawl. */
export function judgeUnfollowed(from: SessionEvidence, pageUrl: string, edge: Edge, names: readonly string[]): Verdict {
  const before = sessionOf(from);
  const where = relation(pageUrl, edge.url);
  if (before === null || !isSchemelesslySameSite(pageUrl, edge.url)) return { outcome: 'none' };
  if (edgeSid(edge, names) === before) return { outcome: 'kept' };
  return {
    outcome: 'lost',
    reason: where !== 'same-origin' ? 'foreign' : edge.kind === 'script' ? 'script' : 'unmarked',
  };
}

function whyLost(from: SessionEvidence, edge: Edge, arrival: Arrival, names: readonly string[]): LossReason {
  const carried = edgeSid(edge, names);
  if (relation(edge.url, arrival.url) === 'cross-site') return 'redirect';
  if (carried === null) {
    if (sessionOf(from) === null) return 'cookie';
    // A page that marks nothing either would have lost it just the same.
    if (arrival.evidence.linkSid === null && arrival.evidence.ownEdges > 0) return 'policy';
    return edge.kind === 'script' ? 'script' : 'unmarked';
  }
  const arrived = sidOf(arrival.url, names);
  if (arrived === null && arrival.redirected) {
    // To the same page without the SID: the path refuses it. To another page: the redirect lost it.
    return withoutSid(edge.url, names) === withoutSid(arrival.url, names) ? 'policy' : 'redirect';
  }
  if (arrival.status === 400) return 'policy';
  return arrival.evidence.linkSid !== null && arrival.evidence.linkSid !== carried ? 'expired' : 'policy';
}
