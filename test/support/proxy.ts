/**
 * The proxy in this process, as a program that embeds it would use it: configuration as YAML, a free port.
 */
import { createProxy, parseConfig } from '../../src/index.ts';

export interface TestProxy {
  readonly port: number;
  close(): Promise<void>;
}

/** The name of the parameter in all end-to-end tests. */
export const SID_NAME = '_sid';

/** A marked URL or field value; the SID is group 1. */
export const SID = /_sid=([0-9a-v]{26})(?![0-9a-v])/;

/** Start a proxy that asks for a SID in URLs everywhere, in front of `upstream`; `more` is further YAML. */
export function startProxy(
  upstream: string,
  more = 'routes: [{ path: /**, use_trans_sid: true }]',
): Promise<TestProxy> {
  return startConfigured(
    `listen: 127.0.0.1:0\nupstream: ${upstream}\nlog: { level: error }\nlimits: { mint_per_minute: 10000 }\n${more}\n`,
  );
}

/** Start a proxy with exactly this configuration. */
export async function startConfigured(yaml: string): Promise<TestProxy> {
  const proxy = await createProxy(parseConfig(yaml, 'test.yaml'));
  const { port } = await proxy.listen();
  return { port, close: () => proxy.close() };
}
