/**
 * The proxy as the acceptance harness of real applications starts it: for `$BACKEND` on 127.0.0.1:`$PROXY_PORT`, with the
 * example configuration of the kind that `$APP` is, or as `transid URL` where no kind needs more.
 *
 * What an application needs beyond the example is nothing but its two addresses, so those alone are replaced here.
 */
import { readFileSync } from 'node:fs';
import { parseDocument, type YAMLMap, type YAMLSeq } from 'yaml';
import { configFromUpstream, createProxy, parseConfig } from '../../src/index.ts';

interface Example {
  readonly file: string;
  /** A route to leave out: the scenario walks through what the example keeps for clients with cookies, as its comment allows. */
  readonly without?: string;
}

/** Application → file in config/examples. The others are served with nothing but their URL. */
const EXAMPLES: Readonly<Record<string, Example>> = {
  'django-admin': { file: 'django.yaml', without: '/admin/**' },
  'tomcat-form': { file: 'servlet.yaml' },
  'tomcat-native': { file: 'servlet.yaml' },
  wordpress: { file: 'wordpress.yaml' },
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

function fromExample(example: Example, address: string, upstream: string) {
  const file = new URL(`../../config/examples/${example.file}`, import.meta.url).pathname;
  const document = parseDocument(readFileSync(file, 'utf8'));
  document.set('listen', address);
  if (document.hasIn(['upstream', 'url'])) document.setIn(['upstream', 'url'], upstream);
  else document.set('upstream', upstream);
  const routes = document.get('routes') as YAMLSeq<YAMLMap>; // Every example has a list of routes.
  routes.items = routes.items.filter((route) => route.get('path') !== example.without);
  // A browser that starts afresh for each scenario is a crowd from one address.
  document.setIn(['limits', 'mint_per_minute'], 1000);
  return parseConfig(document.toString(), file);
}
