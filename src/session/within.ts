/**
 * The same answer as `work`, or a rejection after `ms` without one. What was asked may still happen: whoever gives up must
 * not take it for undone.
 */
export function within<T>(ms: number, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer for ${ms} ms`)), ms);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
