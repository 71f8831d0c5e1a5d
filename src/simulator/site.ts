/**
 * Origins and sites, the way browsers compare them: HTML §7.1.1, and RFC 6265bis §5.2 for "site".
 *
 * The registrable domain comes from the public suffix list, which is data, not behaviour: it is shared with the proxy.
 */
import { getDomain } from 'tldts';

/** `null` for opaque origins, spelt as the Origin field spells it. */
export function originOf(url: string): string {
  return URL.canParse(url) ? new URL(url).origin : 'null';
}

/** Scheme and registrable domain; a host without one (an address, `localhost`) is its own site. Ports do not count. */
export function siteOf(url: string): string {
  if (!URL.canParse(url)) return 'null';
  const { protocol, hostname } = new URL(url);
  if (hostname === '') return 'null';
  return `${protocol}//${getDomain(hostname, { allowPrivateDomains: true }) ?? hostname}`;
}

export type Relation = 'same-origin' | 'same-site' | 'cross-site';

const AUTHORITY = /^https?:\/\/[^/?#\\]*/;

/** Of two absolute URLs in the form that the URL parser gives them. */
export function relation(from: string, to: string): Relation {
  const authority = AUTHORITY.exec(from)?.[0];
  // The common case without a parser: scheme, host and port are spelt alike.
  if (authority !== undefined && authority === AUTHORITY.exec(to)?.[0]) return 'same-origin';
  if (originOf(from) === originOf(to) && originOf(to) !== 'null') return 'same-origin';
  return siteOf(from) === siteOf(to) && siteOf(to) !== 'null' ? 'same-site' : 'cross-site';
}

/** HTML §7.1.1, "schemelessly same site": one shop, be it by http or by https. */
export function isSchemelesslySameSite(a: string, b: string): boolean {
  return siteOf(a).replace(/^\w+:/, '') === siteOf(b).replace(/^\w+:/, '');
}

/** Secure Contexts §3.1: where a browser sends Sec-Fetch fields, and what no downgrade is. */
export function isTrustworthy(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === 'https:' || /^(?:localhost|.*\.localhost|127(?:\.\d+){3}|\[::1\])$/.test(hostname);
}
