/** Loaded by `--import`: SIGTERM comes to the first process of a container as soon as it listens to it. */
import './first-process.ts';

process.on('newListener', (event) => {
  if (event === 'SIGTERM') setImmediate(() => process.emit('SIGTERM'));
});
