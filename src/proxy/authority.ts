/**
 * `host[:port]` as a Host field or an HTTP/2 `:authority` may spell it (RFC 3986 §3.2.2), narrowed to what servers have:
 * names of letters, digits, `-`, `_` and `.`, IPv4 addresses, bracketed IPv6 addresses. No userinfo, no lists.
 */
const AUTHORITY = /^(?:\[[0-9a-f:.]{2,45}\]|[a-z0-9._-]{1,253})(?::(\d{1,5}))?$/i;

/** Clients choose their Host: the memory of good ones is dropped when it has grown to this many. */
const MAX_KNOWN = 256;
const known = new Set<string>();

/** True also means that `new URL('http://' + text)` does not throw, which `1.2.3.999` and `[:::]` would make it do. */
export function isAuthority(text: string): boolean {
  if (known.has(text)) return true;
  const match = AUTHORITY.exec(text);
  if (match === null || Number(match[1] ?? 0) > 65535 || !URL.canParse(`http://${text}`)) return false;
  if (known.size >= MAX_KNOWN) known.clear();
  known.add(text);
  return true;
}
