/** A primary whose workers never come to listen: it prints why it gave up. */
import cluster from 'node:cluster';
import { parseServedConfig } from '../../src/config/load.ts';
import { Supervisor } from '../../src/proxy/supervisor.ts';

if (cluster.isPrimary) {
  const text = 'listen: 127.0.0.1:0\nupstream: http://127.0.0.1:9\nworkers: 2\nstore: { kind: lmdb, path: data }\n';
  const file = 'transid.yaml';
  const supervisor = new Supervisor({ file, text, config: parseServedConfig(text, file), startTimeoutMs: 300 });
  await supervisor.start().catch((error: unknown) => process.stdout.write(`${String(error)}\n`));
} else {
  // As one whose disk does not answer: it hears nothing, not even a signal.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}
