/** The IETF http-state cookie corpus against the jar: test/corpora/http-state. */
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { Jar } from '../../../src/session/jar.ts';
import { parseSetCookie } from '../../../src/session/set-cookie.ts';

interface ParserCase {
  readonly test: string;
  readonly received: readonly string[];
  readonly sent: ReadonlyArray<{ readonly name: string; readonly value: string }>;
  readonly 'sent-to'?: string;
}

interface DateCase {
  readonly test: string;
  readonly expected: string | null;
}

const CORPUS = new URL('../../corpora/http-state/', import.meta.url);
/** The corpus is of 2011: some of its dates were in the future then. */
const NOW_MS = Date.UTC(2011, 0, 1);
const ORIGIN = 'http://home.example.org:8888';

/** JSON below an optional licence comment. */
function load<T>(name: string): T {
  const text = readFileSync(new URL(name, CORPUS), 'utf8');
  return JSON.parse(text.replace(/^\s*\/\/.*$/gm, '')) as T;
}

/** As Node hands field values over: one character a byte. */
const bytes = (text: string): string => Buffer.from(text).toString('latin1');

function cookieSent({ test, received, 'sent-to': sentTo }: ParserCase): string {
  const jar = Jar.empty();
  const setter = { isSecure: false, host: 'home.example.org:8888', path: `/cookie-parser?${test}` };
  jar.setFromResponse(received.map(bytes), setter, NOW_MS);
  const { host, pathname, search } = new URL(sentTo ?? `/cookie-parser-result?${test}`, ORIGIN);
  return jar.cookieHeader({ isSecure: false, host, path: pathname + search }, NOW_MS);
}

describe('http-state: what a jar sends', () => {
  const cases = load<ParserCase[]>('parser.json');
  const notApplicable = load<Record<string, string>>('not-applicable.json');

  it('holds all 222 cases', () => expect(cases).to.have.lengthOf(222));

  for (const row of cases) {
    const want = bytes(row.sent.map(({ name, value }) => `${name}=${value}`).join('; '));
    const reason = notApplicable[row.test];
    if (reason === undefined) it(row.test, () => expect(cookieSent(row)).to.equal(want));
    else it(`${row.test} differs: ${reason}`, () => expect(cookieSent(row)).to.not.equal(want));
  }

  it('lists no case that is not there', () => {
    expect(cases.map(({ test }) => test)).to.include.members(Object.keys(notApplicable));
  });
});

describe('http-state: cookie dates', () => {
  for (const file of ['dates/examples.json', 'dates/bsd-examples.json']) {
    for (const { test, expected } of load<DateCase[]>(file)) {
      it(test, () => {
        const wantMs = expected === null ? null : Date.parse(expected);
        expect(parseSetCookie(`a=b; expires=${test}`, NOW_MS)?.expiresAtMs).to.equal(wantMs);
      });
    }
  }
});
