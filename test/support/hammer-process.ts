/** Start `session-hammer.ts` processes, follow what they say, and judge what a session must hold afterwards. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { HammerOrder } from './session-hammer.ts';

const SCRIPT = fileURLToPath(new URL('session-hammer.ts', import.meta.url));

/** What the processes of one test have said, all together. */
export class HammerLog {
  readonly sids: string[] = [];
  readonly faults: string[] = [];
  acks = 0;
  gone = 0;
  /** Register → the values that it may hold: the last acknowledged one and those tried after it. */
  readonly #possible = new Map<string, string[]>();

  take(line: string): void {
    const [what, subject = '', value = ''] = line.split(' ');
    if (what === 'new') this.sids.push(subject);
    if (what === 'fault') this.faults.push(subject);
    if (what === 'gone') this.gone++;
    if (what === 'try') this.#possible.set(subject, [...(this.#possible.get(subject) ?? ['-']), value]);
    if (what === 'ack') {
      this.acks++;
      this.#possible.set(subject, [value]);
    }
  }

  /** What is wrong with a session that now holds the Cookie field `cookies`; one line for each register. */
  problems(cookies: string): string[] {
    const held = new Map(cookies.split('; ').map((pair) => pair.split('=') as [string, string]));
    return [...this.#possible].flatMap(([register, values]) => {
      const value = held.get(register) ?? '-';
      return values.includes(value) ? [] : [`${register} is ${value}, not ${values.join(' or ')}`];
    });
  }
}

export class HammerProcess {
  readonly #child: ChildProcess;
  readonly #read: Promise<unknown>;
  #isWorking = false;
  #isEnded = false;

  constructor(order: HammerOrder, log: HammerLog) {
    const args = ['--import', 'tsx', SCRIPT, JSON.stringify(order)];
    this.#child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const lines = createInterface({ input: this.#child.stdout! });
    lines.on('line', (line) => {
      this.#isWorking = true;
      if (line === 'end') this.#isEnded = true;
      else log.take(line);
    });
    this.#read = Promise.all([once(lines, 'close'), once(this.#child, 'exit')]);
  }

  /** It has begun to work. */
  get isWorking(): boolean {
    return this.#isWorking;
  }

  /** It did all its steps. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  pause(): void {
    this.#child.kill('SIGSTOP');
  }

  resume(): void {
    this.#child.kill('SIGCONT');
  }

  /** SIGKILL; resolves when all that it said is in the log. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#read;
  }

  /** Resolves at its own end. */
  async ended(): Promise<void> {
    await this.#read;
  }
}
