import { expect } from 'chai';
import { spell } from '../../../src/session/redis-client.ts';

describe('why redis is away', () => {
  for (const [error, want] of [
    [Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:6379'), { code: 'ECONNREFUSED' }), 'ECONNREFUSED'],
    [new Error('WRONGPASS invalid username-password pair'), 'WRONGPASS'],
    [new Error('Ready check failed: NOAUTH Authentication required.'), 'NOAUTH'],
    [new Error('ERR max number of clients reached'), 'ERR max number of clients reached'],
    [new Error("ERR unknown command 'eval', with args beginning with: 'secret' "), "ERR unknown command 'eval'"],
    [new Error("Stream isn't writeable and enableOfflineQueue options is false"), 'the connection was lost'],
    [new Error("Cluster isn't ready and enableOfflineQueue options is false"), 'no answer yet'],
    ['secret', 'string'],
  ] as const) {
    it(want, () => expect(spell(error)).to.equal(want));
  }
});
