/**
 * What is stored of one session, as JSON text before it is sealed. Field names are one letter: there may be millions.
 */
import { Jar, type JarData } from './jar.ts';
import type { RollCounts } from './rotation.ts';

/** Hash and prefix that bind a record to its client. */
export interface ClientMark {
  /** SHA-256 of the User-Agent, 96 bits of it in base64url. */
  readonly userAgentHash: string;
  /** `networkOf` the address that made the session or rotated it last. */
  readonly network: string;
}

export interface LiveRecord {
  readonly kind: 'live';
  readonly client: ClientMark;
  /** Rotation does not change it: the absolute timeout counts from the first SID. */
  readonly createdAtMs: number;
  readonly isProven: boolean;
  readonly rolls: RollCounts;
  readonly jar: Jar;
}

/** What stays under an old SID: where its session went, for the same client only. */
export interface MovedRecord {
  readonly kind: 'moved';
  readonly client: ClientMark;
  readonly to: string;
  /** The client was not told the new SID, so that it may follow whatever `old_sid` says. */
  readonly isUntold: boolean;
}

/** What stays under a SID whose session ended or moved where nobody may follow. */
export interface DeadRecord {
  readonly kind: 'dead';
  /** Whose answer rotated the session; null if it ended. */
  readonly rotatedBy: ClientMark | null;
}

export type SessionRecord = LiveRecord | MovedRecord | DeadRecord;

interface Stored {
  readonly k: 'l' | 'm' | 'd';
  readonly u?: string;
  readonly n?: string;
  readonly c?: number;
  readonly p?: 0 | 1;
  readonly r?: ReadonlyArray<readonly [string, number]>;
  readonly j?: JarData;
  readonly t?: string;
}

/** Cookies that are past their end at `nowMs` are left out, and what was counted of names that no cookie has any more. */
export function encodeRecord(record: SessionRecord, nowMs: number): string {
  return JSON.stringify(toStored(record, nowMs));
}

function toStored(record: SessionRecord, nowMs: number): Stored {
  switch (record.kind) {
    case 'dead': {
      const { rotatedBy } = record;
      return { k: 'd', ...(rotatedBy === null ? {} : { u: rotatedBy.userAgentHash, n: rotatedBy.network }) };
    }
    case 'moved': {
      const { userAgentHash: u, network: n } = record.client;
      return { k: 'm', u, n, t: record.to, ...(record.isUntold ? { p: 0 } : {}) };
    }
    case 'live': {
      const rolls = [...record.rolls].filter(([name]) => record.jar.has(name));
      return {
        k: 'l',
        u: record.client.userAgentHash,
        n: record.client.network,
        c: record.createdAtMs,
        p: record.isProven ? 1 : 0,
        ...(rolls.length > 0 ? { r: rolls } : {}),
        j: record.jar.toData(nowMs),
      };
    }
  }
}

/** The record of a text that `encodeRecord` wrote. The seal vouches for it, so its form is not checked again. */
export function decodeRecord(text: string): SessionRecord {
  const stored = JSON.parse(text) as Stored;
  const client = { userAgentHash: stored.u ?? '', network: stored.n ?? '' };
  switch (stored.k) {
    case 'd':
      return { kind: 'dead', rotatedBy: stored.u === undefined ? null : client };
    case 'm':
      return { kind: 'moved', client, to: stored.t ?? '', isUntold: stored.p === 0 };
    case 'l':
      return {
        kind: 'live',
        client,
        createdAtMs: stored.c ?? 0,
        isProven: stored.p === 1,
        rolls: new Map(stored.r),
        jar: Jar.fromData(stored.j ?? []),
      };
  }
}
