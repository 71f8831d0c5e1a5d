/** May one more session begin? Not from a client above its rate, nor into a store that holds as many as it should. */
import { MintLimit } from './mint-limit.ts';
import type { SessionStore } from './store.ts';

const COUNT_EVERY_MS = 1000;

export interface PopulationLimits {
  /** No session begins above this many in the store (about: the count is a second old). */
  readonly maxSessions: number;
  /** Sessions that one client address (IPv6: /64) may begin in a minute, in this process. */
  readonly mintPerMinute: number;
}

export class Population {
  readonly #store: SessionStore;
  readonly #maxSessions: number;
  readonly #mintLimit: MintLimit;
  #count = 0;
  #countedAtMs = Number.NEGATIVE_INFINITY;

  constructor(store: SessionStore, { maxSessions, mintPerMinute }: PopulationLimits) {
    this.#store = store;
    this.#maxSessions = maxSessions;
    this.#mintLimit = new MintLimit(mintPerMinute);
  }

  /** True when a client of `block` (of `blockOf`) may begin one; the attempt counts against its rate. */
  async hasRoomFor(block: string, nowMs: number): Promise<boolean> {
    return this.#mintLimit.take(block, nowMs) && !(await this.#isFull(nowMs));
  }

  /** One has begun: it counts before the store is asked again. */
  grow(): void {
    this.#count++;
  }

  async #isFull(nowMs: number): Promise<boolean> {
    // The distance, not the difference: a wall clock may be set back.
    if (Math.abs(nowMs - this.#countedAtMs) >= COUNT_EVERY_MS) {
      this.#countedAtMs = nowMs;
      this.#count = await this.#store.count();
    }
    return this.#count >= this.#maxSessions;
  }
}
