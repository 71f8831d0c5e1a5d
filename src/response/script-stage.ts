/**
 * Puts one script of ours into a page while it streams: at the start of its head, before any script of the page can run.
 *
 * The place is behind what may stand before the head's content (BOM, comments, doctype, the tags `html` and `head`), so
 * that a doctype keeps its effect. Where the page has none of these, it is the very beginning.
 */
import { createHash } from 'node:crypto';
import { AttributeReader } from '../html/attributes.ts';
import type { PageStage } from './body.ts';

/** A longer prologue is one comment too many: the script goes in behind what was read of it. */
const MAX_PROLOGUE_BYTES = 16 * 1024;
// On a latin1 view of the bytes, so that characters are bytes.
const BYTE_ORDER_MARK = '\u00ef\u00bb\u00bf';
const BETWEEN_TAGS = /(?:[\t\n\f\r ]+|<!--(?:>|->|.*?--!?>)|<\?[^>]*>|<!(?!--)[^>]*>)*/sy;
const TAG = /<(html|head)(?=[\t\n\f\r />])/iy;
/** What may still become a part of the prologue with the next chunk. */
const UNFINISHED = /^(?:<(?:[!?].*)?|<h(?:t(?:ml?)?|e(?:ad?)?)?|\u00ef\u00bb?)?$/is;

/** `stage`'s output with `<script>…</script>` in it. */
export class ScriptStage implements PageStage {
  readonly #stage: PageStage;
  readonly #script: Buffer;
  #held: Buffer | null = Buffer.alloc(0);

  constructor(stage: PageStage, script: string) {
    this.#stage = stage;
    this.#script = Buffer.from(`<script>${script}</script>`, 'latin1');
  }

  get editCount(): number {
    return this.#stage.editCount + (this.#held === null ? 1 : 0);
  }

  write(chunk: Buffer): Buffer {
    return this.#pass(this.#stage.write(chunk), false);
  }

  end(): Buffer {
    return this.#pass(this.#stage.end(), true);
  }

  #pass(output: Buffer, isEnd: boolean): Buffer {
    if (this.#held === null) return output;
    const held = Buffer.concat([this.#held, output]);
    const { end: at, isWhole } = readPrologue(held.subarray(0, MAX_PROLOGUE_BYTES));
    if (!isWhole && !isEnd && held.length < MAX_PROLOGUE_BYTES) {
      this.#held = held;
      return Buffer.alloc(0);
    }
    this.#held = null;
    // An empty body is no page: a script would make it one.
    if (held.length === 0) return held;
    return Buffer.concat([held.subarray(0, at), this.#script, held.subarray(at)]);
  }
}

/** Where the prologue ends in the first bytes of a page, and whether more of it cannot come. */
function readPrologue(bytes: Buffer): { readonly end: number; readonly isWhole: boolean } {
  const view = bytes.toString('latin1');
  const reader = new AttributeReader();
  let at = view.startsWith(BYTE_ORDER_MARK) ? BYTE_ORDER_MARK.length : 0;
  for (;;) {
    BETWEEN_TAGS.lastIndex = at;
    at += BETWEEN_TAGS.exec(view)?.[0].length ?? 0;
    TAG.lastIndex = at;
    const name = TAG.exec(view)?.[1]?.toLowerCase();
    if (name === undefined) return { end: at, isWhole: !UNFINISHED.test(view.slice(at)) };
    const tagEnd = reader.skip(bytes, TAG.lastIndex, bytes.length);
    if (tagEnd < 0) return { end: at, isWhole: false };
    at = tagEnd;
    if (name === 'head') return { end: at, isWhole: true };
  }
}

/** The response fields with the script allowed by its hash in every policy that would forbid it (CSP Level 3 §6.7.3.2). */
export function permitScript(fields: readonly string[], script: string): string[] {
  const hash = `'sha256-${createHash('sha256').update(script, 'latin1').digest('base64')}'`;
  return fields.map((value, i) => {
    const isPolicy = i % 2 === 1 && fields[i - 1]?.toLowerCase() === 'content-security-policy';
    // One field may hold several policies, with commas between; each is enforced.
    return isPolicy
      ? value
          .split(',')
          .map((policy) => permitIn(policy, hash))
          .join(',')
      : value;
  });
}

function permitIn(policy: string, hash: string): string {
  const directives = policy
    .split(';')
    .map((text) => text.trim())
    .filter((text) => text !== '');
  const named = (name: string): number => directives.findIndex((each) => each.toLowerCase().split(/\s+/)[0] === name);
  const at = [named('script-src-elem'), named('script-src'), named('default-src')].find((index) => index >= 0);
  if (at === undefined) return policy;
  const [name = '', ...sources] = (directives[at] ?? '').split(/\s+/);
  const isHashed = sources.some((source) => /^'(?:nonce|sha)/i.test(source) || source === "'strict-dynamic'");
  // A hash switches 'unsafe-inline' off, which already allows ours.
  if (sources.some((source) => source.toLowerCase() === "'unsafe-inline'") && !isHashed) return policy;
  const kept = sources.filter((source) => source.toLowerCase() !== "'none'");
  const isDefault = name.toLowerCase() === 'default-src';
  const permitted = [isDefault ? 'script-src-elem' : name, ...kept, hash].join(' ');
  return (isDefault ? [...directives, permitted] : directives.with(at, permitted)).join('; ');
}
