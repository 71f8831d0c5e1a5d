/** What tells a page of the living session from any other: a text that is read on it, or a CSS selector that matches. */
import { SimulatorError } from './fault.ts';
import { compileSelector } from './select.ts';
import type { Page } from './tab.ts';

/** `text:…` and `css:…` say which it is; otherwise what can be a selector (`#user`, `a.logout`, `[data-user]`) is one. */
export function compileMarker(marker: string): (page: Page) => boolean {
  if (marker.startsWith('text:')) return (page) => page.text.includes(marker.slice(5));
  const isSelector = marker.startsWith('css:') || /^[\w*]*[#.[:][\w"'=\]^$*~|:() >+.#[-]*$/.test(marker);
  if (!isSelector) return (page) => page.text.includes(marker);
  try {
    const test = compileSelector(marker.replace(/^css:/, ''));
    return (page) => [...page.document.elements()].some(test);
  } catch (error) {
    if (error instanceof SimulatorError && !marker.startsWith('css:')) return (page) => page.text.includes(marker);
    throw error;
  }
}
