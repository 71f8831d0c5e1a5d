/**
 * What of a client's address stands for it: its network, which stays the same while the address changes within one
 * household or company (binding: IPv4 /24, IPv6 /56), and its block, the least that one party holds and so the
 * unit by which new sessions are limited (an IPv4 address, an IPv6 /64).
 */
import { BlockList, isIP, SocketAddress } from 'node:net';

/** The network's prefix as text, equal for equal networks; the input itself when it is not an IP address. */
export function networkOf(address: string): string {
  const plain = unmapped(address);
  switch (isIP(plain)) {
    case 4:
      return plain.slice(0, plain.lastIndexOf('.'));
    case 6: {
      const [a, b, c, d] = highGroups(plain);
      return hexadecimal([a, b, c, d >> 8]);
    }
    default:
      return address;
  }
}

/** The block as text: an IPv4 address itself, the first 64 bits of an IPv6 one; the input when it is neither. */
export function blockOf(address: string): string {
  const plain = unmapped(address);
  return isIP(plain) === 6 ? hexadecimal(highGroups(plain)) : plain;
}

/** Not one of a machine or a network by itself (RFC 6890): loopback, private, shared, link-local. */
export function isPublic(address: string): boolean {
  const plain = unmapped(address);
  const version = isIP(plain);
  return version !== 0 && !NOT_PUBLIC.check(plain, version === 6 ? 'ipv6' : 'ipv4');
}

const NOT_PUBLIC = new BlockList();
for (const [net, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
] as const) {
  NOT_PUBLIC.addSubnet(net, prefix, 'ipv4');
}
for (const [net, prefix] of [
  ['::', 127],
  ['fc00::', 7],
  ['fe80::', 10],
] as const) {
  NOT_PUBLIC.addSubnet(net, prefix, 'ipv6');
}

/**
 * `::ffff:192.0.2.1`, as dual-stack sockets show IPv4 peers, in each of its spellings (RFC 4291 §2.2): some proxies write the groups
 * out, in hexadecimal. → `192.0.2.1`; anything else as it is.
 */
export function unmapped(address: string): string {
  if (!/ffff:/i.test(address) || isIP(address) !== 6) return address;
  const spelt = new SocketAddress({ address, family: 'ipv6' }).address;
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(spelt)?.[1] ?? address;
}

/** The first four of the eight groups of a valid IPv6 address. */
function highGroups(address: string): [number, number, number, number] {
  const [head = '', tail] = (address.split('%')[0] ?? '').split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  // An IPv4 tail fills two groups; it never reaches the first four.
  const rightGroups = right.length + (right.at(-1)?.includes('.') ? 1 : 0);
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - left.length - rightGroups);
  const groups = [...left, ...new Array<string>(zeros).fill('0'), ...right].map((group) => Number.parseInt(group, 16));
  const [a = 0, b = 0, c = 0, d = 0] = groups;
  return [a, b, c, d];
}

function hexadecimal(groups: readonly number[]): string {
  return groups.map((group) => group.toString(16)).join(':');
}
