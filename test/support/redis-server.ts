/** Real redis-server processes for tests: started on free ports, kept in a temporary folder, killed by their own handle. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

export interface RedisServer {
  readonly port: number;
  /** Folder of its files. */
  readonly folder: string;
  /** SIGKILL, and wait for the end. */
  kill(): Promise<void>;
  /** Start again on the same port with the same files; resolves when it answers. */
  start(): Promise<void>;
  /** SIGSTOP: the connection stays, no answer comes. */
  pause(): void;
  resume(): void;
  /** Send one inline command; the raw answer. */
  ask(command: string): Promise<string>;
  /** Kill and remove the files. */
  close(): Promise<void>;
}

/** What a test that fails half-way leaves behind ends with the test process. */
const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

const START_ATTEMPTS = 200;
const ATTEMPT_MS = 25;

/** Start a server on a free port; `more` are further arguments, `--appendonly yes` for one whose data outlives `kill`. */
export async function startRedis(...more: string[]): Promise<RedisServer> {
  return startRedisOn(await freePort(), ...more);
}

/** Start a server on a port that is known before. */
export function startRedisOn(port: number, ...more: string[]): Promise<RedisServer> {
  return startProgram(port, [], ['--save', '', ...more]);
}

/** Start a Sentinel on a free port with this configuration file, which it rewrites. */
export async function startSentinel(file: string): Promise<RedisServer> {
  return startProgram(await freePort(), [file], ['--sentinel']);
}

async function startProgram(port: number, files: readonly string[], more: readonly string[]): Promise<RedisServer> {
  const folder = mkdtempSync(join(tmpdir(), 'transid-redis-'));
  const args = [...files, '--port', String(port), '--bind', '127.0.0.1', '--dir', folder, ...more];
  let server: ChildProcess | null = null;

  async function kill(): Promise<void> {
    if (server === null || server.exitCode !== null || server.signalCode !== null) return;
    const ended = once(server, 'exit');
    server.kill('SIGKILL');
    await ended;
  }

  async function start(): Promise<void> {
    server = spawn('redis-server', args, { stdio: 'ignore' });
    running.add(server);
    const failed = once(server, 'error').then(([error]) => {
      throw new Error('redis-server cannot be started: install it (Debian: redis-server)', { cause: error });
    });
    failed.catch(() => {});
    await Promise.race([failed, answers(port)]);
  }

  await start();
  return {
    port,
    folder,
    kill,
    start,
    pause: () => server?.kill('SIGSTOP'),
    resume: () => server?.kill('SIGCONT'),
    ask: (command) => ask(port, command),
    async close() {
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A port that nobody listens on: Redis does not take 0. */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

async function answers(port: number): Promise<void> {
  for (let attempt = 0; attempt < START_ATTEMPTS; attempt++) {
    const reply = await ask(port, 'PING').catch(() => '');
    if (reply.startsWith('+PONG') || reply.startsWith('-NOAUTH')) return;
    await delay(ATTEMPT_MS);
  }
  throw new Error(`redis-server does not answer on port ${port}`);
}

/** The answer to one inline command: what has come when the server is quiet for a moment. */
function ask(port: number, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(`${command}\r\n`));
    let reply = '';
    let quiet = setTimeout(() => socket.destroy(new Error('no answer')), 1000);
    socket.on('data', (bytes) => {
      reply += bytes.toString('latin1');
      clearTimeout(quiet);
      quiet = setTimeout(() => socket.end(), 20);
    });
    socket.on('error', reject);
    socket.on('close', () => {
      clearTimeout(quiet);
      resolve(reply);
    });
  });
}
