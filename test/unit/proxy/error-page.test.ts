import { expect } from 'chai';
import { ERRORS, type ErrorCode } from '../../../src/errors.ts';
import { errorPage, rawErrorAnswer } from '../../../src/proxy/error-page.ts';

function field(fields: readonly string[], name: string): string | undefined {
  return fields[fields.indexOf(name) + 1];
}

describe('errorPage: type by Accept', () => {
  for (const [accept, type] of [
    [null, 'text/plain'],
    ['*/*', 'text/plain'],
    ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', 'text/html'],
    ['application/json', 'application/json'],
    ['application/problem+json', 'application/json'],
    ['text/html;q=0.2, application/json;q=0.8', 'application/json'],
    ['text/html;q=0', 'text/plain'],
    ['text/html;q=nonsense', 'text/plain'],
    [`${'a/b,'.repeat(5000)}text/html`, 'text/plain'],
  ] as const) {
    it(String(accept).slice(0, 60), () => {
      expect(field(errorPage('BAD_REQUEST', 'id-1', accept).fields, 'Content-Type')).to.equal(`${type}; charset=utf-8`);
    });
  }
});

describe('errorPage: every code', () => {
  for (const code of Object.keys(ERRORS) as ErrorCode[]) {
    it(code, () => {
      for (const accept of ['text/html', 'application/json', 'text/plain']) {
        const page = errorPage(code, 'id-1', accept);
        expect(page.status).to.equal(ERRORS[code].status ?? 500);
        expect(page.body).to.include('id-1');
        expect(page.body).to.not.include(code);
        expect(field(page.fields, 'Content-Length')).to.equal(String(page.body.length));
        expect(field(page.fields, 'Cache-Control')).to.equal('no-store');
        expect(page.fields.includes('Retry-After')).to.equal(page.status === 503);
        expect(page.fields.includes('Allow')).to.equal(page.status === 405);
      }
    });
  }

  it('JSON is JSON', () => {
    expect(JSON.parse(errorPage('UPSTREAM_TIMEOUT', 'id-1', 'application/json').body)).to.deep.equal({
      error: '504 Gateway Timeout',
      message: 'The application did not answer in time.',
      requestId: 'id-1',
    });
  });
});

describe('rawErrorAnswer', () => {
  it('is a whole message that ends its connection', () => {
    const text = rawErrorAnswer('FIELDS_TOO_LARGE', 'id-1', null, true);
    const [head, body] = text.split('\r\n\r\n') as [string, string];
    expect(head).to.match(/^HTTP\/1\.1 431 Request Header Fields Too Large\r\n/);
    expect(head).to.match(/\r\nConnection: close$/);
    expect(head).to.match(new RegExp(`\\r\\nContent-Length: ${body.length}\\r\\n`));
  });

  it('has no body where the request may have been HEAD', () => {
    expect(rawErrorAnswer('BAD_REQUEST', 'id-1', 'text/html', false)).to.match(
      /\r\nContent-Length: 0\r\n(?:.*\r\n)*\r\n$/,
    );
  });
});
