/**
 * A live tab or frame of the browser: what a person can do with the page that it shows.
 *
 * `follow` and `submit` navigate, so that the same object shows the next page afterwards; both return the tab that
 * shows the result, which is another one where `target` says so. Scripts never run.
 */
import { chooseButton, chooseForm, type Fields, type FieldValue, fillIn, findControls } from './controls.ts';
import { SimulatorError, suggest } from './fault.ts';
import { buildSubmission, buttonLabel, type FileValue, type FormState, isSubmitButton } from './form.ts';
import { chooseLink, type LinkTarget } from './links.ts';
import type { Initiator, Navigation, Snapshot } from './navigate.ts';
import { attribute, type Element, type Link, type ParsedPage, parsePage } from './page.ts';
import { asPolicy } from './referrer.ts';
import { parseRefresh } from './refresh.ts';
import { compileSelector } from './select.ts';

export interface SubmitChoice {
  /** Selector, `name` or `id`; needed only when several forms have the same fields. */
  readonly form?: string;
  /** Label, `name`, `id`, value or selector; the default button otherwise. */
  readonly button?: string;
  /** Where an image button is clicked, in pixels; `[0, 0]` by default. */
  readonly clickAt?: readonly [x: number, y: number];
  /** For tests that compare bytes; random otherwise. */
  readonly boundary?: string;
}

/** A part of a page, loaded as an element or a script of the page would load it. */
export interface PartRequest {
  /** `image` by default. */
  readonly as?: 'image' | 'script' | 'style' | 'fetch';
  /** For `fetch`; GET by default. */
  readonly method?: string;
  readonly body?: string;
  readonly contentType?: string;
}

export interface Part {
  readonly url: string;
  readonly status: number;
  readonly fields: Headers;
  readonly requestFields: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly text: string;
  readonly redirects: Snapshot['redirects'];
}

/** A navigation as it is known from outside: used to walk a site without keeping its pages open. */
export interface Visit {
  readonly url: string;
  readonly cause: 'open' | 'link' | 'form' | 'script' | 'frame' | 'refresh';
  /** Null: from the address bar. */
  readonly initiator: Initiator | null;
}

/** A form as a list for people and tests. */
export interface FormSummary {
  readonly element: Element;
  readonly method: string;
  /** Resolved; the page's own URL for an empty action. */
  readonly url: string | null;
  readonly fields: readonly string[];
  readonly buttons: readonly string[];
}

/** What the tab needs of the browser around it. */
export interface TabHost {
  readonly loadFrames: boolean;
  readonly maxRedirects: number;
  /** A refresh after more seconds is left to `follow`. */
  readonly maxRefreshSeconds: number;
  navigate(navigation: Navigation): Promise<Snapshot>;
  newTab(name: string): Page;
  /** A tab opened earlier under this name. */
  tabNamed(name: string): Page | null;
}

interface Entry {
  readonly snapshot: Snapshot;
  /** The snapshot's URL but for the fragment. */
  readonly url: string;
  readonly frames: readonly Page[];
}

/** Frames in frames: sites that nest deeper are loops. */
const MAX_FRAME_DEPTH = 5;
const MAX_FRAMES_PER_PAGE = 50;

export class Page {
  readonly name: string;
  readonly parent: Page | null;
  readonly #host: TabHost;
  readonly #kind: 'document' | 'iframe' | 'frame';
  #entries: Entry[] = [];
  #at = -1;
  #state: FormState = new Map();
  #pending: Record<string, FieldValue> = {};
  #loadsFrames = true;

  constructor(host: TabHost, options: { name: string; parent: Page | null; kind: 'document' | 'iframe' | 'frame' }) {
    this.#host = host;
    this.name = options.name;
    this.parent = options.parent;
    this.#kind = options.kind;
  }

  // -- what it shows -------------------------------------------------------------------------------------------------

  get url(): string {
    return this.#entry.url;
  }

  get status(): number {
    return this.#entry.snapshot.status;
  }

  /** Response fields. */
  get fields(): Headers {
    return this.#entry.snapshot.fields;
  }

  /** As they were sent with the last request of the navigation; names in lower case. */
  get requestFields(): Readonly<Record<string, string>> {
    return this.#entry.snapshot.requestFields;
  }

  /** Content codings undone. */
  get body(): Buffer {
    return this.#entry.snapshot.body;
  }

  /** The body as text, in the charset of the page. */
  get html(): string {
    return this.#entry.snapshot.html;
  }

  get charset(): string {
    return this.#entry.snapshot.charset;
  }

  get title(): string {
    return this.document.title;
  }

  /** What a person reads: white space collapsed, blocks on lines of their own. A body that is no page: all of it. */
  get text(): string {
    const { page, html } = this.#entry.snapshot;
    return page.root.childNodes.length === 0 || (page.text === '' && !html.includes('<')) ? html : page.text;
  }

  get redirects(): Snapshot['redirects'] {
    return this.#entry.snapshot.redirects;
  }

  get document(): ParsedPage {
    return this.#entry.snapshot.page;
  }

  get snapshot(): Snapshot {
    return this.#entry.snapshot;
  }

  get links(): readonly Link[] {
    return this.document.links;
  }

  get forms(): readonly FormSummary[] {
    return this.document.forms.map((form) => summary(this.document, form, this.url));
  }

  /** The frames of the document, loaded; a frame that could not be loaded is not among them. */
  get frames(): readonly Page[] {
    return this.#entry.frames;
  }

  get top(): Page {
    return this.parent?.top ?? this;
  }

  has(selector: string): boolean {
    return this.find(selector) !== null;
  }

  find(selector: string): Element | null {
    return this.findAll(selector)[0] ?? null;
  }

  findAll(selector: string): Element[] {
    const test = compileSelector(selector);
    return [...this.document.elements()].filter((element) => test(element));
  }

  attribute(selector: string, name: string): string | null {
    const element = this.find(selector);
    return element === null ? null : attribute(element, name);
  }

  /** @throws SimulatorError NO_FRAME with the nearest names. */
  frame(name: string): Page {
    const found = this.#named(name);
    if (found !== null && found !== this) return found;
    throw new SimulatorError(
      'NO_FRAME',
      `no frame '${name}'${suggest(
        name,
        this.frames.map((frame) => frame.name),
      )}`,
    );
  }

  // -- what a person does --------------------------------------------------------------------------------------------

  /** The link that `follow` would take. @throws SimulatorError NO_LINK or AMBIGUOUS, with the nearest candidates. */
  link(target: LinkTarget): Link {
    return chooseLink(this.links, typeof target === 'string' ? { text: target } : target);
  }

  /** Click a link: by its text (whole, else a part that only one has), selector or `href`; frames are searched last. */
  async follow(target: LinkTarget): Promise<Page> {
    const holder = this.#holderOf(target);
    if (holder !== this) return await holder.follow(target);
    const link = this.link(target);
    if (link.url === null) throw new SimulatorError('BAD_URL', `link '${link.text}': '${link.href}' is no URL`);
    if (!/^https?:/.test(link.url)) {
      throw new SimulatorError(
        'BAD_URL',
        `link '${link.text}' is '${new URL(link.url).protocol}': a browser without scripts loads nothing`,
      );
    }
    const isSilent = /(?:^|\s)noreferrer(?:\s|$)/.test(link.rel);
    const initiator = this.#initiator(isSilent ? 'no-referrer' : attribute(link.element, 'referrerpolicy'));
    const tab = this.#targetTab(link.target);
    await tab.#load({ ...tab.#bare(link.url), cause: 'link', initiator });
    return tab;
  }

  /** Fill in fields; kept until the next `submit`. */
  fill(fields: Fields): this {
    const form = chooseForm(this.document, { ...this.#pending, ...fields }, {});
    fillIn(this.document, form, this.#state, fields);
    Object.assign(this.#pending, fields);
    return this;
  }

  /** Choose a file for a file field; kept until the next `submit`. */
  upload(name: string, file: FileValue): this {
    return this.fill({ [name]: file });
  }

  /**
   * Fill in and submit a form. The form is the one that has these fields (or is named); the button its default one.
   * A form that sends nothing (`method=dialog`, a `javascript:` action) leaves the page as it is.
   */
  async submit(fields: Fields = {}, choice: SubmitChoice = {}): Promise<Page> {
    const all = { ...this.#pending, ...fields };
    const form = chooseForm(this.document, all, choice);
    this.#state = fillIn(this.document, form, this.#state, all);
    this.#pending = {};
    const button = chooseButton(this.document, form, choice.button);
    const submission = buildSubmission(this.document, form, button, this.#state, {
      charset: this.charset,
      ...(choice.clickAt === undefined ? {} : { clickAt: choice.clickAt }),
      ...(choice.boundary === undefined ? {} : { boundary: choice.boundary }),
    });
    if (submission === null) return this;
    const { method, url, body, contentType, noReferrer, target } = submission;
    const tab = this.#targetTab(target);
    await tab.#load({
      ...tab.#bare(url),
      cause: 'form',
      method,
      body,
      contentType,
      initiator: this.#initiator(noReferrer ? 'no-referrer' : null),
    });
    return tab;
  }

  /** Type a URL into the address bar of this tab: no Referer. */
  async open(url: string): Promise<Page> {
    const target = /^[a-z][a-z0-9+.-]*:\/\//i.test(url) ? url : `http://${url}`;
    if (!URL.canParse(target) || !/^https?:/.test(target))
      throw new SimulatorError('BAD_URL', `'${url}' is no http(s) URL`);
    await this.#load({ ...this.#bare(new URL(target).href), cause: 'open' });
    return this;
  }

  /** Come here from another document, named by its URL and referrer policy. Frames of the page are not loaded. */
  async visit({ url, cause, initiator }: Visit): Promise<Page> {
    this.#loadsFrames = false;
    await this.#load({ ...this.#bare(url), cause, initiator });
    return this;
  }

  /** Go where a script of the page would (`location = href`): resolved as the page resolves, with its Referer. */
  async go(href: string): Promise<Page> {
    const url = this.document.resolve(href);
    if (url === null || !/^https?:/.test(url)) throw new SimulatorError('BAD_URL', `'${href}' is no http(s) URL here`);
    await this.#load({ ...this.#bare(url), cause: 'script', initiator: this.#initiator(null) });
    return this;
  }

  /**
   * Load an image, script or style sheet of the page, or fetch something as a script of it would: with the page's
   * Referer and the cookies of this browser. The page stays as it is. (Cross-origin resource sharing is not enforced.)
   */
  async load(href: string, part: PartRequest = {}): Promise<Part> {
    const url = this.document.resolve(href);
    if (url === null || !/^https?:/.test(url)) throw new SimulatorError('BAD_URL', `'${href}' is no http(s) URL here`);
    const { as = 'image', method = 'GET', body, contentType } = part;
    const snapshot = await this.#host.navigate({
      ...this.#bare(url),
      cause: 'part',
      dest: as === 'fetch' ? 'empty' : as,
      method: method.toUpperCase(),
      body: body === undefined ? null : Buffer.from(body),
      contentType: contentType ?? (body === undefined ? null : 'text/plain;charset=UTF-8'),
      initiator: this.#initiator(null),
      // The document itself stands around its parts.
      ancestors: [this.#initiator(null).url, ...this.#bare(url).ancestors],
    });
    const { status, fields, requestFields, html, redirects } = snapshot;
    return { url: snapshot.url, status, fields, requestFields, body: snapshot.body, text: html, redirects };
  }

  async reload(): Promise<Page> {
    await this.#again(true);
    return this;
  }

  /** The page before; fetched again when it said `no-store`, else shown as it was. */
  async back(): Promise<Page> {
    return await this.#move(-1);
  }

  async forward(): Promise<Page> {
    return await this.#move(1);
  }

  /** @internal Show a `srcdoc` document: no request of its own, the URL and base of its parent. */
  async show(html: string, parent: Snapshot): Promise<void> {
    const page = parsePage(html, { url: 'about:srcdoc', scripting: false, baseUrl: parent.page.baseUrl });
    await this.#arrive(
      { ...parent, url: 'about:srcdoc', html, body: Buffer.from(html), page, redirects: [], setCookies: [] },
      false,
    );
  }

  /** @internal The first load of a frame. */
  async loadFrame(url: string, initiator: Initiator): Promise<void> {
    await this.#load({ ...this.#bare(url), cause: 'frame', initiator });
  }

  // -- how it is done ------------------------------------------------------------------------------------------------

  get #entry(): Entry {
    const entry = this.#entries[this.#at];
    if (entry === undefined) throw new SimulatorError('NO_PAGE', 'the tab shows no page yet');
    return entry;
  }

  #bare(url: string): Navigation {
    const ancestors: string[] = [];
    for (let page = this.parent; page !== null; page = page.parent) ancestors.push(page.url);
    const empty = { method: 'GET', body: null, contentType: null, initiator: null, isReload: false };
    return { ...empty, cause: 'open', url, dest: this.#kind, ancestors };
  }

  #initiator(override: string | null): Initiator {
    // A srcdoc document refers as its parent does (Referrer Policy §8.3 step 3).
    const url = this.url === 'about:srcdoc' && this.parent !== null ? this.parent.url : this.url;
    return { url, policy: asPolicy(override) ?? this.snapshot.referrerPolicy };
  }

  async #load(navigation: Navigation): Promise<void> {
    const current = this.#entries[this.#at];
    if (
      current !== undefined &&
      navigation.method === 'GET' &&
      !navigation.isReload &&
      isFragmentMove(current.url, navigation.url)
    ) {
      this.#push({ ...current, url: navigation.url });
      return;
    }
    let snapshot = await this.#host.navigate(navigation);
    // HTML §7.4.2.2: these answers leave the document where it is.
    if ((snapshot.status === 204 || snapshot.status === 205) && current !== undefined) return;
    for (let count = 0; ; count++) {
      const next = this.#refreshOf(snapshot);
      if (next === null) break;
      if (count >= this.#host.maxRedirects)
        throw new SimulatorError('TOO_MANY_REDIRECTS', `${navigation.url}: refreshes without end, last to ${next}`);
      const initiator = { url: snapshot.url, policy: snapshot.referrerPolicy };
      snapshot = await this.#host.navigate({ ...this.#bare(next), cause: 'refresh', initiator });
    }
    await this.#arrive(snapshot, navigation.isReload || navigation.cause === 'history');
  }

  /** Where a refresh leads that comes soon enough; null also for a page that only reloads itself. */
  #refreshOf(snapshot: Snapshot): string | null {
    const field = snapshot.fields.get('refresh');
    const refresh = (field === null ? null : parseRefresh(field, snapshot.page.baseUrl)) ?? snapshot.page.refresh;
    if (refresh === null || refresh.delaySeconds > this.#host.maxRefreshSeconds) return null;
    return /^https?:/.test(refresh.url) && !isSameDocument(snapshot.url, refresh.url) ? refresh.url : null;
  }

  async #arrive(snapshot: Snapshot, isReplacing: boolean): Promise<void> {
    const entry = { snapshot, url: snapshot.url, frames: [] };
    if (isReplacing) this.#entries[this.#at] = entry;
    else this.#push(entry);
    this.#state = new Map();
    this.#pending = {};
    if (this.#host.loadFrames && this.#loadsFrames)
      this.#entries[this.#at] = { ...entry, frames: await this.#loadFrames(snapshot) };
  }

  #push(entry: Entry): void {
    this.#entries = [...this.#entries.slice(0, this.#at + 1), entry];
    this.#at = this.#entries.length - 1;
  }

  async #loadFrames(snapshot: Snapshot): Promise<Page[]> {
    let depth = 0;
    for (let page = this.parent; page !== null; page = page.parent) depth++;
    if (depth >= MAX_FRAME_DEPTH) return [];
    const initiator = this.#initiator(null);
    const frames: Page[] = [];
    for (const element of snapshot.page.frames.slice(0, MAX_FRAMES_PER_PAGE)) {
      const frame = new Page(this.#host, { name: element.name, parent: this, kind: element.kind });
      const policy = asPolicy(attribute(element.element, 'referrerpolicy')) ?? initiator.policy;
      try {
        if (element.srcdoc !== null) await frame.show(element.srcdoc, snapshot);
        else if (element.url !== null && !this.#isAround(element.url))
          await frame.loadFrame(element.url, { ...initiator, policy });
        else continue;
        frames.push(frame);
      } catch (error) {
        // A frame that does not load leaves a hole in the page, as in a browser; the exchange is on record.
        if (!(error instanceof SimulatorError)) throw error;
      }
    }
    return frames;
  }

  /** HTML §4.8.5: a frame is not loaded with the URL of a page around it. */
  #isAround(url: string): boolean {
    for (let page: Page | null = this; page !== null; page = page.parent)
      if (isSameDocument(page.url, url)) return true;
    return false;
  }

  /** HTML §7.3.2.3, "rules for choosing a navigable". */
  #targetTab(target: string): Page {
    const lower = target.toLowerCase();
    if (target === '' || lower === '_self') return this;
    if (lower === '_parent') return this.parent ?? this;
    if (lower === '_top') return this.top;
    if (lower === '_blank') return this.#host.newTab('');
    return this.top.#named(target) ?? this.#host.tabNamed(target) ?? this.#host.newTab(target);
  }

  #named(name: string): Page | null {
    if (this.name === name) return this;
    if (this.#at < 0) return null;
    for (const frame of this.frames) {
      const found = frame.#named(name);
      if (found !== null) return found;
    }
    return null;
  }

  /** The document that has the link: this one, or the first frame that has it; this one again to name the fault. */
  #holderOf(target: LinkTarget): Page {
    try {
      this.link(target);
      return this;
    } catch (error) {
      if (!(error instanceof SimulatorError) || error.code !== 'NO_LINK') throw error;
      const frame = this.frames.find((each) => each.#hasLink(target));
      if (frame !== undefined) return frame;
      const all = this.#allLinkTexts();
      const wanted = typeof target === 'string' ? target : (target.text ?? target.href ?? target.selector ?? '');
      throw this.frames.length === 0
        ? error
        : new SimulatorError('NO_LINK', `no link '${wanted}'${suggest(wanted, all)}`);
    }
  }

  #hasLink(target: LinkTarget): boolean {
    try {
      return this.#holderOf(target) !== null;
    } catch (error) {
      if (error instanceof SimulatorError && error.code === 'NO_LINK') return false;
      throw error;
    }
  }

  #allLinkTexts(): string[] {
    return [...this.links.map((link) => link.text), ...this.frames.flatMap((frame) => frame.#allLinkTexts())];
  }

  async #move(by: number): Promise<Page> {
    const entry = this.#entries[this.#at + by];
    if (entry === undefined)
      throw new SimulatorError('NO_HISTORY', `there is no page ${by < 0 ? 'before' : 'after'} this one`);
    this.#at += by;
    const isNoStore = /\bno-store\b/i.test(entry.snapshot.fields.get('cache-control') ?? '');
    if (isNoStore && entry.snapshot.method === 'GET') await this.#again(false);
    return this;
  }

  async #again(isReload: boolean): Promise<void> {
    const { snapshot, url } = this.#entry;
    const { method, requestBody, contentType, initiator } = snapshot;
    // Shown URL and fetched URL differ by the fragment only, which is not sent.
    await this.#load({
      ...this.#bare(url),
      cause: 'history',
      method,
      body: requestBody,
      contentType,
      initiator,
      isReload,
    });
  }
}

function isSameDocument(a: string, b: string): boolean {
  return a.split('#')[0] === b.split('#')[0];
}

/** HTML §7.4.2.2: only when the new URL has a fragment is it a move within the document. */
function isFragmentMove(from: string, to: string): boolean {
  return to.includes('#') && isSameDocument(from, to);
}

function summary(page: ParsedPage, form: Element, url: string): FormSummary {
  const controls = page.controls(form);
  const action = attribute(form, 'action') ?? '';
  const names = controls
    .filter((control) => !isSubmitButton(control))
    .map((control) => attribute(control, 'name') ?? '');
  return {
    element: form,
    method: (attribute(form, 'method') ?? 'get').toLowerCase(),
    url: action.trim() === '' ? url : page.resolve(action),
    fields: [...new Set(names)].filter((name) => name !== '' && findControls(page, form, name).length > 0),
    buttons: controls.filter(isSubmitButton).map(buttonLabel),
  };
}
