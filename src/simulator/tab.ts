/**
 * A live tab or frame of the browser: what a person can do with the page that it shows.
 *
 * `follow` and `submit` navigate, so that the same object shows the next page afterwards; both return the tab that
 * shows the result, which is another one where `target` says so. Scripts never run.
 */
import { chooseButton, chooseForm, type Fields, type FieldValue, fillIn, withFile } from './controls.ts';
import { SimulatorError, suggest } from './fault.ts';
import { buildSubmission, type FileValue, type FormState } from './form.ts';
import { type FormSummary, summary } from './form-summary.ts';
import { loadFrames } from './frames.ts';
import { chooseLink, type LinkTarget, linkHolder, loadableUrl } from './links.ts';
import { type Initiator, type Navigation, refreshOf, type Snapshot, type Visit } from './navigate.ts';
import { isNoReferrer, type Link, type ParsedPage, parsePage } from './page.ts';
import { type Part, type PartRequest, partNavigation, partOf } from './part.ts';
import { resolveReference } from './reference.ts';
import { asPolicy } from './referrer.ts';
import { isFragmentMove } from './same-document.ts';
import { compileSelector } from './select.ts';
import { type HistoryEntry, SessionHistory } from './session-history.ts';
import { attribute, type Element } from './tree.ts';

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

export class Page {
  readonly name: string;
  readonly parent: Page | null;
  readonly #host: TabHost;
  readonly #kind: 'document' | 'iframe' | 'frame';
  readonly #history = new SessionHistory<Page>();
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
    const names = this.frames.map((frame) => frame.name);
    throw new SimulatorError('NO_FRAME', `no frame '${name}'${suggest(name, names)}`);
  }

  // -- what a person does --------------------------------------------------------------------------------------------

  /** The link that `follow` would take. @throws SimulatorError NO_LINK or AMBIGUOUS, with the nearest candidates. */
  link(target: LinkTarget): Link {
    return chooseLink(this.links, target);
  }

  /** Click a link: by its text (whole, else a part that only one has), selector or `href`; frames are searched last. */
  async follow(target: LinkTarget): Promise<Page> {
    const holder = linkHolder<Page>(this, target);
    if (holder !== this) return await holder.follow(target);
    const link = this.link(target);
    const url = loadableUrl(link);
    const policy = isNoReferrer(link.element) ? 'no-referrer' : attribute(link.element, 'referrerpolicy');
    const initiator = this.#initiator(policy);
    const tab = this.#targetTab(link.target);
    await tab.#load({ ...tab.#bare(url), cause: 'link', initiator });
    return tab;
  }

  /** Fill in fields; kept until the next `submit`. */
  fill(fields: Fields): this {
    const form = chooseForm(this.document, { ...this.#pending, ...fields }, {});
    fillIn(this.document, form, this.#state, fields);
    Object.assign(this.#pending, fields);
    return this;
  }

  /** Choose a file for a file field, one more where it takes several; kept until the next `submit`. */
  upload(name: string, file: FileValue): this {
    return this.fill({ [name]: withFile(this.#pending[name], file) });
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
  async visit({ url, cause, initiator, dest = 'document', stays = false }: Visit): Promise<Page> {
    this.#loadsFrames = false;
    const ancestors = dest === 'document' || initiator === null ? [] : [initiator.url];
    await this.#load({ ...this.#bare(url), cause, initiator, dest, ancestors }, stays);
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
    // What a script fetches is UTF-8 whatever the page is.
    const url =
      part.as === 'fetch' ? resolveReference(href, this.document.baseUrl, 'utf-8') : this.document.resolve(href);
    if (url === null || !/^https?:/.test(url)) throw new SimulatorError('BAD_URL', `'${href}' is no http(s) URL here`);
    const snapshot = await this.#host.navigate({
      ...this.#bare(url),
      ...partNavigation(part),
      initiator: this.#initiator(null),
      // The document itself stands around its parts.
      ancestors: [this.#initiator(null).url, ...this.#ancestors],
    });
    return partOf(snapshot);
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

  /** @internal Show a `srcdoc` document or an empty one: no request of its own, the URL and base of its parent. */
  async show(url: 'about:srcdoc' | 'about:blank', html: string, parent: Snapshot): Promise<void> {
    const page = parsePage(html, { url, scripting: false, baseUrl: parent.page.baseUrl });
    await this.#arrive(
      {
        ...parent,
        ...{ url, html, body: Buffer.from(html), charset: page.charset, page },
        ...{ redirects: [], setCookies: [] },
      },
      false,
    );
  }

  /** @internal The first load of a frame. */
  async loadFrame(url: string, initiator: Initiator): Promise<void> {
    await this.#load({ ...this.#bare(url), cause: 'frame', initiator });
  }

  // -- how it is done ------------------------------------------------------------------------------------------------

  get #entry(): HistoryEntry<Page> {
    const entry = this.#history.current;
    if (entry === null) throw new SimulatorError('NO_PAGE', 'the tab shows no page yet');
    return entry;
  }

  #bare(url: string): Navigation {
    const empty = { method: 'GET', body: null, contentType: null, initiator: null, isReload: false };
    return { ...empty, cause: 'open', url, dest: this.#kind, ancestors: this.#ancestors };
  }

  /** URLs of the documents around this frame, nearest first. */
  get #ancestors(): string[] {
    if (this.parent === null) return [];
    // A srcdoc document is of the origin of its parent.
    const nearest = this.parent.url.startsWith('about:') ? [] : [this.parent.url];
    return [...nearest, ...this.parent.#ancestors];
  }

  #initiator(override: string | null): Initiator {
    // A srcdoc document refers as its parent does (Referrer Policy §8.3 step 3), and so does an empty one.
    const url = this.url.startsWith('about:') && this.parent !== null ? this.parent.url : this.url;
    return { url, policy: asPolicy(override) ?? this.snapshot.referrerPolicy };
  }

  async #load(navigation: Navigation, stays = false): Promise<void> {
    const { current } = this.#history;
    if (
      current !== null &&
      navigation.method === 'GET' &&
      navigation.cause !== 'history' &&
      isFragmentMove(current.url, navigation.url)
    ) {
      this.#history.push({ ...current, url: navigation.url });
      return;
    }
    let snapshot = await this.#host.navigate(navigation);
    // HTML §7.4.2.2: these answers leave the document where it is.
    if ((snapshot.status === 204 || snapshot.status === 205) && current !== null) return;
    for (let count = 0; ; count++) {
      const next = stays ? null : refreshOf(snapshot, this.#host.maxRefreshSeconds);
      if (next === null) break;
      if (count >= this.#host.maxRedirects)
        throw new SimulatorError('TOO_MANY_REDIRECTS', `${navigation.url}: refreshes without end, last to ${next}`);
      const initiator = { url: snapshot.url, policy: snapshot.referrerPolicy };
      snapshot = await this.#host.navigate({ ...this.#bare(next), cause: 'refresh', initiator });
    }
    await this.#arrive(snapshot, navigation.isReload || navigation.cause === 'history');
  }

  async #arrive(snapshot: Snapshot, isReplacing: boolean): Promise<void> {
    const entry = { snapshot, url: snapshot.url, frames: [] };
    const { current } = this.#history;
    // HTML §7.4.2.2: so is the empty document of a frame.
    if (current !== null && (isReplacing || current.url === 'about:blank')) this.#history.replace(current, entry);
    else this.#history.push(entry);
    this.#state = new Map();
    this.#pending = {};
    if (!this.#host.loadFrames || !this.#loadsFrames) return;
    const around = [this.url, ...this.#ancestors];
    const frames = await loadFrames(
      snapshot,
      around,
      this.#initiator(null),
      ({ name, kind }) => new Page(this.#host, { name, parent: this, kind }),
    );
    this.#history.replace(entry, { ...entry, frames });
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
    if (this.#history.current === null) return null;
    for (const frame of this.frames) {
      const found = frame.#named(name);
      if (found !== null) return found;
    }
    return null;
  }

  async #move(by: number): Promise<Page> {
    const { snapshot: before } = this.#entry;
    const { snapshot } = this.#history.move(by);
    // Within one document.
    if (snapshot === before) return this;
    const isNoStore = /\bno-store\b/i.test(snapshot.fields.get('cache-control') ?? '');
    if (isNoStore && snapshot.method === 'GET') await this.#again(false);
    return this;
  }

  async #again(isReload: boolean): Promise<void> {
    const { snapshot, url } = this.#entry;
    if (url.startsWith('about:')) return await this.#arrive(snapshot, true);
    const { method, requestBody, contentType, initiator } = snapshot;
    const again = { method, body: requestBody, contentType, initiator, isReload };
    // Shown URL and fetched URL differ by the fragment only, which is not sent.
    await this.#load({ ...this.#bare(url), ...again, cause: 'history' });
  }
}
