/**
 * Golden pages: each `*.case` file is a page with a policy and the bytes that must come of it.
 *
 * A file has four parts, each behind a line of its own: `#why` (what it shows), `#policy` (JSON, see `Policy`), `#input` and
 * `#output`. Every page runs whole, byte by byte and in random chunks. UPDATE_GOLDEN=1 writes the outputs anew; the diff is
 * to be read like code.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import type { TagList } from '../../src/html/places.ts';
import { type MarkPageOptions, markPage } from '../support/mark-page.ts';

interface Policy {
  readonly url?: string;
  readonly carrier?: 'query' | 'path-parameter' | 'path-segment';
  readonly forms?: 'auto' | 'field';
  readonly syntax?: 'html' | 'xhtml' | 'wml';
  readonly argSeparator?: string;
  /** `a=href,form=`. */
  readonly tags?: string;
  readonly hosts?: readonly string[];
  readonly aliases?: readonly string[];
  readonly path?: string;
  /** A path below which a SID in a URL is not honoured. */
  readonly cookieOnly?: string;
  readonly vars?: ReadonlyArray<readonly [string, string]>;
  readonly varTags?: string;
}

const FOLDER = new URL('./', import.meta.url);
const PARTS = /^#why\n(.*?)\n#policy\n(.*?)\n#input\n(.*?)\n#output\n(.*)\n$/s;
const isUpdating = process.env['UPDATE_GOLDEN'] === '1';
if (isUpdating && process.env['CI'] !== undefined) throw new Error('golden outputs are not written in CI');

function tagList(text: string): TagList {
  const tags = new Map<string, string[]>();
  for (const item of text.split(',')) {
    const [element = '', attribute = ''] = item.split('=');
    tags.set(element, [...(tags.get(element) ?? []), attribute]);
  }
  return tags;
}

function optionsOf(policy: Policy): MarkPageOptions {
  const { tags, varTags, hosts, aliases, path, cookieOnly, ...rest } = policy;
  return {
    ...rest,
    ...(tags === undefined ? {} : { tags: tagList(tags) }),
    ...(varTags === undefined ? {} : { varTags: tagList(varTags) }),
    scope: {
      hosts: hosts ?? [],
      aliases: aliases ?? [],
      path: path ?? '/',
      ...(cookieOnly === undefined ? {} : { isExcluded: (at: string) => at.startsWith(cookieOnly) }),
    },
  };
}

/** Offsets at which to cut, from a seed: mulberry32. */
function randomCuts(length: number, seed: number): number[] {
  const cuts: number[] = [];
  let state = seed;
  for (let at = 0; at < length; ) {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    at += 1 + (((mixed ^ (mixed >>> 14)) >>> 0) % 97);
    if (at < length) cuts.push(at);
  }
  return cuts;
}

describe('golden pages', () => {
  for (const file of readdirSync(FOLDER).filter((name) => name.endsWith('.case'))) {
    const url = new URL(file, FOLDER);
    const text = readFileSync(url, 'latin1');
    const [, why = '', policy = '', input = '', output = ''] = PARTS.exec(text) ?? [];
    describe(`${file}: ${why}`, () => {
      if (isUpdating) {
        const { html } = markPage(input, optionsOf(JSON.parse(policy) as Policy));
        writeFileSync(url, `#why\n${why}\n#policy\n${policy}\n#input\n${input}\n#output\n${html}\n`, 'latin1');
        it('is written anew');
        return;
      }
      const mark = (cuts: readonly number[]) =>
        markPage(input, { ...optionsOf(JSON.parse(policy) as Policy), cuts }).html;
      it('has its four parts', () => expect(text).to.match(PARTS));
      it('whole', () => expect(mark([])).to.equal(output));
      it('byte by byte', () =>
        expect(mark(Array.from({ length: input.length - 1 }, (_, i) => i + 1))).to.equal(output));
      it('in random chunks', () => {
        for (let seed = 1; seed <= 20; seed++)
          expect(mark(randomCuts(input.length, seed)), `seed ${seed}`).to.equal(output);
      });
    });
  }
});
