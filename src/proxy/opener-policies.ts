/**
 * What Cross-Origin-Opener-Policy each host's pages have (HTML §7.1.3), for our own redirects: browsers apply it to redirects, too,
 * and a window whose redirect has another one than the page that opened it loses its opener.
 */
import { firstValue } from '../field-list.ts';

/** Hosts come from clients: the memory is dropped when it has grown to this many. */
const MAX_HOSTS = 256;

export class OpenerPolicies {
  readonly #ofHosts = new Map<string, string | null>();

  /** A page of this host was shown, with these fields. */
  saw(host: string, fields: readonly string[]): void {
    const opener = policyIn(fields, 'cross-origin-opener-policy');
    // Together with an embedder policy, `same-origin` is another policy to browsers.
    const embedder = opener === 'same-origin' ? policyIn(fields, 'cross-origin-embedder-policy') : '';
    const value = `${opener};${embedder}`;
    const known = this.#ofHosts.get(host);
    if (known === value || known === null) return;
    if (known === undefined && this.#ofHosts.size >= MAX_HOSTS) this.#ofHosts.clear();
    // Which page opens a window is not known: of pages that differ no one's policy would do.
    this.#ofHosts.set(host, known === undefined ? value : null);
  }

  /** The fields that say the one that all pages of this host had so far; none for none. */
  fieldsOf(host: string): string[] {
    const [opener = '', embedder = ''] = this.#ofHosts.get(host)?.split(';') ?? [];
    if (opener === '') return [];
    const fields = ['Cross-Origin-Opener-Policy', opener];
    if (embedder !== '') fields.push('Cross-Origin-Embedder-Policy', embedder);
    return fields;
  }
}

/** Where it has violations reported is the page's own affair. */
function policyIn(fields: readonly string[], name: string): string {
  return firstValue(fields, name)?.split(';', 1)[0]?.trim() ?? '';
}
