/**
 * Sessions in use stay in the store: each use puts their end off. The images of a page and a burst of clicks are one use.
 */
import type { SessionStore } from './store.ts';

/** Repeated use within this time is one touch of the store. */
const TOUCH_EVERY_MS = 1000;
/** Keys that are remembered. Above it all are forgotten: each costs one touch more. */
const MAX_REMEMBERED = 10_000;

export class Touches {
  readonly #store: SessionStore;
  /** Store key → when it was touched or written last. */
  readonly #atMs = new Map<string, number>();

  constructor(store: SessionStore) {
    this.#store = store;
  }

  /** Not awaited: a touch that fails shortens an idle time, and the answer need not wait for it. */
  touch(key: string, ttlMs: number, nowMs: number): void {
    // The distance, not the difference: a wall clock may be set back.
    if (Math.abs(nowMs - (this.#atMs.get(key) ?? Number.NEGATIVE_INFINITY)) < TOUCH_EVERY_MS) return;
    this.remember(key, nowMs);
    this.#store.touch(key, ttlMs).catch(() => this.#atMs.delete(key));
  }

  /** A write is a touch too. */
  remember(key: string, nowMs: number): void {
    if (this.#atMs.size >= MAX_REMEMBERED) this.#atMs.clear();
    this.#atMs.set(key, nowMs);
  }
}
