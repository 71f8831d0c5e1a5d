/** Loaded by `--import`: the program is told to reload as soon as it listens to signals, that is, before it serves. */
process.on('newListener', (event) => {
  if (event === 'SIGTERM') setImmediate(() => process.kill(process.pid, 'SIGHUP'));
});
