/**
 * Bounds of messages, pages, cookies and sessions that are not configuration keys, with unit and reason: above them something is
 * refused, cut, dropped, or passes unmarked. Those that an operator may change have their default in `config/schema.ts`. What is
 * one file's own affair, such as the size of its cache or how deep it looks, is a `MAX_…` of that file.
 */
export const LIMITS = {
  /** Trailer section of a request, names and values, and its fields. */
  maxTrailerBytes: 8 * 1024,
  maxTrailerFields: 100,
  /** Fields of one response from the upstream. */
  maxResponseFields: 500,
  /** One start tag, held until its end is seen. A longer one ends the marking of its page. */
  maxTagBytes: 64 * 1024,
  /** Output held behind a GET form until it is known whether a foreign `formaction` stands in it. */
  maxHeldFormBytes: 64 * 1024,
  /** Where a `meta charset` can stand (HTML §13.2.3.2 reads 1,024 bytes). */
  maxCharsetPrescanBytes: 1024,
  /** A page may grow this much when decoded once its first MiB is out; above it is a bomb. */
  maxDecompressionRatio: 200,
  decompressionRatioFromBytes: 1024 * 1024,
  /** RFC 6265 §6.1 asks for at least 50 cookies of 4,096 bytes; the header bound is that of common servers. */
  maxCookiesPerJar: 50,
  maxCookieBytes: 4096,
  maxCookieHeaderBytes: 16 * 1024,
  /** RFC 6265bis §5.6: a longer attribute value is ignored. */
  maxCookieAttributeBytes: 1024,
  /** A removed or rotated session refuses writes this long; no exchange that held it lasts longer. */
  sessionTombstoneMs: 10 * 60 * 1000,
  /** A session this young may be met by redirects that a foreign page began, through as many hosts as they like. */
  redirectChainMs: 30_000,
  /** Rotations that one old SID is followed through (`old_sid: follow`): a frame that slept through some sign-ins. */
  maxSidMoves: 8,
  /**
   * Compare-and-set attempts of one update, some 8 s. Each failure means that another writer got through; a rotation, which writes
   * twice in one attempt, loses most of them while others write without a pause.
   */
  maxStoreAttempts: 1024,
  /** Characters of a SID in mirror mode [PHP 11.3]. */
  maxMirrorSidChars: 256,
  /** Interim (1xx) responses of one exchange that are passed on. */
  maxInterimResponses: 16,
  /** Interim responses of one exchange after which the upstream is called broken. */
  maxInterimResponsesSeen: 1000,
  /** Streams of one HTTP/2 connection that the client resets within ten seconds, in multiples of those it may open. */
  maxResetsPerStreamLimit: 2,
} as const;
