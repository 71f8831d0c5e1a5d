/**
 * The `php` rewriter as a whole: PHP's two rewriters, session and output variables, one behind the other.
 *
 * In PHP each is an output buffer, and what was started first is the outer one: its work is done last. Here the session
 * always came first [PHP 9.1], so variables are put on before the session's pair, and fields of the session stand before
 * those of variables. Both have their own tags; hosts are the ones of the chosen version of PHP [PHP 6.2].
 */
import assert from 'node:assert/strict';
import type { BufferSource } from '../html/edits.ts';
import { type EarlyEnd, Rewriter } from '../html/rewriter.ts';
import { createHtmlScanner } from '../html/scan-html.ts';
import { PhpScanner, type PhpScannerState, type PhpTagList } from '../html/scan-php.ts';
import { WitnessedPhpScanner } from '../html/scan-php-witnessed.ts';
import { PositionedScanner } from '../html/scan-position.ts';
import type { TagInterest, TagSink } from '../html/scanner.ts';
import type { TagList } from '../policy/route-policy.ts';
import { encodePhpFields, encodePhpPairs, type PhpText, type PhpVariable } from '../sid/php-encode.ts';
import { lowerAscii } from '../sid/php-url.ts';
import type { Scope } from '../sid/scope.ts';
import { PhpScopeJudge, phpWitnessInterest } from './php-judge.ts';
import { type PhpDecision, PhpMarker, type PhpMarkerSettings } from './php-marker.ts';

export interface PhpRewriterOptions {
  /** The pair of the session, its value revealed by the caller; null: no session. */
  readonly session: { readonly name: PhpText; readonly value: PhpText } | null;
  /** Output variables in the order in which they were added. */
  readonly variables: readonly PhpVariable[];
  readonly transSidTags: TagList;
  readonly urlRewriterTags: TagList;
  /** Lower-case hosts without ports: PHP compares names only. */
  readonly transSidHosts: ReadonlySet<string>;
  readonly urlRewriterHosts: ReadonlySet<string>;
  readonly phpVersion: '8.2' | '8.4';
  /** PHP's `arg_separator.output`, written raw; its default is `&`. */
  readonly argSeparator: string;
  /** The Host field of the request, null for none: it allows forms if the list of hosts is empty [PHP 6.4]. */
  readonly httpHost: string | null;
  /** Null switches the veto off: for comparing with PHP only, never for a page that leaves. */
  readonly veto: PhpVeto | null;
  readonly source?: BufferSource;
  /** Told of each place; offsets are into the page as the pass gets it. */
  readonly explain?: (decision: PhpDecision, pass: PhpPass) => void;
}

/** Variables are put on first; the session's pass gets the page with them. */
export type PhpPass = 'variables' | 'session';

export interface PhpVeto {
  /** Absolute, as the client sees it, unmarked. */
  readonly documentUrl: string;
  readonly session: Scope;
  readonly variables: Scope;
}

/** Of the same shape as `Rewriter`. */
export interface PhpRewriter {
  write(chunk: Buffer): Buffer;
  end(): Buffer;
  /**
   * What `ob_flush()` of a page does: the first rewriter puts out what it holds, unfinished tags too, and forgets it
   * [PHP 8.2]. PHP leaks ids by that, so it is there without a veto only, to compare with PHP.
   */
  flush(): Buffer;
  readonly bailedOut: EarlyEnd | null;
  readonly heldBytes: number;
  readonly editCount: number;
}

/** Make the rewriter for one page. */
export function createPhpRewriter(options: PhpRewriterOptions): PhpRewriter {
  const passes: Pass[] = [];
  if (options.variables.length > 0) passes.push(new Pass(options, 'variables'));
  if (options.session !== null) passes.push(new Pass(options, 'session'));
  return new Passes(passes);
}

/** One of PHP's two rewriters. */
class Pass {
  readonly #options: PhpRewriterOptions;
  readonly #kind: PhpPass;
  readonly #tags: PhpTagList;
  readonly #settings: PhpMarkerSettings;
  /** The scanner of the current chunk of PHP's; a page that is never flushed is one chunk. */
  #scanner: PhpScanner | WitnessedPhpScanner | null = null;
  #rewriter: Rewriter;
  #writtenBytes = 0;
  #flushedBytes = 0;

  constructor(options: PhpRewriterOptions, kind: PhpPass) {
    this.#options = options;
    this.#kind = kind;
    this.#tags = tagListOf(kind === 'session' ? options.transSidTags : options.urlRewriterTags);
    this.#settings = passSettings(options, kind);
    this.#rewriter = this.#start(null);
  }

  get current(): Rewriter {
    return this.#rewriter;
  }

  #start(resume: PhpScannerState | null): Rewriter {
    const { explain, source, veto } = this.#options;
    const bailedOut = () => this.#scanner?.bailedOut ?? null;
    const judge =
      veto === null
        ? null
        : new PhpScopeJudge({
            scope: veto[this.#kind],
            documentUrl: veto.documentUrl,
            isSecret: this.#kind === 'session',
            bailedOut,
          });
    let positioned: PositionedScanner | null = null;
    const tell = (seen: PhpDecision) => {
      const base = this.#flushedBytes + (positioned?.base ?? 0);
      explain?.({ ...seen, offset: base + seen.offset, tagStart: base + seen.tagStart }, this.#kind);
    };
    return new Rewriter({
      createScanner: (sink) => {
        this.#scanner = judge === null ? this.#bareScanner(sink, resume) : this.#witnessedScanner(sink);
        if (explain === undefined) return this.#scanner;
        positioned = new PositionedScanner(this.#scanner);
        return positioned;
      },
      marker: new PhpMarker({ settings: this.#settings, judge, ...(explain && { explain: tell }) }),
      ...(source && { source }),
    });
  }

  #bareScanner(sink: TagSink, resume: PhpScannerState | null): PhpScanner {
    return new PhpScanner(this.#tags, sink, { maxTagBytes: Number.POSITIVE_INFINITY, ...(resume && { resume }) });
  }

  #witnessedScanner(sink: TagSink): WitnessedPhpScanner {
    return new WitnessedPhpScanner(
      (php) => new PhpScanner(this.#tags, php),
      (page) => createHtmlScanner(witnessInterest(this.#tags), page),
      sink,
    );
  }

  write(chunk: Buffer): Buffer {
    this.#writtenBytes += chunk.length;
    return this.#rewriter.write(chunk);
  }

  flush(): Buffer {
    assert(this.#scanner instanceof PhpScanner, 'a page is flushed as PHP does without a veto only');
    const out = this.#rewriter.end();
    this.#flushedBytes = this.#writtenBytes;
    this.#rewriter = this.#start(this.#scanner.state);
    return out;
  }
}

/** What one of the two rewriters works with. */
function passSettings(options: PhpRewriterOptions, kind: PhpPass): PhpMarkerSettings {
  const { session } = options;
  const pairs: readonly PhpVariable[] =
    kind === 'variables' ? options.variables : session === null ? [] : [[session.name, session.value]];
  const own = kind === 'session' ? options.transSidHosts : options.urlRewriterHosts;
  const isMixedUp = options.phpVersion === '8.2';
  const separator = Buffer.from(options.argSeparator, 'utf8').toString('latin1');
  return {
    pairs: encodePhpPairs(pairs, separator),
    separator,
    fields: Buffer.from(encodePhpFields(pairs), 'latin1'),
    linkHosts: isMixedUp ? options.transSidHosts : own,
    formHosts: isMixedUp ? options.urlRewriterHosts : own,
    httpHost: options.httpHost,
  };
}

// A list belongs to a route and serves all its pages; the scanners keep tables with what is made of it here.
const TAG_LISTS = new WeakMap<TagList, PhpTagList>();
const INTERESTS = new WeakMap<PhpTagList, TagInterest>();

/** PHP takes one attribute per tag, the first [PHP 5.3], and compares it without case. */
function tagListOf(tags: TagList): PhpTagList {
  let list = TAG_LISTS.get(tags);
  if (list === undefined) {
    list = new Map([...tags].map(([tag, attributes]) => [lowerAscii(tag), lowerAscii(attributes[0] ?? '')]));
    TAG_LISTS.set(tags, list);
  }
  return list;
}

function witnessInterest(tags: PhpTagList): TagInterest {
  let interest = INTERESTS.get(tags);
  if (interest === undefined) {
    interest = phpWitnessInterest(tags.keys());
    INTERESTS.set(tags, interest);
  }
  return interest;
}

/** Rewriters in a row; none is a page that stays as it is. */
class Passes implements PhpRewriter {
  readonly #passes: readonly Pass[];

  constructor(passes: readonly Pass[]) {
    this.#passes = passes;
  }

  get bailedOut(): EarlyEnd | null {
    return this.#passes.find(({ current }) => current.bailedOut !== null)?.current.bailedOut ?? null;
  }

  get heldBytes(): number {
    return this.#passes.reduce((sum, { current }) => sum + current.heldBytes, 0);
  }

  get editCount(): number {
    return this.#passes.reduce((sum, { current }) => sum + current.editCount, 0);
  }

  write(chunk: Buffer): Buffer {
    return this.#writeFrom(0, chunk);
  }

  #writeFrom(first: number, chunk: Buffer): Buffer {
    let out = chunk;
    for (const pass of this.#passes.slice(first)) out = pass.write(out);
    return out;
  }

  flush(): Buffer {
    const first = this.#passes[0];
    return first === undefined ? Buffer.alloc(0) : this.#writeFrom(1, first.flush());
  }

  end(): Buffer {
    let out: Buffer = Buffer.alloc(0);
    for (const pass of this.#passes) {
      const behind = pass.write(out);
      const rest = pass.current.end();
      out = behind.length === 0 ? rest : Buffer.concat([behind, rest]);
    }
    return out;
  }
}
