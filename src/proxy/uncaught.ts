/**
 * Errors that nobody caught: a bug, thrown in a listener or a timer, where no exchange can catch it. It costs the exchange it
 * happened in, which its clocks end, and not the process with the exchanges of all others (docs/decisions/052).
 */
import type { Metrics } from '../observe/counting.ts';
import type { Log } from '../observe/log.ts';

/** From now on they are told in the log and counted as INTERNAL, and this process goes on. */
export function surviveUncaught(log: Log, metrics: Metrics): void {
  process.on('uncaughtException', (cause: unknown) => {
    log.refused({ code: 'INTERNAL', address: '', requestId: null, detail: null, cause });
    metrics.refused({ code: 'INTERNAL' });
  });
}
