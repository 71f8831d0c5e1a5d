/** What node:http and node:tls are told about the listener. */
import type { Front } from './front.ts';
import type { ListenerTls } from './server.ts';
import { requestClass } from './upgrade-request.ts';

/** How often node:http looks for heads that take too long. */
const CHECK_INTERVAL_MS = 1000;

export function httpOptions(front: Front) {
  const { timeouts, limits } = front.options;
  return {
    IncomingMessage: requestClass(() => front.headLimits),
    insecureHTTPParser: false,
    maxHeaderSize: limits.headerBytes,
    // The body has a clock of its own that knows who keeps whom waiting.
    requestTimeout: 0,
    connectionsCheckingInterval: Math.min(CHECK_INTERVAL_MS, Math.ceil(timeouts.headerMs / 2)),
    // Answered by us, with our page.
    requireHostHeader: false,
  };
}

export function certificateOf({ cert, key, minVersion }: ListenerTls) {
  return { cert, key, minVersion };
}

/** By ALPN, the best first. */
export function offered(tls: ListenerTls | null): string[] {
  return [...(tls?.http2 === true ? ['h2'] : []), 'http/1.1', 'http/1.0'];
}
