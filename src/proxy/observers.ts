/**
 * Everything that is told of exchanges and refusals: the log and the metrics. A fault that an exchange threw reaches us
 * twice, from the exchange and from the server that answered for it; it is told once.
 */

import type { Metrics } from '../observe/counting.ts';
import type { Log } from '../observe/log.ts';
import type { RequestFacts } from './framing.ts';
import type { ExchangeObserver, Outcome } from './outcome.ts';
import { ExchangeRecord } from './record.ts';
import type { Refusal, ServerEvents } from './server.ts';

export class Observers implements ExchangeObserver, ServerEvents {
  readonly #log: Log;
  readonly #metrics: Metrics;
  /** Exchanges that failed and whose answer by the server is still to come: each leaves with it, in the same turn. */
  readonly #failed = new Set<string>();

  constructor(log: Log, metrics: Metrics) {
    this.#log = log;
    this.#metrics = metrics;
  }

  exchange(record: Outcome): void {
    if (record.fault !== null) this.#failed.add(record.facts.requestId);
    this.#log.exchange(record);
    this.#metrics.exchange(record);
    if (record.places !== null) this.#metrics.marked(record.places);
    if (record.hasDroppedSid) this.#metrics.sidDropped(record.route ?? '');
  }

  answered(facts: RequestFacts, status: number): void {
    const record = new ExchangeRecord(facts);
    record.answeredHere(status);
    this.exchange(record);
  }

  refused(refusal: Refusal): void {
    if (this.#failed.delete(refusal.requestId)) return;
    this.#log.refused({
      code: refusal.code,
      address: refusal.peerAddress,
      requestId: refusal.requestId === '' ? null : refusal.requestId,
      detail: refusal.detail,
      cause: refusal.cause,
    });
    this.#metrics.refused(refusal);
  }
}
