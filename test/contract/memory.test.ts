import { createMemoryStore } from '../../src/session/memory.ts';
import { fakeClock } from '../support/session-fixtures.ts';
import { describeStoreContract } from '../support/store-contract.ts';

describeStoreContract('memory', async () => {
  const clock = fakeClock();
  const store = createMemoryStore({ maxSessions: 1000, maxBytes: 64 * 1024 * 1024, clock });
  return { store, advance: async (ms) => clock.advance(ms), close: () => store.close() };
});
