/**
 * What is known of one exchange when it is over: the facts for its log line and its metrics. No SID, no cookie and no
 * query ever gets in here; a session is named by its keyed hash.
 */
import type { Verdict } from '../client/detect.ts';
import { type ErrorCode, ProxyError } from '../errors.ts';
import type { PlaceCounts } from '../observe/metrics.ts';
import { type Arrival, cleanReferer, type Located } from './arrival.ts';
import type { Delivery } from './delivery.ts';
import type { RequestFacts } from './framing.ts';
import { hideSids } from './hide-sids.ts';
import type { OwnRedirect } from './redirects.ts';
import type { Site } from './site.ts';

export interface ExchangeObserver {
  exchange(record: ExchangeRecord): void;
}

export class ExchangeRecord {
  readonly facts: RequestFacts;
  readonly startedAtMs: number = performance.now();
  /** The target without any SID; null when the exchange failed before that was known. */
  target: string | null = null;
  /** The Referer without any SID, and the User-Agent, for log formats that name them. */
  referer: string | null = null;
  userAgent: string | null = null;
  route: string | null = null;
  verdict: Verdict | null = null;
  carrier: string | null = null;
  foundBy: 'target' | 'referer' | null = null;
  sidHash: string | null = null;
  event = 'none';
  plan: 'pass' | 'rewrite' | 'redirect' | 'tunnel' | 'refused' = 'refused';
  /** The reason of an own redirect, a refusal, a cut or a bail-out; an error code where there is one. */
  reason: string | null = null;
  status: number | null = null;
  marks = 0;
  /** Marks by kind of place and skips by reason; null when no page was marked. */
  places: PlaceCounts | null = null;
  /** A SID came along that was not honoured. */
  hasDroppedSid = false;
  bytes = 0;
  upstreamMs: number | null = null;
  durationMs = 0;
  /** The fault behind `reason`, for the log; null when all went well. */
  fault: unknown = null;

  constructor(facts: RequestFacts) {
    this.facts = facts;
  }

  /** Where the request goes is known before who sent it: what is refused in between can be told by its target. */
  located(site: Site, { policy, target }: Located): void {
    this.target = hideSids(target, site.sidNames);
    this.route = policy.label;
  }

  arrived(arrival: Arrival): void {
    const referer = cleanReferer(arrival.site, arrival.client.referer);
    this.referer = referer === null ? null : hideSids(referer, arrival.site.sidNames);
    this.userAgent = arrival.client.userAgent;
    this.verdict = arrival.verdict;
    this.carrier = arrival.carriedIn;
    this.foundBy = arrival.foundBy;
    this.hasDroppedSid = arrival.carriedSids.length > 0 && arrival.session === null;
    this.sidHash = arrival.session?.sid.hash ?? null;
  }

  redirected(redirect: OwnRedirect): void {
    this.plan = 'redirect';
    this.reason = redirect.reason;
    this.status = redirect.status;
    this.#end();
  }

  answered(): void {
    this.upstreamMs = performance.now() - this.startedAtMs;
  }

  delivered(delivery: Delivery): void {
    this.plan = delivery.plan;
    this.status = delivery.status;
    this.event = delivery.event;
    this.sidHash = delivery.session?.sid.hash ?? this.sidHash;
    this.marks = delivery.marks;
    this.places = delivery.places;
    this.bytes = delivery.bytes;
    this.reason = delivery.bailedOut;
    this.#end();
  }

  tunnelled(tunnel: { status: number; bytesUp: number; bytesDown: number }): void {
    this.plan = 'tunnel';
    this.status = tunnel.status;
    this.bytes = tunnel.bytesDown;
    this.#end();
  }

  failed(error: unknown): void {
    const code: ErrorCode = error instanceof ProxyError ? error.code : 'INTERNAL';
    this.reason = code;
    this.status = error instanceof ProxyError ? error.status : 500;
    this.fault = error;
    this.#end();
  }

  #end(): void {
    this.durationMs = performance.now() - this.startedAtMs;
  }
}
