/**
 * PHP's part of marking: what one of its two rewriters does with a tag that its scanner found [PHP 3, 7].
 *
 * The bytes are PHP's. Whether they may leave is asked of a judge, tag by tag; `php-judge.ts` is the one of the proxy, and
 * only `transid rewrite --exact` works without one.
 */
import type { Edits, PageMarker } from '../html/edits.ts';
import type { PhpAttribute, PhpStartTag } from '../html/scan-php.ts';
import type { StartTag } from '../html/scanner.ts';
import { appendPhpPairs, mayPhpFormHoldFields, type PhpFormSettings, type PhpUrlSettings } from '../sid/php-url.ts';

/** What one rewriter of PHP puts on pages; the strings are byte strings. */
export interface PhpMarkerSettings extends PhpUrlSettings, PhpFormSettings {
  /** The hidden fields that go behind `<form …>`. */
  readonly fields: Buffer;
}

/** The veto: leaves out what PHP would write but must not leave. It sees every tag of the page that can matter to it. */
export interface PhpJudge {
  /** A start tag as browsers see it, before the questions about it are asked. Null: browsers see none where PHP does. */
  see(tag: StartTag | null): void;
  /** May `after` take the place of `before`, the value of `attribute`? Both are byte strings. */
  mayChange(tag: PhpStartTag, attribute: PhpAttribute, before: string, after: string): boolean;
  /** Put the fields behind the form's tag, now, later or never. */
  placeFields(tag: PhpStartTag, fields: Buffer, edits: Edits): void;
  endTag(name: string): void;
  end(): void;
}

/** A tag as a scanner with a witness reports it; without one, what browsers see is not known. */
export interface WitnessedTag extends PhpStartTag {
  /** False for a tag of the page that PHP's machine does not see or that is none of its list. */
  readonly isPhp: boolean;
  /** What browsers see at the same place, null for nothing. */
  readonly page: StartTag | null;
}

export class PhpMarker implements PageMarker {
  readonly #settings: PhpMarkerSettings;
  readonly #judge: PhpJudge | null;
  /** The last action that PHP saw in a form tag: it stays from form to form [PHP 7.6]. */
  #action: string | null = null;

  constructor(settings: PhpMarkerSettings, judge: PhpJudge | null) {
    this.#settings = settings;
    this.#judge = judge;
  }

  startTag(tag: PhpStartTag, edits: Edits): void {
    for (let index = 0; index < tag.attributeCount; index++) {
      const attribute = tag.attributes[index];
      if (attribute !== undefined) this.#attribute(tag, attribute, edits);
    }
    if (!tag.isClosed || tag.name !== 'form' || this.#settings.fields.length === 0) return;
    if (!mayPhpFormHoldFields(this.#action, this.#settings)) return;
    if (this.#judge === null) edits.insert(tag.end, this.#settings.fields);
    else this.#judge.placeFields(tag, this.#settings.fields, edits);
  }

  #attribute(tag: PhpStartTag, attribute: PhpAttribute, edits: Edits): void {
    const before = tag.bytes.toString('latin1', attribute.valueStart, attribute.valueEnd);
    if (attribute.isAction) this.#action = before;
    if (!attribute.isListed) return;
    const after = appendPhpPairs(before, this.#settings);
    if (after === null) return;
    if (this.#judge !== null && !this.#judge.mayChange(tag, attribute, before, after)) return;
    edits.replace(attribute.valueStart, attribute.valueEnd, Buffer.from(after, 'latin1'));
  }

  endTag(name: string): void {
    this.#judge?.endTag(name);
  }

  end(): void {
    this.#judge?.end();
  }
}
