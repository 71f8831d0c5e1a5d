/**
 * Take a new configuration while serving: at SIGHUP always (certificates are read again), with `watch: true` also when the text
 * of the file changes. All or nothing: a file with problems leaves the old configuration serving, and is told once.
 */
import { unwatchFile, watchFile } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import type { Config } from '../config/config.ts';
import { parseServedConfig, readConfigText } from '../config/load.ts';
import { reasonsOf } from '../config/problems.ts';

export interface Reloadable {
  reload(text: string, config: Config): void | Promise<void>;
  refuseReload(problems: readonly string[]): void;
}

/** Looked at by its status, not by events: that follows links as Kubernetes changes them, and works on any file system. */
const WATCH_INTERVAL_MS = 1_000;

export interface Watching {
  readonly file: string;
  /** What serves now. */
  readonly text: string;
  readonly isWatched: boolean;
  readonly service: Reloadable;
}

/** Begin to listen for reasons to reload; the result ends that. */
export function watchConfig({ file, text, isWatched, service }: Watching): () => void {
  // One after the other: two in parallel could end in the wrong order.
  let queue: Promise<void> = Promise.resolve();
  let lastText = text;
  // One that has not begun serves all who ask until then: it will read what the file says by that time.
  let next: { isForced: boolean } | null = null;
  const reload = (isForced: boolean): void => {
    if (next !== null) {
      next.isForced ||= isForced;
      return;
    }
    const asked = { isForced };
    next = asked;
    queue = queue.then(async () => {
      // Signals that came in meanwhile are told first.
      await setImmediate();
      next = null;
      lastText = await reloadOnce(file, asked.isForced ? null : lastText, service);
    });
  };
  const onSignal = (): void => reload(true);
  process.on('SIGHUP', onSignal);
  let first: NodeJS.Timeout | null = null;
  if (isWatched) {
    watchFile(file, { interval: WATCH_INTERVAL_MS, persistent: false }, () => reload(false));
    // A change from before its first look at the status would never be one to it.
    first = setTimeout(() => reload(false), WATCH_INTERVAL_MS).unref();
  }
  return () => {
    if (first !== null) clearTimeout(first);
    process.off('SIGHUP', onSignal);
    unwatchFile(file);
  };
}

/** The text that was looked at, good or bad; nothing is done when it is `known`. */
async function reloadOnce(file: string, known: string | null, service: Reloadable): Promise<string> {
  let text = known ?? '';
  try {
    text = readConfigText(file);
    if (text !== known) await service.reload(text, parseServedConfig(text, file));
  } catch (error) {
    service.refuseReload(reasonsOf(error));
  }
  return text;
}
