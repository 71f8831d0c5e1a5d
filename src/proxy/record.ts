/**
 * What is known of one exchange when it is over: the facts for its log line and its metrics.
 *
 * It keeps what the exchange came to and works out what is asked for: most logs ask for nothing of an exchange that went
 * well. No SID, no cookie and no value of a query can be read from it; a session is named by its keyed hash.
 */
import type { Verdict } from '../client/detect.ts';
import { asProxyError } from '../errors.ts';
import type { PlaceCounts } from '../response/mark-tally.ts';
import type { SessionEvent } from '../session/session.ts';
import type { Arrival } from './arrival.ts';
import { CutBody } from './body-pipe.ts';
import type { Delivery } from './delivery.ts';
import type { RequestFacts } from './framing.ts';
import { hideSids } from './hide-sids.ts';
import type { Located } from './locate.ts';
import type { Outcome } from './outcome.ts';
import type { OwnRedirect } from './redirects.ts';
import type { Site } from './site.ts';

export class ExchangeRecord implements Outcome {
  readonly facts: RequestFacts;
  readonly #startedAtMs = performance.now();
  #site: Site | null = null;
  #located: Located | null = null;
  #arrival: Arrival | null = null;
  #delivery: Delivery | null = null;
  #eventOfHandshake: SessionEvent = 'none';
  plan: Outcome['plan'] = 'refused';
  reason: string | null = null;
  status: number | null = null;
  bytes = 0;
  upstreamMs: number | null = null;
  durationMs = 0;
  fault: unknown = null;

  constructor(facts: RequestFacts) {
    this.facts = facts;
  }

  /** Where the request goes is known before who sent it: what is refused in between can be told by its target. */
  located(site: Site, located: Located): void {
    this.#site = site;
    this.#located = located;
  }

  arrived(arrival: Arrival): void {
    this.#arrival = arrival;
  }

  redirected(redirect: OwnRedirect): void {
    this.plan = 'redirect';
    this.reason = redirect.reason;
    this.status = redirect.status;
    this.#end();
  }

  /** By the server, before it was known where the request goes. */
  answeredHere(status: number): void {
    this.plan = 'answer';
    this.status = status;
    this.#end();
  }

  answered(): void {
    this.upstreamMs = performance.now() - this.#startedAtMs;
  }

  delivered(delivery: Delivery): void {
    this.#delivery = delivery;
    this.plan = delivery.plan;
    this.status = delivery.status;
    this.bytes = delivery.bytes;
    this.reason = delivery.bailedOut;
    this.#end();
  }

  /** Cookies of a 101 came into the session. */
  absorbed(event: SessionEvent): void {
    this.#eventOfHandshake = event;
  }

  /** Cookies of a 101 did not: the tunnel is there all the same. */
  lostCookies(error: unknown): void {
    this.reason = asProxyError(error).code;
    this.fault = error;
  }

  tunnelled(tunnel: { status: number; bytesUp: number; bytesDown: number }): void {
    this.plan = 'tunnel';
    this.status = tunnel.status;
    this.bytes = tunnel.bytesDown;
    this.#end();
  }

  /** `isHeadSent`: the answer was on its way, and is cut. */
  failed(error: unknown, isHeadSent: boolean): void {
    const { code, status } = asProxyError(error);
    this.reason = code;
    this.status = isHeadSent ? null : status;
    if (error instanceof CutBody) this.bytes = error.bytes;
    this.fault = error;
    this.#end();
  }

  get target(): string | null {
    return this.#located === null || this.#site === null ? null : hideSids(this.#located.target, this.#site.sidNames);
  }

  get referer(): string | null {
    if (this.#arrival === null) return null;
    const referer = this.#arrival.cleanReferer;
    return referer === null ? null : hideSids(referer, this.#arrival.site.sidNames);
  }

  get userAgent(): string | null {
    return this.#arrival?.client.userAgent ?? null;
  }

  get route(): string | null {
    return this.#located?.policy.label ?? null;
  }

  get verdict(): Verdict | null {
    return this.#arrival?.verdict ?? null;
  }

  get carrier(): string | null {
    return this.#arrival?.carriedIn ?? null;
  }

  get foundBy(): Outcome['foundBy'] {
    return this.#arrival?.foundBy ?? null;
  }

  get sidHash(): string | null {
    return (this.#delivery?.session ?? this.#arrival?.session)?.sid.hash ?? null;
  }

  get event(): SessionEvent {
    return this.#delivery?.event ?? this.#eventOfHandshake;
  }

  get marks(): number {
    return this.#delivery?.marks ?? 0;
  }

  get places(): PlaceCounts | null {
    return this.#delivery?.places ?? null;
  }

  get hasDroppedSid(): boolean {
    return this.#arrival !== null && this.#arrival.carriedSids.length > 0 && this.#arrival.session === null;
  }

  #end(): void {
    this.durationMs = performance.now() - this.#startedAtMs;
  }
}
