/**
 * Loaded by `--import`: the system gives so many processes (`FEW_PROCESSES`), then none so many times (`FEW_PROCESSES_FAILURES`),
 * then as many as one likes. As Node has it, by turns: an event 'error' and no pid where descriptors are used up (EMFILE), an
 * exception where memory is (ENOMEM).
 */
import { ChildProcess } from 'node:child_process';

// The method of the prototype that every way to start a process comes to; the type definitions leave it out.
const prototype = ChildProcess.prototype as unknown as { spawn(options: unknown): number };
const { spawn } = prototype;
let left = Number(process.env['FEW_PROCESSES']);
const failures = Number(process.env['FEW_PROCESSES_FAILURES']);

prototype.spawn = function (this: ChildProcess, options) {
  left -= 1;
  if (left >= 0 || left < -failures) return spawn.call(this, options);
  if (left % 2 !== 0) {
    process.nextTick(() => this.emit('error', Object.assign(new Error('spawn EMFILE'), { code: 'EMFILE' })));
    return -24;
  }
  throw Object.assign(new Error('spawn ENOMEM'), { code: 'ENOMEM' });
};
