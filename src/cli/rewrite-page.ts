/**
 * One page for `transid rewrite`: from options as PHP and the configuration name them to the stage that the proxy would
 * put the page through, and what it decided about each URL.
 */
import { parseConfig } from '../config/load.ts';
import { ERRORS } from '../errors.ts';
import type { RoutePolicy } from '../policy/route-policy.ts';
import { compileRoutes } from '../policy/routes.ts';
import { CharsetGate, type PageStage } from '../response/body.ts';
import { createPageStage, type MarkingStage } from '../response/page-stage.ts';
import type { PhpDecision } from '../response/php-marker.ts';
import {
  createPhpRewriter,
  type PhpPass,
  type PhpRewriter,
  type PhpRewriterOptions,
} from '../response/php-rewriter.ts';
import { type PageKind, pageKind } from '../response/plan.ts';
import type { PhpText, PhpVariable } from '../sid/php-encode.ts';
import { PHP_TRANS_SID_TAGS, PHP_URL_REWRITER_TAGS, parsePhpHostList, parsePhpTagList } from '../sid/php-lists.ts';
import { Scope } from '../sid/scope.ts';
import { Sid } from '../sid/sid.ts';
import { UsageError } from './command.ts';

/** What `transid rewrite` is asked for; undefined stands for the default. Text is UTF-8, and bytes are bytes. */
export interface RewriteOptions {
  readonly url?: string | undefined;
  readonly name?: PhpText | undefined;
  readonly sid?: PhpText | undefined;
  readonly rewriter?: string | undefined;
  readonly contentType?: string | undefined;
  readonly tags?: PhpText | undefined;
  readonly hosts?: PhpText | undefined;
  readonly urlRewriterTags?: PhpText | undefined;
  readonly urlRewriterHosts?: PhpText | undefined;
  readonly variables: readonly PhpVariable[];
  readonly argSeparator?: PhpText | undefined;
  /** Null: the request had no Host field. */
  readonly httpHost?: PhpText | null | undefined;
  readonly phpVersion?: string | undefined;
  readonly carrier?: string | undefined;
  readonly forms?: string | undefined;
  readonly isExact: boolean;
}

/** One URL that was looked at. */
export interface Finding {
  /** Offset in the page. */
  readonly position: number;
  readonly element: string;
  /** '' for the hidden fields of a form. */
  readonly attribute: string;
  readonly url: string;
  readonly decision: 'mark' | 'leave';
  readonly reason: string;
}

/** A page's way through the rewriter. */
export interface PageRun extends PageStage {
  /** Why marking ended early or did not begin; null if it went well. */
  readonly trouble: string | null;
  /** Why the rest of the page stays as it is though nothing went wrong; null where it does not. */
  readonly remark: string | null;
  /** What `ob_flush()` does; with `--rewriter php --exact` only. */
  flush(): Buffer;
}

/** Throws UsageError, and ConfigError where an option is one of the configuration and is wrong there. */
export function openPage(options: RewriteOptions, explain: ((finding: Finding) => void) | null): PageRun {
  const isPhp = options.rewriter === 'php';
  if (!isPhp && options.rewriter !== undefined && options.rewriter !== 'html') {
    throw new UsageError(`--rewriter is html or php, not ${options.rewriter}`);
  }
  if (!isPhp) refusePhpOptions(options);
  if (options.isExact) {
    return new ExactRun(createPhpRewriter({ ...phpOptions(options, explain), veto: null }));
  }
  const page = pageOf(options.contentType ?? 'text/html');
  if (isPhp && page.language !== 'html') throw new UsageError('--rewriter php is for text/html');
  return new GatedRun(page.charset, isPhp ? phpStage(options, explain) : htmlStage(options, page, explain));
}

/** An option that would do nothing is a mistake: the page would not be what was asked for. */
function refusePhpOptions({ isExact, phpVersion, httpHost }: RewriteOptions): void {
  if (isExact) throw new UsageError('--exact needs --rewriter php');
  if (phpVersion !== undefined) throw new UsageError('--php-version needs --rewriter php');
  if (httpHost !== undefined) throw new UsageError('--http-host needs --rewriter php');
}

function pageOf(contentType: string): PageKind {
  const page = pageKind({ status: 200, fields: ['content-type', contentType] });
  if (page === null) throw new UsageError(`a response of type ${contentType} passes untouched`);
  return page;
}

function documentUrlOf({ url }: RewriteOptions): string {
  if (url === undefined) throw new UsageError('--url is needed: where the page stands, as the client sees it');
  const parsed = URL.canParse(url) ? new URL(url) : null;
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) throw new UsageError(`not an http URL: ${url}`);
  return parsed.href;
}

function sidOf(sid: PhpText): Sid {
  const text = textOf(sid);
  const parsed = Sid.parse(text) ?? Sid.parseMirrored(text);
  if (parsed === null) throw new UsageError('--sid is 1 to 256 characters of A-Z, a-z, 0-9, comma and hyphen');
  return parsed;
}

// ------------------------------------------------------------------------------------------------------------- html

function htmlStage(
  options: RewriteOptions,
  page: PageKind,
  explain: ((finding: Finding) => void) | null,
): (charset: string | null) => MarkingStage {
  const documentUrl = documentUrlOf(options);
  const policy = policyOf(options);
  const { origin } = new URL(documentUrl);
  const scope = () => new Scope({ origin, hosts: policy.transSidHosts, path: policy.scopePath });
  const session = options.sid === undefined ? null : { sid: sidOf(options.sid), scope: scope() };
  const vars = options.variables.map(([name, value]) => [textOf(name), textOf(value)] as const);
  const varsScope = new Scope({ origin, hosts: policy.urlRewriterHosts });
  return (charset) =>
    createPageStage(
      { ...page, charset },
      {
        session,
        vars,
        varsScope: () => varsScope,
        documentUrl,
        policy,
        ...(explain && {
          explain: ({ offset, element, attribute, kind, url, decision }) => {
            const isMarked = decision === 'mark' || decision === 'field';
            const reason = decision === 'field' ? 'hidden field' : isMarked ? kind : decision;
            explain({ position: offset, element, attribute, url, decision: isMarked ? 'mark' : 'leave', reason });
          },
        }),
      },
    );
}

/** The policy that a configuration with these options would give the page, with its defaults and its checks. */
function policyOf(options: RewriteOptions): RoutePolicy {
  const text = (value: PhpText | undefined) => (value === undefined ? undefined : textOf(value));
  const list = (value: PhpText | undefined) =>
    text(value)
      ?.split(',')
      .map((item) => item.trim())
      .filter((item) => item !== '');
  const route = {
    path: '/**',
    use_trans_sid: true,
    trans_sid_tags: text(options.tags),
    trans_sid_hosts: list(options.hosts),
    url_rewriter_tags: text(options.urlRewriterTags),
    url_rewriter_hosts: list(options.urlRewriterHosts),
    arg_separator: text(options.argSeparator),
    carrier: options.carrier,
    forms: options.forms,
  };
  // Keys that are undefined do not survive this; JSON is YAML.
  const config = JSON.stringify({
    upstream: 'http://127.0.0.1:8000',
    session: { name: text(options.name) },
    routes: [route],
  });
  const { host, pathname } = new URL(documentUrlOf(options));
  return compileRoutes(parseConfig(config, 'options')).match(host, pathname).policy;
}

// -------------------------------------------------------------------------------------------------------------- php

function phpStage(options: RewriteOptions, explain: ((finding: Finding) => void) | null): () => PhpRewriter {
  const documentUrl = documentUrlOf(options);
  if (options.sid !== undefined) sidOf(options.sid);
  const php = phpOptions(options, explain);
  const { origin } = new URL(documentUrl);
  const veto = {
    documentUrl,
    session: scopeOf(origin, php.transSidHosts),
    variables: scopeOf(origin, php.urlRewriterHosts),
  };
  return () => createPhpRewriter({ ...php, veto });
}

function scopeOf(origin: string, hosts: ReadonlySet<string>): Scope {
  try {
    return new Scope({ origin, hosts });
  } catch (cause) {
    throw new UsageError('a host of the list is no origin', { cause });
  }
}

function phpOptions(
  options: RewriteOptions,
  explain: ((finding: Finding) => void) | null,
): Omit<PhpRewriterOptions, 'veto'> {
  const { name = 'PHPSESSID', sid, variables, phpVersion = '8.2' } = options;
  if (phpVersion !== '8.2' && phpVersion !== '8.4') throw new UsageError('--php-version is 8.2 or 8.4');
  const bytes = (value: PhpText | undefined, standard = '') => (value === undefined ? standard : byteStringOf(value));
  const { httpHost = options.url === undefined ? null : new URL(documentUrlOf(options)).host } = options;
  return {
    session: sid === undefined ? null : { name, value: sid },
    variables,
    transSidTags: parsePhpTagList(bytes(options.tags, PHP_TRANS_SID_TAGS)),
    urlRewriterTags: parsePhpTagList(bytes(options.urlRewriterTags, PHP_URL_REWRITER_TAGS)),
    transSidHosts: parsePhpHostList(bytes(options.hosts)),
    urlRewriterHosts: parsePhpHostList(bytes(options.urlRewriterHosts)),
    phpVersion,
    argSeparator: options.argSeparator === undefined ? '&' : textOf(options.argSeparator),
    httpHost: httpHost === null ? null : byteStringOf(httpHost),
    ...(explain && { explain: phpExplainer(explain) }),
  };
}

/** Findings with offsets of the page, though the session's pass sees it with the variables put on. */
function phpExplainer(explain: (finding: Finding) => void): (seen: PhpDecision, pass: PhpPass) => void {
  const grown: { readonly at: number; readonly by: number }[] = [];
  return ({ offset, element, attribute, url, after, decision }, pass) => {
    let position = offset;
    if (pass === 'session') {
      // What was put on in front of it; within an edit, its beginning will do.
      for (const { at, by } of grown) if (at < position) position = Math.max(at, position - by);
    } else if (decision === 'mark' && after !== null) {
      const by = after.length - (attribute === '' ? 0 : url.length);
      grown.push({ at: offset, by });
    }
    const reason = decision === 'mark' ? pass : decision === 'leave' ? 'php' : decision;
    explain({ position, element, attribute, url, decision: decision === 'mark' ? 'mark' : 'leave', reason });
  };
}

// -------------------------------------------------------------------------------------------------------------- runs

/** As the proxy does it: a page whose charset no byte scanner can read passes. */
class GatedRun implements PageRun {
  readonly #gate: CharsetGate;
  #stage: MarkingStage | PhpRewriter | null = null;

  constructor(charset: string | null, create: (charset: string | null) => MarkingStage | PhpRewriter) {
    this.#gate = new CharsetGate(charset, (known) => {
      this.#stage = create(known);
      return this.#stage;
    });
  }

  get editCount(): number {
    return this.#gate.editCount;
  }

  get trouble(): string | null {
    if (this.#gate.isIncompatible) return 'nothing was marked: the charset of the page is not ASCII-compatible';
    const why = this.#stage?.bailedOut ?? null;
    // Where browsers differ, no more could be marked by anyone.
    return why === null || why === 'BROWSERS_DIFFER' ? null : `marking ended early: ${why}`;
  }

  get remark(): string | null {
    if (this.#stage?.bailedOut !== 'BROWSERS_DIFFER') return null;
    return `the rest of the page stays unmarked: BROWSERS_DIFFER, ${ERRORS.BROWSERS_DIFFER.text}`;
  }

  write(chunk: Buffer): Buffer {
    return this.#gate.write(chunk);
  }

  end(): Buffer {
    return this.#gate.end();
  }

  flush(): Buffer {
    throw new UsageError('a page can be flushed with --rewriter php --exact only');
  }
}

class ExactRun implements PageRun {
  readonly #rewriter: PhpRewriter;

  constructor(rewriter: PhpRewriter) {
    this.#rewriter = rewriter;
  }

  get editCount(): number {
    return this.#rewriter.editCount;
  }

  get trouble(): string | null {
    return this.#rewriter.bailedOut;
  }

  get remark(): null {
    return null;
  }

  write(chunk: Buffer): Buffer {
    return this.#rewriter.write(chunk);
  }

  end(): Buffer {
    return this.#rewriter.end();
  }

  flush(): Buffer {
    return this.#rewriter.flush();
  }
}

function textOf(value: PhpText): string {
  return typeof value === 'string' ? value : Buffer.from(value).toString('utf8');
}

/** One character a byte. */
function byteStringOf(value: PhpText): string {
  return Buffer.from(value).toString('latin1');
}
