/** A worker without node:cluster, told what to do by its parent: it listens by itself. */
import { runWorker } from '../../src/proxy/worker.ts';

process.exitCode = await runWorker();
