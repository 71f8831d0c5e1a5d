/**
 * `transid demo`: the built-in legacy shop with the proxy in front of it, on one port, so that a newcomer sees it work.
 */
import type { AddressInfo } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { parseArgs } from 'node:util';
import { parseConfig } from '../config/load.ts';
import { createShop } from '../demo/shop.ts';
import { createProxy } from '../index.ts';

interface Io {
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
}

const DEFAULT_PORT = 8080;

const USAGE = `Usage: transid demo [--port PORT]

Serves a small shop, whose sessions need cookies, through transid at http://127.0.0.1:PORT (${DEFAULT_PORT}; 0: any free port).
`;

/** Run until SIGINT or SIGTERM. Returns the exit code: 0 after a signal, 1 when the port is taken, 2 for wrong usage. */
export async function demoCommand(argv: string[], io: Io): Promise<number> {
  const port = readPort(argv);
  if (port === 'help') {
    io.stdout.write(USAGE);
    return 0;
  }
  if (port === null) {
    io.stderr.write(USAGE);
    return 2;
  }
  const shop = createShop();
  await new Promise<void>((resolve) => shop.listen(0, '127.0.0.1', resolve));
  const shopPort = (shop.address() as AddressInfo).port; // A server on a port has an AddressInfo, never a pipe's name.
  const stopped = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
  try {
    const proxy = await createProxy(parseConfig(demoConfig(port, shopPort), 'demo.yaml'));
    const address = await proxy.listen();
    io.stdout.write(greeting(address.port, shopPort));
    await stopped;
    await proxy.close();
    return 0;
  } catch (error) {
    if (!isTaken(error)) throw error;
    io.stderr.write(`transid demo: port ${port} is taken; choose another one with --port\n`);
    return 1;
  } finally {
    shop.closeAllConnections();
    await new Promise((resolve) => shop.close(resolve));
  }
}

/** Null for what is no usage of this command. */
function readPort(argv: string[]): number | 'help' | null {
  try {
    const { values } = parseArgs({
      args: argv,
      options: { port: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
    });
    if (values.help) return 'help';
    const port =
      values.port === undefined ? DEFAULT_PORT : /^\d{1,5}$/.test(values.port) ? Number(values.port) : 65_536;
    return port <= 65_535 ? port : null;
  } catch {
    return null; // Of all that parseArgs throws the remedy is the same: to read the usage.
  }
}

/** What a newcomer would write. */
function demoConfig(port: number, shopPort: number): string {
  return `listen: 127.0.0.1:${port}
upstream: http://127.0.0.1:${shopPort}
log: { level: warn }
routes:
  - path: /**
    use_trans_sid: true
`;
}

function greeting(port: number, shopPort: number): string {
  const through = `http://127.0.0.1:${port}`;
  const direct = `http://127.0.0.1:${shopPort}`;
  return `A shop from the year 2000, which knows you by a cookie and by nothing else:

  through transid  ${through}/
  directly         ${direct}/

Try both in a browser with cookies off (Chrome: Settings, Privacy, block all cookies for this site): log in with any name
and the password "tea", put something into the cart, pay. Directly you stay a guest; through transid it works.

Or with curl, which keeps no cookies unless told to:

  curl -sL -d "user=ada&password=tea" "${direct}/login.cgi" | grep -i "guest\\|logged in"
  curl -sL -d "user=ada&password=tea" "${through}/login.cgi" | grep -i "guest\\|logged in"

Or let transid itself walk through the shop without cookies:

  npx transid simulate ${through}/

Stop with Ctrl-C.
`;
}

function isTaken(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if ('code' in cause && (cause.code === 'EADDRINUSE' || cause.code === 'EACCES')) return true;
  }
  return false;
}
