/**
 * PHP's part of marking: what one of its two rewriters does with a tag that its scanner found [PHP 3, 7].
 *
 * The bytes are PHP's. Whether they may leave is asked of a judge, tag by tag; `php-judge.ts` is the one of the proxy, and
 * only `transid rewrite --exact` works without one.
 */
import type { Edits, PageMarker } from '../html/edits.ts';
import type { PhpAttribute, PhpStartTag } from '../html/scan-php.ts';
import type { WitnessedTag } from '../html/scan-php-witnessed.ts';
import type { Namespace } from '../html/scanner.ts';
import {
  appendPhpPairs,
  mayPhpFormHoldFields,
  type PhpFormSettings,
  type PhpUrlSettings,
  type PlainPhpValue,
  scanPlainPhpValue,
} from '../sid/php-url.ts';
import type { SkipReason } from '../sid/scope.ts';

/** What one rewriter of PHP puts on pages; the strings are byte strings. */
export interface PhpMarkerSettings extends PhpUrlSettings, PhpFormSettings {
  /** The hidden fields that go behind `<form …>`. */
  readonly fields: Buffer;
}

/**
 * Why the veto leaves out what PHP would write: a reason of the scope; browsers see no such tag there; they see another
 * value; it would damage the page; or a form could be sent elsewhere by one of its buttons or by an outer form.
 */
export type PhpVetoReason = SkipReason | 'no-tag' | 'other-value' | 'breaks-markup' | 'other-target';

/** The veto. */
export interface PhpJudge {
  /** Told every start tag that matters to it before it is asked about one; may edit in front of the attributes. */
  see(tag: WitnessedTag, edits: Edits): void;
  /** Why `after` must not take the place of `before`, the value of `attribute`; null: it may. Both are byte strings. */
  judgeChange(tag: WitnessedTag, attribute: PhpAttribute, before: string, after: string): PhpVetoReason | null;
  /** Like `judgeChange` for a value that browsers read as it is written, and that has no scheme and no authority. */
  judgePlainChange(tag: WitnessedTag, attribute: PhpAttribute): PhpVetoReason | null;
  /** Put the fields behind the form's tag, now or when the form is known whole; or say why they must not stand there. */
  placeFields(tag: WitnessedTag, fields: Buffer, edits: Edits): PhpVetoReason | null;
  endTag(name: string, namespace: Namespace): void;
  /** What browsers see of the rest of the page is not told. */
  cutOff(): void;
  end(): void;
}

/** One place that PHP's scanner found, for `transid rewrite --explain`. */
export interface PhpDecision {
  /** Of the tag's `<`, and of the value or of the place of the fields: into the tag's bytes for a marker. */
  readonly tagStart: number;
  readonly offset: number;
  readonly element: string;
  /** Lower case; '' for the hidden fields of a form. */
  readonly attribute: string;
  /** Raw, as a byte string; for hidden fields the action that PHP remembers. */
  readonly url: string;
  /** What PHP writes in the place of the value, or as fields; null for nothing. */
  readonly after: string | null;
  /** 'mark', 'leave' (PHP itself leaves it), or why the veto left it out. */
  readonly decision: 'mark' | 'leave' | PhpVetoReason;
}

export interface PhpMarkerOptions {
  readonly settings: PhpMarkerSettings;
  /** Null: no veto, and tags come from PHP's scanner alone. */
  readonly judge: PhpJudge | null;
  readonly explain?: (decision: PhpDecision) => void;
}

export class PhpMarker implements PageMarker {
  readonly #settings: PhpMarkerSettings;
  readonly #judge: PhpJudge | null;
  readonly #explain: ((decision: PhpDecision) => void) | null;
  /** The last action that PHP saw in a form tag: it stays from form to form [PHP 7.6]. */
  #action: string | null = null;
  readonly #firstPairs: Buffer;
  readonly #morePairs: Buffer;
  /** A separator with a `?`, a `#` or a quote in it means something else for the page than for PHP. */
  readonly #isPlainSeparator: boolean;
  readonly #found: PlainPhpValue = { insertAt: 0, hasQuery: false, isLiteral: false };

  constructor(options: PhpMarkerOptions) {
    this.#settings = options.settings;
    const { pairs, separator } = options.settings;
    this.#firstPairs = Buffer.from(`?${pairs}`, 'latin1');
    this.#morePairs = Buffer.from(separator + pairs, 'latin1');
    this.#isPlainSeparator = /^[&;a-z0-9%]*$/i.test(separator);
    this.#judge = options.judge;
    this.#explain = options.explain ?? null;
  }

  /** `tag` is a WitnessedTag if there is a judge: `php-rewriter.ts` makes both or neither. */
  startTag(tag: PhpStartTag | WitnessedTag, edits: Edits): void {
    this.#judge?.see(tag as WitnessedTag, edits);
    for (let index = 0; index < tag.attributeCount; index++) {
      const attribute = tag.attributes[index];
      if (attribute !== undefined && !this.#plainLink(tag, attribute, edits)) this.#attribute(tag, attribute, edits);
    }
    if (tag.name === 'form' && tag.isClosed && this.#settings.fields.length > 0 && isOfPhp(tag)) this.#form(tag, edits);
  }

  /** Most links: one look at the bytes, one insertion. False if that is not enough; then nothing was done. */
  #plainLink(tag: PhpStartTag, attribute: PhpAttribute, edits: Edits): boolean {
    if (attribute.isAction || !attribute.isListed || this.#explain !== null) return false;
    const found = this.#found;
    if (!scanPlainPhpValue(tag.bytes, attribute.valueStart, attribute.valueEnd, found)) return false;
    if (this.#judge !== null) {
      if (!found.isLiteral || !this.#isPlainSeparator) return false;
      if (this.#judge.judgePlainChange(tag as WitnessedTag, attribute) !== null) return true;
    }
    edits.insert(found.insertAt, found.hasQuery ? this.#morePairs : this.#firstPairs);
    return true;
  }

  #attribute(tag: PhpStartTag, attribute: PhpAttribute, edits: Edits): void {
    const before = tag.bytes.toString('latin1', attribute.valueStart, attribute.valueEnd);
    if (attribute.isAction) this.#action = before;
    if (!attribute.isListed) return;
    const after = appendPhpPairs(before, this.#settings);
    const veto =
      after === null ? null : (this.#judge?.judgeChange(tag as WitnessedTag, attribute, before, after) ?? null);
    if (this.#explain !== null) {
      const name = tag.bytes.toString('latin1', attribute.nameStart, attribute.nameEnd).toLowerCase();
      const decision = veto ?? (after === null ? 'leave' : 'mark');
      this.#tell(tag, { offset: attribute.valueStart, attribute: name, url: before, after, decision });
    }
    if (after === null || veto !== null) return;
    edits.replace(attribute.valueStart, attribute.valueEnd, Buffer.from(after, 'latin1'));
  }

  #form(tag: PhpStartTag, edits: Edits): void {
    const { fields } = this.#settings;
    const isPut = mayPhpFormHoldFields(this.#action, this.#settings);
    let veto: PhpVetoReason | null = null;
    if (isPut && this.#judge !== null) veto = this.#judge.placeFields(tag as WitnessedTag, fields, edits);
    else if (isPut) edits.insert(tag.end, fields);
    this.#tell(tag, {
      offset: tag.end,
      attribute: '',
      url: this.#action ?? '',
      after: isPut ? fields.toString('latin1') : null,
      decision: veto ?? (isPut ? 'mark' : 'leave'),
    });
  }

  #tell(tag: PhpStartTag, seen: Omit<PhpDecision, 'tagStart' | 'element'>): void {
    this.#explain?.({ tagStart: tag.start, element: tag.name, ...seen });
  }

  endTag(name: string, namespace: Namespace): void {
    this.#judge?.endTag(name, namespace);
  }

  cutOff(): void {
    this.#judge?.cutOff();
  }

  end(): void {
    this.#judge?.end();
  }
}

/** Tags that only browsers see are reported for the judge's sake. */
function isOfPhp(tag: PhpStartTag | WitnessedTag): boolean {
  return !('isPhp' in tag) || tag.isPhp;
}
