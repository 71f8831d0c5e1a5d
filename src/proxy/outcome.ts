/** What the log and the metrics are told of an exchange that is over. */
import type { Verdict } from '../client/detect.ts';
import type { PlaceCounts } from '../response/mark-tally.ts';
import type { SessionEvent } from '../session/session.ts';
import type { RequestFacts } from './framing.ts';

/** One exchange as the log and the metrics see it. */
export interface Outcome {
  readonly facts: RequestFacts;
  /** The target without any SID; null when the exchange was over before that was known. */
  readonly target: string | null;
  /** The Referer without any SID, and the User-Agent, for log formats that name them. */
  readonly referer: string | null;
  readonly userAgent: string | null;
  readonly route: string | null;
  readonly verdict: Verdict | null;
  readonly carrier: string | null;
  readonly foundBy: 'target' | 'referer' | null;
  readonly sidHash: string | null;
  readonly event: SessionEvent;
  readonly plan: 'pass' | 'rewrite' | 'redirect' | 'answer' | 'tunnel' | 'refused';
  /** The reason of an own redirect, a refusal, a cut or a bail-out; an error code where there is one. */
  readonly reason: string | null;
  readonly status: number | null;
  readonly marks: number;
  /** Marks by kind of place and skips by reason; null when no page was marked. */
  readonly places: PlaceCounts | null;
  /** A SID came along, in the target or a form, that led to no session. */
  readonly hasDroppedSid: boolean;
  readonly bytes: number;
  readonly upstreamMs: number | null;
  readonly durationMs: number;
  /** The fault behind `reason`, for the log; null when all went well. */
  readonly fault: unknown;
}

export interface ExchangeObserver {
  exchange(outcome: Outcome): void;
}
