/**
 * A browser that refuses cookies, or takes them as its mode says: tabs, one jar, one identity, a log of what was sent.
 *
 *     const browser = new Browser({ cookies: 'off' });
 *     const page = await browser.open('http://localhost:8080/');
 *     await page.follow('Cart');
 *     await page.submit({ qty: 2 });
 */
import { type ConnectTo, openWire, type Wire } from './http.ts';
import { CookieJar, type CookieMode } from './jar.ts';
import { type Exchange, type Identity, navigate, type Visit } from './navigate.ts';
import { siteOf } from './site.ts';
import { Page, type TabHost } from './tab.ts';

export interface BrowserOptions {
  /** `off` by default. */
  readonly cookies?: CookieMode;
  readonly userAgent?: string;
  /** Of one exchange; 30,000 by default. */
  readonly timeoutMs?: number;
  /**
   * Fields for every request; an empty value takes a field away that a browser sends. `Authorization`, `Cookie`,
   * `Host` and `Proxy-Authorization` go only to sites that `open` or `visit` was told, not to where links and redirects lead.
   */
  readonly headers?: Readonly<Record<string, string>>;
  readonly acceptLanguage?: string;
  /** Send Sec-Fetch-* as Chromium does; true by default. Older browsers send none. */
  readonly fetchMetadata?: boolean;
  /** 20 by default, as browsers have it. */
  readonly maxRedirects?: number;
  /** A refresh that waits longer (seconds, 5 by default) is not followed. */
  readonly maxRefreshSeconds?: number;
  /** Of one body, content codings undone; 64 MiB by default. */
  readonly maxBodyBytes?: number;
  /** Load the frames of a page with it; true by default. */
  readonly loadFrames?: boolean;
  /** Connect elsewhere for `host:port` or `host`: tests of several origins without DNS. */
  readonly connectTo?: ConnectTo;
  /** PEM of a certificate authority to trust, in place of those that Node knows. */
  readonly ca?: string;
  /** Accept any certificate. */
  readonly insecure?: boolean;
  /** Read `noscript` as a browser does that runs scripts (which this one never does); false by default. */
  readonly scripting?: boolean;
  /** Exchanges that `exchanges` keeps, the newest; 1,000 by default. */
  readonly maxExchanges?: number;
}

/** A common desktop browser: what servers see must not depend on being watched. */
export const DEFAULT_USER_AGENT =
  'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36';
/** Whoever reads a page has more time than this. */
export const MAX_REFRESH_SECONDS = 5;
/** Below Node's own limit for one string, above any page. */
const MAX_BODY_BYTES = 64 * 1024 * 1024;

export class Browser {
  /** What it keeps; always empty when cookies are `off`. */
  readonly cookies: CookieJar;
  readonly #wire: Wire;
  readonly #host: TabHost;
  readonly #exchanges: Exchange[] = [];
  readonly #named = new Map<string, Page>();
  readonly #openedSites = new Set<string>();

  constructor(options: BrowserOptions = {}) {
    this.cookies = new CookieJar(options.cookies ?? 'off');
    this.#wire = openWire({
      timeoutMs: options.timeoutMs ?? 30_000,
      maxBodyBytes: options.maxBodyBytes ?? MAX_BODY_BYTES,
      connectTo: options.connectTo ?? {},
      ca: options.ca ?? null,
      insecure: options.insecure ?? false,
    });
    const identity: Identity = {
      userAgent: options.userAgent ?? DEFAULT_USER_AGENT,
      acceptLanguage: options.acceptLanguage ?? 'en-US,en;q=0.9',
      headers: options.headers ?? {},
      fetchMetadata: options.fetchMetadata ?? true,
      scripting: options.scripting ?? false,
      maxRedirects: options.maxRedirects ?? 20,
    };
    const maxExchanges = options.maxExchanges ?? 1000;
    const record = (exchange: Exchange): void => {
      this.#exchanges.push(exchange);
      while (this.#exchanges.length > maxExchanges) this.#exchanges.shift();
    };
    this.#host = {
      loadFrames: options.loadFrames ?? true,
      maxRedirects: identity.maxRedirects,
      maxRefreshSeconds: options.maxRefreshSeconds ?? MAX_REFRESH_SECONDS,
      navigate: (navigation) => {
        if (navigation.cause === 'open') this.#opened(navigation.url);
        const isOpened = (url: string): boolean => this.#isOpened(url);
        return navigate(navigation, { wire: this.#wire, jar: this.cookies, identity, record, isOpened });
      },
      newTab: (name) => this.#newTab(name),
      tabNamed: (name) => this.#named.get(name) ?? null,
    };
  }

  /** Every request that was sent, oldest first; bounded by `maxExchanges`. */
  get exchanges(): readonly Exchange[] {
    return this.#exchanges;
  }

  /**
   * Open a URL in a new tab, as if typed into the address bar.
   * @throws SimulatorError BAD_URL, NETWORK, TIMEOUT, TOO_MANY_REDIRECTS…
   */
  async open(url: string): Promise<Page> {
    return await this.#newTab('').open(url);
  }

  /**
   * Load a URL in a new tab as a link, frame or script of another document would.
   * @throws SimulatorError as `open`.
   */
  async visit(visit: Visit): Promise<Page> {
    this.#opened(visit.url);
    return await this.#newTab('').visit(visit);
  }

  /** Close and open the browser: cookies without an expiry date are gone. Tabs stay as they are. */
  restart(): void {
    this.cookies.restart();
  }

  /** Drop the connections that are kept alive. */
  close(): void {
    this.#wire.close();
  }

  #opened(url: string): void {
    this.#openedSites.add(siteOf(url));
  }

  #isOpened(url: string): boolean {
    const site = siteOf(url);
    // A site that moves its visitors on to https is still the one that was opened.
    return this.#openedSites.has(site) || this.#openedSites.has(site.replace(/^https:/, 'http:'));
  }

  #newTab(name: string): Page {
    const page = new Page(this.#host, { name, parent: null, kind: 'document' });
    if (name !== '') this.#named.set(name, page);
    return page;
  }
}
