/**
 * A worker: one of several processes that serve the same configuration behind one address. It does what the primary says, and
 * drains when it is told to stop or when the primary is gone.
 */
import cluster from 'node:cluster';
import { parseServedConfig } from '../config/load.ts';
import { reasonsOf } from '../config/problems.ts';
import { reasonOf } from '../errors.ts';
import { endSoon } from '../observe/line-stream.ts';
import { setSidLogKey } from '../sid/sid.ts';
import { createProxy, type ReverseProxy } from './proxy.ts';
import { endWithLostStore } from './stores.ts';
import type { ToPrimary, ToWorker } from './worker-messages.ts';

/** Serve until told to stop. The exit code of the process: 0 after draining, 1 when it could not start or go on. */
export async function runWorker(): Promise<number> {
  let proxy: ReverseProxy | null = null;
  let file = '';
  let hasLostStore = false;
  let end: (exitCode: number) => void = () => {};
  const ended = new Promise<number>((resolve) => {
    end = resolve;
  });
  // Each time: a signal to a whole group of processes must not cut what drains already. The primary ends what takes too long.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => end(0));
  process.once('disconnect', () => end(0));
  // Else node:cluster ends a process that has lost its primary at once.
  if (cluster.worker !== undefined) cluster.worker.exitedAfterDisconnect = true;

  let starting: Promise<void> | null = null;
  process.on('message', (message: ToWorker) => {
    switch (message.kind) {
      case 'start':
        file = message.file;
        starting = start(message).then(
          (running) => {
            proxy = running;
            void running.storeDied.then(() => {
              hasLostStore = true;
              end(1);
            });
          },
          (error: unknown) => {
            tell({ kind: 'failed', reason: reasonOf(error) });
            end(1);
          },
        );
        break;
      case 'reload':
        // One that comes while it starts has to wait, for what it starts with is out of date.
        void starting?.then(() => {
          if (proxy !== null) void reload(proxy, message.text, file);
        });
        break;
      case 'read':
        if (proxy !== null) void answer(proxy, message.id);
        break;
      case 'stop':
        end(0);
        break;
    }
  });
  tell({ kind: 'waiting' });
  const exitCode = await ended;
  await starting;
  // The cast tells what the compiler cannot see: the listener above may have set it.
  await (proxy as ReverseProxy | null)?.close();
  if (process.connected) process.disconnect();
  if (hasLostStore) endWithLostStore();
  endSoon();
  return exitCode;
}

async function start(message: ToWorker & { kind: 'start' }): Promise<ReverseProxy> {
  setSidLogKey(Buffer.from(message.logKey, 'hex'));
  const proxy = await createProxy(parseServedConfig(message.text, message.file), {
    worker: { sweeps: message.sweeps },
  });
  const { host, port } = await proxy.listen();
  proxy.surviveUncaught();
  tell({ kind: 'listening', host, port });
  return proxy;
}

/** The primary has found the text valid; the files that it names may have changed since. */
async function reload(proxy: ReverseProxy, text: string, file: string): Promise<void> {
  try {
    await proxy.reload(parseServedConfig(text, file));
  } catch (error) {
    proxy.refuseReload(reasonsOf(error));
  }
}

async function answer(proxy: ReverseProxy, id: number): Promise<void> {
  const reading = await proxy.read();
  tell({ kind: 'reading', id, reading, isStoreAvailable: proxy.isStoreAvailable });
}

/** A message that the primary does not get any more is none. */
function tell(message: ToPrimary): void {
  if (process.connected) process.send?.(message, () => {});
}
