/** The bound that the memos of many scopes have together: there is a scope for each host by which a route was asked, and clients choose those. */

/** Judgements, some 15 MB. */
const MAX_REMEMBERED = 32_768;

export class MemoBudget {
  /** Those that hold something. */
  readonly #memos = new Set<{ clear(): void }>();
  /** What was put into them since they were emptied together. */
  #remembered = 0;

  /** Put an entry into a memo of at most `max`. One that is full begins anew; where all together hold too many, all do. */
  put<K, V>(memo: Map<K, V>, max: number, key: K, value: V): void {
    if (memo.size >= max) memo.clear();
    if (this.#remembered >= MAX_REMEMBERED) {
      for (const full of this.#memos) full.clear();
      this.#memos.clear();
      this.#remembered = 0;
    }
    this.#memos.add(memo);
    this.#remembered++;
    memo.set(key, value);
  }
}
