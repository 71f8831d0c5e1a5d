/**
 * An independent opinion on the veto over PHP's edits: parse5 says what a browser sees, the URL class where it leads.
 *
 * For each edit that was left out it names the rule of PHP's behaviour that explains why (the numbers are the ones of the
 * specification that the vectors came with), or null: then leaving it out was wrong. Pages are latin1 strings.
 */
import { type DefaultTreeAdapterMap, Parser, parse, type Token, type DefaultTreeAdapterTypes as Tree } from 'parse5';
import { LIMITS } from '../../src/limits.ts';
import { attribute, elements } from './page-tree.ts';

/** An edit of PHP's: a value of an attribute, or the hidden fields behind a form's tag. */
export interface PhpEdit {
  /** Of the tag's `<`. */
  readonly tagStart: number;
  readonly element: string;
  /** '' for hidden fields; then `start` is where they go. */
  readonly attribute: string;
  readonly start: number;
  readonly before: string;
  readonly after: string;
}

interface Seen {
  readonly value: string;
  readonly start: number;
  readonly end: number;
}

interface SeenTag {
  readonly name: string;
  readonly start: number;
  readonly end: number;
  readonly attributes: ReadonlyMap<string, Seen>;
}

export interface Site {
  readonly documentUrl: string;
  /** `host` or `host:port` of http and https URLs that are our own. */
  readonly hosts: ReadonlySet<string>;
  /** Hosts that only the list of PHP's other rewriter names. */
  readonly otherHosts: ReadonlySet<string>;
}

/** Every start tag that a browser's tokenizer finds, scripting off. */
function startTags(page: string): SeenTag[] {
  const seen: SeenTag[] = [];
  class Witness extends Parser<DefaultTreeAdapterMap> {
    override onStartTag(token: Token.TagToken): void {
      const { location } = token;
      if (!location) throw new Error('parse5 was asked for locations');
      const attributes = token.attrs.map(({ name, value }) => {
        const span = location.attrs?.[name];
        return [name, { value, start: span?.startOffset ?? 0, end: span?.endOffset ?? 0 }] as const;
      });
      const { startOffset, endOffset } = location;
      seen.push({ name: token.tagName, start: startOffset, end: endOffset, attributes: new Map(attributes) });
      super.onStartTag(token);
    }
  }
  Witness.parse(page, { sourceCodeLocationInfo: true, scriptingEnabled: false });
  return seen;
}

/** Closing what may be open at the end of a page shows whether a tag was cut off there. */
const CLOSINGS = ['>', '">', "'>", ' x>'];

export class PhpWitness {
  readonly #page: string;
  readonly #site: Site;
  readonly #tags: readonly SeenTag[];
  readonly #base: string;
  /** The tag that the page ends in, if it were closed in one way or the other. */
  #cutOff: readonly SeenTag[] | null = null;

  constructor(page: string, site: Site) {
    this.#page = page;
    this.#site = site;
    this.#tags = startTags(page);
    const href = this.#tags
      .find(({ name, attributes }) => name === 'base' && attributes.has('href'))
      ?.attributes.get('href');
    const base =
      href === undefined || !URL.canParse(href.value, site.documentUrl) ? null : new URL(href.value, site.documentUrl);
    this.#base = base === null || base.protocol === 'data:' ? site.documentUrl : base.href;
  }

  /** The rule that explains why the edit must not be made; null if nothing does. */
  ruleAgainst(edit: PhpEdit): string | null {
    const tag = this.#tags.find(({ start }) => start === edit.tagStart);
    if (tag === undefined || tag.name !== edit.element) return this.#ruleAgainstPlace(edit);
    // The one bound that PHP does not have: a longer tag ends the marking of its page.
    if (tag.end - tag.start > LIMITS.maxTagBytes) return '2.18';
    return edit.attribute === '' ? this.#ruleAgainstFields(edit, tag) : this.#ruleAgainstValue(edit, tag);
  }

  /** A browser sees no such tag there. */
  #ruleAgainstPlace(edit: PhpEdit): string {
    const around = this.#tags.find(({ start, end }) => start < edit.tagStart && edit.tagStart < end);
    if (around !== undefined) {
      const values = [...around.attributes.values()];
      const isInValue = values.some(({ start, end }) => start < edit.tagStart && edit.tagStart < end);
      return isInValue ? '2.12' : '2.14';
    }
    this.#cutOff ??= CLOSINGS.flatMap((closing) => startTags(this.#page + closing)).filter(
      ({ end }) => end > this.#page.length,
    );
    return this.#cutOff.some(({ start }) => start <= edit.tagStart) ? '2.17' : '2.12';
  }

  #ruleAgainstValue(edit: PhpEdit, tag: SeenTag): string | null {
    // The tag has ended: PHP took its `>` for a value, or for a part of one.
    if (edit.start >= tag.end) return '2.6';
    const end = edit.start + edit.before.length;
    const text = this.#page.slice(edit.start, end);
    const around = this.#attributeAround(edit, tag);
    if (around === null) return null;
    const [name, seen] = around;
    // Vertical tab ends a name for PHP only.
    if (name !== edit.attribute) return '2.10';
    const quotes = this.#page.slice(edit.start - 1, edit.start) + this.#page.slice(end, end + 1);
    const isWhole =
      seen.end === end + (quotes === '""' || quotes === "''" ? 1 : 0) && this.#valueStart(seen) === edit.start;
    if (!isWhole) return text.startsWith('\\') ? '2.11' : '2.5';
    const after = this.#decodedAfter(edit);
    if (after === null) return '4.6';
    if (edit.element === 'meta') return null;
    return this.#ruleAgainstUrl(edit.before, seen.value) ?? (this.#isOwn(after) ? null : '3.15');
  }

  /**
   * The attribute that the edit is in. Of repeated ones parse5 keeps the first, so those in front of the edit get another
   * name until it shows.
   */
  #attributeAround(edit: PhpEdit, tag: SeenTag): readonly [string, Seen] | null {
    let page = this.#page;
    let seen: SeenTag | undefined = tag;
    for (;;) {
      const found = [...seen.attributes].find(([, span]) => span.start < edit.start && edit.start < span.end);
      if (found !== undefined) return found;
      const first = seen.attributes.get(edit.attribute);
      if (first === undefined) return null;
      const { length } = edit.attribute;
      page = page.slice(0, first.start) + 'q'.repeat(length) + page.slice(first.start + length);
      seen = startTags(page).find(({ start }) => start === tag.start);
      if (seen === undefined) return null;
    }
  }

  #valueStart({ start, end }: { start: number; end: number }): number {
    const source = this.#page.slice(start, end);
    const name = /^[^=]*=[\t\n\f\r ]*["']?/.exec(source);
    return start + (name?.[0].length ?? 0);
  }

  /** The value as a browser reads it once PHP's bytes are in place; null if it then ends elsewhere. */
  #decodedAfter(edit: PhpEdit): string | null {
    const end = edit.start + edit.before.length;
    const page = this.#page.slice(0, edit.start) + edit.after + this.#page.slice(end);
    const tag = startTags(page).find(({ start }) => start === edit.tagStart);
    const seen = tag?.attributes.get(edit.attribute);
    const grown = edit.after.length - edit.before.length;
    const old = this.#tags.find(({ start }) => start === edit.tagStart)?.attributes.get(edit.attribute);
    return seen === undefined || old === undefined || seen.end !== old.end + grown ? null : seen.value;
  }

  #ruleAgainstFields(edit: PhpEdit, tag: SeenTag): string | null {
    if (tag.end !== edit.start) return '7.7';
    const action = tag.attributes.get('action');
    if (action !== undefined && action.value !== '' && !this.#isOwn(action.value)) {
      const source = this.#page.slice(this.#valueStart(action), action.end);
      const prefixes = /[\s"'/](a|ac|act|acti|actio|action)\s*=/gi;
      const named = [...this.#page.slice(tag.start, tag.end).matchAll(prefixes)];
      if (named.length > 1) return '7.5';
      const rule = this.#ruleAgainstUrl(source, action.value);
      // Nothing hides the host: PHP took it from the request's own Host field, or took no notice of the port.
      return rule === '3.11' ? '6.5' : rule?.startsWith('6.') ? rule : '7.11';
    }
    return this.#ruleOfOuterForm(tag);
  }

  #ruleOfOuterForm(tag: SeenTag): string | null {
    const forms = this.#tags.filter(({ name }) => name === 'form');
    const foreign = (seen: SeenTag, name: string) => {
      const value = seen.attributes.get(name)?.value;
      return value !== undefined && value !== '' && !this.#isOwn(value);
    };
    const buttons = this.#tags.filter(({ name }) => name === 'button' || name === 'input');
    if (buttons.some((button) => foreign(button, 'formaction'))) return '7.9';
    // A form tag within a foreign form that is still open: the field would go where that form goes.
    return forms.some((form) => form.start < tag.start && foreign(form, 'action')) ? '7.5' : null;
  }

  /** Why a URL leads elsewhere though PHP took it for one of its own; '3.11' if nothing hides that. */
  #ruleAgainstUrl(source: string, decoded: string): string | null {
    if (this.#isOwn(decoded)) return null;
    // No browser follows it; PHP would make another URL of it.
    if (!URL.canParse(decoded, this.#base)) return '3.13';
    // Undecoded it would be ours: the reference is what hides it.
    if (source.includes('&') && this.#isOwn(source)) return '3.19';
    if (/^[\0-\x20]/.test(source)) return '3.16';
    if (/[\0-\x1f]/.test(source)) return '3.17';
    if (source.includes('\\')) return '3.18';
    if (source.includes('&')) return '3.19';
    if (/^https?:(?!\/\/)/i.test(source)) return '3.15';
    if (this.#base !== this.#site.documentUrl) return '18.6';
    const { username, password, host, hostname } = new URL(decoded, this.#base);
    if (username !== '' || password !== '') return '3.21';
    if (this.#site.otherHosts.has(host)) return '6.2';
    if (this.#site.otherHosts.has(hostname)) return '6.6';
    if (/:[0-9]+/.test(source)) return '6.6';
    return '3.11';
  }

  /** Would a browser send a request for `reference` to a host that is not ours? */
  isForeign(reference: string): boolean {
    if (!URL.canParse(reference, this.#base)) return false;
    const { protocol } = new URL(reference, this.#base);
    return (protocol === 'http:' || protocol === 'https:' || protocol === 'ftp:') && !this.#isOwn(reference);
  }

  #isOwn(reference: string): boolean {
    if (!URL.canParse(reference, this.#base)) return false;
    const url = new URL(reference, this.#base);
    const isHttp = url.protocol === 'http:' || url.protocol === 'https:';
    return isHttp && url.username === '' && url.password === '' && this.#site.hosts.has(url.host);
  }
}

/** URLs of a page that carry `mark` and lead to hosts that are not ours, and forms that take it there. */
export function leaks(page: string, site: Site, mark: string): string[] {
  const document = parse(page, { scriptingEnabled: false });
  const all = [...elements(document)];
  const witness = new PhpWitness(page, site);
  const found: string[] = [];
  for (const element of all) {
    for (const { name, value } of element.attrs) {
      if (value.includes(mark) && isUrl(name) && witness.isForeign(value))
        found.push(`${element.tagName}[${name}] ${value}`);
    }
    if (element.tagName === 'input' && attribute(element, 'value') === mark) {
      const form = formOf(element);
      if (form !== null) found.push(...foreignTargets(form, all, witness));
    }
  }
  return found;
}

function isUrl(name: string): boolean {
  return ['href', 'src', 'action', 'formaction', 'data', 'ping', 'cite', 'background', 'longdesc'].includes(name);
}

function formOf(element: Tree.Element): Tree.Element | null {
  let node: Tree.ParentNode | null = element.parentNode;
  while (node !== null && 'parentNode' in node) {
    if ('tagName' in node && node.tagName === 'form') return node;
    node = node.parentNode;
  }
  return null;
}

function foreignTargets(form: Tree.Element, all: readonly Tree.Element[], witness: PhpWitness): string[] {
  const id = attribute(form, 'id');
  const buttons = all.filter((one) => {
    if (one.tagName !== 'button' && one.tagName !== 'input') return false;
    const owner = attribute(one, 'form');
    return owner === null ? formOf(one) === form : owner === id;
  });
  const targets = [attribute(form, 'action'), ...buttons.map((button) => attribute(button, 'formaction'))];
  return targets
    .filter((target) => target !== null && target !== '' && witness.isForeign(target))
    .map((target) => `form to ${target}`);
}
