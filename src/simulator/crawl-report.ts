/** What a crawl tells: of the pages and edges that it saw, and of those that lost the session. */
import type { Edge } from './edges.ts';
import type { LossReason, Verdict } from './judge.ts';
import type { LintItem } from './lint.ts';

export interface CrawlProgress {
  readonly visited: number;
  readonly waiting: number;
  readonly lost: number;
}

export interface CrawledPage {
  readonly id: number;
  /** Without SID. */
  readonly url: string;
  title: string;
  /** 0 when it could not be loaded. */
  status: number;
  readonly depth: number;
  /** Lost as soon as one edge to it loses the session. */
  session: 'kept' | 'lost' | 'none' | 'broken';
}

export interface CrawledEdge {
  readonly from: number;
  /** Null when the target is not part of the crawl. */
  readonly to: number | null;
  readonly outcome: Verdict['outcome'];
}

export interface LostEdge {
  readonly page: string;
  readonly line: number;
  readonly column: number;
  readonly kind: Edge['kind'];
  readonly element: string;
  readonly text: string;
  readonly target: string;
  readonly reason: LossReason;
}

export interface CrawlReport {
  readonly kind: 'crawl';
  readonly start: string;
  readonly cookies: string;
  readonly marker: string | null;
  readonly pages: readonly CrawledPage[];
  readonly edges: readonly CrawledEdge[];
  readonly lost: readonly LostEdge[];
  readonly counts: { kept: number; lost: number; none: number };
  /** Pages that could not be loaded, with the reason. */
  readonly broken: ReadonlyArray<{ readonly url: string; readonly why: string }>;
  readonly skipped: { robots: number; excluded: number; depth: number; limit: number };
  readonly lint: readonly LintItem[];
  /** False when the marker was not even on the first page. */
  readonly hasSession: boolean;
  readonly durationMs: number;
}
