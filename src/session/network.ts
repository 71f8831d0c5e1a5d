/**
 * The network of a client: what stays the same while its address changes within one household or company, and the unit
 * by which new sessions are limited (DESIGN §5): IPv4 /24, IPv6 /56.
 */
import { isIP } from 'node:net';

const MAPPED_IPV4 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/** The prefix as text, equal for equal networks; the input itself when it is not an IP address. */
export function networkOf(address: string): string {
  const plain = MAPPED_IPV4.exec(address)?.[1] ?? address;
  switch (isIP(plain)) {
    case 4:
      return plain.slice(0, plain.lastIndexOf('.'));
    case 6:
      return prefix56(plain);
    default:
      return address;
  }
}

/** The first 56 bits of a valid IPv6 address: three groups and the high byte of the fourth. */
function prefix56(address: string): string {
  const [head = '', tail] = (address.split('%')[0] ?? '').split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  // An IPv4 tail fills two groups; it never reaches the first four unless zeros do.
  const rightGroups = right.length + (right.at(-1)?.includes('.') ? 1 : 0);
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - left.length - rightGroups);
  const groups = [...left, ...new Array<string>(zeros).fill('0'), ...right]
    .slice(0, 4)
    .map((g) => Number.parseInt(g, 16));
  const [a = 0, b = 0, c = 0, d = 0] = groups;
  return [a, b, c, d >> 8].map((group) => group.toString(16)).join(':');
}
