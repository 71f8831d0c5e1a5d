/** How late this machine is while something is measured: bounds in milliseconds are for the program, not for its neighbours. */

const EVERY_MS = 5;

export interface LatenessWatch {
  /** The most milliseconds that a timer came late since the start. */
  stop(): number;
}

/** Watch the timers of this process until `stop`. */
export function watchLateness(): LatenessWatch {
  let worstMs = 0;
  let dueMs = performance.now() + EVERY_MS;
  const look = (): void => {
    const nowMs = performance.now();
    worstMs = Math.max(worstMs, nowMs - dueMs);
    dueMs = nowMs + EVERY_MS;
  };
  const timer = setInterval(look, EVERY_MS);
  return {
    stop() {
      clearInterval(timer);
      // What is overdue counts too.
      look();
      return worstMs;
    },
  };
}
