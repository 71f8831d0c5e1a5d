/** Referrer policies in pages: which of them show the URL of a page, with the SID in it, to other sites. */

/** Of a `referrerpolicy` attribute; by its first names, which Chromium still knows, too. `default` was the latter for long. */
export const TELLING_POLICIES: ReadonlySet<string> = new Set([
  ...['unsafe-url', 'no-referrer-when-downgrade', 'always', 'default'],
]);

/** Of `<meta name=referrer>`: these, as they were called first, and those that tell others at least the origin. */
export const TELLING_META_POLICIES: ReadonlySet<string> = new Set([
  ...TELLING_POLICIES,
  ...['origin', 'origin-when-cross-origin', 'strict-origin', 'strict-origin-when-cross-origin'],
  'origin-when-crossorigin',
]);
