/**
 * A source for the admin pages that a test can change while they are served.
 */
import type { ServiceStatus } from '../../src/admin/dashboard.ts';
import type { AdminSource } from '../../src/admin/server.ts';
import type { Metrics } from '../../src/observe/counting.ts';

export interface ChangeableSource extends AdminSource {
  change(status: Partial<ServiceStatus>): void;
}

export function adminSource(
  metrics: readonly Metrics[],
  startedAtMs: number = Date.now() - 93_784_000,
): ChangeableSource {
  let status = {
    phase: 'serving' as ServiceStatus['phase'],
    isStoreAvailable: true,
    storeKind: 'memory',
    upstream: 'http://127.0.0.1:8000',
    workers: metrics.length,
  };
  const route = {
    useCookies: true,
    useOnlyCookies: false,
    useTransSid: true,
    carrier: 'query',
    rewriter: 'html',
    detect: 'passive',
    session: { mode: 'jar', name: '_sid' },
  };
  return {
    version: '9.9',
    startedAtMs,
    readings: () => Promise.all(metrics.map((one) => one.read())),
    status: () => status,
    policies: () => [
      { ...route, label: '/admin/**', useOnlyCookies: true, useTransSid: false },
      { ...route, label: '/widget/**', useCookies: false },
      { ...route, label: '/<odd>/**', rewriter: 'php', session: { mode: 'mirror', name: 'PHPSESSID' } },
      { ...route, label: '/**' },
    ],
    change: (change) => {
      status = { ...status, ...change };
    },
  };
}
