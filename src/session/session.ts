/**
 * A session's life in jar mode: created at the first cookie, found by its SID and its client, changed cookie by cookie,
 * rotated, ended.
 *
 * Every change is a compare-and-set on what the store has now: the Set-Cookie fields of one response are applied to the
 * newest jar, and again to a newer one when another writer was faster. So no update is lost, between requests, workers
 * and nodes. A session that ended or rotated leaves a marker in its place and is never written again: a slow response
 * finds the marker, not an empty place. Only a fresh random SID ever fills an empty place.
 *
 * Node clocks: idle and unproven timeouts are the store's (time since the last write or touch, by its clock); the
 * absolute one compares `createdAtMs` with our clock, so between nodes it is as exact as their clocks agree.
 */
import assert from 'node:assert';
import { setTimeout as delay } from 'node:timers/promises';
import { isStoreAway, ProxyError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { SessionPolicy } from '../policy/route-policy.ts';
import { Sid } from '../sid/sid.ts';
import { ClientMarks } from './client-marks.ts';
import { HeldSession, ttlOf } from './held-session.ts';
import { type CookieChange, Jar } from './jar.ts';
import { blockOf } from './network.ts';
import { OpenedSessions } from './opened.ts';
import { Population, type PopulationLimits } from './population.ts';
import { type ClientMark, encodeRecord, type LiveRecord, type MovedRecord, type SessionRecord } from './record.ts';
import { countRolls, isFresh, isSignIn } from './rotation.ts';
import { type SealKeys, seal, sealKeys } from './seal.ts';
import type { Absorbed, ClientBinding, ResponseFacts, Session, SessionSource } from './source.ts';
import type { SessionStore } from './store.ts';
import { Touches } from './touches.ts';
import { inTurn, type Turns } from './turns.ts';

export type { Absorbed, ClientBinding, ResponseFacts, Session, SessionEvent, SessionSource } from './source.ts';

export interface SessionsOptions extends PopulationLimits {
  readonly store: SessionStore;
  /** Wall clock in milliseconds: cookies have dates. */
  readonly clock: () => number;
  /** Counters to go on with, for who replaces one manager by another (a reload). */
  readonly stats?: SessionStats;
}

/** Counters for metrics; they only grow. */
export interface SessionStats {
  /** Sessions that were refused to a client above its rate, or by `maxSessions`. */
  refused: number;
  /** Compare-and-set attempts that lost against another writer. */
  conflicts: number;
  /** Stored values that did not open: torn, foreign, of another version. Treated as no session. */
  torn: number;
}

export function newSessionStats(): SessionStats {
  return { refused: 0, conflicts: 0, torn: 0 };
}

/** Attempts after which a loser waits a random moment, so that many processes do not stay in step. */
const PATIENT_ATTEMPTS = 4;

/** The marker under the SID that was asked for, when that one has moved. */
interface Way {
  readonly keys: SealKeys;
  readonly version: number;
  readonly record: MovedRecord;
}

export class Sessions implements SessionSource {
  readonly stats: SessionStats;
  readonly #store: SessionStore;
  readonly #clock: () => number;
  readonly #population: Population;
  readonly #touches: Touches;
  readonly #clientMarks = new ClientMarks();
  readonly #opened = new OpenedSessions();
  readonly #turns: Turns = new Map();

  constructor(options: SessionsOptions) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#population = new Population(options.store, options);
    this.#touches = new Touches(options.store);
    this.stats = options.stats ?? newSessionStats();
  }

  parseSid(text: string): Sid | null {
    return Sid.parse(text);
  }

  async find(sid: Sid, client: ClientBinding, policy: SessionPolicy, isFromAbroad = false): Promise<Session | null> {
    const held = await this.#follow(sid, client, policy);
    if (held === null || !this.#mayUse(held.record, client, policy)) return null;
    if (isFromAbroad && !this.#isJustBegun(held.record, client)) return null;
    if (!held.record.isProven) return this.#prove(held, client, policy);
    const nowMs = this.#clock();
    this.#touches.touch(held.keys.storeKey, ttlOf(held.record, policy, nowMs), nowMs);
    return held;
  }

  async absorb(
    session: Session | null,
    response: ResponseFacts,
    client: ClientBinding,
    policy: SessionPolicy,
  ): Promise<Absorbed> {
    if (session === null) {
      if (response.setCookies.length === 0 || response.destroy) return { session: null, event: 'none' };
      return this.#create(response, client, policy);
    }
    assert(session instanceof HeldSession, 'a session of another source');
    const { rotate, destroy, clearsCookies } = response;
    if (response.setCookies.length === 0 && !rotate && !destroy && !clearsCookies) return { session, event: 'none' };
    return inTurn(this.#turns, session.keys.storeKey, () => this.#update(session, response, client, policy));
  }

  async drop(session: Session, { host }: Pick<ClientBinding, 'host'>): Promise<void> {
    assert(session instanceof HeldSession, 'a session of another source');
    this.#opened.forget(host, session.sid);
    await this.#store.remove(session.keys.storeKey, LIMITS.sessionTombstoneMs);
  }

  // Finding

  /** The live record of `sid`, or of where it moved to, if this client may be led there. */
  async #follow(sid: Sid, client: ClientBinding, policy: SessionPolicy): Promise<HeldSession | null> {
    let at: Sid | null = sid;
    let way: Way | null = null;
    for (let moves = 0; at !== null && moves <= LIMITS.maxSidMoves; moves++) {
      const opened = this.#opened.of(client.host, at);
      const { keys } = opened;
      const stored = await this.#store.read(keys.storeKey);
      if (stored === null) {
        this.#opened.forget(client.host, at);
        return null;
      }
      const record = this.#opened.read(client.host, at, opened, stored.sealed);
      if (record === null) this.stats.torn++;
      if (record === null || record.kind === 'dead') return null;
      const { version } = stored;
      if (record.kind === 'live') {
        if (way !== null) await this.#keepWay(way, at, moves, policy);
        return new HeldSession(at, keys, version, record);
      }
      way ??= { keys, version, record };
      at = this.#mayFollow(record, client, policy) ? Sid.parse(record.to) : null;
    }
    return null;
  }

  /**
   * An old SID in use stays one: its marker idles as its session does. A page that lives through many rotations gets a
   * straight way, so that its look-ups do not grow with each of them.
   */
  async #keepWay({ keys, version, record }: Way, to: Sid, moves: number, policy: SessionPolicy): Promise<void> {
    if (moves > 1) {
      const sealed = seal(keys, encodeRecord({ ...record, to: to.reveal() }, this.#clock()));
      try {
        await this.#store.compareAndSet(keys.storeKey, version, sealed, policy.idleTimeoutMs);
        return;
      } catch (error) {
        // No write is taken, but the way was found, and it may still be kept.
        if (!isStoreAway(error)) throw error;
      }
    }
    this.#touches.touch(keys.storeKey, policy.idleTimeoutMs, this.#clock());
  }

  /** Both marks, whatever `bind` says: an old SID may be in anybody's history. */
  #mayFollow(record: MovedRecord, client: ClientBinding, policy: SessionPolicy): boolean {
    return this.#isClient(record.client, client) && (record.isUntold || policy.oldSid === 'follow');
  }

  #isClient(noted: ClientMark, client: ClientBinding): boolean {
    const mark = this.#clientMarks.of(client);
    return noted.userAgentHash === mark.userAgentHash && noted.network === mark.network;
  }

  /** Both marks, whatever `bind` says: a stranger can make a session and send the client here in no time. */
  #isJustBegun({ createdAtMs, client: noted }: LiveRecord, client: ClientBinding): boolean {
    return Math.abs(this.#clock() - createdAtMs) <= LIMITS.redirectChainMs && this.#isClient(noted, client);
  }

  #mayUse(record: LiveRecord, client: ClientBinding, policy: SessionPolicy): boolean {
    const nowMs = this.#clock();
    // The distance, not the difference: a clock that was years ahead when the session began must not make it live for years.
    if (Math.abs(nowMs - record.createdAtMs) >= policy.absoluteTimeoutMs || record.jar.isEmpty(nowMs)) return false;
    const mark = this.#clientMarks.of(client);
    if (policy.bind.userAgent && record.client.userAgentHash !== mark.userAgentHash) return false;
    return !policy.bind.network || record.client.network === mark.network;
  }

  /** The SID came back for the first time: from now on the idle timeout holds. One write in a session's life. */
  async #prove(first: HeldSession, client: ClientBinding, policy: SessionPolicy): Promise<Session | null> {
    let held: HeldSession | null = first;
    for (let attempt = 1; held !== null && attempt <= LIMITS.maxStoreAttempts; attempt++) {
      if (held.record.isProven) return held;
      const proven = { ...held.record, isProven: true };
      try {
        const written = await this.#write(held, proven, policy);
        if (written !== null) return written;
      } catch (error) {
        if (!isStoreAway(error)) throw error;
        // No write is taken, but this was read, and it may still be kept: the next request tries again.
        const nowMs = this.#clock();
        this.#touches.touch(held.keys.storeKey, ttlOf(proven, policy, nowMs), nowMs);
        return held;
      }
      await this.#afterConflict(attempt);
      held = await this.#follow(held.sid, client, policy);
    }
    return held;
  }

  // Making

  async #create(response: ResponseFacts, client: ClientBinding, policy: SessionPolicy): Promise<Absorbed> {
    const nowMs = this.#clock();
    const jar = Jar.empty();
    jar.setFromResponse(response.setCookies, response, nowMs);
    if (jar.isEmpty(nowMs)) return { session: null, event: 'none' };
    if (!response.mayCreate) return { session: null, event: 'not-created' };
    const mark = this.#clientMarks.of(client);
    if (!(await this.#population.hasRoomFor(blockOf(client.address), nowMs))) {
      this.stats.refused++;
      return { session: null, event: 'not-created' };
    }
    const session = await this.#plant(
      { kind: 'live', client: mark, createdAtMs: nowMs, isProven: false, rolls: new Map(), jar },
      client.host,
      policy,
    );
    this.#population.grow();
    return { session, event: 'created' };
  }

  /** Write a record under a fresh SID. */
  async #plant(record: LiveRecord, host: string, policy: SessionPolicy): Promise<HeldSession> {
    const sid = Sid.generate();
    const empty = new HeldSession(sid, sealKeys(host, sid), 0, record);
    const held = await this.#write(empty, record, policy);
    // 130 random bits do not meet twice: a store that says so is not to be trusted with a session.
    if (held === null) throw new ProxyError('STORE_CONFLICT', { detail: 'a fresh SID was taken' });
    return held;
  }

  // Changing

  async #update(
    first: HeldSession,
    response: ResponseFacts,
    client: ClientBinding,
    policy: SessionPolicy,
  ): Promise<Absorbed> {
    let held: HeldSession | null = first;
    for (let attempt = 1; held !== null && attempt <= LIMITS.maxStoreAttempts; attempt++) {
      const done = await this.#tryUpdate(held, response, client, policy);
      if (done !== null) return done;
      await this.#afterConflict(attempt);
      held = await this.#follow(held.sid, client, policy);
    }
    if (held !== null) throw new ProxyError('STORE_CONFLICT');
    // Ended, or rotated where we may not follow: what this late response sets belongs to a dead session, with one exception.
    return (await this.#hasRotated(first, client))
      ? this.#signInAgain(first, response, client, policy)
      : { session: null, event: 'destroyed' };
  }

  /** Was it this very client, as far as its marks tell, whose sign-in rotated the session? */
  async #hasRotated({ sid, keys }: HeldSession, client: ClientBinding): Promise<boolean> {
    const stored = await this.#store.read(keys.storeKey);
    if (stored === null) return false;
    const record = this.#opened.read(client.host, sid, this.#opened.of(client.host, sid), stored.sealed);
    const by = record?.kind === 'dead' ? record.rotatedBy : null;
    return by !== null && this.#isClient(by, client);
  }

  /**
   * The second of two sign-ins under one SID, a double click, is the one whose answer is shown: it gets a session of its own, of
   * what is new in it alone. What the application only sends again may be the session from before, which by now is another's.
   */
  async #signInAgain(
    { record }: HeldSession,
    response: ResponseFacts,
    client: ClientBinding,
    policy: SessionPolicy,
  ): Promise<Absorbed> {
    const changes = record.jar.clone().setFromResponse(response.setCookies, response, this.#clock());
    if (response.destroy || !isSignIn(response.method, changes, policy, record.rolls, true)) {
      return { session: null, event: 'destroyed' };
    }
    const setCookies = response.setCookies.filter((_text, index) => isFresh(changes[index] as CookieChange));
    return this.#create({ ...response, setCookies }, client, policy);
  }

  /** One attempt on the session as it was read; null when another writer was faster. */
  async #tryUpdate(
    held: HeldSession,
    response: ResponseFacts,
    client: ClientBinding,
    policy: SessionPolicy,
  ): Promise<Absorbed | null> {
    const { record } = held;
    const nowMs = this.#clock();
    const jar = response.clearsCookies ? Jar.empty() : record.jar.clone();
    const changes = jar.setFromResponse(response.setCookies, response, nowMs);
    if (response.destroy || jar.isEmpty(nowMs)) {
      this.#opened.forget(client.host, held.sid);
      return (await this.#replace(held, { kind: 'dead', rotatedBy: null }, LIMITS.sessionTombstoneMs))
        ? { session: null, event: 'destroyed' }
        : null;
    }
    const mark = this.#clientMarks.of(client);
    const isSameNetwork = mark.network === record.client.network;
    const next = { ...record, jar, rolls: countRolls(record.rolls, response.method, changes) };
    if (response.rotate || isSignIn(response.method, changes, policy, record.rolls, isSameNetwork)) {
      return this.#rotate(held, { ...next, client: mark }, client.host, policy, response.tellsSid);
    }
    if (!response.clearsCookies && !changes.some(isEffective)) {
      // A removal of what this jar does not hold may still remove what another response set meanwhile.
      return (await this.#isCurrent(held)) ? { session: held, event: 'none' } : null;
    }
    const written = await this.#write(held, next, policy);
    return written === null ? null : { session: written, event: 'updated' };
  }

  /**
   * The new session is written first, then the old one is replaced by a marker if nobody changed it meanwhile: a crash
   * between the two leaves an orphan that nobody knows the SID of, never a lost session or an update lost.
   */
  async #rotate(
    held: HeldSession,
    next: LiveRecord,
    host: string,
    policy: SessionPolicy,
    tellsSid: boolean,
  ): Promise<Absorbed | null> {
    this.#opened.forget(host, held.sid);
    const session = await this.#plant(next, host, policy);
    const marker: SessionRecord =
      policy.oldSid === 'follow' || !tellsSid
        ? { kind: 'moved', client: next.client, to: session.sid.reveal(), isUntold: !tellsSid }
        : { kind: 'dead', rotatedBy: next.client };
    const ttlMs = marker.kind === 'moved' ? policy.idleTimeoutMs : LIMITS.sessionTombstoneMs;
    if (await this.#replace(held, marker, ttlMs)) return { session, event: 'rotated' };
    await this.drop(session, { host });
    return null;
  }

  // Writing

  /** The session with `record` in the store, null when its version is no longer the one that was read. */
  async #write(held: HeldSession, record: LiveRecord, policy: SessionPolicy): Promise<HeldSession | null> {
    const nowMs = this.#clock();
    if (!(await this.#replace(held, record, ttlOf(record, policy, nowMs)))) return null;
    this.#touches.remember(held.keys.storeKey, nowMs);
    return new HeldSession(held.sid, held.keys, held.version + 1, record);
  }

  async #isCurrent(held: HeldSession): Promise<boolean> {
    return (await this.#store.read(held.keys.storeKey))?.version === held.version;
  }

  #replace(held: HeldSession, record: SessionRecord, ttlMs: number): Promise<boolean> {
    const sealed = seal(held.keys, encodeRecord(record, this.#clock()));
    return this.#store.compareAndSet(held.keys.storeKey, held.version, sealed, ttlMs);
  }

  async #afterConflict(attempt: number): Promise<void> {
    this.stats.conflicts++;
    if (attempt > PATIENT_ATTEMPTS) await delay(Math.random() * Math.min(attempt, 16));
  }
}

/** Is the jar another one for it? */
function isEffective({ kind }: CookieChange): boolean {
  return kind !== 'refused' && kind !== 'repeated';
}
