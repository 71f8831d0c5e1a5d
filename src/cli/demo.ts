/**
 * `transid demo`: the built-in legacy shop with the proxy in front of it, on one port, so that a newcomer sees it work.
 */
import type { AddressInfo } from 'node:net';
import { parseConfig } from '../config/load.ts';
import { createShop } from '../demo/shop.ts';
import { createProxy } from '../index.ts';
import { type CommandIo, parseOptions, refuseUsage, UsageError } from './command.ts';
import { onFirstStopSignal } from './stop-signals.ts';

const DEFAULT_PORT = 8080;

/** How a reader of the greeting starts this program: run from source, it is a checkout, where npx finds no `transid`. */
const COMMAND = import.meta.url.endsWith('.ts') ? 'npm run transid --' : 'npx transid';

const USAGE = `Usage: transid demo [--port PORT]

Serves a small shop, whose sessions need cookies, through transid at http://127.0.0.1:PORT (${DEFAULT_PORT}; 0: any free port).
`;

/** Run until SIGINT or SIGTERM. Returns the exit code: 0 after a signal, 1 when the port is taken, 2 for wrong usage. */
export async function demoCommand(argv: string[], io: CommandIo): Promise<number> {
  let port: number | 'help';
  try {
    port = readPort(argv);
  } catch (error) {
    return refuseUsage(io, 'transid demo', error, USAGE);
  }
  if (port === 'help') {
    io.stdout.write(USAGE);
    return 0;
  }
  const shop = createShop();
  await new Promise<void>((resolve) => shop.listen(0, '127.0.0.1', resolve));
  const shopPort = (shop.address() as AddressInfo).port; // A server on a port has an AddressInfo, never a pipe's name.
  const stopped = new Promise<void>(onFirstStopSignal);
  try {
    const proxy = await createProxy(parseConfig(demoConfig(port, shopPort), 'demo.yaml'));
    const address = await proxy.listen();
    io.stdout.write(greeting(address.port, shopPort));
    await stopped;
    await proxy.close();
    return 0;
  } catch (error) {
    const code = codeOf(error);
    if (code !== 'EADDRINUSE' && code !== 'EACCES') throw error;
    const why = code === 'EACCES' ? 'is for root alone' : 'is taken';
    io.stderr.write(`transid demo: port ${port} ${why}; choose another one with --port\n`);
    return 1;
  } finally {
    shop.closeAllConnections();
    await new Promise((resolve) => shop.close(resolve));
  }
}

function readPort(argv: string[]): number | 'help' {
  const { values } = parseOptions({
    args: argv,
    options: { port: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
  });
  if (values.help) return 'help';
  if (values.port === undefined) return DEFAULT_PORT;
  if (!/^\d{1,5}$/.test(values.port) || Number(values.port) > 65_535) {
    throw new UsageError(`--port is a number from 0 to 65535, not '${values.port}'`);
  }
  return Number(values.port);
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

  ${COMMAND} simulate ${through}/

Stop with Ctrl-C.
`;
}

/** That of the system, below what was made of it. */
function codeOf(error: unknown): unknown {
  if (!(error instanceof Error)) return null;
  return error.cause instanceof Error ? codeOf(error.cause) : 'code' in error ? error.code : null;
}
