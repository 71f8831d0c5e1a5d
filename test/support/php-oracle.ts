/**
 * PHP itself as an oracle: one php-cli process rewrites many pages, given and answered line by line.
 */
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface OracleCase {
  readonly ini: Readonly<Record<string, Buffer>>;
  readonly httpHost: Buffer | null;
  /** Not used by the session's oracle. */
  readonly vars: ReadonlyArray<readonly [Buffer, Buffer]>;
  /** The page; `ob_flush()` is called between the chunks. */
  readonly chunks: readonly Buffer[];
}

export interface Oracle {
  ask(test: OracleCase): Promise<Buffer>;
  close(): Promise<void>;
}

const SCRIPT = fileURLToPath(new URL('./php-oracle.php', import.meta.url));
const SETTINGS = [
  'session.use_cookies=0',
  'session.use_only_cookies=0',
  'session.use_trans_sid=1',
  'session.cache_limiter=',
  'session.gc_probability=0',
];

/** The version of the php on the path, e.g. '8.2.36'; null if there is none. */
export function phpVersion(): string | null {
  const { status, stdout } = spawnSync('php', ['-n', '-r', 'echo PHP_VERSION;'], { encoding: 'utf8' });
  return status === 0 ? stdout : null;
}

/** Start PHP; `session` is the pair that its session rewriter puts on, null for the rewriter of output variables. */
export function startOracle(session: readonly [name: string, id: string] | null, folder: string): Oracle {
  const settings = [...SETTINGS, `session.save_path=${folder}`].flatMap((setting) => ['-d', setting]);
  const mode = session === null ? ['output'] : ['session', ...session];
  const child: ChildProcessWithoutNullStreams = spawn('php', ['-n', ...settings, SCRIPT, ...mode]);
  const waiting: { resolve: (bytes: Buffer) => void; reject: (reason: Error) => void }[] = [];
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  createInterface({ input: child.stdout }).on('line', (line) => waiting.shift()?.resolve(Buffer.from(line, 'base64')));
  const ended = new Promise<void>((resolve) => {
    child.on('close', () => {
      for (const { reject } of waiting.splice(0)) reject(new Error(`php ended: ${stderr}`));
      resolve();
    });
  });
  const base64 = (bytes: Buffer) => bytes.toString('base64');
  return {
    ask: (test) =>
      new Promise((resolve, reject) => {
        waiting.push({ resolve, reject });
        const line = JSON.stringify({
          ini: Object.fromEntries(Object.entries(test.ini).map(([name, value]) => [name, base64(value)])),
          httpHost: test.httpHost === null ? null : base64(test.httpHost),
          vars: test.vars.map((pair) => pair.map(base64)),
          chunks: test.chunks.map(base64),
        });
        child.stdin.write(`${line}\n`);
      }),
    close: () => {
      child.stdin.end();
      return ended;
    },
  };
}
