/** Loaded by `--import`: both at once. */
import './break-lmdb.ts';
import './first-process.ts';
