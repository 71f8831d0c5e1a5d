/**
 * Programs that a test started and could not end, as one that ran out of time while its program did not listen yet: mocha waits
 * for all of its children, and so would for ever. Mocha loads this file before all tests (`require` in .mocharc.json).
 */
import type { ChildProcess } from 'node:child_process';

const running = new Set<ChildProcess>();

/** Let this one be killed when all tests are over and it still runs. */
export function endWithTests(child: ChildProcess): void {
  running.add(child);
  child.once('close', () => running.delete(child));
}

export const mochaHooks = {
  afterAll(): void {
    for (const child of running) child.kill('SIGKILL');
  },
};
