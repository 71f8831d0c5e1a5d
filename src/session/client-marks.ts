/** What a record keeps of its client: a hash of the User-Agent and the network, never the address itself. */
import { hash } from 'node:crypto';
import { networkOf } from './network.ts';
import type { ClientMark } from './record.ts';
import type { ClientBinding } from './source.ts';

/** Hashes that are remembered: a site sees the same browsers again and again. */
const MAX_REMEMBERED = 1000;
/** A longer User-Agent is hashed each time. */
const MAX_REMEMBERED_CHARS = 512;
/** 96 bits: whoever forges a match needs the record, which is sealed. */
const HASH_CHARS = 16;

export class ClientMarks {
  readonly #userAgents = new Map<string, string>();

  of(client: ClientBinding): ClientMark {
    return { userAgentHash: this.#hashOf(client.userAgent), network: networkOf(client.address) };
  }

  #hashOf(userAgent: string): string {
    const known = this.#userAgents.get(userAgent);
    if (known !== undefined) return known;
    const made = hash('sha256', userAgent, 'base64url').slice(0, HASH_CHARS);
    if (userAgent.length <= MAX_REMEMBERED_CHARS) {
      if (this.#userAgents.size >= MAX_REMEMBERED) this.#userAgents.clear();
      this.#userAgents.set(userAgent, made);
    }
    return made;
  }
}
