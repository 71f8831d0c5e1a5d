/**
 * SessionSource: what the exchange asks of sessions, the same for both modes. `Sessions` (session.ts)
 * meets it with jars in a store, `MirrorSessions` (mirror.ts) with the upstream's own cookie and no store.
 */
import type { SessionPolicy } from '../policy/route-policy.ts';
import type { Sid } from '../sid/sid.ts';
import type { CookieTarget, Jar } from './jar.ts';

/** Who asks, as far as a session can be bound to it. */
export interface ClientBinding {
  /** As in the client's origin: lower case, with its port unless that is the scheme's own. */
  readonly host: string;
  /** The User-Agent field's value, '' when there is none. */
  readonly userAgent: string;
  /** The client's IP address (behind trusted proxies: the one that they name). */
  readonly address: string;
}

export interface Session {
  /** What links must carry. After `find` it may differ from the SID that came (`old_sid: follow`). */
  readonly sid: Sid;
  /** The cookies for the upstream. To read only: `absorb` is what changes them. */
  readonly jar: Jar;
  /** The SID came back at least once, so the client does use it. */
  readonly isProven: boolean;
  readonly createdAtMs: number;
}

/** What the head of a response says to a session. */
export interface ResponseFacts extends CookieTarget {
  /** The Set-Cookie field values in their order, as bytes (latin1). */
  readonly setCookies: readonly string[];
  /** The method of the request that it answers. */
  readonly method: string;
  /** The upstream asks for a new SID (`Transid-Rotate`). */
  readonly rotate: boolean;
  /** The upstream ends the session (`Transid-Destroy`). */
  readonly destroy: boolean;
  /** All cookies from before this response are to be forgotten (`Clear-Site-Data`); what it sets itself is kept. */
  readonly clearsCookies: boolean;
  /** False where no session may begin: robots, routes without SIDs. */
  readonly mayCreate: boolean;
  /**
   * Does the client get to know a new SID from this response? False for data that a script asked for: the page around the
   * script keeps the old SID, so that a rotation must leave the same client a way to the new one.
   */
  readonly tellsSid: boolean;
}

/**
 * `none`: nothing changed. `updated`: the jar did. `rotated`: mark with the new SID, the old one is dead (or leads here).
 * `destroyed`: it ended, by this response or meanwhile by another; mark nothing. `not-created`: a cookie was there to
 * keep, but none may be made here, or too many were.
 */
export type SessionEvent = 'none' | 'created' | 'updated' | 'rotated' | 'destroyed' | 'not-created';

export interface Absorbed {
  /** The session to mark the response with; null: mark nothing. */
  readonly session: Session | null;
  readonly event: SessionEvent;
}

/** All methods reject with ProxyError STORE_UNAVAILABLE when the store is away, `absorb` also with STORE_CONFLICT. */
export interface SessionSource {
  /** The SID that a carried value spells, by its form alone; null: it cannot be one of ours. */
  parseSid(text: string): Sid | null;
  /**
   * The live session of `sid`, null when there is none *for this client*: never issued, ended, past a timeout, or bound
   * to another host, User-Agent or network. Null is to be treated as if no SID had come. Marks the session as used.
   *
   * `isFromAbroad`: a foreign page began the request. Then only a session counts that this client, by User-Agent and network,
   * began moments ago: the page led here, and the application's answer was a redirect with the SID (a launch in a learning
   * platform, a link to an application that first sets its cookie).
   */
  find(sid: Sid, client: ClientBinding, policy: SessionPolicy, isFromAbroad?: boolean): Promise<Session | null>;
  /**
   * Keep what a response sets. Without Set-Cookie, `rotate`, `destroy` and `clearsCookies` the store is not asked. A session of
   * null and a first cookie make a session; so does a sign-in whose session ended or was rotated while it was under way.
   */
  absorb(
    session: Session | null,
    response: ResponseFacts,
    client: ClientBinding,
    policy: SessionPolicy,
  ): Promise<Absorbed>;
  /** End a session (the client turned out to take cookies). */
  drop(session: Session, client: ClientBinding): Promise<void>;
}
