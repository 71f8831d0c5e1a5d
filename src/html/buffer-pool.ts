/**
 * Output buffers that are used again: making one costs as much as filling it, and more where memory has to be fetched from
 * the system.
 *
 * A buffer comes back when its bytes have left the process (a write's callback). Whoever forgets one harms nobody: it is
 * then memory like any other. A buffer given back too early would show one client's page to another, so only two places
 * do it: `proxy/body-pipe.ts` and `response/body.ts`.
 */
import type { BufferSource } from './edits.ts';

/** Pages of a few kilobytes, and chunks of 64 KiB with what they grow by; how many of each are kept. */
const SIZES: readonly { readonly bytes: number; readonly most: number }[] = [
  { bytes: 16 * 1024, most: 64 },
  { bytes: 128 * 1024, most: 64 },
];

interface Slab {
  readonly buffer: Buffer;
  readonly size: number;
  isLent: boolean;
}

export class BufferPool implements BufferSource {
  readonly #idle: Slab[][] = SIZES.map(() => []);
  readonly #slabs = new WeakMap<ArrayBufferLike, Slab>();

  take(size: number): Buffer {
    for (let i = 0; i < SIZES.length; i++) {
      // Both lists are as long as each other.
      const { bytes } = SIZES[i]!;
      if (size > bytes) continue;
      const slab = this.#idle[i]!.pop() ?? this.#make(bytes, i);
      slab.isLent = true;
      return slab.buffer;
    }
    return Buffer.allocUnsafe(size);
  }

  /** The bytes of `buffer`, or of the one that it is a part of, are of no more use. No effect for one of somebody else. */
  giveBack(buffer: Buffer): void {
    const slab = this.#slabs.get(buffer.buffer);
    if (slab?.isLent !== true) return;
    slab.isLent = false;
    const idle = this.#idle[slab.size]!;
    if (idle.length < SIZES[slab.size]!.most) idle.push(slab);
  }

  #make(bytes: number, size: number): Slab {
    const slab = { buffer: Buffer.allocUnsafeSlow(bytes), size, isLent: false };
    this.#slabs.set(slab.buffer.buffer, slab);
    return slab;
  }
}
