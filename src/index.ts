/**
 * The public API of the package `transid`. Nothing else is public; the simulator has an entry of its own,
 * `transid/simulator`.
 */
import type { Config } from './config/config.ts';
import { createProxy as createInternalProxy, type ProxyOptions, type ReverseProxy } from './proxy/proxy.ts';

export type { Config } from './config/config.ts';
export { configFromUpstream, loadConfigFile, parseConfig } from './config/load.ts';
export { ConfigError, type ConfigProblem } from './config/problems.ts';
export { ERRORS, type ErrorCode, ProxyError } from './errors.ts';
export type { LineSink } from './observe/line-stream.ts';
export type { ListeningAt, ProxyOptions, ReverseProxy } from './proxy/proxy.ts';

/** A proxy that does not listen yet, with its store open; rejects when that cannot be opened. */
export const createProxy: (config: Config, options?: ProxyOptions) => Promise<ReverseProxy> = createInternalProxy;
