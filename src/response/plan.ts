/**
 * The plan for one response, made from its head alone: pass it on or rewrite it, and with which fields.
 * Pure. No plan, no cost: a response that passes keeps its bytes and its fields.
 */

import { allValues, firstValue, joinedValue } from '../field-list.ts';
import type { RoutePolicy } from '../policy/route-policy.ts';
import { judgeLabel } from './charset.ts';
import { type ContentCoding, parseCoding } from './coding.ts';
import { adaptToOtherBytes, guardMarked, holdsUrls, type MarkReference, markUrls, type RefererUse } from './fields.ts';
import { parseMimeType } from './mime-type.ts';

export interface ResponseHead {
  readonly status: number;
  /** Flat list of names and values, hop-by-hop fields and `Transid-*` off. */
  readonly fields: readonly string[];
}

/** A page that may be rewritten: its language by Content-Type and what is known of its bytes. */
export interface PageKind {
  readonly language: 'html' | 'xhtml' | 'wml';
  readonly coding: ContentCoding;
  /** The charset parameter of Content-Type, null for none. */
  readonly charset: string | null;
}

const LANGUAGES: ReadonlyMap<string, PageKind['language']> = new Map([
  ['text/html', 'html'],
  ['application/xhtml+xml', 'xhtml'],
  ['application/vnd.wap.xhtml+xml', 'xhtml'],
  ['text/vnd.wap.wml', 'wml'],
  ['image/svg+xml', 'xhtml'],
]);

/**
 * Can the body of this response be rewritten? Null for what must pass untouched: no page by its Content-Type, no body,
 * a part of a body (206), `no-transform`, attachments, and content codings that we cannot undo.
 */
export function pageKind(head: ResponseHead): PageKind | null {
  if (head.status < 200 || head.status === 204 || head.status === 206 || head.status === 304) return null;
  if (firstValue(head.fields, 'content-length') === '0') return null;
  const type = parseMimeType(joinedValue(head.fields, 'content-type'));
  const language = type === null ? undefined : LANGUAGES.get(type.essence);
  if (type === null || language === undefined) return null;
  if (/\bno-transform\b/i.test(joinedValue(head.fields, 'cache-control') ?? '')) return null;
  if (allValues(head.fields, 'content-disposition').some((value) => /^\s*attachment\b/i.test(value))) return null;
  const coding = parseCoding(joinedValue(head.fields, 'content-encoding'));
  return coding === null ? null : { language, coding, charset: type.charset };
}

/**
 * Can a browser show this answer as a page, whatever may be done with it, or does it lead to one? Redirects bear the policy of the
 * next Referer, and a 304 that of the page that it renews. What has no type that says something is sniffed; XML has style sheets.
 */
export function mayBePage({ status, fields }: ResponseHead): boolean {
  if (status >= 300 && status < 400) return true;
  const type = parseMimeType(joinedValue(fields, 'content-type'));
  return type === null || LANGUAGES.has(type.essence) || PAGE_LIKE.test(type.essence);
}

/** MIME Sniffing §7: the two unknown types are sniffed like none. */
const PAGE_LIKE = /^(?:multipart\/|[a-z]+\/(?:[a-z0-9.-]+\+)?xml$|(?:unknown|application)\/unknown$)/;

/** Does its Content-Type say that the page's markup is not ASCII-compatible? Then its fields stay as they are, too. */
export function isUnreadable(page: PageKind): boolean {
  return page.charset !== null && judgeLabel(page.charset) === 'incompatible';
}

/** Could this response carry a SID to the client at all? Only then is it worth making a session for it. */
export function canCarry(head: ResponseHead, page: PageKind | null): boolean {
  return page !== null || holdsUrls(head.fields, head.status);
}

export interface PassPlan {
  readonly kind: 'pass';
  readonly fields: readonly string[];
  /** URLs in fields that carry the SID now. */
  readonly markedFields: number;
}

export interface RewritePlan {
  readonly kind: 'rewrite';
  readonly fields: readonly string[];
  readonly markedFields: number;
  readonly page: PageKind;
}

export type ResponsePlan = PassPlan | RewritePlan;

export interface PlanInput {
  readonly head: ResponseHead;
  readonly page: PageKind | null;
  readonly policy: Pick<RoutePolicy, 'recover' | 'transSidHosts' | 'acceptFrom'>;
  /** Marks a reference with the SID; null when there is no SID to carry. */
  readonly markSid: MarkReference | null;
  /** There are rewrite variables for this response. */
  readonly hasVars: boolean;
  /** The upstream said `Transid-Rewrite: off`: the body stays; redirects still carry the session. */
  readonly isRewriteOff: boolean;
}

/** What a route needs of the Referer fields that its pages cause. */
export function refererUse({ recover, transSidHosts, acceptFrom }: PlanInput['policy']): RefererUse {
  if (transSidHosts.size > 0 || acceptFrom.size > 0) return 'origins';
  return recover === 'referer' ? 'own' : 'none';
}

export function planResponse(input: PlanInput): ResponsePlan {
  const { head, markSid } = input;
  const page = input.isRewriteOff ? null : input.page;
  const isRewritten = page !== null && (markSid !== null || input.hasVars);
  if (markSid === null) {
    if (!isRewritten) return { kind: 'pass', fields: head.fields, markedFields: 0 };
    return { kind: 'rewrite', fields: adaptToOtherBytes(head.fields), markedFields: 0, page };
  }
  const { fields, count } = markUrls(head.fields, head.status, markSid);
  if (isRewritten)
    return {
      kind: 'rewrite',
      fields: guardMarked(fields, refererUse(input.policy)),
      markedFields: count,
      page,
    };
  if (count === 0) return { kind: 'pass', fields: head.fields, markedFields: 0 };
  // A redirect that carries the SID is as secret as a page that does; its body stays as it is, so its length does too.
  const length = firstValue(fields, 'content-length');
  const guarded = guardMarked(fields, refererUse(input.policy));
  if (length !== null) guarded.push('Content-Length', length);
  return { kind: 'pass', fields: guarded, markedFields: count };
}
