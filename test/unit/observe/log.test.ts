/** The log's three formats: what a line says, and that no query, SID or foreign message gets into it. */
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { ProxyError } from '../../../src/errors.ts';
import { createLog, type Log, type LogSettings } from '../../../src/observe/log.ts';
import type { RequestFacts } from '../../../src/proxy/framing.ts';
import type { Outcome } from '../../../src/proxy/outcome.ts';
import { ExchangeRecord } from '../../../src/proxy/record.ts';

const facts: RequestFacts = {
  requestId: 'r-1',
  method: 'GET',
  target: '/a?_sid=secretsecretsecretsecretse&q=private',
  host: 'shop.example',
  version: '1.1',
  fields: [],
  body: 'none',
  upgrade: null,
  expectsContinue: false,
  endsHere: false,
  peerAddress: '192.0.2.1',
  client: {
    address: '192.0.2.7',
    scheme: 'http',
    host: 'shop.example',
    forwardedFor: '192.0.2.7',
    forwarded: null,
    isPeerTrusted: false,
    passesXForwarded: false,
  },
};

const DONE: Outcome = {
  facts,
  target: '/a?q=private',
  referer: 'http://shop.example/b?x="y"',
  userAgent: 'Mozilla/5.0 "x"\u00e9',
  route: '/**',
  verdict: 'refuses',
  carrier: null,
  foundBy: null,
  sidHash: 'abcd1234',
  event: 'none',
  plan: 'rewrite',
  reason: null,
  status: 200,
  marks: 3,
  places: null,
  hasDroppedSid: false,
  bytes: 120,
  upstreamMs: null,
  durationMs: 1.2345,
  fault: null,
};

function failed(error: unknown): Outcome {
  const record = new ExchangeRecord(facts);
  record.failed(error, false);
  return record;
}

function lines(settings: Partial<LogSettings>, record: Outcome): string {
  return written((log) => log.exchange(record), settings);
}

function written(write: (log: Log) => void, settings: Partial<LogSettings> = {}): string {
  const out: string[] = [];
  const log = createLog(
    { level: 'info', format: 'json', sid: 'hash', ...settings },
    { write: (line) => out.push(line) },
  );
  write(log);
  return out.join('');
}

describe('createLog', () => {
  it('json: one object a line, without the query', () => {
    const entry = JSON.parse(lines({}, DONE)) as Record<string, unknown>;
    expect(entry).to.include({
      path: '/a',
      status: 200,
      verdict: 'refuses',
      sid: 'abcd1234',
      marks: 3,
      ms: 1.23,
      client: '192.0.2.7',
    });
    expect(JSON.stringify(entry)).not.to.match(/secret|private/);
  });
  it('json: what was refused before it was an exchange has the level of its fault', () => {
    for (const [code, level] of [
      ['BAD_HOST', 30],
      ['EXHAUSTED', 40],
    ] as const) {
      const written: string[] = [];
      const log = createLog({ level: 'info', format: 'json', sid: 'hash' }, { write: (line) => written.push(line) });
      log.refused({ code, address: '192.0.2.1', requestId: null, detail: null });
      expect(JSON.parse(written.join(''))).to.include({ event: 'refused', reason: code, level });
    }
  });
  it('json: log.sid none leaves the hash out', () => {
    expect(JSON.parse(lines({ sid: 'none' }, DONE))).not.to.have.property('sid');
  });
  it('json: every field is in the table of docs/operations.md', () => {
    const all = {
      ...DONE,
      carrier: 'query',
      foundBy: 'target',
      event: 'updated',
      reason: 'CLIENT_GONE',
      upstreamMs: 1,
    };
    const line = lines({}, { ...all, fault: new ProxyError('CLIENT_GONE') } as Outcome);
    const table = /^\| field \|.*\n([\s\S]*?)\n\n/m.exec(readFileSync('docs/operations.md', 'utf8'))?.[1] ?? '';
    const told = table.split('\n').flatMap((row) => [...(row.split('|')[1] ?? '').matchAll(/`(\w+)`/g)]);
    expect(told.map(([, name]) => name)).to.have.members(Object.keys(JSON.parse(line)));
  });

  it("combined: Apache's format, escaped, without the SID", () => {
    const line = lines({ format: 'combined' }, DONE);
    expect(line).to.match(/^192\.0\.2\.7 - - \[\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d \+0000\] /);
    expect(line).to.contain(
      '"GET /a?q=private HTTP/1.1" 200 120 "http://shop.example/b?x=\\"y\\"" "Mozilla/5.0 \\"x\\"\\xe9"\n',
    );
    expect(line).not.to.contain('secret');
  });
  it('combined: a request that failed before its SID was taken off names no target', () => {
    expect(lines({ format: 'combined' }, failed(new ProxyError('AMBIGUOUS_SID')))).to.contain(
      '"GET - HTTP/1.1" 400 - "-" "-"',
    );
  });
  it('pretty: one line for people', () => {
    expect(lines({ format: 'pretty' }, DONE)).to.match(/^\d\d:\d\d:\d\d\.\d{3} 200 GET shop\.example\/a .*marks=3/);
  });
  it('bytes of a path that a terminal would obey are percent-encoded', () => {
    for (const format of ['json', 'pretty'] as const) {
      const line = lines({ format }, { ...DONE, target: '/\x9b31m\xc3\xa4?q=private' });
      expect(line, format)
        .to.contain('/%9B31m%C3%A4')
        .and.not.match(/[^ -~\n]/);
    }
  });
  it('a fault is named by its code, and its cause by its code alone', () => {
    const cause = Object.assign(new Error('connect 10.0.0.1 secret'), { code: 'ECONNREFUSED' });
    const record = failed(new ProxyError('UPSTREAM_REFUSED', { cause }));
    const entry = JSON.parse(lines({}, record)) as Record<string, unknown>;
    expect(entry).to.include({ reason: 'UPSTREAM_REFUSED', detail: 'ECONNREFUSED', status: 502, level: 40 });
  });
  it('a detail that is the code of the cause is told once', () => {
    const cause = Object.assign(new Error('getaddrinfo'), { code: 'ENOTFOUND' });
    for (const [detail, told] of [
      ['ENOTFOUND', 'ENOTFOUND'],
      ['away', 'away; ENOTFOUND'],
    ] as const) {
      const record = failed(new ProxyError('UPSTREAM_NOT_FOUND', { detail, cause }));
      expect(JSON.parse(lines({}, record))).to.include({ detail: told });
    }
  });
  it('a bug of ours is an error with its place, without its message', () => {
    const bug = new TypeError('secret in message\n    at secret');
    for (const fault of [bug, new ProxyError('INTERNAL', { cause: bug })]) {
      const text = lines({}, failed(fault));
      expect(JSON.parse(text)).to.include({ reason: 'INTERNAL', level: 50 });
      expect(text).to.contain('TypeError').and.contain('log.test.ts').and.not.to.contain('secret');
    }
  });
  it('so it is where no exchange had it', () => {
    const cause = new TypeError('secret in message');
    const text = written((log) => log.refused({ code: 'INTERNAL', address: '', requestId: null, detail: null, cause }));
    expect(JSON.parse(text)).to.include({ event: 'refused', reason: 'INTERNAL', level: 50 });
    expect(text).to.contain('TypeError').and.contain('log.test.ts').and.not.to.contain('secret');
  });
  it('what clients do is no warning', () => {
    const record = failed(new ProxyError('CLIENT_GONE'));
    expect(JSON.parse(lines({}, record))).to.include({ level: 30, reason: 'CLIENT_GONE' });
    expect(lines({ level: 'warn' }, record)).to.equal('');
  });
});
