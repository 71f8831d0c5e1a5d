/**
 * Output buffers that are used again: making one costs as much as filling it, and more where memory has to be fetched from
 * the system.
 *
 * A buffer comes back when its bytes were taken over by the system or an encoder (a write's callback). Whoever forgets one
 * harms nobody: it is then memory like any other. A buffer given back too early would show one client's page to another,
 * so only two places do it: `proxy/body-pipe.ts` and `response/body.ts`. (HTTP/2 in the clear, which we do not speak,
 * would need another look: there a reset stream's write calls back while its bytes may still wait to be sent.)
 */
import type { BufferSource } from './edits.ts';

/** Pages of a few kilobytes, up to chunks of 64 KiB with what they grow by; how many of each are kept. */
const SIZES: readonly { readonly bytes: number; readonly most: number }[] = [
  { bytes: 16 * 1024, most: 64 },
  { bytes: 32 * 1024, most: 32 },
  { bytes: 64 * 1024, most: 32 },
  { bytes: 128 * 1024, most: 64 },
];
/** Less is not lent: a slow reader would hold many times the memory that back-pressure counts. */
const MIN_LENT_BYTES = 4096;

interface Slab {
  readonly buffer: Buffer;
  readonly size: number;
  isLent: boolean;
}

export class BufferPool implements BufferSource {
  readonly #idle: Slab[][] = SIZES.map(() => []);
  readonly #slabs = new WeakMap<ArrayBufferLike, Slab>();

  take(size: number): Buffer {
    if (size < MIN_LENT_BYTES) return Buffer.allocUnsafe(size);
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
