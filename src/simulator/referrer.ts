/** What stands in the Referer field: Referrer Policy §8.3, "determine request's referrer", and §8.1 for the field. */
import { originOf } from './site.ts';

const POLICIES = [
  'no-referrer',
  'no-referrer-when-downgrade',
  'same-origin',
  'origin',
  'strict-origin',
  'origin-when-cross-origin',
  'strict-origin-when-cross-origin',
  'unsafe-url',
] as const;
export type ReferrerPolicy = (typeof POLICIES)[number];

export const DEFAULT_POLICY: ReferrerPolicy = 'strict-origin-when-cross-origin';
/** §8.3 step 6: a longer referrer is cut to its origin. */
const MAX_REFERRER_CHARS = 4096;
/** HTML §4.2.5.1: old words of `<meta name=referrer>`. */
const OLD_WORDS: ReadonlyMap<string, ReferrerPolicy> = new Map([
  ['never', 'no-referrer'],
  ['default', DEFAULT_POLICY],
  ['always', 'unsafe-url'],
  ['origin-when-crossorigin', 'origin-when-cross-origin'],
]);

/** The last known token of a Referrer-Policy field value (§8.1); null when there is none. */
export function policyOfField(value: string | null): ReferrerPolicy | null {
  const tokens = (value ?? '').split(',').map((token) => token.trim().toLowerCase());
  return tokens.map((token) => POLICIES.find((policy) => policy === token)).findLast((policy) => policy) ?? null;
}

/** One keyword, as in `referrerpolicy` and `<meta name=referrer>`; null for an unknown one. */
export function asPolicy(word: string | null): ReferrerPolicy | null {
  const token = (word ?? '').toLowerCase();
  return POLICIES.find((policy) => policy === token) ?? OLD_WORDS.get(token) ?? null;
}

/** The field value, or null for "send none". `source` is the URL of the document that navigates. */
export function referrerFor(source: string, target: string, policy: ReferrerPolicy): string | null {
  if (!/^https?:/.test(source)) return null;
  const stripped = new URL(source);
  stripped.username = '';
  stripped.password = '';
  stripped.hash = '';
  const origin = `${stripped.origin}/`;
  const full = stripped.href.length > MAX_REFERRER_CHARS ? origin : stripped.href;
  const isSameOrigin = stripped.origin === originOf(target);
  // Deviation: by the standard localhost is as good as https here; Chromium looks at the schemes.
  const isDowngrade = source.startsWith('https:') && !target.startsWith('https:');
  switch (policy) {
    case 'no-referrer':
      return null;
    case 'origin':
      return origin;
    case 'unsafe-url':
      return full;
    case 'strict-origin':
      return isDowngrade ? null : origin;
    case 'same-origin':
      return isSameOrigin ? full : null;
    case 'origin-when-cross-origin':
      return isSameOrigin ? full : origin;
    case 'no-referrer-when-downgrade':
      return isDowngrade ? null : full;
    case 'strict-origin-when-cross-origin':
      if (isSameOrigin) return full;
      return isDowngrade ? null : origin;
  }
}
