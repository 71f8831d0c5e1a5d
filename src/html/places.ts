/**
 * Which element and attribute hold a URL, and of what kind: the one table that says where a page can be marked.
 *
 * It lists each attribute that HTML, SVG, MathML Core and WML define as a URL, obsolete ones too; a test compares it with an
 * independent list. A route's tag list (`trans_sid_tags`) is compiled against it, so that the marker does one lookup for
 * each tag and the scanner reports no tag in vain.
 */
import type { LinkInterest, TagInterest } from './scanner.ts';

export type PlaceKind =
  /** A link that a user follows. */
  | 'navigation'
  /** The URL that a form is sent to. */
  | 'form'
  /** A page loaded into a frame. */
  | 'frame'
  /** Fetched as part of the page: images, scripts, styles. */
  | 'subresource'
  /** The URL within a `meta` refresh. */
  | 'refresh'
  /** A list of image candidates (`srcset`). */
  | 'list'
  /** CSS declarations with `url()` (`style`). The content of `<style>` is no attribute, and never marked. */
  | 'css'
  /** The element's own policy for the Referer: one that would show the page's URL to others is made `same-origin`. */
  | 'referrer'
  /** A whole document within an attribute (`srcdoc`). */
  | 'document'
  /** Says what this page is called, for machines: never marked, and a SID in it is taken out. */
  | 'identity'
  /** Never marked: not followed, sent to third parties, or no URL that a session belongs to. */
  | 'never';

export interface Place {
  /** Lower case; `*` for any element. */
  readonly element: string;
  /** Lower case. */
  readonly attribute: string;
  readonly kind: PlaceKind;
  /** Marked without being named in a tag list of its own; see `impliedBy`. */
  readonly isDefault: boolean;
  /** `svg`, `math`: the element of SVG, of MathML. `wml`: only in WML documents. Null: the element of HTML (or XHTML, WML). */
  readonly only: 'svg' | 'math' | 'wml' | null;
}

/** `element: 'attribute kind, …'`; a `+` behind the kind means on by default, `svg`/`math`/`wml` where it applies. */
const TABLE: Readonly<Record<string, string>> = {
  a: 'href navigation+, href navigation+ svg, xlink:href navigation+ svg, href navigation+ math, referrerpolicy referrer+, referrerpolicy referrer+ svg, referrerpolicy referrer+ math, ping never, cite never, urn never, attributionsrc never',
  area: 'href navigation+, referrerpolicy referrer+, ping never, attributionsrc never',
  frame: 'src frame+, longdesc navigation',
  iframe: 'src frame+, srcdoc document+, referrerpolicy referrer+, longdesc navigation',
  form: 'action form+',
  button: 'formaction form+',
  input: 'formaction form+, src subresource, lowsrc subresource, usemap never',
  meta: 'content refresh+',
  // What leads elsewhere than to a page of the session, or is only a name.
  base: 'href never',
  link: 'href identity, imagesrcset list, referrerpolicy referrer+',
  html: 'manifest never',
  head: 'profile never',
  blockquote: 'cite never',
  q: 'cite never',
  ins: 'cite never',
  del: 'cite never',
  '*': 'style css, itemid never, itemtype never, about never, resource never',
  // Parts of the page: off unless a tag list names them; without a SID they are found by their Referer.
  img: 'src subresource, srcset list, referrerpolicy referrer+, lowsrc subresource, dynsrc subresource, longdesc navigation, usemap never, attributionsrc never',
  // In HTML the parser makes it an `img`.
  image: 'referrerpolicy referrer+, href subresource svg, xlink:href subresource svg',
  source: 'src subresource, srcset list',
  script:
    'src subresource, referrerpolicy referrer+, href subresource svg, xlink:href subresource svg, attributionsrc never',
  embed: 'src subresource, pluginspage never',
  object: 'data subresource, codebase never, classid never, archive never, usemap never',
  applet: 'code never, codebase never, archive never, object never',
  audio: 'src subresource',
  video: 'src subresource, poster subresource',
  track: 'src subresource',
  bgsound: 'src subresource',
  body: 'background subresource',
  table: 'background subresource',
  thead: 'background subresource',
  tbody: 'background subresource',
  tfoot: 'background subresource',
  tr: 'background subresource',
  td: 'background subresource',
  th: 'background subresource',
  command: 'icon subresource',
  menuitem: 'icon subresource',
  // References to something drawn, mostly within the same document.
  use: 'href subresource svg, xlink:href subresource svg',
  feimage: 'href subresource svg, xlink:href subresource svg',
  textpath: 'href subresource svg, xlink:href subresource svg',
  mpath: 'href subresource svg, xlink:href subresource svg',
  pattern: 'href subresource svg, xlink:href subresource svg',
  lineargradient: 'href subresource svg, xlink:href subresource svg',
  radialgradient: 'href subresource svg, xlink:href subresource svg',
  animate: 'href subresource svg, xlink:href subresource svg',
  animatemotion: 'href subresource svg, xlink:href subresource svg',
  animatetransform: 'href subresource svg, xlink:href subresource svg',
  set: 'href subresource svg, xlink:href subresource svg',
  // WML 1.3: a deck is one document with many cards, and each event of a card can be a link.
  go: 'href navigation+ wml',
  card: 'onenterforward navigation+ wml, onenterbackward navigation+ wml, ontimer navigation+ wml',
  template: 'onenterforward navigation+ wml, onenterbackward navigation+ wml, ontimer navigation+ wml',
  option: 'onpick navigation+ wml',
};

/** The table as rows. */
export const PLACES: readonly Place[] = Object.entries(TABLE).flatMap(([element, row]) =>
  row.split(', ').map((item): Place => {
    const [attribute = '', kind = '', only = null] = item.split(' ');
    const isDefault = kind.endsWith('+');
    // The table is a literal of this file: its words are kinds, and a test reads them all.
    return { element, attribute, kind: kind.replace('+', '') as PlaceKind, isDefault, only: only as Place['only'] };
  }),
);

/** `link rel` values that name a part of the page; any other is identity. */
export const SUBRESOURCE_RELS: ReadonlySet<string> = new Set([
  ...['stylesheet', 'icon', 'apple-touch-icon', 'apple-touch-startup-image', 'mask-icon', 'fluid-icon'],
  ...['preload', 'modulepreload', 'prefetch'],
]);

/** `meta property` or `name` values whose content is the page's name for machines. */
export const IDENTITY_METAS: ReadonlySet<string> = new Set([
  ...['og:url', 'twitter:url', 'al:web:url', 'citation_public_url', 'citation_abstract_html_url', 'dc.identifier'],
  ...['dcterms.identifier', 'identifier-url', 'parsely-link', 'sailthru.url', 'msapplication-starturl'],
]);

/** An attribute of one element whose value is a URL or, for the kinds that say so, holds some. */
export interface LinkPlace {
  readonly attribute: string;
  /** `attribute` in bytes, to compare with those of a tag. */
  readonly bytes: Buffer;
  readonly kind: PlaceKind;
  /** Which parameters the tag lists put here: 1 the SID, 2 the extra ones, 3 both. */
  readonly carries: number;
}

export const CARRIES_SID = 1;
export const CARRIES_EXTRA = 2;

/** The marker's own elements have work beside their links; all others are only looked through for links. */
export type ElementRole = 'links' | 'base' | 'meta' | 'link' | 'form' | 'submitter' | 'template' | 'noscript';

export interface ElementPlaces {
  readonly role: ElementRole;
  /** Of the element of HTML. */
  readonly links: readonly LinkPlace[];
  /** Of the one of this name in SVG. */
  readonly svgLinks: readonly LinkPlace[];
  /** Of the one of this name in MathML. */
  readonly mathLinks: readonly LinkPlace[];
  /** The one of `links` that a scanner may tell without the rest of the tag; null if there is none. */
  readonly link: LinkPlace | null;
}

/** Tag lists compiled: what the marker looks up and what the scanner reports. */
export interface CompiledPlaces {
  readonly elements: ReadonlyMap<string, ElementPlaces>;
  readonly interest: TagInterest;
  /** Which parameters forms carry: 1 the SID, 2 the extra ones. */
  readonly forms: number;
}

/** Element name → attributes; the attribute '' stands for hidden fields (PHP's `form=`). */
export type TagList = ReadonlyMap<string, readonly string[]>;

const ROLES: Readonly<Record<string, ElementRole>> = {
  base: 'base',
  meta: 'meta',
  link: 'link',
  form: 'form',
  button: 'submitter',
  input: 'submitter',
  template: 'template',
  noscript: 'noscript',
};

const NO_TAGS: TagList = new Map();

/** Kinds whose value is one URL that is marked like any other. */
const ONE_URL: ReadonlySet<PlaceKind> = new Set(['navigation', 'frame', 'subresource']);

// Tag lists belong to routes, so a compiled one lives as long as its route.
const compiled = new WeakMap<TagList, WeakMap<TagList, Map<boolean, CompiledPlaces>>>();

/**
 * Compile the tag lists of the SID and of the extra parameters; null for one that is not in use. Results are kept per
 * pair of lists.
 */
export function compilePlaces(sidTags: TagList | null, extraTags: TagList | null, isWml: boolean): CompiledPlaces {
  const forSid = sidTags ?? NO_TAGS;
  const forExtra = extraTags ?? NO_TAGS;
  const perExtra = compiled.get(forSid) ?? new WeakMap<TagList, Map<boolean, CompiledPlaces>>();
  compiled.set(forSid, perExtra);
  const perSyntax = perExtra.get(forExtra) ?? new Map<boolean, CompiledPlaces>();
  perExtra.set(forExtra, perSyntax);
  const places = perSyntax.get(isWml) ?? compile(forSid, forExtra, isWml);
  perSyntax.set(isWml, places);
  return places;
}

function compile(sidTags: TagList, extraTags: TagList, isWml: boolean): CompiledPlaces {
  const links = new Map<string, LinkPlace[]>();
  const svgLinks = new Map<string, LinkPlace[]>();
  const mathLinks = new Map<string, LinkPlace[]>();
  const add = (element: string, attribute: string, carries: number) => {
    for (const { kind, only } of placeOf(element, attribute)) {
      if (kind === 'never' || (only === 'wml' && !isWml)) continue;
      const map = only === 'svg' ? svgLinks : only === 'math' ? mathLinks : links;
      const list = map.get(element) ?? [];
      map.set(element, list);
      const old = list.findIndex((link) => link.attribute === attribute);
      const link = { attribute, bytes: Buffer.from(attribute), kind, carries: carries | (list[old]?.carries ?? 0) };
      if (old < 0) list.push(link);
      else list[old] = link;
    }
  };
  for (const [tags, carries] of [[sidTags, CARRIES_SID] as const, [extraTags, CARRIES_EXTRA] as const]) {
    for (const [element, attributes] of tags) {
      for (const attribute of attributes) if (!isOwnWork(element, attribute)) add(element, attribute, carries);
    }
    for (const [element, attribute] of implied(tags, isWml)) {
      // Only the SID must be kept out of the Referer.
      if (attribute !== 'referrerpolicy' || carries === CARRIES_SID) add(element, attribute, carries);
    }
  }
  // Extra parameters of a form are fields, so the URLs of its buttons bear none.
  if (sidTags.has('form')) for (const element of ['button', 'input']) add(element, 'formaction', CARRIES_SID);
  const forms = (sidTags.has('form') ? CARRIES_SID : 0) | (extraTags.has('form') ? CARRIES_EXTRA : 0);
  const names = new Set([...links.keys(), ...svgLinks.keys(), ...mathLinks.keys(), 'base']);
  // Without a SID there is nothing to keep off identity places and Referer fields.
  if (sidTags.size > 0) for (const name of ['meta', 'link']) names.add(name);
  if (forms > 0) for (const name of ['form', 'button', 'input']) names.add(name);
  if (!isWml) for (const name of ['template', 'noscript']) names.add(name);
  const elements = new Map<string, ElementPlaces>();
  for (const name of names) {
    const role = isWml ? 'links' : (ROLES[name] ?? 'links');
    const ofHtml = links.get(name) ?? [];
    const link = role === 'links' ? (ofHtml.find(({ kind }) => ONE_URL.has(kind)) ?? null) : null;
    const foreign = { svgLinks: svgLinks.get(name) ?? [], mathLinks: mathLinks.get(name) ?? [] };
    elements.set(name, { role, links: ofHtml, ...foreign, link });
  }
  const endTags = new Set(isWml ? [] : ['form', 'template', 'noscript']);
  return { elements, interest: { startTags: names, endTags, links: linkInterests(elements) }, forms };
}

function linkInterests(elements: ReadonlyMap<string, ElementPlaces>): Map<string, LinkInterest> {
  const interests = new Map<string, LinkInterest>();
  for (const [element, { role, link, links }] of elements) {
    if (role !== 'links') continue;
    const others = links.filter((other) => other !== link).map(({ attribute }) => attribute);
    interests.set(element, { attribute: link?.attribute ?? '', others });
  }
  return interests;
}

/** The rows for an attribute, or a plain link's for one that the table does not know: the operator knows better. */
function placeOf(element: string, attribute: string): readonly Pick<Place, 'kind' | 'only'>[] {
  const rows = PLACES.filter(
    (place) => place.attribute === attribute && (place.element === element || place.element === '*'),
  );
  return rows.length > 0 ? rows : [{ kind: 'navigation', only: null }];
}

/** Places that the marker handles by itself, whatever a tag list says. */
function isOwnWork(element: string, attribute: string): boolean {
  return attribute === '' || element === 'meta' || element === 'base' || (element === 'form' && attribute === 'action');
}

/**
 * What a list brings along without naming it: SVG links with `a`, documents in attributes with `iframe`, and with any
 * list that is not empty the elements' policies for the Referer and the events of WML.
 */
function* implied(tags: TagList, isWml: boolean): Generator<readonly [element: string, attribute: string]> {
  if (tags.get('a')?.includes('href')) yield ['a', 'xlink:href'];
  if (tags.has('iframe')) yield ['iframe', 'srcdoc'];
  for (const { element, kind, attribute } of tags.size > 0 ? PLACES : []) {
    if (kind === 'referrer') yield [element, attribute];
  }
  if (isWml && tags.size > 0) {
    for (const place of PLACES) if (place.only === 'wml') yield [place.element, place.attribute];
  }
}
