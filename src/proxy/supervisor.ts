/**
 * The primary process of `workers: N`: it starts the workers, replaces one that dies and tells of its death, hands on new
 * configurations, adds up the metrics and has the admin listener. It serves no request itself.
 */
import cluster, { type Worker } from 'node:cluster';
import { randomBytes } from 'node:crypto';
import { type AdminSource, type RunningAdmin, startAdmin } from '../admin/server.ts';
import type { Config } from '../config/config.ts';
import { createMetrics } from '../observe/counting.ts';
import { Ledger } from '../observe/ledger.ts';
import { createProcessLog, type Log } from '../observe/log.ts';
import { compileRoutes } from '../policy/routes.ts';
import { VERSION } from '../version.ts';
import { fixedKeys } from './fixed-keys.ts';
import type { ListeningAt } from './proxy.ts';
import { surviveUncaught } from './uncaught.ts';
import type { ToPrimary, ToWorker } from './worker-messages.ts';

export interface SupervisorOptions {
  /** The name of the configuration file: for messages, and for file names relative to it. */
  readonly file: string;
  readonly text: string;
  /** What `text` spells. */
  readonly config: Config;
  /** So long without listening, and a worker is killed: its disk may hang. Default one minute. */
  readonly startTimeoutMs?: number;
}

/** A worker that lives as long as this was healthy: the next one is not delayed. */
const HEALTHY_MS = 10_000;
const FIRST_DELAY_MS = 250;
const MAX_DELAY_MS = 30_000;
const START_TIMEOUT_MS = 60_000;
/** A worker that is busy may miss one reading; the page waits no longer. */
const READING_TIMEOUT_MS = 1_000;
/** Beyond `timeouts.drain`, for closing stores and connections; then a worker is killed. */
const STOP_GRACE_MS = 2_000;

type Answer = ToPrimary & { readonly kind: 'reading' };

/** A place for one worker: processes come and go in it. */
interface Slot {
  readonly index: number;
  worker: Worker | null;
  /** One of its processes did: the next one is nobody's to wait for. */
  hasListened: boolean;
  startedAtMs: number;
  /** Deaths in a row that came too early. */
  failures: number;
  /** For the next process, which is delayed. */
  timer: NodeJS.Timeout | null;
}

export class Supervisor {
  readonly log: Log;
  /** Never: it replaces workers that cannot go on. */
  readonly failed = new Promise<void>(() => {});
  readonly #file: string;
  readonly #first: Config;
  #text: string;
  #config: Config;
  readonly #startTimeoutMs: number;
  readonly #slots: Slot[];
  readonly #logKey = randomBytes(32).toString('hex');
  readonly #metrics = createMetrics({ version: VERSION });
  readonly #ledger = new Ledger();
  readonly #startedAtMs = Date.now();
  #admin: RunningAdmin | null = null;
  /** By the id that node:cluster gives. */
  readonly #listening = new Set<number>();
  #phase: 'starting' | 'serving' | 'stopping' = 'starting';
  readonly #questions = new Map<number, (answer: Answer) => void>();
  #nextQuestion = 0;

  constructor(options: SupervisorOptions) {
    this.#file = options.file;
    this.#text = options.text;
    this.#config = options.config;
    this.#first = options.config;
    this.#startTimeoutMs = options.startTimeoutMs ?? START_TIMEOUT_MS;
    this.log = createProcessLog(options.config.log);
    this.#slots = Array.from({ length: options.config.workers }, (_, index) => ({
      index,
      worker: null,
      hasListened: false,
      startedAtMs: 0,
      failures: 0,
      timer: null,
    }));
  }

  /** Start all workers. Rejects with the reason when one of them or the admin listener cannot start; all are ended then. */
  async start(): Promise<ListeningAt> {
    // Each accepts by itself: a connection that this process had handed to a worker that dies would hang (docs/decisions/051).
    cluster.schedulingPolicy = cluster.SCHED_NONE;
    let places: Array<{ host: string; port: number }>;
    try {
      places = await Promise.all(this.#slots.map((slot) => this.#fill(slot)));
      this.#phase = 'serving';
      if (this.#config.admin !== null) this.#admin = await startAdmin(this.#config.admin, this.#adminSource());
      surviveUncaught(this.log, this.#metrics);
    } catch (error) {
      await this.stop();
      throw error;
    }
    // All workers share the one socket of this process.
    const place = places[0] ?? this.#config.listen;
    return { host: place.host, port: place.port, adminPort: this.#admin?.port ?? null };
  }

  /** Hand a valid configuration to all workers; one that is started later has it too. */
  reload(text: string, config: Config): void {
    this.#text = text;
    this.#config = config;
    this.#metrics.reloaded(true);
    for (const { worker } of this.#slots) if (worker !== null) tell(worker, { kind: 'reload', text });
    const fixed = fixedKeys(this.#first, config);
    if (fixed.length > 0) this.log.warn('some changes take a restart', { keys: fixed });
    this.log.info('the configuration was reloaded');
  }

  refuseReload(problems: readonly string[]): void {
    this.#metrics.reloaded(false);
    this.log.error('the configuration was not taken, the old one serves on', { problems });
  }

  /** Let all workers drain; whoever is not done in time is killed. */
  async stop(): Promise<void> {
    this.#phase = 'stopping';
    for (const { timer } of this.#slots) if (timer !== null) clearTimeout(timer);
    const alive = this.#alive();
    const gone = alive.map((worker) => new Promise<void>((resolve) => worker.once('exit', () => resolve())));
    for (const worker of alive) tell(worker, { kind: 'stop' });
    const timer = setTimeout(() => this.abandon(), this.#config.timeouts.drainMs + STOP_GRACE_MS);
    await Promise.all(gone);
    clearTimeout(timer);
    await this.#admin?.close();
  }

  /** End all workers at once, with whatever they serve. */
  abandon(): void {
    for (const worker of this.#alive()) worker.process.kill('SIGKILL');
  }

  #alive(): Worker[] {
    return this.#slots.flatMap(({ worker }) => (worker === null ? [] : [worker]));
  }

  /** Put a new process into a slot. Resolves when it listens, rejects when it ends before or has to be ended. */
  #fill(slot: Slot): Promise<{ host: string; port: number }> {
    slot.startedAtMs = Date.now();
    let worker: Worker;
    try {
      worker = cluster.fork();
    } catch (error) {
      // No memory for one, for instance.
      const reason = whyNotStarted(error);
      if (this.#mayReplace(slot)) this.#replace(slot, codeOf(error), reason);
      return Promise.reject(new Error(reason));
    }
    slot.worker = worker;
    return new Promise((resolve, reject) => {
      let reason = 'it ended before it listened';
      const timer = setTimeout(() => {
        reason = `it did not listen within ${this.#startTimeoutMs / 1000} s`;
        worker.process.kill('SIGKILL');
      }, this.#startTimeoutMs);
      worker.on('message', (message: ToPrimary) => {
        switch (message.kind) {
          case 'waiting':
            if (this.#phase === 'stopping') {
              // It was not listening when all were told.
              tell(worker, { kind: 'stop' });
              break;
            }
            tell(worker, {
              kind: 'start',
              text: this.#text,
              file: this.#file,
              logKey: this.#logKey,
              sweeps: slot.index === 0,
            });
            break;
          case 'listening':
            clearTimeout(timer);
            this.#listening.add(worker.id);
            slot.hasListened = true;
            resolve(message);
            break;
          case 'failed':
            reason = message.reason;
            break;
          case 'reading':
            // What a process said may come after the news of its end.
            if (slot.worker === worker) this.#ledger.heard(worker.id, message.reading);
            this.#questions.get(message.id)?.(message);
            break;
        }
      });
      worker.on('error', (error) => {
        // A message or a connection that was on its way to a process that died: its exit is told by itself.
        if (worker.process.pid !== undefined) return;
        // The system has no process to give, or no descriptors for one. Node leaves it at that.
        reason = whyNotStarted(error);
        worker.process.emit('exit', null, codeOf(error) as NodeJS.Signals);
      });
      worker.once('exit', (code, signal) => {
        clearTimeout(timer);
        const hadListened = this.#listening.delete(worker.id);
        slot.worker = null;
        this.#ledger.ended(worker.id);
        reject(new Error(reason));
        if (this.#mayReplace(slot)) this.#replace(slot, signal ?? code, hadListened ? null : reason);
      });
    });
  }

  /** A first one that cannot start ends them all; one that dies while the others start does not. */
  #mayReplace(slot: Slot): boolean {
    return this.#phase === 'serving' || (this.#phase === 'starting' && slot.hasListened);
  }

  #replace(slot: Slot, end: number | string, reason: string | null): void {
    slot.failures = Date.now() - slot.startedAtMs < HEALTHY_MS ? slot.failures + 1 : 0;
    const delayMs = slot.failures < 2 ? 0 : Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** (slot.failures - 2));
    this.log.error('a worker died and is replaced', {
      worker: slot.index + 1,
      end,
      ...(reason === null ? {} : { reason }),
      delay_ms: delayMs,
    });
    slot.timer = setTimeout(() => {
      // A process that does not come to listen either is told by its own exit, and tried again.
      if (this.#phase !== 'stopping') this.#fill(slot).catch(() => {});
    }, delayMs);
  }

  #adminSource(): AdminSource {
    return {
      version: VERSION,
      startedAtMs: this.#startedAtMs,
      readings: async () => {
        await this.#askAll();
        // And the reading of this process: its reloads, its memory.
        return [...(await this.#ledger.readings()), await this.#metrics.read()];
      },
      status: async () => ({
        phase: this.#phase === 'serving' && this.#listening.size === 0 ? 'starting' : this.#phase,
        isStoreAvailable: (await this.#askAll()).every(({ isStoreAvailable }) => isStoreAvailable),
        storeKind: this.#config.store.kind,
        upstream: this.#config.upstream.url,
        workers: this.#listening.size,
      }),
      policies: () => compileRoutes(this.#config).policies,
    };
  }

  /** What the workers that serve answer in time. */
  async #askAll(): Promise<Answer[]> {
    const serving = this.#slots.flatMap(({ worker }) =>
      worker !== null && this.#listening.has(worker.id) ? [worker] : [],
    );
    const answers = await Promise.all(serving.map((worker) => this.#ask(worker)));
    return answers.filter((answer) => answer !== null);
  }

  #ask(worker: Worker): Promise<Answer | null> {
    const id = this.#nextQuestion++;
    return new Promise((resolve) => {
      const settle = (answer: Answer | null) => {
        clearTimeout(timer);
        this.#questions.delete(id);
        resolve(answer);
      };
      const timer = setTimeout(() => settle(null), READING_TIMEOUT_MS);
      this.#questions.set(id, settle);
      tell(worker, { kind: 'read', id });
    });
  }
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  return (error as NodeJS.ErrnoException).code ?? error.name;
}

function whyNotStarted(error: unknown): string {
  return `a worker cannot be started (${codeOf(error)})`;
}

/** A worker that is gone hears nothing; its exit is told by itself. */
function tell(worker: Worker, message: ToWorker): void {
  if (worker.isConnected()) worker.send(message, () => {});
}
