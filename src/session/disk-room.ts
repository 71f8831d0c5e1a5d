/**
 * Whether a disk has room left. A store that is asked for room before it writes refuses in good order; one that finds the
 * disk full in the middle of a write depends on how well its package takes that.
 */
import type { StatsFs } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { within } from './within.ts';

/** More than what is written between two looks, and what a change of a few pages takes. */
export const MIN_FREE_BYTES = 16 * 1024 * 1024;
const LOOK_EVERY_MS = 250;
/** Nobody waits longer for a file system that does not answer; the look itself goes on, and there is never a second one. */
const LOOK_MS = 1000;

export class DiskRoom {
  readonly #freeBytes: () => Promise<number>;
  readonly #onChange: (isThere: boolean) => void;
  #isThere = true;
  #lookedAtMs = Number.NEGATIVE_INFINITY;
  #isLooking = false;
  /** For those who wait for the look. */
  #look: Promise<void> | null = null;

  /** `freeBytes`: what an ordinary user may still write. `onChange`: a look has found it otherwise than the one before. */
  constructor(freeBytes: () => Promise<number>, onChange: (isThere: boolean) => void = () => {}) {
    this.#freeBytes = freeBytes;
    this.#onChange = onChange;
  }

  /** As of the last look. */
  get isThere(): boolean {
    return this.#isThere;
  }

  /** As of now, give or take a quarter of a second. What cannot be told counts as room: the write itself will tell. */
  async check(): Promise<boolean> {
    if (!this.#isLooking && performance.now() - this.#lookedAtMs >= LOOK_EVERY_MS) {
      this.#look = within(LOOK_MS, this.#lookNow()).catch(() => {
        this.#saw(true);
        this.#look = null;
      });
    }
    if (this.#look !== null) await this.#look;
    return this.#isThere;
  }

  async #lookNow(): Promise<void> {
    this.#isLooking = true;
    const freeBytes = await this.#freeBytes().catch(() => Number.POSITIVE_INFINITY);
    this.#saw(freeBytes >= MIN_FREE_BYTES);
    this.#lookedAtMs = performance.now();
    this.#isLooking = false;
    this.#look = null;
  }

  #saw(isThere: boolean): void {
    if (this.#isThere === isThere) return;
    this.#isThere = isThere;
    this.#onChange(isThere);
  }
}

/** Free bytes of the file system that holds `path`; without end where it does not tell its size. */
export async function freeBytesAt(path: string): Promise<number> {
  return freeBytesOf(await statfs(path));
}

export function freeBytesOf({ bavail, blocks, bsize }: StatsFs): number {
  return blocks === 0 ? Number.POSITIVE_INFINITY : bavail * bsize;
}
