/**
 * The proxy as the acceptance harness of real applications starts it: for `$BACKEND` on 127.0.0.1:`$PROXY_PORT`, with the
 * example configuration of the kind that `$APP` is, or as `transid URL` where no kind needs more.
 *
 * What an application needs beyond the example is nothing but its two addresses, so those alone are replaced here.
 */
import { readFileSync } from 'node:fs';
import { parseDocument } from 'yaml';
import { configFromUpstream, createProxy, parseConfig } from '../../src/index.ts';

/**
 * Application → file in config/examples. The others are served with nothing but their URL; Django's admin site too, which its
 * example keeps for clients with cookies.
 */
const EXAMPLES: Readonly<Record<string, string>> = {
  'tomcat-form': 'servlet.yaml',
  'tomcat-native': 'servlet.yaml',
  wordpress: 'wordpress.yaml',
};

const { APP = '', BACKEND, PROXY_PORT } = process.env;
if (BACKEND === undefined || PROXY_PORT === undefined)
  throw new Error('BACKEND and PROXY_PORT say where to listen and for whom');

const listen = `127.0.0.1:${PROXY_PORT}`;
const example = EXAMPLES[APP];
const config = example === undefined ? configFromUpstream(BACKEND, listen) : fromExample(example, listen, BACKEND);
const proxy = await createProxy(config);
await proxy.listen();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void proxy.close());

function fromExample(name: string, address: string, upstream: string) {
  const file = new URL(`../../config/examples/${name}`, import.meta.url).pathname;
  const document = parseDocument(readFileSync(file, 'utf8'));
  document.set('listen', address);
  if (document.hasIn(['upstream', 'url'])) document.setIn(['upstream', 'url'], upstream);
  else document.set('upstream', upstream);
  // A browser that starts afresh for each scenario is a crowd from one address.
  document.setIn(['limits', 'mint_per_minute'], 1000);
  return parseConfig(document.toString(), file);
}
