/**
 * PHP's tag lists, `a=href,area=href,form=` [PHP 5], with one addition: a tag may come more than once, to have several
 * attributes. An empty attribute stands for the hidden field of forms. Names are compared without case.
 */
import type { TagList } from './route-policy.ts';

/**
 * Parse a list whose syntax the configuration schema has checked. Blanks around names and empty entries do not matter; the
 * same pair twice counts once.
 */
export function parseTagList(text: string): TagList {
  const tags = new Map<string, string[]>();
  for (const entry of text.split(',')) {
    const [tag = '', attribute = ''] = entry.split('=', 2).map((part) => part.trim().toLowerCase());
    if (tag === '') continue;
    const attributes = tags.get(tag);
    if (attributes === undefined) tags.set(tag, [attribute]);
    else if (!attributes.includes(attribute)) attributes.push(attribute);
  }
  return tags;
}
