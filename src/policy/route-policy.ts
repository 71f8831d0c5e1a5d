/**
 * The policy of one route, compiled: everything that the exchange asks of the configuration for one request.
 * Frozen at start; a request never touches raw configuration.
 */
import type { CarrierKind } from '../sid/carrier.ts';

/** Element name → attributes that hold a URL; the attribute '' (PHP's `form=`) stands for hidden fields. */
export type TagList = ReadonlyMap<string, readonly string[]>;

/** Names, some of them with a final `*` for any ending; `has` knows what that means. Iterates over them as they are written. */
export type NameSet = Pick<ReadonlySet<string>, 'has' | 'size' | typeof Symbol.iterator>;

export interface SessionPolicy {
  readonly mode: 'jar' | 'mirror';
  /** Name of the parameter, hidden field or path mark that carries the SID. */
  readonly name: string;
  /** Mirror mode: the cookie of the upstream whose value is the SID; null in jar mode. */
  readonly cookie: string | null;
  /** Names of the upstream's cookies whose presence proves a cookie client; empty: any that is not ignored. */
  readonly cookies: NameSet;
  readonly idleTimeoutMs: number;
  readonly absoluteTimeoutMs: number;
  readonly unprovenTimeoutMs: number;
  readonly bind: { readonly userAgent: boolean; readonly network: boolean };
  readonly sign: boolean;
  readonly oldSid: 'dead' | 'follow';
  /** 'auto', 'never', or the cookie names whose replacement rotates. */
  readonly rotateOn: 'auto' | 'never' | NameSet;
}

export interface RoutePolicy {
  /** Position in the configuration's list; -1 for the built-in default route. */
  readonly index: number;
  /** For logs and metrics: the route's own `name`, else its path and host patterns. */
  readonly label: string;

  readonly useCookies: boolean;
  readonly useOnlyCookies: boolean;
  readonly useTransSid: boolean;
  readonly onUrlSid: 'strip' | 'redirect' | 'reject';
  /** Cookies that prove nothing. */
  readonly ignoreCookies: NameSet;
  readonly detect: 'passive' | 'probe';
  readonly recover: 'referer' | 'off';
  /** Origins, as `new URL(x).origin` spells them, from whose pages a SID may arrive (arrival gate). */
  readonly acceptFrom: ReadonlySet<string>;

  readonly carrier: CarrierKind;
  readonly forms: 'auto' | 'field';
  /** Between parameters in markup; `&amp;` by default. */
  readonly argSeparator: string;
  readonly rewriter: 'html' | 'php';
  readonly phpVersion: '8.2' | '8.4';
  readonly transSidTags: TagList;
  /** Further hosts (lower case, optional `:port`, or full origins) whose URLs may carry the SID. */
  readonly transSidHosts: ReadonlySet<string>;
  /** Only URLs whose path starts here are marked; '/' for all. */
  readonly scopePath: string;
  readonly rewriteVars: ReadonlyArray<readonly [name: string, value: string]>;
  readonly urlRewriterTags: TagList;
  readonly urlRewriterHosts: ReadonlySet<string>;

  readonly session: SessionPolicy;
  readonly bodyLimitBytes: number;
  /** Tell the application by `Transid-Client` and `Transid-Sid`. */
  readonly expose: boolean;
  /** The store is away and a SID comes: refuse with 503, or serve as a new client. */
  readonly onStoreFailure: 'refuse' | 'anonymous';
  /** In a frame of a foreign site try partitioned cookies (CHIPS) before the URL. */
  readonly partitionedCookies: boolean;
  /** Behave towards the upstream and the client as a browser of this kind would; null: off. */
  readonly simulate: 'no-cookies' | 'session-only' | 'block-third-party' | null;
  /** Simulation also neutralises `document.cookie` by a script. */
  readonly simulateScript: boolean;
  /** A request may choose the simulation by its `Transid-Simulate` field. */
  readonly simulateByField: boolean;
}
