/**
 * Mirror mode: the SID *is* the value of one named cookie of the upstream, as in PHP. Nothing is stored, any
 * node can serve any session, and the application alone knows which ids are alive.
 *
 * Without `sign` an id that comes in a URL goes to the application if it has the form of one, known or not: whether it is
 * adopted is the application's `use_strict_mode` [PHP 10.9]. With `sign` the SID is `<value>-<mac>`: only ids that the
 * application itself gave out through this proxy are taken, and only from the client that they are bound to.
 *
 * Not here: the upstream's other cookies (the exchange passes them on), timeouts and rotation (the application's own).
 */
import assert from 'node:assert';
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { SessionPolicy } from '../policy/route-policy.ts';
import { Sid } from '../sid/sid.ts';
import { ClientMarks } from './client-marks.ts';
import { Jar } from './jar.ts';
import { parseSetCookie } from './set-cookie.ts';
import type { Absorbed, ClientBinding, ResponseFacts, Session, SessionSource } from './source.ts';

export interface MirrorOptions {
  readonly clock: () => number;
  /** Secret of all nodes, 32 bytes or more, for routes with `sign`; null when no route has it. */
  readonly signKey: Buffer | null;
}

/** 96 bits in hexadecimal digits, which every SID may hold. */
const MAC_CHARS = 24;

export class MirrorSessions implements SessionSource {
  readonly #options: MirrorOptions;
  readonly #clientMarks = new ClientMarks();

  constructor(options: MirrorOptions) {
    this.#options = options;
  }

  parseSid(text: string): Sid | null {
    return Sid.parseMirrored(text);
  }

  async find(sid: Sid, client: ClientBinding, policy: SessionPolicy, isFromAbroad = false): Promise<Session | null> {
    // Nothing is known of when it began.
    if (isFromAbroad) return null;
    const value = this.#valueOf(sid, client, policy);
    return value === null ? null : this.#session(sid, value, true, client, policy);
  }

  /** `rotate` is not heeded: only the application can give its session another id, and then it sends the cookie. */
  async absorb(
    session: Session | null,
    response: ResponseFacts,
    client: ClientBinding,
    policy: SessionPolicy,
  ): Promise<Absorbed> {
    if (response.destroy) return { session: null, event: session === null ? 'none' : 'destroyed' };
    const value = cookieValue(response.setCookies, cookieName(policy), this.#options.clock());
    if (value === undefined && !response.clearsCookies) return { session, event: 'none' };
    if (value === undefined || value === null) return { session: null, event: session === null ? 'none' : 'destroyed' };
    const sid = this.#sidOf(value, client, policy);
    // An id of other characters would fail at each click [PHP 11.3]: it never gets into a link.
    if (sid === null || (session === null && !response.mayCreate)) return { session: null, event: 'not-created' };
    if (session?.sid.equals(sid)) return { session, event: 'none' };
    const next = this.#session(sid, value, session !== null, client, policy);
    return { session: next, event: session === null ? 'created' : 'rotated' };
  }

  async drop(): Promise<void> {
    // Nothing is kept; the application's session goes on by its cookie.
  }

  #session(sid: Sid, value: string, isProven: boolean, client: ClientBinding, policy: SessionPolicy): Session {
    // PHP percent-encodes its value [PHP 13.1]; ',' is the only character of an id that this changes.
    const jar = Jar.ofOne(cookieName(policy), value.replaceAll(',', '%2C'), client.host);
    return { sid, jar, isProven, createdAtMs: this.#options.clock() };
  }

  #sidOf(value: string, client: ClientBinding, policy: SessionPolicy): Sid | null {
    return Sid.parseMirrored(policy.sign ? `${value}-${this.#mac(value, client, policy)}` : value);
  }

  /** The value that `sid` stands for, null when it is not signed for this client. */
  #valueOf(sid: Sid, client: ClientBinding, policy: SessionPolicy): string | null {
    const text = sid.reveal();
    if (!policy.sign) return text;
    const value = text.slice(0, -(MAC_CHARS + 1));
    if (value === '') return null;
    const want = Buffer.from(`${value}-${this.#mac(value, client, policy)}`);
    const came = Buffer.from(text);
    return came.length === want.length && timingSafeEqual(came, want) ? value : null;
  }

  #mac(value: string, client: ClientBinding, policy: SessionPolicy): string {
    const { signKey } = this.#options;
    assert(signKey !== null, 'a route signs, so the configuration has a key');
    const { userAgentHash, network } = this.#clientMarks.of(client);
    const bound = [policy.bind.userAgent ? userAgentHash : '', policy.bind.network ? network : ''];
    // The cookie's name, too: what one application gave out is no session of another on this host.
    const parts = [client.host, ...bound, cookieName(policy), value];
    return createHmac('sha256', signKey).update(parts.join('\0')).digest('hex').slice(0, MAC_CHARS);
  }
}

function cookieName(policy: SessionPolicy): string {
  assert(policy.cookie !== null, 'mirror mode names its cookie');
  return policy.cookie;
}

/** What the last Set-Cookie of this name says: its value, null when it removes the cookie; undefined when there is none. */
function cookieValue(setCookies: readonly string[], name: string, nowMs: number): string | null | undefined {
  let value: string | null | undefined;
  for (const text of setCookies) {
    const cookie = parseSetCookie(text, nowMs);
    if (cookie?.name !== name) continue;
    const isRemoved = cookie.value === '' || (cookie.expiresAtMs !== null && cookie.expiresAtMs <= nowMs);
    value = isRemoved ? null : cookie.value.replaceAll(/%2C/gi, ',');
  }
  return value;
}
