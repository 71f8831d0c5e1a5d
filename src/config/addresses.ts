/** When two addresses are one, as far as it can be told without asking for names. Pure. */
import { isIP } from 'node:net';
import type { Address } from './units.ts';

/** Can the two not be listened on at one time? With port 0 the kernel finds a free one. */
export function collide(a: Address, b: Address): boolean {
  if (a.port !== b.port || a.port === 0) return false;
  return someMeet(a.host, b.host, (one, other) => covers(one, other) || covers(other, one));
}

/** Does a connection to the origin `url` surely reach this listener? A wildcard listens on loopback, whatever else. */
export function leadsTo(url: string, listener: Address): boolean {
  const { hostname, port, protocol } = new URL(url);
  const target = Number(port === '' ? (protocol === 'https:' ? 443 : 80) : port);
  if (target !== listener.port) return false;
  return someMeet(hostname.replace(/^\[|\]$/g, ''), listener.host, (aim, own) => {
    // One connects to "any address" of a machine by its loopback.
    const reached = aim === ANY_V4 ? '127.0.0.1' : aim === ANY_V6 ? '::1' : aim;
    return reached === own || (isLoopback(reached) && covers(own, reached));
  });
}

export const isLoopback = (host: string): boolean => host === 'localhost' || host === '::1' || /^127\./.test(host);

const ANY_V4 = '0.0.0.0';
const ANY_V6 = '::';

/** Whoever listens on `wide` has `host` too. A listener on `::` takes IPv4 as well. */
function covers(wide: string, host: string): boolean {
  return wide === host || wide === ANY_V6 || (wide === ANY_V4 && isIP(host) === 4);
}

function someMeet(a: string, b: string, meet: (one: string, other: string) => boolean): boolean {
  return meanings(a).some((one) => meanings(b).some((other) => meet(one, other)));
}

/** Which of its two addresses `localhost` means is up to the machine. */
function meanings(host: string): readonly string[] {
  if (host.toLowerCase() === 'localhost') return ['127.0.0.1', '::1'];
  return [isIP(host) === 6 ? new URL(`http://[${host}]`).hostname.slice(1, -1) : host.toLowerCase()];
}
