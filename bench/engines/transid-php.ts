/** Our PHP rewriter in the rewriter's bench: as the proxy runs it, and without its veto, which is all that PHP itself does. */
import { createPhpRewriter, type PhpRewriterOptions } from '../../src/response/php-rewriter.ts';
import { Scope } from '../../src/sid/scope.ts';

const scope = new Scope({ origin: 'http://shop.example' });
const OPTIONS: Omit<PhpRewriterOptions, 'veto'> = {
  session: { name: 'PHPSESSID', value: 'a1b2c3d4e5f6g7h8i9j0k1l2m3' },
  variables: [],
  transSidTags: new Map([
    ['a', ['href']],
    ['area', ['href']],
    ['frame', ['src']],
    ['iframe', ['src']],
    ['form', ['']],
  ]),
  urlRewriterTags: new Map(),
  transSidHosts: new Set(),
  urlRewriterHosts: new Set(),
  phpVersion: '8.2',
  argSeparator: '&',
  httpHost: 'shop.example',
};
const VETO = { documentUrl: 'http://shop.example/forum/viewtopic.php', session: scope, variables: scope };

function rewrite(chunks: readonly Buffer[], veto: PhpRewriterOptions['veto']): Buffer[] {
  const rewriter = createPhpRewriter({ ...OPTIONS, veto });
  const out = chunks.map((chunk) => rewriter.write(chunk));
  out.push(rewriter.end());
  return out;
}

export function rewriteWithVeto(chunks: readonly Buffer[]): Buffer[] {
  return rewrite(chunks, VETO);
}

export function rewriteExactly(chunks: readonly Buffer[]): Buffer[] {
  return rewrite(chunks, null);
}
