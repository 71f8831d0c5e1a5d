/**
 * The log: one line an exchange, and a few for the life of the process. Structured by pino, or Apache's combined format
 * for existing tools. A SID appears only as its keyed hash, cookies never, and queries only in the combined format,
 * which names the target as the application saw it, without the SID.
 */
import { type Logger, pino } from 'pino';
import { ERRORS, type ErrorEntry, ProxyError } from '../errors.ts';
import type { Outcome } from '../proxy/outcome.ts';
import { type LineSink, LineStream, surviveFaults } from './line-stream.ts';

export interface LogSettings {
  readonly level: string;
  readonly format: 'json' | 'pretty' | 'combined';
  readonly sid: 'hash' | 'none';
}

export interface LoggedRefusal {
  readonly code: string;
  readonly address: string;
  readonly requestId: string | null;
  readonly detail: string | null;
  /** What was thrown, where it is a bug of ours: the line says where. */
  readonly cause?: unknown;
}

export interface Log {
  /** One line for an exchange that is over. */
  exchange(record: Outcome): void;
  /** A request that was refused before it became an exchange, or a connection that was cut. */
  refused(refusal: LoggedRefusal): void;
  info(message: string, facts?: object): void;
  warn(message: string, facts?: object): void;
  error(message: string, facts?: object): void;
}

/** The log on standard output. What is wrong with that is told on standard error, once. */
export function createProcessLog(settings: LogSettings): Log {
  surviveFaults(process.stderr);
  const sink = new LineStream({
    stream: process.stdout,
    onLost: (lines) => log.warn('some lines of the log were lost', { lines }),
    onFault: (code) => process.stderr.write(`transid: the log cannot be written (${code}), its lines are lost\n`),
  });
  const log = createLog(settings, sink);
  return log;
}

export function createLog(settings: LogSettings, sink: LineSink): Log {
  const lines = settings.format === 'pretty' ? prettySink(sink) : sink;
  const logger = pino({ level: settings.level, base: null }, { write: (line) => void lines.write(line) });
  return {
    exchange: (record) => {
      if (settings.format === 'combined') sink.write(combinedLine(record));
      else writeExchange(logger, record, settings.sid);
    },
    refused: (refusal) => {
      logger[levelOfCode(refusal.code)](
        {
          event: 'refused',
          reason: refusal.code,
          client: refusal.address,
          id: refusal.requestId,
          detail: refusal.cause instanceof Error ? placeOf(refusal.cause) : refusal.detail,
        },
        'refused',
      );
    },
    info: (message, facts = {}) => logger.info(facts, message),
    warn: (message, facts = {}) => logger.warn(facts, message),
    error: (message, facts = {}) => logger.error(facts, message),
  };
}

function writeExchange(logger: Logger, record: Outcome, sid: LogSettings['sid']): void {
  const level = levelOf(record);
  if (!logger.isLevelEnabled(level)) return;
  const { facts } = record;
  logger[level](
    {
      event: 'exchange',
      id: facts.requestId,
      client: facts.client.address,
      method: facts.method,
      host: facts.client.host,
      path: pathOf(record.target),
      status: record.status,
      route: record.route,
      verdict: record.verdict,
      ...(record.carrier === null ? {} : { carrier: record.carrier }),
      ...(record.foundBy === null ? {} : { found_by: record.foundBy }),
      ...(record.sidHash === null || sid === 'none' ? {} : { sid: record.sidHash }),
      ...(record.event === 'none' ? {} : { session: record.event }),
      plan: record.plan,
      ...(record.reason === null ? {} : { reason: record.reason }),
      ...(record.fault === null ? {} : { detail: describeFault(record.fault) }),
      marks: record.marks,
      bytes: record.bytes,
      ms: round(record.durationMs),
      ...(record.upstreamMs === null ? {} : { upstream_ms: round(record.upstreamMs) }),
    },
    'exchange',
  );
}

/** Faults of ours are errors, those of the upstream and the store warnings; what clients do is ordinary. */
function levelOf(record: Outcome): 'info' | 'warn' | 'error' {
  if (record.fault === null) return 'info';
  return record.fault instanceof ProxyError ? levelOfCode(record.fault.code) : 'error';
}

function levelOfCode(code: string): 'info' | 'warn' | 'error' {
  if (code === 'INTERNAL') return 'error';
  const entry: ErrorEntry | undefined = (ERRORS as Readonly<Record<string, ErrorEntry>>)[code];
  return entry?.origin === 'client' ? 'info' : 'warn';
}

/** A fault for the log: its detail and its cause's code. Messages of foreign errors may hold request data: left out. */
function describeFault(fault: unknown): string {
  if (fault instanceof ProxyError) {
    const cause: unknown = fault.cause;
    if (fault.code === 'INTERNAL' && cause instanceof Error) return placeOf(cause);
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : null;
    // Often the detail is the cause's code already.
    const parts = new Set([fault.detail, code].filter((part) => part !== null));
    return [...parts].join('; ') || ERRORS[fault.code].text;
  }
  return fault instanceof Error ? placeOf(fault) : typeof fault;
}

/** A bug of ours: where it happened matters, and a stack names code, not data. */
function placeOf(bug: Error): string {
  const stack = (bug.stack ?? '').replace(bug.message, '');
  const lines = stack.split('\n').filter((line) => /^\s+at /.test(line));
  const place = lines.slice(0, 3).map((line) => line.trim());
  const code = 'code' in bug ? [String(bug.code)] : [];
  return [bug.name, ...code, ...place].join(' ');
}

/** HTTP/2 brings bytes as they are, and terminals obey some of those above 7F (ECMA-48 §5.3): here they stand as in any other URL. */
function pathOf(target: string | null): string | null {
  if (target === null) return null;
  const end = target.indexOf('?');
  const path = end < 0 ? target : target.slice(0, end);
  return path.replace(/[\x7f-\xff]/g, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase()}`);
}

function round(ms: number): number {
  return Math.round(ms * 100) / 100;
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** Apache's combined format: %h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i". */
function combinedLine(record: Outcome): string {
  const { facts } = record;
  const request = `${facts.method} ${record.target ?? '-'} HTTP/${facts.version}`;
  const bytes = record.bytes === 0 ? '-' : String(record.bytes);
  const time = apacheTime(new Date());
  return `${facts.client.address} - - [${time}] "${escaped(request)}" ${record.status ?? '-'} ${bytes} "${escaped(record.referer ?? '-')}" "${escaped(record.userAgent ?? '-')}"\n`;
}

function apacheTime(date: Date): string {
  const two = (n: number) => String(n).padStart(2, '0');
  const day = `${two(date.getUTCDate())}/${MONTHS[date.getUTCMonth()]}/${date.getUTCFullYear()}`;
  return `${day}:${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())} +0000`;
}

/** As Apache writes them: quotes and backslashes escaped, other bytes outside printable ASCII as \xhh. */
function escaped(text: string): string {
  return text
    .replace(/["\\]/g, '\\$&')
    .replace(/[^ -~]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

/** For people at a terminal: time, status, method, host and path, and what was done. */
function prettySink(sink: LineSink): LineSink {
  return {
    write: (line) => {
      const entry = JSON.parse(line) as Record<string, unknown>;
      const time = new Date(entry['time'] as number).toISOString().slice(11, 23);
      const { level: _level, time: _time, msg, event: _event, ...facts } = entry;
      if (entry['event'] !== 'exchange') {
        const rest = Object.entries(facts).map(([key, value]) => `${key}=${String(value)}`);
        return sink.write(`${time} ${String(msg)} ${rest.join(' ')}\n`);
      }
      const { status, method, host, path, id: _id, client: _client, ...more } = facts;
      const rest = Object.entries(more).map(([key, value]) => `${key}=${String(value)}`);
      return sink.write(
        `${time} ${String(status ?? '---')} ${String(method)} ${String(host)}${String(path)} ${rest.join(' ')}\n`,
      );
    },
  };
}
