/** Debian's Fossil, a program in C with a web interface, serving a new repository; the user is `alice` / `secret-pw`. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

export interface Fossil {
  /** `http://127.0.0.1:port` */
  readonly origin: string;
  /** End the process and remove the repository. */
  stop(): Promise<void>;
}

const START_TIMEOUT_MS = 15_000;

export async function startFossil(): Promise<Fossil> {
  const folder = mkdtempSync(join(tmpdir(), 'transid-fossil-'));
  const repository = join(folder, 'repo.fossil');
  const env = { ...process.env, HOME: folder, USER: 'alice' };
  execFileSync('fossil', ['new', repository, '-A', 'alice'], { env, stdio: 'ignore' });
  execFileSync('fossil', ['user', 'password', 'alice', 'secret-pw', '-R', repository], { env, stdio: 'ignore' });
  const port = await freePort();
  const child = spawn('fossil', ['server', repository, '--port', String(port), '--localhost', '--nojail'], {
    env,
    stdio: 'ignore',
    detached: true, // it answers each request in a child of its own
  });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  const stop = async (): Promise<void> => {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGTERM');
    await exited;
    rmSync(folder, { recursive: true, force: true });
  };
  const origin = `http://127.0.0.1:${port}`;
  for (const began = Date.now(); ; await delay(100)) {
    const answer = await fetch(origin, { redirect: 'manual' }).catch(() => null);
    await answer?.body?.cancel();
    if (answer !== null) return { origin, stop };
    if (Date.now() - began > START_TIMEOUT_MS) {
      await stop();
      throw new Error('fossil did not answer in time');
    }
  }
}

/** A port that was free a moment ago: Fossil cannot be asked to choose one and tell it. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo; // TCP: never a path
  await new Promise((resolve) => server.close(resolve));
  return port;
}
