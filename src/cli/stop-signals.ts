/**
 * SIGINT and SIGTERM, heard from the first moment on: the kernel keeps every signal from the first process of a container that it
 * does not listen to, and one that comes while the program is still loaded would be lost.
 */
import { constants } from 'node:os';

export type StopSignal = 'SIGINT' | 'SIGTERM';
type Listener = (signal: StopSignal) => void;

let listener: Listener = dieOf;

/** Listen, for the rest of the process. Until `onStopSignal` says else the signal ends it. */
export function hearStopSignals(): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => listener(signal));
}

/** Who hears the next one, in place of who heard the last. */
export function onStopSignal(next: Listener): void {
  listener = next;
}

/** Calls `action` at the next signal; one behind it ends the process. */
export function onFirstStopSignal(action: () => void): void {
  onStopSignal(() => {
    onStopSignal(dieOf);
    action();
  });
}

/** As if nobody listened for the signal. */
export function dieOf(signal: StopSignal): void {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
  // The first process of a container is still here.
  process.exit(128 + constants.signals[signal]);
}
