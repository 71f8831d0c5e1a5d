/** Loaded by `--import`: the program is told to reload while it starts, just after it has read its configuration. */
const onNewListener = (event: string | symbol): void => {
  // The first listener is there before the program is loaded, and hears nothing.
  if (event !== 'SIGHUP' || process.listenerCount('SIGHUP') === 0) return;
  process.off('newListener', onNewListener);
  queueMicrotask(() => process.emit('SIGHUP'));
};
process.on('newListener', onNewListener);
