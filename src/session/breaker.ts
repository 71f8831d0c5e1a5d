/**
 * A circuit breaker: after some failures in a row nobody waits for the remote store any more, and one probe a second asks
 * whether it is back.
 */

export interface BreakerOptions {
  /** Failures in a row that open it. */
  readonly maxFailures: number;
  readonly probeEveryMs: number;
  /** Resolves when the store works again. Runs once at a time. */
  readonly probe: () => Promise<unknown>;
  /** Resolves when the failures, of which this was the last, were of one part of the store while others serve: it stays closed then. */
  readonly refute?: ((failure: unknown) => Promise<unknown>) | undefined;
  /** It has opened, by this failure. */
  readonly onOpen: (failure: unknown) => void;
  /** A probe has closed it. */
  readonly onClose: () => void;
}

export class Breaker {
  readonly #options: BreakerOptions;
  #failures = 0;
  #timer: NodeJS.Timeout | null = null;
  #isProbing = false;
  #isRefuting = false;
  #isStopped = false;

  constructor(options: BreakerOptions) {
    this.#options = options;
  }

  /** True while the store counts as away. */
  get isOpen(): boolean {
    return this.#timer !== null;
  }

  succeeded(): void {
    this.#failures = 0;
  }

  failed(failure: unknown): void {
    if (this.#isStopped) return;
    this.#failures++;
    if (this.#failures < this.#options.maxFailures || this.#isRefuting) return;
    const { refute } = this.#options;
    if (refute === undefined) {
      this.open(failure);
      return;
    }
    this.#isRefuting = true;
    refute(failure)
      .then(
        () => this.succeeded(),
        () => this.open(failure),
      )
      .finally(() => {
        this.#isRefuting = false;
      });
  }

  /** The store is away, however few have asked it. */
  open(failure: unknown): void {
    if (this.#timer !== null || this.#isStopped) return;
    // The probe keeps no process alive.
    this.#timer = setInterval(() => this.probeNow(), this.#options.probeEveryMs).unref();
    this.#options.onOpen(failure);
  }

  /** Ask at once, because something hints that the store is back. Does nothing while it is not away. */
  probeNow(): void {
    if (this.#timer === null || this.#isProbing) return;
    this.#isProbing = true;
    this.#options
      .probe()
      .then(() => {
        if (this.#timer === null) return; // stopped meanwhile
        this.close();
        this.#options.onClose();
      })
      .catch(() => {})
      .finally(() => {
        this.#isProbing = false;
      });
  }

  /** Let requests through again. */
  close(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    this.#failures = 0;
  }

  /** The store is closed: what was under way may fail without a word, and nobody asks whether it is back. */
  stop(): void {
    this.#isStopped = true;
    this.close();
  }
}
