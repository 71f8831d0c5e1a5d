/**
 * The head of a request, as Node's strict parser gave it → facts that can be relied upon, or the reason to refuse it.
 * Pure. RFC 9112 §3 (target, Host), §6 (length), RFC 9113 §8.2 and §8.3 (HTTP/2).
 *
 * Where two readers could understand a message in two ways we refuse it, although the RFC often would let us repair it:
 * honest clients send none of these, and what we repair the next hop may read differently.
 */
import type { ErrorCode } from '../errors.ts';
import { NOT_FIELD_TEXT, TOKEN } from '../field-list.ts';
import type { BodyFraming, ForwardedClient } from '../upstream/request.ts';
import { isAuthority } from './authority.ts';
import { type ForwardedKind, readForwarded } from './forwarded.ts';

/** What the parser says. */
export interface RawHead {
  readonly method: string;
  /** The request target as sent; for HTTP/2 `:path`. */
  readonly target: string;
  readonly versionMajor: number;
  readonly versionMinor: number;
  /** Flat list, complete; for HTTP/2 with the pseudo-fields. */
  readonly fields: readonly string[];
  readonly isEncrypted: boolean;
  /**
   * Null for a text message. It is not the version that tells: Node's parser takes `HTTP/2.0` in a request line.
   * `endsWithHead`: the stream has ended with its head. `isTooLarge`: the head is over the limit, as HTTP/2 counts it.
   */
  readonly http2: { readonly endsWithHead: boolean; readonly isTooLarge: boolean } | null;
  readonly peerAddress: string;
}

export interface HeadLimits {
  readonly maxFields: number;
  readonly maxTargetBytes: number;
  /** Our pseudonym in Via: a request that has it came round in a loop. */
  readonly viaName: string;
  readonly isTrustedProxy: (address: string) => boolean;
  readonly forwardedFields: ForwardedKind;
}

export interface RequestFacts {
  readonly requestId: string;
  readonly method: string;
  /** Origin-form (`/path?query`), byte for byte, or `*` for OPTIONS. */
  readonly target: string;
  /** As sent; null only in HTTP/1.0. */
  readonly host: string | null;
  readonly version: '1.0' | '1.1' | '2.0';
  /** Flat list as sent; HTTP/2 without pseudo-fields. */
  readonly fields: readonly string[];
  readonly body: BodyFraming;
  readonly upgrade: 'websocket' | null;
  readonly expectsContinue: boolean;
  /** OPTIONS with Max-Forwards: 0 ends here (RFC 9110 §7.6.2). */
  readonly endsHere: boolean;
  readonly peerAddress: string;
  readonly client: ForwardedClient;
}

/** Why a head is refused; `detail` is for the log. */
export interface HeadFault {
  readonly fault: ErrorCode;
  readonly detail: string;
}

/** Visible bytes only; `#` never stands in a target and is read in two ways when it does. */
const TARGET = /^[\x21\x22\x24-\x7e]+$/;
/** Bytes above 7F come by HTTP/2 alone. In a request line Node's parser refuses them by itself, but for the one before 20.19.2. */
const TARGET_OF_HTTP2 = /^[\x21\x22\x24-\x7e\x80-\xff]+$/;
/** Methods are case-sensitive (RFC 9110 §9.1), and what comes next may not know that: `connect` is none. */
const METHOD = /^[A-Z][A-Z-]{0,31}$/;

/** What one pass over the fields found. */
interface Found {
  host: string | null;
  hostCount: number;
  contentLength: string | null;
  transferCoding: string | null;
  connection: string;
  upgrade: string;
  expect: string | null;
  maxForwards: string | null;
  webSocketVersion: string | null;
  hasWebSocketKey: boolean;
}

/** The facts of a request, or why it is refused. Never throws. */
export function readHead(raw: RawHead, limits: HeadLimits, requestId: string): RequestFacts | HeadFault {
  if (raw.http2 !== null) return readHead2(raw, raw.http2, limits, requestId);
  if (raw.versionMajor !== 1 || raw.versionMinor > 1) return fault('VERSION_NOT_SUPPORTED', 'version');
  const isVersion10 = raw.versionMinor === 0;
  const found = scanFields(raw.fields, limits);
  if ('fault' in found) return found;

  if (raw.method === 'CONNECT' || raw.method === 'TRACE') return fault('METHOD_NOT_ALLOWED', raw.method);
  const target = readTarget(raw, found, limits);
  if (typeof target !== 'string') return target;
  if (found.hostCount === 0 && !isVersion10) return fault('BAD_HOST', 'no Host');
  const host = target === raw.target ? found.host : (authorityOf(raw.target) ?? found.host);
  const body = readBodyFraming(found, isVersion10);
  if (typeof body === 'object') return body;
  if (found.expect !== null && !isVersion10 && found.expect.toLowerCase() !== '100-continue') {
    return fault('EXPECTATION_FAILED', 'unknown expectation');
  }
  const upgrade = readUpgrade(raw.method, found, isVersion10);
  if (upgrade !== null && body !== 'none') return fault('BAD_FRAMING', 'upgrade with a body');

  return {
    requestId,
    method: raw.method,
    target,
    host,
    version: isVersion10 ? '1.0' : '1.1',
    fields: raw.fields,
    body,
    upgrade,
    expectsContinue: found.expect !== null && !isVersion10,
    endsHere: raw.method === 'OPTIONS' && found.maxForwards !== null && Number(found.maxForwards) === 0,
    peerAddress: raw.peerAddress,
    client: forwardedClient(raw, host, raw.fields, limits),
  };
}

/**
 * Does this head take the connection out of HTTP, or try to: a WebSocket handshake, or CONNECT? Other upgrades are ignored.
 * Only for HTTP/1, and no judgement of the rest of the head.
 */
export function leavesHttp(
  { method, versionMinor, fields }: Pick<RawHead, 'method' | 'versionMinor' | 'fields'>,
  limits: HeadLimits,
): boolean {
  if (method === 'CONNECT') return true;
  const found = scanFields(fields, limits);
  return !('fault' in found) && readUpgrade(method, found, versionMinor === 0) !== null;
}

function forwardedClient(
  { peerAddress, isEncrypted }: RawHead,
  host: string | null,
  fields: readonly string[],
  { isTrustedProxy, forwardedFields }: HeadLimits,
): ForwardedClient {
  return readForwarded({ peerAddress, isEncrypted, host, fields, isTrustedProxy, believed: forwardedFields });
}

function fault(code: ErrorCode, detail: string): HeadFault {
  return { fault: code, detail };
}

/** Lengths of the names in `scanFields`. */
const LENGTHS_OF_INTEREST: ReadonlySet<number> = new Set(
  [
    ...['host', 'content-length', 'transfer-encoding', 'connection', 'upgrade', 'expect', 'max-forwards', 'via'],
    ...['sec-websocket-version', 'sec-websocket-key'],
  ].map((name) => name.length),
);

/** One pass: counts, values of the fields that matter, and what no field may be. */
function scanFields(fields: readonly string[], limits: HeadLimits): Found | HeadFault {
  if (fields.length > limits.maxFields * 2) return fault('FIELDS_TOO_LARGE', `${fields.length / 2} fields`);
  const found: Found = {
    host: null,
    hostCount: 0,
    contentLength: null,
    transferCoding: null,
    connection: '',
    upgrade: '',
    expect: null,
    maxForwards: null,
    webSocketVersion: null,
    hasWebSocketKey: false,
  };
  for (let i = 0; i < fields.length; i += 2) {
    const value = fields[i + 1] as string;
    // Node's parser joins obs-fold lines; what is left of CR, LF or NUL would be ours to answer for.
    if (NOT_FIELD_TEXT.test(value)) return fault('BAD_FIELD', 'control character in a value');
    const name = fields[i] as string;
    if (!TOKEN.test(name)) return fault('BAD_FIELD', 'malformed name');
    // Most names are of no interest here: their length tells.
    if (!LENGTHS_OF_INTEREST.has(name.length)) continue;
    switch (name.toLowerCase()) {
      case 'host':
        found.hostCount += 1;
        if (found.hostCount > 1) return fault('BAD_HOST', 'several Host fields');
        if (!isAuthority(value)) return fault('BAD_HOST', 'malformed Host');
        found.host = value;
        break;
      case 'content-length':
        if (found.contentLength !== null) return fault('BAD_FRAMING', 'several Content-Length fields');
        found.contentLength = value;
        break;
      case 'transfer-encoding':
        if (found.transferCoding !== null) return fault('BAD_FRAMING', 'several Transfer-Encoding fields');
        found.transferCoding = value;
        break;
      case 'connection':
        found.connection += `,${value.toLowerCase()}`;
        break;
      case 'upgrade':
        found.upgrade += `,${value.toLowerCase()}`;
        break;
      case 'expect':
        if (found.expect !== null) return fault('EXPECTATION_FAILED', 'several Expect fields');
        found.expect = value;
        break;
      case 'max-forwards':
        if (!/^\d{1,9}$/.test(value)) return fault('BAD_FIELD', 'Max-Forwards is no number');
        found.maxForwards = value;
        break;
      case 'sec-websocket-version':
        found.webSocketVersion = value;
        break;
      case 'sec-websocket-key':
        found.hasWebSocketKey = value !== '';
        break;
      case 'via':
        if (namesUs(value, limits.viaName)) return fault('LOOP_DETECTED', 'Via names this proxy');
        break;
    }
  }
  return found;
}

/** RFC 9110 §7.6.3: `1.1 name (comment), 2.0 other`. */
function namesUs(via: string, viaName: string): boolean {
  return via.includes(viaName) && via.split(',').some((hop) => hop.trim().split(/[ \t]+/)[1] === viaName);
}

/** The origin-form of the target: absolute-form is reduced when it agrees with Host (RFC 9112 §3.2). */
function readTarget(raw: RawHead, found: Found, limits: HeadLimits): string | HeadFault {
  const { target, method } = raw;
  if (target.length > limits.maxTargetBytes) return fault('TARGET_TOO_LONG', `${target.length} bytes`);
  if (target === '*') return method === 'OPTIONS' ? target : fault('BAD_TARGET', 'asterisk-form');
  if (!(raw.http2 === null ? TARGET : TARGET_OF_HTTP2).test(target))
    return fault('BAD_TARGET', 'a byte that no target has');
  if (target.startsWith('/')) return target;
  const authority = authorityOf(target);
  if (authority === null || !isAuthority(authority))
    return fault('BAD_TARGET', 'neither origin-form nor absolute-form');
  if (found.host !== null && comparable(found.host) !== comparable(authority)) {
    return fault('MISDIRECTED', 'target and Host differ');
  }
  const rest = target.slice(target.indexOf('//') + 2 + authority.length);
  if (rest === '') return method === 'OPTIONS' ? '*' : '/';
  return rest.startsWith('?') ? `/${rest}` : rest;
}

/** Authority of an absolute http(s) target, userinfo and all; null for other forms. */
function authorityOf(target: string): string | null {
  return /^https?:\/\/([^/?]*)/i.exec(target)?.[1] ?? null;
}

function comparable(authority: string): string {
  return authority.toLowerCase().replace(/:(?:80|443)$/, '');
}

/** RFC 9112 §6.3, stricter: one field, one spelling. */
function readBodyFraming(found: Found, isVersion10: boolean): BodyFraming | HeadFault {
  const { transferCoding, contentLength } = found;
  if (transferCoding !== null) {
    if (contentLength !== null) return fault('BAD_FRAMING', 'Transfer-Encoding and Content-Length');
    if (isVersion10) return fault('BAD_FRAMING', 'Transfer-Encoding in HTTP/1.0');
    if (transferCoding.toLowerCase() === 'chunked') return 'chunked';
    return /chunked/i.test(transferCoding)
      ? fault('BAD_FRAMING', 'Transfer-Encoding is not exactly chunked')
      : fault('UNKNOWN_TRANSFER_CODING', 'not chunked');
  }
  if (contentLength === null) return 'none';
  if (!/^\d{1,15}$/.test(contentLength)) return fault('BAD_FRAMING', 'Content-Length is no number');
  return Number(contentLength) === 0 ? 'none' : Number(contentLength);
}

/** RFC 6455 §4.2.1. Any other upgrade is ignored, as RFC 9110 §7.8 allows. */
function readUpgrade(method: string, found: Found, isVersion10: boolean): 'websocket' | null {
  if (found.upgrade === '' || isVersion10 || method !== 'GET') return null;
  if (found.upgrade !== ',websocket' || found.webSocketVersion !== '13' || !found.hasWebSocketKey) return null;
  return found.connection.split(',').some((option) => option.trim() === 'upgrade') ? 'websocket' : null;
}

/** Fields of an HTTP/1 connection have no place in HTTP/2 (RFC 9113 §8.2.2): downgraded, they would frame the message. */
const HTTP1_ONLY: ReadonlySet<string> = new Set([
  ...['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade', 'http2-settings'],
]);

function readHead2(
  raw: RawHead,
  http2: NonNullable<RawHead['http2']>,
  limits: HeadLimits,
  requestId: string,
): RequestFacts | HeadFault {
  if (http2.isTooLarge) return fault('FIELDS_TOO_LARGE', 'size');
  const pseudo = new Map<string, string>();
  const fields: string[] = [];
  let cookie = '';
  for (let i = 0; i < raw.fields.length; i += 2) {
    const name = raw.fields[i] as string;
    const value = raw.fields[i + 1] as string;
    if (name.startsWith(':')) {
      if (pseudo.has(name) || fields.length > 0) return fault('BAD_FIELD', 'repeated or late pseudo-field');
      pseudo.set(name, value);
      continue;
    }
    if (HTTP1_ONLY.has(name) || name !== name.toLowerCase()) return fault('BAD_FIELD', `${name} in HTTP/2`);
    if (name === 'te' && value.toLowerCase() !== 'trailers') return fault('BAD_FIELD', 'te in HTTP/2');
    if (name === 'cookie') cookie = cookie === '' ? value : `${cookie}; ${value}`;
    else fields.push(name, value);
  }
  // Browsers cut the cookie into crumbs to compress it better (RFC 9113 §8.2.3).
  if (cookie !== '') fields.push('cookie', cookie);
  if (!METHOD.test(raw.method)) return fault('BAD_REQUEST', 'method');
  if (raw.method === 'CONNECT' || raw.method === 'TRACE') return fault('METHOD_NOT_ALLOWED', raw.method);
  const scheme = pseudo.get(':scheme');
  if (scheme !== 'https' && scheme !== 'http') return fault('BAD_TARGET', 'scheme');
  const authority = pseudo.get(':authority') ?? null;
  if (authority !== null && !isAuthority(authority)) return fault('BAD_HOST', 'malformed :authority');
  const found = scanFields(fields, limits);
  if ('fault' in found) return found;
  if (authority !== null && found.host !== null && comparable(found.host) !== comparable(authority)) {
    return fault('MISDIRECTED', ':authority and host differ');
  }
  const host = authority ?? found.host;
  if (host === null) return fault('BAD_HOST', 'no :authority');
  if (!raw.target.startsWith('/') && raw.target !== '*') return fault('BAD_TARGET', ':path');
  const target = readTarget(raw, found, limits);
  if (typeof target !== 'string') return target;
  const length = readBodyFraming(found, false);
  if (typeof length === 'object') return length;
  if (found.expect !== null && found.expect.toLowerCase() !== '100-continue') {
    return fault('EXPECTATION_FAILED', 'unknown expectation');
  }
  return {
    requestId,
    method: raw.method,
    target,
    host,
    version: '2.0',
    fields,
    // Without a length only the end of the stream tells: chunked for the next hop.
    body: http2.endsWithHead ? 'none' : length === 'none' && found.contentLength === null ? 'chunked' : length,
    upgrade: null,
    expectsContinue: found.expect !== null,
    endsHere: raw.method === 'OPTIONS' && found.maxForwards !== null && Number(found.maxForwards) === 0,
    peerAddress: raw.peerAddress,
    client: forwardedClient(raw, host, fields, limits),
  };
}
