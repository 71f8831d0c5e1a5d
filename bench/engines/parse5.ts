/** parse5 three ways: whole tree, SAX with splices, and its rewriting stream. All need text, so UTF-8 only. */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type DefaultTreeAdapterTypes, parse, parseFragment, serialize } from 'parse5';
import { HIDDEN, markText, URL_ATTRIBUTES } from '../marking-job.ts';

type Node = DefaultTreeAdapterTypes.Node;
type Element = DefaultTreeAdapterTypes.Element;

function text(chunks: readonly Buffer[]): string {
  return Buffer.concat(chunks).toString('utf8');
}

function markElement(element: Element): void {
  const wanted = URL_ATTRIBUTES[element.tagName];
  if (wanted !== undefined) {
    const attribute = element.attrs.find(({ name, prefix }) => name === wanted && !prefix);
    const marked = attribute === undefined ? null : markText(attribute.value);
    if (attribute !== undefined && marked !== null) attribute.value = marked;
  } else if (element.tagName === 'form') {
    const field = parseFragment(HIDDEN).childNodes[0] as Element;
    field.parentNode = element;
    element.childNodes.unshift(field);
  }
}

export function rewriteTree(chunks: readonly Buffer[]): Buffer[] {
  const document = parse(text(chunks));
  const stack: Node[] = [document];
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    if ('tagName' in node) markElement(node);
    const parent = 'content' in node ? node.content : node;
    if ('childNodes' in parent) stack.push(...parent.childNodes);
  }
  return [Buffer.from(serialize(document), 'utf8')];
}

interface SaxTag {
  tagName: string;
  attrs: { name: string; value: string }[];
  sourceCodeLocation: { endOffset: number; attrs?: Record<string, { startOffset: number; endOffset: number }> };
}

/** What of parse5's streams is used here. Their packages are not among the project's own, so their types are not there. */
interface TagStream {
  on(event: 'startTag', listener: (tag: SaxTag) => void): void;
  on(event: 'data', listener: (piece: string | Buffer) => void): void;
  on(event: 'end', listener: () => void): void;
  on(event: 'error', listener: (error: Error) => void): void;
  write(text: string): void;
  end(text?: string): void;
  emitStartTag(tag: SaxTag): void;
  emitRaw(html: string): void;
}

async function load<T>(packageName: string): Promise<T> {
  // From bench/engines, whose packages are its own, wherever this file was compiled to.
  const { resolve } = createRequire(join(process.cwd(), 'bench/engines/'));
  return (await import(pathToFileURL(resolve(packageName)).href)) as T;
}

export async function createSax(): Promise<(chunks: readonly Buffer[]) => Promise<Buffer[]>> {
  type Package = { SAXParser: new (options: { sourceCodeLocationInfo: boolean }) => TagStream };
  const { SAXParser } = await load<Package>('parse5-sax-parser');
  return (chunks) =>
    new Promise((resolve, reject) => {
      const page = text(chunks);
      const parser = new SAXParser({ sourceCodeLocationInfo: true });
      let out = '';
      let last = 0;
      parser.on('startTag', (tag) => {
        const wanted = URL_ATTRIBUTES[tag.tagName];
        if (wanted !== undefined) {
          const place = tag.sourceCodeLocation.attrs?.[wanted];
          if (place === undefined) return;
          const raw = page.slice(place.startOffset, place.endOffset);
          const value = /^[^=]*=\s*(?:"([^"]*)"|'([^']*)'|(.*))$/s.exec(raw);
          const found = value?.[1] ?? value?.[2] ?? value?.[3] ?? '';
          const marked = markText(found);
          if (marked === null) return;
          const isQuoted = value?.[3] === undefined;
          const end = place.endOffset - (isQuoted ? 1 : 0);
          out += page.slice(last, end - found.length) + marked;
          last = end;
        } else if (tag.tagName === 'form') {
          out += page.slice(last, tag.sourceCodeLocation.endOffset) + HIDDEN;
          last = tag.sourceCodeLocation.endOffset;
        }
      });
      parser.on('data', () => {});
      parser.on('end', () => resolve([Buffer.from(out + page.slice(last), 'utf8')]));
      parser.on('error', reject);
      parser.end(page);
    });
}

export async function createRewritingStream(): Promise<(chunks: readonly Buffer[]) => Promise<Buffer[]>> {
  const { RewritingStream } = await load<{ RewritingStream: new () => TagStream }>('parse5-html-rewriting-stream');
  return (chunks) =>
    new Promise((resolve, reject) => {
      const stream = new RewritingStream();
      const out: Buffer[] = [];
      stream.on('startTag', (tag) => {
        const wanted = URL_ATTRIBUTES[tag.tagName];
        const attribute = tag.attrs.find(({ name }) => name === wanted);
        const marked = attribute === undefined ? null : markText(attribute.value);
        if (attribute !== undefined && marked !== null) attribute.value = marked;
        stream.emitStartTag(tag);
        if (tag.tagName === 'form') stream.emitRaw(HIDDEN);
      });
      stream.on('data', (piece) => out.push(Buffer.from(piece as string, 'utf8')));
      stream.on('end', () => resolve(out));
      stream.on('error', reject);
      for (const chunk of chunks) stream.write(chunk.toString('utf8'));
      stream.end();
    });
}
