/**
 * Who is the client? The peer of the connection, unless it is a trusted proxy: then what that says of its own peer, and
 * so on from right to left, up to the first address that is not trusted (RFC 7239; X-Forwarded-For by custom). Pure.
 *
 * What stands further left was written by strangers: it is not believed and does not go upstream. Nor does the other kind
 * of fields than the one that the trusted proxies write: those let it through as their client sent it.
 */

import { isIPv4, isIPv6 } from 'node:net';
import { joinedValue } from '../field-list.ts';
import { isPublic, unmapped } from '../session/network.ts';
import { type ForwardedClient, tellOfProxies } from '../upstream/request.ts';
import { isAuthority } from './authority.ts';

/** Where trusted proxies say who asked: in `X-Forwarded-For`, `-Proto` and `-Host`, or in `Forwarded`. */
export type ForwardedKind = 'x-forwarded' | 'forwarded';

export interface ForwardedInput {
  /** Address of the socket, IPv4-mapped ones unwrapped. */
  readonly peerAddress: string;
  readonly isEncrypted: boolean;
  readonly host: string | null;
  readonly fields: readonly string[];
  readonly isTrustedProxy: (address: string) => boolean;
  readonly believed: ForwardedKind;
}

/** One hop as a proxy reports it; null where it did not say. */
interface Hop {
  readonly address: string;
  readonly scheme: 'http' | 'https' | null;
  readonly host: string | null;
}

export function readForwarded(input: ForwardedInput): ForwardedClient {
  const { peerAddress, isEncrypted, host } = input;
  const scheme = isEncrypted ? 'https' : 'http';
  if (!input.isTrustedProxy(peerAddress)) {
    return {
      address: peerAddress,
      scheme,
      host,
      forwardedFor: peerAddress,
      forwarded: null,
      isPeerTrusted: false,
      passesXForwarded: false,
    };
  }
  const isCustom = input.believed === 'x-forwarded';
  const forwarded = isCustom ? null : joinedValue(input.fields, 'forwarded');
  const hops = isCustom ? fromCustomFields(input.fields) : fromForwarded(forwarded ?? '');
  const chain = trustedEnd(hops, input.isTrustedProxy);
  // The last one is the peer's own word, even where it does not say who asked.
  const first = chain[0] ?? hops.at(-1);
  const addresses = [...chain.map((hop) => hop.address), peerAddress];
  return {
    address: chain[0]?.address ?? peerAddress,
    scheme: first?.scheme ?? scheme,
    host: first?.host ?? host,
    forwardedFor: addresses.join(', '),
    forwarded: forwarded === null ? null : addresses.map((address) => `for=${quoted(address)}`).join(', '),
    isPeerTrusted: true,
    passesXForwarded: isCustom,
  };
}

/**
 * Is the client's address its own, and not that of a proxy which nobody named in `trusted_proxies`? Such a one often says nothing
 * of itself, but hardly ever has a public address then.
 */
export function isAddressKnown(client: ForwardedClient, fields: readonly string[]): boolean {
  // A trusted proxy has named another one than itself.
  if (client.isPeerTrusted) return client.forwardedFor !== client.address;
  return isPublic(client.address) && !tellOfProxies(fields);
}

/** The end of the list that trusted proxies wrote: up to and with the first address that is not one of them. */
function trustedEnd(hops: readonly Hop[], isTrusted: (address: string) => boolean): readonly Hop[] {
  let from = hops.length;
  while (from > 0) {
    from -= 1;
    const hop = hops[from] as Hop;
    if (hop.address === '') return hops.slice(from + 1);
    if (!isTrusted(hop.address)) break;
  }
  return hops.slice(from);
}

/** X-Forwarded-For is a list; -Proto and -Host are of the nearest proxy, which is the only one we can believe. */
function fromCustomFields(fields: readonly string[]): Hop[] {
  const list = joinedValue(fields, 'x-forwarded-for');
  const proto = last(joinedValue(fields, 'x-forwarded-proto'))?.toLowerCase() ?? null;
  const host = last(joinedValue(fields, 'x-forwarded-host'));
  const scheme = proto === 'http' || proto === 'https' ? proto : null;
  const saidHost = host !== null && isAuthority(host) ? host : null;
  const addresses = list === null ? [''] : list.split(',').map((item) => plainAddress(item.trim()));
  return addresses.map((address) => ({ address, scheme, host: saidHost }));
}

/** RFC 7239 §4: `for=192.0.2.60;proto=http, for="[2001:db8::1]:4711"`. */
function fromForwarded(value: string): Hop[] {
  return splitUnquoted(value, ',').map((element) => {
    const pairs = new Map<string, string>();
    for (const pair of splitUnquoted(element, ';')) {
      const at = pair.indexOf('=');
      if (at > 0) pairs.set(pair.slice(0, at).trim().toLowerCase(), unquoted(pair.slice(at + 1).trim()));
    }
    const proto = pairs.get('proto')?.toLowerCase();
    const host = pairs.get('host') ?? null;
    return {
      address: plainAddress(pairs.get('for') ?? ''),
      scheme: proto === 'http' || proto === 'https' ? proto : null,
      host: host !== null && isAuthority(host) ? host : null,
    };
  });
}

/** Cut at `separator`, but not within quoted strings (RFC 9110 §5.6.4). What follows a quote without its end is quoted. */
function splitUnquoted(text: string, separator: string): string[] {
  const parts: string[] = [];
  let from = 0;
  let isQuoted = false;
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    if (char === '"') isQuoted = !isQuoted;
    else if (char === '\\' && isQuoted) i++;
    else if (char === separator && !isQuoted) {
      parts.push(text.slice(from, i));
      from = i + 1;
    }
  }
  parts.push(text.slice(from));
  return parts;
}

/** `[2001:db8::1]:80` → `2001:db8::1`, `192.0.2.1:_a` → `192.0.2.1`; '' for `unknown`, `_hidden` and nonsense (RFC 7239 §6). */
function plainAddress(text: string): string {
  const bracketed = /^\[([0-9a-f:.]{2,45})\](?::(?:\d{1,5}|_[\w.-]+))?$/i.exec(text)?.[1];
  if (bracketed !== undefined) return isIPv6(bracketed) ? unmapped(bracketed.toLowerCase()) : '';
  const v4 = /^([\d.]{7,15})(?::(?:\d{1,5}|_[\w.-]+))?$/.exec(text)?.[1];
  if (v4 !== undefined) return isIPv4(v4) ? v4 : '';
  // No zone: it means nothing on another machine.
  return isIPv6(text) && !text.includes('%') ? unmapped(text.toLowerCase()) : '';
}

function quoted(address: string): string {
  return address.includes(':') ? `"[${address}]"` : address;
}

function unquoted(text: string): string {
  return text.startsWith('"') && text.endsWith('"') ? text.slice(1, -1).replace(/\\(.)/g, '$1') : text;
}

function last(list: string | null): string | null {
  return list === null ? null : (list.split(',').at(-1) as string).trim();
}
