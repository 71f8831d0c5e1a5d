/** Which link is meant: by its text, a selector or its reference; and which of a page's frames has it. Pure. */
import { SimulatorError, suggest } from './fault.ts';
import type { Link } from './page.ts';
import { compileSelector } from './select.ts';

export type LinkTarget = string | { readonly selector?: string; readonly text?: string; readonly href?: string };

/**
 * Whole text first, then without case, then a part that leads to one place only.
 * @throws SimulatorError NO_LINK or AMBIGUOUS, with the nearest candidates.
 */
export function chooseLink(links: readonly Link[], target: LinkTarget): Link {
  const wanted = typeof target === 'string' ? { text: target } : target;
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

/** @throws SimulatorError BAD_URL for a link that leads to no http(s) URL. */
export function loadableUrl({ text, href, url }: Link): string {
  if (url === null) throw new SimulatorError('BAD_URL', `link '${text}': '${href}' is no URL`);
  if (/^https?:/.test(url)) return url;
  throw new SimulatorError(
    'BAD_URL',
    `link '${text}' is '${new URL(url).protocol}': a browser without scripts loads nothing`,
  );
}

/** A page with links, and its frames. */
interface LinkHolder<Self> {
  readonly links: readonly Link[];
  readonly frames: readonly Self[];
}

/**
 * The document that has the link: this one, or the first frame that has it.
 * @throws SimulatorError NO_LINK or AMBIGUOUS, with the nearest candidates of all frames.
 */
export function linkHolder<Page extends LinkHolder<Page>>(page: Page, target: LinkTarget): Page {
  try {
    chooseLink(page.links, target);
    return page;
  } catch (error) {
    if (!(error instanceof SimulatorError) || error.code !== 'NO_LINK') throw error;
    const frame = page.frames.find((each) => hasLink(each, target));
    if (frame !== undefined) return frame;
    const wanted = typeof target === 'string' ? target : (target.text ?? target.href ?? target.selector ?? '');
    throw page.frames.length === 0
      ? error
      : new SimulatorError('NO_LINK', `no link '${wanted}'${suggest(wanted, allLinkTexts(page))}`);
  }
}

/** Itself or in a frame of it. */
function hasLink<Page extends LinkHolder<Page>>(page: Page, target: LinkTarget): boolean {
  try {
    linkHolder(page, target);
    return true;
  } catch (error) {
    if (error instanceof SimulatorError && error.code === 'NO_LINK') return false;
    throw error;
  }
}

function allLinkTexts<Page extends LinkHolder<Page>>(page: Page): string[] {
  return [...page.links.map((link) => link.text), ...page.frames.flatMap(allLinkTexts)];
}
