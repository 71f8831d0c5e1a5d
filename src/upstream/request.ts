/**
 * The request as it goes upstream: target and fields, made from what the client sent. Pure; sends nothing.
 *
 * Fields that end at this hop go (RFC 9110 §7.6.1), the ones that a client must not speak for are ours
 * (X-Forwarded-*, Via, Host), and one framing field is written from the facts of the parser, never copied.
 * `Connection` of a client names fields to drop; it cannot name the ones that keep the message whole or safe.
 */

import { keepTrailers } from './response-head.ts';

/** How a message body is delimited: none, chunked, or its length in bytes. */
export type BodyFraming = 'none' | 'chunked' | number;

/** What trusted proxies before us say of the client, and what goes upstream of it. */
export interface ForwardedClient {
  /** The outermost address that can be believed. */
  readonly address: string;
  readonly scheme: 'http' | 'https';
  /** The host that the client asked for. */
  readonly host: string | null;
  /** The whole value of X-Forwarded-For that goes upstream. */
  readonly forwardedFor: string;
  /** The whole value of Forwarded (RFC 7239); null when no trusted proxy uses it. */
  readonly forwarded: string | null;
  /** May fields of the peer such as X-Real-IP be believed and passed on? */
  readonly isPeerTrusted: boolean;
  /** And those of the X-Forwarded-* that are not written anew, such as X-Forwarded-Port? */
  readonly passesXForwarded: boolean;
}

/** The part of the client's request that is needed here; the facts of `proxy/framing.ts` have it. */
export interface ClientHead {
  readonly method: string;
  readonly host: string | null;
  readonly version: '1.0' | '1.1' | '2.0';
  /** Flat list of names and values as they were sent. */
  readonly fields: readonly string[];
  readonly body: BodyFraming;
  readonly upgrade: 'websocket' | null;
  readonly client: ForwardedClient;
}

/** What the exchange changes. An absent key leaves the client's own field; null removes it. */
export interface RequestEdits {
  /** After unmarking: origin-form, or `*`. */
  readonly target: string;
  readonly cookie?: string | null;
  readonly referer?: string | null;
  readonly origin?: string | null;
  /** What scripts and proxies say of the page's URL (`sendsPageUrl`) goes upstream as this makes it. */
  readonly cleanUrl?: (url: string) => string;
  /** Only these content codings stay in Accept-Encoding. */
  readonly codings?: readonly string[];
  /** If-* and Range go, so that the whole page comes back. */
  readonly dropConditions?: boolean;
  /** Where the body is edited on its way. */
  readonly body?: BodyFraming;
  /** Flat list of fields to add, such as Transid-Client. */
  readonly add?: readonly string[];
}

export interface UpstreamSettings {
  /** `host[:port]` of the upstream, for Host when the client's is not kept. */
  readonly authority: string;
  readonly preserveHost: boolean;
  /** Our pseudonym in Via. */
  readonly viaName: string;
}

declare const built: unique symbol;

/** Only `buildUpstreamRequest` makes one. */
export interface UpstreamRequest {
  readonly [built]: true;
  readonly method: string;
  readonly target: string;
  /** Flat list; holds exactly one Connection field and at most one framing field, at its end. */
  readonly fields: readonly string[];
  readonly body: BodyFraming;
  readonly upgrade: 'websocket' | null;
  /** Servers of Windows hold what NTLM and Negotiate (RFC 4559) prove for proven of all that follows on the connection. */
  readonly signsInConnection: boolean;
}

/**
 * What becomes of a field. Absent from the table: it goes upstream as it is.
 * drop: never goes. ours: written below. trusted: goes only when the peer is a trusted proxy. condition: see edits.
 */
type Fate =
  | 'drop'
  | 'ours'
  | 'trusted'
  | 'condition'
  | 'cookie'
  | 'referer'
  | 'origin'
  | 'accept-encoding'
  | 'authorization'
  | 'via'
  | 'page-url'
  | 'page-urls';

const FATES: ReadonlyMap<string, Fate> = new Map<string, Fate>([
  ['connection', 'ours'],
  ['keep-alive', 'drop'],
  ['proxy-connection', 'drop'],
  ['proxy-authorization', 'drop'],
  ['proxy-authenticate', 'drop'],
  ['te', 'ours'],
  ['trailer', 'drop'],
  ['transfer-encoding', 'ours'],
  ['content-length', 'ours'],
  ['upgrade', 'ours'],
  ['http2-settings', 'drop'],
  // Answered here: a gateway speaks for the origin (RFC 9110 §10.1.1).
  ['expect', 'drop'],
  ['host', 'ours'],
  ['max-forwards', 'ours'],
  ['via', 'via'],
  // httpoxy: CGI turns it into HTTP_PROXY.
  ['proxy', 'drop'],
  // Override the path in IIS, Symfony, Zend.
  ['x-original-url', 'drop'],
  ['x-rewrite-url', 'drop'],
  // What they say is cut off the path, by gunicorn and by a middleware that many a Flask application has.
  ['script_name', 'trusted'],
  ['script-name', 'trusted'],
  ['x-script-name', 'trusted'],
  ['forwarded', 'ours'],
  ['x-forwarded-for', 'ours'],
  ['x-forwarded-proto', 'ours'],
  ['x-forwarded-host', 'ours'],
  ['x-real-ip', 'trusted'],
  ['x-client-ip', 'trusted'],
  ['x-cluster-client-ip', 'trusted'],
  ['true-client-ip', 'trusted'],
  ['cf-connecting-ip', 'trusted'],
  ['fastly-client-ip', 'trusted'],
  ['front-end-https', 'trusted'],
  ['cookie', 'cookie'],
  ['referer', 'referer'],
  // Scripts of htmx, Turbolinks (of its first versions, too) and PJAX: the URL of the page, or of the request itself.
  ['hx-current-url', 'page-url'],
  ['turbolinks-referrer', 'page-url'],
  ['x-xhr-referer', 'page-url'],
  ['x-pjax-url', 'page-url'],
  // Of browsers, when a link with `ping` is followed (HTML §4.6.6): the URLs of its page and of where it leads.
  ['ping-from', 'page-url'],
  ['ping-to', 'page-url'],
  // Of WebDAV (RFC 4918 §10.3): where a copy goes.
  ['destination', 'page-url'],
  // And of what it has locked (§10.4): `<URL> (<token> ["etag"])`, any number of them.
  ['if', 'page-urls'],
  // Of proxies in front, as an ingress of Kubernetes writes it.
  ['x-original-uri', 'page-url'],
  ['origin', 'origin'],
  ['accept-encoding', 'accept-encoding'],
  ['authorization', 'authorization'],
  ['range', 'condition'],
  ['if-range', 'condition'],
  ['if-match', 'condition'],
  ['if-none-match', 'condition'],
  ['if-modified-since', 'condition'],
  ['if-unmodified-since', 'condition'],
]);

/** Fields that `Connection` of a client cannot make us drop: taking them away would change what the request means. */
const NOT_NAMEABLE: ReadonlySet<string> = new Set([
  ...['cookie', 'referer', 'origin', 'authorization', 'accept-encoding', 'cache-control', 'content-type', 'via'],
  ...['content-encoding', 'user-agent', 'close', 'upgrade', 'sec-websocket-key', 'sec-websocket-version'],
]);

/** Schemes whose credentials a server may take for those of the connection. */
const OF_CONNECTIONS = /^(?:ntlm|negotiate)\b/i;

/** Methods for which Node's client assumes no body; the others get a length of their own when they have none. */
const BODYLESS_BY_DEFAULT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE']);

const NOTHING: ReadonlySet<string> = new Set();

/** Never throws: the head was checked before, and every edit is of our own making. */
export function buildUpstreamRequest(
  head: ClientHead,
  edits: RequestEdits,
  settings: UpstreamSettings,
): UpstreamRequest {
  const named = namedByConnection(head.fields);
  const fields: string[] = ['Host', settings.preserveHost && head.host !== null ? head.host : settings.authority];
  let cookie: string | null = edits.cookie ?? null;
  let via = '';
  let maxForwards: string | null = null;
  let takesTrailers = false;
  let signsInConnection = false;

  for (let i = 0; i < head.fields.length; i += 2) {
    const name = head.fields[i] as string;
    const value = head.fields[i + 1] as string;
    const lower = name.toLowerCase();
    const fate = FATES.get(lower);
    if (fate === undefined) {
      if (named.has(lower) && !NOT_NAMEABLE.has(lower)) continue;
      if (isReserved(lower)) continue;
      const isForwarded = isOtherForwarded(lower);
      if (isForwarded && !head.client.passesXForwarded) continue;
      // X-Forwarded-Uri and its like hold the request's own URL, with the SID in it.
      fields.push(name, isForwarded && edits.cleanUrl !== undefined ? edits.cleanUrl(value) : value);
      continue;
    }
    switch (fate) {
      case 'drop':
        break;
      case 'ours':
        if (lower === 'max-forwards') maxForwards = value;
        else if (lower === 'te') takesTrailers = /(?:^|,)[ \t]*trailers[ \t]*(?:,|$)/i.test(value);
        break;
      case 'trusted':
        if (head.client.isPeerTrusted && !named.has(lower)) fields.push(name, value);
        break;
      case 'condition':
        if (edits.dropConditions !== true) fields.push(name, value);
        break;
      case 'cookie':
        // One Cookie field: RFC 9113 §8.2.3 joins crumbs in this way.
        if (edits.cookie === undefined) cookie = cookie === null ? value : `${cookie}; ${value}`;
        break;
      case 'referer':
      case 'origin':
        if (edits[fate] === undefined) fields.push(name, value);
        break;
      case 'accept-encoding':
        fields.push(name, edits.codings === undefined ? value : keepCodings(value, edits.codings));
        break;
      case 'authorization':
        signsInConnection ||= OF_CONNECTIONS.test(value);
        fields.push(name, value);
        break;
      case 'page-url':
        fields.push(name, edits.cleanUrl === undefined ? value : edits.cleanUrl(value));
        break;
      case 'page-urls':
        fields.push(name, edits.cleanUrl === undefined ? value : mapBracketed(value, edits.cleanUrl));
        break;
      case 'via':
        via = via === '' ? value : `${via}, ${value}`;
        break;
    }
  }

  if (cookie !== null && cookie !== '') fields.push('Cookie', cookie);
  if (typeof edits.referer === 'string') fields.push('Referer', edits.referer);
  if (typeof edits.origin === 'string') fields.push('Origin', edits.origin);
  if (edits.add !== undefined) fields.push(...edits.add);
  pushForwarded(fields, head.client);
  const received = `${head.version} ${settings.viaName}`;
  fields.push('Via', via === '' ? received : `${via}, ${received}`);
  if (maxForwards !== null) pushMaxForwards(fields, head.method, maxForwards);
  const body = edits.body ?? head.body;
  pushHop(fields, head, body, takesTrailers);
  const request = { method: head.method, target: edits.target, fields, body, upgrade: head.upgrade, signsInConnection };
  // The brand exists for the compiler only: it says that this function made the object.
  return request as unknown as UpstreamRequest;
}

/** A client's trailers, of a flat list: where an upstream merges them into the head they must not say more than its fields may. */
export function trailersOfClient(raw: readonly string[]): string[] {
  const kept: string[] = [];
  const passed = keepTrailers(raw);
  for (let i = 0; i < passed.length; i += 2) {
    const name = passed[i] as string;
    const lower = name.toLowerCase();
    if (!FATES.has(lower) && !isReserved(lower)) kept.push(name, passed[i + 1] as string);
  }
  return kept;
}

function mapBracketed(value: string, edit: (url: string) => string): string {
  return value.replace(/<([^<>]*)>/g, (_, url: string) => `<${edit(url)}>`);
}

function isPageUrl(fate: Fate | undefined): boolean {
  return fate === 'page-url' || fate === 'page-urls';
}

/** Of the names of such fields. */
const PAGE_URL_LENGTHS: ReadonlySet<number> = new Set(
  [...FATES].flatMap(([name, fate]) => (isPageUrl(fate) ? [name.length] : [])),
);

/** Does a field tell the URL of a page, as the Referer does, or may it? */
export function sendsPageUrl({ fields, client }: Pick<ClientHead, 'fields' | 'client'>): boolean {
  for (let i = 0; i < fields.length; i += 2) {
    const { length } = fields[i] as string;
    if (!PAGE_URL_LENGTHS.has(length) && !client.passesXForwarded) continue;
    const lower = (fields[i] as string).toLowerCase();
    if (isPageUrl(FATES.get(lower)) || isOtherForwarded(lower)) return true;
  }
  return false;
}

/** Does a proxy say in these fields that it stands between the client and us? */
export function tellOfProxies(fields: readonly string[]): boolean {
  for (let i = 0; i < fields.length; i += 2) {
    const lower = (fields[i] as string).toLowerCase();
    if (lower === 'forwarded' || lower.startsWith('x-forwarded-')) return true;
    const fate = FATES.get(lower);
    if (fate === 'trusted' || fate === 'via') return true;
  }
  return false;
}

/**
 * What trusted proxies say besides the fields that are made anew: X-Forwarded-Port and -Prefix, a user whom they let in
 * (oauth2-proxy's X-Forwarded-User, -Email, -Access-Token), a client's certificate (Traefik).
 */
function isOtherForwarded(lower: string): boolean {
  return lower.startsWith('x-forwarded-') && !FATES.has(lower) && !ODD_IN_NAME.test(lower);
}

/** Lower-case names in the client's Connection fields. */
function namedByConnection(fields: readonly string[]): ReadonlySet<string> {
  let named: Set<string> | null = null;
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    if (name.length !== 10 || name.toLowerCase() !== 'connection') continue;
    const value = (fields[i + 1] as string).toLowerCase();
    if (value === 'keep-alive' || value === 'close') continue;
    named ??= new Set();
    for (const option of value.split(',')) named.add(option.trim());
  }
  return named ?? NOTHING;
}

/**
 * Names that only we may use, and spellings that a CGI-like upstream cannot tell from a field with a fate of its own:
 * `Content_Length` becomes CONTENT_LENGTH as Content-Length does, and so does `Content.Length` in PHP's own server, `Content!Length`
 * in lighttpd.
 */
function isReserved(lower: string): boolean {
  if (lower.startsWith('transid-')) return true;
  return ODD_IN_NAME.test(lower) && isReservedSpelling(lower.replace(/[^a-z0-9]/g, '-'));
}

const ODD_IN_NAME = /[^a-z0-9-]/;

function isReservedSpelling(dashed: string): boolean {
  return FATES.has(dashed) || dashed.startsWith('transid-') || dashed.startsWith('x-forwarded-');
}

/** `gzip;q=1, zstd, *` with [gzip, br] → `gzip;q=1`; nothing left: `identity`. RFC 9110 §12.5.3. */
function keepCodings(value: string, codings: readonly string[]): string {
  const kept = value
    .split(',')
    .map((item) => item.trim())
    .filter((item) => {
      const coding = (item.split(';', 1)[0] as string).trim().toLowerCase();
      return coding === 'identity' || codings.includes(coding);
    });
  return kept.length === 0 ? 'identity' : kept.join(', ');
}

function pushForwarded(fields: string[], client: ForwardedClient): void {
  fields.push('X-Forwarded-For', client.forwardedFor, 'X-Forwarded-Proto', client.scheme);
  if (client.host !== null) fields.push('X-Forwarded-Host', client.host);
  if (client.forwarded !== null) fields.push('Forwarded', client.forwarded);
}

/** RFC 9110 §7.6.2: counted down for OPTIONS, and no business of other methods. Zero never comes here. */
function pushMaxForwards(fields: string[], method: string, value: string): void {
  if (method !== 'OPTIONS') fields.push('Max-Forwards', value);
  else if (/^\d{1,9}$/.test(value)) fields.push('Max-Forwards', String(Math.max(0, Number(value) - 1)));
}

/** Connection and the one framing field. Last, because Node recodes a Content-Disposition that follows a length. */
function pushHop(fields: string[], head: ClientHead, body: BodyFraming, takesTrailers: boolean): void {
  if (head.upgrade !== null) {
    fields.push('Connection', 'Upgrade', 'Upgrade', head.upgrade);
    return;
  }
  if (takesTrailers) fields.push('TE', 'trailers', 'Connection', 'keep-alive, TE');
  else fields.push('Connection', 'keep-alive');
  if (body === 'chunked') fields.push('Transfer-Encoding', 'chunked');
  else if (body !== 'none') fields.push('Content-Length', String(body));
  else if (!BODYLESS_BY_DEFAULT.has(head.method)) fields.push('Content-Length', '0');
}
