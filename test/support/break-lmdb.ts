/**
 * Makes LMDB panic, as a fault of the disk does: the file descriptor by which it writes its meta page is closed under it. For
 * processes of their own only. Loaded by `--import`, it does so at SIGUSR2.
 */
import { closeSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';

const O_DSYNC = 0o10000;

/** Of the two descriptors of the data file, that of the meta page is the one that writes through to the disk. Linux only. */
export function breakLmdb(): void {
  for (const fd of readdirSync('/proc/self/fd')) {
    if (!linkOf(fd).endsWith('sessions.mdb')) continue;
    const flags = /^flags:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))![1]!;
    if ((Number.parseInt(flags, 8) & O_DSYNC) !== 0) closeSync(Number(fd));
  }
}

function linkOf(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return ''; // The one of the listing itself.
  }
}

process.on('SIGUSR2', breakLmdb);
