/**
 * How many sessions one client may begin: a token bucket for each address block, so that a
 * crawler that nobody recognised cannot fill the store. Each process counts for itself.
 */

interface Bucket {
  tokens: number;
  atMs: number;
}

/** Blocks that are remembered. The one that was idle longest is forgotten first, and then starts with a full bucket. */
const MAX_BLOCKS = 10_000;
const MINUTE_MS = 60_000;

export class MintLimit {
  readonly #perMinute: number;
  /** In the order of last use. */
  readonly #buckets = new Map<string, Bucket>();

  constructor(perMinute: number) {
    this.#perMinute = perMinute;
  }

  /** True when `block` (of `blockOf`) may begin one more session now; the attempt is counted. */
  take(block: string, nowMs: number): boolean {
    const bucket = this.#buckets.get(block) ?? { tokens: this.#perMinute, atMs: nowMs };
    // A clock that jumps back gives nothing and takes nothing.
    const elapsedMs = Math.max(0, nowMs - bucket.atMs);
    bucket.tokens = Math.min(this.#perMinute, bucket.tokens + (elapsedMs * this.#perMinute) / MINUTE_MS);
    bucket.atMs = nowMs;
    this.#buckets.delete(block);
    this.#buckets.set(block, bucket);
    if (this.#buckets.size > MAX_BLOCKS) {
      const [oldest] = this.#buckets.keys();
      if (oldest !== undefined) this.#buckets.delete(oldest);
    }
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }
}
