/**
 * Walks a site as a browser of the given kind, and tells for each link and form whether the session survives it.
 *
 * Memory: of a page that was read nothing is kept but its URL, title and verdict; of an edge one line. Every list is bounded by
 * `maxPages` and the bounds below. GET only: POST forms are judged by what they carry and never sent.
 */
import { Browser, type BrowserOptions, MAX_REFRESH_SECONDS } from './browser.ts';
import type { CrawledEdge, CrawledPage, CrawlProgress, CrawlReport, LostEdge } from './crawl-report.ts';
import { type Edge, edgesOf } from './edges.ts';
import { SimulatorError } from './fault.ts';
import { type Journey, walkJourney } from './journey.ts';
import {
  type Arrival,
  gatherEvidence,
  judge,
  judgeLoop,
  judgeUnfollowed,
  type SessionEvidence,
  sessionOf,
  type Verdict,
} from './judge.ts';
import { type LintItem, lintPage } from './lint.ts';
import { compileMarker } from './marker.ts';
import { type Initiator, isDocument, refreshOf } from './navigate.ts';
import { Permission, type Robots } from './permission.ts';
import { sidNamesOf, withoutSid } from './sid.ts';
import { isSchemelesslySameSite, relation } from './site.ts';
import type { Page } from './tab.ts';

export interface CrawlOptions {
  readonly url: string;
  readonly browser?: BrowserOptions;
  /** Links away from the start; 5 by default. */
  readonly depth?: number;
  /** Pages that are fetched; 200 by default. */
  readonly maxPages?: number;
  /** Stay on the origin of the start, or of where it redirects to within its site; true by default. False also visits other hosts of the same site. */
  readonly sameOrigin?: boolean;
  /** Requests at a time; 4 by default, and 1 with cookies, whose jar the order of requests changes. */
  readonly concurrency?: number;
  /** `obey` by default. */
  readonly robots?: Robots;
  /** Text or CSS selector that only pages of the living session show; by default the SID in the URLs tells. */
  readonly marker?: string;
  /** Names of the parameter that carries the SID, looked for before the common ones. */
  readonly sidNames?: readonly string[];
  /** URLs that are not visited; by default those that log out. */
  readonly exclude?: readonly RegExp[];
  /** Submit GET forms with the values that they have; true by default. */
  readonly forms?: boolean;
  /** Also list what the rewriter does not mark; false by default. */
  readonly lint?: boolean;
  /** Walked first, for pages behind a login; the crawl begins where it ends. Its relative URLs start from `url`. */
  readonly journey?: Journey;
  readonly onProgress?: (progress: CrawlProgress) => void;
}

const LOGOUT = /logout|signout|(?<![a-z])(?:log|sign)(?:[-_+\s]|%20)+out(?![a-z])|logoff|abmelden/i;
const MAX_PAGES = 200;
/** The map of a report beyond this is no longer read by anybody; counts go on. */
const MAX_EDGES = 50_000;
const MAX_LOST = 5_000;
/** One page under ever new SIDs is a session that does not hold: more variants tell nothing new. */
const MAX_VARIANTS = 3;
/** Pages that are fetched while the one before them is slow: it must not stop the walk, nor may they fill the memory. */
const MAX_AHEAD = 32;

interface Job {
  readonly url: string;
  readonly node: CrawledPage;
  readonly initiator: Initiator | null;
  readonly cause: 'open' | 'link' | 'form' | 'frame' | 'refresh' | 'script';
  readonly dest: Edge['dest'];
  readonly depth: number;
}

interface Waiting {
  readonly from: SessionEvidence;
  readonly fromNode: CrawledPage;
  readonly edge: Edge;
}

/** Why nothing came of a URL: redirects without end that a cookie might have ended, or any other fault. */
type Failure = 'loop' | 'broken';

/** What is thrown and no fault of the site. */
interface Fault {
  readonly thrown: unknown;
}

/** @throws SimulatorError when the first page cannot be loaded, or EXPECTED when the journey before it fails. */
export async function crawl(options: CrawlOptions): Promise<CrawlReport> {
  const startedAtMs = performance.now();
  const browser = new Browser({ ...options.browser, maxExchanges: 0 });
  try {
    const walk = new Walk(browser, options);
    await walk.start();
    return walk.report(Math.round(performance.now() - startedAtMs));
  } finally {
    browser.close();
  }
}

class Walk {
  readonly #browser: Browser;
  readonly #options: CrawlOptions;
  readonly #permission: Permission;
  /** The crawl stays on its origin, or its site. */
  #home: string;
  readonly #names: readonly string[];
  readonly #hasMarker: (page: Page) => boolean | null;
  readonly #nodes = new Map<string, CrawledPage>();
  /** What came of a URL (with its SID), or the edges that wait for it. */
  readonly #arrivals = new Map<string, Arrival | Failure>();
  readonly #waiting = new Map<string, Waiting[]>();
  readonly #variants = new Map<string, number>();
  readonly #queue: Job[] = [];
  /** Pages that were or will be fetched, the broken ones too: a site that hangs must not be asked for ever. */
  #planned = 1;
  #hasSession = true;
  /** Page → whether it had a session when its edges were read. */
  readonly #expanded = new Map<number, boolean>();
  readonly #edges: CrawledEdge[] = [];
  readonly #lost: LostEdge[] = [];
  readonly #broken: Array<{ url: string; why: string }> = [];
  readonly #counts = { kept: 0, lost: 0, none: 0 };
  readonly #skipped = { robots: 0, excluded: 0, depth: 0, limit: 0 };
  readonly #lint = new Map<string, LintItem>();
  #visited = 0;

  constructor(browser: Browser, options: CrawlOptions) {
    this.#browser = browser;
    this.#options = options;
    this.#home = options.url;
    this.#permission = new Permission(browser, options.robots ?? 'obey', options.maxPages ?? MAX_PAGES);
    this.#names = sidNamesOf(options);
    const marker = options.marker === undefined ? null : compileMarker(options.marker);
    // A frameset has no text of its own, a page that moves on is read by nobody: what they lead to is judged, and of them only the SID.
    // So it is with a download or a picture, unless its text shows the marker.
    this.#hasMarker = (page) => {
      if (marker === null || isFrameset(page) || this.#movesOnTo(page) !== null) return null;
      return marker(page) || (isDocument(page.fields) ? false : null);
    };
  }

  async start(): Promise<void> {
    const page = await this.#firstPage();
    const { url } = page;
    // A site asked for by http, or without its www, is walked where it sends its visitors; a foreign one is not.
    if (isSchemelesslySameSite(url, this.#home)) this.#home = url;
    const node = this.#nodeOf(url, 0);
    if (this.#isInside(url)) await this.#permission.learn(url);
    const evidence = await this.#take(page, { url, node, initiator: null, cause: 'open', dest: 'document', depth: 0 });
    node.session = evidence.hasMarker === false ? 'lost' : 'kept';
    this.#hasSession = evidence.hasMarker !== false;
    await this.#drain();
  }

  async #firstPage(): Promise<Page> {
    const { url, journey, marker } = this.#options;
    if (journey === undefined)
      return await this.#browser.visit({ url: new URL(url).href, cause: 'open', initiator: null, stays: true });
    const { steps, page } = await walkJourney(journey, this.#browser, {
      start: url,
      ...(marker === undefined ? {} : { marker }),
    });
    const failed = steps.find((step) => step.error !== null);
    if (failed !== undefined)
      throw new SimulatorError('EXPECTED', `${journey.name}, step ${failed.number}: ${failed.error}`);
    if (page === null) throw new SimulatorError('NO_PAGE', `${journey.name} opens no page`);
    return page.top;
  }

  report(durationMs: number): CrawlReport {
    return {
      kind: 'crawl',
      start: this.#options.url,
      cookies: this.#browser.cookies.mode,
      marker: this.#options.marker ?? null,
      pages: [...this.#nodes.values()],
      edges: this.#edges,
      lost: this.#lost,
      counts: this.#counts,
      broken: this.#broken,
      skipped: this.#skipped,
      lint: [...this.#lint.values()],
      hasSession: this.#hasSession,
      durationMs,
    };
  }

  /**
   * Run until no job is left; a job may add others. Several pages are fetched at a time, but read in the order in which they were
   * found: what lies within the bounds, and the report, must not hang on which answer was the fastest.
   */
  async #drain(): Promise<void> {
    const mode = this.#options.browser?.cookies ?? 'off';
    const concurrency = this.#options.concurrency ?? (mode === 'off' ? 4 : 1);
    const ahead: Array<{ job: Job; fetched: Promise<Page | SimulatorError | Fault> }> = [];
    let active = 0;
    const fetchMore = (): void => {
      while (active < concurrency && ahead.length < MAX_AHEAD) {
        const job = this.#queue.shift();
        if (job === undefined) return;
        active++;
        const fetched = this.#fetch(job).finally(() => {
          active--;
          fetchMore();
        });
        ahead.push({ job, fetched });
      }
    };
    try {
      for (;;) {
        fetchMore();
        const first = ahead.shift();
        if (first === undefined) return;
        await this.#finish(first.job, await first.fetched);
      }
    } finally {
      // What is under way must not ask for more when the walk fails.
      this.#queue.length = 0;
    }
  }

  /** Never rejects: nobody may be waiting for it yet. */
  async #fetch({ url, cause, initiator, dest }: Job): Promise<Page | SimulatorError | Fault> {
    try {
      return await this.#browser.visit({ url, cause, initiator, dest, stays: true });
    } catch (error) {
      return error instanceof SimulatorError ? error : { thrown: error };
    }
  }

  async #finish(job: Job, result: Page | SimulatorError | Fault): Promise<void> {
    if ('thrown' in result) throw result.thrown;
    if (result instanceof SimulatorError) {
      job.node.session = 'broken';
      this.#broken.push({ url: job.node.url, why: result.message });
      const isLoop = result.code === 'TOO_MANY_REDIRECTS' && this.#browser.cookies.mode === 'off';
      this.#arrive(job, isLoop ? 'loop' : 'broken');
    } else await this.#take(result, job);
    const { onProgress } = this.#options;
    onProgress?.({ visited: this.#visited, waiting: this.#queue.length, lost: this.#counts.lost });
  }

  /** A page has come: judge the edges that led to it, and queue its own. */
  async #take(page: Page, job: Job): Promise<SessionEvidence> {
    this.#visited++;
    const { snapshot } = page;
    // A download is saved, and the page before it stays.
    const edges = isDocument(page.fields) ? edgesOf(page.document, page.fields.get('refresh')) : [];
    const next = this.#movesOnTo(page);
    // A Cookie field of the user's own (`headers`) is sent in every mode, and is no cookie that the browser has kept.
    const sentCookies = this.#browser.cookies.mode !== 'off' && snapshot.requestFields['cookie'] !== undefined;
    const seen = gatherEvidence(
      { url: page.url, setCookies: snapshot.setCookies, sentCookies },
      edges,
      this.#names,
      this.#hasMarker(page),
    );
    // Whether a page that moves on marks its way is told of that way, not of the one to the page.
    const evidence = next === null ? seen : { ...seen, ownEdges: 0 };
    const arrival = { evidence, url: page.url, status: page.status, redirected: page.redirects.length > 0 };
    job.node.title = page.title.slice(0, 200);
    job.node.status = page.status;
    this.#arrive(job, arrival);
    const isInside = this.#isInside(page.url);
    // The page that was asked for is looked at wherever it stands.
    const isLooked = isInside || job.cause === 'open';
    if (this.#options.lint === true && isLooked && !this.#expanded.has(job.node.id)) this.#collectLint(page);
    // What a redirect has led out of the crawl is no page of it.
    if (!isInside) return evidence;
    const initiator = { url: page.url, policy: snapshot.referrerPolicy };
    // A page that comes again under another URL has the same edges; only one that had no session yet is read once more.
    const hasSession = sessionOf(evidence) !== null || evidence.hasMarker === true;
    const before = this.#expanded.get(job.node.id);
    if (before === true || (before === false && !hasSession)) return evidence;
    this.#expanded.set(job.node.id, hasSession);
    for (const edge of edges) {
      // Nobody has to click to get there. Only once in a row: some pages come again for ever, each time under another URL.
      const isFree = edge.kind === 'refresh' && edge.url === next && job.cause !== 'refresh';
      const depth = isFree ? job.depth - 1 : job.depth;
      await this.#consider({ from: evidence, fromNode: job.node, edge }, initiator, depth);
    }
    return evidence;
  }

  #arrive({ url, node }: Job, arrival: Arrival | Failure): void {
    this.#arrivals.set(url, arrival);
    for (const waiting of this.#waiting.get(url) ?? []) this.#judge(waiting, node, arrival);
    this.#waiting.delete(url);
  }

  #judge(waiting: Waiting, node: CrawledPage, arrival: Arrival | Failure): void {
    const { from, edge } = waiting;
    if (arrival === 'broken') return;
    this.#settle(waiting, node, arrival === 'loop' ? judgeLoop(from) : judge(from, edge, arrival, this.#names));
  }

  /** Where the page goes by itself before anybody could read it; null for one that stays. */
  #movesOnTo(page: Page): string | null {
    return refreshOf(page.snapshot, this.#options.browser?.maxRefreshSeconds ?? MAX_REFRESH_SECONDS);
  }

  #isInside(url: string): boolean {
    const where = relation(this.#home, url);
    return where === 'same-origin' || (where === 'same-site' && this.#options.sameOrigin === false);
  }

  async #consider(waiting: Waiting, initiator: Initiator, depth: number): Promise<void> {
    const { edge, from, fromNode } = waiting;
    const [target = ''] = edge.url.split('#');
    const isInside = this.#isInside(target);
    const isSent = edge.kind !== 'post-form' && (edge.kind !== 'get-form' || this.#options.forms !== false);
    if (!isInside || !isSent) {
      this.#settle(waiting, null, judgeUnfollowed(from, initiator.url, edge, this.#names));
      return;
    }
    // By `search`: `test` goes on where it stopped before, if the pattern has the flag `g`.
    const isNamed = (pattern: RegExp) => target.search(pattern) >= 0 || edge.text.search(pattern) >= 0;
    if ((this.#options.exclude ?? [LOGOUT]).some(isNamed)) {
      this.#skipped.excluded++;
      return;
    }
    // Of other hosts only while a page may still be asked of them: a site may have one for each of its users.
    const isUnknown = this.#hasRoom(depth) && !(await this.#permission.learn(target));
    if (isUnknown || !this.#permission.mayVisit(target)) {
      this.#skipped.robots++;
      return;
    }
    const known = this.#arrivals.get(target);
    const node = this.#nodes.get(withoutSid(target, this.#names));
    const others = this.#waiting.get(target);
    if (known !== undefined && node !== undefined) this.#judge(waiting, node, known);
    else if (others !== undefined) others.push(waiting);
    else this.#enqueue(waiting, target, initiator, depth, fromNode);
  }

  #isTooDeep(depth: number): boolean {
    return depth >= (this.#options.depth ?? 5);
  }

  #hasRoom(depth: number): boolean {
    return !this.#isTooDeep(depth) && this.#planned < (this.#options.maxPages ?? MAX_PAGES);
  }

  #enqueue(waiting: Waiting, target: string, initiator: Initiator, depth: number, fromNode: CrawledPage): void {
    const { edge } = waiting;
    const canonical = withoutSid(target, this.#names);
    const variants = this.#variants.get(canonical) ?? 0;
    if (this.#isTooDeep(depth)) this.#skipped.depth++;
    else if (variants >= MAX_VARIANTS || !this.#hasRoom(depth)) this.#skipped.limit++;
    else {
      this.#planned++;
      this.#variants.set(canonical, variants + 1);
      this.#waiting.set(target, [waiting]);
      const cause =
        edge.kind === 'get-form' ? 'form' : edge.kind === 'area' || edge.kind === 'post-form' ? 'link' : edge.kind;
      const policy = edge.referrerPolicy ?? initiator.policy;
      this.#queue.push({
        url: target,
        node: this.#nodeOf(target, fromNode.depth + 1),
        initiator: { ...initiator, policy },
        cause,
        dest: edge.dest,
        depth: depth + 1,
      });
    }
  }

  #settle({ edge, fromNode }: Waiting, to: CrawledPage | null, verdict: Verdict): void {
    this.#counts[verdict.outcome]++;
    if (this.#edges.length < MAX_EDGES)
      this.#edges.push({ from: fromNode.id, to: to?.id ?? null, outcome: verdict.outcome });
    if (to !== null && verdict.outcome !== 'none' && to.session !== 'lost') to.session = verdict.outcome;
    if (verdict.outcome !== 'lost' || this.#lost.length >= MAX_LOST) return;
    const { kind, element, text, line, column } = edge;
    const target = withoutSid(edge.url, this.#names);
    this.#lost.push({ page: fromNode.url, line, column, kind, element, text, target, reason: verdict.reason });
  }

  #nodeOf(url: string, depth: number): CrawledPage {
    const canonical = withoutSid(url, this.#names);
    const known = this.#nodes.get(canonical);
    if (known !== undefined) return known;
    const node: CrawledPage = { id: this.#nodes.size, url: canonical, title: '', status: 0, depth, session: 'none' };
    this.#nodes.set(canonical, node);
    return node;
  }

  #collectLint(page: Page): void {
    for (const item of lintPage(page.document, this.#names)) {
      const key = `${item.reason}\n${item.url}\n${item.element}`;
      const known = this.#lint.get(key);
      if (known !== undefined) this.#lint.set(key, { ...known, pages: known.pages + 1 });
      else if (this.#lint.size < MAX_LOST) this.#lint.set(key, item);
    }
  }
}

function isFrameset(page: Page): boolean {
  return page.document.frames.some((frame) => frame.kind === 'frame');
}
