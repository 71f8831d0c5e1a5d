/**
 * The head of the upstream's answer: is it one that can be passed on, and which of its fields go to the client?
 * Pure. RFC 9110 §7.6.1 for fields of this hop, RFC 9112 §6.3 for the length of the body.
 */
import { NOT_FIELD_TEXT, TOKEN } from '../field-list.ts';
import { LIMITS } from '../limits.ts';

/** How the body ends: it has none, by chunks, with the connection, or after so many bytes. */
export type ResponseFraming = 'none' | 'chunked' | 'close' | number;

export interface ResponseHead {
  /** Flat list, a copy. Content-Length, if any, stands last: Node recodes a Content-Disposition that follows it. */
  readonly fields: string[];
  readonly framing: ResponseFraming;
  readonly statusText: string;
  /** How long the upstream says it keeps the connection, null when it does not say. */
  readonly keepAliveMs: number | null;
}

/** Fields of this hop, and those that end here because they speak of a proxy. */
const HOP_FIELDS: ReadonlySet<string> = new Set([
  ...['connection', 'keep-alive', 'proxy-connection', 'proxy-authenticate', 'proxy-authentication-info'],
  ...['te', 'transfer-encoding', 'upgrade', 'content-length', 'http2-settings'],
]);

/**
 * Judge a head as the parser gave it (`raw`: flat list, complete). A string is the reason why it is malformed, for the
 * log. `method` is that of the request: an answer to HEAD has no body whatever it says.
 */
export function readResponseHead(
  method: string,
  status: number,
  statusText: string,
  raw: readonly string[],
): ResponseHead | string {
  if (status < 200 || status > 999) return `status ${status}`;
  if (raw.length > LIMITS.maxResponseFields * 2) return `${raw.length / 2} fields`;
  const fields: string[] = [];
  let connection = '';
  let length: string | null = null;
  let coding: string | null = null;
  let keepAliveMs: number | null = null;

  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string;
    const value = raw[i + 1] as string;
    const fault = fieldFault(name, value);
    if (fault !== null) return fault;
    const lower = name.toLowerCase();
    if (!HOP_FIELDS.has(lower)) {
      fields.push(name, value);
      continue;
    }
    switch (lower) {
      case 'connection':
        if (value !== 'keep-alive' && value !== 'close') connection += `,${value}`;
        break;
      case 'content-length':
        if (length !== null) return 'several Content-Length fields';
        length = value;
        break;
      case 'transfer-encoding':
        if (coding !== null) return 'several Transfer-Encoding fields';
        coding = value;
        break;
      case 'keep-alive':
        keepAliveMs = keepAliveHint(value);
        break;
    }
  }

  if (length !== null && !/^\d{1,15}$/.test(length)) return 'Content-Length is no number';
  if (coding !== null && coding.toLowerCase() !== 'chunked') return 'Transfer-Encoding is not chunked';
  if (coding !== null && length !== null) return 'both Transfer-Encoding and Content-Length';
  const framing = framingOf(method, status, length, coding);
  const kept = connection === '' ? fields : withoutNamed(fields, connection);
  if (length !== null && status !== 204) kept.push('Content-Length', length);
  return { fields: kept, framing, statusText: NOT_FIELD_TEXT.test(statusText) ? '' : statusText, keepAliveMs };
}

/** Why no field is like this, null where it is one: either an attack or a broken upstream. */
function fieldFault(name: string, value: string): string | null {
  if (!TOKEN.test(name)) return 'malformed name';
  return NOT_FIELD_TEXT.test(value) ? `control character in ${name}` : null;
}

/** Why an answer of this version cannot be passed on; null for one that can. RFC 9112 §6.1: chunks in HTTP/1.0 are read in two ways. */
export function versionFault(httpVersion: string, framing: ResponseFraming): string | null {
  const isKnown = httpVersion === '1.1' || (httpVersion === '1.0' && framing !== 'chunked');
  return isKnown ? null : `HTTP/${httpVersion}`;
}

/**
 * The fields of a 101 that may open a tunnel, with Connection and Upgrade written anew; a string is the reason why it is
 * none (RFC 6455 §4.2.2).
 */
export function readUpgradeHead(raw: readonly string[]): string[] | string {
  if (raw.length > LIMITS.maxResponseFields * 2) return `${raw.length / 2} fields`;
  const fields = ['Connection', 'Upgrade', 'Upgrade', 'websocket'];
  let upgrade = '';
  let isAccepted = false;
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string;
    const value = raw[i + 1] as string;
    const fault = fieldFault(name, value);
    if (fault !== null) return fault;
    const lower = name.toLowerCase();
    if (lower === 'upgrade') upgrade += value.toLowerCase();
    else if (!HOP_FIELDS.has(lower)) fields.push(name, value);
    if (lower === 'sec-websocket-accept') isAccepted = true;
  }
  if (upgrade !== 'websocket') return '101 that does not name websocket';
  return isAccepted ? fields : '101 without Sec-WebSocket-Accept';
}

/** RFC 9112 §6.3, in its order. */
function framingOf(method: string, status: number, length: string | null, coding: string | null): ResponseFraming {
  if (method === 'HEAD' || status === 204 || status === 304) return 'none';
  if (coding !== null) return 'chunked';
  return length === null ? 'close' : Number(length);
}

function withoutNamed(fields: string[], connection: string): string[] {
  const named = new Set<string>();
  for (const option of connection.toLowerCase().split(',')) named.add(option.trim());
  named.delete('keep-alive');
  named.delete('close');
  named.delete('');
  if (named.size === 0) return fields;
  const kept: string[] = [];
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    if (!named.has(name.toLowerCase())) kept.push(name, fields[i + 1] as string);
  }
  return kept;
}

/** `timeout=5, max=100` → 5000. */
function keepAliveHint(value: string): number | null {
  const seconds = /(?:^|[,;\s])timeout=(\d{1,6})/i.exec(value)?.[1];
  return seconds === undefined ? null : Number(seconds) * 1000;
}

/** Trailer fields that may go on: RFC 9110 §6.5.1 forbids those of framing, routing, authentication and caching. */
const NOT_IN_TRAILERS: ReadonlySet<string> = new Set([
  ...['content-length', 'transfer-encoding', 'trailer', 'host', 'connection', 'keep-alive', 'te', 'upgrade', 'via'],
  ...['proxy-connection', 'proxy-authenticate', 'proxy-authorization', 'set-cookie', 'cookie', 'authorization'],
  'http2-settings',
  ...['content-encoding', 'content-type', 'content-range', 'cache-control', 'expires', 'vary', 'location', 'expect'],
  ...['max-forwards', 'range', 'www-authenticate', 'age', 'date', 'warning', 'forwarded', 'retry-after'],
]);

/** The trailer fields of a flat list that can be passed on as trailers. */
export function keepTrailers(raw: readonly string[]): string[] {
  const kept: string[] = [];
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string;
    const value = raw[i + 1] as string;
    const lower = name.toLowerCase();
    if (NOT_IN_TRAILERS.has(lower) || lower.startsWith('x-forwarded-') || lower.startsWith('transid-')) continue;
    if (lower.includes('_') || fieldFault(name, value) !== null) continue;
    kept.push(name, value);
  }
  return kept;
}

/** `[a, 1, b, 2]` → `[[a, 1], [b, 2]]`, which addTrailers takes. */
export function inPairs(flat: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let i = 0; i < flat.length; i += 2) pairs.push([flat[i] as string, flat[i + 1] as string]);
  return pairs;
}
