/**
 * One request, judged as the exchange judges it up to its own redirect, with no store and nothing sent: for `transid explain`.
 * The same functions decide; what only a store could tell of a SID is assumed, each possible answer in turn.
 */
import { METHODS } from 'node:http';
import type { Evidence } from '../client/detect.ts';
import { isRelevantCookie } from '../client/facts.ts';
import type { Config } from '../config/config.ts';
import { ProxyError } from '../errors.ts';
import type { RoutePolicy } from '../policy/route-policy.ts';
import { Jar } from '../session/jar.ts';
import { createMemoryStore } from '../session/memory.ts';
import { newSessionStats, type Session, type SessionSource } from '../session/session.ts';
import { Sid } from '../sid/sid.ts';
import { type Arrival, evidenceOf, receive, rejectUrlSid } from './arrival.ts';
import { type HeadFault, type RawHead, type RequestFacts, readHead } from './framing.ts';
import type { Located } from './locate.ts';
import { openSite } from './open-site.ts';
import { type OwnRedirect, ownRedirect } from './redirects.ts';
import type { Site } from './site.ts';

/** Stands in addresses for the SID of any session: none that came is ever shown. A value that mirror mode could have. */
export const SAMPLE_SID = Sid.parseMirrored('SID') as Sid;

export interface Rehearsed {
  readonly arrival: Arrival;
  readonly evidence: Evidence;
  readonly redirect: OwnRedirect | null;
  /**
   * What the store is taken to say of the SID; null: it is not asked. `no-session`: it leads to none of this client. `session`: to
   * one, whose cookies the client did not send. `own-cookie`: to one that holds a cookie which came.
   */
  readonly assumed: 'no-session' | 'session' | 'own-cookie' | null;
  /** Then the session must have begun moments ago, by this very client (`LIMITS.redirectChainMs`). */
  readonly needsYoung: boolean;
  /** In this outcome, though not in every one, the proxy answers with an error. */
  readonly refusal: ProxyError | null;
}

/** A site whose store is empty and never asked; it makes no connection. */
export function openStage(config: Config, clock: () => number = Date.now): Site {
  const { maxSessions, storeBytes } = config.limits;
  const store = createMemoryStore({ maxSessions, maxBytes: storeBytes, clock });
  return openSite(config, store, newSessionStats(), clock);
}

/** A client that came directly, and can be told from others (RFC 5737). */
const SOMEWHERE = '192.0.2.1';

export type RehearsedHead = Pick<RawHead, 'method' | 'target' | 'fields' | 'isEncrypted'>;

/** The facts of a request over HTTP/1.1, or why it is refused. What it says of other proxies is not believed. */
export function readRequest({ config }: Site, head: RehearsedHead): RequestFacts | HeadFault {
  const unparsed = parserFault(head, config.limits.headerBytes);
  if (unparsed !== null) return unparsed;
  const raw: RawHead = { ...head, versionMajor: 1, versionMinor: 1, http2: null, peerAddress: SOMEWHERE };
  const limits = {
    maxFields: config.limits.fields,
    maxTargetBytes: config.limits.targetBytes,
    viaName: config.via,
    isTrustedProxy: () => false,
    forwardedFields: config.forwardedFields,
  };
  return readHead(raw, limits, 'rehearsal');
}

/** What Node's parser refuses before anything of ours is asked. */
function parserFault({ method, target, fields }: RehearsedHead, headerBytes: number): HeadFault | null {
  if (!METHODS.includes(method)) return { fault: 'BAD_REQUEST', detail: 'method' };
  if (/[\x80-\xff]/.test(target))
    return { fault: 'BAD_REQUEST', detail: 'bytes above 7F in the target, which browsers send as %xx' };
  // As the parser counts: the target, and the names and values of the fields.
  if (target.length + fields.join('').length < headerBytes) return null;
  return { fault: target.length < headerBytes ? 'FIELDS_TOO_LARGE' : 'TARGET_TOO_LONG', detail: 'limits.header' };
}

/** Every outcome that the request can have, the likeliest first. @throws ProxyError where the proxy would answer with an error. */
export async function rehearse(site: Site, facts: RequestFacts, located: Located): Promise<Rehearsed[]> {
  const without = await rehearseOnce(site, facts, located, null);
  if (without.question === null) {
    if (without.refusal !== null) throw without.refusal;
    return [{ ...without, assumed: null, needsYoung: false }];
  }
  const { isFromAbroad: needsYoung } = without.question;
  const withJar = async (jar: AssumedCookie) => rehearseOnce(site, facts, located, jar);
  const outcomes: Rehearsed[] = [
    { ...(await withJar(otherCookie(without.arrival))), assumed: 'session', needsYoung },
    { ...without, assumed: 'no-session', needsYoung },
  ];
  const own = ownCookie(without.arrival);
  if (own !== null) outcomes.splice(1, 0, { ...(await withJar(own)), assumed: 'own-cookie', needsYoung });
  return outcomes;
}

/** The one cookie that an assumed session holds. */
interface AssumedCookie {
  readonly name: string;
  readonly value: string;
}

interface Attempt extends Pick<Rehearsed, 'arrival' | 'evidence' | 'redirect' | 'refusal'> {
  /** What the store was asked; null: nothing. */
  readonly question: { readonly isFromAbroad: boolean } | null;
}

/** `held`: null for no session. */
async function rehearseOnce(
  site: Site,
  facts: RequestFacts,
  located: Located,
  held: AssumedCookie | null,
): Promise<Attempt> {
  let question: Attempt['question'] = null;
  const onQuestion = (isFromAbroad: boolean) => {
    question = { isFromAbroad };
  };
  const stage: Site = {
    ...site,
    jarSessions: assumedJars(held, onQuestion),
    mirrorSessions: assumedMirror(site.mirrorSessions, held, onQuestion),
  };
  const arrival = await receive(stage, facts, located, []);
  const refusal = refusalOf(arrival);
  const redirect = refusal === null && facts.upgrade === null ? ownRedirect(arrival) : null;
  return { arrival, evidence: evidenceOf(arrival), redirect, refusal, question };
}

function refusalOf(arrival: Arrival): ProxyError | null {
  try {
    rejectUrlSid(arrival);
    return null;
  } catch (error) {
    if (error instanceof ProxyError) return error;
    throw error;
  }
}

/** A cookie that this client did not send, but one that tells. */
function otherCookie({ policy, client }: Arrival): AssumedCookie {
  const [listed = 'session'] = policy.session.cookies;
  let name = listed.replace(/\*$/, '');
  while (client.cookieNames.includes(name) && !policy.session.cookies.has(name)) name += '_';
  return { name, value: '1' };
}

/** A cookie that came and that a jar can hold: one that tells, if there is any. Mirror mode keeps none. */
function ownCookie({ policy, client }: Arrival): AssumedCookie | null {
  if (policy.session.mode === 'mirror') return null;
  const kept = client.cookieNames.filter((name) => !policy.ignoreCookies.has(name));
  const name = kept.find((each) => isRelevantCookie(each, policy)) ?? kept[0];
  if (name === undefined) return null;
  const pair = client.cookieField.split(';').find((each) => each.trim().startsWith(`${name}=`)) ?? '';
  return { name, value: pair.trim().slice(name.length + 1) };
}

function assumedJars(held: AssumedCookie | null, onQuestion: (isFromAbroad: boolean) => void): SessionSource {
  return {
    ...NOTHING_CHANGES,
    parseSid: (text) => Sid.parse(text),
    find: async (_sid, { host }, _policy, isFromAbroad = false) => {
      onQuestion(isFromAbroad);
      return held === null ? null : session(Jar.ofOne(held.name, held.value, host));
    },
  };
}

/** Without `sign` any SID of the right form counts. Whether one is signed for this client shows by its address, which is not known. */
function assumedMirror(
  real: SessionSource,
  held: AssumedCookie | null,
  onQuestion: (isFromAbroad: boolean) => void,
): SessionSource {
  return {
    ...NOTHING_CHANGES,
    parseSid: (text) => real.parseSid(text),
    find: async (sid, client, policy: RoutePolicy['session'], isFromAbroad) => {
      const found = await real.find(sid, client, { ...policy, sign: false }, isFromAbroad);
      if (found === null) return null;
      if (policy.sign) onQuestion(false);
      return policy.sign && held === null ? null : session(found.jar);
    },
  };
}

function session(jar: Jar): Session {
  return { sid: SAMPLE_SID, jar, isProven: true, createdAtMs: 0 };
}

const NOTHING_CHANGES: Pick<SessionSource, 'absorb' | 'drop'> = {
  absorb: async (held) => ({ session: held, event: 'none' }),
  drop: async () => {},
};
