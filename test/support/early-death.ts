/** Loaded before the program: its first worker dies as soon as it listens, and the second one begins a second later. */
import cluster from 'node:cluster';
import type { ToPrimary } from '../../src/proxy/worker-messages.ts';

const send = process.send?.bind(process) as ((message: unknown, ...more: unknown[]) => boolean) | undefined;

if (cluster.worker?.id === 1) {
  process.send = (message: ToPrimary, ...more: unknown[]) =>
    send?.(message, () => {
      if (message.kind === 'listening') process.kill(process.pid, 'SIGKILL');
      const [told] = more;
      if (typeof told === 'function') told();
    }) ?? false;
} else if (cluster.worker?.id === 2) {
  process.send = (message: ToPrimary, ...more: unknown[]) => {
    if (message.kind === 'waiting') setTimeout(() => send?.(message, ...more), 1000);
    else send?.(message, ...more);
    return true;
  };
}
