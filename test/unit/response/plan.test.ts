/** The plan from the head alone: what is a page, what passes, what is rewritten and with which fields. */
import { expect } from 'chai';
import { firstValue } from '../../../src/field-list.ts';
import { canCarry, mayBePage, pageKind, planResponse, refererUse } from '../../../src/response/plan.ts';

const html = ['Content-Type', 'text/html'];

describe('pageKind', () => {
  const rows: [why: string, status: number, fields: string[], page: string | null][] = [
    ['HTML', 200, html, 'html identity null'],
    ['HTML with charset', 200, ['content-type', 'Text/HTML; charset=Shift_JIS'], 'html identity Shift_JIS'],
    ['an error page', 404, html, 'html identity null'],
    ['the body of a redirect', 302, html, 'html identity null'],
    ['two fields', 200, ['Content-Type', 'text/plain', 'Content-Type', 'text/html;charset=gbk'], 'html identity gbk'],
    ['a field said twice', 200, ['Content-Type', 'text/html, text/html'], 'html identity null'],
    ['a type that is sniffed', 200, ['Content-Type', 'unknown/unknown'], null],
    ['XHTML', 200, ['Content-Type', 'application/xhtml+xml'], 'xhtml identity null'],
    ['WML', 200, ['Content-Type', 'text/vnd.wap.wml'], 'wml identity null'],
    ['SVG', 200, ['Content-Type', 'image/svg+xml'], 'xhtml identity null'],
    ['gzip', 200, [...html, 'Content-Encoding', 'GZIP'], 'html gzip null'],
    ['deflate', 200, [...html, 'Content-Encoding', 'deflate'], 'html deflate null'],
    ['br', 200, [...html, 'Content-Encoding', 'br'], 'html br null'],
    ['two codings', 200, [...html, 'Content-Encoding', 'gzip, br'], null],
    ['no coding, said in so many words', 200, [...html, 'Content-Encoding', 'none'], 'html identity null'],
    ['a charset in the wrong place', 200, [...html, 'Content-Encoding', 'UTF-8'], 'html identity null'],
    ['an unknown coding', 200, [...html, 'Content-Encoding', 'compress'], null],
    ['JSON', 200, ['Content-Type', 'application/json'], null],
    ['no Content-Type', 200, [], null],
    ['no body', 204, html, null],
    ['not modified', 304, html, null],
    ['a part', 206, html, null],
    ['no-transform', 200, [...html, 'Cache-Control', 'max-age=1, No-Transform'], null],
    ['an attachment', 200, [...html, 'Content-Disposition', 'Attachment; filename=x'], null],
    [
      'no-transform in a second field',
      200,
      [...html, 'Cache-Control', 'no-cache', 'Cache-Control', 'no-transform'],
      null,
    ],
    [
      'attachment in a second field',
      200,
      [...html, 'Content-Disposition', 'inline', 'Content-Disposition', 'attachment'],
      null,
    ],
    ['two codings in two fields', 200, [...html, 'Content-Encoding', 'gzip', 'Content-Encoding', 'br'], null],
    ['an empty body', 302, [...html, 'Content-Encoding', 'gzip', 'Content-Length', '0'], null],
    [
      'a name like attachment',
      200,
      [...html, 'Content-Disposition', 'inline; filename="a, attachment"'],
      'html identity null',
    ],
    ['inline', 200, [...html, 'Content-Disposition', 'inline'], 'html identity null'],
  ];
  for (const [why, status, fields, want] of rows) {
    it(why, () => {
      const page = pageKind({ status, fields });
      expect(page === null ? null : `${page.language} ${page.coding} ${page.charset}`).to.equal(want);
    });
  }
  it('knows what can carry a SID', () => {
    const head = (status: number, ...fields: string[]) => ({ status, fields });
    const carries = (h: ReturnType<typeof head>) => canCarry(h, pageKind(h));
    expect(carries(head(200, ...html))).to.equal(true);
    expect(carries(head(302, 'Location', '/'))).to.equal(true);
    expect(carries(head(302, 'Location', ''))).to.equal(false);
    expect(carries(head(200, 'Content-Type', 'image/png'))).to.equal(false);
  });
});

describe('mayBePage', () => {
  const pages = [
    ...['', 'html', '*/*', 'unknown/unknown', 'application/unknown', 'text/html', 'text/plain, text/html', 'text/xml'],
    ...['application/rss+xml; charset=utf-8', 'multipart/mixed', 'image/svg+xml'],
  ];
  const others = ['text/plain', 'image/png', 'text/html, image/png'];
  for (const type of [...pages, ...others]) {
    it(`'${type}'`, () => {
      const isPage = mayBePage({ status: 200, fields: ['Content-Type', type] });
      expect(isPage).to.equal(pages.includes(type));
    });
  }
});

describe('refererUse', () => {
  const shared = new Set(['pay.test']);
  const nobody = new Set<string>();
  for (const [recover, transSidHosts, acceptFrom, want] of [
    ['off', nobody, nobody, 'none'],
    ['referer', nobody, nobody, 'own'],
    ['referer', shared, nobody, 'origins'],
    ['off', shared, nobody, 'origins'],
    ['off', nobody, shared, 'origins'],
  ] as const) {
    it(`recover: ${recover}, ${transSidHosts.size} hosts, ${acceptFrom.size} foreign origins → ${want}`, () =>
      expect(refererUse({ recover, transSidHosts, acceptFrom })).to.equal(want));
  }
});

describe('planResponse', () => {
  const mark = (reference: string) => `${reference}?S`;
  const plan = (fields: string[], options: { status?: number; sid?: boolean; vars?: boolean; off?: boolean }) => {
    const head = { status: options.status ?? 200, fields };
    return planResponse({
      head,
      page: pageKind(head),
      policy: { recover: 'referer', transSidHosts: new Set(), acceptFrom: new Set() },
      markSid: options.sid ? mark : null,
      hasVars: options.vars ?? false,
      isRewriteOff: options.off ?? false,
    });
  };
  it('passes the very list when there is nothing to carry', () => {
    const fields = [...html, 'ETag', '"x"', 'Content-Length', '9'];
    const passed = plan(fields, {});
    expect(passed.kind).to.equal('pass');
    expect(passed.fields).to.equal(fields);
  });
  it('passes what is no page, untouched', () => {
    const fields = ['Content-Type', 'image/png', 'ETag', '"x"'];
    expect(plan(fields, { sid: true, vars: true }).fields).to.equal(fields);
  });
  it('rewrites a page with a SID, and guards it', () => {
    const planned = plan([...html, 'ETag', '"x"', 'Content-Length', '9'], { sid: true });
    expect(planned.kind).to.equal('rewrite');
    expect(firstValue(planned.fields, 'cache-control')).to.equal('private, no-store');
    expect(firstValue(planned.fields, 'content-length')).to.equal(null);
  });
  it('rewrites a page with variables only, still cacheable', () => {
    const planned = plan([...html, 'Cache-Control', 'public'], { vars: true });
    expect(planned.kind).to.equal('rewrite');
    expect(firstValue(planned.fields, 'cache-control')).to.equal('public');
  });
  it('marks a redirect without a page; its body keeps its length', () => {
    const planned = plan(['Location', '/x', 'Content-Length', '0', 'Cache-Control', 'public'], {
      status: 301,
      sid: true,
    });
    expect(planned).to.include({ kind: 'pass', markedFields: 1 });
    expect(firstValue(planned.fields, 'location')).to.equal('/x?S');
    expect(firstValue(planned.fields, 'content-length')).to.equal('0');
    expect(firstValue(planned.fields, 'cache-control')).to.equal('private, no-store');
  });
  it('Transid-Rewrite: off leaves the page, not the redirect', () => {
    expect(plan(html, { sid: true, off: true }).kind).to.equal('pass');
    expect(plan([...html, 'Location', '/x'], { status: 302, sid: true, off: true })).to.include({
      kind: 'pass',
      markedFields: 1,
    });
  });
});
