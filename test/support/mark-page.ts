/** Marks pages in tests: the html scanner, the rewriter and the marker of the proxy, with one SID and one document URL. */
import { isDeepStrictEqual } from 'node:util';
import type { TagList } from '../../src/html/places.ts';
import { Rewriter } from '../../src/html/rewriter.ts';
import { createHtmlScanner } from '../../src/html/scan-html.ts';
import { createXmlScanner } from '../../src/html/scan-xml.ts';
import type { TagSink } from '../../src/html/scanner.ts';
import {
  createHtmlMarker,
  type Explanation,
  type HtmlMarkerOptions,
  type MarkCounts,
} from '../../src/response/marker.ts';
import type { CarrierKind } from '../../src/sid/carrier.ts';
import { Scope, type ScopeOptions } from '../../src/sid/scope.ts';
import { Sid } from '../../src/sid/sid.ts';

export const SID_TEXT = '0123456789abcdefghijklmnop';
export const SID_NAME = 'sid';

export const DEFAULT_TAGS: TagList = new Map([
  ['a', ['href']],
  ['area', ['href']],
  ['frame', ['src']],
  ['iframe', ['src']],
  ['form', ['']],
]);

export interface MarkPageOptions {
  /** Default `http://shop.example/dir/page`. */
  readonly url?: string;
  readonly sid?: string;
  readonly name?: string;
  readonly carrier?: CarrierKind;
  readonly forms?: 'auto' | 'field';
  readonly tags?: TagList;
  readonly scope?: Partial<ScopeOptions>;
  /** No SID at all, only extra parameters. */
  readonly isAnonymous?: boolean;
  readonly vars?: ReadonlyArray<readonly [string, string]>;
  readonly varTags?: TagList;
  readonly varHosts?: Iterable<string>;
  readonly argSeparator?: string;
  readonly syntax?: 'html' | 'xhtml' | 'wml';
  /** Where to cut the page; default nowhere. */
  readonly cuts?: readonly number[];
  readonly keepsReferer?: boolean;
  readonly tellsOrigin?: boolean;
  readonly isCharsetKnown?: boolean;
  readonly explain?: (seen: Explanation) => void;
}

export interface MarkedPage {
  readonly html: string;
  readonly counts: MarkCounts;
}

/**
 * Mark a page given as latin1 text. Pages of HTML go through both of the scanner's hot loops, which must agree; with `explain`,
 * which would tell everything twice, through one.
 */
export function markPage(html: string, options: MarkPageOptions = {}): MarkedPage {
  const isXml = (options.syntax ?? 'html') !== 'html';
  const marked = markOnce(html, options, isXml ? null : 'webassembly');
  if (isXml || options.explain !== undefined) return marked;
  const byTypeScript = markOnce(html, options, 'typescript');
  if (!isDeepStrictEqual(byTypeScript, marked)) {
    throw new Error(`the loops differ:\n${JSON.stringify(byTypeScript)}\n${JSON.stringify(marked)}`);
  }
  return marked;
}

function markOnce(html: string, options: MarkPageOptions, engine: 'webassembly' | 'typescript' | null): MarkedPage {
  const url = options.url ?? 'http://shop.example/dir/page';
  const sid = Sid.parseMirrored(options.sid ?? SID_TEXT);
  if (sid === null) throw new Error('a test SID that is none');
  const { origin } = new URL(url);
  const markerOptions: HtmlMarkerOptions = {
    documentUrl: url,
    session:
      options.isAnonymous === true
        ? null
        : {
            sid,
            name: options.name ?? SID_NAME,
            carrier: options.carrier ?? 'query',
            scope: new Scope({ origin, ...options.scope }),
            tags: options.tags ?? DEFAULT_TAGS,
            forms: options.forms ?? 'auto',
          },
    vars:
      options.vars === undefined
        ? null
        : {
            pairs: options.vars,
            scope: new Scope({ origin, hosts: options.varHosts ?? [] }),
            tags: options.varTags ?? new Map([['form', ['']]]),
          },
    syntax: options.syntax ?? 'html',
    keepsReferer: options.keepsReferer ?? false,
    tellsOrigin: options.tellsOrigin ?? false,
    isCharsetKnown: options.isCharsetKnown ?? false,
    ...(options.argSeparator === undefined ? {} : { argSeparator: options.argSeparator }),
    ...(options.explain === undefined ? {} : { explain: options.explain }),
  };
  const marker = createHtmlMarker(markerOptions);
  const watchedParameter = (options.name ?? SID_NAME).charCodeAt(0);
  const createScanner = (sink: TagSink) =>
    engine === null
      ? createXmlScanner(marker.interest, sink)
      : createHtmlScanner(marker.interest, sink, { engine, watchedParameter });
  const rewriter = new Rewriter({ createScanner, marker });
  const bytes = Buffer.from(html, 'latin1');
  const out: Buffer[] = [];
  let from = 0;
  for (const cut of [...(options.cuts ?? []), bytes.length]) {
    // The rewriter may give back a chunk itself: copies keep the pieces apart.
    out.push(Buffer.from(rewriter.write(Buffer.from(bytes.subarray(from, cut)))));
    from = cut;
  }
  out.push(Buffer.from(rewriter.end()));
  return { html: Buffer.concat(out).toString('latin1'), counts: marker.counts };
}
