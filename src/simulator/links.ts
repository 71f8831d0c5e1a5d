/** Which link is meant: by its text, a selector or its reference. Pure. */
import { SimulatorError, suggest } from './fault.ts';
import type { Link } from './page.ts';
import { compileSelector } from './select.ts';

export type LinkTarget = string | { readonly selector?: string; readonly text?: string; readonly href?: string };

/**
 * Whole text first, then without case, then a part that leads to one place only.
 * @throws SimulatorError NO_LINK or AMBIGUOUS, with the nearest candidates.
 */
export function chooseLink(links: readonly Link[], wanted: { selector?: string; text?: string; href?: string }): Link {
  let fitting = links;
  if (wanted.selector !== undefined) {
    const test = compileSelector(wanted.selector);
    fitting = fitting.filter((link) => test(link.element));
  }
  if (wanted.href !== undefined)
    fitting = fitting.filter((link) => link.href === wanted.href || link.url === wanted.href);
  const { text } = wanted;
  const name = text ?? wanted.href ?? wanted.selector ?? '';
  if (text !== undefined) {
    const lower = text.toLowerCase();
    const whole = fitting.filter((link) => link.text === text);
    const folded = whole.length > 0 ? whole : fitting.filter((link) => link.text.toLowerCase() === lower);
    const parts =
      folded.length > 0 ? folded : fitting.filter((link) => lower !== '' && link.text.toLowerCase().includes(lower));
    if (folded.length === 0 && new Set(parts.map((link) => link.url)).size > 1) {
      throw new SimulatorError(
        'AMBIGUOUS',
        `several links have '${text}'${suggest(
          '',
          parts.map((link) => link.text),
        )}`,
      );
    }
    fitting = parts;
  }
  const first = fitting[0];
  if (first !== undefined) return first;
  const offered = wanted.href !== undefined ? links.map((link) => link.href) : links.map((link) => link.text);
  throw new SimulatorError('NO_LINK', `no link '${name}'${suggest(name, offered)}`);
}
