/**
 * A rejection that nobody handles fails the run, behind the test in which it came: mocha passes over it, and in a program it is
 * the end. Mocha loads this file before all tests (`require` in .mocharc.json).
 */
const unheard: unknown[] = [];
const onRejection = (reason: unknown): void => {
  unheard.push(reason);
};

export const mochaHooks = {
  beforeAll(): void {
    process.on('unhandledRejection', onRejection);
  },
  afterEach(): void {
    if (unheard.length > 0) throw new Error('nobody handled a rejection', { cause: unheard[0] });
  },
  afterAll(): void {
    process.off('unhandledRejection', onRejection);
  },
};
