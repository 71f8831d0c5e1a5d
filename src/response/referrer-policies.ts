/** Referrer policies in pages and in `Link` fields: which of them show the URL of a page, with the SID in it, to other sites. */

/** All that browsers know in the field (Referrer Policy §3); other words are passed over. */
export const FIELD_POLICIES: ReadonlySet<string> = new Set([
  ...['no-referrer', 'no-referrer-when-downgrade', 'same-origin', 'origin', 'strict-origin'],
  ...['origin-when-cross-origin', 'strict-origin-when-cross-origin', 'unsafe-url'],
]);

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

/** A `Link` field (RFC 8288 §3) with policies that show the page's URL only to its own site. The very value if it has no others. */
export function withoutTellingPolicies(link: string): string {
  // Quotes without an end take time that grows with the square of it.
  if (link.length > MAX_LINK_CHARS) return link.replace(/referrerpolicy(?=\s*=)/gi, 'x-$&');
  return link.replace(LINK_PIECE, (piece: string, name?: string, value = '') => {
    const policy = value.replace(/^"|"$/g, '').replace(/\\(.)/g, '$1');
    return name !== undefined && TELLING_POLICIES.has(policy.trim().toLowerCase()) ? `${name}same-origin` : piece;
  });
}

/** Longer ones are not read: they lose all their policies. */
const MAX_LINK_CHARS = 4096;

/** A target, a parameter with a policy, or a string in which nothing is one. */
const LINK_PIECE = /<[^<>]*>|(;\s*referrerpolicy\s*=\s*)("(?:[^"\\]|\\.)*"|[^\s;,"]*)|"(?:[^"\\]|\\.)*"/gi;
