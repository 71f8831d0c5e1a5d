/** Loaded before the program: the last reading of each worker is heard once more when its end is known, as of one on its way then. */
import cluster from 'node:cluster';
import type { ToPrimary } from '../../src/proxy/worker-messages.ts';

cluster.on('fork', (worker) => {
  let last: ToPrimary | null = null;
  worker.on('message', (message: ToPrimary) => {
    if (message.kind === 'reading') last = message;
  });
  worker.once('exit', () => {
    setImmediate(() => {
      if (last !== null) worker.emit('message', last);
    });
  });
});
