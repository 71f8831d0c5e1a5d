/**
 * What every version of HTTP has in common on the listening side: options, request ids, the way of a request from its
 * head to the handler, and the answer when something goes wrong. One bad message gets one answer.
 */
import { randomBytes } from 'node:crypto';
import { type ServerResponse, STATUS_CODES } from 'node:http';
import { asProxyError, ERRORS, ProxyError } from '../errors.ts';
import { firstValue } from '../field-list.ts';
import { abandonBody, setBodyPace } from './client-body.ts';
import { type ClientRequest, type ClientResponse, cutResponse, sendHead } from './client-response.ts';
import { errorPage, optionsFields } from './error-page.ts';
import { type HeadLimits, type RawHead, readHead } from './framing.ts';
import type { Handler, ServerOptions } from './server.ts';

/** Of OPTIONS that end here. */
const OPTIONS_STATUS = 200;

export class Front {
  readonly #handler: Handler;
  #options: ServerOptions;
  #headLimits: HeadLimits;
  /** Ids are unique over processes and short: a random prefix and a count. */
  readonly #idPrefix = randomBytes(4).toString('hex');
  #requestCount = 0;

  constructor(options: ServerOptions, handler: Handler) {
    this.#handler = handler;
    this.#options = options;
    this.#headLimits = headLimitsOf(options);
  }

  get options(): ServerOptions {
    return this.#options;
  }

  get headLimits(): HeadLimits {
    return this.#headLimits;
  }

  /** Limits and timeouts from now on; what is under way keeps those that it began with. */
  reconfigure(options: ServerOptions): void {
    this.#options = options;
    this.#headLimits = headLimitsOf(options);
  }

  nextId(): string {
    this.#requestCount += 1;
    return `${this.#idPrefix}-${this.#requestCount.toString(36)}`;
  }

  report(requestId: string, error: ProxyError, peerAddress: string): void {
    const cause = error.code === 'INTERNAL' ? error.cause : null;
    this.#options.events.refused({ requestId, code: error.code, detail: error.detail, peerAddress, cause });
  }

  /**
   * Check the head and hand the request over. `endConnection` is called when nothing that follows on the connection may
   * be read as a request. Never throws.
   */
  serve(req: ClientRequest, res: ClientResponse, raw: RawHead, endConnection: () => void): void {
    const requestId = this.nextId();
    const fail = (error: unknown) => this.answerError(req, res, requestId, raw.peerAddress, error, endConnection);
    try {
      this.#serve(req, res, raw, requestId, endConnection)?.catch(fail);
    } catch (error) {
      fail(error);
    }
  }

  /** Null when nobody has to be waited for. */
  #serve(
    req: ClientRequest,
    res: ClientResponse,
    raw: RawHead,
    requestId: string,
    endConnection: () => void,
  ): Promise<void> | null {
    const facts = readHead(raw, this.#headLimits, requestId);
    if ('fault' in facts) throw new ProxyError(facts.fault, { detail: facts.detail });
    if (facts.endsHere) {
      // A body has nobody who would hold it to a limit or a pace.
      if (facts.body !== 'none') endConnection();
      sendHead(res, OPTIONS_STATUS, 'OK', optionsFields());
      res.end();
      this.#options.events.answered(facts, OPTIONS_STATUS);
      return null;
    }
    if (facts.body !== 'none') {
      const { timeouts, limits } = this.#options;
      setBodyPace(req, { idleMs: timeouts.bodyIdleMs, bytesPerSecond: limits.bodyBytesPerSecond });
      // HTTP/1 only: the last answer of its connection is whole before the request is.
      res.once('prefinish', () => {
        if (!req.complete && !(res as ServerResponse).shouldKeepAlive) endConnection();
      });
    }
    return this.#handler(req, res, facts);
  }

  /** Error page, or a cut when it is too late for one. Never throws. */
  answerError(
    req: ClientRequest,
    res: ClientResponse,
    requestId: string,
    peerAddress: string,
    thrown: unknown,
    endConnection: () => void,
  ): void {
    try {
      const error = asProxyError(thrown);
      this.report(requestId, error, peerAddress);
      if (res.headersSent || error.status === null) {
        if (!res.writableEnded || error.status === null) cutResponse(res);
        return;
      }
      // The rest of a message that we do not read, or do not understand, must not be taken for the next request.
      if (!req.complete || ERRORS[error.code].origin === 'client') endConnection();
      // What has come whole, and waits for a reader, has no other end than this: node:http closes no such request.
      abandonBody(req);
      const page = errorPage(error.code, requestId, firstValue(req.rawHeaders, 'accept'));
      sendHead(res, page.status, STATUS_CODES[page.status] ?? '', page.fields);
      res.end(page.body);
    } catch {
      cutResponse(res);
    }
  }
}

function headLimitsOf({ limits, viaName, isTrustedProxy, forwardedFields }: ServerOptions): HeadLimits {
  return { maxFields: limits.fields, maxTargetBytes: limits.targetBytes, viaName, isTrustedProxy, forwardedFields };
}
