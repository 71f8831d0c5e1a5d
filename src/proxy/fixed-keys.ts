/** Which changes of a configuration a reload cannot put to work. Pure. */
import type { Config } from '../config/config.ts';
import { Secret } from '../config/secret.ts';

/** What is settled when the process starts, and differs now. */
export function fixedKeys(first: Config, next: Config): string[] {
  const isInMemory = first.store.kind === 'memory';
  const settled = ({ listen, admin, store, log, workers, watch, limits }: Config) => ({
    listen: [listen.host, listen.port, listen.tls === null],
    admin,
    store,
    log,
    workers,
    watch,
    'limits.store': isInMemory ? limits.storeBytes : null,
    // Fewer can be made.
    'limits.max_sessions': isInMemory ? Math.max(limits.maxSessions, first.limits.maxSessions) : null,
  });
  const [before, after] = [settled(first), settled(next)];
  const keys = Object.keys(before) as Array<keyof typeof before>;
  return keys.filter((key) => !isSame(before[key], after[key]));
}

/** Secrets are compared, too: in JSON they all look the same. */
function isSame(one: unknown, other: unknown): boolean {
  if (one instanceof Secret && other instanceof Secret) return one.reveal() === other.reveal();
  if (!isObject(one) || !isObject(other)) return one === other;
  const keys = Object.keys(one);
  return keys.length === Object.keys(other).length && keys.every((key) => isSame(one[key], other[key]));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

/** `next` without more sessions than the memory store has room for: as many as at the start. Each beyond that would push out another. */
export function withinRoom(first: Config, next: Config): Config {
  if (first.store.kind !== 'memory' || next.limits.maxSessions <= first.limits.maxSessions) return next;
  return { ...next, limits: { ...next.limits, maxSessions: first.limits.maxSessions } };
}
