/**
 * The first bytes of form bodies, read ahead to look for the hidden field. Clients that send forms slowly, and HTTP/2 with its many
 * streams to each connection, would otherwise fill the memory with windows: above a bound for all of them together a form is looked
 * into no further than a field of our own can stand.
 */
import type { Readable } from 'node:stream';

/** Of all windows that are being filled in this process. */
const MAX_HELD_BYTES = 64 * 1024 * 1024;
/** However many there are: a hidden field of ours stands right behind the start of its form. */
const LEAST_BYTES = 64 * 1024;

export interface ReadAhead {
  readonly window: Buffer;
  /** The window is all of the body. */
  readonly isWhole: boolean;
  readonly rest: AsyncIterator<Buffer>;
}

export class FormWindows {
  readonly #maxHeldBytes: number;
  #heldBytes = 0;

  constructor(maxHeldBytes = MAX_HELD_BYTES) {
    this.#maxHeldBytes = maxHeldBytes;
  }

  /** At least `peekBytes` of `body`, or all of it; less where too much is held already. Rejects as the body breaks. */
  async read(body: Readable, peekBytes: number): Promise<ReadAhead> {
    const rest = body.iterator({ destroyOnReturn: false })[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    const chunks: Buffer[] = [];
    let size = 0;
    try {
      while (size < peekBytes && (size < LEAST_BYTES || this.#heldBytes < this.#maxHeldBytes)) {
        const { value, done } = await rest.next();
        if (done === true) return { window: Buffer.concat(chunks), isWhole: true, rest };
        chunks.push(value);
        size += value.length;
        this.#heldBytes += value.length;
      }
      return { window: Buffer.concat(chunks), isWhole: false, rest };
    } finally {
      this.#heldBytes -= size;
    }
  }
}
