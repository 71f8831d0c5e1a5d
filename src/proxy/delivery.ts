/**
 * The response side of one exchange: Set-Cookie into the jar or to the client, the plan, and the body on its way.
 */
import { Readable } from 'node:stream';
import { simulateResponse, simulationScript } from '../client/simulate.ts';
import { isStoreAway, ProxyError } from '../errors.ts';
import { mapFields } from '../field-list.ts';
import { BufferPool } from '../html/buffer-pool.ts';
import type { RoutePolicy } from '../policy/route-policy.ts';
import { CharsetGate, openPageBody } from '../response/body.ts';
import {
  clearsCookies,
  guardAddress,
  guardPart,
  type MarkReference,
  makePrivate,
  markUrls,
  sidVaries,
  takeSetCookies,
  takeSignals,
  trailersOfOtherBytes,
  type UpstreamSignals,
} from '../response/fields.ts';
import type { PlaceCounts } from '../response/mark-tally.ts';
import { createPageStage, type MarkingStage, type PageMarking } from '../response/page-stage.ts';
import {
  canCarry,
  isUnreadable,
  mayBePage,
  type PageKind,
  pageKind,
  planResponse,
  type ResponseHead,
  type RewritePlan,
  refererUse,
} from '../response/plan.ts';
import { permitScript, ScriptStage } from '../response/script-stage.ts';
import type { ResponseFacts, Session, SessionEvent } from '../session/session.ts';
import { markWithin } from '../sid/mark.ts';
import type { Scope } from '../sid/scope.ts';
import type { UpstreamResponse } from '../upstream/forward.ts';
import { adoptFields, insistsOnItsAddress } from './adopt-fields.ts';
import { type Arrival, keepsSecureCookies, ownOrigin } from './arrival.ts';
import { pipeBody } from './body-pipe.ts';
import { type ClientResponse, canTell, sendHead } from './client-response.ts';
import { repeatsFormAbroad } from './repeated-form.ts';
import { sessionsOf } from './site.ts';

/** What happened, for the log and the metrics. */
export interface Delivery {
  readonly status: number;
  readonly session: Session | null;
  readonly event: SessionEvent;
  readonly plan: 'pass' | 'rewrite';
  readonly marks: number;
  readonly places: PlaceCounts | null;
  readonly bytes: number;
  readonly bailedOut: string | null;
}

/** Deliver the answer; when that fails, the upstream is not left with a body that nobody reads. */
export async function deliver(arrival: Arrival, received: UpstreamResponse, res: ClientResponse): Promise<Delivery> {
  const response = received.status === 205 ? withoutContent(received) : received;
  try {
    if (!canTell(res, response.status)) {
      throw new ProxyError('UPSTREAM_BAD_RESPONSE', { detail: `status ${response.status}` });
    }
    const { signals: asked, fields: ofPage } = takeSignals(response.fields);
    const adopted = variedBySid(arrival, { status: response.status, fields: adoptFields(arrival, ofPage) });
    const signals = repeatsFormAbroad(arrival, adopted) ? { ...asked, rotate: true } : asked;
    const vars = varsOf(arrival, signals);
    const mayRewrite = arrival.treatment.mayMark || vars.length > 0 || mayInsertScript(arrival);
    const kind = mayRewrite ? pageKind(adopted) : null;
    const page = kind === null || isUnreadable(kind) ? null : kind;
    if (page !== null && response.status === 200 && arrival.client.isDocument) {
      arrival.site.openerPolicies.saw(arrival.binding.host, adopted.fields);
    }
    const absorbing = absorb(arrival, adopted, page, signals);
    const absorbed = absorbing instanceof Promise ? await absorbing : absorbing;
    const marking = openMarking(arrival, absorbed.session);
    const plan = planResponse({
      head: { status: response.status, fields: absorbed.fields },
      page,
      policy: arrival.policy,
      markSid: marking?.markSid ?? null,
      hasVars: vars.length > 0 || (page?.language === 'html' && mayInsertScript(arrival)),
      isRewriteOff: signals.isRewriteOff,
    });
    // What carries the SID is guarded by the plan.
    const isGuarded = plan.markedFields > 0 || (plan.kind === 'rewrite' && marking !== null);
    const fields = isGuarded ? plan.fields : guarded(arrival, response.status, plan.fields, absorbed.event);
    const sending =
      plan.kind === 'pass'
        ? sendUntouched(arrival, response, res, fields)
        : sendRewritten(arrival, response, res, { ...plan, fields }, () => pageMarking(arrival, marking, vars));
    const { bytes } = await sending.done;
    const { stage } = sending.marked;
    return {
      status: response.status,
      session: absorbed.session,
      event: absorbed.event,
      plan: plan.kind,
      marks: plan.markedFields + (stage?.editCount ?? 0),
      places: stage?.places ?? null,
      bytes,
      bailedOut: stage?.bailedOut ?? null,
    };
  } catch (error) {
    response.discard();
    throw error;
  }
}

/** A client that may get SIDs is not to take a page that it has loaded ahead without one, or with another, for that of a marked link. */
function variedBySid({ treatment, policy }: Arrival, head: ResponseHead): ResponseHead {
  if (!treatment.mayMark || policy.carrier !== 'query') return head;
  const fields = sidVaries(head.fields, policy.session.name);
  return fields === head.fields || !mayBePage(head) ? head : { ...head, fields };
}

/** RFC 9110 §15.3.6: a 205 has no content, and says so. What an application sends with one would break an HTTP/2 stream. */
function withoutContent(response: UpstreamResponse): UpstreamResponse {
  if (response.framing === 0) return response;
  response.discard();
  const fields = mapFields(response.fields, (name, value) => (name === 'content-length' ? null : value));
  return {
    ...response,
    fields: [...fields, 'Content-Length', '0'],
    framing: 0,
    body: Readable.from([]),
    trailers: () => [],
    discard: () => {},
  };
}

/** What the page's marker is told; asked for when the page turns out to be one that can be marked. */
function pageMarking(arrival: Arrival, marking: SidMarking | null, vars: PageMarking['vars']): PageMarking {
  const origin = marking?.origin ?? ownOrigin(arrival.facts);
  return {
    session: marking === null ? null : { sid: marking.session.sid, scope: marking.scope },
    vars,
    varsScope: () => arrival.site.scopes.ofVars(arrival.policy, origin),
    documentUrl: clientsUrl(arrival, origin),
    policy: arrival.policy,
    source: outputs,
  };
}

/** Of all pages of this process. */
const outputs = new BufferPool();

/** The fields of an interim answer: it comes before the page's own, so the address decides alone. */
export function interimFields({ carriedIn }: Arrival, fields: readonly string[]): readonly string[] {
  return carriedIn === null ? fields : guardPart(fields);
}

/** `simulate.script`: the page gets a script that makes `document.cookie` behave as the simulated browser's. */
export function mayInsertScript(arrival: Arrival): boolean {
  return arrival.simulated !== null && arrival.policy.simulateScript;
}

/** The fields as the simulated browser, where one is played, would have taken them. */
export function fieldsForClient(arrival: Arrival, fields: readonly string[]): readonly string[] {
  return arrival.simulated === null ? fields : simulateResponse(arrival.simulated, fields, arrival.site.clock());
}

/** The route's variables and what the upstream added for this response, in this order [PHP 9.1]. */
function varsOf(arrival: Arrival, signals: UpstreamSignals): ReadonlyArray<readonly [string, string]> {
  const own = signals.resetsVars ? [] : arrival.policy.rewriteVars;
  return signals.addedVars.length === 0 ? own : [...own, ...signals.addedVars];
}

interface Absorption {
  session: Session | null;
  event: SessionEvent;
  fields: readonly string[];
}

/**
 * Send Set-Cookie where the treatment says. A session is only made for a response that can carry its SID. A promise only
 * where a session changes.
 */
function absorb(
  arrival: Arrival,
  head: ResponseHead,
  page: PageKind | null,
  signals: UpstreamSignals,
): Absorption | Promise<Absorption> {
  const { treatment, session } = arrival;
  if (treatment.setCookie === 'pass') return { session, event: 'none', fields: head.fields };
  const taken = takeSetCookies(head.fields, ownAffairs(arrival.policy));
  const { setCookies } = taken;
  // Many a cache leaves alone what sets a cookie. Without the cookie it would give the answer to everybody, captcha and all.
  const fields = setCookies.length === 0 ? taken.fields : makePrivate(taken.fields);
  if (treatment.setCookie === 'drop') return { session: null, event: 'none', fields };
  const remaining = treatment.setCookie === 'both' ? head.fields : fields;
  const isAsked = signals.rotate || signals.destroy || (session !== null && clearsCookies(fields));
  if (setCookies.length === 0 && !isAsked) return { session, event: 'none', fields: remaining };
  return change(arrival, responseFacts(arrival, head, page, signals, setCookies), remaining);
}

function responseFacts(
  arrival: Arrival,
  head: ResponseHead,
  page: PageKind | null,
  signals: UpstreamSignals,
  setCookies: readonly string[],
): ResponseFacts {
  const { policy, treatment, facts, binding, target } = arrival;
  const marked = signals.isRewriteOff || facts.method === 'HEAD' ? null : page;
  return {
    setCookies,
    host: binding.host,
    path: target,
    isSecure: keepsSecureCookies(facts, binding),
    method: facts.method,
    rotate: signals.rotate,
    destroy: signals.destroy,
    clearsCookies: clearsCookies(head.fields),
    mayCreate: treatment.mayCreate && (canCarry(head, marked) || policy.expose),
    tellsSid: tellsSid(arrival, head, marked),
  };
}

/** Does the client learn the SID of its session from this answer? */
function tellsSid(arrival: Arrival, head: ResponseHead, page: PageKind | null): boolean {
  if (arrival.client.isPart) return false;
  // The page of a redirect is shown to nobody.
  const isShown = head.status < 300 || head.status >= 400;
  if (page !== null && isShown) return true;
  const marking = openMarking(arrival, arrival.session);
  return marking !== null && markUrls(head.fields, head.status, marking.markSid).count > 0;
}

/** A store that is away: then the answer goes out without a session where it can, or is refused as the route says. */
async function change(arrival: Arrival, response: ResponseFacts, remaining: readonly string[]): Promise<Absorption> {
  const { policy, treatment, session, site, binding } = arrival;
  try {
    const result = await sessionsOf(site, policy).absorb(session, response, binding, policy.session);
    return { session: result.session, event: result.event, fields: remaining };
  } catch (error) {
    if (!isStoreAway(error)) throw error;
    // A client that may take cookies gets its page and its cookie all the same; only the marks are missing.
    const isAnonymous = session === null && policy.onStoreFailure === 'anonymous';
    if (treatment.setCookie !== 'both' && !isAnonymous) throw error;
    return { session: null, event: 'not-created', fields: remaining };
  }
}

/** A 101 on its way. */
export interface Handshake {
  readonly fields: string[];
  /** What becomes of its cookies in the session; rejects when the store does not take them. */
  readonly absorbing: Promise<SessionEvent>;
}

/**
 * Take from a 101 what is for us: the signals, and the cookies of a client whose cookies we keep. The tunnel does not wait for
 * the store, and one that is away loses them.
 */
export function takeHandshake(arrival: Arrival, upstreamFields: string[]): Handshake {
  const { treatment, session } = arrival;
  const { signals, fields } = takeSignals(upstreamFields);
  const all = adoptFields(arrival, fields);
  if (treatment.setCookie === 'pass') return { fields: [...fieldsForClient(arrival, all)], absorbing: NOTHING };
  const { setCookies, fields: others } = takeSetCookies(all, ownAffairs(arrival.policy));
  let absorbing = NOTHING;
  if (session !== null && setCookies.length > 0) {
    const head: ResponseHead = { status: 101, fields: all };
    const changing = change(arrival, responseFacts(arrival, head, null, signals, setCookies), others);
    absorbing = changing.then(({ event }) => event);
  }
  return { fields: [...fieldsForClient(arrival, treatment.setCookie === 'both' ? all : others)], absorbing };
}

const NOTHING: Promise<SessionEvent> = Promise.resolve('none');

/** Cookies that go to the client whatever becomes of the others. In mirror mode the SID is one cookie, and all others are that, as in PHP. */
function ownAffairs({ session, ignoreCookies }: RoutePolicy): Pick<ReadonlySet<string>, 'has'> {
  return session.mode === 'mirror' ? { has: (name) => name !== session.cookie } : ignoreCookies;
}

/**
 * The document's URL as the client has it, with its SID where it has one: a reference to the page itself brings it along.
 * Without one that is not honoured: what is made of the URL would hand it on.
 */
function clientsUrl({ facts, session, target }: Arrival, origin: string): string {
  // `OPTIONS *` asks about the server as a whole.
  if (target === '*') return `${origin}/`;
  return `${origin}${session === null ? target : facts.target}`;
}

interface SidMarking {
  readonly session: Session;
  /** Our own, as the client knows it. */
  readonly origin: string;
  readonly scope: Scope;
  readonly markSid: MarkReference;
}

/** Everything that marking needs, or null when this response carries no SID. */
function openMarking(arrival: Arrival, session: Session | null): SidMarking | null {
  if (session === null || !arrival.treatment.mayMark) return null;
  const { policy, facts, site } = arrival;
  const origin = ownOrigin(facts);
  const scope = site.scopes.ofSid(policy, origin);
  const documentUrl = clientsUrl(arrival, origin);
  const mark = { kind: policy.carrier, name: policy.session.name, sid: session.sid };
  return {
    session,
    origin,
    scope,
    markSid: (reference: string) =>
      insistsOnItsAddress(arrival, reference) ? null : markWithin(reference, mark, scope, documentUrl),
  };
}

/** An answer on its way. */
interface Sending {
  readonly done: Promise<{ bytes: number }>;
  /** The stage that marks it, once it is known that it is a page that can be marked. */
  readonly marked: { readonly stage: MarkingStage | null };
}

const NOT_MARKED = { stage: null };

function sendUntouched(
  arrival: Arrival,
  response: UpstreamResponse,
  res: ClientResponse,
  fields: readonly string[],
): Sending {
  sendHead(res, response.status, response.statusText, fieldsForClient(arrival, fields));
  const done = pipeBody(response.body, res, {
    lengthBytes: typeof response.framing === 'number' ? response.framing : null,
    trailers: () => response.trailers(),
  });
  return { done, marked: NOT_MARKED };
}

/** The fields of an answer without marks: an address with a SID, honoured or not, is not shown to others by it. */
function guarded(arrival: Arrival, status: number, fields: readonly string[], event: SessionEvent): readonly string[] {
  const { carriedIn, foundBy, policy, client, cleanReferer } = arrival;
  // Of an ID of its own the proxy knows that it is dead; the application's the next request would bring back by its Referer.
  const mayComeBack = event === 'destroyed' && policy.session.mode === 'mirror' && policy.recover === 'referer';
  const use = mayComeBack ? 'ended' : refererUse(policy);
  if (carriedIn !== null) {
    const own = guardAddress(fields, use);
    return foundBy === 'referer' || mayBePage({ status, fields }) ? makePrivate(own) : own;
  }
  if (foundBy !== 'referer' && cleanReferer === client.referer) return fields;
  // The Referer has a SID, honoured or not. Reports tell where a page was asked from, and a redirect takes that Referer on, under a
  // policy of its own.
  const isRedirect = status >= 300 && status < 400;
  const told = isRedirect ? guardAddress(fields, use) : guardPart(fields);
  return foundBy === 'referer' ? makePrivate(told) : told;
}

function sendRewritten(
  arrival: Arrival,
  response: UpstreamResponse,
  res: ClientResponse,
  plan: RewritePlan,
  marking: () => PageMarking,
): Sending {
  const script =
    arrival.simulated !== null && mayInsertScript(arrival) && plan.page.language === 'html'
      ? simulationScript(arrival.simulated.simulation)
      : null;
  const forClient = fieldsForClient(arrival, plan.fields);
  const fields = script === null ? forClient : permitScript(forClient, script);
  if (response.framing === 'none') {
    sendHead(res, response.status, response.statusText, fields);
    return { done: pipeBody(response.body, res), marked: NOT_MARKED };
  }
  // A field that is set later, not a getter: each literal with a getter would be of a kind of its own to V8.
  const marked: { stage: MarkingStage | null } = { stage: null };
  const gate = new CharsetGate(plan.page.charset, (charset) => {
    const stage = createPageStage({ ...plan.page, charset }, marking());
    marked.stage = stage;
    return script === null ? stage : new ScriptStage(stage, script);
  });
  const release = (buffer: Buffer) => outputs.giveBack(buffer);
  const outgoing = openPageBody(response.body, plan.page, gate, release);
  const done = pipeBody(outgoing.body, res, {
    stage: outgoing.stage,
    release: outgoing.stage === null ? null : release,
    lengthBytes: plan.page.coding === 'identity' && typeof response.framing === 'number' ? response.framing : null,
    // A page that is in hand as a whole gets a length again; one that streams does without.
    sendHead: (bodyBytes) => {
      const length = bodyBytes === null ? [] : ['Content-Length', String(bodyBytes)];
      sendHead(res, response.status, response.statusText, [...fields, ...length]);
    },
    trailers: () => trailersOfOtherBytes(response.trailers()),
  });
  return { done, marked };
}
