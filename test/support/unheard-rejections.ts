/**
 * A rejection that nobody handles fails the run, at its end, and is told with the test behind which it came: mocha passes over
 * it, and in a program it is the end. Mocha loads this file before all tests (`require` in .mocharc.json).
 */
import type { Context } from 'mocha';

let unheard: unknown[] = [];
const told: string[] = [];
const onRejection = (reason: unknown): void => {
  unheard.push(reason);
};

export const mochaHooks = {
  beforeAll(): void {
    process.on('unhandledRejection', onRejection);
  },
  // A hook that fails would end the run here, without the tests that are to come.
  afterEach(this: Context): void {
    for (const reason of unheard) {
      told.push(`${this.currentTest?.fullTitle()}: ${reason instanceof Error ? reason.stack : reason}`);
    }
    unheard = [];
  },
  afterAll(): void {
    process.off('unhandledRejection', onRejection);
    if (told.length > 0) throw new Error(`nobody handled a rejection:\n${told.join('\n')}`);
  },
};
