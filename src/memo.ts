/**
 * What was worked out for keys that clients choose, such as hosts, so that most requests need not have it worked out again.
 * When it has grown to its bound all of it is forgotten: the keys of honest clients are few and soon there again.
 */
export class Memo<V> {
  readonly #make: (key: string) => V;
  readonly #max: number;
  readonly #made = new Map<string, V>();

  /** `max`: entries. */
  constructor(make: (key: string) => V, max = 256) {
    this.#make = make;
    this.#max = max;
  }

  of(key: string): V {
    const known = this.#made.get(key);
    if (known !== undefined) return known;
    const made = this.#make(key);
    if (this.#made.size >= this.#max) this.#made.clear();
    this.#made.set(key, made);
    return made;
  }
}
