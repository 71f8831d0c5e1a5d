/**
 * The default rewriter against PHP's answers: where rules marked "keep" decide, it writes PHP's bytes.
 *
 * Each case where it means to differ is listed in `html-against-php.json` under the rule that explains it (the numbers are
 * those of the specification of PHP's behaviour). A case that is listed and does not differ fails too.
 */
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import type { TagList } from '../../src/html/places.ts';
import { type MarkPageOptions, markPage } from '../support/mark-page.ts';
import { byteString, bytesOf, readVectors, type ScannerCase } from '../support/php-vectors.ts';

const FILES = [
  ...[
    'url-relative',
    'url-absolute',
    'url-absolute-hosts',
    'url-entities',
    'url-whitespace',
    'var-encoding',
    'var-many',
  ],
  ...['arg-separator', 'attr', 'form', 'tag-open'],
];

interface Divergences {
  readonly [rule: string]: { readonly why: string; readonly cases: readonly string[] };
}

// The file is ours; a wrong form of it fails below.
const divergences = JSON.parse(readFileSync(new URL('html-against-php.json', import.meta.url), 'utf8')) as Divergences;
const listed = new Map(
  Object.entries(divergences).flatMap(([rule, { cases }]) => cases.map((id) => [id, rule] as const)),
);

function tagList(text: string): TagList {
  const tags = new Map<string, string[]>();
  for (const item of text.split(',')) {
    const [element = '', attribute] = item.split('=');
    if (attribute !== undefined) tags.set(element, [...(tags.get(element) ?? []), attribute]);
  }
  return tags;
}

function optionsOf({ scanner, vars, ini }: ScannerCase): MarkPageOptions {
  const text = (name: string, standard: string) => {
    const value = ini[name];
    return value === undefined ? standard : bytesOf(value).toString();
  };
  const list = (name: string) => text(name, '').split(',').filter(Boolean);
  // PHP puts a field into each form.
  const common: MarkPageOptions = { forms: 'field', argSeparator: text('arg_separator.output', '&') };
  const pairs = vars.map(([name, value]) => [bytesOf(name).toString(), bytesOf(value).toString()] as const);
  const [first] = pairs;
  if (scanner === 'session' && first !== undefined) {
    const tags = tagList(text('session.trans_sid_tags', 'a=href,area=href,frame=src,form='));
    return { ...common, name: first[0], sid: first[1], tags, scope: { hosts: list('session.trans_sid_hosts') } };
  }
  const varTags = tagList(text('url_rewriter.tags', 'form='));
  return { ...common, isAnonymous: true, vars: pairs, varTags, varHosts: list('session.trans_sid_hosts') };
}

describe('the html rewriter against PHP', () => {
  const seen = new Set<string>();
  for (const file of FILES) {
    it(file, () => {
      const problems: string[] = [];
      for (const test of readVectors<ScannerCase>(`scanner-${file}.json`)) {
        seen.add(test.id);
        const ours = markPage(byteString(test.input), optionsOf(test)).html;
        const differs = ours !== byteString(test.output);
        if (differs === listed.has(test.id)) continue;
        problems.push(`${test.id} ${differs ? 'differs' : 'does not differ any more'}: ${JSON.stringify(ours)}`);
      }
      expect(problems).to.deep.equal([]);
    });
  }

  it('lists no case that is not there, and none twice', () => {
    expect([...listed.keys()].filter((id) => !seen.has(id))).to.deep.equal([]);
    expect(Object.values(divergences).flatMap(({ cases }) => cases)).to.have.length(listed.size);
  });
});
