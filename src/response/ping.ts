/**
 * The URLs that a browser tells of a click (`ping`, HTML §4.6.6): with the page's own URL and that of the link, whatever any policy
 * says (`Ping-From`, `Ping-To`). Pure.
 */
import type { Judgement } from '../sid/scope.ts';

/** What leads to somebody else, or to our own site in clear. */
const TOLD_ABROAD: ReadonlySet<Judgement> = new Set(['foreign-origin', 'userinfo', 'downgrade']);
/** Stands for characters that cannot be written again. */
const UNREADABLE = '\u{FFFD}';

/**
 * A decoded value without the URLs that `judge` finds to lead abroad; null if there are none. The rest of it stands as it was, but
 * for the white space between.
 */
export function withoutPingsAbroad(value: string, judge: (url: string) => Judgement): string | null {
  const urls = value.split(/[\t\n\f\r ]+/).filter((url) => url !== '');
  const own = urls.filter((url) => !TOLD_ABROAD.has(judge(url)) && !url.includes(UNREADABLE));
  return own.length === urls.length ? null : own.join(' ');
}
