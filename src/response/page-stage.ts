/**
 * The stage that marks one page: the scanner of its language, the marker of its route, and the rewriter between them.
 */
import type { BufferSource } from '../html/edits.ts';
import { type EarlyEnd, Rewriter } from '../html/rewriter.ts';
import { createHtmlScanner } from '../html/scan-html.ts';
import { PositionedScanner } from '../html/scan-position.ts';
import { createXmlScanner } from '../html/scan-xml.ts';
import type { TagSink } from '../html/scanner.ts';
import type { RoutePolicy } from '../policy/route-policy.ts';
import type { Scope } from '../sid/scope.ts';
import type { Sid } from '../sid/sid.ts';
import type { PageStage } from './body.ts';
import { judgeLabel } from './charset.ts';
import { createHtmlMarker, type Explanation, type HtmlMarker } from './marker.ts';
import { createPhpRewriter } from './php-rewriter.ts';
import { type PageKind, refererUse } from './plan.ts';

export interface PageMarking {
  /** The SID that links and forms shall carry, and where it may go; null for variables only. */
  readonly session: { readonly sid: Sid; readonly scope: Scope } | null;
  readonly vars: ReadonlyArray<readonly [name: string, value: string]>;
  /** Where the variables may go. */
  readonly varsScope: () => Scope;
  /** Absolute, as the client sees it, without the SID. */
  readonly documentUrl: string;
  readonly policy: RoutePolicy;
  readonly source?: BufferSource;
  /** Told of each URL that the html marker looks at, with offsets of the page; for reports, not for pages that are served. */
  readonly explain?: (seen: Explanation) => void;
}

/** A stage with what the log wants to know of it afterwards. */
export interface MarkingStage extends PageStage {
  readonly editCount: number;
  /** Marks by kind of place and skips by reason; null for the php rewriter, which knows neither. */
  readonly places: {
    readonly marks: Readonly<Record<string, number>>;
    readonly skips: Readonly<Record<string, number>>;
  } | null;
  readonly bailedOut: EarlyEnd | null;
}

export function createPageStage(page: PageKind, marking: PageMarking): MarkingStage {
  if (page.language === 'html' && marking.policy.rewriter === 'php') return createPhpStage(marking);
  const { explain } = marking;
  let positioned: PositionedScanner | null = null;
  const marker = createMarker(page, {
    ...marking,
    ...(explain && { explain: (seen) => explain({ ...seen, offset: (positioned?.base ?? 0) + seen.offset }) }),
  });
  const createScanner = (sink: TagSink) => {
    const scanner =
      page.language === 'html'
        ? createHtmlScanner(marker.interest, sink, { watchedParameter: marking.policy.session.name.charCodeAt(0) })
        : createXmlScanner(marker.interest, sink);
    if (explain === undefined) return scanner;
    positioned = new PositionedScanner(scanner);
    return positioned;
  };
  const rewriter = new Rewriter({
    createScanner,
    marker,
    ...(marking.source === undefined ? {} : { source: marking.source }),
  });
  return new CountedStage(rewriter, () => marker.counts);
}

/** What any rewriter is, as far as it matters here. */
type AnyRewriter = Pick<Rewriter, 'write' | 'end' | 'editCount' | 'bailedOut'>;

class CountedStage implements MarkingStage {
  readonly #rewriter: AnyRewriter;
  readonly #counts: () => MarkingStage['places'];

  constructor(rewriter: AnyRewriter, counts: () => MarkingStage['places']) {
    this.#rewriter = rewriter;
    this.#counts = counts;
  }

  write(chunk: Buffer): Buffer {
    return this.#rewriter.write(chunk);
  }

  end(): Buffer {
    return this.#rewriter.end();
  }

  get editCount(): number {
    return this.#rewriter.editCount;
  }

  get bailedOut(): MarkingStage['bailedOut'] {
    return this.#rewriter.bailedOut;
  }

  get places(): MarkingStage['places'] {
    return this.#counts();
  }
}

function createMarker(page: PageKind, marking: PageMarking): HtmlMarker {
  const { policy, session, vars } = marking;
  return createHtmlMarker({
    documentUrl: marking.documentUrl,
    session:
      session === null
        ? null
        : {
            sid: session.sid,
            name: policy.session.name,
            carrier: policy.carrier,
            scope: session.scope,
            tags: policy.transSidTags,
            forms: policy.forms,
          },
    vars: vars.length === 0 ? null : { pairs: vars, scope: marking.varsScope(), tags: policy.urlRewriterTags },
    argSeparator: policy.argSeparator,
    keepsReferer: policy.recover === 'referer',
    tellsOrigin: refererUse(policy) === 'origins',
    syntax: page.language,
    isCharsetKnown: page.charset !== null && judgeLabel(page.charset) === 'compatible',
    ...(marking.explain && { explain: marking.explain }),
  });
}

function createPhpStage(marking: PageMarking): MarkingStage {
  const { policy, session } = marking;
  const rewriter = createPhpRewriter({
    session: session === null ? null : { name: policy.session.name, value: session.sid.reveal() },
    variables: marking.vars,
    transSidTags: policy.transSidTags,
    urlRewriterTags: policy.urlRewriterTags,
    transSidHosts: policy.transSidHosts,
    urlRewriterHosts: policy.urlRewriterHosts,
    phpVersion: policy.phpVersion,
    argSeparator: policy.argSeparator,
    httpHost: new URL(marking.documentUrl).host,
    veto: {
      documentUrl: marking.documentUrl,
      session: session?.scope ?? marking.varsScope(),
      variables: marking.varsScope(),
    },
    ...(marking.source === undefined ? {} : { source: marking.source }),
  });
  return new CountedStage(rewriter, () => null);
}
