/** Cloudflare's rewriter compiled to WebAssembly, in the two builds that npm has. UTF-8 only. */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { HIDDEN, markText } from '../marking-job.ts';

// From bench/engines, whose packages are its own, wherever this file was compiled to.
const require = createRequire(join(process.cwd(), 'bench/engines/'));

interface FoundElement {
  getAttribute(name: string): string | null;
  setAttribute(name: string, value: string): void;
  prepend(html: string, options: { html: boolean }): void;
}
interface Build {
  on(selector: string, handlers: { element(element: FoundElement): void }): void;
  write(chunk: Uint8Array): unknown;
  end(): unknown;
  free?(): void;
}

function mark(attribute: string): { element(element: FoundElement): void } {
  return {
    element(element) {
      const marked = markText(element.getAttribute(attribute) ?? '');
      if (marked !== null) element.setAttribute(attribute, marked);
    },
  };
}

function prepare(build: Build): Build {
  build.on('a[href],area[href]', mark('href'));
  build.on('frame[src],iframe[src]', mark('src'));
  build.on('form', { element: (form) => form.prepend(HIDDEN, { html: true }) });
  return build;
}

export function createLolHtml(): (chunks: readonly Buffer[]) => Buffer[] {
  const { HTMLRewriter } = require('lol-html') as {
    HTMLRewriter: new (charset: string, sink: (chunk: Uint8Array) => void) => Build;
  };
  return (chunks) => {
    const out: Buffer[] = [];
    const rewriter = prepare(new HTMLRewriter('utf-8', (chunk) => out.push(Buffer.from(chunk))));
    for (const chunk of chunks) rewriter.write(chunk);
    rewriter.end();
    return out;
  };
}

export function createHtmlRewriterWasm(): (chunks: readonly Buffer[]) => Promise<Buffer[]> {
  const { HTMLRewriter } = require('html-rewriter-wasm') as {
    HTMLRewriter: new (sink: (chunk: Uint8Array) => void) => Build;
  };
  return async (chunks) => {
    const out: Buffer[] = [];
    const rewriter = prepare(new HTMLRewriter((chunk) => out.push(Buffer.from(chunk))));
    try {
      for (const chunk of chunks) await rewriter.write(chunk);
      await rewriter.end();
    } finally {
      rewriter.free?.();
    }
    return out;
  };
}
