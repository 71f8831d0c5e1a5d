/** Clients, responses and policies for the tests of sessions and stores; and a clock that moves only when told to. */
import type { SessionPolicy } from '../../src/policy/route-policy.ts';
import type { ClientBinding, ResponseFacts } from '../../src/session/source.ts';

export interface FakeClock {
  (): number;
  advance(ms: number): void;
}

/** Starts at a fixed date, since cookies have dates. */
export function fakeClock(startMs = Date.UTC(2026, 0, 1)): FakeClock {
  let nowMs = startMs;
  return Object.assign(() => nowMs, {
    advance(ms: number) {
      nowMs += ms;
    },
  });
}

export const CLIENT: ClientBinding = { host: 'shop.example.org', userAgent: 'Test/1.0', address: '192.0.2.7' };

export function sessionPolicy(edits: Partial<SessionPolicy> = {}): SessionPolicy {
  return {
    mode: 'jar',
    name: '_sid',
    cookie: null,
    cookies: new Set(),
    idleTimeoutMs: 24 * 60_000,
    absoluteTimeoutMs: 8 * 3_600_000,
    unprovenTimeoutMs: 5 * 60_000,
    bind: { userAgent: true, network: false },
    sign: false,
    oldSid: 'dead',
    rotateOn: 'auto',
    ...edits,
  };
}

/** The head of an answer to a GET of `/page` that sets `setCookies`. */
export function response(setCookies: readonly string[], edits: Partial<ResponseFacts> = {}): ResponseFacts {
  return {
    setCookies,
    host: CLIENT.host,
    path: '/page',
    isSecure: false,
    method: 'GET',
    rotate: false,
    destroy: false,
    clearsCookies: false,
    mayCreate: true,
    tellsSid: true,
    ...edits,
  };
}
