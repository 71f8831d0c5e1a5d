/** Our scanner and rewriter with the product's own marker: URLs are decoded, resolved and judged as in a response. */
import { Rewriter } from '../../src/html/rewriter.ts';
import { createHtmlScanner } from '../../src/html/scan-html.ts';
import { parseTagList } from '../../src/policy/tag-list.ts';
import { createHtmlMarker } from '../../src/response/marker.ts';
import { Scope } from '../../src/sid/scope.ts';
import { Sid } from '../../src/sid/sid.ts';
import { PooledOutput } from './transid.ts';

const ORIGIN = 'http://shop.example';
const sid = Sid.parse('a1b2c3d4e5f6g7h8i9j0k1l2m3');
if (sid === null) throw new Error('the bench needs a well-formed SID');
const SESSION = {
  sid,
  name: 'PHPSESSID',
  carrier: 'query',
  scope: new Scope({ origin: ORIGIN }),
  tags: parseTagList('a=href,area=href,frame=src,iframe=src,form='),
  forms: 'auto',
} as const;

const output = new PooledOutput();
const WATCHED = SESSION.name.charCodeAt(0);

export function rewrite(chunks: readonly Buffer[]): Buffer[] {
  const marker = createHtmlMarker({ documentUrl: `${ORIGIN}/a/page.php`, session: SESSION, vars: null });
  const rewriter = new Rewriter({
    createScanner: (sink) => createHtmlScanner(marker.interest, sink, { watchedParameter: WATCHED }),
    marker,
    source: output.pool,
  });
  return output.of(rewriter, chunks);
}
