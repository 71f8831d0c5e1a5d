/**
 * Work that takes turns by key within this process. The store's compare-and-set is what makes updates safe; turns only
 * spare it the conflicts of one process with itself (100 parallel requests of one session would need 5,000 attempts).
 */
export type Turns = Map<string, Promise<void>>;

/** Run `work` after all that was queued under `key` before; its result or rejection is the caller's alone. */
export async function inTurn<T>(turns: Turns, key: string, work: () => Promise<T>): Promise<T> {
  const before = turns.get(key);
  const result = before === undefined ? work() : before.then(work);
  const settled = result.then(
    () => {},
    () => {},
  );
  turns.set(key, settled);
  try {
    return await result;
  } finally {
    if (turns.get(key) === settled) turns.delete(key);
  }
}
