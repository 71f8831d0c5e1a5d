/** Loaded by `--import`: as in the first process of a container, a signal to itself that nobody listens to does nothing. */
const { kill } = process;
process.kill = (pid, signal) => pid === process.pid || kill.call(process, pid, signal);
