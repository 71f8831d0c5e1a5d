#!/usr/bin/env node
/**
 * `transid`: argv → subcommand → exit code (0 fine, 1 found problems, 2 wrong usage). Each subcommand is a file of its
 * own and is loaded only when it is asked for.
 *
 * Output that cannot be written ends a command here, whichever it is; a proxy that serves has its own way with that.
 */
import cluster from 'node:cluster';
import type { Command, CommandIo } from './command.ts';
import { hearStopSignals } from './stop-signals.ts';

const COMMANDS: Record<string, { summary: string; load: () => Promise<Command> }> = {
  serve: { summary: 'run the proxy: serve [-c FILE]', load: async () => (await import('./serve.ts')).serveCommand },
  demo: {
    summary: 'a small shop behind the proxy, to try it out',
    load: async () => (await import('./demo.ts')).demoCommand,
  },
  check: { summary: 'check a configuration: check FILE', load: async () => (await import('./check.ts')).checkCommand },
  explain: {
    summary: 'which route, which policy and why: explain [-c FILE] URL',
    load: async () => (await import('./explain.ts')).explainCommand,
  },
  rewrite: {
    summary: 'mark one page: rewrite --url URL --sid ID < page.html',
    load: async () => (await import('./rewrite.ts')).rewriteCommand,
  },
  simulate: {
    summary: 'be the browser that refuses cookies: simulate URL',
    load: async () => (await import('./simulate.ts')).simulateCommand,
  },
  'import-php-ini': {
    summary: "turn PHP's settings into a configuration: import-php-ini FILE",
    load: async () => (await import('./import-php-ini.ts')).importPhpIniCommand,
  },
  schema: {
    summary: 'print the JSON Schema of the configuration',
    load: async () => (await import('./schema.ts')).schemaCommand,
  },
};

function usage(): string {
  const width = Math.max(...Object.keys(COMMANDS).map((name) => name.length));
  const lines = Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`);
  return `transid gives a session to clients that refuse cookies.

Usage: transid http://app:8000 [--listen HOST:PORT]
                                   in front of one application, without a configuration file; on 127.0.0.1:8080
       transid COMMAND [OPTIONS]
       transid --version

${lines.join('\n')}

transid COMMAND --help tells more. Exit codes: 0 fine, 1 found problems, 2 wrong usage.
`;
}

async function main(argv: string[], io: CommandIo): Promise<number> {
  const [first, ...rest] = argv;
  // Before the program is loaded: a reload that is asked for while it starts must not be its end. Nor a worker's, ever: a
  // terminal sends its signals to the whole group, and reloading is the primary's business.
  if (first === 'serve') process.on('SIGHUP', () => {});
  // At this one Node opens a debugger to everybody on the machine, and a log rotation that was made for nginx sends it.
  process.on('SIGUSR1', () => {});
  if (first === undefined || first === '--help' || first === '-h' || first === 'help') {
    (first === undefined ? io.stderr : io.stdout).write(usage());
    return first === undefined ? 2 : 0;
  }
  if (first === '--version' || first === '-V') {
    io.stdout.write(`${(await import('../version.ts')).VERSION}\n`);
    return 0;
  }
  if (/^https?:\/\//i.test(first)) return (await import('./serve.ts')).serveUpstreamCommand(argv, io);
  const command = Object.hasOwn(COMMANDS, first) ? COMMANDS[first] : undefined;
  if (command === undefined) {
    const advice = isAuthority(first) ? `: for the application there say transid http://${first}` : '';
    io.stderr.write(`transid: no command "${first}"${advice}\n\n${usage()}`);
    return 2;
  }
  return (await command.load())(rest, io);
}

/** `localhost:8000`, `[::1]:8000/`: what is left of a URL whose scheme was forgotten. */
function isAuthority(word: string): boolean {
  return /^(?:\[[0-9a-f:.]+\]|[a-z0-9._-]+):\d{1,5}\/?$/i.test(word);
}

/** 128 and the number of SIGPIPE: what a shell says of any program whose reader has gone. */
const READER_GONE = 141;

/** End the command when nobody can read what it says: without a word where the reader left, else with the reason. */
function endWithLostOutput(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(READER_GONE);
    process.stderr.write(`transid: the output cannot be written: ${error.message}\n`);
    process.exit(1);
  });
  process.stderr.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? READER_GONE : 1));
}

// A worker has its own way with them.
if (!cluster.isWorker) hearStopSignals();
const argv = process.argv.slice(2);
const serves =
  /^(?:serve$|demo$|https?:\/\/)/i.test(argv[0] ?? '') && !argv.some((word) => /^(?:--help|-h)$/.test(word));
if (!serves) endWithLostOutput();
process.exitCode = await main(argv, process);
