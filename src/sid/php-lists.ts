/**
 * PHP's lists of tags and hosts, read as PHP reads them: nothing is trimmed, there are no wildcards [PHP 5.1, 5.2, 6.1].
 *
 * For settings taken over from PHP to the byte; the configuration's own lists are read more kindly (`policy`).
 */
import { lowerAscii } from './php-url.ts';

/** `session.trans_sid_tags` or `url_rewriter.tags`: tag → its one attribute. The first item of a tag wins [PHP 5.3]. */
export function parsePhpTagList(text: string): Map<string, [attribute: string]> {
  const tags = new Map<string, [string]>();
  for (const item of text.split(',')) {
    const equals = item.indexOf('=');
    if (equals < 0) continue;
    const tag = lowerAscii(item.slice(0, equals));
    if (!tags.has(tag)) tags.set(tag, [item.slice(equals + 1)]);
  }
  return tags;
}

/** `session.trans_sid_hosts` or `url_rewriter.hosts`: lower-case hosts. */
export function parsePhpHostList(text: string): Set<string> {
  return new Set(
    lowerAscii(text)
      .split(',')
      .filter((host) => host !== ''),
  );
}

/** PHP's default of `session.trans_sid_tags` since 7.1 [PHP 5.7]. */
export const PHP_TRANS_SID_TAGS = 'a=href,area=href,frame=src,form=';
/** PHP's default of `url_rewriter.tags` since 7.1. */
export const PHP_URL_REWRITER_TAGS = 'form=';
