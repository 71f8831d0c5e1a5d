/**
 * A small user agent for end-to-end tests: raw node:http requests, pages read with parse5, redirects followed.
 *
 * With `cookies: false` it never sends a Cookie field, whatever it is given. It only ever talks to one loopback port,
 * and refuses to follow a URL of another origin: a test that leaves the site by mistake fails. It shares no code with
 * the product, nor with the simulator.
 */
import { Agent, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib';
import type { DefaultTreeAdapterTypes as Tree } from 'parse5';
import { attribute, baseUrl, elements, parsePage, textOf } from './page-tree.ts';

export interface ClientOptions {
  /** What the client believes to be visiting, e.g. `http://shop.test`; sent as Host. */
  readonly origin: string;
  /** The loopback port that it connects to. */
  readonly port: number;
  /** Whether it keeps and sends cookies. */
  readonly cookies: boolean;
  /** Fields of each request. */
  readonly fields?: Readonly<Record<string, string>>;
}

/** One request and its answer, as they were on the wire. */
export interface Exchange {
  readonly method: string;
  /** Absolute, with the query. */
  readonly url: string;
  readonly requestFields: Readonly<Record<string, string>>;
  readonly status: number;
  /** The reason phrase. */
  readonly reason: string;
  readonly fields: IncomingHttpHeaders;
  /** Names and values in turn, as they came. */
  readonly rawFields: readonly string[];
  /** As it came, still coded if it was. */
  readonly body: Buffer;
}

export interface Page extends Exchange {
  /** The body as text, content coding undone. */
  readonly text: string;
  readonly document: Tree.Document;
  /** What `a`, `area`, `frame` and `iframe` elements lead to, as they stand (character references resolved). */
  readonly links: readonly Link[];
  readonly forms: readonly Form[];
  /** The text of the element with this id, null when there is none. */
  byId(id: string): string | null;
}

export interface Link {
  readonly element: string;
  readonly text: string;
  readonly reference: string;
  /** Null for what is no URL. */
  readonly url: string | null;
}

export interface Form {
  readonly method: string;
  readonly enctype: string;
  readonly url: string;
  /** Successful controls in tree order, submit buttons left out. */
  readonly controls: ReadonlyArray<readonly [name: string, value: string]>;
  readonly buttons: readonly Button[];
}

interface Button {
  readonly label: string;
  readonly name: string;
  readonly value: string;
  /** From `formaction`, null without one. */
  readonly url: string | null;
}

export interface SubmitOptions {
  readonly values?: Readonly<Record<string, string>>;
  /** The label of the button that is pressed; its name and value are sent. None: submitted by the Enter key. */
  readonly button?: string;
  /** For multipart forms: field name → content. */
  readonly files?: Readonly<Record<string, Buffer>>;
}

const MAX_REDIRECTS = 10;
const TIMEOUT_MS = 20_000;

/** A user agent with an empty history and, if it takes cookies at all, an empty jar. */
export class PageClient {
  /** Every exchange so far, redirects included. */
  readonly exchanges: Exchange[] = [];
  readonly #options: ClientOptions;
  readonly #jar = new Map<string, string>();
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 4 });

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  /** The names of the cookies held; always empty for a client that takes none. */
  get cookieNames(): string[] {
    return [...this.#jar.keys()];
  }

  /** Load a page by its address, as typed. */
  get(url: string): Promise<Page> {
    return this.navigate('GET', new URL(url, this.#options.origin).href, null, null);
  }

  /** Follow the first link whose reference, text or address matches. Throws when the page has none. */
  follow(page: Page, wanted: string | RegExp): Promise<Page> {
    const matches = (text: string | null) =>
      text !== null && (typeof wanted === 'string' ? text === wanted : wanted.test(text));
    const link = page.links.find((one) => matches(one.text) || matches(one.reference));
    if (link?.url == null) throw new Error(`no link ${wanted} on ${page.url}:\n${page.text}`);
    return this.navigate('GET', link.url, page.url, null);
  }

  /** Submit the form whose action's path ends in `wanted` (or by its number). Throws when the page has none. */
  submit(page: Page, wanted: string | number, options: SubmitOptions = {}): Promise<Page> {
    const form =
      typeof wanted === 'number'
        ? page.forms[wanted]
        : page.forms.find((one) => new URL(one.url).pathname.endsWith(wanted));
    if (form === undefined) throw new Error(`no form ${wanted} on ${page.url}:\n${page.text}`);
    const button = options.button === undefined ? null : form.buttons.find((one) => one.label === options.button);
    if (button === undefined) throw new Error(`no button ${options.button} on ${page.url}`);
    const data: [string, string][] = form.controls.map(([name, value]) => [name, options.values?.[name] ?? value]);
    for (const name of Object.keys(options.values ?? {})) {
      if (!form.controls.some((one) => one[0] === name)) throw new Error(`no control ${name} on ${page.url}`);
    }
    if (button?.name) data.push([button.name, button.value]);
    const url = button?.url ?? form.url;
    if (form.method !== 'post') {
      const target = new URL(url);
      target.search = new URLSearchParams(data).toString();
      return this.navigate('GET', target.href, page.url, null);
    }
    const multipart = form.enctype === 'multipart/form-data';
    const body = multipart ? multipartBody(data, options.files ?? {}) : urlencodedBody(data);
    return this.navigate('POST', url, page.url, body);
  }

  /** One request without following anything. `fields` win over the client's own. */
  exchange(
    method: string,
    url: string,
    body: Body | null = null,
    fields: Record<string, string> = {},
  ): Promise<Exchange> {
    const { origin, pathname, search } = new URL(url, this.#options.origin);
    if (origin !== this.#options.origin) throw new Error(`${url} leaves ${this.#options.origin}`);
    return this.#send(method, pathname + search, body, fields);
  }

  /** One request with `target` byte for byte, which no URL parser has tidied: GET, or POST with a body. */
  raw(target: string, fields: Record<string, string> = {}, body?: string): Promise<Exchange> {
    if (body === undefined) return this.#send('GET', target, null, fields);
    return this.#send('POST', target, { type: 'application/x-www-form-urlencoded', bytes: Buffer.from(body) }, fields);
  }

  async #send(method: string, path: string, body: Body | null, fields: Record<string, string>): Promise<Exchange> {
    const { origin, port } = this.#options;
    const { host } = new URL(origin);
    const requestFields: Record<string, string> = {
      host,
      accept: 'text/html',
      'user-agent': 'page-client',
      ...this.#options.fields,
    };
    if (this.#options.cookies && this.#jar.size > 0)
      requestFields['cookie'] = [...this.#jar].map((pair) => pair.join('=')).join('; ');
    if (body !== null)
      Object.assign(requestFields, { 'content-type': body.type, 'content-length': String(body.bytes.length) });
    Object.assign(requestFields, fields);
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const outgoing = request(
        { agent: this.#agent, host: '127.0.0.1', port, method, path, headers: requestFields },
        resolve,
      );
      outgoing.setTimeout(TIMEOUT_MS, () =>
        outgoing.destroy(new Error(`${method} ${path}: no answer in ${TIMEOUT_MS} ms`)),
      );
      outgoing.once('error', reject);
      outgoing.end(body?.bytes);
    });
    const chunks: Buffer[] = [];
    for await (const chunk of answer as AsyncIterable<Buffer>) chunks.push(chunk);
    const { statusCode: status = 0, statusMessage: reason = '', headers, rawHeaders: rawFields } = answer;
    const done: Exchange = {
      method,
      url: `${origin}${path}`,
      requestFields,
      status,
      reason,
      fields: headers,
      rawFields,
      body: Buffer.concat(chunks),
    };
    this.exchanges.push(done);
    if (this.#options.cookies) this.#keepCookies(headers['set-cookie'] ?? []);
    return done;
  }

  close(): void {
    this.#agent.destroy();
  }

  /** Load a page and follow its redirects (302 and 303 by GET, 307 and 308 with the same method and body). */
  private async navigate(method: string, url: string, referer: string | null, body: Body | null): Promise<Page> {
    let now = { method, url, body };
    for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
      const fields: Record<string, string> = referer === null ? {} : { referer: referer.replace(/#.*/, '') };
      const done = await this.exchange(now.method, now.url, now.body, fields);
      const { location } = done.fields;
      if (![301, 302, 303, 307, 308].includes(done.status) || location === undefined) return readPage(done);
      const isKept = done.status === 307 || done.status === 308;
      const next = new URL(location, now.url).href;
      now = isKept ? { ...now, url: next } : { method: 'GET', url: next, body: null };
    }
    throw new Error(`more than ${MAX_REDIRECTS} redirects from ${url}, the last to ${now.url}`);
  }

  #keepCookies(setCookies: readonly string[]): void {
    for (const field of setCookies) {
      const [pair = '', ...attributes] = field.split(';');
      const name = pair.slice(0, pair.indexOf('=')).trim();
      const isGone = attributes.some((one) => {
        const [key = '', value = ''] = one.trim().split('=');
        if (key.toLowerCase() === 'max-age') return Number(value) <= 0;
        return key.toLowerCase() === 'expires' && Date.parse(value) < Date.now();
      });
      if (isGone) this.#jar.delete(name);
      else this.#jar.set(name, pair.slice(pair.indexOf('=') + 1).trim());
    }
  }
}

interface Body {
  readonly type: string;
  readonly bytes: Buffer;
}

function urlencodedBody(data: [string, string][]): Body {
  return { type: 'application/x-www-form-urlencoded', bytes: Buffer.from(new URLSearchParams(data).toString()) };
}

function multipartBody(data: [string, string][], files: Readonly<Record<string, Buffer>>): Body {
  const boundary = '----page-client-7f3a9c';
  const parts: Buffer[] = [];
  for (const [name, value] of data) {
    if (name in files) continue;
    parts.push(Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`));
  }
  for (const [name, content] of Object.entries(files)) {
    const head = `Content-Disposition: form-data; name="${name}"; filename="${name}.bin"\r\nContent-Type: application/octet-stream`;
    parts.push(Buffer.from(`--${boundary}\r\n${head}\r\n\r\n`), content, Buffer.from('\r\n'));
  }
  parts.push(Buffer.from(`--${boundary}--\r\n`));
  return { type: `multipart/form-data; boundary=${boundary}`, bytes: Buffer.concat(parts) };
}

/** The body with its content coding undone. Throws for a coding that the tests do not use. */
export function decoded({ fields, body }: Exchange): Buffer {
  switch (fields['content-encoding'] ?? 'identity') {
    case 'identity':
      return body;
    case 'gzip':
      return gunzipSync(body);
    case 'deflate':
      return inflateSync(body);
    case 'br':
      return brotliDecompressSync(body);
    default:
      throw new Error(`unexpected content coding ${fields['content-encoding']}`);
  }
}

function readPage(exchange: Exchange): Page {
  const text = decoded(exchange).toString('utf8');
  const isHtml = (exchange.fields['content-type'] ?? '').startsWith('text/html');
  const document = parsePage(isHtml ? text : '');
  const base = baseUrl(document, exchange.url);
  const all = [...elements(document)];
  return {
    ...exchange,
    text,
    document,
    links: all.flatMap((element) => readLink(element, base)),
    forms: all.filter((element) => element.tagName === 'form').map((element) => readForm(element, base, exchange.url)),
    byId: (id) => {
      const found = all.find((element) => attribute(element, 'id') === id);
      return found === undefined ? null : textOf(found);
    },
  };
}

function readLink(element: Tree.Element, base: string): Link[] {
  const name = { a: 'href', area: 'href', frame: 'src', iframe: 'src' }[element.tagName];
  const reference = name === undefined ? null : attribute(element, name);
  if (reference === null) return [];
  const url = URL.canParse(reference, base) ? new URL(reference, base).href : null;
  return [{ element: element.tagName, text: textOf(element).trim(), reference, url }];
}

function readForm(form: Tree.Element, base: string, pageUrl: string): Form {
  const controls: [string, string][] = [];
  const buttons: Button[] = [];
  const address = (reference: string) => new URL(reference, reference.trim() === '' ? pageUrl : base).href;
  for (const control of elements(form)) {
    const name = attribute(control, 'name') ?? '';
    const type = (attribute(control, 'type') ?? (control.tagName === 'button' ? 'submit' : 'text')).toLowerCase();
    const value = attribute(control, 'value') ?? '';
    if ((control.tagName === 'input' && type === 'submit') || (control.tagName === 'button' && type === 'submit')) {
      const action = attribute(control, 'formaction');
      const label = control.tagName === 'button' ? textOf(control).trim() : value;
      buttons.push({ label, name, value, url: action === null ? null : address(action) });
    } else if (name === '') {
    } else if (
      control.tagName === 'input' &&
      (!/^(checkbox|radio)$/.test(type) || attribute(control, 'checked') !== null)
    ) {
      controls.push([name, value]);
    } else if (control.tagName === 'textarea') {
      controls.push([name, textOf(control)]);
    } else if (control.tagName === 'select') {
      const options = [...elements(control)].filter((one) => one.tagName === 'option');
      const chosen = options.find((one) => attribute(one, 'selected') !== null) ?? options[0];
      if (chosen !== undefined) controls.push([name, attribute(chosen, 'value') ?? textOf(chosen)]);
    }
  }
  return {
    method: (attribute(form, 'method') ?? 'get').toLowerCase(),
    enctype: (attribute(form, 'enctype') ?? '').toLowerCase(),
    url: address(attribute(form, 'action') ?? ''),
    controls,
    buttons,
  };
}
