/** A live session in the hands of a request: what was read of it, and how long the store keeps it. */
import type { SessionPolicy } from '../policy/route-policy.ts';
import type { Sid } from '../sid/sid.ts';
import type { Jar } from './jar.ts';
import type { LiveRecord } from './record.ts';
import type { SealKeys } from './seal.ts';
import type { Session } from './source.ts';

/** `version` is what the next write expects. */
export class HeldSession implements Session {
  readonly sid: Sid;
  readonly keys: SealKeys;
  readonly version: number;
  readonly record: LiveRecord;

  constructor(sid: Sid, keys: SealKeys, version: number, record: LiveRecord) {
    this.sid = sid;
    this.keys = keys;
    this.version = version;
    this.record = record;
  }

  get jar(): Jar {
    return this.record.jar;
  }

  get isProven(): boolean {
    return this.record.isProven;
  }

  get createdAtMs(): number {
    return this.record.createdAtMs;
  }
}

/** How long the store keeps a record from now: never past the absolute timeout. At least 1 ms, as stores want it. */
export function ttlOf(record: LiveRecord, policy: SessionPolicy, nowMs: number): number {
  const timeoutMs = record.isProven ? policy.idleTimeoutMs : policy.unprovenTimeoutMs;
  return Math.max(1, Math.min(timeoutMs, record.createdAtMs + policy.absoluteTimeoutMs - nowMs));
}
