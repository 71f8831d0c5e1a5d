/**
 * What the standard says of element names, for tree construction (HTML §13.2.4.2, §13.2.6): one bit for each list.
 */
import assert from 'node:assert';
import type { Namespace } from './scanner.ts';
import { type KnownName, TAG } from './tag-names.ts';

/** Namespaces by the numbers below. */
export const NAMESPACES: readonly Namespace[] = ['html', 'svg', 'math'];
export const HTML = 0;
export const SVG = 1;
export const MATH = 2;

/** Integration points (HTML §13.2.6): none, for HTML, for text of MathML. */
export const NO_POINT = 0;
export const HTML_POINT = 1;
const TEXT_POINT = 2;

export const SPECIAL = 1;
/** Special, but neither address, div nor p: ends the search for a list item to close. */
export const ITEM_BOUNDARY = 2;
export const FORMATTING = 4;
export const BLOCK = 8;
export const HEADING = 16;
export const IMPLIED_END = 32;
export const IMPLIED_END_THOROUGH = 64;
export const SCOPE = 128;
const BREAKOUT = 256;
export const TABLE_PART = 512;
export const TABLE_TEXT = 1024;
export const MODE_TAG = 2048;
export const HEAD_CONTENT = 4096;
/** End tags that close the element with all that is open in it (the standard lists them with address). */
export const ADDRESS_END = 8192;

/** The traits of each tag number. */
export const TRAITS = new Uint16Array(256);
/** `names` is a list separated by spaces, as the standard's own lists read. */
function give(trait: number, names: string): void {
  for (const name of names.split(' ')) {
    assert(name in TAG, name);
    // Checked just above.
    TRAITS[TAG[name as KnownName]]! |= trait;
  }
}
give(FORMATTING, 'a b big code em font i nobr s small strike strong tt u');
give(HEADING, 'h1 h2 h3 h4 h5 h6');
give(BLOCK, 'address article aside blockquote center details dialog dir div dl fieldset figcaption figure footer');
give(BLOCK, 'header hgroup main menu nav ol p search section summary ul');
give(ADDRESS_END, 'address article aside blockquote button center details dialog dir div dl fieldset figcaption');
give(ADDRESS_END, 'figure footer header hgroup listing main menu nav ol pre search section summary ul');
give(IMPLIED_END, 'dd dt li optgroup option p rb rp rt rtc');
give(IMPLIED_END_THOROUGH, 'dd dt li optgroup option p rb rp rt rtc caption colgroup tbody td tfoot th thead tr');
give(SCOPE, 'applet caption html marquee object table td template th');
give(TABLE_PART, 'caption col colgroup tbody td tfoot th thead tr');
give(TABLE_TEXT, 'table tbody tfoot thead tr');
give(MODE_TAG, 'tr tbody thead tfoot caption colgroup table frameset select template td th head body html');
give(HEAD_CONTENT, 'base basefont bgsound link meta noframes script style template title');
give(BREAKOUT, 'b big blockquote body br center code dd div dl dt em embed h1 h2 h3 h4 h5 h6 head hr i img li listing');
give(BREAKOUT, 'menu meta nobr ol p pre ruby s small span strong strike sub sup table tt u ul var');
const ITEM_BOUNDARIES =
  'applet area article aside base basefont bgsound blockquote body br button caption center col colgroup dd details ' +
  'dir dl dt embed fieldset figcaption figure footer form frame frameset h1 h2 h3 h4 h5 h6 head header hgroup hr html ' +
  'iframe img input li link listing main marquee menu meta nav noembed noframes noscript object ol param plaintext ' +
  'pre script section select source style summary table tbody td template textarea tfoot th thead title tr track ul ' +
  'wbr xmp';
give(SPECIAL | ITEM_BOUNDARY, ITEM_BOUNDARIES);
give(SPECIAL, 'address div p');

/** Whether a start tag of this name ends foreign content; `font` does so with certain attributes only. */
export function isBreakout(tag: number, isMarked: boolean): boolean {
  // Numbers are bytes, so a trait stands for each.
  return (TRAITS[tag]! & BREAKOUT) !== 0 || (tag === TAG.font && isMarked);
}

/** Whether an element of this name in SVG or MathML is an integration point, where HTML rules may hold inside. */
export function mayBeIntegrationPoint(tag: number, namespace: Namespace): boolean {
  return namespace === 'svg'
    ? svgPoint(tag) !== NO_POINT
    : tag === TAG['annotation-xml'] || mathPoint(tag) !== NO_POINT;
}

export function isFormatting(tag: number): boolean {
  return (TRAITS[tag]! & FORMATTING) !== 0;
}

export function svgPoint(tag: number): number {
  return tag === TAG.title || tag === TAG.desc || tag === TAG.foreignobject ? HTML_POINT : NO_POINT;
}

export function mathPoint(tag: number): number {
  return tag >= TAG.mi && tag <= TAG.mtext ? TEXT_POINT : NO_POINT;
}
