/**
 * What Cross-Origin-Opener-Policy each host's pages have (HTML §7.1.3), for our own redirects: browsers apply it to redirects, too,
 * and a window whose redirect has another one than the page that opened it loses its opener.
 */

/** Hosts come from clients: the memory is dropped when it has grown to this many. */
const MAX_HOSTS = 256;

export class OpenerPolicies {
  readonly #ofHosts = new Map<string, string | null>();

  /** A page of this host was shown. `policy`: its field, null for none. */
  saw(host: string, policy: string | null): void {
    // Where it has violations reported is the page's own affair.
    const value = policy?.split(';', 1)[0]?.trim() ?? '';
    const known = this.#ofHosts.get(host);
    if (known === value || known === null) return;
    if (known === undefined && this.#ofHosts.size >= MAX_HOSTS) this.#ofHosts.clear();
    // Which page opens a window is not known: of pages that differ no one's policy would do.
    this.#ofHosts.set(host, known === undefined ? value : null);
  }

  /** The one that all pages of this host had so far; null for none. */
  of(host: string): string | null {
    return this.#ofHosts.get(host) || null;
  }
}
