/**
 * The public API of the package `transid`. Nothing else is public; the simulator has an entry of its own,
 * `transid/simulator`.
 */
export { configFromUpstream, loadConfigFile, parseConfig } from './config/load.ts';
export { ConfigError, type ConfigProblem } from './config/problems.ts';
export type { Config } from './config/schema.ts';
export { ERRORS, type ErrorCode, ProxyError } from './errors.ts';
export { createProxy, type ListeningAt, type ProxyOptions, type ReverseProxy } from './proxy/proxy.ts';
