/**
 * Loaded into a process under test: on SIGUSR2 it collects its garbage. How much of it V8 leaves lying about varies by
 * tens of MiB from minute to minute.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');
process.on('SIGUSR2', () => {
  // Twice: what the first one finalizes, the second one frees.
  collect();
  collect();
});
