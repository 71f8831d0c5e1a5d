/**
 * One exchange, start to end. Reads like the diagram of ARCHITECTURE.md: receive (match, unmark, judge) → redirect or forward →
 * deliver (absorb, plan, rewrite). The server around it answers with an error page when something here throws.
 */
import { STATUS_CODES } from 'node:http';
import { Http2ServerResponse } from 'node:http2';
import { isStoreAway, ProxyError } from '../errors.ts';
import { firstValue } from '../field-list.ts';
import type { RoutePolicy } from '../policy/route-policy.ts';
import { KNOWN_CODINGS } from '../response/coding.ts';
import { takeSignals } from '../response/fields.ts';
import { isUnreadable, pageKind } from '../response/plan.ts';
import type { ForwardCall, UpstreamResponse } from '../upstream/forward.ts';
import {
  type BodyFraming,
  buildUpstreamRequest,
  type RequestEdits,
  sendsPageUrl,
  type UpstreamRequest,
} from '../upstream/request.ts';
import { type Arrival, ownOrigin, receive, rejectUrlSid, withoutAnySid } from './arrival.ts';
import { CutBody } from './body-pipe.ts';
import { abandonBody } from './client-body.ts';
import { type ClientResponse, sendHead, sendInformation } from './client-response.ts';
import { deliver, fieldsForClient, interimFields, mayInsertScript, takeHandshake } from './delivery.ts';
import type { RequestFacts } from './framing.ts';
import { locate, probeName } from './locate.ts';
import type { ExchangeObserver } from './outcome.ts';
import { ExchangeRecord } from './record.ts';
import { ownRedirect, redirectFields } from './redirects.ts';
import type { ClientRequest, Handler, UpgradeHandler } from './server.ts';
import { type Site, sessionsOf } from './site.ts';
import { openUpload } from './upload.ts';

/**
 * `site` is asked anew for each exchange, so that a reload takes effect with the next one; `isCutting` when one fails: did we cut
 * it ourselves?
 */
export function createExchange(
  site: () => Site,
  observer: ExchangeObserver,
  isCutting: () => boolean,
): { handle: Handler; upgrade: UpgradeHandler } {
  return {
    handle: async (req, res, facts) => {
      const record = new ExchangeRecord(facts);
      try {
        await exchange(site(), req, res, facts, record);
      } catch (thrown) {
        const error = isCutting() ? cutByUs(thrown) : thrown;
        record.failed(error, res.headersSent);
        throw error;
      } finally {
        observer.exchange(record);
      }
    },
    upgrade: async (_req, socket, head, facts, respond) => {
      const record = new ExchangeRecord(facts);
      let refusal: ClientResponse | null = null;
      try {
        const current = site();
        const located = locate(current, facts);
        record.located(current, located);
        const arrival = await receive(current, facts, located, []);
        record.arrived(arrival);
        rejectUrlSid(arrival);
        let absorbed = Promise.resolve();
        const outcome = await current.tunnel.open(upstreamRequest(arrival, 'none'), socket, head, {
          editFields: (upstreamFields) => {
            const { fields, absorbing } = takeHandshake(arrival, upstreamFields);
            absorbed = absorbing.then(
              (event) => record.absorbed(event),
              (error) => record.lostCookies(error),
            );
            return fields;
          },
        });
        if (outcome.kind === 'closed') {
          await absorbed;
          record.tunnelled(outcome.closed);
        } else {
          refusal = respond();
          record.delivered(await deliver(arrival, outcome.response, refusal));
        }
      } catch (thrown) {
        const error = isCutting() ? cutByUs(thrown) : thrown;
        record.failed(error, refusal?.headersSent === true);
        throw error;
      } finally {
        observer.exchange(record);
      }
    },
  };
}

/** A client whose connection we close seems to leave. */
function cutByUs(error: unknown): unknown {
  if (!(error instanceof ProxyError) || error.code !== 'CLIENT_GONE') return error;
  return new CutBody('DRAIN_TIMEOUT', error instanceof CutBody ? error.bytes : 0);
}

/** The answer needs no body: what has come of it goes, and for the rest the connection ends rather than read it all away. */
function doWithout(req: ClientRequest, res: ClientResponse): void {
  if (req.complete) abandonBody(req);
  else if (!(res instanceof Http2ServerResponse)) res.shouldKeepAlive = false;
}

async function exchange(
  site: Site,
  req: ClientRequest,
  res: ClientResponse,
  facts: RequestFacts,
  record: ExchangeRecord,
): Promise<void> {
  const located = locate(site, facts);
  record.located(site, located);
  // Promises only where there is something to wait for: a form to be looked into, a store to be asked.
  const opened = openUpload(site, located.policy, req, res, facts);
  const upload = opened instanceof Promise ? await opened : opened;
  const received = receive(site, facts, located, upload.sids);
  const arrival = received instanceof Promise ? await received : received;
  record.arrived(arrival);
  rejectUrlSid(arrival);
  if (arrival.treatment.dropsSession) await dropSuperfluousSession(arrival);
  const redirect = ownRedirect(arrival);
  if (redirect !== null) {
    record.redirected(redirect);
    if (upload.body !== null) doWithout(req, res);
    sendHead(
      res,
      redirect.status,
      STATUS_CODES[redirect.status] ?? '',
      fieldsForClient(arrival, redirectFields(redirect, arrival)),
    );
    res.end();
    return;
  }
  const call: ForwardCall = {
    body: upload.body,
    client: res,
    onInformation: (status, fields) => sendInformation(res, status, interimFields(arrival, fields)),
  };
  const request = upstreamRequest(arrival, upload.framing);
  let response = await site.upstream.forward(request, call);
  if (isPartOfOtherPage(arrival, request, response)) {
    response.discard();
    response = await site.upstream.forward(upstreamRequest(arrival, upload.framing, true), call);
  }
  record.answered();
  record.delivered(await deliver(arrival, response, res));
}

/** The client takes cookies: the jar that was kept for it is superfluous. Only the jar's own client can drop it. */
async function dropSuperfluousSession(arrival: Arrival): Promise<void> {
  if (arrival.session === null || !arrival.isJarsOwner) return;
  try {
    await sessionsOf(arrival.site, arrival.policy).drop(arrival.session, arrival.binding);
  } catch (error) {
    // It ends by itself; a client that takes cookies does not wait for a store.
    if (!isStoreAway(error)) throw error;
  }
}

/**
 * Is the answer a part (206) of a page that we would rewrite as a whole? Such parts fit nothing: what the client has of
 * the page, and counts its range by, holds our marks.
 *
 * So the page is asked for anew without Range, which a server may always ignore (RFC 9110 §14.2). Rejected: to send no Range
 * upstream where a page may come, for nothing tells a page from a film before the answer, and downloads and players need
 * their ranges; 416, which wget takes for "all is there". An answer that sets a cookie stays as it is: the application
 * may count on that cookie from now on. So does 416 of a page that has grown: nothing tells what it was.
 */
function isPartOfOtherPage(arrival: Arrival, request: UpstreamRequest, response: UpstreamResponse): boolean {
  const { method } = arrival.facts;
  if (response.status !== 206 || (method !== 'GET' && method !== 'HEAD')) return false;
  if (request.body !== 'none' || firstValue(request.fields, 'range') === null) return false;
  const { signals, fields } = takeSignals(response.fields);
  if (signals.isRewriteOff || firstValue(fields, 'set-cookie') !== null) return false;
  if (!mayRewrite(arrival) && signals.addedVars.length === 0) return false;
  const page = pageKind({ status: 200, fields });
  return page !== null && !isUnreadable(page);
}

function mayRewrite(arrival: Arrival): boolean {
  return arrival.treatment.mayMark || arrival.policy.rewriteVars.length > 0 || mayInsertScript(arrival);
}

/**
 * What the application gets to see: never a SID, the jar's cookies for a client without, and only codings we can undo.
 * `wantsWhole`: no part of it, and whatever the client has.
 */
function upstreamRequest(arrival: Arrival, framing: BodyFraming, wantsWhole = false): UpstreamRequest {
  const { site, facts, policy, treatment, client, session } = arrival;
  const edits: { -readonly [Key in keyof RequestEdits]: RequestEdits[Key] } = { target: arrival.target };
  if (framing !== facts.body) edits.body = framing;
  const referer = toUpstreamOrigin(arrival, arrival.cleanReferer);
  if (referer !== client.referer) edits.referer = referer;
  if (sendsPageUrl(facts)) edits.cleanUrl = (url) => withoutAnySid(arrival, url);
  if (!site.upstreamSettings.preserveHost) edits.origin = toUpstreamOrigin(arrival, firstValue(facts.fields, 'origin'));
  if (client.cookieNames.includes(probeName(policy))) edits.cookie = withoutProbe(arrival);
  if (treatment.cookies !== 'client') edits.cookie = treatment.cookies === 'jar' ? cookiesFor(arrival) : null;
  if (mayRewrite(arrival)) edits.codings = KNOWN_CODINGS;
  if (wantsWhole || (treatment.mayMark && session !== null && client.isNavigation)) edits.dropConditions = true;
  if (policy.expose) edits.add = exposed(arrival);
  return buildUpstreamRequest(facts, edits, site.upstreamSettings);
}

/** The probe cookie is between the client and us. */
function withoutProbe(arrival: Arrival): string | null {
  const prefix = `${probeName(arrival.policy)}=`;
  const pairs = arrival.client.cookieField.split(';').map((pair) => pair.trim());
  return pairs.filter((pair) => !pair.startsWith(prefix)).join('; ') || null;
}

/** `preserve_host: false`: the application knows itself by its own name, so its own URLs must bear it (CSRF checks). */
function toUpstreamOrigin(arrival: Arrival, url: string | null): string | null {
  const { upstreamOrigin, upstreamSettings } = arrival.site;
  if (upstreamSettings.preserveHost || url === null) return url;
  const own = ownOrigin(arrival.facts);
  return url === own || url.startsWith(`${own}/`) ? upstreamOrigin + url.slice(own.length) : url;
}

/**
 * The jar's cookies for this target, and behind them those of the client that are none of the jar's business: names that
 * prove nothing, and in mirror mode every name but the one that is mirrored.
 */
function cookiesFor({ policy, client, jarCookies: pairs }: Arrival): string | null {
  if (client.cookieField === '') return pairs === '' ? null : pairs;
  const ignored = client.cookieField
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => isOwnAffair(policy, pair.slice(0, Math.max(0, pair.indexOf('=')))))
    .join('; ');
  const all = pairs !== '' && ignored !== '' ? `${pairs}; ${ignored}` : pairs + ignored;
  return all === '' ? null : all;
}

function isOwnAffair(policy: RoutePolicy, name: string): boolean {
  if (name === '' || name === probeName(policy)) return false;
  return policy.session.mode === 'mirror' ? name !== policy.session.cookie : policy.ignoreCookies.has(name);
}

/** `expose: true`: what PHP's constant SID told the application. The id only where it must travel in URLs. */
function exposed(arrival: Arrival): string[] {
  const { verdict, session, treatment, policy } = arrival;
  const fields = ['Transid-Client', verdict];
  if (session !== null && treatment.cookies === 'jar') {
    fields.push('Transid-Sid', `${policy.session.name}=${session.sid.reveal()}`);
  }
  return fields;
}
